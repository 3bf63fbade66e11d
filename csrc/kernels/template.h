/* The names that templates use, from NHWC_DTYPE (f32, f64, i64, i32) and NHWC_ISA, which the includer sets. */
#ifndef NHWC_KERNELS_TEMPLATE_H
#define NHWC_KERNELS_TEMPLATE_H

#include "../simd/unroll.h"
#include "kernels.h"

#include <stdbool.h>
#include <string.h>

#define VEC NHWC_PASTE(v, NHWC_DTYPE, , , )
#define ELEM NHWC_PASTE(elem_, NHWC_DTYPE, , , )
#define VL NHWC_PASTE(VL_, NHWC_DTYPE, , , )
/* 1 where the vector header has a store8 of its own. */
#define HAS_STORE8 NHWC_PASTE(STORE8_, NHWC_DTYPE, , , )
/* V(add) is vf32_add. */
#define V(op) NHWC_PASTE(v, NHWC_DTYPE, _, op, )
/* VN(broadcast, 4) is vf32_broadcast4. */
#define VN(op, n) NHWC_PASTE(v, NHWC_DTYPE, _, op, n)
/* The name-maker: KERNEL(activate) is nhwc_activate_f32_avx2, LOCAL(x) is x_f32. */
#define KERNEL(op) NHWC_PASTE(nhwc_, op, KERNEL_DTYPE_, NHWC_ISA, )
#define KERNEL_DTYPE_ NHWC_PASTE(_, NHWC_DTYPE, _, , )
#define LOCAL(op) NHWC_PASTE(op, _, NHWC_DTYPE, , )
/* FAMILY_NAME(direct, 6, 4) is nhwc_direct_f32_6x4v_avx2. */
#define FAMILY_NAME(op, mr, nv) NHWC_PASTE(KERNEL_OP_(op), mr, x, nv, FAMILY_ISA_)
#define KERNEL_OP_(op) NHWC_PASTE(nhwc_, op, KERNEL_DTYPE_, , )
#define FAMILY_ISA_ NHWC_PASTE(v_, NHWC_ISA, , , )

/* IMAGE_KERNEL(image_rows, f32, 3, 8) is image_rows_f32_3x8v. */
#define IMAGE_KERNEL_(op, dtype, mr, nv) op##_##dtype##_##mr##x##nv##v
#define IMAGE_KERNEL(op, dtype, mr, nv) IMAGE_KERNEL_(op, dtype, mr, nv)

#define DIRECT 1
#define DEPTHWISE 2
#define DEPTHWISE_TAIL 3
#define IMAGE_ROWS 1
#define IMAGE_FILTERS 2

#endif
