/* The filter gradient by tiles: an outer product of inputs and filters, summed in registers.

       for split of the pixels, for part of the tiles:              parallel
           for block of pixels:
               list each tap's pixels                               [few channels: copy rows of taps, padded]
               for block of filters:
                   pack the block's dy
                   for tap, for block of channels: kernel

   A tap's list names the pixels for which it lies inside the input; the others would add zeros. Where channels are few,
   the taps of a kernel's row are neighbours in the input, and make one longer row of channels: then the rows are copied
   with their padding, since the taps differ in the columns for which they lie inside. */
#include "filter_grad.h"

#include "../base/memory.h"
#include "../base/threads.h"

#include <string.h>

enum {
    BLOCK = 256,            /* pixels, at most */
    CHAIN = 32,             /* blocks of a split, whose sums are one chain of additions */
    FEW_CHANNELS = 8,       /* for which rows of taps are copied */
    LIST_BYTES = 128 << 10, /* of lists and copied rows that are made at a time, if a tap's do not exceed it */
    LISTS = 32,
    ROWS_OF_TILES = 6, /* of a unit of work */
    UNITS_PER_THREAD = 4,
};

typedef struct {
    nhwc_grad_call *call;
    bool copied;             /* rows of taps are copied */
    int64_t taps, length;    /* lists, and inputs of a pixel in each: the channels of a group, or a row of taps */
    int64_t blocks_of_group; /* blocks of filters */
    int64_t ranges;          /* of the length */
    int64_t units;           /* blocks of filters x taps x ranges: what threads share */
    int64_t parts;           /* of the units */
    int64_t block;           /* pixels of a block, at most */
    int64_t pixels, blocks;  /* of all samples */
    int64_t listed;          /* taps whose lists are made at a time */
    int64_t copy;            /* elements of a tap's copied rows */
    int64_t lists_at, stretches_at, panel_at, partial_at, copy_at, worker_bytes;
    char *workspace;
} grad_tiles;

/* Neighbouring output pixels of a row. */
typedef struct {
    int64_t n, depth, row, col, cols;
    int64_t at; /* the first, in its block */
} stretch;

/* What one thread is at. */
typedef struct {
    nhwc_grad_pixel *lists; /* of the listed taps, `block` entries each */
    int64_t counts[LISTS];
    stretch *stretches; /* that the block consists of */
    int64_t stretch_count;
    char *panel, *partial, *copy;
    char *sums;
    int64_t pixel, pixels; /* of the block */
    bool add;
} block;

/* ---- Lists ------------------------------------------------------------------------------------------------------- */

/* Cuts the block where output rows end. */
static void cut_block(const nhwc_problem *p, block *b) {
    b->stretch_count = 0;
    for (int64_t at = 0; at < b->pixels;) {
        const int64_t pixel = b->pixel + at, row = pixel / p->out[2], col = pixel % p->out[2];
        const int64_t cols = nhwc_min(p->out[2] - col, b->pixels - at), plane = row / p->out[1];
        b->stretches[b->stretch_count++] = (stretch){
            .n = plane / p->out[0],
            .depth = plane % p->out[0],
            .row = row % p->out[1],
            .col = col,
            .cols = cols,
            .at = at,
        };
        at += cols;
    }
}

/* The row of the input that tap row (t, u) reads for a stretch, counted over all samples; -1: padding. */
static int64_t input_row(const nhwc_problem *p, const stretch *s, int64_t t, int64_t u) {
    const int64_t i = s->row * p->stride[1] + u * p->dilation[1] - p->before[1];
    const int64_t z = s->depth * p->stride[0] + t * p->dilation[0] - p->before[0];
    return i < 0 || i >= p->in[1] || z < 0 || z >= p->in[0] ? -1 : (s->n * p->in[0] + z) * p->in[1] + i;
}

