/* Plans of arrays that are stored in another dtype: the pieces they are cut into, and the dtypes to compute in. */
#include "stored.h"

#include "../base/memory.h"
#include "../base/threads.h"
#include "source.h"

#include <stdlib.h>
#include <string.h>

/* Of converted input and output that a piece has: as much as stays in the second-level cache, but, where filters are
   larger, as much as they are, since every piece reads them again. */
enum { PIECE_BYTES = 1 << 20, PIECE_MOST = 8 << 20 };

int64_t nhwc_dtype_size(nhwc_dtype dtype) {
    static const char sizes[NHWC_STORED_DTYPES] = {[NHWC_F32] = 4, [NHWC_F64] = 8, [NHWC_I64] = 8,  [NHWC_U64] = 8,
                                                   [NHWC_I32] = 4, [NHWC_F16] = 2, [NHWC_BF16] = 2, [NHWC_I8] = 1,
                                                   [NHWC_U8] = 1,  [NHWC_I16] = 2, [NHWC_U16] = 2,  [NHWC_U32] = 4};
    return sizes[dtype];
}

/* ---- Pieces ------------------------------------------------------------------------------------------------------ */

static int64_t in_elements(const nhwc_problem *p) { return p->in[0] * p->in[1] * p->in[2] * p->c; }

/* Of the dtype computed in; integers may need either. */
static int64_t element_bytes(const nhwc_stored *s) { return nhwc_is_half(s->storage.x) ? 4 : 8; }

static int64_t piece_bytes(const nhwc_stored *s) {
    const nhwc_problem *p = &s->problem;
    return nhwc_max(nhwc_min(p->k * p->f * element_bytes(s), PIECE_MOST), PIECE_BYTES);
}

static bool is_flat(const nhwc_problem *p, int axis) {
    return p->in[axis] == 1 && p->out[axis] == 1 && p->kernel[axis] == 1 && p->before[axis] == 0 && p->after[axis] == 0;
}

/* Cuts samples that are too large into bands of nearly equal height, a multiple of what Winograd's tiles have. Bands of
   windows that span more than the input would be larger than it. */
static void cut_bands(nhwc_stored *s) {
    enum { TILE = 4 };
    const nhwc_problem *p = &s->problem;
    const int64_t bytes = (in_elements(p) + p->pixels * p->f) * element_bytes(s);
    while (s->axis < 2 && is_flat(p, s->axis)) {
        s->axis++;
    }
    const int64_t out = p->out[s->axis], bands = nhwc_ceil_div(bytes, piece_bytes(s));
    const int64_t rows = bands > 1 ? nhwc_round_up(nhwc_ceil_div(out, bands), TILE) : out;
    s->rows = rows < out && nhwc_span(p, s->axis, rows) <= p->in[s->axis] ? rows : 0;
}

int64_t nhwc_stored_samples(const nhwc_stored *s) {
    const nhwc_problem *p = &s->problem;
    const int64_t bytes = (in_elements(p) + p->pixels * p->f) * element_bytes(s);
    return s->rows ? 1 : nhwc_max(piece_bytes(s) / nhwc_max(bytes, 1), 1);
}

int64_t nhwc_piece_input_bytes(const nhwc_plan *plan, int64_t samples) {
    return nhwc_round_up(samples * in_elements(&plan->problem) * (int64_t)plan->element, NHWC_ALIGNMENT);
}

int64_t nhwc_piece_bytes(const nhwc_plan *plan, int64_t samples) {
    const nhwc_problem *p = &plan->problem;
    const int64_t output = samples * p->pixels * p->f * (int64_t)plan->element;
    return nhwc_piece_input_bytes(plan, samples) + nhwc_round_up(output, NHWC_ALIGNMENT);
}

/* ---- Integers: what to compute in -------------------------------------------------------------------------------- */

double nhwc_dtype_bound(nhwc_dtype dtype) {
    static const double bounds[NHWC_STORED_DTYPES] = {[NHWC_I8] = 0x1p7,   [NHWC_U8] = 0x1p8,   [NHWC_I16] = 0x1p15,
                                                      [NHWC_U16] = 0x1p16, [NHWC_I32] = 0x1p31, [NHWC_U32] = 0x1p32,
                                                      [NHWC_I64] = 0x1p63, [NHWC_U64] = 0x1p64};
    return bounds[dtype];
}

static bool fits_i32(nhwc_dtype dtype, double magnitude) {
    return nhwc_dtype_bound(dtype) < 0x1p31 || dtype == NHWC_I32 || magnitude < 0x1p31;
}

