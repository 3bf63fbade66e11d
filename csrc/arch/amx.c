/* AMX, with AVX-512 for the rest: products of matrices of bfloat16 parts of float32 values. */
#include "../kernels/split.h"

#include "../simd/avx512.h"
#include "../simd/unroll.h"
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

static float half_of(uint32_t doubled) {
    float x;
    doubled >>= 1;
    memcpy(&x, &doubled, sizeof x);
    return x;
}

static nhwc_split_range range_of(const magnitudes *seen) {
    const uint32_t low = _mm512_reduce_min_epu32(seen->least), high = _mm512_reduce_max_epu32(seen->most);
    return (nhwc_split_range){
        .least = low >= doubled_bits(INFINITY) ? FLT_MAX : half_of(low + 1),
        .most = high >= doubled_bits(INFINITY) ? INFINITY : half_of(high),
    };
}

static void split_input(const nhwc_split_input *t) {
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
    const nhwc_split_range range = range_of(&seen);
    t->range->least = range.least < t->range->least ? range.least : t->range->least;
    t->range->most = range.most > t->range->most ? range.most : t->range->most;
}

static nhwc_split_range range(const float *x, int64_t n) {
    magnitudes seen = nothing_seen();
    for (int64_t i = 0; i < n; i += 16) {
        note(&seen, _mm512_maskz_loadu_ps(n - i < 16 ? vf32_lanes(n - i) : 0xffff, x + i));
    }
    return range_of(&seen);
}

/* The upper halves of lanes, those of `low` below those of `high`. */
static inline __m512i interleaved(__m512i low, __m512i high) {
    const __m512i down = _mm512_broadcast_i32x4(_mm_setr_epi8(2, 3, 2, 3, 6, 7, 6, 7, 10, 11, 10, 11, 14, 15, 14, 15));
    return _mm512_mask_shuffle_epi8(high, 0x3333333333333333, low, down);
}

/* Writes the parts of 16 filters of two inputs, in pairs. */
static inline void split_pair(__m512 even, __m512 odd, uint16_t *to, int64_t part, magnitudes *seen) {
    const __m512i half = _mm512_set1_epi32(0x8000);
    __m512i a = _mm512_add_epi32(_mm512_castps_si512(even), half);
    __m512i b = _mm512_add_epi32(_mm512_castps_si512(odd), half);
    even = rest(even, upper(a));
    odd = rest(odd, upper(b));
    _mm512_storeu_si512(to, interleaved(a, b));
    a = _mm512_add_epi32(_mm512_castps_si512(even), half);
    b = _mm512_add_epi32(_mm512_castps_si512(odd), half);
    even = rest(even, upper(a));
    odd = rest(odd, upper(b));
    const __m512i m = interleaved(a, b), l = interleaved(_mm512_castps_si512(even), _mm512_castps_si512(odd));
    _mm512_storeu_si512(to + part, m);
    _mm512_storeu_si512(to + 2 * part, l);
    seen->m = _mm512_or_si512(seen->m, m);
    seen->l = _mm512_or_si512(seen->l, l);
}

/* Widens what was seen by 16 filters; NaN may go unseen, which makes NaN of all it meets. */
static inline void note_filters(__m512 x, __m512 *least, __m512 *most) {
    enum { LEAST_MAGNITUDE = 10, GREATEST_MAGNITUDE = 11 };
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff); /* zeros have signs */
    *least = _mm512_mask_range_ps(*least, _mm512_test_epi32_mask(_mm512_castps_si512(x), magnitude), x, *least,
                                  LEAST_MAGNITUDE);
    *most = _mm512_range_ps(x, *most, GREATEST_MAGNITUDE);
}

/* A pair of inputs of a block: row r of a tile holds the filters of inputs 2 r and 2 r + 1 in turn. */
static inline __attribute__((always_inline)) void split_block(const float *from, int64_t pitch, const __mmask16 *even,
                                                              const __mmask16 *odd, const int tiles, uint16_t *to,
                                                              nhwc_split_seen *of_block, magnitudes *seen) {
    __m512 least = _mm512_loadu_ps(of_block->least), most = _mm512_loadu_ps(of_block->most);
    for (int tile = 0; tile < tiles; tile++) {
        const __m512 x = _mm512_maskz_loadu_ps(even[tile], from + 16 * tile);
        const __m512 y = _mm512_maskz_loadu_ps(odd[tile], from + 16 * tile + pitch);
        note_filters(x, &least, &most);
        note_filters(y, &least, &most);
        split_pair(x, y, to + tile * (TILE / 2), tiles * TILE / 2, seen);
    }
    _mm512_storeu_ps(of_block->least, least);
    _mm512_storeu_ps(of_block->most, most);
}

