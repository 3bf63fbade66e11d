/* Filter gradients lane by lane, for convolutions of few channels a group: each lane of a vector is a result's own
   channel pair, or, for images of few filters, a column.

   Contract: nhwc_grad_lanes of kernels.h. The rows are the library's, in whole vectors; dy and sums may be the
   caller's, and only the `live` lanes are touched there.

       c[rows][taps] = 0
       for segment, for column:
           d = dy                                           one load for all rows and taps
           c[r][k] += row[r][column * step + k * tap_step] * d
       sums += c

   A load of an input for each multiplication is no limit while the rows lie in the first-level cache and are aligned;
   keeping inputs in registers from column to column would tie the kernel to its stride and dilation. */

#define GRAD_ROWS(X) X(0) X(1) X(2)
#define GRAD_TAPS(X, r) X(r, 0) X(r, 1) X(r, 2)
#define GRAD_DECLARE(r, k) VEC c##r##k = V(zero)();
#define GRAD_POINT(r) const ELEM *p##r = r < rows ? (const ELEM *)pointers[r] + t->tap * tap_step : NULL;
#define GRAD_MEET(r, k)                                                                                                \
    if (r < rows && k < taps) {                                                                                        \
        c##r##k = V(fma)(V(load)(p##r + k * tap_step), d, c##r##k);                                                    \
    }
#define GRAD_ADVANCE(r)                                                                                                \
    if (r < rows) {                                                                                                    \
        p##r += step;                                                                                                  \
    }
