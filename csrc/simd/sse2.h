/* The vector names of scalar.h for SSE2, 128 bits: what every x86-64 processor has, so fma rounds twice. */
#ifndef NHWC_SIMD_SSE2_H
#define NHWC_SIMD_SSE2_H

#include <emmintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VL_f32 4
#define VL_f64 2
typedef float elem_f32;
typedef double elem_f64;
typedef __m128 vf32;
typedef __m128d vf64;

/* Lanes of x where mask is set, of y elsewhere. */
static inline vf32 vf32_blend(vf32 mask, vf32 x, vf32 y) {
    return _mm_or_ps(_mm_and_ps(mask, x), _mm_andnot_ps(mask, y));
}

static inline vf32 vf32_zero(void) { return _mm_setzero_ps(); }
static inline vf32 vf32_set1(float x) { return _mm_set1_ps(x); }
static inline vf32 vf32_load(const float *p) { return _mm_loadu_ps(p); }
static inline void vf32_store(float *p, vf32 v) { _mm_storeu_ps(p, v); }
static inline vf32 vf32_load_n(const float *p, int64_t n) {
    if (n == 4) {
        return _mm_loadu_ps(p);
    }
    vf32 last = n & 1 ? _mm_load_ss(p + n - 1) : _mm_setzero_ps();
    return n & 2 ? _mm_movelh_ps(_mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)p), last) : last;
}
static inline void vf32_store_n(float *p, vf32 v, int64_t n) {
    if (n == 4) {
        _mm_storeu_ps(p, v);
        return;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)p, v);
    }
    if (n & 1) {
        _mm_store_ss(p + n - 1, n & 2 ? _mm_movehl_ps(v, v) : v);
    }
}
static inline vf32 vf32_keep(vf32 v) {
    __asm__("" : "+x"(v));
    return v;
}
static inline vf64 vf32_widen(const float *p) { return _mm_cvtps_pd(_mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)p)); }
static inline void vf32_narrow(float *p, vf64 v) { _mm_storel_pi((__m64 *)p, _mm_cvtpd_ps(v)); }
static inline vf32 vf32_load_part(const float *p, int i, int n) {
    float lanes[4] = {0};
    memcpy(lanes + i, p, (size_t)n * sizeof *p);
    return _mm_loadu_ps(lanes);
}
static inline void vf32_store_part(float *p, vf32 v, int i, int n) {
    float lanes[4];
    _mm_storeu_ps(lanes, v);
    memcpy(p, lanes + i, (size_t)n * sizeof *p);
}
static inline vf32 vf32_broadcast2(const float *p) {
    vf32 pair = _mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)p);
    return _mm_movelh_ps(pair, pair);
}
static inline vf32 vf32_interleave2(vf32 v) { return _mm_shuffle_ps(v, v, _MM_SHUFFLE(3, 1, 2, 0)); }
static inline vf32 vf32_deinterleave2(vf32 v) { return vf32_interleave2(v); }
static inline vf32 vf32_add(vf32 a, vf32 b) { return _mm_add_ps(a, b); }
static inline vf32 vf32_sub(vf32 a, vf32 b) { return _mm_sub_ps(a, b); }
static inline vf32 vf32_mul(vf32 a, vf32 b) { return _mm_mul_ps(a, b); }
static inline vf32 vf32_div(vf32 a, vf32 b) { return _mm_div_ps(a, b); }
static inline vf32 vf32_inverse(vf32 a) { return vf32_div(_mm_set1_ps(1.0f), a); }
static inline vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
static inline vf32 vf32_max(vf32 a, vf32 b) { return _mm_max_ps(a, b); }
static inline vf32 vf32_min(vf32 a, vf32 b) { return _mm_min_ps(a, b); }
static inline vf32 vf32_abs(vf32 a) { return _mm_andnot_ps(_mm_set1_ps(-0.0f), a); }
static inline vf32 vf32_neg(vf32 a) { return _mm_xor_ps(_mm_set1_ps(-0.0f), a); }
static inline vf32 vf32_copysign(vf32 mag, vf32 sgn) { return vf32_blend(_mm_set1_ps(-0.0f), sgn, mag); }
static inline vf32 vf32_select_lt(vf32 a, vf32 b, vf32 x, vf32 y) { return vf32_blend(_mm_cmplt_ps(a, b), x, y); }
static inline bool vf32_all_lt(vf32 a, vf32 b) { return _mm_movemask_ps(_mm_cmplt_ps(a, b)) == 0xf; }
static inline vf32 vf32_select_nan(vf32 a, vf32 x, vf32 y) { return vf32_blend(_mm_cmpunord_ps(a, a), x, y); }
static inline vf32 vf32_round(vf32 a) {
    vf32 limit = _mm_set1_ps(0x1p23f);
    vf32 r = _mm_sub_ps(_mm_add_ps(vf32_abs(a), limit), limit);
    return vf32_select_lt(vf32_abs(a), limit, vf32_copysign(r, a), a);
}
static inline vf32 vf32_pow2(vf32 a) {
    __m128i biased = _mm_castps_si128(_mm_add_ps(a, _mm_set1_ps(0x1p23f + 127.0f)));
    return _mm_castsi128_ps(_mm_slli_epi32(biased, 23));
}

