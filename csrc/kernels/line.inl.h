/* Register tiles of MR neighbouring pixels of an output row by NV vectors, up to three taps at a time.

   Included with MR, NV and the names of kernels/template.h set.

       for chunk of the reduction:
           for tile:                                       the chunk's filters stay in the first-level cache
               c[MR][NV] = 0
               for segment of the chunk:                   channels of `taps` neighbouring taps
                   for k < length:
                       w[taps][NV] = filters of channel k
                       for j < MR + taps - 1:              each pixel that a tap of the tile reads, once
                           c[j - u][v] += x[j][k] * w[u][v] for every tap u with 0 <= j - u < MR
               partial += c, or totals += partial at the end of a block of chunks
               at the end: out[i] = clamp(c + partial + totals + bias + residual)

   What bounds register tiles is loads: of the clock, which falls with each load of a vector, and of filters from the
   second-level cache. A product of MR pixels by NV vectors loads MR + NV values for MR * NV multiply-adds, 10 for 24;
   with three taps at a time it is MR + 2 + 3 * NV for 3 * MR * NV, 20 for 72.

   Registers: MR * NV accumulators, 3 * NV filters and one broadcast. Pixels are reached from four pointers, each with
   up to three pitches beyond it, so that general registers suffice. The two outermost pixels on each side are left out
   where they lie on zeros. The order of the sum is that of the segments, the channels and the taps for every MR and NV,
   so the bits do not depend on how pixels are cut into tiles. */

#include "repeat.h"

#define TILE_PASTE_(op, dtype, mr, nv) op##_##dtype##_##mr##_##nv
#define TILE_PASTE(op, dtype, mr, nv) TILE_PASTE_(op, dtype, mr, nv)

