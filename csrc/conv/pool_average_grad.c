/* The gradient of means over windows: a pixel's is the sum of dy over the windows that hold it, each by the number of
   its pixels.

       for (n, depth, row, block of columns) of the input:                  parallel
           line = sum of dy over the rows of windows that hold this row, by the numbers of pixels
           sum the line over the columns of windows that hold each pixel

   Every pixel gathers, so no two tasks write to one, and sums have one order. The windows of pixels that are a stride
   apart lie one apart: the kernel of the forward sums does them in a row. Windows that reach over padding have fewer
   pixels; only where rows of different numbers meet, each needs a line of its own. */
#include "pool.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

enum { BLOCK_BYTES = 32 << 10 /* of a row of the input */ };

typedef struct {
    const nhwc_problem *p;
    nhwc_windows_kernel *sum;
    int64_t element; /* bytes */
    const char *dy;
    char *dx;
    int64_t cols, col_blocks;
    int64_t line_bytes, lines;
    char *workspace; /* of all threads */
} call;

/* Sums dy over a box of rows, columns `o`, and divides by `height` times the pixels of a window along the width. */
static void share_rows(const call *c, nhwc_run depths, nhwc_run rows, nhwc_run o, int64_t height, int64_t n,
                       char *line) {
    const nhwc_problem *p = c->p;
    const int64_t pixel = p->c * c->element, width = p->out[2] * p->c;
    const nhwc_run inner = nhwc_pool_inner(p, o);
    const char *dy = c->dy + ((n * p->out[0] + depths.first) * p->out[1] + rows.first) * p->out[2] * pixel;
    nhwc_windows t = {.depths = depths.count,
                      .rows = rows.count,
                      .columns = 1,
                      .depth_pitch = p->out[1] * width,
                      .row_pitch = width,
                      .windows = 1};
    for (int64_t j = o.first; j < o.first + o.count; j++) {
        const int64_t count = j == inner.first && inner.count > 0 ? inner.count : 1;
        t.x = dy + j * pixel;
        t.out = line + (j - o.first) * pixel;
        t.channels = count * p->c;
        t.divisor = height * nhwc_pool_pixels(p, 2, j).count;
        c->sum(&t);
        j += count - 1;
    }
}

/* The pixels of each window of the run along an axis; 0 if they differ. */
static int64_t common_count(const nhwc_problem *p, int axis, nhwc_run o) {
    const int64_t count = nhwc_pool_pixels(p, axis, o.first).count;
    for (int64_t i = 1; i < o.count; i++) {
        if (nhwc_pool_pixels(p, axis, o.first + i).count != count) {
            return 0;
        }
    }
    return count;
}

/* Sums the rows of windows of a box, columns `o`, by their numbers of pixels, to `line`, behind which are more. */
static void share_box(const call *c, nhwc_run depths, nhwc_run rows, nhwc_run o, int64_t n, char *line) {
    const nhwc_problem *p = c->p;
    const int64_t height = common_count(p, 0, depths) * common_count(p, 1, rows);
    if (height > 0) {
        share_rows(c, depths, rows, o, height, n, line);
        return;
    }
    nhwc_windows t = {
        .x = line + c->line_bytes,
        .depths = 1,
        .rows = depths.count * rows.count,
        .row_pitch = c->line_bytes / c->element,
        .columns = 1,
        .windows = 1,
        .out = line,
        .channels = o.count * p->c,
        .divisor = 1,
    };
    char *to = line;
    for (int64_t d = depths.first; d < depths.first + depths.count; d++) {
        for (int64_t r = rows.first; r < rows.first + rows.count; r++) {
            to += c->line_bytes;
            const int64_t pixels = nhwc_pool_pixels(p, 0, d).count * nhwc_pool_pixels(p, 1, r).count;
            share_rows(c, (nhwc_run){d, 1}, (nhwc_run){r, 1}, o, pixels, n, to);
        }
    }
    c->sum(&t);
}

/* Pixels `first`, `first` + stride, ... of the run i of a row: the sums of the line, which begins at window `origin`,
   over the windows that hold each. */
