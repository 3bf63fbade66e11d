/* Shared by the tiles method's preparation and its loops. */
#ifndef NHWC_CONV_TILES_H
#define NHWC_CONV_TILES_H

#include "source.h"

/* Pixels of a row of the padded copy: the span, by residues of the dilation so that taps become neighbours. */
static inline int64_t nhwc_tiles_width(const nhwc_problem *p, int64_t cols) {
    return nhwc_round_up(nhwc_span(p, 2, cols), p->dilation[2]);
}

/* Part of the multiplications that taps on padding are, and what is worth looking whether filters are finite, which may
   then be left out. */
double nhwc_padded_part(const nhwc_problem *p);
#define NHWC_LEAST_SKIPPED 0.02

/* The segments of the direct sum over filters as they are given, with a pointer for each tap; counts only where
   `segments` is NULL. For methods that compute some outputs again by the kernels of tiles, */
int64_t nhwc_tap_segments(const nhwc_problem *p, nhwc_segment *segments);

/* whose vectors of filters can then be read where the caller has them, or need a copy with room behind it. */
bool nhwc_taps_in_place(const nhwc_plan *plan, bool borrow);

nhwc_status nhwc_tiles_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);

/* Where the parts of a thread's workspace begin, in bytes. */
typedef struct {
    int64_t table, offsets, taken, kept, partial, scratch;
} nhwc_workspace_layout;

/* Bytes of workspace of one thread for blocks of rows x cols output pixels. */
int64_t nhwc_tiles_workspace(const nhwc_plan *plan, int64_t rows, int64_t cols, nhwc_workspace_layout *layout);

#endif
