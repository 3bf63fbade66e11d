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

enum { NHWC_MAX_VECTORS = 4, NHWC_MAX_MR = 14 };

/* ---- Depthwise -----------------------------------------------------------------------------------------------------
 */

/* Neighbouring columns of an output row, all channels of a block. Input rows are laid out by vectors: the lanes of
   vector v in column u are at row[v * vector_pitch + u * lanes]. */
typedef struct {
    const void *const *rows; /* one for each row of taps */
    int64_t row_count;
    int64_t offset; /* added to every row: what the first tap of the first column reads */
    int64_t vector_pitch;
    int64_t taps, stride; /* of a row; for kernels that leave them open */
    const void *filters;  /* of the first vector: its lanes for each tap in turn */
    int64_t filter_pitch; /* elements to the next vector's */
    const void *bias;     /* of all vectors */
    const void *residual; /* NULL, or like out */
    void *out;            /* of the first column */
    int64_t out_pitch;    /* elements to the next column's */
    void *partial;        /* NHWC_DEPTHWISE_COLUMNS vectors for each vector, when first and last are not both set */
    const void *clamp;    /* two elements: least and greatest result; NULL: no limits */
    int64_t live;         /* channels */
    int first, last;      /* whether these rows begin, and end, the reduction */
} nhwc_depthwise_tile;

enum { NHWC_DEPTHWISE_COLUMNS = 14, NHWC_DEPTHWISE_TAPS = 7, NHWC_DEPTHWISE_STRIDE = 2 };

/* Does the first `width` columns. */
typedef void nhwc_depthwise_kernel(const nhwc_depthwise_tile *tile, int width);

typedef struct {
    int columns; /* of the widest tile */
    /* By stride and taps of a row; [...][0] takes any taps, [0][0] any stride too. Others may be NULL. */
    nhwc_depthwise_kernel *run[NHWC_DEPTHWISE_STRIDE + 1][NHWC_DEPTHWISE_TAPS + 1];
    void (*fill)(void *row, int64_t vector_pitch, const void *from, int64_t pixel_pitch, int64_t pixels,
                 int64_t channels);
    void (*repeat)(void *row, int64_t vector_pitch, const void *from, int64_t pixel_pitch, int64_t pixels,
                   int64_t first, int64_t results, int64_t multiplier);
} nhwc_depthwise_kernels;

/* The kernels of one instruction set for one dtype. */
typedef struct {
    int lanes;                                        /* elements of a vector */
    int preferred_vectors;                            /* of a block, where the filters are many */
    nhwc_tile_family direct[NHWC_MAX_VECTORS + 1];    /* by the vectors of a block; [0] is unused */
    nhwc_tile_family depthwise[NHWC_MAX_VECTORS + 1]; /* blocks of whole vectors */
    nhwc_tile_family depthwise_tail;                  /* a block of less than a vector */
    nhwc_depthwise_kernels rows;
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