static inline vf64 vf64_blend(vf64 mask, vf64 x, vf64 y) {
    return _mm_or_pd(_mm_and_pd(mask, x), _mm_andnot_pd(mask, y));
}

static inline vf64 vf64_zero(void) { return _mm_setzero_pd(); }
static inline vf64 vf64_set1(double x) { return _mm_set1_pd(x); }
static inline vf64 vf64_load(const double *p) { return _mm_loadu_pd(p); }
static inline void vf64_store(double *p, vf64 v) { _mm_storeu_pd(p, v); }
static inline vf64 vf64_load_n(const double *p, int64_t n) {
    if (n == 2) {
        return _mm_loadu_pd(p);
    }
    return n ? _mm_load_sd(p) : _mm_setzero_pd();
}
static inline void vf64_store_n(double *p, vf64 v, int64_t n) {
    if (n == 2) {
        _mm_storeu_pd(p, v);
    } else if (n) {
        _mm_store_sd(p, v);
    }
}
static inline vf64 vf64_keep(vf64 v) {
    __asm__("" : "+x"(v));
    return v;
}
static inline vf64 vf64_widen(const double *p) { return vf64_load(p); }
static inline void vf64_narrow(double *p, vf64 v) { vf64_store(p, v); }
static inline vf64 vf64_add(vf64 a, vf64 b) { return _mm_add_pd(a, b); }
static inline vf64 vf64_sub(vf64 a, vf64 b) { return _mm_sub_pd(a, b); }
static inline vf64 vf64_mul(vf64 a, vf64 b) { return _mm_mul_pd(a, b); }
static inline vf64 vf64_div(vf64 a, vf64 b) { return _mm_div_pd(a, b); }
static inline vf64 vf64_inverse(vf64 a) { return vf64_div(_mm_set1_pd(1.0), a); }
static inline vf64 vf64_fma(vf64 a, vf64 b, vf64 c) { return _mm_add_pd(_mm_mul_pd(a, b), c); }
static inline vf64 vf64_max(vf64 a, vf64 b) { return _mm_max_pd(a, b); }
static inline vf64 vf64_min(vf64 a, vf64 b) { return _mm_min_pd(a, b); }
static inline vf64 vf64_abs(vf64 a) { return _mm_andnot_pd(_mm_set1_pd(-0.0), a); }
static inline vf64 vf64_neg(vf64 a) { return _mm_xor_pd(_mm_set1_pd(-0.0), a); }
static inline vf64 vf64_copysign(vf64 mag, vf64 sgn) { return vf64_blend(_mm_set1_pd(-0.0), sgn, mag); }
static inline vf64 vf64_select_lt(vf64 a, vf64 b, vf64 x, vf64 y) { return vf64_blend(_mm_cmplt_pd(a, b), x, y); }
static inline bool vf64_all_lt(vf64 a, vf64 b) { return _mm_movemask_pd(_mm_cmplt_pd(a, b)) == 0x3; }
static inline vf64 vf64_select_nan(vf64 a, vf64 x, vf64 y) { return vf64_blend(_mm_cmpunord_pd(a, a), x, y); }
static inline vf64 vf64_round(vf64 a) {
    vf64 limit = _mm_set1_pd(0x1p52);
    vf64 r = _mm_sub_pd(_mm_add_pd(vf64_abs(a), limit), limit);
    return vf64_select_lt(vf64_abs(a), limit, vf64_copysign(r, a), a);
}
static inline vf64 vf64_pow2(vf64 a) {
    __m128i biased = _mm_castpd_si128(_mm_add_pd(a, _mm_set1_pd(0x1p52 + 1023.0)));
    return _mm_castsi128_pd(_mm_slli_epi64(biased, 52));
}

