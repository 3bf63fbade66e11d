/* The filter gradient: dfilters[tap, c, f] = sum over pixels of x[pixel + tap, c] * dy[pixel, f].

   Two methods fill partial sums: tiles, an outer product of inputs and filters in registers, and lanes, for groups so
   small that a vector of filters would be mostly empty. Neither copies the image by taps, and the order of every sum
   follows from the shape: chains of at most 64 products, whose totals are added in order within a split of the pixels,
   and the splits as a balanced tree. */
#include "filter_grad.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <math.h>
#include <string.h>

/* ---- Pixels whose tap lies on padding ---------------------------------------------------------------------------- */

void nhwc_grad_inside(const nhwc_problem *p, int axis, int64_t k, int64_t *first, int64_t *last) {
    const int64_t at = k * p->dilation[axis] - p->before[axis], stride = p->stride[axis], out = p->out[axis];
    *first = at < 0 ? nhwc_min(nhwc_ceil_div(-at, stride), out) : 0;
    *last = p->in[axis] > at ? nhwc_min((p->in[axis] - 1 - at) / stride + 1, out) : 0;
    *last = nhwc_max(*first, *last);
}

/* The same for all taps. */
static void inside_of_all(const nhwc_problem *p, int axis, int64_t *first, int64_t *last) {
    int64_t unused;
    nhwc_grad_inside(p, axis, 0, first, &unused);
    nhwc_grad_inside(p, axis, p->kernel[axis] - 1, &unused, last);
    *last = nhwc_max(*first, *last);
}

/* Calls visit for every stretch of neighbouring output pixels outside of the box from first to last; stops at true. */
static bool outside(const nhwc_grad_call *call, const int64_t first[3], const int64_t last[3],
                    bool (*visit)(const nhwc_grad_call *, const char *dy, int64_t pixels, void *), void *context) {
    const nhwc_problem *p = &call->problem;
    const int64_t pixel = p->f * call->element, width = p->out[2];
    const char *row = call->dy;
    for (int64_t r = 0; r < p->n * p->out[0] * p->out[1]; r++, row += width * pixel) {
        const int64_t i = r % p->out[1], z = r / p->out[1] % p->out[0];
        const bool inner = i >= first[1] && i < last[1] && z >= first[0] && z < last[0];
        const int64_t left = inner ? first[2] : width, right = inner ? last[2] : width;
        if (visit(call, row, left, context) || visit(call, row + right * pixel, width - right, context)) {
            return true;
        }
    }
    return false;
}

static bool find_not_finite(const nhwc_grad_call *call, const char *dy, int64_t pixels, void *context) {
    (void)context;
    return pixels > 0 && !call->kernels->all_finite(dy, pixels * call->problem.f);
}

static bool is_finite_at(const nhwc_grad_call *call, const void *values, int64_t i) {
    return call->element == 4 ? isfinite(((const float *)values)[i]) : isfinite(((const double *)values)[i]);
}

/* Makes the results of one tap NaN, for every filter with a value in these pixels that is not finite. */
static bool spoil(const nhwc_grad_call *call, const char *dy, int64_t pixels, void *tap) {
    const nhwc_problem *p = &call->problem;
    const int64_t channels = p->c / p->groups;
    for (int64_t i = 0; i < pixels * p->f; i++) {
        for (int64_t c = 0; c < channels && !is_finite_at(call, dy, i); c++) {
            const int64_t at = c * p->f + i % p->f;
            if (call->element == 4) {
                ((float *)tap)[at] = NAN;
            } else {
                ((double *)tap)[at] = NAN;
            }
        }
    }
    return false;
}

