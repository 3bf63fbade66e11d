/* The split method's input: the rows that a block of output pixels reads, stored as parts, and its pixels' places. */
#include "split.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const nhwc_split_range NOTHING = {FLT_MAX, 0};

/* ---- Storing the input ------------------------------------------------------------------------------------------- */

/* The first part of stored column `col` of stored row `row`. */
static uint16_t *stored_at(const nhwc_split_call *c, const nhwc_split_region *r, int64_t row, int64_t col) {
    return (uint16_t *)(r->parts + (row * c->layout.width + col) * c->plan->split.pixel);
}

/* The stretch of a stored column, and the first column of the next. */
static int64_t stretch_of(const nhwc_split_call *c, const nhwc_split_region *r, int64_t col) {
    const int64_t first = r->at.col * c->plan->split.output_step;
    return (first + col) / c->stretch - first / c->stretch;
}

static int64_t next_stretch(const nhwc_split_call *c, const nhwc_split_region *r, int64_t col) {
    const int64_t first = r->at.col * c->plan->split.output_step;
    return nhwc_round_up(first + col + 1, c->stretch) - first;
}

static void clear_columns(const nhwc_split_call *c, uint16_t *to, int64_t columns) {
    const nhwc_split_plan *d = &c->plan->split;
    for (int64_t part = 0; part < NHWC_SPLIT_PARTS; part++) {
        for (int64_t plane = 0; plane < d->planes; plane++) {
            memset((char *)to + part * c->layout.part + plane * c->layout.plane, 0, (size_t)(columns * d->pixel));
        }
    }
}

static void widen(nhwc_split_range *range, nhwc_split_range by) {
    range->least = by.least < range->least ? by.least : range->least;
    range->most = by.most > range->most ? by.most : range->most;
}

/* Columns whose inputs are `step` pixels apart, of one stretch. Zeros stand for all where one is too large for parts,
   or NaN, which neighbours must not meet. */
static void store_columns(const nhwc_split_call *c, nhwc_split_region *r, const float *x, int64_t step, int64_t columns,
                          uint16_t *to, nhwc_split_range *stretch) {
    const float TOO_LARGE = 0x1p127f;
    nhwc_split_range range = NOTHING;
    const nhwc_plan *plan = c->plan;
    const nhwc_split_plan *d = &plan->split;
    const int64_t depth = plan->problem.c / plan->problem.groups, element = (int64_t)sizeof(uint16_t);
    nhwc_split_input t = {
        .x = x,
        .x_pitch = step * plan->problem.c,
        .pixels = columns,
        .channels = depth,
        .to = to,
        .to_pitch = d->pixel / element,
        .to_block = d->channel_blocks ? c->layout.plane / element : NHWC_SPLIT_STEP,
        .part_pitch = c->layout.part / element,
        .fill = d->channel_blocks,
        .range = &range,
        .parts = &r->x_parts,
    };
    if (!d->channel_blocks && step == 1 && depth == plan->problem.c) {
        t.channels *= columns;
        t.pixels = 1;
    }
    plan->isa->split->input(&t);
    if (range.most >= TOO_LARGE) {
        clear_columns(c, to, columns);
    }
    widen(stretch, range);
}

