/* The phases of a transposed convolution, and its filters turned into those of forward convolutions. */
#include "transposed.h"

#include "../base/threads.h"

/* ---- Phases ------------------------------------------------------------------------------------------------------ */

/* Taps that follow each other in different phases; those that are tap_step apart share one. */
static int64_t tap_step(const nhwc_problem *p, int axis) {
    return p->stride[axis] / nhwc_gcd(p->stride[axis], p->dilation[axis]);
}

static int64_t phases_of_axis(const nhwc_problem *p, bool merge, int axis) {
    return axis == 2 && merge ? 1 : nhwc_min(tap_step(p, axis), p->kernel[axis]);
}

bool nhwc_phases_merge(const nhwc_problem *p) {
    return p->groups == 1 && p->stride[2] > 1 && p->kernel[2] == p->stride[2] && p->dilation[2] == 1 &&
           p->before[2] == 0 && p->in[2] <= p->out[2] / p->stride[2] && p->out[2] == p->in[2] * p->stride[2];
}

/* Result i = residue + t * stride meets input o by tap u where i = o * stride + u * dilation - before. */
static nhwc_phase phase_of(const nhwc_problem *p, int axis, int64_t tap) {
    const int64_t stride = p->stride[axis], at = tap * p->dilation[axis] - p->before[axis];
    const int64_t residue = (at % stride + stride) % stride;
    nhwc_phase phase = {.residue = residue, .first_tap = tap, .tap_step = tap_step(p, axis), .merged = 1};
    phase.outputs = p->out[axis] > residue ? (p->out[axis] - residue - 1) / stride + 1 : 0;
    phase.taps = (p->kernel[axis] - 1 - tap) / phase.tap_step + 1;
    phase.dilation = phase.taps == 1 ? 1 : p->dilation[axis] / nhwc_gcd(stride, p->dilation[axis]);
    phase.before = (phase.taps - 1) * phase.dilation + (at - residue) / stride;
    return phase;
}

int64_t nhwc_phase_count(const nhwc_problem *p, bool merge) {
    return phases_of_axis(p, merge, 0) * phases_of_axis(p, merge, 1) * phases_of_axis(p, merge, 2);
}

bool nhwc_phases_at(const nhwc_problem *p, bool merge, int64_t i, nhwc_phase phases[3]) {
    for (int axis = 2; axis >= 0; axis--) {
        const int64_t count = phases_of_axis(p, merge, axis);
        phases[axis] = phase_of(p, axis, i % count);
        i /= count;
    }
    if (merge) {
        phases[2] = (nhwc_phase){.outputs = p->in[2], .taps = 1, .dilation = 1, .merged = p->stride[2]};
    }
    return phases[0].outputs && phases[1].outputs && phases[2].outputs;
}

void nhwc_mark_phases(const nhwc_problem *p, int axis, bool *covered) {
    for (int64_t tap = 0; tap < phases_of_axis(p, false, axis); tap++) {
        const nhwc_phase phase = phase_of(p, axis, tap);
        if (phase.outputs) {
            covered[phase.residue] = true;
        }
    }
}

/* ---- Filters ----------------------------------------------------------------------------------------------------- */

/* One phase's filters, from (kernel, results of a group, channels) to (taps, channels of a group, results). */
typedef struct {
    const nhwc_plan *plan;
    const nhwc_phase *phases;
    const char *filters;
    char *turned;
    int64_t blocks; /* of a tap */
    int not_finite;
} turning;

/* The given tap number that tap number `tap` of the phase, and result `merged` of its pixels, stands for. */
static int64_t given_tap(const nhwc_problem *p, const nhwc_phase phases[3], int64_t tap, int64_t merged) {
    int64_t given = 0, scale = 1;
    for (int axis = 2; axis >= 0; axis--) {
        const nhwc_phase *phase = &phases[axis];
        const int64_t back = phase->taps - 1 - tap % phase->taps;
        given += scale * (phase->merged > 1 ? merged : phase->first_tap + back * phase->tap_step);
        scale *= p->kernel[axis];
        tap /= phase->taps;
    }
    return given;
}

/* One tap's matrix, or its channels from `channel` on: all groups at once where a side of each is one element. */
static bool turn_tap(const nhwc_plan *plan, const char *from, char *to, int64_t pitch, int64_t channel,
                     int64_t channels) {
    const nhwc_problem *p = &plan->problem;
    const int64_t element = (int64_t)plan->element, groups = p->groups, results = p->f / groups;
    const nhwc_kernels *kernels = plan->kernels->turn ? plan->kernels : nhwc_isa_scalar.kernels[p->dtype];
    bool (*const turn)(const void *, int64_t, int64_t, int64_t, void *, int64_t) = kernels->turn;
    if (groups > 1 && channels == 1) {
        return turn(from, p->c, results, groups, to, results);
    }
    if (groups > 1 && results == 1) {
        return turn(from, channels, groups, channels, to, pitch);
    }
    bool finite = true;
    for (int64_t g = 0; g < groups; g++) {
        finite &= turn(from + (g * channels + channel) * element, p->c, results, channels,
                       to + (channel * pitch + g * results) * element, pitch);
    }
    return finite;
}

/* A task is one tap, or some channels of it. */
static void turn_blocks(void *context, int64_t first, int64_t last, int worker) {
    turning *c = context;
    const nhwc_plan *plan = c->plan;
    const nhwc_problem *p = &plan->problem;
    const int64_t element = (int64_t)plan->element, results = p->f / p->groups, channels = p->c / p->groups;
    const int64_t merged = c->phases[2].merged, pitch = merged * p->f;
    (void)worker;
    for (int64_t task = first; task < last; task++) {
        const int64_t tap = task / c->blocks, block = task % c->blocks;
        const int64_t channel = block * channels / c->blocks, end = (block + 1) * channels / c->blocks;
        for (int64_t m = 0; m < merged; m++) {
            const char *from = c->filters + given_tap(p, c->phases, tap, m) * results * p->c * element;
            char *to = c->turned + (tap * channels * pitch + m * p->f) * element;
            if (!turn_tap(plan, from, to, pitch, channel, end - channel)) {
                __atomic_store_n(&c->not_finite, 1, __ATOMIC_RELAXED);
            }
        }
    }
}

bool nhwc_turn_filters(const nhwc_plan *plan, bool merge, const void *filters, void *turned) {
    enum { CHANNELS = 64 };   /* of a block; only a single group is cut */
    const double GRAIN = 1e5; /* filters worth a thread */
    const nhwc_problem *p = &plan->problem;
    nhwc_phase phases[3];
    turning c = {.plan = plan, .phases = phases, .filters = filters, .turned = turned};
    c.blocks = p->groups == 1 ? nhwc_ceil_div(p->c, CHANNELS) : 1;
    for (int64_t i = 0; i < nhwc_phase_count(p, merge); i++) {
        if (nhwc_phases_at(p, merge, i, phases)) {
            const int64_t taps = phases[0].taps * phases[1].taps * phases[2].taps;
            const int64_t count = taps * phases[2].merged * p->c * (p->f / p->groups);
            nhwc_parallel_for(nhwc_threads_for((double)count, GRAIN), taps * c.blocks, turn_blocks, &c);
            c.turned += count * (int64_t)plan->element;
        }
    }
    return !c.not_finite;
}
