/* AMX, with AVX-512 for the rest: products of matrices of bfloat16 parts of float32 values. */
#include "../kernels/split.h"

#include "../simd/avx512.h"
#include "arch.h"

#include <float.h>
#include <math.h>

/* Compilers' own functions for these instructions do not say that they read and write memory. */
#define CONFIGURE(p) __asm__ volatile("ldtilecfg %0" : : "m"(p))
#define RELEASE() __asm__ volatile("tilerelease" : : : "memory")
#define CLEAR(t) __asm__ volatile("tilezero %%tmm" #t : :)
#define LOAD(t, p, pitch) __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t : : "r"(p), "r"((int64_t)(pitch)) : "memory")
#define STORE(t, p, pitch)                                                                                             \
    __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)" : : "r"(p), "r"((int64_t)(pitch)) : "memory")
#define MULTIPLY(c, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c : :)

enum { TILE = NHWC_SPLIT_TILE_BYTES, REGISTERS = 8 };

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16]; /* of a row */
    uint8_t rows[16];
} configuration;

static void begin(void) {
    static const configuration whole = {
        .palette = 1,
        .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
        .rows = {16, 16, 16, 16, 16, 16, 16, 16},
    };
    CONFIGURE(whole);
}

static void end(void) { RELEASE(); }

/* ---- Parts ------------------------------------------------------------------------------------------------------- */

/* The upper halves of 16 values each of which is rounded there; half a unit up, whatever the sign. */
static inline __m512i upper(__m512i bits) { return _mm512_and_si512(bits, _mm512_set1_epi32((int)0xffff0000)); }

static inline __m512i rounded(__m512 x) {
    return upper(_mm512_add_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x8000)));
}

static inline __m512 rest(__m512 x, __m512i part) { return _mm512_sub_ps(x, _mm512_castsi512_ps(part)); }

/* The parts of 16 values, each in the upper half of its lane. */
typedef struct {
    __m512i h, m, l;
} parts;

static inline parts split(__m512 x) {
    parts p = {.h = rounded(x)};
    __m512 left = rest(x, p.h);
    p.m = rounded(left);
    p.l = _mm512_castps_si512(rest(left, p.m));
    return p;
}

/* The upper halves of 32 lanes. */
static inline __m512i halves(__m512i first, __m512i second) {
    const __m512i odd = _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27, 25,
                                         23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    return _mm512_permutex2var_epi16(first, odd, second);
}

/* Of the values seen so far: magnitudes as integers, doubled so that the sign falls off; of the least, zero counts as
   the greatest; and the bits that any of their lower parts has. */
typedef struct {
    __m512i least, most, m, l;
} magnitudes;

static inline magnitudes nothing_seen(void) { return (magnitudes){.least = _mm512_set1_epi32(-1)}; }

static inline void note(magnitudes *seen, __m512 x) {
    __m512i doubled = _mm512_add_epi32(_mm512_castps_si512(x), _mm512_castps_si512(x));
    seen->least = _mm512_min_epu32(seen->least, _mm512_sub_epi32(doubled, _mm512_set1_epi32(1)));
    seen->most = _mm512_max_epu32(seen->most, doubled);
}

static inline void note_parts(magnitudes *seen, const parts *a, const parts *b) {
    enum { ANY = 0xfe };
    seen->m = _mm512_ternarylogic_epi32(seen->m, a->m, b->m, ANY);
    seen->l = _mm512_ternarylogic_epi32(seen->l, a->l, b->l, ANY);
}

static inline void raise_parts(const magnitudes *seen, int *count) {
    const int found = _mm512_test_epi32_mask(seen->l, seen->l) ? 3 : _mm512_test_epi32_mask(seen->m, seen->m) ? 2 : 1;
    *count = found > *count ? found : *count;
}

static inline uint32_t doubled_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return 2 * bits;
}

/* Parts of up to 32 values, of which `stored` lanes are written. */
static inline void split_step(const float *x, uint16_t *to, int64_t part_pitch, __mmask16 low, __mmask16 high,
                              __mmask32 stored, magnitudes *seen) {
    __m512 first = _mm512_maskz_loadu_ps(low, x), second = _mm512_maskz_loadu_ps(high, x + 16);
    note(seen, first);
    note(seen, second);
    parts a = split(first), b = split(second);
    note_parts(seen, &a, &b);
    _mm512_mask_storeu_epi16(to, stored, halves(a.h, b.h));
    _mm512_mask_storeu_epi16(to + part_pitch, stored, halves(a.m, b.m));
    _mm512_mask_storeu_epi16(to + 2 * part_pitch, stored, halves(a.l, b.l));
}

