/* The gradient of maxima over windows, vectors along the channels.

   Contract: nhwc_max_grad of kernels.h. Arrays are the caller's, and only `channels` elements of a pixel are touched.

       for window, for vector of channels:
           a = the maximum over the window
           left = dy
           for depth, row, column of the window:
               where x is the maximum: dx += left, if dx is wanted here; left = 0

   So the first maximum takes all of dy. A NaN counts as the maximum. */

/* Selects `hit` in the lanes where x is the window's maximum a, else `miss`. */
static inline VEC LOCAL(select_max)(VEC x, VEC a, VEC hit, VEC miss) {
    const VEC equal = V(select_lt)(x, a, miss, hit);
#ifdef NHWC_INTEGER
    return equal;
#else
    return V(select_nan)(a, V(select_nan)(x, hit, miss), equal);
#endif
}

static inline void LOCAL(max_grad)(const nhwc_max_grad *t, const ELEM *x, const ELEM *dy, ELEM *dx, int64_t n) {
    const VEC zero = V(zero)();
    VEC a = V(load_n)(x, n), left = V(load_n)(dy, n);
    for (int64_t d = 0; d < t->depths; d++) {
        for (int64_t r = 0; r < t->rows; r++) {
            const ELEM *p = x + d * t->depth_pitch + r * t->row_pitch;
            for (int64_t i = 0; i < t->columns; i++, p += t->column_pitch) {
                a = LOCAL(greater)(a, V(load_n)(p, n));
            }
        }
    }
    for (int64_t d = 0; d < t->depths; d++) {
        for (int64_t r = 0; r < t->rows; r++) {
            const bool wanted = d >= t->depth && d < t->last_depth && r >= t->row && r < t->last_row;
            int64_t at = d * t->depth_pitch + r * t->row_pitch;
            for (int64_t i = 0; i < t->columns; i++, at += t->column_pitch) {
                const VEC value = V(load_n)(x + at, n);
                if (wanted) {
                    const VEC share = LOCAL(select_max)(value, a, left, zero);
                    V(store_n)(dx + at, V(add)(V(load_n)(dx + at, n), share), n);
                }
                left = LOCAL(select_max)(value, a, zero, left);
            }
        }
    }
}

static void KERNEL(max_grad)(const nhwc_max_grad *t) {
    const ELEM *x = t->x, *dy = t->dy;
    ELEM *dx = t->dx;
    for (int64_t w = 0; w < t->windows; w++, x += t->window_pitch, dx += t->window_pitch, dy += t->channels) {
        for (int64_t c = 0; c < t->channels; c += VL) {
            LOCAL(max_grad)(t, x + c, dy + c, dx + c, t->channels - c < VL ? t->channels - c : VL);
        }
    }
}
