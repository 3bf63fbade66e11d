/* The overlap method: transposed convolutions with few results of a pixel, which would leave vectors of filters mostly
   empty. Every input pixel is multiplied with all taps' filters at once, and these pieces of the output are added up.

       for (n, band of output rows):                                                            parallel
           for output row:
               products of the input rows that it is the first to read: a 1x1 convolution of (taps x results) filters
               line = bias; for tap row and its input row, for input pixel: line[its window] += its products
               output row = activation(line + residual)

   A ring keeps the products of as many input rows as a window meets. An output's terms come in the order of the taps'
   rows, then of the input's columns, wherever its row is, so bits do not depend on the bands. Products are kept apart
   until they are added to what exists, so no number meets a zero that the definition has not. */
#include "source.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

enum {
    LEAST_CHANNELS = 16, /* below this adding takes longer than multiplying */
    LEAST_COLUMNS = 16,
    RING_MOST = 4 << 20,
};

/* Where the operands of one call are, and how it is cut. */
typedef struct {
    const nhwc_plan *plan;
    const char *x, *residual;
    char *out;
    int64_t bands; /* of an image */
    nhwc_status status;
    int64_t workspace_bytes;
    char *workspace; /* of all threads */
} call;

static int64_t product_row(const nhwc_plan *plan) {
    return plan->problem.in[2] * plan->overlap.products->problem.f * (int64_t)plan->element;
}

/* Input rows that a window meets. */
static int64_t ring_rows(const nhwc_problem *p) { return (p->kernel[1] - 1) * p->dilation[1] / p->stride[1] + 1; }

/* Pixels of a line: every window's, and the output's. */
static int64_t line_pixels(const nhwc_problem *p) {
    return nhwc_max((p->in[2] - 1) * p->stride[2] + p->kernel[2], p->before[2] + p->out[2]);
}

static bool serves(const nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    const bool flat = p->in[0] == 1 && p->kernel[0] == 1 && p->out[0] == 1;
    const bool few = plan->kernels->images && p->groups == 1 && 2 * p->f <= plan->kernels->lanes;
    if (!flat || !few || p->f == 0 || p->pixels == 0 || p->c < LEAST_CHANNELS || p->in[1] == 0 ||
        p->in[2] < LEAST_COLUMNS || p->stride[2] == 1 || p->dilation[2] != 1 || p->kernel[2] <= p->stride[2] / 2) {
        return false;
    }
    int64_t taps = p->kernel[1] * p->kernel[2], bytes;
    return nhwc_mul(taps * p->f, p->in[2] * (int64_t)plan->element, &bytes) && nhwc_mul(bytes, ring_rows(p), &bytes) &&
           bytes <= RING_MOST && taps * p->f >= plan->kernels->lanes / 2;
}

/* The products: pixels of an input row, each with all taps' filters. Rows are its batch. */
static nhwc_problem products_problem(const nhwc_problem *p) {
    nhwc_problem row = *p;
    row.n = -1;
    row.activation = NHWC_LINEAR;
    row.f = p->kernel[1] * p->kernel[2] * p->f;
    row.in[1] = 1;
    for (int axis = 0; axis < 3; axis++) {
        row.kernel[axis] = row.stride[axis] = row.dilation[axis] = 1;
        row.before[axis] = row.after[axis] = 0;
        row.out[axis] = row.in[axis];
    }
    row.pixels = row.in[2];
    row.k = row.c;
    return row;
}

static nhwc_status prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    const nhwc_problem *p = &plan->problem, row = products_problem(p);
    nhwc_overlap_plan *d = &plan->overlap;
    const int64_t pixels = line_pixels(p), element = (int64_t)plan->element;
    d->turned = nhwc_workspace_take((size_t)(row.f * row.c * element));
    d->line = plan->memory = nhwc_aligned_alloc((size_t)(pixels * p->f * element));
    if (!d->turned || !d->line) {
        return NHWC_NO_MEMORY;
    }
    plan->kernels->turn(filters, row.c, row.f, row.c, d->turned, row.f);
    memset(d->line, 0, (size_t)(pixels * p->f * element));
    for (int64_t i = 0; bias && i < pixels; i++) {
        memcpy(d->line + i * p->f * element, bias, (size_t)(p->f * element));
    }
    nhwc_status status = nhwc_plan_create(&d->products, &row, d->turned, NULL, borrow);
    if (status != NHWC_OK) {
        return status;
    }
    if (!borrow) {
        nhwc_workspace_give(d->turned);
        d->turned = NULL;
    }
    const nhwc_plan_info info = nhwc_plan_describe(d->products);
    plan->packed_bytes = info.packed_bytes;
    d->ring_bytes = nhwc_round_up(ring_rows(p) * product_row(plan), NHWC_ALIGNMENT);
    d->line_bytes = nhwc_round_up((pixels * p->f + plan->kernels->lanes) * element, NHWC_ALIGNMENT);
    plan->workspace_bytes = d->ring_bytes + d->line_bytes + nhwc_plan_loan_bytes(d->products, 1, 1);
    return NHWC_OK;
}

