/* Convolutions of arrays that are stored in another dtype than the kernels compute in: halves and integers.

   Both are computed by plans of f32, f64 or wide integers on pieces of the arrays, converted in the workspace: whole
   samples while these are small, else bands of output rows with the input rows that they read. */
#ifndef NHWC_CONV_STORED_H
#define NHWC_CONV_STORED_H

#include "plan.h"

#include <stdatomic.h>

/* What halves and integers share, and what integers need to choose the dtype to compute in. */
struct nhwc_stored {
    nhwc_problem problem;
    nhwc_storage storage;
    bool once;
    int axis;     /* that bands are cut along: the first that has more than one row, */
    int64_t rows; /* and the output rows of a band; 0: samples are not cut */
    /* By the dtype that they compute in, made when first needed. Integers of any storage run with any plan, as it is
       wide enough for their sums. */
    _Atomic(nhwc_plan *) plans[NHWC_DTYPES];
    void *converted;     /* filters and bias of the plan, if it runs once */
    const void *filters; /* as stored, for integers; they and the bias are the caller's if the plan runs once */
    const int64_t *bias;
    void *memory;     /* of both, otherwise */
    double sum;       /* of the magnitudes of a filter, at most */
    double magnitude; /* of the filters' values, at most */
};

static inline bool nhwc_is_half(nhwc_dtype dtype) { return dtype == NHWC_F16 || dtype == NHWC_BF16; }

int64_t nhwc_dtype_size(nhwc_dtype dtype);

nhwc_status nhwc_stored_create(nhwc_stored **stored, const nhwc_problem *problem, nhwc_storage storage,
                               const void *filters, const void *bias, bool borrow);
void nhwc_stored_destroy(nhwc_stored *stored);
nhwc_plan_info nhwc_stored_describe(const nhwc_stored *stored);

/* The dtype in which sums over inputs up to `bound` are exact, or wrap at 64 bits. */
nhwc_dtype nhwc_stored_work(const nhwc_stored *stored, nhwc_dtype x, double bound);
double nhwc_dtype_bound(nhwc_dtype dtype);

/* The plan that computes in `work`, or a wider one, made now if there is none; NULL and a status if it cannot be. */
const nhwc_plan *nhwc_stored_plan(const nhwc_stored *stored, nhwc_dtype work, nhwc_status *status);

/* Bytes of a piece's input, and of that with its output, in the dtype that `plan` computes in. */
int64_t nhwc_piece_input_bytes(const nhwc_plan *plan, int64_t samples);
int64_t nhwc_piece_bytes(const nhwc_plan *plan, int64_t samples);
/* Samples that one piece may hold. */
int64_t nhwc_stored_samples(const nhwc_stored *stored);

nhwc_status nhwc_stored_run(const nhwc_stored *stored, nhwc_dtype x_dtype, int64_t n, const void *x,
                            const void *residual, void *out);

#endif
