/* The Winograd methods' loops on split values:

       for block of tiles, for range of blocks of filters:                                    parallel
           transform the input of every tile, unless it is there already
           for some blocks of filters whose products the cache holds:
               for each of the alpha^2 matrices, for chunk of steps, for pair of tile registers:
                   for block of filters:
                       products += split input * filters, while the next pair's input is split    kernel
               for tile: transform the products to results; where these are not finite, or too small to be what they
                   would be without flushed products, compute them again directly

   Tiles are numbered over all images. A tile is a row of a tile register, and its sums do not depend on the others. */
#include "winograd.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

enum { PAIR = NHWC_SPLIT_TILES * NHWC_SPLIT_PIXELS };

/* Of sums of squares: results below 2^-60 may have lost more than rounding does. */
static const float LEAST_SQUARES = 0x1p-120f;

/* Where the operands of one call are, and how it is cut into tasks. */
typedef struct {
    nhwc_winograd_operands operands;
    int64_t tiles; /* of all images */
    int64_t tile_blocks;
    int64_t filter_parts;
    nhwc_winograd_split_layout layout; /* for the largest block of tiles */
    char *workspace;                   /* of all threads */
} call;

/* A block of tiles in a thread's hands. */
typedef struct {
    float *input, *products, *sums[2];
    uint16_t *split[2];
    int64_t first, count, group; /* group: whose input is there; -1: none */
} region;

/* What is multiplied by some blocks of filters in turn: a chunk of steps of a pair of tile registers in a matrix. */
typedef struct {
    int64_t matrix, step, pair;
} unit;

/* ---- Input ------------------------------------------------------------------------------------------------------- */

static void transform_input(const call *c, region *r, int64_t group) {
    const nhwc_plan *plan = c->operands.plan;
    const nhwc_winograd_plan *d = &plan->winograd;
    const nhwc_winograd_split_layout *l = &c->layout;
    const int64_t depth = plan->problem.c / plan->problem.groups, width = d->chunk * NHWC_SPLIT_STEP;
    const void *pixels[NHWC_WINOGRAD_MOST_PIXELS];
    nhwc_winograd_input input = {.pixels = pixels, .pitch = l->matrix};
    r->group = group;
    for (int64_t tile = 0; tile < r->count; tile++) {
        const nhwc_winograd_place at = nhwc_winograd_place_of(plan, r->first + tile);
        nhwc_winograd_point(&c->operands, &at, group * depth, pixels);
        for (int64_t channel = 0; channel < depth; channel += width) {
            input.channels = nhwc_min(width, depth - channel);
            input.transformed = r->input + channel * l->tiles + tile * nhwc_round_up(input.channels, NHWC_SPLIT_STEP);
            d->kernels->input(&input);
            for (int64_t i = 0; i < d->alpha * d->alpha && channel + width < depth; i++) {
                pixels[i] = (const float *)pixels[i] + width;
            }
        }
    }
}

/* Ends of the last steps, which kernels of 16 lanes may leave as they were, and nothing may multiply. */
static void clear_ends(const call *c, const region *r) {
    const nhwc_plan *plan = c->operands.plan;
    const nhwc_winograd_plan *d = &plan->winograd;
    const nhwc_winograd_split_layout *l = &c->layout;
    const int64_t depth = plan->problem.c / plan->problem.groups, first = (d->steps - 1) / d->chunk * d->chunk;
    const int64_t row = (d->steps - first) * NHWC_SPLIT_STEP;
    const int64_t written = nhwc_round_up(depth, plan->kernels->lanes) - first * NHWC_SPLIT_STEP;
    for (int64_t i = 0; written < row && i < d->alpha * d->alpha * l->tiles; i++) {
        float *to = r->input + i / l->tiles * l->matrix + first * NHWC_SPLIT_STEP * l->tiles + i % l->tiles * row;
        memset(to + written, 0, (size_t)(row - written) * sizeof *to);
    }
}

/* ---- Products ---------------------------------------------------------------------------------------------------- */

static int64_t steps_of(const nhwc_winograd_plan *d, const unit *u) { return nhwc_min(d->chunk, d->steps - u->step); }

/* Says which rows of a unit are to be split. Field by field: a copy of the whole would be read in other pieces than it
   was written in, and so wait for all stores before, which are those of tile registers. */
static void point_rows(const call *c, const region *r, const unit *u, uint16_t *to, nhwc_winograd_split_rows *t) {
    const nhwc_winograd_plan *d = &c->operands.plan->winograd;
    const nhwc_winograd_split_layout *l = &c->layout;
    if (u->matrix == d->alpha * d->alpha) {
        t->count = 0;
        return;
    }
    const int64_t row = steps_of(d, u) * NHWC_SPLIT_STEP;
    t->from = r->input + u->matrix * l->matrix + u->step * NHWC_SPLIT_STEP * l->tiles + u->pair * PAIR * row;
    t->pitch = row;
    t->count = nhwc_min(PAIR, r->count - u->pair * PAIR);
    t->steps = steps_of(d, u);
    t->step = 0;
    t->to = to;
}

