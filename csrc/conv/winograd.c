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

/* Where the operands of one call are, and how it is cut into tasks. */
typedef struct {
    nhwc_winograd_operands operands;
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

static void transform_input(const call *c, const region *r, int64_t group, int64_t channel, int64_t channels) {
    const nhwc_plan *plan = c->operands.plan;
    const int64_t element = (int64_t)plan->element, first = group * (plan->problem.c / plan->problem.groups) + channel;
    const void *pixels[NHWC_WINOGRAD_MOST_PIXELS];
    nhwc_winograd_input input = {.pixels = pixels, .channels = channels, .pitch = c->layout.input_pitch};
    for (int64_t t = 0; t < r->count; t++) {
        nhwc_winograd_place at = nhwc_winograd_place_of(plan, r->first + t);
        nhwc_winograd_point(&c->operands, &at, first, pixels);
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
    const nhwc_plan *plan = c->operands.plan;
    const nhwc_winograd_plan *d = &plan->winograd;
    const int64_t element = (int64_t)plan->element, nr = block->width, lanes = plan->kernels->lanes;
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
            t.ahead = d->distant && i < nr / lanes ? b + t.k * (nr + i * lanes) * element : NULL;
            block->family->run(&t, (int)(last - first));
        }
        b += t.k * nr * element;
        at += t.k;
    } while (at < channels);
}

static void transform_output(const call *c, const region *r, const nhwc_winograd_block *block) {
    const nhwc_plan *plan = c->operands.plan;
    const int64_t pitch = nhwc_winograd_product_pitch(plan, r->count, block->width);
    for (int64_t t = 0; t < r->count; t++) {
        nhwc_winograd_place at = nhwc_winograd_place_of(plan, r->first + t);
        const char *product = r->products + t * block->width * (int64_t)plan->element;
        nhwc_winograd_write(&c->operands, &at, block, product, pitch, 0);
    }
}

/* A region's products and results for one block of filters. */
static void run_block(const call *c, region *r, const nhwc_winograd_block *block) {
    const nhwc_plan *plan = c->operands.plan;
    const nhwc_winograd_plan *d = &plan->winograd;
    const int64_t depth = plan->problem.c / plan->problem.groups, matrices = d->alpha * d->alpha;
    const int64_t pitch = nhwc_winograd_product_pitch(plan, r->count, block->width) * (int64_t)plan->element;
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
    const nhwc_winograd_plan *d = &c->operands.plan->winograd;
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
    const nhwc_winograd_plan *d = &c->operands.plan->winograd;
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
    call c = {.operands = {.plan = plan, .x = x, .residual = residual, .out = out}};
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

const nhwc_method nhwc_method_winograd_f2 = {
    .algorithm = NHWC_WINOGRAD_F2,
    .serves = nhwc_winograd_f2_serves,
    .prepare = nhwc_winograd_f2_prepare,
    .run = run,
    .shorten = nhwc_winograd_shorten,
};

const nhwc_method nhwc_method_winograd_f4 = {
    .algorithm = NHWC_WINOGRAD_F4,
    .serves = nhwc_winograd_f4_serves,
    .prepare = nhwc_winograd_f4_prepare,
    .run = run,
    .shorten = nhwc_winograd_shorten,
};

const nhwc_method nhwc_method_winograd_f2_5x5 = {
    .algorithm = NHWC_WINOGRAD_F2_5X5,
    .serves = nhwc_winograd_f2_5x5_serves,
    .prepare = nhwc_winograd_f2_5x5_prepare,
    .run = run,
    .shorten = nhwc_winograd_shorten,
};
