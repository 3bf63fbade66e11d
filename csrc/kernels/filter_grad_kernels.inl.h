/* The filter gradient's kernels of one dtype and instruction set, and their table. Included by kernels.inl.h. */

#ifndef GRAD_MR2 /* of the register tiles by two and three vectors of filters */
#define GRAD_MR2 MR2
#define GRAD_MR3 MR3
#endif

#define TILE_TEMPLATE "filter_grad.inl.h"
#define TILE_TYPE nhwc_grad_tile
#define TILE_NAME grad
#define NV 1
#define FAMILY FAMILY_NAME(grad, MR1, 1)
#define FAMILY_MR MR1
#include "tile_family.inl.h"
#define NV 2
#define FAMILY FAMILY_NAME(grad, GRAD_MR2, 2)
#define FAMILY_MR GRAD_MR2
#include "tile_family.inl.h"
#define NV 3
#define FAMILY FAMILY_NAME(grad, GRAD_MR3, 3)
#define FAMILY_MR GRAD_MR3
#include "tile_family.inl.h"
#undef TILE_NAME
#undef TILE_TEMPLATE
#undef TILE_TYPE

#include "filter_grad_lanes.inl.h"

/* `live` filters of each pixel, from where pixels are `pitch` elements apart, to rows of nr, the rest zeros. */
static void KERNEL(grad_pack)(void *to_, const void *from_, int64_t pixels, int64_t pitch, int64_t live, int64_t nr) {
    ELEM *to = to_;
    const ELEM *from = from_;
    const int64_t tail = live - (nr - VL);
    for (int64_t i = 0; i < pixels; i++, from += pitch, to += nr) {
        for (int64_t v = 0; v + VL < nr; v += VL) {
            V(store)(to + v, V(load)(from + v));
        }
        V(store)(to + nr - VL, V(load_n)(from + nr - VL, tail));
    }
}

static void KERNEL(grad_add)(void *to_, const void *from_, int64_t n) {
    ELEM *to = to_;
    const ELEM *from = from_;
    for (; n >= VL; n -= VL, to += VL, from += VL) {
        V(store)(to, V(add)(V(load)(to), V(load)(from)));
    }
    V(store_n)(to, V(add)(V(load_n)(to, n), V(load_n)(from, n)), n);
}

static const nhwc_grad_kernels LOCAL(grad) = {
    .tile = {{0},
             {FAMILY_NAME(grad, MR1, 1), MR1, 1 * VL},
             {FAMILY_NAME(grad, GRAD_MR2, 2), GRAD_MR2, 2 * VL},
             {FAMILY_NAME(grad, GRAD_MR3, 3), GRAD_MR3, 3 * VL}},
    .pack = KERNEL(grad_pack),
    .lanes = KERNEL(grad_lanes),
    .fill = KERNEL(grad_fill),
    .add = KERNEL(grad_add),
};
