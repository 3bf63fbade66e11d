/* The arrays of a problem: exact memory and random values. */
#include "operands.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void give_up(const char *what) {
    perror(what);
    exit(2);
}

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

/* Pages for `bytes`, and one on either side that cannot be touched. */
static void map_between_guards(buffer *b, size_t bytes) {
    size_t page = page_size(), inner = (bytes + page - 1) / page * page;
    b->mapped = inner + 2 * page;
    b->pages = mmap(NULL, b->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->pages == MAP_FAILED ||
        (inner > 0 && mprotect((char *)b->pages + page, inner, PROT_READ | PROT_WRITE) != 0)) {
        give_up("guard pages");
    }
}

buffer buffer_make(size_t bytes, place where) {
    buffer b = {.bytes = bytes};
    if (where == ON_HEAP) {
        b.data = malloc(bytes ? bytes : 1);
        if (!b.data) {
            give_up("malloc");
        }
        return b;
    }
    map_between_guards(&b, bytes);
    size_t page = page_size();
    b.data = (char *)b.pages + (where == AFTER_GUARD ? page : b.mapped - page - bytes);
    return b;
}

void buffer_seal(const buffer *b) {
    size_t page = page_size();
    if (b->pages && b->mapped > 2 * page && mprotect((char *)b->pages + page, b->mapped - 2 * page, PROT_READ) != 0) {
        give_up("mprotect");
    }
}

void buffer_free(buffer *b) {
    if (b->pages) {
        munmap(b->pages, b->mapped);
    } else {
        free(b->data);
    }
    *b = (buffer){0};
}

/* One value: an integer from -4 to 4, any 64 bits, or a real number between -1 and 1 that fills its mantissa. */
static void put_value(nhwc_dtype dtype, value_kind kind, uint64_t bits, void *to) {
    const int64_t small = (int64_t)(bits % 9) - 4;
    const double real = (double)(bits >> 11) * (bits & 1 && kind != POSITIVE ? -0x1p-53 : 0x1p-53);
    if (dtype == NHWC_F32) {
        float value = kind == INTEGER_VALUED ? (float)small : (float)real;
        memcpy(to, &value, sizeof value);
    } else if (dtype == NHWC_F64) {
        double value = kind == INTEGER_VALUED ? (double)small : real;
        memcpy(to, &value, sizeof value);
    } else {
        uint64_t value = kind == INTEGER_VALUED ? (uint64_t)small : bits;
        memcpy(to, &value, sizeof value);
    }
}

static void put_not_finite(nhwc_dtype dtype, uint64_t bits, void *to) {
    static const double values[] = {NAN, INFINITY, -INFINITY};
    double value = values[bits % 3];
    float narrow = (float)value;
    if (dtype == NHWC_F32) {
        memcpy(to, &narrow, sizeof narrow);
    } else if (dtype == NHWC_F64) {
        memcpy(to, &value, sizeof value);
    }
}

/* A sealed array of `count` values; up to three of them are not finite, if so asked. */
static buffer make_array(const test_problem *t, int64_t count, bool finite, uint64_t *state) {
    enum { NOT_FINITE = 3 };
    nhwc_dtype dtype = t->problem.dtype;
    size_t element = dtype == NHWC_F32 ? sizeof(float) : sizeof(double);
    buffer b = buffer_make((size_t)count * element, t->place);
    for (int64_t i = 0; i < count; i++) {
        put_value(dtype, t->values, random_bits(state), (char *)b.data + (size_t)i * element);
    }
    for (int i = 0; i < NOT_FINITE && !finite && count > 0; i++) {
        uint64_t at = random_bits(state) % (uint64_t)count;
        put_not_finite(dtype, random_bits(state), (char *)b.data + at * element);
    }
    buffer_seal(&b);
    return b;
}

operands operands_make(const test_problem *t) {
    const nhwc_problem *p = &t->problem;
    const bool x_finite = t->values != INPUT_NOT_FINITE, filters_finite = t->values != FILTERS_NOT_FINITE;
    uint64_t state = t->seed;
    operands o = {
        .inputs = t->n * p->in[0] * p->in[1] * p->in[2] * p->c,
        .outputs = t->n * p->pixels * p->f,
        .element = p->dtype == NHWC_F32 ? sizeof(float) : sizeof(double),
    };
    o.x = make_array(t, o.inputs, x_finite, &state);
    o.filters = make_array(t, p->k * p->f, filters_finite, &state);
    if (t->with_bias) {
        o.bias = make_array(t, p->f, filters_finite, &state);
    }
    if (t->residual != NO_RESIDUAL) {
        o.residual = make_array(t, o.outputs, x_finite, &state);
    }
    return o;
}

void operands_free(operands *o) {
    buffer_free(&o->x);
    buffer_free(&o->filters);
    buffer_free(&o->bias);
    buffer_free(&o->residual);
}
