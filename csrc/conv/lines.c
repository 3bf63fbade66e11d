/* The lines method's loops: tiles of neighbouring pixels of an output row, which take neighbouring taps together.

       for (n, depth, rows, columns) block of output pixels, for range of filter blocks:     parallel
           copy the input rows that the thread does not hold yet, padded
           for block of filters:
               for up to NHWC_LINE_TILES tiles of one size: kernel

   An input enters the sums of as many neighbouring pixels as there are taps in a row, so it is loaded once for up to
   three of them; see line.inl.h. The columns of one residue under the stride or the dilation are a plane, in which the
   pixels and the taps of a tile are neighbours. Where filters are finite, rows and pixels of zeros are left out: adding
   0 changes no bit; then rows are read in place, unless they have more than two zeros at an end. The copy is a ring of
   rows, since neighbouring blocks share most, and has planes apart. */
#include "lines.h"
#include "tasks.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

/* Where the operands of one call are, and how its blocks are cut. */
typedef struct {
    const nhwc_plan *plan;
    const char *x;
    const char *residual;
    char *out;
    nhwc_tasks tasks;
    nhwc_lines_layout layout;
    int64_t workspace_bytes;
    char *workspace; /* of all threads */
} call;

/* One block of output pixels, and the parts of the workspace of the thread that does it. */
typedef struct {
    nhwc_area at;
    const char *x;      /* the sample */
    const void **table; /* for each output row, those that the rows of the kernel read */
    nhwc_line_tile *tiles;
    int64_t tile_count;
    int64_t *first, *last; /* by plane: the columns that are not zeros */
    const char *ahead;     /* input that the next block reads and this one does not, fetched meanwhile, */
    int64_t ahead_bytes;   /* so much of it for each tile */
    int64_t *held;         /* the row of the padded input that each row of the copy holds */
    char *partial, *zeros, *scratch;
} region;

/* ---- The padded copy -------------------------------------------------------------------------------------------- */

/* Copies a row of the input, padded and apart by planes. */
static void copy_row(const call *c, const region *r, const char *row, char *to) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const int64_t planes = plan->lines.planes, pixel = p->c * (int64_t)plan->element;
    const int64_t left = r->at.col * p->stride[2] - p->before[2];
    for (int64_t plane = 0; plane < planes; plane++) {
        for (int64_t i = 0; i < c->layout.plane; i++, to += pixel) {
            const int64_t col = left + i * planes + plane;
            if (planes == 1 && col >= 0 && col < p->in[2]) {
                const int64_t pixels = nhwc_min(p->in[2] - col, c->layout.plane - i);
                memcpy(to, row + col * pixel, (size_t)(pixels * pixel));
                to += (pixels - 1) * pixel;
                i += pixels - 1;
                continue;
            }
            const int64_t at = nhwc_source_index(p->padding_mode, col, p->in[2]);
            if (at < 0) {
                memset(to, 0, (size_t)pixel);
            } else {
                memcpy(to, row + at * pixel, (size_t)pixel);
            }
        }
    }
}

/* Where the block's output row i finds what row k of the kernel reads; NULL for zeros that are left out. */
static const void *find_row(const call *c, const region *r, int64_t i, int64_t k) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const int64_t slice = k / p->kernel[1], tap = k % p->kernel[1];
    const int64_t depth = nhwc_tap_source(p, 0, r->at.depth, slice), row = nhwc_tap_source(p, 1, r->at.row + i, tap);
    if (depth < 0 || row < 0) {
        return plan->lines.skips ? NULL : r->zeros;
    }
    const char *from = nhwc_input_row(plan, r->x, depth, row);
    if (plan->lines.in_place) {
        return from + (r->at.col * p->stride[2] - p->before[2]) * p->c * (int64_t)plan->element;
    }
    const int64_t padded_depth = r->at.depth * p->stride[0] + slice * p->dilation[0];
    const int64_t padded_row = (r->at.row + i) * p->stride[1] + tap * p->dilation[1];
    const int64_t depths = nhwc_span(p, 0, p->out[0]), heights = nhwc_span(p, 1, p->out[1]);
    const int64_t name = ((r->at.n * depths + padded_depth) * heights + padded_row) * p->out[2] + r->at.col;
    const int64_t slot = slice * c->layout.height + padded_row % c->layout.height;
    char *to = r->scratch + slot * c->layout.row_bytes;
    if (r->held[slot] != name) {
        copy_row(c, r, from, to);
        r->held[slot] = name;
    }
    return to;
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------- */

