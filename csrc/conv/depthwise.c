/* The depthwise method: every result has one input channel, so vectors run along the channels.

       for (n, depth, phase, rows, columns, block of results):               parallel
           for row of outputs, or two in place:
               bring the input rows that they are the first to read into the ring
               for tile of columns: kernel, for all vectors of the block

   The ring holds one padded row of input for each row of taps, of one row of outputs or two. For kernels 3, 5 or 7 wide
   and one result a channel, a row is pointers, one for each column, and the kernels read the input in place. Otherwise
   rows are copied, cut to a block of columns and of results that stays in the first-level cache: a load and a store for
   each input vector, which buys aligned vectors at constant distances, whatever the padding and the multiplier are.

   A dilated problem is a set of interleaved undilated ones: outputs that are dilation / nhwc_gcd(stride, dilation)
   apart form a phase, and all its taps lie on inputs that are a dilation apart. So the kernels know no dilation. */
#include "source.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

/* Sizes that were chosen by measuring; see csrc/README.md. */
enum {
    RING_BYTES = 28 << 10,  /* of a ring, if it can be */
    RING_MOST = 4 << 20,    /* and at the most */
    WORTHWHILE_VECTORS = 4, /* so many vectors of a pixel are copied together before columns are cut, */
    LEAST_COLUMNS = 14,     /* and so many outputs of a row before vectors are */
    POINTED_COLUMNS = 256,  /* outputs of a block of columns in place */
};

/* Where the operands of one call are, and how its tasks are numbered. */
typedef struct {
    const nhwc_plan *plan;
    const char *x, *residual;
    char *out;
    int64_t row_blocks; /* of a phase */
    int64_t col_blocks;
    int64_t result_blocks;
    int64_t workspace_bytes;
    char *workspace; /* of all threads */
} call;

/* One task: outputs `row` to `last_row` - 1 and `col` to `col` + `cols` - 1 of a phase, results `first` on. */
typedef struct {
    const char *x; /* the sample */
    int64_t n, depth;
    int64_t row_phase, row, last_row;
    int64_t col_phase, col, cols;
    int64_t first, live;
    int64_t left;          /* coordinate of the ring's first column in the input */
    int64_t inside, after; /* the ring's columns from `inside` to `after` - 1 lie in the input */
    const void **rows;     /* the ring's, by tap of depth and row of the input */
    const void **order;    /* the same, by row of taps */
    char *partial, *zeros, *ring;
} region;

/* ---- Preparation ------------------------------------------------------------------------------------------------ */

static int64_t taps_of_depth_and_height(const nhwc_problem *p) { return p->kernel[0] * p->kernel[1]; }

/* Rows of the ring. */
static int64_t ring_rows(const nhwc_problem *p, const nhwc_depthwise_plan *d) { return p->kernel[0] * d->height; }

/* Columns of input that `cols` outputs of a phase read. */
static int64_t ring_columns(const nhwc_problem *p, const nhwc_depthwise_plan *d, int64_t cols) {
    return (cols - 1) * d->shift[2] + p->kernel[2];
}

/* Cuts columns so that a few vectors of the ring fit the cache, then results so that all do. */
static void choose_blocks(const nhwc_plan *plan, nhwc_depthwise_plan *d) {
    const nhwc_problem *p = &plan->problem;
    const int64_t lanes = plan->kernels->lanes, all = nhwc_ceil_div(p->f, lanes);
    const int64_t column = (taps_of_depth_and_height(p) + 1) * lanes * (int64_t)plan->element;
    const int64_t outputs = nhwc_max(nhwc_ceil_div(p->out[2], d->period[2]), 1);
    if (d->in_place) {
        d->cols = nhwc_ceil_div(outputs, nhwc_ceil_div(outputs, POINTED_COLUMNS));
        d->width = ring_columns(p, d, d->cols);
        d->vectors = all;
        return;
    }
    const int64_t columns = RING_BYTES / column / nhwc_min(all, WORTHWHILE_VECTORS) - p->kernel[2];
    const int64_t fit = nhwc_max(columns / d->shift[2] + 1, LEAST_COLUMNS);
    d->cols = nhwc_ceil_div(outputs, nhwc_ceil_div(outputs, fit));
    d->width = ring_columns(p, d, d->cols) | 1;
    int64_t vectors = nhwc_min(nhwc_max(RING_BYTES / column / d->width, 1), all);
    d->vectors = nhwc_ceil_div(all, nhwc_ceil_div(all, vectors));
}

