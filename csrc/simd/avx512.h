/* The vector names of scalar.h for AVX-512 (F, BW, DQ, VL), 512 bits. */
#ifndef NHWC_SIMD_AVX512_H
#define NHWC_SIMD_AVX512_H

#include <immintrin.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VL_f32 16
#define VL_f64 8
typedef float elem_f32;
typedef double elem_f64;
typedef __m512 vf32;
typedef __m512d vf64;

static inline __mmask16 vf32_lanes(int64_t n) { return (__mmask16)((1u << n) - 1); }

static inline vf32 vf32_zero(void) { return _mm512_setzero_ps(); }
static inline vf32 vf32_set1(float x) { return _mm512_set1_ps(x); }
static inline vf32 vf32_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vf32_store(float *p, vf32 v) { _mm512_storeu_ps(p, v); }
static inline vf32 vf32_load_n(const float *p, int64_t n) { return _mm512_maskz_loadu_ps(vf32_lanes(n), p); }
static inline void vf32_store_n(float *p, vf32 v, int64_t n) { _mm512_mask_storeu_ps(p, vf32_lanes(n), v); }
static inline vf32 vf32_keep(vf32 v) {
    __asm__("" : "+v"(v));
    return v;
}
static inline vf64 vf32_widen(const float *p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }
static inline void vf32_narrow(float *p, vf64 v) { _mm256_storeu_ps(p, _mm512_cvtpd_ps(v)); }
static inline vf32 vf32_load_part(const float *p, int i, int n) {
    return _mm512_maskz_loadu_ps((__mmask16)(vf32_lanes(n) << i), p - i);
}
static inline void vf32_store_part(float *p, vf32 v, int i, int n) {
    _mm512_mask_storeu_ps(p - i, (__mmask16)(vf32_lanes(n) << i), v);
}
static inline vf32 vf32_broadcast2(const float *p) {
    double pair;
    memcpy(&pair, p, sizeof pair);
    return _mm512_castpd_ps(_mm512_set1_pd(pair));
}
static inline vf32 vf32_broadcast4(const float *p) { return _mm512_broadcast_f32x4(_mm_loadu_ps(p)); }
static inline vf32 vf32_broadcast8(const float *p) { return _mm512_broadcast_f32x8(_mm256_loadu_ps(p)); }
static inline vf32 vf32_interleave2(vf32 v) {
    return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15), v);
}
static inline vf32 vf32_interleave4(vf32 v) {
    return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), v);
}
static inline vf32 vf32_interleave8(vf32 v) {
    return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15), v);
}
static inline vf32 vf32_deinterleave2(vf32 v) { return vf32_interleave8(v); }
static inline vf32 vf32_deinterleave4(vf32 v) { return vf32_interleave4(v); }
static inline vf32 vf32_deinterleave8(vf32 v) { return vf32_interleave2(v); }
static inline vf32 vf32_add(vf32 a, vf32 b) { return _mm512_add_ps(a, b); }
static inline vf32 vf32_sub(vf32 a, vf32 b) { return _mm512_sub_ps(a, b); }
static inline vf32 vf32_mul(vf32 a, vf32 b) { return _mm512_mul_ps(a, b); }
static inline vf32 vf32_div(vf32 a, vf32 b) { return _mm512_div_ps(a, b); }
/* An estimate to 14 bits and one step of Newton's, in a third of a division's time. */
static inline vf32 vf32_inverse(vf32 a) {
    const vf32 r = _mm512_rcp14_ps(a), one = _mm512_set1_ps(1.0f);
    const __mmask16 finite = _mm512_cmp_ps_mask(a, _mm512_set1_ps(INFINITY), _CMP_NEQ_UQ);
    return _mm512_maskz_fmadd_ps(finite, _mm512_fnmadd_ps(a, r, one), r, r);
}
#define VF32_HAS_SCALE 1
static inline vf32 vf32_fraction(vf32 a) { return _mm512_reduce_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
static inline vf32 vf32_scale(vf32 a, vf32 b) { return _mm512_scalef_ps(a, b); }
static inline vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return _mm512_fmadd_ps(a, b, c); }
static inline vf32 vf32_max(vf32 a, vf32 b) { return _mm512_max_ps(a, b); }
static inline vf32 vf32_min(vf32 a, vf32 b) { return _mm512_min_ps(a, b); }
static inline vf32 vf32_abs(vf32 a) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a); }
static inline vf32 vf32_neg(vf32 a) { return _mm512_xor_ps(_mm512_set1_ps(-0.0f), a); }
static inline vf32 vf32_copysign(vf32 mag, vf32 sgn) {
    vf32 sign = _mm512_set1_ps(-0.0f);
    return _mm512_or_ps(_mm512_andnot_ps(sign, mag), _mm512_and_ps(sign, sgn));
}
static inline vf32 vf32_round(vf32 a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf32 vf32_select_lt(vf32 a, vf32 b, vf32 x, vf32 y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
static inline bool vf32_all_lt(vf32 a, vf32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ) == 0xffff; }
static inline vf32 vf32_select_nan(vf32 a, vf32 x, vf32 y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), y, x);
}
static inline vf32 vf32_pow2(vf32 a) {
    __m512i biased = _mm512_castps_si512(_mm512_add_ps(a, _mm512_set1_ps(0x1p23f + 127.0f)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
}

static inline __mmask8 vf64_lanes(int64_t n) { return (__mmask8)((1u << n) - 1); }

static inline vf64 vf64_zero(void) { return _mm512_setzero_pd(); }
static inline vf64 vf64_set1(double x) { return _mm512_set1_pd(x); }
static inline vf64 vf64_load(const double *p) { return _mm512_loadu_pd(p); }
static inline void vf64_store(double *p, vf64 v) { _mm512_storeu_pd(p, v); }
static inline vf64 vf64_load_n(const double *p, int64_t n) { return _mm512_maskz_loadu_pd(vf64_lanes(n), p); }
static inline void vf64_store_n(double *p, vf64 v, int64_t n) { _mm512_mask_storeu_pd(p, vf64_lanes(n), v); }
static inline vf64 vf64_keep(vf64 v) {
    __asm__("" : "+v"(v));
    return v;
}
static inline vf64 vf64_widen(const double *p) { return vf64_load(p); }
static inline void vf64_narrow(double *p, vf64 v) { vf64_store(p, v); }
static inline vf64 vf64_load_part(const double *p, int i, int n) {
    return _mm512_maskz_loadu_pd((__mmask8)(vf64_lanes(n) << i), p - i);
}
static inline void vf64_store_part(double *p, vf64 v, int i, int n) {
    _mm512_mask_storeu_pd(p - i, (__mmask8)(vf64_lanes(n) << i), v);
}
static inline vf64 vf64_broadcast2(const double *p) { return _mm512_broadcast_f64x2(_mm_loadu_pd(p)); }
static inline vf64 vf64_broadcast4(const double *p) { return _mm512_broadcast_f64x4(_mm256_loadu_pd(p)); }
static inline vf64 vf64_interleave2(vf64 v) {
    return _mm512_permutexvar_pd(_mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7), v);
}
static inline vf64 vf64_interleave4(vf64 v) {
    return _mm512_permutexvar_pd(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), v);
}
static inline vf64 vf64_deinterleave2(vf64 v) { return vf64_interleave4(v); }
static inline vf64 vf64_deinterleave4(vf64 v) { return vf64_interleave2(v); }
static inline vf64 vf64_add(vf64 a, vf64 b) { return _mm512_add_pd(a, b); }
static inline vf64 vf64_sub(vf64 a, vf64 b) { return _mm512_sub_pd(a, b); }
static inline vf64 vf64_mul(vf64 a, vf64 b) { return _mm512_mul_pd(a, b); }
static inline vf64 vf64_div(vf64 a, vf64 b) { return _mm512_div_pd(a, b); }
static inline vf64 vf64_inverse(vf64 a) { return _mm512_div_pd(_mm512_set1_pd(1.0), a); }
static inline vf64 vf64_fma(vf64 a, vf64 b, vf64 c) { return _mm512_fmadd_pd(a, b, c); }
static inline vf64 vf64_max(vf64 a, vf64 b) { return _mm512_max_pd(a, b); }
static inline vf64 vf64_min(vf64 a, vf64 b) { return _mm512_min_pd(a, b); }
static inline vf64 vf64_abs(vf64 a) { return _mm512_andnot_pd(_mm512_set1_pd(-0.0), a); }
static inline vf64 vf64_neg(vf64 a) { return _mm512_xor_pd(_mm512_set1_pd(-0.0), a); }
static inline vf64 vf64_copysign(vf64 mag, vf64 sgn) {
    vf64 sign = _mm512_set1_pd(-0.0);
    return _mm512_or_pd(_mm512_andnot_pd(sign, mag), _mm512_and_pd(sign, sgn));
}
static inline vf64 vf64_round(vf64 a) { return _mm512_roundscale_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf64 vf64_select_lt(vf64 a, vf64 b, vf64 x, vf64 y) {
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), y, x);
}
static inline bool vf64_all_lt(vf64 a, vf64 b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ) == 0xff; }
static inline vf64 vf64_select_nan(vf64 a, vf64 x, vf64 y) {
    return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, a, _CMP_UNORD_Q), y, x);
}
static inline vf64 vf64_pow2(vf64 a) {
    __m512i biased = _mm512_castpd_si512(_mm512_add_pd(a, _mm512_set1_pd(0x1p52 + 1023.0)));
    return _mm512_castsi512_pd(_mm512_slli_epi64(biased, 52));
}

