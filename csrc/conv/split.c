/* The split method's loops: direct convolution by products of bfloat16 parts of float32 values.

       for block of output pixels, for range of blocks of filters:                            parallel
           store the input that the block reads as parts, padded, unless it is there already
           for block of filters, for chunk of the reduction, for pair of tiles of pixels:
               sums += input * filters                                                        kernel
               after the last chunk: results; what the clamp cannot do follows beside the next products
           for pixel that reads a value that has no parts: compute it directly

   Outputs are numbered across the rows as they are stored, so a tile goes over row ends; what it computes for the
   columns between rows is dropped. A tile's rows lie a constant distance apart, whatever the stride: rows of the input
   are stored by their residue under it. Nothing that is multiplied is left unset, since a step reads on into its
   neighbour where a row of taps ends, and multiplies that by zeros.

   With few channels, stored rows are turned to rows of pairs: then pixels are the columns of a tile, of which a row of
   outputs has a whole number, and sums lie transposed. */
#include "split.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

/* ---- Results ----------------------------------------------------------------------------------------------------- */

/* Plain filters of which whole vectors can be read. */
static const float *plain_filters(const nhwc_split_call *c) {
    const nhwc_split_plan *d = &c->plan->split;
    if (!d->copy) {
        return d->plain;
    }
    nhwc_lock_acquire(c->lock);
    if (!*c->copied) {
        nhwc_split_copy_plain(c->plan);
        *c->copied = true;
    }
    nhwc_lock_release(c->lock);
    return d->copy;
}

/* The refused pixels' results for one block of filters. */
static void compute_directly(const nhwc_split_call *c, const nhwc_split_region *r,
                             const nhwc_split_filter_block *block) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_split_plan *d = &plan->split;
    const bool pair = block->live == 2 * plan->kernels->lanes;
    const nhwc_tile_family *family = &plan->kernels->direct[pair ? 2 : 1];
    const int64_t taps = p->kernel[0] * p->kernel[1] * p->kernel[2], first = block->group * (p->c / p->groups);
    const float *plain = r->refused_count ? plain_filters(c) : NULL;
    const char *x = c->x + r->at.n * p->in[0] * p->in[1] * p->in[2] * p->c * (int64_t)sizeof(float);
    int64_t offsets[NHWC_MAX_MR];
    _Alignas(NHWC_ALIGNMENT) char partial[2 * NHWC_MAX_MR * 2 * NHWC_ALIGNMENT];
    nhwc_tile t = {
        .pixels = r->table,
        .pixel_pitch = taps,
        .segments = d->segments,
        .segment_count = d->segment_count,
        .filter_pitch = p->f,
        .offsets = offsets,
        .partial = partial,
        .clamp = &plan->clamp,
        .first = 1,
        .last = 1,
    };
    for (int64_t at = 0; at < r->refused_count; at += family->mr) {
        const int64_t count = nhwc_min(r->refused_count - at, family->mr);
        for (int64_t i = 0; i < count; i++) {
            const int64_t row = r->at.row + r->refused[at + i] / r->at.cols,
                          col = r->at.col + r->refused[at + i] % r->at.cols;
            for (int64_t k = 0; k < taps; k++) {
                const int64_t tap_row = k / p->kernel[2] % p->kernel[1];
                const int64_t source = nhwc_tap_source(p, 2, col, k % p->kernel[2]);
                const char *from =
                    nhwc_input_row(plan, x, nhwc_tap_source(p, 0, r->at.depth, k / p->kernel[2] / p->kernel[1]),
                                   nhwc_tap_source(p, 1, row, tap_row));
                r->table[i * taps + k] =
                    from && source >= 0 ? (const float *)from + source * p->c + first : (const float *)d->zeros;
            }
            offsets[i] = nhwc_out_at(plan, r->at.n, r->at.depth, row, col);
        }
        for (int64_t v = 0; v < block->live; v += family->nr) {
            t.filters = plain + block->first + v;
            t.bias = (const float *)block->bias + v;
            t.residual = c->residual ? (const float *)c->residual + block->first + v : NULL;
            t.out = (float *)c->out + block->first + v;
            t.live = nhwc_min(block->live - v, family->nr);
            family->run(&t, (int)count);
            if (plan->activate) {
                plan->activate(t.out, offsets, count, t.live, p->activation);
            }
        }
    }
}

