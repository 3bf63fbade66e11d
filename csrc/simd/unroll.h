/* How loops are unrolled, whatever the compiler. */
#ifndef NHWC_SIMD_UNROLL_H
#define NHWC_SIMD_UNROLL_H

/* Before a loop: n rounds in one. */
#ifdef __clang__
#define UNROLL(n) UNROLL_PRAGMA_(unroll n)
#else
#define UNROLL(n) UNROLL_PRAGMA_(GCC unroll n)
#endif
#define UNROLL_PRAGMA_(text) _Pragma(#text)
/* Before a loop of few rounds, a number that compilers know: without a loop, arrays of vectors stay in registers. */
#define UNROLLED UNROLL(9)

#endif
