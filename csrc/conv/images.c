/* The images method: few filters, vectors along the width.

       for (n, depth, rows, columns) block of output pixels:                                 parallel
           for residue of the output rows, for tile of output rows:
               copy the input rows that no tile before has read, padded, one plane for each channel, to a ring
               for tile of columns:
                   kernel
                   more than one filter: interleave

   Stride and dilation become planes and steps. With g = gcd(stride, dilation), the taps k of an axis with equal
   k % (stride / g) read inputs of one residue by the stride; in the plane of such inputs output o's own column is o,
   and those taps lie dilation / g apart. So the reduction is cut into rectangles of taps, the segments, by depth tap,
   channel, residue of the column and residue of the row, in this order; it depends on nothing else.
   Likewise output rows that lie dilation / g apart share input rows, and those lie dilation apart: one such set of
   output rows at a time, its input rows are numbered through in the table. */
#include "source.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

/* Sizes that were chosen by measuring; see csrc/README.md. */
enum {
    MOST_FILTERS = NHWC_IMAGE_FILTERS,
    MOST_PLANES = 64,      /* of a row */
    MOST_K = 8192,         /* of an output: up to there chunks, which end with rectangles of taps, are short and few */
    COPY_BYTES = 32 << 10, /* of the ring of copied rows, if it can be */
    COPY_MOST = 1 << 20,   /* and at the most */
    BLOCK_ROWS = 128,
    BLOCK_COLS = 4096,
    LEAST_COLS = 256,    /* below this the columns at the edges of blocks cost too much */
    FAR_BYTES = 4 << 20, /* of a sample's input and output that no near cache holds */
};

/* ---- The plan ---------------------------------------------------------------------------------------------------- */

