/* Whether numbers are finite, at the speed of reading them. */

/* Zero times a number is zero where it is finite, and NaN otherwise, which stays in the sum. */
static bool KERNEL(all_finite)(const void *numbers, int64_t n) {
    const ELEM *x = numbers;
    const VEC zero = V(zero)();
    VEC a = zero, b = zero;
    int64_t i = 0;
    for (; i + 2 * VL <= n; i += 2 * VL) {
        a = V(fma)(V(load)(x + i), zero, a);
        b = V(fma)(V(load)(x + i + VL), zero, b);
    }
    for (; i < n; i += VL) {
        a = V(fma)(V(load_n)(x + i, n - i < VL ? (int)(n - i) : VL), zero, a);
    }
    ELEM lanes[VL];
    V(store)(lanes, V(add)(a, b));
    for (int lane = 0; lane < VL; lane++) {
        if (lanes[lane] != 0) {
            return false;
        }
    }
    return true;
}