static void choose_kernel(const nhwc_plan *plan, nhwc_depthwise_plan *d) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_depthwise_kernels *kernels = &plan->kernels->rows;
    const int64_t stride = d->shift[2], taps = p->kernel[2], chunk = nhwc_chunk(p);
    const bool known = stride <= NHWC_DEPTHWISE_STRIDE && taps <= NHWC_DEPTHWISE_TAPS;
    nhwc_depthwise_kernel *in_place = known ? kernels->in_place[stride][taps] : NULL;
    const bool square = p->kernel[1] == taps && d->shift[1] == stride;
    const bool overlap = p->kernel[0] == 1 && d->shift[1] < p->kernel[1] && p->out[1] > d->period[1];
    d->in_place = in_place && d->multiplier == 1 && p->k <= chunk;
    d->rows = d->in_place && overlap && (square || taps != 3) && taps <= kernels->taps_of_two ? 2 : 1;
    d->height = p->kernel[1] + (d->rows - 1) * d->shift[1];
    d->kernel = d->in_place ? in_place : kernels->run[stride == 1];
    d->chunk_taps = nhwc_min(taps, chunk);
    d->chunk_rows = nhwc_min(chunk / d->chunk_taps, taps_of_depth_and_height(p));
}

static nhwc_depthwise_plan choose(const nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    nhwc_depthwise_plan d = {.multiplier = p->f / p->groups};
    for (int axis = 1; axis < 3; axis++) {
        d.dilation[axis] = p->kernel[axis] > 1 ? p->dilation[axis] : 1;
        int64_t common = nhwc_gcd(p->stride[axis], d.dilation[axis]);
        d.period[axis] = d.dilation[axis] / common;
        d.shift[axis] = p->stride[axis] / common;
    }
    choose_kernel(plan, &d);
    choose_blocks(plan, &d);
    return d;
}

static int64_t chunk_count(const nhwc_problem *p, const nhwc_depthwise_plan *d) {
    return nhwc_ceil_div(taps_of_depth_and_height(p), d->chunk_rows) * nhwc_ceil_div(p->kernel[2], d->chunk_taps);
}

static bool serves(const nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    if (p->groups == 1 || p->groups != p->c || p->f == 0 || !plan->kernels->rows.fill) {
        return false;
    }
    nhwc_depthwise_plan d = choose(plan);
    if (d.in_place) {
        return true;
    }
    int64_t ring, chain = d.chunk_rows * d.chunk_taps + chunk_count(p, &d);
    bool accurate = chain <= nhwc_min(p->k, 256) + nhwc_ceil_div(p->k, 256) + 3;
    return accurate && nhwc_mul((taps_of_depth_and_height(p) + 1) * plan->kernels->lanes, d.vectors, &ring) &&
           nhwc_mul(ring, d.width * (int64_t)plan->element, &ring) && ring <= RING_MOST;
}

static int64_t ring_row_bytes(const nhwc_plan *plan) {
    const nhwc_depthwise_plan *d = &plan->depthwise;
    if (d->in_place) {
        return d->width * (int64_t)sizeof(void *);
    }
    return d->vectors * d->width * plan->kernels->lanes * (int64_t)plan->element;
}

/* The parts of a thread's workspace, one after the other. */
typedef struct {
    int64_t order, partial, zeros, ring, bytes;
} layout;

static layout lay_out(const nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_depthwise_plan *d = &plan->depthwise;
    const int64_t vector = plan->kernels->lanes * (int64_t)plan->element, rows = ring_rows(p, d);
    layout l;
    l.order = rows * (int64_t)sizeof(void *);
    l.partial = nhwc_round_up(2 * l.order, NHWC_ALIGNMENT);
    l.zeros = l.partial + (chunk_count(p, d) > 1 ? d->vectors * NHWC_DEPTHWISE_COLUMNS * vector : 0);
    l.zeros = nhwc_round_up(l.zeros, NHWC_ALIGNMENT);
    l.ring = l.zeros + ring_row_bytes(plan);
    l.bytes = nhwc_round_up(l.ring + rows * ring_row_bytes(plan), NHWC_ALIGNMENT);
    return l;
}

