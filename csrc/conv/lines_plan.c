/* The lines method's preparation: whether it serves, the blocks of pixels and filters, and the reduction. */
#include "lines.h"
#include "panels.h"
#include "tiles.h"

#include "../base/memory.h"

/* Sizes that were chosen by measuring; see csrc/README.md. */
enum {
    SCRATCH_BYTES = 256 << 10, /* of a block's padded copy, */
    SCRATCH_MOST = 768 << 10,  /* or so many where it has few pixels */
    FEW_PIXELS = 192,
    LEAST_COLUMNS = 5,  /* of an output row, of a residue */
    LEAST_INPUTS = 64,  /* of a sum */
    MOST_ROWS = 1024,   /* of the kernel */
    WIDEST_KERNEL = 64, /* with its dilation, so that no size here can overflow */
};

/* ---- Filters ----------------------------------------------------------------------------------------------------- */

/* Vectors of the next block. Two by a tall tile load least; three by a low one are better than two by a low one, and
   than one. */
static int block_vectors(const nhwc_plan *plan, int64_t left) {
    const nhwc_line_family *lines = plan->kernels->lines;
    const nhwc_problem *p = &plan->problem;
    const int64_t cols = nhwc_ceil_div(p->out[2], p->dilation[2]);
    const bool low = nhwc_ceil_div(cols, nhwc_ceil_div(cols, lines[2].mr)) <= lines[3].mr;
    const bool three = left == 3 || (low && left > 4) || (!low && left % 2 && left > 1);
    return three ? 3 : (int)nhwc_min(left, 2);
}

/* Cuts the filters of a group into blocks and returns their number; *padded is the lanes of all. Only counts where
   `blocks` is NULL. */
static int64_t cut_filters(const nhwc_plan *plan, nhwc_block *blocks, int64_t *padded) {
    const nhwc_problem *p = &plan->problem;
    const int64_t f = p->f / p->groups;
    int64_t count = 0;
    *padded = 0;
    for (int64_t first = 0; first < f; count++) {
        const int64_t left = f - first;
        const nhwc_line_family *family =
            &plan->kernels->lines[block_vectors(plan, nhwc_ceil_div(left, plan->kernels->lanes))];
        if (blocks) {
            blocks[count] =
                (nhwc_block){.lines = family, .width = family->nr, .first = first, .live = nhwc_min(left, family->nr)};
        }
        first += family->nr;
        *padded += family->nr;
    }
    return count;
}

/* ---- Pixels ------------------------------------------------------------------------------------------------------ */

int64_t nhwc_lines_workspace(const nhwc_plan *plan, int64_t rows, int64_t cols, nhwc_lines_layout *layout) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_lines_plan *d = &plan->lines;
    const int64_t kernel_rows = p->kernel[0] * p->kernel[1];
    layout->height = nhwc_span(p, 1, rows);
    layout->plane = nhwc_ceil_div(nhwc_span(p, 2, cols), d->planes);
    layout->row_bytes = nhwc_round_up(layout->plane * d->planes * p->c * (int64_t)plan->element, NHWC_ALIGNMENT);
    const int64_t slots = d->in_place ? 0 : p->kernel[0] * layout->height;
    const int64_t sizes[] = {
        rows * kernel_rows * (int64_t)sizeof(void *),
        nhwc_line_tiles(p, rows, cols, d->lowest) * (int64_t)sizeof(nhwc_line_tile),
        2 * d->planes * (int64_t)sizeof(int64_t),
        slots * (int64_t)sizeof(int64_t),
        2 * NHWC_LINE_TILES * d->widest * (int64_t)plan->element,
        d->skips ? 0 : layout->row_bytes,
        slots * layout->row_bytes,
    };
    int64_t *const parts[] = {&layout->rows,    &layout->tiles, &layout->reach,  &layout->held,
                              &layout->partial, &layout->zeros, &layout->scratch};
    int64_t at = 0;
    for (int i = 0; i < 7; i++) {
        *parts[i] = at;
        at += nhwc_round_up(sizes[i], NHWC_ALIGNMENT);
    }
    return at;
}

