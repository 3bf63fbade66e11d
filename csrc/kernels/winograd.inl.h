/* The transforms of Winograd's F(m x m, r x r), m = WINOGRAD_M being 2 or 4 and r = WINOGRAD_R 3, or 2 and 5: Y = A' [
   (G g G') * (B' d B) ] A, where * multiplies element by element, sums over channels, and is done as alpha^2 products
   of matrices [1].

   Included with WINOGRAD_M, WINOGRAD_R and the names of kernels/template.h set; unsets the first two. F(2 x 2, 5 x 5)
   has the input transform of F(4 x 4, 3 x 3), whose points it shares.

       input:    for VL channels:  36 (16) pixels -> columns of B' d -> rows of (B' d) B -> alpha^2 vectors
       output:   for VL results:   alpha^2 vectors -> columns of A' -> rows -> m^2 results -> guard, bias, residual,
                                   clamp -> store
       filters:  for one channel:  9 taps -> 3 columns of G -> rows -> alpha^2, in double, rounded once

   The points of F(4 x 4, 3 x 3) and F(2 x 2, 5 x 5) are 0, +-3/4, +-3/2 and infinity: with them the error is half of
   that with 0, +-1, +-2, and all numbers are exact in binary. Since 3/2 is twice 3/4, an output row i is 3/4^i times
   small whole numbers; that factor is multiplied in where the bias is added. F(2 x 2, 3 x 3) has 0, +-1 and infinity.

   Registers: the alpha^2 values of F(4 x 4) are more than any processor has; the compiler keeps some on the stack.

   [1] A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", arXiv:1509.09308. */

#if WINOGRAD_M == 4
#define WINOGRAD_NAME(op) NHWC_PASTE(winograd_f4_, op, , , )
#elif WINOGRAD_R == 5
#define WINOGRAD_NAME(op) NHWC_PASTE(winograd_f2_5x5_, op, , , )
#else
#define WINOGRAD_NAME(op) NHWC_PASTE(winograd_f2_, op, , , )
#endif

#if WINOGRAD_M == 4
#define EACH_OUTPUT(X) X(0) X(1) X(2) X(3)
#define EACH_OUTPUT_OF(X, i) X(i, 0) X(i, 1) X(i, 2) X(i, 3)
#else
#define EACH_OUTPUT(X) X(0) X(1)
#define EACH_OUTPUT_OF(X, i) X(i, 0) X(i, 1)
#endif

#if WINOGRAD_M + WINOGRAD_R - 1 == 6
#define ALPHA 6
#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5)
#define EACH_OF(X, i) X(i, 0) X(i, 1) X(i, 2) X(i, 3) X(i, 4) X(i, 5)

/* The row of B' for infinity and that for 0 share their numbers; a pair of points shares even and odd parts. */
#define INPUT_CONSTANTS                                                                                                \
    const VEC both = V(set1)(81.0 / 64), minus_sum = V(set1)(-45.0 / 16), minus_small = V(set1)(-9.0 / 16),            \
              minus_large = V(set1)(-9.0 / 4), small = V(set1)(3.0 / 4), neg_small = V(set1)(-3.0 / 4),                \
              large = V(set1)(3.0 / 2), neg_large = V(set1)(-3.0 / 2);
#define TRANSFORM_INPUT(y, d)                                                                                          \
    {                                                                                                                  \
        VEC even = V(fma)(minus_large, d(2), d(4)), odd = V(fma)(minus_large, d(1), d(3));                             \
        VEC even2 = V(fma)(minus_small, d(2), d(4)), odd2 = V(fma)(minus_small, d(1), d(3));                           \
        VEC first = V(fma)(both, d(0), V(fma)(minus_sum, d(2), d(4)));                                                 \
        VEC last = V(fma)(both, d(1), V(fma)(minus_sum, d(3), d(5)));                                                  \
        y(0, first);                                                                                                   \
        y(1, V(fma)(small, odd, even));                                                                                \
        y(2, V(fma)(neg_small, odd, even));                                                                            \
        y(3, V(fma)(large, odd2, even2));                                                                              \
        y(4, V(fma)(neg_large, odd2, even2));                                                                          \
        y(5, last);                                                                                                    \
    }

