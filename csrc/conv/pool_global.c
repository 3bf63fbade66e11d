/* Maxima and means over whole images.

       for (n, block of pixels, part of the channels):                      parallel
           reduce the block's pixels to one, or with few channels, to `fold` pixels
       for n: reduce the pixels of all blocks, and those left over, to one

   With few channels, `fold` neighbouring pixels are one long pixel to the kernel, so that vectors are full. Blocks and
   folds depend on the shape alone, parts of the channels share no sum: the bits do not depend on the threads. */
#include "pool.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

enum {
    BLOCK_BYTES = 256 << 10, /* of a block of pixels */
    LEAST_PIXELS = 64,
    LONG_PIXEL = 2048, /* bytes: enough for the kernels to be at their best */
};

typedef struct {
    const nhwc_problem *p;
    nhwc_windows_kernel *reduce;
    int64_t element; /* bytes */
    int64_t pixels, fold;
    int64_t folded; /* pixels, by groups of `fold`; the rest is left for the second step */
    int64_t block, blocks;
    int64_t parts;   /* of the channels */
    int64_t entries; /* of a sample, from the first step to the second */
    const char *x;
    char *made; /* the entries, or the results if there is no second step */
} call;

static int64_t bytes_of(const call *c, int64_t pixels) { return pixels * c->p->c * c->element; }

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const call *c = context;
    (void)worker;
    for (int64_t task = first; task < last; task++) {
        const int64_t part = task % c->parts, block = task / c->parts % c->blocks, n = task / c->parts / c->blocks;
        const int64_t channels = c->p->c * c->fold, vectors = nhwc_ceil_div(bytes_of(c, c->fold), LONG_PIXEL);
        const int64_t lanes = LONG_PIXEL / c->element;
        const int64_t from = part * vectors / c->parts * lanes;
        const int64_t to = nhwc_min((part + 1) * vectors / c->parts * lanes, channels);
        const int64_t at = block * c->block;
        nhwc_windows t = {
            .x = c->x + bytes_of(c, n * c->pixels + at * c->fold) + from * c->element,
            .depths = 1,
            .rows = 1,
            .columns = nhwc_min(c->block, c->folded - at),
            .column_pitch = channels,
            .windows = 1,
            .out = c->made + bytes_of(c, n * c->entries + block * c->fold) + from * c->element,
            .channels = to - from,
            .divisor = c->entries == 1 ? c->pixels : 1,
        };
        c->reduce(&t);
    }
}

/* Adds the pixels left over to the entries of each sample, and reduces these. */
static void finish(const call *c, char *out) {
    const int64_t left = c->pixels - c->folded * c->fold;
    for (int64_t n = 0; n < c->p->n; n++) {
        memcpy(c->made + bytes_of(c, (n + 1) * c->entries - left), c->x + bytes_of(c, (n + 1) * c->pixels - left),
               (size_t)bytes_of(c, left));
    }
    nhwc_windows t = {
        .x = c->made,
        .depths = 1,
        .rows = 1,
        .columns = c->entries,
        .column_pitch = c->p->c,
        .windows = c->p->n,
        .window_pitch = c->entries * c->p->c,
        .out = out,
        .out_pitch = c->p->c,
        .channels = c->p->c,
        .divisor = c->pixels,
    };
    c->reduce(&t);
}

static void choose(call *c) {
    c->fold = nhwc_ceil_div(LONG_PIXEL, bytes_of(c, 1));
    if (c->pixels < 4 * c->fold) {
        c->fold = 1;
    }
    c->folded = c->pixels / c->fold;
    c->block = nhwc_max(BLOCK_BYTES / bytes_of(c, c->fold), LEAST_PIXELS);
    c->blocks = nhwc_ceil_div(c->folded, c->block);
    c->entries = c->blocks * c->fold + c->pixels - c->folded * c->fold;
}

nhwc_status nhwc_pool_global(const nhwc_problem *p, nhwc_windows_kernel *reduce, int64_t element, const void *x,
                             void *out) {
    const double GRAIN = 3e5; /* bytes worth a thread */
    enum { TASKS_PER_THREAD = 4 };
    call c = {.p = p, .reduce = reduce, .element = element, .pixels = p->k, .parts = 1, .x = x, .made = out};
    choose(&c);
    const int threads = nhwc_threads_for((double)p->n * (double)bytes_of(&c, c.pixels), GRAIN);
    if (threads > 1) {
        const int64_t enough = nhwc_ceil_div((int64_t)threads * TASKS_PER_THREAD, p->n * c.blocks);
        c.parts = nhwc_min(enough, nhwc_max(bytes_of(&c, c.fold) / LONG_PIXEL, 1));
    }
    if (c.entries > 1) {
        c.made = nhwc_workspace_take((size_t)bytes_of(&c, p->n * c.entries));
        if (!c.made) {
            return NHWC_NO_MEMORY;
        }
    }
    nhwc_parallel_for(threads, p->n * c.blocks * c.parts, run_tasks, &c);
    if (c.entries > 1) {
        finish(&c, out);
        nhwc_workspace_give(c.made);
    }
    return NHWC_OK;
}
