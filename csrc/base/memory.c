/* Aligned blocks, and the workspace that is kept between calls. */
#include "memory.h"

#include "lock.h"
#include "status.h"

#include <stdint.h>
#include <stdlib.h>

#ifdef _WIN32
#include <malloc.h>
#else
#include <sys/mman.h>
#endif

/* Blocks from this size on are made of huge pages where the system has them: kernels read and write dozens of streams
   at once, each in a page of its own. */
enum { HUGE_PAGE = 2 << 20 };

void *nhwc_aligned_alloc(size_t bytes) {
    size_t rounded = (bytes + NHWC_ALIGNMENT - 1) / NHWC_ALIGNMENT * NHWC_ALIGNMENT;
    if (rounded < bytes) {
        return NULL;
    }
    if (rounded == 0) {
        rounded = NHWC_ALIGNMENT;
    }
#ifdef _WIN32
    return _aligned_malloc(rounded, NHWC_ALIGNMENT);
#else
    const bool huge = rounded >= HUGE_PAGE;
    void *block = NULL;
    if (posix_memalign(&block, huge ? HUGE_PAGE : NHWC_ALIGNMENT, rounded) != 0) {
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    if (huge) {
        madvise(block, rounded / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    }
#endif
    return block;
#endif
}

void nhwc_aligned_free(void *block) {
#ifdef _WIN32
    _aligned_free(block);
#else
    free(block);
#endif
}

bool nhwc_lay_out(int count, const int64_t *sizes, int64_t *offsets, int64_t *total) {
    *total = 0;
    for (int i = 0; i < count; i++) {
        offsets[i] = *total;
        if (sizes[i] > NHWC_MAX_SIZE - *total) {
            return false;
        }
        *total += nhwc_round_up(sizes[i], NHWC_ALIGNMENT);
    }
    return true;
}

/* Kept blocks form a list under one lock: a call takes one block for all its threads, so the lock is taken twice a
   call. Each block begins with this header. */
typedef struct kept {
    struct kept *next;
    size_t bytes;
} kept;

enum { HEADER = NHWC_ALIGNMENT, KEEP_BLOCKS = 16 };
static const size_t KEEP_BYTES = (size_t)256 << 20;

static nhwc_lock lock = NHWC_LOCK_INIT;
static kept *list;
static int list_blocks;
static size_t list_bytes;

static _Thread_local nhwc_loan lent;

nhwc_loan nhwc_workspace_lend(nhwc_loan loan) {
    const nhwc_loan before = lent;
    lent = loan;
    return before;
}

/* Unlinks the smallest kept block that holds `bytes`, or NULL. The caller holds the lock. */
static kept *unlink_fitting(size_t bytes) {
    kept **best = NULL;
    for (kept **at = &list; *at; at = &(*at)->next) {
        if ((*at)->bytes >= bytes && (!best || (*at)->bytes < (*best)->bytes)) {
            best = at;
        }
    }
    if (!best) {
        return NULL;
    }
    kept *block = *best;
    *best = block->next;
    list_blocks--;
    list_bytes -= block->bytes;
    return block;
}

void *nhwc_workspace_take(size_t bytes) {
    if (lent.memory && !lent.busy && bytes <= lent.bytes) {
        lent.busy = true;
        return lent.memory;
    }
    nhwc_lock_acquire(&lock);
    kept *block = unlink_fitting(bytes);
    nhwc_lock_release(&lock);
    if (!block) {
        if (bytes > SIZE_MAX - HEADER) {
            return NULL;
        }
        block = nhwc_aligned_alloc(bytes + HEADER);
        if (!block) {
            nhwc_release_memory();
            block = nhwc_aligned_alloc(bytes + HEADER);
        }
        if (!block) {
            return NULL;
        }
        block->bytes = bytes;
    }
    return (char *)block + HEADER;
}

void nhwc_workspace_give(void *memory) {
    if (memory == lent.memory) {
        lent.busy = false;
        return;
    }
    kept *block = (kept *)((char *)memory - HEADER);
    nhwc_lock_acquire(&lock);
    bool keep = list_blocks < KEEP_BLOCKS && block->bytes <= KEEP_BYTES - list_bytes;
    if (keep) {
        block->next = list;
        list = block;
        list_blocks++;
        list_bytes += block->bytes;
    }
    nhwc_lock_release(&lock);
    if (!keep) {
        nhwc_aligned_free(block);
    }
}

void nhwc_release_memory(void) {
    nhwc_lock_acquire(&lock);
    kept *block = list;
    list = NULL;
    list_blocks = 0;
    list_bytes = 0;
    nhwc_lock_release(&lock);
    while (block) {
        kept *next = block->next;
        nhwc_aligned_free(block);
        block = next;
    }
}

/* Another thread may have held the lock, with the list half changed: the child starts an empty list. */
void nhwc_workspace_after_fork(void) {
    lock = (nhwc_lock)NHWC_LOCK_INIT;
    list = NULL;
    list_blocks = 0;
    list_bytes = 0;
}
