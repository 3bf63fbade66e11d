/* Shared by the Winograd methods' preparation and their loops. */
#ifndef NHWC_CONV_WINOGRAD_H
#define NHWC_CONV_WINOGRAD_H

#include "plan.h"

/* Bytes between matrices that would otherwise meet in the cache. */
enum { NHWC_WINOGRAD_SKEW = 64 };

/* ---- Tiles ------------------------------------------------------------------------------------------------------- */

enum { NHWC_WINOGRAD_MOST_PIXELS = 6 * 6 };

/* Where the operands of one call are. */
typedef struct {
    const nhwc_plan *plan;
    const char *x;
    const void *residual;
    char *out;
} nhwc_winograd_operands;

/* A tile's place: image of the batch, depth, and its first output row and column. */
typedef struct {
    int64_t n, depth, row, col;
} nhwc_winograd_place;

/* Tiles are numbered over all images, row by row. */
nhwc_winograd_place nhwc_winograd_place_of(const nhwc_plan *plan, int64_t tile);

/* Pointers to `channel` of the alpha x alpha pixels that a tile reads. */
void nhwc_winograd_point(const nhwc_winograd_operands *c, const nhwc_winograd_place *at, int64_t channel,
                         const void **pixels);

/* The results of a tile and a block of filters, of which `product` is the first of alpha^2 rows, each `pitch` elements
   behind the one before. With `least`, what is smaller is computed directly; see nhwc_winograd_output. */
void nhwc_winograd_write(const nhwc_winograd_operands *c, const nhwc_winograd_place *at,
                         const nhwc_winograd_block *block, const void *product, int64_t pitch, float least);

/* ---- Preparation ------------------------------------------------------------------------------------------------- */

/* Sets what follows from the problem and the algorithm alone. */
void nhwc_winograd_shape(nhwc_plan *plan, nhwc_algorithm algorithm);

/* Whether `algorithm` serves the problem, and is asked for or the best. */
bool nhwc_winograd_serves(const nhwc_plan *plan, nhwc_algorithm algorithm);

/* Whether it is done with split values, where it serves. */
bool nhwc_winograd_splits(const nhwc_plan *plan, nhwc_algorithm algorithm);

/* After the image has become smaller; see nhwc_method. */
void nhwc_winograd_shorten(nhwc_plan *plan, int axis);

/* ---- Multiply-adds ----------------------------------------------------------------------------------------------- */

bool nhwc_winograd_f2_serves(const nhwc_plan *plan);
bool nhwc_winograd_f4_serves(const nhwc_plan *plan);
bool nhwc_winograd_f2_5x5_serves(const nhwc_plan *plan);
nhwc_status nhwc_winograd_f2_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);
nhwc_status nhwc_winograd_f4_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);
nhwc_status nhwc_winograd_f2_5x5_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);

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

/* ---- Split values ------------------------------------------------------------------------------------------------ */

bool nhwc_winograd_split_f2_serves(const nhwc_plan *plan);
bool nhwc_winograd_split_f4_serves(const nhwc_plan *plan);
bool nhwc_winograd_split_f2_5x5_serves(const nhwc_plan *plan);
nhwc_status nhwc_winograd_split_f2_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);
nhwc_status nhwc_winograd_split_f4_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);
nhwc_status nhwc_winograd_split_f2_5x5_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);

/* Steps in a chunk at most: split inputs and filters of so many stay in the first-level cache. */
enum { NHWC_WINOGRAD_SPLIT_CHUNK = 4 };

/* A thread's workspace for blocks of so many tiles: the transformed input, alpha^2 matrices of chunks of tiles x
   channels, two chunks of it for a pair of tile registers, split, and products by blocks of filters, alpha^2 matrices
   of tiles x filters. Pitches are in elements. */
typedef struct {
    int64_t tiles;
    int64_t matrix;                       /* of the input, from a matrix to the next */
    int64_t product_matrix, block;        /* of products, from a matrix and a block to the next */
    int64_t split, sums, products, input; /* where they begin, in bytes */
    int64_t bytes;
} nhwc_winograd_split_layout;

nhwc_winograd_split_layout nhwc_winograd_split_lay_out(const nhwc_plan *plan, int64_t tiles);

/* Bytes from where the filters that are multiplied in turn begin to those of a block from step `step` of a matrix on,
   in a chunk of so many steps. They lie in the order of use: by matrices, chunks, blocks and steps. */
static inline int64_t nhwc_winograd_split_filters_at(const nhwc_plan *plan, const nhwc_winograd_block *block,
                                                     int64_t matrix, int64_t step, int64_t count) {
    const int64_t registers = (matrix * plan->winograd.steps + step) * block->together + count * block->before;
    return registers * NHWC_SPLIT_PARTS * NHWC_SPLIT_TILE_BYTES;
}

#endif
