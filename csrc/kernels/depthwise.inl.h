/* Depthwise tiles: neighbouring output columns of one row, vectors along the channels.

   Contract: nhwc_depthwise_tile of kernels.h. Rows, filters, bias and partial are the library's, in whole vectors;
   residual and out are the caller's, and only the `live` channels are touched there.

       for vector of channels:
           c[width] = bias
           for row of taps, for tap k, three at a time where the stride is 1:
               c[j] += row[j * stride + k] * filters[k]
           out[j] = clamp(c[j] + residual)

   Registers: `width` accumulators, three taps and one input. A kernel is the tile with its stride known to the compiler
   (0: read from the operands), for each width. */

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#define EACH_COLUMN(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)
#define EACH_TAP(X) X(0) X(1) X(2)

/* c[j] += w[k] * row[j * stride + k], if there is a column j and a tap k; j, k, width and stride are constants. */
#define MEET(j)                                                                                                        \
    if (j < width) {                                                                                                   \
        c##j = V(fma)(V(load)(row + (j * stride + k) * VL), wk, c##j);                                                 \
    }
#define TAP(i)                                                                                                         \
    {                                                                                                                  \
        enum { k = i };                                                                                                \
        const VEC wk = V(load)(w + k * VL);                                                                            \
        EACH_COLUMN(MEET)                                                                                              \
    }
#define MEET_ONE(j)                                                                                                    \
    if (j < width) {                                                                                                   \
        c##j = V(fma)(V(load)(row + j * step), w0, c##j);                                                              \
    }

#define BEGIN(j) VEC c##j = start;
#define ADD_PARTIAL(j)                                                                                                 \
    if (j < width) {                                                                                                   \
        c##j = V(add)(V(load)(partial + j * VL), c##j);                                                                \
    }
