/* Threads: the setting, the pool that runs parallel loops, and life after fork. The only file that knows OpenMP: its
   limit is honoured, so that threadpoolctl works, and its regions serve where there are no POSIX threads. */
#define _GNU_SOURCE /* sched_getcpu */
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
#include <sched.h>
#include <signal.h>
#define HAVE_PTHREADS 1
#endif

enum { MAX_THREADS = 1024 };

static atomic_int setting = 1;
static _Thread_local int override;
static _Thread_local double next_grains; /* that the next loop is worth; 0: unknown */
static _Thread_local double loop_ended;  /* when the last one on several threads did */
#ifdef _OPENMP
static int openmp_limit_at_start; /* what OpenMP allowed at import; a lower limit later was set on purpose */
#endif

#ifdef HAVE_PTHREADS
static void forget_pool(void);

/* A child starts serial, whatever other threads of the parent were doing. */
static void after_fork_in_child(void) {
    forget_pool();
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
    next_grains = 0;
    if (work < 2 * grain) {
        return 1;
    }
    int threads = nhwc_threads_get();
    next_grains = work / grain;
    return next_grains < threads ? (int)next_grains : threads;
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

/* One parallel loop. Its tasks are cut into a range for each thread, and ranges into runs. A thread claims runs of its
   own range from the front, then of the others' from the back: the same core so does the same part of each layer while
   its caches hold it, and a core that is taken by others does less. A sweep back begins with what the one forth has
   left in the caches, where a second one forth would find none of its beginning there. */
typedef struct loop {
    nhwc_task *task;
    void *context;
    int64_t count, chunk;
    _Atomic uint64_t *ranges; /* of runs, one for each thread: the first that is left, and 32 bits up the end */
    int threads;
    bool backward;      /* ranges are done from the back, and others helped with from the front */
    bool wakes;         /* helpers that sleep, and makes those that are missing */
    int cpu;            /* of the caller, or -1 */
    atomic_int working; /* helpers inside */
    int wanted, joined; /* helpers, under the pool's lock */
    struct loop *following;
} loop;

static uint64_t range_of(uint64_t first, uint64_t end) { return first | end << 32; }

/* Takes the first or the last run off a range; -1, if none is left. */
static int64_t claim(_Atomic uint64_t *range, bool last) {
    uint64_t was = atomic_load_explicit(range, memory_order_relaxed);
    for (;;) {
        const uint64_t first = was & UINT32_MAX, end = was >> 32;
        if (first >= end) {
            return -1;
        }
        if (atomic_compare_exchange_weak(range, &was, last ? range_of(first, end - 1) : range_of(first + 1, end))) {
            return (int64_t)(last ? end - 1 : first);
        }
    }
}

/* Does runs until none is left, those of range `home` first. */
static void work(loop *l, int worker, int home) {
    for (int i = 0; i < l->threads; i++) {
        _Atomic uint64_t *range = &l->ranges[(home + i) % l->threads];
        for (int64_t run; (run = claim(range, (i > 0) != l->backward)) >= 0;) {
            const int64_t first = run * l->chunk;
            l->task(l->context, first, nhwc_min(first + l->chunk, l->count), worker);
        }
    }
}

#ifdef HAVE_PTHREADS
/* The pool: helpers that join whichever loop wants more, so that calls from many threads share them. A loop waits for
   helpers that have joined it, never for one that is late: an OpenMP region waits for its whole team, and while another
   process holds a core that costs milliseconds. Idle helpers spin for a moment, since layers follow each other closely,
   and then sleep. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    loop *loops;      /* that want helpers */
    atomic_int posts; /* loops ever posted: what spinning helpers watch */
    int helpers, sleeping;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static const double SPIN_SECONDS = 100e-6;

/* Threads of the parent are not in the child, and its lock may be held by one of them. */
static void forget_pool(void) {
    pool.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    pool.wake = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    pool.loops = NULL;
    pool.helpers = pool.sleeping = 0;
}

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

#ifdef __linux__
static int this_cpu(void) { return sched_getcpu(); }

/* Moves this thread to another core than `cpu`, if it may run on one. */
static void leave_cpu(int cpu) {
    cpu_set_t allowed, others;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        return;
    }
    others = allowed;
    CPU_CLR(cpu, &others);
    if (CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof others, &others) == 0) {
        sched_setaffinity(0, sizeof allowed, &allowed);
    }
}
#else
static int this_cpu(void) { return -1; }
static void leave_cpu(int cpu) { (void)cpu; }
#endif

/* Leaves the core of the caller that wants help: a thread that is woken may be put on it, and milliseconds pass until
   the system parts them. The caller holds the lock, which is let go meanwhile. */
static void make_room(void) {
    const int cpu = pool.loops ? pool.loops->cpu : -1;
    if (cpu >= 0 && cpu == this_cpu()) {
        pthread_mutex_unlock(&pool.lock);
        leave_cpu(cpu);
        pthread_mutex_lock(&pool.lock);
    }
}

/* Takes the first loop off the list if it has all the helpers that it wants. The caller holds the lock. */
static loop *join_loop(int *worker) {
    loop *l = pool.loops;
    if (!l) {
        return NULL;
    }
    *worker = ++l->joined;
    atomic_fetch_add(&l->working, 1);
    if (l->joined == l->wanted) {
        pool.loops = l->following;
    }
    return l;
}

