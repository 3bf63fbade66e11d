/* Repetition for kernels with named accumulators: ROWS(X) is X(0) ... X(MR - 1), COLUMNS(X, r) is
   X(r, 0) ... X(r, NV - 1); the other way round, VECTORS(X) is X(0) ... X(NV - 1), and DOWN(X, v), for up to 8 rows,
   X(0, v) ... X(MR - 1, v). Included after MR and NV are set, each time they change. An accumulator array would be
   simpler, but compilers leave such an array in memory. */
#undef ROWS
#undef COLUMNS
#undef VECTORS
#undef DOWN

/* Before a loop over a reduction, of which an instruction set may want some rounds in one. */
#undef REDUCTION_LOOP
#ifdef REDUCTION_ROUNDS
#define REDUCTION_LOOP UNROLL(REDUCTION_ROUNDS)
#else
#define REDUCTION_LOOP
#endif

#if NV == 1
#define COLUMNS(X, r) X(r, 0)
#define VECTORS(X) X(0)
#elif NV == 2
#define COLUMNS(X, r) X(r, 0) X(r, 1)
#define VECTORS(X) X(0) X(1)
#elif NV == 3
#define COLUMNS(X, r) X(r, 0) X(r, 1) X(r, 2)
#elif NV == 4
#define COLUMNS(X, r) X(r, 0) X(r, 1) X(r, 2) X(r, 3)
#define VECTORS(X) X(0) X(1) X(2) X(3)
#elif NV == 8
#define COLUMNS(X, r) X(r, 0) X(r, 1) X(r, 2) X(r, 3) X(r, 4) X(r, 5) X(r, 6) X(r, 7)
#define VECTORS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#else
#error "NV"
#endif

#if MR == 1
#define ROWS(X) X(0)
#define DOWN(X, v) X(0, v)
#elif MR == 2
#define ROWS(X) X(0) X(1)
#define DOWN(X, v) X(0, v) X(1, v)
#elif MR == 3
#define ROWS(X) X(0) X(1) X(2)
#define DOWN(X, v) X(0, v) X(1, v) X(2, v)
#elif MR == 4
#define ROWS(X) X(0) X(1) X(2) X(3)
#define DOWN(X, v) X(0, v) X(1, v) X(2, v) X(3, v)
#elif MR == 5
#define ROWS(X) X(0) X(1) X(2) X(3) X(4)
#define DOWN(X, v) X(0, v) X(1, v) X(2, v) X(3, v) X(4, v)
#elif MR == 6
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5)
#define DOWN(X, v) X(0, v) X(1, v) X(2, v) X(3, v) X(4, v) X(5, v)
#elif MR == 7
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6)
#define DOWN(X, v) X(0, v) X(1, v) X(2, v) X(3, v) X(4, v) X(5, v) X(6, v)
#elif MR == 8
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define DOWN(X, v) X(0, v) X(1, v) X(2, v) X(3, v) X(4, v) X(5, v) X(6, v) X(7, v)
#elif MR == 9
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#elif MR == 10
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)
#elif MR == 11
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10)
#elif MR == 12
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#elif MR == 13
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#elif MR == 14
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)
#else
#error "MR"
#endif
