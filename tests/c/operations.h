/* What the core does beside forward convolutions, on the shapes of a decoded problem. */
#ifndef NHWC_TEST_OPERATIONS_H
#define NHWC_TEST_OPERATIONS_H

#include "operands.h"

/* Runs a transposed convolution, a filter gradient, poolings and their gradients, a separable convolution and one of
   stored dtypes, on small whole numbers, whose sums are exact in any order. With the instruction set in use, on one
   thread and on several. Returns what is wrong, or NULL. */
const char *check_operations(const test_problem *t);

#endif
