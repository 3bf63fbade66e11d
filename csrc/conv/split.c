/* The split method's loops: direct convolution by products of bfloat16 parts of float32 values.

       for block of output pixels, for range of blocks of filters:                            parallel
           store the input that the block reads as parts, padded, unless it is there already
           for block of filters, for chunk of the reduction, for pair of tiles of pixels:
               sums += input * filters                                                        kernel
               after the last chunk: results
           for pixel that reads a value that has no parts: compute it directly

   Outputs are numbered across the rows as they are stored, so a tile goes over row ends; what it computes for the
   columns between rows is dropped. A tile's rows lie a constant distance apart, whatever the stride: rows of the input
   are stored by their residue under it. Nothing that is multiplied is left unset, since a step reads on into its
   neighbour where a row of taps ends, and multiplies that by zeros. */
#include "split.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

enum { PAIR = NHWC_SPLIT_TILES * NHWC_SPLIT_PIXELS, FLAGS = 64 };

/* Where the operands of one call are, and how it is cut into tasks. */
typedef struct {
    const nhwc_plan *plan;
    const char *x;
    const void *residual;
    char *out;
    int64_t row_blocks, col_blocks, pixel_blocks; /* of an image; of a call */
    int64_t filter_parts;                         /* ranges of blocks of filters */
    bool filters_first;                           /* filters are larger than the input, and are cut first */
    int64_t stretch;          /* columns that share a flag: fixed by the shape, so that bits do not depend on the cut */
    nhwc_split_layout layout; /* of the largest block */
    char *workspace;          /* of all threads */
} call;

/* A block of output pixels in a thread's hands. */
typedef struct {
    int64_t n, depth, row, col; /* the first output */
    int64_t group;              /* -1: nothing is stored */
    int64_t rows, cols, pixels; /* pixels: with those between rows, as whole tiles */
    uint64_t *flags;            /* of each stored row: a bit for each stretch of columns of which one has no parts */
    int64_t *steps;             /* from an output's first input to what each step reads, in bytes */
    int64_t *offsets;           /* of each pixel's results */
    int64_t *refused;           /* pixels that are to be computed directly */
    int64_t refused_count;
    int x_parts;            /* that some stored value has */
    float *fresh[2], *sums; /* of a pair of tiles and a chunk; of all pixels */
    const void **table;
    char *parts;
} region;

_Static_assert(sizeof(region) <= NHWC_SPLIT_HEAD, "the head of the workspace holds a region");

/* ---- Storing the input ------------------------------------------------------------------------------------------- */

/* The first part of stored column `col` of stored row `row`. */
static uint16_t *stored_at(const call *c, const region *r, int64_t row, int64_t col) {
    return (uint16_t *)(r->parts + (row * c->layout.width + col) * c->plan->split.pixel);
}

/* The flag of a stored column, and the first that the next flag has. */
static int64_t flag_of(const call *c, const region *r, int64_t col) {
    const int64_t first = r->col * c->plan->split.output_step;
    return (first + col) / c->stretch - first / c->stretch;
}

static int64_t next_stretch(const call *c, const region *r, int64_t col) {
    const int64_t first = r->col * c->plan->split.output_step;
    return nhwc_round_up(first + col + 1, c->stretch) - first;
}

static void clear_columns(const call *c, uint16_t *to, int64_t columns) {
    const nhwc_split_plan *d = &c->plan->split;
    for (int64_t part = 0; part < NHWC_SPLIT_PARTS; part++) {
        for (int64_t plane = 0; plane < d->planes; plane++) {
            memset((char *)to + part * c->layout.part + plane * c->layout.plane, 0, (size_t)(columns * d->pixel));
        }
    }
}

