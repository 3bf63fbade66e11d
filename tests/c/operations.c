/* Each operation is a call on arrays of exactly its size, compared with plain loops in double. */
#include "operations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Arrays of whole numbers, in double and in any dtype -------------------------------------------------------- */

typedef struct {
    double *values;
    int64_t count;
} numbers;

static numbers make_numbers(int64_t count, uint64_t *state, bool any) {
    numbers a = {calloc((size_t)count + 1, sizeof(double)), count};
    if (!a.values) {
        abort();
    }
    for (int64_t i = 0; any && i < count; i++) {
        a.values[i] = (double)(random_bits(state) >> 33 & 7);
    }
    return a;
}

static size_t bytes_of(nhwc_dtype dtype) {
    static const size_t bytes[] = {[NHWC_F32] = 4, [NHWC_F64] = 8, [NHWC_I64] = 8,  [NHWC_U64] = 8,
                                   [NHWC_I32] = 4, [NHWC_F16] = 2, [NHWC_BF16] = 2, [NHWC_I8] = 1,
                                   [NHWC_U8] = 1,  [NHWC_I16] = 2, [NHWC_U16] = 2,  [NHWC_U32] = 4};
    return bytes[dtype];
}

static void store(nhwc_dtype dtype, double value, void *to) {
    static const uint16_t halves[] = {0, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600, 0x4700};
    const uint64_t whole = (uint64_t)value; /* little-endian */
    const float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    const uint16_t half = dtype == NHWC_F16 ? halves[whole & 7] : (uint16_t)(bits >> 16);
    const bool is_half = dtype == NHWC_F16 || dtype == NHWC_BF16;
    const void *from = dtype == NHWC_F32   ? (const void *)&narrow
                       : dtype == NHWC_F64 ? (const void *)&value
                       : is_half           ? (const void *)&half
                                           : (const void *)&whole;
    memcpy(to, from, bytes_of(dtype));
}

static double load(nhwc_dtype dtype, const void *from) {
    uint64_t whole = 0;
    uint32_t bits;
    float narrow;
    double value;
    memcpy(&whole, from, bytes_of(dtype));
    switch (dtype) {
    case NHWC_F64:
        memcpy(&value, from, sizeof value);
        return value;
    case NHWC_F16:
        value = ldexp((double)(whole & 0x3ff) + (whole & 0x7c00 ? 0x400 : 0),
                      (int)(whole >> 10 & 31) - (whole & 0x7c00 ? 25 : 24));
        return (whole & 0x7c00) == 0x7c00 ? INFINITY : whole >> 15 ? -value : value;
    case NHWC_BF16:
    case NHWC_F32:
        bits = (uint32_t)(dtype == NHWC_F32 ? whole : whole << 16);
        memcpy(&narrow, &bits, sizeof narrow);
        return (double)narrow;
    default:
        return (double)whole;
    }
}

static buffer make_array(const test_problem *t, nhwc_dtype dtype, const numbers *a) {
    buffer b = buffer_make((size_t)a->count * bytes_of(dtype), t->place);
    for (int64_t i = 0; i < a->count; i++) {
        store(dtype, a->values[i], (char *)b.data + (size_t)i * bytes_of(dtype));
    }
    buffer_seal(&b);
    return b;
}

/* ---- The definition --------------------------------------------------------------------------------------------- */

/* The input pixel that an output pixel meets by a tap, both in row order; -1 on the padding. */
static int64_t met(const nhwc_problem *p, int64_t pixel, int64_t tap) {
    int64_t at = 0, place = 1;
    for (int axis = 2; axis >= 0; axis--) {
        int64_t i =
            pixel % p->out[axis] * p->stride[axis] + tap % p->kernel[axis] * p->dilation[axis] - p->before[axis];
        if (i < 0 || i >= p->in[axis]) {
            return -1;
        }
        at += i * place;
        place *= p->in[axis];
        pixel /= p->out[axis];
        tap /= p->kernel[axis];
    }
    return at;
}

