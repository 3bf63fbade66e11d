/* The tiles method's loops, which serve every problem directly: blocks of output pixels, pointers into the input,
   blocks of filters, tiles.

       for (n, depth, rows, columns) block of output pixels, for range of filter blocks:     parallel
           [copy the input rows of the block, padded, if access is SCRATCH]
           make the pointers of every pixel of the block
           for block of filters:
               for tile of pixels: kernel

   Since every pixel has its own pointers, strides, dilation, row ends and padding cost nothing in the kernel, and tiles
   go across rows. A tap on padding points to a pixel of zeros, or to the pixel that the padding mode names. Where
   filters are finite, a tap that is on zeros for all pixels of a tile is left out: adding 0 changes no bit, so this may
   depend on how tiles are cut. For more such tiles, columns whose outer taps differ are numbered apart. */
#include "source.h"
#include "tasks.h"
#include "tiles.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

/* Where the operands of one call are, and how its blocks are cut. */
typedef struct {
    const nhwc_plan *plan;
    const char *x;
    const void *residual;
    char *out;
    nhwc_tasks tasks;
    nhwc_workspace_layout layout;
    int64_t workspace_bytes;
    char *workspace; /* of all threads */
} call;

/* One block of output pixels, and the parts of the workspace of the thread that does it. */
typedef struct {
    nhwc_area at;
    const char *x; /* the sample */
    const void **table;
    int64_t *offsets;
    uint64_t *taken;   /* where taps on zeros are skipped: by pixel, a bit for each pointer into the input */
    uint64_t kept_for; /* the pointers of the segments in `kept` */
    int64_t kept_count;
    nhwc_segment *kept;
    void *partial;
    char *scratch;
    int64_t scratch_group;
} region;

/* ---- The padded copy -------------------------------------------------------------------------------------------- */

/* Copies `channels` of a pixel, each `repeat` times; from NULL, zeros. */
static void copy_pixel(char *to, const char *from, int64_t channels, int64_t repeat, size_t element) {
    if (!from) {
        memset(to, 0, (size_t)(channels * repeat) * element);
    } else if (repeat == 1 && element == 4 && channels <= 4) {
        for (int64_t c = 0; c < channels; c++) {
            memcpy(to + c * 4, from + c * 4, 4);
        }
    } else if (repeat == 1) {
        memcpy(to, from, (size_t)channels * element);
    } else {
        for (int64_t c = 0; c < channels; c++) {
            for (int64_t m = 0; m < repeat; m++) {
                memcpy(to + (c * repeat + m) * (int64_t)element, from + c * (int64_t)element, element);
            }
        }
    }
}

/* Copies what `width` padded columns from `first` on hold. Neighbours in the copy are a dilation apart. */
static void copy_row(const nhwc_plan *plan, const char *row, int64_t channel, int64_t first, int64_t width, char *to) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_tiles_plan *d = &plan->tiles;
    const int64_t element = (int64_t)plan->element, pixel = d->scratch_channels * element, pitch = p->c * element;
    const int64_t channels = d->scratch_channels / d->repeat, dilation = p->dilation[2];
    if (!row) {
        memset(to, 0, (size_t)(width * pixel));
        return;
    }
    int64_t left = nhwc_min(nhwc_max(-first, 0), width), right = nhwc_max(nhwc_min(p->in[2] - first, width), left);
    bool whole = dilation == 1 && d->repeat == 1 && channels == p->c;
    if (whole && right > left) {
        memcpy(to + left * pixel, row + (first + left) * pitch, (size_t)((right - left) * pixel));
    }
    int64_t group = width / dilation;
    for (int64_t i = 0; i < width; i++) {
        if (whole && i == left && right > left) {
            i = right - 1;
            continue;
        }
        int64_t at = nhwc_source_index(p->padding_mode, first + i, p->in[2]);
        char *pixel_to = to + (dilation == 1 ? i : i % dilation * group + i / dilation) * pixel;
        copy_pixel(pixel_to, at < 0 ? NULL : row + at * pitch + channel * element, channels, d->repeat, plan->element);
    }
}

