/* The rows method's preparation: which groups share a vector, the blocks of pixels and filters, and the packing. */
#include "rows.h"
#include "lines.h"

#include "../base/memory.h"

#include <string.h>

/* Sizes that were chosen by measuring; see csrc/README.md. */
enum {
    IN_PLACE_BYTES = 256 << 10, /* of filters that a single call reads where they are, */
    IN_PLACE_PIXELS = 1024,     /* and the pixels from which packing pays all the same */
    SCRATCH_BYTES = 128 << 10,  /* of a block's padded copy, if it can be */
    SCRATCH_MOST = 1 << 20,     /* and at the most */
    BLOCK_BYTES = 256 << 10,    /* of the input and output that a block of pixels touches */
    LEAST_PIXELS = 48,          /* of a block */
};

/* ---- Groups that share a vector ---------------------------------------------------------------------------------- */

/* The part of all lanes that make results when 2^log2 groups share a vector; 0 if there is no such kernel. */
static double lane_use(const nhwc_plan *plan, int log2) {
    const nhwc_problem *p = &plan->problem;
    const int64_t spread = 1 << log2, lanes = plan->kernels->lanes / spread, f = p->f / p->groups;
    const int64_t vectors = lanes ? nhwc_ceil_div(f, lanes) : 0;
    if (vectors < 1 || spread > p->groups) {
        return 0;
    }
    if (spread > 1 && (vectors > NHWC_MAX_VECTORS || !plan->kernels->row[log2][vectors].run)) {
        return 0;
    }
    double filters = (double)f / (double)(vectors * lanes);
    return filters * (double)p->groups / (double)nhwc_round_up(p->groups, spread);
}

/* The sharing that uses the lanes best; groups together only where that gains enough for reordering. */
static int choose_spread(const nhwc_plan *plan) {
    const double GAIN = 1.15;
    int best = 0;
    for (int log2 = 1; log2 <= NHWC_MAX_SPREAD_LOG2; log2++) {
        if (lane_use(plan, log2) > (best ? 1 : GAIN) * lane_use(plan, best)) {
            best = log2;
        }
    }
    return best;
}

/* ---- Pixels ------------------------------------------------------------------------------------------------------ */

/* A single output has no use for a stride, nor a single tap for a dilation. */
static void drop_steps(nhwc_problem *p) {
    for (int axis = 0; axis < 3; axis++) {
        p->stride[axis] = p->out[axis] == 1 ? 1 : p->stride[axis];
        p->dilation[axis] = p->kernel[axis] == 1 ? 1 : p->dilation[axis];
    }
}

static bool is_pointwise(const nhwc_problem *p) { return p->kernel[0] == 1 && p->kernel[1] == 1 && p->kernel[2] == 1; }

/* Where no output needs a neighbour of its pixel, all pixels are one row. */
static void merge_rows(nhwc_problem *p) {
    for (int axis = 0; axis < 3; axis++) {
        if (p->kernel[axis] != 1 || p->in[axis] != p->out[axis]) {
            return;
        }
    }
    p->in[2] = p->out[2] = p->pixels;
    p->in[0] = p->in[1] = p->out[0] = p->out[1] = 1;
}

int64_t nhwc_rows_scratch_row(const nhwc_plan *plan) {
    const nhwc_rows_plan *d = &plan->rows;
    return nhwc_span(&d->shape, 2, d->cols) * d->pixel * (int64_t)plan->element;
}

int64_t nhwc_rows_scratch(const nhwc_plan *plan) {
    const nhwc_rows_plan *d = &plan->rows;
    return d->in_place ? 0 : d->shape.kernel[0] * nhwc_span(&d->shape, 1, d->rows) * nhwc_rows_scratch_row(plan);
}

int64_t nhwc_rows_workspace(const nhwc_plan *plan) {
    const int64_t partial = 2 * NHWC_MAX_MR * NHWC_MAX_VECTORS * plan->kernels->lanes * (int64_t)plan->element;
    return nhwc_round_up(partial, NHWC_ALIGNMENT) + nhwc_round_up(nhwc_rows_scratch(plan), NHWC_ALIGNMENT);
}

/* Block of whole rows if they fit, of about equal columns otherwise, that touches no more than BLOCK_BYTES and whose
   copy fits; false if no block does. */