/* Elements of a row of packed values: whole vectors, and one more, since with a head they may begin anywhere. */
static int64_t packed_row(const nhwc_plan *plan) {
    const int64_t lanes = plan->kernels->lanes;
    return nhwc_round_up(plan->problem.f, lanes) + lanes;
}

/* HWIO filters as they are, but with zeros beyond the last result. */
static void pack_rows(const nhwc_plan *plan, const char *filters, char *packed) {
    const nhwc_problem *p = &plan->problem;
    const size_t live = (size_t)p->f * plan->element, row = (size_t)packed_row(plan) * plan->element;
    for (int64_t k = 0; k < p->k; k++, packed += row, filters += live) {
        memcpy(packed, filters, live);
        memset(packed + live, 0, row - live);
    }
}

/* HWIO filters by vectors: the lanes for each tap in turn, zeros beyond the last result. */
static void pack_vectors(const nhwc_plan *plan, const char *filters, char *packed) {
    const nhwc_problem *p = &plan->problem;
    const int64_t element = (int64_t)plan->element, lanes = plan->kernels->lanes;
    for (int64_t first = 0; first < p->f; first += lanes) {
        const int64_t live = nhwc_min(lanes, p->f - first) * element, rest = lanes * element - live;
        for (int64_t k = 0; k < p->k; k++) {
            memcpy(packed, filters + (k * p->f + first) * element, (size_t)live);
            memset(packed + live, 0, (size_t)rest);
            packed += lanes * element;
        }
    }
}

static nhwc_status prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    const nhwc_problem *p = &plan->problem;
    nhwc_depthwise_plan *d = &plan->depthwise;
    *d = choose(plan);
    const int64_t element = (int64_t)plan->element, row = packed_row(plan) * element;
    if (!nhwc_mul(row, p->k + 2, &plan->packed_bytes)) {
        return NHWC_TOO_LARGE;
    }
    size_t bytes = (size_t)plan->packed_bytes;
    char *memory = plan->memory = borrow ? nhwc_workspace_take(bytes) : nhwc_aligned_alloc(bytes);
    plan->borrowed = borrow;
    if (!memory) {
        return NHWC_NO_MEMORY;
    }
    (d->in_place ? pack_rows : pack_vectors)(plan, filters, memory);
    char *packed_bias = memset(memory + row * p->k, 0, (size_t)(2 * row));
    if (bias) {
        memcpy(packed_bias, bias, (size_t)(p->f * element));
    }
    d->filters = memory;
    d->bias = packed_bias;
    d->zeros = packed_bias + row;
    plan->workspace_bytes = lay_out(plan).bytes;
    return NHWC_OK;
}

/* ---- The ring --------------------------------------------------------------------------------------------------- */

/* The same as copy_columns, where the ring holds pointers. */
static void point_columns(const nhwc_plan *plan, const void **to, const char *from, int64_t count) {
    const nhwc_depthwise_plan *d = &plan->depthwise;
    const int64_t pixel = d->dilation[2] * plan->problem.c * (int64_t)plan->element;
    for (int64_t i = 0; i < count; i++) {
        to[i] = from ? from + i * pixel : d->zeros;
    }
}

/* Copies `count` columns of an input row, from *from on, to column u of a row of the ring; from NULL, zeros. */
static void copy_columns(const nhwc_plan *plan, const region *r, char *to, int64_t u, const char *from, int64_t count) {
    const nhwc_depthwise_plan *d = &plan->depthwise;
    const int64_t lanes = plan->kernels->lanes, element = (int64_t)plan->element;
    const int64_t pixel = d->dilation[2] * plan->problem.c, pitch = d->width * lanes;
    if (d->in_place) {
        point_columns(plan, (const void **)to + u, from, count);
        return;
    }
    to += u * lanes * element;
    if (!from || d->multiplier == 1) {
        plan->kernels->rows.fill(to, pitch, from ? from + r->first * element : NULL, pixel, count, r->live);
    } else {
        plan->kernels->rows.repeat(to, pitch, from, pixel, count, r->first, r->live, d->multiplier);
    }
}

