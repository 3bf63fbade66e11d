/* The Winograd methods' loops: F(2 x 2, 3 x 3) and F(4 x 4, 3 x 3) at stride 1.

       for block of tiles, for block of filters:                                              parallel
           for range of channels:                                 (all of them, unless they are thousands)
               transform the input of every tile, unless it is there already
               for each of the alpha^2 matrices, for panel of channels, for group of tiles:
                   products += transformed input * transformed filters                        kernel
           for tile: transform the products to results; where these are not finite, compute them again directly

   Tiles are numbered over all images, so that small images of a batch share the filters that a block of tiles reads. A
   tile's sums do not depend on which block it is in, so neither batch nor threads change any bit. */
#include "winograd.h"

#include "../base/memory.h"
#include "../base/threads.h"
#include "source.h"
#include "tiles.h"

enum { MAX_ALPHA = 6, MAX_OUTPUTS = 4 };

/* Where the operands of one call are, and how it is cut into tasks. */
typedef struct {
    const nhwc_plan *plan;
    const char *x;
    const void *residual;
    char *out;
    int64_t tiles; /* of all images */
    int64_t tile_blocks;
    int64_t filter_parts;
    nhwc_winograd_workspace layout; /* for the largest block of tiles */
    char *workspace;                /* of all threads */
} call;

/* The state of a thread, at the head of its workspace: whose transformed input it holds, to be used again by the next
   task if that differs in filters only. */
typedef struct {
    int64_t tile, group, channel;
} held;

enum { HEAD = NHWC_ALIGNMENT };

/* A block of tiles in a thread's hands. */
typedef struct {
    held *held;
    char *input, *products;
    int64_t first, count;
} region;

/* A tile's place: image of the batch, depth, and its first output row and column. */
typedef struct {
    int64_t n, depth, row, col;
} place;

static place place_of(const nhwc_plan *plan, int64_t tile) {
    const nhwc_winograd_plan *d = &plan->winograd;
    place at = {.col = tile % d->wide * d->outputs};
    tile /= d->wide;
    at.row = tile % d->high * d->outputs;
    tile /= d->high;
    at.depth = tile % plan->problem.out[0];
    at.n = tile / plan->problem.out[0];
    return at;
}

/* The input coordinate of the tile's index i on an axis, or -1 for zero: where the padding has zeros, and beyond what
   any output of the image reads. */
static int64_t tile_source(const nhwc_problem *p, int axis, int64_t first, int64_t i) {
    return first + i < p->out[axis] + 2 ? nhwc_tap_source(p, axis, first, i) : -1;
}

/* Pointers to `channel` of the alpha x alpha pixels that a tile reads. */
static void point(const call *c, const place *at, int64_t channel, const void **pixels) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const int64_t alpha = plan->winograd.alpha, pixel = p->c * (int64_t)plan->element;
    const int64_t depth = nhwc_tap_source(p, 0, at->depth, 0);
    const char *image =
        c->x + (at->n * p->in[0] + depth) * p->in[1] * p->in[2] * pixel + channel * (int64_t)plan->element;
    int64_t cols[MAX_ALPHA];
    for (int64_t j = 0; j < alpha; j++) {
        cols[j] = tile_source(p, 2, at->col, j);
    }
    for (int64_t i = 0; i < alpha; i++) {
        int64_t row = depth < 0 ? -1 : tile_source(p, 1, at->row, i);
        for (int64_t j = 0; j < alpha; j++) {
            pixels[i * alpha + j] =
                row < 0 || cols[j] < 0 ? plan->winograd.zeros : image + (row * p->in[2] + cols[j]) * pixel;
        }
    }
}

static void transform_input(const call *c, const region *r, int64_t group, int64_t channel, int64_t channels) {
    const nhwc_plan *plan = c->plan;
    const int64_t element = (int64_t)plan->element, first = group * (plan->problem.c / plan->problem.groups) + channel;
    const void *pixels[MAX_ALPHA * MAX_ALPHA];
    nhwc_winograd_input input = {.pixels = pixels, .channels = channels, .pitch = c->layout.input_pitch};
    for (int64_t t = 0; t < r->count; t++) {
        place at = place_of(plan, r->first + t);
        point(c, &at, first, pixels);
        input.transformed = r->input + t * c->layout.row * element;
        plan->winograd.kernels->input(&input);
    }
    *r->held = (held){r->first, group, channel};
}

/* One matrix of products, over `channels` from `channel` on. Groups of tiles are of nearly equal size. While a panel is
   at work for the first groups, its successor is fetched if it is far; the filters of a block lie in the order of use.
 */
