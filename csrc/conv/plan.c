/* Plans: the choice of the algorithm, and life from creation to destruction. */
#include "stored.h"

#include "../base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void relu6_u64(void *y, const int64_t *offsets, int64_t count, int64_t n, int activation) {
    (void)activation;
    for (int64_t row = 0; row < count; row++) {
        uint64_t *values = (uint64_t *)y + offsets[row];
        for (int64_t i = 0; i < n; i++) {
            values[i] = values[i] < 6 ? values[i] : 6;
        }
    }
}

/* Kernels clamp, which is relu and relu6; other activations follow while the tile is hot. Unsigned values share the
   kernels of signed ones, whose clamp would see the upper half as negative. */
static void choose_activation(nhwc_plan *plan) {
    const nhwc_problem *p = &plan->problem;
    const bool u64 = p->dtype == NHWC_U64;
    const bool floor = !u64 && (p->activation == NHWC_RELU || p->activation == NHWC_RELU6);
    const bool ceiling = !u64 && p->activation == NHWC_RELU6;
    if (p->dtype == NHWC_F32) {
        plan->clamp.f32[0] = floor ? 0.0f : -INFINITY;
        plan->clamp.f32[1] = ceiling ? 6.0f : INFINITY;
    } else if (p->dtype == NHWC_F64) {
        plan->clamp.f64[0] = floor ? 0.0 : -INFINITY;
        plan->clamp.f64[1] = ceiling ? 6.0 : INFINITY;
    } else {
        plan->clamp.i64[0] = floor ? 0 : INT64_MIN;
        plan->clamp.i64[1] = ceiling ? 6 : INT64_MAX;
    }
    if (u64) {
        plan->activate = p->activation == NHWC_RELU6 ? relu6_u64 : NULL;
    } else if (p->activation > NHWC_RELU6) {
        plan->activate = plan->kernels->activate;
    }
}

/* Best first; the last serves every problem. */
static const nhwc_method *const methods[] = {
    &nhwc_method_depthwise,
    &nhwc_method_winograd_split_f4,
    &nhwc_method_winograd_split_f2,
    &nhwc_method_winograd_split_f2_5x5,
    &nhwc_method_winograd_f2_5x5,
    &nhwc_method_winograd_f4,
    &nhwc_method_winograd_f2,
    &nhwc_method_split,
    &nhwc_method_images,
    &nhwc_method_rows,
    &nhwc_method_lines,
    &nhwc_method_tiles,
};

static const nhwc_method *choose_method(const nhwc_plan *plan) {
    const nhwc_algorithm wanted = plan->problem.algorithm;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if ((wanted == NHWC_AUTO || wanted == methods[i]->algorithm) && methods[i]->serves(plan)) {
            return methods[i];
        }
    }
    return NULL;
}

nhwc_output nhwc_whole_output(const nhwc_problem *p) {
    nhwc_output output = {.step = {p->out[1] * p->out[2] * p->f, p->out[2] * p->f, p->f}};
    output.sample = p->out[0] * output.step[0];
    return output;
}

const nhwc_kernels *nhwc_plan_kernels(nhwc_dtype dtype) {
    const nhwc_kernels *kernels = nhwc_isa_current()->kernels[dtype];
    return kernels ? kernels : nhwc_isa_scalar.kernels[dtype];
}

/* Whether wide integers have so few filters that plain multiplications, one a cycle, beat vectors of empty lanes. */
static bool leaves_lanes(const nhwc_problem *p) {
    const bool depthwise = p->groups > 1 && p->groups == p->c;
    return p->dtype >= NHWC_I64 && !depthwise && 4 * (p->f / p->groups) <= nhwc_plan_kernels(p->dtype)->lanes;
}

static const nhwc_method *choose_transposed(const nhwc_plan *plan) {
    return nhwc_method_overlap.serves(plan) ? &nhwc_method_overlap : &nhwc_method_transposed;
}

static nhwc_status prepare(nhwc_plan *plan, const nhwc_problem *part, const nhwc_method *(*choose)(const nhwc_plan *),
                           const void *filters, const void *bias, bool borrow) {
    plan->method = choose(plan);
    plan->problem = *part;
    if (!plan->method) {
        return NHWC_UNSUPPORTED;
    }
    plan->algorithm = plan->method->algorithm;
    return plan->method->prepare(plan, filters, bias, borrow);
}

/* A plan of `part` by the method that `choose` finds for `whole`; NULL is for an output of its own. */
static nhwc_status create(nhwc_plan **result, const nhwc_problem *whole, const nhwc_problem *part,
                          const nhwc_output *output, const nhwc_method *(*choose)(const nhwc_plan *),
                          const void *filters, const void *bias, int borrow) {
    const nhwc_output all = nhwc_whole_output(part);
    *result = NULL;
    nhwc_plan *plan = calloc(1, sizeof *plan);
    if (!plan) {
        return NHWC_NO_MEMORY;
    }
    plan->problem = *whole;
    plan->output = output ? *output : all;
    plan->dense = !output || memcmp(output, &all, sizeof all) == 0;
    plan->isa = nhwc_isa_current();
    plan->kernels = leaves_lanes(whole) ? nhwc_isa_scalar.kernels[whole->dtype] : nhwc_plan_kernels(whole->dtype);
    plan->element = whole->dtype == NHWC_F32 ? 4 : 8;
    choose_activation(plan);
    plan->once = borrow;
    plan->single = borrow == NHWC_RUNS_ONCE;
    nhwc_status status = prepare(plan, part, choose, filters, bias, borrow);
    if (status == NHWC_UNSUPPORTED && plan->unsplit) {
        plan->problem = *whole;
        status = prepare(plan, part, choose, filters, bias, borrow);
    }
    if (status != NHWC_OK) {
        nhwc_plan_destroy(plan);
        return status;
    }
    *result = plan;
    return NHWC_OK;
}