/* Notes by plane which columns of the block's rows lie inside the input, where those outside may be left out. */
static void find_columns(const nhwc_plan *plan, const region *r) {
    const nhwc_problem *p = &plan->problem;
    const int64_t planes = plan->lines.planes;
    const int64_t low = p->before[2] - r->at.col * p->stride[2], high = low + p->in[2] - 1;
    for (int64_t i = 0; i < planes; i++) {
        r->first[i] = plan->lines.skips && low > i ? nhwc_ceil_div(low - i, planes) : 0;
        r->last[i] = !plan->lines.skips ? INT64_MAX / 2 : high >= i ? (high - i) / planes : -1;
    }
}

/* Adds the tiles of `pixels` pixels, of those of row i and phase `phase` that have at most `mr`. */
static void add_tiles(const call *c, region *r, int64_t i, int64_t phase, int64_t phases, int64_t mr, int64_t pixels) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const int64_t outputs = nhwc_ceil_div(r->at.cols - phase, phases), tiles = nhwc_ceil_div(outputs, mr);
    const int64_t least = outputs / nhwc_max(tiles, 1), larger = outputs - least * tiles;
    const int64_t begin = pixels == least ? larger : 0;
    const int64_t end = pixels == least ? tiles : pixels == least + 1 ? larger : 0;
    for (int64_t t = begin; t < end; t++) {
        const int64_t first = t * least + nhwc_min(t, larger);
        r->tiles[r->tile_count++] = (nhwc_line_tile){
            .rows = r->table + i * p->kernel[0] * p->kernel[1],
            .x = phase * plan->lines.plane_step + first * plan->lines.pixel_step,
            .out = nhwc_out_at(plan, r->at.n, r->at.depth, r->at.row + i, r->at.col + phase + first * phases),
            .plane = (int32_t)phase,
            .column = (int32_t)first,
            .pixels = (int32_t)pixels,
        };
    }
}

/* Cuts the block into tiles of nearly equal size, and lists them by size. */
static void cut_tiles(const call *c, region *r, int64_t mr) {
    const int64_t phases = c->plan->problem.dilation[2];
    r->tile_count = 0;
    for (int64_t pixels = mr; pixels > 0; pixels--) {
        for (int64_t i = 0; i < r->at.rows; i++) {
            for (int64_t phase = 0; phase < nhwc_min(phases, r->at.cols); phase++) {
                add_tiles(c, r, i, phase, phases, mr, pixels);
            }
        }
    }
}

static void activate(const call *c, const nhwc_lines *t) {
    const nhwc_plan *plan = c->plan;
    for (int64_t i = 0; i < t->count; i++) {
        int64_t offsets[NHWC_MAX_MR];
        for (int64_t j = 0; j < t->tiles[i].pixels; j++) {
            offsets[j] = t->tiles[i].out + j * t->out_pitch;
        }
        plan->activate(t->out, offsets, t->tiles[i].pixels, t->live, plan->problem.activation);
    }
}

/* All tiles of a region for one block of filters. */
static void run_tiles(const call *c, region *r, const nhwc_block *b) {
    const nhwc_plan *plan = c->plan;
    const nhwc_lines_plan *d = &plan->lines;
    const nhwc_problem *p = &plan->problem;
    const int64_t element = (int64_t)plan->element;
    nhwc_lines t = {
        .segments = d->segments,
        .segment_count = d->segment_count,
        .pixel_pitch = d->pixel_step,
        .channel = b->channel,
        .first = r->first,
        .last = r->last,
        .filters = b->filters,
        .filter_pitch = b->filter_pitch,
        .tap_pitch = p->stride[2] * (p->c / p->groups) * b->filter_pitch,
        .bias = b->bias,
        .residual = c->residual ? c->residual + b->first * element : NULL,
        .out = c->out + b->first * element,
        .out_pitch = p->dilation[2] * plan->output.step[2],
        .partial = r->partial,
        .clamp = &plan->clamp,
        .live = b->live,
    };
    for (int64_t i = 0; i < r->tile_count; i += t.count) {
        t.tiles = r->tiles + i;
        for (t.count = 1;
             t.count < NHWC_LINE_TILES && i + t.count < r->tile_count && t.tiles[t.count].pixels == t.tiles->pixels;
             t.count++) {
        }
        t.ahead = r->ahead;
        t.ahead_lines = nhwc_ceil_div(r->ahead_bytes, NHWC_ALIGNMENT * d->chunks);
        r->ahead += t.ahead_lines * NHWC_ALIGNMENT * d->chunks * t.count;
        b->lines->run(&t, t.tiles->pixels);
        if (plan->activate) {
            activate(c, &t);
        }
    }
}

/* Finds the input of the block below, or of the next columns of a single row, for `blocks` blocks of filters to fetch.
 */
