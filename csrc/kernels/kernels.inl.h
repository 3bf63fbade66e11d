/* All kernels of one dtype and instruction set, and their table. Included by arch/<isa>.c with NHWC_ISA, NHWC_DTYPE,
   the tile heights MR1 .. MR4 for blocks of 1 .. 4 vectors, DEPTHWISE_COLUMNS, and IMAGE_SUMS, the accumulators of an
   image tile where vectors have several lanes, set, and MR_TAPS, and the heights LINES1 .. LINES3 of blocks of 1 .. 3
   vectors, where three taps at a time pay, REDUCTION_ROUNDS, where more than one of a loop's rounds in one pay, and
   WITH_WINOGRAD for the dtype that Winograd serves; unsets the dtype and heights. */

#include "template.h"

/* Vectors of integers serve the forward direction only; others are left to plain C. */
#if !defined(NHWC_INTEGER) || VL == 1
#define WITH_ALL_OPERATIONS
#endif

#include <math.h>

#include "convert.inl.h"
#ifndef NHWC_INTEGER
#include "activation.inl.h"
#include "finite.inl.h"
#include "depthwise.inl.h"
#include "depthwise_in_place.inl.h"
#include "overlap.inl.h"
#include "peak.inl.h"
#endif
#ifndef NHWC_INTEGER
#include "interleave.inl.h"
#endif
#ifdef WITH_ALL_OPERATIONS
#include "turn.inl.h"

#include "pool_max.inl.h"

#include "pool_grad.inl.h"
#ifndef NHWC_INTEGER
#include "pool_sum.inl.h"
#endif
#endif

/* Adds bias and residual to vector `lane` of a block that is not full, and stores what exists of it. */
static inline void LOCAL(finish_part)(VEC sum, const nhwc_tile *t, int64_t offset, int lane, VEC low, VEC high) {
    int64_t live = t->live - lane;
    if (live <= 0) {
        return;
    }
    int n = live < VL ? (int)live : VL;
    sum = V(add)(sum, V(load)((const ELEM *)t->bias + lane));
    if (t->residual) {
        sum = V(add)(sum, V(load_n)((const ELEM *)t->residual + offset + lane, n));
    }
    V(store_n)((ELEM *)t->out + offset + lane, V(min)(high, V(max)(low, sum)), n);
}
#define KERNEL_LOCAL LOCAL

/* Adds n sums, those of a block of chunks, to the totals of the blocks before, unless there are none yet. */
static __attribute__((noinline)) void LOCAL(end_block)(ELEM *totals, const ELEM *sums, int n, bool first) {
    for (int i = 0; i < n; i += VL) {
        VEC sum = V(load)(sums + i);
        V(store)(totals + i, first ? sum : V(add)(V(load)(totals + i), sum));
    }
}

#define TILE_TEMPLATE "tile.inl.h"
#define TILE_TYPE nhwc_tile
#define TILE_OP DIRECT
#define TILE_NAME direct
#define NV 1
#define FAMILY FAMILY_NAME(direct, MR1, 1)
#define FAMILY_MR MR1
#include "tile_family.inl.h"
#define NV 2
#define FAMILY FAMILY_NAME(direct, MR2, 2)
#define FAMILY_MR MR2
#include "tile_family.inl.h"
#define NV 3
#define FAMILY FAMILY_NAME(direct, MR3, 3)
#define FAMILY_MR MR3
#include "tile_family.inl.h"
#define NV 4
#define FAMILY FAMILY_NAME(direct, MR4, 4)
#define FAMILY_MR MR4
#include "tile_family.inl.h"
#undef TILE_OP
#undef TILE_NAME

#define TILE_OP DEPTHWISE
#define TILE_NAME depthwise
#define NV 1
#define FAMILY FAMILY_NAME(depthwise, MR1, 1)
#define FAMILY_MR MR1
#include "tile_family.inl.h"
#undef TILE_OP
#undef TILE_NAME

#define TILE_OP DEPTHWISE_TAIL
#define TILE_NAME depthwise_tail
#define NV 1
#define FAMILY FAMILY_NAME(depthwise_tail, MR1, 1)
#define FAMILY_MR MR1
#include "tile_family.inl.h"
#undef TILE_OP
#undef TILE_NAME
#undef TILE_TEMPLATE
#undef TILE_TYPE