/* Leaves a pair's results to be activated beside the next products. */
static void activate_later(const nhwc_split_call *c, nhwc_split_region *r, const nhwc_split_results *t) {
    c->plan->isa->split->activate(&r->activations);
    memcpy(r->activated, t->offsets, (size_t)t->pixels * sizeof *t->offsets);
    r->activations.out = t->out;
    r->activations.offsets = r->activated;
    r->activations.count = t->pixels;
    r->activations.live = t->live;
}

/* Results of pixels `first` and on, of which `last` are the sums over the last chunk, `sums` those before, of all
   pixels. */
static void finish(const nhwc_split_call *c, nhwc_split_region *r, const nhwc_split_filter_block *block,
                   const float *sums, int64_t first, const float *last) {
    const nhwc_plan *plan = c->plan;
    const int64_t width = block->tiles * NHWC_SPLIT_FILTERS;
    const bool one_chunk = plan->split.step_count <= plan->split.chunk;
    nhwc_split_results t = {
        .sums = one_chunk ? last : sums + first * width,
        .more = one_chunk ? NULL : last,
        .pixels = nhwc_min(NHWC_SPLIT_PAIR, r->pixels - first),
        .width = plan->split.pair_rows ? nhwc_min(NHWC_SPLIT_PAIR, r->pixels - first) : width,
        .offsets = r->offsets + first,
        .bias = block->bias,
        .residual = c->residual ? (const float *)c->residual + block->first : NULL,
        .out = (float *)c->out + block->first,
        .clamp = plan->clamp.f32,
        .live = block->live,
    };
    (plan->split.pair_rows ? plan->isa->split->results_of_pairs : plan->isa->split->results)(&t);
    if (plan->activate) {
        activate_later(c, r, &t);
    }
}

/* The products of all steps of filters by some pixels; callers set which, and where to. */
static nhwc_split_block block_of(const nhwc_split_call *c, nhwc_split_region *r) {
    const nhwc_split_plan *d = &c->plan->split;
    const nhwc_split_layout *l = &c->layout;
    return (nhwc_split_block){
        .part_pitch = d->pair_rows ? l->pair_part : l->part,
        .pixel_pitch = d->pair_rows ? l->pair_row : d->output_step * d->pixel,
        .steps = r->steps,
        .count = d->step_count,
        .x_parts = r->x_parts,
        .filter_parts = d->filter_parts,
        .activations = &r->activations,
    };
}

/* Where pixel number `first` and its neighbours are read, a tile's first. */
static const char *pixels_at(const nhwc_split_call *c, const nhwc_split_region *r, int64_t first) {
    const nhwc_split_plan *d = &c->plan->split;
    const nhwc_split_layout *l = &c->layout;
    if (!d->pair_rows) {
        return r->parts + first * d->output_step * d->pixel;
    }
    const int64_t row = first / l->columns * c->plan->problem.stride[1] * d->pair_rows;
    return r->pairs + row * l->pair_row + first % l->columns * 2 * (int64_t)sizeof(uint16_t);
}

static void run_block(const nhwc_split_call *c, const nhwc_split_block *t, int pixel_tiles, int filter_tiles) {
    const nhwc_split_kernels *kernels = c->plan->isa->split;
    (c->plan->split.pair_rows ? kernels->block_of_pairs : kernels->block)(t, pixel_tiles, filter_tiles);
}

/* What a chunk of a block of filters is multiplied by, and where its sums go. */
typedef struct {
    const nhwc_split_filter_block *block;
    int64_t step, count; /* steps */
    const char *filters;
    int filter_parts;
    float *sums;              /* of the chunks before, for all pixels */
    nhwc_split_filters *next; /* to be split meanwhile, or NULL, */
    int64_t share;            /* so many pairs at a step, about */
} chunk;

