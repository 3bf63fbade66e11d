/* The rows method's loops: tiles of neighbouring pixels of an output row, for layers whose sums are short.

       for (n, depth, rows, columns) block of output pixels, for range of filter blocks:     parallel
           for block of filters:
               [copy the groups' inputs of the block of pixels, padded and interleaved, unless they are read in place]
               for output row, for tile of its pixels: kernel

   Neighbouring pixels are a fixed distance apart, so a tile is one pointer, and the runs of its reduction have the same
   offsets everywhere: almost nothing is done per tile but arithmetic, which pays where the reduction is short (few
   channels of input, or of a group). In the copy, groups that share a vector are interleaved; see row_tile.inl.h. */
#include "rows.h"
#include "tasks.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

/* Where the operands of one call are, and how its blocks are cut. */
typedef struct {
    const nhwc_plan *plan;
    const char *x;
    const char *residual;
    char *out;
    nhwc_tasks tasks;
    int64_t workspace_bytes;
    char *workspace; /* of all threads */
} call;

/* One block of output pixels, and the workspace of the thread that does it. */
typedef struct {
    nhwc_area at;
    const char *x; /* the sample */
    char *partial, *scratch;
    int64_t scratch_group;
} region;

/* ---- The padded copy --------------------------------------------------------------------------------------------- */

/* Copies `count` pixels of the block's groups; from NULL, zeros. */
static void copy_pixels(const nhwc_plan *plan, const nhwc_rows_block *b, char *to, const char *from, int64_t count) {
    const nhwc_rows_plan *d = &plan->rows;
    const nhwc_problem *p = &plan->problem;
    const size_t bytes = (size_t)(count * d->pixel) * plan->element;
    if (!from) {
        memset(to, 0, bytes);
    } else if (p->groups == 1) {
        memcpy(to, from, bytes);
    } else {
        const int64_t channels = p->c / p->groups;
        from += b->group * channels * (int64_t)plan->element;
        plan->kernels->spread[d->spread_log2](to, from, count, p->c, channels, b->groups);
    }
}

/* Copies what `width` padded columns from `first` on hold: one piece inside the input, pixels one by one outside. */
static void copy_row(const nhwc_plan *plan, const nhwc_rows_block *b, const char *row, int64_t first, int64_t width,
                     char *to) {
    const nhwc_problem *p = &plan->problem;
    const int64_t pixel = plan->rows.pixel * (int64_t)plan->element, pitch = p->c * (int64_t)plan->element;
    const int64_t left = nhwc_min(nhwc_max(-first, 0), width);
    const int64_t right = nhwc_max(nhwc_min(p->in[2] - first, width), left);
    if (!row) {
        copy_pixels(plan, b, to, NULL, width);
        return;
    }
    for (int64_t i = 0; i < width; i++) {
        if (i == left && right > left) {
            copy_pixels(plan, b, to + i * pixel, row + (first + i) * pitch, right - left);
            i = right - 1;
            continue;
        }
        const int64_t at = nhwc_source_index(p->padding_mode, first + i, p->in[2]);
        copy_pixels(plan, b, to + i * pixel, at < 0 ? NULL : row + at * pitch, 1);
    }
}