static inline vf32 vf32_zip_lo(vf32 a, vf32 b) {
    return _mm512_permutex2var_ps(a, _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b);
}
static inline vf32 vf32_zip_hi(vf32 a, vf32 b) {
    return _mm512_permutex2var_ps(a, _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
                                  b);
}
static inline vf32 vf32_unzip_lo(vf32 a, vf32 b) {
    return _mm512_permutex2var_ps(a, _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b);
}
static inline vf32 vf32_unzip_hi(vf32 a, vf32 b) {
    return _mm512_permutex2var_ps(a, _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31), b);
}
static inline vf64 vf64_zip_lo(vf64 a, vf64 b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), b);
}
static inline vf64 vf64_zip_hi(vf64 a, vf64 b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), b);
}
static inline vf64 vf64_unzip_lo(vf64 a, vf64 b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), b);
}
static inline vf64 vf64_unzip_hi(vf64 a, vf64 b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), b);
}

/* Since 3 and the lanes have no common factor, the elements of v[i] lie in different lanes of the three vectors:
   blending brings them together, one permutation in order. The masks hold every third bit, from bit 0, 1 or 2 on; the
   way back is the inverse. */
static inline void vf32_load3(const float *p, vf32 v[3]) {
    vf32 a = vf32_load(p), b = vf32_load(p + 16), c = vf32_load(p + 32);
    v[0] = _mm512_mask_blend_ps(0x2492, _mm512_mask_blend_ps(0x4924, a, b), c);
    v[0] = _mm512_permutexvar_ps(_mm512_setr_epi32(0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14, 1, 4, 7, 10, 13), v[0]);
    v[1] = _mm512_mask_blend_ps(0x4924, _mm512_mask_blend_ps(0x9249, a, b), c);
    v[1] = _mm512_permutexvar_ps(_mm512_setr_epi32(1, 4, 7, 10, 13, 0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14), v[1]);
    v[2] = _mm512_mask_blend_ps(0x9249, _mm512_mask_blend_ps(0x2492, a, b), c);
    v[2] = _mm512_permutexvar_ps(_mm512_setr_epi32(2, 5, 8, 11, 14, 1, 4, 7, 10, 13, 0, 3, 6, 9, 12, 15), v[2]);
}
static inline void vf32_store3(float *p, const vf32 v[3]) {
    vf32 a = _mm512_permutexvar_ps(_mm512_setr_epi32(0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15, 10, 5), v[0]);
    vf32 b = _mm512_permutexvar_ps(_mm512_setr_epi32(5, 0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15, 10), v[1]);
    vf32 c = _mm512_permutexvar_ps(_mm512_setr_epi32(10, 5, 0, 11, 6, 1, 12, 7, 2, 13, 8, 3, 14, 9, 4, 15), v[2]);
    vf32_store(p, _mm512_mask_blend_ps(0x4924, _mm512_mask_blend_ps(0x2492, a, b), c));
    vf32_store(p + 16, _mm512_mask_blend_ps(0x2492, _mm512_mask_blend_ps(0x9249, a, b), c));
    vf32_store(p + 32, _mm512_mask_blend_ps(0x9249, _mm512_mask_blend_ps(0x4924, a, b), c));
}
static inline void vf64_load3(const double *p, vf64 v[3]) {
    vf64 a = vf64_load(p), b = vf64_load(p + 8), c = vf64_load(p + 16);
    v[0] = _mm512_mask_blend_pd(0x24, _mm512_mask_blend_pd(0x92, a, b), c);
    v[0] = _mm512_permutexvar_pd(_mm512_setr_epi64(0, 3, 6, 1, 4, 7, 2, 5), v[0]);
    v[1] = _mm512_mask_blend_pd(0x49, _mm512_mask_blend_pd(0x24, a, b), c);
    v[1] = _mm512_permutexvar_pd(_mm512_setr_epi64(1, 4, 7, 2, 5, 0, 3, 6), v[1]);
    v[2] = _mm512_mask_blend_pd(0x92, _mm512_mask_blend_pd(0x49, a, b), c);
    v[2] = _mm512_permutexvar_pd(_mm512_setr_epi64(2, 5, 0, 3, 6, 1, 4, 7), v[2]);
}
static inline void vf64_store3(double *p, const vf64 v[3]) {
    vf64 a = _mm512_permutexvar_pd(_mm512_setr_epi64(0, 3, 6, 1, 4, 7, 2, 5), v[0]);
    vf64 b = _mm512_permutexvar_pd(_mm512_setr_epi64(5, 0, 3, 6, 1, 4, 7, 2), v[1]);
    vf64 c = _mm512_permutexvar_pd(_mm512_setr_epi64(2, 5, 0, 3, 6, 1, 4, 7), v[2]);
    vf64_store(p, _mm512_mask_blend_pd(0x24, _mm512_mask_blend_pd(0x92, a, b), c));
    vf64_store(p + 8, _mm512_mask_blend_pd(0x49, _mm512_mask_blend_pd(0x24, a, b), c));
    vf64_store(p + 16, _mm512_mask_blend_pd(0x92, _mm512_mask_blend_pd(0x49, a, b), c));
}

#endif
