/* Shared by the rows method's preparation and its loops. */
#ifndef NHWC_CONV_ROWS_H
#define NHWC_CONV_ROWS_H

#include "source.h"

bool nhwc_rows_serves(const nhwc_plan *plan);
nhwc_status nhwc_rows_prepare(nhwc_plan *plan, const void *filters, const void *bias, bool borrow);

/* Bytes of a row of the padded copy, and of one thread's workspace: the copy and a tile of partial sums. */
int64_t nhwc_rows_scratch_row(const nhwc_plan *plan);
int64_t nhwc_rows_scratch(const nhwc_plan *plan);
int64_t nhwc_rows_workspace(const nhwc_plan *plan);

#endif
