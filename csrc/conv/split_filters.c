/* The split method's filters: splitting them, and the inputs that they can be multiplied by. */
#include "split.h"

#include "../base/threads.h"

#include <float.h>
#include <math.h>
#include <string.h>

void nhwc_split_see_nothing(nhwc_split_seen *seen, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        for (int lane = 0; lane < 16; lane++) {
            seen[i].least[lane] = FLT_MAX;
            seen[i].most[lane] = 0;
        }
    }
}

static nhwc_split_range range_of(const nhwc_split_seen *seen) {
    nhwc_split_range range = {FLT_MAX, 0};
    for (int i = 0; i < 16; i++) {
        range.least = seen->least[i] < range.least ? seen->least[i] : range.least;
        range.most = seen->most[i] > range.most ? seen->most[i] : range.most;
    }
    return range;
}

nhwc_split_range nhwc_split_accepted(const nhwc_plan *plan, const nhwc_split_seen *seen) {
    const double PARTS = 0x1p25, SMALLEST = FLT_MIN * PARTS, ORDINARY_LEAST = 0x1p-40, ORDINARY_MOST = 0x1p20;
    const nhwc_split_range filters = range_of(seen), none = {.least = FLT_MAX, .most = -1};
    if (!(filters.most < INFINITY)) {
        return none;
    }
    const double low = fmax(SMALLEST, FLT_MIN * PARTS / filters.least);
    const double high = fmin(0x1p126, 0x1p126 / ((double)plan->problem.k * fmax(filters.most, FLT_MIN)));
    const bool ordinary = filters.least >= SMALLEST && low <= ORDINARY_LEAST && high >= ORDINARY_MOST;
    return ordinary ? (nhwc_split_range){(float)low, (float)high} : none;
}

nhwc_split_filters nhwc_split_filters_of(const nhwc_plan *plan, int64_t first, int64_t count) {
    const nhwc_split_filter_block *blocks = &plan->split.blocks[first];
    return (nhwc_split_filters){
        .filters = (const float *)plan->split.plain + blocks[0].first,
        .pitch = plan->problem.f,
        .live = blocks[count - 1].first + blocks[count - 1].live - blocks[0].first,
        .blocks = count,
        .steps = plan->split.inputs,
        .parts = 1,
    };
}

const void *nhwc_split_copy_plain(const nhwc_plan *plan) {
    const size_t size = (size_t)(plan->problem.k * plan->problem.f) * sizeof(float);
    char *copy = memcpy(plan->split.copy, plan->split.plain, size);
    memset(copy + size, 0, (size_t)plan->kernels->lanes * sizeof(float));
    return copy;
}

typedef struct {
    const nhwc_plan *plan;
    nhwc_split_seen *seen; /* of each block, for each thread */
    int *parts;            /* for each thread */
} packing;

/* Task i is a step, so that rows of filters are read from end to end. */
static void pack_steps(void *context, int64_t first, int64_t last, int worker) {
    packing *c = context;
    const nhwc_split_plan *d = &c->plan->split;
    const int64_t count = d->block_count / c->plan->problem.groups;
    for (int64_t block = 0; block < d->block_count; block += count) {
        nhwc_split_filters t = nhwc_split_filters_of(c->plan, block, count);
        t.step = first;
        t.count = last;
        t.to = (uint16_t *)d->blocks[block].filters;
        t.to_block = d->step_count * NHWC_SPLIT_PARTS * NHWC_SPLIT_TILES * NHWC_SPLIT_TILE_BYTES / 2;
        t.seen = c->seen + worker * d->block_count + block;
        t.parts = c->parts[worker];
        c->plan->isa->split->filters(&t);
        c->parts[worker] = t.parts;
    }
}

