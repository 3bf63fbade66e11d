/* The products of the Winograd methods on split values: a tile of 32 x 32 products of one matrix, over some steps.

   Included by arch/amx.c, whose names for tile registers it uses.

       for step:  sums += the five products of parts that are small
           meanwhile split some of the tiles that the next block multiplies, and add some of the sums of the one before
       for step:  sums += h times h
       store the sums

   Registers: 0 to 3 sums, 4 and 5 tiles, 6 and 7 filters, and some vectors for what is done meanwhile: multiplying is
   the tile unit's work, which leaves the vector units idle. */

/* Splits up to `most` more rows of a step. */
static inline void split_some(nhwc_winograd_split_rows *t, int64_t most) {
    for (int64_t i = 0; i < most && t->count > 0; i++) {
        const float *from = t->from + t->step * NHWC_SPLIT_STEP;
        uint16_t *to = t->to + t->step * NHWC_WINOGRAD_SPLIT_ROWS;
        const parts a = split(_mm512_loadu_ps(from)), b = split(_mm512_loadu_ps(from + 16));
        _mm512_store_si512(to, halves(a.h, b.h));
        _mm512_store_si512(to + NHWC_WINOGRAD_SPLIT_ROWS / NHWC_SPLIT_PARTS, halves(a.m, b.m));
        _mm512_store_si512(to + 2 * NHWC_WINOGRAD_SPLIT_ROWS / NHWC_SPLIT_PARTS, halves(a.l, b.l));
        if (++t->step == t->steps) {
            t->step = 0;
            t->from += t->pitch;
            t->to += NHWC_SPLIT_STEP;
            t->count--;
        }
    }
}

static void winograd_split_rows(nhwc_winograd_split_rows *t) { split_some(t, INT64_MAX); }

static inline __attribute__((always_inline)) void winograd_multiply(nhwc_winograd_split_product *t,
                                                                    const int pixel_tiles, const int filter_tiles) {
    enum { ROWS = NHWC_WINOGRAD_SPLIT_ROWS * sizeof(uint16_t), PART = ROWS / NHWC_SPLIT_PARTS, SLOTS = 5 };
    const bool pairs = false;
    const int64_t step_bytes = NHWC_SPLIT_PARTS * (int64_t)filter_tiles * TILE;
    nhwc_split_pending pending = t->pending;
    nhwc_winograd_split_rows rows = t->rows;
    const int64_t split_share = t->split / (SLOTS * t->steps) + 1;
    const int64_t add_share = (pending.count / (SLOTS * t->steps) + 16) / 16 * 16;
#define LOAD_TILES(part)                                                                                               \
    LOAD(4, a + (part) * PART, 64);                                                                                    \
    if (pixel_tiles > 1) {                                                                                             \
        LOAD(5, a + (part) * PART + TILE, 64);                                                                         \
    }
#define MEANWHILE                                                                                                      \
    split_some(&rows, split_share);                                                                                    \
    if (pending.count > 0) {                                                                                           \
        add_some(&pending, add_share);                                                                                 \
    }
    CLEAR(0);
    CLEAR(1);
    CLEAR(2);
    CLEAR(3);
    const char *a = (const char *)t->a, *b = t->b;
    for (int64_t i = 0; i < t->steps; i++, a += ROWS, b += step_bytes) {
        LOAD_TILES(2)
        LOAD_FILTERS(0)
        MULTIPLY_ALL
        MEANWHILE
        LOAD_TILES(1)
        MULTIPLY_ALL
        MEANWHILE
        LOAD_FILTERS(1)
        MULTIPLY_ALL
        MEANWHILE
        LOAD_TILES(0)
        MULTIPLY_ALL
        MEANWHILE
        LOAD_FILTERS(2)
        MULTIPLY_ALL
        MEANWHILE
        LOAD_FILTERS(0)
        MULTIPLY_ALL
    }
    add_some(&pending, pending.count);
    const int width = 16 * filter_tiles;
    STORE(0, t->c, 4 * width);
    if (filter_tiles > 1) {
        STORE(1, t->c + 16, 4 * width);
    }
    if (pixel_tiles > 1) {
        STORE(2, t->c + 16 * width, 4 * width);
        if (filter_tiles > 1) {
            STORE(3, t->c + 16 * width + 16, 4 * width);
        }
    }
    t->rows = rows;
#undef LOAD_TILES
#undef MEANWHILE
}

static void winograd_split_product(nhwc_winograd_split_product *t, int pixel_tiles, int filter_tiles) {
    if (filter_tiles > 1) {
        if (pixel_tiles > 1) {
            winograd_multiply(t, 2, 2);
        } else {
            winograd_multiply(t, 1, 2);
        }
    } else if (pixel_tiles > 1) {
        winograd_multiply(t, 2, 1);
    } else {
        winograd_multiply(t, 1, 1);
    }
}
