/* Shared by the transposed convolution's files: the phases that it is made of, and their filters. */
#ifndef NHWC_CONV_TRANSPOSED_H
#define NHWC_CONV_TRANSPOSED_H

#include "source.h"

/* The results of an axis whose coordinates have one residue under the stride: a stride apart in the output, they read
   neighbouring inputs, by every tap_step-th tap of the kernel, backwards. */
typedef struct {
    int64_t residue, outputs;
    int64_t first_tap, tap_step, taps;
    int64_t dilation; /* inputs from a tap to the next */
    int64_t before;   /* padding; inputs left out where it is negative */
    int64_t merged;   /* neighbouring results of one computed pixel, each with a tap of its own: the stride, or 1 */
} nhwc_phase;

/* Whether the windows along the width lie side by side, so that the results of one input pixel are neighbours. */
bool nhwc_phases_merge(const nhwc_problem *p);

/* How many combinations of the three axes' phases there are, those without results too. */
int64_t nhwc_phase_count(const nhwc_problem *p, bool merge);

/* Combination number i. False if it has no results. */
bool nhwc_phases_at(const nhwc_problem *p, bool merge, int64_t i, nhwc_phase phases[3]);

/* Marks the residues of an axis, below its size, whose results any tap reaches. */
void nhwc_mark_phases(const nhwc_problem *p, int axis, bool *covered);

/* Writes the filters of all combinations, each as HWIO of a forward convolution of x, one after the other. False if
   one of them is not finite. */
bool nhwc_turn_filters(const nhwc_plan *plan, bool merge, const void *filters, void *turned);

#endif
