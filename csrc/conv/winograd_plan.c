/* The Winograd methods' preparation: which problems they serve, how these are cut, and the transform of the filters. */
#include "winograd.h"

#include "../base/memory.h"
#include "../base/threads.h"
#include "split.h"
#include "tiles.h"

#include <math.h>
#include <string.h>

/* Sizes that were chosen by measuring; see csrc/README.md. */
enum {
    CHUNK = 16,            /* channels in one chain of additions, up to F4_CHANNELS; beyond, twice as many */
    F4_CHANNELS = 512,     /* that F(4x4,3x3) sums within the bound of "auto" where all data are equal, unless split */
    PANEL = 128,           /* channels whose filters stay in the first-level cache */
    MOST_CHANNELS = 2048,  /* that are transformed together */
    MOST_TILES = 96,       /* that are done together */
    ENOUGH_TILES = 64,     /* to be worth reading filters from beyond the cache */
    LEAST_TILES = 12,      /* to be worth reading them from the cache */
    CACHE_BYTES = 1 << 20, /* of transformed input and products, if these can be so few */
    MOST_BYTES = 7 << 20,  /* and at the most */
};

/* ---- The choice -------------------------------------------------------------------------------------------------- */

/* What things take, in units of a fused multiply-add of vectors at full speed, of which there are two a cycle. The
   transforms' include their misses of the first-level cache. Those of multiply-adds were fitted to the times of 400
   shapes with AVX-512, AVX2 and SSE2 at once: sets of their own gained none of them anything. */
typedef struct {
    struct {
        double input, output; /* of a tile and vector of channels or results */
        double filters;       /* of a channel and filter */
    } transform[3];           /* of F(2x2,3x3), F(4x4,3x3) and F(2x2,5x5) */
    double direct;            /* of a multiply-add as it is in the direct algorithm, */
    double loop;              /* in a product of matrices, */
    double lone;              /* and where one vector of filters leaves either bound by loads */
    double chains;            /* of additions that hide each other's latency */
    double far_byte;          /* of reading filters from beyond the second-level cache */
    double make_byte;         /* of writing them there, and reading them again */
    double pack;              /* of a channel and filter, for the direct algorithm */
    double value;             /* bytes of a filter's value */
    int64_t tiles, channels;  /* that are multiplied together, existing or not */
    int64_t columns;          /* between rows of outputs, that the direct algorithm computes for nothing */
} costs;

static const costs fma_costs = {
    .transform = {{75, 110, 9.5}, {290, 300, 31}, {290, 210, 60}},
    .direct = 0.94,
    .loop = 1.01,
    .lone = 1.15,
    .chains = 14,
    .far_byte = 0.25,
    .make_byte = 0.33,
    .pack = 9,
    .value = 4,
    .tiles = 1,
    .channels = 1,
};

static const costs split_costs = {
    .transform = {{180, 120, 40}, {500, 350, 70}, {500, 240, 120}},
    .direct = 0.5,
    .loop = 0.6,
    .lone = 0.75,
    .chains = 1,
    .far_byte = 0.26,
    .make_byte = 0.17,
    .pack = 12,
    .value = NHWC_SPLIT_PARTS * sizeof(uint16_t),
    .tiles = NHWC_SPLIT_PIXELS,
    .channels = NHWC_SPLIT_STEP,
    .columns = 2,
};

static const double CLEAR_GAIN = 0.9; /* a less accurate algorithm is to win by this */

static int outputs_of(nhwc_algorithm algorithm) { return algorithm == NHWC_WINOGRAD_F4 ? 4 : 2; }

/* The number of an algorithm's kernels, and costs. */
static int kernels_of(nhwc_algorithm algorithm) { return (int)algorithm - NHWC_WINOGRAD_F2; }

/* Matrices that an algorithm multiplies: of transformed tiles, or one for each tap. */
static double matrices_of(const nhwc_problem *p, nhwc_algorithm algorithm) {
    const int64_t width = algorithm == NHWC_DIRECT ? p->kernel[2] : outputs_of(algorithm) + p->kernel[2] - 1;
    return (double)(width * width);
}

