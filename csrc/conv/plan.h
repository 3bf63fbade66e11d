/* What a plan holds, and what each algorithm in conv/ offers to it. */
#ifndef NHWC_CONV_PLAN_H
#define NHWC_CONV_PLAN_H

#include "../arch/arch.h"
#include "../base/status.h"

/* Products in one chain of additions, a chunk. The stated error bounds rest on it: chains of 256 drift by 7e-7 on
   positive data, and where all products are equal, as in the flat parts of an image under a box filter, every rounding
   errs the same way, so that chains of 64 drift by 1e-6. */
static inline int64_t nhwc_chunk(const nhwc_problem *p) { return p->c <= 4 ? 32 : 64; }

enum { NHWC_MOST_CHUNKS = 16 }; /* in a block */

/* Totals of chunks are added in blocks, since a hundred of them in a row would drift as their products do. The second
   is what a segment says that ends a chunk at input number `end` of the reduction. */
static inline int64_t nhwc_chunks_of_block(const nhwc_problem *p) {
    return p->k <= 64 * nhwc_chunk(p) ? 8 : NHWC_MOST_CHUNKS;
}

static inline int32_t nhwc_chunk_end(const nhwc_problem *p, int64_t end) {
    return end % (nhwc_chunk(p) * nhwc_chunks_of_block(p)) == 0 ? NHWC_ENDS_BLOCK : NHWC_ENDS_CHUNK;
}

/* How the pointers into the input come about; see tiles.c. */
typedef enum { NHWC_ROWS, NHWC_GATHER, NHWC_SCRATCH } nhwc_access;

/* Filters or channels that one kernel call makes. */
typedef struct {
    const nhwc_tile_family *family; /* of the tiles method, */
    const nhwc_line_family *lines;  /* or of the lines method */
    int64_t width;                  /* results with those that do not exist */
    const void *filters;
    char *packed; /* the filters, where they are the plan's own; else NULL */
    const void *bias;
    int64_t filter_pitch;
    int64_t first, live; /* results */
    int64_t group;
    int64_t channel; /* what the kernel adds to its pointers */
} nhwc_block;

/* Part of the reduction whose pointers are made at a time. It begins and ends with a chunk. */
typedef struct {
    int64_t first_segment, segment_count;
    int64_t first_pointer, pointer_count;
    int64_t first_input; /* of the reduction */
} nhwc_piece;

/* Everything of the tiles method that depends on the shape alone. */
typedef struct {
    nhwc_access access;
    bool depthwise;
    int64_t repeat;           /* copies of each channel in the scratch: the channel multiplier */
    int64_t pointers;         /* of a pixel */
    int64_t run;              /* inputs behind a pointer */
    int64_t rows, cols;       /* of the largest block of output pixels */
    int64_t scratch_channels; /* of a pixel of the scratch */
    int64_t table_pointers;   /* of a pixel, in the largest piece */
    nhwc_segment *segments;
    nhwc_piece *pieces;
    nhwc_block *blocks;
    int64_t segment_count, piece_count, block_count;
    void *zeros; /* a pixel of zeros, for taps on padding */
    bool skips;  /* taps on zeros are left out, where a tile has no other pixels there */
} nhwc_tiles_plan;

/* Everything of the lines method that depends on the shape alone; see lines.c. */
typedef struct {
    int64_t planes;         /* of columns, by their residue under this: stride or dilation */
    bool in_place;          /* no padded copy */
    int64_t plane_step;     /* elements from a plane's first pixel to the next plane's, */
    int64_t pixel_step;     /* and from a pixel of a plane to its neighbour */
    int64_t chunks;         /* of the reduction */
    int64_t rows, cols;     /* of the largest block of output pixels */
    int64_t widest, lowest; /* of all blocks of filters: the most results of a tile, the fewest pixels */
    bool skips;             /* rows, and pixels at the ends of rows, that are zeros are left out */
    nhwc_line_segment *segments;
    nhwc_block *blocks;
    int64_t segment_count, block_count;
} nhwc_lines_plan;