/* Fills the scratch with the padded input of the block, for one group. Layout: tap of depth, row, column, channel. */
static void fill_scratch(const nhwc_plan *plan, region *r, int64_t group) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_tiles_plan *d = &plan->tiles;
    const int64_t height = nhwc_span(p, 1, r->at.rows), width = nhwc_tiles_width(p, r->at.cols);
    const int64_t bytes = width * d->scratch_channels * (int64_t)plan->element;
    const int64_t channel = group * (d->scratch_channels / d->repeat);
    const int64_t top = r->at.row * p->stride[1] - p->before[1], left = r->at.col * p->stride[2] - p->before[2];
    for (int64_t k = 0; k < p->kernel[0]; k++) {
        int64_t depth = nhwc_tap_source(p, 0, r->at.depth, k);
        for (int64_t j = 0; j < height; j++) {
            if (nhwc_row_is_read(p, r->at.rows, j)) {
                int64_t row = nhwc_source_index(p->padding_mode, top + j, p->in[1]);
                copy_row(plan, nhwc_input_row(plan, r->x, depth, row), channel, left, width,
                         r->scratch + (k * height + j) * bytes);
            }
        }
    }
    r->scratch_group = group;
}

/* ---- The pointers ------------------------------------------------------------------------------------------------ */

/* One pointer for each row of taps of each pixel, into the padded copy. */
static void point_into_scratch(const nhwc_plan *plan, const region *r, const nhwc_piece *piece) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_tiles_plan *d = &plan->tiles;
    const int64_t pixel = d->scratch_channels * (int64_t)plan->element, pitch = d->table_pointers;
    const int64_t height = nhwc_span(p, 1, r->at.rows), width = nhwc_tiles_width(p, r->at.cols);
    const int64_t dilation = p->dilation[2], group = width / dilation;
    for (int64_t i = 0; i < r->at.rows; i++) {
        for (int64_t t = 0; t < piece->pointer_count; t++) {
            int64_t tap = piece->first_pointer + t, depth = tap / p->kernel[1], k = tap % p->kernel[1];
            const char *row = r->scratch + (depth * height + i * p->stride[1] + k * p->dilation[1]) * width * pixel;
            const void **to = r->table + i * r->at.cols * pitch + t;
            for (int64_t j = 0; j < r->at.cols; j++) {
                int64_t col = j * p->stride[2];
                to[j * pitch] = row + (dilation == 1 ? col : col % dilation * group + col / dilation) * pixel;
            }
        }
    }
}

/* A pointer for tap k of the kernel's row for each pixel of an output row; `row` is NULL on zeros. */
static void point_into_row(const nhwc_plan *plan, const region *r, const char *row, int64_t k, const void **to) {
    const nhwc_problem *p = &plan->problem;
    const int64_t pixel = p->c * (int64_t)plan->element, pitch = plan->tiles.table_pointers;
    const int64_t at = r->at.col * p->stride[2] + k * p->dilation[2] - p->before[2];
    int64_t first = r->at.cols, last = r->at.cols;
    if (row) {
        nhwc_inner_outputs(p, 2, r->at.col, r->at.cols, k, &first, &last);
    }
    for (int64_t j = first; j < last; j++) {
        to[j * pitch] = row + (at + j * p->stride[2]) * pixel;
    }
    for (int64_t j = 0; j < r->at.cols; j = j + 1 == first ? last : j + 1) {
        if (j == first && last > first) {
            j = last - 1;
            continue;
        }
        int64_t source = row ? nhwc_source_index(p->padding_mode, at + j * p->stride[2], p->in[2]) : -1;
        to[j * pitch] = source < 0 ? plan->tiles.zeros : row + source * pixel;
    }
}

/* Notes for the pixels of an output row whether tap k of the kernel's row, pointer number t, lies inside the input. */
static void mark_taken(const nhwc_problem *p, const region *r, int64_t k, uint64_t *taken, int64_t t) {
    int64_t first, last;
    nhwc_inner_outputs(p, 2, r->at.col, r->at.cols, k, &first, &last);
    for (int64_t j = first; j < last; j++) {
        taken[j] |= (uint64_t)1 << t;
    }
}

