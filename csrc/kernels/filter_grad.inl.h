/* One register tile of a dense filter gradient: MR inputs that are neighbours in memory by NV vectors of filters,
   summed over pixels.

   Included with MR, NV and the names of kernels/template.h set. Contract: nhwc_grad_tile of kernels.h. Rows of dy are
   packed, whole and filled with zeros, so only sums has a tail, of `live` filters.

       for chunk of NHWC_GRAD_CHUNK pixels:
           c[MR][NV] = 0
           for pixel of chunk:
               w[NV] = the pixel's row of dy
               c[i][v] += x[pixel][i] * w[v]
           partial += c
       sums (+)= partial

   Each pixel brings the place of its input and of its row of dy, so borders, strides, row ends and images are all the
   same loop, without a branch that could be mispredicted at the end of a short row. Registers: MR * NV accumulators, NV
   vectors of dy and one input. The order of the sum is that of the pixels, for every MR and NV. */

#include "repeat.h"

#define GRAD_PASTE_(dtype, mr, nv) grad_##dtype##_##mr##_##nv
#define GRAD_PASTE(dtype, mr, nv) GRAD_PASTE_(dtype, mr, nv)

static void GRAD_PASTE(NHWC_DTYPE, MR, NV)(const nhwc_grad_tile *t) {
    enum { NR = NV * VL };
    const ELEM *x = t->x, *dy = t->dy;
    ELEM *partial = t->partial;
    const nhwc_grad_pixel *pixel = t->pixels, *const end = pixel + t->count;
    bool first = true;
#define DECLARE(r, v) VEC c##r##_##v = V(zero)();
#define DECLARE_ROW(r) COLUMNS(DECLARE, r)
    ROWS(DECLARE_ROW)
    while (pixel < end) {
        const nhwc_grad_pixel *const stop = end - pixel > NHWC_GRAD_CHUNK ? pixel + NHWC_GRAD_CHUNK : end;
        REDUCTION_LOOP
        for (; pixel < stop; pixel++) {
            const ELEM *a = x + pixel->x, *b = dy + pixel->dy * NR;
#define LOAD_ROW(r, v) const VEC w##v = V(load)(b + v * VL);
            COLUMNS(LOAD_ROW, 0)
#define MULTIPLY(r, v) c##r##_##v = V(fma)(input, w##v, c##r##_##v);
#define MULTIPLY_ROW(r)                                                                                                \
    {                                                                                                                  \
        const VEC input = V(set1)(a[r]);                                                                               \
        COLUMNS(MULTIPLY, r)                                                                                           \
    }
            ROWS(MULTIPLY_ROW)
        }
        if (!first) {
#define ADD_PARTIAL(r, v) c##r##_##v = V(add)(V(load)(partial + r * NR + v * VL), c##r##_##v);
#define ADD_PARTIAL_ROW(r) COLUMNS(ADD_PARTIAL, r)
            ROWS(ADD_PARTIAL_ROW)
        }
        if (pixel < end) {
#define SAVE_PARTIAL(r, v) V(store)(partial + r * NR + v * VL, c##r##_##v), c##r##_##v = V(zero)();
#define SAVE_PARTIAL_ROW(r) COLUMNS(SAVE_PARTIAL, r)
            ROWS(SAVE_PARTIAL_ROW)
        }
        first = false;
    }

    ELEM *sums = t->sums;
    const int64_t pitch = t->pitch, tail = t->live - (NV - 1) * VL;
#define IS_TAIL(v) (v == NV - 1 && tail < VL)
#define ADD_SUM(r, v)                                                                                                  \
    c##r##_##v = V(add)(IS_TAIL(v) ? V(load_n)(sums + r * pitch + v * VL, tail) : V(load)(sums + r * pitch + v * VL),  \
                        c##r##_##v);
#define ADD_SUM_ROW(r) COLUMNS(ADD_SUM, r)
    if (t->add) {
        ROWS(ADD_SUM_ROW)
    }
#define SAVE_SUM(r, v)                                                                                                 \
    if (IS_TAIL(v)) {                                                                                                  \
        V(store_n)(sums + r * pitch + v * VL, c##r##_##v, tail);                                                       \
    } else {                                                                                                           \
        V(store)(sums + r * pitch + v * VL, c##r##_##v);                                                               \
    }
#define SAVE_SUM_ROW(r) COLUMNS(SAVE_SUM, r)
    ROWS(SAVE_SUM_ROW)

#undef DECLARE
#undef DECLARE_ROW
#undef LOAD_ROW
#undef MULTIPLY
#undef MULTIPLY_ROW
#undef ADD_PARTIAL
#undef ADD_PARTIAL_ROW
#undef SAVE_PARTIAL
#undef SAVE_PARTIAL_ROW
#undef IS_TAIL
#undef ADD_SUM
#undef ADD_SUM_ROW
#undef SAVE_SUM
#undef SAVE_SUM_ROW
}

#undef GRAD_PASTE
#undef GRAD_PASTE_