#define GRAD_ADD(r, k)                                                                                                 \
    if (r < rows && k < taps) {                                                                                        \
        ELEM *sum = (ELEM *)t->sums + t->offsets[r] + k * t->tap_pitch;                                                \
        if (whole) {                                                                                                   \
            V(store)(sum, V(add)(V(load)(sum), c##r##k));                                                              \
        } else {                                                                                                       \
            V(store_n)(sum, V(add)(V(load_n)(sum, t->live), c##r##k), t->live);                                        \
        }                                                                                                              \
    }
#define GRAD_DECLARE_ROW(r) GRAD_TAPS(GRAD_DECLARE, r)
#define GRAD_MEET_ROW(r) GRAD_TAPS(GRAD_MEET, r)
#define GRAD_ADD_ROW(r) GRAD_TAPS(GRAD_ADD, r)

static inline __attribute__((always_inline)) void LOCAL(grad_lanes)(const nhwc_grad_lanes *t, const int rows,
                                                                    const int taps, const bool whole) {
    const int64_t step = t->step, tap_step = t->tap_step, pitch = t->dy_pitch, columns = t->columns, live = t->live;
    GRAD_ROWS(GRAD_DECLARE_ROW)
    for (int64_t i = 0; i < t->segments; i++) {
        const void *const *pointers = t->rows + i * t->row_pitch;
        const ELEM *dy = t->dy[i];
        GRAD_ROWS(GRAD_POINT)
        for (int64_t j = 0; j < columns; j++, dy += pitch) {
            const VEC d = whole ? V(load)(dy) : V(load_n)(dy, live);
            GRAD_ROWS(GRAD_MEET_ROW)
            GRAD_ROWS(GRAD_ADVANCE)
        }
    }
    GRAD_ROWS(GRAD_ADD_ROW)
}

#define GRAD_CASE(r, k)                                                                                                \
    case (r) * 4 + (k):                                                                                                \
        if (t->live == VL) {                                                                                           \
            LOCAL(grad_lanes)(t, r, k, true);                                                                          \
        } else {                                                                                                       \
            LOCAL(grad_lanes)(t, r, k, false);                                                                         \
        }                                                                                                              \
        break;

static void KERNEL(grad_lanes)(const nhwc_grad_lanes *t, int rows, int taps) {
    switch (rows * 4 + taps) {
        GRAD_CASE(1, 1)
        GRAD_CASE(1, 2)
        GRAD_CASE(1, 3)
        GRAD_CASE(2, 1)
        GRAD_CASE(2, 2)
        GRAD_CASE(2, 3)
        GRAD_CASE(3, 1)
        GRAD_CASE(3, 2)
        GRAD_CASE(3, 3)
    }
}

/* Rows of one vector for groups of G results, GROUPS to a vector: each channel of the groups is repeated G times. The
   channels of groups that have G, too, are brought together by a permutation. */
#define GRAD_SPREAD(G, GROUPS)                                                                                         \
    if (f->results == G && first % G == 0 && live == VL) {                                                             \
        ELEM line[VL];                                                                                                 \
        pixel += first / G * f->channels;                                                                              \
        if (f->channels == G && f->count == G) {                                                                       \
            for (int64_t u = 0; u < pixels; u++, pixel += f->pitch, to += VL) {                                        \
                V(store)(line, VN(deinterleave, G)(V(load)(pixel)));                                                   \
                for (int c = 0; c < G; c++) {                                                                          \
                    V(store)(to + c * f->row_pitch, VN(interleave, G)(VN(broadcast, GROUPS)(line + c * GROUPS)));      \
                }                                                                                                      \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        for (int64_t u = 0; u < pixels; u++, pixel += f->pitch, to += VL) {                                            \
            for (int64_t c = 0; c < f->count; c++) {                                                                   \
                for (int g = 0; g < GROUPS; g++) {                                                                     \
                    line[g] = pixel[g * f->channels + f->channel + c];                                                 \
                }                                                                                                      \
                V(store)(to + c * f->row_pitch, VN(interleave, G)(VN(broadcast, GROUPS)(line)));                       \
            }                                                                                                          \
        }                                                                                                              \
        return;                                                                                                        \
    }

static void LOCAL(grad_fill_vector)(ELEM *to, const ELEM *pixel, int64_t pixels, const nhwc_grad_fill *f, int64_t first,
                                    int64_t live) {
#if VL == 4
    GRAD_SPREAD(2, 2)
#elif VL == 8
    GRAD_SPREAD(2, 4)
    GRAD_SPREAD(4, 2)
#elif VL == 16
    GRAD_SPREAD(2, 8)
    GRAD_SPREAD(4, 4)
    GRAD_SPREAD(8, 2)
#endif
    int64_t source[VL];
    for (int l = 0; l < VL; l++) {
        source[l] = (first + (l < live ? l : 0)) / f->results * f->channels;
    }
    pixel += f->channel;
    for (int64_t u = 0; u < pixels; u++, pixel += f->pitch, to += VL) {
        for (int64_t c = 0; c < f->count; c++) {
            for (int l = 0; l < VL; l++) {
                to[c * f->row_pitch + l] = pixel[c + source[l]];
            }
        }
    }
}

static void KERNEL(grad_fill)(void *rows, const void *from, int64_t pixels, const nhwc_grad_fill *f) {
    ELEM *to = rows;
    const ELEM *pixel = from;
    if (f->results > 1 || f->channels > 1) {
        for (int64_t v = 0; v < f->live; v += VL, to += f->count * f->row_pitch) {
            const int64_t live = f->live - v < VL ? f->live - v : VL;
            LOCAL(grad_fill_vector)(to, pixel, pixels, f, f->first + v, live);
        }
        return;
    }
    const int64_t whole = f->live / VL, rest = f->live % VL;
    pixel += f->first;
    for (int64_t u = 0; u < pixels; u++, pixel += f->pitch, to += VL) {
        for (int64_t v = 0; v < whole; v++) {
            V(store)(to + v * f->row_pitch, V(load)(pixel + v * VL));
        }
        if (rest) {
            V(store)(to + whole * f->row_pitch, V(load_n)(pixel + whole * VL, rest));
        }
    }
}

#undef GRAD_SPREAD
#undef GRAD_ROWS
#undef GRAD_TAPS
#undef GRAD_DECLARE
#undef GRAD_POINT
#undef GRAD_MEET
#undef GRAD_ADVANCE
#undef GRAD_ADD
#undef GRAD_DECLARE_ROW
#undef GRAD_MEET_ROW
#undef GRAD_ADD_ROW
#undef GRAD_CASE
