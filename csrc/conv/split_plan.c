/* The split method's preparation: which problems it serves, the steps of the reduction, and the packing of filters. */
#include "split.h"

#include "../base/memory.h"
#include "../base/threads.h"
#include "tiles.h"

#include <math.h>
#include <string.h>

/* Sizes that were chosen by measuring; see csrc/README.md. */
enum {
    MOST_STEPS = 6,               /* in a chunk */
    BLOCK_BYTES = 640 << 10,      /* of a block's stored input, if it can be, */
    FAR_BLOCK_BYTES = 1300 << 10, /* and where the filters are read from beyond the second-level cache */
    FAR_BYTES = 1 << 20,
    LATER_BLOCK_BYTES = 3 << 20, /* where filters are split later: a chunk reads some of its channels only */
};

/* ---- Which problems ---------------------------------------------------------------------------------------------- */

/* Inputs of the reduction that lie behind each other: the channels of a pixel, or all of a row of taps. */
static int64_t run_of(const nhwc_problem *p, bool channel_blocks) {
    return channel_blocks ? p->c / p->groups : nhwc_split_run(p);
}

static int64_t steps_of(const nhwc_problem *p, bool channel_blocks) {
    const int64_t run = run_of(p, channel_blocks);
    return p->k / run * nhwc_ceil_div(run, NHWC_SPLIT_STEP);
}

/* Pairs of inputs that an output reads in a row of taps. */
static int64_t pair_rows_of(const nhwc_problem *p) { return nhwc_ceil_div(p->kernel[2] * (p->c / p->groups), 2); }

/* Whether inputs can be stored as pairs: not where taps are apart, or outputs' inputs. */
static bool takes_pairs(const nhwc_problem *p) {
    const bool dilated = p->dilation[1] > 1 && p->kernel[1] > 1;
    return !dilated && p->dilation[2] == 1 && p->kernel[2] > 1 &&
           p->stride[2] * (p->c / p->groups) <= NHWC_SPLIT_MOST_ELEMENTS;
}

/* A way to store the input, and what it costs in cycles. */
typedef struct {
    bool channel_blocks, pairs;
    int64_t steps;
    double step;   /* of a tile, with loading it: where pixels are not whole cache lines, nearly every load meets two */
    double rows;   /* of pairs, for 16 outputs and a row of taps */
    double result; /* beyond what it takes with fused multiply-adds: of pairs they are transposed */
} storing;

enum { WAYS = 3 };

/* The ways that there are for a problem; returns how many. */
static int ways_to_store(const nhwc_problem *p, storing ways[WAYS]) {
    const double LOAD = 1.6, STORE = 3; /* of a vector of pairs */
    const int64_t elements = p->stride[2] * (p->c / p->groups), pairs = p->kernel[1] * pair_rows_of(p);
    const double rows = (double)pair_rows_of(p), gathered = fmin(rows, (double)nhwc_split_pair_period(elements));
    const double loads = gathered * ((double)elements / 2 + 0.5) + (rows - gathered);
    ways[0] = (storing){.channel_blocks = true, .steps = steps_of(p, true), .step = 136, .result = 0.6};
    ways[1] = (storing){.steps = steps_of(p, false), .step = 190, .result = 0.6};
    ways[2] = (storing){
        .pairs = true,
        .steps = p->kernel[0] * nhwc_ceil_div(pairs, NHWC_SPLIT_STEP / 2),
        .step = 155,
        .rows = (LOAD * loads + STORE * rows) * NHWC_SPLIT_PARTS,
        .result = 1.2,
    };
    return takes_pairs(p) ? WAYS : WAYS - 1;
}