static inline void split_any_block(nhwc_split_filters *t, magnitudes *seen) {
    const int64_t input = 2 * t->pair, inputs = t->steps[t->step].count - input;
    const int64_t live = t->live - t->block * NHWC_SPLIT_WIDTH;
    const float *from = t->filters + (t->steps[t->step].first + input) * t->pitch + t->block * NHWC_SPLIT_WIDTH;
    uint16_t *to = t->to + t->block * t->to_block + t->pair * 32;
    const __mmask16 lanes[] = {live < 16 ? vf32_lanes(live) : 0xffff,
                               live < 16 ? 0 : vf32_lanes(live < 32 ? live - 16 : 16)};
    const __mmask16 even[] = {inputs > 0 ? lanes[0] : 0, inputs > 0 ? lanes[1] : 0};
    const __mmask16 odd[] = {inputs > 1 ? lanes[0] : 0, inputs > 1 ? lanes[1] : 0};
    if (live > 16) {
        split_block(from, t->pitch, even, odd, 2, to + t->step * NHWC_SPLIT_PARTS * TILE, &t->seen[t->block], seen);
    } else {
        split_block(from, t->pitch, even, odd, 1, to + t->step * NHWC_SPLIT_PARTS * TILE / 2, &t->seen[t->block], seen);
    }
}

static inline void advance(nhwc_split_filters *t) {
    if (++t->block == t->blocks) {
        t->block = 0;
        t->pair = (t->pair + 1) % (NHWC_SPLIT_STEP / 2);
        t->step += t->pair == 0;
    }
}

static void split_filters(nhwc_split_filters *t) {
    magnitudes seen = nothing_seen();
    while (t->step < t->count) {
        split_any_block(t, &seen);
        advance(t);
    }
    raise_parts(&seen, &t->parts);
}

/* The same while tile registers multiply, for whole blocks and steps; inlined, since a call there costs as much as it
   hides. */
