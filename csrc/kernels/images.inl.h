/* One register tile of an image with few filters: MR planes of sums by NV vectors of consecutive output columns. The
   planes are MR output rows of one filter (IMAGE_ROWS) or MR filters (IMAGE_FILTERS). Included with MR, NV, the mode
   IMAGE_OP and its name IMAGE_NAME, and the names of kernels/template.h set.

       c[MR][NV] = bias
       for segment:
           for r < height + MR - 1:                   rows: input row r belongs to tap row r - i of output row i
               for k < width:
                   a[NV] = row[r][k ...]              loaded once, for all the output rows whose window has it
                   c[i][v] += a[v] * w[k][r - i]      for every i with 0 <= r - i < height
           for r < height, k < width:                 filters: loaded once, for all the filters
               c[i][v] += row[r][k ...][v] * w[r][k][i]
           if the segment ends a chunk: sums += c, c = 0
           if it ends a block of chunks: totals += sums, sums = 0
       out, or sums = clamp(c + sums + totals + residual)

   Nearly every load straddles two cache lines and so takes two slots of the two load ports: what makes it as fast as
   the multiplications is that MR of them share it. The first and last MR - 1 input rows serve fewer output rows and
   have loops of their own, as have all rows of a kernel of less than MR rows. Registers: MR * NV sums, and MR filter
   values and an input or, if that is less, NV inputs and a filter value. The order of an output's sum is that of the
   segments, rows and taps for every MR, NV and mode. */

#include "repeat.h"

