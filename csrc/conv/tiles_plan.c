/* The tiles method's preparation: how the input is reached, how the reduction and the filters are cut into pieces
   and blocks. */
#include "panels.h"
#include "source.h"
#include "tiles.h"

#include "../base/memory.h"

#include <string.h>

/* Sizes that were chosen by measuring; see csrc/README.md. */
enum {
    MAX_POINTERS = 2048,       /* of a pixel at a time */
    TABLE_BYTES = 512 << 10,   /* of a block's pointer table */
    INPUT_BYTES = 256 << 10,   /* of input that a block of pixels reads */
    MOST_PIXELS = 1024,        /* of a block */
    SCRATCH_BYTES = 128 << 10, /* of a block's padded copy, if it can be */
    SCRATCH_MOST = 2 << 20,    /* and at the most */
    FEW_CHANNELS = 32,         /* below this, runs over the kernel's width pay for a padded copy */
    MOST_SKIPPED = 4096,       /* segments that a tile can pick from */
};

/* Bytes of the padded copy that rows x cols output pixels need, or -1 for absurdly many. */
static int64_t scratch_bytes(const nhwc_plan *plan, int64_t channels, int64_t rows, int64_t cols) {
    const nhwc_problem *p = &plan->problem;
    int64_t sizes[] = {nhwc_span(p, 1, rows), nhwc_tiles_width(p, cols), channels, (int64_t)plan->element};
    int64_t bytes = p->kernel[0];
    for (int i = 0; i < 4; i++) {
        if (!nhwc_mul(bytes, sizes[i], &bytes)) {
            return -1;
        }
    }
    return bytes;
}

/* The largest block of output pixels, whole rows if they fit, of about equal columns otherwise. */
static void cut_pixels(const nhwc_problem *p, int64_t pixels, int64_t *rows, int64_t *cols) {
    int64_t width = nhwc_max(p->out[2], 1), height = nhwc_max(p->out[1], 1);
    if (width <= pixels) {
        *cols = width;
        *rows = nhwc_min(pixels / width, height);
    } else {
        *cols = nhwc_ceil_div(width, nhwc_ceil_div(width, pixels));
        *rows = 1;
    }
}

/* Whether most of the padded copy is read: strides and dilations that leap far would copy what nobody needs. */
static bool is_dense(const nhwc_problem *p, int64_t rows, int64_t cols) {
    return nhwc_span(p, 1, rows) <= 4 * rows * p->kernel[1] && nhwc_tiles_width(p, cols) <= 4 * cols * p->kernel[2];
}

/* Shrinks the block until its padded copy fits; false if no block does. */
static bool fit_scratch(nhwc_plan *plan, int64_t channels) {
    nhwc_tiles_plan *d = &plan->tiles;
    int64_t pixels = MOST_PIXELS;
    for (;; pixels /= 2) {
        cut_pixels(&plan->problem, pixels, &d->rows, &d->cols);
        int64_t bytes = scratch_bytes(plan, channels, d->rows, d->cols);
        if (bytes >= 0 && bytes <= SCRATCH_BYTES) {
            return is_dense(&plan->problem, d->rows, d->cols);
        }
        if (pixels <= 2 * NHWC_MAX_MR) {
            return bytes >= 0 && bytes <= SCRATCH_MOST && is_dense(&plan->problem, d->rows, d->cols);
        }
    }
}

/* Where the pointers lead: straight into the input when no tap meets padding and the taps of a row are neighbours; into
   a padded copy of the block's rows when channels are so few that a run of them would be too short; otherwise each
   tap has a pointer, into the input or to zeros. */