static void TILE_PASTE(TILE_NAME, NHWC_DTYPE, MR, NV)(const nhwc_lines *t) {
    enum { NR = NV * VL };
    const int64_t pitch = t->pixel_pitch, pitch3 = 3 * pitch, filter_pitch = t->filter_pitch, tap_pitch = t->tap_pitch;
    const nhwc_line_segment *const end = t->segments + t->segment_count;
    const char *ahead = t->ahead;
    bool empty = true, no_totals = true;
    for (const nhwc_line_segment *start = t->segments, *stop; start < end; start = stop) {
        for (stop = start; !stop++->ends && stop < end;) {
        }
        for (int64_t i = 0; i < t->count; i++) {
            const nhwc_line_tile *tile = &t->tiles[i];
            ELEM *partial = (ELEM *)t->partial + i * MR * NR, *totals = partial + t->count * MR * NR;
#define DECLARE(r, v) VEC c##r##_##v = V(zero)();
#define DECLARE_ROW(r) COLUMNS(DECLARE, r)
            LINE_ROWS(DECLARE_ROW)
            for (int64_t l = 0; l < t->ahead_lines; l++, ahead += 64) {
                __builtin_prefetch(ahead, 0, 2);
            }
            if (stop == end) {
                const ELEM *const out = (const ELEM *)t->out + tile->out;
#define FETCH(r, v) __builtin_prefetch(out + r * t->out_pitch + v * VL, 1);
#define FETCH_ROW(r) COLUMNS(FETCH, r)
                ROWS(FETCH_ROW)
            }
            for (const nhwc_line_segment *s = start; s < stop; s++) {
                const ELEM *row = tile->rows[s->row];
                const int64_t column = tile->column + s->column, plane = tile->plane + s->plane;
                const int64_t before = t->first[plane] - column;
                const int64_t behind = column + MR + s->taps - 2 - t->last[plane];
                if (!row || before >= MR + s->taps - 1 || behind >= MR + s->taps - 1) {
                    continue;
                }
                const ELEM *b0 = row + t->channel + tile->x + s->offset, *b1 = b0 + 4 * pitch, *b2 = b1 + 4 * pitch;
                const ELEM *b3 = b2 + 4 * pitch, *const stop_at = b0 + s->length;
                const ELEM *f0 = (const ELEM *)t->filters + s->input * filter_pitch, *f1 = f0 + tap_pitch;
                const ELEM *f2 = f1 + tap_pitch;
                LINE_KEEP(b1)
                LINE_KEEP(b2)
                LINE_KEEP(b3)
                LINE_KEEP(f1)
                LINE_KEEP(f2)
#define LOAD_0(r, v) const VEC w0_##v = V(load)(f0 + v * VL);
#define LOAD_1(r, v) const VEC w1_##v = V(load)(f1 + v * VL);
#define LOAD_2(r, v) const VEC w2_##v = V(load)(f2 + v * VL);
#define NO_1(r, v) const VEC w1_##v = w0_##v;
#define NO_2(r, v) const VEC w2_##v = w0_##v;
#define MULTIPLY_0(r, v) c##r##_##v = V(fma)(a, w0_##v, c##r##_##v);
#define MULTIPLY_1(r, v) c##r##_##v = V(fma)(a, w1_##v, c##r##_##v);
#define MULTIPLY_2(r, v) c##r##_##v = V(fma)(a, w2_##v, c##r##_##v);
/* Pixel j, of which j, i = j - 1 and h = j - 2 are the tile's by tap 0, 1 and 2; at `taps` taps. */
#define STEP(taps, j, i, h, x)                                                                                         \
    if ((j) < MR + (taps) - 1 && ((j) > 1 || before <= (j)) &&                                                         \
        ((j) < MR + (taps) - 3 || behind <= MR + (taps) - 2 - (j))) {                                                  \
        const VEC a = V(set1)(x);                                                                                      \
        if ((j) < MR) {                                                                                                \
            COLUMNS(MULTIPLY_0, j)                                                                                     \
        }                                                                                                              \
        if ((taps) > 1 && (j) > 0 && (i) < MR) {                                                                       \
            COLUMNS(MULTIPLY_1, i)                                                                                     \
        }                                                                                                              \
        if ((taps) > 2 && (j) > 1 && (h) < MR) {                                                                       \
            COLUMNS(MULTIPLY_2, h)                                                                                     \
        }                                                                                                              \
    }
#define STEPS(taps)                                                                                                    \
    STEP(taps, 0, 0, 0, b0[0])                                                                                         \
    STEP(taps, 1, 0, 0, b0[pitch])                                                                                     \
    STEP(taps, 2, 1, 0, b0[2 * pitch])                                                                                 \
    STEP(taps, 3, 2, 1, b0[pitch3])                                                                                    \
    STEP(taps, 4, 3, 2, b1[0])                                                                                         \
    STEP(taps, 5, 4, 3, b1[pitch])                                                                                     \
    STEP(taps, 6, 5, 4, b1[2 * pitch])                                                                                 \
    STEP(taps, 7, 6, 5, b1[pitch3])                                                                                    \
    STEP(taps, 8, 7, 6, b2[0])                                                                                         \
    STEP(taps, 9, 8, 7, b2[pitch])                                                                                     \
    STEP(taps, 10, 9, 8, b2[2 * pitch])                                                                                \
    STEP(taps, 11, 10, 9, b2[pitch3])                                                                                  \
    STEP(taps, 12, 11, 10, b3[0])                                                                                      \
    STEP(taps, 13, 12, 11, b3[pitch])                                                                                  \
    STEP(taps, 14, 13, 12, b3[2 * pitch])                                                                              \
    STEP(taps, 15, 14, 13, b3[pitch3])
#define LOOP(taps, LOAD_TAP_1, LOAD_TAP_2)                                                                             \
    for (; b0 < stop_at; b0++, b1++, b2++, b3++, f0 += filter_pitch, f1 += filter_pitch, f2 += filter_pitch) {         \
        COLUMNS(LOAD_0, 0)                                                                                             \
        COLUMNS(LOAD_TAP_1, 0)                                                                                         \
        COLUMNS(LOAD_TAP_2, 0)                                                                                         \
        STEPS(taps)                                                                                                    \
    }
                if (s->taps == 3) {
                    LOOP(3, LOAD_1, LOAD_2)
                } else if (s->taps == 2) {
                    LOOP(2, LOAD_1, NO_2)
                } else {
                    LOOP(1, NO_1, NO_2)
                }
            }
            if (!empty) {
#define ADD_FROM(r, v) c##r##_##v = V(add)(V(load)(partial + r * NR + v * VL), c##r##_##v);
#define ADD_FROM_ROW(r) COLUMNS(ADD_FROM, r)
                ROWS(ADD_FROM_ROW)
            }
            if (stop < end) {
#define SAVE(r, v) V(store)(partial + r * NR + v * VL, c##r##_##v);
#define SAVE_ROW(r) COLUMNS(SAVE, r)
                ROWS(SAVE_ROW)
                if (stop[-1].ends == NHWC_ENDS_BLOCK) {
                    KERNEL_LOCAL(end_block)(totals, partial, MR * NR, no_totals);
                }
                continue;
            }
            if (!no_totals) {
#define ADD_TOTALS(r, v) c##r##_##v = V(add)(V(load)(totals + r * NR + v * VL), c##r##_##v);
#define ADD_TOTALS_ROW(r) COLUMNS(ADD_TOTALS, r)
                ROWS(ADD_TOTALS_ROW)
            }
            const ELEM *const bias = t->bias, *const residual = t->residual;
            const VEC low = V(set1)(((const ELEM *)t->clamp)[0]), high = V(set1)(((const ELEM *)t->clamp)[1]);
            if (t->live == NR) {
#define ADD_BIAS(r, v) c##r##_##v = V(add)(c##r##_##v, V(load)(bias + v * VL));
#define ADD_BIAS_ROW(r) COLUMNS(ADD_BIAS, r)
                ROWS(ADD_BIAS_ROW)
                if (residual) {
#define ADD_RESIDUAL(r, v) c##r##_##v = V(add)(c##r##_##v, V(load)(residual + tile->out + r * t->out_pitch + v * VL));
#define ADD_RESIDUAL_ROW(r) COLUMNS(ADD_RESIDUAL, r)
                    ROWS(ADD_RESIDUAL_ROW)
                }
                ELEM *const out = (ELEM *)t->out + tile->out;
#define WRITE(r, v) V(store)(out + r * t->out_pitch + v * VL, V(min)(high, V(max)(low, c##r##_##v)));
#define WRITE_ROW(r) COLUMNS(WRITE, r)
                ROWS(WRITE_ROW)
            } else {
                const nhwc_tile part = {.bias = bias, .residual = residual, .out = t->out, .live = t->live};
#define WRITE_PART(r, v) KERNEL_LOCAL(finish_part)(c##r##_##v, &part, tile->out + r * t->out_pitch, v * VL, low, high);
#define WRITE_PART_ROW(r) COLUMNS(WRITE_PART, r)
                ROWS(WRITE_PART_ROW)
            }
        }
        empty = stop[-1].ends == NHWC_ENDS_BLOCK;
        no_totals = no_totals && !empty;
    }

#undef DECLARE
#undef DECLARE_ROW
#undef FETCH
#undef FETCH_ROW
#undef LOAD_0
#undef LOAD_1
#undef LOAD_2
#undef NO_1
#undef NO_2
#undef MULTIPLY_0
#undef MULTIPLY_1
#undef MULTIPLY_2
#undef STEP
#undef STEPS
#undef LOOP
#undef ADD_FROM
#undef ADD_FROM_ROW
#undef SAVE
#undef SAVE_ROW
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
