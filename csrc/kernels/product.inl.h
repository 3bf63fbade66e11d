/* One register tile of MR rows by NV vectors of a product of matrices.

   Included with MR, NV and the names of kernels/template.h set.

       for chunk of k:
           c[MR][NV] = 0
           for k of the chunk:                  b is read once, row by row; a row of a is a stream of its own
               w[NV] = b[k]
               c[r][v] += a[r][k] * w[v]
           store c, added to what is there except for the first chunk without `add`

   Registers: MR * NV accumulators, NV of b, one broadcast. The order of the sum is the same for every MR and NV, so the
   bits do not depend on how rows are cut into tiles. With `ahead`, each step fetches one vector from there into the
   second-level cache, so that b's successor comes from afar while b is at work. */

#include "repeat.h"

#define TILE_PASTE_(op, dtype, mr, nv) op##_##dtype##_##mr##_##nv
#define TILE_PASTE(op, dtype, mr, nv) TILE_PASTE_(op, dtype, mr, nv)

static void TILE_PASTE(TILE_NAME, NHWC_DTYPE, MR, NV)(const nhwc_product *t) {
    enum { NR = NV * VL };
    const ELEM *b = t->b, *ahead = t->ahead;
    ELEM *c = t->c;
    int64_t k = 0;
    bool add = t->add;
#define POINT(r) const ELEM *p##r = (const ELEM *)t->a + r * t->a_pitch;
    ROWS(POINT)
    do {
        const int64_t end = t->k - k < t->chunk ? t->k : k + t->chunk;
#define DECLARE(r, v) VEC c##r##_##v = V(zero)();
#define DECLARE_ROW(r) COLUMNS(DECLARE, r)
        ROWS(DECLARE_ROW)
#define LOAD_B(r, v) const VEC w##v = V(load)(b + v * VL);
#define MULTIPLY(r, v) c##r##_##v = V(fma)(x, w##v, c##r##_##v);
#define MULTIPLY_ROW(r)                                                                                                \
    {                                                                                                                  \
        const VEC x = V(set1)(p##r[k]);                                                                                \
        COLUMNS(MULTIPLY, r)                                                                                           \
    }
        if (ahead) {
            REDUCTION_LOOP
            for (; k < end; k++, b += NR, ahead += VL) {
                __builtin_prefetch(ahead, 0, 2);
                COLUMNS(LOAD_B, 0)
                ROWS(MULTIPLY_ROW)
            }
        } else {
            REDUCTION_LOOP
            for (; k < end; k++, b += NR) {
                COLUMNS(LOAD_B, 0)
                ROWS(MULTIPLY_ROW)
            }
        }
        if (add) {
#define ADD(r, v) c##r##_##v = V(add)(V(load)(c + r * NR + v * VL), c##r##_##v);
#define ADD_ROW(r) COLUMNS(ADD, r)
            ROWS(ADD_ROW)
        }
        add = true;
#define STORE(r, v) V(store)(c + r * NR + v * VL, c##r##_##v);
#define STORE_ROW(r) COLUMNS(STORE, r)
        ROWS(STORE_ROW)
    } while (k < t->k);

#undef POINT
#undef DECLARE
#undef DECLARE_ROW
#undef LOAD_B
#undef MULTIPLY
#undef MULTIPLY_ROW
#undef ADD
#undef ADD_ROW
#undef STORE
#undef STORE_ROW
}

#undef TILE_PASTE
#undef TILE_PASTE_