/* A tile of a step of pairs: a filter a row, of which each input is one of a row of taps, or beyond it, zero. */
static void pack_tile_of_pairs(nhwc_plan *plan, const nhwc_split_filter_block *block, int64_t step, int tile,
                               nhwc_split_seen *seen) {
    const nhwc_problem *p = &plan->problem;
    nhwc_split_plan *d = &plan->split;
    const int64_t run = nhwc_split_run(p), first = d->steps[step].block * NHWC_SPLIT_STEP;
    const int64_t filter = tile * NHWC_SPLIT_FILTERS;
    nhwc_split_pair_filters t = {
        .live = nhwc_min(block->live - filter, NHWC_SPLIT_FILTERS),
        .to = (uint16_t *)(block->filters + step * nhwc_split_step_bytes(block) + tile * NHWC_SPLIT_TILE_BYTES),
        .to_part = block->tiles * NHWC_SPLIT_TILE_BYTES / (int64_t)sizeof(uint16_t),
        .seen = seen,
        .parts = &d->filter_parts,
    };
    for (int64_t i = 0; i < NHWC_SPLIT_STEP; i++) {
        const int64_t row = (first + i) / (2 * d->pair_rows), input = (first + i) % (2 * d->pair_rows);
        const int64_t k = (d->steps[step].depth * p->kernel[1] + row) * run + input;
        const bool exists = row < p->kernel[1] && input < run;
        t.inputs[i] = exists ? (const float *)d->plain + k * p->f + block->first + filter : NULL;
    }
    plan->isa->split->pair_filters(&t);
}

static void pack_pairs(nhwc_plan *plan) {
    nhwc_split_plan *d = &plan->split;
    d->filter_parts = 1;
    for (int64_t b = 0; b < d->block_count; b++) {
        nhwc_split_seen seen;
        nhwc_split_see_nothing(&seen, 1);
        for (int64_t step = 0; step < d->step_count; step++) {
            for (int tile = 0; tile < d->blocks[b].tiles; tile++) {
                pack_tile_of_pairs(plan, &d->blocks[b], step, tile, &seen);
            }
        }
        d->blocks[b].accepted = nhwc_split_accepted(plan, &seen);
    }
}

nhwc_status nhwc_split_pack(nhwc_plan *plan) {
    if (plan->split.pair_rows) {
        pack_pairs(plan);
        return NHWC_OK;
    }
    const double GRAIN = 1e5; /* filters' inputs worth a thread */
    const nhwc_problem *p = &plan->problem;
    nhwc_split_plan *d = &plan->split;
    const int threads = (int)nhwc_min(nhwc_threads_for((double)p->k * (double)p->f, GRAIN), d->step_count);
    const size_t bytes = (size_t)threads * ((size_t)d->block_count * sizeof(nhwc_split_seen) + sizeof(int));
    packing c = {.plan = plan, .seen = nhwc_workspace_take(bytes)};
    if (!c.seen) {
        return NHWC_NO_MEMORY;
    }
    c.parts = memset(c.seen + threads * d->block_count, 0, (size_t)threads * sizeof *c.parts);
    nhwc_split_see_nothing(c.seen, threads * d->block_count);
    nhwc_parallel_for(threads, d->step_count, pack_steps, &c);
    for (int64_t b = 0; b < d->block_count; b++) {
        nhwc_split_seen *all = &c.seen[b];
        for (int worker = 1; worker < threads; worker++) {
            const nhwc_split_seen *seen = &c.seen[worker * d->block_count + b];
            for (int i = 0; i < 16; i++) {
                all->least[i] = seen->least[i] < all->least[i] ? seen->least[i] : all->least[i];
                all->most[i] = seen->most[i] > all->most[i] ? seen->most[i] : all->most[i];
            }
        }
        d->blocks[b].accepted = nhwc_split_accepted(plan, all);
    }
    d->filter_parts = 1;
    for (int worker = 0; worker < threads; worker++) {
        d->filter_parts = c.parts[worker] > d->filter_parts ? c.parts[worker] : d->filter_parts;
    }
    nhwc_workspace_give(c.seen);
    return NHWC_OK;
}
