/* What the machine can do at most: multiply-adds from registers, and copying. */
#include "arch.h"

#include "../base/memory.h"
#include "../base/status.h"
#include "../base/threads.h"

#include <string.h>

typedef struct {
    const nhwc_kernels *kernels;
    int64_t rounds;
    double flops; /* of one task */
    char *from, *to;
    int64_t bytes; /* of one task */
} probe;

static void multiply(void *context, int64_t first, int64_t last, int worker) {
    probe *p = context;
    (void)worker;
    double flops;
    for (int64_t i = first; i < last; i++) {
        volatile double keep = p->kernels->fma_work(p->rounds, &flops);
        (void)keep;
    }
}

static void copy(void *context, int64_t first, int64_t last, int worker) {
    probe *p = context;
    (void)worker;
    for (int64_t i = first; i < last; i++) {
        memcpy(p->to + i * p->bytes, p->from + i * p->bytes, (size_t)p->bytes);
    }
}

/* Seconds of the fastest of the runs that fit in `seconds`, three at least. */
static double fastest(int threads, double seconds, nhwc_task *task, probe *p) {
    double best = 1e9, start = nhwc_seconds();
    for (int run = 0; run < 3 || nhwc_seconds() - start < seconds; run++) {
        double begin = nhwc_seconds();
        nhwc_parallel_for(threads, threads, task, p);
        double took = nhwc_seconds() - begin;
        best = took < best ? took : best;
    }
    return best > 0 ? best : 1e-9;
}

double nhwc_measure_fma_peak(int threads, double seconds) {
    probe p = {.kernels = nhwc_isa_current()->kernels[NHWC_F32], .rounds = 1000000};
    threads = threads < 1 ? 1 : threads;
    p.kernels->fma_work(1, &p.flops);
    p.flops *= (double)p.rounds;
    return p.flops * threads / fastest(threads, seconds, multiply, &p) * 1e-9;
}

double nhwc_measure_copy(int64_t bytes, int threads, double seconds) {
    threads = threads < 1 ? 1 : threads;
    probe p = {.bytes = nhwc_max(bytes / threads, 1)};
    size_t all = (size_t)(p.bytes * threads);
    p.from = nhwc_aligned_alloc(all);
    p.to = nhwc_aligned_alloc(all);
    double speed = 0;
    if (p.from && p.to) {
        memset(p.from, 1, all);
        memset(p.to, 0, all);
        speed = 2.0 * (double)all / fastest(threads, seconds, copy, &p) * 1e-9;
    }
    nhwc_aligned_free(p.from);
    nhwc_aligned_free(p.to);
    return speed;
}