static unit unit_after(const nhwc_winograd_plan *d, const region *r, unit u) {
    if (++u.pair * PAIR >= r->count) {
        u.pair = 0;
        u.step += d->chunk;
        if (u.step >= d->steps) {
            u.step = 0;
            u.matrix++;
        }
    }
    return u;
}

/* One unit by one block of filters, the i-th in turn. Its sums are the products themselves in the first chunk; others
   go to two small places in turn, and are added while the next are made. */
static void multiply(const call *c, const region *r, const unit *u, const nhwc_winograd_block *block, int64_t i,
                     nhwc_winograd_split_product *t) {
    const nhwc_plan *plan = c->operands.plan;
    const nhwc_winograd_split_layout *l = &c->layout;
    float *product = r->products + i * l->block + u->matrix * l->product_matrix + u->pair * PAIR * block->width;
    const int64_t tiles = nhwc_min(nhwc_ceil_div(r->count - u->pair * PAIR, NHWC_SPLIT_PIXELS), NHWC_SPLIT_TILES);
    t->b = (const char *)block->filters + nhwc_winograd_split_filters_at(plan, block, u->matrix, u->step, t->steps);
    t->c = u->step == 0 ? product : r->sums[i % 2];
    plan->isa->split->winograd(t, (int)tiles, (int)(block->width / NHWC_SPLIT_FILTERS));
    t->pending = (nhwc_split_pending){
        .from = t->c,
        .to = product,
        .count = u->step == 0 ? 0 : tiles * NHWC_SPLIT_PIXELS * block->width,
        .add = true,
    };
}

static void add_pending(nhwc_split_pending *p) {
    for (int64_t i = 0; i < p->count; i++) {
        p->to[i] += p->from[i];
    }
    p->count = 0;
}

/* A region's products for `count` blocks of filters. The input of a unit is split while the one before is multiplied.
 */
static void multiply_all(const call *c, const region *r, const nhwc_winograd_block *blocks, int64_t count) {
    const nhwc_plan *plan = c->operands.plan;
    const nhwc_winograd_plan *d = &plan->winograd;
    nhwc_winograd_split_product t = {0};
    unit u = {0};
    point_rows(c, r, &u, r->split[0], &t.rows);
    plan->isa->split->winograd_rows(&t.rows);
    for (int turn = 0; u.matrix < d->alpha * d->alpha; turn ^= 1) {
        const unit next = unit_after(d, r, u);
        t.a = r->split[turn];
        t.steps = steps_of(d, &u);
        point_rows(c, r, &next, r->split[!turn], &t.rows);
        t.split = nhwc_ceil_div(t.rows.count * t.rows.steps, count);
        for (int64_t i = 0; i < count; i++) {
            multiply(c, r, &u, &blocks[i], i, &t);
        }
        plan->isa->split->winograd_rows(&t.rows);
        u = next;
    }
    add_pending(&t.pending);
}

static void transform_output(const call *c, const region *r, const nhwc_winograd_block *block, const float *products) {
    const nhwc_plan *plan = c->operands.plan;
    for (int64_t t = 0; t < r->count; t++) {
        const nhwc_winograd_place at = nhwc_winograd_place_of(plan, r->first + t);
        nhwc_winograd_write(&c->operands, &at, block, products + t * block->width, c->layout.product_matrix,
                            LEAST_SQUARES);
    }
}

