/* The transposed convolution, which is the input gradient of a forward one, made of forward convolutions.

   Input o reaches result i by tap u where i = o * stride + u * dilation - padding. So the results of an axis with one
   residue under the stride, a phase, are an ordinary convolution of x at stride 1: its taps are every
   (stride / gcd(stride, dilation))-th one, backwards, and what they read is dilation / gcd apart. Every combination of
   the axes' phases is a plan of its own, which writes every stride-th pixel of the output; at stride 1 there is only
   one, for which every method serves.

       for combination of phases: forward convolution into its pixels of the output             parallel inside
       results without taps: activation(bias + residual)                                        parallel

   Windows side by side (a kernel as wide as the stride) make all results of an input pixel neighbours: there, one
   plan makes them together, as filters of one pixel.

   A filter that is not finite must not meet the zeros around x, which the definition has not: then each tap is a plan
   of its own for the results that it reaches, which adds to the output. */
#include "transposed.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

nhwc_status nhwc_transposed_check(nhwc_problem *problem) {
    nhwc_problem forward = *problem;
    if (problem->padding_mode != NHWC_CONSTANT || problem->algorithm != NHWC_AUTO) {
        return NHWC_INVALID_ARGUMENT;
    }
    forward.c = problem->f;
    forward.f = problem->c;
    for (int axis = 0; axis < 3; axis++) {
        int64_t window;
        forward.in[axis] = problem->out[axis];
        if (problem->in[axis] == 0 && nhwc_mul(problem->kernel[axis], problem->dilation[axis], &window)) {
            forward.after[axis] = window; /* so that there is one, for the checks of sizes */
        }
    }
    nhwc_status status = nhwc_problem_check(&forward);
    for (int axis = 0; status == NHWC_OK && axis < 3; axis++) {
        if (problem->in[axis] && problem->in[axis] != forward.out[axis]) {
            status = NHWC_INVALID_ARGUMENT;
        }
    }
    problem->pixels = problem->out[0] * problem->out[1] * problem->out[2];
    problem->k = problem->kernel[0] * problem->kernel[1] * problem->kernel[2] * (problem->c / problem->groups);
    return status;
}

/* ---- Parts ------------------------------------------------------------------------------------------------------- */

/* The forward problem of the parts, but for axes: as if there was one pixel and one tap. */
static nhwc_problem part_problem(const nhwc_plan *plan, int64_t merged) {
    nhwc_problem part = plan->problem;
    part.f *= merged;
    for (int axis = 0; axis < 3; axis++) {
        part.kernel[axis] = part.stride[axis] = part.dilation[axis] = part.out[axis] = 1;
        part.before[axis] = part.after[axis] = 0;
    }
    return part;
}

/* An axis of `outputs` that read taps `dilation` apart, the first one `before` ahead. */
static void set_axis(nhwc_problem *part, int axis, int64_t outputs, int64_t taps, int64_t dilation, int64_t before) {
    part->out[axis] = outputs;
    part->kernel[axis] = taps;
    part->dilation[axis] = dilation;
    part->before[axis] = before;
    part->after[axis] = outputs + (taps - 1) * dilation - part->in[axis] - before;
}

/* Makes the next part, whose results begin at this element of the output. */
static nhwc_status add_part(nhwc_plan *plan, nhwc_problem *problem, const nhwc_output *output, int64_t first, bool adds,
                            const void *filters, const void *bias) {
    nhwc_transposed_plan *d = &plan->transposed;
    nhwc_transposed_part *part = &d->parts[d->part_count++];
    problem->pixels = problem->out[0] * problem->out[1] * problem->out[2];
    problem->k = problem->kernel[0] * problem->kernel[1] * problem->kernel[2] * (problem->c / problem->groups);
    part->first = first;
    part->adds = adds;
    nhwc_status status = nhwc_plan_create_into(&part->plan, problem, output, filters, bias, plan->once);
    if (status == NHWC_OK) {
        nhwc_plan_info info = nhwc_plan_describe(part->plan);
        plan->packed_bytes += info.packed_bytes;
        plan->workspace_bytes = nhwc_max(plan->workspace_bytes, info.workspace_bytes);
        if (d->part_count == 1) {
            plan->algorithm = info.algorithm;
        }
    }
    return status;
}

/* A part without taps for the whole output: bias, residual and activation. */
static nhwc_status add_terms(nhwc_plan *plan, bool adds, const void *bias, nhwc_activation activation) {
    nhwc_problem part = part_problem(plan, 1);
    part.c = 0;
    part.groups = 1;
    part.activation = activation;
    for (int axis = 0; axis < 3; axis++) {
        part.in[axis] = part.out[axis] = plan->problem.out[axis];
    }
    return add_part(plan, &part, &plan->output, 0, adds, NULL, bias);
}