static void gather_phase(const call *c, nhwc_run i, int64_t first, const char *line, int64_t origin, char *dx) {
    const nhwc_problem *p = c->p;
    const int64_t pixel = p->c * c->element, stride = p->stride[2];
    for (int64_t at = first; at < i.first + i.count; at += stride) {
        const nhwc_run o = nhwc_pool_windows(p, 2, (nhwc_run){at, 1});
        char *out = dx + (at - i.first) * pixel;
        if (o.count == 0) {
            memset(out, 0, (size_t)pixel);
            continue;
        }
        /* Those that follow with as many windows, each one further on. */
        int64_t count = 1;
        for (int64_t next = at + stride; next < i.first + i.count; next += stride, count++) {
            const nhwc_run more = nhwc_pool_windows(p, 2, (nhwc_run){next, 1});
            if (more.count != o.count || more.first != o.first + count) {
                break;
            }
        }
        nhwc_windows t = {
            .x = line + (o.first - origin) * pixel,
            .depths = 1,
            .rows = 1,
            .columns = o.count,
            .column_pitch = p->c,
            .windows = stride == 1 ? 1 : count,
            .window_pitch = p->c,
            .out = out,
            .out_pitch = stride * p->c,
            .channels = stride == 1 ? count * p->c : p->c,
            .divisor = 1,
        };
        c->sum(&t);
        at += (count - 1) * stride;
    }
}

static void run_task(const call *c, int64_t task, char *line) {
    const nhwc_problem *p = c->p;
    const int64_t col = task % c->col_blocks * c->cols, row = task / c->col_blocks;
    const int64_t depth = row / p->in[1] % p->in[0], n = row / p->in[1] / p->in[0];
    const nhwc_run i = {col, nhwc_min(c->cols, p->in[2] - col)};
    const nhwc_run depths = nhwc_pool_windows(p, 0, (nhwc_run){depth, 1});
    const nhwc_run rows = nhwc_pool_windows(p, 1, (nhwc_run){row % p->in[1], 1});
    const nhwc_run o = nhwc_pool_windows(p, 2, i);
    char *dx = c->dx + (row * p->in[2] + col) * p->c * c->element;
    if (depths.count == 0 || rows.count == 0 || o.count == 0) {
        memset(dx, 0, (size_t)(i.count * p->c * c->element));
        return;
    }
    share_box(c, depths, rows, o, n, line);
    for (int64_t first = 0; first < p->stride[2] && first < i.count; first++) {
        gather_phase(c, i, col + first, line, o.first, dx);
    }
}

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const call *c = context;
    for (int64_t task = first; task < last; task++) {
        run_task(c, task, c->workspace + worker * c->lines * c->line_bytes);
    }
}

/* The windows along an axis that hold a pixel, at most. */
static int64_t most_windows(const nhwc_problem *p, int axis) {
    return nhwc_min(nhwc_ceil_div(p->kernel[axis], p->stride[axis]), p->out[axis]);
}

static void choose(call *c) {
    const nhwc_problem *p = c->p;
    const int64_t pixel = p->c * c->element;
    c->cols = nhwc_min(nhwc_max(BLOCK_BYTES / pixel, 1), p->in[2]);
    c->cols = nhwc_ceil_div(p->in[2], nhwc_ceil_div(p->in[2], c->cols));
    c->col_blocks = nhwc_ceil_div(p->in[2], c->cols);
    const int64_t columns = nhwc_min((c->cols + p->kernel[2]) / p->stride[2] + 1, p->out[2]);
    c->line_bytes = nhwc_round_up(columns * pixel, NHWC_ALIGNMENT);
    const bool padded = p->before[0] || p->after[0] || p->before[1] || p->after[1];
    c->lines = 1 + (padded ? most_windows(p, 0) * most_windows(p, 1) : 0);
}

nhwc_status nhwc_average_pool_grad(const nhwc_problem *p, const void *dy, void *dx) {
    const double GRAIN = 3e5; /* bytes read by kernels that are worth a thread */
    if (p->n < 0 || (p->dtype != NHWC_F32 && p->dtype != NHWC_F64)) {
        return NHWC_INVALID_ARGUMENT;
    }
    call c = {.p = p, .sum = nhwc_pool_sum(p->dtype), .element = nhwc_pool_bytes(p->dtype), .dy = dy, .dx = dx};
    const int64_t rows = p->n * p->in[0] * p->in[1];
    if (rows * p->in[2] * p->c == 0) {
        return NHWC_OK;
    }
    choose(&c);
    const double read = (double)p->n * (double)p->pixels * (double)p->k * (double)(p->c * c.element);
    const double work = read + (double)rows * (double)(p->in[2] * p->c * c.element);
    const int threads = (int)nhwc_min(nhwc_threads_for(work, GRAIN), rows * c.col_blocks);
    int64_t bytes;
    if (!nhwc_mul(c.lines * threads, c.line_bytes, &bytes)) {
        return NHWC_NO_MEMORY;
    }
    c.workspace = nhwc_workspace_take((size_t)bytes);
    if (!c.workspace) {
        return NHWC_NO_MEMORY;
    }
    nhwc_parallel_for(threads, rows * c.col_blocks, run_tasks, &c);
    nhwc_workspace_give(c.workspace);
    return NHWC_OK;
}