/* Everything of the images method: see images.c. */
typedef struct {
    int64_t planes;      /* of a row of the scratch: channels times residues of the columns by the stride */
    int64_t reach;       /* columns of a plane from an output's first input to its last */
    int64_t row_step;    /* entries of the table between two taps of a segment, and between two output rows of a tile */
    int64_t column_step; /* columns of a plane between two taps of a segment */
    int64_t out_step;    /* output rows between two of a tile */
    int64_t tile_rows, tile_vectors;
    int64_t rows, cols;   /* of the largest block of output pixels */
    int64_t table, slots; /* rows that the block, and a tile, reads for one depth tap */
    int64_t pitch;        /* elements of a plane of a row of the scratch */
    bool distant;         /* a sample does not fit near caches */
    nhwc_image_segment *segments;
    int64_t segment_count;
    void *filters, *bias;
} nhwc_images_plan;

/* Filters that one product of matrices makes. */
typedef struct {
    const nhwc_product_family *family; /* NULL: the split kernels */
    const void *filters;               /* transformed: alpha^2 matrices of channels x filters, or of steps */
    const void *bias;
    int64_t first, live; /* results */
    int64_t width;       /* with those that do not exist */
    int64_t group;
    /* Tile registers of filters in the blocks that are multiplied in turn, whose filters begin here, and before it. */
    int64_t together, before;
} nhwc_winograd_block;

/* Everything of the Winograd methods that depends on the shape alone. */
typedef struct {
    const nhwc_winograd_kernels *kernels;
    int64_t outputs, alpha; /* of a tile, along an axis */
    int64_t high, wide;     /* tiles of an image */
    int64_t tiles;          /* that are done together, at most */
    int64_t channels;       /* of a group that are transformed together, at most */
    int64_t chunk;          /* channels that are summed in one chain, or steps in one block */
    int64_t steps;          /* of the split kernels */
    int64_t together;       /* blocks of filters whose products of a matrix are made in turn, at most */
    int64_t panel;          /* channels whose filters stay in the first-level cache: some chunks */
    int64_t widest;         /* filters of a block, at most */
    bool distant;           /* the transformed filters are too large for the second-level cache */
    nhwc_winograd_block *blocks;
    int64_t block_count;
    const void *plain; /* filters as they were given, for the guard, which reads them in these segments */
    nhwc_segment *segments;
    int64_t segment_count;
    void *zeros; /* a group's pixel */
} nhwc_winograd_plan;

/* Filters that one block of the split kernels makes. */
typedef struct {
    char *filters; /* split: the steps one behind the other; NULL where that is done later */
    const void *bias;
    int64_t first, live; /* results */
    int64_t group;
    int tiles;
    nhwc_split_range accepted; /* inputs that the filters can be multiplied by, once they are split; others, and all
                                  where the filters have no parts, are left to fused multiply-adds */
} nhwc_split_filter_block;

/* One step of the split kernels: what it reads, from an output's first input, and the filters it takes. */
typedef struct {
    int64_t depth, row, column; /* the first tap */
    int64_t block;              /* of channels */
} nhwc_split_step;

/* Everything of the split method that depends on the shape alone; see split.c. */
typedef struct {
    bool channel_blocks; /* a stored pixel is a step's channels; else all of a group, with the next pixel behind it */
    int64_t pair_rows;   /* 0, or from stored rows so many rows of pairs are made, one for each pair of inputs that an
                            output reads in a row of taps */
    int64_t pixel;       /* bytes of one part of a stored pixel */
    int64_t planes;      /* of stored pixels: blocks of channels */
    int64_t column_step; /* columns of the input from a stored one to the next */
    int64_t output_step; /* stored columns from an output to the next */
    int64_t phases;      /* rows are stored by their residue under the stride, if a tap has it: */
    int64_t *residues;   /* of each phase, */
    int64_t *tails;      /* rows of it beyond those of the outputs, */
    int64_t *tap_phases; /* and the phase of a row of taps */
    nhwc_split_step *steps;
    nhwc_split_inputs *inputs;
    int64_t step_count, chunk; /* steps whose products are summed before they are added to others */
    nhwc_split_filter_block *blocks;
    int64_t block_count;
    bool later;        /* filters are split when they are needed, by a call: */
    int64_t together;  /* blocks of them, at most */
    int filter_parts;  /* that some filter has, where they are split already */
    const void *plain; /* filters as they were given, for other inputs, which are read in these segments; */
    void *copy;        /* but from a copy here, which is made when one is needed, unless this is NULL */
    nhwc_segment *segments;
    int64_t segment_count;
    void *zeros; /* a group's pixel */
} nhwc_split_plan;

