/* Tests every name of one vector header and the activations made of them, on the processor that runs it.

   Compile with -Icsrc, -DNHWC_TEST_ISA_HEADER='"simd/avx2.h"', the flags of that instruction set and
   -ffp-contract=off; link with -lm. Failures go to stderr, the count to stdout, the verdict to the exit code.
   The file includes itself once per dtype, for the part that is a template over NHWC_DTYPE. */

#ifndef NHWC_DTYPE

#include NHWC_TEST_ISA_HEADER
#include "activations.h"
#include "kernels/template.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static long passed, failed;

static void check(int condition, const char *what, double a, double b) {
    passed += condition;
    failed += !condition;
    if (!condition) {
        fprintf(stderr, "failed: %s at %.17g, %.17g\n", what, a, b);
    }
}

/* The first byte of a page that cannot be touched, behind one that can. */
static char *guard_page(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0) {
        perror("guard_page");
        exit(2);
    }
    return pages + page;
}

#define SELU_LEAST (-((double)SELU_SCALE * (double)SELU_ALPHA))

/* What an activation does at the infinities, and its least value. */
static const struct {
    const char *name;
    double at_minus_infinity, at_infinity, least;
} activations[NHWC_ACTIVATIONS] = {
    [NHWC_LINEAR] = {"linear", -INFINITY, INFINITY, -INFINITY},
    [NHWC_RELU] = {"relu", 0, INFINITY, 0},
    [NHWC_RELU6] = {"relu6", 0, 6, 0},
    [NHWC_LEAKY_RELU] = {"leaky_relu", -INFINITY, INFINITY, -INFINITY},
    [NHWC_ELU] = {"elu", -1, INFINITY, -1},
    [NHWC_SELU] = {"selu", SELU_LEAST, INFINITY, SELU_LEAST},
    [NHWC_SIGMOID] = {"sigmoid", 0, 1, 0},
    [NHWC_HARD_SIGMOID] = {"hard_sigmoid", 0, 1, 0},
    [NHWC_TANH] = {"tanh", -1, 1, -1},
    [NHWC_SILU] = {"silu", 0, INFINITY, -0.27847},
    [NHWC_HARD_SILU] = {"hard_silu", 0, INFINITY, -0.375001},
    [NHWC_GELU] = {"gelu", 0, INFINITY, -0.16998},
    [NHWC_SOFTPLUS] = {"softplus", 0, INFINITY, 0},
};

#define NHWC_ISA test

/* f32: 24 bits of precision, exponents from -126 to 127. */
#define NHWC_DTYPE f32
#define UINT uint32_t
#define MANTISSA 23
#define MAX_EXPONENT 127
#define TOLERANCE 1e-6L
#define EPSILON 0x1p-23
#include "test_simd.c"

#define NHWC_DTYPE f64
#define UINT uint64_t
#define MANTISSA 52
#define MAX_EXPONENT 1023
#define TOLERANCE 4e-15L
#define EPSILON 0x1p-52
#include "test_simd.c"

#ifdef VL_i64
static void test_integers(void) {
    static const int64_t values[] = {0, 1, -1, 3, -7, INT64_MAX, INT64_MIN, INT64_MAX - 1, 1234567890123456789};
    enum { COUNT = sizeof values / sizeof *values };
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < COUNT; j++) {
            int64_t a = values[i], b = values[j], c = values[(i + j) % COUNT], stored = -5;
            uint64_t product = (uint64_t)a * (uint64_t)b;
            check((uint64_t)vi64_add(a, b) == (uint64_t)a + (uint64_t)b, "add_i64", a, b);
            check((uint64_t)vi64_mul(a, b) == product, "mul_i64", a, b);
            check((uint64_t)vi64_fma(a, b, c) == product + (uint64_t)c, "fma_i64", a, b);
            check(vi64_max(a, b) == (a > b ? a : b), "max_i64", a, b);
            check(vi64_min(a, b) == (a < b ? a : b), "min_i64", a, b);
            vi64_store(&stored, vi64_set1(a));
            check(vi64_load(&stored) == a && vi64_load_n(&stored, 1) == a, "load_i64", a, 0);
            vi64_store_n(&stored, b, 0);
            check(stored == a && vi64_load_n(&stored, 0) == vi64_zero(), "load_n_i64", a, 0);
            vi64_store_n(&stored, b, 1);
            check(stored == b, "store_n_i64", b, 1);
        }
    }
}
#else
static void test_integers(void) {}
#endif

