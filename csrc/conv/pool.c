/* Maxima and means over windows, by rows of outputs.

       for (n, depth, block of columns, row) of the output:                 parallel
           directly:    for window: reduce its pixels
           in two steps: reduce the window's rows to a line, column by column; reduce the line along its columns

   Two steps save work where windows overlap: 3x3 at stride 1 reads 7 pixels instead of 9, large windows far fewer.

   Kernels run along the channels. Where windows are neighbours, at stride 1, all pixels of a row of the output are one
   long pixel to them: the same run of inputs, shifted by a pixel, meets every tap. So few channels cost no more than
   many. With a larger stride and few channels, the windows between are computed, too, and dropped. */
#include "pool.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

enum {
    BLOCK_BYTES = 32 << 10, /* of the input that a block of columns reads at a time */
    MOST_ROWS = 15,         /* that a block is made narrower for, so that they stay in the first-level cache */
    PAGE_BYTES = 4096,      /* addresses that differ by multiples of it look alike to a processor's store buffer */
    LINE_SHIFT = 512,
    FAR_STRIDE = 8, /* from which windows that are dropped cost more than they bring */
};

typedef struct {
    const nhwc_problem *p;
    nhwc_windows_kernel *reduce;
    int64_t element; /* bytes */
    bool two_steps;
    int64_t every; /* windows computed for each output: more than one with few channels */
    const char *x;
    char *out;
    int64_t cols, col_blocks;
    int64_t line_bytes;
    char *workspace; /* two lines a thread */
} call;

/* Copies every so many bytes one pixel; sizes that the compiler knows take an instruction. */
static void pick(char *to, const char *from, int64_t count, int64_t pixel, int64_t step) {
    switch (pixel) {
    case 1:
        for (int64_t i = 0; i < count; i++) {
            to[i] = from[i * step];
        }
        return;
    case 4:
        for (int64_t i = 0; i < count; i++) {
            memcpy(to + 4 * i, from + i * step, 4);
        }
        return;
    case 12:
        for (int64_t i = 0; i < count; i++) {
            memcpy(to + 12 * i, from + i * step, 12);
        }
        return;
    default:
        for (int64_t i = 0; i < count; i++) {
            memcpy(to + pixel * i, from + i * step, (size_t)pixel);
        }
    }
}

/* Reduces windows without padding, neighbours along a row. */
static void reduce_inner(const call *c, nhwc_windows t, int64_t count, char *spare) {
    const nhwc_problem *p = c->p;
    const int64_t step = p->stride[2] * p->c;
    if (c->every < p->stride[2]) {
        t.windows = count;
        t.window_pitch = step;
        t.out_pitch = p->c;
        c->reduce(&t);
        return;
    }
    void *const out = t.out;
    t.channels = (count - 1) * step + p->c;
    t.out = p->stride[2] == 1 ? out : spare;
    c->reduce(&t);
    if (p->stride[2] > 1) {
        pick(out, spare, count, p->c * c->element, step * c->element);
    }
}

/* Reduces the windows of a run of output columns; t has the operands of a column of them, t.x being input column
   `origin`, and the number of pixels in it as the divisor. */
static void reduce_columns(const call *c, nhwc_windows t, int64_t origin, nhwc_run o, char *spare) {
    const nhwc_problem *p = c->p;
    const nhwc_run inner = nhwc_pool_inner(p, o);
    const int64_t pixel = p->c * c->element, height = t.divisor;
    const char *x = t.x;
    char *out = t.out;
    for (int64_t j = o.first; j < o.first + o.count; j++) {
        const nhwc_run w = nhwc_pool_pixels(p, 2, j);
        t.x = x + (w.first - origin) * pixel;
        t.out = out + (j - o.first) * pixel;
        t.columns = w.count;
        t.divisor = height * w.count;
        if (j == inner.first && inner.count > 0) {
            reduce_inner(c, t, inner.count, spare);
            j += inner.count - 1;
        } else {
            c->reduce(&t);
        }
    }
}

static void run_task(const call *c, int64_t task, char *line) {
    const nhwc_problem *p = c->p;
    const int64_t image = task / p->out[1] / c->col_blocks, col = task / p->out[1] % c->col_blocks * c->cols;
    const int64_t row = image * p->out[1] + task % p->out[1], depth = image % p->out[0], n = image / p->out[0];
    const nhwc_run o = {col, nhwc_min(c->cols, p->out[2] - col)};
    const nhwc_run d = nhwc_pool_pixels(p, 0, depth), r = nhwc_pool_pixels(p, 1, row % p->out[1]);
    const int64_t pixel = p->c * c->element, width = p->in[2] * p->c;
    nhwc_windows t = {
        .x = c->x + ((n * p->in[0] + d.first) * p->in[1] + r.first) * p->in[2] * pixel,
        .depths = d.count,
        .rows = r.count,
        .columns = 1,
        .depth_pitch = p->in[1] * width,
        .row_pitch = width,
        .column_pitch = p->c,
        .windows = 1,
        .out = c->out + (row * p->out[2] + col) * pixel,
        .channels = p->c,
        .divisor = d.count * r.count,
    };
    if (!c->two_steps) {
        reduce_columns(c, t, 0, o, line);
        return;
    }
    const nhwc_run first = nhwc_pool_pixels(p, 2, col), last = nhwc_pool_pixels(p, 2, col + o.count - 1);
    nhwc_windows rows = t;
    rows.x = (const char *)t.x + first.first * pixel;
    /* Aligned as the input is, and where stores seem to lead to no address that is loaded next. */
    line += ((uintptr_t)rows.x + LINE_SHIFT - (uintptr_t)line) % PAGE_BYTES;
    rows.channels = (last.first + last.count - first.first) * p->c;
    rows.out = line;
    rows.divisor = 1;
    c->reduce(&rows);
    t.x = line;
    t.depths = t.rows = 1;
    reduce_columns(c, t, first.first, o, line + c->line_bytes);
}

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const call *c = context;
    for (int64_t task = first; task < last; task++) {
        run_task(c, task, c->workspace + 2 * worker * c->line_bytes);
    }
}

