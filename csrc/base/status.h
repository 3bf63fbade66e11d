/* Overflow-checked size arithmetic and small integer helpers. */
#ifndef NHWC_BASE_STATUS_H
#define NHWC_BASE_STATUS_H

#include "../nhwc.h"

#include <stdbool.h>

/* No size in the library, in elements or bytes, exceeds this; sums of a few stay below 2^63. */
#define NHWC_MAX_SIZE ((int64_t)1 << 60)

/* *product = a * b for non-negative a and b; false if it exceeds NHWC_MAX_SIZE. */
static inline bool nhwc_mul(int64_t a, int64_t b, int64_t *product) {
    return !__builtin_mul_overflow(a, b, product) && *product <= NHWC_MAX_SIZE;
}

static inline int64_t nhwc_ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

static inline int64_t nhwc_round_up(int64_t a, int64_t b) { return nhwc_ceil_div(a, b) * b; }

static inline int64_t nhwc_min(int64_t a, int64_t b) { return a < b ? a : b; }

static inline int64_t nhwc_max(int64_t a, int64_t b) { return a > b ? a : b; }

#endif
