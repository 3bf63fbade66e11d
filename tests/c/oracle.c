/* The definition of convolution as plain loops, and how far from it a result may be. Nothing here is shared with the
   library but nhwc.h: padded coordinates are walked back into the input step by step, sums run in long double. */
#include "oracle.h"

#include "activations.h"

#include <stdlib.h>
#include <string.h>

/* The coordinate of the input that padded coordinate i repeats, or -1 for zero. */
static int64_t unpad(nhwc_padding_mode mode, int64_t i, int64_t n) {
    while (i < 0 || i >= n) {
        switch (mode) {
        case NHWC_EDGE:
            i = i < 0 ? 0 : n - 1;
            break;
        case NHWC_REFLECT:
            i = n == 1 ? 0 : i < 0 ? -i : 2 * (n - 1) - i;
            break;
        case NHWC_SYMMETRIC:
            i = i < 0 ? -1 - i : 2 * n - 1 - i;
            break;
        case NHWC_WRAP:
            i += i < 0 ? n : -n;
            break;
        default:
            return -1;
        }
    }
    return i;
}

/* The input pixel of the sample under each tap of an output pixel, -1 for zero. */
static void find_taps(const nhwc_problem *p, int64_t pixel, int64_t *taps) {
    int64_t out[3] = {pixel / p->out[2] / p->out[1], pixel / p->out[2] % p->out[1], pixel % p->out[2]};
    int64_t count = p->kernel[0] * p->kernel[1] * p->kernel[2];
    for (int64_t t = 0; t < count; t++) {
        int64_t tap[3] = {t / p->kernel[2] / p->kernel[1], t / p->kernel[2] % p->kernel[1], t % p->kernel[2]};
        int64_t source = 0;
        for (int axis = 0; axis < 3; axis++) {
            int64_t padded = out[axis] * p->stride[axis] + tap[axis] * p->dilation[axis] - p->before[axis];
            int64_t at = unpad(p->padding_mode, padded, p->in[axis]);
            source = source < 0 || at < 0 ? -1 : source * p->in[axis] + at;
        }
        taps[t] = source;
    }
}

static bool is_real(const nhwc_problem *p) { return p->dtype == NHWC_F32 || p->dtype == NHWC_F64; }

static long double real_at(nhwc_dtype dtype, const void *values, int64_t i) {
    return dtype == NHWC_F32 ? (long double)((const float *)values)[i] : (long double)((const double *)values)[i];
}

/* The products of filter f with the pixels at `taps`; x is the first channel that it reads of the sample. */
static exact_value sum_products(const nhwc_problem *p, const int64_t *taps, int64_t x, int64_t f, const operands *o) {
    const int64_t channels = p->c / p->groups, count = p->kernel[0] * p->kernel[1] * p->kernel[2];
    const uint64_t *x_bits = o->x.data, *filter_bits = o->filters.data;
    exact_value sum = {0};
    for (int64_t t = 0; t < count; t++) {
        for (int64_t c = 0; c < channels; c++) {
            int64_t from = x + taps[t] * p->c + c, with = (t * channels + c) * p->f + f;
            if (is_real(p)) {
                long double value = taps[t] < 0 ? 0 : real_at(p->dtype, o->x.data, from);
                long double product = value * real_at(p->dtype, o->filters.data, with);
                sum.sum += product;
                sum.size += fabsl(product);
            } else {
                sum.bits += (taps[t] < 0 ? 0 : x_bits[from]) * filter_bits[with];
            }
        }
    }
    return sum;
}

static void add_term(const nhwc_problem *p, const buffer *terms, int64_t i, exact_value *sum) {
    if (terms->data && is_real(p)) {
        long double term = real_at(p->dtype, terms->data, i);
        sum->sum += term;
        sum->size += fabsl(term);
    } else if (terms->data) {
        sum->bits += ((const uint64_t *)terms->data)[i];
    }
}

static uint64_t activated_bits(const nhwc_problem *p, uint64_t bits) {
    const bool negative = p->dtype == NHWC_I64 && bits >> 63;
    if (p->activation != NHWC_LINEAR && negative) {
        return 0;
    }
    return p->activation == NHWC_RELU6 && bits > 6 ? 6 : bits;
}