/* Columns whose inputs are `step` pixels apart; false: one of them has no parts, and zeros stand for all. */
static bool store_columns(const call *c, region *r, const float *x, int64_t step, int64_t columns, uint16_t *to) {
    const nhwc_plan *plan = c->plan;
    const nhwc_split_plan *d = &plan->split;
    const int64_t depth = plan->problem.c / plan->problem.groups, element = (int64_t)sizeof(uint16_t);
    nhwc_split_input t = {
        .x = x,
        .x_pitch = step * plan->problem.c,
        .pixels = columns,
        .channels = depth,
        .to = to,
        .to_pitch = d->pixel / element,
        .to_block = d->channel_blocks ? c->layout.plane / element : NHWC_SPLIT_STEP,
        .part_pitch = c->layout.part / element,
        .fill = d->channel_blocks,
        .least = d->least,
        .most = d->most,
        .parts = &r->x_parts,
    };
    if (!d->channel_blocks && step == 1 && depth == plan->problem.c) {
        t.channels *= columns;
        t.pixels = 1;
    }
    if (plan->isa->split->input(&t)) {
        return true;
    }
    clear_columns(c, to, columns);
    return false;
}

/* One stored row, from where the input row's channels of the group begin, or from zeros. */
static void store_row(const call *c, region *r, const float *x, int64_t row) {
    const nhwc_problem *p = &c->plan->problem;
    const nhwc_split_plan *d = &c->plan->split;
    const int64_t width = c->layout.width, step = d->column_step;
    const int64_t first = r->col * p->stride[2] - p->before[2]; /* of stored column 0 */
    r->flags[row] = 0;
    if (!x) {
        clear_columns(c, stored_at(c, r, row, 0), width);
        return;
    }
    for (int64_t col = 0; col < width;) {
        const int64_t at = first + col * step;
        int64_t count = nhwc_min(width, next_stretch(c, r, col)) - col;
        bool good = true;
        if (at >= 0 && at < p->in[2]) {
            count = nhwc_min(count, (p->in[2] - 1 - at) / step + 1);
            good = store_columns(c, r, x + at * p->c, step, count, stored_at(c, r, row, col));
        } else {
            const int64_t source = nhwc_source_index(p->padding_mode, at, p->in[2]);
            count = 1;
            if (source < 0) {
                clear_columns(c, stored_at(c, r, row, col), 1);
            } else {
                good = store_columns(c, r, x + source * p->c, 1, 1, stored_at(c, r, row, col));
            }
        }
        r->flags[row] |= (uint64_t)!good << flag_of(c, r, col);
        col += count;
    }
}

/* All rows that the region reads: for each depth tap, for each phase, those of the outputs and its tail. Returns
   whether any has a value without parts. */
static bool store_input(const call *c, region *r, int64_t group) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_split_plan *d = &plan->split;
    const char *x = c->x + r->n * p->in[0] * p->in[1] * p->in[2] * p->c * (int64_t)sizeof(float);
    uint64_t flags = 0;
    int64_t row = 0;
    r->x_parts = 1;
    for (int64_t k = 0; k < p->kernel[0]; k++) {
        const int64_t depth = nhwc_tap_source(p, 0, r->depth, k);
        for (int64_t phase = 0; phase < d->phases; phase++) {
            for (int64_t i = 0; i < r->rows + d->tails[phase]; i++, row++) {
                const int64_t at = (r->row + i) * p->stride[1] + d->residues[phase] - p->before[1];
                const int64_t source = nhwc_source_index(p->padding_mode, at, p->in[1]);
                const char *from = nhwc_input_row(plan, x, depth, source);
                store_row(c, r, from ? (const float *)from + group * (p->c / p->groups) : NULL, row);
                flags |= r->flags[row];
            }
        }
    }
    for (int64_t part = 0; part < NHWC_SPLIT_PARTS; part++) { /* what the last tile and step read beyond the rows */
        char *end =
            r->parts + part * c->layout.part + (d->planes - 1) * c->layout.plane + row * c->layout.width * d->pixel;
        memset(end, 0, (size_t)(r->parts + (part + 1) * c->layout.part - end));
    }
    return flags != 0;
}

/* ---- Placing pixels ---------------------------------------------------------------------------------------------- */

