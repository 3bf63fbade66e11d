/* The contract between the loops in conv/ and the kernels: their operands, and the table of one instruction set. */
#ifndef NHWC_KERNELS_KERNELS_H
#define NHWC_KERNELS_KERNELS_H

#include "../nhwc.h"

#include "activation.h"
#include "line.h"
#include "split.h"

#include <stdbool.h>

/* What the last segment of a chunk says: sums run in chunks, and totals of chunks in blocks, for accuracy. */
enum { NHWC_ENDS_CHUNK = 1, NHWC_ENDS_BLOCK = 2 };

/* One stretch of the reduction: `length` consecutive inputs, `offset` elements after the pixel's pointer number
   `pointer`. */
typedef struct {
    int64_t input; /* the first's number in the reduction, counted from the tile's filters; for tiles only */
    int64_t offset;
    int32_t pointer, length;
    int32_t ends; /* 0, NHWC_ENDS_CHUNK or NHWC_ENDS_BLOCK */
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
    const void *filters;  /* the row of NR filters that belongs to input 0 */
    int64_t filter_pitch; /* elements from one input's filters to the next's */
    const void *bias;     /* NR values */
    const void *residual; /* NULL, or like out */
    void *out;
    const int64_t *offsets; /* pixel i's results are at out[offsets[i] ...] */
    void *partial;          /* 2 x MR x NR sums, when first and last are not both set or there are several chunks */
    const void *clamp;      /* two elements: least and greatest result */
    int64_t live;           /* filters or channels of the block that exist */
    int first, last;        /* whether these segments begin, and end, the reduction; else with a block of chunks */
} nhwc_tile;

/* Does the first `rows` pixels of the tile. */
typedef void nhwc_tile_kernel(const nhwc_tile *tile, int rows);

/* A family of kernels for tiles of 1 .. mr pixels by nr filters. */
typedef struct {
    nhwc_tile_kernel *run;
    int mr, nr;
} nhwc_tile_family;

/* A register tile of a product of matrices: up to MR rows of c, NR columns, (+)= a times b. All belongs to the
   library. */
typedef struct {
    const void *a;
    int64_t a_pitch;   /* elements from a row to the next */
    const void *b;     /* k rows of NR */
    void *c;           /* rows of NR */
    int64_t k, chunk;  /* products of a sum, and of one chain of additions */
    const void *ahead; /* k vectors to bring into the cache meanwhile, or NULL */
    int add;           /* to what c holds */
} nhwc_product;

typedef void nhwc_product_kernel(const nhwc_product *product, int rows);

typedef struct {
    nhwc_product_kernel *run;
    int mr, nr;
} nhwc_product_family;

/* Winograd's F(m x m, r x r) makes m x m outputs from alpha x alpha inputs, alpha = m + r - 1, by alpha^2 products of
   transformed inputs and filters. What kernels/winograd.inl.h transforms; only pixels, taps, residual and out may be
   the caller's, and nothing beyond `channels` and `live` is touched there. */
typedef struct {
    const void *const *pixels; /* alpha x alpha, row by row */
    int64_t channels;
    void *transformed; /* alpha x alpha rows of the channels, filled up to whole vectors */
    int64_t pitch;     /* elements from a row to the next */
} nhwc_winograd_input;

typedef struct {
    const void *product; /* alpha x alpha rows of results, filled up to whole vectors */
    int64_t pitch;
    const void *bias;     /* like a row of the product */
    const void *residual; /* NULL, or like out */
    void *out;            /* the first result of the tile's first pixel */
    int64_t row_pitch, column_pitch;
    int rows, columns; /* of the tile that exist */
    int64_t live;      /* results that exist */
    const void *clamp;
    float least; /* vectors are refused whose sums of squares are all below, since products may have been flushed */
} nhwc_winograd_output;

/* The filters of one channel. */
typedef struct {
    const void *taps; /* r x r rows of `live` filters */
    int64_t tap_pitch, live;
    void *transformed; /* alpha x alpha rows of `width` filters, a multiple of the lanes */
    int64_t pitch, width;
} nhwc_winograd_filters;

typedef struct {
    void (*input)(const nhwc_winograd_input *);
    /* Bit v of the result: vector v of results is not all finite, or so large that it may hide what is not, or refused
       for its smallness; it is not written. */
    unsigned (*output)(const nhwc_winograd_output *);
    void (*filters)(const nhwc_winograd_filters *);
} nhwc_winograd_kernels;

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
    void *partial;       /* 2 x MR x NR sums, when there are several chunks */
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

/* ---- Few filters on images: vectors along the width ---------------------------------------------------------------
 */

/* A rectangle of taps over one plane: the inputs that lie one output column, one element, apart. The reduction is the
   segments in order, in each the rows of taps, in each its taps. */
