/* Maxima over windows, vectors along the channels.

   Contract: nhwc_windows of kernels.h. x and out are the caller's, and only `channels` elements of a pixel are touched.

       for window, for block of 4 vectors of channels, then for single vectors:
           a[4] = the first pixel
           for depth, row, column of the window: a[v] = greater(a[v], x[v])

   Registers: 4 maxima and an input. */

/* The greater of the two; x where x is NaN, a where only a is. */
static inline VEC LOCAL(greater)(VEC a, VEC x) {
#ifdef NHWC_INTEGER
    return V(max)(x, a);
#else
    return V(select_nan)(x, x, V(max)(x, a));
#endif
}

static inline void LOCAL(max_block)(const nhwc_windows *t, const ELEM *x, ELEM *out) {
    VEC a0 = V(load)(x), a1 = V(load)(x + VL), a2 = V(load)(x + 2 * VL), a3 = V(load)(x + 3 * VL);
    for (int64_t d = 0; d < t->depths; d++, x += t->depth_pitch) {
        const ELEM *row = x;
        for (int64_t r = 0; r < t->rows; r++, row += t->row_pitch) {
            const ELEM *p = row;
            for (int64_t i = 0; i < t->columns; i++, p += t->column_pitch) {
                a0 = LOCAL(greater)(a0, V(load)(p));
                a1 = LOCAL(greater)(a1, V(load)(p + VL));
                a2 = LOCAL(greater)(a2, V(load)(p + 2 * VL));
                a3 = LOCAL(greater)(a3, V(load)(p + 3 * VL));
            }
        }
    }
    V(store)(out, a0);
    V(store)(out + VL, a1);
    V(store)(out + 2 * VL, a2);
    V(store)(out + 3 * VL, a3);
}

static inline void LOCAL(max_vector)(const nhwc_windows *t, const ELEM *x, ELEM *out, int64_t n) {
    VEC a = V(load_n)(x, n);
    for (int64_t d = 0; d < t->depths; d++, x += t->depth_pitch) {
        const ELEM *row = x;
        for (int64_t r = 0; r < t->rows; r++, row += t->row_pitch) {
            const ELEM *p = row;
            for (int64_t i = 0; i < t->columns; i++, p += t->column_pitch) {
                a = LOCAL(greater)(a, V(load_n)(p, n));
            }
        }
    }
    V(store_n)(out, a, n);
}

static void KERNEL(max_windows)(const nhwc_windows *t) {
    const ELEM *x = t->x;
    ELEM *out = t->out;
    for (int64_t w = 0; w < t->windows; w++, x += t->window_pitch, out += t->out_pitch) {
        int64_t c = 0;
        for (; c + 4 * VL <= t->channels; c += 4 * VL) {
            LOCAL(max_block)(t, x + c, out + c);
        }
        for (; c < t->channels; c += VL) {
            LOCAL(max_vector)(t, x + c, out + c, t->channels - c < VL ? t->channels - c : VL);
        }
    }
}