static bool choose_block(nhwc_plan *plan) {
    nhwc_rows_plan *d = &plan->rows;
    const nhwc_problem *p = &d->shape;
    const int64_t width = nhwc_max(p->out[2], 1), height = nhwc_max(p->out[1], 1);
    const double step = (double)(nhwc_min(p->stride[1], p->kernel[1]) * nhwc_min(p->stride[2], p->kernel[2]));
    const double bytes_of_pixel = (double)plan->element * ((double)p->c * step + (double)p->f);
    int64_t pixels = nhwc_max((int64_t)(BLOCK_BYTES / bytes_of_pixel), LEAST_PIXELS);
    for (;; pixels /= 2) {
        d->cols = nhwc_ceil_div(width, nhwc_ceil_div(width, pixels));
        d->rows = nhwc_max(nhwc_min(pixels / d->cols, height), 1);
        int64_t bytes = nhwc_rows_scratch(plan);
        if (bytes <= SCRATCH_BYTES) {
            return true;
        }
        if (pixels < 2 * LEAST_PIXELS) {
            return bytes <= SCRATCH_MOST;
        }
    }
}

/* ---- The reduction ----------------------------------------------------------------------------------------------- */

/* Inputs that are neighbours, tap after tap of a row of the kernel where those are too. */
static int64_t run_length(const nhwc_plan *plan) {
    const nhwc_problem *p = &plan->rows.shape;
    const bool together = p->dilation[2] == 1 && (p->groups == 1 || !plan->rows.in_place);
    return p->c / p->groups * (together ? p->kernel[2] : 1);
}

/* From a pixel to where run number `run` begins, in elements. */
static int64_t run_offset(const nhwc_plan *plan, int64_t run) {
    const nhwc_rows_plan *d = &plan->rows;
    const nhwc_problem *p = &d->shape;
    const int64_t runs = p->k / run_length(plan) / (p->kernel[0] * p->kernel[1]); /* of a row of the kernel */
    const int64_t row = d->in_place ? p->in[2] * d->pixel : nhwc_span(p, 2, d->cols) * d->pixel;
    const int64_t slice = d->in_place ? p->in[1] * row * p->dilation[0] : nhwc_span(p, 1, d->rows) * row;
    const int64_t kernel_row = run / runs;
    return kernel_row / p->kernel[1] * slice + kernel_row % p->kernel[1] * p->dilation[1] * row +
           run % runs * p->dilation[2] * d->pixel;
}

/* Steps of the reduction that are summed in one chain: whole runs, unless that makes more chains. */
static int64_t chunk_steps(const nhwc_plan *plan, int64_t steps, int64_t run) {
    const int64_t most = nhwc_chunk(&plan->problem) / (plan->rows.taps ? 3 : 1), whole = most - most % run;
    return whole && nhwc_ceil_div(steps, whole) == nhwc_ceil_div(steps, most) ? whole : most;
}

/* Cuts the reduction into segments and returns their number; only counts where `segments` is NULL. A step is an input,
   or three with all taps at a time. */
static int64_t cut_reduction(const nhwc_plan *plan, nhwc_segment *segments) {
    const int64_t taps = plan->rows.taps ? 3 : 1, spread = plan->rows.spread;
    const int64_t steps = plan->problem.k / taps, run = run_length(plan) / taps, chunk = chunk_steps(plan, steps, run);
    int64_t count = 0;
    for (int64_t at = 0; at < steps; count++) {
        int64_t inside = at % run, chunk_end = nhwc_min(at - at % chunk + chunk, steps);
        int64_t length = nhwc_min(run - inside, chunk_end - at);
        if (segments) {
            segments[count] = (nhwc_segment){
                .offset = run_offset(plan, at / run) + inside * spread,
                .length = (int32_t)(length * spread),
                .ends = at + length < chunk_end   ? 0
                        : chunk_end % (8 * chunk) ? NHWC_ENDS_CHUNK
                                                  : NHWC_ENDS_BLOCK,
            };
        }
        at += length;
    }
    return count;
}

/* ---- The filters ------------------------------------------------------------------------------------------------- */

/* Cuts the filters into blocks and returns their number; *padded is the lanes of all. Only counts where `blocks` is
   NULL. */
static int64_t cut_filters(const nhwc_plan *plan, nhwc_rows_block *blocks, int64_t *padded) {
    const nhwc_rows_plan *d = &plan->rows;
    const nhwc_problem *p = &plan->problem;
    const int64_t f = p->f / p->groups, lanes = plan->kernels->lanes / d->spread;
    int64_t count = 0;
    *padded = 0;
    for (int64_t group = 0; group < p->groups; group += d->spread) {
        for (int64_t first = 0; first < f; count++) {
            int64_t left = nhwc_ceil_div(f - first, lanes);
            int vectors = d->spread > 1 ? (int)left
                          : d->taps     ? (int)nhwc_min(left, 2)
                                        : nhwc_block_vectors(plan->kernels, left);
            if (blocks) {
                blocks[count] = (nhwc_rows_block){
                    .family = d->taps ? &plan->kernels->row_taps[d->spread_log2][vectors]
                                      : &plan->kernels->row[d->spread_log2][vectors],
                    .first = group * f + first,
                    .live = nhwc_min(f - first, vectors * lanes),
                    .group = group,
                    .groups = nhwc_min(d->spread, p->groups - group),
                };
            }
            first += vectors * lanes;
            *padded += vectors * plan->kernels->lanes;
        }
    }
    return count;
}