/* Block of whole rows if they fit, of about equal columns otherwise; false if no block does. */
static bool choose_block(nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    nhwc_lines_plan *d = &plan->lines;
    nhwc_lines_layout layout;
    d->rows = 1;
    for (int64_t parts = 1;; parts *= 2) {
        d->cols = nhwc_ceil_div(p->out[2], parts);
        nhwc_lines_workspace(plan, 1, d->cols, &layout);
        if (p->kernel[0] * layout.height * layout.row_bytes <= SCRATCH_BYTES || d->cols <= FEW_PIXELS) {
            break;
        }
    }
    for (; d->rows < p->out[1]; d->rows++) {
        nhwc_lines_workspace(plan, d->rows + 1, d->cols, &layout);
        const int64_t most = d->rows * d->cols < FEW_PIXELS ? SCRATCH_MOST : SCRATCH_BYTES;
        if (p->kernel[0] * layout.height * layout.row_bytes > most) {
            break;
        }
    }
    nhwc_lines_workspace(plan, d->rows, d->cols, &layout);
    return p->kernel[0] * layout.height * layout.row_bytes <= 4 * SCRATCH_MOST;
}

/* ---- The reduction ----------------------------------------------------------------------------------------------- */

/* Neighbouring taps of the next segment, when so many are left: as few segments of one tap as can be. */
static int64_t next_taps(int64_t left) { return left == 4 ? 2 : nhwc_min(left, NHWC_LINE_TAPS); }

/* What cut_reduction has made so far. */
typedef struct {
    nhwc_line_segment *segments; /* NULL: they are only counted */
    int64_t count, chunks;
    int64_t products; /* in the chunk */
} cutting;

/* Adds the channels of `taps` taps, in chunks. */
static void cut_taps(const nhwc_problem *p, cutting *c, nhwc_line_segment segment) {
    const int64_t chunk = nhwc_chunk(p), channels = p->c / p->groups, most = nhwc_chunks_of_block(p);
    for (int64_t at = 0; at < channels;) {
        const int64_t length = nhwc_min(channels - at, (chunk - c->products) / segment.taps);
        if (length > 0) {
            segment.length = (int32_t)length;
            if (c->segments) {
                c->segments[c->count] = segment;
            }
            c->count++;
            c->products += length * segment.taps;
            segment.input += length;
            segment.offset += length;
            at += length;
        }
        if (c->products + segment.taps > chunk) {
            c->products = 0;
            c->chunks++;
            if (c->segments) {
                c->segments[c->count - 1].ends = c->chunks % most ? NHWC_ENDS_CHUNK : NHWC_ENDS_BLOCK;
            }
        }
    }
}

/* Cuts the reduction into segments and returns their number, and that of chunks; only counts where `segments` is
   NULL. */
static int64_t cut_reduction(const nhwc_plan *plan, nhwc_line_segment *segments, int64_t *chunks) {
    const nhwc_problem *p = &plan->problem;
    const int64_t step = p->stride[2], channels = p->c / p->groups;
    const nhwc_lines_plan *d = &plan->lines;
    cutting c = {.segments = segments};
    for (int64_t row = 0; row < p->kernel[0] * p->kernel[1]; row++) {
        for (int64_t plane = 0; plane < nhwc_min(step, p->kernel[2]); plane++) {
            const int64_t taps = nhwc_ceil_div(p->kernel[2] - plane, step);
            for (int64_t tap = 0, now; tap < taps; tap += now) {
                now = next_taps(taps - tap);
                cut_taps(p, &c,
                         (nhwc_line_segment){
                             .input = (row * p->kernel[2] + plane + tap * step) * channels,
                             .offset = plane * d->plane_step + tap * d->pixel_step,
                             .row = (int32_t)row,
                             .taps = (int32_t)now,
                             .plane = (int32_t)plane,
                             .column = (int32_t)tap,
                         });
            }
        }
    }
    *chunks = c.chunks + (c.products > 0);
    return c.count;
}

/* ---- The plan ---------------------------------------------------------------------------------------------------- */

/* Everything that needs no memory; false if no block of pixels fits. */
static bool shape_plan(nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    nhwc_lines_plan *d = &plan->lines;
    d->planes = p->stride[2] * p->dilation[2];
    d->widest = 0;
    d->lowest = NHWC_MAX_MR;
    const int64_t f = p->f / p->groups, lanes = plan->kernels->lanes;
    for (int64_t first = 0; first < f;) {
        const nhwc_line_family *family = &plan->kernels->lines[block_vectors(plan, nhwc_ceil_div(f - first, lanes))];
        d->widest = nhwc_max(d->widest, (int64_t)family->mr * family->nr);
        d->lowest = nhwc_min(d->lowest, family->mr);
        first += family->nr;
    }
    return choose_block(plan);
}

