/* SSE2: 16 registers of 16 bytes, one of which holds the product that a fused multiply-add would not need. */
#include "arch.h"

#include "../base/cpu.h"
#include "../simd/sse2.h"

#define NHWC_ISA sse2
#define PREFERRED_VECTORS 4
#define IMAGE_SUMS 12
#define DEPTHWISE_COLUMNS 8

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

const nhwc_isa nhwc_isa_sse2 = {
    .name = "sse2",
    .features = NHWC_CPU_SSE2,
    .kernels = {[NHWC_F32] = &kernels_f32, [NHWC_F64] = &kernels_f64},
};
