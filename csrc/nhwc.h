/* The C interface of nhwc: what a convolution is, how to plan and run one, and what machine it runs on. */
#ifndef NHWC_H
#define NHWC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    NHWC_OK,
    NHWC_INVALID_ARGUMENT, /* a field of the problem is out of its range */
    NHWC_UNSUPPORTED,      /* the named algorithm cannot serve this problem */
    NHWC_TOO_LARGE,        /* a size does not fit 64 bits */
    NHWC_NO_MEMORY,
    NHWC_INTERNAL,
} nhwc_status;

/* What the kernels compute in, and after that what arrays only are stored in. i64 and u64 wrap; they share kernels.
   Kernels of i32 sum in 64 bits: their elements are int64_t whose values are those of an int32_t. */
typedef enum {
    NHWC_F32,
    NHWC_F64,
    NHWC_I64,
    NHWC_U64,
    NHWC_I32,
    NHWC_DTYPES,
    NHWC_F16 = NHWC_DTYPES,
    NHWC_BF16,
    NHWC_I8,
    NHWC_U8,
    NHWC_I16,
    NHWC_U16,
    NHWC_U32,
    NHWC_STORED_DTYPES
} nhwc_dtype;

/* What the padding holds, by np.pad's names. */
typedef enum {
    NHWC_CONSTANT,
    NHWC_EDGE,
    NHWC_REFLECT,
    NHWC_SYMMETRIC,
    NHWC_WRAP,
    NHWC_PADDING_MODES
} nhwc_padding_mode;

typedef enum {
    NHWC_LINEAR,
    NHWC_RELU,
    NHWC_RELU6,
    NHWC_LEAKY_RELU,
    NHWC_ELU,
    NHWC_SELU,
    NHWC_SIGMOID,
    NHWC_HARD_SIGMOID,
    NHWC_TANH,
    NHWC_SILU,
    NHWC_HARD_SILU,
    NHWC_GELU,
    NHWC_SOFTPLUS,
    NHWC_ACTIVATIONS
} nhwc_activation;

typedef enum {
    NHWC_AUTO,
    NHWC_DIRECT,
    NHWC_WINOGRAD_F2,
    NHWC_WINOGRAD_F4,
    NHWC_WINOGRAD_F2_5X5,
    NHWC_ALGORITHMS
} nhwc_algorithm;

/* One convolution. Three spatial axes, depth, height, width; an axis that a problem does not have comes first
   and has size 1, kernel 1, stride 1, dilation 1, no padding. Depthwise is groups == c. The caller fills all
   but the last group of fields, which nhwc_problem_check computes. */
typedef struct {
    nhwc_dtype dtype;
    int64_t n; /* -1: any batch */
    int64_t in[3], c, f, groups;
    int64_t kernel[3], stride[3], dilation[3], before[3], after[3];
    nhwc_padding_mode padding_mode;
    nhwc_activation activation;
    nhwc_algorithm algorithm;

    int64_t out[3];
    int64_t pixels; /* output pixels of one sample */
    int64_t k;      /* length of the reduction: taps times channels of a group */
} nhwc_problem;

/* Checks every field and fills the computed ones; the only source of shape arithmetic. The other functions
   take checked problems. */
nhwc_status nhwc_problem_check(nhwc_problem *problem);

typedef struct nhwc_plan nhwc_plan;

/* What `borrow` may be beside 0 and 1: the plan is made to be run once. */
enum { NHWC_RUNS_ONCE = 2 };

/* Chooses the algorithm and prepares the filters, HWIO of shape (kernel, c / groups, f). With `borrow` the
   filters and the bias (f values, or NULL) must outlive the plan and may be read in place: for plans that run
   a few times. Otherwise both are copied. A plan is immutable, and any number of threads may run it. */
nhwc_status nhwc_plan_create(nhwc_plan **plan, const nhwc_problem *problem, const void *filters, const void *bias,
                             int borrow);

/* How arrays lie in memory. */
typedef struct {
    nhwc_dtype x, filters;
    nhwc_dtype out; /* bias and residual too */
} nhwc_storage;

/* The same where arrays are not stored in the problem's dtype. Problems of f32 take x, filters and out of f16 or of
   bf16, and round once. Problems of i64 and u64 take x and filters of any integer dtypes, and a plan then runs with the
   x of another integer dtype by nhwc_plan_run_stored; out is i64 or u64, as the problem. All else is
   NHWC_INVALID_ARGUMENT. */
nhwc_status nhwc_plan_create_stored(nhwc_plan **plan, const nhwc_problem *problem, nhwc_storage storage,
                                    const void *filters, const void *bias, int borrow);