/* Float32 holds the integers up to 2^24: if the magnitudes of all products of an output add up to no more, every sum of
   any of them is exact, in any order. So are those of float64, which are converted back up to NHWC_EXACT. */
nhwc_dtype nhwc_stored_work(const nhwc_stored *s, nhwc_dtype x, double bound) {
    const double most = (bound > 1 ? bound : 1) * (s->sum > 1 ? s->sum : 1);
    if (most <= 0x1p24) {
        return NHWC_F32;
    }
    if (most <= NHWC_EXACT) {
        return NHWC_F64;
    }
    return fits_i32(x, bound) && fits_i32(s->storage.filters, s->magnitude) ? NHWC_I32 : NHWC_I64;
}

/* Finds the greatest magnitude of the filters and the greatest sum of a filter's; bounds of the dtype's where these are
   enough. */
static nhwc_status measure_filters(nhwc_stored *s) {
    enum { BLOCK = 256 };
    const nhwc_problem *p = &s->problem;
    const int64_t size = nhwc_dtype_size(s->storage.filters);
    const nhwc_conversions *convert = nhwc_plan_kernels(NHWC_F64)->convert;
    s->magnitude = nhwc_dtype_bound(s->storage.filters);
    s->sum = s->magnitude * (double)p->k;
    if (s->once && nhwc_stored_work(s, s->storage.x, nhwc_dtype_bound(s->storage.x)) == NHWC_F32) {
        return NHWC_OK;
    }
    s->magnitude = s->sum = 0;
    for (int64_t first = 0; first < p->f; first += BLOCK) {
        double row[BLOCK], sums[BLOCK] = {0};
        const int64_t live = nhwc_min(BLOCK, p->f - first);
        for (int64_t k = 0; k < p->k; k++) {
            convert->widen[s->storage.filters](row, (const char *)s->filters + (k * p->f + first) * size, live);
            convert->add_magnitudes(sums, row, live);
            if (size > 4) {
                const double magnitude = convert->magnitude(row, live);
                s->magnitude = magnitude > s->magnitude ? magnitude : s->magnitude;
            }
        }
        const double sum = convert->magnitude(sums, live);
        s->sum = sum > s->sum ? sum : s->sum;
    }
    if (size <= 4) {
        s->magnitude = nhwc_dtype_bound(s->storage.filters);
    }
    return NHWC_OK;
}

/* ---- Plans ------------------------------------------------------------------------------------------------------- */

typedef struct {
    nhwc_convert *widen;
    const char *from;
    char *to;
    int64_t from_size, to_size, n;
} conversion;

enum { BLOCK = 1 << 13 };

static void convert_blocks(void *context, int64_t first, int64_t last, int worker) {
    const conversion *c = context;
    (void)worker;
    first *= BLOCK;
    last = nhwc_min(last * BLOCK, c->n);
    c->widen(c->to + first * c->to_size, c->from + first * c->from_size, last - first);
}

/* The problem in the dtype to compute in, whole and as a band. Integers get bias, residual and activation afterwards.
 */
static void inner_problems(const nhwc_stored *s, nhwc_dtype work, nhwc_problem *whole, nhwc_problem *part) {
    *whole = s->problem;
    whole->dtype = work;
    if (!nhwc_is_half(s->storage.x)) {
        whole->activation = NHWC_LINEAR;
        whole->algorithm = NHWC_DIRECT;
    }
    *part = *whole;
    if (s->rows) {
        part->pixels = part->pixels / part->out[s->axis] * s->rows;
        part->in[s->axis] = nhwc_span(whole, s->axis, s->rows);
        part->out[s->axis] = s->rows;
        part->before[s->axis] = part->after[s->axis] = 0;
    }
}

static nhwc_status make_plan(nhwc_stored *s, nhwc_dtype work, const void *filters, const void *bias, nhwc_plan **plan) {
    enum { GRAIN = 1 << 16 };
    const nhwc_kernels *kernels = nhwc_plan_kernels(work);
    const int64_t size = work == NHWC_F32 ? 4 : 8, count = s->problem.k * s->problem.f;
    nhwc_problem whole, part;
    inner_problems(s, work, &whole, &part);
    char *converted = nhwc_workspace_take((size_t)((count + s->problem.f) * size));
    if (!converted) {
        return NHWC_NO_MEMORY;
    }
    conversion c = {kernels->convert->widen[s->storage.filters], filters, converted,
                    nhwc_dtype_size(s->storage.filters),         size,    count};
    nhwc_parallel_for(nhwc_threads_for((double)count, GRAIN), nhwc_ceil_div(count, BLOCK), convert_blocks, &c);
    char *converted_bias = NULL;
    if (bias) {
        converted_bias = converted + count * size;
        kernels->convert->widen[s->storage.out](converted_bias, bias, s->problem.f);
    }
    nhwc_status status = nhwc_plan_create_part(plan, &whole, &part, converted, converted_bias, s->once);
    if (status == NHWC_OK && s->once) {
        s->converted = converted;
    } else {
        nhwc_workspace_give(converted);
    }
    return status;
}

