/* 64-bit ARM with Advanced SIMD: 32 registers of 16 bytes. */
#include "arch.h"

#include "../base/cpu.h"
#include "../simd/neon.h"

#define NHWC_ISA neon
#define PREFERRED_VECTORS 4
#define IMAGE_SUMS 24
#define DEPTHWISE_COLUMNS 14

#define NHWC_DTYPE f32
#define WITH_WINOGRAD
#define MR1 14
#define MR2 12
#define MR3 8
#define MR4 6
#define MR_TAPS 14
#include "../kernels/kernels.inl.h"

#define NHWC_DTYPE f64
#define MR1 14
#define MR2 12
#define MR3 8
#define MR4 6
#define MR_TAPS 14
#include "../kernels/kernels.inl.h"

const nhwc_isa nhwc_isa_neon = {
    .name = "neon",
    .features = NHWC_CPU_NEON,
    .kernels = {[NHWC_F32] = &kernels_f32, [NHWC_F64] = &kernels_f64},
};
