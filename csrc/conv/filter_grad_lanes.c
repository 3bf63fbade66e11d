/* The filter gradient lane by lane, for depthwise convolutions and groups of few filters: vectors run along the filters
   of all groups, and inputs are laid out so that each lane holds what its own filter reads.

       for split of the pixels, for part of the vectors:                parallel
           for block of vectors:
               for chunk of up to 64 output pixels, in whole rows where they are short:
                   fill the rows that it reads into the ring, padded    [those that are not there already]
                   for vector of the block:
                       for up to three rows of results, for up to three taps: kernel

   A row of results is a row of taps with one channel of the groups. The ring holds a chunk's rows for every vector of
   the block and every channel; where that would be too much (long dilations, huge kernels), each row is instead filled
   for one tap, just before the kernel that reads it. Padding is zeros in the rows, or a row of zeros. */
#include "filter_grad.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

enum {
    CHAIN = 32,                /* chunks of a split, whose sums are one chain of additions */
    RING_BYTES = 192 << 10,    /* of a block of vectors, if one vector's do not exceed it */
    MOST_RING_BYTES = 1 << 20, /* of one vector */
    TOGETHER = 8,              /* vectors that are not shared among threads: memory likes long stretches */
    PARTS_PER_THREAD = 4,
};

typedef struct {
    nhwc_grad_call *call;
    int64_t channels, filters; /* of a group */
    int64_t vectors;
    bool ring;
    int64_t rows, cols;             /* of the largest chunk */
    int64_t row_chunks, col_chunks; /* of an image */
    int64_t chunks;                 /* of all samples */
    int64_t width;                  /* pixels of a filled row */
    int64_t slots;                  /* rows of the ring, for each depth tap */
    int64_t block;                  /* vectors of a block, at most */
    int64_t parts;                  /* of the vectors */
    int64_t ring_at, tags_at, places_at, zeros_at, worker_bytes;
    char *workspace;
} grad_lanes;

/* What one thread is at. */
typedef struct {
    char *ring, *zeros, *sums;
    int64_t *places;         /* of tap row i and output row j, i * rows + j: the slot, -1: a row of zeros */
    int64_t *tags;           /* of each slot: which row it holds, for which columns */
    int64_t vector, vectors; /* of the block */
    int64_t n, depth, row, rows, col, cols; /* of the chunk */
    int64_t col_chunk;
} chunk;

static int64_t row_bytes(const grad_lanes *g) { return g->width * g->call->kernels->lanes * g->call->element; }

/* ---- Filling ----------------------------------------------------------------------------------------------------- */

/* The input row that output row `row` of the chunk reads with tap row (t, u), over all samples; -1: padding. */
static int64_t input_row(const nhwc_problem *p, const chunk *k, int64_t row, int64_t t, int64_t u) {
    const int64_t i = (k->row + row) * p->stride[1] + u * p->dilation[1] - p->before[1];
    const int64_t z = k->depth * p->stride[0] + t * p->dilation[0] - p->before[0];
    return i < 0 || i >= p->in[1] || z < 0 || z >= p->in[0] ? -1 : (k->n * p->in[0] + z) * p->in[1] + i;
}

/* Fills pixels 0 .. width - 1 of the rows at `to`, of which number i is input column start + i * step. */
static void fill_rows(const grad_lanes *g, char *to, int64_t row, int64_t start, int64_t step, int64_t width,
                      const nhwc_grad_fill *fill) {
    const nhwc_grad_call *call = g->call;
    const nhwc_problem *p = &call->problem;
    const int64_t lanes = call->kernels->lanes, pixel = lanes * call->element;
    const int64_t rows = nhwc_ceil_div(fill->live, lanes) * fill->count;
    const int64_t left = start < 0 ? nhwc_min(nhwc_ceil_div(-start, step), width) : 0;
    const int64_t right = p->in[2] > start ? nhwc_max(nhwc_min((p->in[2] - 1 - start) / step + 1, width), left) : left;
    for (int64_t i = 0; i < rows && left + width > right; i++) {
        char *at = to + i * fill->row_pitch * call->element;
        memset(at, 0, (size_t)(left * pixel));
        memset(at + right * pixel, 0, (size_t)((width - right) * pixel));
    }
    if (right > left) {
        call->grad->fill(to + left * pixel, call->x + (row * p->in[2] + start + left * step) * p->c * call->element,
                         right - left, fill);
    }
}

/* Where the ring holds a slot's row of a channel, for a vector of the block. */
static char *ring_row(const grad_lanes *g, const chunk *k, int64_t slot, int64_t vector, int64_t channel) {
    return k->ring + ((slot * k->vectors + vector) * g->channels + channel) * row_bytes(g);
}