static void multiply(const call *c, const region *r, const nhwc_winograd_block *block, int64_t matrix, int64_t channel,
                     int64_t channels, char *products) {
    const nhwc_plan *plan = c->plan;
    const nhwc_winograd_plan *d = &plan->winograd;
    const int64_t element = (int64_t)plan->element, nr = block->family->nr, lanes = plan->kernels->lanes;
    const int64_t groups = nhwc_ceil_div(r->count, block->family->mr);
    const char *a = r->input + matrix * c->layout.input_pitch * element;
    const char *b =
        (const char *)block->filters + (matrix * nhwc_winograd_filters_pitch(plan, nr) + channel * nr) * element;
    int64_t at = 0;
    do {
        nhwc_product t = {
            .a_pitch = c->layout.row,
            .b = b,
            .k = nhwc_min(d->panel, channels - at),
            .chunk = d->chunk,
            .add = channel + at > 0,
        };
        for (int64_t i = 0; i < groups; i++) {
            int64_t first = i * r->count / groups, last = (i + 1) * r->count / groups;
            t.a = a + (first * c->layout.row + at) * element;
            t.c = products + first * nr * element;
            t.ahead = d->far && i < nr / lanes ? b + t.k * (nr + i * lanes) * element : NULL;
            block->family->run(&t, (int)(last - first));
        }
        b += t.k * nr * element;
        at += t.k;
    } while (at < channels);
}

/* One block's results of vector `v` of a tile, as the direct algorithm computes them. */
static void compute_directly(const call *c, const place *at, const nhwc_winograd_block *block, int v) {
    const nhwc_plan *plan = c->plan;
    const nhwc_winograd_plan *d = &plan->winograd;
    const nhwc_problem *p = &plan->problem;
    const nhwc_tile_family *family = &plan->kernels->direct[1];
    const int64_t element = (int64_t)plan->element, first = v * family->nr;
    const void *pixels[MAX_ALPHA * MAX_ALPHA], *table[MAX_OUTPUTS * MAX_OUTPUTS][9];
    int64_t offsets[MAX_OUTPUTS * MAX_OUTPUTS];
    _Alignas(NHWC_ALIGNMENT) char partial[2 * NHWC_MAX_MR * NHWC_ALIGNMENT];
    point(c, at, block->group * (p->c / p->groups), pixels);
    int64_t rows = nhwc_min(d->outputs, p->out[1] - at->row), cols = nhwc_min(d->outputs, p->out[2] - at->col);
    for (int64_t i = 0; i < rows * cols; i++) {
        int64_t row = i / cols, col = i % cols;
        for (int64_t tap = 0; tap < 9; tap++) {
            table[i][tap] = pixels[(row + tap / 3) * d->alpha + col + tap % 3];
        }
        offsets[i] = nhwc_out_at(plan, at->n, at->depth, at->row + row, at->col + col) + block->first + first;
    }
    nhwc_tile t = {
        .pixel_pitch = 9,
        .segments = d->segments,
        .segment_count = d->segment_count,
        .filters = (const char *)d->plain + (block->first + first) * element,
        .filter_pitch = p->f,
        .bias = (const char *)block->bias + first * element,
        .residual = c->residual,
        .out = c->out,
        .partial = partial,
        .clamp = &plan->clamp,
        .live = nhwc_min(block->live - first, family->nr),
        .first = 1,
        .last = 1,
    };
    for (int64_t i = 0; i < rows * cols; i += family->mr) {
        t.pixels = table[i];
        t.offsets = offsets + i;
        family->run(&t, (int)nhwc_min(rows * cols - i, family->mr));
    }
}

static void transform_output(const call *c, const region *r, const nhwc_winograd_block *block) {
    const nhwc_plan *plan = c->plan;
    const nhwc_winograd_plan *d = &plan->winograd;
    const nhwc_problem *p = &plan->problem;
    const int64_t element = (int64_t)plan->element, nr = block->family->nr;
    for (int64_t t = 0; t < r->count; t++) {
        place at = place_of(plan, r->first + t);
        int64_t offset = (nhwc_out_at(plan, at.n, at.depth, at.row, at.col) + block->first) * element;
        nhwc_winograd_output output = {
            .product = r->products + t * nr * element,
            .pitch = nhwc_winograd_product_pitch(plan, r->count, nr),
            .bias = block->bias,
            .residual = c->residual ? (const char *)c->residual + offset : NULL,
            .out = c->out + offset,
            .row_pitch = plan->output.step[1],
            .column_pitch = plan->output.step[2],
            .rows = (int)nhwc_min(d->outputs, p->out[1] - at.row),
            .columns = (int)nhwc_min(d->outputs, p->out[2] - at.col),
            .live = block->live,
            .clamp = &plan->clamp,
        };
        unsigned refused = d->kernels->output(&output);
        for (int v = 0; refused >> v; v++) {
            if (refused >> v & 1) {
                compute_directly(c, &at, block, v);
            }
        }
        for (int64_t i = 0; plan->activate && i < (int64_t)output.rows * output.columns; i++) {
            int64_t to = i / output.columns * output.row_pitch + i % output.columns * output.column_pitch;
            plan->activate((char *)output.out + to * element, block->live, p->activation);
        }
    }
}