static int64_t in_pixels(const nhwc_problem *p) { return p->in[0] * p->in[1] * p->in[2]; }
static int64_t taps_of(const nhwc_problem *p) { return p->kernel[0] * p->kernel[1] * p->kernel[2]; }

typedef enum { TO_X, TO_FILTERS, TO_Y } target;

/* Adds each product of two of the arrays to the third. */
static void accumulate(const nhwc_problem *p, int64_t n, double *x, double *filters, double *y, target to) {
    const int64_t depth = p->c / p->groups, width = p->f / p->groups, taps = taps_of(p);
    for (int64_t i = 0; i < n * p->pixels * taps; i++) {
        const int64_t tap = i % taps, pixel = i / taps % p->pixels, sample = i / taps / p->pixels;
        const int64_t at = met(p, pixel, tap);
        for (int64_t f = 0; at >= 0 && f < p->f; f++) {
            double *out = &y[(sample * p->pixels + pixel) * p->f + f];
            double *in = &x[(sample * in_pixels(p) + at) * p->c + f / width * depth];
            double *w = &filters[tap * depth * p->f + f];
            for (int64_t c = 0; c < depth; c++, w += p->f) {
                *(to == TO_X         ? &in[c]
                  : to == TO_FILTERS ? w
                                     : out) += to == TO_X         ? *w * *out
                                               : to == TO_FILTERS ? in[c] * *out
                                                                  : in[c] * *w;
            }
        }
    }
}

/* Each window's maximum and mean of x, with the gradients that dy has through them. */
static void pool(const nhwc_problem *p, int64_t n, const double *x, const double *dy, double *const results[4]) {
    const int64_t taps = taps_of(p);
    for (int64_t i = 0; i < n * p->pixels * p->c; i++) {
        const int64_t channel = i % p->c, pixel = i / p->c % p->pixels, sample = i / p->c / p->pixels;
        int64_t first = -1, held = 0;
        double sum = 0;
        for (int pass = 0; pass < 2; pass++) {
            for (int64_t tap = 0; tap < taps; tap++) {
                const int64_t met_at = met(p, pixel, tap), at = (sample * in_pixels(p) + met_at) * p->c + channel;
                if (met_at >= 0 && pass == 0) {
                    first = first < 0 || x[at] > x[first] ? at : first;
                    sum += x[at];
                    held++;
                } else if (met_at >= 0) {
                    results[3][at] += dy[i] / (double)held;
                }
            }
        }
        results[0][i] = x[first];
        results[1][i] = sum / (double)held;
        results[2][first] += dy[i];
    }
}

/* ---- One operation ---------------------------------------------------------------------------------------------- */

typedef enum { TRANSPOSED, FILTER_GRAD, MAX_POOL, AVERAGE_POOL, MAX_GRAD, AVERAGE_GRAD, SEPARABLE, STORED } kind;

typedef struct {
    kind kind;
    nhwc_problem problem, second; /* the pointwise part of a separable one */
    int64_t n;
    nhwc_element element;
    nhwc_storage storage;
    const void *a, *b, *c; /* operands */
} operation;

/* Runs a plan, if it could be made, and destroys it. */
static nhwc_status run_plan(nhwc_plan *const *plan, nhwc_status made, const operation *o, void *out) {
    nhwc_status status = made == NHWC_OK ? nhwc_plan_run(*plan, o->n, o->a, NULL, out) : made;
    if (made == NHWC_OK) {
        nhwc_plan_destroy(*plan);
    }
    return status;
}

static nhwc_status run(const operation *o, void *out) {
    nhwc_plan *plan = NULL;
    switch (o->kind) {
    case TRANSPOSED:
        return run_plan(&plan, nhwc_plan_create_transposed(&plan, &o->problem, o->b, NULL, 1), o, out);
    case FILTER_GRAD:
        return nhwc_filter_grad(&o->problem, o->a, o->b, out);
    case MAX_POOL:
        return nhwc_max_pool(&o->problem, o->element, o->a, out);
    case AVERAGE_POOL:
        return nhwc_average_pool(&o->problem, o->a, out);
    case MAX_GRAD:
        return nhwc_max_pool_grad(&o->problem, o->b, o->a, out);
    case AVERAGE_GRAD:
        return nhwc_average_pool_grad(&o->problem, o->a, out);
    case SEPARABLE:
        return nhwc_separable(&o->problem, &o->second, o->a, o->b, o->c, NULL, NULL, out);
    default:
        return run_plan(&plan, nhwc_plan_create_stored(&plan, &o->problem, o->storage, o->b, NULL, 1), o, out);
    }
}

