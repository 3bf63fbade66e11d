/* Depthwise tiles that read the input where it is: neighbouring output columns of one row or two, vectors along the
   channels.

   Contract: nhwc_depthwise_tile of kernels.h, with rows of pointers, one for each input column, instead of vectors; the
   whole reduction at once. A pointer leads to a pixel of the input or of zeros, of which only the `live` channels are
   read. Any number of columns: they are cut into tiles here.

       for tile of columns:
           for vector of channels:
               c[width], d[width] = bias                 results of the first row, and of the second
               for row of the input, with the taps w and z by which c and d read it, if they do:
                   for input u that the tile reads:      one load serves every result that meets it
                       c[j] += rows[r][u] * w[u - j * stride], d[j] += rows[r][u] * z[u - j * stride]
               out[j] = clamp(c[j] + residual), the next row likewise

   Neighbouring channels come last, so that every pixel is read as a stream, which the processor fetches ahead; a copy
   to a scratch of neighbouring columns costs a third to a half of the time where the input is not in the first-level
   cache. Two rows read four lines of a 3x3 layer where two times one read six, from the second-level cache as a rule:
   20 % faster on 14x14x576. Registers: one row, up to 14 sums, 7 taps and an input; two rows, twice 7 sums, twice 7
   taps and an input, or with 16 registers twice 4, twice 3 and 1. */

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#define EACH_COLUMN(X, u)                                                                                              \
    X(0, u) X(1, u) X(2, u) X(3, u) X(4, u) X(5, u) X(6, u) X(7, u) X(8, u) X(9, u) X(10, u) X(11, u) X(12, u) X(13, u)
#define EACH_SECOND(X, u) X(0, u) X(1, u) X(2, u) X(3, u) X(4, u) X(5, u) X(6, u)
#define EACH_INPUT(X)                                                                                                  \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19)
#define EACH_KNOWN_ROW(X) X(0) X(1) X(2) X(3) X(4)
#define EACH_TAP(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6)

#define BEGIN(j, u) VEC c##j = start;
#define BEGIN_SECOND(j, u) VEC d##j = start;
#define LOAD_TAP(k)                                                                                                    \
    const VEC w##k = k < taps && one ? V(load)(w + (r * taps + k) * t->tap_pitch) : start;                             \
    const VEC z##k = k < taps && two ? V(load)(w + ((r - shift) * taps + k) * t->tap_pitch) : start;