#if WINOGRAD_R == 3
#define OUTPUT_CONSTANTS const VEC two = V(set1)(2), four = V(set1)(4), eight = V(set1)(8);
#define TRANSFORM_OUTPUT(y, m)                                                                                         \
    {                                                                                                                  \
        VEC sum = V(add)(m(1), m(2)), difference = V(sub)(m(1), m(2));                                                 \
        VEC sum2 = V(add)(m(3), m(4)), difference2 = V(sub)(m(3), m(4));                                               \
        VEC first = V(add)(V(add)(m(0), sum), sum2), last = V(fma)(eight, difference2, V(add)(difference, m(5)));      \
        y(0, first);                                                                                                   \
        y(1, V(fma)(two, difference2, difference));                                                                    \
        y(2, V(fma)(four, sum2, sum));                                                                                 \
        y(3, last);                                                                                                    \
    }
/* What output row or column i lacks. */
#define FACTOR(i) (i == 0 ? 1.0 : i == 1 ? 3.0 / 4 : i == 2 ? 9.0 / 16 : 27.0 / 64)

/* The rows of G, (1, p, p^2) over the product of p's distances to the other points; that of infinity over 3/4^3, which
   is what row 3 of the output is multiplied by too much. */
#define TRANSFORM_FILTERS(u, g)                                                                                        \
    {                                                                                                                  \
        vf64 even = vf64_fma(vf64_set1(9.0 / 16), g(2), g(0)), odd = vf64_mul(vf64_set1(3.0 / 4), g(1));               \
        vf64 even2 = vf64_fma(vf64_set1(9.0 / 4), g(2), g(0)), odd2 = vf64_mul(vf64_set1(3.0 / 2), g(1));              \
        vf64 near = vf64_set1(-128.0 / 243), far = vf64_set1(32.0 / 243), ends = vf64_set1(64.0 / 81);                 \
        u(0, vf64_mul(ends, g(0)));                                                                                    \
        u(1, vf64_mul(near, vf64_add(even, odd)));                                                                     \
        u(2, vf64_mul(near, vf64_sub(even, odd)));                                                                     \
        u(3, vf64_mul(far, vf64_add(even2, odd2)));                                                                    \
        u(4, vf64_mul(far, vf64_sub(even2, odd2)));                                                                    \
        u(5, vf64_mul(vf64_set1(64.0 / 27), g(2)));                                                                    \
    }
#else
#define OUTPUT_CONSTANTS const VEC two = V(set1)(2);
#define TRANSFORM_OUTPUT(y, m)                                                                                         \
    {                                                                                                                  \
        VEC sum = V(add)(m(1), m(2)), difference = V(sub)(m(1), m(2));                                                 \
        VEC sum2 = V(add)(m(3), m(4)), difference2 = V(sub)(m(3), m(4));                                               \
        VEC first = V(add)(V(add)(m(0), sum), sum2), last = V(fma)(two, difference2, V(add)(difference, m(5)));        \
        y(0, first);                                                                                                   \
        y(1, last);                                                                                                    \
    }
#define FACTOR(i) (i == 0 ? 1.0 : 3.0 / 4)

/* As above, with two more powers of the points; row 1 of the output is multiplied by 3/4 too much at infinity. */
#define TRANSFORM_FILTERS(u, g)                                                                                        \
    {                                                                                                                  \
        vf64 even = vf64_fma(vf64_set1(81.0 / 256), g(4), vf64_fma(vf64_set1(9.0 / 16), g(2), g(0)));                  \
        vf64 odd = vf64_fma(vf64_set1(27.0 / 64), g(3), vf64_mul(vf64_set1(3.0 / 4), g(1)));                           \
        vf64 even2 = vf64_fma(vf64_set1(81.0 / 16), g(4), vf64_fma(vf64_set1(9.0 / 4), g(2), g(0)));                   \
        vf64 odd2 = vf64_fma(vf64_set1(27.0 / 8), g(3), vf64_mul(vf64_set1(3.0 / 2), g(1)));                           \
        vf64 near = vf64_set1(-128.0 / 243), far = vf64_set1(32.0 / 243), ends = vf64_set1(64.0 / 81);                 \
        u(0, vf64_mul(ends, g(0)));                                                                                    \
        u(1, vf64_mul(near, vf64_add(even, odd)));                                                                     \
        u(2, vf64_mul(near, vf64_sub(even, odd)));                                                                     \
        u(3, vf64_mul(far, vf64_add(even2, odd2)));                                                                    \
        u(4, vf64_mul(far, vf64_sub(even2, odd2)));                                                                    \
        u(5, vf64_mul(vf64_set1(4.0 / 3), g(4)));                                                                      \
    }
#endif

#else
#define ALPHA 4
#define EACH(X) X(0) X(1) X(2) X(3)
#define EACH_OF(X, i) X(i, 0) X(i, 1) X(i, 2) X(i, 3)

