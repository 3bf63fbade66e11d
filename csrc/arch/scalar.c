/* Plain C for any processor, and the integer kernels. */
#include "arch.h"

#include "../simd/scalar.h"

#define NHWC_ISA scalar
#define PREFERRED_VECTORS 2
#define DEPTHWISE_COLUMNS 8

#define NHWC_DTYPE f32
#define WITH_WINOGRAD
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

/* Maxima of the other integers. */
#define NHWC_DTYPE i8
#define INTEGER int8_t
#include "../simd/integer.inl.h"

#include "../kernels/pool_max.inl.h"
#undef NHWC_DTYPE
#define NHWC_DTYPE i16
#define INTEGER int16_t
#include "../simd/integer.inl.h"

#include "../kernels/pool_max.inl.h"
#undef NHWC_DTYPE
#define NHWC_DTYPE i32
#define INTEGER int32_t
#include "../simd/integer.inl.h"

#include "../kernels/pool_max.inl.h"
#undef NHWC_DTYPE
#define NHWC_DTYPE u8
#define INTEGER uint8_t
#include "../simd/integer.inl.h"

#include "../kernels/pool_max.inl.h"
#undef NHWC_DTYPE
#define NHWC_DTYPE u16
#define INTEGER uint16_t
#include "../simd/integer.inl.h"

#include "../kernels/pool_max.inl.h"
#undef NHWC_DTYPE
#define NHWC_DTYPE u32
#define INTEGER uint32_t
#include "../simd/integer.inl.h"

#include "../kernels/pool_max.inl.h"
#undef NHWC_DTYPE
#define NHWC_DTYPE u64
#define INTEGER uint64_t
#include "../simd/integer.inl.h"

#include "../kernels/pool_max.inl.h"
#undef NHWC_DTYPE

nhwc_windows_kernel *const nhwc_max_integers[NHWC_ELEMENTS] = {
    [NHWC_ELEMENT_I8] = nhwc_max_windows_i8_scalar,   [NHWC_ELEMENT_I16] = nhwc_max_windows_i16_scalar,
    [NHWC_ELEMENT_I32] = nhwc_max_windows_i32_scalar, [NHWC_ELEMENT_U8] = nhwc_max_windows_u8_scalar,
    [NHWC_ELEMENT_U16] = nhwc_max_windows_u16_scalar, [NHWC_ELEMENT_U32] = nhwc_max_windows_u32_scalar,
    [NHWC_ELEMENT_U64] = nhwc_max_windows_u64_scalar, [NHWC_ELEMENT_I64] = nhwc_max_windows_i64_scalar,
};

const nhwc_isa nhwc_isa_scalar = {
    .name = "scalar",
    .features = 0,
    .kernels = {[NHWC_F32] = &kernels_f32,
                [NHWC_F64] = &kernels_f64,
                [NHWC_I64] = &kernels_i64,
                [NHWC_U64] = &kernels_i64,
                [NHWC_I32] = &kernels_i64},
};