static int64_t greatest_divisor(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Residues of the taps of an axis that read different planes. */
static int64_t residues(const nhwc_problem *p, int axis) {
    return p->stride[axis] / greatest_divisor(p->stride[axis], p->dilation[axis]);
}

/* Taps k of an axis with k % step == residue. */
static int64_t taps_of(int64_t kernel, int64_t step, int64_t residue) { return nhwc_ceil_div(kernel - residue, step); }

/* The vectors of the widest tile for so many planes of sums. */
static int64_t widest(nhwc_image_kernel *const kernels[NHWC_IMAGE_WIDTHS]) {
    int64_t width = 0;
    while (width < NHWC_IMAGE_WIDTHS && kernels[width]) {
        width++;
    }
    return (int64_t)1 << (width - 1);
}

static int64_t row_bytes(const nhwc_plan *plan, const nhwc_images_plan *d) {
    return d->planes * d->pitch * (int64_t)plan->element;
}

/* Chooses the block of output pixels; false if even the smallest copies too much. */
static bool choose_block(const nhwc_plan *plan, nhwc_images_plan *d) {
    const nhwc_problem *p = &plan->problem;
    const int64_t lanes = plan->kernels->lanes, tile = d->tile_vectors * lanes, width = nhwc_max(p->out[2], 1);
    d->rows = nhwc_min(nhwc_max(p->out[1], 1), BLOCK_ROWS);
    d->table = (nhwc_ceil_div(d->rows, d->out_step) - 1) * d->row_step + p->kernel[1];
    d->slots = nhwc_min(d->table, (d->tile_rows - 1) * d->row_step + p->kernel[1]);
    for (int64_t most = BLOCK_COLS;; most /= 2) {
        int64_t parts = nhwc_ceil_div(width, most);
        d->cols = parts == 1 ? width : nhwc_round_up(nhwc_ceil_div(width, parts), tile);
        d->pitch = nhwc_round_up(nhwc_round_up(d->cols, lanes) + d->reach + lanes - 1, lanes);
        if (row_bytes(plan, d) % 1024 == 0) {
            d->pitch += lanes; /* rows would fall on the same lines of the first-level cache */
        }
        int64_t bytes = p->kernel[0] * d->slots * row_bytes(plan, d);
        if (bytes <= COPY_BYTES || most <= LEAST_COLS) {
            return bytes <= COPY_MOST;
        }
    }
}

/* Whether tiles of pixels, whose vectors hold the filters, would take longer: both in cycles for a vector of output
   columns, from a model of what was measured. */
static bool pays(const nhwc_plan *plan, const nhwc_images_plan *d) {
    const nhwc_problem *p = &plan->problem;
    const double lanes = plan->kernels->lanes, k = (double)p->k, f = (double)p->f;
    const double width = nhwc_max(p->out[2], 1), vectors = (double)nhwc_ceil_div((int64_t)width, plan->kernels->lanes);
    const double inputs = (double)(d->planes * nhwc_min(p->stride[1], p->kernel[1]) * p->kernel[0]);
    const bool shuffled = d->planes <= 4 || d->planes == 6 || d->planes == 8;
    /* Loads of 64 bytes nearly always straddle two cache lines. */
    const double rate = lanes * (double)plan->element >= 64 ? 1.4 : 1.7;
    const double multiply = k * f / rate, copy = inputs * lanes * (shuffled ? 0.2 : 1.0), join = 6 * f;
    const double row = 60 * lanes / width;
    const double images = (multiply + copy + join) * vectors * lanes / width + row;
    const double tiles = lanes * (k / 1.7 + 8) * (double)nhwc_ceil_div(p->f, plan->kernels->lanes);
    return images < tiles;
}

/* Everything that depends on the shape alone; false where another method must do. */
static bool lay_out(const nhwc_plan *plan, nhwc_images_plan *d) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_image_kernels *kernels = plan->kernels->images;
    if (!kernels || p->groups != 1 || p->f < 1 || p->f > MOST_FILTERS || p->c < 1 || p->k > MOST_K) {
        return false;
    }
    const int64_t far = COPY_MOST; /* beyond this the copies would be too large anyway */
    if (p->c > MOST_PLANES || p->stride[2] > MOST_PLANES || p->c * p->stride[2] > MOST_PLANES || p->stride[1] > far ||
        p->dilation[1] > far || p->dilation[2] > far) {
        return false;
    }
    d->planes = p->c * p->stride[2];
    d->reach = (p->kernel[2] - 1) * p->dilation[2] / p->stride[2];
    d->row_step = residues(p, 1);
    d->out_step = p->dilation[1] * d->row_step / p->stride[1];
    d->distant =
        (p->in[1] * p->in[2] * p->c + p->pixels * p->f) * (int64_t)plan->element > FAR_BYTES && p->kernel[0] == 1;
    d->column_step = p->dilation[2] * residues(p, 2) / p->stride[2];
    d->tile_rows = p->f == 1 && p->kernel[1] > d->row_step ? NHWC_IMAGE_ROWS : 1;
    d->tile_vectors = widest(p->f == 1 ? kernels->rows[d->tile_rows] : kernels->filters[p->f]);
    return choose_block(plan, d) && pays(plan, d);
}

/* A rectangle of taps: tap rows row, row + residues(rows), ..., likewise columns. */
typedef struct {
    int64_t depth, channel, row, column, height, width;
} rectangle;

/* Where the reduction is written to as it is cut; counts only while segments is NULL. */
typedef struct {
    const nhwc_plan *plan;
    const char *filters;
    char *packed;
    nhwc_image_segment *segments;
    int64_t count, chunk, chunks; /* segments, inputs of the chunk so far, and chunks before it */
} cut;

static void pack(cut *c, const rectangle *r) {
    const nhwc_problem *p = &c->plan->problem;
    const int64_t element = (int64_t)c->plan->element, tap_bytes = p->f * element;
    for (int64_t at = 0; at < r->height * r->width; at++) {
        int64_t i = p->f == 1 ? at % r->height : at / r->width, j = p->f == 1 ? at / r->height : at % r->width;
        int64_t row = r->row + i * residues(p, 1), column = r->column + j * residues(p, 2);
        int64_t tap = ((r->depth * p->kernel[1] + row) * p->kernel[2] + column) * p->c + r->channel;
        memcpy(c->packed, c->filters + tap * tap_bytes, (size_t)tap_bytes);
        c->packed += tap_bytes;
    }
}