typedef struct {
    int64_t offset; /* elements from a row's pointer to what the first tap reads for output column 0 */
    int32_t row;    /* the first tap's, in the table of rows of the first output row */
    int32_t height, width;
    int32_t ends; /* 0, NHWC_ENDS_CHUNK or NHWC_ENDS_BLOCK */
} nhwc_image_segment;

/* A register tile: vectors of consecutive output columns times 1 .. 6 output rows of one filter, or times one row of
   several filters. The filters' values lie in the order in which the segments come; in a segment of one filter by
   column and then row, else by row, column and filter. */
typedef struct {
    const void *const *rows; /* input rows; their memory reaches to the end of the tile's last vector */
    int64_t row_step;    /* from a tap's row in the table to the next tap's, and from an output row's to the next's */
    int64_t column_step; /* elements from a tap to the next */
    int64_t column;      /* the tile's first, added to every pointer */
    const nhwc_image_segment *segments;
    int64_t segment_count;
    const void *filters;
    const void *bias;     /* one value a filter */
    const void *residual; /* NULL, or, one filter only, like out */
    void *out;            /* NULL, or, one filter only, the tile's results, which otherwise go to sums */
    int64_t out_pitch;    /* elements from an output row of the tile to the next */
    void *sums;           /* room for two tiles, by output row or filter */
    const void *clamp;    /* NULL, or two elements: least and greatest result */
} nhwc_image_tile;

typedef void nhwc_image_kernel(const nhwc_image_tile *tile);

/* By the logarithm of the vectors of a tile, 1 to 8; NULL where the registers do not hold so many sums. */
enum { NHWC_IMAGE_WIDTHS = 4, NHWC_IMAGE_ROWS = 6, NHWC_IMAGE_FILTERS = 8 };

typedef struct {
    nhwc_image_kernel *rows[NHWC_IMAGE_ROWS + 1][NHWC_IMAGE_WIDTHS];
    nhwc_image_kernel *filters[NHWC_IMAGE_FILTERS + 1][NHWC_IMAGE_WIDTHS];
    /* Interleaves n columns of `filters` planes, `pitch` elements apart. Writes whole vectors of columns, and with 5, 6
       or 7 filters up to three elements more. */
    void (*join)(const void *sums, int64_t pitch, int64_t filters, int64_t n, void *line);
    /* out = clamp(line + residual), n elements; residual and clamp may be NULL. */
    void (*finish)(const void *line, const void *residual, void *out, int64_t n, const void *clamp);
    /* Takes n groups of `ways` elements apart, each way to its own plane, `pitch` elements apart. */
    void (*split)(const void *from, int64_t ways, int64_t n, void *to, int64_t pitch);
} nhwc_image_kernels;

/* ---- Depthwise -----------------------------------------------------------------------------------------------------
 */

/* Neighbouring columns of an output row, or in place of two, all channels of a block. Input rows are laid out by
   vectors: the lanes of vector v in column u are at row[v * vector_pitch + u * lanes]. */
typedef struct {
    const void *const *rows; /* one for each row of taps; in place, of pointers to pixels */
    int64_t row_count;
    int64_t row_shift; /* in place: rows of the input, at most row_count, to those of a second output row; 0: none */
    int64_t out_row;   /* elements to it */
    int64_t offset;    /* added to every row: what the first tap of the first column reads */
    int64_t vector_pitch;
    int64_t taps, stride; /* of a row; for kernels that leave them open */
    const void *filters;  /* of the first vector: its lanes for each tap in turn; in place, all channels for each tap */
    int64_t filter_pitch; /* elements to the next vector's, */
    int64_t tap_pitch;    /* or in place to the next tap's */
    const void *bias;     /* of all vectors */
    const void *residual; /* NULL, or like out */
    void *out;            /* of the first column */
    int64_t out_pitch;    /* elements to the next column's */
    void *partial;        /* NHWC_DEPTHWISE_COLUMNS vectors for each vector, when first and last are not both set */
    const void *clamp;    /* two elements: least and greatest result; NULL: no limits */
    int64_t live;         /* channels */
    int head;             /* in place: channels before the first whose results are aligned */
    int first, last;      /* whether these rows begin, and end, the reduction */
} nhwc_depthwise_tile;

enum { NHWC_DEPTHWISE_COLUMNS = 14, NHWC_DEPTHWISE_TAPS = 7, NHWC_DEPTHWISE_STRIDE = 2 };

/* Does the first `width` columns. */
typedef void nhwc_depthwise_kernel(const nhwc_depthwise_tile *tile, int width);