/* Copies a row of results of the block, from where groups are neighbours to where they are interleaved. */
static void pack_row(const nhwc_plan *plan, const nhwc_rows_block *b, const char *from, char *to) {
    const size_t element = plan->element, spread = (size_t)plan->rows.spread;
    const int64_t f = plan->problem.f / plan->problem.groups;
    if (spread == 1) {
        memcpy(to, from, (size_t)b->live * element);
        return;
    }
    for (int64_t g = 0; g < b->groups; g++) {
        for (int64_t j = 0; j < b->live; j++) {
            memcpy(to + ((size_t)j * spread + (size_t)g) * element, from + (size_t)(g * f + j) * element, element);
        }
    }
}

/* Where the filters of input k of the reduction stand. */
static int64_t packed_row(const nhwc_plan *plan, int64_t k) {
    const int64_t channels = plan->problem.c / plan->problem.groups, run = 3 * channels;
    return plan->rows.taps ? k / run * run + k % channels * 3 + k % run / channels : k;
}

/* Copies the filters of all blocks that are not read in place, zero where nothing exists. Input by input, so that HWIO
   is read in its own order. */
static void pack_filters(const nhwc_plan *plan, const char *filters) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_rows_plan *d = &plan->rows;
    const int64_t element = (int64_t)plan->element;
    for (int64_t k = 0; k < p->k; k++) {
        for (int64_t i = 0; i < d->block_count; i++) {
            const nhwc_rows_block *b = &d->blocks[i];
            if (b->packed) {
                const int64_t width = b->family->nr * element;
                char *to = b->packed + packed_row(plan, k) * width;
                if (b->live * b->groups < b->family->nr) {
                    memset(to, 0, (size_t)width);
                }
                pack_row(plan, b, filters + (k * p->f + b->first) * element, to);
            }
        }
    }
}

/* Gives every block its filters and bias, both from `packed` on; filters in whole blocks stay where they are if
   `in_place`. */
static void fill_blocks(const nhwc_plan *plan, const char *filters, const char *bias, bool in_place, char *packed) {
    const nhwc_rows_plan *d = &plan->rows;
    const int64_t element = (int64_t)plan->element;
    for (int64_t i = 0; i < d->block_count; i++) {
        nhwc_rows_block *b = &d->blocks[i];
        const int64_t width = b->family->nr * element;
        memset(packed, 0, (size_t)width);
        if (bias) {
            pack_row(plan, b, bias + b->first * element, packed);
        }
        b->bias = packed;
        packed += width;
        if (in_place && d->spread == 1 && !d->taps && b->live == b->family->nr) {
            b->filters = filters + b->first * element;
            b->filter_pitch = plan->problem.f;
        } else {
            b->filters = b->packed = packed;
            b->filter_pitch = b->family->nr * (d->taps ? 3 : 1);
            packed += plan->problem.k * width;
        }
    }
    pack_filters(plan, filters);
}

/* ---- The plan ---------------------------------------------------------------------------------------------------- */

/* Windows and strides are limited so that no size here can overflow. */
static bool is_small(const nhwc_problem *p) {
    enum { WIDEST_WINDOW = 4096, LARGEST_STRIDE = 64 };
    for (int axis = 0; axis < 3; axis++) {
        if (p->kernel[axis] > WIDEST_WINDOW || p->dilation[axis] > WIDEST_WINDOW || p->stride[axis] > LARGEST_STRIDE ||
            (p->kernel[axis] - 1) * p->dilation[axis] >= WIDEST_WINDOW) {
            return false;
        }
    }
    return true;
}

/* Whether three taps at a time gain: not for odd numbers of vectors, which have blocks of three without, nor where a
   second pass over the output weighs more. */
static bool takes_taps(const nhwc_plan *plan, const nhwc_rows_plan *d) {
    enum { LEAST_INPUTS = 64 };
    const nhwc_problem *p = &plan->problem;
    const nhwc_row_family *taps = plan->kernels->row_taps[d->spread_log2];
    const int64_t vectors = nhwc_ceil_div(p->f / p->groups * d->spread, plan->kernels->lanes);
    if (vectors <= 1) {
        return taps[1].run;
    }
    return taps[2].run && vectors % 2 == 0 && (vectors == 2 || p->k >= LEAST_INPUTS);
}