/* Bytes of filters beyond the second-level cache. */
static double far_bytes_of(const nhwc_problem *p, double matrices, const costs *cost) {
    return fmax(0, matrices * (double)(p->c / p->groups) * (double)p->f * cost->value - CACHE_BYTES);
}

/* The time of one sample by an algorithm. */
static double predict(const nhwc_plan *plan, nhwc_algorithm algorithm, const costs *cost) {
    const nhwc_problem *p = &plan->problem;
    const bool direct = algorithm == NHWC_DIRECT;
    const int m = direct ? 1 : outputs_of(algorithm), which = direct ? 0 : kernels_of(algorithm);
    const double lanes = plan->kernels->lanes, depth = (double)(p->c / p->groups), filters = (double)(p->f / p->groups);
    const int64_t tiles = nhwc_ceil_div(p->out[1], m) * (nhwc_ceil_div(p->out[2], m) + (direct ? cost->columns : 0));
    const double matrices = matrices_of(p, algorithm), images = (double)(p->out[0] * p->groups);
    const double vectors = ceil(filters / lanes);

    double products = images * matrices * vectors * (double)nhwc_round_up(tiles, cost->tiles);
    products *= (double)nhwc_round_up(p->c / p->groups, cost->channels);
    products *= vectors > 1 ? (direct ? cost->direct : cost->loop) : cost->lone;
    products *= fmax(1, cost->chains / (fmin((double)tiles, cost->chains) * fmin(vectors, NHWC_MAX_VECTORS)));
    double reading = far_bytes_of(p, matrices, cost) * cost->far_byte;
    double time = fmax(products, reading) + 0.25 * fmin(products, reading);
    if (!direct) {
        time += images * (double)tiles *
                (ceil(depth / lanes) * cost->transform[which].input + vectors * cost->transform[which].output);
    }
    return time;
}

/* The time of the preparation of the filters. */
static double predict_preparation(const nhwc_plan *plan, nhwc_algorithm algorithm, const costs *cost) {
    const nhwc_problem *p = &plan->problem;
    const double pairs = (double)(p->c / p->groups) * (double)p->f;
    const double each = algorithm == NHWC_DIRECT ? cost->pack : cost->transform[kernels_of(algorithm)].filters;
    return pairs * each + far_bytes_of(p, matrices_of(p, algorithm), cost) * cost->make_byte;
}

/* With the preparation of filters if the plan runs once. */
static double predict_all(const nhwc_plan *plan, nhwc_algorithm algorithm, const costs *cost) {
    return predict(plan, algorithm, cost) + (plan->once ? predict_preparation(plan, algorithm, cost) : 0);
}

/* An algorithm that is asked for by name has the same bits whether the plan runs once or not. */
bool nhwc_winograd_splits(const nhwc_plan *plan, nhwc_algorithm algorithm) {
    enum { MOST_CHANNELS = 2048 }; /* whose transformed tiles the workspace has room for */
    const nhwc_problem *p = &plan->problem;
    double (*const time)(const nhwc_plan *, nhwc_algorithm, const costs *) =
        p->algorithm == NHWC_AUTO ? predict_all : predict;
    return plan->isa->split && !plan->unsplit && p->c > 0 && p->f > 0 && p->c / p->groups <= MOST_CHANNELS &&
           time(plan, algorithm, &split_costs) < time(plan, algorithm, &fma_costs);
}

static double best_time(const nhwc_plan *plan, nhwc_algorithm algorithm) {
    const bool split = algorithm == NHWC_DIRECT ? nhwc_split_serves(plan) : nhwc_winograd_splits(plan, algorithm);
    return predict_all(plan, algorithm, split ? &split_costs : &fma_costs);
}