/* Integers are exact; means and Winograd round, and halves once more, by a part of a number. */
static bool is_near(nhwc_dtype dtype, double value, double expected, double slack) {
    enum { MOST_HALF = 65504 };
    const bool floating = dtype == NHWC_F32 || dtype == NHWC_F64 || dtype == NHWC_F16 || dtype == NHWC_BF16;
    const double part = dtype == NHWC_F16 ? 0x1p-11 : dtype == NHWC_BF16 ? 0x1p-8 : 0x1p-20;
    if (dtype == NHWC_F16 && expected > MOST_HALF && isinf(value)) {
        return true;
    }
    return floating ? fabs(value - expected) <= slack + part * expected : value == expected;
}

static const char *check(const test_problem *t, const operation *o, nhwc_dtype dtype, const numbers *expected,
                         double slack) {
    static const char *const names[] = {
        "transposed",           "filter gradient", "maximum", "mean", "gradient of the maximum",
        "gradient of the mean", "separable",       "stored"};
    buffer outs[2];
    bool right = true;
    for (int i = 0; i < 2; i++) {
        outs[i] = buffer_make((size_t)expected->count * bytes_of(dtype), t->place);
        nhwc_threads_set(i ? t->threads : 1);
        right = run(o, outs[i].data) == NHWC_OK && right;
    }
    nhwc_threads_set(1);
    right = right && memcmp(outs[0].data, outs[1].data, outs[0].bytes) == 0;
    for (int64_t i = 0; right && i < expected->count; i++) {
        right =
            is_near(dtype, load(dtype, (char *)outs[0].data + (size_t)i * bytes_of(dtype)), expected->values[i], slack);
    }
    buffer_free(&outs[0]);
    buffer_free(&outs[1]);
    return right ? NULL : names[o->kind];
}

/* ---- The operations of a problem's shapes ----------------------------------------------------------------------- */

static const char *check_gradients(const test_problem *t, const nhwc_problem *p, numbers *x, numbers *filters,
                                   numbers *dy, uint64_t *state) {
    numbers dx = make_numbers(x->count, state, false), dfilters = make_numbers(filters->count, state, false);
    accumulate(p, t->n, dx.values, filters->values, dy->values, TO_X);
    accumulate(p, t->n, x->values, dfilters.values, dy->values, TO_FILTERS);
    buffer arrays[] = {make_array(t, p->dtype, x), make_array(t, p->dtype, filters), make_array(t, p->dtype, dy)};
    operation o = {.kind = FILTER_GRAD, .problem = *p, .n = t->n, .a = arrays[0].data, .b = arrays[2].data};
    const char *wrong = check(t, &o, p->dtype, &dfilters, 0.25);
    o = (operation){.kind = TRANSPOSED, .problem = *p, .n = t->n, .a = arrays[2].data, .b = arrays[1].data};
    nhwc_problem *turned = &o.problem;
    memcpy(turned->in, p->out, sizeof p->out);
    memcpy(turned->out, p->in, sizeof p->in);
    turned->c = p->f;
    turned->f = p->c;
    const bool valid = nhwc_transposed_check(turned) == NHWC_OK;
    wrong = wrong ? wrong : valid ? check(t, &o, p->dtype, &dx, 0.25) : "nhwc_transposed_check";
    for (int i = 0; i < 3; i++) {
        buffer_free(&arrays[i]);
    }
    free(dx.values);
    free(dfilters.values);
    return wrong;
}