/* A pointer for each tap (GATHER) or row of taps (ROWS, which never meets padding) of each pixel, into the input. */
static void point_into_input(const nhwc_plan *plan, const region *r, const nhwc_piece *piece) {
    const nhwc_problem *p = &plan->problem;
    const int64_t width = plan->tiles.access == NHWC_GATHER ? p->kernel[2] : 1, pitch = plan->tiles.table_pointers;
    for (int64_t t = 0; t < piece->pointer_count; t++) {
        int64_t tap = piece->first_pointer + t, rows = tap / width;
        int64_t depth = nhwc_tap_source(p, 0, r->at.depth, rows / p->kernel[1]);
        for (int64_t i = 0; i < r->at.rows; i++) {
            int64_t row = nhwc_tap_source(p, 1, r->at.row + i, rows % p->kernel[1]);
            const char *input = nhwc_input_row(plan, r->x, depth, row);
            point_into_row(plan, r, input, tap % width, r->table + i * r->at.cols * pitch + t);
            if (r->taken && input) {
                mark_taken(p, r, tap % width, r->taken + i * r->at.cols, t);
            }
        }
    }
}

static void make_pointers(const nhwc_plan *plan, const region *r, const nhwc_piece *piece) {
    if (plan->tiles.access == NHWC_SCRATCH) {
        point_into_scratch(plan, r, piece);
    } else {
        point_into_input(plan, r, piece);
    }
}

static void make_offsets(const nhwc_plan *plan, const region *r) {
    int64_t *to = r->offsets;
    for (int64_t i = 0; i < r->at.rows; i++) {
        int64_t first = nhwc_out_at(plan, r->at.n, r->at.depth, r->at.row + i, r->at.col);
        for (int64_t j = 0; j < r->at.cols; j++) {
            *to++ = first + j * plan->output.step[2];
        }
    }
}

/* The end of the columns, from `col` of the block on, that have the same taps inside the input. */
static int64_t like_columns(const nhwc_problem *p, const region *r, int64_t col) {
    int64_t end = r->at.cols;
    for (int64_t k = 0, first, last; k < p->kernel[2]; k++) {
        nhwc_inner_outputs(p, 2, r->at.col, r->at.cols, k, &first, &last);
        end = first > col ? nhwc_min(end, first) : end;
        end = last > col ? nhwc_min(end, last) : end;
    }
    return end;
}