/* One chunk's sums for all tiles of a region. Sums go to two small places in turn, so that those of one pair of tiles
   are added up, or made results, while the next is multiplied; `turn` counts the pairs so far. While the filters of the
   chunk are at work, their successors are fetched, or split. What waits is kept in registers: reading it back from
   memory would wait for all stores of the tile registers before. */
static void run_chunk(const nhwc_split_call *c, nhwc_split_region *r, const chunk *at, nhwc_split_pending *pending,
                      int64_t *turn) {
    const nhwc_split_plan *d = &c->plan->split;
    const nhwc_split_filter_block *block = at->block;
    const int64_t width = block->tiles * NHWC_SPLIT_FILTERS, pairs = nhwc_ceil_div(r->pixels, NHWC_SPLIT_PAIR);
    const int64_t bytes = at->count * nhwc_split_step_bytes(block);
    const bool last = at->step + at->count == d->step_count;
    nhwc_split_block t = block_of(c, r);
    t.steps += at->step;
    t.count = at->count;
    t.filters = at->filters;
    t.filter_parts = at->filter_parts;
    t.ahead_lines = nhwc_ceil_div(nhwc_split_step_bytes(block) / NHWC_ALIGNMENT, pairs);
    t.next = at->next;
    t.share = at->share;
    nhwc_split_pending waiting = *pending;
    for (int64_t i = 0; i < pairs; i++, ++*turn) {
        const int64_t first = i * NHWC_SPLIT_PAIR, tiles = r->pixels - first > NHWC_SPLIT_PIXELS ? 2 : 1;
        t.x = pixels_at(c, r, first);
        t.tile_pitch = pixels_at(c, r, first + NHWC_SPLIT_PIXELS) - t.x;
        t.sums = r->fresh[*turn % 2];
        t.ahead = d->later ? NULL : t.filters + (bytes + i * t.ahead_lines * at->count * NHWC_ALIGNMENT);
        t.pending = waiting;
        run_block(c, &t, (int)tiles, block->tiles);
        waiting = (nhwc_split_pending){
            .from = t.sums,
            .to = at->sums + first * width,
            .count = last ? 0 : tiles * NHWC_SPLIT_PIXELS * width,
            .add = at->step > 0,
        };
        if (last && i > 0) {
            finish(c, r, block, at->sums, first - NHWC_SPLIT_PAIR, r->fresh[(*turn + 1) % 2]);
        }
    }
    *pending = waiting;
    if (last) {
        finish(c, r, block, at->sums, (pairs - 1) * NHWC_SPLIT_PAIR, r->fresh[(*turn + 1) % 2]);
    }
}

static bool all_refused(const nhwc_split_region *r) { return r->refused_count == r->at.rows * r->at.cols; }

/* A region's results for blocks first .. last - 1 of filters, which are split already. */
static void run_blocks(const nhwc_split_call *c, nhwc_split_region *r, int64_t first, int64_t last) {
    const nhwc_split_plan *d = &c->plan->split;
    int64_t turn = 0;
    for (int64_t b = first; b < last; b++) {
        nhwc_split_pending pending = {0};
        chunk at = {.block = &d->blocks[b], .filter_parts = d->filter_parts, .sums = r->sums};
        nhwc_split_place(c, r, at.block->accepted);
        for (; at.step < d->step_count && !all_refused(r); at.step += d->chunk) {
            at.count = nhwc_min(d->chunk, d->step_count - at.step);
            at.filters = at.block->filters + at.step * nhwc_split_step_bytes(at.block);
            run_chunk(c, r, &at, &pending, &turn);
        }
        compute_directly(c, r, at.block);
    }
}

/* A chunk of the filters of some blocks: `count` from number `first`. */
typedef struct {
    int64_t first, count, step;
} packed_chunk;

