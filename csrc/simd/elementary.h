/* Exponentials and relatives for the activations, named like the operations of the vector header included before.
   f32 is branch-free polynomials, nearly the same for all instruction sets, with coefficients fitted for the least
   greatest error and rounded to float; the errors stated are those of the fit. f64 asks libm for each lane.
   NaN stays NaN. */
#ifndef NHWC_SIMD_ELEMENTARY_H
#define NHWC_SIMD_ELEMENTARY_H

#include <math.h>

/* Splits e^x = 2^n * e^r with |r| <= ln(2) / 2: puts 2^n in *scale and returns e^r - 1. For -88.3 < x < 89.
   Adding 1.5 * 2^23 leaves no bits for a fraction, so it rounds. One constant for ln(2) is enough: its error times n
   stays below 2.5e-7, and where the subtraction rounds as well, n is large only where an activation is flat.
   The polynomial is off by at most 9.2e-8 of e^r. */
static inline vf32 vf32_exp_split(vf32 x, vf32 *scale) {
    vf32 rounder = vf32_set1(0x1.8p23f);
    vf32 n = vf32_sub(vf32_fma(x, vf32_set1(1.44269504f), rounder), rounder);
    vf32 r = vf32_fma(n, vf32_set1(-0.693147181f), x);
    vf32 q = vf32_set1(0x1.0fa1fep-7f);
    q = vf32_fma(q, r, vf32_set1(0x1.573a24p-5f));
    q = vf32_fma(q, r, vf32_set1(0x1.555a7cp-3f));
    q = vf32_fma(q, r, vf32_set1(0x1.fffdc6p-2f));
    q = vf32_fma(q, r, vf32_set1(0x1.fffff6p-1f));
    *scale = vf32_pow2(n);
    return vf32_mul(q, r);
}

#ifdef VF32_HAS_SCALE
/* e^x = 2^t, where 2^(t - floor(t)) is a polynomial, exact at 0 and off by at most 8.3e-8 of it. Infinity from 88.8 up,
   0 where it is below all floats. What rounding t costs grows with |x|, while activations become flat. */
static inline vf32 vf32_exp(vf32 x) {
    const vf32 t = vf32_mul(x, vf32_set1(1.44269504f)), r = vf32_fraction(t);
    vf32 q = vf32_set1(0x1.e96cfp-10f);
    q = vf32_fma(q, r, vf32_set1(0x1.277b22p-7f));
    q = vf32_fma(q, r, vf32_set1(0x1.c91c38p-5f));
    q = vf32_fma(q, r, vf32_set1(0x1.ebdb68p-3f));
    q = vf32_fma(q, r, vf32_set1(0x1.62e4bap-1f));
    return vf32_scale(vf32_fma(q, r, vf32_set1(1.0f)), t);
}
#else
/* e^x; infinity from 88.4 up, 0 from -87.7 down. */
static inline vf32 vf32_exp(vf32 x) {
    vf32 scale;
    x = vf32_min(vf32_set1(88.8f), vf32_max(vf32_set1(-88.1f), x));
    vf32 p = vf32_exp_split(x, &scale);
    return vf32_mul(scale, vf32_add(p, vf32_set1(1.0f)));
}
#endif

/* e^x - 1 for |x| <= 87, near 0 as exact as elsewhere. */
static inline vf32 vf32_expm1(vf32 x) {
    vf32 scale;
    vf32 p = vf32_exp_split(x, &scale);
    return vf32_fma(scale, p, vf32_sub(scale, vf32_set1(1.0f)));
}

/* log(1 + x) for 0 <= x <= 1; off by at most 2.0e-7 of it. */
static inline vf32 vf32_log1p(vf32 x) {
    vf32 q = vf32_set1(-0.008556135f);
    q = vf32_fma(q, x, vf32_set1(0.044153217f));
    q = vf32_fma(q, x, vf32_set1(-0.10777728f));
    q = vf32_fma(q, x, vf32_set1(0.17752558f));
    q = vf32_fma(q, x, vf32_set1(-0.24498463f));
    q = vf32_fma(q, x, vf32_set1(0.3327611f));
    q = vf32_fma(q, x, vf32_set1(-0.49997464f));
    q = vf32_fma(q, x, vf32_set1(0.9999998f));
    return vf32_mul(q, x);
}

/* x times the normal distribution's upper tail at x, x * erfc(x / sqrt(2)) / 2, for 0 <= x <= 64.
   The polynomial is the tail to the power -1/16, a slowly growing function; its 16th power overflows where the tail
   is below all floats, and the quotient is 0. Off by at most 4.9e-8, and by 1.5e-4 of it down to 1e-7. */
static inline vf32 vf32_normal_tail(vf32 x) {
    vf32 p = vf32_set1(1.7511523e-07f);
    p = vf32_fma(p, x, vf32_set1(-1.37192e-06f));
    p = vf32_fma(p, x, vf32_set1(9.234708e-06f));
    p = vf32_fma(p, x, vf32_set1(4.7767582e-05f));
    p = vf32_fma(p, x, vf32_set1(3.9499646e-05f));
    p = vf32_fma(p, x, vf32_set1(0.0034234195f));
    p = vf32_fma(p, x, vf32_set1(0.022078007f));
    p = vf32_fma(p, x, vf32_set1(0.052074473f));
    p = vf32_fma(p, x, vf32_set1(1.0442739f));
    p = vf32_mul(p, p);
    p = vf32_mul(p, p);
    p = vf32_mul(p, p);
    p = vf32_mul(p, p);
    return vf32_div(x, p);
}

static inline vf64 vf64_map(double (*f)(double), vf64 x) {
    double lanes[VL_f64];
    vf64_store(lanes, x);
    for (int i = 0; i < VL_f64; i++) {
        lanes[i] = f(lanes[i]);
    }
    return vf64_load(lanes);
}

static inline vf64 vf64_exp(vf64 x) { return vf64_map(exp, x); }
static inline vf64 vf64_expm1(vf64 x) { return vf64_map(expm1, x); }
static inline vf64 vf64_log1p(vf64 x) { return vf64_map(log1p, x); }
static inline vf64 vf64_normal_tail(vf64 x) {
    vf64 tail = vf64_map(erfc, vf64_mul(x, vf64_set1(0.70710678118654752)));
    return vf64_mul(x, vf64_mul(tail, vf64_set1(0.5)));
}

#endif