/* Numbers the pixels of a block, row by row or, where that helps to skip taps, first by columns with the same taps. */
static void place_pixels(const nhwc_plan *plan, const region *r, const nhwc_piece *piece) {
    const nhwc_problem *p = &plan->problem;
    region part = *r;
    for (int64_t col = 0; col < r->at.cols; col += part.at.cols) {
        part.at.col = r->at.col + col;
        part.at.cols = r->taken ? like_columns(p, r, col) - col : r->at.cols;
        const int64_t pixels = r->at.rows * part.at.cols;
        if (r->taken) {
            memset(part.taken, 0, (size_t)pixels * sizeof(uint64_t));
        }
        make_offsets(plan, &part);
        make_pointers(plan, &part, piece);
        part.offsets += pixels;
        part.table += pixels * plan->tiles.table_pointers;
        part.taken = r->taken ? part.taken + pixels : NULL;
    }
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------- */

/* The segments of the reduction that some of `pixels` pixels from number `first` on need. A chunk ends where its last
   segment is that is left. */
static void keep_segments(const nhwc_tiles_plan *d, region *r, int64_t first, int64_t pixels) {
    uint64_t taken = 0;
    for (int64_t i = 0; i < pixels; i++) {
        taken |= r->taken[first + i];
    }
    if (taken == r->kept_for) {
        return;
    }
    r->kept_for = taken;
    r->kept_count = 0;
    for (const nhwc_segment *s = d->segments; s < d->segments + d->segment_count; s++) {
        if (taken >> s->pointer & 1) {
            r->kept[r->kept_count++] = *s;
        } else if (r->kept_count > 0) {
            nhwc_segment *last = &r->kept[r->kept_count - 1];
            last->ends = s->ends > last->ends ? s->ends : last->ends;
        }
    }
}

/* All tiles of a region for one block of filters and one piece of the reduction. Tiles are of nearly equal size: a
   last tile of one pixel would wait for its own additions. */
static void run_tiles(const call *c, region *r, const nhwc_block *block, const nhwc_piece *piece) {
    const nhwc_plan *plan = c->plan;
    const nhwc_tiles_plan *d = &plan->tiles;
    const nhwc_problem *p = &plan->problem;
    const int64_t element = (int64_t)plan->element, pixels = r->at.rows * r->at.cols, mr = block->family->mr;
    const int64_t tiles = nhwc_ceil_div(pixels, mr), tile_bytes = 2 * mr * block->family->nr * element;
    const bool whole = d->piece_count == 1;
    nhwc_tile t = {
        .pixel_pitch = d->table_pointers,
        .channel = block->channel,
        .segments = d->segments + piece->first_segment,
        .segment_count = piece->segment_count,
        .filters = (const char *)block->filters + piece->first_input * block->filter_pitch * element,
        .filter_pitch = block->filter_pitch,
        .bias = block->bias,
        .residual = c->residual ? (const char *)c->residual + block->first * element : NULL,
        .out = c->out + block->first * element,
        .clamp = &plan->clamp,
        .live = block->live,
        .first = piece->first_segment == 0,
        .last = piece->first_segment + piece->segment_count == d->segment_count,
    };
    for (int64_t i = 0; i < tiles; i++) {
        int64_t first = i * pixels / tiles, last = (i + 1) * pixels / tiles;
        t.pixels = r->table + first * d->table_pointers;
        t.offsets = r->offsets + first;
        t.partial = (char *)r->partial + (whole ? 0 : i * tile_bytes);
        if (r->taken) {
            keep_segments(d, r, first, last - first);
            t.segments = r->kept;
            t.segment_count = r->kept_count;
        }
        block->family->run(&t, (int)(last - first));
        if (t.last && plan->activate) {
            plan->activate(t.out, t.offsets, last - first, block->live, p->activation);
        }
    }
}

/* One region for filter blocks first .. last - 1. */
static void run_region(const call *c, region *r, int64_t first, int64_t last) {
    const nhwc_tiles_plan *d = &c->plan->tiles;
    static const nhwc_piece nothing;
    const nhwc_piece *pieces = d->piece_count ? d->pieces : &nothing;
    r->scratch_group = -1;
    for (int64_t b = first; b < last; b++) {
        const nhwc_block *block = &d->blocks[b];
        if (d->access == NHWC_SCRATCH && block->group != r->scratch_group) {
            fill_scratch(c->plan, r, block->group);
        }
        if (d->piece_count <= 1) {
            if (b == first) {
                place_pixels(c->plan, r, pieces);
            }
            run_tiles(c, r, block, pieces);
            continue;
        }
        for (int64_t i = 0; i < d->piece_count; i++) {
            place_pixels(c->plan, r, &pieces[i]);
            run_tiles(c, r, block, &pieces[i]);
        }
    }
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------- */

int64_t nhwc_tiles_workspace(const nhwc_plan *plan, int64_t rows, int64_t cols, nhwc_workspace_layout *layout) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_tiles_plan *d = &plan->tiles;
    const int64_t element = (int64_t)plan->element, pixels = rows * cols;
    int64_t tile_pixels = d->piece_count <= 1 ? NHWC_MAX_MR : pixels + NHWC_MAX_MR;
    int64_t at = 0;
    layout->table = at;
    at += nhwc_round_up(pixels * d->table_pointers * (int64_t)sizeof(void *), NHWC_ALIGNMENT);
    layout->offsets = at;
    at += nhwc_round_up(pixels * (int64_t)sizeof(int64_t), NHWC_ALIGNMENT);
    layout->taken = at;
    at += d->skips ? nhwc_round_up(pixels * (int64_t)sizeof(uint64_t), NHWC_ALIGNMENT) : 0;
    layout->kept = at;
    at += d->skips ? nhwc_round_up(d->segment_count * (int64_t)sizeof(nhwc_segment), NHWC_ALIGNMENT) : 0;
    layout->partial = at;
    at += nhwc_round_up(2 * tile_pixels * NHWC_MAX_VECTORS * plan->kernels->lanes * element, NHWC_ALIGNMENT);
    layout->scratch = at;
    if (d->access == NHWC_SCRATCH) {
        int64_t height = nhwc_span(p, 1, rows), width = nhwc_tiles_width(p, cols);
        at += nhwc_round_up(p->kernel[0] * height * width * d->scratch_channels * element, NHWC_ALIGNMENT);
    }
    return at;
}

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const call *c = context;
    const nhwc_problem *p = &c->plan->problem;
    const nhwc_tiles_plan *d = &c->plan->tiles;
    const int64_t sample = p->in[0] * p->in[1] * p->in[2] * p->c * (int64_t)c->plan->element;
    char *workspace = c->workspace + worker * c->workspace_bytes;
    region r = {
        .table = (const void **)(workspace + c->layout.table),
        .offsets = (int64_t *)(workspace + c->layout.offsets),
        .taken = d->skips ? (uint64_t *)(workspace + c->layout.taken) : NULL,
        .kept = (nhwc_segment *)(workspace + c->layout.kept),
        .partial = workspace + c->layout.partial,
        .scratch = workspace + c->layout.scratch,
    };
    for (int64_t task = first; task < last; task++) {
        int64_t from, to;
        r.at = nhwc_task_area(&c->tasks, task, &from, &to);
        r.x = c->x + r.at.n * sample;
        run_region(c, &r, from, to);
    }
}

