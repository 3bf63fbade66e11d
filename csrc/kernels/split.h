/* Products of float32 matrices by units that multiply bfloat16 matrices and add in float32: the contract of the
   kernels.

   A value is the exact sum of three bfloat16 ones, x = h + m + l, each of 8 bits and a sign: h is x rounded, m and l
   are what is left. Of the nine products of two values' parts, six are added up; the other three are below 2^-23 of the
   product and as often positive as negative, so that a sum errs no more than one of float32 multiply-adds. That holds
   for values whose parts, and the products of these, are normal numbers: a range that callers check, since these units
   flush subnormals.

   Where values have fewer parts that are not zero, fewer products are added up, to the same bits.

   A step is 32 inputs of the reduction. */
#ifndef NHWC_KERNELS_SPLIT_H
#define NHWC_KERNELS_SPLIT_H

#include "activation.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    NHWC_SPLIT_STEP = 32,    /* inputs */
    NHWC_SPLIT_PIXELS = 16,  /* rows of a tile register */
    NHWC_SPLIT_FILTERS = 16, /* its columns */
    NHWC_SPLIT_TILES = 2,    /* tiles of pixels, and of filters, in a block: a block has four of sums */
    NHWC_SPLIT_PARTS = 3,
    NHWC_SPLIT_TILE_BYTES = 1024, /* of one part of a step's filters of a tile */
};

/* Magnitudes of some values: the least that is not zero, FLT_MAX if there is none, and the greatest, infinity if one is
   not finite. */
typedef struct {
    float least, most;
} nhwc_split_range;

/* `pixels` pixels of some channels, in blocks of a step's. */
typedef struct {
    const float *x;
    int64_t x_pitch; /* elements from a pixel to the next */
    int64_t pixels, channels;
    uint16_t *to;                           /* h of the first pixel */
    int64_t to_pitch, to_block, part_pitch; /* elements: from a pixel, a block of channels and a part to the next */
    bool fill;                              /* the last block with zeros */
    nhwc_split_range *range;                /* widened by the values' */
    int *parts;                             /* raised to the parts that some value has */
} nhwc_split_input;

/* Where stored pixels lie close, the pixels of a tile are its columns: a step is then 16 pairs of inputs, each a row of
   the pairs that neighbouring outputs read. This is one stored row, of which such rows are made. */
typedef struct {
    const char *x;    /* h of the first output's first input */
    int64_t x_part;   /* bytes from a part to the next */
    int64_t elements; /* from an output's first input to the next's: NHWC_SPLIT_MOST_ELEMENTS at most */
    int64_t rows,
        tiles; /* of pairs, and of 16 outputs each; nhwc_split_more_tiles of them follow in a row, for use here */
    char *to;
    int64_t to_pitch, to_part; /* bytes from a row of pairs, and from a part, to the next */
    int parts;                 /* that are made */
} nhwc_split_pairs;

enum { NHWC_SPLIT_MOST_ELEMENTS = 12 };

/* Rows of pairs after which they are the same again, but for their first outputs: one of an even number of elements,
   else two. */
static inline int64_t nhwc_split_pair_period(int64_t elements) { return elements % 2 ? elements : elements / 2; }
static inline int64_t nhwc_split_pair_shift(int64_t elements) { return elements % 2 ? 2 : 1; }

static inline int64_t nhwc_split_more_tiles(int64_t elements, int64_t rows) {
    const int64_t outputs = (rows - 1) / nhwc_split_pair_period(elements) * nhwc_split_pair_shift(elements);
    return (outputs + NHWC_SPLIT_PIXELS - 1) / NHWC_SPLIT_PIXELS;
}

/* The inputs that a step takes. */
typedef struct {
    int64_t first, count;
} nhwc_split_inputs;

enum { NHWC_SPLIT_WIDTH = NHWC_SPLIT_TILES * NHWC_SPLIT_FILTERS }; /* filters of a whole block */

/* What was seen of a block's filters, in lanes: the least magnitude that is not zero, and the greatest. */
typedef struct {
    float least[16], most[16];
} nhwc_split_seen;

/* Filters of some steps, of neighbouring blocks, that are split in the order in which they lie: a pair of inputs after
   the other, for each the blocks in turn. */
typedef struct {
    const float *filters;           /* of input 0 */
    int64_t pitch;                  /* elements from an input's filters to the next's */
    int64_t live, blocks;           /* filters that exist, others are zeros, and blocks of them */
    const nhwc_split_inputs *steps; /* inputs that they lack are zeros */
    int64_t count;                  /* of steps */
    int64_t step, pair, block;      /* what is next */
    uint16_t *to;                   /* of each block one step behind the other, */
    int64_t to_block;               /* and elements from a block to the next */
    nhwc_split_seen *seen;          /* of each block */
    int parts;                      /* raised to the parts that some value has */
} nhwc_split_filters;

/* The filters of a tile of a step of pairs: each is a row. */
typedef struct {
    const float *inputs[NHWC_SPLIT_STEP]; /* the filters of each input, NULL for zeros */
    int64_t live;                         /* filters that exist, others are zeros */
    uint16_t *to;
    int64_t to_part;       /* elements from a part to the next */
    nhwc_split_seen *seen; /* widened by the filters, */
    int *parts;            /* raised to the parts that some value has */
} nhwc_split_pair_filters;