/* Finds which columns of the ring lie in the input; the others of a constant padding stay zero for all rows. */
static void begin_ring(const nhwc_plan *plan, region *r) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_depthwise_plan *d = &plan->depthwise;
    const int64_t step = d->dilation[2], columns = ring_columns(p, d, r->cols), bytes = ring_row_bytes(plan);
    r->left = (r->col_phase + r->col * d->period[2]) * p->stride[2] - p->before[2];
    r->inside = nhwc_min(r->left < 0 ? nhwc_ceil_div(-r->left, step) : 0, columns);
    int64_t after = r->left < p->in[2] ? nhwc_min((p->in[2] - 1 - r->left) / step + 1, columns) : 0;
    r->after = nhwc_max(after, r->inside);
    if (p->padding_mode == NHWC_CONSTANT && r->after - r->inside < columns) {
        for (int64_t slot = 0; slot < ring_rows(p, d); slot++) {
            copy_columns(plan, r, r->ring + slot * bytes, 0, NULL, r->inside);
            copy_columns(plan, r, r->ring + slot * bytes, r->after, NULL, columns - r->after);
        }
    }
}

/* Fills a row of the ring with the columns that the region reads. */
static void fill_row(const nhwc_plan *plan, const region *r, const char *row, char *to) {
    const nhwc_problem *p = &plan->problem;
    const int64_t step = plan->depthwise.dilation[2], pixel = p->c * (int64_t)plan->element;
    const int64_t columns = ring_columns(p, &plan->depthwise, r->cols);
    copy_columns(plan, r, to, r->inside, row + (r->left + r->inside * step) * pixel, r->after - r->inside);
    if (p->padding_mode != NHWC_CONSTANT) {
        for (int64_t u = r->inside ? 0 : r->after; u < columns; u = u + 1 == r->inside ? r->after : u + 1) {
            int64_t source = nhwc_source_index(p->padding_mode, r->left + u * step, p->in[2]);
            copy_columns(plan, r, to, u, row + source * pixel, 1);
        }
    }
}

/* Brings row u of the phase into the ring, for all taps of depth. */
static void fill_rows(const nhwc_plan *plan, const region *r, int64_t u) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_depthwise_plan *d = &plan->depthwise;
    const int64_t height = d->height, bytes = ring_row_bytes(plan);
    const int64_t at = r->row_phase * p->stride[1] - p->before[1] + u * d->dilation[1];
    const int64_t row = nhwc_source_index(p->padding_mode, at, p->in[1]);
    for (int64_t k = 0, slot = u % height; k < p->kernel[0]; k++, slot += height) {
        const int64_t depth = nhwc_tap_source(p, 0, r->depth, k);
        if (row < 0 || depth < 0) {
            r->rows[slot] = r->zeros;
            continue;
        }
        r->rows[slot] = r->ring + slot * bytes;
        fill_row(plan, r, r->x + (depth * p->in[1] + row) * p->in[2] * p->c * (int64_t)plan->element,
                 r->ring + slot * bytes);
    }
}

/* Sorts the ring's rows by taps, for the outputs whose first tap is on row `top`. */
static void order_rows(const nhwc_plan *plan, const region *r, int64_t top) {
    const nhwc_problem *p = &plan->problem;
    const int64_t height = plan->depthwise.height, head = top % height;
    const void **to = r->order;
    for (int64_t k = 0; k < p->kernel[0]; k++) {
        const void *const *rows = r->rows + k * height;
        for (int64_t i = head; i < height; i++) {
            *to++ = rows[i];
        }
        for (int64_t i = 0; i < head; i++) {
            *to++ = rows[i];
        }
    }
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------ */

/* One tile, chunk by chunk of its reduction. */
static void run_chunks(const nhwc_plan *plan, const region *r, nhwc_depthwise_tile *t, int width) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_depthwise_plan *d = &plan->depthwise;
    const int64_t rows = taps_of_depth_and_height(p), vector = plan->kernels->lanes, offset = t->offset;
    const char *filters = d->filters + r->first * (d->in_place ? 1 : p->k) * (int64_t)plan->element;
    for (int64_t row = 0; row < rows; row += t->row_count) {
        t->rows = r->order + row;
        t->row_count = nhwc_min(d->chunk_rows, rows - row);
        for (int64_t tap = 0; tap < p->kernel[2]; tap += t->taps) {
            t->taps = nhwc_min(d->chunk_taps, p->kernel[2] - tap);
            t->offset = offset + tap * vector;
            t->filters = filters + (row * p->kernel[2] + tap) * vector * (int64_t)plan->element;
            t->first = row + tap == 0;
            t->last = row + t->row_count == rows && tap + t->taps == p->kernel[2];
            d->kernel(t, width);
        }
    }
}