/* The time of one sample in cycles: the products of tiles, storing the input, and the results. */
static double predict(const nhwc_problem *p, const storing *way) {
    const double SPLIT = 0.9;     /* of an input value */
    const double LONE_TILE = 1.6; /* of filters, whose sums wait for each other */
    const int64_t tiles = nhwc_ceil_div(p->f / p->groups, NHWC_SPLIT_FILTERS);
    const double filters = (double)(tiles / 2 * 2) + (tiles % 2 ? LONE_TILE : 0);
    const double between = (double)((p->kernel[2] - 1) * p->dilation[2]) / (double)p->stride[2];
    const double whole = (double)nhwc_round_up(p->out[2], NHWC_SPLIT_PIXELS);
    const double columns = way->pairs ? whole : (double)p->out[2] + between;
    const double pixels = ceil((double)p->out[1] * columns / NHWC_SPLIT_PIXELS) * (double)p->out[0];
    const double rows = (double)(p->kernel[1] == 1 ? p->out[1] : p->in[1]);
    const double width = (double)(p->kernel[2] == 1 ? p->out[2] : p->in[2]);
    const double inputs = (double)p->out[0] * (double)p->kernel[0] * rows * width * (double)p->c;
    const double products = filters * (double)way->steps * way->step;
    const double paired = way->rows * (double)(p->kernel[0] * p->stride[1]);
    return pixels * (double)p->groups * (products + paired) + SPLIT * inputs + way->result * (double)(p->pixels * p->f);
}

static storing choose_storing(const nhwc_problem *p) {
    storing ways[WAYS];
    int best = 0;
    for (int i = 1, count = ways_to_store(p, ways); i < count; i++) {
        best = predict(p, &ways[i]) < predict(p, &ways[best]) ? i : best;
    }
    return ways[best];
}

/* Whether the tiles of products are full enough to win over fused multiply-adds, which reach four fifths of 32 a cycle
   at best. */
bool nhwc_split_serves(const nhwc_plan *plan) {
    enum { LEAST_FILTERS = 8, LEAST_PIXELS = 16 };
    const double LEAST_WORK = 3e5, FMA_RATE = 25;
    const nhwc_problem *p = &plan->problem;
    const bool rows_of_a_matrix = p->out[0] == 1 && p->out[2] == 1 && p->k == p->c; /* the bits of one fit any number */
    if (!plan->isa->split || rows_of_a_matrix || plan->unsplit || p->dtype != NHWC_F32 || p->k < 1 ||
        p->f / p->groups < LEAST_FILTERS || p->pixels < LEAST_PIXELS) {
        return false;
    }
    const double work = nhwc_work(p, 1);
    const storing way = choose_storing(p);
    return work >= LEAST_WORK && predict(p, &way) < work / FMA_RATE;
}

/* ---- Layout ------------------------------------------------------------------------------------------------------ */

nhwc_split_layout nhwc_split_lay_out(const nhwc_plan *plan, int64_t rows, int64_t cols) {
    enum { SKEW = 5 * NHWC_ALIGNMENT };
    const nhwc_problem *p = &plan->problem;
    const nhwc_split_plan *d = &plan->split;
    nhwc_split_layout l = {0};
    l.columns = nhwc_round_up(cols, NHWC_SPLIT_PIXELS);
    l.width = d->pair_rows         ? nhwc_span(p, 2, l.columns)
              : d->column_step > 1 ? cols
                                   : nhwc_round_up(nhwc_span(p, 2, cols), d->output_step);
    l.columns = d->pair_rows ? l.columns : l.width / d->output_step;
    for (int64_t i = 0; i < d->phases; i++) {
        l.plane_rows += nhwc_split_rows(plan, i, rows);
    }
    const int64_t pixels = nhwc_split_pixels(&l, rows);
    const int64_t slack = NHWC_SPLIT_TILES * NHWC_SPLIT_PIXELS * d->output_step * d->pixel + 4 * NHWC_ALIGNMENT;
    l.plane = nhwc_round_up(p->kernel[0] * l.plane_rows * l.width * d->pixel, NHWC_ALIGNMENT);
    l.part = nhwc_round_up(d->planes * l.plane + slack, NHWC_ALIGNMENT) + SKEW;
    if (d->pair_rows) { /* an odd number of lines in a row, so that a tile's are in different sets of the cache */
        const int64_t more = nhwc_split_more_tiles(p->stride[2] * (p->c / p->groups), d->pair_rows);
        l.pair_row = ((l.columns / NHWC_SPLIT_PIXELS + more) | 1) * NHWC_ALIGNMENT;
        l.pair_part = (p->kernel[0] * l.plane_rows * d->pair_rows + NHWC_SPLIT_STEP / 2) * l.pair_row + SKEW;
    }
    const int64_t width = NHWC_SPLIT_TILES * NHWC_SPLIT_FILTERS;
    const int64_t taps = p->kernel[0] * p->kernel[1] * p->kernel[2];
    l.bytes = NHWC_SPLIT_HEAD;
    const int64_t sizes[] = {
        p->kernel[0] * l.plane_rows * NHWC_SPLIT_STRETCHES * (int64_t)sizeof(nhwc_split_range),
        d->step_count * (int64_t)sizeof(int64_t),
        (pixels + NHWC_SPLIT_TILES * NHWC_SPLIT_PIXELS) * (int64_t)sizeof(int64_t),
        rows * cols * (int64_t)sizeof(int64_t),
        (2 * NHWC_SPLIT_BLOCK_SUMS + (d->step_count > d->chunk ? d->together * pixels * width : 0)) *
            (int64_t)sizeof(float),
        d->later ? d->together * (2 * nhwc_split_chunk_bytes(d) + (int64_t)sizeof(nhwc_split_seen) +
                                  (int64_t)sizeof(nhwc_split_range))
                 : 0,
        NHWC_MAX_MR * taps * (int64_t)sizeof(void *),
        NHWC_SPLIT_PARTS * l.part,
        NHWC_SPLIT_PARTS * l.pair_part,
    };
    int64_t *const begins[] = {&l.ranges, &l.steps, &l.offsets, &l.refused, &l.sums,
                               &l.packed, &l.table, &l.parts,   &l.pairs};
    for (int i = 0; i < (int)(sizeof sizes / sizeof *sizes); i++) {
        *begins[i] = l.bytes;
        l.bytes += nhwc_round_up(sizes[i], NHWC_ALIGNMENT);
    }
    return l;
}

