/* Shared by the lines method's preparation and its loops. */
#ifndef NHWC_CONV_LINES_H
#define NHWC_CONV_LINES_H

#include "source.h"

bool nhwc_lines_serves(const nhwc_plan *plan);
nhwc_status nhwc_lines_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);

/* Where the parts of a thread's workspace begin, in bytes, and what they measure. */
typedef struct {
    int64_t rows, tiles, reach, held, partial, zeros, scratch;
    int64_t height;    /* rows of the padded copy, for each depth tap, */
    int64_t plane;     /* pixels of a plane of one of them, */
    int64_t row_bytes; /* and its bytes */
} nhwc_lines_layout;

/* Bytes of workspace of one thread for blocks of rows x cols output pixels. */
int64_t nhwc_lines_workspace(const nhwc_plan *plan, int64_t rows, int64_t cols, nhwc_lines_layout *layout);

/* Tiles of at most `mr` pixels that a block has at most. */
static inline int64_t nhwc_line_tiles(const nhwc_problem *p, int64_t rows, int64_t cols, int64_t mr) {
    const int64_t phases = p->dilation[2];
    return rows * phases * nhwc_ceil_div(nhwc_ceil_div(cols, phases), mr);
}

#endif
