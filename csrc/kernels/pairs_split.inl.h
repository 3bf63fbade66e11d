/* The split method's pairs: rows of them from stored rows, the filters that they meet, and results of transposed sums.

   Included by arch/amx.c, whose names for parts and magnitudes it uses. */

enum { PAIR_BYTES = 2 * sizeof(uint16_t) };

/* Rows of pairs of 16 outputs, `elements` apart: of their pairs, each of `count` vectors of the stored row has some. */
static inline __attribute__((always_inline)) void pair_rows(const nhwc_split_pairs *t, const char *x, char *to,
                                                            const int count) {
    __m512i sources[NHWC_SPLIT_MOST_ELEMENTS / 2];
    __mmask32 lanes[NHWC_SPLIT_MOST_ELEMENTS / 2];
    uint16_t element[NHWC_SPLIT_STEP];
    for (int i = 0; i < NHWC_SPLIT_STEP; i++) {
        element[i] = (uint16_t)(i / 2 * t->elements + i % 2);
    }
    const __m512i elements = _mm512_loadu_si512(element);
    UNROLL(8)
    for (int i = 0; i < count; i++) {
        const __m512i first = _mm512_set1_epi16((short)(i * NHWC_SPLIT_STEP));
        sources[i] = _mm512_sub_epi16(elements, first);
        lanes[i] = _mm512_cmplt_epu16_mask(sources[i], _mm512_set1_epi16(NHWC_SPLIT_STEP));
    }
    const int64_t period = nhwc_split_pair_period(t->elements);
    const int64_t tiles = t->tiles + nhwc_split_more_tiles(t->elements, t->rows);
    for (int64_t row = 0; row < t->rows && row < period; row++, x += PAIR_BYTES, to += t->to_pitch) {
        const char *from = x;
        for (int64_t tile = 0; tile < tiles; tile++, from += 32 * t->elements) {
            __m512i y = _mm512_permutexvar_epi16(sources[0], _mm512_loadu_si512(from));
            UNROLL(8)
            for (int i = 1; i < count; i++) {
                y = _mm512_mask_permutexvar_epi16(y, lanes[i], sources[i], _mm512_loadu_si512(from + 64 * i));
            }
            _mm512_store_si512(to + 64 * tile, y);
        }
    }
}

/* The rows of pairs that others have already, further on. */
static void repeat_rows(const nhwc_split_pairs *t, char *to) {
    const int64_t period = nhwc_split_pair_period(t->elements), shift = PAIR_BYTES * nhwc_split_pair_shift(t->elements);
    for (int64_t row = period; row < t->rows; row++) {
        const char *from = to + row % period * t->to_pitch + row / period * shift;
        for (int64_t tile = 0; tile < t->tiles; tile++) {
            _mm512_store_si512(to + row * t->to_pitch + 64 * tile, _mm512_loadu_si512(from + 64 * tile));
        }
    }
}

static void pairs(const nhwc_split_pairs *t) {
    const int64_t count = (15 * t->elements + 2 + NHWC_SPLIT_STEP - 1) / NHWC_SPLIT_STEP;
    for (int part = 0; part < t->parts; part++) {
        const char *x = t->x + part * t->x_part;
        char *to = t->to + part * t->to_part;
        switch (count) {
        case 1:
            pair_rows(t, x, to, 1);
            break;
        case 2:
            pair_rows(t, x, to, 2);
            break;
        case 3:
            pair_rows(t, x, to, 3);
            break;
        case 4:
            pair_rows(t, x, to, 4);
            break;
        default:
            pair_rows(t, x, to, NHWC_SPLIT_MOST_ELEMENTS / 2);
        }
        repeat_rows(t, to);
    }
}

/* Of vectors of four lanes of 128 bits: lane i of y[j], for i and j below 4, becomes lane j of y[i]; y[4] on likewise.
 */
static inline __attribute__((always_inline)) void transpose_lanes(const __m512 y[16], __m512 to[16]) {
    UNROLL(4)
    for (int i = 0; i < 4; i++) {
        const __m512 a = _mm512_shuffle_f32x4(y[i], y[4 + i], 0x88),
                     b = _mm512_shuffle_f32x4(y[8 + i], y[12 + i], 0x88);
        const __m512 c = _mm512_shuffle_f32x4(y[i], y[4 + i], 0xdd),
                     d = _mm512_shuffle_f32x4(y[8 + i], y[12 + i], 0xdd);
        to[i] = _mm512_shuffle_f32x4(a, b, 0x88);
        to[4 + i] = _mm512_shuffle_f32x4(c, d, 0x88);
        to[8 + i] = _mm512_shuffle_f32x4(a, b, 0xdd);
        to[12 + i] = _mm512_shuffle_f32x4(c, d, 0xdd);
    }
}

