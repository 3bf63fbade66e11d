/* The images method: few filters, vectors along the width.

       for (n, depth, rows, columns) block of output pixels:                                 parallel
           make the table of input rows: in place, or copied, padded, one plane for each channel
           for tile of output rows, for tile of columns:
               kernel
               more than one filter: interleave

   Stride and dilation become planes and steps. With g = gcd(stride, dilation), the taps k of an axis with equal
   k % (stride / g) read inputs of one residue by the stride; in the plane of such inputs output o's own column is o,
   and those taps lie dilation / g apart. So the reduction is cut into rectangles of taps, the segments, by depth tap,
   channel, residue of the column and residue of the row, in this order; it depends on nothing else.
   Likewise the output rows of a tile are dilation / g apart, which makes their windows share input rows. */
#include "source.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

/* Sizes that were chosen by measuring; see csrc/README.md. */
enum {
    MOST_FILTERS = NHWC_IMAGE_FILTERS,
    MOST_PLANES = 64,
    MOST_K = 1 << 16,
    COPY_BYTES = 192 << 10, /* of a block's copied rows, if it can be */
    COPY_MOST = 1 << 20,    /* and at the most */
    BLOCK_ROWS = 64,
    BLOCK_COLS = 1024,
    IN_PLACE_COLS = 1024, /* from here on the edges cost less than copying whole rows */
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
    const int64_t lanes = plan->kernels->lanes, tile = d->tile_vectors * lanes;
    const int64_t height = nhwc_max(p->out[1], 1), width = nhwc_max(p->out[2], 1);
    int64_t most = p->out[1] <= 1 ? 4 * BLOCK_COLS : BLOCK_COLS;
    for (;; most /= 2) {
        int64_t parts = nhwc_ceil_div(width, most);
        d->cols = parts == 1 ? width : nhwc_round_up(nhwc_ceil_div(width, parts), tile);
        d->pitch = nhwc_round_up(nhwc_round_up(d->cols, lanes) + d->reach, lanes);
        for (d->rows = nhwc_min(height, BLOCK_ROWS);; d->rows = nhwc_ceil_div(d->rows, 2)) {
            int64_t rows = p->kernel[0] * nhwc_span(p, 1, d->rows), bytes = rows * row_bytes(plan, d);
            if (bytes <= COPY_BYTES) {
                return true;
            }
            if (d->rows <= 4 * d->tile_rows * d->out_step || d->rows == 1) {
                if (most > 4 * tile) {
                    break;
                }
                return bytes <= COPY_MOST;
            }
        }
    }
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
    d->row_step = p->dilation[1] * residues(p, 1);
    d->out_step = d->row_step / p->stride[1];
    d->column_step = p->dilation[2] * residues(p, 2) / p->stride[2];
    const int64_t shared = taps_of(p->kernel[1], residues(p, 1), 0);
    d->tile_rows = p->f == 1 ? nhwc_min(shared, NHWC_IMAGE_ROWS) : 1;
    d->tile_vectors = widest(p->f == 1 ? kernels->rows[d->tile_rows] : kernels->filters[p->f]);
    d->in_place = d->planes == 1 && p->out[2] >= IN_PLACE_COLS;
    return choose_block(plan, d);
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
    int64_t count, chunk; /* segments, and inputs of the chunk so far */
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
    bool full = c->chunk + taps > nhwc_chunk(p->k);
    c->chunk = full ? taps : c->chunk + taps;
    if (c->segments) {
        if (full) {
            c->segments[c->count - 1].ends_chunk = 1;
        }
        int64_t plane = column % p->stride[2] * p->c + r->channel;
        c->segments[c->count] = (nhwc_image_segment){
            .offset = plane * d->pitch + column / p->stride[2],
            .row = (int32_t)(r->depth * nhwc_span(p, 1, d->rows) + r->row * p->dilation[1]),
            .height = (int32_t)r->height,
            .width = (int32_t)r->width,
        };
        pack(c, r);
    }
    c->count++;
}

