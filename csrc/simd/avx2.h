/* The vector names of scalar.h for AVX2 with FMA3, 256 bits. */
#ifndef NHWC_SIMD_AVX2_H
#define NHWC_SIMD_AVX2_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VL_f32 8
#define VL_f64 4
typedef float elem_f32;
typedef double elem_f64;
typedef __m256 vf32;
typedef __m256d vf64;

/* The first n of 8 lanes set: a window on a row of ones followed by a row of zeros. */
static inline __m256i vf32_lanes(int64_t n) {
    static const int32_t window[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(window + 8 - n));
}

static inline vf32 vf32_zero(void) { return _mm256_setzero_ps(); }
static inline vf32 vf32_set1(float x) { return _mm256_set1_ps(x); }
static inline vf32 vf32_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void vf32_store(float *p, vf32 v) { _mm256_storeu_ps(p, v); }
static inline vf32 vf32_load_n(const float *p, int64_t n) { return _mm256_maskload_ps(p, vf32_lanes(n)); }
static inline void vf32_store_n(float *p, vf32 v, int64_t n) { _mm256_maskstore_ps(p, vf32_lanes(n), v); }
static inline vf32 vf32_keep(vf32 v) {
    __asm__("" : "+x"(v));
    return v;
}
static inline vf64 vf32_widen(const float *p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }
static inline void vf32_narrow(float *p, vf64 v) { _mm_storeu_ps(p, _mm256_cvtpd_ps(v)); }
static inline vf32 vf32_load_part(const float *p, int i, int n) {
    return _mm256_maskload_ps(p - i, _mm256_andnot_si256(vf32_lanes(i), vf32_lanes(i + n)));
}
static inline void vf32_store_part(float *p, vf32 v, int i, int n) {
    _mm256_maskstore_ps(p - i, _mm256_andnot_si256(vf32_lanes(i), vf32_lanes(i + n)), v);
}
static inline vf32 vf32_broadcast2(const float *p) {
    double pair;
    memcpy(&pair, p, sizeof pair);
    return _mm256_castpd_ps(_mm256_set1_pd(pair));
}
static inline vf32 vf32_broadcast4(const float *p) { return _mm256_broadcast_ps((const __m128 *)p); }
static inline vf32 vf32_interleave2(vf32 v) {
    return _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}