/* The first stored row of a tap, for output row 0 of the region. */
static int64_t tap_row(const call *c, const region *r, int64_t depth, int64_t tap) {
    const nhwc_problem *p = &c->plan->problem;
    const nhwc_split_plan *d = &c->plan->split;
    int64_t row = 0, plane_rows = 0;
    for (int64_t phase = 0; phase < d->phases; phase++) {
        row += phase < d->tap_phases[tap] ? r->rows + d->tails[phase] : 0;
        plane_rows += r->rows + d->tails[phase];
    }
    return depth * plane_rows + row + tap * p->dilation[1] / p->stride[1];
}

static void place_steps(const call *c, region *r) {
    const nhwc_problem *p = &c->plan->problem;
    const nhwc_split_plan *d = &c->plan->split;
    for (int64_t i = 0; i < d->step_count; i++) {
        const nhwc_split_step *s = &d->steps[i];
        const int64_t at = tap_row(c, r, s->depth, s->row) * c->layout.width + s->column * p->dilation[2];
        r->steps[i] =
            at * d->pixel + (d->channel_blocks ? s->block * c->layout.plane : s->block * (int64_t)sizeof(uint16_t));
    }
}

/* Whether an output reads a column without parts. */
static bool is_refused(const call *c, const region *r, int64_t row, int64_t col) {
    const nhwc_problem *p = &c->plan->problem;
    const nhwc_split_plan *d = &c->plan->split;
    const int64_t first = col * d->output_step, last = first + (p->kernel[2] - 1) * p->dilation[2];
    const uint64_t from = ~0ull << flag_of(c, r, first), to = ~0ull >> (FLAGS - 1 - flag_of(c, r, last));
    for (int64_t k = 0; k < p->kernel[0]; k++) {
        for (int64_t tap = 0; tap < p->kernel[1]; tap++) {
            if (r->flags[tap_row(c, r, k, tap) + row] & from & to) {
                return true;
            }
        }
    }
    return false;
}

static void place_pixels(const call *c, region *r, bool any_flag) {
    const int64_t columns = c->layout.width / c->plan->split.output_step;
    r->refused_count = 0;
    for (int64_t i = 0; i < nhwc_round_up(r->pixels, PAIR); i++) {
        const int64_t row = i / columns, col = i % columns;
        r->offsets[i] = -1;
        if (row >= r->rows || col >= r->cols) {
            continue;
        }
        if (any_flag && is_refused(c, r, row, col)) {
            r->refused[r->refused_count++] = row * r->cols + col;
        } else {
            r->offsets[i] = nhwc_out_at(c->plan, r->n, r->depth, r->row + row, r->col + col);
        }
    }
}

/* ---- Results ----------------------------------------------------------------------------------------------------- */

/* The refused pixels' results for one block of filters. */
static void compute_directly(const call *c, const region *r, const nhwc_split_filter_block *block) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_split_plan *d = &plan->split;
    const bool pair = block->live == 2 * plan->kernels->lanes;
    const nhwc_tile_family *family = &plan->kernels->direct[pair ? 2 : 1];
    const int64_t taps = p->kernel[0] * p->kernel[1] * p->kernel[2], first = block->group * (p->c / p->groups);
    const char *x = c->x + r->n * p->in[0] * p->in[1] * p->in[2] * p->c * (int64_t)sizeof(float);
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
            const int64_t row = r->row + r->refused[at + i] / r->cols, col = r->col + r->refused[at + i] % r->cols;
            for (int64_t k = 0; k < taps; k++) {
                const int64_t tap_row = k / p->kernel[2] % p->kernel[1];
                const int64_t source = nhwc_tap_source(p, 2, col, k % p->kernel[2]);
                const char *from =
                    nhwc_input_row(plan, x, nhwc_tap_source(p, 0, r->depth, k / p->kernel[2] / p->kernel[1]),
                                   nhwc_tap_source(p, 1, row, tap_row));
                r->table[i * taps + k] =
                    from && source >= 0 ? (const float *)from + source * p->c + first : (const float *)d->zeros;
            }
            offsets[i] = nhwc_out_at(plan, r->n, r->depth, row, col);
        }
        for (int64_t v = 0; v < block->live; v += family->nr) {
            t.filters = (const float *)d->plain + block->first + v;
            t.bias = (const float *)block->bias + v;
            t.residual = c->residual ? (const float *)c->residual + block->first + v : NULL;
            t.out = (float *)c->out + block->first + v;
            t.live = nhwc_min(block->live - v, family->nr);
            family->run(&t, (int)count);
            for (int64_t i = 0; i < count && plan->activate; i++) {
                plan->activate((float *)t.out + offsets[i], t.live, p->activation);
            }
        }
    }
}