/* One stored row, from where the input row's channels of the group begin, or from zeros. */
static void store_row(const nhwc_split_call *c, nhwc_split_region *r, const float *x, int64_t row) {
    const nhwc_problem *p = &c->plan->problem;
    const nhwc_split_plan *d = &c->plan->split;
    const int64_t width = c->layout.width, step = d->column_step;
    const int64_t first = r->at.col * p->stride[2] - p->before[2]; /* of stored column 0 */
    nhwc_split_range *ranges = r->ranges + row * NHWC_SPLIT_STRETCHES;
    for (int64_t i = 0; i <= stretch_of(c, r, width - 1); i++) {
        ranges[i] = NOTHING;
    }
    if (!x) {
        clear_columns(c, stored_at(c, r, row, 0), width);
        return;
    }
    for (int64_t col = 0; col < width;) {
        const int64_t at = first + col * step;
        int64_t count = nhwc_min(width, next_stretch(c, r, col)) - col;
        nhwc_split_range *range = &ranges[stretch_of(c, r, col)];
        if (at >= 0 && at < p->in[2]) {
            count = nhwc_min(count, (p->in[2] - 1 - at) / step + 1);
            store_columns(c, r, x + at * p->c, step, count, stored_at(c, r, row, col), range);
        } else {
            const int64_t source = nhwc_source_index(p->padding_mode, at, p->in[2]);
            count = source >= 0 ? 1 : at < 0 ? nhwc_min(nhwc_ceil_div(-at, step), width - col) : width - col;
            if (source < 0) {
                clear_columns(c, stored_at(c, r, row, col), count);
            } else {
                store_columns(c, r, x + source * p->c, 1, 1, stored_at(c, r, row, col), range);
            }
        }
        widen(&r->range, *range);
        col += count;
    }
}

/* Rows of pairs of all `rows` stored rows. */
static void make_pairs(const nhwc_split_call *c, const nhwc_split_region *r, int64_t rows) {
    const nhwc_split_plan *d = &c->plan->split;
    const nhwc_split_layout *l = &c->layout;
    nhwc_split_pairs t = {
        .x_part = l->part,
        .elements = d->output_step * d->pixel / (int64_t)sizeof(uint16_t),
        .rows = d->pair_rows,
        .tiles = l->columns / NHWC_SPLIT_PIXELS,
        .to_pitch = l->pair_row,
        .to_part = l->pair_part,
        .parts = r->x_parts,
    };
    for (int64_t row = 0; row < rows; row++) {
        t.x = r->parts + row * l->width * d->pixel;
        t.to = r->pairs + row * d->pair_rows * l->pair_row;
        c->plan->isa->split->pairs(&t);
    }
    for (int part = 0; part < r->x_parts; part++) { /* what the last step reads beyond the rows */
        char *end = r->pairs + part * l->pair_part + rows * d->pair_rows * l->pair_row;
        memset(end, 0, (size_t)(NHWC_SPLIT_STEP / 2 * l->pair_row));
    }
}

/* All rows that the region reads: for each depth tap, for each phase, those of the outputs and its tail. */
void nhwc_split_store(const nhwc_split_call *c, nhwc_split_region *r, int64_t group) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_split_plan *d = &plan->split;
    const char *x = c->x + r->at.n * p->in[0] * p->in[1] * p->in[2] * p->c * (int64_t)sizeof(float);
    int64_t row = 0;
    r->group = group;
    r->x_parts = 1;
    r->range = NOTHING;
    r->placed = NOTHING;
    for (int64_t k = 0; k < p->kernel[0]; k++) {
        const int64_t depth = nhwc_tap_source(p, 0, r->at.depth, k);
        for (int64_t phase = 0; phase < d->phases; phase++) {
            for (int64_t i = 0; i < nhwc_split_rows(plan, phase, r->at.rows); i++, row++) {
                const int64_t first = r->at.row * p->stride[1] - p->before[1];
                const int64_t at = first + (d->pair_rows ? i : i * p->stride[1] + d->residues[phase]);
                const int64_t source = nhwc_source_index(p->padding_mode, at, p->in[1]);
                const char *from = nhwc_input_row(plan, x, depth, source);
                store_row(c, r, from ? (const float *)from + group * (p->c / p->groups) : NULL, row);
            }
        }
    }
    for (int64_t part = 0; part < NHWC_SPLIT_PARTS; part++) { /* what the last tile and step read beyond the rows */
        char *end =
            r->parts + part * c->layout.part + (d->planes - 1) * c->layout.plane + row * c->layout.width * d->pixel;
        memset(end, 0, (size_t)(r->parts + (part + 1) * c->layout.part - end));
    }
    if (d->pair_rows) {
        make_pairs(c, r, row);
    }
}