/* Everything of the depthwise method that depends on the shape alone; see depthwise.c. By axis, 1 and 2 only: */
typedef struct {
    int64_t dilation[3];            /* inputs from a tap to the next */
    int64_t period[3];              /* outputs from one of a phase to the next */
    int64_t shift[3];               /* dilations between the first taps of these two */
    int64_t multiplier;             /* results of a channel */
    int64_t cols;                   /* outputs of a phase in a block of columns */
    int64_t vectors;                /* of a block of results */
    int64_t width;                  /* vectors from a vector's row to the next's in the ring */
    int64_t chunk_rows, chunk_taps; /* rows of taps, and taps of each, in one chain of additions */
    nhwc_depthwise_kernel *kernel;
    bool in_place;  /* no copy of the input */
    int64_t rows;   /* of outputs, made together */
    int64_t height; /* rows of input that these read, of one depth */
    const char *filters, *bias;
    const char *zeros; /* a pixel */
} nhwc_depthwise_plan;

/* Filters that one call of a row kernel makes: `live` of each of `groups` groups, from `group` on. */
typedef struct {
    const nhwc_row_family *family;
    const void *filters;
    char *packed; /* the filters, where they are the plan's own; else NULL */
    int64_t filter_pitch;
    const void *bias;
    int64_t first; /* result */
    int64_t live, group, groups;
} nhwc_rows_block;

/* Everything of the rows method that depends on the shape alone; see rows.c. */
typedef struct {
    nhwc_problem shape;      /* the problem; pixels that need no neighbours are all in one row */
    bool in_place;           /* no padded copy */
    int spread_log2, spread; /* groups that share a vector */
    bool taps;               /* kernels that take the three taps of a row at a time */
    int64_t rows, cols;      /* of the largest block of output pixels */
    int64_t pixel;           /* elements from an input pixel to the next, where the kernels read it */
    nhwc_segment *segments;
    nhwc_rows_block *blocks;
    int64_t segment_count, block_count;
} nhwc_rows_plan;

/* A forward convolution that makes some of a transposed one's results, or adds to them. */
typedef struct {
    nhwc_plan *plan;
    int64_t first; /* element of the output that its first result is */
    bool adds;     /* to what the output holds, rather than to the residual */
} nhwc_transposed_part;

/* Everything of a transposed convolution; see transposed.c. */
typedef struct {
    nhwc_transposed_part *parts;
    int64_t part_count;
    bool gaps;        /* some results have no taps */
    bool *covered[3]; /* by axis, for each residue of its coordinates under the stride: whether taps reach it */
    char *bias;       /* of merged columns one after the other, filled up to whole vectors */
    void *turned;     /* workspace: the parts' filters, if they are read in place */
} nhwc_transposed_plan;

/* Everything of the overlap method; see overlap.c. */
typedef struct {
    nhwc_plan *products; /* of an input row */
    char *line;          /* the bias, for every pixel of a line */
    void *turned;        /* workspace: the filters of the products, if they are read in place */
    int64_t ring_bytes, line_bytes;
} nhwc_overlap_plan;

/* A way to compute a convolution. The direct algorithm is a family of them; plan.c lists them all. */
typedef struct {
    nhwc_algorithm algorithm;
    /* Whether it can serve the plan's problem, and is the best of its algorithm for it. Depends on nothing but the
       shape of one sample, the dtype and the instruction set, so that bits never depend on the batch or the threads. */
    bool (*serves)(const nhwc_plan *plan);
    /* Allocates and fills `memory`, and everything of the plan below `method`. */
    nhwc_status (*prepare)(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);
    /* There is work to do: n, pixels and f are positive. Fails only before the first write to out. */
    nhwc_status (*run)(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out);
    void (*destroy)(nhwc_plan *plan); /* what prepare made beside `memory`; may be NULL */
    /* What follows for a copy of a plan whose problem now has fewer inputs and outputs along an axis; may be NULL. */
    void (*shorten)(nhwc_plan *plan, int axis);
} nhwc_method;

