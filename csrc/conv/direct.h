/* Shared by the direct algorithm's preparation and its loops. */
#ifndef NHWC_CONV_DIRECT_H
#define NHWC_CONV_DIRECT_H

#include "plan.h"

/* Inputs along an axis between the first and the last that `outputs` outputs read. */
int64_t nhwc_direct_span(const nhwc_problem *p, int axis, int64_t outputs);

/* Pixels of a row of the padded copy: the span, by residues of the dilation so that taps become neighbours. */
static inline int64_t nhwc_direct_width(const nhwc_problem *p, int64_t cols) {
    return nhwc_round_up(nhwc_direct_span(p, 2, cols), p->dilation[2]);
}

/* Where the parts of a thread's workspace begin, in bytes. */
typedef struct {
    int64_t table, offsets, partial, scratch;
} nhwc_workspace_layout;

/* Bytes of workspace of one thread for blocks of rows x cols output pixels. */
int64_t nhwc_direct_workspace(const nhwc_plan *plan, int64_t rows, int64_t cols, nhwc_workspace_layout *layout);

#endif