#define PICK(w, k)                                                                                                     \
    ((k) == 0 ? w##0 : (k) == 1 ? w##1 : (k) == 2 ? w##2 : (k) == 3 ? w##3 : (k) == 4 ? w##4 : (k) == 5 ? w##5 : w##6)
#define MEETS(j, u) (j < width && u - j * stride >= 0 && u - j * stride < taps)
#define MEET(j, u)                                                                                                     \
    if (one && MEETS(j, u)) {                                                                                          \
        c##j = V(fma)(a, PICK(w, u - j * stride), c##j);                                                               \
    }
#define MEET_SECOND(j, u)                                                                                              \
    if (two && MEETS(j, u)) {                                                                                          \
        d##j = V(fma)(a, PICK(z, u - j * stride), d##j);                                                               \
    }
/* All results that read input u; nothing is left of it where none does. */
#define INPUT(u)                                                                                                       \
    if (u < (width - 1) * stride + taps) {                                                                             \
        const ELEM *x = (const ELEM *)pixels[u] + channel;                                                             \
        const VEC a = V(keep)(tail ? V(load_n)(x, live) : V(load)(x));                                                 \
        EACH_COLUMN(MEET, u)                                                                                           \
        EACH_SECOND(MEET_SECOND, u)                                                                                    \
    }
/* Row r of the input, which the first row of results reads, or the second, or both. */
#define INPUT_ROW(first_row, second_row)                                                                               \
    {                                                                                                                  \
        const bool one = first_row, two = second_row;                                                                  \
        const void *const *pixels = (const void *const *)t->rows[r] + t->offset + first * stride;                      \
        EACH_TAP(LOAD_TAP)                                                                                             \
        EACH_INPUT(INPUT)                                                                                              \
    }
#define INPUT_ROWS(end, first_row, second_row)                                                                         \
    for (const int64_t stop = end; r < stop; r++) {                                                                    \
        INPUT_ROW(first_row, second_row)                                                                               \
    }
/* The same with row i known to the compiler: loops of one or two rounds cost a fifth of the time of 3x3. */
#define KNOWN_ROW(i)                                                                                                   \
    if (i < rows + (both ? stride : 0)) {                                                                              \
        enum { r = i };                                                                                                \
        INPUT_ROW(r < rows, both && r >= stride)                                                                       \
    }

#define LIMIT(y) V(min)(high, V(max)(low, y))
#define ADD_RESIDUAL(j, y)                                                                                             \
    if (j < width) {                                                                                                   \
        y##j = V(add)(y##j, tail ? V(load_n)(residual + j * pitch, live) : V(load)(residual + j * pitch));             \
    }
#define CLAMP(j, y) y##j = LIMIT(y##j);
#define WRITE(j, y)                                                                                                    \
    if (j < width && tail) {                                                                                           \
        V(store_n)(out + j * pitch, y##j, live);                                                                       \
    } else if (j < width) {                                                                                            \
        V(store)(out + j * pitch, y##j);                                                                               \
    }
/* A row of results, from `from` elements after the tile's first on. */
#define FINISH(EACH, y, from)                                                                                          \
    {                                                                                                                  \
        if (t->residual) {                                                                                             \
            const ELEM *residual = (const ELEM *)t->residual + from;                                                   \
            EACH(ADD_RESIDUAL, y)                                                                                      \
        }                                                                                                              \
        if (t->clamp) {                                                                                                \
            const VEC low = V(set1)(((const ELEM *)t->clamp)[0]), high = V(set1)(((const ELEM *)t->clamp)[1]);         \
            EACH(CLAMP, y)                                                                                             \
        }                                                                                                              \
        ELEM *out = (ELEM *)t->out + from;                                                                             \
        EACH(WRITE, y)                                                                                                 \
    }

/* `width` columns from number `first` on, of one row or two, by one vector from `channel` on, of which `live` channels
   exist if it is a tail. All but t, first, channel and live are constants. `rows` of taps, whose stride is that of the
   columns; 0: open. */
ALWAYS_INLINE void LOCAL(depthwise_block)(const nhwc_depthwise_tile *t, int64_t first, int64_t channel, int live,
                                          const int width, const int rows, const int taps, const int stride,
                                          const bool both, const bool tail) {
    const int64_t pitch = t->out_pitch, at = first * pitch + channel, shift = rows ? stride : t->row_shift;
    const ELEM *w = (const ELEM *)t->filters + channel;
    const VEC start = V(load)((const ELEM *)t->bias + channel);
    EACH_COLUMN(BEGIN, )
    EACH_SECOND(BEGIN_SECOND, )
    int64_t r = 0;
    if (rows) {
        EACH_KNOWN_ROW(KNOWN_ROW)
    } else if (both) {
        INPUT_ROWS(shift, true, false)
        INPUT_ROWS(t->row_count, true, true)
        INPUT_ROWS(t->row_count + shift, false, true)
    } else {
        INPUT_ROWS(t->row_count, true, false)
    }
    if (both) {
        FINISH(EACH_SECOND, d, at + t->out_row)
    }
    FINISH(EACH_COLUMN, c, at)
}

/* All channels of `width` columns: whole vectors, and parts of one before and after them. Whole vectors have a loop of
   their own: with a branch to parts in it, compilers find the addresses of all inputs before the branch, and spill
   them. */
ALWAYS_INLINE void LOCAL(depthwise_columns)(const nhwc_depthwise_tile *t, int64_t first, const int width,
                                            const int rows, const int taps, const int stride, const bool both) {
    int64_t channel = 0;
    for (int64_t part = t->head;; part = t->live - channel) {
        if (part) {
            LOCAL(depthwise_block)(t, first, channel, (int)part, width, rows, taps, stride, both, true);
            channel += part;
        }
        for (; channel + VL <= t->live; channel += VL) {
            LOCAL(depthwise_block)(t, first, channel, VL, width, rows, taps, stride, both, false);
        }
        if (channel == t->live) {
            return;
        }
    }
}

/* The widest tiles of two rows: their sums, twice the taps and an input are registers. */
#define WIDEST_OF_TWO (DEPTHWISE_COLUMNS >= 14 ? 7 : TAPS == 3 ? 4 : 0)
#define WIDEST_OF_ONE (DEPTHWISE_COLUMNS < WIDEST ? DEPTHWISE_COLUMNS : WIDEST)

#define TILES_OF(n, widest, rows, both)                                                                                \
    for (; n <= widest && first + n <= width; first += n) {                                                            \
        LOCAL(depthwise_columns)(tile, first, n, rows, TAPS, STRIDE, both);                                            \
    }
#define TILES(widest, rows, both)                                                                                      \
    {                                                                                                                  \
        int64_t first = 0;                                                                                             \
        TILES_OF(14, widest, rows, both)                                                                               \
        TILES_OF(7, widest, rows, both)                                                                                \
        TILES_OF(4, widest, rows, both) TILES_OF(2, widest, rows, both) TILES_OF(1, widest, rows, both)                \
    }
#define ALL_TILES                                                                                                      \
    if (!tile->row_shift) {                                                                                            \
        TILES(WIDEST_OF_ONE, 0, false)                                                                                 \
    } else if (WIDEST_OF_TWO) {                                                                                        \
        TILES(WIDEST_OF_TWO, TAPS == 3 ? 3 : 0, true)                                                                  \
    }

#define TAPS 3
#define STRIDE 1
#define WIDEST 7
static void KERNEL(depthwise_in_place_3s1)(const nhwc_depthwise_tile *tile, int width){ALL_TILES}
#undef STRIDE
#define STRIDE 2
static void KERNEL(depthwise_in_place_3s2)(const nhwc_depthwise_tile *tile, int width){ALL_TILES}
#undef TAPS
#define TAPS 5
static void KERNEL(depthwise_in_place_5s2)(const nhwc_depthwise_tile *tile, int width){ALL_TILES}
#undef TAPS
#define TAPS 7
static void KERNEL(depthwise_in_place_7s2)(const nhwc_depthwise_tile *tile, int width){ALL_TILES}
#undef STRIDE
#undef WIDEST
#define STRIDE 1
#define WIDEST 14
static void KERNEL(depthwise_in_place_7s1)(const nhwc_depthwise_tile *tile, int width){ALL_TILES}
#undef TAPS
#define TAPS 5
static void KERNEL(depthwise_in_place_5s1)(const nhwc_depthwise_tile *tile, int width) {
    ALL_TILES
}
#undef TAPS
#undef WIDEST
#undef STRIDE

#undef ALWAYS_INLINE
#undef EACH_COLUMN
#undef EACH_SECOND
#undef EACH_INPUT
#undef EACH_TAP
#undef EACH_KNOWN_ROW
#undef BEGIN
#undef BEGIN_SECOND
#undef LOAD_TAP
#undef PICK
#undef MEETS
#undef MEET
#undef MEET_SECOND
#undef INPUT
#undef INPUT_ROW
#undef INPUT_ROWS
#undef KNOWN_ROW
#undef LIMIT
#undef ADD_RESIDUAL
#undef CLAMP
#undef WRITE
#undef FINISH
#undef WIDEST_OF_TWO
#undef WIDEST_OF_ONE
#undef TILES_OF
#undef TILES
#undef ALL_TILES