/* Lists the pixels of the block for which the tap lies inside the input; returns their number. */
static int64_t list_tap(const nhwc_problem *p, const block *b, int64_t tap, nhwc_grad_pixel *list) {
    const int64_t v = tap % p->kernel[2], u = tap / p->kernel[2] % p->kernel[1], t = tap / p->kernel[2] / p->kernel[1];
    const int64_t step = p->stride[2] * p->c, shift = v * p->dilation[2] - p->before[2];
    int64_t inside, past, count = 0;
    nhwc_grad_inside(p, 2, v, &inside, &past);
    for (const stretch *s = b->stretches; s < b->stretches + b->stretch_count; s++) {
        const int64_t row = input_row(p, s, t, u);
        const int64_t first = nhwc_max(inside, s->col), last = row < 0 ? first : nhwc_min(past, s->col + s->cols);
        const int64_t from = (row * p->in[2] + shift) * p->c, dy = s->at - s->col;
        for (int64_t j = first; j < last; j++) {
            list[count++] = (nhwc_grad_pixel){from + j * step, dy + j};
        }
    }
    return count;
}

/* Copies the rows that a row of taps reads for the pixels of the block, padded, and lists the pixels in the copy. */
static int64_t copy_tap(const grad_tiles *g, const block *b, int64_t tap, char *to, int64_t base,
                        nhwc_grad_pixel *list) {
    const nhwc_problem *p = &g->call->problem;
    const int64_t pitch = p->c * g->call->element, stride = p->stride[2];
    int64_t at = 0;
    for (const stretch *s = b->stretches; s < b->stretches + b->stretch_count; s++) {
        const int64_t row = input_row(p, s, tap / p->kernel[1], tap % p->kernel[1]);
        const int64_t width = (s->cols - 1) * stride + p->kernel[2], start = s->col * stride - p->before[2];
        const int64_t left = row < 0 ? width : nhwc_min(nhwc_max(-start, 0), width);
        const int64_t right = row < 0 ? width : nhwc_max(nhwc_min(p->in[2] - start, width), left);
        memset(to + at * pitch, 0, (size_t)(left * pitch));
        if (right > left) {
            memcpy(to + (at + left) * pitch, g->call->x + (row * p->in[2] + start + left) * pitch,
                   (size_t)((right - left) * pitch));
        }
        memset(to + (at + right) * pitch, 0, (size_t)((width - right) * pitch));
        for (int64_t j = 0; j < s->cols; j++) {
            list[s->at + j] = (nhwc_grad_pixel){base + (at + j * stride) * p->c, s->at + j};
        }
        at += width;
    }
    return b->pixels;
}

static void list_taps(const grad_tiles *g, block *b, int64_t first, int64_t last) {
    for (int64_t tap = first; tap < last; tap++) {
        const int64_t i = tap - first;
        nhwc_grad_pixel *list = b->lists + i * g->block;
        b->counts[i] = g->copied ? copy_tap(g, b, tap, b->copy + i * g->copy * g->call->element, i * g->copy, list)
                                 : list_tap(&g->call->problem, b, tap, list);
    }
}

/* ---- Blocks of filters ------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t group, first, live; /* filters */
    int vectors;
} filters;

/* Vectors of the next block, when so many are left. None has one alone, but where there is only one. */
static int block_vectors(int64_t left) {
    return left == NHWC_GRAD_VECTORS + 1 ? 2 : (int)nhwc_min(left, NHWC_GRAD_VECTORS);
}

/* Number `index` of the blocks of filters, of which each group has blocks_of_group. */
static filters filter_block(const grad_tiles *g, int64_t index) {
    const nhwc_grad_call *call = g->call;
    const int64_t lanes = call->kernels->lanes, count = call->problem.f / call->problem.groups;
    int64_t left = count;
    filters f = {.group = index / g->blocks_of_group};
    for (int64_t i = index % g->blocks_of_group; i >= 0; i--) {
        f.first = f.group * count + count - left;
        f.vectors = block_vectors(nhwc_ceil_div(left, lanes));
        f.live = nhwc_min(left, f.vectors * lanes);
        left -= f.live;
    }
    return f;
}

