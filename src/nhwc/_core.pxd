# What Cython knows of the C core.
from libc.stdint cimport int64_t


cdef extern from "nhwc.h" nogil:
    ctypedef enum nhwc_status:
        NHWC_OK
        NHWC_INVALID_ARGUMENT
        NHWC_UNSUPPORTED
        NHWC_TOO_LARGE
        NHWC_NO_MEMORY
        NHWC_INTERNAL

    ctypedef enum nhwc_dtype:
        NHWC_F32
        NHWC_F64
        NHWC_I64
        NHWC_U64
        NHWC_I32
        NHWC_F16
        NHWC_BF16
        NHWC_I8
        NHWC_U8
        NHWC_I16
        NHWC_U16
        NHWC_U32

    ctypedef enum nhwc_padding_mode:
        NHWC_CONSTANT

    ctypedef enum nhwc_activation:
        NHWC_LINEAR

    ctypedef enum nhwc_algorithm:
        NHWC_AUTO
        NHWC_DIRECT
        NHWC_WINOGRAD_F2
        NHWC_WINOGRAD_F4
        NHWC_WINOGRAD_F2_5X5

    ctypedef struct nhwc_problem:
        nhwc_dtype dtype
        int64_t n
        int64_t in_ "in"[3]
        int64_t c, f, groups
        int64_t kernel[3]
        int64_t stride[3]
        int64_t dilation[3]
        int64_t before[3]
        int64_t after[3]
        nhwc_padding_mode padding_mode
        nhwc_activation activation
        nhwc_algorithm algorithm
        int64_t out[3]
        int64_t pixels, k

    ctypedef struct nhwc_plan:
        pass

    ctypedef struct nhwc_plan_info:
        nhwc_algorithm algorithm
        const char *isa
        int64_t packed_bytes, workspace_bytes

    nhwc_status nhwc_problem_check(nhwc_problem *problem)
    enum:
        NHWC_RUNS_ONCE

    nhwc_status nhwc_plan_create(nhwc_plan **plan, const nhwc_problem *problem, const void *filters, const void *bias,
                                 int borrow)
    ctypedef struct nhwc_storage:
        nhwc_dtype x, filters, out

    nhwc_status nhwc_plan_create_stored(nhwc_plan **plan, const nhwc_problem *problem, nhwc_storage storage,
                                        const void *filters, const void *bias, int borrow)
    void nhwc_plan_destroy(nhwc_plan *plan)
    nhwc_status nhwc_transposed_check(nhwc_problem *problem)
    nhwc_status nhwc_plan_create_transposed(nhwc_plan **plan, const nhwc_problem *problem, const void *filters,
                                            const void *bias, int borrow)
    nhwc_status nhwc_plan_run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out)
    nhwc_status nhwc_plan_run_stored(const nhwc_plan *plan, nhwc_dtype x_dtype, int64_t n, const void *x,
                                     const void *residual, void *out)
    nhwc_plan_info nhwc_plan_describe(const nhwc_plan *plan)

    nhwc_status nhwc_filter_grad(const nhwc_problem *problem, const void *x, const void *dy, void *dfilters)

    const char *nhwc_isa_compiled(int i)
    const char *nhwc_isa_available(int i)
    const char *nhwc_isa_baseline()
    const char *nhwc_isa_name()
    nhwc_status nhwc_isa_use(const char *name)

    void nhwc_threads_set(int threads)
    int nhwc_threads_get()
    int nhwc_threads_swap_override(int threads)
    const char *nhwc_openmp()
    void nhwc_release_memory()
    double nhwc_measure_fma_peak(int threads, double seconds)
    double nhwc_measure_copy(int64_t bytes, int threads, double seconds)

    ctypedef enum nhwc_element:
        NHWC_ELEMENT_F32
        NHWC_ELEMENT_F64

    nhwc_status nhwc_max_pool(const nhwc_problem *problem, nhwc_element element, const void *x, void *out)
    nhwc_status nhwc_average_pool(const nhwc_problem *problem, const void *x, void *out)
    nhwc_status nhwc_max_pool_grad(const nhwc_problem *problem, const void *dy, const void *x, void *dx)
    nhwc_status nhwc_average_pool_grad(const nhwc_problem *problem, const void *dy, void *dx)
    nhwc_status nhwc_separable(const nhwc_problem *depthwise, const nhwc_problem *pointwise, const void *x,
                               const void *depthwise_filters, const void *pointwise_filters, const void *bias,
                               const void *residual, void *out)