/* Where the results of a combination of phases lie. */
static nhwc_output phase_output(const nhwc_plan *plan, const nhwc_phase phases[3], int64_t *first) {
    nhwc_output output = plan->output;
    *first = 0;
    for (int axis = 0; axis < 3; axis++) {
        *first += phases[axis].residue * output.step[axis];
        if (phases[axis].outputs > 1) {
            output.step[axis] *= plan->problem.stride[axis];
        }
    }
    return output;
}

/* Bands of rows that are done for all phases in turn. Where there is little to compute, writing is what takes the time,
   and neighbouring pixels of different phases are best written while near caches hold them. */
static int64_t band_count(const nhwc_problem *p, size_t element) {
    enum { BAND_BYTES = 1 << 20, MOST_BANDS = 64, LITTLE_WORK = 64 };
    if (p->k > LITTLE_WORK || nhwc_phase_count(p, false) == 1) {
        return 1;
    }
    const int64_t bands = p->pixels * p->f * (int64_t)element / BAND_BYTES;
    return nhwc_max(nhwc_min(nhwc_min(bands, MOST_BANDS), p->out[1] / p->stride[1] / 8), 1);
}

/* The rows of this band of a combination of phases. */
static nhwc_status add_phases(nhwc_plan *plan, const nhwc_phase phases[3], int64_t band, const void *filters,
                              const void *bias) {
    int64_t first;
    const int64_t bands = band_count(&plan->problem, plan->element);
    const int64_t row = band * phases[1].outputs / bands, end = (band + 1) * phases[1].outputs / bands;
    const nhwc_output output = phase_output(plan, phases, &first);
    nhwc_problem part = part_problem(plan, phases[2].merged);
    for (int axis = 0; axis < 3; axis++) {
        const nhwc_phase *phase = &phases[axis];
        set_axis(&part, axis, phase->outputs, phase->taps, phase->dilation, phase->before);
    }
    set_axis(&part, 1, end - row, phases[1].taps, phases[1].dilation, phases[1].before - row);
    return row < end ? add_part(plan, &part, &output, first + row * output.step[1], false, filters, bias) : NHWC_OK;
}

/* Tap number `tap` of a combination of phases, for the results whose input exists. */
static nhwc_status add_tap(nhwc_plan *plan, const nhwc_phase phases[3], int64_t tap, const void *filters) {
    int64_t first;
    const nhwc_output output = phase_output(plan, phases, &first);
    nhwc_problem part = part_problem(plan, 1);
    part.activation = NHWC_LINEAR;
    for (int axis = 2; axis >= 0; axis--) {
        const nhwc_phase *phase = &phases[axis];
        const int64_t before = phase->before - tap % phase->taps * phase->dilation;
        const int64_t from = nhwc_max(before, 0), to = nhwc_min(phase->outputs, part.in[axis] + before);
        if (from >= to) {
            return NHWC_OK;
        }
        first += from * output.step[axis];
        set_axis(&part, axis, to - from, 1, 1, before - from);
        tap /= phase->taps;
    }
    return add_part(plan, &part, &output, first, true, filters, NULL);
}

/* ---- The plan ---------------------------------------------------------------------------------------------------- */

/* Every phase one part; or, with filters that are not finite, every tap, between the other terms and the activation. */
static nhwc_status make_parts(nhwc_plan *plan, bool merge, bool by_taps, const char *turned, const void *bias) {
    const nhwc_problem *p = &plan->problem;
    const int64_t bands = by_taps ? 1 : band_count(p, plan->element);
    nhwc_status status = by_taps ? add_terms(plan, false, bias, NHWC_LINEAR) : NHWC_OK;
    for (int64_t band = 0; band < bands; band++) {
        const char *filters = turned;
        for (int64_t i = 0; status == NHWC_OK && i < nhwc_phase_count(p, merge); i++) {
            nhwc_phase phases[3];
            if (!nhwc_phases_at(p, merge, i, phases)) {
                continue;
            }
            const int64_t taps = phases[0].taps * phases[1].taps * phases[2].taps;
            const int64_t bytes = phases[2].merged * p->c * (p->f / p->groups) * (int64_t)plan->element;
            for (int64_t tap = 0; by_taps && status == NHWC_OK && tap < taps; tap++) {
                status = add_tap(plan, phases, tap, filters + tap * bytes);
            }
            if (!by_taps) {
                status = add_phases(plan, phases, band, filters, bias);
            }
            filters += taps * bytes;
        }
    }
    return by_taps && status == NHWC_OK ? add_terms(plan, true, NULL, p->activation) : status;
}