static void destroy(nhwc_plan *plan) {
    nhwc_plan_destroy(plan->overlap.products);
    if (plan->overlap.turned) {
        nhwc_workspace_give(plan->overlap.turned);
    }
}

/* Adds what the input rows in the ring contribute to output row `row`. */
static void add_products(const nhwc_plan *plan, const char *ring, int64_t row, char *line) {
    const nhwc_problem *p = &plan->problem;
    const int64_t element = (int64_t)plan->element, length = p->kernel[2] * p->f;
    for (int64_t tap = 0; tap < p->kernel[1]; tap++) {
        const int64_t at = row + p->before[1] - tap * p->dilation[1], source = at / p->stride[1];
        if (at >= 0 && at % p->stride[1] == 0 && source < p->in[1]) {
            const char *products = ring + source % ring_rows(p) * product_row(plan) + tap * length * element;
            plan->kernels->overlap(line, p->stride[2] * p->f, products, plan->overlap.products->problem.f, length,
                                   p->in[2]);
        }
    }
}

/* A task is a band of output rows. */
static nhwc_status run_band(const call *c, int64_t n, int64_t first, int64_t last, char *ring) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_overlap_plan *d = &plan->overlap;
    const int64_t element = (int64_t)plan->element, row_bytes = p->in[2] * p->c * element;
    const char *x = c->x + n * p->in[1] * row_bytes;
    char *line = ring + d->ring_bytes;
    int64_t filled =
        nhwc_max(nhwc_ceil_div(first + p->before[1] - (p->kernel[1] - 1) * p->dilation[1], p->stride[1]), 0);
    for (int64_t row = first; row < last; row++) {
        for (; filled < p->in[1] && filled <= (row + p->before[1]) / p->stride[1]; filled++) {
            char *products = ring + filled % ring_rows(p) * product_row(plan);
            nhwc_status status = nhwc_plan_run(d->products, 1, x + filled * row_bytes, NULL, products);
            if (status != NHWC_OK) {
                return status;
            }
        }
        memcpy(line, d->line, (size_t)(line_pixels(p) * p->f * element));
        add_products(plan, ring, row, line);
        const int64_t at = nhwc_out_at(plan, n, 0, row, 0) * element, results = p->out[2] * p->f;
        plan->kernels->images->finish(line + p->before[2] * p->f * element, c->residual ? c->residual + at : NULL,
                                      c->out + at, results, &plan->clamp);
        if (plan->activate) {
            nhwc_plan_activate(plan, c->out + at, results);
        }
    }
    return NHWC_OK;
}

/* Inner calls stay on this thread, which is one of several already. */
static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    call *c = context;
    const int64_t rows = c->plan->problem.out[1];
    const nhwc_overlap_plan *d = &c->plan->overlap;
    char *workspace = c->workspace + worker * c->workspace_bytes;
    const int64_t own = d->ring_bytes + d->line_bytes;
    const int before = nhwc_threads_swap_override(1);
    const nhwc_loan loan_before =
        nhwc_workspace_lend((nhwc_loan){workspace + own, (size_t)(c->workspace_bytes - own), false});
    for (int64_t task = first; task < last; task++) {
        const int64_t band = task % c->bands;
        nhwc_status status =
            run_band(c, task / c->bands, band * rows / c->bands, (band + 1) * rows / c->bands, workspace);
        if (status != NHWC_OK) {
            __atomic_store_n(&c->status, status, __ATOMIC_RELAXED);
        }
    }
    nhwc_workspace_lend(loan_before);
    nhwc_threads_swap_override(before);
}

static nhwc_status run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out) {
    enum { TASKS_PER_THREAD = 4 };
    const double GRAIN = 2e6; /* multiplications worth a thread */
    const nhwc_problem *p = &plan->problem;
    call c = {.plan = plan, .x = x, .residual = residual, .out = out, .workspace_bytes = plan->workspace_bytes};
    const double work = (double)n * (double)p->in[1] * (double)p->in[2] * (double)p->k * (double)p->f;
    int threads = nhwc_threads_for(work, GRAIN);
    c.bands = 1;
    if (threads > 1) {
        /* A band computes the rows again that it shares with the one before. */
        const int64_t most = nhwc_max(p->out[1] / (4 * ring_rows(p) * p->stride[1]), 1);
        c.bands = nhwc_min(nhwc_ceil_div((int64_t)threads * TASKS_PER_THREAD, n), most);
    }
    threads = (int)nhwc_min(threads, n * c.bands);
    c.workspace = nhwc_workspace_take((size_t)(c.workspace_bytes * threads));
    if (!c.workspace) {
        return NHWC_NO_MEMORY;
    }
    nhwc_parallel_for(threads, n * c.bands, run_tasks, &c);
    nhwc_workspace_give(c.workspace);
    return c.status;
}

const nhwc_method nhwc_method_overlap = {
    .algorithm = NHWC_DIRECT,
    .serves = serves,
    .prepare = prepare,
    .run = run,
    .destroy = destroy,
};
