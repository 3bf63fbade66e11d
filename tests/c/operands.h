/* The arrays of a problem, each in memory of exactly its size. */
#ifndef NHWC_TEST_OPERANDS_H
#define NHWC_TEST_OPERANDS_H

#include "problems.h"

/* Memory whose neighbourhood is forbidden: on the heap to the address sanitizer's eyes, beside a guard page to the
   processor's. */
typedef struct {
    void *data;
    size_t bytes;
    void *pages; /* NULL on the heap */
    size_t mapped;
} buffer;

buffer buffer_make(size_t bytes, place where);
/* Makes writing fault, where the buffer has pages of its own. */
void buffer_seal(const buffer *b);
void buffer_free(buffer *b);

typedef struct {
    buffer x, filters, bias, residual;
    int64_t inputs, outputs; /* elements of all samples */
    size_t element;
} operands;

/* Fills the arrays of a checked problem with its values, and seals them. */
operands operands_make(const test_problem *t);
void operands_free(operands *o);

#endif