/* Layout: tap of depth, row, column, channel, group. */
static void fill_scratch(const nhwc_plan *plan, const nhwc_rows_block *b, region *r) {
    const nhwc_problem *p = &plan->rows.shape;
    const int64_t height = nhwc_span(p, 1, plan->rows.rows), bytes = nhwc_rows_scratch_row(plan);
    const int64_t top = r->at.row * p->stride[1] - p->before[1], left = r->at.col * p->stride[2] - p->before[2];
    for (int64_t k = 0; k < p->kernel[0]; k++) {
        const int64_t depth = nhwc_tap_source(p, 0, r->at.depth, k);
        for (int64_t j = 0; j < nhwc_span(p, 1, r->at.rows); j++) {
            if (nhwc_row_is_read(p, r->at.rows, j)) {
                const int64_t row = nhwc_source_index(p->padding_mode, top + j, p->in[1]);
                copy_row(plan, b, nhwc_input_row(plan, r->x, depth, row), left, nhwc_span(p, 2, r->at.cols),
                         r->scratch + (k * height + j) * bytes);
            }
        }
    }
    r->scratch_group = b->group;
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------- */

/* The first element of the output that the region's row i holds. */
static int64_t out_row(const nhwc_plan *plan, const region *r, int64_t i) {
    return nhwc_out_at(plan, r->at.n, r->at.depth, r->at.row + i, r->at.col);
}

/* Where the kernels read the first pixel of the region's row i. */
static const char *input_row(const nhwc_plan *plan, const nhwc_rows_block *b, const region *r, int64_t i) {
    const nhwc_rows_plan *d = &plan->rows;
    const nhwc_problem *p = &d->shape;
    if (!d->in_place) {
        return r->scratch + i * p->stride[1] * nhwc_rows_scratch_row(plan);
    }
    const int64_t row = r->at.depth * p->stride[0] * p->in[1] + (r->at.row + i) * p->stride[1];
    const int64_t pixel = row * p->in[2] + r->at.col * p->stride[2];
    return r->x + (pixel * p->c + b->group * (p->c / p->groups)) * (int64_t)plan->element;
}

/* `tiles` tiles of `mr` pixels; *t moves on behind them. */
static void run_kernel(const nhwc_rows_block *b, nhwc_row_tile *t, int64_t tiles, int64_t mr, int64_t element) {
    if (tiles == 0) {
        return;
    }
    t->tiles = tiles;
    b->family->run(t, (int)mr);
    t->x = (const char *)t->x + tiles * mr * t->pixel_pitch * element;
    t->out = (char *)t->out + tiles * mr * t->out_pitch * element;
    if (t->residual) {
        t->residual = (const char *)t->residual + tiles * mr * t->out_pitch * element;
    }
}

/* All tiles of a region for one block of filters. Tiles differ by no more than a pixel: a last tile of one pixel would
   wait for its own additions. */
static void run_tiles(const call *c, const region *r, const nhwc_rows_block *b) {
    const nhwc_plan *plan = c->plan;
    const nhwc_rows_plan *d = &plan->rows;
    const nhwc_problem *p = &d->shape;
    const int64_t element = (int64_t)plan->element, tiles = nhwc_ceil_div(r->at.cols, b->family->mr);
    const int64_t least = r->at.cols / tiles, larger = r->at.cols % tiles;
    nhwc_row_tile t = {
        .pixel_pitch = p->stride[2] * d->pixel,
        .segments = d->segments,
        .segment_count = d->segment_count,
        .filters = b->filters,
        .filter_pitch = b->filter_pitch,
        .bias = b->bias,
        .out_pitch = plan->output.step[2],
        .group_pitch = p->f / p->groups,
        .partial = r->partial,
        .clamp = p->activation == NHWC_RELU || p->activation == NHWC_RELU6 ? &plan->clamp : NULL,
        .live = b->live,
        .groups = b->groups,
    };
    for (int64_t i = 0; i < r->at.rows; i++) {
        const int64_t out = (out_row(plan, r, i) + b->first) * element;
        t.x = input_row(plan, b, r, i);
        t.out = c->out + out;
        t.residual = c->residual ? c->residual + out : NULL;
        run_kernel(b, &t, larger, least + 1, element);
        run_kernel(b, &t, tiles - larger, least, element);
    }
}

/* What the clamp cannot do, for the results of filter blocks first .. last - 1. */
static void activate(const call *c, const region *r, int64_t first, int64_t last) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->rows.shape;
    const int64_t element = (int64_t)plan->element, from = plan->rows.blocks[first].first;
    const int64_t results = (last < plan->rows.block_count ? plan->rows.blocks[last].first : p->f) - from;
    const int64_t pitch = plan->output.step[2];
    const bool whole = results == pitch;
    for (int64_t i = 0; i < r->at.rows; i++) {
        char *y = c->out + (out_row(plan, r, i) + from) * element;
        for (int64_t j = 0; j < (whole ? 1 : r->at.cols); j++) {
            nhwc_plan_activate(plan, y + j * pitch * element, whole ? r->at.cols * p->f : results);
        }
    }
}