/* Zeros on padding times infinity or NaN are NaN, but the tiles leave out taps on padding. */
static void count_padding(const nhwc_grad_call *call) {
    const nhwc_problem *p = &call->problem;
    int64_t first[3], last[3];
    for (int axis = 0; axis < 3; axis++) {
        inside_of_all(p, axis, &first[axis], &last[axis]);
    }
    if (!outside(call, first, last, find_not_finite, NULL)) {
        return;
    }
    char *tap = call->out;
    for (int64_t t = 0; t < p->kernel[0]; t++) {
        nhwc_grad_inside(p, 0, t, &first[0], &last[0]);
        for (int64_t u = 0; u < p->kernel[1]; u++) {
            nhwc_grad_inside(p, 1, u, &first[1], &last[1]);
            for (int64_t v = 0; v < p->kernel[2]; v++) {
                nhwc_grad_inside(p, 2, v, &first[2], &last[2]);
                outside(call, first, last, spoil, tap);
                tap += p->c / p->groups * p->f * call->element;
            }
        }
    }
}

/* ---- Splits ------------------------------------------------------------------------------------------------------ */

int64_t nhwc_grad_splits(const nhwc_grad_call *call, int64_t count, int64_t chain, int64_t units) {
    enum { UNITS = 64 };
    const double useful = nhwc_grad_work(call) / (NHWC_GRAD_GRAIN / 4);
    const int64_t wanted = nhwc_ceil_div(UNITS, units), most = useful < UNITS ? (int64_t)useful : UNITS;
    return nhwc_min(count, nhwc_max(nhwc_ceil_div(count, chain), nhwc_min(wanted, most)));
}

enum { TREE_BYTES = 8192 }; /* of each split that are added before the next ones, in the first-level cache */

static void add_range(void *context, int64_t first, int64_t last, int worker) {
    const nhwc_grad_call *call = context;
    const int64_t range = TREE_BYTES / call->element;
    (void)worker;
    for (int64_t i = first; i < last; i++) {
        const int64_t at = i * range, n = nhwc_min(range, call->results - at);
        for (int64_t step = 1; step < call->splits; step *= 2) {
            for (int64_t s = 0; s + step < call->splits; s += 2 * step) {
                call->grad->add(nhwc_grad_sums(call, s) + at * call->element,
                                nhwc_grad_sums(call, s + step) + at * call->element, n);
            }
        }
    }
}

static void add_splits(nhwc_grad_call *call) {
    const double work = (double)call->results * (double)call->splits;
    nhwc_parallel_for(nhwc_threads_for(work, 256e3), nhwc_ceil_div(call->results, TREE_BYTES / call->element),
                      add_range, call);
}

/* ---- The call ---------------------------------------------------------------------------------------------------- */

/* Whether vectors of a group's filters would be mostly empty, or tiles mostly of a channel or two. */
static bool groups_are_small(const nhwc_grad_call *call) {
    const nhwc_problem *p = &call->problem;
    return p->groups > 1 && (p->f / p->groups < call->kernels->lanes || p->c / p->groups < 4);
}

nhwc_status nhwc_filter_grad(const nhwc_problem *problem, const void *x, const void *dy, void *out) {
    if (problem->n < 0) {
        return NHWC_INVALID_ARGUMENT;
    }
    const nhwc_isa *isa = nhwc_isa_current();
    nhwc_grad_call call = {.problem = *problem, .kernels = isa->kernels[problem->dtype]};
    if (!call.kernels || !call.kernels->grad) {
        call.kernels = nhwc_isa_scalar.kernels[problem->dtype];
    }
    call.grad = call.kernels->grad;
    call.element = problem->dtype == NHWC_F32 ? 4 : 8;
    call.results = problem->k * problem->f;
    call.x = x;
    call.dy = dy;
    call.out = out;
    if (call.results == 0 || problem->n == 0 || problem->pixels == 0) {
        memset(out, 0, (size_t)(call.results * call.element));
        return NHWC_OK;
    }
    const bool lanes = groups_are_small(&call);
    nhwc_status status = lanes ? nhwc_grad_lanewise(&call) : nhwc_grad_tiles(&call);
    if (status == NHWC_OK) {
        add_splits(&call);
        if (!lanes && call.kernels->all_finite) {
            count_padding(&call);
        }
    }
    if (call.more) {
        nhwc_workspace_give(call.more);
    }
    return status;
}