/* Channels before the first whose results are aligned in every pixel, if that is any. NumPy aligns arrays to 16 bytes,
   and stores that lie on two cache lines each take half of the time of a 3x3 layer; a part of a vector at both ends
   costs less from some vectors on. Longer rows of taps are bound by loads, which this would not align too. */
static int head_of(const call *c, const region *r) {
    enum { LEAST_VECTORS = 6, MOST_TAPS = 3 };
    const nhwc_plan *plan = c->plan;
    const int64_t element = (int64_t)plan->element, vector = plan->kernels->lanes * element;
    const int64_t past = (int64_t)((uintptr_t)(c->out + r->first * element) % (uintptr_t)vector);
    const bool alike = plan->output.step[2] * element % vector == 0 && past % element == 0;
    const bool pays = plan->depthwise.in_place && plan->problem.kernel[2] <= MOST_TAPS && past &&
                      r->live >= LEAST_VECTORS * plan->kernels->lanes;
    return alike && pays ? (int)((vector - past) / element) : 0;
}

/* A row of outputs, or two, in tiles of nearly equal width. */
static void run_row(const call *c, const region *r, int64_t row, int64_t rows) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_depthwise_plan *d = &plan->depthwise;
    const int64_t element = (int64_t)plan->element, widest = d->in_place ? r->cols : plan->kernels->rows.columns;
    const int64_t tiles = nhwc_ceil_div(r->cols, widest);
    const int64_t y = r->row_phase + row * d->period[1];
    nhwc_depthwise_tile t = {
        .vector_pitch = d->width * plan->kernels->lanes,
        .stride = d->shift[2],
        .row_shift = rows > 1 ? d->shift[1] : 0,
        .out_row = d->period[1] * plan->output.step[1],
        .filter_pitch = p->k * plan->kernels->lanes,
        .tap_pitch = packed_row(plan),
        .bias = d->bias + r->first * element,
        .out_pitch = d->period[2] * plan->output.step[2],
        .partial = r->partial,
        .clamp = p->activation == NHWC_RELU || p->activation == NHWC_RELU6 ? &plan->clamp : NULL,
        .live = r->live,
        .head = head_of(c, r),
    };
    const int64_t width = r->cols / tiles, wider = r->cols % tiles;
    for (int64_t i = 0, first = 0; i < tiles; i++) {
        const int cols = (int)(width + (i < wider));
        const int64_t col = r->col_phase + (r->col + first) * d->period[2];
        const int64_t at = (nhwc_out_at(plan, r->n, r->depth, y, col) + r->first) * element;
        t.offset = first * d->shift[2] * plan->kernels->lanes;
        t.out = c->out + at;
        t.residual = c->residual ? c->residual + at : NULL;
        run_chunks(plan, r, &t, cols);
        for (int64_t j = 0; plan->activate && j < cols * rows; j++) {
            const int64_t pixel = j % cols * t.out_pitch + j / cols * t.out_row;
            nhwc_plan_activate(plan, (char *)t.out + pixel * element, r->live);
        }
        first += cols;
    }
}

