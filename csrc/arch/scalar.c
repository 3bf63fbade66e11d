/* Plain C for any processor, and the integer kernels. */
#include "arch.h"

#include "../simd/scalar.h"

#define NHWC_ISA scalar
#define PREFERRED_VECTORS 2
#define DEPTHWISE_COLUMNS 8

#define NHWC_DTYPE f32
#define MR1 6
#define MR2 4
#define MR3 3
#define MR4 2
#include "../kernels/kernels.inl.h"

#define NHWC_DTYPE f64
#define MR1 6
#define MR2 4
#define MR3 3
#define MR4 2
#include "../kernels/kernels.inl.h"

#define NHWC_INTEGER
#define NHWC_DTYPE i64
#define MR1 6
#define MR2 4
#define MR3 3
#define MR4 2
#include "../kernels/kernels.inl.h"

const nhwc_isa nhwc_isa_scalar = {
    .name = "scalar",
    .features = 0,
    .kernels = {[NHWC_F32] = &kernels_f32,
                [NHWC_F64] = &kernels_f64,
                [NHWC_I64] = &kernels_i64,
                [NHWC_U64] = &kernels_i64,
                [NHWC_I32] = &kernels_i64},
};
