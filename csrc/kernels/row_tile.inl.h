/* Register tiles of MR neighbouring pixels of an output row by NV vectors: the template behind the rows method.

   Included with MR, NV, SPREAD, TAPS and the names of kernels/template.h set. SPREAD convolution groups share each
   vector.

       for tile of MR pixels:
           c[MR][NV] = bias
           for segment:                                a run of consecutive inputs, at the same offset for every pixel
               for k < length, k += SPREAD:
                   w[NV] = filters; filters += filter_pitch
                   a = x[i * pixel_pitch + offset + k ...] SPREAD values, repeated over the vector
                   c[i][v] += a * w[v]
               if the segment ends a chunk: partial += c, c = 0
               if it ends a block of chunks: totals += partial, partial = 0
           out[i] = clamp(c + partial + totals + residual)

   Lane l * SPREAD + g of vector v is filter v * VL / SPREAD + l of group g, in the packed filters, the bias and the
   accumulators: repeating a few values is what a load does at no cost, so one multiply-add serves every lane. Results
   are put in order when they are stored.
   TAPS is 1, or 3 for up to two vectors and taps that are neighbouring pixels, whose filters stand together for each
   channel: then an input is loaded once for the three results that it enters. Loads would bound a single vector, and
   lower the clock with two.

       for k:  w[3][NV] = filters; filters += filter_pitch
               c[i][v] += a[i] * w[0][v], a[i + 1] * w[1][v], a[i + 2] * w[2][v]

   Registers: MR * NV accumulators, NV filters and one input, or 3 * NV filters and three inputs. The order of the sum
   is that of k and the chunks for every MR and NV, so the bits do not depend on how pixels are cut into tiles. */

#include "repeat.h"

#define TILE_PASTE_(op, dtype, mr, nv) op##_##dtype##_##mr##_##nv
#define TILE_PASTE(op, dtype, mr, nv) TILE_PASTE_(op, dtype, mr, nv)

