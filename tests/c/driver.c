/* Tests the C core without Python, on random problems, under sanitizers: against the oracle, on every instruction set
   of this machine, in both lives of a plan, with one thread and several, alone and from several callers at once.

       driver [--problems N] [--seed S] [--callers C]     N problems that follow from the seed
       driver --replay HEX [--callers C]                  the one problem that a failure printed

   The last line counts what passed and failed; the exit code says the same. With -DNHWC_FUZZ it is a target for
   libFuzzer instead of a program. Link with -Wl,--wrap=nhwc_threads_for: the replacement below gives every problem,
   however small, the threads that are set. */
#include "operations.h"
#include "oracle.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a sanitizer finds ends in SIGABRT, whose handler prints the problem. */
#define SANITIZER_OPTIONS(name, options)                                                                               \
    __attribute__((visibility("default"))) const char *name(void);                                                     \
    const char *name(void) { return options; }
SANITIZER_OPTIONS(__asan_default_options, "abort_on_error=1")
SANITIZER_OPTIONS(__ubsan_default_options, "abort_on_error=1:print_stacktrace=1")
SANITIZER_OPTIONS(__tsan_default_options, "abort_on_error=1:halt_on_error=1")

int __wrap_nhwc_threads_for(double work, double grain);
int __wrap_nhwc_threads_for(double work, double grain) {
    (void)work;
    (void)grain;
    return nhwc_threads_get();
}

static char replay[2 * PROBLEM_BYTES + 2]; /* the current problem in hexadecimal, and a newline */

static void set_replay(const uint8_t *bytes, size_t size) {
    size_t used = size < PROBLEM_BYTES ? size : PROBLEM_BYTES;
    for (size_t i = 0; i < used; i++) {
        snprintf(replay + 2 * i, 3, "%02x", bytes[i]);
    }
    replay[2 * used] = '\n';
    replay[2 * used + 1] = '\0';
}

static void fail(const test_problem *t, const char *what) {
    fprintf(stderr, "failed: %s\n  isa %s, ", what, nhwc_isa_name());
    print_problem(stderr, t);
    fprintf(stderr, "\n  --replay %s", replay);
}

/* ---- One problem --------------------------------------------------------------------------------------------------
 */

/* A plan; unless it borrows them, its filters and bias are gone by the time it runs. */
static nhwc_status make_plan(const test_problem *t, const operands *o, int borrow, nhwc_plan **plan) {
    if (borrow) {
        return nhwc_plan_create(plan, &t->problem, o->filters.data, o->bias.data, borrow);
    }
    buffer filters = buffer_make(o->filters.bytes, t->place), bias = {0};
    memcpy(filters.data, o->filters.data, filters.bytes);
    if (o->bias.data) {
        bias = buffer_make(o->bias.bytes, t->place);
        memcpy(bias.data, o->bias.data, bias.bytes);
    }
    nhwc_status status = nhwc_plan_create(plan, &t->problem, filters.data, bias.data, 0);
    buffer_free(&filters);
    buffer_free(&bias);
    return status;
}

/* Runs a plan for the samples from `first` on, into a buffer of their size. */
static nhwc_status run_plan(const nhwc_plan *plan, const test_problem *t, const operands *o, int64_t first,
                            const buffer *out) {
    const nhwc_problem *p = &t->problem;
    const char *x = o->x.data, *residual = o->residual.data;
    size_t x_bytes = (size_t)(p->in[0] * p->in[1] * p->in[2] * p->c) * o->element;
    memset(out->data, 0xa5, out->bytes);
    if (residual) {
        residual += o->residual.bytes - out->bytes;
    }
    if (t->residual == RESIDUAL_IS_OUT) {
        memcpy(out->data, residual, out->bytes);
        residual = out->data;
    }
    return nhwc_plan_run(plan, t->n - first, x + (size_t)first * x_bytes, residual, out->data);
}

/* Equal bits; of a NaN nothing but that it is one, since the processor takes them from the operand that the compiler
   happened to put first. */