/* ---- Placing pixels ---------------------------------------------------------------------------------------------- */

/* The first stored row of a tap, for output row 0 of the region. */
static int64_t tap_row(const nhwc_split_call *c, const nhwc_split_region *r, int64_t depth, int64_t tap) {
    const nhwc_problem *p = &c->plan->problem;
    const nhwc_split_plan *d = &c->plan->split;
    int64_t row = 0, plane_rows = 0;
    for (int64_t phase = 0; phase < d->phases; phase++) {
        row += phase < d->tap_phases[tap] ? nhwc_split_rows(c->plan, phase, r->at.rows) : 0;
        plane_rows += nhwc_split_rows(c->plan, phase, r->at.rows);
    }
    return depth * plane_rows + row + (d->pair_rows ? tap : tap * p->dilation[1] / p->stride[1]);
}

void nhwc_split_place_steps(const nhwc_split_call *c, nhwc_split_region *r) {
    const nhwc_problem *p = &c->plan->problem;
    const nhwc_split_plan *d = &c->plan->split;
    for (int64_t i = 0; i < d->step_count; i++) {
        const nhwc_split_step *s = &d->steps[i];
        if (d->pair_rows) {
            const int64_t row = tap_row(c, r, s->depth, 0) * d->pair_rows + s->block * (NHWC_SPLIT_STEP / 2);
            r->steps[i] = row * c->layout.pair_row;
            continue;
        }
        const int64_t at = tap_row(c, r, s->depth, s->row) * c->layout.width + s->column * p->dilation[2];
        r->steps[i] =
            at * d->pixel + (d->channel_blocks ? s->block * c->layout.plane : s->block * (int64_t)sizeof(uint16_t));
    }
}

/* Whether an output reads a stretch that is not accepted. */
static bool is_refused(const nhwc_split_call *c, const nhwc_split_region *r, nhwc_split_range accepted, int64_t row,
                       int64_t col) {
    const nhwc_problem *p = &c->plan->problem;
    const nhwc_split_plan *d = &c->plan->split;
    const int64_t first = col * d->output_step, last = first + (p->kernel[2] - 1) * p->dilation[2];
    for (int64_t k = 0; k < p->kernel[0]; k++) {
        for (int64_t tap = 0; tap < p->kernel[1]; tap++) {
            const int64_t stored = tap_row(c, r, k, tap) + row * nhwc_split_row_step(c->plan);
            const nhwc_split_range *ranges = r->ranges + stored * NHWC_SPLIT_STRETCHES;
            for (int64_t i = stretch_of(c, r, first); i <= stretch_of(c, r, last); i++) {
                if (!nhwc_split_accepts(accepted, ranges[i])) {
                    return true;
                }
            }
        }
    }
    return false;
}

void nhwc_split_place(const nhwc_split_call *c, nhwc_split_region *r, nhwc_split_range accepted) {
    const int64_t columns = c->layout.columns, step = c->plan->output.step[2];
    const bool all = nhwc_split_accepts(accepted, r->range);
    accepted = all ? (nhwc_split_range){0, INFINITY} : accepted;
    if (memcmp(&accepted, &r->placed, sizeof accepted) == 0) {
        return;
    }
    r->placed = accepted;
    r->refused_count = 0;
    for (int64_t i = 0; i < nhwc_round_up(r->pixels, NHWC_SPLIT_PAIR); i++) {
        r->offsets[i] = -1;
    }
    for (int64_t row = 0; row < r->at.rows; row++) {
        const int64_t out = nhwc_out_at(c->plan, r->at.n, r->at.depth, r->at.row + row, r->at.col);
        for (int64_t col = 0; col < r->at.cols; col++) {
            if (!all && is_refused(c, r, accepted, row, col)) {
                r->refused[r->refused_count++] = row * r->at.cols + col;
            } else {
                r->offsets[row * columns + col] = out + col * step;
            }
        }
    }
}