/* Few channels or filters leave nothing to gain, and the direct sum's exactness is worth more there. */
static nhwc_algorithm choose(const nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    enum { LEAST_CHANNELS = 8, LEAST_FILTERS = 16 };
    if (p->c / p->groups < LEAST_CHANNELS || p->f / p->groups < LEAST_FILTERS) {
        return NHWC_DIRECT;
    }
    double direct = best_time(plan, NHWC_DIRECT) * CLEAR_GAIN;
    if (p->kernel[2] == 5) {
        return best_time(plan, NHWC_WINOGRAD_F2_5X5) < direct ? NHWC_WINOGRAD_F2_5X5 : NHWC_DIRECT;
    }
    double f2 = best_time(plan, NHWC_WINOGRAD_F2), f4 = best_time(plan, NHWC_WINOGRAD_F4);
    const bool f4_is_accurate = p->c / p->groups <= F4_CHANNELS || nhwc_winograd_splits(plan, NHWC_WINOGRAD_F4);
    return f4_is_accurate && f4 < f2 && f4 < direct ? NHWC_WINOGRAD_F4 : f2 < direct ? NHWC_WINOGRAD_F2 : NHWC_DIRECT;
}

/* In float64 the transforms alone err by more than the stated bound on equal data. */
bool nhwc_winograd_serves(const nhwc_plan *plan, nhwc_algorithm algorithm) {
    const nhwc_problem *p = &plan->problem;
    const int64_t taps = algorithm == NHWC_WINOGRAD_F2_5X5 ? 5 : 3;
    bool shape = p->kernel[0] == 1 && p->kernel[1] == taps && p->kernel[2] == taps;
    bool steps = p->stride[1] == 1 && p->stride[2] == 1 && p->dilation[1] == 1 && p->dilation[2] == 1;
    if (!shape || !steps || p->dtype != NHWC_F32) {
        return false;
    }
    return p->algorithm == algorithm || choose(plan) == algorithm;
}

bool nhwc_winograd_f2_serves(const nhwc_plan *plan) { return nhwc_winograd_serves(plan, NHWC_WINOGRAD_F2); }

bool nhwc_winograd_f4_serves(const nhwc_plan *plan) { return nhwc_winograd_serves(plan, NHWC_WINOGRAD_F4); }

bool nhwc_winograd_f2_5x5_serves(const nhwc_plan *plan) { return nhwc_winograd_serves(plan, NHWC_WINOGRAD_F2_5X5); }

/* ---- Cutting ----------------------------------------------------------------------------------------------------- */

nhwc_winograd_workspace nhwc_winograd_lay_out(const nhwc_plan *plan, int64_t tiles) {
    const nhwc_winograd_plan *d = &plan->winograd;
    const int64_t element = (int64_t)plan->element, matrices = d->alpha * d->alpha;
    const int64_t row = nhwc_round_up(d->channels, plan->kernels->lanes);
    const int64_t input_pitch = nhwc_round_up(tiles * row * element, NHWC_ALIGNMENT) / element;
    nhwc_winograd_workspace layout = {.row = row, .input_pitch = input_pitch + NHWC_WINOGRAD_SKEW / element};
    layout.products = NHWC_ALIGNMENT + matrices * layout.input_pitch * element;
    layout.bytes = layout.products + matrices * nhwc_winograd_product_pitch(plan, tiles, d->widest) * element;
    layout.bytes = nhwc_round_up(layout.bytes, NHWC_ALIGNMENT) + NHWC_WINOGRAD_SKEW;
    return layout;
}

/* How many tiles and channels are done together: as many tiles as the second-level cache holds with their products; but
   filters that come from beyond it are to be read for enough tiles. */