static void TILE_PASTE(TILE_NAME, NHWC_DTYPE, MR, NV)(const nhwc_row_tile *t) {
    enum { NR = NV * VL };
    const ELEM *x = t->x, *residual = t->residual ? t->residual : t->out;
    ELEM *out = t->out;
    const int64_t filter_pitch = t->filter_pitch, pitch = t->out_pitch, step = MR * pitch;
    const int64_t last_live = t->live - (NV - 1) * VL; /* of one group: only the last vector may be a part */
    const bool whole = SPREAD == 1 ? last_live == VL : NV == 1 && t->groups == SPREAD && t->live * SPREAD == VL;
#define POINT(r) const int64_t p##r = (r + TAPS - 1) * t->pixel_pitch;
    ROWS(POINT)
    for (int64_t n = t->tiles; n > 0; n--, x += MR * t->pixel_pitch, out += step, residual += step) {
        const ELEM *filters = t->filters;
        ELEM *partial = t->partial, *totals = partial + MR * NR;
        bool empty = true, no_totals = true;

#define LOAD_BIAS(r, v) const VEC b##v = V(load)((const ELEM *)t->bias + v * VL);
        COLUMNS(LOAD_BIAS, 0)
#define DECLARE(r, v) VEC c##r##_##v = b##v;
#define DECLARE_ROW(r) COLUMNS(DECLARE, r)
        ROWS(DECLARE_ROW)
#define PREFETCH(r, v) __builtin_prefetch(out + r * pitch + v * VL, 1);
#define PREFETCH_ROW(r) COLUMNS(PREFETCH, r)
        ROWS(PREFETCH_ROW)

        const nhwc_segment *end = t->segments + t->segment_count;
        for (const nhwc_segment *s = t->segments; s < end; s++) {
#if SPREAD == 1
#define LOAD_INPUT(p) V(set1)(*(p))
#else
#define LOAD_INPUT(p) VN(broadcast, SPREAD)(p)
#endif
            const ELEM *k = x + s->offset, *last = k + s->length;
            for (; k < last; k += SPREAD) {
#if TAPS == 1
#define LOAD_FILTERS(r, v) const VEC w##v = V(load)(filters + v * VL);
                COLUMNS(LOAD_FILTERS, 0)
#define MULTIPLY(r, v) c##r##_##v = V(fma)(a, w##v, c##r##_##v);
#define MULTIPLY_ROW(r)                                                                                                \
    {                                                                                                                  \
        const VEC a = LOAD_INPUT(k + p##r);                                                                            \
        COLUMNS(MULTIPLY, r)                                                                                           \
    }
                ROWS(MULTIPLY_ROW)
#else
#define LOAD_FILTERS(r, v)                                                                                             \
    const VEC w0_##v = V(load)(filters + v * VL), w1_##v = V(load)(filters + NR + v * VL);                             \
    const VEC w2_##v = V(load)(filters + 2 * NR + v * VL);
                COLUMNS(LOAD_FILTERS, 0)
                VEC a0 = LOAD_INPUT(k), a1 = LOAD_INPUT(k + t->pixel_pitch);
#define MULTIPLY_0(r, v) c##r##_##v = V(fma)(a0, w0_##v, c##r##_##v);
#define MULTIPLY_1(r, v) c##r##_##v = V(fma)(a1, w1_##v, c##r##_##v);
#define MULTIPLY_2(r, v) c##r##_##v = V(fma)(a2, w2_##v, c##r##_##v);
#define MULTIPLY_ROW(r)                                                                                                \
    {                                                                                                                  \
        const VEC a2 = LOAD_INPUT(k + p##r);                                                                           \
        COLUMNS(MULTIPLY_0, r)                                                                                         \
        COLUMNS(MULTIPLY_1, r)                                                                                         \
        COLUMNS(MULTIPLY_2, r)                                                                                         \
        a0 = a1;                                                                                                       \
        a1 = a2;                                                                                                       \
    }
                ROWS(MULTIPLY_ROW)
#endif
                filters += filter_pitch;
            }
            if (s->ends && s + 1 < end) {
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

#if SPREAD > 1
        if (!whole) {
            ROWS(SAVE_ROW)
            LOCAL(SPREAD_NAME(finish))(t, residual, out, MR, NV);
            continue;
        }
#define ORDER(r, v) c##r##_##v = VN(deinterleave, SPREAD)(c##r##_##v);
#define ORDER_ROW(r) COLUMNS(ORDER, r)
        ROWS(ORDER_ROW)
#endif
        if (t->residual) {
#define LOAD_RESIDUAL(p, v) (v < NV - 1 || whole ? V(load)(p) : V(load_n)(p, last_live))
#define ADD_RESIDUAL(r, v) c##r##_##v = V(add)(c##r##_##v, LOAD_RESIDUAL(residual + r * pitch + v * VL, v));
#define ADD_RESIDUAL_ROW(r) COLUMNS(ADD_RESIDUAL, r)
            ROWS(ADD_RESIDUAL_ROW)
        }
        if (t->clamp) {
            const VEC low = V(set1)(((const ELEM *)t->clamp)[0]), high = V(set1)(((const ELEM *)t->clamp)[1]);
#define CLAMP(r, v) c##r##_##v = V(min)(high, V(max)(low, c##r##_##v));
#define CLAMP_ROW(r) COLUMNS(CLAMP, r)
            ROWS(CLAMP_ROW)
        }
#define WRITE(r, v) V(store)(out + r * pitch + v * VL, c##r##_##v);
#define WRITE_ROW(r) COLUMNS(WRITE, r)
#define WRITE_PART(r, v)                                                                                               \
    if (v < NV - 1) {                                                                                                  \
        WRITE(r, v)                                                                                                    \
    } else {                                                                                                           \
        V(store_n)(out + r * pitch + v * VL, c##r##_##v, last_live);                                                   \
    }
#define WRITE_PART_ROW(r) COLUMNS(WRITE_PART, r)
        if (whole || SPREAD > 1) {
            ROWS(WRITE_ROW)
        } else {
            ROWS(WRITE_PART_ROW)
        }
    }

#undef POINT
#undef LOAD_BIAS
#undef DECLARE
#undef DECLARE_ROW
#undef LOAD_INPUT
#undef LOAD_FILTERS
#undef MULTIPLY
#undef MULTIPLY_0
#undef MULTIPLY_1
#undef MULTIPLY_2
#undef MULTIPLY_ROW
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
#undef ORDER
#undef ORDER_ROW
#undef LOAD_RESIDUAL
#undef ADD_RESIDUAL
#undef ADD_RESIDUAL_ROW
#undef CLAMP
#undef CLAMP_ROW
#undef WRITE
#undef WRITE_ROW
#undef WRITE_PART
#undef WRITE_PART_ROW
}

#undef TILE_PASTE
#undef TILE_PASTE_
