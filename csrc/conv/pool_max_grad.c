/* The gradient of maxima over windows: each dy goes to the pixel that is its window's first maximum.

       for (n, block of rows of the input):                                 parallel
           dx = 0
           for windows that hold a pixel of the block, in order:
               find the maximum; add dy to its pixel, if that is in the block

   A window that reaches over two blocks is searched in both, so that no two tasks write to one pixel, and each adds up
   in the order of the windows, however the blocks are cut. */
#include "pool.h"

#include "../base/threads.h"

#include <string.h>

enum { BLOCK_BYTES = 64 << 10 /* of the input */ };

typedef struct {
    nhwc_problem p;
    nhwc_max_grad_kernel *kernel;
    int64_t element; /* bytes */
    int axis;        /* along which the input is cut: depth, or else rows */
    int64_t block, blocks;
    const char *dy, *x;
    char *dx;
} call;

/* The windows of a row of the output. */
static void run_row(const call *c, nhwc_max_grad t, int64_t pixel) {
    const nhwc_problem *p = &c->p;
    const nhwc_run inner = nhwc_pool_inner(p, (nhwc_run){0, p->out[2]});
    const int64_t bytes = p->c * c->element;
    const char *x = t.x, *dy = c->dy + pixel * bytes;
    char *dx = t.dx;
    for (int64_t j = 0; j < p->out[2]; j++) {
        const nhwc_run w = nhwc_pool_pixels(p, 2, j);
        t.x = x + w.first * bytes;
        t.dx = dx + w.first * bytes;
        t.dy = dy + j * bytes;
        t.columns = w.count;
        t.windows = j == inner.first && inner.count > 0 ? inner.count : 1;
        c->kernel(&t);
        j += t.windows - 1;
    }
}

static void run_task(const call *c, int64_t n, nhwc_run block) {
    const nhwc_problem *p = &c->p;
    nhwc_run own[2] = {{0, p->in[0]}, {0, p->in[1]}};
    own[c->axis] = block;
    const int64_t width = p->in[2] * p->c, rows = own[0].count * own[1].count;
    const int64_t image = n * p->in[0] * p->in[1];
    memset(c->dx + (image + own[0].first * p->in[1] + own[1].first) * width * c->element, 0,
           (size_t)(rows * width * c->element));
    const nhwc_run deep = nhwc_pool_windows(p, 0, own[0]), high = nhwc_pool_windows(p, 1, own[1]);
    for (int64_t i = deep.first; i < deep.first + deep.count; i++) {
        const nhwc_run d = nhwc_pool_pixels(p, 0, i);
        for (int64_t j = high.first; j < high.first + high.count; j++) {
            const nhwc_run r = nhwc_pool_pixels(p, 1, j);
            const int64_t at = (image + d.first * p->in[1] + r.first) * width * c->element;
            nhwc_max_grad t = {
                .x = c->x + at,
                .dx = c->dx + at,
                .depths = d.count,
                .rows = r.count,
                .depth_pitch = p->in[1] * width,
                .row_pitch = width,
                .column_pitch = p->c,
                .window_pitch = p->stride[2] * p->c,
                .channels = p->c,
                .depth = own[0].first - d.first,
                .last_depth = own[0].first + own[0].count - d.first,
                .row = own[1].first - r.first,
                .last_row = own[1].first + own[1].count - r.first,
            };
            run_row(c, t, ((n * p->out[0] + i) * p->out[1] + j) * p->out[2]);
        }
    }
}

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const call *c = context;
    (void)worker;
    for (int64_t task = first; task < last; task++) {
        const int64_t at = task % c->blocks * c->block;
        run_task(c, task / c->blocks, (nhwc_run){at, nhwc_min(c->block, c->p.in[c->axis] - at)});
    }
}

/* Makes the columns of a signal rows, which tasks can share. */
static void stand_up(nhwc_problem *p) {
    int64_t *const fields[] = {p->in, p->kernel, p->stride, p->before, p->after, p->out};
    if (p->in[0] * p->in[1] * p->kernel[0] * p->kernel[1] * p->out[0] * p->out[1] == 1) {
        for (int i = 0; i < 6; i++) {
            const int64_t columns = fields[i][2];
            fields[i][2] = fields[i][1];
            fields[i][1] = columns;
        }
    }
}

nhwc_status nhwc_max_pool_grad(const nhwc_problem *problem, const void *dy, const void *x, void *dx) {
    const double GRAIN = 1e6; /* bytes worth a thread */
    call c = {.p = *problem, .dy = dy, .x = x, .dx = dx, .element = nhwc_pool_bytes(problem->dtype)};
    const nhwc_problem *p = &c.p;
    if (p->n < 0 || p->dtype == NHWC_U64) {
        return NHWC_INVALID_ARGUMENT;
    }
    if (p->n * p->in[0] * p->in[1] * p->in[2] * p->c == 0) {
        return NHWC_OK;
    }
    const nhwc_kernels *kernels = nhwc_isa_current()->kernels[p->dtype];
    c.kernel = (kernels && kernels->max_grad ? kernels : nhwc_isa_scalar.kernels[p->dtype])->max_grad;
    stand_up(&c.p);
    c.axis = p->in[0] > 1 ? 0 : 1;
    const int64_t stride = p->stride[c.axis], kernel = p->kernel[c.axis], length = p->in[c.axis];
    const int64_t bytes = (c.axis ? 1 : p->in[1]) * p->in[2] * p->c * c.element;
    const int64_t least = kernel > stride ? nhwc_min(4 * nhwc_min(kernel, length), length) : 1;
    c.block = nhwc_max(BLOCK_BYTES / bytes, least);
    c.block = c.block < length ? nhwc_min(nhwc_round_up(c.block, nhwc_min(stride, length)), length) : length;
    c.blocks = nhwc_ceil_div(length, c.block);
    const double work = (double)p->n * (double)p->pixels * (double)p->k * (double)(p->c * c.element);
    nhwc_parallel_for(nhwc_threads_for(work, GRAIN), p->n * c.blocks, run_tasks, &c);
    return NHWC_OK;
}
