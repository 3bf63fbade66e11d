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

enum {
    NHWC_SPLIT_HEAD = 4 * NHWC_ALIGNMENT, /* bytes of a thread's state */
    NHWC_SPLIT_PAIR = NHWC_SPLIT_TILES * NHWC_SPLIT_PIXELS,
    NHWC_SPLIT_FLAGS = 64, /* of a stored row */
};

nhwc_split_layout nhwc_split_lay_out(const nhwc_plan *plan, int64_t rows, int64_t cols);

/* Outputs with those between rows of them that are computed for nothing, as whole tiles. */
static inline int64_t nhwc_split_pixels(const nhwc_plan *plan, const nhwc_split_layout *l, int64_t rows) {
    return nhwc_round_up(rows * (l->width / plan->split.output_step), NHWC_SPLIT_PIXELS);
}

/* Where the operands of one call are, and how it is cut into tasks. */
typedef struct {
    const nhwc_plan *plan;
    const char *x;
    const void *residual;
    char *out;
    int64_t row_blocks, col_blocks, pixel_blocks; /* of an image; of a call */
    int64_t filter_parts;                         /* ranges of blocks of filters */
    bool filters_first;                           /* filters are larger than the input, and are cut first */
    int64_t stretch;          /* columns that share a flag: fixed by the shape, so that bits do not depend on the cut */
    nhwc_split_layout layout; /* of the largest block */
    char *workspace;          /* of all threads */
} nhwc_split_call;

/* A block of output pixels in a thread's hands. */
typedef struct {
    int64_t n, depth, row, col; /* the first output */
    int64_t group;              /* -1: nothing is stored */
    int64_t rows, cols, pixels; /* pixels: with those between rows, as whole tiles */
    uint64_t *flags;            /* of each stored row: a bit for each stretch of columns of which one has no parts */
    int64_t *steps;             /* from an output's first input to what each step reads, in bytes */
    int64_t *offsets;           /* of each pixel's results */
    int64_t *refused;           /* pixels that are to be computed directly */
    int64_t refused_count;
    int x_parts;            /* that some stored value has */
    float *fresh[2], *sums; /* of a pair of tiles and a chunk; of all pixels */
    const void **table;
    char *parts;
} nhwc_split_region;

_Static_assert(sizeof(nhwc_split_region) <= NHWC_SPLIT_HEAD, "the head of the workspace holds a region");

/* The largest block of outputs whose inputs the second-level cache holds. */
void nhwc_split_largest_block(const nhwc_plan *plan, int64_t *rows, int64_t *cols);

/* Stores the input of a group that the region reads as parts, and places the results of its pixels. */
void nhwc_split_store(const nhwc_split_call *c, nhwc_split_region *r, int64_t group);

/* Where each step reads: after the rows of a region have changed. */
void nhwc_split_place_steps(const nhwc_split_call *c, nhwc_split_region *r);

#endif