typedef struct {
    int columns;                   /* of the widest tile */
    nhwc_depthwise_kernel *run[2]; /* for any stride, and for stride 1 */
    /* By stride and taps of a row, for any number of columns of an input that is not copied; others are NULL. Those of
       up to `taps_of_two` taps do two output rows; of 3 taps, if there are 3 rows and both strides are the same. */
    int taps_of_two;
    nhwc_depthwise_kernel *in_place[NHWC_DEPTHWISE_STRIDE + 1][NHWC_DEPTHWISE_TAPS + 1];
    void (*fill)(void *row, int64_t vector_pitch, const void *from, int64_t pixel_pitch, int64_t pixels,
                 int64_t channels);
    void (*repeat)(void *row, int64_t vector_pitch, const void *from, int64_t pixel_pitch, int64_t pixels,
                   int64_t first, int64_t results, int64_t multiplier);
} nhwc_depthwise_kernels;

/* ---- Pooling -------------------------------------------------------------------------------------------------------
 */

/* Neighbouring windows of one shape, all pixels of which exist: what is made of the pixels of each, channel by channel.
   Pitches are in elements. */
typedef struct {
    const void *x;                                /* the first pixel of the first window */
    int64_t depths, rows, columns;                /* of a window, at least 1 */
    int64_t depth_pitch, row_pitch, column_pitch; /* from a pixel of a window to the next */
    int64_t windows, window_pitch;                /* from a window's first pixel to the next's */
    void *out;
    int64_t out_pitch; /* from a window's results to the next's */
    int64_t channels;
    int64_t divisor; /* of sums, at least 1 */
} nhwc_windows;

typedef void nhwc_windows_kernel(const nhwc_windows *windows);

/* Pixels in one chain of additions; see kernels/pool_sum.inl.h. */
enum { NHWC_POOL_CHAIN = 9 };

/* Neighbouring windows as above, and the gradients of their maxima, which are added to dx. */
typedef struct {
    const void *x;  /* the first pixel of the first window; */
    void *dx;       /* that pixel's gradient, with the same pitches; */
    const void *dy; /* the first window's, each next one behind it */
    int64_t depths, rows, columns;
    int64_t depth_pitch, row_pitch, column_pitch;
    int64_t windows, window_pitch;
    int64_t channels;
    int64_t depth, last_depth, row, last_row; /* of a window, where dx is wanted: from these up to before the last */
} nhwc_max_grad;

typedef void nhwc_max_grad_kernel(const nhwc_max_grad *windows);
/* ---- Filter gradients ----------------------------------------------------------------------------------------------
 */

/* Products in one chain of additions. */
enum { NHWC_GRAD_CHUNK = 64 };

/* One pixel of the sum: its input, in elements from the tile's x, and its row of the tile's dy. */
typedef struct {
    int64_t x, dy;
} nhwc_grad_pixel;

/* A register tile: up to MR inputs that are neighbours in memory by one block of up to NR filters, summed over pixels.
   Only x and sums may be the caller's, and no more than MR inputs of a pixel and `live` sums of a row are touched. */
typedef struct {
    const void *x;  /* the first of the inputs, were the pixel's x 0 */
    const void *dy; /* rows of NR */
    const nhwc_grad_pixel *pixels;
    int64_t count;
    void *sums;    /* MR rows of `live` results */
    int64_t pitch; /* elements from a row to the next */
    void *partial; /* room for MR x NR */
    int64_t live;  /* more than NR less a vector */
    int add;       /* to what sums holds */
} nhwc_grad_tile;

typedef void nhwc_grad_tile_kernel(const nhwc_grad_tile *tile, int rows);

typedef struct {
    nhwc_grad_tile_kernel *run;
    int mr, nr;
} nhwc_grad_family;

/* Results whose inputs and gradients are multiplied lane by lane, summed over the columns of some segments of rows. */
typedef struct {
    const void *const *rows; /* of segment i, rows[i * row_pitch ...]: one for each row of results */
    int64_t row_pitch;
    const void *const *dy; /* of each segment */
    int64_t segments, columns;
    int64_t tap;            /* the first of the call, counted in tap_step */
    int64_t step, tap_step; /* elements of a row from a column's input to the next column's, and to the next tap's */
    int64_t dy_pitch;       /* elements from a column to the next */
    void *sums;             /* what is added to: sums[offsets[row] + tap * tap_pitch ...] */
    const int64_t *offsets;
    int64_t tap_pitch;
    int64_t live; /* lanes */
} nhwc_grad_lanes;

enum { NHWC_GRAD_VECTORS = 3, NHWC_GRAD_ROWS = 3, NHWC_GRAD_TAPS = 3 };

/* Rows of vectors in which lane l of vector v holds what result first + v * VL + l, of group result / results, reads of
   a channel of its group: a row for each vector and, within, each of `count` channels. */
typedef struct {
    int64_t first, live;       /* results */
    int64_t channels, results; /* of a group */
    int64_t channel, count;    /* the first channel, and their number */
    int64_t pitch;             /* elements from a pixel of the input to the next */
    int64_t row_pitch;         /* elements from a filled row to the next */
} nhwc_grad_fill;