static bool same_bits(nhwc_dtype dtype, const void *a, const void *b, size_t bytes) {
    if (memcmp(a, b, bytes) == 0) {
        return true;
    }
    bool same = dtype == NHWC_F32 || dtype == NHWC_F64;
    for (size_t at = 0; same && at < bytes; at += dtype == NHWC_F32 ? sizeof(float) : sizeof(double)) {
        const char *p = (const char *)a + at, *q = (const char *)b + at;
        if (dtype == NHWC_F32) {
            same = memcmp(p, q, sizeof(float)) == 0 || (isnan(*(const float *)p) && isnan(*(const float *)q));
        } else {
            same = memcmp(p, q, sizeof(double)) == 0 || (isnan(*(const double *)p) && isnan(*(const double *)q));
        }
    }
    return same;
}

/* Whether a plan gives the bits of `expected`, those of the samples from `first` on. */
static bool gives(const nhwc_plan *plan, const test_problem *t, const operands *o, int64_t first,
                  const buffer *expected) {
    size_t sample = t->n > 0 ? expected->bytes / (size_t)t->n : 0;
    buffer out = buffer_make(expected->bytes - (size_t)first * sample, t->place);
    bool same = run_plan(plan, t, o, first, &out) == NHWC_OK &&
                same_bits(t->problem.dtype, out.data, (char *)expected->data + (size_t)first * sample, out.bytes);
    buffer_free(&out);
    return same;
}

/* The same bits with several threads, and for the last sample alone. */
static bool check_bits(const nhwc_plan *plan, const test_problem *t, const operands *o, const buffer *expected) {
    nhwc_threads_set(t->threads);
    bool right = gives(plan, t, o, 0, expected);
    nhwc_threads_set(1);
    if (!right) {
        fail(t, "several threads give other bits than one");
    } else if (t->problem.n < 0 && t->n > 1 && !gives(plan, t, o, t->n - 1, expected)) {
        fail(t, "a sample has other bits alone than in its batch");
        right = false;
    }
    return right;
}

typedef struct {
    const nhwc_plan *plan;
    const test_problem *t;
    const operands *o;
    const buffer *expected;
    bool right;
} caller;

/* Runs the shared plan and makes plans of its own in between. */
static void *call_repeatedly(void *argument) {
    enum { ROUNDS = 2 };
    caller *c = argument;
    c->right = true;
    for (int round = 0; round < ROUNDS; round++) {
        nhwc_plan *own = NULL;
        c->right &= gives(c->plan, c->t, c->o, 0, c->expected);
        c->right &= make_plan(c->t, c->o, true, &own) == NHWC_OK && nhwc_plan_describe(own).isa == nhwc_isa_name();
        nhwc_plan_destroy(own);
    }
    return NULL;
}

/* Several callers of one plan, while this thread changes the settings that may change at any time. */
static bool check_shared(const nhwc_plan *plan, const test_problem *t, const operands *o, const buffer *expected,
                         int callers) {
    enum { MOST_CALLERS = 64 };
    pthread_t threads[MOST_CALLERS];
    caller arguments[MOST_CALLERS];
    int made = 0;
    for (; made < callers && made < MOST_CALLERS; made++) {
        arguments[made] = (caller){plan, t, o, expected, false};
        if (pthread_create(&threads[made], NULL, call_repeatedly, &arguments[made]) != 0) {
            break;
        }
        nhwc_threads_set(1 + made % t->threads);
        nhwc_release_memory();
    }
    bool right = made == callers;
    while (made > 0) {
        pthread_join(threads[--made], NULL);
        right &= arguments[made].right;
    }
    nhwc_threads_set(1);
    if (!right) {
        fail(t, "callers at the same time get other bits");
    }
    return right;
}

