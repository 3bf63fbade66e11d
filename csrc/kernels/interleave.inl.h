/* Two, four or eight vectors made one row of their elements in turns; after kernels/template.h. */

static inline void LOCAL(interleave2)(VEC a, VEC b, ELEM *to) {
    V(store)(to, V(zip_lo)(a, b));
    V(store)(to + VL, V(zip_hi)(a, b));
}

static inline void LOCAL(interleave4)(VEC a, VEC b, VEC c, VEC d, ELEM *to) {
    LOCAL(interleave2)(V(zip_lo)(a, c), V(zip_lo)(b, d), to);
    LOCAL(interleave2)(V(zip_hi)(a, c), V(zip_hi)(b, d), to + 2 * VL);
}

/* Element j of every row, for j = 0 .. VL - 1, next to each other: to[8 * j + i] = row[i][j]. */
#if HAS_STORE8
static inline void LOCAL(interleave8)(const VEC row[8], ELEM *to) { V(store8)(to, row); }
#else
static inline void LOCAL(interleave8)(const VEC row[8], ELEM *to) {
    LOCAL(interleave4)(V(zip_lo)(row[0], row[4]), V(zip_lo)(row[1], row[5]), V(zip_lo)(row[2], row[6]),
                       V(zip_lo)(row[3], row[7]), to);
    LOCAL(interleave4)(V(zip_hi)(row[0], row[4]), V(zip_hi)(row[1], row[5]), V(zip_hi)(row[2], row[6]),
                       V(zip_hi)(row[3], row[7]), to + 4 * VL);
}
#endif