static void run_region(const call *c, region *r) {
    const nhwc_problem *p = &c->plan->problem;
    const int64_t shift = c->plan->depthwise.shift[1], most = c->plan->depthwise.rows;
    int64_t filled = r->row * shift;
    begin_ring(c->plan, r);
    for (int64_t row = r->row, rows; row < r->last_row; row += rows) {
        const int64_t top = row * shift;
        rows = nhwc_min(most, r->last_row - row);
        for (filled = nhwc_max(filled, top); filled < top + (rows - 1) * shift + p->kernel[1]; filled++) {
            fill_rows(c->plan, r, filled);
        }
        order_rows(c->plan, r, top);
        run_row(c, r, row, rows);
    }
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------ */

static int64_t phases(const nhwc_plan *plan, int axis) {
    return nhwc_min(plan->depthwise.period[axis], plan->problem.out[axis]);
}

/* Outputs of a phase. */
static int64_t phase_outputs(const nhwc_plan *plan, int axis, int64_t phase) {
    return nhwc_ceil_div(plan->problem.out[axis] - phase, plan->depthwise.period[axis]);
}

/* Takes the number below `base` off a task's number. */
static int64_t take(int64_t *task, int64_t base) {
    int64_t digit = *task % base;
    *task /= base;
    return digit;
}

/* Neighbouring tasks differ in their results, then in their columns. */
static void run_task(const call *c, region *r, int64_t task) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_depthwise_plan *d = &plan->depthwise;
    const int64_t block = d->vectors * plan->kernels->lanes;
    r->first = take(&task, c->result_blocks) * block;
    r->live = nhwc_min(block, p->f - r->first);
    r->col = take(&task, c->col_blocks) * d->cols;
    r->col_phase = take(&task, phases(plan, 2));
    r->cols = nhwc_min(d->cols, phase_outputs(plan, 2, r->col_phase) - r->col);
    const int64_t row_block = take(&task, c->row_blocks);
    r->row_phase = take(&task, phases(plan, 1));
    const int64_t rows = phase_outputs(plan, 1, r->row_phase);
    r->row = row_block * rows / c->row_blocks;
    r->last_row = (row_block + 1) * rows / c->row_blocks;
    r->depth = take(&task, p->out[0]);
    r->n = task;
    r->x = c->x + task * p->in[0] * p->in[1] * p->in[2] * p->c * (int64_t)plan->element;
    if (r->cols > 0) {
        run_region(c, r);
    }
}

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const call *c = context;
    const layout l = lay_out(c->plan);
    char *workspace = c->workspace + worker * c->workspace_bytes;
    region r = {
        .rows = (const void **)workspace,
        .order = (const void **)(workspace + l.order),
        .partial = workspace + l.partial,
        .zeros = workspace + l.zeros,
        .ring = workspace + l.ring,
    };
    if (c->plan->depthwise.in_place) {
        point_columns(c->plan, (const void **)r.zeros, NULL, c->plan->depthwise.width);
    } else {
        memset(r.zeros, 0, (size_t)(l.ring - l.zeros));
    }
    for (int64_t task = first; task < last; task++) {
        run_task(c, &r, task);
    }
}

/* Numbers the tasks; cuts rows until every thread has a few, and some more for a sweep that turns. */
static int64_t cut_tasks(call *c, int64_t n, int threads) {
    enum { TASKS_PER_THREAD = 4, TASKS_OF_SWEEP = 8, LEAST_ROWS = 4 };
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_depthwise_plan *d = &plan->depthwise;
    c->row_blocks = 1;
    c->col_blocks = nhwc_ceil_div(phase_outputs(plan, 2, 0), d->cols);
    c->result_blocks = nhwc_ceil_div(p->f, d->vectors * plan->kernels->lanes);
    int64_t tasks = n * p->out[0] * phases(plan, 1) * phases(plan, 2) * c->col_blocks * c->result_blocks;
    const bool turns = nhwc_sweep_turns(nhwc_operand_bytes(plan, n) / threads);
    if (threads > 1 || turns) {
        const int64_t enough = (int64_t)threads * (turns ? TASKS_OF_SWEEP : TASKS_PER_THREAD);
        const int64_t least = d->in_place ? 1 : nhwc_max(p->kernel[1], LEAST_ROWS);
        const int64_t most = phase_outputs(plan, 1, 0) / least;
        c->row_blocks = nhwc_max(nhwc_min(nhwc_ceil_div(enough, tasks), most), 1);
    }
    return tasks * c->row_blocks;
}

static nhwc_status run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out) {
    enum { STACK_BYTES = 12 << 10 };
    const double GRAIN = 3e5; /* multiplications worth a thread */
    const nhwc_problem *p = &plan->problem;
    call c = {.plan = plan, .x = x, .residual = residual, .out = out, .workspace_bytes = plan->workspace_bytes};
    int threads = nhwc_threads_for(nhwc_work(p, n), GRAIN);
    int64_t tasks = cut_tasks(&c, n, threads);
    const double bytes = nhwc_operand_bytes(plan, n);
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

const nhwc_method nhwc_method_depthwise = {
    .algorithm = NHWC_DIRECT,
    .serves = serves,
    .prepare = prepare,
    .run = run,
};
