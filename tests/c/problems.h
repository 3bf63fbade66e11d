/* Convolution problems decoded from bytes, so that a seed, a replayed line and a fuzzer all speak one language. */
#ifndef NHWC_TEST_PROBLEMS_H
#define NHWC_TEST_PROBLEMS_H

#include "nhwc.h"

#include <stdbool.h>
#include <stdio.h>

/* Rounding errors cancel in sums of either sign and add up in positive ones; integer values must come out exact; in the
   last two a NaN or infinity stands here and there. */
typedef enum { EITHER_SIGN, POSITIVE, INTEGER_VALUED, INPUT_NOT_FINITE, FILTERS_NOT_FINITE, VALUE_KINDS } value_kind;

/* Where the operands lie: at both ends of an exact heap block, or against a page that cannot be touched, which sees
   masked loads too. */
typedef enum { ON_HEAP, BEFORE_GUARD, AFTER_GUARD, PLACES } place;

typedef enum { NO_RESIDUAL, OWN_RESIDUAL, RESIDUAL_IS_OUT, RESIDUAL_KINDS } residual_kind;

typedef struct {
    nhwc_problem problem; /* not checked yet; n may be -1 */
    int64_t n;            /* samples to run */
    int64_t out[3];       /* the output that the sizes were made for */
    bool with_bias;
    residual_kind residual;
    value_kind values;
    place place;
    int threads; /* to compare with one thread */
    uint64_t seed;
} test_problem;

enum { PROBLEM_BYTES = 64 }; /* as many as any problem reads */

/* A valid problem for any bytes; those that are missing are zeros. The arithmetic of one run stays below a million
   multiplications, mostly far below. */
test_problem decode_problem(const uint8_t *bytes, size_t size);

/* Sizes of any kind, negative, huge and contradictory, for nhwc_problem_check alone. */
nhwc_problem decode_sizes(const uint8_t *bytes, size_t size);

/* One line without its end. */
void print_problem(FILE *file, const test_problem *t);

/* The next of a sequence of random bits that depends on the state alone. */
static inline uint64_t random_bits(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

#endif