/* Marks the residues that taps reach, and finds out whether all are. */
static void find_gaps(nhwc_plan *plan, bool *covered) {
    const nhwc_problem *p = &plan->problem;
    for (int axis = 0; axis < 3; axis++) {
        plan->transposed.covered[axis] = covered;
        const int64_t residues = nhwc_min(p->stride[axis], p->out[axis]);
        memset(covered, 0, (size_t)residues * sizeof *covered);
        nhwc_mark_phases(p, axis, covered);
        for (int64_t i = 0; i < residues; i++) {
            plan->transposed.gaps |= !covered[i];
        }
        covered += residues;
    }
}

/* The bias of `merged` neighbouring results, then zeros up to a whole vector. */
static void fill_bias(const nhwc_plan *plan, const void *bias, int64_t merged, char *to, size_t bytes) {
    const size_t size = (size_t)plan->problem.f * plan->element;
    memset(to, 0, bytes);
    for (int64_t i = 0; bias && i < merged; i++) {
        memcpy(to + (size_t)i * size, bias, size);
    }
}

/* Everything but the filters and the parts: one block of memory with room for so many. */
static nhwc_status allocate(nhwc_plan *plan, int64_t parts, int64_t merged, const void *bias) {
    enum { PARTS, BIAS, COVERED, COUNT };
    const nhwc_problem *p = &plan->problem;
    nhwc_transposed_plan *d = &plan->transposed;
    int64_t sizes[COUNT] = {0}, offsets[COUNT], total;
    for (int axis = 0; axis < 3; axis++) {
        sizes[COVERED] += nhwc_min(p->stride[axis], p->out[axis]);
    }
    if (!nhwc_mul(parts, sizeof(nhwc_transposed_part), &sizes[PARTS]) ||
        !nhwc_mul(nhwc_round_up(merged * p->f, plan->kernels->lanes), (int64_t)plan->element, &sizes[BIAS]) ||
        !nhwc_lay_out(COUNT, sizes, offsets, &total)) {
        return NHWC_TOO_LARGE;
    }
    char *memory = plan->memory = nhwc_aligned_alloc((size_t)total);
    if (!memory) {
        return NHWC_NO_MEMORY;
    }
    d->parts = (nhwc_transposed_part *)memory;
    memset(d->parts, 0, (size_t)sizes[PARTS]);
    d->bias = memory + offsets[BIAS];
    fill_bias(plan, bias, merged, d->bias, (size_t)sizes[BIAS]);
    find_gaps(plan, (bool *)(memory + offsets[COVERED]));
    return NHWC_OK;
}

static nhwc_status prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow) {
    const nhwc_problem *p = &plan->problem;
    nhwc_transposed_plan *d = &plan->transposed;
    plan->algorithm = NHWC_DIRECT;
    if (p->pixels == 0 || p->f == 0) {
        return NHWC_OK;
    }
    if (p->c == 0 || p->in[0] == 0 || p->in[1] == 0 || p->in[2] == 0) {
        nhwc_status status = allocate(plan, 1, 1, bias);
        d->gaps = false;
        return status == NHWC_OK ? add_terms(plan, false, bias ? d->bias : NULL, p->activation) : status;
    }
    const int64_t taps = p->k / (p->c / p->groups);
    bool merge = nhwc_phases_merge(p);
    d->turned = nhwc_workspace_take((size_t)(taps * p->c * (p->f / p->groups)) * plan->element);
    if (!d->turned) {
        return NHWC_NO_MEMORY;
    }
    const bool finite = nhwc_turn_filters(plan, merge, filters, d->turned);
    if (!finite && merge) {
        merge = false;
        nhwc_turn_filters(plan, merge, filters, d->turned);
    }
    const int64_t parts = finite ? nhwc_phase_count(p, merge) * band_count(p, plan->element) : taps + 2;
    nhwc_status status = allocate(plan, parts, merge ? p->stride[2] : 1, bias);
    if (status == NHWC_OK) {
        status = make_parts(plan, merge, !finite, d->turned, bias ? d->bias : NULL);
        d->gaps &= finite;
    }
    if (!borrow) {
        nhwc_workspace_give(d->turned);
        d->turned = NULL;
    }
    return status;
}