#ifdef LINES1
/* For all accumulators that a tile can have; what a smaller one leaves unused is not there. */
#define LINE_ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
/* Keeps pointers apart that would need more registers as one and its distances to the others. */
#define LINE_KEEP(p) __asm__("" : "+r"(p));
#define TILE_TEMPLATE "line.inl.h"
#define TILE_TYPE nhwc_lines
#define TILE_NAME line
#define NV 1
#define FAMILY FAMILY_NAME(line, LINES1, 1)
#define FAMILY_MR LINES1
#include "tile_family.inl.h"
#define NV 2
#define FAMILY FAMILY_NAME(line, LINES2, 2)
#define FAMILY_MR LINES2
#include "tile_family.inl.h"
#define NV 3
#define FAMILY FAMILY_NAME(line, LINES3, 3)
#define FAMILY_MR LINES3
#include "tile_family.inl.h"
#undef TILE_NAME
#undef TILE_TEMPLATE
#undef TILE_TYPE
#undef LINE_ROWS
#undef LINE_KEEP
#endif

#ifdef WITH_WINOGRAD
#define TILE_TEMPLATE "product.inl.h"
#define TILE_TYPE nhwc_product
#define TILE_NAME product
#define NV 1
#define FAMILY FAMILY_NAME(product, MR1, 1)
#define FAMILY_MR MR1
#include "tile_family.inl.h"
#define NV 2
#define FAMILY FAMILY_NAME(product, MR2, 2)
#define FAMILY_MR MR2
#include "tile_family.inl.h"
#define NV 3
#define FAMILY FAMILY_NAME(product, MR3, 3)
#define FAMILY_MR MR3
#include "tile_family.inl.h"
#define NV 4
#define FAMILY FAMILY_NAME(product, MR4, 4)
#define FAMILY_MR MR4
#include "tile_family.inl.h"
#undef TILE_NAME
#undef TILE_TEMPLATE
#undef TILE_TYPE

#define WINOGRAD_M 2
#define WINOGRAD_R 3
#include "winograd.inl.h"
#define WINOGRAD_M 4
#define WINOGRAD_R 3
#include "winograd.inl.h"
#define WINOGRAD_M 2
#define WINOGRAD_R 5
#include "winograd.inl.h"
#endif

#if defined(IMAGE_SUMS) && !defined(NHWC_INTEGER)
#include "images_kernels.inl.h"
#endif

#ifndef NHWC_INTEGER
#define TILE_TEMPLATE "row_tile.inl.h"
#define TILE_TYPE nhwc_row_tile
#define SPREAD 1
#include "row.inl.h"
#if VL >= 4
#define SPREAD 2
#include "row.inl.h"
#endif
#if VL >= 8
#define SPREAD 4
#include "row.inl.h"
#endif
#if VL >= 16
#define SPREAD 8
#include "row.inl.h"
#endif
#undef TILE_TEMPLATE
#undef TILE_TYPE
#endif

#ifdef WITH_ALL_OPERATIONS
#include "filter_grad_kernels.inl.h"
#endif

#define ROW_FAMILY(op, mr, nv) {FAMILY_NAME(op, mr, nv), mr, (nv) * VL}
#define SPREAD_FAMILIES(op) {{0}, ROW_FAMILY(op, MR1, 1), {0}, ROW_FAMILY(op, MR3, 3), {0}}