const nhwc_plan *nhwc_stored_plan(const nhwc_stored *stored, nhwc_dtype work, nhwc_status *status) {
    nhwc_stored *s = (nhwc_stored *)stored; /* plans are added, which changes nothing that can be seen */
    nhwc_plan *plan = atomic_load(&s->plans[work]);
    if (!plan && work == NHWC_F32) {
        plan = atomic_load(&s->plans[NHWC_F64]);
    }
    if (!plan && work == NHWC_I32) {
        plan = atomic_load(&s->plans[NHWC_I64]);
    }
    *status = NHWC_OK;
    if (plan) {
        return plan;
    }
    *status = make_plan(s, work, s->filters, NULL, &plan);
    if (*status != NHWC_OK) {
        return NULL;
    }
    nhwc_plan *other = NULL;
    if (!atomic_compare_exchange_strong(&s->plans[work], &other, plan)) {
        nhwc_plan_destroy(plan);
        plan = other;
    }
    return plan;
}

/* Keeps the filters and the bias of integers, for the plans that will be needed. */
static nhwc_status keep_integers(nhwc_stored *s, const void *filters, const void *bias) {
    const size_t bytes = (size_t)(s->problem.k * s->problem.f * nhwc_dtype_size(s->storage.filters));
    const size_t biases = bias ? (size_t)s->problem.f * sizeof(int64_t) : 0;
    s->filters = filters;
    s->bias = bias;
    if (s->once) {
        return NHWC_OK;
    }
    char *memory = s->memory = nhwc_aligned_alloc(biases + bytes);
    if (!memory) {
        return NHWC_NO_MEMORY;
    }
    s->filters = memcpy(memory + biases, filters, bytes);
    s->bias = bias ? memcpy(memory, bias, biases) : NULL;
    return NHWC_OK;
}

static nhwc_status prepare_integers(nhwc_stored *s, const void *filters, const void *bias) {
    if (s->problem.algorithm > NHWC_DIRECT) {
        return NHWC_UNSUPPORTED;
    }
    nhwc_status status = keep_integers(s, filters, bias);
    if (status == NHWC_OK) {
        status = measure_filters(s);
    }
    if (status == NHWC_OK && !s->once) {
        nhwc_stored_plan(s, nhwc_stored_work(s, s->storage.x, nhwc_dtype_bound(s->storage.x)), &status);
    }
    return status;
}

nhwc_status nhwc_stored_create(nhwc_stored **result, const nhwc_problem *problem, nhwc_storage storage,
                               const void *filters, const void *bias, bool borrow) {
    nhwc_stored *s = *result = calloc(1, sizeof *s);
    if (!s) {
        return NHWC_NO_MEMORY;
    }
    s->problem = *problem;
    s->storage = storage;
    s->once = borrow;
    cut_bands(s);
    if (!nhwc_is_half(storage.x)) {
        return prepare_integers(s, filters, bias);
    }
    nhwc_plan *plan = NULL;
    nhwc_status status = make_plan(s, NHWC_F32, filters, bias, &plan);
    atomic_store(&s->plans[NHWC_F32], plan);
    return status;
}

void nhwc_stored_destroy(nhwc_stored *s) {
    if (s) {
        for (int i = 0; i < NHWC_DTYPES; i++) {
            nhwc_plan_destroy(atomic_load(&s->plans[i]));
        }
        if (s->converted) {
            nhwc_workspace_give(s->converted);
        }
        nhwc_aligned_free(s->memory);
        free(s);
    }
}

/* Of the plan for inputs as planned, which a kept plan has from the start. */
nhwc_plan_info nhwc_stored_describe(const nhwc_stored *s) {
    const nhwc_dtype x = s->storage.x;
    nhwc_status status;
    const nhwc_plan *plan =
        nhwc_stored_plan(s, nhwc_is_half(x) ? NHWC_F32 : nhwc_stored_work(s, x, nhwc_dtype_bound(x)), &status);
    if (!plan) {
        return (nhwc_plan_info){.algorithm = NHWC_DIRECT, .isa = nhwc_isa_name()};
    }
    nhwc_plan_info info = nhwc_plan_describe(plan);
    info.workspace_bytes += nhwc_piece_bytes(plan, nhwc_stored_samples(s));
    return info;
}
