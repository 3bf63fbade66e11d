/* The names of kernels/half.inl.h for AVX-512: 16 elements. */
#ifndef NHWC_SIMD_HALF_AVX512_H
#define NHWC_SIMD_HALF_AVX512_H

#include "avx512.h"

#define VF32_F16 1

static inline vf32 vf32_load_f16(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
static inline void vf32_store_f16(uint16_t *p, vf32 v) {
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

#endif