/* Sums of a block that wait to be added to others, which overlaps with the products of the next block. */
typedef struct {
    const float *from; /* NULL: there are none */
    float *to;
    int64_t count;
    bool add; /* else they are the first, and copied */
} nhwc_split_pending;

/* Results that wait for their activation, which overlaps with products too. */
typedef struct {
    nhwc_activate *activate;
    int activation;
    float *out;
    const int64_t *offsets; /* of the pixels that are left */
    int64_t count, live;    /* pixels, and results of each */
} nhwc_split_activations;

/* A block: up to 2 tiles of pixels times up to 2 of filters, summed over some steps, in which h times h are added last,
   when the sum of the others, which are small, is known. */
typedef struct {
    const char *x;        /* h of the first pixel's first input */
    int64_t part_pitch;   /* bytes */
    int64_t pixel_pitch;  /* bytes from a pixel of a tile to the next */
    int64_t tile_pitch;   /* bytes from a tile's first pixel to the next's */
    const int64_t *steps; /* bytes from x to what a step reads */
    int64_t count;
    const char *filters;       /* those of the steps, one behind the other */
    int x_parts, filter_parts; /* others are zero: bfloat16 has one, float16 two, whole numbers up to 256 one */
    const char *ahead;         /* filters to bring into the second-level cache meanwhile, or NULL, */
    int64_t ahead_lines;       /* and the cache lines of them at each step */
    float *sums;               /* rows of as many filters as the tiles have, or, of pairs, as many pixels; what is there
                                  is lost */
    nhwc_split_pending pending;
    nhwc_split_filters *next;            /* whole blocks and steps of filters to split meanwhile, or NULL, */
    int64_t share;                       /* about so many pairs of a block's inputs at each step */
    nhwc_split_activations *activations; /* to be done meanwhile, or NULL */
} nhwc_split_block;

enum {
    NHWC_SPLIT_BLOCK_SUMS = NHWC_SPLIT_TILES * NHWC_SPLIT_PIXELS * NHWC_SPLIT_TILES * NHWC_SPLIT_FILTERS,
};

/* Results of a block's pixels. */
typedef struct {
    const float *sums, *more; /* to be added; more may be NULL */
    int64_t pixels, width;    /* whole tiles of pairs; and the width of rows of sums */
    const int64_t *offsets;   /* of pixel i's results in out; negative: it has none */
    const float *bias;
    const float *residual; /* NULL, or like out */
    float *out;
    const float *clamp;
    int64_t live;
} nhwc_split_results;

/* Elements of one step of 32 Winograd tiles in three parts, each a row of 32 channels of every tile. */
enum { NHWC_WINOGRAD_SPLIT_ROWS = NHWC_SPLIT_PARTS * NHWC_SPLIT_TILES * NHWC_SPLIT_PIXELS * NHWC_SPLIT_STEP };

/* Transformed tiles that are to be split: rows of whole steps. */
typedef struct {
    const float *from;
    int64_t pitch; /* elements from a tile to the next */
    int64_t count; /* tiles left */
    int64_t steps; /* of each */
    int64_t step;  /* of the first tile: those before are done */
    uint16_t *to;  /* NHWC_WINOGRAD_SPLIT_ROWS for each step; aligned */
} nhwc_winograd_split_rows;

/* Products of up to 32 Winograd tiles by 32 filters in one matrix. */
typedef struct {
    const uint16_t *a; /* split rows */
    const char *b;     /* filters, one step behind the other */
    int64_t steps;
    float *c;                      /* rows of as many filters as there are; what is there is lost */
    nhwc_winograd_split_rows rows; /* to be split meanwhile, */
    int64_t split;                 /* so many steps of tiles about; returns with what is left */
    nhwc_split_pending pending;
} nhwc_winograd_split_product;

typedef struct {
    /* Before the first block, and after the last, of a thread's task. */
    void (*begin)(void);
    void (*end)(void);
    void (*input)(const nhwc_split_input *); /* values of 2^127 or more, and NaN, have parts without meaning */
    void (*filters)(nhwc_split_filters *);   /* all that are left */
    nhwc_split_range (*range)(const float *x, int64_t n);
    void (*block)(const nhwc_split_block *, int pixel_tiles, int filter_tiles);
    void (*results)(const nhwc_split_results *);
    void (*pairs)(const nhwc_split_pairs *);
    void (*pair_filters)(const nhwc_split_pair_filters *);
    void (*block_of_pairs)(const nhwc_split_block *, int pixel_tiles, int filter_tiles);
    void (*results_of_pairs)(const nhwc_split_results *);
    void (*activate)(nhwc_split_activations *);        /* all that are left */
    void (*winograd_rows)(nhwc_winograd_split_rows *); /* splits all */
    void (*winograd)(nhwc_winograd_split_product *, int pixel_tiles, int filter_tiles);
} nhwc_split_kernels;

#endif
