/* The activations by their definitions, in long double: what the tests hold the kernels to. */
#ifndef NHWC_TEST_ACTIVATIONS_H
#define NHWC_TEST_ACTIVATIONS_H

#include "nhwc.h"

#include <math.h>

#define SELU_SCALE 1.0507009873554804934193349852946L
#define SELU_ALPHA 1.6732632423543772848170429916717L

/* For any x: NaN stays NaN, and where the formula is infinity times zero the limit stands. */
static inline long double activated(nhwc_activation activation, long double x) {
    if (isnan(x) || activation == NHWC_LINEAR) {
        return x;
    }
    const int vanishes = x == -INFINITY;
    const long double hard_sigmoid = fminl(fmaxl(x + 3, 0), 6) / 6;
    switch (activation) {
    case NHWC_RELU:
        return fmaxl(x, 0);
    case NHWC_RELU6:
        return fminl(fmaxl(x, 0), 6);
    case NHWC_LEAKY_RELU:
        return x < 0 ? 0.2L * x : x;
    case NHWC_ELU:
        return x < 0 ? expm1l(x) : x;
    case NHWC_SELU:
        return SELU_SCALE * (x < 0 ? SELU_ALPHA * expm1l(x) : x);
    case NHWC_SIGMOID:
        return 1 / (1 + expl(-x));
    case NHWC_HARD_SIGMOID:
        return hard_sigmoid;
    case NHWC_TANH:
        return tanhl(x);
    case NHWC_SILU:
        return vanishes ? 0 : x / (1 + expl(-x));
    case NHWC_HARD_SILU:
        return vanishes ? 0 : x * hard_sigmoid;
    case NHWC_GELU:
        return vanishes ? 0 : 0.5L * x * erfcl(-x * 0.707106781186547524400844362104849L);
    case NHWC_SOFTPLUS:
        return fmaxl(x, 0) + log1pl(expl(-fabsl(x)));
    default:
        return NAN;
    }
}

#endif