static inline vf32 vf32_zip_lo(vf32 a, vf32 b) { return _mm_unpacklo_ps(a, b); }
static inline vf32 vf32_zip_hi(vf32 a, vf32 b) { return _mm_unpackhi_ps(a, b); }
static inline vf32 vf32_unzip_lo(vf32 a, vf32 b) { return _mm_shuffle_ps(a, b, 0x88); }
static inline vf32 vf32_unzip_hi(vf32 a, vf32 b) { return _mm_shuffle_ps(a, b, 0xdd); }
static inline vf64 vf64_zip_lo(vf64 a, vf64 b) { return _mm_unpacklo_pd(a, b); }
static inline vf64 vf64_zip_hi(vf64 a, vf64 b) { return _mm_unpackhi_pd(a, b); }
static inline vf64 vf64_unzip_lo(vf64 a, vf64 b) { return _mm_unpacklo_pd(a, b); }
static inline vf64 vf64_unzip_hi(vf64 a, vf64 b) { return _mm_unpackhi_pd(a, b); }
/* A shuffle takes two elements of either operand: one level gathers neighbours, the next one puts them in order. */
#define PAIR(a, i, b, j) _mm_shuffle_ps(a, b, _MM_SHUFFLE(j, j, i, i))
#define EVEN(a, b) _mm_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0))
static inline void vf32_load3(const float *p, vf32 v[3]) {
    vf32 a = _mm_loadu_ps(p), b = _mm_loadu_ps(p + 4), c = _mm_loadu_ps(p + 8);
    v[0] = _mm_shuffle_ps(a, PAIR(b, 2, c, 1), _MM_SHUFFLE(2, 0, 3, 0));
    v[1] = EVEN(PAIR(a, 1, b, 0), PAIR(b, 3, c, 2));
    v[2] = _mm_shuffle_ps(PAIR(a, 2, b, 1), c, _MM_SHUFFLE(3, 0, 2, 0));
}
static inline void vf32_store3(float *p, const vf32 v[3]) {
    _mm_storeu_ps(p, _mm_shuffle_ps(_mm_unpacklo_ps(v[0], v[1]), PAIR(v[2], 0, v[0], 1), _MM_SHUFFLE(2, 0, 1, 0)));
    _mm_storeu_ps(p + 4, EVEN(PAIR(v[1], 1, v[2], 1), PAIR(v[0], 2, v[1], 2)));
    _mm_storeu_ps(p + 8, _mm_shuffle_ps(PAIR(v[2], 2, v[0], 3), _mm_unpackhi_ps(v[1], v[2]), _MM_SHUFFLE(3, 2, 2, 0)));
}
#undef PAIR
#undef EVEN
static inline void vf64_load3(const double *p, vf64 v[3]) {
    vf64 a = _mm_loadu_pd(p), b = _mm_loadu_pd(p + 2), c = _mm_loadu_pd(p + 4);
    v[0] = _mm_shuffle_pd(a, b, 2);
    v[1] = _mm_shuffle_pd(a, c, 1);
    v[2] = _mm_shuffle_pd(b, c, 2);
}
static inline void vf64_store3(double *p, const vf64 v[3]) {
    _mm_storeu_pd(p, _mm_shuffle_pd(v[0], v[1], 0));
    _mm_storeu_pd(p + 2, _mm_shuffle_pd(v[2], v[0], 2));
    _mm_storeu_pd(p + 4, _mm_shuffle_pd(v[1], v[2], 3));
}

#endif