/* Of a block's stored input. */
static int64_t block_bytes(const nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    const bool distant = (double)(p->k * p->f / p->groups) * NHWC_SPLIT_PARTS * sizeof(uint16_t) > FAR_BYTES;
    return plan->split.later ? LATER_BLOCK_BYTES : distant ? FAR_BLOCK_BYTES : BLOCK_BYTES;
}

/* Of a part of such a block's stored input, with its pairs. */
static int64_t part_bytes(const nhwc_plan *plan, int64_t rows, int64_t cols) {
    const nhwc_split_layout l = nhwc_split_lay_out(plan, rows, cols);
    return l.part + l.pair_part;
}

void nhwc_split_largest_block(const nhwc_plan *plan, int64_t *rows, int64_t *cols) {
    const nhwc_problem *p = &plan->problem;
    const int64_t most = block_bytes(plan);
    *cols = p->out[2];
    while (*cols > NHWC_SPLIT_PIXELS && NHWC_SPLIT_PARTS * part_bytes(plan, 1, *cols) > most) {
        *cols = nhwc_ceil_div(*cols, 2);
    }
    const int64_t one = part_bytes(plan, 1, *cols);
    const int64_t more = *cols < p->out[2] ? 0 : part_bytes(plan, 2, *cols) - one;
    *rows = more > 0 ? 1 + nhwc_max(0, most / NHWC_SPLIT_PARTS - one) / more : 1;
    *rows = nhwc_min(*rows, p->out[1]);
    *rows = nhwc_ceil_div(p->out[1], nhwc_ceil_div(p->out[1], *rows));
}

/* ---- The reduction ----------------------------------------------------------------------------------------------- */

/* Residues of rows of taps under the stride, each once; counts only where `residues` is NULL. */
static int64_t cut_phases(const nhwc_problem *p, nhwc_split_plan *d) {
    int64_t count = 0;
    if (d->pair_rows) { /* rows are stored as they are */
        d->residues[0] = d->tails[0] = 0;
        memset(d->tap_phases, 0, (size_t)p->kernel[1] * sizeof *d->tap_phases);
        return 1;
    }
    for (int64_t k = 0; k < p->kernel[1]; k++) {
        const int64_t residue = k * p->dilation[1] % p->stride[1], tail = k * p->dilation[1] / p->stride[1];
        int64_t phase = 0;
        while (phase < count && d->residues[phase] != residue) {
            phase++;
        }
        if (phase == count) {
            d->residues[count] = residue;
            d->tails[count++] = 0;
        }
        d->tails[phase] = nhwc_max(d->tails[phase], tail);
        d->tap_phases[k] = phase;
    }
    return count;
}