static inline vf32 vf32_interleave4(vf32 v) {
    return _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
}
static inline vf32 vf32_deinterleave2(vf32 v) { return vf32_interleave4(v); }
static inline vf32 vf32_deinterleave4(vf32 v) { return vf32_interleave2(v); }
static inline vf32 vf32_add(vf32 a, vf32 b) { return _mm256_add_ps(a, b); }
static inline vf32 vf32_sub(vf32 a, vf32 b) { return _mm256_sub_ps(a, b); }
static inline vf32 vf32_mul(vf32 a, vf32 b) { return _mm256_mul_ps(a, b); }
static inline vf32 vf32_div(vf32 a, vf32 b) { return _mm256_div_ps(a, b); }
static inline vf32 vf32_inverse(vf32 a) { return vf32_div(_mm256_set1_ps(1.0f), a); }
static inline vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return _mm256_fmadd_ps(a, b, c); }
static inline vf32 vf32_max(vf32 a, vf32 b) { return _mm256_max_ps(a, b); }
static inline vf32 vf32_min(vf32 a, vf32 b) { return _mm256_min_ps(a, b); }
static inline vf32 vf32_abs(vf32 a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
static inline vf32 vf32_neg(vf32 a) { return _mm256_xor_ps(_mm256_set1_ps(-0.0f), a); }
static inline vf32 vf32_copysign(vf32 mag, vf32 sgn) {
    vf32 sign = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(sign, mag), _mm256_and_ps(sign, sgn));
}
static inline vf32 vf32_round(vf32 a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf32 vf32_select_lt(vf32 a, vf32 b, vf32 x, vf32 y) {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
static inline bool vf32_all_lt(vf32 a, vf32 b) { return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ)) == 0xff; }
static inline vf32 vf32_select_nan(vf32 a, vf32 x, vf32 y) {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
static inline vf32 vf32_pow2(vf32 a) {
    __m256i biased = _mm256_castps_si256(_mm256_add_ps(a, _mm256_set1_ps(0x1p23f + 127.0f)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}

static inline __m256i vf64_lanes(int64_t n) {
    static const int64_t window[8] = {-1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(window + 4 - n));
}

static inline vf64 vf64_zero(void) { return _mm256_setzero_pd(); }
static inline vf64 vf64_set1(double x) { return _mm256_set1_pd(x); }
static inline vf64 vf64_load(const double *p) { return _mm256_loadu_pd(p); }
static inline void vf64_store(double *p, vf64 v) { _mm256_storeu_pd(p, v); }
static inline vf64 vf64_load_n(const double *p, int64_t n) { return _mm256_maskload_pd(p, vf64_lanes(n)); }
static inline void vf64_store_n(double *p, vf64 v, int64_t n) { _mm256_maskstore_pd(p, vf64_lanes(n), v); }
static inline vf64 vf64_keep(vf64 v) {
    __asm__("" : "+x"(v));
    return v;
}
static inline vf64 vf64_widen(const double *p) { return vf64_load(p); }
static inline void vf64_narrow(double *p, vf64 v) { vf64_store(p, v); }
static inline vf64 vf64_load_part(const double *p, int i, int n) {
    return _mm256_maskload_pd(p - i, _mm256_andnot_si256(vf64_lanes(i), vf64_lanes(i + n)));
}
static inline void vf64_store_part(double *p, vf64 v, int i, int n) {
    _mm256_maskstore_pd(p - i, _mm256_andnot_si256(vf64_lanes(i), vf64_lanes(i + n)), v);
}
static inline vf64 vf64_broadcast2(const double *p) { return _mm256_broadcast_pd((const __m128d *)p); }
static inline vf64 vf64_interleave2(vf64 v) { return _mm256_permute4x64_pd(v, _MM_SHUFFLE(3, 1, 2, 0)); }
static inline vf64 vf64_deinterleave2(vf64 v) { return vf64_interleave2(v); }
static inline vf64 vf64_add(vf64 a, vf64 b) { return _mm256_add_pd(a, b); }
static inline vf64 vf64_sub(vf64 a, vf64 b) { return _mm256_sub_pd(a, b); }
static inline vf64 vf64_mul(vf64 a, vf64 b) { return _mm256_mul_pd(a, b); }
static inline vf64 vf64_div(vf64 a, vf64 b) { return _mm256_div_pd(a, b); }
static inline vf64 vf64_inverse(vf64 a) { return vf64_div(_mm256_set1_pd(1.0), a); }
static inline vf64 vf64_fma(vf64 a, vf64 b, vf64 c) { return _mm256_fmadd_pd(a, b, c); }
static inline vf64 vf64_max(vf64 a, vf64 b) { return _mm256_max_pd(a, b); }
static inline vf64 vf64_min(vf64 a, vf64 b) { return _mm256_min_pd(a, b); }
static inline vf64 vf64_abs(vf64 a) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a); }
static inline vf64 vf64_neg(vf64 a) { return _mm256_xor_pd(_mm256_set1_pd(-0.0), a); }
static inline vf64 vf64_copysign(vf64 mag, vf64 sgn) {
    vf64 sign = _mm256_set1_pd(-0.0);
    return _mm256_or_pd(_mm256_andnot_pd(sign, mag), _mm256_and_pd(sign, sgn));
}
static inline vf64 vf64_round(vf64 a) { return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vf64 vf64_select_lt(vf64 a, vf64 b, vf64 x, vf64 y) {
    return _mm256_blendv_pd(y, x, _mm256_cmp_pd(a, b, _CMP_LT_OQ));
}
static inline bool vf64_all_lt(vf64 a, vf64 b) { return _mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ)) == 0xf; }
static inline vf64 vf64_select_nan(vf64 a, vf64 x, vf64 y) {
    return _mm256_blendv_pd(y, x, _mm256_cmp_pd(a, a, _CMP_UNORD_Q));
}
static inline vf64 vf64_pow2(vf64 a) {
    __m256i biased = _mm256_castpd_si256(_mm256_add_pd(a, _mm256_set1_pd(0x1p52 + 1023.0)));
    return _mm256_castsi256_pd(_mm256_slli_epi64(biased, 52));
}

/* Zipping in lanes of 128 bits, then the lanes. */
static inline vf32 vf32_zip_lo(vf32 a, vf32 b) {
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
}
static inline vf32 vf32_zip_hi(vf32 a, vf32 b) {
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31);
}
static inline vf32 vf32_unzip_lo(vf32 a, vf32 b) {
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88)), 0xd8));
}
static inline vf32 vf32_unzip_hi(vf32 a, vf32 b) {
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xdd)), 0xd8));
}
static inline vf64 vf64_zip_lo(vf64 a, vf64 b) {
    return _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x20);
}
static inline vf64 vf64_zip_hi(vf64 a, vf64 b) {
    return _mm256_permute2f128_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b), 0x31);
}
static inline vf64 vf64_unzip_lo(vf64 a, vf64 b) { return _mm256_permute4x64_pd(_mm256_unpacklo_pd(a, b), 0xd8); }
static inline vf64 vf64_unzip_hi(vf64 a, vf64 b) { return _mm256_permute4x64_pd(_mm256_unpackhi_pd(a, b), 0xd8); }

/* Since 3 and the lanes have no common factor, the elements of v[i] lie in different lanes of the three vectors:
   blending brings them together, one permutation in order. The masks of f32 hold every third bit of 8, from bit 0, 1
   or 2 on; the way back is the inverse. */