static void wait_for_post(int seen) {
    double start = nhwc_seconds();
    do {
        for (int i = 0; i < 64; i++) {
            if (atomic_load_explicit(&pool.posts, memory_order_relaxed) != seen) {
                return;
            }
            relax();
        }
    } while (nhwc_seconds() - start < SPIN_SECONDS);
    pthread_mutex_lock(&pool.lock);
    while (!pool.loops) {
        pool.sleeping++;
        pthread_cond_wait(&pool.wake, &pool.lock);
        pool.sleeping--;
    }
    pthread_mutex_unlock(&pool.lock);
}

static void *help(void *number) {
    const int home = (int)(intptr_t)number;
    for (;;) {
        int worker, seen = atomic_load(&pool.posts);
        pthread_mutex_lock(&pool.lock);
        make_room();
        loop *l = join_loop(&worker);
        pthread_mutex_unlock(&pool.lock);
        if (l) {
            work(l, worker, home);
            atomic_fetch_sub_explicit(&l->working, 1, memory_order_release);
        } else {
            wait_for_post(seen);
        }
    }
    return NULL;
}

/* Makes helpers until there are `wanted`; fewer, if the system has no more. They leave signals to the program's own
   threads. The caller holds the lock. */
static void hire(int wanted) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool.helpers < wanted) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, help, (void *)(intptr_t)(pool.helpers + 1)) != 0) {
            break;
        }
        pthread_detach(thread);
        pool.helpers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void post(loop *l) {
    pthread_mutex_lock(&pool.lock);
    if (pool.helpers < l->wanted && l->wakes) {
        hire(l->wanted);
    }
    loop **end = &pool.loops;
    while (*end) {
        end = &(*end)->following;
    }
    *end = l;
    atomic_fetch_add(&pool.posts, 1);
    if (pool.sleeping > 0 && l->wakes) {
        pthread_cond_broadcast(&pool.wake);
    }
    pthread_mutex_unlock(&pool.lock);
}

/* No helper joins after this, and none is inside. */
static void retract(loop *l) {
    pthread_mutex_lock(&pool.lock);
    for (loop **at = &pool.loops; *at; at = &(*at)->following) {
        if (*at == l) {
            *at = l->following;
            break;
        }
    }
    pthread_mutex_unlock(&pool.lock);
    for (int turn = 0; atomic_load_explicit(&l->working, memory_order_acquire) > 0; turn++) {
        if (turn < 10000) {
            relax();
        } else {
            sched_yield();
        }
    }
}

static void run(loop *l, int threads) {
    l->wanted = threads - 1;
    l->cpu = this_cpu();
    post(l);
    work(l, 0, 0);
    retract(l);
}
#else
static void run(loop *l, int threads) {
#ifdef _OPENMP
#pragma omp parallel num_threads(threads)
    work(l, omp_get_thread_num(), omp_get_thread_num());
#else
    (void)threads;
    work(l, 0, 0);
#endif
}
#endif

/* Whether the next loop should wake helpers that sleep, which takes its caller some 15 us: where it is long, or follows
   another closely, so that helpers stay awake from now on. Others are shared with helpers that are awake. */
static bool is_worth_waking(void) {
    static const double LEAST_GRAINS = 16, STREAM_SECONDS = 100e-6;
    const double grains = next_grains;
    next_grains = 0;
    return grains == 0 || grains >= LEAST_GRAINS || nhwc_seconds() - loop_ended < STREAM_SECONDS;
}

/* A loop on several threads. */
static void share(loop *l) {
    _Atomic uint64_t ranges[MAX_THREADS];
    const int64_t runs = nhwc_ceil_div(l->count, l->chunk);
    for (int64_t i = 0; i < l->threads; i++) {
        atomic_init(&ranges[i], range_of((uint64_t)(i * runs / l->threads), (uint64_t)((i + 1) * runs / l->threads)));
    }
    l->ranges = ranges;
    l->wakes = is_worth_waking();
    run(l, l->threads);
    loop_ended = nhwc_seconds();
}

/* A loop on this thread alone: in one run, or in those that another one would claim, the last one first. */
static void do_alone(const loop *l) {
    int64_t first = l->backward ? (l->count - 1) / l->chunk * l->chunk : 0;
    int64_t last = l->count;
    for (; first >= 0; last = first, first -= l->chunk) {
        l->task(l->context, first, last, 0);
    }
}

static void loop_over(int threads, int64_t count, nhwc_task *task, void *context, bool backward) {
    enum { CLAIMS_PER_THREAD = 8 };
    if (count <= 0) {
        return;
    }
    loop l = {.task = task, .context = context, .count = count, .backward = backward};
    l.threads = (int)nhwc_min(nhwc_max(threads, 1), count);
    l.chunk = nhwc_max(1, count / ((int64_t)l.threads * CLAIMS_PER_THREAD));
    if (l.threads > 1) {
        share(&l);
    } else {
        do_alone(&l);
    }
}

void nhwc_parallel_for(int threads, int64_t count, nhwc_task *task, void *context) {
    loop_over(threads, count, task, context, false);
}

bool nhwc_sweep_turns(double bytes) { return bytes > 1.75e6 && bytes < 16e6; }

void nhwc_parallel_sweep(int threads, int64_t count, nhwc_task *task, void *context, double bytes) {
    static _Thread_local bool backward;
    const bool turns = nhwc_sweep_turns(bytes / (double)nhwc_min(nhwc_max(threads, 1), count));
    backward = turns && !backward;
    loop_over(threads, count, task, context, backward);
}
