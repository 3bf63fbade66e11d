/* Where the taps of an output lie in the input: what padded coordinates stand for, and how far windows reach. */
#ifndef NHWC_CONV_SOURCE_H
#define NHWC_CONV_SOURCE_H

#include "plan.h"

/* The pixel of an axis of n that a padded coordinate stands for, or -1 for zero. Modes repeat as np.pad's do. */
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

static inline int64_t nhwc_gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The input coordinate of output o and tap k on an axis, or -1 for zero. */
static inline int64_t nhwc_tap_source(const nhwc_problem *p, int axis, int64_t o, int64_t k) {
    int64_t at = o * p->stride[axis] + k * p->dilation[axis] - p->before[axis];
    return nhwc_source_index(p->padding_mode, at, p->in[axis]);
}

/* The outputs, of `outputs` from number `o` on, whose tap k lies inside the input: from o + *first to before
   o + *last. */
static inline void nhwc_inner_outputs(const nhwc_problem *p, int axis, int64_t o, int64_t outputs, int64_t k,
                                      int64_t *first, int64_t *last) {
    const int64_t stride = p->stride[axis], at = o * stride + k * p->dilation[axis] - p->before[axis];
    *first = at < 0 ? nhwc_min((stride - 1 - at) / stride, outputs) : 0;
    *last = p->in[axis] > at ? nhwc_min((p->in[axis] - 1 - at) / stride + 1, outputs) : 0;
    *last = nhwc_max(*first, *last);
}

/* The row of a sample that (depth, row) names, or NULL where either lies on zeros. */
static inline const char *nhwc_input_row(const nhwc_plan *plan, const char *x, int64_t depth, int64_t row) {
    const nhwc_problem *p = &plan->problem;
    if (depth < 0 || row < 0) {
        return NULL;
    }
    return x + (depth * p->in[1] + row) * p->in[2] * p->c * (int64_t)plan->element;
}

/* Inputs along an axis between the first and the last that `outputs` neighbouring outputs read. */
static inline int64_t nhwc_span(const nhwc_problem *p, int axis, int64_t outputs) {
    return (outputs - 1) * p->stride[axis] + (p->kernel[axis] - 1) * p->dilation[axis] + 1;
}

/* Whether any of `rows` output rows reads row j of their span. */
static inline bool nhwc_row_is_read(const nhwc_problem *p, int64_t rows, int64_t j) {
    for (int64_t k = 0; k < p->kernel[1]; k++) {
        int64_t at = j - k * p->dilation[1];
        if (at >= 0 && at % p->stride[1] == 0 && at / p->stride[1] < rows) {
            return true;
        }
    }
    return false;
}

/* The element of the output where the results of a pixel begin. */
static inline int64_t nhwc_out_at(const nhwc_plan *plan, int64_t n, int64_t depth, int64_t row, int64_t col) {
    const nhwc_output *o = &plan->output;
    return n * o->sample + depth * o->step[0] + row * o->step[1] + col * o->step[2];
}

static inline bool nhwc_has_padding(const nhwc_problem *p) {
    for (int axis = 0; axis < 3; axis++) {
        if (p->before[axis] || p->after[axis]) {
            return true;
        }
    }
    return false;
}

#endif
