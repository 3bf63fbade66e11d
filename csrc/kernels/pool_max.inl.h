/* Maxima over windows, vectors along the channels.

   Contract: nhwc_windows of kernels.h. x and out are the caller's, and only `channels` elements of a pixel are touched.

       windows of up to NHWC_POOL_CHAIN pixels:              larger windows:
       for window, for vector of channels:                   for window, for line of channels:
           out = maximum over the taps                           for some taps, for vector: line = maximum with them
                                                                 out = line

   The taps of a vector are independent loads from as many streams. Maxima of processors lose one side's NaN, so the
   taps are added up, too: only where the sum is no number, or infinite, NaN is looked for. */

#include "pool_taps.h"

/* The greater of the two; x where x is NaN, a where only a is. */
static inline VEC LOCAL(greater)(VEC a, VEC x) {
#ifdef NHWC_INTEGER
    return V(max)(x, a);
#else
    return V(select_nan)(x, x, V(max)(x, a));
#endif
}

/* Channels up to the first vector of x that lies on one line of the cache, where that is so for all taps: NumPy aligns
   to 16 bytes, and vectors on two lines cost two loads. */
static inline int64_t LOCAL(head)(const nhwc_windows *t) {
    const int64_t pitches = t->depth_pitch | t->row_pitch | t->column_pitch | t->window_pitch;
    const int64_t past = (int64_t)((uintptr_t)t->x / sizeof(ELEM) % VL);
    return past == 0 || pitches % VL || t->channels < 2 * VL ? 0 : VL - past;
}

/* The channels of the vector that begins at c. */
static inline int64_t LOCAL(width)(int64_t c, int64_t head, int64_t channels) {
    const int64_t n = channels - c < VL ? channels - c : VL;
    return c < head ? head : n;
}

static inline __attribute__((always_inline)) VEC LOCAL(max_load)(const ELEM *x, int64_t n) {
    return n == VL ? V(load)(x) : V(load_n)(x, n);
}

/* The first n channels. */
static inline __attribute__((always_inline)) VEC LOCAL(max_taps)(const ELEM *x, const int64_t *offsets, int taps,
                                                                 int64_t n) {
    VEC a = LOCAL(max_load)(x + offsets[0], n);
#ifdef NHWC_INTEGER
    for (int i = 1; i < taps; i++) {
        a = V(max)(a, LOCAL(max_load)(x + offsets[i], n));
    }
#else
    VEC sum = a;
    UNROLLED
    for (int i = 1; i < taps; i++) {
        const VEC value = LOCAL(max_load)(x + offsets[i], n);
        a = V(max)(a, value);
        sum = V(add)(sum, value);
    }
    if (!V(all_lt)(sum, V(set1)(INFINITY))) {
        a = LOCAL(max_load)(x + offsets[0], n);
        for (int i = 1; i < taps; i++) {
            a = LOCAL(greater)(a, LOCAL(max_load)(x + offsets[i], n));
        }
    }
#endif
    return a;
}

/* Windows of few taps. */
static inline __attribute__((always_inline)) void LOCAL(max_short)(const nhwc_windows *t, const int64_t *offsets,
                                                                   int taps) {
    const ELEM *x = t->x;
    ELEM *out = t->out;
    const int64_t head = LOCAL(head)(t);
    for (int64_t w = 0; w < t->windows; w++, x += t->window_pitch, out += t->out_pitch) {
        int64_t c = head;
        if (head) {
            V(store_n)(out, LOCAL(max_taps)(x, offsets, taps, head), head);
        }
        for (; c + VL <= t->channels; c += VL) {
            V(store)(out + c, LOCAL(max_taps)(x + c, offsets, taps, VL));
        }
        if (c < t->channels) {
            V(store_n)(out + c, LOCAL(max_taps)(x + c, offsets, taps, t->channels - c), t->channels - c);
        }
    }
}

/* The first n maxima of a line and some taps more. */
static inline __attribute__((always_inline)) void LOCAL(max_one)(ELEM *line, const ELEM *x, const int64_t *offsets,
                                                                 int taps, int64_t n) {
    const VEC a = LOCAL(greater)(LOCAL(max_load)(line, n), LOCAL(max_taps)(x, offsets, taps, n));
    if (n == VL) {
        V(store)(line, a);
    } else {
        V(store_n)(line, a, n);
    }
}

static inline __attribute__((always_inline)) void LOCAL(max_more)(ELEM *line, const ELEM *x, const int64_t *offsets,
                                                                  int taps, int64_t channels, int64_t head) {
    for (int64_t c = 0, n; c < channels; c += n) {
        n = LOCAL(width)(c, head, channels);
        if (n == VL) {
            LOCAL(max_one)(line + c, x + c, offsets, taps, VL);
        } else {
            LOCAL(max_one)(line + c, x + c, offsets, taps, n);
        }
    }
}

/* A window of many taps, for a line of channels. */
static void LOCAL(max_long)(const nhwc_windows *t, const ELEM *x, ELEM *out, int64_t channels, int64_t head) {
    _Alignas(64) ELEM memory[(NHWC_POOL_LINE + 1) * VL];
    ELEM *line = memory + (head ? VL - head : 0);
    int64_t offsets[NHWC_POOL_CHAIN];
    nhwc_tap at = {0, 0, 0};
    memcpy(line, x, (size_t)channels * sizeof(ELEM));
    for (int taps; (taps = nhwc_next_taps(t, &at, offsets)) > 0;) {
        switch (taps) {
#define CASE(i)                                                                                                        \
    case i:                                                                                                            \
        LOCAL(max_more)(line, x, offsets, i, channels, head);                                                          \
        break;
            NHWC_TAP_COUNTS(CASE)
#undef CASE
        }
    }
    memcpy(out, line, (size_t)channels * sizeof(ELEM));
}

static void KERNEL(max_windows)(const nhwc_windows *t) {
    int64_t offsets[NHWC_POOL_CHAIN];
    nhwc_tap at = {0, 0, 0};
    const int taps = nhwc_next_taps(t, &at, offsets);
    if (t->depths * t->rows * t->columns > NHWC_POOL_CHAIN) {
        const int64_t part = NHWC_POOL_LINE * VL, last = t->channels % part;
        const int64_t head = last && last < VL ? 0 : LOCAL(head)(t);
        for (int64_t w = 0; w < t->windows; w++) {
            for (int64_t c = 0; c < t->channels; c += part) {
                LOCAL(max_long)(t, (const ELEM *)t->x + w * t->window_pitch + c, (ELEM *)t->out + w * t->out_pitch + c,
                                t->channels - c < part ? t->channels - c : part, head);
            }
        }
        return;
    }
    switch (taps) {
#define CASE(i)                                                                                                        \
    case i:                                                                                                            \
        LOCAL(max_short)(t, offsets, i);                                                                               \
        break;
        NHWC_TAP_COUNTS(CASE)
#undef CASE
    }
}
