/* Runs convolutions of arrays that are stored in another dtype, piece by piece:

       for some samples, or for a band of a sample's rows:                                    parallel
           convert the input that the piece reads, padded along the axis of the bands
           [convert the residual]
           run the plan, which does the same as on arrays of its own dtype
           convert the results                                          halves are rounded here, once
           [integers: add bias and residual, and clamp]

   Pieces stay in the cache, so conversions cost little, and the workspace of a thread is bounded. Few pieces are done
   one after the other, each on all threads. */
#include "stored.h"

#include "../base/memory.h"
#include "../base/threads.h"
#include "source.h"

#include <string.h>

/* Where the operands of one call are, and how it is cut into tasks. */
typedef struct {
    const nhwc_stored *s;
    const nhwc_plan *plan;
    nhwc_dtype x_dtype;
    int64_t n;
    const char *x, *residual;
    char *out;
    int64_t samples; /* of a piece */
    int64_t bands;   /* of a sample */
    int64_t in_bytes, piece_bytes, inner_bytes, workspace_bytes;
    char *workspace; /* of all threads */
    _Atomic nhwc_status status;
} call;

/* One piece. Its rows are inputs along the axis of bands where samples are cut, else all pixels. */
typedef struct {
    const call *c;
    const char *x;
    int64_t top, limit; /* the first row, and the rows that x has */
    int64_t pitch;      /* elements of a row */
    char *input, *output;
    int64_t first; /* of the results, in elements of the call's */
} piece;

/* Elements of one row along an axis. */
static int64_t row_elements(const int64_t *sizes, int axis, int64_t channels) {
    for (int i = axis + 1; i < 3; i++) {
        channels *= sizes[i];
    }
    return channels;
}

/* ---- One piece --------------------------------------------------------------------------------------------------- */

static void widen(const piece *t, int64_t to, int64_t from, int64_t rows) {
    const call *c = t->c;
    if (rows > 0) {
        c->plan->kernels->convert->widen[c->x_dtype](t->input + to * t->pitch * (int64_t)c->plan->element,
                                                     t->x + from * t->pitch * nhwc_dtype_size(c->x_dtype),
                                                     rows * t->pitch);
    }
}

/* Rows outside the input, each of which is zeros or another row. */
static void widen_padding(const piece *t, int64_t first, int64_t last) {
    const int64_t bytes = t->pitch * (int64_t)t->c->plan->element;
    for (int64_t i = first; i < last; i++) {
        const int64_t source = nhwc_source_index(t->c->s->problem.padding_mode, t->top + i, t->limit);
        if (source < 0) {
            memset(t->input + i * bytes, 0, (size_t)bytes);
        } else {
            widen(t, i, source, 1);
        }
    }
}

static void widen_rows(void *context, int64_t first, int64_t last, int worker) {
    const piece *t = context;
    const int64_t begin = nhwc_min(nhwc_max(-t->top, first), last);
    const int64_t end = nhwc_max(nhwc_min(t->limit - t->top, last), begin);
    (void)worker;
    widen_padding(t, first, begin);
    widen(t, begin, t->top + begin, end - begin);
    widen_padding(t, end, last);
}

static void widen_residual(void *context, int64_t first, int64_t last, int worker) {
    const piece *t = context;
    const nhwc_stored *s = t->c->s;
    const int64_t f = s->problem.f, at = t->first + first * f;
    (void)worker;
    t->c->plan->kernels->convert->widen[s->storage.out](t->output + first * f * (int64_t)t->c->plan->element,
                                                        t->c->residual + at * nhwc_dtype_size(s->storage.out),
                                                        (last - first) * f);
}

/* Pixels first .. last - 1 of a half's results. */
static void narrow_pixels(void *context, int64_t first, int64_t last, int worker) {
    const piece *t = context;
    const nhwc_stored *s = t->c->s;
    const int64_t f = s->problem.f, at = t->first + first * f;
    (void)worker;
    t->c->plan->kernels->convert->narrow[s->storage.out](t->c->out + at * nhwc_dtype_size(s->storage.out),
                                                         t->output + first * f * (int64_t)t->c->plan->element,
                                                         (last - first) * f);
}