static void run_region(const call *c, region *r, int64_t first, int64_t last) {
    const nhwc_rows_plan *d = &c->plan->rows;
    r->scratch_group = -1;
    for (int64_t i = first; i < last; i++) {
        const nhwc_rows_block *b = &d->blocks[i];
        if (!d->in_place && b->group != r->scratch_group) {
            fill_scratch(c->plan, b, r);
        }
        run_tiles(c, r, b);
    }
    if (c->plan->activate && first < last) {
        activate(c, r, first, last);
    }
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------- */

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const call *c = context;
    const nhwc_rows_plan *d = &c->plan->rows;
    const nhwc_problem *p = &d->shape;
    const int64_t sample = p->in[0] * p->in[1] * p->in[2] * p->c * (int64_t)c->plan->element;
    char *workspace = c->workspace + worker * c->workspace_bytes;
    region r = {.scratch = workspace, .partial = workspace + nhwc_round_up(nhwc_rows_scratch(c->plan), NHWC_ALIGNMENT)};
    for (int64_t task = first; task < last; task++) {
        int64_t from, to;
        r.at = nhwc_task_area(&c->tasks, task, &from, &to);
        r.x = c->x + r.at.n * sample;
        run_region(c, &r, from, to);
    }
}

static nhwc_status run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out) {
    enum { STACK_BYTES = 12 << 10, TASKS_PER_THREAD = 4 };
    enum { BOUND_INPUTS = 64 }; /* of a sum that memory bounds, at most */
    const double GRAIN = 5e5;   /* multiplications worth a thread */
    const nhwc_problem *p = &plan->problem;
    const nhwc_rows_plan *d = &plan->rows;
    const nhwc_tasks uncut = {.shape = &d->shape, .rows = d->rows, .cols = d->cols, .blocks = d->block_count};
    call c = {.plan = plan, .x = x, .residual = residual, .out = out, .tasks = uncut};
    c.workspace_bytes = nhwc_rows_workspace(plan);
    int threads = nhwc_threads_for(nhwc_work(p, n), GRAIN);
    const int64_t tasks = nhwc_cut_tasks(&c.tasks, n, threads > 1 ? threads * TASKS_PER_THREAD : 1);
    const double bytes = p->k <= BOUND_INPUTS ? nhwc_operand_bytes(plan, n) : 0;
    threads = (int)nhwc_min(threads, tasks);
    if (threads == 1 && c.workspace_bytes <= STACK_BYTES) {
        _Alignas(NHWC_ALIGNMENT) char stack[STACK_BYTES];
        c.workspace = stack;
        nhwc_parallel_sweep(1, tasks, run_tasks, &c, bytes);
        return NHWC_OK;
    }
    c.workspace = nhwc_workspace_take((size_t)(c.workspace_bytes * threads));
    if (!c.workspace) {
        return NHWC_NO_MEMORY;
    }
    nhwc_parallel_sweep(threads, tasks, run_tasks, &c, bytes);
    nhwc_workspace_give(c.workspace);
    return NHWC_OK;
}

/* Either every axis of the shape is the problem's, or all pixels are one row. */
static void shorten(nhwc_plan *plan, int axis) {
    nhwc_problem *shape = &plan->rows.shape;
    const nhwc_problem *p = &plan->problem;
    if (shape->out[axis] > 1 && axis < 2) {
        shape->in[axis] = p->in[axis];
        shape->out[axis] = p->out[axis];
    } else if (axis < 2) {
        shape->in[2] = shape->out[2] = p->pixels;
    }
}

const nhwc_method nhwc_method_rows = {
    .algorithm = NHWC_DIRECT,
    .serves = nhwc_rows_serves,
    .prepare = nhwc_rows_prepare,
    .run = run,
    .shorten = shorten,
};
