/* What a plan holds, and what each algorithm in conv/ offers to it. */
#ifndef NHWC_CONV_PLAN_H
#define NHWC_CONV_PLAN_H

#include "../arch/arch.h"
#include "../base/status.h"

/* How the pointers into the input come about; see direct.c. */
typedef enum { NHWC_ROWS, NHWC_GATHER, NHWC_SCRATCH } nhwc_access;

/* Filters or channels that one kernel call makes. */
typedef struct {
    const nhwc_tile_family *family;
    const void *filters;
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

/* Everything of the direct algorithm that depends on the shape alone. */
typedef struct {
    nhwc_access access;
    bool depthwise;
    int64_t repeat;            /* copies of each channel in the scratch: the channel multiplier */
    int64_t pointers;          /* of a pixel */
    int64_t run;               /* inputs behind a pointer */
    int64_t chunk;             /* inputs that are summed in one chain */
    int64_t rows, cols;        /* of the largest block of output pixels */
    int64_t scratch_channels;  /* of a pixel of the scratch */
    int64_t table_pointers;    /* of a pixel, in the largest piece */
    nhwc_segment *segments;
    nhwc_piece *pieces;
    nhwc_block *blocks;
    int64_t segment_count, piece_count, block_count;
    void *zeros; /* a pixel of zeros, for taps on padding */
} nhwc_direct_plan;

struct nhwc_plan {
    nhwc_problem problem;
    const nhwc_isa *isa;
    const nhwc_kernels *kernels;
    size_t element;                                     /* bytes */
    union {
        float f32[2];
        double f64[2];
        int64_t i64[2];
    } clamp;                                              /* least and greatest result */
    void (*activate)(void *y, int64_t n, int activation); /* what the clamp cannot do; may be NULL */
    nhwc_direct_plan direct;
    void *memory; /* one block that holds all arrays above */
    int64_t packed_bytes, workspace_bytes;
};

/* Chooses access and blocking for the plan's problem, allocates and fills `direct` and `memory`. */
nhwc_status nhwc_direct_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);
nhwc_status nhwc_direct_run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out);

#endif