/* The first chunk of the blocks from number `first` on, or what follows a chunk; a count of 0 is the end. */
static packed_chunk first_chunk(const nhwc_split_plan *d, int64_t first, int64_t last) {
    return (packed_chunk){.first = first, .count = nhwc_min(d->together, last - first)};
}

static packed_chunk chunk_after(const nhwc_split_plan *d, packed_chunk at, int64_t last) {
    at.step += d->chunk;
    return at.step < d->step_count ? at : first_chunk(d, at.first + at.count, last);
}

/* The filters of a chunk, which are to be split. */
static nhwc_split_filters filters_of(const nhwc_split_call *c, const nhwc_split_region *r, const packed_chunk *at,
                                     char *to) {
    const nhwc_split_plan *d = &c->plan->split;
    if (at->count == 0) {
        return (nhwc_split_filters){0};
    }
    nhwc_split_filters t = nhwc_split_filters_of(c->plan, at->first, at->count);
    t.steps += at->step;
    t.count = nhwc_min(d->chunk, d->step_count - at->step);
    t.to = (uint16_t *)to;
    t.to_block = nhwc_split_chunk_bytes(d) / (int64_t)sizeof(uint16_t);
    t.seen = r->seen;
    return t;
}

/* Whether filters fill their blocks and steps: others are split by themselves. */
static bool is_whole(const nhwc_split_filters *t) {
    bool whole = t->live == t->blocks * NHWC_SPLIT_WIDTH;
    for (int64_t i = 0; i < t->count && whole; i++) {
        whole = t->steps[i].count == NHWC_SPLIT_STEP;
    }
    return whole;
}

/* The blocks of a chunk in turn, while the next chunk's filters are split. */
static void run_packed_chunk(const nhwc_split_call *c, nhwc_split_region *r, const packed_chunk *now,
                             const nhwc_split_filters *filters, nhwc_split_filters *next, nhwc_split_pending *pending,
                             int64_t *turn) {
    const nhwc_split_plan *d = &c->plan->split;
    const int64_t calls = nhwc_ceil_div(r->pixels, NHWC_SPLIT_PAIR) * now->count;
    const int64_t sums = r->pixels * NHWC_SPLIT_WIDTH;
    chunk at = {
        .step = now->step,
        .count = filters->count,
        .filter_parts = filters->parts,
        .next = is_whole(next) ? next : NULL,
        .share = nhwc_ceil_div(next->count * NHWC_SPLIT_STEP / 2 * next->blocks, calls * filters->count),
    };
    for (int64_t i = 0; i < now->count; i++) {
        at.block = &d->blocks[now->first + i];
        at.filters = (const char *)(filters->to + i * filters->to_block);
        at.sums = r->sums + i * sums;
        if (at.step + at.count == d->step_count) {
            nhwc_split_place(c, r, r->accepted[i]);
            run_chunk(c, r, &at, pending, turn);
            compute_directly(c, r, at.block);
        } else {
            run_chunk(c, r, &at, pending, turn);
        }
    }
}

/* As run_blocks, for filters that are split chunk by chunk, each while the one before is multiplied. By the last chunk
   of some blocks it is known which inputs they accept. */
static void run_blocks_splitting(const nhwc_split_call *c, nhwc_split_region *r, int64_t first, int64_t last) {
    const nhwc_plan *plan = c->plan;
    const nhwc_split_plan *d = &plan->split;
    nhwc_split_pending pending = {0};
    int64_t turn = 0, chunks = 0;
    packed_chunk now = first_chunk(d, first, last);
    nhwc_split_see_nothing(r->seen, d->together);
    nhwc_split_filters filters = filters_of(c, r, &now, r->packed[0]);
    plan->isa->split->filters(&filters);
    while (now.count) {
        const packed_chunk after = chunk_after(d, now, last);
        if (after.step == 0) {
            for (int64_t i = 0; i < now.count; i++) {
                r->accepted[i] = nhwc_split_accepted(plan, &r->seen[i]);
            }
            nhwc_split_see_nothing(r->seen, d->together);
        }
        nhwc_split_filters next = filters_of(c, r, &after, r->packed[++chunks % 2]);
        run_packed_chunk(c, r, &now, &filters, &next, &pending, &turn);
        plan->isa->split->filters(&next);
        filters = next;
        now = after;
    }
}