static bool split_input(const nhwc_split_input *t) {
    magnitudes seen = nothing_seen();
    const int64_t whole = t->channels / NHWC_SPLIT_STEP, left = t->channels % NHWC_SPLIT_STEP;
    const __mmask16 low = vf32_lanes(left < 16 ? left : 16), high = vf32_lanes(left < 16 ? 0 : left - 16);
    const __mmask32 last = t->fill ? ~0u : (__mmask32)low | (__mmask32)high << 16;
    for (int64_t i = 0; i < t->pixels; i++) {
        const float *x = t->x + i * t->x_pitch;
        uint16_t *to = t->to + i * t->to_pitch;
        for (int64_t block = 0; block < whole; block++) {
            split_step(x + block * NHWC_SPLIT_STEP, to + block * t->to_block, t->part_pitch, 0xffff, 0xffff, ~0u,
                       &seen);
        }
        if (left) {
            split_step(x + whole * NHWC_SPLIT_STEP, to + whole * t->to_block, t->part_pitch, low, high, last, &seen);
        }
    }
    raise_parts(&seen, t->parts);
    return _mm512_reduce_min_epu32(seen.least) >= doubled_bits(t->least) - 1 &&
           _mm512_reduce_max_epu32(seen.most) <= doubled_bits(t->most);
}

static float half_of(uint32_t doubled) {
    float x;
    doubled >>= 1;
    memcpy(&x, &doubled, sizeof x);
    return x;
}

static void tell(const magnitudes *seen, float *least, float *most) {
    const uint32_t low = _mm512_reduce_min_epu32(seen->least), high = _mm512_reduce_max_epu32(seen->most);
    *least = low >= doubled_bits(INFINITY) ? FLT_MAX : half_of(low + 1);
    *most = high >= doubled_bits(INFINITY) ? INFINITY : half_of(high);
}

static void range(const float *x, int64_t n, float *least, float *most) {
    magnitudes seen = nothing_seen();
    for (int64_t i = 0; i < n; i += 16) {
        note(&seen, _mm512_maskz_loadu_ps(n - i < 16 ? vf32_lanes(n - i) : 0xffff, x + i));
    }
    tell(&seen, least, most);
}

/* Row r of a tile holds the filters of inputs 2 r and 2 r + 1 in turn. */
static void split_filters(const nhwc_split_filters *t) {
    const int64_t part = (int64_t)t->tiles * TILE / 2;
    magnitudes seen = nothing_seen();
    for (int tile = 0; tile < t->tiles; tile++) {
        const int live = t->live - 16 * tile;
        const __mmask16 lanes = live <= 0 ? 0 : vf32_lanes(live < 16 ? live : 16);
        for (int r = 0; r < 16; r++) {
            const float *from = t->filters + 2 * r * t->pitch + 16 * tile;
            uint16_t *to = t->to + tile * (TILE / 2) + r * 32;
            __m512 first = _mm512_maskz_loadu_ps(2 * r < t->inputs ? lanes : 0, from);
            __m512 second = _mm512_maskz_loadu_ps(2 * r + 1 < t->inputs ? lanes : 0, from + t->pitch);
            parts even = split(first), odd = split(second);
            note(&seen, first);
            note(&seen, second);
            note_parts(&seen, &even, &odd);
#define PAIRS(p) _mm512_or_si512(_mm512_srli_epi32(even.p, 16), upper(odd.p))
            _mm512_storeu_si512(to, PAIRS(h));
            _mm512_storeu_si512(to + part, PAIRS(m));
            _mm512_storeu_si512(to + 2 * part, PAIRS(l));
#undef PAIRS
        }
    }
    float least, most;
    tell(&seen, &least, &most);
    *t->least = least < *t->least ? least : *t->least;
    *t->most = most > *t->most ? most : *t->most;
    if (t->parts) {
        raise_parts(&seen, t->parts);
    }
}

/* ---- Products ---------------------------------------------------------------------------------------------------- */

/* Some more of what is pending. */
static inline void add_some(nhwc_split_pending *p, int64_t most) {
    const __mmask16 add = p->add ? 0xffff : 0;
    const int64_t count = p->count < most ? p->count : most;
    for (int64_t i = 0; i < count; i += 16) {
        __m512 sums = _mm512_maskz_loadu_ps(add, p->to + i);
        _mm512_storeu_ps(p->to + i, _mm512_add_ps(sums, _mm512_loadu_ps(p->from + i)));
    }
    p->from += count;
    p->to += count;
    p->count -= count;
}

/* An addition of floats on the vector unit. Products of tile registers take a fifth longer where none is at work beside
   them: one to a step is enough, and four are none too many; integers do not count. */
static inline void stir(void) {
    __m512 x = _mm512_setzero_ps();
    for (int i = 0; i < 4; i++) {
        __asm__ volatile("vaddps %0, %0, %0" : "+v"(x));
    }
}

#define LOAD_PIXELS(part)                                                                                              \
    {                                                                                                                  \
        const char *p = t->x + t->steps[i] + (part) * t->part_pitch;                                                   \
        LOAD(4, p, t->pixel_pitch);                                                                                    \
        if (pixel_tiles > 1) {                                                                                         \
            LOAD(5, p + t->tile_pitch, t->pixel_pitch);                                                                \
        }                                                                                                              \
    }
#define LOAD_FILTERS(part)                                                                                             \
    {                                                                                                                  \
        const char *p = b + (part) * filter_tiles * TILE;                                                              \
        LOAD(6, p, 64);                                                                                                \
        if (filter_tiles > 1) {                                                                                        \
            LOAD(7, p + TILE, 64);                                                                                     \
        }                                                                                                              \
    }