/* The same of integers; a bias is added pixel by pixel. */
static void finish_pixels(void *context, int64_t first, int64_t last, int worker) {
    const piece *t = context;
    const call *c = t->c;
    const int64_t f = c->s->problem.f, step = c->s->bias ? f : (last - first) * f;
    const int64_t *residual = (const int64_t *)c->residual;
    (void)worker;
    for (int64_t i = first * f; i < last * f; i += step) {
        nhwc_integers integers = {
            .sums = t->output + i * (int64_t)c->plan->element,
            .bias = c->s->bias,
            .residual = residual ? residual + t->first + i : NULL,
            .out = (int64_t *)c->out + t->first + i,
            .activation = c->s->problem.activation,
            .is_unsigned = c->s->storage.out == NHWC_U64,
        };
        c->plan->kernels->convert->finish(&integers, step);
    }
}

/* Does a step of the piece on all threads that it is worth. */
static void convert(nhwc_task *step, piece *t, int64_t count, int64_t elements) {
    const double GRAIN = 1 << 15;
    nhwc_parallel_for(nhwc_threads_for((double)count * (double)elements, GRAIN), count, step, t);
}

/* The plan for a band of fewer rows than the others. */
static nhwc_plan shortened(const nhwc_plan *plan, int axis, int64_t rows) {
    nhwc_plan copy = *plan;
    nhwc_problem *p = &copy.problem;
    p->in[axis] = nhwc_span(p, axis, rows);
    p->pixels = p->pixels / p->out[axis] * rows;
    p->out[axis] = rows;
    copy.output = nhwc_whole_output(p);
    if (copy.method->shorten) {
        copy.method->shorten(&copy, axis);
    }
    return copy;
}

static nhwc_status run_piece(const call *c, piece *t, const nhwc_plan *plan, int64_t samples) {
    const nhwc_problem *p = &plan->problem;
    const bool half = nhwc_is_half(c->s->storage.x), residual = half && c->residual;
    const int64_t rows = c->s->rows ? p->in[c->s->axis] : samples * p->in[0] * p->in[1] * p->in[2];
    const int64_t pixels = samples * p->pixels;
    convert(widen_rows, t, rows, t->pitch);
    if (residual) {
        convert(widen_residual, t, pixels, p->f);
    }
    nhwc_status status = plan->method->run(plan, samples, t->input, residual ? t->output : NULL, t->output);
    if (status == NHWC_OK) {
        convert(half ? narrow_pixels : finish_pixels, t, pixels, p->f);
    }
    return status;
}

/* A band of a sample. */
static nhwc_status run_band(const call *c, piece *t, int64_t sample, int64_t band) {
    const nhwc_stored *s = c->s;
    const nhwc_problem *p = &s->problem;
    const int64_t row = band * s->rows, rows = nhwc_min(s->rows, p->out[s->axis] - row);
    t->x = c->x + sample * p->in[s->axis] * t->pitch * nhwc_dtype_size(c->x_dtype);
    t->top = row * p->stride[s->axis] - p->before[s->axis];
    t->limit = p->in[s->axis];
    t->first = sample * p->pixels * p->f + row * row_elements(p->out, s->axis, p->f);
    if (rows == s->rows) {
        return run_piece(c, t, c->plan, 1);
    }
    const nhwc_plan plan = shortened(c->plan, s->axis, rows);
    return run_piece(c, t, &plan, 1);
}

static nhwc_status run_samples(const call *c, piece *t, int64_t first, int64_t samples) {
    const nhwc_problem *p = &c->s->problem;
    const int64_t pixels = p->in[0] * p->in[1] * p->in[2];
    t->x = c->x + first * pixels * p->c * nhwc_dtype_size(c->x_dtype);
    t->top = 0;
    t->limit = samples * pixels;
    t->first = first * p->pixels * p->f;
    return run_piece(c, t, c->plan, samples);
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------- */

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    call *c = context;
    const nhwc_stored *s = c->s;
    char *workspace = c->workspace + worker * c->workspace_bytes;
    piece t = {
        .c = c,
        .pitch = s->rows ? row_elements(s->problem.in, s->axis, s->problem.c) : s->problem.c,
        .input = workspace,
        .output = workspace + c->in_bytes,
    };
    const nhwc_loan before =
        nhwc_workspace_lend((nhwc_loan){workspace + c->piece_bytes, (size_t)c->inner_bytes, false});
    for (int64_t task = first; task < last && c->status == NHWC_OK; task++) {
        const int64_t sample = task / c->bands * c->samples;
        nhwc_status status = s->rows ? run_band(c, &t, sample, task % c->bands)
                                     : run_samples(c, &t, sample, nhwc_min(c->samples, c->n - sample));
        if (status != NHWC_OK) {
            c->status = status;
        }
    }
    nhwc_workspace_lend(before);
}