static int64_t count_blocks(const nhwc_grad_call *call) {
    const int64_t lanes = call->kernels->lanes;
    int64_t blocks = 0;
    for (int64_t left = call->problem.f / call->problem.groups; left > 0; blocks++) {
        left -= lanes * block_vectors(nhwc_ceil_div(left, lanes));
    }
    return blocks;
}

/* ---- Tiles ------------------------------------------------------------------------------------------------------- */

/* All tiles of a range of the length, for one tap and block of filters. */
static void run_range(const grad_tiles *g, const block *b, const filters *f, int64_t tap, int64_t list, int64_t range) {
    const nhwc_grad_call *call = g->call;
    const nhwc_problem *p = &call->problem;
    const nhwc_grad_family *family = &call->grad->tile[f->vectors];
    const int64_t first = range * g->length / g->ranges, length = (range + 1) * g->length / g->ranges - first;
    const int64_t tiles = nhwc_ceil_div(length, family->mr), channel = g->copied ? 0 : f->group * g->length;
    nhwc_grad_tile t = {
        .dy = b->panel,
        .pixels = b->lists + list * g->block,
        .count = b->counts[list],
        .pitch = p->f,
        .partial = b->partial,
        .live = f->live,
        .add = b->add,
    };
    for (int64_t i = 0; i < tiles; i++) {
        const int64_t from = first + i * length / tiles, to = first + (i + 1) * length / tiles;
        t.x = (g->copied ? b->copy : call->x) + (channel + from) * call->element;
        t.sums = b->sums + ((tap * g->length + from) * p->f + f->first) * call->element;
        family->run(&t, (int)(to - from));
    }
}

/* Units from first to last that read one block of filters and the taps whose lists are made. */
static void run_units(const grad_tiles *g, const block *b, int64_t first, int64_t last, int64_t tap, int64_t taps) {
    const nhwc_grad_call *call = g->call;
    const nhwc_problem *p = &call->problem;
    const int64_t of_block = g->taps * g->ranges;
    for (int64_t index = first / of_block; index * of_block < last; index++) {
        const int64_t from = nhwc_max(first, index * of_block + tap * g->ranges);
        const int64_t to = nhwc_min(last, index * of_block + (tap + taps) * g->ranges);
        if (from >= to) {
            continue;
        }
        const filters f = filter_block(g, index);
        call->grad->pack(b->panel, call->dy + (b->pixel * p->f + f.first) * call->element, b->pixels, p->f, f.live,
                         f.vectors * call->kernels->lanes);
        for (int64_t unit = from; unit < to; unit++) {
            const int64_t at = unit / g->ranges % g->taps;
            run_range(g, b, &f, at, at - tap, unit % g->ranges);
        }
    }
}

static void run_tasks(void *context, int64_t first, int64_t last, int worker) {
    const grad_tiles *g = context;
    const int64_t of_block = g->taps * g->ranges;
    char *workspace = g->workspace + worker * g->worker_bytes;
    block b = {
        .lists = (nhwc_grad_pixel *)(workspace + g->lists_at),
        .stretches = (stretch *)(workspace + g->stretches_at),
        .panel = workspace + g->panel_at,
        .partial = workspace + g->partial_at,
        .copy = workspace + g->copy_at,
    };
    for (int64_t task = first; task < last; task++) {
        const int64_t split = task / g->parts, part = task % g->parts, splits = g->call->splits;
        const int64_t from = part * g->units / g->parts, to = (part + 1) * g->units / g->parts;
        const bool one_block = from / of_block == (to - 1) / of_block;
        const int64_t tap = one_block ? from % of_block / g->ranges : 0;
        const int64_t end = one_block ? (to - 1) % of_block / g->ranges + 1 : g->taps;
        const int64_t begin = split * g->blocks / splits;
        b.sums = nhwc_grad_sums(g->call, split);
        for (int64_t i = begin; i < (split + 1) * g->blocks / splits; i++) {
            b.pixel = i * g->pixels / g->blocks;
            b.pixels = (i + 1) * g->pixels / g->blocks - b.pixel;
            b.add = i > begin;
            cut_block(&g->call->problem, &b);
            for (int64_t t = tap; t < end; t += g->listed) {
                const int64_t taps = nhwc_min(g->listed, end - t);
                list_taps(g, &b, t, t + taps);
                run_units(g, &b, from, to, t, taps);
            }
        }
    }
}