/* Results of pixels `first` and on, of which `last` are the sums over the last chunk. */
static void finish(const call *c, const region *r, const nhwc_split_filter_block *block, int64_t first,
                   const float *last) {
    const nhwc_plan *plan = c->plan;
    const int64_t width = block->tiles * NHWC_SPLIT_FILTERS;
    const bool one_chunk = plan->split.step_count <= plan->split.chunk;
    nhwc_split_results t = {
        .sums = one_chunk ? last : r->sums + first * width,
        .more = one_chunk ? NULL : last,
        .pixels = nhwc_min(PAIR, r->pixels - first),
        .width = width,
        .offsets = r->offsets + first,
        .bias = block->bias,
        .residual = c->residual ? (const float *)c->residual + block->first : NULL,
        .out = (float *)c->out + block->first,
        .clamp = plan->clamp.f32,
        .live = block->live,
    };
    plan->isa->split->results(&t);
    for (int64_t i = 0; i < t.pixels && plan->activate; i++) {
        if (t.offsets[i] >= 0) {
            plan->activate(t.out + t.offsets[i], block->live, plan->problem.activation);
        }
    }
}

/* One chunk's sums for all tiles of a region. Sums go to two small places in turn, so that those of one pair of tiles
   are added up, or made results, while the next is multiplied; `turn` counts the pairs so far. While the filters of the
   chunk are at work, their successors are fetched. */
static void run_chunk(const call *c, const region *r, const nhwc_split_filter_block *block, int64_t step,
                      nhwc_split_pending *pending, int64_t turn) {
    const nhwc_split_plan *d = &c->plan->split;
    const int64_t step_bytes = (int64_t)NHWC_SPLIT_PARTS * block->tiles * NHWC_SPLIT_TILE_BYTES;
    const int64_t width = block->tiles * NHWC_SPLIT_FILTERS, pairs = nhwc_ceil_div(r->pixels, PAIR);
    const int64_t pixel_pitch = d->output_step * d->pixel, count = nhwc_min(d->chunk, d->step_count - step);
    const bool last = step + count == d->step_count;
    nhwc_split_block t = {
        .part_pitch = c->layout.part,
        .pixel_pitch = pixel_pitch,
        .tile_pitch = NHWC_SPLIT_PIXELS * pixel_pitch,
        .steps = r->steps + step,
        .count = count,
        .filters = block->filters + step * step_bytes,
        .x_parts = r->x_parts,
        .filter_parts = d->filter_parts,
        .ahead_lines = nhwc_ceil_div(step_bytes / NHWC_ALIGNMENT, pairs),
    };
    for (int64_t i = 0; i < pairs; i++, turn++) {
        const int64_t first = i * PAIR, tiles = r->pixels - first > NHWC_SPLIT_PIXELS ? 2 : 1;
        t.x = r->parts + first * pixel_pitch;
        t.sums = r->fresh[turn % 2];
        t.ahead = t.filters + (count * step_bytes + i * t.ahead_lines * count * NHWC_ALIGNMENT);
        t.pending = *pending;
        c->plan->isa->split->block(&t, (int)tiles, block->tiles);
        *pending = (nhwc_split_pending){
            .from = t.sums,
            .to = r->sums + first * width,
            .count = last ? 0 : tiles * NHWC_SPLIT_PIXELS * width,
            .add = step > 0,
        };
        if (last && i > 0) {
            finish(c, r, block, first - PAIR, r->fresh[(turn + 1) % 2]);
        }
    }
    if (last) {
        finish(c, r, block, (pairs - 1) * PAIR, r->fresh[(turn + 1) % 2]);
    }
}