#define SAVE_PARTIAL(j)                                                                                                \
    if (j < width) {                                                                                                   \
        V(store)(partial + j * VL, c##j);                                                                              \
    }
#define ADD_RESIDUAL(j)                                                                                                \
    if (j < width) {                                                                                                   \
        c##j = V(add)(c##j, n == VL ? V(load)(residual + j * pitch) : V(load_n)(residual + j * pitch, n));             \
    }
#define LIMIT(j) c##j = V(min)(high, V(max)(low, c##j));
#define STORE(j)                                                                                                       \
    if (j < width) {                                                                                                   \
        V(store)(out + j * pitch, c##j);                                                                               \
    }
#define STORE_PART(j)                                                                                                  \
    if (j < width) {                                                                                                   \
        V(store_n)(out + j * pitch, c##j, n);                                                                          \
    }

ALWAYS_INLINE void LOCAL(depthwise_tile)(const nhwc_depthwise_tile *t, const int width, const int stride) {
    enum { block = 3 };
    const int64_t taps = t->taps, step = (stride ? stride : t->stride) * VL, pitch = t->out_pitch;
    ELEM *partial = t->partial;
    for (int64_t v = 0; v * VL < t->live; v++, partial += NHWC_DEPTHWISE_COLUMNS * VL) {
        const ELEM *w = (const ELEM *)t->filters + v * t->filter_pitch;
        const VEC start = t->first ? V(load)((const ELEM *)t->bias + v * VL) : V(zero)();
        EACH_COLUMN(BEGIN)
        for (int64_t r = 0; r < t->row_count; r++) {
            const ELEM *row = (const ELEM *)t->rows[r] + t->offset + v * t->vector_pitch;
            int64_t k = 0;
            for (; stride && k + block <= taps; k += block, row += block * VL, w += block * VL) {
                EACH_TAP(TAP)
            }
            for (; k < taps; k++, row += VL, w += VL) {
                const VEC w0 = V(load)(w);
                EACH_COLUMN(MEET_ONE)
            }
        }
        if (!t->first) {
            EACH_COLUMN(ADD_PARTIAL)
        }
        if (!t->last) {
            EACH_COLUMN(SAVE_PARTIAL)
            continue;
        }
        const int64_t n = t->live - v * VL < VL ? t->live - v * VL : VL;
        if (t->residual) {
            const ELEM *residual = (const ELEM *)t->residual + v * VL;
            EACH_COLUMN(ADD_RESIDUAL)
        }
        if (t->clamp) {
            const VEC low = V(set1)(((const ELEM *)t->clamp)[0]), high = V(set1)(((const ELEM *)t->clamp)[1]);
            EACH_COLUMN(LIMIT)
        }
        ELEM *out = (ELEM *)t->out + v * VL;
        if (n == VL) {
            EACH_COLUMN(STORE)
        } else {
            EACH_COLUMN(STORE_PART)
        }
    }
}

#define WIDTH_CASE(i)                                                                                                  \
    case i + 1:                                                                                                        \
        if (i < DEPTHWISE_COLUMNS) {                                                                                   \
            LOCAL(depthwise_tile)(tile, i + 1, STRIDE);                                                                \
        }                                                                                                              \
        break;

#define STRIDE 1
static void KERNEL(depthwise_s1)(const nhwc_depthwise_tile *tile, int width) {
    switch (width) { EACH_COLUMN(WIDTH_CASE) }
}
#undef STRIDE
#define STRIDE 0
static void KERNEL(depthwise_any)(const nhwc_depthwise_tile *tile, int width) {
    switch (width) { EACH_COLUMN(WIDTH_CASE) }
}
#undef STRIDE

/* Copies the channels of `pixels` pixels into a row of vectors, zeros behind the last channel; from NULL, zeros. */
static void KERNEL(depthwise_fill)(void *row, int64_t vector_pitch, const void *from, int64_t pixel_pitch,
                                   int64_t pixels, int64_t channels) {
    ELEM *to = row;
    const ELEM *pixel = from;
    const int64_t whole = channels / VL, rest = channels % VL;
    if (!from) {
        for (int64_t v = 0; v * VL < channels; v++) {
            for (int64_t u = 0; u < pixels; u++) {
                V(store)(to + v * vector_pitch + u * VL, V(zero)());
            }
        }
        return;
    }
    for (int64_t u = 0; u < pixels; u++, to += VL, pixel += pixel_pitch) {
        for (int64_t v = 0; v < whole; v++) {
            V(store)(to + v * vector_pitch, V(load)(pixel + v * VL));
        }
        if (rest) {
            V(store)(to + whole * vector_pitch, V(load_n)(pixel + whole * VL, rest));
        }
    }
}

#if VL > 1
/* The same for two results of each channel. */
static void LOCAL(repeat_twice)(ELEM *row, int64_t vector_pitch, const ELEM *pixel, int64_t pixel_pitch, int64_t pixels,
                                int64_t results) {
    for (int64_t u = 0; u < pixels; u++, row += VL, pixel += pixel_pitch) {
        ELEM *to = row;
        for (int64_t at = 0; at < results; at += 2 * VL, to += vector_pitch) {
            const int64_t channels = (results - at) / 2;
            const ELEM *x = pixel + at / 2;
            const VEC a = channels < VL ? V(load_n)(x, (int)channels) : V(load)(x);
            V(store)(to, V(zip_lo)(a, a));
            if (at + VL < results) {
                to += vector_pitch;
                V(store)(to, V(zip_hi)(a, a));
            }
        }
    }
}
#endif

/* The same for results first .. first + results - 1, of which `multiplier` each share a channel of the pixel. Each
   channel is stored to all lanes of a vector; the next one overwrites those that are not its results. */
static void KERNEL(depthwise_repeat)(void *row, int64_t vector_pitch, const void *from, int64_t pixel_pitch,
                                     int64_t pixels, int64_t first, int64_t results, int64_t multiplier) {
    enum { PART = 16 * VL };
    const ELEM *pixel = from;
#if VL > 1
    if (multiplier == 2) {
        LOCAL(repeat_twice)(row, vector_pitch, pixel + first / 2, pixel_pitch, pixels, results);
        return;
    }
#endif
    for (int64_t u = 0; u < pixels; u++, pixel += pixel_pitch) {
        ELEM *to = (ELEM *)row + u * VL;
        for (int64_t at = 0; at < results; at += PART) {
            ELEM line[PART + VL];
            const int64_t n = results - at < PART ? results - at : PART;
            int64_t channel = (first + at) / multiplier, i = 0;
            for (int64_t next = (channel + 1) * multiplier - first - at; i < n; next += multiplier, channel++) {
                for (; i < n && i < next; i += VL) {
                    V(store)(line + i, V(set1)(pixel[channel]));
                }
                i = next;
            }
            for (i = 0; i < n; i += VL, to += vector_pitch) {
                V(store)(to, V(load_n)(line + i, n - i < VL ? n - i : VL));
            }
        }
    }
}

#undef ALWAYS_INLINE
#undef EACH_COLUMN
#undef EACH_TAP
#undef MEET
#undef TAP
#undef MEET_ONE
#undef BEGIN
#undef ADD_PARTIAL
#undef SAVE_PARTIAL
#undef ADD_RESIDUAL
#undef LIMIT
#undef STORE
#undef STORE_PART
#undef WIDTH_CASE