typedef struct {
    nhwc_grad_family tile[NHWC_GRAD_VECTORS + 1]; /* by the vectors of a block; [0] is unused */
    void (*pack)(void *to, const void *from, int64_t pixels, int64_t pitch, int64_t live, int64_t nr);
    void (*lanes)(const nhwc_grad_lanes *lanes, int rows, int taps);
    void (*fill)(void *rows, const void *from, int64_t pixels, const nhwc_grad_fill *fill);
    void (*add)(void *to, const void *from, int64_t n);
} nhwc_grad_kernels;

/* ---- Arrays that are stored in another dtype ------------------------------------------------------------------------
 */

/* From one dtype's elements to another's; both arrays are aligned as elements, and apart. */
typedef void nhwc_convert(void *to, const void *from, int64_t n);

/* The results of sums that are integers: out = activation(sums + bias + residual) in 64 bits, which wrap. */
typedef struct {
    const void *sums;               /* beyond 64 bits' integers: of magnitude up to NHWC_EXACT */
    const int64_t *bias, *residual; /* NULL, or like out; residual may be out */
    int64_t *out;
    nhwc_activation activation; /* linear, relu, relu6 */
    int is_unsigned;
} nhwc_integers;

#define NHWC_EXACT 0x1p51

typedef struct {
    nhwc_convert *widen[NHWC_STORED_DTYPES];  /* from elements as stored; exact where the kernels' dtype holds them */
    nhwc_convert *narrow[NHWC_STORED_DTYPES]; /* f32 to f16 and bf16: to nearest, ties to even */
    void (*finish)(const nhwc_integers *integers, int64_t n);
    void (*add_magnitudes)(double *sums, const double *from, int64_t n); /* f64: sums[i] += |from[i]| */
    double (*magnitude)(const double *from, int64_t n);                  /* f64: the largest */
} nhwc_conversions;

/* The kernels of one instruction set for one dtype. */
typedef struct {
    int lanes;                                         /* elements of a vector */
    int preferred_vectors;                             /* of a block, where the filters are many */
    nhwc_tile_family direct[NHWC_MAX_VECTORS + 1];     /* by the vectors of a block; [0] is unused */
    nhwc_line_family lines[NHWC_MAX_VECTORS + 1];      /* by vectors, as many as the registers hold; else NULL */
    nhwc_tile_family depthwise, depthwise_tail;        /* a block of a vector, and of less */
    const nhwc_image_kernels *images;                  /* NULL for integers, and with one lane */
    nhwc_product_family product[NHWC_MAX_VECTORS + 1]; /* by vectors; floating point only */
    nhwc_winograd_kernels winograd[3]; /* F(2 x 2, 3 x 3), F(4 x 4, 3 x 3), F(2 x 2, 5 x 5); floating point only */
    nhwc_depthwise_kernels rows;       /* depthwise, by rows of taps */
    /* By the logarithm of the groups that share a vector, and the vectors of a block; NULL: there is none. */
    nhwc_row_family row[NHWC_MAX_SPREAD_LOG2 + 1][NHWC_MAX_VECTORS + 1];
    nhwc_row_family row_taps[NHWC_MAX_SPREAD_LOG2 + 1][3]; /* likewise, up to two vectors, three taps at a time */
    nhwc_spread_kernel *spread[NHWC_MAX_SPREAD_LOG2 + 1];
    /* to[j][i] = from[i][j], pitches in elements; false if an element is not finite. */
    bool (*turn)(const void *from, int64_t from_pitch, int64_t rows, int64_t columns, void *to, int64_t to_pitch);
    const nhwc_conversions *convert;
    const nhwc_grad_kernels *grad; /* filter gradients */
    /* to[i * step ...] += from[i * pitch ...], `length` elements each, for i = 0 .. count - 1 in order. */
    void (*overlap)(void *to, int64_t step, const void *from, int64_t pitch, int64_t length, int64_t count);
    nhwc_activate *activate;                           /* NULL for integers */
    bool (*all_finite)(const void *x, int64_t n);      /* NULL for integers */
    double (*fma_work)(int64_t rounds, double *flops); /* register-only multiply-adds, to measure the peak */
    nhwc_windows_kernel *max_windows, *sum_windows;    /* floating point only */
    nhwc_max_grad_kernel *max_grad;
} nhwc_kernels;

/* One instruction set. */
typedef struct {
    const char *name;
    unsigned features; /* of base/cpu.h, that it needs */
    const nhwc_kernels *kernels[NHWC_DTYPES];
    const nhwc_split_kernels *split; /* for f32; NULL: there are none */
} nhwc_isa;

#define NHWC_PASTE_(a, b, c, d, e) a##b##c##d##e
#define NHWC_PASTE(a, b, c, d, e) NHWC_PASTE_(a, b, c, d, e)

#endif