/* ---- The call ---------------------------------------------------------------------------------------------------- */

/* Pixels of a block: few enough that its packed dy stays in the first-level cache, but the sums, which are read and
   written for each block, count the more the farther away they are. */
static int64_t block_of(const nhwc_grad_call *call) {
    const int64_t bytes = call->results * call->element;
    return bytes <= 512 << 10 ? BLOCK / 2 : BLOCK;
}

/* Everything that depends on the shape and the instruction set alone. */
static grad_tiles plan_tiles(nhwc_grad_call *call) {
    const nhwc_problem *p = &call->problem;
    grad_tiles g = {.call = call};
    g.copied = p->groups == 1 && p->c < FEW_CHANNELS && p->kernel[2] > 1 && p->dilation[2] == 1 &&
               p->stride[2] <= p->kernel[2];
    g.taps = p->kernel[0] * p->kernel[1] * (g.copied ? 1 : p->kernel[2]);
    g.length = p->c / p->groups * (g.copied ? p->kernel[2] : 1);
    g.blocks_of_group = count_blocks(call);
    g.ranges = nhwc_ceil_div(g.length, ROWS_OF_TILES * call->grad->tile[2].mr);
    g.units = p->groups * g.blocks_of_group * g.taps * g.ranges;
    g.pixels = p->n * p->pixels;
    g.block = block_of(call);
    g.blocks = nhwc_ceil_div(g.pixels, g.block);
    /* A block has no more ends of rows than pixels. */
    const int64_t ends = nhwc_min(g.block, g.block / p->out[2] + 2);
    g.copy = g.copied ? (g.block * p->stride[2] + ends * p->kernel[2]) * p->c : 0;
    const int64_t tap_bytes = g.block * (int64_t)sizeof(nhwc_grad_pixel) + g.copy * call->element;
    g.listed = nhwc_min(nhwc_min(g.taps, LISTS), nhwc_max(1, LIST_BYTES / tap_bytes));
    call->splits = nhwc_grad_splits(call, g.blocks, CHAIN, g.units);
    return g;
}

static bool lay_out(grad_tiles *g) {
    const int64_t vector = NHWC_GRAD_VECTORS * g->call->kernels->lanes * g->call->element;
    const int64_t sizes[] = {g->listed * g->block * (int64_t)sizeof(nhwc_grad_pixel),
                             g->block * (int64_t)sizeof(stretch), g->block * vector, NHWC_MAX_MR * vector,
                             g->listed * g->copy * g->call->element};
    int64_t offsets[5];
    if (!nhwc_lay_out(5, sizes, offsets, &g->worker_bytes)) {
        return false;
    }
    g->lists_at = offsets[0];
    g->stretches_at = offsets[1];
    g->panel_at = offsets[2];
    g->partial_at = offsets[3];
    g->copy_at = offsets[4];
    return true;
}

nhwc_status nhwc_grad_tiles(nhwc_grad_call *call) {
    grad_tiles g = plan_tiles(call);
    const int threads = nhwc_threads_for(nhwc_grad_work(call), NHWC_GRAD_GRAIN);
    g.parts = threads == 1 ? 1 : nhwc_min(g.units, nhwc_ceil_div(UNITS_PER_THREAD * threads, call->splits));
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