/* Everything that needs no memory; false if the windows are too large for it, or no block of pixels fits. */
static bool shape_plan(nhwc_plan *plan) {
    nhwc_rows_plan *d = &plan->rows;
    nhwc_problem *p = &d->shape;
    *p = plan->problem;
    drop_steps(p);
    if (!is_small(p)) {
        return false;
    }
    d->spread_log2 = choose_spread(plan);
    d->spread = 1 << d->spread_log2;
    d->taps = p->kernel[2] == 3 && p->stride[2] == 1 && p->dilation[2] == 1 && takes_taps(plan, d);
    d->in_place = d->spread == 1 && !nhwc_has_padding(p) && (is_pointwise(p) || p->groups == 1);
    d->pixel = d->in_place ? p->c : p->c / p->groups * d->spread;
    if (d->in_place && plan->dense) {
        merge_rows(p);
    }
    return choose_block(plan);
}

/* Whether most of the padded copy is read: strides and dilations that leap far would copy what nobody needs. */
static bool is_dense(const nhwc_plan *plan) {
    const nhwc_rows_plan *d = &plan->rows;
    const nhwc_problem *p = &d->shape;
    return d->in_place || (nhwc_span(p, 1, d->rows) <= 4 * d->rows * p->kernel[1] &&
                           nhwc_span(p, 2, d->cols) <= 4 * d->cols * p->kernel[2]);
}

/* Whether rows are long enough for tiles of a good height. One vector of results leaves other methods little more. */
static bool fills_tiles(const nhwc_plan *plan) {
    const nhwc_kernels *kernels = plan->kernels;
    const int64_t f = plan->problem.f / plan->problem.groups, cols = plan->rows.cols;
    const int64_t mr = kernels->row[0][nhwc_block_vectors(kernels, nhwc_ceil_div(f, kernels->lanes))].mr;
    return 20 * cols >= (f <= kernels->lanes ? 11 : 12) * nhwc_round_up(cols, mr);
}

/* Best where sums are short, so that what other methods do per tile and per run weighs; where groups share vectors; and
   where all pixels are one row. */
bool nhwc_rows_serves(const nhwc_plan *plan) {
    enum { FEW_CHANNELS = 32, LINE_CHANNELS = 24, POINTWISE_CHANNELS = 256 };
    const nhwc_problem *p = &plan->problem;
    const int64_t channels = p->c / p->groups;
    const bool depthwise = p->groups > 1 && channels == 1;
    nhwc_plan trial = *plan;
    if (!plan->kernels->spread[0] || depthwise || p->c == 0 || p->f == 0 || channels > POINTWISE_CHANNELS ||
        !shape_plan(&trial) || !is_dense(&trial)) {
        return false;
    }
    return is_pointwise(p) || trial.rows.spread > 1 || (trial.rows.taps && p->f / p->groups <= plan->kernels->lanes) ||
           (channels <= FEW_CHANNELS && fills_tiles(&trial) && !(channels >= LINE_CHANNELS && nhwc_lines_serves(plan)));
}

nhwc_status nhwc_rows_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    const nhwc_problem *p = &plan->problem;
    nhwc_rows_plan *d = &plan->rows;
    shape_plan(plan);
    int64_t padded, packed, blocks;
    d->segment_count = cut_reduction(plan, NULL);
    d->block_count = cut_filters(plan, NULL, &padded);
    const int64_t segments = nhwc_round_up(d->segment_count * (int64_t)sizeof(nhwc_segment), NHWC_ALIGNMENT);
    if (!nhwc_mul(d->block_count, sizeof(nhwc_rows_block), &blocks) || !nhwc_mul(padded, p->k + 1, &packed) ||
        !nhwc_mul(packed, (int64_t)plan->element, &packed)) {
        return NHWC_TOO_LARGE;
    }
    blocks = nhwc_round_up(blocks, NHWC_ALIGNMENT);
    const size_t total = (size_t)(segments + blocks + packed);
    char *memory = plan->memory = borrow ? nhwc_workspace_take(total) : nhwc_aligned_alloc(total);
    plan->borrowed = borrow;
    if (!memory) {
        return NHWC_NO_MEMORY;
    }
    d->segments = (nhwc_segment *)memory;
    d->blocks = (nhwc_rows_block *)(memory + segments);
    cut_reduction(plan, d->segments);
    cut_filters(plan, d->blocks, &padded);
    const bool in_place = borrow && p->n >= 0 && p->n * p->pixels < IN_PLACE_PIXELS && packed <= IN_PLACE_BYTES;
    fill_blocks(plan, filters, bias, in_place, memory + segments + blocks);
    plan->packed_bytes = packed;
    plan->workspace_bytes = nhwc_rows_workspace(plan);
    return NHWC_OK;
}