static void IMAGE_KERNEL(IMAGE_NAME, NHWC_DTYPE, MR, NV)(const nhwc_image_tile *t) {
    enum { WIDTH = NV * VL };
    const int64_t row_step = t->row_step, column_step = t->column_step;
    const ELEM *filters = t->filters;
    ELEM *sums = t->sums, *totals = sums + MR * WIDTH;
    bool empty = true, no_totals = true;

    const ELEM *bias = t->bias;
#if IMAGE_OP == IMAGE_ROWS
#define DECLARE(i, v) VEC c##i##_##v = V(set1)(bias[0]);
#else
#define DECLARE(i, v) VEC c##i##_##v = V(set1)(bias[i]);
#endif
#define DECLARE_ROW(i) COLUMNS(DECLARE, i)
    ROWS(DECLARE_ROW)

    const nhwc_image_segment *end = t->segments + t->segment_count;
    for (const nhwc_image_segment *s = t->segments; s < end; s++) {
        const void *const *rows = t->rows + s->row;
        const int64_t offset = t->column + s->offset, height = s->height, width = s->width;

/* c[i][v] += x[v] * FILTER(i) for the planes from `from` to before `to`, which are constants: the rest vanishes. */
#define LIVE(i) (i >= from && i < to)
#if NV < MR
#define LOAD_INPUT(v) const VEC a##v = V(keep)(V(load)(x + v * VL));
#define MULTIPLY(i, v) c##i##_##v = V(fma)(a##v, b, c##i##_##v);
#define MULTIPLY_ROW(i)                                                                                                \
    if (LIVE(i)) {                                                                                                     \
        const VEC b = V(set1)(FILTER(i));                                                                              \
        COLUMNS(MULTIPLY, i)                                                                                           \
    }
#define MULTIPLY_ALL VECTORS(LOAD_INPUT) ROWS(MULTIPLY_ROW)
#else
#define LOAD_FILTER(i) const VEC b##i = LIVE(i) ? V(set1)(FILTER(i)) : V(zero)();
#define MULTIPLY(i, v)                                                                                                 \
    if (LIVE(i)) {                                                                                                     \
        c##i##_##v = V(fma)(a, b##i, c##i##_##v);                                                                      \
    }
#define MULTIPLY_VECTOR(v)                                                                                             \
    {                                                                                                                  \
        const VEC a = V(keep)(V(load)(x + v * VL));                                                                    \
        DOWN(MULTIPLY, v)                                                                                              \
    }
#define MULTIPLY_ALL ROWS(LOAD_FILTER) VECTORS(MULTIPLY_VECTOR)
#endif

#if IMAGE_OP == IMAGE_ROWS
#define FILTER(i) w[-(i)]
#define SWEEP(r, low, high)                                                                                            \
    {                                                                                                                  \
        enum { from = low, to = high };                                                                                \
        const ELEM *x = (const ELEM *)rows[(r) * row_step] + offset, *w = filters + (r);                               \
        for (int64_t k = 0; k < width; k++, x += column_step, w += height) {                                           \
            MULTIPLY_ALL                                                                                               \
        }                                                                                                              \
    }
/* Where a condition on constants is false, nothing is left of a row. */
#define FIRST_ROW(r)                                                                                                   \
    if (r + 1 < MR) {                                                                                                  \
        SWEEP(r, 0, r + 1)                                                                                             \
    }
#define LAST_ROW(r)                                                                                                    \
    if (r + 1 < MR) {                                                                                                  \
        SWEEP(height + r, r + 1, MR)                                                                                   \
    }
/* Row r of a kernel of h rows, fewer than MR. */
#define SHORT_ROW(r, h)                                                                                                \
    if (r < h + MR - 1) {                                                                                              \
        SWEEP(r, (r < h ? 0 : r - h + 1), (r < MR ? r + 1 : MR))                                                       \
    }
#define SHORT_KERNEL(h)                                                                                                \
    if (h < MR && height == h) {                                                                                       \
        SHORT_ROW(0, h);                                                                                               \
        SHORT_ROW(1, h);                                                                                               \
        SHORT_ROW(2, h);                                                                                               \
        SHORT_ROW(3, h);                                                                                               \
        SHORT_ROW(4, h);                                                                                               \
        SHORT_ROW(5, h);                                                                                               \
        SHORT_ROW(6, h);                                                                                               \
        SHORT_ROW(7, h);                                                                                               \
        SHORT_ROW(8, h);                                                                                               \
        SHORT_ROW(9, h);                                                                                               \
    }
        if (height >= MR) {
            FIRST_ROW(0);
            FIRST_ROW(1);
            FIRST_ROW(2);
            FIRST_ROW(3);
            FIRST_ROW(4);
            for (int64_t r = MR - 1; r < height; r++) {
                SWEEP(r, 0, MR)
            }
            LAST_ROW(0);
            LAST_ROW(1);
            LAST_ROW(2);
            LAST_ROW(3);
            LAST_ROW(4);
        }
        SHORT_KERNEL(1);
        SHORT_KERNEL(2);
        SHORT_KERNEL(3);
        SHORT_KERNEL(4);
        SHORT_KERNEL(5);
        filters += height * width;
#else
#define FILTER(i) filters[i]
        enum { from = 0, to = MR };
        for (int64_t r = 0; r < height; r++) {
            const ELEM *x = (const ELEM *)rows[r * row_step] + offset;
            for (int64_t k = 0; k < width; k++, x += column_step, filters += MR) {
                MULTIPLY_ALL
            }
        }
#endif
        if (s->ends && s + 1 < end) {
            if (empty) {
#define SAVE(i, v) V(store)(sums + i * WIDTH + v * VL, c##i##_##v);
#define SAVE_ROW(i) COLUMNS(SAVE, i)
                ROWS(SAVE_ROW)
            } else {
#define ADD_TO(i, v) V(store)(sums + i * WIDTH + v * VL, V(add)(V(load)(sums + i * WIDTH + v * VL), c##i##_##v));
#define ADD_TO_ROW(i) COLUMNS(ADD_TO, i)
                ROWS(ADD_TO_ROW)
            }
            empty = s->ends == NHWC_ENDS_BLOCK;
            if (empty) {
                LOCAL(end_block)(totals, sums, MR * WIDTH, no_totals);
                no_totals = false;
            }
#define CLEAR(i, v) c##i##_##v = V(zero)();
#define CLEAR_ROW(i) COLUMNS(CLEAR, i)
            ROWS(CLEAR_ROW)
        }
    }
    if (!empty) {
#define ADD_FROM(i, v) c##i##_##v = V(add)(V(load)(sums + i * WIDTH + v * VL), c##i##_##v);
#define ADD_FROM_ROW(i) COLUMNS(ADD_FROM, i)
        ROWS(ADD_FROM_ROW)
    }
    if (!no_totals) {
#define ADD_TOTALS(i, v) c##i##_##v = V(add)(V(load)(totals + i * WIDTH + v * VL), c##i##_##v);
#define ADD_TOTALS_ROW(i) COLUMNS(ADD_TOTALS, i)
        ROWS(ADD_TOTALS_ROW)
    }

#if IMAGE_OP == IMAGE_ROWS
    const ELEM *residual = t->residual;
    if (residual) {
#define ADD_RESIDUAL(i, v) c##i##_##v = V(add)(c##i##_##v, V(load)(residual + i * t->out_pitch + v * VL));
#define ADD_RESIDUAL_ROW(i) COLUMNS(ADD_RESIDUAL, i)
        ROWS(ADD_RESIDUAL_ROW)
    }
#endif
    if (t->clamp) {
        const VEC low = V(set1)(((const ELEM *)t->clamp)[0]), high = V(set1)(((const ELEM *)t->clamp)[1]);
#define CLAMP(i, v) c##i##_##v = V(min)(high, V(max)(low, c##i##_##v));
#define CLAMP_ROW(i) COLUMNS(CLAMP, i)
        ROWS(CLAMP_ROW)
    }
#if IMAGE_OP == IMAGE_ROWS
    ELEM *out = t->out;
    if (out) {
#define WRITE(i, v) V(store)(out + i * t->out_pitch + v * VL, c##i##_##v);
#define WRITE_ROW(i) COLUMNS(WRITE, i)
        ROWS(WRITE_ROW)
        return;
    }
#endif
    ROWS(SAVE_ROW)

#undef DECLARE
#undef DECLARE_ROW
#undef LIVE
#undef LOAD_INPUT
#undef LOAD_FILTER
#undef MULTIPLY
#undef MULTIPLY_ROW
#undef MULTIPLY_VECTOR
#undef MULTIPLY_ALL
#undef FILTER
#undef SWEEP
#undef FIRST_ROW
#undef LAST_ROW
#undef SHORT_ROW
#undef SHORT_KERNEL
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
#undef CLAMP
#undef CLAMP_ROW
#undef ADD_RESIDUAL
#undef ADD_RESIDUAL_ROW
#undef WRITE
#undef WRITE_ROW
}
