/* Running independent tasks on several threads. */
#ifndef NHWC_BASE_THREADS_H
#define NHWC_BASE_THREADS_H

#include <stdbool.h>
#include <stdint.h>

/* Does tasks first, first + 1, ..., last - 1; `worker` is below the number of threads asked for, and no two running
   calls share one. */
typedef void nhwc_task(void *context, int64_t first, int64_t last, int worker);

/* Threads that a call with so much work should use: the setting, lowered by the OpenMP limit of the calling thread
   and to one per `grain` of `work`, some 5 us. The next loop of the calling thread then knows whether it is worth
   waking helpers for. */
int nhwc_threads_for(double work, double grain);

/* Runs tasks 0 .. count - 1 on up to `threads` threads, in runs of consecutive tasks that threads claim as they
   become free, each of its own part of the tasks first: give tasks that share data neighbouring numbers, and all nearly
   the same size. Returns when all are done. One thread: calls `task` directly. */
void nhwc_parallel_for(int threads, int64_t count, nhwc_task *task, void *context);

/* The same for tasks that memory bounds, and that read and write `bytes` in the order of their numbers: sweeps that
   turn go forth and back in turns. They do where a thread's bytes are more than second-level caches hold, and not so
   many more that what is left there hardly counts; they want eight tasks for each thread. */
void nhwc_parallel_sweep(int threads, int64_t count, nhwc_task *task, void *context, double bytes);
bool nhwc_sweep_turns(double bytes);

double nhwc_seconds(void);

#endif