extern const nhwc_method nhwc_method_depthwise, nhwc_method_images, nhwc_method_rows, nhwc_method_lines,
    nhwc_method_tiles, nhwc_method_split, nhwc_method_winograd_f2, nhwc_method_winograd_f4, nhwc_method_winograd_f2_5x5,
    nhwc_method_winograd_split_f2_5x5, nhwc_method_winograd_split_f2, nhwc_method_winograd_split_f4,
    nhwc_method_overlap, nhwc_method_transposed;

/* Where results go: elements of the output from one of them to the next, between samples and along each axis. */
typedef struct {
    int64_t sample, step[3];
} nhwc_output;

/* The output as an array of its own. */
nhwc_output nhwc_whole_output(const nhwc_problem *problem);

/* As nhwc_plan_create, for results that go to pixels of a larger output. The problem is taken as it is: all its fields
   are set, and negative padding leaves rows or columns of the input out. */
nhwc_status nhwc_plan_create_into(nhwc_plan **plan, const nhwc_problem *problem, const nhwc_output *output,
                                  const void *filters, const void *bias, int borrow);

/* Workspace that a run of `n` samples takes at most, on so many threads: what a loan must have. */
int64_t nhwc_plan_loan_bytes(const nhwc_plan *plan, int64_t n, int threads);

/* The kernels of the instruction set in use, or plain C ones where it has none. */
const nhwc_kernels *nhwc_plan_kernels(nhwc_dtype dtype);

/* Creates a plan of `part`, by the method that is best for `whole`, so that their bits are alike. */
nhwc_status nhwc_plan_create_part(nhwc_plan **plan, const nhwc_problem *whole, const nhwc_problem *part,
                                  const void *filters, const void *bias, bool borrow);

/* Vectors of the next block of filters, when so many are left. */
int nhwc_block_vectors(const nhwc_kernels *kernels, int64_t left);

typedef struct nhwc_stored nhwc_stored; /* see stored.h */

struct nhwc_plan {
    nhwc_problem problem;
    nhwc_output output;
    bool dense;          /* the output is an array of its own, every pixel next to the one before */
    nhwc_stored *stored; /* what does the work where arrays are not stored in the problem's dtype; else NULL */
    const nhwc_isa *isa;
    const nhwc_kernels *kernels;
    size_t element; /* bytes */
    union {
        float f32[2];
        double f64[2];
        int64_t i64[2];
    } clamp;                 /* least and greatest result */
    nhwc_activate *activate; /* what the clamp cannot do; may be NULL */
    const nhwc_method *method;
    nhwc_algorithm algorithm; /* the method's, or its first part's */
    bool once;                /* the plan runs a few times: preparation counts; */
    bool single;              /* and but once, so that preparation may as well be part of running */
    bool unsplit; /* a method of split values has declined: the filters have no parts, or storing the input does not pay
                   */
    union {
        nhwc_rows_plan rows;
        nhwc_tiles_plan tiles;
        nhwc_lines_plan lines;
        nhwc_images_plan images;
        nhwc_winograd_plan winograd;
        nhwc_split_plan split;
        nhwc_depthwise_plan depthwise;
        nhwc_transposed_plan transposed;
        nhwc_overlap_plan overlap;
    };
    void *memory;  /* one block that holds all arrays of the method */
    bool borrowed; /* memory is workspace, to be given back */
    int64_t packed_bytes, workspace_bytes;
};

/* Multiplications of n samples. */
static inline double nhwc_work(const nhwc_problem *p, int64_t n) {
    return (double)n * (double)p->pixels * (double)p->k * (double)p->f;
}

/* Bytes of the input and output of n samples. */
static inline double nhwc_operand_bytes(const nhwc_plan *plan, int64_t n) {
    const nhwc_problem *p = &plan->problem;
    const double sample = (double)(p->in[0] * p->in[1] * p->in[2] * p->c + p->pixels * p->f);
    return (double)n * sample * (double)plan->element;
}

/* Activates n results that follow each other, where the plan has more to do than to clamp. */
static inline void nhwc_plan_activate(const nhwc_plan *plan, void *y, int64_t n) {
    static const int64_t here = 0;
    plan->activate(y, &here, 1, n, plan->problem.activation);
}

#endif