/* A region's results for one block of filters. */
static void run_block(const call *c, const region *r, const nhwc_split_filter_block *block) {
    const nhwc_split_plan *d = &c->plan->split;
    nhwc_split_pending pending = {0};
    int64_t turn = 0;
    for (int64_t step = 0; step < d->step_count; step += d->chunk) {
        run_chunk(c, r, block, step, &pending, turn);
        turn += nhwc_ceil_div(r->pixels, PAIR);
    }
}

/* A region's results for some blocks of filters that stay in the second-level cache and have one chunk: pairs of tiles
   in turn for all of them, so that a pixel's results are written together. */
static void run_pixels(const call *c, const region *r, int64_t first, int64_t last) {
    const nhwc_split_plan *d = &c->plan->split;
    const int64_t pixel_pitch = d->output_step * d->pixel;
    nhwc_split_block t = {
        .part_pitch = c->layout.part,
        .pixel_pitch = pixel_pitch,
        .tile_pitch = NHWC_SPLIT_PIXELS * pixel_pitch,
        .steps = r->steps,
        .count = d->step_count,
        .x_parts = r->x_parts,
        .filter_parts = d->filter_parts,
    };
    const nhwc_split_filter_block *before = NULL;
    int64_t turn = 0, pixel_before = 0;
    for (int64_t i = 0; i < r->pixels; i += PAIR) {
        t.x = r->parts + i * pixel_pitch;
        for (int64_t b = first; b < last; b++, turn++) {
            t.filters = d->blocks[b].filters;
            t.sums = r->fresh[turn % 2];
            c->plan->isa->split->block(&t, r->pixels - i > NHWC_SPLIT_PIXELS ? 2 : 1, d->blocks[b].tiles);
            if (before) {
                finish(c, r, before, pixel_before, r->fresh[(turn + 1) % 2]);
            }
            before = &d->blocks[b];
            pixel_before = i;
        }
    }
    finish(c, r, before, pixel_before, r->fresh[(turn + 1) % 2]);
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------- */

/* Blocks first .. last - 1 of filters, group by group. */
static void run_region(const call *c, region *r, int64_t first, int64_t last) {
    enum { NEAR_BYTES = 768 << 10 }; /* of filters that stay in the second-level cache */
    const nhwc_split_plan *d = &c->plan->split;
    while (first < last) {
        const int64_t group = d->blocks[first].group;
        int64_t end = first, bytes = 0;
        for (; end < last && d->blocks[end].group == group; end++) {
            bytes += d->step_count * NHWC_SPLIT_PARTS * d->blocks[end].tiles * NHWC_SPLIT_TILE_BYTES;
        }
        if (group != r->group) {
            const bool any_flag = store_input(c, r, group);
            place_pixels(c, r, any_flag);
            r->group = group;
        }
        const bool all_refused = r->refused_count == r->rows * r->cols;
        if (!all_refused && d->step_count <= d->chunk && bytes <= NEAR_BYTES) {
            run_pixels(c, r, first, end);
        } else {
            for (int64_t b = first; b < end && !all_refused; b++) {
                run_block(c, r, &d->blocks[b]);
            }
        }
        for (int64_t b = first; b < end && r->refused_count; b++) {
            compute_directly(c, r, &d->blocks[b]);
        }
        first = end;
    }
}

/* Makes r the region of a task, unless it is already. */
static void enter(const call *c, region *r, int64_t at) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    int64_t row, rows, col, cols;
    nhwc_take_part(&at, c->col_blocks, p->out[2], &col, &cols);
    nhwc_take_part(&at, c->row_blocks, p->out[1], &row, &rows);
    const int64_t depth = at % p->out[0], n = at / p->out[0];
    if (r->rows && r->n == n && r->depth == depth && r->row == row && r->col == col) {
        return;
    }
    const bool same_shape = rows == r->rows;
    r->n = n;
    r->depth = depth;
    r->row = row;
    r->col = col;
    r->rows = rows;
    r->cols = cols;
    r->pixels = nhwc_split_pixels(plan, &c->layout, rows);
    r->group = -1;
    if (!same_shape) {
        place_steps(c, r);
    }
}

