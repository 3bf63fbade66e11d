/* Cutting calls into tasks: nearly equal ones, since each thread has a range of them. */
#include "tasks.h"

static int64_t count_tasks(nhwc_tasks *t, int64_t n) {
    t->row_blocks = nhwc_ceil_div(t->shape->out[1], t->rows);
    t->col_blocks = nhwc_ceil_div(t->shape->out[2], t->cols);
    t->areas = n * t->shape->out[0] * t->row_blocks * t->col_blocks;
    return t->areas * t->filter_parts;
}

static bool halve_area(nhwc_tasks *t) {
    if (t->rows * t->cols <= t->least_pixels || (t->rows == 1 && !t->cuts_cols)) {
        return false;
    }
    int64_t *side = t->rows > 1 ? &t->rows : &t->cols;
    *side = nhwc_ceil_div(*side, 2);
    return true;
}

int64_t nhwc_cut_tasks(nhwc_tasks *t, int64_t n, int64_t enough) {
    t->filter_parts = 1;
    int64_t tasks = count_tasks(t, n);
    for (int step = 0; step < 2 && tasks < enough; step++) {
        if (t->filters_first == (step == 0)) {
            t->filter_parts = nhwc_min(nhwc_ceil_div(enough, tasks), t->blocks);
            tasks = count_tasks(t, n);
        }
        while (t->filters_first == (step == 1) && tasks < enough && halve_area(t)) {
            tasks = count_tasks(t, n);
        }
    }
    return tasks;
}

/* Takes off a number what says which of `parts` nearly equal parts of `count` it is. */
static void take_part(int64_t *number, int64_t parts, int64_t count, int64_t *first, int64_t *length) {
    const int64_t part = *number % parts;
    *number /= parts;
    *first = part * count / parts;
    *length = (part + 1) * count / parts - *first;
}

nhwc_area nhwc_task_area(const nhwc_tasks *t, int64_t task, int64_t *first, int64_t *last) {
    const int64_t part = t->filters_first ? task / t->areas : task % t->filter_parts;
    int64_t at = t->filters_first ? task % t->areas : task / t->filter_parts;
    *first = part * t->blocks / t->filter_parts;
    *last = (part + 1) * t->blocks / t->filter_parts;
    nhwc_area a;
    take_part(&at, t->col_blocks, t->shape->out[2], &a.col, &a.cols);
    take_part(&at, t->row_blocks, t->shape->out[1], &a.row, &a.rows);
    a.depth = at % t->shape->out[0];
    a.n = at / t->shape->out[0];
    return a;
}