/* Tasks that share the threads: what they do, each does alone. */
static void run_alone(void *context, int64_t first, int64_t last, int worker) {
    const int before = nhwc_threads_swap_override(1);
    run_tasks(context, first, last, worker);
    nhwc_threads_swap_override(before);
}

/* The greatest magnitude of any input; its dtype's, unless that could be too much for float64. */
static double input_bound(const nhwc_stored *s, nhwc_dtype dtype, int64_t n, const char *x) {
    enum { BLOCK = 1024 };
    const nhwc_problem *p = &s->problem;
    const double bound = nhwc_dtype_bound(dtype);
    if (nhwc_stored_work(s, dtype, bound) < NHWC_I64 || nhwc_stored_work(s, dtype, 1) >= NHWC_I64) {
        return bound;
    }
    const nhwc_conversions *convert = nhwc_plan_kernels(NHWC_F64)->convert;
    const int64_t count = n * p->in[0] * p->in[1] * p->in[2] * p->c;
    double most = 0;
    for (int64_t i = 0; i < count; i += BLOCK) {
        double values[BLOCK];
        const int64_t length = nhwc_min(BLOCK, count - i);
        convert->widen[dtype](values, x + i * nhwc_dtype_size(dtype), length);
        const double magnitude = convert->magnitude(values, length);
        most = magnitude > most ? magnitude : most;
    }
    return most;
}

static const nhwc_plan *choose_plan(const nhwc_stored *s, nhwc_dtype x_dtype, int64_t n, const void *x,
                                    nhwc_status *status) {
    if (nhwc_is_half(s->storage.x)) {
        return nhwc_stored_plan(s, NHWC_F32, status);
    }
    return nhwc_stored_plan(s, nhwc_stored_work(s, x_dtype, input_bound(s, x_dtype, n, x)), status);
}

nhwc_status nhwc_stored_run(const nhwc_stored *s, nhwc_dtype x_dtype, int64_t n, const void *x, const void *residual,
                            void *out) {
    const double GRAIN = 2e6; /* multiplications worth a thread */
    const nhwc_problem *p = &s->problem;
    if (nhwc_is_half(s->storage.x) ? x_dtype != s->storage.x : nhwc_dtype_bound(x_dtype) == 0) {
        return NHWC_INVALID_ARGUMENT;
    }
    nhwc_status status;
    call c = {.s = s, .x_dtype = x_dtype, .n = n, .x = x, .residual = residual, .out = out};
    c.plan = choose_plan(s, x_dtype, n, x, &status);
    if (!c.plan) {
        return status;
    }
    int threads = nhwc_threads_for(nhwc_work(p, n), GRAIN);
    c.bands = s->rows ? nhwc_ceil_div(p->out[s->axis], s->rows) : 1;
    c.samples = nhwc_min(nhwc_stored_samples(s), nhwc_ceil_div(n, threads));
    const int64_t tasks = nhwc_ceil_div(n, c.samples) * c.bands;
    const bool alone = threads > 1 && (tasks % threads == 0 || tasks > 4 * threads);
    c.in_bytes = nhwc_piece_input_bytes(c.plan, c.samples);
    c.piece_bytes = nhwc_round_up(nhwc_piece_bytes(c.plan, c.samples), NHWC_ALIGNMENT);
    c.inner_bytes = nhwc_plan_loan_bytes(c.plan, c.samples, alone ? 1 : nhwc_threads_get());
    c.workspace_bytes = c.piece_bytes + c.inner_bytes;
    c.workspace = nhwc_workspace_take((size_t)(c.workspace_bytes * (alone ? threads : 1)));
    if (!c.workspace) {
        return NHWC_NO_MEMORY;
    }
    if (alone) {
        nhwc_parallel_for(threads, tasks, run_alone, &c);
    } else {
        run_tasks(&c, 0, tasks, 0);
    }
    nhwc_workspace_give(c.workspace);
    return c.status;
}