#define MULTIPLY_ALL                                                                                                   \
    MULTIPLY(0, 4, 6);                                                                                                 \
    if (filter_tiles > 1) {                                                                                            \
        MULTIPLY(1, 4, 7);                                                                                             \
    }                                                                                                                  \
    if (pixel_tiles > 1) {                                                                                             \
        MULTIPLY(2, 5, 6);                                                                                             \
    }                                                                                                                  \
    if (pixel_tiles > 1 && filter_tiles > 1) {                                                                         \
        MULTIPLY(3, 5, 7);                                                                                             \
    }

/* Registers: 0 to 3 sums, 4 and 5 pixels, 6 and 7 filters. Successive parts differ in one operand, so that a step loads
   three pairs of each and another for the last products. */
static inline __attribute__((always_inline)) void multiply(const nhwc_split_block *t, const int pixel_tiles,
                                                           const int filter_tiles) {
    const int64_t step_bytes = NHWC_SPLIT_PARTS * (int64_t)filter_tiles * TILE;
    enum { SHARE = NHWC_SPLIT_BLOCK_SUMS / 8 };
    nhwc_split_pending pending = t->pending;
    const char *b = t->filters, *ahead = t->ahead;
    CLEAR(0);
    CLEAR(1);
    CLEAR(2);
    CLEAR(3);
    for (int64_t i = 0; i < t->count; i++, b += step_bytes) {
        for (int64_t line = 0; ahead && line < t->ahead_lines; line++, ahead += 64) {
            _mm_prefetch(ahead, _MM_HINT_T1);
        }
        if (t->x_parts > 1) {
            LOAD_FILTERS(0)
            if (t->x_parts > 2) {
                LOAD_PIXELS(2)
                MULTIPLY_ALL
            }
            LOAD_PIXELS(1)
            MULTIPLY_ALL
        }
        stir();
        if (pending.count > 0) {
            add_some(&pending, SHARE);
        }
        if (t->filter_parts > 1) {
            LOAD_FILTERS(1)
            if (t->x_parts > 1) {
                MULTIPLY_ALL
            }
            LOAD_PIXELS(0)
            MULTIPLY_ALL
            if (t->filter_parts > 2) {
                LOAD_FILTERS(2)
                MULTIPLY_ALL
            }
        }
    }
    b = t->filters;
    for (int64_t i = 0; i < t->count; i++, b += step_bytes) {
        LOAD_PIXELS(0)
        LOAD_FILTERS(0)
        MULTIPLY_ALL
    }
    add_some(&pending, pending.count);
    const int width = 16 * filter_tiles;
    float *to = t->sums;
    STORE(0, to, 4 * width);
    if (filter_tiles > 1) {
        STORE(1, to + 16, 4 * width);
    }
    if (pixel_tiles > 1) {
        STORE(2, to + 16 * width, 4 * width);
        if (filter_tiles > 1) {
            STORE(3, to + 16 * width + 16, 4 * width);
        }
    }
}

static void block(const nhwc_split_block *t, int pixel_tiles, int filter_tiles) {
    if (filter_tiles > 1) {
        if (pixel_tiles > 1) {
            multiply(t, 2, 2);
        } else {
            multiply(t, 1, 2);
        }
    } else if (pixel_tiles > 1) {
        multiply(t, 2, 1);
    } else {
        multiply(t, 1, 1);
    }
}

/* ---- Results ----------------------------------------------------------------------------------------------------- */

static void results(const nhwc_split_results *t) {
    const __m512 least = _mm512_set1_ps(t->clamp[0]), most = _mm512_set1_ps(t->clamp[1]);
    for (int64_t v = 0; v < t->live; v += 16) {
        const __mmask16 lanes = t->live - v < 16 ? vf32_lanes(t->live - v) : 0xffff;
        const __m512 bias = _mm512_maskz_loadu_ps(lanes, t->bias + v);
        for (int64_t i = 0; i < t->pixels; i++) {
            const int64_t to = t->offsets[i] + v;
            if (t->offsets[i] < 0) {
                continue;
            }
            __m512 y = _mm512_loadu_ps(t->sums + i * t->width + v);
            if (t->more) {
                y = _mm512_add_ps(y, _mm512_loadu_ps(t->more + i * t->width + v));
            }
            y = _mm512_add_ps(y, bias);
            if (t->residual) {
                y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(lanes, t->residual + to));
            }
            _mm512_mask_storeu_ps(t->out + to, lanes, _mm512_min_ps(most, _mm512_max_ps(least, y)));
        }
    }
}

/* ---- Winograd ---------------------------------------------------------------------------------------------------- */

#include "../kernels/winograd_split.inl.h"

const nhwc_split_kernels nhwc_split_amx = {
    .begin = begin,
    .end = end,
    .input = split_input,
    .filters = split_filters,
    .range = range,
    .block = block,
    .results = results,
    .winograd_rows = winograd_split_rows,
    .winograd = winograd_split_product,
};