static bool check_plan(const nhwc_plan *plan, const test_problem *t, const operands *o, const exact_value *exact,
                       int callers, const buffer *out) {
    enum { MOST_WORKSPACE = 8 << 20 };
    char text[200];
    nhwc_plan_info info = nhwc_plan_describe(plan);
    if (info.packed_bytes < 0 || info.workspace_bytes < 0 || info.workspace_bytes >= MOST_WORKSPACE) {
        snprintf(text, sizeof text, "the plan books %lld bytes of workspace", (long long)info.workspace_bytes);
    } else if (run_plan(plan, t, o, 0, out) != NHWC_OK) {
        snprintf(text, sizeof text, "the plan does not run");
    } else if (first_wrong(t, o, exact, info.algorithm, out->data, text, sizeof text) < 0) {
        return check_bits(plan, t, o, out) && (callers <= 1 || check_shared(plan, t, o, out, callers));
    }
    fail(t, text);
    return false;
}

/* Plans that copy and that borrow, with the instruction set in use; the same algorithm gives the same bits. */
static bool check_isa(const test_problem *t, const operands *o, const exact_value *exact, int callers) {
    const bool may_refuse = t->problem.algorithm > NHWC_DIRECT;
    nhwc_algorithm algorithms[3];
    buffer outs[3];
    bool right = true;
    int made = 0;
    for (int borrow = 0; borrow <= NHWC_RUNS_ONCE && right; borrow++) {
        nhwc_plan *plan = NULL;
        nhwc_status status = make_plan(t, o, borrow, &plan);
        if (status == NHWC_OK) {
            algorithms[made] = nhwc_plan_describe(plan).algorithm;
            outs[made] = buffer_make((size_t)o->outputs * o->element, t->place);
            right = check_plan(plan, t, o, exact, callers, &outs[made++]);
        } else if (status != NHWC_UNSUPPORTED || !may_refuse) {
            fail(t, "no plan can be made");
            right = false;
        }
        nhwc_plan_destroy(plan);
    }
    for (int i = 1; i < made && right; i++) {
        if (algorithms[0] == algorithms[i] && !same_bits(t->problem.dtype, outs[0].data, outs[i].data, outs[0].bytes)) {
            fail(t, "borrowed filters give other bits than copied ones");
            right = false;
        }
    }
    while (made > 0) {
        buffer_free(&outs[--made]);
    }
    return right;
}

static bool check_convolution(const uint8_t *bytes, size_t size, int callers) {
    test_problem t = decode_problem(bytes, size);
    nhwc_problem *p = &t.problem;
    if (nhwc_problem_check(p) != NHWC_OK || memcmp(p->out, t.out, sizeof t.out) != 0) {
        fail(&t, "nhwc_problem_check refuses the sizes, or makes another output of them");
        return false;
    }
    operands o = operands_make(&t);
    exact_value *exact = solve(&t, &o);
    bool right = true;
    const char *isa;
    for (int i = 0; right && (isa = nhwc_isa_available(i)); i++) {
        right = nhwc_isa_use(isa) == NHWC_OK && check_isa(&t, &o, exact, callers);
    }
    free(exact);
    operands_free(&o);
    return right;
}

/* The other operations of a problem's shapes, on every instruction set. */
static bool check_others(const uint8_t *bytes, size_t size) {
    test_problem t = decode_problem(bytes, size);
    const char *isa, *wrong = NULL;
    for (int i = 0; !wrong && (isa = nhwc_isa_available(i)); i++) {
        wrong = nhwc_isa_use(isa) == NHWC_OK ? check_operations(&t) : "nhwc_isa_use";
    }
    if (wrong) {
        fail(&t, wrong);
    }
    return !wrong;
}

/* Whether the product of 8 and these sizes, zeros counted as ones, is below 2^61. */
static bool fits(const int64_t *sizes, int count) {
    unsigned __int128 product = 8;
    for (int i = 0; i < count && product >> 61 == 0; i++) {
        product *= (unsigned __int128)(sizes[i] ? sizes[i] : 1);
    }
    return product >> 61 == 0;
}

