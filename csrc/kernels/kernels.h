/* The contract between the loops in conv/ and the kernels: their operands, and the table of one instruction set. */
#ifndef NHWC_KERNELS_KERNELS_H
#define NHWC_KERNELS_KERNELS_H

#include "../nhwc.h"

/* One stretch of the reduction: `length` consecutive inputs, `offset` elements after the pixel's pointer number
   `pointer`. Sums run in chunks, for accuracy; the last segment of a chunk says so. */
typedef struct {
    int64_t offset;
    int32_t pointer, length;
    int32_t ends_chunk;
} nhwc_segment;

/* A register tile: up to MR output pixels times one block of up to NR filters (dense) or channels (depthwise).
   Every pointer table and packed block belongs to the library; x, residual and out may be the caller's, and no byte
   beyond `live` channels is touched there. */
typedef struct {
    const void *const *pixels; /* pixel i's pointers into the input are pixels[i * pixel_pitch + ...] */
    int64_t pixel_pitch;
    int64_t channel; /* added to every pointer, in elements: the block's channel or the group's first */
    const nhwc_segment *segments;
    int64_t segment_count;
    const void *filters;  /* the row of NR filters that belongs to the first input of the first segment */
    int64_t filter_pitch; /* elements from one input's filters to the next's */
    const void *bias;     /* NR values */
    const void *residual; /* NULL, or like out */
    void *out;
    const int64_t *offsets; /* pixel i's results are at out[offsets[i] ...] */
    void *partial;          /* MR x NR sums, when first and last are not both set or there are several chunks */
    const void *clamp;      /* two elements: least and greatest result */
    int64_t live;           /* filters or channels of the block that exist */
    int first, last;        /* whether these segments begin, and end, the reduction */
} nhwc_tile;

/* Does the first `rows` pixels of the tile. */
typedef void nhwc_tile_kernel(const nhwc_tile *tile, int rows);

/* A family of kernels for tiles of 1 .. mr pixels by nr filters. */
typedef struct {
    nhwc_tile_kernel *run;
    int mr, nr;
} nhwc_tile_family;

/* Register tiles of neighbouring pixels of an output row: `tiles` of them, each pixels times a block of filters. The
   filters of `spread` convolution groups may share the vectors of a block, for groups of few filters; then the input
   holds these groups interleaved, channel by channel, and so are the lanes of packed filters and bias. Outside of `out`
   and `residual`, where only what exists is touched, every operand may be read as far as the tile's shape says. */
typedef struct {
    int64_t tiles;
    const void *x;                /* of the first pixel */
    int64_t pixel_pitch;          /* elements from a pixel's inputs to the next's */
    const nhwc_segment *segments; /* offsets and lengths in elements, from the pixel's x; there are no pointers */
    int64_t segment_count;
    const void *filters;  /* NR for each input in turn; for three taps at a time, 3 * NR for each input at the first */
    int64_t filter_pitch; /* elements from one input's filters to the next's */
    const void *bias;     /* NR values */
    const void *residual; /* NULL, or like out */
    void *out;
    int64_t out_pitch;   /* elements from a pixel's results to the next's */
    int64_t group_pitch; /* elements from a group's results to the next's */
    void *partial;       /* MR x NR sums, when there are several chunks */
    const void *clamp;   /* two elements: least and greatest result; NULL: no limits */
    int64_t live;        /* filters of each group that exist in this block */
    int64_t groups;      /* groups that exist in this block */
} nhwc_row_tile;

/* Does the tiles, of `rows` pixels each. */
typedef void nhwc_row_kernel(const nhwc_row_tile *tile, int rows);

typedef struct {
    nhwc_row_kernel *run;
    int mr, nr;
} nhwc_row_family;

/* Copies `pixels` pixels of `groups` groups with `channels` each, from where pixels are `pitch` elements apart, to
   dense pixels of `channels` times the groups that share a vector, interleaved; groups that do not exist become 0. */
typedef void nhwc_spread_kernel(void *to, const void *from, int64_t pixels, int64_t pitch, int64_t channels,
                                int64_t groups);

enum { NHWC_MAX_VECTORS = 4, NHWC_MAX_MR = 14, NHWC_MAX_SPREAD_LOG2 = 3 };

/* The kernels of one instruction set for one dtype. */
typedef struct {
    int lanes;                                        /* elements of a vector */
    int preferred_vectors;                            /* of a block, where the filters are many */
    nhwc_tile_family direct[NHWC_MAX_VECTORS + 1];    /* by the vectors of a block; [0] is unused */
    nhwc_tile_family depthwise[NHWC_MAX_VECTORS + 1]; /* blocks of whole vectors */
    nhwc_tile_family depthwise_tail;                  /* a block of less than a vector */
    /* By the logarithm of the groups that share a vector, and the vectors of a block; NULL: there is none. */
    nhwc_row_family row[NHWC_MAX_SPREAD_LOG2 + 1][NHWC_MAX_VECTORS + 1];
    nhwc_row_family row_taps[NHWC_MAX_SPREAD_LOG2 + 1]; /* one vector, three taps at a time */
    nhwc_spread_kernel *spread[NHWC_MAX_SPREAD_LOG2 + 1];
    void (*activate)(void *y, int64_t n, int activation); /* in place; NULL for integers */
    double (*fma_work)(int64_t rounds, double *flops);    /* register-only multiply-adds, to measure the peak */
} nhwc_kernels;

/* One instruction set. */
typedef struct {
    const char *name;
    unsigned features; /* of base/cpu.h, that it needs */
    const nhwc_kernels *kernels[NHWC_DTYPES];
} nhwc_isa;

#define NHWC_PASTE_(a, b, c, d, e) a##b##c##d##e
#define NHWC_PASTE(a, b, c, d, e) NHWC_PASTE_(a, b, c, d, e)

#endif