static void choose_sizes(nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    nhwc_winograd_plan *d = &plan->winograd;
    const int64_t depth = nhwc_max(p->c / p->groups, 1), filters = p->f / p->groups;
    const double filter_bytes = (double)(d->alpha * d->alpha) * (double)depth * (double)filters * (double)plan->element;
    d->chunk = nhwc_ceil_div(depth, nhwc_ceil_div(depth, depth <= F4_CHANNELS ? CHUNK : 2 * CHUNK));
    d->panel = PANEL / d->chunk * d->chunk;
    d->channels = nhwc_min(depth, MOST_CHANNELS / d->panel * d->panel);
    d->distant = filter_bytes > CACHE_BYTES;
    const int64_t least = d->distant ? ENOUGH_TILES : LEAST_TILES;
    d->tiles = MOST_TILES;
    while (d->tiles > 1 &&
           nhwc_winograd_lay_out(plan, d->tiles).bytes > (d->tiles > least ? CACHE_BYTES : MOST_BYTES)) {
        d->tiles--;
    }
}

/* Cuts a group's filters into blocks; counts only where `blocks` is NULL. Returns the filters with padding. */
static int64_t cut_group(nhwc_plan *plan, int64_t group, int64_t *count, nhwc_winograd_block *blocks) {
    const nhwc_kernels *kernels = plan->kernels;
    const int64_t filters = plan->problem.f / plan->problem.groups;
    int64_t padded = 0;
    *count = 0;
    for (int64_t first = 0; first < filters; ++*count) {
        int64_t left = filters - first;
        int vectors = nhwc_block_vectors(kernels, nhwc_ceil_div(left, kernels->lanes));
        const nhwc_product_family *family = &kernels->product[vectors];
        if (blocks) {
            blocks[*count] = (nhwc_winograd_block){
                .family = family,
                .first = group * filters + first,
                .live = nhwc_min(left, family->nr),
                .width = family->nr,
                .group = group,
            };
        }
        plan->winograd.widest = nhwc_max(plan->winograd.widest, family->nr);
        first += family->nr;
        padded += family->nr;
    }
    return padded;
}

/* ---- Filters ----------------------------------------------------------------------------------------------------- */

typedef struct {
    const nhwc_plan *plan;
    const char *filters;
} transform;

/* Task i is one channel of one block. */
static void transform_filters(void *context, int64_t first, int64_t last, int worker) {
    const transform *t = context;
    const nhwc_problem *p = &t->plan->problem;
    const nhwc_winograd_plan *d = &t->plan->winograd;
    const int64_t depth = p->c / p->groups, element = (int64_t)t->plan->element;
    (void)worker;
    for (int64_t i = first; i < last; i++) {
        const nhwc_winograd_block *block = &d->blocks[i / depth];
        const int64_t channel = i % depth, width = block->width;
        nhwc_winograd_filters operands = {
            .taps = t->filters + (channel * p->f + block->first) * element,
            .tap_pitch = depth * p->f,
            .live = block->live,
            .transformed = (char *)block->filters + channel * width * element,
            .pitch = nhwc_winograd_filters_pitch(t->plan, width),
            .width = width,
        };
        d->kernels->filters(&operands);
    }
}

/* The parts of the plan's one block of memory, in order, each aligned. */
enum { BLOCKS, SEGMENTS, BIAS, ZEROS, PLAIN, FILTERS, PARTS };

static bool part_sizes(const nhwc_plan *plan, int64_t group_blocks, int64_t padded, bool borrow, int64_t sizes[PARTS]) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_winograd_plan *d = &plan->winograd;
    const int64_t element = (int64_t)plan->element, matrices = d->alpha * d->alpha, depth = p->c / p->groups;
    int64_t all, filters, plain;
    if (!nhwc_mul(padded, p->groups, &all) || !nhwc_mul(all, depth, &filters) ||
        !nhwc_mul(filters, matrices * element, &filters) || !nhwc_mul(p->k, p->f, &plain) ||
        !nhwc_mul(plain, element, &plain)) {
        return false;
    }
    sizes[BLOCKS] = group_blocks * p->groups * (int64_t)sizeof(nhwc_winograd_block);
    sizes[SEGMENTS] = d->segment_count * (int64_t)sizeof(nhwc_segment);
    sizes[BIAS] = all * element;
    sizes[ZEROS] = depth * element;
    sizes[PLAIN] = nhwc_taps_in_place(plan, borrow) ? 0 : plain + plan->kernels->lanes * element;
    sizes[FILTERS] = filters + group_blocks * p->groups * matrices * NHWC_WINOGRAD_SKEW;
    return true;
}

