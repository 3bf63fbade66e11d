/* What the methods of the filter gradient share: the operands of a call, and where its partial sums are. */
#ifndef NHWC_CONV_FILTER_GRAD_H
#define NHWC_CONV_FILTER_GRAD_H

#include "../arch/arch.h"
#include "../base/status.h"

/* The sum over pixels is cut into `splits`, a number that depends on the shape and the instruction set alone: threads
   take them one by one, each has an array of partial sums of its own, and these are added as a balanced tree. */
typedef struct {
    nhwc_problem problem;
    const nhwc_kernels *kernels;
    const nhwc_grad_kernels *grad;
    int64_t element; /* bytes */
    int64_t results; /* elements of the gradient */
    int64_t splits;
    const char *x, *dy;
    char *out;  /* the partial sums of split 0, and the result */
    char *more; /* those of the other splits, one after the other */
} nhwc_grad_call;

static inline char *nhwc_grad_sums(const nhwc_grad_call *call, int64_t split) {
    return split ? call->more + (split - 1) * call->results * call->element : call->out;
}

/* Chooses the splits, and fills all of their partial sums. There is work to do: no size is 0. Fails only before the
   first write to out; takes `more` from the workspace if there are several splits, and leaves it to the caller. */
nhwc_status nhwc_grad_tiles(nhwc_grad_call *call);
nhwc_status nhwc_grad_lanewise(nhwc_grad_call *call);

/* The first and one past the last of outputs 0 .. out - 1 on an axis whose tap k lies inside the input. */
void nhwc_grad_inside(const nhwc_problem *p, int axis, int64_t k, int64_t *first, int64_t *last);

/* Multiply-adds of the call; and those for which another thread pays. */
static inline double nhwc_grad_work(const nhwc_grad_call *call) {
    return (double)call->results * (double)call->problem.n * (double)call->problem.pixels;
}
static const double NHWC_GRAD_GRAIN = 4e6;

/* The splits of `count` stretches of pixels: no more than `chain` of them each, and so many that many threads find
   work, if there is work for them, where a split has only `units` to share. */
int64_t nhwc_grad_splits(const nhwc_grad_call *call, int64_t count, int64_t chain, int64_t units);

#endif
