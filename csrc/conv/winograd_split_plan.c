/* The Winograd methods' preparation on split values: sizes, and the transform of the filters. */
#include "winograd.h"

#include "../base/memory.h"
#include "../base/threads.h"
#include "tiles.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* Sizes that were chosen by measuring; see csrc/README.md. */
enum {
    FILTER_BYTES = 5 << 18, /* that stay in the second-level cache */
    MOST_BYTES = 15 << 19,  /* of workspace */
};

/* Of F(2x2) and F(4x4): tiles that are done together, and bytes of their products; and for filters that come from
   beyond the cache, which is worth it for the more tiles. */
static const struct {
    int64_t tiles, product_bytes;
} near_sizes[] = {{96, 3 << 20}, {32, 5 << 18}}, far_sizes[] = {{96, 3 << 20}, {64, 5 << 19}};

enum { WIDTH = NHWC_SPLIT_TILES * NHWC_SPLIT_FILTERS };

static int64_t depth_of(const nhwc_plan *plan) { return plan->problem.c / plan->problem.groups; }

/* ---- Layout ------------------------------------------------------------------------------------------------------ */

nhwc_winograd_split_layout nhwc_winograd_split_lay_out(const nhwc_plan *plan, int64_t tiles) {
    const nhwc_winograd_plan *d = &plan->winograd;
    const int64_t matrices = d->alpha * d->alpha, element = (int64_t)sizeof(float);
    nhwc_winograd_split_layout l = {.tiles = tiles};
    l.matrix = tiles * d->steps * NHWC_SPLIT_STEP + NHWC_WINOGRAD_SKEW / element;
    l.product_matrix = nhwc_round_up(tiles, NHWC_SPLIT_PIXELS) * WIDTH + NHWC_WINOGRAD_SKEW / element;
    l.block = matrices * l.product_matrix;
    const int64_t sizes[] = {
        2 * d->chunk * NHWC_WINOGRAD_SPLIT_ROWS * (int64_t)sizeof(uint16_t),
        2 * NHWC_SPLIT_BLOCK_SUMS * element,
        d->together * l.block * element,
        matrices * l.matrix * element,
    };
    int64_t *const begins[] = {&l.split, &l.sums, &l.products, &l.input};
    for (int i = 0; i < 4; i++) {
        *begins[i] = l.bytes;
        l.bytes += nhwc_round_up(sizes[i], NHWC_ALIGNMENT);
    }
    return l;
}

static void choose_sizes(nhwc_plan *plan) {
    nhwc_winograd_plan *d = &plan->winograd;
    const int64_t matrices = d->alpha * d->alpha;
    const bool f4 = d->alpha == 6;
    d->steps = nhwc_ceil_div(depth_of(plan), NHWC_SPLIT_STEP);
    d->chunk = nhwc_ceil_div(d->steps, nhwc_ceil_div(d->steps, NHWC_WINOGRAD_SPLIT_CHUNK));
    const int64_t blocks = nhwc_ceil_div(plan->problem.f / plan->problem.groups, WIDTH);
    const int64_t filter_bytes =
        matrices * d->steps * blocks * NHWC_SPLIT_PARTS * NHWC_SPLIT_TILES * NHWC_SPLIT_TILE_BYTES;
    d->distant = filter_bytes > FILTER_BYTES;
    const int64_t product_bytes = (d->distant ? far_sizes : near_sizes)[f4].product_bytes;
    d->tiles = (d->distant ? far_sizes : near_sizes)[f4].tiles;
    do {
        const int64_t block_bytes = matrices * d->tiles * WIDTH * (int64_t)sizeof(float);
        d->together = nhwc_max(nhwc_min(product_bytes / block_bytes, blocks), 1);
    } while (nhwc_winograd_split_lay_out(plan, d->tiles).bytes > MOST_BYTES && (d->tiles -= NHWC_SPLIT_PIXELS));
}

/* ---- Which problems ---------------------------------------------------------------------------------------------- */

static bool serves(const nhwc_plan *plan, nhwc_algorithm algorithm) {
    return nhwc_winograd_serves(plan, algorithm) && nhwc_winograd_splits(plan, algorithm);
}

bool nhwc_winograd_split_f2_serves(const nhwc_plan *plan) { return serves(plan, NHWC_WINOGRAD_F2); }

bool nhwc_winograd_split_f4_serves(const nhwc_plan *plan) { return serves(plan, NHWC_WINOGRAD_F4); }

bool nhwc_winograd_split_f2_5x5_serves(const nhwc_plan *plan) { return serves(plan, NHWC_WINOGRAD_F2_5X5); }

/* ---- Filters ----------------------------------------------------------------------------------------------------- */

typedef struct {
    const nhwc_plan *plan;
    const float *filters;
    char *scratch;
    int64_t scratch_bytes;
    atomic_bool bad;
    _Atomic uint32_t most; /* bits of the largest transformed value */
} transform;