static const nhwc_kernels
    LOCAL(kernels) =
        {
            .lanes = VL,
            .preferred_vectors = PREFERRED_VECTORS,
            .direct = {{0},
                       {FAMILY_NAME(direct, MR1, 1), MR1, 1 * VL},
                       {FAMILY_NAME(direct, MR2, 2), MR2, 2 * VL},
                       {FAMILY_NAME(direct, MR3, 3), MR3, 3 * VL},
                       {FAMILY_NAME(direct, MR4, 4), MR4, 4 * VL}},
#ifdef LINES1
            .lines = {{0},
                      {FAMILY_NAME(line, LINES1, 1), LINES1, 1 * VL},
                      {FAMILY_NAME(line, LINES2, 2), LINES2, 2 * VL},
                      {FAMILY_NAME(line, LINES3, 3), LINES3, 3 * VL}},
#endif
            .depthwise = {FAMILY_NAME(depthwise, MR1, 1), MR1, 1 * VL},
            .depthwise_tail = {FAMILY_NAME(depthwise_tail, MR1, 1), MR1, 1 * VL},
            .convert = &LOCAL(conversions),
#ifndef NHWC_INTEGER
            .rows = {.columns = DEPTHWISE_COLUMNS,
                     .run = {KERNEL(depthwise_any), KERNEL(depthwise_s1)},
                     .taps_of_two = DEPTHWISE_COLUMNS >= 14 ? 7 : 3,
                     .in_place = {[1] = {[3] = KERNEL(depthwise_in_place_3s1),
                                         [5] = KERNEL(depthwise_in_place_5s1),
                                         [7] = KERNEL(depthwise_in_place_7s1)},
                                  [2] = {[3] = KERNEL(depthwise_in_place_3s2),
                                         [5] = KERNEL(depthwise_in_place_5s2),
                                         [7] = KERNEL(depthwise_in_place_7s2)}},
                     .fill = KERNEL(depthwise_fill),
                     .repeat = KERNEL(depthwise_repeat)},
            .row =
                {
                    {{0},
                     ROW_FAMILY(row1, MR1, 1),
                     ROW_FAMILY(row1, MR2, 2),
                     ROW_FAMILY(row1, MR3, 3),
                     ROW_FAMILY(row1, MR4, 4)},
#if VL >= 4
                    SPREAD_FAMILIES(row2),
#endif
#if VL >= 8
                    SPREAD_FAMILIES(row4),
#endif
#if VL >= 16
                    SPREAD_FAMILIES(row8),
#endif
                },
#ifdef MR_TAPS
            .row_taps =
                {
#ifdef MR_TAPS2
                    {{0}, ROW_FAMILY(row_taps1, MR_TAPS, 1), ROW_FAMILY(row_taps1, MR_TAPS2, 2)},
#else
                    {{0}, ROW_FAMILY(row_taps1, MR_TAPS, 1)},
#endif
#if VL >= 4
                    {{0}, ROW_FAMILY(row_taps2, MR_TAPS, 1)},
#endif
#if VL >= 8
                    {{0}, ROW_FAMILY(row_taps4, MR_TAPS, 1)},
#endif
#if VL >= 16
                    {{0}, ROW_FAMILY(row_taps8, MR_TAPS, 1)},
#endif
                },
#endif
            .spread =
                {
                    KERNEL(spread1),
#if VL >= 4
                    KERNEL(spread2),
#endif
#if VL >= 8
                    KERNEL(spread4),
#endif
#if VL >= 16
                    KERNEL(spread8),
#endif
                },
            .activate = KERNEL(activate),
            .all_finite = KERNEL(all_finite),
#ifdef WITH_WINOGRAD
            .product = {{0},
                        {FAMILY_NAME(product, MR1, 1), MR1, 1 * VL},
                        {FAMILY_NAME(product, MR2, 2), MR2, 2 * VL},
                        {FAMILY_NAME(product, MR3, 3), MR3, 3 * VL},
                        {FAMILY_NAME(product, MR4, 4), MR4, 4 * VL}},
            .winograd = {{KERNEL(winograd_f2_input), KERNEL(winograd_f2_output), KERNEL(winograd_f2_filters)},
                         {KERNEL(winograd_f4_input), KERNEL(winograd_f4_output), KERNEL(winograd_f4_filters)},
                         {KERNEL(winograd_f4_input), KERNEL(winograd_f2_5x5_output), KERNEL(winograd_f2_5x5_filters)}},
#endif
            .fma_work = LOCAL(fma_work),
#endif
#if defined(IMAGE_SUMS) && !defined(NHWC_INTEGER)
            .images = &LOCAL(images),
#endif
#ifndef NHWC_INTEGER
            .overlap = KERNEL(overlap),
            .sum_windows = KERNEL(sum_windows),
#endif
#ifdef WITH_ALL_OPERATIONS
            .turn = KERNEL(turn),
            .grad = &LOCAL(grad),
            .max_windows = KERNEL(max_windows),
            .max_grad = KERNEL(max_grad),
#endif
};

#undef WITH_ALL_OPERATIONS
#undef WITH_WINOGRAD
#undef MR_TAPS
#undef MR_TAPS2
#undef LINES1
#undef LINES2
#undef LINES3
#undef ROW_FAMILY
#undef SPREAD_FAMILIES
#undef NHWC_DTYPE
#undef MR1
#undef MR2
#undef MR3
#undef MR4