static void fill_blocks(nhwc_plan *plan, int64_t group_blocks, const char *bias, char *biases, char *filters) {
    const nhwc_problem *p = &plan->problem;
    nhwc_winograd_plan *d = &plan->winograd;
    const int64_t element = (int64_t)plan->element;
    for (int64_t g = 0; g < p->groups; g++) {
        cut_group(plan, g, &group_blocks, d->blocks + g * group_blocks);
    }
    for (int64_t i = 0; i < d->block_count; i++) {
        nhwc_winograd_block *block = &d->blocks[i];
        const int64_t width = block->width;
        block->filters = filters;
        filters += d->alpha * d->alpha * nhwc_winograd_filters_pitch(plan, width) * element;
        block->bias = biases;
        memset(biases, 0, (size_t)(width * element));
        if (bias) {
            memcpy(biases, bias + block->first * element, (size_t)(block->live * element));
        }
        biases += width * element;
    }
}

void nhwc_winograd_shorten(nhwc_plan *plan, int axis) {
    nhwc_winograd_plan *d = &plan->winograd;
    (void)axis;
    d->high = nhwc_ceil_div(plan->problem.out[1], d->outputs);
    d->wide = nhwc_ceil_div(plan->problem.out[2], d->outputs);
}

void nhwc_winograd_shape(nhwc_plan *plan, nhwc_algorithm algorithm) {
    nhwc_winograd_plan *d = &plan->winograd;
    d->kernels = &plan->kernels->winograd[kernels_of(algorithm)];
    d->outputs = outputs_of(algorithm);
    d->alpha = d->outputs + plan->problem.kernel[2] - 1;
    nhwc_winograd_shorten(plan, 1);
    d->segment_count = nhwc_tap_segments(&plan->problem, NULL);
}

static nhwc_status prepare(nhwc_plan *plan, nhwc_algorithm algorithm, const void *filters, const void *bias,
                           bool borrow) {
    const double GRAIN = 1e5; /* elements of transformed filters worth a thread */
    const nhwc_problem *p = &plan->problem;
    nhwc_winograd_plan *d = &plan->winograd;
    int64_t group_blocks, sizes[PARTS], offsets[PARTS], total;
    nhwc_winograd_shape(plan, algorithm);
    int64_t padded = cut_group(plan, 0, &group_blocks, NULL);
    d->block_count = p->groups * group_blocks;
    choose_sizes(plan);
    if (!part_sizes(plan, group_blocks, padded, borrow, sizes) || !nhwc_lay_out(PARTS, sizes, offsets, &total)) {
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
    fill_blocks(plan, group_blocks, bias, memory + offsets[BIAS], memory + offsets[FILTERS]);

    transform t = {.plan = plan, .filters = filters};
    int threads = nhwc_threads_for((double)sizes[FILTERS] / (double)plan->element, GRAIN);
    nhwc_parallel_for(threads, d->block_count * (p->c / p->groups), transform_filters, &t);
    plan->packed_bytes = sizes[PLAIN] + sizes[FILTERS] + sizes[BIAS];
    plan->workspace_bytes = nhwc_winograd_lay_out(plan, d->tiles).bytes;
    return NHWC_OK;
}

nhwc_status nhwc_winograd_f2_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    return prepare(plan, NHWC_WINOGRAD_F2, filters, bias, borrow);
}

nhwc_status nhwc_winograd_f4_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    return prepare(plan, NHWC_WINOGRAD_F4, filters, bias, borrow);
}

nhwc_status nhwc_winograd_f2_5x5_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    return prepare(plan, NHWC_WINOGRAD_F2_5X5, filters, bias, borrow);
}
