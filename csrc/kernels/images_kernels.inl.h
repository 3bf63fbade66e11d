/* The kernels of images with few filters, and their table: the tiles, and moving between planes and interleaved
   channels. Included with IMAGE_SUMS and the names of kernels/template.h set. */

#define NV 1
#include "images_family.inl.h"
#define NV 2
#include "images_family.inl.h"
#define NV 4
#include "images_family.inl.h"
#if IMAGE_SUMS >= 24
#define NV 8
#include "images_family.inl.h"
#endif

/* ---- From planes to interleaved filters -------------------------------------------------------------------------- */

/* 5 to 8 filters: as 8, the last one repeated, then each pixel over the end of the one before. */
static inline void LOCAL(join_many)(const ELEM *from, int64_t pitch, int64_t filters, ELEM *to) {
    ELEM wide[8 * VL];
    const ELEM *high = from + 4 * pitch;
    const int64_t last = (filters - 5) * pitch, after5 = filters > 5 ? pitch : last;
    const VEC v[8] = {
        V(load)(from),
        V(load)(from + pitch),
        V(load)(from + 2 * pitch),
        V(load)(from + 3 * pitch),
        V(load)(high),
        V(load)(high + after5),
        V(load)(high + (filters > 6 ? 2 * pitch : last)),
        V(load)(high + last),
    };
    if (filters == 8) {
        LOCAL(interleave8)(v, to);
        return;
    }
    LOCAL(interleave8)(v, wide);
    for (int64_t j = 0; j < VL; j++) {
        memcpy(to + j * filters, wide + j * 8, 8 * sizeof(ELEM));
    }
}

static void LOCAL(join)(const void *sums, int64_t pitch, int64_t filters, int64_t n, void *line) {
    ELEM *to = line;
    for (int64_t j = 0; j < n; j += VL, to += filters * VL) {
        const ELEM *p = (const ELEM *)sums + j;
        if (filters == 2) {
            LOCAL(interleave2)(V(load)(p), V(load)(p + pitch), to);
        } else if (filters == 3) {
            VEC v[3] = {V(load)(p), V(load)(p + pitch), V(load)(p + 2 * pitch)};
            V(store3)(to, v);
        } else if (filters == 4) {
            LOCAL(interleave4)(V(load)(p), V(load)(p + pitch), V(load)(p + 2 * pitch), V(load)(p + 3 * pitch), to);
        } else {
            LOCAL(join_many)(p, pitch, filters, to);
        }
    }
}

static void LOCAL(finish)(const void *line, const void *residual, void *out, int64_t n, const void *clamp) {
    const ELEM *from = line, *add = residual, *bounds = clamp;
    ELEM *to = out;
    for (int64_t i = 0; i < n; i += VL) {
        const bool whole = i + VL <= n;
        VEC y = V(load)(from + i);
        if (add) {
            y = V(add)(y, whole ? V(load)(add + i) : V(load_n)(add + i, n - i));
        }
        if (bounds) {
            y = V(min)(V(set1)(bounds[1]), V(max)(V(set1)(bounds[0]), y));
        }
        if (whole) {
            V(store)(to + i, y);
        } else {
            V(store_n)(to + i, y, n - i);
        }
    }
}

/* ---- From interleaved channels to planes ------------------------------------------------------------------------- */

/* v[i] = the elements i, i + ways, ... of p, ways * VL elements in all. */
static inline void LOCAL(take_1)(const ELEM *p, VEC *v) { v[0] = V(load)(p); }
static inline void LOCAL(take_3)(const ELEM *p, VEC *v) { V(load3)(p, v); }