#define INPUT_CONSTANTS
#define TRANSFORM_INPUT(y, d)                                                                                          \
    {                                                                                                                  \
        VEC first = V(sub)(d(0), d(2)), plus = V(add)(d(1), d(2)), minus = V(sub)(d(2), d(1));                         \
        VEC last = V(sub)(d(3), d(1));                                                                                 \
        y(0, first);                                                                                                   \
        y(1, plus);                                                                                                    \
        y(2, minus);                                                                                                   \
        y(3, last);                                                                                                    \
    }
#define OUTPUT_CONSTANTS
#define TRANSFORM_OUTPUT(y, m)                                                                                         \
    {                                                                                                                  \
        VEC first = V(add)(m(0), V(add)(m(1), m(2))), last = V(add)(V(sub)(m(1), m(2)), m(3));                         \
        y(0, first);                                                                                                   \
        y(1, last);                                                                                                    \
    }
#define FACTOR(i) 1.0
#define TRANSFORM_FILTERS(u, g)                                                                                        \
    {                                                                                                                  \
        vf64 half = vf64_set1(0.5), even = vf64_add(g(0), g(2));                                                       \
        u(0, g(0));                                                                                                    \
        u(1, vf64_mul(half, vf64_add(even, g(1))));                                                                    \
        u(2, vf64_mul(half, vf64_sub(even, g(1))));                                                                    \
        u(3, g(2));                                                                                                    \
    }
#endif

#define LOADED(i) d##i

/* ---- Input ------------------------------------------------------------------------------------------------------- */

#if WINOGRAD_R == 3

/* The first n of a vector of channels, `at` channels behind the pixels; inlined twice, with n constant for whole
 * vectors. */
