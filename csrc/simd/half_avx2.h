/* The names of kernels/half.inl.h for F16C: 8 elements. */
#ifndef NHWC_SIMD_HALF_AVX2_H
#define NHWC_SIMD_HALF_AVX2_H

#include "avx2.h"

#define VF32_F16 1

static inline vf32 vf32_load_f16(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
static inline void vf32_store_f16(uint16_t *p, vf32 v) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

#endif
