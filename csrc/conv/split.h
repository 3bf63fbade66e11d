/* Shared by the split method's preparation and its loops. */
#ifndef NHWC_CONV_SPLIT_H
#define NHWC_CONV_SPLIT_H

#include "../base/memory.h"
#include "source.h"

bool nhwc_split_serves(const nhwc_plan *plan);
nhwc_status nhwc_split_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);

/* How the inputs of a block of rows x cols outputs are stored, and the workspace of a thread: all in bytes, but for the
   first four. */
typedef struct {
    int64_t rows, cols;  /* of the outputs */
    int64_t width;       /* stored columns of a row */
    int64_t plane_rows;  /* stored rows for one depth tap, of all phases */
    int64_t plane, part; /* from a block of channels, and from a part, to the next */
    int64_t flags, steps, offsets, refused, sums, table, parts; /* where they begin */
    int64_t bytes;
} nhwc_split_layout;

enum { NHWC_SPLIT_HEAD = 4 * NHWC_ALIGNMENT }; /* bytes of a thread's state */

nhwc_split_layout nhwc_split_lay_out(const nhwc_plan *plan, int64_t rows, int64_t cols);

/* Outputs with those between rows of them that are computed for nothing, as whole tiles. */
static inline int64_t nhwc_split_pixels(const nhwc_plan *plan, const nhwc_split_layout *l, int64_t rows) {
    return nhwc_round_up(rows * (l->width / plan->split.output_step), NHWC_SPLIT_PIXELS);
}

/* The largest block of outputs whose inputs the second-level cache holds. */
void nhwc_split_largest_block(const nhwc_plan *plan, int64_t *rows, int64_t *cols);

#endif