void nhwc_plan_destroy(nhwc_plan *plan);

/* A transposed convolution, which is the input gradient of a forward one: a problem whose kernel, stride, dilation and
   padding are those of the forward convolution, but which reads what that makes and makes what that reads: `in` and
   `c` are of x, `out`, which the caller chooses, and `f` of the result. Zeros are what the padding holds, and "auto" is
   the algorithm. The filters are HWIO of the forward convolution: of shape (kernel, f / groups, c). */
nhwc_status nhwc_transposed_check(nhwc_problem *problem);
nhwc_status nhwc_plan_create_transposed(nhwc_plan **plan, const nhwc_problem *problem, const void *filters,
                                        const void *bias, int borrow);

/* out = activation(conv(x) + bias + residual) for n samples; residual may be NULL or equal to out, no other
   operands may overlap. Fails only before the first write to out. */
nhwc_status nhwc_plan_run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out);
nhwc_status nhwc_plan_run_stored(const nhwc_plan *plan, nhwc_dtype x_dtype, int64_t n, const void *x,
                                 const void *residual, void *out);

typedef struct {
    nhwc_algorithm algorithm;
    const char *isa;
    int64_t packed_bytes;
    int64_t workspace_bytes; /* per thread */
} nhwc_plan_info;
nhwc_plan_info nhwc_plan_describe(const nhwc_plan *plan);

/* A depthwise convolution and a pointwise one of its result: checked problems of one or two spatial
   axes and of the same known n. Only the second has a bias, a residual, which may be out, and an activation. Fails
   only before the first write, or for want of memory. */
nhwc_status nhwc_separable(const nhwc_problem *depthwise, const nhwc_problem *pointwise, const void *x,
                           const void *depthwise_filters, const void *pointwise_filters, const void *bias,
                           const void *residual, void *out);

/* Pooling: the kernel is the pool, groups and f are c, dilation is 1, and every window must hold a pixel of the input.
   The problem is checked and its n known; padding counts for nothing. The dtype is what sums and gradients compute in;
   a maximum is of any numbers. Fail only before the first write. */
typedef enum {
    NHWC_ELEMENT_F32,
    NHWC_ELEMENT_F64,
    NHWC_ELEMENT_I8,
    NHWC_ELEMENT_I16,
    NHWC_ELEMENT_I32,
    NHWC_ELEMENT_I64,
    NHWC_ELEMENT_U8,
    NHWC_ELEMENT_U16,
    NHWC_ELEMENT_U32,
    NHWC_ELEMENT_U64,
    NHWC_ELEMENTS
} nhwc_element;
nhwc_status nhwc_max_pool(const nhwc_problem *problem, nhwc_element element, const void *x, void *out);
nhwc_status nhwc_average_pool(const nhwc_problem *problem, const void *x, void *out);                 /* f32, f64 */
nhwc_status nhwc_max_pool_grad(const nhwc_problem *problem, const void *dy, const void *x, void *dx); /* not u64 */
nhwc_status nhwc_average_pool_grad(const nhwc_problem *problem, const void *dy, void *dx);            /* f32, f64 */
/* dfilters = the gradient of sum(dy * conv(x)) in the filters, HWIO of shape (kernel, c / groups, f), for the problem's
   n samples. Padding holds zeros; the problem's activation and algorithm do not count. The operands must not overlap.
   Fails only before the first write to dfilters. */
nhwc_status nhwc_filter_grad(const nhwc_problem *problem, const void *x, const void *dy, void *dfilters);

/* Instruction sets, best first; nhwc_isa_at(i, ...) is NULL past the end. Plans keep the one they were made with. */
const char *nhwc_isa_compiled(int i);
const char *nhwc_isa_available(int i);
const char *nhwc_isa_baseline(void);
const char *nhwc_isa_name(void);
nhwc_status nhwc_isa_use(const char *name);

/* Threads: the process's setting, and an override for the calling thread (0: none). */
void nhwc_threads_set(int threads);
int nhwc_threads_get(void);
int nhwc_threads_swap_override(int threads);
const char *nhwc_openmp(void); /* NULL: a build without OpenMP */

/* Gives back the workspace that is kept between calls. */
void nhwc_release_memory(void);

/* What the machine can do, with the instruction set in use: fused multiply-adds from registers in GFLOP/s, and
   copying in GB/s (bytes read and written). Each takes about `seconds`. */
double nhwc_measure_fma_peak(int threads, double seconds);
double nhwc_measure_copy(int64_t bytes, int threads, double seconds);

#ifdef __cplusplus
}
#endif
#endif
