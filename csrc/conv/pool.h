/* Shared by pooling and its gradients: which pixels a window holds, and which windows hold a pixel. */
#ifndef NHWC_CONV_POOL_H
#define NHWC_CONV_POOL_H

#include "../arch/arch.h"
#include "../base/status.h"

/* A run of positions along an axis. */
typedef struct {
    int64_t first, count;
} nhwc_run;

/* The pixels of the input in window o. */
static inline nhwc_run nhwc_pool_pixels(const nhwc_problem *p, int axis, int64_t o) {
    const int64_t at = o * p->stride[axis] - p->before[axis], first = nhwc_max(at, 0);
    return (nhwc_run){first, nhwc_min(at + p->kernel[axis], p->in[axis]) - first};
}

/* The windows that hold a pixel of the run i. */
static inline nhwc_run nhwc_pool_windows(const nhwc_problem *p, int axis, nhwc_run i) {
    const int64_t from = i.first + p->before[axis] - p->kernel[axis] + 1, to = i.first + i.count - 1 + p->before[axis];
    const int64_t first = from > 0 ? nhwc_ceil_div(from, p->stride[axis]) : 0;
    const int64_t last = nhwc_min(to / p->stride[axis] + 1, p->out[axis]);
    return (nhwc_run){first, nhwc_max(last - first, 0)};
}

/* The windows of the run o, columns of the output, that have no pixel on padding. */
static inline nhwc_run nhwc_pool_inner(const nhwc_problem *p, nhwc_run o) {
    const int64_t room = p->in[2] + p->before[2] - p->kernel[2];
    const int64_t last = room < 0 ? 0 : nhwc_min(room / p->stride[2] + 1, o.first + o.count);
    const int64_t first = nhwc_max(nhwc_ceil_div(p->before[2], p->stride[2]), o.first);
    return first < last ? (nhwc_run){first, last - first} : (nhwc_run){o.first, 0};
}

static inline nhwc_windows_kernel *nhwc_pool_sum(nhwc_dtype dtype) {
    return nhwc_isa_current()->kernels[dtype]->sum_windows;
}

static inline int64_t nhwc_pool_bytes(nhwc_dtype dtype) { return dtype == NHWC_F32 ? 4 : 8; }

/* Pooling of whole images to one pixel: `reduce` makes maxima or sums of elements of so many bytes. */
nhwc_status nhwc_pool_global(const nhwc_problem *p, nhwc_windows_kernel *reduce, int64_t element, const void *x,
                             void *out);

#endif