static void add_segment(cut *c, const rectangle *r) {
    const nhwc_problem *p = &c->plan->problem;
    const nhwc_images_plan *d = &c->plan->images;
    const int64_t taps = r->height * r->width, column = r->column * p->dilation[2];
    bool full = c->chunk + taps > nhwc_chunk(p);
    c->chunk = full ? taps : c->chunk + taps;
    if (c->segments) {
        if (full) {
            c->segments[c->count - 1].ends = ++c->chunks % 8 ? NHWC_ENDS_CHUNK : NHWC_ENDS_BLOCK;
        }
        int64_t plane = column % p->stride[2] * p->c + r->channel;
        c->segments[c->count] = (nhwc_image_segment){
            .offset = plane * d->pitch + column / p->stride[2],
            .row = (int32_t)(r->depth * d->table + r->row),
            .height = (int32_t)r->height,
            .width = (int32_t)r->width,
        };
        pack(c, r);
    }
    c->count++;
}

/* Adds a rectangle in parts of about equal size that a chunk holds. Parts keep all the rows, if they can: it is rows
   that share loads. */
static void add_rectangle(cut *c, const rectangle *r) {
    const nhwc_problem *p = &c->plan->problem;
    const int64_t chunk = nhwc_chunk(p), rows = nhwc_ceil_div(r->height, nhwc_ceil_div(r->height, chunk));
    const int64_t columns = nhwc_ceil_div(r->width, nhwc_ceil_div(r->width, chunk / rows));
    rectangle part = *r;
    for (int64_t i = 0; i < r->height; i += rows) {
        part.row = r->row + i * residues(p, 1);
        part.height = nhwc_min(rows, r->height - i);
        for (int64_t j = 0; j < r->width; j += columns) {
            part.column = r->column + j * residues(p, 2);
            part.width = nhwc_min(columns, r->width - j);
            add_segment(c, &part);
        }
    }
}

static void cut_reduction(cut *c) {
    const nhwc_problem *p = &c->plan->problem;
    const int64_t row_residues = nhwc_min(residues(p, 1), p->kernel[1]);
    const int64_t column_residues = nhwc_min(residues(p, 2), p->kernel[2]);
    rectangle r;
    for (r.depth = 0; r.depth < p->kernel[0]; r.depth++) {
        for (r.channel = 0; r.channel < p->c; r.channel++) {
            for (r.column = 0; r.column < column_residues; r.column++) {
                for (r.row = 0; r.row < row_residues; r.row++) {
                    r.height = taps_of(p->kernel[1], residues(p, 1), r.row);
                    r.width = taps_of(p->kernel[2], residues(p, 2), r.column);
                    add_rectangle(c, &r);
                }
            }
        }
    }
}

/* Where the parts of a thread's workspace begin, in bytes. */
typedef struct {
    int64_t table, zeros, ring, sums, line;
} workspace_layout;

/* Bytes of workspace of one thread. */
static int64_t workspace_bytes(const nhwc_plan *plan, workspace_layout *layout) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_images_plan *d = &plan->images;
    const int64_t vector = plan->kernels->lanes * (int64_t)plan->element, tile = d->tile_vectors * vector;
    int64_t at = 0;
    layout->table = at;
    at += nhwc_round_up(p->kernel[0] * d->table * (int64_t)sizeof(void *), NHWC_ALIGNMENT);
    layout->zeros = at;
    at += nhwc_round_up(row_bytes(plan, d), NHWC_ALIGNMENT);
    layout->ring = at;
    at += nhwc_round_up(p->kernel[0] * d->slots * row_bytes(plan, d), NHWC_ALIGNMENT);
    layout->sums = at;
    at += nhwc_round_up(2 * nhwc_max(p->f, d->tile_rows) * tile, NHWC_ALIGNMENT);
    layout->line = at;
    at += p->f > 1 ? nhwc_round_up(p->f * tile + 8 * vector, NHWC_ALIGNMENT) : 0;
    return at;
}

