/* A family of tiles: MR = 1 .. FAMILY_MR for one NV, and the function FAMILY that picks by the number of pixels.
   Included with FAMILY, FAMILY_MR, NV and TILE_NAME set, and with TILE_TEMPLATE, the file of one tile, what that needs,
   and TILE_TYPE, its operands. */

#define MR 1
#include TILE_TEMPLATE
#undef MR
#if FAMILY_MR >= 2
#define MR 2
#include TILE_TEMPLATE
#undef MR
#endif
#if FAMILY_MR >= 3
#define MR 3
#include TILE_TEMPLATE
#undef MR
#endif
#if FAMILY_MR >= 4
#define MR 4
#include TILE_TEMPLATE
#undef MR
#endif
#if FAMILY_MR >= 5
#define MR 5
#include TILE_TEMPLATE
#undef MR
#endif
#if FAMILY_MR >= 6
#define MR 6
#include TILE_TEMPLATE
#undef MR
#endif
#if FAMILY_MR >= 7
#define MR 7
#include TILE_TEMPLATE
#undef MR
#endif
#if FAMILY_MR >= 8
#define MR 8
#include TILE_TEMPLATE
#undef MR
#endif
#if FAMILY_MR >= 9
#define MR 9
#include TILE_TEMPLATE
#undef MR
#endif
#if FAMILY_MR >= 10
#define MR 10
#include TILE_TEMPLATE
#undef MR
#endif
#if FAMILY_MR >= 11
#define MR 11
#include TILE_TEMPLATE
#undef MR
#endif
#if FAMILY_MR >= 12
#define MR 12
#include TILE_TEMPLATE
#undef MR
#endif
#if FAMILY_MR >= 13
#define MR 13
#include TILE_TEMPLATE
#undef MR
#endif
#if FAMILY_MR >= 14
#define MR 14
#include TILE_TEMPLATE
#undef MR
#endif

#define CASE_(op, dtype, mr, nv) op##_##dtype##_##mr##_##nv
#define CASE_NAME(op, dtype, mr, nv) CASE_(op, dtype, mr, nv)
#define CASE(mr)                                                                                                       \
    case mr:                                                                                                           \
        CASE_NAME(TILE_NAME, NHWC_DTYPE, mr, NV)(tile);                                                                \
        break;

static void FAMILY(const TILE_TYPE *tile, int rows) {
    switch (rows) {
        CASE(1)
#if FAMILY_MR >= 2
        CASE(2)
#endif
#if FAMILY_MR >= 3
        CASE(3)
#endif
#if FAMILY_MR >= 4
        CASE(4)
#endif
#if FAMILY_MR >= 5
        CASE(5)
#endif
#if FAMILY_MR >= 6
        CASE(6)
#endif
#if FAMILY_MR >= 7
        CASE(7)
#endif
#if FAMILY_MR >= 8
        CASE(8)
#endif
#if FAMILY_MR >= 9
        CASE(9)
#endif
#if FAMILY_MR >= 10
        CASE(10)
#endif
#if FAMILY_MR >= 11
        CASE(11)
#endif
#if FAMILY_MR >= 12
        CASE(12)
#endif
#if FAMILY_MR >= 13
        CASE(13)
#endif
#if FAMILY_MR >= 14
        CASE(14)
#endif
    }
}

#undef CASE
#undef CASE_NAME
#undef CASE_
#undef FAMILY
#undef FAMILY_MR
#undef NV