/* The same with twice the ways, from both halves of p: every other element of a way that is twice as close. */
#define TAKE_TWICE(ways, twice)                                                                                        \
    static inline void LOCAL(take_##twice)(const ELEM *p, VEC *v) {                                                    \
        VEC a[ways], b[ways];                                                                                          \
        LOCAL(take_##ways)(p, a);                                                                                      \
        LOCAL(take_##ways)(p + ways * VL, b);                                                                          \
        UNROLLED                                                                                                       \
        for (int i = 0; i < ways; i++) {                                                                               \
            v[i] = V(unzip_lo)(a[i], b[i]);                                                                            \
            v[i + ways] = V(unzip_hi)(a[i], b[i]);                                                                     \
        }                                                                                                              \
    }
TAKE_TWICE(1, 2)
TAKE_TWICE(2, 4)
TAKE_TWICE(3, 6)
TAKE_TWICE(4, 8)

/* Inlined with a constant number of ways; returns how many columns it did, whole vectors. */
static inline __attribute__((always_inline)) int64_t LOCAL(split_by)(void (*take)(const ELEM *, VEC *), int ways,
                                                                     const ELEM *x, int64_t n, ELEM *y, int64_t pitch) {
    int64_t j = 0;
    for (; j + VL <= n; j += VL) {
        VEC v[8];
        take(x + ways * j, v);
        UNROLLED
        for (int i = 0; i < ways; i++) {
            V(store)(y + i * pitch + j, v[i]);
        }
    }
    return j;
}

static void LOCAL(split)(const void *from, int64_t ways, int64_t n, void *to, int64_t pitch) {
    const ELEM *x = from;
    ELEM *y = to;
    int64_t done = 0;
    switch (ways) {
    case 1:
        done = LOCAL(split_by)(LOCAL(take_1), 1, x, n, y, pitch);
        break;
    case 2:
        done = LOCAL(split_by)(LOCAL(take_2), 2, x, n, y, pitch);
        break;
    case 3:
        done = LOCAL(split_by)(LOCAL(take_3), 3, x, n, y, pitch);
        break;
    case 4:
        done = LOCAL(split_by)(LOCAL(take_4), 4, x, n, y, pitch);
        break;
    case 6:
        done = LOCAL(split_by)(LOCAL(take_6), 6, x, n, y, pitch);
        break;
    case 8:
        done = LOCAL(split_by)(LOCAL(take_8), 8, x, n, y, pitch);
        break;
    }
    for (int64_t i = 0; i < ways; i++) {
        for (int64_t j = done; j < n; j++) {
            y[i * pitch + j] = x[j * ways + i];
        }
    }
}

#undef TAKE_TWICE

/* ---- The table --------------------------------------------------------------------------------------------------- */

#define ROWS_OF(mr, nv) IMAGE_KERNEL(image_rows, NHWC_DTYPE, mr, nv)
#define FILTERS_OF(mr, nv) IMAGE_KERNEL(image_filters, NHWC_DTYPE, mr, nv)
#if IMAGE_SUMS >= 24
#define IF_24(kernel) kernel
#else
#define IF_24(kernel) NULL
#endif
static const nhwc_image_kernels LOCAL(images) = {
    .rows = {{0},
             {ROWS_OF(1, 1), ROWS_OF(1, 2), ROWS_OF(1, 4), IF_24(ROWS_OF(1, 8))},
             {ROWS_OF(2, 1), ROWS_OF(2, 2), ROWS_OF(2, 4), IF_24(ROWS_OF(2, 8))},
             {ROWS_OF(3, 1), ROWS_OF(3, 2), ROWS_OF(3, 4), IF_24(ROWS_OF(3, 8))},
             {ROWS_OF(4, 1), ROWS_OF(4, 2), IF_24(ROWS_OF(4, 4)), NULL},
             {ROWS_OF(5, 1), ROWS_OF(5, 2), IF_24(ROWS_OF(5, 4)), NULL},
             {ROWS_OF(6, 1), ROWS_OF(6, 2), IF_24(ROWS_OF(6, 4)), NULL}},
    .filters = {{0},
                {0},
                {FILTERS_OF(2, 1), FILTERS_OF(2, 2), FILTERS_OF(2, 4), IF_24(FILTERS_OF(2, 8))},
                {FILTERS_OF(3, 1), FILTERS_OF(3, 2), FILTERS_OF(3, 4), IF_24(FILTERS_OF(3, 8))},
                {FILTERS_OF(4, 1), FILTERS_OF(4, 2), IF_24(FILTERS_OF(4, 4)), NULL},
                {FILTERS_OF(5, 1), FILTERS_OF(5, 2), IF_24(FILTERS_OF(5, 4)), NULL},
                {FILTERS_OF(6, 1), FILTERS_OF(6, 2), IF_24(FILTERS_OF(6, 4)), NULL},
                {FILTERS_OF(7, 1), IF_24(FILTERS_OF(7, 2)), NULL, NULL},
                {FILTERS_OF(8, 1), IF_24(FILTERS_OF(8, 2)), NULL, NULL}},
    .join = LOCAL(join),
    .finish = LOCAL(finish),
    .split = LOCAL(split),
};
#undef ROWS_OF
#undef FILTERS_OF
#undef IF_24