/* Any sizes at all: refused, or free of overflow from end to end. */
static bool check_sizes(const uint8_t *bytes, size_t size) {
    test_problem t = {.problem = decode_sizes(bytes, size)};
    nhwc_problem *p = &t.problem;
    if (nhwc_problem_check(p) != NHWC_OK) {
        return true;
    }
    const int64_t *in = p->in, *out = p->out, *kernel = p->kernel, n = p->n < 0 ? 1 : p->n;
    bool right = fits((int64_t[]){n, in[0], in[1], in[2], p->c}, 5) &&
                 fits((int64_t[]){n, out[0], out[1], out[2], p->f}, 5) &&
                 fits((int64_t[]){kernel[0], kernel[1], kernel[2], p->c / p->groups, p->f}, 5);
    for (int axis = 0; axis < 3; axis++) {
        __int128 padded = (__int128)in[axis] + p->before[axis] + p->after[axis];
        __int128 last = (__int128)(out[axis] - 1) * p->stride[axis] + (__int128)(kernel[axis] - 1) * p->dilation[axis];
        right &= out[axis] >= 0 && (out[axis] == 0 ? padded == 0 : last < padded);
    }
    if (!right) {
        fail(&t, "nhwc_problem_check takes sizes that do not fit");
    }
    return right;
}

/* The first byte chooses what is tested. */
static bool check(const uint8_t *bytes, size_t size, int callers) {
    enum { SIZES_ONLY = 16, OTHERS = 80 }; /* of 256 */
    set_replay(bytes, size);
    if (size == 0) {
        return true;
    }
    if (bytes[0] < SIZES_ONLY) {
        return check_sizes(bytes + 1, size - 1);
    }
    return bytes[0] < OTHERS ? check_others(bytes + 1, size - 1) : check_convolution(bytes + 1, size - 1, callers);
}

#ifdef NHWC_FUZZ

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (!check(bytes, size, 1)) {
        abort();
    }
    return 0;
}

#else

/* Returns, so that abort() goes on to end the process: leaving from here would wait for the thread sanitizer's locks.
 */
static void print_replay(int signal) {
    static const char text[] = "  --replay ";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    written += write(STDERR_FILENO, replay, strlen(replay));
    (void)signal;
    (void)written;
}

static size_t parse_hex(const char *hex, uint8_t *bytes) {
    size_t size = 0;
    for (unsigned byte; size < PROBLEM_BYTES && sscanf(hex + 2 * size, "%2x", &byte) == 1;) {
        bytes[size++] = (uint8_t)byte;
    }
    return size;
}

int main(int argc, char **argv) {
    long problems = 1000, failed = 0;
    uint64_t seed = 1;
    int callers = 1;
    uint8_t bytes[PROBLEM_BYTES];
    size_t size = 0;
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--problems") == 0) {
            problems = atol(value);
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(value, NULL, 0);
        } else if (strcmp(argv[i], "--callers") == 0) {
            callers = atoi(value);
        } else if (strcmp(argv[i], "--replay") == 0) {
            size = parse_hex(value, bytes);
            problems = 1;
        } else {
            fprintf(stderr, "usage: driver [--problems N] [--seed S] [--callers C] [--replay HEX]\n");
            return 2;
        }
    }
    signal(SIGABRT, print_replay);
    nhwc_threads_set(1);
    printf("%ld problems of seed %llu, %d callers\n", problems, (unsigned long long)seed, callers);
    for (long i = 0; i < problems; i++) {
        uint64_t state = seed * 0x100000001b3 + (uint64_t)i;
        for (size_t at = 0; size == 0 && at < PROBLEM_BYTES; at++) {
            bytes[at] = (uint8_t)(random_bits(&state) >> 56);
        }
        failed += !check(bytes, size ? size : PROBLEM_BYTES, callers);
    }
    nhwc_release_memory();
    printf("%ld passed, %ld failed\n", problems - failed, failed);
    return failed != 0;
}

#endif
