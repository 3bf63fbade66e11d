/* The row tiles in which SPREAD convolution groups share a vector, and the copy that interleaves these groups.
   Included with SPREAD and what kernels.inl.h has set; unsets SPREAD. Blocks of one group have 1 .. 4 vectors; of
   several groups one or three, since another number would serve a smaller SPREAD as well. */

#define SPREAD_PASTE_(op, n) op##n
#define SPREAD_PASTE(op, n) SPREAD_PASTE_(op, n)
#define SPREAD_NAME(op) SPREAD_PASTE(op, SPREAD)
#define LANES (VL / SPREAD) /* of each group in a vector */

/* LANES channels at a time, which fill a vector; one at a time where groups are missing, and for a tail. */
static void KERNEL(SPREAD_NAME(spread))(void *to_, const void *from_, int64_t pixels, int64_t pitch, int64_t channels,
                                        int64_t groups) {
    ELEM *to = to_;
    const ELEM *from = from_;
#if SPREAD > 1
    for (; channels == LANES && groups == SPREAD && pixels > 0; pixels--, from += pitch, to += VL) {
        V(store)(to, VN(interleave, SPREAD)(V(load)(from)));
    }
#endif
    for (int64_t i = 0; i < pixels; i++, from += pitch, to += channels * SPREAD) {
        int64_t c = 0;
#if SPREAD == 1
        for (; c + VL <= channels; c += VL) {
            V(store)(to + c, V(load)(from + c));
        }
        V(store_n)(to + c, V(load_n)(from + c, channels - c), channels - c);
#else
        for (; groups == SPREAD && c + LANES <= channels; c += LANES) {
            VEC v = V(zero)();
            for (int g = 0; g < SPREAD; g++) {
                v = V(add)(v, V(load_part)(from + g * channels + c, g * LANES, LANES));
            }
            V(store)(to + c * SPREAD, VN(interleave, SPREAD)(v));
        }
        for (; c < channels; c++) {
            for (int g = 0; g < SPREAD; g++) {
                to[c * SPREAD + g] = g < groups ? from[g * channels + c] : 0;
            }
        }
#endif
    }
}

#if SPREAD > 1
/* The end of a tile of mr x nv sums in t->partial whose groups are not neighbours, or not so many. A function of its
   own, so that the kernels stay small. */
static __attribute__((noinline)) void LOCAL(SPREAD_NAME(finish))(const nhwc_row_tile *t, const ELEM *residual,
                                                                 ELEM *out, int mr, int nv) {
    const ELEM *partial = t->partial, *clamp = t->clamp;
    for (int r = 0; r < mr; r++, residual += t->out_pitch, out += t->out_pitch) {
        for (int v = 0; v < nv; v++, partial += VL) {
            const int live = t->live - v * LANES < LANES ? (int)t->live - v * LANES : LANES;
            VEC sum = VN(deinterleave, SPREAD)(V(load)(partial));
            for (int64_t g = 0; t->residual && g < t->groups; g++) {
                const ELEM *from = residual + g * t->group_pitch + v * LANES;
                sum = V(add)(sum, V(load_part)(from, (int)g * LANES, live));
            }
            if (clamp) {
                sum = V(min)(V(set1)(clamp[1]), V(max)(V(set1)(clamp[0]), sum));
            }
            for (int64_t g = 0; g < t->groups; g++) {
                V(store_part)(out + g * t->group_pitch + v * LANES, sum, (int)g * LANES, live);
            }
        }
    }
}
#endif

#define TILE_NAME SPREAD_NAME(row)
#define TAPS 1
#define NV 1
#define FAMILY FAMILY_NAME(TILE_NAME, MR1, 1)
#define FAMILY_MR MR1
#include "tile_family.inl.h"
#if SPREAD == 1
#define NV 2
#define FAMILY FAMILY_NAME(TILE_NAME, MR2, 2)
#define FAMILY_MR MR2
#include "tile_family.inl.h"
#endif
#define NV 3
#define FAMILY FAMILY_NAME(TILE_NAME, MR3, 3)
#define FAMILY_MR MR3
#include "tile_family.inl.h"
#if SPREAD == 1
#define NV 4
#define FAMILY FAMILY_NAME(TILE_NAME, MR4, 4)
#define FAMILY_MR MR4
#include "tile_family.inl.h"
#endif

#undef TILE_NAME
#undef TAPS

#ifdef MR_TAPS
#define TILE_NAME SPREAD_NAME(row_taps)
#define TAPS 3
#define NV 1
#define FAMILY FAMILY_NAME(TILE_NAME, MR_TAPS, 1)
#define FAMILY_MR MR_TAPS
#include "tile_family.inl.h"
#if SPREAD == 1 && defined(MR_TAPS2)
#define NV 2
#define FAMILY FAMILY_NAME(TILE_NAME, MR_TAPS2, 2)
#define FAMILY_MR MR_TAPS2
#include "tile_family.inl.h"
#endif
#undef TILE_NAME
#undef TAPS
#endif

#undef SPREAD_PASTE_
#undef SPREAD_PASTE
#undef SPREAD_NAME
#undef LANES
#undef SPREAD