/* Steps of pairs: the rows of pairs of all rows of taps of one depth tap lie behind each other. */
static void cut_steps_of_pairs(const nhwc_problem *p, nhwc_split_plan *d) {
    const int64_t of_depth = d->step_count / p->kernel[0];
    for (int64_t i = 0; i < d->step_count; i++) {
        d->steps[i] = (nhwc_split_step){.depth = i / of_depth, .block = i % of_depth};
    }
}

/* Steps in the order of the sum: blocks of channels, then taps; or rows of taps, then their inputs. */
static void cut_steps(const nhwc_problem *p, nhwc_split_plan *d) {
    const int64_t depth = p->c / p->groups, run = run_of(p, d->channel_blocks);
    const int64_t taps = d->channel_blocks || p->dilation[2] > 1 ? p->kernel[2] : 1;
    nhwc_split_step *s = d->steps;
    nhwc_split_inputs *inputs = d->inputs;
    for (int64_t plane = 0; plane < d->planes; plane++) {
        for (int64_t tap = 0; tap < p->kernel[0] * p->kernel[1] * taps; tap++) {
            const int64_t column = tap % taps, row = tap / taps % p->kernel[1], first = tap / taps / p->kernel[1];
            const int64_t input = ((first * p->kernel[1] + row) * p->kernel[2] + column) * depth;
            for (int64_t at = 0; at < (d->channel_blocks ? 1 : run); at += NHWC_SPLIT_STEP) {
                const int64_t from = d->channel_blocks ? plane * NHWC_SPLIT_STEP : at;
                *inputs++ = (nhwc_split_inputs){input + from, nhwc_min(NHWC_SPLIT_STEP, run - from)};
                *s++ = (nhwc_split_step){
                    .depth = first,
                    .row = row,
                    .column = column,
                    .block = d->channel_blocks ? plane : at,
                };
            }
        }
    }
}

/* ---- Filters ----------------------------------------------------------------------------------------------------- */

/* Cuts a group's filters into blocks; counts only where `blocks` is NULL. Returns the tiles. */
static int64_t cut_group(const nhwc_problem *p, int64_t group, int64_t *count, nhwc_split_filter_block *blocks) {
    const int64_t filters = p->f / p->groups, most = NHWC_SPLIT_TILES * NHWC_SPLIT_FILTERS;
    int64_t tiles = 0;
    *count = 0;
    for (int64_t first = 0; first < filters; first += most, ++*count) {
        const int64_t live = nhwc_min(filters - first, most);
        const int own = (int)nhwc_ceil_div(live, NHWC_SPLIT_FILTERS);
        if (blocks) {
            blocks[*count] =
                (nhwc_split_filter_block){.first = group * filters + first, .live = live, .group = group, .tiles = own};
        }
        tiles += own;
    }
    return tiles;
}

/* Whether a plan that runs once splits filters while it multiplies, chunk by chunk, for a block of pixels that is all
   of the input, and with filters that share out among the threads. Splitting all of them first costs 0.4 ns a weight,
   as much as 60 pixels' products; this way it is a third of that. */
static bool splits_later(const nhwc_plan *plan) {
    enum { MOST_PIXELS = 2048, MOST_BYTES = LATER_BLOCK_BYTES, MOST_CHUNK_BYTES = 512 << 10 };
    const double MOST_UNEVEN = 1.1;
    const nhwc_problem *p = &plan->problem;
    const nhwc_split_plan *d = &plan->split;
    const int64_t bytes = p->in[1] * p->in[2] * (p->c / p->groups) * NHWC_SPLIT_PARTS * (int64_t)sizeof(uint16_t);
    const int64_t planes = nhwc_min(d->planes, d->chunk / (p->kernel[1] * p->kernel[2]) + 1);
    const int64_t threads = nhwc_threads_for(nhwc_work(p, 1), NHWC_SPLIT_GRAIN);
    const int64_t parts = nhwc_ceil_div(d->block_count, threads) * threads;
    return plan->single && !d->pair_rows && p->n == 1 && p->out[0] == 1 && p->pixels <= MOST_PIXELS &&
           bytes <= MOST_BYTES && bytes / d->planes * planes <= MOST_CHUNK_BYTES &&
           (double)parts <= MOST_UNEVEN * (double)d->block_count;
}

/* How many blocks of filters go through a chunk together where they are split later: the more, the longer the stretches
   of plain filters that are read, while their sums and split filters stay in the second-level cache. */