/* Any integers, of which the result is 64 bits wide, or a half. */
static const char *check_stored(const test_problem *t, const nhwc_problem *p, numbers *x, numbers *filters,
                                uint64_t *state) {
    static const nhwc_dtype any[] = {NHWC_F16, NHWC_BF16, NHWC_F16, NHWC_BF16, NHWC_I8,  NHWC_U8,
                                     NHWC_I16, NHWC_U16,  NHWC_I32, NHWC_U32,  NHWC_I64, NHWC_U64};
    enum { HALVES = 4, ALL = sizeof any / sizeof *any };
    const uint64_t first = random_bits(state) % ALL, second = HALVES + random_bits(state) % (ALL - HALVES);
    const bool half = first < HALVES;
    const nhwc_dtype out = half ? any[first] : random_bits(state) & 1 ? NHWC_I64 : NHWC_U64;
    operation o = {.kind = STORED, .problem = *p, .n = t->n};
    o.storage = (nhwc_storage){any[first], half ? any[first] : any[second], out};
    o.problem.dtype = half ? NHWC_F32 : out;
    numbers y = make_numbers(t->n * p->pixels * p->f, state, false);
    accumulate(p, t->n, x->values, filters->values, y.values, TO_Y);
    buffer arrays[] = {make_array(t, o.storage.x, x), make_array(t, o.storage.filters, filters)};
    o.a = arrays[0].data;
    o.b = arrays[1].data;
    const char *wrong = check(t, &o, out, &y, 0.25);
    buffer_free(&arrays[0]);
    buffer_free(&arrays[1]);
    free(y.values);
    return wrong;
}

/* Pools as large as the kernel, but no larger than the image, and padded by less. */
static const char *check_pools(const test_problem *t, nhwc_problem p, uint64_t *state) {
    static const nhwc_dtype elements[] = {NHWC_F32, NHWC_F64, NHWC_I8,  NHWC_I16, NHWC_I32,
                                          NHWC_I64, NHWC_U8,  NHWC_U16, NHWC_U32, NHWC_U64};
    p.f = p.c;
    p.groups = p.c > 0 ? p.c : 1;
    for (int axis = 0; axis < 3; axis++) {
        p.kernel[axis] = p.kernel[axis] < p.in[axis] ? p.kernel[axis] : p.in[axis];
        p.dilation[axis] = 1;
        p.before[axis] = p.before[axis] < p.kernel[axis] ? p.before[axis] : p.kernel[axis] - 1;
        p.after[axis] = p.after[axis] < p.kernel[axis] ? p.after[axis] : p.kernel[axis] - 1;
    }
    p.dtype = p.dtype == NHWC_F64 ? NHWC_F64 : NHWC_F32;
    if (in_pixels(&p) == 0 || nhwc_problem_check(&p) != NHWC_OK) {
        return in_pixels(&p) == 0 ? NULL : "nhwc_problem_check of a pool";
    }
    const nhwc_element element = (nhwc_element)(random_bits(state) % NHWC_ELEMENTS);
    const int64_t inputs = t->n * in_pixels(&p) * p.c, outputs = t->n * p.pixels * p.c;
    numbers x = make_numbers(inputs, state, true), dy = make_numbers(outputs, state, true);
    numbers results[4];
    for (int i = 0; i < 4; i++) {
        results[i] = make_numbers(i < 2 ? outputs : inputs, state, false);
    }
    pool(&p, t->n, x.values, dy.values,
         (double *const[]){results[0].values, results[1].values, results[2].values, results[3].values});
    buffer arrays[] = {make_array(t, p.dtype, &x), make_array(t, p.dtype, &dy), make_array(t, elements[element], &x)};
    operation o = {.problem = p, .n = t->n, .element = element};
    const char *wrong = NULL;
    for (int i = 0; i < 4 && !wrong; i++) {
        o.kind = (kind)(MAX_POOL + i);
        o.a = arrays[i == 0 ? 2 : i == 3 ? 1 : 0].data;
        o.b = arrays[1].data;
        wrong = check(t, &o, i == 0 ? elements[element] : p.dtype, &results[i], 1e-4);
    }
    for (int i = 0; i < 4; i++) {
        free(results[i].values);
    }
    for (int i = 0; i < 3; i++) {
        buffer_free(&arrays[i]);
    }
    free(x.values);
    free(dy.values);
    return wrong;
}

