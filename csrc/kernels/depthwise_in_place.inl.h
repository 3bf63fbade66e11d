/* Depthwise tiles that read the input where it is: neighbouring output columns of one row, vectors along the channels.

   Contract: nhwc_depthwise_tile of kernels.h, with rows of pointers, one for each input column, instead of vectors; the
   whole reduction at once. A pointer leads to a pixel of the input or of zeros, of which only the `live` channels are
   read. Any number of columns: they are cut into tiles here.

       for tile of columns:
           for block of one or two vectors of channels:
               c[width] = bias
               for row of taps:
                   w[taps] = filters
                   for input u that the tile reads:          one load serves every column that meets it
                       c[j] += rows[r][u] * w[u - j * stride]
               out[j] = clamp(c[j] + residual)

   Neighbouring channels come last, so that every pixel is read as a stream, which the processor fetches ahead; a copy
   to a scratch of neighbouring columns costs a third to a half of the time where the input is not in the first-level
   cache. Registers: for one vector up to 14 accumulators, 7 taps and an input; for two, which share the loads of
   pointers, twice 7, 3 and 1. */

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#define EACH_COLUMN(X, u)                                                                                              \
    X(0, u) X(1, u) X(2, u) X(3, u) X(4, u) X(5, u) X(6, u) X(7, u) X(8, u) X(9, u) X(10, u) X(11, u) X(12, u) X(13, u)
#define EACH_PAIRED(X, u) X(0, u) X(1, u) X(2, u) X(3, u) X(4, u) X(5, u) X(6, u)
#define EACH_INPUT(X)                                                                                                  \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19)
#define EACH_TAP(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6)

#define BEGIN(j, u) VEC c##j = start;
#define BEGIN_PAIRED(j, u) VEC d##j = paired_start;
#define LOAD_TAP(k)                                                                                                    \
    const VEC w##k = k < taps ? V(load)(w + k * t->tap_pitch) : start;                                                 \
    const VEC z##k = k < taps && paired ? V(load)(w + k * t->tap_pitch + next) : start;