static int64_t count_together(const nhwc_plan *plan, int64_t group_blocks) {
    const int64_t SUMS_BYTES = 256 << 10, FILTER_BYTES = 640 << 10;
    const nhwc_split_plan *d = &plan->split;
    int64_t rows, cols;
    nhwc_split_largest_block(plan, &rows, &cols);
    const nhwc_split_layout l = nhwc_split_lay_out(plan, rows, cols);
    const int64_t sums = nhwc_split_pixels(&l, rows) * NHWC_SPLIT_WIDTH * (int64_t)sizeof(float);
    const int64_t most = nhwc_max(1, nhwc_min(SUMS_BYTES / sums, FILTER_BYTES / (2 * nhwc_split_chunk_bytes(d))));
    return nhwc_ceil_div(group_blocks, nhwc_ceil_div(group_blocks, most));
}

/* ---- The plan ---------------------------------------------------------------------------------------------------- */

/* The parts of the plan's one block of memory, in order, each aligned. */
enum { PHASES, STEPS, INPUTS, BLOCKS, SEGMENTS, BIAS, ZEROS, PLAIN, FILTERS, PARTS };

static bool part_sizes(const nhwc_plan *plan, int64_t tiles, bool borrow, bool later, int64_t sizes[PARTS]) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_split_plan *d = &plan->split;
    int64_t filters, plain;
    if (!nhwc_mul(tiles * p->groups, d->step_count, &filters) ||
        !nhwc_mul(filters, NHWC_SPLIT_PARTS * NHWC_SPLIT_TILE_BYTES, &filters) || !nhwc_mul(p->k, p->f, &plain) ||
        !nhwc_mul(plain, (int64_t)sizeof(float), &plain)) {
        return false;
    }
    sizes[PHASES] = 3 * p->kernel[1] * (int64_t)sizeof(int64_t);
    sizes[STEPS] = d->step_count * (int64_t)sizeof(nhwc_split_step);
    sizes[INPUTS] = d->step_count * (int64_t)sizeof(nhwc_split_inputs);
    sizes[BLOCKS] = d->block_count * (int64_t)sizeof(nhwc_split_filter_block);
    sizes[SEGMENTS] = d->segment_count * (int64_t)sizeof(nhwc_segment);
    sizes[BIAS] = tiles * p->groups * NHWC_SPLIT_FILTERS * (int64_t)sizeof(float);
    sizes[ZEROS] = p->c * (int64_t)sizeof(float);
    sizes[PLAIN] = nhwc_taps_in_place(plan, borrow) ? 0 : plain + plan->kernels->lanes * (int64_t)sizeof(float);
    sizes[FILTERS] = later ? 0 : filters;
    return true;
}

static void fill_blocks(nhwc_plan *plan, const float *bias, float *biases, char *filters) {
    const nhwc_problem *p = &plan->problem;
    nhwc_split_plan *d = &plan->split;
    int64_t count = 0;
    for (int64_t g = 0; g < p->groups; g++) {
        cut_group(p, g, &count, d->blocks + g * count);
    }
    for (int64_t i = 0; i < d->block_count; i++) {
        nhwc_split_filter_block *block = &d->blocks[i];
        const int64_t width = block->tiles * NHWC_SPLIT_FILTERS;
        block->filters = d->later ? NULL : filters;
        filters += d->later ? 0 : d->step_count * nhwc_split_step_bytes(block);
        block->bias = memset(biases, 0, (size_t)width * sizeof *biases);
        if (bias) {
            memcpy(biases, bias + block->first, (size_t)block->live * sizeof *biases);
        }
        biases += width;
    }
}

static void fill_shape(nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    nhwc_split_plan *d = &plan->split;
    const int64_t depth = p->c / p->groups;
    const storing way = choose_storing(p);
    d->channel_blocks = way.channel_blocks;
    d->pair_rows = way.pairs ? pair_rows_of(p) : 0;
    d->planes = d->channel_blocks ? nhwc_ceil_div(depth, NHWC_SPLIT_STEP) : 1;
    d->pixel = (d->channel_blocks ? NHWC_SPLIT_STEP : depth) * (int64_t)sizeof(uint16_t);
    d->column_step = p->kernel[2] == 1 ? p->stride[2] : 1;
    d->output_step = p->kernel[2] == 1 ? 1 : p->stride[2];
    d->step_count = way.steps;
    d->chunk = nhwc_ceil_div(d->step_count, nhwc_ceil_div(d->step_count, MOST_STEPS));
    d->segment_count = nhwc_tap_segments(p, NULL);
}