/* A thread's region lies at the head of its workspace, so that its next tasks find the input stored. */
static region *region_of(const call *c, int64_t worker) { return (region *)(c->workspace + worker * c->layout.bytes); }

static void prepare_region(const call *c, int64_t worker) {
    const nhwc_split_layout *l = &c->layout;
    region *r = region_of(c, worker);
    char *workspace = (char *)r;
    *r = (region){
        .flags = (uint64_t *)(workspace + l->flags),
        .steps = (int64_t *)(workspace + l->steps),
        .offsets = (int64_t *)(workspace + l->offsets),
        .refused = (int64_t *)(workspace + l->refused),
        .fresh = {(float *)(workspace + l->sums), (float *)(workspace + l->sums) + NHWC_SPLIT_BLOCK_SUMS},
        .sums = (float *)(workspace + l->sums) + 2 * NHWC_SPLIT_BLOCK_SUMS,
        .table = (const void **)(workspace + l->table),
        .parts = workspace + l->parts,
    };
}

/* Neighbouring tasks share the stored input, or the range of filters where these are the larger. */
static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const call *c = context;
    const nhwc_split_plan *d = &c->plan->split;
    region *r = region_of(c, worker);
    c->plan->isa->split->begin();
    for (int64_t task = first; task < last; task++) {
        const int64_t part = c->filters_first ? task / c->pixel_blocks : task % c->filter_parts;
        enter(c, r, c->filters_first ? task % c->pixel_blocks : task / c->filter_parts);
        run_region(c, r, part * d->block_count / c->filter_parts, (part + 1) * d->block_count / c->filter_parts);
    }
    c->plan->isa->split->end();
}

static int64_t count_tasks(call *c, int64_t n, int64_t rows, int64_t cols) {
    const nhwc_problem *p = &c->plan->problem;
    c->row_blocks = nhwc_ceil_div(p->out[1], rows);
    c->col_blocks = nhwc_ceil_div(p->out[2], cols);
    c->pixel_blocks = n * p->out[0] * c->row_blocks * c->col_blocks;
    return c->pixel_blocks * c->filter_parts;
}

/* Cuts finer until every thread has a few tasks: pixels where the input is larger, filters where they are. */
static int64_t cut_tasks(call *c, int64_t n, int threads) {
    enum { TASKS_PER_THREAD = 2, LEAST_PIXELS = 3 * PAIR };
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const int64_t enough = (int64_t)threads * TASKS_PER_THREAD;
    int64_t rows, cols;
    nhwc_split_largest_block(plan, &rows, &cols);
    c->filter_parts = 1;
    c->filters_first = p->k * (p->f / p->groups) > 2 * p->in[1] * p->in[2] * p->c;
    int64_t tasks = count_tasks(c, n, rows, cols);
    if (threads > 1) {
        for (int step = 0; step < 2; step++) {
            if (tasks < enough && c->filters_first == (step == 0)) {
                c->filter_parts = nhwc_min(nhwc_ceil_div(enough, tasks), plan->split.block_count);
            }
            while (count_tasks(c, n, rows, cols) < enough && c->filters_first == (step == 1) &&
                   rows * cols > LEAST_PIXELS) {
                *(rows > 1 ? &rows : &cols) = nhwc_ceil_div(rows > 1 ? rows : cols, 2);
            }
            tasks = count_tasks(c, n, rows, cols);
        }
    }
    c->layout = nhwc_split_lay_out(plan, rows, cols);
    c->stretch = nhwc_max(FLAGS, nhwc_ceil_div(nhwc_split_lay_out(plan, 1, p->out[2]).width, FLAGS - 1));
    return tasks;
}

static nhwc_status run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out) {
    const double GRAIN = 4e6; /* multiplications worth a thread */
    const nhwc_problem *p = &plan->problem;
    call c = {.plan = plan, .x = x, .residual = residual, .out = out};
    double work = (double)n * (double)p->pixels * (double)p->k * (double)p->f;
    int threads = nhwc_threads_for(work, GRAIN);
    int64_t tasks = cut_tasks(&c, n, threads);
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