/* Fills what the chunk reads and the ring does not hold, for all vectors of the block, and notes in which slot each
   tap row of each output row is. */
static void fill_ring(const grad_lanes *g, const chunk *k) {
    const nhwc_problem *p = &g->call->problem;
    const int64_t start = k->col * p->stride[2] - p->before[2], first = k->vector * g->call->kernels->lanes;
    const int64_t width = (k->cols - 1) * p->stride[2] + (p->kernel[2] - 1) * p->dilation[2] + 1;
    const nhwc_grad_fill fill = {
        .first = first,
        .live = nhwc_min(k->vectors * g->call->kernels->lanes, p->f - first),
        .channels = g->channels,
        .results = g->filters,
        .count = g->channels,
        .pitch = p->c,
        .row_pitch = row_bytes(g) / g->call->element,
    };
    for (int64_t tap = 0; tap < p->kernel[0] * p->kernel[1]; tap++) {
        for (int64_t i = 0; i < k->rows; i++) {
            const int64_t t = tap / p->kernel[1], row = input_row(p, k, i, t, tap % p->kernel[1]);
            const int64_t slot = row < 0 ? -1 : t * g->slots + row % g->slots, tag = row * g->col_chunks + k->col_chunk;
            k->places[tap * g->rows + i] = slot;
            if (slot >= 0 && k->tags[slot] != tag) {
                k->tags[slot] = tag;
                fill_rows(g, ring_row(g, k, slot, 0, 0), row, start, 1, width, &fill);
            }
        }
    }
}

/* ---- Kernels ----------------------------------------------------------------------------------------------------- */

/* The operands that all kernel calls of a chunk and vector share. */
static nhwc_grad_lanes lanes_of(const grad_lanes *g, const chunk *k, int64_t vector, const void **rows, const void **dy,
                                int64_t *offsets) {
    const nhwc_grad_call *call = g->call;
    const nhwc_problem *p = &call->problem;
    const int64_t lanes = call->kernels->lanes;
    for (int64_t i = 0; i < k->rows; i++) {
        const int64_t row = (k->n * p->out[0] + k->depth) * p->out[1] + k->row + i;
        dy[i] = call->dy + ((row * p->out[2] + k->col) * p->f + vector * lanes) * call->element;
    }
    return (nhwc_grad_lanes){
        .rows = rows,
        .row_pitch = NHWC_GRAD_ROWS,
        .dy = dy,
        .segments = k->rows,
        .columns = k->cols,
        .step = (g->ring ? p->stride[2] : 1) * lanes,
        .tap_step = p->dilation[2] * lanes,
        .dy_pitch = p->f,
        .sums = k->sums + vector * lanes * call->element,
        .offsets = offsets,
        .tap_pitch = g->channels * p->f,
        .live = nhwc_min(lanes, p->f - vector * lanes),
    };
}

/* All results of a vector that a chunk adds to, from rows of the ring. */
static void run_from_ring(const grad_lanes *g, const chunk *k, int64_t v) {
    const nhwc_grad_call *call = g->call;
    const nhwc_problem *p = &call->problem;
    const int64_t planes = p->kernel[0] * p->kernel[1] * g->channels, calls = nhwc_ceil_div(planes, NHWC_GRAD_ROWS);
    const int64_t tap_calls = nhwc_ceil_div(p->kernel[2], NHWC_GRAD_TAPS);
    const void *rows[NHWC_GRAD_CHUNK * NHWC_GRAD_ROWS], *dy[NHWC_GRAD_CHUNK];
    int64_t offsets[NHWC_GRAD_ROWS], tap = 0, c = 0;
    nhwc_grad_lanes l = lanes_of(g, k, k->vector + v, rows, dy, offsets);
    char *const sums = l.sums;
    for (int64_t i = 0; i < calls; i++) {
        const int64_t count = (i + 1) * planes / calls - i * planes / calls;
        for (int64_t r = 0; r < count; r++) {
            offsets[r] = (tap * p->kernel[2] * g->channels + c) * p->f;
            for (int64_t j = 0; j < k->rows; j++) {
                const int64_t slot = k->places[tap * g->rows + j];
                rows[j * NHWC_GRAD_ROWS + r] = slot < 0 ? k->zeros : ring_row(g, k, slot, v, c);
            }
            if (++c == g->channels) {
                c = 0;
                tap++;
            }
        }
        for (int64_t j = 0; j < tap_calls; j++) {
            const int64_t first = j * p->kernel[2] / tap_calls, taps = (j + 1) * p->kernel[2] / tap_calls - first;
            l.tap = first;
            l.sums = sums + first * l.tap_pitch * call->element;
            call->grad->lanes(&l, (int)count, (int)taps);
        }
    }
}