static void note(transform *t, float most) {
    /* A channel whose filters are smaller has parts that are flushed, however large its input is. */
    const float LEAST_OF_CHANNEL = 0x1p-90f;
    uint32_t bits, seen = atomic_load(&t->most);
    memcpy(&bits, &most, sizeof bits);
    if (most > 0 && most < LEAST_OF_CHANNEL) {
        atomic_store(&t->bad, true);
    }
    while (bits > seen && !atomic_compare_exchange_weak(&t->most, &seen, bits)) {
    }
}

/* Task i is one step of one block. */
static void transform_filters(void *context, int64_t first, int64_t last, int worker) {
    transform *t = context;
    const nhwc_plan *plan = t->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_winograd_plan *d = &plan->winograd;
    const int64_t depth = depth_of(plan), matrices = d->alpha * d->alpha;
    float *scratch = (float *)(t->scratch + worker * t->scratch_bytes);
    for (int64_t i = first; i < last; i++) {
        const nhwc_winograd_block *block = &d->blocks[i / d->steps];
        const int64_t step = i % d->steps, in_chunk = step % d->chunk,
                      chunk = nhwc_min(d->chunk, d->steps - step + in_chunk);
        const int64_t registers = block->width / NHWC_SPLIT_FILTERS, channel = step * NHWC_SPLIT_STEP,
                      width = block->width;
        const int64_t inputs = nhwc_min(NHWC_SPLIT_STEP, depth - channel);
        for (int64_t k = 0; k < inputs; k++) {
            float *row = scratch + k * matrices * width;
            nhwc_winograd_filters operands = {
                .taps = t->filters + (channel + k) * p->f + block->first,
                .tap_pitch = depth * p->f,
                .live = block->live,
                .transformed = row,
                .pitch = width,
                .width = width,
            };
            d->kernels->filters(&operands);
            note(t, plan->isa->split->range(row, matrices * width).most);
        }
        const nhwc_split_inputs all = {.count = inputs};
        for (int64_t matrix = 0; matrix < matrices; matrix++) {
            char *to = (char *)block->filters +
                       nhwc_winograd_split_filters_at(plan, block, matrix, step - in_chunk, chunk) +
                       in_chunk * registers * NHWC_SPLIT_PARTS * NHWC_SPLIT_TILE_BYTES;
            nhwc_split_seen seen = {{0}, {0}};
            nhwc_split_filters operands = {
                .filters = scratch + matrix * width,
                .pitch = matrices * width,
                .live = width,
                .blocks = 1,
                .steps = &all,
                .count = 1,
                .to = (uint16_t *)to,
                .seen = &seen,
            };
            plan->isa->split->filters(&operands);
        }
    }
}

/* Whether the products of parts are normal for ordinary inputs, so that few results will be computed directly. */
static bool fits(const transform *t) {
    const float LEAST = 0x1p-40f, MOST = 0x1p20f;
    uint32_t bits = atomic_load(&t->most);
    float most;
    memcpy(&most, &bits, sizeof most);
    return !atomic_load(&t->bad) && (most == 0 || (most >= LEAST && most <= MOST));
}

/* ---- The plan ---------------------------------------------------------------------------------------------------- */

/* The parts of the plan's one block of memory, in order, each aligned. */
enum { BLOCKS, SEGMENTS, BIAS, ZEROS, PLAIN, FILTERS, PARTS };

static bool part_sizes(const nhwc_plan *plan, int64_t registers, bool borrow, int64_t sizes[PARTS]) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_winograd_plan *d = &plan->winograd;
    const int64_t element = (int64_t)plan->element;
    int64_t filters, plain;
    if (!nhwc_mul(registers * p->groups, d->steps, &filters) ||
        !nhwc_mul(filters, d->alpha * d->alpha * NHWC_SPLIT_PARTS * NHWC_SPLIT_TILE_BYTES, &filters) ||
        !nhwc_mul(p->k, p->f, &plain) || !nhwc_mul(plain, element, &plain)) {
        return false;
    }
    sizes[BLOCKS] = d->block_count * (int64_t)sizeof(nhwc_winograd_block);
    sizes[SEGMENTS] = d->segment_count * (int64_t)sizeof(nhwc_segment);
    sizes[BIAS] = registers * p->groups * NHWC_SPLIT_FILTERS * element;
    sizes[ZEROS] = depth_of(plan) * element;
    sizes[PLAIN] = nhwc_taps_in_place(plan, borrow) ? 0 : plain + plan->kernels->lanes * element;
    sizes[FILTERS] = filters;
    return true;
}