static void choose_access(nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    nhwc_tiles_plan *d = &plan->tiles;
    int64_t channels = p->c / p->groups, multiplier = p->groups > 0 ? p->f / p->groups : 0;
    int64_t rows_of_taps = p->kernel[0] * p->kernel[1], width = p->kernel[2];
    bool few = channels < FEW_CHANNELS && width > 1 && rows_of_taps <= MAX_POINTERS;

    d->repeat = 1;
    d->scratch_channels = channels;
    d->depthwise = p->groups > 1 && channels == 1;
    if (d->depthwise && multiplier > 1) {
        d->depthwise = fit_scratch(plan, p->f) && rows_of_taps <= MAX_POINTERS && rows_of_taps * width <= MAX_POINTERS;
        if (d->depthwise) {
            d->repeat = multiplier;
            d->access = NHWC_SCRATCH;
            d->scratch_channels = p->f;
            d->pointers = rows_of_taps;
            d->run = width;
            return;
        }
    }
    bool in_place = !nhwc_has_padding(p) && (width == 1 || (p->dilation[2] == 1 && p->groups == 1));
    if (!d->depthwise && in_place) {
        d->access = NHWC_ROWS;
    } else if (!d->depthwise && few && fit_scratch(plan, channels)) {
        d->access = NHWC_SCRATCH;
    } else {
        d->access = NHWC_GATHER;
    }
    bool by_rows = d->access != NHWC_GATHER;
    d->pointers = by_rows ? rows_of_taps : rows_of_taps * width;
    d->run = (by_rows ? width : 1) * channels;
}

/* The block of pixels for access without a copy: so much input as stays in the second-level cache. */
static void choose_pixels(nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    nhwc_tiles_plan *d = &plan->tiles;
    int64_t table = TABLE_BYTES / (8 * d->table_pointers), pixels = MOST_PIXELS;
    if (d->access != NHWC_SCRATCH) {
        int64_t bytes = (int64_t)plan->element * nhwc_max(p->c, 1);
        int64_t step = nhwc_min(p->stride[1], p->kernel[1]) * nhwc_min(p->stride[2], p->kernel[2]);
        pixels = nhwc_max(INPUT_BYTES / bytes / nhwc_min(step, INPUT_BYTES), 4 * NHWC_MAX_MR);
        pixels = nhwc_min(pixels, MOST_PIXELS);
        cut_pixels(p, nhwc_min(pixels, nhwc_max(table, 1)), &d->rows, &d->cols);
    } else {
        cut_pixels(p, nhwc_min(d->rows * d->cols, nhwc_max(table, 1)), &d->rows, &d->cols);
    }
}

/* Visits the reduction in order and cuts it into segments, chunks and pieces; counts only where arrays are NULL. */
static void cut_reduction(const nhwc_problem *p, nhwc_tiles_plan *d, nhwc_segment *segments, nhwc_piece *pieces) {
    const int64_t chunk = nhwc_chunk(p), reduction = p->k;
    int64_t at = 0, segment_count = 0, piece_count = 0, widest = 1;
    nhwc_piece piece = {0};
    while (at < reduction) {
        int64_t pointer = at / d->run, offset = at % d->run, chunk_end = nhwc_min(at - at % chunk + chunk, reduction);
        int64_t length = d->depthwise ? 1 : nhwc_min(d->run - offset, chunk_end - at);
        if (segments) {
            segments[segment_count] = (nhwc_segment){
                .input = at - piece.first_input,
                .offset = offset * (d->depthwise ? d->scratch_channels : 1),
                .pointer = (int32_t)(pointer - piece.first_pointer),
                .length = (int32_t)length,
                .ends = at + length == chunk_end ? nhwc_chunk_end(p, chunk_end) : 0,
            };
        }
        segment_count++;
        at += length;
        piece.pointer_count = pointer + 1 - piece.first_pointer;
        widest = nhwc_max(widest, piece.pointer_count);
        bool full = piece.pointer_count + NHWC_MOST_CHUNKS * chunk > MAX_POINTERS;
        if (at == reduction || (full && at == chunk_end && nhwc_chunk_end(p, at) == NHWC_ENDS_BLOCK)) {
            piece.segment_count = segment_count - piece.first_segment;
            if (pieces) {
                pieces[piece_count] = piece;
            }
            piece_count++;
            piece = (nhwc_piece){.first_segment = segment_count, .first_pointer = at / d->run, .first_input = at};
        }
    }
    d->segment_count = segment_count;
    d->piece_count = piece_count;
    d->table_pointers = widest;
}

/* Vectors of the next block, when so many are left: the widest is not always the best, and a lone last vector
   is worth avoiding. */