/* A region's results for blocks first .. last - 1 of filters. */
static void run_blocks(const call *c, region *r, int64_t first, int64_t last) {
    const nhwc_winograd_plan *d = &c->operands.plan->winograd;
    while (first < last) {
        const nhwc_winograd_block *blocks = &d->blocks[first];
        int64_t count = 1;
        while (first + count < last && blocks[count].filters == blocks[0].filters) {
            count++;
        }
        if (r->group != blocks[0].group) {
            transform_input(c, r, blocks[0].group);
        }
        multiply_all(c, r, blocks, count);
        for (int64_t i = 0; i < count; i++) {
            transform_output(c, r, &blocks[i], r->products + i * c->layout.block);
        }
        first += count;
    }
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------- */

/* Blocks are of whole tile registers. */
static int64_t block_begin(const call *c, int64_t block) {
    return block * nhwc_ceil_div(c->tiles, NHWC_SPLIT_PIXELS) / c->tile_blocks * NHWC_SPLIT_PIXELS;
}

/* Tasks are numbered with the range of filters innermost, so that neighbours share the transformed input. */
static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const call *c = context;
    const nhwc_plan *plan = c->operands.plan;
    const nhwc_winograd_plan *d = &plan->winograd;
    const nhwc_winograd_split_layout *l = &c->layout;
    char *workspace = c->workspace + worker * l->bytes;
    region r = {
        .input = (float *)(workspace + l->input),
        .products = (float *)(workspace + l->products),
        .sums = {(float *)(workspace + l->sums), (float *)(workspace + l->sums) + NHWC_SPLIT_BLOCK_SUMS},
        .split = {(uint16_t *)(workspace + l->split),
                  (uint16_t *)(workspace + l->split) + d->chunk * NHWC_WINOGRAD_SPLIT_ROWS},
        .first = -1,
    };
    clear_ends(c, &r);
    plan->isa->split->begin();
    for (int64_t task = first; task < last; task++) {
        const int64_t block = task / c->filter_parts, part = task % c->filter_parts;
        const int64_t begin = block_begin(c, block);
        if (begin != r.first) {
            r.first = begin;
            r.count = nhwc_min(block_begin(c, block + 1), c->tiles) - begin;
            r.group = -1;
        }
        run_blocks(c, &r, part * d->block_count / c->filter_parts, (part + 1) * d->block_count / c->filter_parts);
    }
    plan->isa->split->end();
}

/* Cuts until every thread has a few tasks: into blocks of tiles while these stay large enough to be worth reading the
   filters, then into ranges of filters, for each of which the input is split again. */
static int64_t cut_tasks(call *c, int threads) {
    enum { TILE_TASKS = 4, FILTER_TASKS = 1, LEAST_BLOCKS = 2 };
    const nhwc_winograd_plan *d = &c->operands.plan->winograd;
    c->tile_blocks = nhwc_ceil_div(c->tiles, d->tiles);
    c->filter_parts = 1;
    if (threads > 1) {
        const int64_t least = PAIR;
        c->tile_blocks = nhwc_max(c->tile_blocks, nhwc_min((int64_t)threads * TILE_TASKS,
                                                           nhwc_round_up(c->tiles, NHWC_SPLIT_PIXELS) / least));
        c->filter_parts = nhwc_min(nhwc_ceil_div((int64_t)threads * FILTER_TASKS, c->tile_blocks),
                                   nhwc_max(d->block_count / LEAST_BLOCKS, 1));
    }
    return c->tile_blocks * c->filter_parts;
}

static nhwc_status run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out) {
    const double GRAIN = 2e6; /* multiplications worth a thread */
    const nhwc_problem *p = &plan->problem;
    const nhwc_winograd_plan *d = &plan->winograd;
    call c = {.operands = {.plan = plan, .x = x, .residual = residual, .out = out}};
    c.tiles = n * p->out[0] * d->high * d->wide;
    double work = (double)c.tiles * (double)(d->alpha * d->alpha) * (double)(p->c / p->groups) * (double)p->f;
    int threads = nhwc_threads_for(work, GRAIN);
    int64_t tasks = cut_tasks(&c, threads);
    threads = (int)nhwc_min(threads, tasks);
    c.layout = nhwc_winograd_split_lay_out(
        plan, nhwc_ceil_div(nhwc_ceil_div(c.tiles, NHWC_SPLIT_PIXELS), c.tile_blocks) * NHWC_SPLIT_PIXELS);
    c.workspace = nhwc_workspace_take((size_t)(c.layout.bytes * threads));
    if (!c.workspace) {
        return NHWC_NO_MEMORY;
    }
    nhwc_parallel_for(threads, tasks, run_tasks, &c);
    nhwc_workspace_give(c.workspace);
    return NHWC_OK;
}

const nhwc_method nhwc_method_winograd_split_f2 = {
    .algorithm = NHWC_WINOGRAD_F2,
    .serves = nhwc_winograd_split_f2_serves,
    .prepare = nhwc_winograd_split_f2_prepare,
    .run = run,
    .shorten = nhwc_winograd_shorten,
};

const nhwc_method nhwc_method_winograd_split_f4 = {
    .algorithm = NHWC_WINOGRAD_F4,
    .serves = nhwc_winograd_split_f4_serves,
    .prepare = nhwc_winograd_split_f4_prepare,
    .run = run,
    .shorten = nhwc_winograd_shorten,
};

const nhwc_method nhwc_method_winograd_split_f2_5x5 = {
    .algorithm = NHWC_WINOGRAD_F2_5X5,
    .serves = nhwc_winograd_split_f2_5x5_serves,
    .prepare = nhwc_winograd_split_f2_5x5_prepare,
    .run = run,
    .shorten = nhwc_winograd_shorten,
};