static void fill_blocks(nhwc_plan *plan, const float *bias, float *biases, char *filters) {
    const nhwc_problem *p = &plan->problem;
    nhwc_winograd_plan *d = &plan->winograd;
    const int64_t own = p->f / p->groups, blocks = nhwc_ceil_div(own, WIDTH);
    for (int64_t i = 0; i < d->block_count; i++) {
        const int64_t group = i / blocks, at = i % blocks, turn = at - at % d->together,
                      live = nhwc_min(own - at * WIDTH, WIDTH);
        nhwc_winograd_block *block = &d->blocks[i];
        *block = (nhwc_winograd_block){
            .filters = filters,
            .first = group * own + at * WIDTH,
            .live = live,
            .width = nhwc_round_up(live, NHWC_SPLIT_FILTERS),
            .group = group,
            .together = nhwc_ceil_div(nhwc_min(own - turn * WIDTH, d->together * WIDTH), NHWC_SPLIT_FILTERS),
            .before = (at - turn) * NHWC_SPLIT_TILES,
        };
        if (at + 1 == blocks || (at + 1) % d->together == 0) {
            filters += nhwc_winograd_split_filters_at(plan, block, d->alpha * d->alpha, 0, 0);
        }
        block->bias = memset(biases, 0, (size_t)block->width * sizeof *biases);
        if (bias) {
            memcpy(biases, bias + block->first, (size_t)live * sizeof *biases);
        }
        biases += block->width;
    }
}

static nhwc_status transform_all(nhwc_plan *plan, const float *filters, int64_t values) {
    const double GRAIN = 1e5; /* elements of transformed filters worth a thread */
    const nhwc_winograd_plan *d = &plan->winograd;
    transform t = {.plan = plan, .filters = filters};
    const int64_t tasks = d->block_count * d->steps;
    const int threads = (int)nhwc_min(nhwc_threads_for((double)values, GRAIN), nhwc_max(tasks, 1));
    t.scratch_bytes = NHWC_SPLIT_STEP * d->alpha * d->alpha * WIDTH * (int64_t)sizeof(float);
    t.scratch = nhwc_workspace_take((size_t)(t.scratch_bytes * threads));
    if (!t.scratch) {
        return NHWC_NO_MEMORY;
    }
    nhwc_parallel_for(threads, tasks, transform_filters, &t);
    nhwc_workspace_give(t.scratch);
    if (!fits(&t)) {
        plan->unsplit = true;
        return NHWC_UNSUPPORTED;
    }
    return NHWC_OK;
}

static nhwc_status prepare(nhwc_plan *plan, nhwc_algorithm algorithm, const void *filters, const void *bias,
                           bool borrow) {
    const nhwc_problem *p = &plan->problem;
    nhwc_winograd_plan *d = &plan->winograd;
    int64_t sizes[PARTS], offsets[PARTS], total;
    nhwc_winograd_shape(plan, algorithm);
    choose_sizes(plan);
    d->block_count = p->groups * nhwc_ceil_div(p->f / p->groups, WIDTH);
    if (!part_sizes(plan, nhwc_ceil_div(p->f / p->groups, NHWC_SPLIT_FILTERS), borrow, sizes) ||
        !nhwc_lay_out(PARTS, sizes, offsets, &total)) {
        return NHWC_TOO_LARGE;
    }
    plan->borrowed = borrow;
    char *memory = plan->memory = borrow ? nhwc_workspace_take((size_t)total) : nhwc_aligned_alloc((size_t)total);
    if (!memory) {
        return NHWC_NO_MEMORY;
    }
    d->blocks = (nhwc_winograd_block *)(memory + offsets[BLOCKS]);
    d->segments = (nhwc_segment *)(memory + offsets[SEGMENTS]);
    d->zeros = memset(memory + offsets[ZEROS], 0, (size_t)sizes[ZEROS]);
    nhwc_tap_segments(p, d->segments);
    d->plain = filters;
    if (!nhwc_taps_in_place(plan, borrow)) {
        const size_t slack = (size_t)plan->kernels->lanes * plan->element, size = (size_t)sizes[PLAIN] - slack;
        d->plain = memcpy(memory + offsets[PLAIN], filters, size);
        memset(memory + offsets[PLAIN] + size, 0, slack);
    }
    fill_blocks(plan, bias, (float *)(memory + offsets[BIAS]), memory + offsets[FILTERS]);
    const nhwc_status status = transform_all(plan, filters, sizes[FILTERS] / (int64_t)sizeof(uint16_t));
    if (status != NHWC_OK) {
        if (borrow) {
            nhwc_workspace_give(plan->memory);
        } else {
            nhwc_aligned_free(plan->memory);
        }
        plan->memory = NULL;
        return status;
    }
    plan->packed_bytes = sizes[PLAIN] + sizes[FILTERS] + sizes[BIAS];
    plan->workspace_bytes = nhwc_winograd_split_lay_out(plan, d->tiles).bytes;
    return NHWC_OK;
}

nhwc_status nhwc_winograd_split_f2_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    return prepare(plan, NHWC_WINOGRAD_F2, filters, bias, borrow);
}

nhwc_status nhwc_winograd_split_f4_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    return prepare(plan, NHWC_WINOGRAD_F4, filters, bias, borrow);
}

nhwc_status nhwc_winograd_split_f2_5x5_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    return prepare(plan, NHWC_WINOGRAD_F2_5X5, filters, bias, borrow);
}
