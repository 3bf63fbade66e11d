/* Shared by the Winograd methods' preparation and their loops. */
#ifndef NHWC_CONV_WINOGRAD_H
#define NHWC_CONV_WINOGRAD_H

#include "plan.h"

/* Bytes between matrices that would otherwise meet in the cache. */
enum { NHWC_WINOGRAD_SKEW = 64 };

bool nhwc_winograd_f2_serves(const nhwc_plan *plan);
bool nhwc_winograd_f4_serves(const nhwc_plan *plan);
nhwc_status nhwc_winograd_f2_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);
nhwc_status nhwc_winograd_f4_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);

/* A thread's workspace: the transformed input of a block of tiles, alpha^2 matrices of tiles x channels, and the
   products of a block of filters, alpha^2 matrices of tiles x filters. All pitches, in elements, keep matrices from
   meeting in the cache. */
typedef struct {
    int64_t row;         /* from a tile's transformed channels to the next's */
    int64_t input_pitch; /* from a matrix to the next */
    int64_t products;    /* where they begin, in bytes */
    int64_t bytes;
} nhwc_winograd_workspace;

nhwc_winograd_workspace nhwc_winograd_lay_out(const nhwc_plan *plan, int64_t tiles);

static inline int64_t nhwc_winograd_product_pitch(const nhwc_plan *plan, int64_t tiles, int64_t width) {
    return tiles * width + NHWC_WINOGRAD_SKEW / (int64_t)plan->element;
}

/* From one of a block's matrices of channels x filters to the next. */
static inline int64_t nhwc_winograd_filters_pitch(const nhwc_plan *plan, int64_t width) {
    return plan->problem.c / plan->problem.groups * width + NHWC_WINOGRAD_SKEW / (int64_t)plan->element;
}

#endif