/* Chooses how to reduce a window. Means do not go in two steps where a step would be a long sum, which is accurate in
   one go only. */
static void choose(call *c, bool mean) {
    const nhwc_problem *p = c->p;
    const int64_t vector = 64;
    const int64_t stride = p->stride[2], width = nhwc_min(p->kernel[2], p->in[2]);
    const int64_t height = nhwc_min(p->kernel[0], p->in[0]) * nhwc_min(p->kernel[1], p->in[1]);
    const bool few = p->c * c->element < vector && stride <= FAR_STRIDE && stride <= width;
    c->every = few || stride == 1 ? stride : 1;
    const double direct = (double)height * (double)width * (double)c->every;
    const double two = (double)stride * (double)(height + 1) + (double)width * (double)c->every;
    c->two_steps = height > 1 && two < direct && !(mean && (height > NHWC_POOL_CHAIN || width > NHWC_POOL_CHAIN));
    const int64_t overlap = p->kernel[1] > p->stride[1] ? nhwc_min(height, MOST_ROWS) + 1 : 1;
    const int64_t bytes = nhwc_min(stride, p->in[2]) * p->c * c->element * overlap;
    c->cols = nhwc_min(nhwc_max(BLOCK_BYTES / bytes, 2 * width), p->out[2]);
    c->cols = nhwc_ceil_div(p->out[2], nhwc_ceil_div(p->out[2], c->cols));
    c->col_blocks = nhwc_ceil_div(p->out[2], c->cols);
    const int64_t columns = nhwc_min((c->cols - 1) * stride + p->kernel[2], p->in[2]);
    c->line_bytes = nhwc_round_up(columns * p->c * c->element, NHWC_ALIGNMENT) + PAGE_BYTES;
}

static bool is_global(const nhwc_problem *p) {
    for (int axis = 0; axis < 3; axis++) {
        if (p->kernel[axis] != p->in[axis] || p->before[axis] || p->after[axis]) {
            return false;
        }
    }
    return true;
}

static nhwc_status pool(const nhwc_problem *p, nhwc_windows_kernel *reduce, int64_t element, bool mean, const void *x,
                        void *out) {
    const double GRAIN = 3e5; /* bytes read by kernels that are worth a thread */
    if (p->n <= 0 || p->pixels == 0 || p->c == 0) {
        return p->n < 0 ? NHWC_INVALID_ARGUMENT : NHWC_OK;
    }
    if (is_global(p)) {
        return nhwc_pool_global(p, reduce, element, x, out);
    }
    call c = {.p = p, .reduce = reduce, .element = element, .x = x, .out = out};
    choose(&c, mean);
    const int64_t tasks = p->n * p->out[0] * p->out[1] * c.col_blocks;
    const double work = (double)p->n * (double)p->pixels * (double)p->k * (double)(p->c * element);
    const int threads = (int)nhwc_min(nhwc_threads_for(work, GRAIN), tasks);
    c.workspace = nhwc_workspace_take((size_t)(2 * threads * c.line_bytes));
    if (!c.workspace) {
        return NHWC_NO_MEMORY;
    }
    nhwc_parallel_for(threads, tasks, run_tasks, &c);
    nhwc_workspace_give(c.workspace);
    return NHWC_OK;
}

nhwc_status nhwc_max_pool(const nhwc_problem *p, nhwc_element element, const void *x, void *out) {
    static const int64_t bytes[NHWC_ELEMENTS] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8};
    if ((unsigned)element >= NHWC_ELEMENTS) {
        return NHWC_INVALID_ARGUMENT;
    }
    nhwc_windows_kernel *reduce = nhwc_max_integers[element];
    if (element <= NHWC_ELEMENT_F64) {
        reduce = nhwc_isa_current()->kernels[element == NHWC_ELEMENT_F32 ? NHWC_F32 : NHWC_F64]->max_windows;
    }
    return pool(p, reduce, bytes[element], false, x, out);
}

nhwc_status nhwc_average_pool(const nhwc_problem *p, const void *x, void *out) {
    if (p->dtype != NHWC_F32 && p->dtype != NHWC_F64) {
        return NHWC_INVALID_ARGUMENT;
    }
    return pool(p, nhwc_pool_sum(p->dtype), nhwc_pool_bytes(p->dtype), true, x, out);
}