static nhwc_status prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    const nhwc_problem *p = &plan->problem;
    nhwc_images_plan *d = &plan->images;
    const int64_t element = (int64_t)plan->element, filter_bytes = p->k * p->f * element;
    (void)borrow;
    lay_out(plan, d);
    cut c = {.plan = plan, .filters = filters};
    cut_reduction(&c);
    d->segment_count = c.count;
    int64_t segment_bytes = nhwc_round_up(c.count * (int64_t)sizeof(nhwc_image_segment), NHWC_ALIGNMENT);
    char *memory = plan->memory = nhwc_aligned_alloc((size_t)(segment_bytes + filter_bytes + p->f * element));
    if (!memory) {
        return NHWC_NO_MEMORY;
    }
    d->segments = (nhwc_image_segment *)memory;
    d->filters = memory + segment_bytes;
    d->bias = memory + segment_bytes + filter_bytes;
    c = (cut){.plan = plan, .filters = filters, .packed = d->filters, .segments = d->segments};
    cut_reduction(&c);
    if (bias) {
        memcpy(d->bias, bias, (size_t)(p->f * element));
    } else {
        memset(d->bias, 0, (size_t)(p->f * element));
    }
    plan->packed_bytes = filter_bytes + p->f * element;
    workspace_layout layout;
    plan->workspace_bytes = workspace_bytes(plan, &layout);
    return NHWC_OK;
}

/* ---- Blocks ------------------------------------------------------------------------------------------------------ */

/* Where the operands of one call are, and how its blocks are cut. */
typedef struct {
    const nhwc_plan *plan;
    const char *x;
    const char *residual;
    char *out;
    int64_t rows;                   /* of a block */
    int64_t row_blocks, col_blocks; /* of an image */
    workspace_layout layout;
    int64_t workspace_bytes;
    char *workspace; /* of all threads */
} call;

/* One block of output pixels, and the parts of the workspace of the thread that does it. */
typedef struct {
    int64_t n, depth, row, rows, col, cols;
    const char *x; /* the sample */
    const void **table;
    char *zeros, *ring, *line;
    void *sums;
} region;

static void copy_element(char *to, const char *from, size_t element) {
    if (element == sizeof(float)) {
        memcpy(to, from, sizeof(float));
    } else {
        memcpy(to, from, sizeof(double));
    }
}

/* Copies one group of columns, those that share an output column, pixel by pixel. */
static void copy_group(const nhwc_plan *plan, const char *row, int64_t first, int64_t group, char *to) {
    const nhwc_problem *p = &plan->problem;
    const int64_t element = (int64_t)plan->element, stride = p->stride[2], pitch = plan->images.pitch * element;
    static const double zero;
    for (int64_t i = 0; i < stride; i++) {
        int64_t at = nhwc_source_index(p->padding_mode, first + group * stride + i, p->in[2]);
        for (int64_t c = 0; c < p->c; c++) {
            const char *from = at < 0 ? (const char *)&zero : row + (at * p->c + c) * element;
            copy_element(to + (i * p->c + c) * pitch + group * element, from, plan->element);
        }
    }
}

/* Groups of columns before the first that lies in the input, of `groups` from the column `first` on. */
static int64_t groups_before(const nhwc_problem *p, int64_t first, int64_t groups) {
    return nhwc_min(first < 0 ? nhwc_ceil_div(-first, p->stride[2]) : 0, groups);
}

/* Copies the padded columns of a row from `first` on that `cols` outputs read, and zeros to where their last vector
   reads: leftovers there might be slow to multiply. */
