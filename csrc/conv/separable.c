/* Separable convolutions: depthwise, then pointwise, by blocks of rows, so that what is between stays in the cache.

       for (n, block of rows of the output; of columns, for signals):       parallel
           workspace = depthwise convolution of the rows that the block needs
           out = pointwise convolution of the workspace

   A block is a convolution of its own, with its share of the padding, planned by whichever methods are best for it. All
   blocks but those at the border are alike, so a few plans serve. Where they do not, or where there is only one block,
   the two convolutions run one after the other over everything.

   How blocks are cut depends on the shape of a sample alone, and so do the bits. */
#include "plan.h"

#include "../base/memory.h"
#include "../base/threads.h"

enum {
    BLOCK_BYTES = 256 << 10, /* of what is between the two convolutions */
    LEAST_PIXELS = 48,
    MOST_KINDS = 6,
};

/* Blocks of one size, with so much of the padding. */
typedef struct {
    int64_t rows, before, after;
    nhwc_plan *depthwise, *pointwise;
    bool shares; /* the pointwise plan is another kind's */
} block_kind;

typedef struct {
    const nhwc_problem *depthwise, *pointwise;
    const void *depthwise_filters, *pointwise_filters, *bias;
    const char *x, *residual;
    char *out;
    int axis; /* along which blocks are cut */
    int64_t element;
    int64_t rows, blocks; /* of a block, of a sample */
    block_kind kinds[MOST_KINDS];
    int kind_count;
    int64_t between_bytes, inner_bytes, workspace_bytes; /* of a thread */
    char *workspace;
    _Atomic int status;
} call;

/* ---- Blocks ------------------------------------------------------------------------------------------------------ */

/* Elements from a row, or column, to the next. */
static int64_t pitch(const call *c, const int64_t *sizes, int64_t channels) {
    return (c->axis == 1 ? sizes[2] : 1) * channels;
}

/* Rows of about the best number of bytes; rather such that all blocks are alike, if some number near that does it. */
static void cut_rows(call *c) {
    const nhwc_problem *p = c->depthwise;
    const int64_t row = pitch(c, p->out, p->f), length = p->out[c->axis];
    const int64_t pixels = c->axis == 1 ? p->out[2] : 1;
    const int64_t best = nhwc_max(BLOCK_BYTES / (row * c->element), nhwc_ceil_div(LEAST_PIXELS, pixels));
    c->rows = nhwc_min(best, length);
    while (length % c->rows && 2 * c->rows > best) {
        c->rows--;
    }
    if (length % c->rows) {
        c->rows = nhwc_ceil_div(length, nhwc_ceil_div(length, best));
    }
    c->blocks = nhwc_ceil_div(length, c->rows);
}

/* Where the input of a block begins; what it pads with, and how many outputs it has. */
static int64_t describe(const call *c, int64_t block, block_kind *kind) {
    const nhwc_problem *p = c->depthwise;
    const int a = c->axis;
    const int64_t row = block * c->rows, span = (p->kernel[a] - 1) * p->dilation[a] + 1;
    kind->rows = nhwc_min(c->rows, p->out[a] - row);
    const int64_t first = row * p->stride[a] - p->before[a];
    const int64_t last = first + (kind->rows - 1) * p->stride[a] + span;
    kind->before = nhwc_max(-first, 0);
    kind->after = nhwc_max(last - p->in[a], 0);
    return nhwc_max(first, 0);
}

static int find_kind(const call *c, const block_kind *kind) {
    for (int i = 0; i < c->kind_count; i++) {
        const block_kind *k = &c->kinds[i];
        if (k->rows == kind->rows && k->before == kind->before && k->after == kind->after) {
            return i;
        }
    }
    return -1;
}

