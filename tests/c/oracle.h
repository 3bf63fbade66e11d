/* The definition of convolution as plain loops, and how far from it a result may be. */
#ifndef NHWC_TEST_ORACLE_H
#define NHWC_TEST_ORACLE_H

#include "operands.h"

/* An output: its value before and after the activation and the sum of all absolute values in it; of integers, its
   bits. */
typedef struct {
    long double sum, y, size;
    uint64_t bits;
} exact_value;

/* The outputs of a checked problem, in their order; freed by the caller. */
exact_value *solve(const test_problem *t, const operands *o);

/* The first output that is further from the exact one than the contract for the algorithm allows, described in
   `text`; -1 if none is. */
int64_t first_wrong(const test_problem *t, const operands *o, const exact_value *exact, nhwc_algorithm algorithm,
                    const void *out, char *text, size_t text_bytes);

#endif