int nhwc_block_vectors(const nhwc_kernels *kernels, int64_t left) {
    int best = kernels->preferred_vectors;
    if (left <= best) {
        return (int)left;
    }
    if (left == best + 1) {
        return best < NHWC_MAX_VECTORS ? best + 1 : best - 1;
    }
    return best;
}

/* Cuts `count` results of a group into blocks; counts only where `blocks` is NULL. Returns the results with padding. */
static int64_t cut_group(const nhwc_plan *plan, int64_t count, int64_t *block_count, nhwc_block *blocks) {
    const nhwc_kernels *kernels = plan->kernels;
    const bool depthwise = plan->tiles.depthwise;
    int64_t padded = 0;
    *block_count = 0;
    for (int64_t first = 0; first < count;) {
        int64_t left = count - first;
        const nhwc_tile_family *family;
        if (depthwise && left < kernels->lanes) {
            family = &kernels->depthwise_tail;
        } else if (depthwise) {
            family = &kernels->depthwise;
        } else {
            family = &kernels->direct[nhwc_block_vectors(kernels, nhwc_ceil_div(left, kernels->lanes))];
        }
        if (blocks) {
            blocks[*block_count] =
                (nhwc_block){.family = family, .width = family->nr, .first = first, .live = nhwc_min(left, family->nr)};
        }
        first += family->nr;
        padded += family->nr;
        ++*block_count;
    }
    return padded;
}

/* Fills one group's blocks; `packed` moves on by what they take. */
static void fill_group(const nhwc_plan *plan, int64_t group, nhwc_block *blocks, int64_t count, const char *filters,
                       bool in_place, char **packed) {
    const nhwc_problem *p = &plan->problem;
    const bool depthwise = plan->tiles.depthwise;
    for (int64_t i = 0; i < count; i++) {
        nhwc_block *b = &blocks[i];
        b->group = group;
        b->first += group * (p->f / p->groups);
        b->channel = depthwise ? b->first : plan->tiles.access == NHWC_SCRATCH ? 0 : group * (p->c / p->groups);
        b->filters = filters + b->first * (int64_t)plan->element;
        b->filter_pitch = p->f;
    }
    if (!depthwise) {
        nhwc_fill_panels(plan, blocks, count, filters, in_place, packed);
    }
}

/* The parts of the plan's one block of memory, in order, each aligned. */
enum { SEGMENTS, PIECES, BLOCKS, BIAS, ZEROS, FILTERS, PARTS };

static bool part_sizes(const nhwc_plan *plan, int64_t groups, int64_t group_blocks, int64_t padded, bool in_place,
                       int64_t sizes[PARTS]) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_tiles_plan *d = &plan->tiles;
    const int64_t element = (int64_t)plan->element;
    int64_t blocks, biases, filters = 0;
    if (!nhwc_mul(groups, group_blocks, &blocks) || !nhwc_mul(blocks, sizeof(nhwc_block), &sizes[BLOCKS]) ||
        !nhwc_mul(groups, padded, &biases) || !nhwc_mul(biases, element, &sizes[BIAS])) {
        return false;
    }
    int64_t width = !in_place ? padded : padded > p->f / p->groups ? NHWC_MAX_VECTORS * plan->kernels->lanes : 0;
    if (d->depthwise) {
        filters = in_place ? 0 : p->k * p->f;
    } else if (!nhwc_mul(groups, width, &filters) || !nhwc_mul(filters, p->k, &filters)) {
        return false;
    }
    sizes[SEGMENTS] = d->segment_count * (int64_t)sizeof(nhwc_segment);
    sizes[PIECES] = d->piece_count * (int64_t)sizeof(nhwc_piece);
    sizes[ZEROS] = d->access == NHWC_GATHER ? p->c * element : 0;
    return nhwc_mul(filters, element, &sizes[FILTERS]);
}

double nhwc_padded_part(const nhwc_problem *p) {
    double inner = 1;
    for (int axis = 0; axis < 3; axis++) {
        double taken = 0;
        for (int64_t k = 0, first, last; k < p->kernel[axis]; k++) {
            nhwc_inner_outputs(p, axis, 0, p->out[axis], k, &first, &last);
            taken += (double)(last - first);
        }
        inner *= taken / ((double)p->kernel[axis] * (double)p->out[axis]);
    }
    return 1 - inner;
}