static void look_ahead(const call *c, region *r, int64_t blocks) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const int64_t pixel = p->c * (int64_t)plan->element, row = p->in[2] * pixel;
    const int64_t depth = nhwc_max(r->at.depth * p->stride[0] - p->before[0], 0);
    const int64_t mr = plan->lines.blocks->lines->mr;
    int64_t begin = depth * p->in[1] * row, bytes;
    if (c->tasks.col_blocks > 1) {
        begin += (r->at.col * p->stride[2] + nhwc_span(p, 2, r->at.cols) - p->before[2]) * pixel;
        bytes = p->out[1] == 1 ? r->at.cols * p->stride[2] * pixel : 0;
    } else {
        begin += (r->at.row * p->stride[1] + nhwc_span(p, 1, r->at.rows) - p->before[1]) * row;
        bytes = r->at.rows * nhwc_min(p->stride[1], p->kernel[1]) * row;
    }
    const int64_t rest = (p->in[0] * p->in[1] * row) - begin;
    bytes = nhwc_max(nhwc_min(bytes, rest), 0);
    r->ahead = r->x + begin;
    r->ahead_bytes = bytes / (blocks * nhwc_line_tiles(p, r->at.rows, r->at.cols, mr));
}

/* One region for filter blocks first .. last - 1. */
static void run_region(const call *c, region *r, int64_t first, int64_t last) {
    const nhwc_problem *p = &c->plan->problem;
    const int64_t kernel_rows = p->kernel[0] * p->kernel[1];
    for (int64_t i = 0; i < r->at.rows * kernel_rows; i++) {
        r->table[i] = find_row(c, r, i / kernel_rows, i % kernel_rows);
    }
    find_columns(c->plan, r);
    look_ahead(c, r, last - first);
    const nhwc_line_family *cut_for = NULL;
    for (int64_t i = first; i < last; i++) {
        const nhwc_block *b = &c->plan->lines.blocks[i];
        if (b->lines != cut_for) {
            cut_tiles(c, r, b->lines->mr);
            cut_for = b->lines;
        }
        run_tiles(c, r, b);
    }
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------- */

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const call *c = context;
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_lines_plan *d = &plan->lines;
    const int64_t sample = p->in[0] * p->in[1] * p->in[2] * p->c * (int64_t)plan->element;
    char *workspace = c->workspace + worker * c->workspace_bytes;
    region r = {
        .table = (const void **)(workspace + c->layout.rows),
        .tiles = (nhwc_line_tile *)(workspace + c->layout.tiles),
        .first = (int64_t *)(workspace + c->layout.reach),
        .last = (int64_t *)(workspace + c->layout.reach) + d->planes,
        .held = (int64_t *)(workspace + c->layout.held),
        .partial = workspace + c->layout.partial,
        .zeros = workspace + c->layout.zeros,
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
    enum { TASKS_PER_THREAD = 4, LEAST_PIXELS = 48 };
    const double GRAIN = 5e5; /* multiplications worth a thread */
    const nhwc_problem *p = &plan->problem;
    const nhwc_tasks uncut = {
        .shape = p,
        .rows = plan->lines.rows,
        .cols = plan->lines.cols,
        .least_pixels = LEAST_PIXELS,
        .blocks = plan->lines.block_count,
        .filters_first = p->k * (p->f / p->groups) > p->in[1] * p->in[2] * p->c,
    };
    call c = {.plan = plan, .x = x, .residual = residual, .out = out, .tasks = uncut};
    int threads = nhwc_threads_for(nhwc_work(p, n), GRAIN);
    const int64_t tasks = nhwc_cut_tasks(&c.tasks, n, threads > 1 ? threads * TASKS_PER_THREAD : 1);
    threads = (int)nhwc_min(threads, tasks);
    c.workspace_bytes = nhwc_lines_workspace(plan, c.tasks.rows, c.tasks.cols, &c.layout);
    c.workspace = nhwc_workspace_take((size_t)(c.workspace_bytes * threads));
    if (!c.workspace) {
        return NHWC_NO_MEMORY;
    }
    for (int i = 0; i < threads; i++) {
        char *workspace = c.workspace + i * c.workspace_bytes;
        memset(workspace + c.layout.held, -1, (size_t)(c.layout.partial - c.layout.held));
        memset(workspace + c.layout.zeros, 0, plan->lines.skips ? 0 : (size_t)c.layout.row_bytes);
    }
    nhwc_parallel_for(threads, tasks, run_tasks, &c);
    nhwc_workspace_give(c.workspace);
    return NHWC_OK;
}

const nhwc_method nhwc_method_lines = {
    .algorithm = NHWC_DIRECT,
    .serves = nhwc_lines_serves,
    .prepare = nhwc_lines_prepare,
    .run = run,
};