/* Whether kernels read nothing of a row but what the input has: they leave out two pixels of zeros at each end. */
static bool reads_in_place(const nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_lines_plan *d = &plan->lines;
    const int64_t most = d->skips ? 2 * d->planes : 0;
    const int64_t behind = nhwc_span(p, 2, p->out[2]) - p->before[2] - p->in[2];
    return p->before[2] <= most && behind <= most;
}

/* How the kernels reach the input. */
static void choose_access(nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    nhwc_lines_plan *d = &plan->lines;
    nhwc_lines_layout layout;
    d->in_place = reads_in_place(plan);
    nhwc_lines_workspace(plan, 1, d->cols, &layout);
    d->plane_step = d->in_place ? p->c : layout.plane * p->c;
    d->pixel_step = d->in_place ? d->planes * p->c : p->c;
}

/* Where several taps of a row are neighbours in the copy, and rows are long enough for tiles. */
bool nhwc_lines_serves(const nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    nhwc_plan trial = *plan;
    for (int axis = 0; axis < 3; axis++) {
        if (p->kernel[axis] > WIDEST_KERNEL || p->dilation[axis] > WIDEST_KERNEL || p->stride[axis] > WIDEST_KERNEL) {
            return false;
        }
    }
    return plan->kernels->lines[1].run && p->k >= LEAST_INPUTS && p->f > 0 && p->kernel[2] > p->stride[2] &&
           (p->stride[2] == 1 || p->dilation[2] == 1) && p->kernel[0] * p->kernel[1] <= MOST_ROWS &&
           p->out[2] / p->dilation[2] >= LEAST_COLUMNS && p->out[1] > 0 && shape_plan(&trial);
}

nhwc_status nhwc_lines_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    enum { SEGMENTS, BLOCKS, BIAS, FILTERS, PARTS };
    const nhwc_problem *p = &plan->problem;
    nhwc_lines_plan *d = &plan->lines;
    shape_plan(plan);
    d->skips = p->padding_mode == NHWC_CONSTANT && nhwc_padded_part(p) > NHWC_LEAST_SKIPPED &&
               plan->kernels->all_finite(filters, p->k * p->f);
    choose_access(plan);
    const bool in_place = nhwc_filters_in_place(plan, filters, borrow);
    int64_t padded, sizes[PARTS], offsets[PARTS], total;
    const int64_t group_blocks = cut_filters(plan, NULL, &padded);
    d->segment_count = cut_reduction(plan, NULL, &d->chunks);
    sizes[SEGMENTS] = d->segment_count * (int64_t)sizeof(nhwc_line_segment);
    if (!nhwc_mul(p->groups, padded, &padded) || !nhwc_mul(p->groups, group_blocks, &d->block_count) ||
        !nhwc_mul(d->block_count, sizeof(nhwc_block), &sizes[BLOCKS]) ||
        !nhwc_mul(padded, (int64_t)plan->element, &sizes[BIAS]) || !nhwc_mul(sizes[BIAS], p->k, &sizes[FILTERS])) {
        return NHWC_TOO_LARGE;
    }
    if (in_place && padded == p->f) {
        sizes[FILTERS] = 0;
    }
    if (!nhwc_lay_out(PARTS, sizes, offsets, &total)) {
        return NHWC_TOO_LARGE;
    }
    char *memory = plan->memory = borrow ? nhwc_workspace_take((size_t)total) : nhwc_aligned_alloc((size_t)total);
    plan->borrowed = borrow;
    if (!memory) {
        return NHWC_NO_MEMORY;
    }
    d->segments = (nhwc_line_segment *)(memory + offsets[SEGMENTS]);
    d->blocks = (nhwc_block *)(memory + offsets[BLOCKS]);
    cut_reduction(plan, d->segments, &d->chunks);
    char *packed = memory + offsets[FILTERS];
    for (int64_t g = 0; g < p->groups; g++) {
        nhwc_block *blocks = d->blocks + g * group_blocks;
        cut_filters(plan, blocks, &padded);
        for (int64_t i = 0; i < group_blocks; i++) {
            blocks[i].first += g * (p->f / p->groups);
            blocks[i].channel = g * (p->c / p->groups);
        }
        nhwc_fill_panels(plan, blocks, group_blocks, filters, in_place, &packed);
    }
    nhwc_fill_bias(plan, d->blocks, d->block_count, bias, memory + offsets[BIAS]);
    plan->packed_bytes = sizes[FILTERS] + sizes[BIAS];
    nhwc_lines_layout layout;
    plan->workspace_bytes = nhwc_lines_workspace(plan, d->rows, d->cols, &layout);
    return NHWC_OK;
}
