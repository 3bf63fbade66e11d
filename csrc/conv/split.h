/* Shared by the split method's preparation and its loops. */
#ifndef NHWC_CONV_SPLIT_H
#define NHWC_CONV_SPLIT_H

#include "../base/lock.h"
#include "../base/memory.h"
#include "source.h"
#include "tasks.h"

bool nhwc_split_serves(const nhwc_plan *plan);
nhwc_status nhwc_split_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);

#define NHWC_SPLIT_GRAIN 1e6 /* multiplications worth a thread */

/* How the inputs of a block of outputs are stored, and the workspace of a thread: in bytes, but for the first three. */
typedef struct {
    int64_t width;               /* stored columns of a row, */
    int64_t columns;             /* and outputs that it is numbered as */
    int64_t plane_rows;          /* stored rows for one depth tap, of all phases */
    int64_t plane, part;         /* from a block of channels, and from a part, to the next */
    int64_t pair_row, pair_part; /* from a row of pairs, and from a part of them, to the next */
    int64_t ranges, steps, offsets, refused, sums, packed, table, parts, pairs; /* where they begin */
    int64_t bytes;
} nhwc_split_layout;

enum {
    NHWC_SPLIT_HEAD = 10 * NHWC_ALIGNMENT, /* bytes of a thread's state */
    NHWC_SPLIT_PAIR = NHWC_SPLIT_TILES * NHWC_SPLIT_PIXELS,
    NHWC_SPLIT_STRETCHES = 64, /* of a stored row, at most */
};

/* Inputs that lie behind each other, where all channels of a group are stored together: those of a row of taps. */
static inline int64_t nhwc_split_run(const nhwc_problem *p) {
    return (p->dilation[2] > 1 ? 1 : p->kernel[2]) * (p->c / p->groups);
}

nhwc_split_layout nhwc_split_lay_out(const nhwc_plan *plan, int64_t rows, int64_t cols);

/* Outputs with those between rows of them that are computed for nothing, as whole tiles. */
static inline int64_t nhwc_split_pixels(const nhwc_split_layout *l, int64_t rows) {
    return nhwc_round_up(rows * l->columns, NHWC_SPLIT_PIXELS);
}

/* Where the operands of one call are, and how it is cut into tasks. */
typedef struct {
    const nhwc_plan *plan;
    const char *x;
    const void *residual;
    char *out;
    nhwc_tasks tasks;
    int64_t stretch; /* columns that share a range: fixed by the shape, so that bits do not depend on the cut */
    nhwc_split_layout layout; /* of the largest block */
    char *workspace;          /* of all threads */
    nhwc_lock *lock;          /* for plain filters that are to be copied, */
    bool *copied;             /* if they are not yet */
} nhwc_split_call;

/* A block of output pixels in a thread's hands. */
typedef struct {
    nhwc_area at;
    int64_t group;            /* -1: nothing is stored */
    int64_t pixels;           /* with those between rows, as whole tiles */
    nhwc_split_range range;   /* of what is stored, */
    nhwc_split_range *ranges; /* and of each stretch of each stored row */
    nhwc_split_range placed;  /* for inputs of which the pixels are placed */
    int64_t *steps;           /* from an output's first input to what each step reads, in bytes */
    int64_t *offsets;         /* of each pixel's results */
    int64_t *refused;         /* pixels that are to be computed directly */
    int64_t refused_count;
    int x_parts;            /* that some stored value has */
    float *fresh[2], *sums; /* of a pair of tiles and a chunk; of all pixels, for each block that is done together */
    char *packed[2];        /* filters of a chunk, where the plan has not split them, */
    nhwc_split_seen *seen;  /* what was seen of each block's, */
    nhwc_split_range *accepted; /* and which inputs these accept */
    const void **table;
    char *parts, *pairs;
    nhwc_split_activations activations; /* of the pair of tiles before, */
    int64_t activated[NHWC_SPLIT_PAIR]; /* and where its pixels' results are */
} nhwc_split_region;

_Static_assert(sizeof(nhwc_split_region) <= NHWC_SPLIT_HEAD, "the head of the workspace holds a region");

/* Stored rows of a phase for `rows` rows of outputs, and those from a row of outputs to the next. */
static inline int64_t nhwc_split_rows(const nhwc_plan *plan, int64_t phase, int64_t rows) {
    return plan->split.pair_rows ? nhwc_span(&plan->problem, 1, rows) : rows + plan->split.tails[phase];
}

static inline int64_t nhwc_split_row_step(const nhwc_plan *plan) {
    return plan->split.pair_rows ? plan->problem.stride[1] : 1;
}

/* The largest block of outputs whose inputs the second-level cache holds. */
void nhwc_split_largest_block(const nhwc_plan *plan, int64_t *rows, int64_t *cols);

/* Stores the input of a group that the region reads as parts. */
void nhwc_split_store(const nhwc_split_call *c, nhwc_split_region *r, int64_t group);

/* Where each step reads: after the rows of a region have changed. */
void nhwc_split_place_steps(const nhwc_split_call *c, nhwc_split_region *r);

/* Places the results of a region's pixels, but for those that read other inputs than are accepted: those are refused.
 */
void nhwc_split_place(const nhwc_split_call *c, nhwc_split_region *r, nhwc_split_range accepted);

/* Whether all that is stored is accepted. */
static inline bool nhwc_split_accepts(nhwc_split_range accepted, nhwc_split_range range) {
    return range.least >= accepted.least && range.most <= accepted.most;
}

static inline int64_t nhwc_split_step_bytes(const nhwc_split_filter_block *block) {
    return (int64_t)NHWC_SPLIT_PARTS * block->tiles * NHWC_SPLIT_TILE_BYTES;
}

/* Bytes from a block's chunk of filters to the next block's, where they are split later; skewed, since the processor
   takes addresses that are equal modulo 4 KiB for the same. */
static inline int64_t nhwc_split_chunk_bytes(const nhwc_split_plan *d) {
    return d->chunk * NHWC_SPLIT_PARTS * NHWC_SPLIT_TILES * NHWC_SPLIT_TILE_BYTES + 5 * NHWC_ALIGNMENT;
}

/* Splits all filters, and finds which inputs their blocks accept. */
nhwc_status nhwc_split_pack(nhwc_plan *plan);

/* Copies the plain filters to the plan's room for them, where vectors of them can be read to beyond their end. */
const void *nhwc_split_copy_plain(const nhwc_plan *plan);

/* The plain filters of `count` neighbouring blocks of a group, that are to be split; the caller says which steps, and
   where to. */
nhwc_split_filters nhwc_split_filters_of(const nhwc_plan *plan, int64_t first, int64_t count);

void nhwc_split_see_nothing(nhwc_split_seen *seen, int64_t count);

/* The inputs whose parts, and the products of these with the filters' parts, are normal, in sums below the largest
   number; none where these would be too few to be ordinary. */
nhwc_split_range nhwc_split_accepted(const nhwc_plan *plan, const nhwc_split_seen *seen);

#endif