/* Lists the kinds of blocks; false if they are too many, or some have no input. */
static bool list_kinds(call *c) {
    const nhwc_problem *p = c->depthwise;
    for (int64_t block = 0; block < c->blocks; block++) {
        block_kind kind = {0};
        describe(c, block, &kind);
        const int64_t span = (p->kernel[c->axis] - 1) * p->dilation[c->axis] + 1;
        if ((kind.rows - 1) * p->stride[c->axis] + span <= kind.before + kind.after) {
            return false;
        }
        if (find_kind(c, &kind) < 0) {
            if (c->kind_count == MOST_KINDS) {
                return false;
            }
            c->kinds[c->kind_count++] = kind;
        }
    }
    return true;
}

static nhwc_status plan_kind(call *c, block_kind *kind) {
    nhwc_problem depthwise = *c->depthwise, pointwise = *c->pointwise;
    const int a = c->axis;
    depthwise.n = 1;
    pointwise.n = -1; /* in truth one for each block: packing pays */
    depthwise.before[a] = kind->before;
    depthwise.after[a] = kind->after;
    depthwise.in[a] = (kind->rows - 1) * depthwise.stride[a] + (depthwise.kernel[a] - 1) * depthwise.dilation[a] + 1 -
                      kind->before - kind->after;
    pointwise.in[a] = kind->rows;
    nhwc_status status = nhwc_problem_check(&depthwise);
    if (status == NHWC_OK) {
        status = nhwc_plan_create(&kind->depthwise, &depthwise, c->depthwise_filters, NULL, 1);
    }
    for (block_kind *other = c->kinds; status == NHWC_OK && other < kind; other++) {
        if (other->rows == kind->rows) {
            kind->pointwise = other->pointwise;
            kind->shares = true;
        }
    }
    if (status == NHWC_OK && !kind->pointwise) {
        status = nhwc_problem_check(&pointwise);
        if (status == NHWC_OK) {
            status = nhwc_plan_create(&kind->pointwise, &pointwise, c->pointwise_filters, c->bias, 1);
        }
    }
    return status;
}

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    call *c = context;
    const nhwc_problem *p = c->depthwise, *q = c->pointwise;
    const int64_t in_row = pitch(c, p->in, p->c) * c->element, out_row = pitch(c, q->out, q->f) * c->element;
    const int64_t in_sample = in_row * p->in[c->axis], out_sample = out_row * q->out[c->axis];
    char *between = c->workspace + worker * c->workspace_bytes;
    const nhwc_loan loan = {between + c->between_bytes, (size_t)c->inner_bytes, false};
    const nhwc_loan before = nhwc_workspace_lend(loan);
    for (int64_t task = first; task < last; task++) {
        block_kind kind;
        const int64_t n = task / c->blocks, block = task % c->blocks, row = describe(c, block, &kind);
        const block_kind *k = &c->kinds[find_kind(c, &kind)];
        const int64_t out = n * out_sample + block * c->rows * out_row;
        nhwc_status status = nhwc_plan_run(k->depthwise, 1, c->x + n * in_sample + row * in_row, NULL, between);
        if (status == NHWC_OK) {
            status = nhwc_plan_run(k->pointwise, 1, between, c->residual ? c->residual + out : NULL, c->out + out);
        }
        if (status != NHWC_OK) {
            c->status = (int)status;
        }
    }
    nhwc_workspace_lend(before);
}

/* A task's own convolutions run on its thread alone. */
static void run_tasks_serially(void *context, int64_t first, int64_t last, int worker) {
    const int before = nhwc_threads_swap_override(1);
    run_tasks(context, first, last, worker);
    nhwc_threads_swap_override(before);
}

