/* Sums over windows by a divisor, vectors along the channels.

   Contract: nhwc_windows of kernels.h. x and out are the caller's, and only `channels` elements of a pixel are touched.

       for window, for block of 4 vectors of channels, then for single vectors:
           for NHWC_POOL_CHAIN pixels of the window at a time:
               t[4] = their sum
               s[4] += t, and what that rounds off is added to e[4]
           out = (s + e) / divisor

   Chains are short, and what adding them up rounds off is kept (Knuth's two-sum): long sums of equal numbers, where all
   roundings go one way, are as accurate as short ones. A sum beyond the largest number makes e NaN: then s stands.

   Registers: 4 chains, 4 sums, 4 remainders. */

static inline void LOCAL(two_sum)(VEC *s, VEC *e, VEC t) {
    const VEC sum = V(add)(*s, t), part = V(sub)(sum, *s);
    *e = V(add)(*e, V(add)(V(sub)(*s, V(sub)(sum, part)), V(sub)(t, part)));
    *s = sum;
}

static inline VEC LOCAL(mean)(VEC s, VEC e, int64_t divisor) {
    s = V(select_nan)(e, s, V(add)(s, e));
    if (divisor & (divisor - 1)) {
        return V(div)(s, V(set1)((ELEM)divisor));
    }
    return V(mul)(s, V(set1)(1 / (ELEM)divisor));
}

static inline void LOCAL(sum_block)(const nhwc_windows *t, const ELEM *x, ELEM *out) {
    VEC t0 = V(zero)(), t1 = t0, t2 = t0, t3 = t0, s0 = t0, s1 = t0, s2 = t0, s3 = t0, e0 = t0, e1 = t0, e2 = t0,
        e3 = t0;
    int64_t room = NHWC_POOL_CHAIN;
    for (int64_t d = 0; d < t->depths; d++, x += t->depth_pitch) {
        const ELEM *row = x;
        for (int64_t r = 0; r < t->rows; r++, row += t->row_pitch) {
            const ELEM *p = row;
            for (int64_t left = t->columns; left > 0;) {
                if (room == 0) {
                    LOCAL(two_sum)(&s0, &e0, t0);
                    LOCAL(two_sum)(&s1, &e1, t1);
                    LOCAL(two_sum)(&s2, &e2, t2);
                    LOCAL(two_sum)(&s3, &e3, t3);
                    t0 = t1 = t2 = t3 = V(zero)();
                    room = NHWC_POOL_CHAIN;
                }
                const int64_t n = left < room ? left : room;
                for (int64_t i = 0; i < n; i++, p += t->column_pitch) {
                    t0 = V(add)(t0, V(load)(p));
                    t1 = V(add)(t1, V(load)(p + VL));
                    t2 = V(add)(t2, V(load)(p + 2 * VL));
                    t3 = V(add)(t3, V(load)(p + 3 * VL));
                }
                left -= n;
                room -= n;
            }
        }
    }
    LOCAL(two_sum)(&s0, &e0, t0);
    LOCAL(two_sum)(&s1, &e1, t1);
    LOCAL(two_sum)(&s2, &e2, t2);
    LOCAL(two_sum)(&s3, &e3, t3);
    V(store)(out, LOCAL(mean)(s0, e0, t->divisor));
    V(store)(out + VL, LOCAL(mean)(s1, e1, t->divisor));
    V(store)(out + 2 * VL, LOCAL(mean)(s2, e2, t->divisor));
    V(store)(out + 3 * VL, LOCAL(mean)(s3, e3, t->divisor));
}

static inline void LOCAL(sum_vector)(const nhwc_windows *t, const ELEM *x, ELEM *out, int64_t n) {
    VEC chain = V(zero)(), s = chain, e = chain;
    int64_t room = NHWC_POOL_CHAIN;
    for (int64_t d = 0; d < t->depths; d++, x += t->depth_pitch) {
        const ELEM *row = x;
        for (int64_t r = 0; r < t->rows; r++, row += t->row_pitch) {
            const ELEM *p = row;
            for (int64_t i = 0; i < t->columns; i++, p += t->column_pitch) {
                if (room-- == 0) {
                    LOCAL(two_sum)(&s, &e, chain);
                    chain = V(zero)();
                    room = NHWC_POOL_CHAIN - 1;
                }
                chain = V(add)(chain, V(load_n)(p, n));
            }
        }
    }
    LOCAL(two_sum)(&s, &e, chain);
    V(store_n)(out, LOCAL(mean)(s, e, t->divisor), n);
}

static void KERNEL(sum_windows)(const nhwc_windows *t) {
    const ELEM *x = t->x;
    ELEM *out = t->out;
    for (int64_t w = 0; w < t->windows; w++, x += t->window_pitch, out += t->out_pitch) {
        int64_t c = 0;
        for (; c + 4 * VL <= t->channels; c += 4 * VL) {
            LOCAL(sum_block)(t, x + c, out + c);
        }
        for (; c < t->channels; c += VL) {
            LOCAL(sum_vector)(t, x + c, out + c, t->channels - c < VL ? t->channels - c : VL);
        }
    }
}