static inline __attribute__((always_inline)) void split_whole_filters(nhwc_split_filters *t, int64_t most) {
    static const __mmask16 all[NHWC_SPLIT_TILES] = {0xffff, 0xffff};
    magnitudes seen = nothing_seen();
    for (; most > 0 && t->step < t->count; most--) {
        const float *from = t->filters + (t->steps[t->step].first + 2 * t->pair) * t->pitch;
        uint16_t *to = t->to + t->block * t->to_block + t->step * NHWC_SPLIT_PARTS * TILE + t->pair * 32;
        split_block(from + t->block * NHWC_SPLIT_WIDTH, t->pitch, all, all, NHWC_SPLIT_TILES, to, &t->seen[t->block],
                    &seen);
        advance(t);
    }
    if (t->parts < NHWC_SPLIT_PARTS) {
        raise_parts(&seen, &t->parts);
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

static inline void activate_some(nhwc_split_activations *t, int64_t most) {
    const int64_t count = t->count < most ? t->count : most;
    if (count > 0) {
        t->activate(t->out, t->offsets, count, t->live, t->activation);
        t->offsets += count;
        t->count -= count;
    }
}

static void activate_all(nhwc_split_activations *t) { activate_some(t, INT64_MAX); }

/* An addition of floats on the vector unit. Products of tile registers take a fifth longer where none is at work beside
   them: one to a step is enough, and four are none too many; integers do not count. */
static inline void stir(void) {
    __m512 x = _mm512_setzero_ps();
    for (int i = 0; i < 4; i++) {
        __asm__ volatile("vaddps %0, %0, %0" : "+v"(x));
    }
}

#define MEANWHILE(slot)                                                                                                \
    if (t->next) {                                                                                                     \
        split_whole_filters(t->next, (t->share + (slot)) / 4);                                                         \
    }                                                                                                                  \
    if (activations) {                                                                                                 \
        activate_some(activations, (activated + (slot)) / 4);                                                          \
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
/* Products of two tiles; of pairs, a filter is a row, and a pixel a column. */
#define PRODUCT(sums, pixels, filters)                                                                                 \
    if (pairs) {                                                                                                       \
        MULTIPLY(sums, filters, pixels);                                                                               \
    } else {                                                                                                           \
        MULTIPLY(sums, pixels, filters);                                                                               \
    }
#define MULTIPLY_ALL                                                                                                   \
    PRODUCT(0, 4, 6)                                                                                                   \
    if (filter_tiles > 1) {                                                                                            \
        PRODUCT(1, 4, 7)                                                                                               \
    }                                                                                                                  \
    if (pixel_tiles > 1) {                                                                                             \
        PRODUCT(2, 5, 6)                                                                                               \
    }                                                                                                                  \
    if (pixel_tiles > 1 && filter_tiles > 1) {                                                                         \
        PRODUCT(3, 5, 7)                                                                                               \
    }

/* Registers: 0 to 3 sums, 4 and 5 pixels, 6 and 7 filters. Successive parts differ in one operand, so that a step loads
   three pairs of each and another for the last products. */
static inline __attribute__((always_inline)) void multiply(const nhwc_split_block *t, const int pixel_tiles,
                                                           const int filter_tiles, const bool pairs) {
    const int64_t step_bytes = NHWC_SPLIT_PARTS * (int64_t)filter_tiles * TILE;
    enum { SHARE = NHWC_SPLIT_BLOCK_SUMS / 8 };
    nhwc_split_pending pending = t->pending;
    nhwc_split_activations *activations = t->activations && t->activations->count ? t->activations : NULL;
    const int64_t activated = activations ? (activations->count + t->count - 1) / t->count : 0;
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
                MEANWHILE(0)
            }
            LOAD_PIXELS(1)
            MULTIPLY_ALL
            MEANWHILE(1)
        }
        stir();
        if (pending.count > 0) {
            add_some(&pending, SHARE);
        }
        if (t->filter_parts > 1) {
            LOAD_FILTERS(1)
            if (t->x_parts > 1) {
                MULTIPLY_ALL
                MEANWHILE(2)
            }
            LOAD_PIXELS(0)
            MULTIPLY_ALL
            MEANWHILE(3)
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
    const int width = 16 * (pairs ? pixel_tiles : filter_tiles), pixel = 16 * (pairs ? 1 : width);
    const int filter = 16 * (pairs ? width : 1);
    float *to = t->sums;
    STORE(0, to, 4 * width);
    if (filter_tiles > 1) {
        STORE(1, to + filter, 4 * width);
    }
    if (pixel_tiles > 1) {
        STORE(2, to + pixel, 4 * width);
        if (filter_tiles > 1) {
            STORE(3, to + pixel + filter, 4 * width);
        }
    }
}
#undef MEANWHILE

#define BLOCK(name, pairs)                                                                                             \
    static void name(const nhwc_split_block *t, int pixel_tiles, int filter_tiles) {                                   \
        if (filter_tiles > 1) {                                                                                        \
            if (pixel_tiles > 1) {                                                                                     \
                multiply(t, 2, 2, pairs);                                                                              \
            } else {                                                                                                   \
                multiply(t, 1, 2, pairs);                                                                              \
            }                                                                                                          \
        } else if (pixel_tiles > 1) {                                                                                  \
            multiply(t, 2, 1, pairs);                                                                                  \
        } else {                                                                                                       \
            multiply(t, 1, 1, pairs);                                                                                  \
        }                                                                                                              \
    }
BLOCK(block, false)
BLOCK(block_of_pairs, true)
#undef BLOCK

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

/* ---- Pairs ------------------------------------------------------------------------------------------------------- */

#include "../kernels/pairs_split.inl.h"

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
    .pairs = pairs,
    .pair_filters = pair_filters,
    .block_of_pairs = block_of_pairs,
    .results_of_pairs = results_of_pairs,
    .activate = activate_all,
    .winograd_rows = winograd_split_rows,
    .winograd = winograd_split_product,
};