exact_value *solve(const test_problem *t, const operands *o) {
    const nhwc_problem *p = &t->problem;
    exact_value *exact = calloc((size_t)o->outputs + 1, sizeof *exact);
    int64_t *taps = malloc((size_t)(p->kernel[0] * p->kernel[1] * p->kernel[2]) * sizeof *taps);
    if (!exact || !taps) {
        perror("solve");
        exit(2);
    }
    for (int64_t pixel = 0; pixel < p->pixels && o->outputs > 0; pixel++) {
        find_taps(p, pixel, taps);
        for (int64_t sample = 0; sample < t->n; sample++) {
            for (int64_t f = 0; f < p->f; f++) {
                int64_t i = (sample * p->pixels + pixel) * p->f + f, group = f / (p->f / p->groups);
                int64_t x = sample * p->in[0] * p->in[1] * p->in[2] * p->c + group * (p->c / p->groups);
                exact[i] = sum_products(p, taps, x, f, o);
                add_term(p, &o->bias, f, &exact[i]);
                add_term(p, &o->residual, i, &exact[i]);
                exact[i].y = activated(p->activation, exact[i].sum);
                exact[i].bits = activated_bits(p, exact[i].bits);
            }
        }
    }
    free(taps);
    return exact;
}

/* The error allowed to an output that is finite. Sums of 256 in a chain, and their totals, round so often; sums of
   integers do not round at all. `largest` is the greatest size of any output. */
static long double allowed_error(const test_problem *t, nhwc_algorithm algorithm, const exact_value *exact,
                                 long double largest) {
    const nhwc_problem *p = &t->problem;
    const bool f32 = p->dtype == NHWC_F32, direct = algorithm == NHWC_DIRECT;
    const long double normwise = !f32 ? 4e-15L : direct ? 5e-7L : p->algorithm == NHWC_AUTO ? 2e-6L : 4e-6L;
    long double allowed = 0;
    if (isfinite(exact->sum) && !(direct && t->values == INTEGER_VALUED)) {
        int64_t chain = p->k < 256 ? p->k : 256, chunks = (p->k + 255) / 256;
        long double own = (long double)(chain + chunks + 4) * (f32 ? 0x1p-24L : 0x1p-53L) * exact->size;
        allowed = normwise * largest;
        allowed = direct && own < allowed ? own : allowed;
    }
    if (p->activation > NHWC_RELU6) {
        const long double steepest = 1.76L, error = f32 ? 2e-6L : 4e-15L;
        allowed = steepest * allowed + error * fmaxl(1, fabsl(exact->y));
    }
    return allowed;
}

static int64_t first_wrong_real(const test_problem *t, const operands *o, const exact_value *exact,
                                nhwc_algorithm algorithm, const void *out, char *text, size_t text_bytes) {
    long double largest = 0;
    for (int64_t i = 0; i < o->outputs; i++) {
        largest = isfinite(exact[i].size) ? fmaxl(largest, exact[i].size) : largest;
    }
    for (int64_t i = 0; i < o->outputs; i++) {
        const long double y = exact[i].y, got = real_at(t->problem.dtype, out, i);
        const long double allowed = isfinite(y) ? allowed_error(t, algorithm, &exact[i], largest) : 0;
        const bool right = isnan(y) ? isnan(got) : isinf(y) ? got == y : fabsl(got - y) <= allowed;
        if (!right) {
            snprintf(text, text_bytes, "output %lld is %.17Lg, exactly %.17Lg, allowed error %.3Lg", (long long)i, got,
                     y, allowed);
            return i;
        }
    }
    return -1;
}

static int64_t first_wrong_integer(const operands *o, const exact_value *exact, const uint64_t *out, char *text,
                                   size_t text_bytes) {
    for (int64_t i = 0; i < o->outputs; i++) {
        if (out[i] != exact[i].bits) {
            snprintf(text, text_bytes, "output %lld is %#llx, exactly %#llx", (long long)i, (unsigned long long)out[i],
                     (unsigned long long)exact[i].bits);
            return i;
        }
    }
    return -1;
}

int64_t first_wrong(const test_problem *t, const operands *o, const exact_value *exact, nhwc_algorithm algorithm,
                    const void *out, char *text, size_t text_bytes) {
    return is_real(&t->problem) ? first_wrong_real(t, o, exact, algorithm, out, text, text_bytes)
                                : first_wrong_integer(o, exact, out, text, text_bytes);
}
