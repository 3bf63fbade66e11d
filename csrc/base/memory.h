/* Aligned blocks, and the workspace that is kept between calls. */
#ifndef NHWC_BASE_MEMORY_H
#define NHWC_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NHWC_ALIGNMENT 64

/* A block aligned to NHWC_ALIGNMENT, or NULL. For what lives as long as a plan. */
void *nhwc_aligned_alloc(size_t bytes);
void nhwc_aligned_free(void *block);

/* Where `count` parts of these sizes begin in one block, each aligned, and the size of all; false if it does not fit.
 */
bool nhwc_lay_out(int count, const int64_t *sizes, int64_t *offsets, int64_t *total);

/* Workspace for the length of a call: taken from blocks that earlier calls gave back, since fresh pages cost more
   than many a layer. NULL: not enough memory. */
void *nhwc_workspace_take(size_t bytes);
void nhwc_workspace_give(void *block);

/* Memory, aligned to NHWC_ALIGNMENT, that one thread uses for workspace before any other. */
typedef struct {
    char *memory;
    size_t bytes;
    bool busy;
} nhwc_loan;

/* Makes `loan` this thread's and returns the one before, to be put back when the work is done: a take that fits, one at
   a time, is served by it and cannot fail. For work in steps, of which none may fail when another has written. */
nhwc_loan nhwc_workspace_lend(nhwc_loan loan);

/* Makes the list of kept blocks usable in a child process, whatever other threads of the parent were doing. */
void nhwc_workspace_after_fork(void);

#endif