/* Adds a rectangle in parts of about equal size that a chunk holds. */
static void add_rectangle(cut *c, const rectangle *r) {
    const nhwc_problem *p = &c->plan->problem;
    const int64_t chunk = nhwc_chunk(p->k), columns = nhwc_ceil_div(r->width, nhwc_ceil_div(r->width, chunk));
    for (int64_t j = 0; j < r->width; j += columns) {
        rectangle part = *r;
        part.column += j * residues(p, 2);
        part.width = nhwc_min(columns, r->width - j);
        const int64_t rows = nhwc_ceil_div(r->height, nhwc_ceil_div(r->height, chunk / part.width));
        for (int64_t i = 0; i < r->height; i += rows) {
            part.row = r->row + i * residues(p, 1);
            part.height = nhwc_min(rows, r->height - i);
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
    int64_t table, zeros, copy, sums, line;
} workspace_layout;

/* Bytes of workspace of one thread. */
static int64_t workspace_bytes(const nhwc_plan *plan, workspace_layout *layout) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_images_plan *d = &plan->images;
    const int64_t vector = plan->kernels->lanes * (int64_t)plan->element, tile = d->tile_vectors * vector;
    const int64_t input_rows = p->kernel[0] * nhwc_span(p, 1, d->rows);
    int64_t at = 0;
    layout->table = at;
    at += nhwc_round_up(input_rows * (int64_t)sizeof(void *), NHWC_ALIGNMENT);
    layout->zeros = at;
    at += nhwc_round_up(row_bytes(plan, d), NHWC_ALIGNMENT);
    layout->copy = at;
    at += nhwc_round_up(input_rows * row_bytes(plan, d), NHWC_ALIGNMENT);
    layout->sums = at;
    at += nhwc_round_up(nhwc_max(p->f, d->tile_rows) * tile, NHWC_ALIGNMENT);
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
    char *zeros, *copy, *line;
    void *sums;
} region;

/* Copies one group of columns, those that share an output column, pixel by pixel. */
static void copy_group(const nhwc_plan *plan, const char *row, int64_t first, int64_t group, char *to) {
    const nhwc_problem *p = &plan->problem;
    const int64_t element = (int64_t)plan->element, stride = p->stride[2], pitch = plan->images.pitch * element;
    for (int64_t i = 0; i < stride; i++) {
        int64_t at = nhwc_source_index(p->padding_mode, first + group * stride + i, p->in[2]);
        for (int64_t c = 0; c < p->c; c++) {
            char *value = to + (i * p->c + c) * pitch + group * element;
            if (at < 0) {
                memset(value, 0, plan->element);
            } else {
                memcpy(value, row + (at * p->c + c) * element, plan->element);
            }
        }
    }
}

/* Copies the padded columns of a row from `first` on that `cols` outputs read, and zeros to where their last vector
   reads: leftovers there might be slow to multiply. */
static void copy_row(const nhwc_plan *plan, const char *row, int64_t first, int64_t cols, char *to) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_images_plan *d = &plan->images;
    const int64_t element = (int64_t)plan->element, stride = p->stride[2], groups = cols + d->reach;
    const int64_t zeros = nhwc_round_up(cols, plan->kernels->lanes) - cols;
    int64_t begin = nhwc_min(first < 0 ? nhwc_ceil_div(-first, stride) : 0, groups);
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

/* Points the table at the input rows of the region, or at copies of them. */
static void make_table(const nhwc_plan *plan, const region *r, bool in_place) {
    const nhwc_problem *p = &plan->problem;
    const nhwc_images_plan *d = &plan->images;
    const int64_t height = nhwc_span(p, 1, r->rows), pitch = nhwc_span(p, 1, d->rows);
    const int64_t top = r->row * p->stride[1] - p->before[1], left = r->col * p->stride[2] - p->before[2];
    for (int64_t k = 0; k < p->kernel[0]; k++) {
        int64_t depth = nhwc_tap_source(p, 0, r->depth, k);
        for (int64_t j = 0; j < height; j++) {
            int64_t at = k * pitch + j;
            const char *row = nhwc_input_row(plan, r->x, depth, nhwc_source_index(p->padding_mode, top + j, p->in[1]));
            if (!row) {
                r->table[at] = r->zeros;
            } else if (in_place) {
                r->table[at] = row + left * p->c * (int64_t)plan->element;
            } else if (nhwc_row_is_read(p, r->rows, j)) {
                char *copy = r->copy + at * row_bytes(plan, d);
                copy_row(plan, row, left, r->cols, copy);
                r->table[at] = copy;
            }
        }
    }
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------- */

/* Results that are in r->sums, of `rows` output rows of one filter or one row of several: to out, without the columns
   that do not exist. */
static void write_sums(const call *c, const region *r, const nhwc_image_tile *t, int64_t rows, int64_t n,
                       int64_t width) {
    const nhwc_plan *plan = c->plan;
    const nhwc_image_kernels *kernels = plan->kernels->images;
    const int64_t f = plan->problem.f, element = (int64_t)plan->element;
    if (f > 1) {
        kernels->join(t->sums, width, f, n, r->line);
    }
    for (int64_t i = 0; i < rows; i++) {
        const char *line = f > 1 ? r->line : (const char *)t->sums + i * width * element;
        const int64_t at = i * t->out_pitch * element;
        kernels->finish(line, t->residual ? (const char *)t->residual + at : NULL, (char *)t->out + at, n * f,
                        t->clamp);
    }
}

/* All columns of a tile of `rows` output rows, the first of which is row `row` of the region. */
static void run_rows(const call *c, const region *r, int64_t row, int64_t rows) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_images_plan *d = &plan->images;
    const nhwc_image_kernels *kernels = plan->kernels->images;
    nhwc_image_kernel *const *kernel = p->f == 1 ? kernels->rows[rows] : kernels->filters[p->f];
    const int64_t element = (int64_t)plan->element, lanes = plan->kernels->lanes;
    const int64_t first = (((r->n * p->out[0] + r->depth) * p->out[1] + r->row + row) * p->out[2] + r->col) * p->f;
    const int64_t out_pitch = d->out_step * p->out[2] * p->f;
    int width = NHWC_IMAGE_WIDTHS - 1;
    for (int64_t column = 0; column < r->cols;) {
        const int64_t left = nhwc_ceil_div(r->cols - column, lanes);
        while (!kernel[width] || left < 1 << width) {
            width--;
        }
        const int64_t wide = lanes << width, n = nhwc_min(r->cols - column, wide),
                      at = (first + column * p->f) * element;
        nhwc_image_tile t = {
            .rows = r->table + row * p->stride[1],
            .row_step = d->row_step,
            .column_step = d->column_step,
            .column = column,
            .segments = d->segments,
            .segment_count = d->segment_count,
            .filters = d->filters,
            .bias = d->bias,
            .residual = c->residual ? c->residual + at : NULL,
            .out = p->f == 1 && n == wide ? c->out + at : NULL,
            .out_pitch = out_pitch,
            .sums = r->sums,
            .clamp = p->activation == NHWC_LINEAR ? NULL : &plan->clamp,
        };
        kernel[width](&t);
        if (!t.out) {
            t.out = c->out + at;
            write_sums(c, r, &t, rows, n, wide);
        }
        column += n;
    }
    for (int64_t i = 0; plan->activate && i < rows; i++) {
        plan->activate(c->out + (first + i * out_pitch) * element, r->cols * p->f, p->activation);
    }
}

/* One region, all its columns from padded copies or all in place. */
static void run_region(const call *c, const region *r, bool in_place) {
    const nhwc_images_plan *d = &c->plan->images;
    make_table(c->plan, r, in_place);
    for (int64_t offset = 0; offset < nhwc_min(d->out_step, r->rows); offset++) {
        const int64_t rows = nhwc_ceil_div(r->rows - offset, d->out_step), tiles = nhwc_ceil_div(rows, d->tile_rows);
        for (int64_t i = 0; i < tiles; i++) {
            int64_t first = i * rows / tiles, last = (i + 1) * rows / tiles;
            run_rows(c, r, offset + first * d->out_step, last - first);
        }
    }
}

/* A block's columns: those before `left` and from `right` on meet padding or the end of a row. */
static void run_block(const call *c, region *r) {
    const nhwc_problem *p = &c->plan->problem;
    const nhwc_images_plan *d = &c->plan->images;
    const int64_t lanes = c->plan->kernels->lanes, last = r->col + r->cols;
    int64_t left = p->out[2], right = p->out[2];
    if (d->in_place) {
        left = nhwc_round_up(p->before[2], lanes);
        right = left + (nhwc_min(p->out[2], p->in[2] - d->reach + p->before[2]) - left) / lanes * lanes;
    }
    for (int64_t col = r->col; col < last; col = r->col + r->cols) {
        bool inside = col >= left && col < right;
        r->col = col;
        r->cols = nhwc_min(last, inside ? right : col < left && left < right ? left : last) - col;
        run_region(c, r, inside);
    }
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------- */

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
        .copy = workspace + c->layout.copy,
        .sums = workspace + c->layout.sums,
        .line = workspace + c->layout.line,
    };
    memset(r.zeros, 0, (size_t)row_bytes(plan, d));
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
        run_block(c, &r);
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
    const double GRAIN = 4e6; /* multiplications worth a thread, */
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