static void destroy(nhwc_plan *plan) {
    nhwc_transposed_plan *d = &plan->transposed;
    for (int64_t i = 0; i < d->part_count; i++) {
        nhwc_plan_destroy(d->parts[i].plan);
    }
    if (d->turned) {
        nhwc_workspace_give(d->turned);
    }
}

/* ---- Results without taps ---------------------------------------------------------------------------------------- */

typedef struct {
    const nhwc_plan *plan;
    const char *residual;
    char *out;
} gaps_call;

/* Bias, residual and activation for `count` pixels, at most as many as a tile has. */
static void finish_pixels(const gaps_call *c, const int64_t *offsets, int count) {
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_tile_family *family = &plan->kernels->direct[1];
    const int64_t element = (int64_t)plan->element;
    for (int64_t first = 0; first < p->f; first += family->nr) {
        const nhwc_tile tile = {
            .bias = plan->transposed.bias + first * element,
            .residual = c->residual ? c->residual + first * element : NULL,
            .out = c->out + first * element,
            .offsets = offsets,
            .clamp = &plan->clamp,
            .live = nhwc_min(family->nr, p->f - first),
            .first = 1,
            .last = 1,
        };
        family->run(&tile, count);
    }
    if (plan->activate) {
        plan->activate(c->out, offsets, count, p->f, p->activation);
    }
}

/* A task is an output row. */
static void finish_rows(void *context, int64_t first, int64_t last, int worker) {
    const gaps_call *c = context;
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const nhwc_transposed_plan *d = &plan->transposed;
    int64_t offsets[NHWC_MAX_MR];
    (void)worker;
    for (int64_t task = first; task < last; task++) {
        const int64_t row = task % p->out[1], depth = task / p->out[1] % p->out[0], n = task / p->out[1] / p->out[0];
        const bool reached = d->covered[0][depth % p->stride[0]] && d->covered[1][row % p->stride[1]];
        int count = 0;
        for (int64_t col = 0; col < p->out[2]; col++) {
            if (reached && d->covered[2][col % p->stride[2]]) {
                continue;
            }
            offsets[count++] = nhwc_out_at(plan, n, depth, row, col);
            if (count == plan->kernels->direct[1].mr) {
                finish_pixels(c, offsets, count);
                count = 0;
            }
        }
        if (count) {
            finish_pixels(c, offsets, count);
        }
    }
}

/* ---- Running ----------------------------------------------------------------------------------------------------- */

static nhwc_status run_parts(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out) {
    const nhwc_transposed_plan *d = &plan->transposed;
    for (int64_t i = 0; i < d->part_count; i++) {
        const nhwc_transposed_part *part = &d->parts[i];
        const int64_t first = part->first * (int64_t)plan->element;
        const char *adds = part->adds ? out : residual;
        nhwc_status status = nhwc_plan_run(part->plan, n, x, adds ? adds + first : NULL, (char *)out + first);
        if (status != NHWC_OK) {
            return status;
        }
    }
    return NHWC_OK;
}

/* Several parts on one loan of workspace: none fails when another has written. */
static nhwc_status run_on_loan(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out) {
    const int64_t bytes = nhwc_plan_loan_bytes(plan, n, nhwc_threads_get());
    char *memory = nhwc_workspace_take((size_t)bytes);
    if (!memory) {
        return NHWC_NO_MEMORY;
    }
    const nhwc_loan before = nhwc_workspace_lend((nhwc_loan){memory, (size_t)bytes, false});
    const nhwc_status status = run_parts(plan, n, x, residual, out);
    nhwc_workspace_lend(before);
    nhwc_workspace_give(memory);
    return status;
}

static nhwc_status run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out) {
    const double GRAIN = 1e6; /* results worth a thread */
    const nhwc_problem *p = &plan->problem;
    const nhwc_transposed_plan *d = &plan->transposed;
    const bool several = d->part_count > 1 && plan->workspace_bytes;
    const nhwc_status status = (several ? run_on_loan : run_parts)(plan, n, x, residual, out);
    if (status == NHWC_OK && d->gaps) {
        gaps_call c = {.plan = plan, .residual = residual, .out = out};
        const double results = (double)n * (double)p->pixels * (double)p->f;
        nhwc_parallel_for(nhwc_threads_for(results, GRAIN), n * p->out[0] * p->out[1], finish_rows, &c);
    }
    return status;
}

const nhwc_method nhwc_method_transposed = {
    .algorithm = NHWC_DIRECT,
    .prepare = prepare,
    .run = run,
    .destroy = destroy,
};
