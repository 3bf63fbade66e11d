/* Decoding: every byte chooses something, and outputs are chosen before inputs, so that no bytes are ever refused. */
#include "problems.h"

typedef struct {
    const uint8_t *at, *end;
} reader;

/* A number from 0 to count - 1. */
static int64_t draw(reader *r, int64_t count) {
    int64_t number = 0;
    for (int64_t reach = 1; reach < count; reach *= 256) {
        number = number * 256 + (r->at < r->end ? *r->at++ : 0);
    }
    return number % count;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/* Few, up to some vectors, many, or just about a power of two. */
static int64_t draw_channels(reader *r) {
    switch (draw(r, 8)) {
    case 0:
    case 1:
    case 2:
        return 1 + draw(r, 4);
    case 3:
    case 4:
    case 5:
        return 1 + draw(r, 40);
    case 6:
        return 40 + draw(r, 300);
    default: {
        int64_t size = ((int64_t)1 << draw(r, 10)) + draw(r, 3) - 1;
        return size > 0 ? size : 1;
    }
    }
}

static int64_t draw_kernel(reader *r, int rank) {
    static const int longest[] = {0, 700, 16, 4}, huge[] = {0, 2500, 60, 12};
    switch (draw(r, 8)) {
    case 0:
    case 1:
        return 1;
    case 2:
    case 3:
    case 4:
        return 3;
    case 5:
        return 1 + draw(r, 7);
    case 6:
        return 1 + draw(r, longest[rank]);
    default:
        return draw(r, 6) ? 2 + 3 * draw(r, 2) : 1 + draw(r, huge[rank]);
    }
}

static void draw_window(reader *r, int rank, nhwc_problem *p, int axis) {
    enum { LONG = 8 };
    p->kernel[axis] = draw_kernel(r, rank);
    int64_t stride = draw(r, 4), dilation = draw(r, 8);
    p->stride[axis] = stride < 2 ? 1 : stride == 2 ? 2 : 1 + draw(r, 9);
    p->dilation[axis] = dilation < 6 || (rank > 1 && p->kernel[axis] > LONG) ? 1 : 1 + draw(r, 6 - rank);
}

/* Kernel, stride and dilation of each axis; returns the number of axes that are not mere ones. Squares of the usual
   layers have methods of their own. */
static int draw_windows(reader *r, nhwc_problem *p) {
    static const int ranks[] = {1, 2, 2, 3},
                     usual[][2] = {{3, 1}, {3, 1}, {3, 1}, {1, 1}, {3, 2}, {5, 1}, {7, 2}, {11, 4}};
    for (int axis = 0; axis < 3; axis++) {
        p->kernel[axis] = p->stride[axis] = p->dilation[axis] = 1;
    }
    if (draw(r, 4) == 0) {
        const int *square = usual[draw(r, sizeof usual / sizeof *usual)];
        p->kernel[1] = p->kernel[2] = square[0];
        p->stride[1] = p->stride[2] = square[1];
        return 2;
    }
    int rank = ranks[draw(r, 4)];
    for (int axis = 3 - rank; axis < 3; axis++) {
        draw_window(r, rank, p, axis);
    }
    return rank;
}

/* Channels, filters and groups: dense, grouped, depthwise or a stem. Halved until one output pixel is within the
   budget; returns its multiplications. */
static int64_t draw_depth(reader *r, nhwc_problem *p, int64_t budget) {
    int64_t channels, filters, taps = p->kernel[0] * p->kernel[1] * p->kernel[2];
    p->groups = 1;
    switch (draw(r, 5)) {
    case 0: /* depthwise */
        p->groups = draw_channels(r);
        channels = 1;
        filters = draw(r, 2) ? 1 : 1 + draw(r, 4);
        break;
    case 1:
        p->groups = 1 + draw(r, 9);
        channels = 1 + draw(r, 20);
        filters = 1 + draw(r, 20);
        break;
    case 2: /* a stem */
        channels = 1 + draw(r, 4);
        filters = 8 * (1 + draw(r, 12)) + draw(r, 2);
        break;
    default:
        channels = draw_channels(r);
        filters = draw_channels(r);
    }
    while (taps * channels * filters * p->groups > budget && channels * filters * p->groups > 1) {
        int64_t *most = channels > filters ? &channels : &filters;
        most = p->groups > *most ? &p->groups : most;
        *most /= 2;
    }
    p->c = p->groups * channels;
    p->f = p->groups * filters;
    return taps * channels * p->f;
}

/* None, as much as "same" has, or any; never so much that no input is left for `out` outputs. */
static void draw_axis(reader *r, nhwc_problem *p, int axis, int64_t out) {
    int64_t window = (p->kernel[axis] - 1) * p->dilation[axis] + 1, span = (out - 1) * p->stride[axis] + window;
    int64_t *before = &p->before[axis], *after = &p->after[axis];
    switch (draw(r, 3)) {
    case 0:
        break;
    case 1:
        *before = (window - 1) / 2;
        *after = window - 1 - *before;
        break;
    default:
        *before = draw(r, smaller(2 * window, 100));
        *after = draw(r, smaller(2 * window, 100));
    }
    span += draw(r, p->stride[axis]);
    *before = smaller(*before, span - 1);
    *after = smaller(*after, span - 1 - *before);
    p->in[axis] = span - *before - *after;
}

/* Output sizes within the budget of multiplications and of inputs, last axis first, then the inputs they need. */
static void draw_sizes(reader *r, int rank, test_problem *t, int64_t budget, int64_t pixel_cost) {
    enum { INPUTS = 200000 };
    static const int widest[] = {0, 3000, 200, 30}, highest = 40;
    nhwc_problem *p = &t->problem;
    int64_t room = budget / pixel_cost, steps = p->stride[0] * p->stride[1] * p->stride[2];
    room = smaller(room, INPUTS / (p->c * steps));
    for (int axis = 2; axis >= 0; axis--) {
        int64_t most = axis < 3 - rank ? 1 : axis == 2 ? widest[rank] : highest;
        t->out[axis] = room > 1 ? 1 + draw(r, smaller(most, room)) : 1;
        room /= t->out[axis];
        p->before[axis] = p->after[axis] = 0;
        p->in[axis] = 1;
        if (axis >= 3 - rank) {
            draw_axis(r, p, axis, t->out[axis]);
        }
    }
    t->n = 1 + draw(r, room > 1 ? 4 : 2);
}

/* Once in a while something is missing: samples, filters, channels, or the pixels of an axis without padding. */
static void draw_nothing(reader *r, test_problem *t) {
    nhwc_problem *p = &t->problem;
    switch (draw(r, 64)) {
    case 1:
        t->n = 0;
        break;
    case 2:
        p->f = 0;
        break;
    case 3:
        p->c = 0;
        break;
    case 4:
        p->padding_mode = NHWC_CONSTANT;
        p->in[2] = p->before[2] = p->after[2] = t->out[2] = 0;
        break;
    }
}

test_problem decode_problem(const uint8_t *bytes, size_t size) {
    enum { LEAST_BUDGET = 500, BUDGET_STEPS = 12 };
    static const nhwc_dtype dtypes[] = {NHWC_F32, NHWC_F32, NHWC_F32, NHWC_F32, NHWC_F64, NHWC_F64, NHWC_I64, NHWC_U64};
    reader r = {bytes, bytes + size};
    test_problem t = {0};
    nhwc_problem *p = &t.problem;
    p->dtype = dtypes[draw(&r, sizeof dtypes / sizeof *dtypes)];
    p->algorithm = (nhwc_algorithm)draw(&r, NHWC_ALGORITHMS);
    p->padding_mode = draw(&r, 2) ? NHWC_CONSTANT : (nhwc_padding_mode)draw(&r, NHWC_PADDING_MODES);
    bool integer = p->dtype == NHWC_I64 || p->dtype == NHWC_U64;
    p->activation = (nhwc_activation)(draw(&r, 2) ? 0 : draw(&r, integer ? NHWC_RELU6 + 1 : NHWC_ACTIVATIONS));
    t.with_bias = draw(&r, 2);
    t.residual = (residual_kind)draw(&r, RESIDUAL_KINDS);
    t.values = (value_kind)draw(&r, VALUE_KINDS);
    t.place = (place)draw(&r, PLACES);
    t.threads = 2 + (int)draw(&r, 4);

    int64_t budget = (int64_t)LEAST_BUDGET << draw(&r, BUDGET_STEPS);
    int rank = draw_windows(&r, p);
    int64_t pixel_cost = draw_depth(&r, p, budget);
    draw_sizes(&r, rank, &t, budget, pixel_cost);
    draw_nothing(&r, &t);
    p->n = draw(&r, 2) ? t.n : -1;
    t.seed = (uint64_t)draw(&r, 1 << 16);
    return t;
}

nhwc_problem decode_sizes(const uint8_t *bytes, size_t size) {
    static const int64_t sizes[] = {0,
                                    1,
                                    2,
                                    3,
                                    5,
                                    64,
                                    -1,
                                    -7,
                                    65536,
                                    (int64_t)1 << 31,
                                    ((int64_t)1 << 32) + 1,
                                    (int64_t)1 << 59,
                                    (int64_t)1 << 60,
                                    ((int64_t)1 << 60) + 1,
                                    INT64_MAX,
                                    INT64_MIN};
    enum { COUNT = sizeof sizes / sizeof *sizes, PLAUSIBLE = 6 };
    reader r = {bytes, bytes + size};
    nhwc_problem p = {0};
    int64_t *fields[] = {&p.n, &p.c, &p.f, &p.groups, p.in, p.kernel, p.stride, p.dilation, p.before, p.after};
    enum { FIELDS = sizeof fields / sizeof *fields, SCALARS = 4 };
    int64_t oddity = draw(&r, 8);
    for (int field = 0; field < FIELDS; field++) {
        for (int i = 0; i < (field < SCALARS ? 1 : 3); i++) {
            fields[field][i] = sizes[draw(&r, 8) < oddity ? draw(&r, COUNT) : draw(&r, PLAUSIBLE)];
        }
    }
    p.dtype = (nhwc_dtype)draw(&r, NHWC_DTYPES);
    p.padding_mode = (nhwc_padding_mode)draw(&r, NHWC_PADDING_MODES);
    p.activation = (nhwc_activation)draw(&r, NHWC_ACTIVATIONS);
    return p;
}

static void print_axes(FILE *file, const char *name, const int64_t axes[3]) {
    fprintf(file, " %s %lldx%lldx%lld", name, (long long)axes[0], (long long)axes[1], (long long)axes[2]);
}

void print_problem(FILE *file, const test_problem *t) {
    static const char *const dtypes[] = {"f32", "f64", "i64", "u64"};
    static const char *const values[] = {"either sign", "positive", "integer-valued", "input not finite",
                                         "filters not finite"};
    static const char *const residuals[] = {"no residual", "residual", "residual in out"};
    static const char *const places[] = {"on the heap", "before a guard page", "after a guard page"};
    const nhwc_problem *p = &t->problem;
    fprintf(file, "%s n %lld (%lld)", dtypes[p->dtype], (long long)t->n, (long long)p->n);
    print_axes(file, "in", p->in);
    fprintf(file, " c %lld f %lld groups %lld", (long long)p->c, (long long)p->f, (long long)p->groups);
    print_axes(file, "kernel", p->kernel);
    print_axes(file, "stride", p->stride);
    print_axes(file, "dilation", p->dilation);
    print_axes(file, "before", p->before);
    print_axes(file, "after", p->after);
    fprintf(file, " mode %d activation %d algorithm %d %s, %s, %s, %s", (int)p->padding_mode, (int)p->activation,
            (int)p->algorithm, t->with_bias ? "bias" : "no bias", residuals[t->residual], values[t->values],
            places[t->place]);
}
