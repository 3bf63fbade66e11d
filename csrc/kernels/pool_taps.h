/* The taps of pooling's windows: their offsets, some at a time, and a case for each number of them. */
#ifndef NHWC_KERNELS_POOL_TAPS_H
#define NHWC_KERNELS_POOL_TAPS_H

#include "kernels.h"

/* How far a window's taps are done. */
typedef struct {
    int64_t depth, row, column;
} nhwc_tap;

/* The offsets of the next taps in row order, NHWC_POOL_CHAIN at most; returns their number. */
static inline int nhwc_next_taps(const nhwc_windows *t, nhwc_tap *at, int64_t *offsets) {
    int count = 0;
    for (; at->depth < t->depths; at->depth++, at->row = 0) {
        for (; at->row < t->rows; at->row++, at->column = 0) {
            const int64_t row = at->depth * t->depth_pitch + at->row * t->row_pitch;
            for (; at->column < t->columns; at->column++) {
                if (count == NHWC_POOL_CHAIN) {
                    return count;
                }
                offsets[count++] = row + at->column * t->column_pitch;
            }
        }
    }
    return count;
}

#define NHWC_TAP_COUNTS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)

/* Vectors of channels that wait in the first-level cache while a long window's taps go by. */
enum { NHWC_POOL_LINE = 96 };

#endif
