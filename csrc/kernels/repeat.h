/* Repetition for kernels with named accumulators: ROWS(X) is X(0) ... X(MR - 1), COLUMNS(X, r) is
   X(r, 0) ... X(r, NV - 1). Included after MR and NV are set, each time they change. An accumulator array would be
   simpler, but compilers leave such an array in memory. */
#undef ROWS
#undef COLUMNS

#if NV == 1
#define COLUMNS(X, r) X(r, 0)
#elif NV == 2
#define COLUMNS(X, r) X(r, 0) X(r, 1)
#elif NV == 3
#define COLUMNS(X, r) X(r, 0) X(r, 1) X(r, 2)
#elif NV == 4
#define COLUMNS(X, r) X(r, 0) X(r, 1) X(r, 2) X(r, 3)
#else
#error "NV"
#endif

#if MR == 1
#define ROWS(X) X(0)
#elif MR == 2
#define ROWS(X) X(0) X(1)
#elif MR == 3
#define ROWS(X) X(0) X(1) X(2)
#elif MR == 4
#define ROWS(X) X(0) X(1) X(2) X(3)
#elif MR == 5
#define ROWS(X) X(0) X(1) X(2) X(3) X(4)
#elif MR == 6
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5)
#elif MR == 7
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6)
#elif MR == 8
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
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
