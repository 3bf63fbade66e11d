/* float16 and bfloat16 to float32 and back: template over NHWC_ISA, for f32 only.

   Contract: nhwc_convert of kernels.h. Widening is exact, narrowing rounds to nearest, ties to even, with subnormals;
   beyond the largest float16 lies infinity, and NaN stays NaN, made quiet. An element's bits do not depend on its
   position. Where the instruction set converts float16 itself, a header in simd/ defines VF32_F16 with

     load_f16(p)  store_f16(p, v)    VL_f32 elements of float16 as a vf32, and back, rounded

   Elsewhere integer arithmetic does, without branches, which compilers make vectors of. Bits of floats go through
   memory that may alias, a uint32_t each. */

typedef uint32_t __attribute__((may_alias)) LOCAL(bits);

static void KERNEL(widen_bf16)(void *to_, const void *from_, int64_t n) {
    LOCAL(bits) *restrict to = to_;
    const uint16_t *restrict from = from_;
    for (int64_t i = 0; i < n; i++) {
        to[i] = (uint32_t)from[i] << 16;
    }
}

static void KERNEL(narrow_bf16)(void *to_, const void *from_, int64_t n) {
    uint16_t *restrict to = to_;
    const LOCAL(bits) *restrict from = from_;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t bits = from[i], quiet = bits >> 16 | 0x40;
        const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
        to[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
    }
}

#ifdef VF32_F16
static void KERNEL(widen_f16)(void *to_, const void *from_, int64_t n) {
    float *to = to_;
    const uint16_t *from = from_;
    int64_t i = 0;
    for (; i + VL <= n; i += VL) {
        V(store)(to + i, V(load_f16)(from + i));
    }
    if (i < n) {
        uint16_t rest[VL] = {0};
        memcpy(rest, from + i, (size_t)(n - i) * sizeof *from);
        V(store_n)(to + i, V(load_f16)(rest), n - i);
    }
}

static void KERNEL(narrow_f16)(void *to_, const void *from_, int64_t n) {
    uint16_t *to = to_;
    const float *from = from_;
    int64_t i = 0;
    for (; i + VL <= n; i += VL) {
        V(store_f16)(to + i, V(load)(from + i));
    }
    if (i < n) {
        uint16_t rest[VL];
        V(store_f16)(rest, V(load_n)(from + i, n - i));
        memcpy(to + i, rest, (size_t)(n - i) * sizeof *to);
    }
}
#else
/* A choice without a branch, into which compilers would move the arithmetic of one side, and not make vectors of it. */
static inline uint32_t LOCAL(select)(bool condition, uint32_t yes, uint32_t no) {
    const uint32_t mask = 0 - (uint32_t)condition;
    return (yes & mask) | (no & ~mask);
}

/* The magnitude's bits, moved up, are the float's but for the bias of the exponent. A subnormal gets an exponent, whose
   value is then taken off: a float32 subtraction puts its bits in place. */
static void KERNEL(widen_f16)(void *to_, const void *from_, int64_t n) {
    LOCAL(bits) *restrict to = to_;
    const uint16_t *restrict from = from_;
    const uint32_t least = 113u << 23; /* 2^-14 */
    float offset;
    memcpy(&offset, &least, sizeof offset);
    for (int64_t i = 0; i < n; i++) {
        const uint32_t sign = (uint32_t)(from[i] & 0x8000) << 16, magnitude = (uint32_t)(from[i] & 0x7fff) << 13;
        const uint32_t normal = magnitude + (112u << 23), endless = magnitude + (224u << 23);
        const uint32_t quiet = magnitude > 31u << 23 ? 1u << 22 : 0, shifted = magnitude + least;
        float value;
        memcpy(&value, &shifted, sizeof value);
        value -= offset;
        uint32_t small;
        memcpy(&small, &value, sizeof small);
        const uint32_t finite = LOCAL(select)(magnitude < 1u << 23, small, normal);
        to[i] = sign | LOCAL(select)(magnitude < 31u << 23, finite, endless | quiet);
    }
}

/* Adding 1/2 to a result below 2^-14 shifts its last bit to the place of a subnormal's, and rounds. */
static void KERNEL(narrow_f16)(void *to_, const void *from_, int64_t n) {
    uint16_t *restrict to = to_;
    const LOCAL(bits) *restrict from = from_;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t magnitude = from[i] & 0x7fffffff, sign = from[i] >> 16 & 0x8000;
        const uint32_t normal = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
        float value;
        memcpy(&value, &magnitude, sizeof value);
        value += 0.5f;
        uint32_t small;
        memcpy(&small, &value, sizeof small);
        const uint32_t finite = LOCAL(select)(magnitude < 113u << 23, small - (126u << 23), normal);
        const uint32_t nan = 0x7e00 | (magnitude >> 13 & 0x3ff);
        const uint32_t endless = LOCAL(select)(magnitude > 255u << 23, nan, 0x7c00);
        to[i] = (uint16_t)(sign | LOCAL(select)(magnitude < 143u << 23, finite, endless));
    }
}
#endif