static inline __attribute__((always_inline)) void LOCAL(WINOGRAD_NAME(input_part))(const nhwc_winograd_input *t,
                                                                                   int64_t at, int64_t n) {
    const void *const *pixels = t->pixels;
    const int64_t pitch = t->pitch;
    ELEM *to = (ELEM *)t->transformed + at;
    VEC d[ALPHA][ALPHA];
    INPUT_CONSTANTS
#define LOAD(i, j)                                                                                                     \
    (n == VL ? V(load)((const ELEM *)pixels[i * ALPHA + j] + at)                                                       \
             : V(load_n)((const ELEM *)pixels[i * ALPHA + j] + at, n))
#define COLUMN(j) {EACH_OF(LOAD_COLUMN, j) TRANSFORM_INPUT(KEEP_COLUMN_##j, LOADED)}
#define LOAD_COLUMN(j, i) const VEC d##i = LOAD(i, j);
#define KEEP_COLUMN_0(i, value) d[i][0] = value
#define KEEP_COLUMN_1(i, value) d[i][1] = value
#define KEEP_COLUMN_2(i, value) d[i][2] = value
#define KEEP_COLUMN_3(i, value) d[i][3] = value
#define KEEP_COLUMN_4(i, value) d[i][4] = value
#define KEEP_COLUMN_5(i, value) d[i][5] = value
    EACH(COLUMN)
#define ROW(i)                                                                                                         \
    {                                                                                                                  \
        ELEM *row = to + i * ALPHA * pitch;                                                                            \
        TRANSFORM_INPUT(STORE_ROW, KEPT_##i)                                                                           \
    }
#define STORE_ROW(j, value) V(store)(row + j * pitch, value)
#define KEPT_0(j) d[0][j]
#define KEPT_1(j) d[1][j]
#define KEPT_2(j) d[2][j]
#define KEPT_3(j) d[3][j]
#define KEPT_4(j) d[4][j]
#define KEPT_5(j) d[5][j]
    EACH(ROW)
}

static void KERNEL(WINOGRAD_NAME(input))(const nhwc_winograd_input *t) {
    int64_t at = 0;
    for (; at + VL <= t->channels; at += VL) {
        LOCAL(WINOGRAD_NAME(input_part))(t, at, VL);
    }
    if (at < t->channels) {
        LOCAL(WINOGRAD_NAME(input_part))(t, at, t->channels - at);
    }
}

#endif

/* ---- Output ------------------------------------------------------------------------------------------------------ */

/* The first n of a vector of results, `at` results behind the first; false, and nothing is written, if a square of one
   is not finite, or all are too small. */
static inline __attribute__((always_inline)) bool LOCAL(WINOGRAD_NAME(output_part))(const nhwc_winograd_output *t,
                                                                                    int64_t at, int64_t n) {
    const int64_t pitch = t->pitch;
    const ELEM *product = (const ELEM *)t->product + at;
    VEC m[WINOGRAD_M][ALPHA];
    OUTPUT_CONSTANTS
#define OUTPUT_COLUMN(j) {EACH_OF(LOAD_PRODUCT, j) TRANSFORM_OUTPUT(KEEP_OUTPUT_##j, LOADED)}
#define LOAD_PRODUCT(j, i) const VEC d##i = V(load)(product + (i * ALPHA + j) * pitch);
#define KEEP_OUTPUT_0(i, value) m[i][0] = value
#define KEEP_OUTPUT_1(i, value) m[i][1] = value
#define KEEP_OUTPUT_2(i, value) m[i][2] = value
#define KEEP_OUTPUT_3(i, value) m[i][3] = value
#define KEEP_OUTPUT_4(i, value) m[i][4] = value
#define KEEP_OUTPUT_5(i, value) m[i][5] = value
    EACH(OUTPUT_COLUMN)
#define OUTPUT_ROW(i) TRANSFORM_OUTPUT(RESULT_##i, PRODUCT_##i)
#define RESULT_0(j, value) m[0][j] = value
#define RESULT_1(j, value) m[1][j] = value
#define RESULT_2(j, value) m[2][j] = value
#define RESULT_3(j, value) m[3][j] = value
#define PRODUCT_0(j) m[0][j]
#define PRODUCT_1(j) m[1][j]
#define PRODUCT_2(j) m[2][j]
#define PRODUCT_3(j) m[3][j]
    EACH_OUTPUT(OUTPUT_ROW)

    VEC squares = V(zero)(), squares2 = V(zero)();
#define GUARD(i, j)                                                                                                    \
    if (j % 2) {                                                                                                       \
        squares2 = V(fma)(m[i][j], m[i][j], squares2);                                                                 \
    } else {                                                                                                           \
        squares = V(fma)(m[i][j], m[i][j], squares);                                                                   \
    }
#define GUARD_ROW(i) EACH_OUTPUT_OF(GUARD, i)
    EACH_OUTPUT(GUARD_ROW)
    squares = V(add)(squares, squares2);
    if (!V(all_lt)(squares, V(set1)((ELEM)INFINITY)) || V(all_lt)(squares, V(set1)((ELEM)t->least))) {
        return false;
    }

    const VEC bias = V(load)((const ELEM *)t->bias + at);
    const VEC low = V(set1)(((const ELEM *)t->clamp)[0]), high = V(set1)(((const ELEM *)t->clamp)[1]);
#define WRITE(i, j)                                                                                                    \
    if (j < t->columns) {                                                                                              \
        const int64_t offset = at + i * t->row_pitch + j * t->column_pitch;                                            \
        VEC y = V(fma)(m[i][j], V(set1)(FACTOR(i) * FACTOR(j)), bias);                                                 \
        if (t->residual) {                                                                                             \
            const ELEM *residual = (const ELEM *)t->residual + offset;                                                 \
            y = V(add)(y, n == VL ? V(load)(residual) : V(load_n)(residual, n));                                       \
        }                                                                                                              \
        y = V(min)(high, V(max)(low, y));                                                                              \
        if (n == VL) {                                                                                                 \
            V(store)((ELEM *)t->out + offset, y);                                                                      \
        } else {                                                                                                       \
            V(store_n)((ELEM *)t->out + offset, y, n);                                                                 \
        }                                                                                                              \
    }
#define WRITE_ROW(i)                                                                                                   \
    if (i < t->rows) {                                                                                                 \
        EACH_OUTPUT_OF(WRITE, i)                                                                                       \
    }
    EACH_OUTPUT(WRITE_ROW)
    return true;
}

static unsigned KERNEL(WINOGRAD_NAME(output))(const nhwc_winograd_output *t) {
    unsigned refused = 0;
    int64_t at = 0;
    for (; at + VL <= t->live; at += VL) {
        refused |= (unsigned)!LOCAL(WINOGRAD_NAME(output_part))(t, at, VL) << (at / VL);
    }
    if (at < t->live) {
        refused |= (unsigned)!LOCAL(WINOGRAD_NAME(output_part))(t, at, t->live - at) << (at / VL);
    }
    return refused;
}

/* ---- Filters ----------------------------------------------------------------------------------------------------- */

#if WINOGRAD_R == 3
#define EACH_TAP(X) X(0) X(1) X(2)
#define EACH_TAP_OF(X, i) X(i, 0) X(i, 1) X(i, 2)
#else
#define EACH_TAP(X) X(0) X(1) X(2) X(3) X(4)
#define EACH_TAP_OF(X, i) X(i, 0) X(i, 1) X(i, 2) X(i, 3) X(i, 4)
#endif

/* VL_f64 filters of one channel. */
static inline void LOCAL(WINOGRAD_NAME(filters_part))(const ELEM *taps, int64_t tap_pitch, ELEM *to, int64_t pitch) {
    vf64 g[ALPHA][WINOGRAD_R];
#define LOAD_TAP(j, i) const vf64 d##i = V(widen)(taps + (i * WINOGRAD_R + j) * tap_pitch);
#define FILTER_COLUMN(j) {EACH_TAP_OF(LOAD_TAP, j) TRANSFORM_FILTERS(KEEP_FILTER_##j, LOADED)}
#define KEEP_FILTER_0(i, value) g[i][0] = value
#define KEEP_FILTER_1(i, value) g[i][1] = value
#define KEEP_FILTER_2(i, value) g[i][2] = value
#define KEEP_FILTER_3(i, value) g[i][3] = value
#define KEEP_FILTER_4(i, value) g[i][4] = value
    EACH_TAP(FILTER_COLUMN)
    for (int i = 0; i < ALPHA; i++) {
#define STORE_FILTER(j, value) V(narrow)(to + (i * ALPHA + j) * pitch, value)
#define KEPT_FILTER(j) g[i][j]
        TRANSFORM_FILTERS(STORE_FILTER, KEPT_FILTER)
    }
}

static void KERNEL(WINOGRAD_NAME(filters))(const nhwc_winograd_filters *t) {
    enum { TAPS = WINOGRAD_R * WINOGRAD_R };
    ELEM *to = t->transformed;
    int64_t at = 0;
    for (; at + VL_f64 <= t->live; at += VL_f64) {
        LOCAL(WINOGRAD_NAME(filters_part))((const ELEM *)t->taps + at, t->tap_pitch, to + at, t->pitch);
    }
    for (; at < t->width; at += VL_f64) {
        ELEM rest[TAPS * VL_f64] = {0};
        for (int tap = 0; tap < TAPS; tap++) {
            for (int64_t i = at; i < t->live; i++) {
                rest[tap * VL_f64 + i - at] = ((const ELEM *)t->taps)[tap * t->tap_pitch + i];
            }
        }
        LOCAL(WINOGRAD_NAME(filters_part))(rest, VL_f64, to + at, t->pitch);
    }
}

#undef ALPHA
#undef WINOGRAD_NAME
#undef EACH
#undef EACH_OUTPUT
#undef EACH_OF
#undef EACH_OUTPUT_OF
#undef INPUT_CONSTANTS
#undef TRANSFORM_INPUT
#undef OUTPUT_CONSTANTS
#undef TRANSFORM_OUTPUT
#undef FACTOR
#undef TRANSFORM_FILTERS
#undef LOAD
#undef COLUMN
#undef LOAD_COLUMN
#undef LOADED
#undef KEEP_COLUMN_0
#undef KEEP_COLUMN_1
#undef KEEP_COLUMN_2
#undef KEEP_COLUMN_3
#undef KEEP_COLUMN_4
#undef KEEP_COLUMN_5
#undef ROW
#undef STORE_ROW
#undef KEPT_0
#undef KEPT_1
#undef KEPT_2
#undef KEPT_3
#undef KEPT_4
#undef KEPT_5
#undef OUTPUT_COLUMN
#undef LOAD_PRODUCT
#undef KEEP_OUTPUT_0
#undef KEEP_OUTPUT_1
#undef KEEP_OUTPUT_2
#undef KEEP_OUTPUT_3
#undef KEEP_OUTPUT_4
#undef KEEP_OUTPUT_5
#undef OUTPUT_ROW
#undef RESULT_0
#undef RESULT_1
#undef RESULT_2
#undef RESULT_3
#undef PRODUCT_0
#undef PRODUCT_1
#undef PRODUCT_2
#undef PRODUCT_3
#undef GUARD
#undef GUARD_ROW
#undef WRITE
#undef WRITE_ROW
#undef FILTER_COLUMN
#undef KEEP_FILTER_0
#undef KEEP_FILTER_1
#undef KEEP_FILTER_2
#undef KEEP_FILTER_3
#undef KEEP_FILTER_4
#undef EACH_TAP
#undef EACH_TAP_OF
#undef LOAD_TAP
#undef STORE_FILTER
#undef KEPT_FILTER
#undef WINOGRAD_M
#undef WINOGRAD_R
