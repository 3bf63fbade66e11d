/* 64-bit integers for AVX2, by the names of scalar.h that tiles need: i64, and i32, whose factors fit 32 bits. */
#ifndef NHWC_SIMD_INT_AVX2_H
#define NHWC_SIMD_INT_AVX2_H

#include "avx2.h"

#define VL_i64 4
#define VL_i32 4
typedef int64_t elem_i64, elem_i32;
typedef __m256i vi32;

/* There is no 64-bit multiplication. Products of two low halves add up in `low`, and of a low by a high half, of which
   only 32 bits count, in the halves of `across`: these are brought together where a sum ends. Factors have none. */
typedef struct {
    __m256i low, across;
} vi64;

static inline vi32 vi32_zero(void) { return _mm256_setzero_si256(); }
static inline vi32 vi32_set1(int64_t x) { return _mm256_set1_epi64x(x); }
static inline vi32 vi32_load(const int64_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline void vi32_store(int64_t *p, vi32 v) { _mm256_storeu_si256((__m256i *)p, v); }
static inline vi32 vi32_load_n(const int64_t *p, int64_t n) {
    return _mm256_maskload_epi64((const long long *)p, vf64_lanes(n));
}
static inline void vi32_store_n(int64_t *p, vi32 v, int64_t n) {
    _mm256_maskstore_epi64((long long *)p, vf64_lanes(n), v);
}
static inline vi32 vi32_add(vi32 a, vi32 b) { return _mm256_add_epi64(a, b); }
static inline vi32 vi32_max(vi32 a, vi32 b) { return _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(a, b)); }
static inline vi32 vi32_min(vi32 a, vi32 b) { return _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b)); }
static inline vi32 vi32_fma(vi32 a, vi32 b, vi32 c) { return vi32_add(c, _mm256_mul_epi32(a, b)); }

static inline vi64 vi64_of(__m256i v) { return (vi64){v, _mm256_setzero_si256()}; }
static inline __m256i vi64_sum(vi64 v) {
    const __m256i high = _mm256_add_epi32(v.across, _mm256_srli_epi64(v.across, 32));
    return _mm256_add_epi64(v.low, _mm256_slli_epi64(high, 32));
}
static inline vi64 vi64_zero(void) { return vi64_of(vi32_zero()); }
static inline vi64 vi64_set1(int64_t x) { return vi64_of(vi32_set1(x)); }
static inline vi64 vi64_load(const int64_t *p) { return vi64_of(vi32_load(p)); }
static inline void vi64_store(int64_t *p, vi64 v) { vi32_store(p, vi64_sum(v)); }
static inline vi64 vi64_load_n(const int64_t *p, int64_t n) { return vi64_of(vi32_load_n(p, n)); }
static inline void vi64_store_n(int64_t *p, vi64 v, int64_t n) { vi32_store_n(p, vi64_sum(v), n); }
static inline vi64 vi64_add(vi64 a, vi64 b) {
    return (vi64){_mm256_add_epi64(a.low, b.low), _mm256_add_epi32(a.across, b.across)};
}
static inline vi64 vi64_max(vi64 a, vi64 b) { return vi64_of(vi32_max(vi64_sum(a), vi64_sum(b))); }
static inline vi64 vi64_min(vi64 a, vi64 b) { return vi64_of(vi32_min(vi64_sum(a), vi64_sum(b))); }
static inline vi64 vi64_fma(vi64 a, vi64 b, vi64 c) {
    const __m256i swapped = _mm256_shuffle_epi32(b.low, _MM_SHUFFLE(2, 3, 0, 1));
    return (vi64){_mm256_add_epi64(c.low, _mm256_mul_epu32(a.low, b.low)),
                  _mm256_add_epi32(c.across, _mm256_mullo_epi32(a.low, swapped))};
}

#endif