static void point_into(nhwc_plan *plan, char *memory, const int64_t offsets[PARTS]) {
    nhwc_split_plan *d = &plan->split;
    d->residues = (int64_t *)(memory + offsets[PHASES]);
    d->tails = d->residues + plan->problem.kernel[1];
    d->tap_phases = d->tails + plan->problem.kernel[1];
    d->steps = (nhwc_split_step *)(memory + offsets[STEPS]);
    d->inputs = (nhwc_split_inputs *)(memory + offsets[INPUTS]);
    d->blocks = (nhwc_split_filter_block *)(memory + offsets[BLOCKS]);
    d->segments = (nhwc_segment *)(memory + offsets[SEGMENTS]);
}

/* Whether a block of outputs can be stored at all, and blocks share so little that it is not stored again and again:
   with a wide dilation each has a long tail of rows. */
static bool storing_pays(const nhwc_plan *plan) {
    enum { MOST_BYTES = 8 << 20, MOST_TIMES = 4 };
    const nhwc_problem *p = &plan->problem;
    int64_t rows, cols;
    nhwc_split_largest_block(plan, &rows, &cols);
    const nhwc_split_layout l = nhwc_split_lay_out(plan, rows, cols);
    const double blocks = (double)(nhwc_ceil_div(p->out[1], rows) * nhwc_ceil_div(p->out[2], cols));
    const double stored = blocks * (double)l.plane_rows * (double)l.width;
    return l.bytes <= MOST_BYTES &&
           stored <= MOST_TIMES * (double)((p->in[1] + p->kernel[1]) * (p->in[2] + p->kernel[2]));
}

/* Leaves the problem to another method. */
static nhwc_status decline(nhwc_plan *plan) {
    if (plan->borrowed) {
        nhwc_workspace_give(plan->memory);
    } else {
        nhwc_aligned_free(plan->memory);
    }
    plan->memory = NULL;
    plan->unsplit = true;
    return NHWC_UNSUPPORTED;
}

nhwc_status nhwc_split_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    const nhwc_problem *p = &plan->problem;
    nhwc_split_plan *d = &plan->split;
    int64_t group_blocks, sizes[PARTS], offsets[PARTS], total;
    fill_shape(plan);
    d->together = 1;
    const int64_t tiles = cut_group(p, 0, &group_blocks, NULL);
    d->block_count = group_blocks * p->groups;
    const bool later = splits_later(plan);
    if (!part_sizes(plan, tiles, borrow, later, sizes) || !nhwc_lay_out(PARTS, sizes, offsets, &total)) {
        return NHWC_TOO_LARGE;
    }
    plan->borrowed = borrow;
    char *memory = plan->memory = borrow ? nhwc_workspace_take((size_t)total) : nhwc_aligned_alloc((size_t)total);
    if (!memory) {
        return NHWC_NO_MEMORY;
    }
    point_into(plan, memory, offsets);
    d->phases = cut_phases(p, d);
    if (!storing_pays(plan)) {
        return decline(plan);
    }
    d->later = later;
    (d->pair_rows ? cut_steps_of_pairs : cut_steps)(p, d);
    nhwc_tap_segments(p, d->segments);
    d->zeros = memset(memory + offsets[ZEROS], 0, (size_t)sizes[ZEROS]);
    fill_blocks(plan, bias, (float *)(memory + offsets[BIAS]), memory + offsets[FILTERS]);

    d->plain = filters;
    d->copy = nhwc_taps_in_place(plan, borrow) ? NULL : memory + offsets[PLAIN];
    if (d->later) {
        d->together = count_together(plan, group_blocks);
    } else {
        const nhwc_status status = nhwc_split_pack(plan);
        if (status != NHWC_OK) {
            return status;
        }
        d->plain = d->copy ? nhwc_split_copy_plain(plan) : filters;
        d->copy = NULL;
    }
    plan->packed_bytes = sizes[PLAIN] + sizes[FILTERS] + sizes[BIAS];
    int64_t rows, cols;
    nhwc_split_largest_block(plan, &rows, &cols);
    plan->workspace_bytes = nhwc_split_lay_out(plan, rows, cols).bytes;
    return NHWC_OK;
}
