/* Turning a matrix of filters, rows to columns. Included with the names of kernels/template.h set.

       for columns, VL of them:
           for rows, 8 of them: 8 vectors are interleaved, and 8 elements stored to each of VL rows
           the other rows, and columns that fill no vector, one by one

   Whether all is finite comes along: the sum of 0 * x is NaN if one is not. Nothing beyond the matrices is touched. */

/* One by one: rows from `row` on, columns from `column` to before `end`. Adds 0 * x of each to *nothing. */
static inline void LOCAL(turn_rest)(const ELEM *from, int64_t from_pitch, int64_t row, int64_t rows, int64_t column,
                                    int64_t end, ELEM *to, int64_t to_pitch, ELEM *nothing) {
    ELEM sum = *nothing;
    for (; row < rows; row++) {
        for (int64_t j = column; j < end; j++) {
            const ELEM x = from[row * from_pitch + j];
            to[j * to_pitch + row] = x;
            sum += 0 * x;
        }
    }
    *nothing = sum;
}

/* to[j][i] = from[i][j]; pitches in elements. False if an element is not finite. */
static bool KERNEL(turn)(const void *from_, int64_t from_pitch, int64_t rows, int64_t columns, void *to_,
                         int64_t to_pitch) {
    const ELEM *from = from_;
    ELEM *to = to_;
    ELEM nothing = 0;
    int64_t column = 0;
#if VL > 1
    VEC nothings = V(zero)();
    for (; column + VL <= columns && rows >= 8; column += VL) {
        int64_t i = 0;
        for (; i + 8 <= rows; i += 8) {
            VEC row[8];
            ELEM line[8 * VL];
            for (int r = 0; r < 8; r++) {
                row[r] = V(load)(from + (i + r) * from_pitch + column);
                __builtin_prefetch(from + (i + r + 16) * from_pitch + column);
                nothings = V(fma)(row[r], V(zero)(), nothings);
            }
            LOCAL(interleave8)(row, line);
            for (int j = 0; j < VL; j++) {
                memcpy(to + (column + j) * to_pitch + i, line + 8 * j, 8 * sizeof(ELEM));
            }
        }
        LOCAL(turn_rest)(from, from_pitch, i, rows, column, column + VL, to, to_pitch, &nothing);
    }
    ELEM lanes[VL];
    V(store)(lanes, nothings);
    for (int j = 0; j < VL; j++) {
        nothing += lanes[j];
    }
#endif
    LOCAL(turn_rest)(from, from_pitch, 0, rows, column, columns, to, to_pitch, &nothing);
    return nothing == 0;
}