/* Whether the blocks' filters, which are split already, stay in the second-level cache, and have one chunk, and all
   accept what the region stores. */
static bool takes_pixels_in_turn(const nhwc_split_plan *d, const nhwc_split_region *r, int64_t first, int64_t last) {
    enum { NEAR_BYTES = 768 << 10 };
    int64_t bytes = 0;
    bool accepted = d->step_count <= d->chunk;
    for (int64_t b = first; b < last && accepted; b++) {
        bytes += d->step_count * nhwc_split_step_bytes(&d->blocks[b]);
        accepted = nhwc_split_accepts(d->blocks[b].accepted, r->range);
    }
    return accepted && bytes <= NEAR_BYTES;
}

/* A region's results for such blocks: pairs of tiles in turn for all of them, so that a pixel's results are written
   together. */
static void run_pixels(const nhwc_split_call *c, nhwc_split_region *r, int64_t first, int64_t last) {
    const nhwc_split_plan *d = &c->plan->split;
    nhwc_split_block t = block_of(c, r);
    const nhwc_split_filter_block *before = NULL;
    int64_t turn = 0, pixel_before = 0;
    nhwc_split_place(c, r, d->blocks[first].accepted);
    for (int64_t i = 0; i < r->pixels; i += NHWC_SPLIT_PAIR) {
        t.x = pixels_at(c, r, i);
        t.tile_pitch = pixels_at(c, r, i + NHWC_SPLIT_PIXELS) - t.x;
        for (int64_t b = first; b < last; b++, turn++) {
            t.filters = d->blocks[b].filters;
            t.sums = r->fresh[turn % 2];
            run_block(c, &t, r->pixels - i > NHWC_SPLIT_PIXELS ? 2 : 1, d->blocks[b].tiles);
            if (before) {
                finish(c, r, before, NULL, pixel_before, r->fresh[(turn + 1) % 2]);
            }
            before = &d->blocks[b];
            pixel_before = i;
        }
    }
    finish(c, r, before, NULL, pixel_before, r->fresh[(turn + 1) % 2]);
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------- */

/* Blocks first .. last - 1 of filters, group by group. */
static void run_region(const nhwc_split_call *c, nhwc_split_region *r, int64_t first, int64_t last) {
    const nhwc_split_plan *d = &c->plan->split;
    while (first < last) {
        const int64_t group = d->blocks[first].group;
        int64_t end = first;
        while (end < last && d->blocks[end].group == group) {
            end++;
        }
        if (group != r->group) {
            nhwc_split_store(c, r, group);
        }
        if (d->later) {
            run_blocks_splitting(c, r, first, end);
        } else if (takes_pixels_in_turn(d, r, first, end)) {
            run_pixels(c, r, first, end);
        } else {
            run_blocks(c, r, first, end);
        }
        first = end;
    }
}

/* Makes r the region of a task, unless it is already. */
static void enter(const nhwc_split_call *c, nhwc_split_region *r, nhwc_area at) {
    const nhwc_area was = r->at;
    if (was.rows && was.n == at.n && was.depth == at.depth && was.row == at.row && was.col == at.col) {
        return;
    }
    r->at = at;
    r->pixels = nhwc_split_pixels(&c->layout, at.rows);
    r->group = -1;
    if (at.rows != was.rows) {
        nhwc_split_place_steps(c, r);
    }
}

/* A thread's region lies at the head of its workspace, so that its next tasks find the input stored. */
static nhwc_split_region *region_of(const nhwc_split_call *c, int64_t worker) {
    return (nhwc_split_region *)(c->workspace + worker * c->layout.bytes);
}

static void prepare_region(const nhwc_split_call *c, int64_t worker) {
    const nhwc_split_plan *d = &c->plan->split;
    const nhwc_split_layout *l = &c->layout;
    nhwc_split_region *r = region_of(c, worker);
    char *workspace = (char *)r, *packed = workspace + l->packed;
    const int64_t bytes = d->together * nhwc_split_chunk_bytes(d);
    *r = (nhwc_split_region){
        .ranges = (nhwc_split_range *)(workspace + l->ranges),
        .steps = (int64_t *)(workspace + l->steps),
        .offsets = (int64_t *)(workspace + l->offsets),
        .refused = (int64_t *)(workspace + l->refused),
        .fresh = {(float *)(workspace + l->sums), (float *)(workspace + l->sums) + NHWC_SPLIT_BLOCK_SUMS},
        .sums = (float *)(workspace + l->sums) + 2 * NHWC_SPLIT_BLOCK_SUMS,
        .packed = {packed, packed + bytes},
        .seen = (nhwc_split_seen *)(packed + 2 * bytes),
        .accepted = (nhwc_split_range *)(packed + 2 * bytes + d->together * (int64_t)sizeof(nhwc_split_seen)),
        .table = (const void **)(workspace + l->table),
        .parts = workspace + l->parts,
        .pairs = workspace + l->pairs,
        .activations = {.activate = c->plan->activate, .activation = c->plan->problem.activation},
    };
}

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const nhwc_split_call *c = context;
    nhwc_split_region *r = region_of(c, worker);
    c->plan->isa->split->begin();
    for (int64_t task = first; task < last; task++) {
        int64_t from, to;
        enter(c, r, nhwc_task_area(&c->tasks, task, &from, &to));
        run_region(c, r, from, to);
    }
    c->plan->isa->split->activate(&r->activations);
    c->plan->isa->split->end();
}

