/* The activations: template over NHWC_DTYPE (f32, f64) and NHWC_ISA.

   Contract: n elements from y + offsets[i] on, aligned as elements, are replaced by their activations for each offset
   that is not negative; no byte beyond them is touched. An element's bits do not depend on its position. At the
   infinities the limits, exactly; NaN stays NaN. Error against float64: f32 at most 1e-6 max(1, |y|), f64 4e-15
   max(1, |y|).

       for row at an offset, for i in 0, VL, ..., the last one masked:  row[i : i + VL] = f(row[i : i + VL])

   All rows of a tile are done in one call: a call for each of its pixels costs as much as a vector or two.

   Maximum and minimum give their second operand where one is NaN: the data stands there. */

#include "../simd/elementary.h"

static inline VEC LOCAL(relu)(VEC x) { return V(max)(V(zero)(), x); }
static inline VEC LOCAL(relu6)(VEC x) { return V(min)(V(set1)(6.0), V(max)(V(zero)(), x)); }
static inline VEC LOCAL(leaky_relu)(VEC x) { return V(max)(V(mul)(V(set1)(0.2), x), x); }

static inline VEC LOCAL(sigmoid)(VEC x) { return V(inverse)(V(add)(V(exp)(V(neg)(x)), V(set1)(1.0))); }

/* x bounded below, for 0 at minus infinity. */
static inline VEC LOCAL(silu)(VEC x) { return V(mul)(V(max)(V(set1)(-1000.0), x), LOCAL(sigmoid)(x)); }

/* e^x - 1 where x is negative, else 0; e^-44 is lost beside 1 in both dtypes. */
static inline VEC LOCAL(elu_below)(VEC x) { return V(expm1)(V(max)(V(set1)(-44.0), V(min)(V(zero)(), x))); }

static inline VEC LOCAL(elu)(VEC x) { return V(select_lt)(V(zero)(), x, x, LOCAL(elu_below)(x)); }

static inline VEC LOCAL(selu)(VEC x) {
    VEC scale = V(set1)(1.0507009873554805), scale_alpha = V(set1)(1.0507009873554805 * 1.6732632423543772);
    return V(select_lt)(V(zero)(), x, V(mul)(scale, x), V(mul)(scale_alpha, LOCAL(elu_below)(x)));
}

/* t / (t + 2) with t = e^2x - 1: exact near 0, never beyond 1. From |2x| = 44 on, t + 2 rounds to t or t to -1. */
static inline VEC LOCAL(tanh)(VEC x) {
    VEC twice = V(min)(V(set1)(44.0), V(max)(V(set1)(-44.0), V(add)(x, x)));
    VEC t = V(expm1)(twice);
    return V(div)(t, V(add)(t, V(set1)(2.0)));
}

static inline VEC LOCAL(hard_sigmoid)(VEC x) {
    VEC line = V(fma)(x, V(set1)(1.0 / 6.0), V(set1)(0.5));
    return V(min)(V(set1)(1.0), V(max)(V(zero)(), line));
}

static inline VEC LOCAL(hard_silu)(VEC x) { return V(mul)(V(max)(V(set1)(-3.0), x), LOCAL(hard_sigmoid)(x)); }

/* The positive part less |x| times the normal tail at |x|: no cancellation on the negative side. */
static inline VEC LOCAL(gelu)(VEC x) {
    VEC tail = V(normal_tail)(V(min)(V(set1)(64.0), V(abs)(x)));
    return V(sub)(V(max)(V(zero)(), x), tail);
}

static inline VEC LOCAL(softplus)(VEC x) { return V(add)(V(max)(V(zero)(), x), V(log1p)(V(exp)(V(neg)(V(abs)(x))))); }

/* Inlined with a constant f, so that f is inlined too. */
static inline __attribute__((always_inline)) void LOCAL(map)(ELEM *y, const int64_t *offsets, int64_t count, int64_t n,
                                                             VEC (*f)(VEC)) {
    for (int64_t row = 0; row < count; row++) {
        ELEM *at = y + offsets[row];
        int64_t i = offsets[row] < 0 ? n : 0;
        for (; i + VL <= n; i += VL) {
            V(store)(at + i, f(V(load)(at + i)));
        }
        if (i < n) {
            V(store_n)(at + i, f(V(load_n)(at + i, n - i)), n - i);
        }
    }
}

static void KERNEL(activate)(void *y, const int64_t *offsets, int64_t count, int64_t n, int activation) {
    switch (activation) {
    case NHWC_RELU:
        LOCAL(map)(y, offsets, count, n, LOCAL(relu));
        break;
    case NHWC_RELU6:
        LOCAL(map)(y, offsets, count, n, LOCAL(relu6));
        break;
    case NHWC_LEAKY_RELU:
        LOCAL(map)(y, offsets, count, n, LOCAL(leaky_relu));
        break;
    case NHWC_ELU:
        LOCAL(map)(y, offsets, count, n, LOCAL(elu));
        break;
    case NHWC_SELU:
        LOCAL(map)(y, offsets, count, n, LOCAL(selu));
        break;
    case NHWC_SIGMOID:
        LOCAL(map)(y, offsets, count, n, LOCAL(sigmoid));
        break;
    case NHWC_HARD_SIGMOID:
        LOCAL(map)(y, offsets, count, n, LOCAL(hard_sigmoid));
        break;
    case NHWC_TANH:
        LOCAL(map)(y, offsets, count, n, LOCAL(tanh));
        break;
    case NHWC_SILU:
        LOCAL(map)(y, offsets, count, n, LOCAL(silu));
        break;
    case NHWC_HARD_SILU:
        LOCAL(map)(y, offsets, count, n, LOCAL(hard_silu));
        break;
    case NHWC_GELU:
        LOCAL(map)(y, offsets, count, n, LOCAL(gelu));
        break;
    case NHWC_SOFTPLUS:
        LOCAL(map)(y, offsets, count, n, LOCAL(softplus));
        break;
    }
}
