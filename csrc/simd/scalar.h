/* The vector names for any processor, one lane each; also the definition of what every header in this folder offers.

   A header gives, for each dtype token t (f32, f64; i64 here, and in int_<isa>.h as far as tiles need), the types
   elem_t and vt, the lane count VL_t and

     zero()  set1(x)                  all lanes 0, or x
     load(p)  store(p, v)             VL elements, aligned as elements only
     load_n(p, n)  store_n(p, v, n)   the first n elements, 0 <= n <= VL: memory beyond them is not touched, lanes
                                      beyond them load as 0
     keep(v)                          v, in a register from here on: compilers repeat a load for each use instead
     widen(p)  narrow(p, v)           VL_f64 elements as a vf64, and back, rounded (f32 and f64)
     add sub mul div                  one rounding each
     inverse(a)                       1 / a for a from 1 up, nearly rounded; 0 for infinity
     fma(a, b, c)                     a * b + c: one rounding with AVX2, AVX-512 and NEON, elsewhere two
     max(a, b)  min(a, b)             b where either is NaN, and where the two are equal
     abs  neg  copysign(mag, sgn)     on the sign bit, that of NaN and zeros too
     round(a)                         to the nearest integer, ties to even, the sign of a kept
     select_lt(a, b, x, y)            a < b ? x : y, so y where either is NaN
     select_nan(a, x, y)              isnan(a) ? x : y
     zip_lo(a, b)  zip_hi(a, b)       the lower, the upper half of a0 b0 a1 b1 ...; with one lane, a and b
     unzip_lo(a, b)  unzip_hi(a, b)   the even, the odd ones of a0 a1 ... b0 b1 ...; with one lane, a and b
     load3(p, v)  store3(p, v)        3 VL elements, of which v[i] holds every third from the i-th on
     all_lt(a, b)                     whether a < b in every lane, so not where either is NaN (f32 and f64)
     pow2(a)                          2^a for an integer a from -126 to 127 (f64: -1022 to 1023); the integer before
                                      these gives 0, the one after them infinity

   where VF32_HAS_SCALE says so, for f32

     fraction(a)                      a - floor(a), 0 for infinities
     scale(a, b)                      a * 2^floor(b)

   where STORE8_f32 says so, for f32

     store8(p, v)                     8 VL elements, of which v[i] holds every eighth from the i-th on

   and, where VL is 4 or more, for G = 2, 4, ... VL / 2, which takes a vector as G rows of VL / G lanes,

     broadcastG(p)                    p[0] ... p[G - 1] over and over
     interleaveG(v)                   lane i of row g to lane i * G + g; deinterleaveG(v) is the inverse
     load_part(p, i, n)  store_part(p, v, i, n)   n elements at p and lanes from i on, i + n <= VL, as load_n does

   each prefixed with the vector type: vf32_add. Only arch/<isa>.c includes one, with that instruction set's flags.
   fma is spelled out, never left to contraction, so that all tile sizes of an instruction set round alike. */
#ifndef NHWC_SIMD_SCALAR_H
#define NHWC_SIMD_SCALAR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VL_f32 1
#define VL_f64 1
#define VL_i64 1
typedef float elem_f32, vf32;
typedef double elem_f64, vf64;
typedef int64_t elem_i64, vi64;

static inline vf32 vf32_zero(void) { return 0.0f; }
static inline vf32 vf32_set1(float x) { return x; }
static inline vf32 vf32_load(const float *p) { return *p; }
static inline void vf32_store(float *p, vf32 v) { *p = v; }
static inline vf32 vf32_load_n(const float *p, int64_t n) { return n ? *p : 0.0f; }
static inline void vf32_store_n(float *p, vf32 v, int64_t n) {
    if (n) {
        *p = v;
    }
}
static inline vf32 vf32_keep(vf32 v) { return v; }
static inline double vf32_widen(const float *p) { return *p; }
static inline void vf32_narrow(float *p, double v) { *p = (float)v; }
static inline vf32 vf32_add(vf32 a, vf32 b) { return a + b; }
static inline vf32 vf32_sub(vf32 a, vf32 b) { return a - b; }
static inline vf32 vf32_mul(vf32 a, vf32 b) { return a * b; }
static inline vf32 vf32_div(vf32 a, vf32 b) { return a / b; }
static inline vf32 vf32_inverse(vf32 a) { return vf32_div(1.0f, a); }
static inline vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return a * b + c; }
static inline vf32 vf32_max(vf32 a, vf32 b) { return a > b ? a : b; }
static inline vf32 vf32_min(vf32 a, vf32 b) { return a < b ? a : b; }
static inline vf32 vf32_abs(vf32 a) { return __builtin_fabsf(a); }
static inline vf32 vf32_neg(vf32 a) { return -a; }
static inline vf32 vf32_copysign(vf32 mag, vf32 sgn) { return __builtin_copysignf(mag, sgn); }
static inline vf32 vf32_select_lt(vf32 a, vf32 b, vf32 x, vf32 y) { return a < b ? x : y; }
static inline bool vf32_all_lt(vf32 a, vf32 b) { return a < b; }
static inline vf32 vf32_select_nan(vf32 a, vf32 x, vf32 y) { return a != a ? x : y; }

/* Adding 2^23 leaves no bits for a fraction; values from there on are integers already. */
static inline vf32 vf32_round(vf32 a) {
    vf32 r = vf32_abs(a) + 0x1p23f - 0x1p23f;
    return vf32_abs(a) < 0x1p23f ? vf32_copysign(r, a) : a;
}