/* The tasks of a call, and the workspace for the largest. */
static int64_t cut(nhwc_split_call *c, int64_t n, int threads) {
    enum { TASKS_PER_THREAD = 2, LEAST_PIXELS = 3 * NHWC_SPLIT_PAIR };
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const bool later = plan->split.later;
    c->tasks = (nhwc_tasks){
        .shape = p,
        .least_pixels = LEAST_PIXELS,
        .cuts_cols = true,
        .blocks = plan->split.block_count,
        .filters_first = later || p->k * (p->f / p->groups) > 2 * p->in[1] * p->in[2] * p->c,
    };
    nhwc_split_largest_block(plan, &c->tasks.rows, &c->tasks.cols);
    const int64_t tasks = nhwc_cut_tasks(&c->tasks, n, threads > 1 ? threads * (later ? 1 : TASKS_PER_THREAD) : 1);
    c->layout = nhwc_split_lay_out(plan, c->tasks.rows, c->tasks.cols);
    c->stretch = nhwc_max(NHWC_SPLIT_STRETCHES,
                          nhwc_ceil_div(nhwc_split_lay_out(plan, 1, p->out[2]).width, NHWC_SPLIT_STRETCHES - 1));
    return tasks;
}

static nhwc_status run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out) {
    const nhwc_problem *p = &plan->problem;
    nhwc_lock lock = NHWC_LOCK_INIT;
    bool copied = false;
    nhwc_split_call c = {.plan = plan, .x = x, .residual = residual, .out = out, .lock = &lock, .copied = &copied};
    int threads = nhwc_threads_for(nhwc_work(p, n), NHWC_SPLIT_GRAIN);
    const int64_t tasks = cut(&c, n, threads);
    threads = (int)nhwc_min(threads, tasks);
    c.workspace = nhwc_workspace_take((size_t)(c.layout.bytes * threads));
    if (!c.workspace) {
        return NHWC_NO_MEMORY;
    }
    for (int i = 0; i < threads; i++) {
        prepare_region(&c, i);
    }
    nhwc_parallel_for(threads, tasks, run_tasks, &c);
    nhwc_workspace_give(c.workspace);
    return NHWC_OK;
}

const nhwc_method nhwc_method_split = {
    .algorithm = NHWC_DIRECT,
    .serves = nhwc_split_serves,
    .prepare = nhwc_split_prepare,
    .run = run,
};
