/* Conversions between the kernels' elements and those of stored arrays: template over NHWC_DTYPE (f32, f64, i64, i32)
   and NHWC_ISA. Contract: nhwc_conversions of kernels.h. */

/* The loops are plain, for the compiler to make vectors of, which GCC does from -O3 on. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("O3")
#endif

#define CONVERT_f32 1
#define CONVERT_f64 2
#define CONVERT_i64 3
#define CONVERT_i32 3
#define CONVERT_FROM NHWC_PASTE(CONVERT_, NHWC_DTYPE, , , )
#define WIDEN_NAME_(stored) widen_##stored
#define WIDEN_NAME(stored) WIDEN_NAME_(stored)

#define STORED i8
#define STORED_TYPE int8_t
#include "widen.inl.h"
#define STORED u8
#define STORED_TYPE uint8_t
#include "widen.inl.h"
#define STORED i16
#define STORED_TYPE int16_t
#include "widen.inl.h"
#define STORED u16
#define STORED_TYPE uint16_t
#include "widen.inl.h"
#define STORED i32
#define STORED_TYPE int32_t
#include "widen.inl.h"
#define STORED u32
#define STORED_TYPE uint32_t
#include "widen.inl.h"
#define STORED i64
#define STORED_TYPE int64_t
#include "widen.inl.h"
#define STORED u64
#define STORED_TYPE uint64_t
#include "widen.inl.h"

#if CONVERT_FROM == 1
#include "half.inl.h"
#endif

/* A sum as an integer. Float32 sums are below 2^31; adding 3/2 * 2^52 to a float64 puts its integer into the low bits.
 */
static inline int64_t LOCAL(to_integer)(ELEM sum) {
#if CONVERT_FROM == 1
    return (int32_t)sum;
#elif CONVERT_FROM == 2
    double shifted = sum + 0x1.8p52, origin = 0x1.8p52;
    uint64_t bits, zero;
    memcpy(&bits, &shifted, sizeof bits);
    memcpy(&zero, &origin, sizeof zero);
    return (int64_t)(bits - zero);
#else
    return sum;
#endif
}

static void KERNEL(finish)(const nhwc_integers *t, int64_t n) {
    const ELEM *restrict sums = t->sums;
    uint64_t *out = (uint64_t *)t->out;
    if (t->residual) {
        for (int64_t i = 0; i < n; i++) {
            out[i] = (uint64_t)LOCAL(to_integer)(sums[i]) + (uint64_t)t->residual[i];
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            out[i] = (uint64_t)LOCAL(to_integer)(sums[i]);
        }
    }
    const int64_t *restrict bias = t->bias;
    for (int64_t i = 0; bias && i < n; i++) {
        out[i] += (uint64_t)bias[i];
    }
    if (t->activation == NHWC_LINEAR) {
        return;
    }
    const int64_t high = t->activation == NHWC_RELU6 ? 6 : INT64_MAX;
    for (int64_t i = 0; i < n; i++) {
        const int64_t floor = (int64_t)out[i] > 0 ? (int64_t)out[i] : 0;
        const uint64_t limited = (uint64_t)(floor < high ? floor : high);
        const uint64_t least = t->activation == NHWC_RELU6 && out[i] > 6 ? 6 : out[i];
        out[i] = t->is_unsigned ? least : limited;
    }
}

#if CONVERT_FROM == 2
static void KERNEL(add_magnitudes)(double *restrict sums, const double *restrict from, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        sums[i] += from[i] < 0 ? -from[i] : from[i];
    }
}

static double KERNEL(magnitude)(const double *from, int64_t n) {
    double largest[8] = {0}, most = 0;
    for (int64_t i = 0; i < n; i++) {
        const double magnitude = from[i] < 0 ? -from[i] : from[i];
        largest[i % 8] = magnitude > largest[i % 8] ? magnitude : largest[i % 8];
    }
    for (int i = 0; i < 8; i++) {
        most = largest[i] > most ? largest[i] : most;
    }
    return most;
}
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

static const nhwc_conversions LOCAL(conversions) = {
    .widen = {[NHWC_I8] = KERNEL(widen_i8),
              [NHWC_U8] = KERNEL(widen_u8),
              [NHWC_I16] = KERNEL(widen_i16),
              [NHWC_U16] = KERNEL(widen_u16),
              [NHWC_I32] = KERNEL(widen_i32),
              [NHWC_U32] = KERNEL(widen_u32),
              [NHWC_I64] = KERNEL(widen_i64),
#if CONVERT_FROM == 1
              [NHWC_F16] = KERNEL(widen_f16),
              [NHWC_BF16] = KERNEL(widen_bf16),
#endif
              [NHWC_U64] = KERNEL(widen_u64)},
#if CONVERT_FROM == 1
    .narrow = {[NHWC_F16] = KERNEL(narrow_f16), [NHWC_BF16] = KERNEL(narrow_bf16)},
#elif CONVERT_FROM == 2
    .add_magnitudes = KERNEL(add_magnitudes),
    .magnitude = KERNEL(magnitude),
#endif
    .finish = KERNEL(finish),
};
