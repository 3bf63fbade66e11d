/* Multiply-adds on registers alone, to measure what this instruction set could reach at most. */

/* Twelve independent chains hide the latency of a fused multiply-add on every processor so far. */
#define CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

static double LOCAL(fma_work)(int64_t rounds, double *flops) {
    const VEC factor = V(set1)((ELEM)0.999), term = V(set1)((ELEM)0.001);
#define DECLARE_CHAIN(i) VEC c##i = V(set1)((ELEM)i);
    CHAINS(DECLARE_CHAIN)
    for (int64_t r = 0; r < rounds; r++) {
#define STEP(i) c##i = V(fma)(c##i, factor, term);
        CHAINS(STEP)
    }
    ELEM lanes[VL];
    VEC sum = V(zero)();
#define COLLECT(i) sum = V(add)(sum, c##i);
    CHAINS(COLLECT)
    V(store)(lanes, sum);
    *flops = 2.0 * 12 * VL * (double)rounds;
    return (double)lanes[0];
}

#undef DECLARE_CHAIN
#undef STEP
#undef COLLECT
#undef CHAINS