/* a + 2^23 + bias holds the biased exponent in its low bits; the shift puts it in place and drops the rest. */
static inline vf32 vf32_pow2(vf32 a) {
    vf32 biased = a + (0x1p23f + 127.0f);
    uint32_t bits;
    memcpy(&bits, &biased, sizeof bits);
    bits <<= 23;
    memcpy(&biased, &bits, sizeof bits);
    return biased;
}

static inline vf32 vf32_zip_lo(vf32 a, vf32 b) { return (void)b, a; }
static inline vf32 vf32_zip_hi(vf32 a, vf32 b) { return (void)a, b; }
static inline vf32 vf32_unzip_lo(vf32 a, vf32 b) { return (void)b, a; }
static inline vf32 vf32_unzip_hi(vf32 a, vf32 b) { return (void)a, b; }
static inline void vf32_load3(const float *p, vf32 v[3]) { memcpy(v, p, 3 * sizeof *p); }
static inline void vf32_store3(float *p, const vf32 v[3]) { memcpy(p, v, 3 * sizeof *p); }

static inline vf64 vf64_zero(void) { return 0.0; }
static inline vf64 vf64_set1(double x) { return x; }
static inline vf64 vf64_load(const double *p) { return *p; }
static inline void vf64_store(double *p, vf64 v) { *p = v; }
static inline vf64 vf64_load_n(const double *p, int64_t n) { return n ? *p : 0.0; }
static inline void vf64_store_n(double *p, vf64 v, int64_t n) {
    if (n) {
        *p = v;
    }
}
static inline vf64 vf64_keep(vf64 v) { return v; }
static inline vf64 vf64_widen(const double *p) { return *p; }
static inline void vf64_narrow(double *p, vf64 v) { *p = v; }
static inline vf64 vf64_add(vf64 a, vf64 b) { return a + b; }
static inline vf64 vf64_sub(vf64 a, vf64 b) { return a - b; }
static inline vf64 vf64_mul(vf64 a, vf64 b) { return a * b; }
static inline vf64 vf64_div(vf64 a, vf64 b) { return a / b; }
static inline vf64 vf64_inverse(vf64 a) { return vf64_div(1.0, a); }
static inline vf64 vf64_fma(vf64 a, vf64 b, vf64 c) { return a * b + c; }
static inline vf64 vf64_max(vf64 a, vf64 b) { return a > b ? a : b; }
static inline vf64 vf64_min(vf64 a, vf64 b) { return a < b ? a : b; }
static inline vf64 vf64_abs(vf64 a) { return __builtin_fabs(a); }
static inline vf64 vf64_neg(vf64 a) { return -a; }
static inline vf64 vf64_copysign(vf64 mag, vf64 sgn) { return __builtin_copysign(mag, sgn); }
static inline vf64 vf64_select_lt(vf64 a, vf64 b, vf64 x, vf64 y) { return a < b ? x : y; }
static inline bool vf64_all_lt(vf64 a, vf64 b) { return a < b; }
static inline vf64 vf64_select_nan(vf64 a, vf64 x, vf64 y) { return a != a ? x : y; }

static inline vf64 vf64_round(vf64 a) {
    vf64 r = vf64_abs(a) + 0x1p52 - 0x1p52;
    return vf64_abs(a) < 0x1p52 ? vf64_copysign(r, a) : a;
}

static inline vf64 vf64_pow2(vf64 a) {
    vf64 biased = a + (0x1p52 + 1023.0);
    uint64_t bits;
    memcpy(&bits, &biased, sizeof bits);
    bits <<= 52;
    memcpy(&biased, &bits, sizeof bits);
    return biased;
}

static inline vf64 vf64_zip_lo(vf64 a, vf64 b) { return (void)b, a; }
static inline vf64 vf64_zip_hi(vf64 a, vf64 b) { return (void)a, b; }
static inline vf64 vf64_unzip_lo(vf64 a, vf64 b) { return (void)b, a; }
static inline vf64 vf64_unzip_hi(vf64 a, vf64 b) { return (void)a, b; }
static inline void vf64_load3(const double *p, vf64 v[3]) { memcpy(v, p, 3 * sizeof *p); }
static inline void vf64_store3(double *p, const vf64 v[3]) { memcpy(p, v, 3 * sizeof *p); }

/* 64-bit integers wrap as in NumPy; they are computed unsigned because signed overflow is undefined. */
static inline vi64 vi64_zero(void) { return 0; }
static inline vi64 vi64_set1(int64_t x) { return x; }
static inline vi64 vi64_load(const int64_t *p) { return *p; }
static inline void vi64_store(int64_t *p, vi64 v) { *p = v; }
static inline vi64 vi64_load_n(const int64_t *p, int64_t n) { return n ? *p : 0; }
static inline void vi64_store_n(int64_t *p, vi64 v, int64_t n) {
    if (n) {
        *p = v;
    }
}
static inline vi64 vi64_add(vi64 a, vi64 b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static inline vi64 vi64_mul(vi64 a, vi64 b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
static inline vi64 vi64_fma(vi64 a, vi64 b, vi64 c) { return vi64_add(vi64_mul(a, b), c); }
static inline vi64 vi64_max(vi64 a, vi64 b) { return a > b ? a : b; }
static inline vi64 vi64_min(vi64 a, vi64 b) { return a < b ? a : b; }
static inline vi64 vi64_select_lt(vi64 a, vi64 b, vi64 x, vi64 y) { return a < b ? x : y; }

#endif