/* The same with rows that are filled for one tap each. */
static void run_by_taps(const grad_lanes *g, const chunk *k, int64_t vector) {
    const nhwc_grad_call *call = g->call;
    const nhwc_problem *p = &call->problem;
    const int64_t lanes = call->kernels->lanes, planes = call->results / p->f;
    const void *rows[NHWC_GRAD_CHUNK * NHWC_GRAD_ROWS], *dy[NHWC_GRAD_CHUNK];
    int64_t offsets[NHWC_GRAD_ROWS];
    const nhwc_grad_lanes l = lanes_of(g, k, vector, rows, dy, offsets);
    nhwc_grad_fill fill = {
        .first = vector * lanes,
        .live = l.live,
        .channels = g->channels,
        .results = g->filters,
        .count = 1,
        .pitch = p->stride[2] * p->c,
    };
    for (int64_t first = 0; first < planes; first += NHWC_GRAD_ROWS) {
        const int64_t count = nhwc_min(NHWC_GRAD_ROWS, planes - first);
        for (int64_t r = 0; r < count; r++) {
            const int64_t tap = (first + r) / g->channels, v = tap % p->kernel[2], u = tap / p->kernel[2];
            const int64_t start = k->col * p->stride[2] + v * p->dilation[2] - p->before[2];
            fill.channel = (first + r) % g->channels;
            offsets[r] = (first + r) * p->f;
            for (int64_t j = 0; j < k->rows; j++) {
                char *to = k->ring + (j * NHWC_GRAD_ROWS + r) * row_bytes(g);
                const int64_t row = input_row(p, k, j, u / p->kernel[1], u % p->kernel[1]);
                rows[j * NHWC_GRAD_ROWS + r] = row < 0 ? k->zeros : to;
                if (row >= 0) {
                    fill_rows(g, to, row, start, p->stride[2], k->cols, &fill);
                }
            }
        }
        call->grad->lanes(&l, (int)count, 1);
    }
}

/* ---- Tasks ------------------------------------------------------------------------------------------------------- */

static void run_chunk(const grad_lanes *g, chunk *k, int64_t index) {
    const nhwc_problem *p = &g->call->problem;
    const int64_t row = index % g->row_chunks;
    index /= g->row_chunks;
    k->col_chunk = index % g->col_chunks;
    index /= g->col_chunks;
    k->depth = index % p->out[0];
    k->n = index / p->out[0];
    k->row = row * p->out[1] / g->row_chunks;
    k->rows = (row + 1) * p->out[1] / g->row_chunks - k->row;
    k->col = k->col_chunk * p->out[2] / g->col_chunks;
    k->cols = (k->col_chunk + 1) * p->out[2] / g->col_chunks - k->col;
    if (g->ring) {
        fill_ring(g, k);
    }
    for (int64_t v = 0; v < k->vectors; v++) {
        if (g->ring) {
            run_from_ring(g, k, v);
        } else {
            run_by_taps(g, k, k->vector + v);
        }
    }
}

/* Zeros the sums of the block's vectors, and forgets what the ring holds. */
static void begin_block(const grad_lanes *g, const chunk *k) {
    const nhwc_grad_call *call = g->call;
    const int64_t first = k->vector * call->kernels->lanes, f = call->problem.f;
    const int64_t live = nhwc_min(k->vectors * call->kernels->lanes, f - first);
    for (int64_t i = 0; i < call->results / f; i++) {
        memset(k->sums + (i * f + first) * call->element, 0, (size_t)(live * call->element));
    }
    for (int64_t i = 0; i < g->slots * call->problem.kernel[0]; i++) {
        k->tags[i] = -1;
    }
}

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const grad_lanes *g = context;
    char *workspace = g->workspace + worker * g->worker_bytes;
    chunk k = {
        .ring = workspace + g->ring_at,
        .tags = (int64_t *)(workspace + g->tags_at),
        .places = (int64_t *)(workspace + g->places_at),
        .zeros = workspace + g->zeros_at,
    };
    memset(k.zeros, 0, (size_t)row_bytes(g));
    for (int64_t task = first; task < last; task++) {
        const int64_t split = task / g->parts, part = task % g->parts, splits = g->call->splits;
        const int64_t end = (part + 1) * g->vectors / g->parts;
        k.sums = nhwc_grad_sums(g->call, split);
        for (k.vector = part * g->vectors / g->parts; k.vector < end; k.vector += k.vectors) {
            k.vectors = nhwc_min(g->block, end - k.vector);
            begin_block(g, &k);
            for (int64_t i = split * g->chunks / splits; i < (split + 1) * g->chunks / splits; i++) {
                run_chunk(g, &k, i);
            }
        }
    }
}

