/* One register tile of MR pixels by NV vectors, dense or depthwise: the template behind every direct kernel.

   Included with MR, NV, TILE_OP (DIRECT, DEPTHWISE or DEPTHWISE_TAIL) and the names of kernels/template.h set.

       c[MR][NV] = 0
       for segment:                                    a run of consecutive inputs, one pointer a pixel
           for k < length:                             direct: an input's value times a row of NR filters
               w[NV] = filters of input number s->input + k
               c[i][v] += pixel[i][k] * w[v]           depthwise: NR channels times their own filters, length is 1
           if the segment ends a chunk: partial += c, c = 0
           if it ends a block of chunks: totals += partial, partial = 0
       out[i] = clamp(c + partial + totals + bias + residual)

   Registers: MR * NV accumulators, NV filters and one input (the broadcast or the vector). The order of the sum is
   that of k and the chunks for every MR and NV, so the bits do not depend on how pixels are cut into tiles. */

#include "repeat.h"

#define TILE_PASTE_(op, dtype, mr, nv) op##_##dtype##_##mr##_##nv
#define TILE_PASTE(op, dtype, mr, nv) TILE_PASTE_(op, dtype, mr, nv)

static void TILE_PASTE(TILE_NAME, NHWC_DTYPE, MR, NV)(const nhwc_tile *t) {
    enum { NR = NV * VL };
    const int64_t filter_pitch = t->filter_pitch;
    ELEM *partial = t->partial, *totals = partial + MR * NR;
    bool empty = true, no_totals = t->first;

#define DECLARE(r, v) VEC c##r##_##v = V(zero)();
#define DECLARE_ROW(r) COLUMNS(DECLARE, r)
    ROWS(DECLARE_ROW)

    const nhwc_segment *end = t->segments + t->segment_count;
    for (const nhwc_segment *s = t->segments; s < end; s++) {
        const int64_t offset = t->channel + s->offset;
        const ELEM *filters = (const ELEM *)t->filters + s->input * filter_pitch;
        const void *const *pointers = t->pixels + s->pointer;
#define POINT(r) const ELEM *p##r = (const ELEM *)pointers[r * t->pixel_pitch] + offset;
        ROWS(POINT)
#define MULTIPLY(r, v) c##r##_##v = V(fma)(LOAD_INPUT(r, v), w##v, c##r##_##v);
#define MULTIPLY_ROW(r) BEGIN_ROW(r) COLUMNS(MULTIPLY, r) END_ROW(r)
#define LOAD_FILTERS(r, v) const VEC w##v = LOAD_PART(filters + v * VL);
#if TILE_OP == DIRECT
#define LOAD_PART(p) V(load)(p)
#define BEGIN_ROW(r)                                                                                                   \
    {                                                                                                                  \
        const VEC a = V(set1)(p##r[k]);
#define END_ROW(r) }
#define LOAD_INPUT(r, v) a
        const int64_t length = s->length;
        REDUCTION_LOOP
        for (int64_t k = 0; k < length; k++) {
            COLUMNS(LOAD_FILTERS, 0)
            ROWS(MULTIPLY_ROW)
            filters += filter_pitch;
        }
#else
#if TILE_OP == DEPTHWISE
#define LOAD_PART(p) V(load)(p)
#else
#define LOAD_PART(p) V(load_n)(p, t->live)
#endif
#define BEGIN_ROW(r)
#define END_ROW(r)
#define LOAD_INPUT(r, v) LOAD_PART(p##r + v * VL)
        COLUMNS(LOAD_FILTERS, 0)
        ROWS(MULTIPLY_ROW)
#endif
        if (s->ends && !(t->last && s + 1 == end)) {
            if (empty) {
#define SAVE(r, v) V(store)(partial + r * NR + v * VL, c##r##_##v);
#define SAVE_ROW(r) COLUMNS(SAVE, r)
                ROWS(SAVE_ROW)
            } else {
#define ADD_TO(r, v) V(store)(partial + r * NR + v * VL, V(add)(V(load)(partial + r * NR + v * VL), c##r##_##v));
#define ADD_TO_ROW(r) COLUMNS(ADD_TO, r)
                ROWS(ADD_TO_ROW)
            }
            empty = s->ends == NHWC_ENDS_BLOCK;
            if (empty) {
                KERNEL_LOCAL(end_block)(totals, partial, MR * NR, no_totals);
                no_totals = false;
            }
#define CLEAR(r, v) c##r##_##v = V(zero)();
#define CLEAR_ROW(r) COLUMNS(CLEAR, r)
            ROWS(CLEAR_ROW)
        }
    }
    if (!t->last) {
        return;
    }
    if (!empty) {
#define ADD_FROM(r, v) c##r##_##v = V(add)(V(load)(partial + r * NR + v * VL), c##r##_##v);
#define ADD_FROM_ROW(r) COLUMNS(ADD_FROM, r)
        ROWS(ADD_FROM_ROW)
    }
    if (!no_totals) {
#define ADD_TOTALS(r, v) c##r##_##v = V(add)(V(load)(totals + r * NR + v * VL), c##r##_##v);
#define ADD_TOTALS_ROW(r) COLUMNS(ADD_TOTALS, r)
        ROWS(ADD_TOTALS_ROW)
    }

    const ELEM *bias = t->bias, *residual = t->residual;
    const VEC low = V(set1)(((const ELEM *)t->clamp)[0]), high = V(set1)(((const ELEM *)t->clamp)[1]);
    ELEM *out = t->out;
    if (t->live == NR) {
#define ADD_BIAS(r, v) c##r##_##v = V(add)(c##r##_##v, V(load)(bias + v * VL));
#define ADD_BIAS_ROW(r) COLUMNS(ADD_BIAS, r)
        ROWS(ADD_BIAS_ROW)
        if (residual) {
#define ADD_RESIDUAL(r, v) c##r##_##v = V(add)(c##r##_##v, V(load)(residual + t->offsets[r] + v * VL));
#define ADD_RESIDUAL_ROW(r) COLUMNS(ADD_RESIDUAL, r)
            ROWS(ADD_RESIDUAL_ROW)
        }
#define WRITE(r, v) V(store)(o + v * VL, V(min)(high, V(max)(low, c##r##_##v)));
#define WRITE_ROW(r)                                                                                                   \
    {                                                                                                                  \
        ELEM *o = out + t->offsets[r];                                                                                 \
        COLUMNS(WRITE, r)                                                                                              \
    }
        ROWS(WRITE_ROW)
    } else {
#define WRITE_PART(r, v) KERNEL_LOCAL(finish_part)(c##r##_##v, t, t->offsets[r], v * VL, low, high);
#define WRITE_PART_ROW(r) COLUMNS(WRITE_PART, r)
        ROWS(WRITE_PART_ROW)
    }

#undef DECLARE
#undef DECLARE_ROW
#undef POINT
#undef MULTIPLY
#undef MULTIPLY_ROW
#undef LOAD_FILTERS
#undef LOAD_PART
#undef BEGIN_ROW
#undef END_ROW
#undef LOAD_INPUT
#undef SAVE
#undef SAVE_ROW
#undef ADD_TO
#undef ADD_TO_ROW
#undef CLEAR
#undef CLEAR_ROW
#undef ADD_FROM
#undef ADD_FROM_ROW
#undef ADD_TOTALS
#undef ADD_TOTALS_ROW
#undef ADD_BIAS
#undef ADD_BIAS_ROW
#undef ADD_RESIDUAL
#undef ADD_RESIDUAL_ROW
#undef WRITE
#undef WRITE_ROW
#undef WRITE_PART
#undef WRITE_PART_ROW
}

#undef TILE_PASTE
#undef TILE_PASTE_
