/* AVX-512 (F, BW, DQ, VL): 32 registers of 64 bytes. */
#include "arch.h"

#include "../base/cpu.h"
#include "../simd/avx512.h"
#include "../simd/half_avx512.h"
#include "../simd/int_avx512.h"

#define NHWC_ISA avx512
#define PREFERRED_VECTORS 4
#define IMAGE_SUMS 24
#define DEPTHWISE_COLUMNS 14
#define GRAD_MR2 14
#define GRAD_MR3 9

#define NHWC_DTYPE f32
#define WITH_WINOGRAD
#define MR1 14
#define MR2 12
#define MR3 8
#define MR4 6
#define MR_TAPS 14
#define MR_TAPS2 11
#define LINES1 14
#define LINES2 12
#define LINES3 7
#include "../kernels/kernels.inl.h"

#define NHWC_DTYPE f64
#define MR1 14
#define MR2 12
#define MR3 8
#define MR4 6
#define MR_TAPS 14
#define LINES1 14
#define LINES2 12
#define LINES3 7
#include "../kernels/kernels.inl.h"

#define NHWC_INTEGER
#define NHWC_DTYPE i64
#define MR1 6
#define MR2 4
#define MR3 3
#define MR4 2
#include "../kernels/kernels.inl.h"

#define NHWC_DTYPE i32
#define MR1 6
#define MR2 4
#define MR3 3
#define MR4 2
#include "../kernels/kernels.inl.h"

#define TABLES                                                                                                         \
    {[NHWC_F32] = &kernels_f32,                                                                                        \
     [NHWC_F64] = &kernels_f64,                                                                                        \
     [NHWC_I64] = &kernels_i64,                                                                                        \
     [NHWC_U64] = &kernels_i64,                                                                                        \
     [NHWC_I32] = &kernels_i32}

const nhwc_isa nhwc_isa_avx512 = {
    .name = "avx512",
    .features = NHWC_CPU_AVX512,
    .kernels = TABLES,
};

#ifdef NHWC_WITH_AMX
/* The same, and products of matrices by tiles. */
const nhwc_isa nhwc_isa_amx = {
    .name = "amx",
    .features = NHWC_CPU_AVX512 | NHWC_CPU_AMX,
    .kernels = TABLES,
    .split = &nhwc_split_amx,
};
#endif