/* ---- The call ---------------------------------------------------------------------------------------------------- */

/* Pixels along an axis from the first to the last that `outputs` neighbouring outputs read. */
static int64_t span(const nhwc_problem *p, int axis, int64_t outputs) {
    return (outputs - 1) * p->stride[axis] + (p->kernel[axis] - 1) * p->dilation[axis] + 1;
}

/* Everything that depends on the shape and the instruction set alone, but the block. */
static void plan_lanes(grad_lanes *g) {
    const nhwc_problem *p = &g->call->problem;
    g->channels = p->c / p->groups;
    g->filters = p->f / p->groups;
    g->vectors = nhwc_ceil_div(p->f, g->call->kernels->lanes);
    g->col_chunks = nhwc_ceil_div(p->out[2], NHWC_GRAD_CHUNK);
    g->cols = nhwc_ceil_div(p->out[2], g->col_chunks);
    g->row_chunks = nhwc_ceil_div(p->out[1], NHWC_GRAD_CHUNK / g->cols);
    g->rows = nhwc_ceil_div(p->out[1], g->row_chunks);
    g->chunks = p->n * p->out[0] * g->row_chunks * g->col_chunks;
    /* A split fills the rows that its first windows share with the split before. */
    const int64_t rows = p->n * p->out[0] * p->out[1], shared = (p->kernel[1] - 1) * p->dilation[1] / p->stride[1];
    const int64_t splits = nhwc_grad_splits(g->call, g->chunks, CHAIN, nhwc_ceil_div(g->vectors, TOGETHER));
    g->call->splits = nhwc_max(nhwc_ceil_div(g->chunks, CHAIN), nhwc_min(splits, rows / (4 * shared + 1)));
}

/* Whether the ring serves, and how many vectors a block of it has. */
static void plan_ring(grad_lanes *g) {
    const nhwc_problem *p = &g->call->problem;
    int64_t bytes = g->call->kernels->lanes * g->call->element;
    g->width = span(p, 2, g->cols);
    g->slots = span(p, 1, g->rows);
    g->ring = nhwc_mul(bytes, g->width, &bytes) && nhwc_mul(bytes, g->slots, &bytes) &&
              nhwc_mul(bytes, p->kernel[0], &bytes) && nhwc_mul(bytes, g->channels, &bytes) && bytes <= MOST_RING_BYTES;
    g->block = g->ring ? nhwc_max(1, RING_BYTES / bytes) : g->vectors;
    if (!g->ring) {
        g->width = g->cols;
        g->slots = 0;
    }
}

static bool lay_out(grad_lanes *g) {
    const int64_t *kernel = g->call->problem.kernel, slots = kernel[0] * g->slots;
    const int64_t rows = g->ring ? slots * nhwc_min(g->block, g->vectors) * g->channels : g->rows * NHWC_GRAD_ROWS;
    const int64_t places = g->ring ? kernel[0] * kernel[1] * g->rows : 0, word = (int64_t)sizeof(int64_t);
    const int64_t sizes[] = {rows * row_bytes(g), slots * word, places * word, row_bytes(g)};
    int64_t offsets[4];
    if (!nhwc_lay_out(4, sizes, offsets, &g->worker_bytes)) {
        return false;
    }
    g->ring_at = offsets[0];
    g->tags_at = offsets[1];
    g->places_at = offsets[2];
    g->zeros_at = offsets[3];
    return true;
}

nhwc_status nhwc_grad_lanewise(nhwc_grad_call *call) {
    grad_lanes g = {.call = call};
    plan_lanes(&g);
    plan_ring(&g);
    const int threads =
        nhwc_threads_for(nhwc_grad_work(call), NHWC_GRAD_GRAIN / 4); /* memory is slower than arithmetic */
    g.parts = threads == 1 ? 1
                           : nhwc_min(nhwc_ceil_div(g.vectors, TOGETHER),
                                      nhwc_ceil_div(PARTS_PER_THREAD * threads, call->splits));
    int64_t bytes, more;
    if (!lay_out(&g) || !nhwc_mul(g.worker_bytes, threads, &bytes) ||
        !nhwc_mul(call->results * call->element, call->splits - 1, &more)) {
        return NHWC_TOO_LARGE;
    }
    g.workspace = nhwc_workspace_take((size_t)bytes);
    call->more = more ? nhwc_workspace_take((size_t)more) : NULL;
    if (!g.workspace || (more && !call->more)) {
        if (g.workspace) {
            nhwc_workspace_give(g.workspace);
        }
        return NHWC_NO_MEMORY;
    }
    nhwc_parallel_for(threads, call->splits * g.parts, run_tasks, &g);
    nhwc_workspace_give(g.workspace);
    return NHWC_OK;
}
