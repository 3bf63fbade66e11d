/* A lock for a few instructions' work: a spin lock that yields, so that it needs no system object and can be reset
   in a forked child. */
#ifndef NHWC_BASE_LOCK_H
#define NHWC_BASE_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>

#ifdef _WIN32
#include <windows.h>
#define NHWC_YIELD() SwitchToThread()
#else
#include <sched.h>
#define NHWC_YIELD() sched_yield()
#endif

typedef struct {
    atomic_bool held;
} nhwc_lock;

#define NHWC_LOCK_INIT {false}

static inline void nhwc_lock_acquire(nhwc_lock *lock) {
    while (atomic_exchange_explicit(&lock->held, true, memory_order_acquire)) {
        NHWC_YIELD();
    }
}

static inline void nhwc_lock_release(nhwc_lock *lock) {
    atomic_store_explicit(&lock->held, false, memory_order_release);
}

#endif