/* A region's products and results for one block of filters. */
static void run_block(const call *c, region *r, const nhwc_winograd_block *block) {
    const nhwc_plan *plan = c->plan;
    const nhwc_winograd_plan *d = &plan->winograd;
    const int64_t depth = plan->problem.c / plan->problem.groups, matrices = d->alpha * d->alpha;
    const int64_t pitch = nhwc_winograd_product_pitch(plan, r->count, block->family->nr) * (int64_t)plan->element;
    int64_t channel = 0;
    do {
        const int64_t channels = nhwc_min(d->channels, depth - channel);
        if (r->held->tile != r->first || r->held->group != block->group || r->held->channel != channel) {
            transform_input(c, r, block->group, channel, channels);
        }
        for (int64_t matrix = 0; matrix < matrices; matrix++) {
            multiply(c, r, block, matrix, channel, channels, r->products + matrix * pitch);
        }
        channel += channels;
    } while (channel < depth);
    transform_output(c, r, block);
}

/* Tasks are numbered with the range of filters innermost, so that neighbours share the transformed input. */
static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const call *c = context;
    const nhwc_winograd_plan *d = &c->plan->winograd;
    char *workspace = c->workspace + worker * c->layout.bytes;
    region r = {
        .held = (held *)workspace,
        .input = workspace + HEAD,
        .products = workspace + c->layout.products,
    };
    for (int64_t task = first; task < last; task++) {
        int64_t block = task / c->filter_parts, part = task % c->filter_parts;
        r.first = block * c->tiles / c->tile_blocks;
        r.count = (block + 1) * c->tiles / c->tile_blocks - r.first;
        int64_t end = (part + 1) * d->block_count / c->filter_parts;
        for (int64_t b = part * d->block_count / c->filter_parts; b < end; b++) {
            run_block(c, &r, &d->blocks[b]);
        }
    }
}

/* Cuts until every thread has a few tasks: into blocks of tiles while these stay large enough to be worth reading the
   filters, then into ranges of filters. */
static int64_t cut_tasks(call *c, int threads) {
    enum { TASKS_PER_THREAD = 4, LEAST_TILES = 24 };
    const nhwc_winograd_plan *d = &c->plan->winograd;
    const int64_t enough = (int64_t)threads * TASKS_PER_THREAD;
    c->tile_blocks = nhwc_ceil_div(c->tiles, d->tiles);
    c->filter_parts = 1;
    if (threads > 1) {
        c->tile_blocks = nhwc_max(c->tile_blocks, nhwc_min(enough, c->tiles / LEAST_TILES));
        c->filter_parts = nhwc_min(nhwc_ceil_div(enough, c->tile_blocks), d->block_count);
    }
    return c->tile_blocks * c->filter_parts;
}

static nhwc_status run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out) {
    const double GRAIN = 1e6; /* multiplications worth a thread */
    const nhwc_problem *p = &plan->problem;
    const nhwc_winograd_plan *d = &plan->winograd;
    call c = {.plan = plan, .x = x, .residual = residual, .out = out};
    c.tiles = n * p->out[0] * d->high * d->wide;
    double work = (double)c.tiles * (double)(d->alpha * d->alpha) * (double)(p->c / p->groups) * (double)p->f;
    int threads = nhwc_threads_for(work, GRAIN);
    int64_t tasks = cut_tasks(&c, threads);
    threads = (int)nhwc_min(threads, tasks);
    c.layout = nhwc_winograd_lay_out(plan, nhwc_ceil_div(c.tiles, c.tile_blocks));
    c.workspace = nhwc_workspace_take((size_t)(c.layout.bytes * threads));
    if (!c.workspace) {
        return NHWC_NO_MEMORY;
    }
    for (int i = 0; i < threads; i++) {
        *(held *)(c.workspace + i * c.layout.bytes) = (held){.tile = -1};
    }
    nhwc_parallel_for(threads, tasks, run_tasks, &c);
    nhwc_workspace_give(c.workspace);
    return NHWC_OK;
}

static void shorten(nhwc_plan *plan, int axis) {
    nhwc_winograd_plan *d = &plan->winograd;
    (void)axis;
    d->high = nhwc_ceil_div(plan->problem.out[1], d->outputs);
    d->wide = nhwc_ceil_div(plan->problem.out[2], d->outputs);
}

const nhwc_method nhwc_method_winograd_f2 = {
    .algorithm = NHWC_WINOGRAD_F2,
    .serves = nhwc_winograd_f2_serves,
    .prepare = nhwc_winograd_f2_prepare,
    .run = run,
    .shorten = shorten,
};

const nhwc_method nhwc_method_winograd_f4 = {
    .algorithm = NHWC_WINOGRAD_F4,
    .serves = nhwc_winograd_f4_serves,
    .prepare = nhwc_winograd_f4_prepare,
    .run = run,
    .shorten = shorten,
};
