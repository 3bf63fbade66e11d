/* Blocks of filters: where they are read, and packing. */
#include "panels.h"

#include "../base/threads.h"

#include <string.h>

/* Sizes that were chosen by measuring; see csrc/README.md. */
enum {
    IN_PLACE_BYTES = 256 << 10, /* of filters that a single call reads where they are */
    IN_PLACE_PIXELS = 128,      /* of results, below which unaligned filters are not worth packing */
    PACKED_INPUTS = 32,         /* whose filters are packed together */
};

bool nhwc_filters_in_place(const nhwc_plan *plan, const void *filters, bool borrow) {
    const nhwc_problem *p = &plan->problem;
    const int64_t vector = plan->kernels->lanes * (int64_t)plan->element, row = p->f * (int64_t)plan->element;
    const bool aligned = (uintptr_t)filters % (uintptr_t)vector == 0 && row % vector == 0;
    const bool few = p->n >= 0 && p->pixels < IN_PLACE_PIXELS && p->n * p->pixels < IN_PLACE_PIXELS;
    return borrow && (aligned || few) && p->k * row <= IN_PLACE_BYTES;
}

/* Filters to be packed, on several threads. */
typedef struct {
    const nhwc_plan *plan;
    const nhwc_block *blocks;
    int64_t count;
    const char *filters;
} packing;

/* Copies a block's filters for inputs `k` to before `last`, filled up with zeros to the block's width. */
static void pack_block(const packing *t, const nhwc_block *b, int64_t k, int64_t last) {
    const int64_t f = t->plan->problem.f, element = (int64_t)t->plan->element, width = b->width * element;
    const char *from = t->filters + (k * f + b->first) * element;
    char *to = b->packed + k * width;
    if (t->plan->kernels->grad) {
        t->plan->kernels->grad->pack(to, from, last - k, f, b->live, b->width);
        return;
    }
    for (; k < last; k++, to += width, from += f * element) {
        memcpy(to, from, (size_t)(b->live * element));
        memset(to + b->live * element, 0, (size_t)((b->width - b->live) * element));
    }
}

static void pack_inputs(void *context, int64_t first, int64_t last, int worker) {
    const packing *t = context;
    (void)worker;
    for (; first < last; first++) {
        const int64_t k = first * PACKED_INPUTS, end = nhwc_min(k + PACKED_INPUTS, t->plan->problem.k);
        for (int64_t i = 0; i < t->count; i++) {
            if (t->blocks[i].packed) {
                pack_block(t, &t->blocks[i], k, end);
            }
        }
    }
}

/* A few inputs at a time, so that HWIO is read nearly in its own order. */
void nhwc_fill_panels(const nhwc_plan *plan, nhwc_block *blocks, int64_t count, const char *filters, bool in_place,
                      char **packed) {
    const double GRAIN = 1 << 18; /* elements worth a thread */
    const nhwc_problem *p = &plan->problem;
    for (int64_t i = 0; i < count; i++) {
        nhwc_block *b = &blocks[i];
        if (in_place && b->live == b->width) {
            b->filters = filters + b->first * (int64_t)plan->element;
            b->filter_pitch = p->f;
        } else {
            b->filters = b->packed = *packed;
            b->filter_pitch = b->width;
            *packed += (size_t)p->k * (size_t)b->width * plan->element;
        }
    }
    packing t = {.plan = plan, .blocks = blocks, .count = count, .filters = filters};
    int threads = nhwc_threads_for((double)p->k * (double)(p->f / p->groups), GRAIN);
    nhwc_parallel_for(threads, nhwc_ceil_div(p->k, PACKED_INPUTS), pack_inputs, &t);
}

void nhwc_fill_bias(const nhwc_plan *plan, nhwc_block *blocks, int64_t count, const void *bias, char *packed) {
    for (nhwc_block *b = blocks; b < blocks + count; b++) {
        const size_t width = (size_t)b->width * plan->element, live = (size_t)b->live * plan->element;
        memset(packed, 0, width);
        if (bias) {
            memcpy(packed, (const char *)bias + (size_t)b->first * plan->element, live);
        }
        b->bias = packed;
        packed += width;
    }
}