#define PICK(w, k)                                                                                                     \
    ((k) == 0 ? w##0 : (k) == 1 ? w##1 : (k) == 2 ? w##2 : (k) == 3 ? w##3 : (k) == 4 ? w##4 : (k) == 5 ? w##5 : w##6)
#define MEETS(j, u) (j < width && u - j * stride >= 0 && u - j * stride < taps)
#define MEET(j, u)                                                                                                     \
    if (MEETS(j, u)) {                                                                                                 \
        c##j = V(fma)(a, PICK(w, u - j * stride), c##j);                                                               \
    }
#define MEET_PAIRED(j, u)                                                                                              \
    if (MEETS(j, u)) {                                                                                                 \
        d##j = V(fma)(b, PICK(z, u - j * stride), d##j);                                                               \
    }
/* All columns that read input u; nothing is left of it where no column does. */
#define INPUT(u)                                                                                                       \
    if (u < (width - 1) * stride + taps) {                                                                             \
        const ELEM *x = (const ELEM *)pixels[u] + channel;                                                             \
        const VEC a = V(keep)(tail ? V(load_n)(x, live) : V(load)(x));                                                 \
        EACH_COLUMN(MEET, u)                                                                                           \
        if (paired) {                                                                                                  \
            const VEC b = V(keep)(V(load)(x + VL));                                                                    \
            EACH_PAIRED(MEET_PAIRED, u)                                                                                \
        }                                                                                                              \
    }

#define LIMIT(y) V(min)(high, V(max)(low, y))
#define ADD_RESIDUAL(j, u)                                                                                             \
    if (j < width) {                                                                                                   \
        c##j = V(add)(c##j, tail ? V(load_n)(residual + j * pitch, live) : V(load)(residual + j * pitch));             \
    }
#define ADD_RESIDUAL_PAIRED(j, u)                                                                                      \
    if (j < width && paired) {                                                                                         \
        d##j = V(add)(d##j, V(load)(residual + j * pitch + VL));                                                       \
    }
#define CLAMP(j, u) c##j = LIMIT(c##j);
#define CLAMP_PAIRED(j, u) d##j = LIMIT(d##j);
#define WRITE(j, u)                                                                                                    \
    if (j < width && tail) {                                                                                           \
        V(store_n)(out + j * pitch, c##j, live);                                                                       \
    } else if (j < width) {                                                                                            \
        V(store)(out + j * pitch, c##j);                                                                               \
    }
#define WRITE_PAIRED(j, u)                                                                                             \
    if (j < width && paired) {                                                                                         \
        V(store)(out + j * pitch + VL, d##j);                                                                          \
    }

/* `width` columns from number `first` on, by one vector from `channel` on, of which `live` channels exist if it is a
   tail, or by two. All but t, first, channel and live are constants. */
ALWAYS_INLINE void LOCAL(depthwise_block)(const nhwc_depthwise_tile *t, int64_t first, int64_t channel, int live,
                                          const int width, const int taps, const int stride, const bool paired,
                                          const bool tail) {
    const int64_t pitch = t->out_pitch, at = first * pitch + channel;
    const ELEM *w = (const ELEM *)t->filters + (t->head ? channel : channel / VL * t->filter_pitch);
    const int64_t next = t->head ? VL : t->filter_pitch;
    (void)next;
    const VEC start = V(load)((const ELEM *)t->bias + channel);
    const VEC paired_start = paired ? V(load)((const ELEM *)t->bias + channel + VL) : start;
    EACH_COLUMN(BEGIN, )
    EACH_PAIRED(BEGIN_PAIRED, )
    for (int64_t r = 0; r < t->row_count; r++, w += taps * t->tap_pitch) {
        const void *const *pixels = (const void *const *)t->rows[r] + t->offset + first * stride;
        EACH_TAP(LOAD_TAP)
        EACH_INPUT(INPUT)
    }
    if (t->residual) {
        const ELEM *residual = (const ELEM *)t->residual + at;
        EACH_COLUMN(ADD_RESIDUAL, )
        EACH_PAIRED(ADD_RESIDUAL_PAIRED, )
    }
    if (t->clamp) {
        const VEC low = V(set1)(((const ELEM *)t->clamp)[0]), high = V(set1)(((const ELEM *)t->clamp)[1]);
        EACH_COLUMN(CLAMP, )
        EACH_PAIRED(CLAMP_PAIRED, )
    }
    ELEM *out = (ELEM *)t->out + at;
    EACH_COLUMN(WRITE, )
    EACH_PAIRED(WRITE_PAIRED, )
}

/* All channels of `width` columns. */
ALWAYS_INLINE void LOCAL(depthwise_columns)(const nhwc_depthwise_tile *t, int64_t first, const int width,
                                            const int taps, const int stride, const bool pairs) {
    int64_t channel = t->head;
    if (channel) {
        LOCAL(depthwise_block)(t, first, 0, t->head, width, taps, stride, false, true);
    }
    for (; pairs && channel + 2 * VL <= t->live; channel += 2 * VL) {
        LOCAL(depthwise_block)(t, first, channel, VL, width, taps, stride, true, false);
    }
    for (; channel + VL <= t->live; channel += VL) {
        LOCAL(depthwise_block)(t, first, channel, VL, width, taps, stride, false, false);
    }
    if (channel < t->live) {
        LOCAL(depthwise_block)(t, first, channel, (int)(t->live - channel), width, taps, stride, false, true);
    }
}

#define TILES_OF(n)                                                                                                    \
    for (; n <= WIDEST && first + n <= width; first += n) {                                                            \
        LOCAL(depthwise_columns)(tile, first, n, TAPS, STRIDE, PAIRS);                                                 \
    }
#define ALL_TILES                                                                                                      \
    int64_t first = 0;                                                                                                 \
    TILES_OF(14) TILES_OF(7) TILES_OF(4) TILES_OF(2) TILES_OF(1)

#define STRIDE 1
#define TAPS 3
#define PAIRS true
#define WIDEST (DEPTHWISE_COLUMNS / 2)
static void KERNEL(depthwise_in_place_3s1)(const nhwc_depthwise_tile *tile, int width){ALL_TILES}
#undef STRIDE
#define STRIDE 2
static void KERNEL(depthwise_in_place_3s2)(const nhwc_depthwise_tile *tile, int width){ALL_TILES}
#undef TAPS
#undef PAIRS
#undef WIDEST
#define PAIRS false
#define WIDEST 7
#define TAPS 5
static void KERNEL(depthwise_in_place_5s2)(const nhwc_depthwise_tile *tile, int width){ALL_TILES}
#undef TAPS
#define TAPS 7
static void KERNEL(depthwise_in_place_7s2)(const nhwc_depthwise_tile *tile, int width){ALL_TILES}
#undef STRIDE
#undef WIDEST
#define STRIDE 1
#define WIDEST DEPTHWISE_COLUMNS
static void KERNEL(depthwise_in_place_7s1)(const nhwc_depthwise_tile *tile, int width){ALL_TILES}
#undef TAPS
#define TAPS 5
static void KERNEL(depthwise_in_place_5s1)(const nhwc_depthwise_tile *tile, int width) {
    ALL_TILES
}
#undef TAPS
#undef PAIRS
#undef WIDEST
#undef STRIDE

#undef ALWAYS_INLINE
#undef EACH_COLUMN
#undef EACH_PAIRED
#undef EACH_INPUT
#undef EACH_TAP
#undef BEGIN
#undef BEGIN_PAIRED
#undef LOAD_TAP
#undef PICK
#undef MEETS
#undef MEET
#undef MEET_PAIRED
#undef INPUT
#undef LIMIT
#undef ADD_RESIDUAL
#undef ADD_RESIDUAL_PAIRED
#undef CLAMP
#undef CLAMP_PAIRED
#undef WRITE
#undef WRITE_PAIRED
#undef TILES_OF
#undef ALL_TILES
