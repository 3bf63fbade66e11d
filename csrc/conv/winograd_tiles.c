/* Tiles of the Winograd methods: where they lie, and their results, with the guard. */
#include "../base/memory.h"
#include "source.h"
#include "tiles.h"
#include "winograd.h"

enum { MAX_ALPHA = 6, MAX_OUTPUTS = 16, MAX_TAPS = 25 }; /* outputs and taps of a tile */

nhwc_winograd_place nhwc_winograd_place_of(const nhwc_plan *plan, int64_t tile) {
    const nhwc_winograd_plan *d = &plan->winograd;
    nhwc_winograd_place at = {.col = tile % d->wide * d->outputs};
    tile /= d->wide;
    at.row = tile % d->high * d->outputs;
    tile /= d->high;
    at.depth = tile % plan->problem.out[0];
    at.n = tile / plan->problem.out[0];
    return at;
}

/* The input coordinate of the tile's index i on an axis, or -1 for zero: where the padding has zeros, and beyond what
   any output of the image reads. */
static int64_t tile_source(const nhwc_problem *p, int axis, int64_t first, int64_t i) {
    return first + i < p->out[axis] + p->kernel[axis] - 1 ? nhwc_tap_source(p, axis, first, i) : -1;
}

void nhwc_winograd_point(const nhwc_winograd_operands *c, const nhwc_winograd_place *at, int64_t channel,
                         const void **pixels) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const int64_t alpha = plan->winograd.alpha, pixel = p->c * (int64_t)plan->element;
    const int64_t depth = nhwc_tap_source(p, 0, at->depth, 0);
    const char *image =
        c->x + (at->n * p->in[0] + depth) * p->in[1] * p->in[2] * pixel + channel * (int64_t)plan->element;
    int64_t cols[MAX_ALPHA];
    for (int64_t j = 0; j < alpha; j++) {
        cols[j] = tile_source(p, 2, at->col, j);
    }
    for (int64_t i = 0; i < alpha; i++) {
        int64_t row = depth < 0 ? -1 : tile_source(p, 1, at->row, i);
        for (int64_t j = 0; j < alpha; j++) {
            pixels[i * alpha + j] =
                row < 0 || cols[j] < 0 ? plan->winograd.zeros : image + (row * p->in[2] + cols[j]) * pixel;
        }
    }
}

/* One block's results of vector `v` of a tile, as the direct algorithm computes them. */
static void compute_directly(const nhwc_winograd_operands *c, const nhwc_winograd_place *at,
                             const nhwc_winograd_block *block, int v) {
    const nhwc_plan *plan = c->plan;
    const nhwc_winograd_plan *d = &plan->winograd;
    const nhwc_problem *p = &plan->problem;
    const nhwc_tile_family *family = &plan->kernels->direct[1];
    const int64_t element = (int64_t)plan->element, first = v * family->nr, taps = p->kernel[1] * p->kernel[2];
    const void *pixels[NHWC_WINOGRAD_MOST_PIXELS], *table[MAX_OUTPUTS * MAX_TAPS];
    int64_t offsets[MAX_OUTPUTS];
    _Alignas(NHWC_ALIGNMENT) char partial[2 * NHWC_MAX_MR * NHWC_ALIGNMENT];
    nhwc_winograd_point(c, at, block->group * (p->c / p->groups), pixels);
    int64_t rows = nhwc_min(d->outputs, p->out[1] - at->row), cols = nhwc_min(d->outputs, p->out[2] - at->col);
    for (int64_t i = 0; i < rows * cols; i++) {
        int64_t row = i / cols, col = i % cols;
        for (int64_t tap = 0; tap < taps; tap++) {
            table[i * taps + tap] = pixels[(row + tap / p->kernel[2]) * d->alpha + col + tap % p->kernel[2]];
        }
        offsets[i] = nhwc_out_at(plan, at->n, at->depth, at->row + row, at->col + col) + block->first + first;
    }
    nhwc_tile t = {
        .pixel_pitch = taps,
        .segments = d->segments,
        .segment_count = d->segment_count,
        .filters = (const char *)d->plain + (block->first + first) * element,
        .filter_pitch = p->f,
        .bias = (const char *)block->bias + first * element,
        .residual = c->residual,
        .out = c->out,
        .partial = partial,
        .clamp = &plan->clamp,
        .live = nhwc_min(block->live - first, family->nr),
        .first = 1,
        .last = 1,
    };
    for (int64_t i = 0; i < rows * cols; i += family->mr) {
        t.pixels = table + i * taps;
        t.offsets = offsets + i;
        family->run(&t, (int)nhwc_min(rows * cols - i, family->mr));
    }
}

/* Whether all values that the tile reads are zero. */
static bool is_zero(const nhwc_winograd_operands *c, const nhwc_winograd_place *at, int64_t group) {
    const nhwc_plan *plan = c->plan;
    const int64_t depth = plan->problem.c / plan->problem.groups;
    const void *pixels[NHWC_WINOGRAD_MOST_PIXELS];
    bool zero = true;
    nhwc_winograd_point(c, at, group * depth, pixels);
    for (int64_t i = 0; i < plan->winograd.alpha * plan->winograd.alpha && zero; i++) {
        zero = plan->isa->split->range(pixels[i], depth).most == 0;
    }
    return zero;
}

static void activate(const nhwc_plan *plan, const nhwc_winograd_output *t) {
    int64_t offsets[MAX_OUTPUTS], count = 0;
    for (int64_t row = 0; row < t->rows; row++) {
        for (int64_t col = 0; col < t->columns; col++) {
            offsets[count++] = row * t->row_pitch + col * t->column_pitch;
        }
    }
    plan->activate(t->out, offsets, count, t->live, plan->problem.activation);
}

void nhwc_winograd_write(const nhwc_winograd_operands *c, const nhwc_winograd_place *at,
                         const nhwc_winograd_block *block, const void *product, int64_t pitch, float least) {
    const nhwc_plan *plan = c->plan;
    const nhwc_winograd_plan *d = &plan->winograd;
    const nhwc_problem *p = &plan->problem;
    const int64_t element = (int64_t)plan->element;
    const int64_t offset = (nhwc_out_at(plan, at->n, at->depth, at->row, at->col) + block->first) * element;
    nhwc_winograd_output output = {
        .product = product,
        .pitch = pitch,
        .bias = block->bias,
        .residual = c->residual ? (const char *)c->residual + offset : NULL,
        .out = c->out + offset,
        .row_pitch = plan->output.step[1],
        .column_pitch = plan->output.step[2],
        .rows = (int)nhwc_min(d->outputs, p->out[1] - at->row),
        .columns = (int)nhwc_min(d->outputs, p->out[2] - at->col),
        .live = block->live,
        .clamp = &plan->clamp,
        .least = least,
    };
    unsigned refused = d->kernels->output(&output);
    if (refused && least > 0 && is_zero(c, at, block->group)) {
        output.least = 0;
        refused = d->kernels->output(&output);
    }
    for (int v = 0; refused >> v; v++) {
        if (refused >> v & 1) {
            compute_directly(c, at, block, v);
        }
    }
    if (plan->activate) {
        activate(plan, &output);
    }
}