int main(void) {
    test_all_f32();
    test_all_f64();
    test_integers();
    printf("%ld passed, %ld failed\n", passed, failed);
    return failed != 0;
}

#else /* the template over NHWC_DTYPE */

#include "kernels/activation.inl.h"

static ELEM LOCAL(from_bits)(UINT bits) {
    ELEM x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Equal bit by bit; unless `strict`, any NaN equals any other. */
static int LOCAL(same)(ELEM a, ELEM b, int strict) {
    return (!strict && isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static int LOCAL(vector_is)(VEC v, const ELEM *expected, int strict) {
    ELEM lanes[VL];
    int equal = 1;
    V(store)(lanes, v);
    for (int i = 0; i < VL; i++) {
        equal &= LOCAL(same)(lanes[i], expected[i], strict);
    }
    return equal;
}

enum { LOCAL(EDGES) = 36 };

/* Zeros, subnormals, ties, values around the end of the fractions, the largest, infinities, NaN; then negated. */
static void LOCAL(edge_values)(ELEM *values) {
    ELEM end = (ELEM)((UINT)1 << MANTISSA);
    UINT infinity = (UINT)(2 * MAX_EXPONENT + 1) << MANTISSA;
    const ELEM positive[] = {0,
                             LOCAL(from_bits)(1),
                             LOCAL(from_bits)(((UINT)1 << MANTISSA) - 1),
                             LOCAL(from_bits)((UINT)1 << MANTISSA),
                             0.25,
                             0.5,
                             1 / (ELEM)3,
                             1,
                             1.5,
                             2.5,
                             3.7,
                             1000.5,
                             end / 2 - (ELEM)0.5,
                             end - 1,
                             2 * end,
                             LOCAL(from_bits)(infinity - 1),
                             LOCAL(from_bits)(infinity),
                             LOCAL(from_bits)(infinity + ((UINT)1 << (MANTISSA - 1)))};
    for (int i = 0; i < LOCAL(EDGES); i++) {
        ELEM x = positive[i / 2];
        values[i] = i % 2 ? -x : x;
    }
}

static ELEM LOCAL(fused)(ELEM a, ELEM b, ELEM c) {
#if VL_f32 > 4 || defined(__aarch64__)
    return sizeof(ELEM) == 4 ? (ELEM)fmaf(a, b, c) : (ELEM)fma(a, b, c);
#else
    return a * b + c;
#endif
}

/* Every pair of edge values, other pairs in the other lanes. The operations on the sign bit come last: they keep the
   bits of NaN. */
static void LOCAL(test_operations)(void) {
    enum { OPS = 14, SIGN_OPS = 11 };
    static const char *const names[OPS] = {"add",       "sub",        "mul",  "div",   "fma", "max", "min",
                                           "select_lt", "select_nan", "set1", "round", "abs", "neg", "copysign"};
    ELEM values[LOCAL(EDGES)];
    LOCAL(edge_values)(values);
    for (int pair = 0; pair < LOCAL(EDGES) * LOCAL(EDGES); pair++) {
        ELEM a[VL], b[VL], c[VL], want[OPS][VL];
        for (int i = 0; i < VL; i++) {
            ELEM x = a[i] = values[(pair + i) % LOCAL(EDGES)];
            ELEM y = b[i] = values[(pair / LOCAL(EDGES) + 5 * i) % LOCAL(EDGES)];
            ELEM z = c[i] = values[(pair + 7 * i + 11) % LOCAL(EDGES)];
            ELEM row[OPS] = {x + y,
                             x - y,
                             x * y,
                             x / y,
                             LOCAL(fused)(x, y, z),
                             x > y ? x : y,
                             x < y ? x : y,
                             x < y ? z : y,
                             isnan(x) ? y : z,
                             a[0],
                             rint(x),
                             copysign(x, 1),
                             -x,
                             copysign(x, y)};
            for (int op = 0; op < OPS; op++) {
                want[op][i] = row[op];
            }
        }
        VEC x = V(load)(a), y = V(load)(b), z = V(load)(c);
        VEC got[OPS] = {V(add)(x, y),
                        V(sub)(x, y),
                        V(mul)(x, y),
                        V(div)(x, y),
                        V(fma)(x, y, z),
                        V(max)(x, y),
                        V(min)(x, y),
                        V(select_lt)(x, y, z, y),
                        V(select_nan)(x, y, z),
                        V(set1)(a[0]),
                        V(round)(x),
                        V(abs)(x),
                        V(neg)(x),
                        V(copysign)(x, y)};
        for (int op = 0; op < OPS; op++) {
            check(LOCAL(vector_is)(got[op], want[op], op >= SIGN_OPS), names[op], a[0], b[0]);
        }
    }
}

static void LOCAL(test_pow2)(void) {
    for (int exponent = -MAX_EXPONENT; exponent <= MAX_EXPONENT + 1; exponent++) {
        ELEM want[VL];
        for (int i = 0; i < VL; i++) {
            want[i] = exponent == -MAX_EXPONENT ? 0 : (ELEM)ldexp(1, exponent);
        }
        check(LOCAL(vector_is)(V(pow2)(V(set1)((ELEM)exponent)), want, 1), "pow2", exponent, 0);
    }
}

/* Partial loads and stores, up to the last byte before a guard page and nothing beside their elements. */
static void LOCAL(test_partial)(void) {
    ELEM *end = (ELEM *)guard_page();
    for (int n = 0; n <= VL; n++) {
        ELEM *p = end - n, ramp[VL], want[VL], zeros[VL] = {0};
        for (int i = 0; i < VL; i++) {
            ramp[i] = (ELEM)(i + 1);
            want[i] = i < n ? ramp[i] : 0;
        }
        p[-1] = -1;
        V(store_n)(p, V(load)(ramp), n);
        check(p[-1] == -1 && memcmp(p, ramp, n * sizeof *p) == 0, "store_n", n, 0);
        check(LOCAL(vector_is)(V(load_n)(p, n), want, 1), "load_n", n, 0);

        ELEM inner[VL + 1];
        memset(inner, 0, sizeof inner);
        V(store_n)(inner + 1, V(load)(ramp), n);
        check(inner[0] == 0 && memcmp(inner + 1, want, sizeof want) == 0, "store_n beside", n, 0);
        check(LOCAL(vector_is)(V(zero)(), zeros, 1), "zero", n, 0);
    }
}

/* The names that move lanes, on vectors of different numbers. */
static void LOCAL(test_order)(void) {
    ELEM all[3 * VL], zipped[2 * VL], unzipped[2 * VL], thirds[3][VL], back[3 * VL] = {0};
    for (int i = 0; i < 3 * VL; i++) {
        all[i] = (ELEM)(i + 1);
        thirds[i % 3][i / 3] = all[i];
    }
    for (int i = 0; i < 2 * VL; i++) {
        zipped[i] = VL == 1 ? all[i] : all[i / 2 + i % 2 * VL];
        unzipped[i] = VL == 1 ? all[i] : all[i < VL ? 2 * i : 2 * (i - VL) + 1];
    }
    const VEC a = V(load)(all), b = V(load)(all + VL);
    check(LOCAL(vector_is)(V(keep)(a), all, 1), "keep", 0, 0);
    check(LOCAL(vector_is)(V(zip_lo)(a, b), zipped, 1), "zip_lo", 0, 0);
    check(LOCAL(vector_is)(V(zip_hi)(a, b), zipped + VL, 1), "zip_hi", 0, 0);
    check(LOCAL(vector_is)(V(unzip_lo)(a, b), unzipped, 1), "unzip_lo", 0, 0);
    check(LOCAL(vector_is)(V(unzip_hi)(a, b), unzipped + VL, 1), "unzip_hi", 0, 0);
    VEC v[3];
    V(load3)(all, v);
    for (int i = 0; i < 3; i++) {
        check(LOCAL(vector_is)(v[i], thirds[i], 1), "load3", i, 0);
    }
    V(store3)(back, v);
    check(memcmp(back, all, sizeof all) == 0, "store3", 0, 0);
#if HAS_STORE8
    VEC rows[8];
    ELEM eighths[8 * VL], row[VL];
    for (int i = 0; i < 8; i++) {
        for (int j = 0; j < VL; j++) {
            row[j] = (ELEM)(8 * j + i);
        }
        rows[i] = V(load)(row);
    }
    V(store8)(eighths, rows);
    for (int i = 0; i < 8 * VL; i++) {
        check(eighths[i] == (ELEM)i, "store8", i, 0);
    }
#endif

    for (int i = 0; i < VL; i++) {
        ELEM less[VL], nan[VL];
        memcpy(less, all, sizeof less);
        memcpy(nan, all, sizeof nan);
        less[i] = 2 * VL;
        nan[i] = (ELEM)NAN;
        check(V(all_lt)(a, V(set1)(2 * VL)), "all_lt", i, 0);
        check(!V(all_lt)(V(load)(less), V(set1)(2 * VL)) && !V(all_lt)(V(load)(nan), V(set1)(2 * VL)), "all_lt", i, 1);
    }

    double wide[VL_f64];
    vf64_store(wide, V(widen)(all));
    for (int i = 0; i < VL_f64; i++) {
        check(wide[i] == all[i], "widen", i, wide[i]);
        wide[i] += 0x1p-30;
    }
    memset(back, 0, sizeof back);
    V(narrow)(back, vf64_load(wide));
    for (int i = 0; i < 3 * VL; i++) {
        check(back[i] == (i < VL_f64 ? (ELEM)wide[i] : 0), "narrow", i, back[i]);
    }
}

#if VL >= 4
/* Parts of a vector at any lane, before a guard page, and the names for a vector as G rows. */
#define TEST_ROWS(G)                                                                                                   \
    {                                                                                                                  \
        ELEM repeated[VL], interleaved[VL];                                                                            \
        for (int i = 0; i < VL; i++) {                                                                                 \
            repeated[i] = ramp[i % G];                                                                                 \
            interleaved[i] = ramp[i % G * (VL / G) + i / G];                                                           \
        }                                                                                                              \
        memcpy(end - G, ramp, G * sizeof(ELEM));                                                                       \
        check(LOCAL(vector_is)(VN(broadcast, G)(end - G), repeated, 1), "broadcast", G, 0);                            \
        check(LOCAL(vector_is)(VN(interleave, G)(V(load)(ramp)), interleaved, 1), "interleave", G, 0);                 \
        check(LOCAL(vector_is)(VN(deinterleave, G)(V(load)(interleaved)), ramp, 1), "deinterleave", G, 0);             \
    }
static void LOCAL(test_rows)(void) {
    ELEM ramp[VL], *end = (ELEM *)guard_page();
    for (int i = 0; i < VL; i++) {
        ramp[i] = (ELEM)(i + 1);
    }
    for (int n = 0; n <= VL; n++) {
        for (int at = 0; at + n <= VL; at++) {
            ELEM *p = end - n, want[VL] = {0};
            memcpy(want + at, ramp + at, n * sizeof(ELEM));
            p[-1] = -1;
            V(store_part)(p, V(load)(ramp), at, n);
            check(p[-1] == -1 && memcmp(p, ramp + at, n * sizeof(ELEM)) == 0, "store_part", at, n);
            check(LOCAL(vector_is)(V(load_part)(p, at, n), want, 1), "load_part", at, n);
        }
    }
    TEST_ROWS(2)
#if VL >= 8
    TEST_ROWS(4)
#endif
#if VL >= 16
    TEST_ROWS(8)
#endif
}
#undef TEST_ROWS
#else
static void LOCAL(test_rows)(void) {}
#endif

static void LOCAL(activate_run)(ELEM *y, int64_t n, nhwc_activation activation) {
    const int64_t here = 0;
    KERNEL(activate)(y, &here, 1, n, activation);
}

static void LOCAL(check_activated)(nhwc_activation activation, ELEM x) {
    ELEM y = x;
    LOCAL(activate_run)(&y, 1, activation);
    long double want = activated(activation, x);
    int right = isinf((ELEM)want) ? y == (ELEM)want : fabsl(y - want) <= TOLERANCE * fmaxl(1, fabsl(want));
    right &= y >= (ELEM)activations[activation].least && y <= (ELEM)activations[activation].at_infinity;
    check(right, activations[activation].name, x, y);
}

/* Samples of all exponents, then a dense stretch where the activations bend, then what is not finite. */
static void LOCAL(test_accuracy)(nhwc_activation activation) {
    enum { SAMPLES = 20011 };
    for (int i = 0; i < SAMPLES; i++) {
        ELEM x = LOCAL(from_bits)((UINT)-1 / SAMPLES * (UINT)i);
        if (isfinite(x)) {
            LOCAL(check_activated)(activation, x);
        }
        LOCAL(check_activated)(activation, (ELEM)(i - SAMPLES / 2) / 500);
    }
    ELEM edges[LOCAL(EDGES)], not_finite[3] = {-INFINITY, INFINITY, NAN};
    LOCAL(edge_values)(edges);
    for (int i = 0; i < LOCAL(EDGES); i++) {
        if (isfinite(edges[i])) {
            LOCAL(check_activated)(activation, edges[i]);
        }
    }
    LOCAL(activate_run)(not_finite, 3, activation);
    check(not_finite[0] == (ELEM)activations[activation].at_minus_infinity, activations[activation].name, -INFINITY, 0);
    check(not_finite[1] == (ELEM)activations[activation].at_infinity, activations[activation].name, INFINITY, 0);
    check(isnan(not_finite[2]), activations[activation].name, NAN, 0);
}

/* Every length and a guard page behind it: the bits of an element are those it has alone. */
static void LOCAL(test_positions)(nhwc_activation activation) {
    ELEM *end = (ELEM *)guard_page();
    for (int n = 0; n <= 3 * VL + 1; n++) {
        ELEM alone[3 * VL + 1], *y = end - n;
        for (int i = 0; i < n; i++) {
            alone[i] = y[i] = (ELEM)(i * 37 % 61 - 30) / 7;
            LOCAL(activate_run)(alone + i, 1, activation);
        }
        y[-1] = -77;
        LOCAL(activate_run)(y, n, activation);
        check(y[-1] == -77 && memcmp(y, alone, n * sizeof *y) == 0, "activate at any position", activation, n);
    }
}

/* Rows at offsets, but for negative ones: nothing beside them changes. */
static void LOCAL(test_offsets)(nhwc_activation activation) {
    enum { N = VL + 1, PITCH = N + 2, ROWS = 4 };
    const int64_t offsets[ROWS] = {3 * PITCH, -1, 0, 2 * PITCH};
    ELEM y[ROWS * PITCH], want[ROWS * PITCH];
    for (int i = 0; i < ROWS * PITCH; i++) {
        want[i] = y[i] = (ELEM)(i * 29 % 53 - 26) / 9;
    }
    for (int i = 0; i < ROWS; i++) {
        if (offsets[i] >= 0) {
            LOCAL(activate_run)(want + offsets[i], N, activation);
        }
    }
    KERNEL(activate)(y, offsets, ROWS, N, activation);
    check(memcmp(y, want, sizeof y) == 0, "activate at offsets", activation, N);
}

static void LOCAL(test_inverse)(void) {
    const ELEM samples[] = {1, (ELEM)1.5, 3, 1000003, (ELEM)1e30, INFINITY, NAN};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        ELEM lanes[VL];
        V(store)(lanes, V(inverse)(V(set1)(samples[i])));
        const ELEM want = 1 / samples[i];
        const bool right = isnan(want) ? isnan(lanes[VL - 1]) : fabs(lanes[VL - 1] - want) <= want * 2 * EPSILON;
        check(right, "inverse", samples[i], lanes[VL - 1]);
    }
}

static void LOCAL(test_all)(void) {
    LOCAL(test_operations)();
    LOCAL(test_pow2)();
    LOCAL(test_inverse)();
    LOCAL(test_partial)();
    LOCAL(test_order)();
    LOCAL(test_rows)();
    for (nhwc_activation activation = 0; activation < NHWC_ACTIVATIONS; activation++) {
        LOCAL(test_accuracy)(activation);
        LOCAL(test_positions)(activation);
        LOCAL(test_offsets)(activation);
    }
}

#undef NHWC_DTYPE
#undef UINT
#undef MANTISSA
#undef MAX_EXPONENT
#undef TOLERANCE
#undef EPSILON

#endif