static void copy_row(const nhwc_plan *plan, const char *row, int64_t first, int64_t cols, char *to) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_images_plan *d = &plan->images;
    const int64_t element = (int64_t)plan->element, stride = p->stride[2], groups = cols + d->reach;
    const int64_t zeros = nhwc_round_up(cols, plan->kernels->lanes) - cols;
    int64_t begin = groups_before(p, first, groups);
    int64_t end = nhwc_max(nhwc_min(p->in[2] > first ? (p->in[2] - first) / stride : 0, groups), begin);
    for (int64_t i = 0; i < begin; i++) {
        copy_group(plan, row, first, i, to);
    }
    plan->kernels->images->split(row + (first + begin * stride) * p->c * element, d->planes, end - begin,
                                 to + begin * element, d->pitch);
    for (int64_t i = end; i < groups; i++) {
        copy_group(plan, row, first, i, to);
    }
    for (int64_t i = 0; i < d->planes; i++) {
        memset(to + (i * d->pitch + groups) * element, 0, (size_t)(zeros * element));
    }
}

/* Points entries first .. last - 1 of the table at copies of the input rows that output row `offset` of the region and
   those out_step apart read. The copies take the places of rows that no tile needs any more. */
static void copy_rows(const nhwc_plan *plan, const region *r, int64_t offset, int64_t first, int64_t last) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_images_plan *d = &plan->images;
    const int64_t left = r->col * p->stride[2] - p->before[2];
    const int64_t top = (r->row + offset) * p->stride[1] - p->before[1];
    /* So that whole vectors are stored aligned: a store across two cache lines costs as much as several. */
    const int64_t lead = -groups_before(p, left, r->cols + d->reach) & (plan->kernels->lanes - 1);
    for (int64_t k = 0; k < p->kernel[0]; k++) {
        const int64_t depth = nhwc_tap_source(p, 0, r->depth, k);
        for (int64_t j = first; j < last; j++) {
            if (j % d->row_step >= p->kernel[1]) {
                continue; /* between the windows */
            }
            int64_t at = nhwc_source_index(p->padding_mode, top + j * p->dilation[1], p->in[1]);
            const char *row = nhwc_input_row(plan, r->x, depth, at);
            char *copy = r->ring + (k * d->slots + j % d->slots) * row_bytes(plan, d) + lead * (int64_t)plan->element;
            if (row) {
                copy_row(plan, row, left, r->cols, copy);
            }
            r->table[k * d->table + j] = row ? copy : r->zeros;
        }
    }
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------- */

/* Results that are in r->sums, of `rows` output rows of one filter or one row of several, to t->out: n of `width`
   columns. Without a residual they are final. */
static void write_sums(const call *c, const region *r, const nhwc_image_tile *t, int64_t rows, int64_t n,
                       int64_t width) {
    const nhwc_plan *plan = c->plan;
    const nhwc_image_kernels *kernels = plan->kernels->images;
    const int64_t f = plan->problem.f, element = (int64_t)plan->element, step = plan->output.step[2];
    const bool fits = n == width && (f <= 4 || f == 8);
    if (f > 1 && !c->residual && fits && step == f) {
        kernels->join(t->sums, width, f, n, t->out);
        return;
    }
    if (f > 1) {
        kernels->join(t->sums, width, f, n, r->line);
    }
    for (int64_t i = 0; i < rows; i++) {
        const char *line = f > 1 ? r->line : (const char *)t->sums + i * width * element;
        const int64_t together = step == f ? n : 1; /* pixels that are neighbours in the output */
        for (int64_t j = 0; j < n; j += together) {
            char *out = (char *)t->out + (i * t->out_pitch + j * step) * element;
            const char *residual = c->residual ? c->residual + (out - c->out) : NULL;
            kernels->finish(line + j * f * element, residual, out, together * f, residual ? &plan->clamp : NULL);
        }
    }
}

static void prefetch_bytes(const char *from, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += NHWC_ALIGNMENT) {
        __builtin_prefetch(from + i);
    }
}

/* Fetches, while a tile of n columns is computed, the input of the tile below and the output of the tile after it:
   neither is a stream for long enough that the processor would in time. */