static nhwc_status run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out) {
    enum { STACK_BYTES = 12 << 10, TASKS_PER_THREAD = 4, LEAST_PIXELS = 48 };
    const double GRAIN = 5e5; /* multiplications worth a thread */
    const nhwc_problem *p = &plan->problem;
    const nhwc_tasks uncut = {
        .shape = p,
        .rows = plan->tiles.rows,
        .cols = plan->tiles.cols,
        .least_pixels = LEAST_PIXELS,
        .blocks = plan->tiles.block_count,
        .filters_first = p->k * (p->f / p->groups) > p->in[1] * p->in[2] * p->c,
    };
    call c = {.plan = plan, .x = x, .residual = residual, .out = out, .tasks = uncut};
    int threads = nhwc_threads_for(nhwc_work(p, n), GRAIN);
    const int64_t tasks = nhwc_cut_tasks(&c.tasks, n, threads > 1 ? threads * TASKS_PER_THREAD : 1);
    threads = (int)nhwc_min(threads, tasks);
    c.workspace_bytes = nhwc_tiles_workspace(plan, c.tasks.rows, c.tasks.cols, &c.layout);
    if (threads == 1 && c.workspace_bytes <= STACK_BYTES) {
        _Alignas(NHWC_ALIGNMENT) char stack[STACK_BYTES];
        c.workspace = stack;
        run_tasks(&c, 0, tasks, 0);
        return NHWC_OK;
    }
    c.workspace = nhwc_workspace_take((size_t)(c.workspace_bytes * threads));
    if (!c.workspace) {
        return NHWC_NO_MEMORY;
    }
    nhwc_parallel_for(threads, tasks, run_tasks, &c);
    nhwc_workspace_give(c.workspace);
    return NHWC_OK;
}

static bool serves(const nhwc_plan *plan) {
    (void)plan;
    return true;
}

const nhwc_method nhwc_method_tiles = {
    .algorithm = NHWC_DIRECT,
    .serves = serves,
    .prepare = nhwc_tiles_prepare,
    .run = run,
};