static nhwc_status run_blocks(call *c) {
    const double GRAIN = 1e6; /* multiplications worth a thread */
    const nhwc_problem *p = c->depthwise, *q = c->pointwise;
    const double samples = (double)p->n * (double)p->pixels;
    const double work = samples * (double)(p->k * p->f) + samples * (double)q->k * (double)q->f;
    const int64_t tasks = p->n * c->blocks;
    int threads = nhwc_threads_for(work, GRAIN);
    nhwc_task *task = run_tasks_serially;
    if (tasks < threads) { /* rather share what is in a block */
        threads = 1;
        task = run_tasks;
    }
    c->between_bytes = nhwc_round_up(c->rows * pitch(c, p->out, p->f) * c->element, NHWC_ALIGNMENT);
    for (int i = 0; i < c->kind_count; i++) {
        const int most = task == run_tasks ? nhwc_threads_get() : 1;
        const int64_t first = nhwc_plan_loan_bytes(c->kinds[i].depthwise, 1, most);
        const int64_t second = nhwc_plan_loan_bytes(c->kinds[i].pointwise, 1, most);
        c->inner_bytes = nhwc_max(c->inner_bytes, nhwc_max(first, second));
    }
    c->workspace_bytes = c->between_bytes + c->inner_bytes;
    c->workspace = nhwc_workspace_take((size_t)(threads * c->workspace_bytes));
    if (!c->workspace) {
        return NHWC_NO_MEMORY;
    }
    nhwc_parallel_for(threads, tasks, task, c);
    nhwc_workspace_give(c->workspace);
    return (nhwc_status)c->status;
}

static nhwc_status by_blocks(call *c) {
    nhwc_status status = NHWC_OK;
    for (int i = 0; status == NHWC_OK && i < c->kind_count; i++) {
        status = plan_kind(c, &c->kinds[i]);
    }
    if (status == NHWC_OK) {
        status = run_blocks(c);
    }
    for (int i = 0; i < c->kind_count; i++) {
        nhwc_plan_destroy(c->kinds[i].depthwise);
        nhwc_plan_destroy(c->kinds[i].shares ? NULL : c->kinds[i].pointwise);
    }
    return status;
}

/* ---- Everything at once ------------------------------------------------------------------------------------------ */

static nhwc_status run_once(const nhwc_problem *p, const void *filters, const void *bias, const void *x,
                            const void *residual, void *out) {
    nhwc_plan *plan = NULL;
    nhwc_status status = nhwc_plan_create(&plan, p, filters, bias, NHWC_RUNS_ONCE);
    if (status == NHWC_OK) {
        status = nhwc_plan_run(plan, p->n, x, residual, out);
    }
    nhwc_plan_destroy(plan);
    return status;
}

static nhwc_status one_by_one(const call *c) {
    const nhwc_problem *p = c->depthwise;
    void *between = nhwc_workspace_take((size_t)(p->n * p->pixels * p->f * c->element));
    if (!between) {
        return NHWC_NO_MEMORY;
    }
    nhwc_status status = run_once(p, c->depthwise_filters, NULL, c->x, NULL, between);
    if (status == NHWC_OK) {
        status = run_once(c->pointwise, c->pointwise_filters, c->bias, between, c->residual, c->out);
    }
    nhwc_workspace_give(between);
    return status;
}

nhwc_status nhwc_separable(const nhwc_problem *depthwise, const nhwc_problem *pointwise, const void *x,
                           const void *depthwise_filters, const void *pointwise_filters, const void *bias,
                           const void *residual, void *out) {
    call c = {
        .depthwise = depthwise,
        .pointwise = pointwise,
        .depthwise_filters = depthwise_filters,
        .pointwise_filters = pointwise_filters,
        .bias = bias,
        .x = x,
        .residual = residual,
        .out = out,
        .element = depthwise->dtype == NHWC_F32 ? 4 : 8,
    };
    if (depthwise->n < 0 || depthwise->n != pointwise->n || depthwise->pixels != pointwise->pixels ||
        depthwise->f != pointwise->c || depthwise->in[0] != 1 || depthwise->out[0] != 1) {
        return NHWC_INVALID_ARGUMENT;
    }
    if (depthwise->n == 0 || depthwise->pixels == 0 || pointwise->f == 0) {
        return NHWC_OK;
    }
    c.axis = depthwise->out[1] == 1 && depthwise->in[1] == 1 ? 2 : 1;
    const bool zeros =
        depthwise->padding_mode == NHWC_CONSTANT || (!depthwise->before[c.axis] && !depthwise->after[c.axis]);
    if (depthwise->f > 0 && zeros) {
        cut_rows(&c);
        if (c.blocks > 1 && list_kinds(&c)) {
            return by_blocks(&c);
        }
    }
    return one_by_one(&c);
}