static void prefetch(const call *c, const region *r, int64_t row, int64_t rows, int64_t column, int64_t n) {
    const nhwc_problem *p = &c->plan->problem;
    const nhwc_images_plan *d = &c->plan->images;
    const int64_t element = (int64_t)c->plan->element, bottom = row + rows * d->out_step;
    const int64_t in_row = (r->row + bottom) * p->stride[1] + (p->kernel[1] - 1) * p->dilation[1] - p->before[1];
    const int64_t in_col = (r->col + column) * p->stride[2];
    const int64_t out = nhwc_out_at(c->plan, r->n, r->depth, r->row + row, r->col + column + n);
    const nhwc_output *output = &c->plan->output;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t at = in_row + i * d->out_step * p->stride[1];
        if (at >= 0 && at < p->in[1] && bottom < r->rows && in_col + n * p->stride[2] <= p->in[2]) {
            prefetch_bytes(r->x + ((r->depth * p->in[1] + at) * p->in[2] + in_col) * p->c * element,
                           n * d->planes * element);
        }
        if (column + 2 * n <= r->cols) {
            prefetch_bytes(c->out + (out + i * d->out_step * output->step[1]) * element, n * output->step[2] * element);
        }
    }
}

/* All columns of a tile of `rows` output rows, the first of which is row `row` of the region; its window begins at
   entry `entry` of the table. */
static void run_rows(const call *c, const region *r, int64_t row, int64_t entry, int64_t rows) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_images_plan *d = &plan->images;
    const nhwc_image_kernels *kernels = plan->kernels->images;
    nhwc_image_kernel *const *kernel = p->f == 1 ? kernels->rows[rows] : kernels->filters[p->f];
    const int64_t element = (int64_t)plan->element, lanes = plan->kernels->lanes;
    const int64_t first = nhwc_out_at(plan, r->n, r->depth, r->row + row, r->col), step = plan->output.step[2];
    nhwc_image_tile t = {
        .rows = r->table + entry,
        .row_step = d->row_step,
        .column_step = d->column_step,
        .segments = d->segments,
        .segment_count = d->segment_count,
        .filters = d->filters,
        .bias = d->bias,
        .out_pitch = d->out_step * plan->output.step[1],
        .sums = r->sums,
    };
    int width = NHWC_IMAGE_WIDTHS - 1;
    for (t.column = 0; t.column < r->cols; t.column += lanes << width) {
        const int64_t left = r->cols - t.column, at = (first + t.column * step) * element;
        while (!kernel[width] || (width > 0 && left <= lanes << (width - 1))) {
            width--;
        }
        const int64_t wide = lanes << width;
        if (d->distant) {
            prefetch(c, r, row, rows, t.column, nhwc_min(left, wide));
        }
        const bool direct = p->f == 1 && step == 1 && left >= wide;
        t.out = direct ? c->out + at : NULL;
        t.residual = direct && c->residual ? c->residual + at : NULL;
        t.clamp = p->activation == NHWC_LINEAR || (c->residual && !direct) ? NULL : &plan->clamp;
        kernel[width](&t);
        if (!direct) {
            t.out = c->out + at;
            write_sums(c, r, &t, rows, nhwc_min(left, wide), wide);
        }
    }
    const int64_t together = step == p->f ? r->cols : 1;
    for (int64_t i = 0; plan->activate && i < rows; i++) {
        for (int64_t j = 0; j < r->cols; j += together) {
            nhwc_plan_activate(plan, c->out + (first + i * t.out_pitch + j * step) * element, together * p->f);
        }
    }
}