/* Rows become columns: pairs of rows, then fours, then lanes of 128 bits. */
static inline __attribute__((always_inline)) void transpose(__m512 y[16]) {
    __m512d twos[16];
    __m512 fours[16];
    UNROLL(8)
    for (int i = 0; i < 16; i += 2) {
        twos[i] = _mm512_castps_pd(_mm512_unpacklo_ps(y[i], y[i + 1]));
        twos[i + 1] = _mm512_castps_pd(_mm512_unpackhi_ps(y[i], y[i + 1]));
    }
    UNROLL(4)
    for (int i = 0; i < 16; i += 4) {
        fours[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(twos[i], twos[i + 2]));
        fours[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(twos[i], twos[i + 2]));
        fours[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(twos[i + 1], twos[i + 3]));
        fours[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(twos[i + 1], twos[i + 3]));
    }
    transpose_lanes(fours, y);
}

static __m512 filters_of_input(const float *from, __mmask16 lanes) {
    return from ? _mm512_maskz_loadu_ps(lanes, from) : _mm512_setzero_ps();
}

/* Two inputs of 16 filters are a vector of each part; 16 of them, transposed, are rows of 32 inputs. */
static void pair_filters(const nhwc_split_pair_filters *t) {
    const __mmask16 lanes = vf32_lanes(t->live);
    __m512 least = _mm512_loadu_ps(t->seen->least), most = _mm512_loadu_ps(t->seen->most);
    __m512 rows[NHWC_SPLIT_PARTS][16];
    magnitudes seen = nothing_seen();
    for (int i = 0; i < 16; i++) {
        const __m512 x = filters_of_input(t->inputs[2 * i], lanes), y = filters_of_input(t->inputs[2 * i + 1], lanes);
        const parts a = split(x), b = split(y);
        note_filters(x, &least, &most);
        note_filters(y, &least, &most);
        note_parts(&seen, &a, &b);
        rows[0][i] = _mm512_castsi512_ps(interleaved(a.h, b.h));
        rows[1][i] = _mm512_castsi512_ps(interleaved(a.m, b.m));
        rows[2][i] = _mm512_castsi512_ps(interleaved(a.l, b.l));
    }
    for (int part = 0; part < NHWC_SPLIT_PARTS; part++) {
        transpose(rows[part]);
        for (int i = 0; i < 16; i++) {
            _mm512_storeu_ps(t->to + part * t->to_part + i * NHWC_SPLIT_STEP, rows[part][i]);
        }
    }
    _mm512_storeu_ps(t->seen->least, least);
    _mm512_storeu_ps(t->seen->most, most);
    raise_parts(&seen, t->parts);
}

/* Results of 16 filters for 16 pixels, whose sums are transposed. */
static inline void results_of_tile(const nhwc_split_results *t, int64_t first, int64_t filter, __mmask16 lanes) {
    const __m512 least = _mm512_set1_ps(t->clamp[0]), most = _mm512_set1_ps(t->clamp[1]);
    const __m512 bias = _mm512_maskz_loadu_ps(lanes, t->bias + filter);
    __m512 y[16];
    UNROLL(16)
    for (int i = 0; i < 16; i++) {
        y[i] = _mm512_loadu_ps(t->sums + (filter + i) * t->width + first);
        if (t->more) {
            y[i] = _mm512_add_ps(y[i], _mm512_loadu_ps(t->more + (filter + i) * t->width + first));
        }
    }
    transpose(y);
    UNROLL(16)
    for (int i = 0; i < 16; i++) {
        const int64_t to = t->offsets[first + i] + filter;
        if (t->offsets[first + i] >= 0) {
            __m512 z = _mm512_add_ps(y[i], bias);
            if (t->residual) {
                z = _mm512_add_ps(z, _mm512_maskz_loadu_ps(lanes, t->residual + to));
            }
            _mm512_mask_storeu_ps(t->out + to, lanes, _mm512_min_ps(most, _mm512_max_ps(least, z)));
        }
    }
}

static void results_of_pairs(const nhwc_split_results *t) {
    for (int64_t first = 0; first < t->pixels; first += 16) {
        for (int64_t filter = 0; filter < t->live; filter += 16) {
            const __mmask16 lanes = t->live - filter < 16 ? vf32_lanes(t->live - filter) : 0xffff;
            results_of_tile(t, first, filter, lanes);
        }
    }
}