static inline vf32 vf32_order(vf32 v, int a, int b, int c, int d, int e, int f, int g, int h) {
    return _mm256_permutevar8x32_ps(v, _mm256_setr_epi32(a, b, c, d, e, f, g, h));
}
static inline void vf32_load3(const float *p, vf32 v[3]) {
    vf32 a = vf32_load(p), b = vf32_load(p + 8), c = vf32_load(p + 16);
    v[0] = vf32_order(_mm256_blend_ps(_mm256_blend_ps(a, b, 0x92), c, 0x24), 0, 3, 6, 1, 4, 7, 2, 5);
    v[1] = vf32_order(_mm256_blend_ps(_mm256_blend_ps(a, b, 0x24), c, 0x49), 1, 4, 7, 2, 5, 0, 3, 6);
    v[2] = vf32_order(_mm256_blend_ps(_mm256_blend_ps(a, b, 0x49), c, 0x92), 2, 5, 0, 3, 6, 1, 4, 7);
}
static inline void vf32_store3(float *p, const vf32 v[3]) {
    vf32 a = vf32_order(v[0], 0, 3, 6, 1, 4, 7, 2, 5), b = vf32_order(v[1], 5, 0, 3, 6, 1, 4, 7, 2);
    vf32 c = vf32_order(v[2], 2, 5, 0, 3, 6, 1, 4, 7);
    vf32_store(p, _mm256_blend_ps(_mm256_blend_ps(a, b, 0x92), c, 0x24));
    vf32_store(p + 8, _mm256_blend_ps(_mm256_blend_ps(a, b, 0x24), c, 0x49));
    vf32_store(p + 16, _mm256_blend_ps(_mm256_blend_ps(a, b, 0x49), c, 0x92));
}
/* Zipped in lanes of 128 bits three times, which are stored one by one: half the shuffles of zips of whole vectors. */
#define STORE8_f32 1
static inline void vf32_store8_pixel(float *p, vf32 evens, vf32 odds) {
    vf32 low = _mm256_unpacklo_ps(evens, odds), high = _mm256_unpackhi_ps(evens, odds);
    _mm_storeu_ps(p, _mm256_castps256_ps128(low));
    _mm_storeu_ps(p + 4, _mm256_castps256_ps128(high));
    _mm_storeu_ps(p + 32, _mm256_extractf128_ps(low, 1));
    _mm_storeu_ps(p + 36, _mm256_extractf128_ps(high, 1));
}
static inline void vf32_store8_pixels(float *p, vf32 a, vf32 b, vf32 c, vf32 d) {
    vf32_store8_pixel(p, _mm256_unpacklo_ps(a, c), _mm256_unpacklo_ps(b, d));
    vf32_store8_pixel(p + 8, _mm256_unpackhi_ps(a, c), _mm256_unpackhi_ps(b, d));
}
static inline void vf32_store8(float *p, const vf32 v[8]) {
    vf32_store8_pixels(p, _mm256_unpacklo_ps(v[0], v[4]), _mm256_unpacklo_ps(v[1], v[5]),
                       _mm256_unpacklo_ps(v[2], v[6]), _mm256_unpacklo_ps(v[3], v[7]));
    vf32_store8_pixels(p + 16, _mm256_unpackhi_ps(v[0], v[4]), _mm256_unpackhi_ps(v[1], v[5]),
                       _mm256_unpackhi_ps(v[2], v[6]), _mm256_unpackhi_ps(v[3], v[7]));
}
static inline void vf64_load3(const double *p, vf64 v[3]) {
    vf64 a = vf64_load(p), b = vf64_load(p + 4), c = vf64_load(p + 8);
    v[0] = _mm256_permute4x64_pd(_mm256_blend_pd(_mm256_blend_pd(a, b, 4), c, 2), _MM_SHUFFLE(1, 2, 3, 0));
    v[1] = _mm256_permute4x64_pd(_mm256_blend_pd(_mm256_blend_pd(a, b, 9), c, 4), _MM_SHUFFLE(2, 3, 0, 1));
    v[2] = _mm256_permute4x64_pd(_mm256_blend_pd(_mm256_blend_pd(a, b, 2), c, 9), _MM_SHUFFLE(3, 0, 1, 2));
}
static inline void vf64_store3(double *p, const vf64 v[3]) {
    vf64 a = _mm256_permute4x64_pd(v[0], _MM_SHUFFLE(1, 2, 3, 0)),
         b = _mm256_permute4x64_pd(v[1], _MM_SHUFFLE(2, 3, 0, 1));
    vf64 c = _mm256_permute4x64_pd(v[2], _MM_SHUFFLE(3, 0, 1, 2));
    vf64_store(p, _mm256_blend_pd(_mm256_blend_pd(a, b, 2), c, 4));
    vf64_store(p + 4, _mm256_blend_pd(_mm256_blend_pd(a, b, 9), c, 2));
    vf64_store(p + 8, _mm256_blend_pd(_mm256_blend_pd(a, b, 4), c, 9));
}

#endif
