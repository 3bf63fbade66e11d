/* The contract of the lines kernels: register tiles of neighbouring pixels of an output row that take up to three
   neighbouring taps at a time, so that an input is loaded once for the sums of up to three pixels. */
#ifndef NHWC_KERNELS_LINE_H
#define NHWC_KERNELS_LINE_H

#include "../nhwc.h"

enum { NHWC_LINE_TAPS = 3, NHWC_LINE_TILES = 4 };

/* One stretch of the reduction: `length` channels of `taps` neighbouring taps of one row of the kernel, summed channel
   by channel and in each tap by tap. */
typedef struct {
    int64_t input;  /* the first's number in the reduction */
    int64_t offset; /* elements from the tile's x to the first tap's input of the first channel */
    int32_t row;    /* of the kernel */
    int32_t taps, length;
    int32_t plane, column; /* of the first tap, from the tile's */
    int32_t ends;          /* 0, NHWC_ENDS_CHUNK or NHWC_ENDS_BLOCK */
} nhwc_line_segment;

/* A tile, without its filters. */
typedef struct {
    const void *const *rows; /* for each row of the kernel, the row it reads; NULL for one that is left out */
    int64_t x;               /* elements from a row's pointer to the first pixel */
    int64_t out;             /* elements from `out` to the first pixel's results */
    int32_t plane, column;   /* of the first pixel */
    int32_t pixels;
} nhwc_line_tile;

/* Up to NHWC_LINE_TILES tiles of as many pixels, by one block of filters. The table of rows, the rows, and the packed
   filters and bias belong to the library; filters, residual and out may be the caller's, and no byte beyond `live`
   results is touched there. */
typedef struct {
    const nhwc_line_tile *tiles;
    int64_t count;
    const nhwc_line_segment *segments;
    int64_t segment_count;
    int64_t pixel_pitch;  /* elements from an input pixel to its neighbour in the plane */
    int64_t channel;      /* added to every x: the group's first */
    const int64_t *first; /* by plane: columns before this one, */
    const int64_t *last;  /* and behind this one, hold zeros that may be left out */
    const void *filters;  /* the row of NR filters that belongs to input 0 */
    int64_t filter_pitch; /* elements from one channel's filters to the next's, */
    int64_t tap_pitch;    /* and from one tap's to its neighbour's */
    const void *bias;     /* NR values */
    const void *residual; /* NULL, or like out */
    void *out;
    int64_t out_pitch;   /* elements from a pixel's results to the next's */
    void *partial;       /* room for the sums of two tiles, for each tile */
    const void *clamp;   /* two elements: least and greatest result */
    int64_t live;        /* filters of the block that exist */
    const void *ahead;   /* memory to bring into the second-level cache meanwhile, */
    int64_t ahead_lines; /* this number of cache lines for each tile and chunk */
} nhwc_lines;

/* Does tiles of `pixels` pixels. */
typedef void nhwc_line_kernel(const nhwc_lines *lines, int pixels);

typedef struct {
    nhwc_line_kernel *run;
    int mr, nr;
} nhwc_line_family;

#endif
