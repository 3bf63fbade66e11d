/* Which input a coordinate of the padded input stands for. */
#ifndef NHWC_CONV_PADDING_H
#define NHWC_CONV_PADDING_H

#include "../nhwc.h"

/* The index of an axis of n inputs that index i stands for, or -1 for zero. Modes repeat as np.pad's do. */
static inline int64_t nhwc_source_index(nhwc_padding_mode mode, int64_t i, int64_t n) {
    if (i >= 0 && i < n) {
        return i;
    }
    switch (mode) {
    case NHWC_EDGE:
        return i < 0 ? 0 : n - 1;
    case NHWC_WRAP:
        i %= n;
        return i < 0 ? i + n : i;
    case NHWC_REFLECT: {
        int64_t period = n > 1 ? 2 * (n - 1) : 1;
        i = (i % period + period) % period;
        return i < n ? i : period - i;
    }
    case NHWC_SYMMETRIC: {
        int64_t period = 2 * n;
        i = (i % period + period) % period;
        return i < n ? i : period - 1 - i;
    }
    default:
        return -1;
    }
}

/* The input coordinate of output o and tap k on an axis, or -1 for zero. */
static inline int64_t nhwc_tap_source(const nhwc_problem *p, int axis, int64_t o, int64_t k) {
    int64_t i = o * p->stride[axis] + k * p->dilation[axis] - p->before[axis];
    return nhwc_source_index(p->padding_mode, i, p->in[axis]);
}

#endif