static const char *check_separable(const test_problem *t, nhwc_problem p, uint64_t *state) {
    enum { MOST_FILTERS = 20, MOST_PRODUCTS = 1 << 20 };
    p.groups = p.c > 0 ? p.c : 1;
    p.f = p.c * (1 + (int64_t)(random_bits(state) % 3));
    p.activation = NHWC_LINEAR;
    p.algorithm = NHWC_AUTO;
    operation o = {.kind = SEPARABLE, .n = t->n, .problem = p, .second = p};
    nhwc_problem *second = &o.second;
    second->c = p.f;
    second->f = 1 + (int64_t)(random_bits(state) % MOST_FILTERS);
    second->groups = 1;
    if (nhwc_problem_check(&o.problem) != NHWC_OK) {
        return "nhwc_problem_check of a depthwise part";
    }
    for (int axis = 0; axis < 3; axis++) {
        second->in[axis] = o.problem.out[axis];
        second->kernel[axis] = second->stride[axis] = second->dilation[axis] = 1;
        second->before[axis] = second->after[axis] = 0;
    }
    if (p.in[0] != 1 || p.kernel[0] != 1 || o.problem.out[0] != 1 || p.c == 0 || in_pixels(second) == 0 ||
        t->n * in_pixels(second) * second->c * second->f > MOST_PRODUCTS) {
        return NULL;
    }
    if (nhwc_problem_check(second) != NHWC_OK) {
        return "nhwc_problem_check of a pointwise part";
    }
    numbers x = make_numbers(t->n * in_pixels(&p) * p.c, state, true);
    numbers filters = make_numbers(taps_of(&p) * p.f, state, true), mixing = make_numbers(p.f * second->f, state, true);
    numbers between = make_numbers(t->n * in_pixels(second) * p.f, state, false);
    numbers y = make_numbers(t->n * in_pixels(second) * second->f, state, false);
    accumulate(&o.problem, t->n, x.values, filters.values, between.values, TO_Y);
    accumulate(second, t->n, between.values, mixing.values, y.values, TO_Y);
    buffer arrays[] = {make_array(t, p.dtype, &x), make_array(t, p.dtype, &filters), make_array(t, p.dtype, &mixing)};
    o.a = arrays[0].data;
    o.b = arrays[1].data;
    o.c = arrays[2].data;
    const char *wrong = check(t, &o, p.dtype, &y, 0.25);
    double *values[] = {x.values, filters.values, mixing.values, between.values, y.values};
    for (int i = 0; i < 5; i++) {
        free(values[i]);
    }
    for (int i = 0; i < 3; i++) {
        buffer_free(&arrays[i]);
    }
    return wrong;
}

const char *check_operations(const test_problem *t) {
    nhwc_problem p = t->problem;
    p.n = t->n;
    p.padding_mode = NHWC_CONSTANT;
    p.activation = NHWC_LINEAR;
    p.algorithm = NHWC_AUTO;
    if (nhwc_problem_check(&p) != NHWC_OK) {
        return "nhwc_problem_check";
    }
    uint64_t state = t->seed;
    numbers x = make_numbers(t->n * in_pixels(&p) * p.c, &state, true);
    numbers filters = make_numbers(p.k * p.f, &state, true), dy = make_numbers(t->n * p.pixels * p.f, &state, true);
    const char *wrong = check_gradients(t, &p, &x, &filters, &dy, &state);
    wrong = wrong ? wrong : check_stored(t, &p, &x, &filters, &state);
    wrong = wrong ? wrong : check_pools(t, p, &state);
    wrong = wrong ? wrong : check_separable(t, p, &state);
    free(x.values);
    free(filters.values);
    free(dy.values);
    return wrong;
}