static void run_region(const call *c, const region *r) {
    const nhwc_images_plan *d = &c->plan->images;
    for (int64_t offset = 0; offset < nhwc_min(d->out_step, r->rows); offset++) {
        const int64_t rows = nhwc_ceil_div(r->rows - offset, d->out_step), tiles = nhwc_ceil_div(rows, d->tile_rows);
        int64_t copied = 0;
        for (int64_t i = 0; i < tiles; i++) {
            const int64_t first = i * rows / tiles, last = (i + 1) * rows / tiles;
            const int64_t end = (last - 1) * d->row_step + c->plan->problem.kernel[1];
            copy_rows(c->plan, r, offset, copied, end);
            copied = end;
            run_rows(c, r, offset + first * d->out_step, first * d->row_step, last - first);
        }
    }
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------- */

/* Whether the last tile of a row reads vectors beyond the copied columns: tiles have powers of two of them. What lies
   there is not used, but leftovers of other work may be subnormal, and those multiply ten times slower. */
static bool reads_beyond(const nhwc_plan *plan) {
    const nhwc_images_plan *d = &plan->images;
    const int64_t cols = plan->problem.out[2] % d->cols ? plan->problem.out[2] % d->cols : d->cols;
    const int64_t rest = nhwc_ceil_div(cols, plan->kernels->lanes) % d->tile_vectors;
    return (rest & (rest - 1)) != 0;
}

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const call *c = context;
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_images_plan *d = &plan->images;
    const int64_t sample = p->in[0] * p->in[1] * p->in[2] * p->c * (int64_t)plan->element;
    char *workspace = c->workspace + worker * c->workspace_bytes;
    region r = {
        .table = (const void **)(workspace + c->layout.table),
        .zeros = workspace + c->layout.zeros,
        .ring = workspace + c->layout.ring,
        .sums = workspace + c->layout.sums,
        .line = workspace + c->layout.line,
    };
    memset(r.zeros, 0, (size_t)row_bytes(plan, d));
    if (reads_beyond(plan)) {
        memset(r.ring, 0, (size_t)(c->workspace_bytes - c->layout.ring));
    }
    for (int64_t task = first; task < last; task++) {
        int64_t at = task;
        r.col = at % c->col_blocks * d->cols;
        at /= c->col_blocks;
        r.row = at % c->row_blocks * c->rows;
        at /= c->row_blocks;
        r.depth = at % p->out[0];
        r.n = at / p->out[0];
        r.cols = nhwc_min(d->cols, p->out[2] - r.col);
        r.rows = nhwc_min(c->rows, p->out[1] - r.row);
        r.x = c->x + r.n * sample;
        run_region(c, &r);
    }
}

static int64_t count_tasks(call *c, int64_t n) {
    const nhwc_problem *p = &c->plan->problem;
    c->row_blocks = nhwc_ceil_div(p->out[1], c->rows);
    c->col_blocks = nhwc_ceil_div(p->out[2], c->plan->images.cols);
    return n * p->out[0] * c->row_blocks * c->col_blocks;
}

static nhwc_status run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out) {
    enum { STACK_BYTES = 12 << 10, TASKS_PER_THREAD = 4, LEAST_ROWS = 6 };
    const double GRAIN = 4e5; /* multiplications worth a thread, */
    const double PIXEL = 16;  /* as which an output counts besides its own */
    const nhwc_problem *p = &plan->problem;
    call c = {.plan = plan, .x = x, .residual = residual, .out = out, .rows = plan->images.rows};
    double work = (double)n * (double)p->pixels * (double)p->f * ((double)p->k + PIXEL);
    int threads = nhwc_threads_for(work, GRAIN);
    int64_t tasks = count_tasks(&c, n);
    while (threads > 1 && tasks < threads * TASKS_PER_THREAD && c.rows > LEAST_ROWS * plan->images.out_step) {
        c.rows = nhwc_ceil_div(c.rows, 2);
        tasks = count_tasks(&c, n);
    }
    threads = (int)nhwc_min(threads, tasks);
    c.workspace_bytes = workspace_bytes(plan, &c.layout);
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
    nhwc_images_plan d;
    return lay_out(plan, &d);
}

const nhwc_method nhwc_method_images = {
    .algorithm = NHWC_DIRECT,
    .serves = serves,
    .prepare = prepare,
    .run = run,
};
