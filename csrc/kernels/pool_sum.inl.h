/* Sums over windows by a divisor, vectors along the channels.

   Contract: nhwc_windows of kernels.h. x and out are the caller's, and only `channels` elements of a pixel are touched.

       windows of up to NHWC_POOL_CHAIN pixels:              larger windows:
       for window, for vector of channels:                   for window, for line of channels:
           out = sum of the taps / divisor                       for some taps, for vector:
                                                                     s += their sum, e += what that rounds off
                                                                 out = (s + e) / divisor

   The taps of a vector are independent loads from as many streams. Chains of additions are short, and what adding them
   up rounds off is kept (Knuth's two-sum): long sums of equal numbers, where all roundings go one way, are as accurate
   as short ones. A sum beyond the largest number makes e NaN: then s stands. */

#include "pool_taps.h"

/* s / divisor, rounded once where fused multiply-adds are: a quotient, and its remainder by the divisor. Five
   instructions take a quarter of a division's time. Where s is infinite the remainder is NaN. */
static inline VEC LOCAL(mean)(VEC s, VEC divisor, VEC inverse) {
#if VL > 1
    const VEC quotient = V(mul)(s, inverse), rest = V(fma)(V(neg)(quotient), divisor, s);
    return V(select_nan)(rest, quotient, V(fma)(rest, inverse, quotient));
#else
    (void)inverse;
    return V(div)(s, divisor);
#endif
}

static inline __attribute__((always_inline)) VEC LOCAL(sum_taps)(const ELEM *x, const int64_t *offsets, int taps,
                                                                 int64_t n) {
    VEC a = LOCAL(max_load)(x + offsets[0], n);
    UNROLLED
    for (int i = 1; i < taps; i++) {
        a = V(add)(a, LOCAL(max_load)(x + offsets[i], n));
    }
    return a;
}

/* Windows of few taps. */
static inline __attribute__((always_inline)) void LOCAL(sum_short)(const nhwc_windows *t, const int64_t *offsets,
                                                                   int taps) {
    const VEC divisor = V(set1)((ELEM)t->divisor), inverse = V(set1)(1 / (ELEM)t->divisor);
    const bool exact = (t->divisor & (t->divisor - 1)) == 0;
    const ELEM *x = t->x;
    ELEM *out = t->out;
    const int64_t head = LOCAL(head)(t);
    for (int64_t w = 0; w < t->windows; w++, x += t->window_pitch, out += t->out_pitch) {
        int64_t c = head;
        if (head) {
            V(store_n)(out, LOCAL(mean)(LOCAL(sum_taps)(x, offsets, taps, head), divisor, inverse), head);
        }
        for (; c + VL <= t->channels; c += VL) {
            const VEC s = LOCAL(sum_taps)(x + c, offsets, taps, VL);
            V(store)(out + c, exact ? V(mul)(s, inverse) : LOCAL(mean)(s, divisor, inverse));
        }
        if (c < t->channels) {
            const VEC s = LOCAL(sum_taps)(x + c, offsets, taps, t->channels - c);
            V(store_n)(out + c, LOCAL(mean)(s, divisor, inverse), t->channels - c);
        }
    }
}

/* The first n sums and remainders of a line, and some taps more. */
static inline __attribute__((always_inline)) void LOCAL(sum_one)(ELEM *s, ELEM *e, const ELEM *x,
                                                                 const int64_t *offsets, int taps, int64_t n) {
    const VEC t = LOCAL(sum_taps)(x, offsets, taps, n), before = LOCAL(max_load)(s, n);
    const VEC sum = V(add)(before, t), part = V(sub)(sum, before);
    const VEC lost = V(add)(V(sub)(before, V(sub)(sum, part)), V(sub)(t, part));
    const VEC rest = V(add)(LOCAL(max_load)(e, n), lost);
    if (n == VL) {
        V(store)(s, sum);
        V(store)(e, rest);
    } else {
        V(store_n)(s, sum, n);
        V(store_n)(e, rest, n);
    }
}

static inline __attribute__((always_inline)) void
LOCAL(sum_more)(ELEM *s, ELEM *e, const ELEM *x, const int64_t *offsets, int taps, int64_t channels, int64_t head) {
    for (int64_t c = 0, n; c < channels; c += n) {
        n = LOCAL(width)(c, head, channels);
        if (n == VL) {
            LOCAL(sum_one)(s + c, e + c, x + c, offsets, taps, VL);
        } else {
            LOCAL(sum_one)(s + c, e + c, x + c, offsets, taps, n);
        }
    }
}

/* A window of many taps, for a line of channels. */
static void LOCAL(sum_long)(const nhwc_windows *t, const ELEM *x, ELEM *out, int64_t channels, int64_t head) {
    const VEC divisor = V(set1)((ELEM)t->divisor), inverse = V(set1)(1 / (ELEM)t->divisor);
    _Alignas(64) ELEM sums[(NHWC_POOL_LINE + 1) * VL], rests[(NHWC_POOL_LINE + 1) * VL];
    ELEM *s = sums + (head ? VL - head : 0), *e = rests + (head ? VL - head : 0);
    int64_t offsets[NHWC_POOL_CHAIN];
    nhwc_tap at = {0, 0, 0};
    memset(s, 0, (size_t)channels * sizeof(ELEM));
    memset(e, 0, (size_t)channels * sizeof(ELEM));
    for (int taps; (taps = nhwc_next_taps(t, &at, offsets)) > 0;) {
        switch (taps) {
#define CASE(i)                                                                                                        \
    case i:                                                                                                            \
        LOCAL(sum_more)(s, e, x, offsets, i, channels, head);                                                          \
        break;
            NHWC_TAP_COUNTS(CASE)
#undef CASE
        }
    }
    for (int64_t c = 0, n; c < channels; c += n) {
        n = LOCAL(width)(c, head, channels);
        const VEC sum = LOCAL(max_load)(s + c, n), rest = LOCAL(max_load)(e + c, n);
        const VEC all = V(select_nan)(rest, sum, V(add)(sum, rest));
        V(store_n)(out + c, LOCAL(mean)(all, divisor, inverse), n);
    }
}

static void KERNEL(sum_windows)(const nhwc_windows *t) {
    int64_t offsets[NHWC_POOL_CHAIN];
    nhwc_tap at = {0, 0, 0};
    const int taps = nhwc_next_taps(t, &at, offsets);
    if (t->depths * t->rows * t->columns > NHWC_POOL_CHAIN) {
        const int64_t part = NHWC_POOL_LINE * VL, last = t->channels % part;
        const int64_t head = last && last < VL ? 0 : LOCAL(head)(t);
        for (int64_t w = 0; w < t->windows; w++) {
            for (int64_t c = 0; c < t->channels; c += part) {
                LOCAL(sum_long)(t, (const ELEM *)t->x + w * t->window_pitch + c, (ELEM *)t->out + w * t->out_pitch + c,
                                t->channels - c < part ? t->channels - c : part, head);
            }
        }
        return;
    }
    switch (taps) {
#define CASE(i)                                                                                                        \
    case i:                                                                                                            \
        LOCAL(sum_short)(t, offsets, i);                                                                               \
        break;
        NHWC_TAP_COUNTS(CASE)
#undef CASE
    }
}
