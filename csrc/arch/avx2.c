/* AVX2 with FMA3: 16 registers of 32 bytes. */
#include "arch.h"

#include "../base/cpu.h"
#include "../simd/avx2.h"
#include "../simd/half_avx2.h"
#include "../simd/int_avx2.h"

#define NHWC_ISA avx2
#define PREFERRED_VECTORS 2
#define IMAGE_SUMS 12
#define DEPTHWISE_COLUMNS 8
/* 12 multiply-adds fill two ports for a round, and counting rounds takes those ports, too: four in one are 6 to 10 %
   faster. 24 multiply-adds with AVX-512 leave room. */
#define REDUCTION_ROUNDS 4

#define NHWC_DTYPE f32
#define WITH_WINOGRAD
#define MR1 12
#define MR2 6
#define MR3 4
#define MR4 3
#include "../kernels/kernels.inl.h"

#define NHWC_DTYPE f64
#define MR1 12
#define MR2 6
#define MR3 4
#define MR4 3
#include "../kernels/kernels.inl.h"

#define NHWC_INTEGER
#define NHWC_DTYPE i64
#define MR1 4
#define MR2 2
#define MR3 1
#define MR4 1
#include "../kernels/kernels.inl.h"

#define NHWC_DTYPE i32
#define MR1 6
#define MR2 4
#define MR3 3
#define MR4 2
#include "../kernels/kernels.inl.h"

const nhwc_isa nhwc_isa_avx2 = {
    .name = "avx2",
    .features = NHWC_CPU_AVX2,
    .kernels = {[NHWC_F32] = &kernels_f32,
                [NHWC_F64] = &kernels_f64,
                [NHWC_I64] = &kernels_i64,
                [NHWC_U64] = &kernels_i64,
                [NHWC_I32] = &kernels_i32},
};
