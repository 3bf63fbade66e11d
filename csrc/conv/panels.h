/* Blocks of filters, packed as the kernels of tiles and lines read them. */
#ifndef NHWC_CONV_PANELS_H
#define NHWC_CONV_PANELS_H

#include "plan.h"

/* Whether a plan that runs once reads filters where they are. Large ones would cost more in misses of the address
   cache than packing does, since a block takes a narrow column of them; and unaligned ones make most of their loads
   straddle two cache lines. */
bool nhwc_filters_in_place(const nhwc_plan *plan, const void *filters, bool borrow);

/* Gives `count` blocks of a group their filters, at `packed`, which moves on by what they take: k rows of the block's
   width each. Full blocks are read where they are if `in_place`. */
void nhwc_fill_panels(const nhwc_plan *plan, nhwc_block *blocks, int64_t count, const char *filters, bool in_place,
                      char **packed);

/* Gives all blocks their bias, a row of the block's width each; NULL is for zeros. */
void nhwc_fill_bias(const nhwc_plan *plan, nhwc_block *blocks, int64_t count, const void *bias, char *packed);

#endif
