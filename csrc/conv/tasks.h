/* How a method cuts a call into tasks, each a block of output pixels by a range of blocks of filters. */
#ifndef NHWC_CONV_TASKS_H
#define NHWC_CONV_TASKS_H

#include "plan.h"

/* A block of output pixels of one depth of a sample. */
typedef struct {
    int64_t n, depth, row, rows, col, cols;
} nhwc_area;

/* The method says the first ones, for one thread; nhwc_cut_tasks lowers `rows` and `cols` and adds the others. */
typedef struct {
    const nhwc_problem *shape;
    int64_t rows, cols;   /* of an area, at most */
    int64_t least_pixels; /* that an area is not cut below */
    bool cuts_cols;       /* areas of one row are cut too */
    int64_t blocks;       /* of filters */
    bool filters_first;   /* filters are cut before areas, and tasks that share them are neighbours; else those that
                             share an area are */
    int64_t row_blocks, col_blocks; /* of an image */
    int64_t areas;                  /* of all images */
    int64_t filter_parts;           /* ranges of blocks of filters */
} nhwc_tasks;

/* Cuts `n` samples into tasks, finer until there are `enough`, and returns their number. */
int64_t nhwc_cut_tasks(nhwc_tasks *t, int64_t n, int64_t enough);

/* What task number `task` is: an area, and blocks *first to before *last of filters. Areas differ by one row and column
   at most. */
nhwc_area nhwc_task_area(const nhwc_tasks *t, int64_t task, int64_t *first, int64_t *last);

#endif
