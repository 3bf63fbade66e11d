/* 64-bit integers for AVX-512, by the names of scalar.h that tiles need: i64, and i32, whose factors fit 32 bits. */
#ifndef NHWC_SIMD_INT_AVX512_H
#define NHWC_SIMD_INT_AVX512_H

#include "avx512.h"

#define VL_i64 8
#define VL_i32 8
typedef int64_t elem_i64, elem_i32;
typedef __m512i vi64, vi32;

static inline vi64 vi64_zero(void) { return _mm512_setzero_si512(); }
static inline vi64 vi64_set1(int64_t x) { return _mm512_set1_epi64(x); }
static inline vi64 vi64_load(const int64_t *p) { return _mm512_loadu_si512(p); }
static inline void vi64_store(int64_t *p, vi64 v) { _mm512_storeu_si512(p, v); }
static inline vi64 vi64_load_n(const int64_t *p, int64_t n) {
    return _mm512_maskz_loadu_epi64((__mmask8)((1u << n) - 1), p);
}
static inline void vi64_store_n(int64_t *p, vi64 v, int64_t n) {
    _mm512_mask_storeu_epi64(p, (__mmask8)((1u << n) - 1), v);
}
static inline vi64 vi64_add(vi64 a, vi64 b) { return _mm512_add_epi64(a, b); }
static inline vi64 vi64_max(vi64 a, vi64 b) { return _mm512_max_epi64(a, b); }
static inline vi64 vi64_min(vi64 a, vi64 b) { return _mm512_min_epi64(a, b); }
static inline vi64 vi64_fma(vi64 a, vi64 b, vi64 c) { return _mm512_add_epi64(c, _mm512_mullo_epi64(a, b)); }

static inline vi32 vi32_zero(void) { return vi64_zero(); }
static inline vi32 vi32_set1(int64_t x) { return vi64_set1(x); }
static inline vi32 vi32_load(const int64_t *p) { return vi64_load(p); }
static inline void vi32_store(int64_t *p, vi32 v) { vi64_store(p, v); }
static inline vi32 vi32_load_n(const int64_t *p, int64_t n) { return vi64_load_n(p, n); }
static inline void vi32_store_n(int64_t *p, vi32 v, int64_t n) { vi64_store_n(p, v, n); }
static inline vi32 vi32_add(vi32 a, vi32 b) { return vi64_add(a, b); }
static inline vi32 vi32_max(vi32 a, vi32 b) { return vi64_max(a, b); }
static inline vi32 vi32_min(vi32 a, vi32 b) { return vi64_min(a, b); }
static inline vi32 vi32_fma(vi32 a, vi32 b, vi32 c) { return vi64_add(c, _mm512_mul_epi32(a, b)); }

#endif
