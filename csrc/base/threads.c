/* Threads: the setting, the parallel loop, and life after fork. The only file that knows OpenMP. */
#include "threads.h"

#include "../nhwc.h"
#include "memory.h"
#include "status.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#ifdef _OPENMP
#include <omp.h>
#endif
#ifndef _WIN32
#include <pthread.h>
#define HAVE_PTHREADS 1
#endif

enum { MAX_THREADS = 1024 };

static atomic_int setting = 1;
static _Thread_local int override;
static int openmp_limit_at_start; /* what OpenMP allowed at import; a lower limit later was set on purpose */
static atomic_bool forked;        /* this is a child: OpenMP's threads are gone, and its regions hang */

#ifdef HAVE_PTHREADS
static void after_fork_in_child(void) {
    atomic_store(&forked, true);
    atomic_store(&setting, 1);
    override = 0;
    nhwc_workspace_after_fork();
}
#endif

__attribute__((constructor)) static void start(void) {
#ifdef _OPENMP
    openmp_limit_at_start = omp_get_max_threads();
#endif
#ifdef HAVE_PTHREADS
    pthread_atfork(NULL, NULL, after_fork_in_child);
#endif
}

void nhwc_threads_set(int threads) {
    atomic_store(&setting, threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads);
}

int nhwc_threads_swap_override(int threads) {
    int previous = override;
    override = threads > MAX_THREADS ? MAX_THREADS : threads;
    return previous;
}

int nhwc_threads_get(void) {
    int threads = override ? override : atomic_load(&setting);
#ifdef _OPENMP
    int limit = omp_get_max_threads();
    if (limit < openmp_limit_at_start && limit < threads) {
        threads = limit;
    }
#endif
    return threads;
}

int nhwc_threads_for(double work, double grain) {
    if (work < 2 * grain) {
        return 1;
    }
    double most = work / grain;
    int threads = nhwc_threads_get();
    return most < threads ? (int)most : threads;
}

const char *nhwc_openmp(void) {
#ifdef _OPENMP
    static char text[32];
    snprintf(text, sizeof text, "%d", _OPENMP);
    return text;
#else
    return NULL;
#endif
}

double nhwc_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

typedef struct {
    nhwc_task *task;
    void *context;
    int64_t count, chunk;
    _Atomic int64_t next;
    atomic_int workers;
} loop;

/* Claims runs of tasks until none are left: a thread whose core is taken by others claims fewer. */
static void work(loop *l) {
    int worker = atomic_fetch_add(&l->workers, 1);
    for (;;) {
        int64_t first = atomic_fetch_add(&l->next, l->chunk);
        if (first >= l->count) {
            return;
        }
        l->task(l->context, first, nhwc_min(first + l->chunk, l->count), worker);
    }
}

#ifdef HAVE_PTHREADS
static void *pthread_work(void *l) {
    work(l);
    return NULL;
}

/* Threads made for this loop alone. The caller works too, so threads that cannot be made only cost time. */
static void run_on_pthreads(loop *l, int threads) {
    pthread_t others[MAX_THREADS];
    int made = 0;
    while (made < threads - 1 && pthread_create(&others[made], NULL, pthread_work, l) == 0) {
        made++;
    }
    work(l);
    while (made > 0) {
        pthread_join(others[--made], NULL);
    }
}
#endif

static void run(loop *l, int threads) {
#ifdef _OPENMP
    if (!atomic_load(&forked)) {
#pragma omp parallel num_threads(threads)
        work(l);
        return;
    }
#endif
#ifdef HAVE_PTHREADS
    run_on_pthreads(l, threads);
#else
    (void)threads;
    work(l);
#endif
}

void nhwc_parallel_for(int threads, int64_t count, nhwc_task *task, void *context) {
    if (count <= 0) {
        return;
    }
    if (threads > count) {
        threads = (int)count;
    }
    if (threads <= 1) {
        task(context, 0, count, 0);
        return;
    }
    enum { CLAIMS_PER_THREAD = 8 };
    loop l = {.task = task, .context = context, .count = count};
    l.chunk = nhwc_max(1, count / ((int64_t)threads * CLAIMS_PER_THREAD));
    run(&l, threads);
}