/* Whether to skip taps on zeros, which only finite filters turn to nothing. */
static bool skip_zeros(const nhwc_plan *plan, const void *filters) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_tiles_plan *d = &plan->tiles;
    bool can = d->access == NHWC_GATHER && p->padding_mode == NHWC_CONSTANT && d->piece_count == 1 &&
               d->table_pointers <= 64 && d->segment_count <= MOST_SKIPPED;
    return can && nhwc_padded_part(p) > NHWC_LEAST_SKIPPED &&
           (!plan->kernels->all_finite || plan->kernels->all_finite(filters, p->k * p->f));
}

nhwc_status nhwc_tiles_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    const nhwc_problem *p = &plan->problem;
    nhwc_tiles_plan *d = &plan->tiles;
    choose_access(plan);
    cut_reduction(p, d, NULL, NULL);
    choose_pixels(plan);
    d->skips = skip_zeros(plan, filters);

    const int64_t groups = d->depthwise ? 1 : p->groups;
    const bool in_place = d->depthwise ? borrow : nhwc_filters_in_place(plan, filters, borrow);
    int64_t group_blocks, sizes[PARTS], offsets[PARTS], total;
    int64_t padded = cut_group(plan, p->f / groups, &group_blocks, NULL);
    if (!part_sizes(plan, groups, group_blocks, padded, in_place, sizes) ||
        !nhwc_lay_out(PARTS, sizes, offsets, &total)) {
        return NHWC_TOO_LARGE;
    }
    char *memory = plan->memory = borrow ? nhwc_workspace_take((size_t)total) : nhwc_aligned_alloc((size_t)total);
    plan->borrowed = borrow;
    if (!memory) {
        return NHWC_NO_MEMORY;
    }
    d->segments = (nhwc_segment *)(memory + offsets[SEGMENTS]);
    d->pieces = (nhwc_piece *)(memory + offsets[PIECES]);
    d->blocks = (nhwc_block *)(memory + offsets[BLOCKS]);
    d->zeros = memory + offsets[ZEROS];
    d->block_count = groups * group_blocks;
    cut_reduction(p, d, d->segments, d->pieces);
    memset(d->zeros, 0, (size_t)sizes[ZEROS]);

    char *packed = memory + offsets[FILTERS];
    if (d->depthwise && !in_place) {
        memcpy(packed, filters, (size_t)sizes[FILTERS]);
        filters = packed;
    }
    for (int64_t g = 0; g < groups; g++) {
        nhwc_block *blocks = d->blocks + g * group_blocks;
        cut_group(plan, p->f / groups, &group_blocks, blocks);
        fill_group(plan, g, blocks, group_blocks, filters, in_place, &packed);
    }
    nhwc_fill_bias(plan, d->blocks, d->block_count, bias, memory + offsets[BIAS]);
    plan->packed_bytes = sizes[FILTERS] + sizes[BIAS];
    nhwc_workspace_layout layout;
    plan->workspace_bytes = nhwc_tiles_workspace(plan, d->rows, d->cols, &layout);
    return NHWC_OK;
}

/* ---- For the guards of other methods ---------------------------------------------------------------------------- */

int64_t nhwc_tap_segments(const nhwc_problem *p, nhwc_segment *segments) {
    const int64_t depth = p->c / p->groups, chunk = nhwc_chunk(p);
    int64_t count = 0;
    for (int64_t at = 0; at < p->k; count++) {
        int64_t tap = at / depth, chunk_end = nhwc_min(at - at % chunk + chunk, p->k);
        int64_t end = nhwc_min((tap + 1) * depth, chunk_end);
        if (segments) {
            segments[count] = (nhwc_segment){
                .input = at,
                .offset = at - tap * depth,
                .pointer = (int32_t)tap,
                .length = (int32_t)(end - at),
                .ends = end == chunk_end ? nhwc_chunk_end(p, chunk_end) : 0,
            };
        }
        at = end;
    }
    return count;
}

bool nhwc_taps_in_place(const nhwc_plan *plan, bool borrow) {
    return borrow && plan->problem.f / plan->problem.groups % plan->kernels->lanes == 0;
}