nhwc_status nhwc_plan_create(nhwc_plan **plan, const nhwc_problem *problem, const void *filters, const void *bias,
                             int borrow) {
    return create(plan, problem, problem, NULL, choose_method, filters, bias, borrow);
}

nhwc_status nhwc_plan_create_part(nhwc_plan **plan, const nhwc_problem *whole, const nhwc_problem *part,
                                  const void *filters, const void *bias, bool borrow) {
    return create(plan, whole, part, NULL, choose_method, filters, bias, borrow);
}

nhwc_status nhwc_plan_create_into(nhwc_plan **plan, const nhwc_problem *problem, const nhwc_output *output,
                                  const void *filters, const void *bias, int borrow) {
    return create(plan, problem, problem, output, choose_method, filters, bias, borrow);
}

nhwc_status nhwc_plan_create_transposed(nhwc_plan **plan, const nhwc_problem *problem, const void *filters,
                                        const void *bias, int borrow) {
    return create(plan, problem, problem, NULL, choose_transposed, filters, bias, borrow);
}

static bool is_integer(nhwc_dtype dtype) { return dtype != NHWC_F16 && dtype != NHWC_BF16 && dtype >= NHWC_I64; }

static bool storage_fits(nhwc_dtype work, nhwc_storage s) {
    if ((unsigned)s.x >= NHWC_STORED_DTYPES || (unsigned)s.filters >= NHWC_STORED_DTYPES) {
        return false;
    }
    if (work == NHWC_F32) {
        return s.x == s.filters && s.x == s.out && (s.x == NHWC_F16 || s.x == NHWC_BF16);
    }
    return (work == NHWC_I64 || work == NHWC_U64) && s.out == work && is_integer(s.x) && is_integer(s.filters);
}

nhwc_status nhwc_plan_create_stored(nhwc_plan **result, const nhwc_problem *problem, nhwc_storage storage,
                                    const void *filters, const void *bias, int borrow) {
    *result = NULL;
    if (storage.x == problem->dtype && storage.filters == storage.x && storage.out == storage.x &&
        !is_integer(storage.x)) {
        return nhwc_plan_create(result, problem, filters, bias, borrow);
    }
    if (!storage_fits(problem->dtype, storage)) {
        return NHWC_INVALID_ARGUMENT;
    }
    nhwc_plan *plan = calloc(1, sizeof *plan);
    if (!plan) {
        return NHWC_NO_MEMORY;
    }
    plan->problem = *problem;
    nhwc_status status = nhwc_stored_create(&plan->stored, problem, storage, filters, bias, borrow);
    if (status != NHWC_OK) {
        nhwc_plan_destroy(plan);
        return status;
    }
    *result = plan;
    return NHWC_OK;
}

void nhwc_plan_destroy(nhwc_plan *plan) {
    if (plan) {
        if (plan->method && plan->method->destroy) {
            plan->method->destroy(plan);
        }
        nhwc_stored_destroy(plan->stored);
        if (plan->borrowed && plan->memory) {
            nhwc_workspace_give(plan->memory);
        } else {
            nhwc_aligned_free(plan->memory);
        }
        free(plan);
    }
}

nhwc_status nhwc_plan_run_stored(const nhwc_plan *plan, nhwc_dtype x_dtype, int64_t n, const void *x,
                                 const void *residual, void *out) {
    if (n < 0 || (plan->problem.n >= 0 && n != plan->problem.n) || (unsigned)x_dtype >= NHWC_STORED_DTYPES) {
        return NHWC_INVALID_ARGUMENT;
    }
    if (n == 0 || plan->problem.pixels == 0 || plan->problem.f == 0) {
        return NHWC_OK;
    }
    if (plan->stored) {
        return nhwc_stored_run(plan->stored, x_dtype, n, x, residual, out);
    }
    return x_dtype == plan->problem.dtype ? plan->method->run(plan, n, x, residual, out) : NHWC_INVALID_ARGUMENT;
}

nhwc_status nhwc_plan_run(const nhwc_plan *plan, int64_t n, const void *x, const void *residual, void *out) {
    nhwc_dtype x_dtype = plan->stored ? plan->stored->storage.x : plan->problem.dtype;
    return nhwc_plan_run_stored(plan, x_dtype, n, x, residual, out);
}

int64_t nhwc_plan_loan_bytes(const nhwc_plan *plan, int64_t n, int threads) {
    const double LEAST_GRAIN = 3e5; /* multiplications worth a thread, in any method */
    const nhwc_problem *p = &plan->problem;
    const double useful = nhwc_work(p, n) / LEAST_GRAIN;
    return nhwc_round_up(plan->workspace_bytes, NHWC_ALIGNMENT) * (useful < threads ? (int)useful + 1 : threads);
}

nhwc_plan_info nhwc_plan_describe(const nhwc_plan *plan) {
    if (plan->stored) {
        return nhwc_stored_describe(plan->stored);
    }
    return (nhwc_plan_info){
        .algorithm = plan->algorithm,
        .isa = plan->isa->name,
        .packed_bytes = plan->packed_bytes,
        .workspace_bytes = plan->workspace_bytes,
    };
}
