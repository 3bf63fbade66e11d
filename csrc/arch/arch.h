/* The instruction sets, one table each. */
#ifndef NHWC_ARCH_ARCH_H
#define NHWC_ARCH_ARCH_H

#include "../kernels/kernels.h"

extern const nhwc_isa nhwc_isa_amx, nhwc_isa_avx512, nhwc_isa_avx2, nhwc_isa_sse2, nhwc_isa_neon, nhwc_isa_scalar;

extern const nhwc_split_kernels nhwc_split_amx;

/* Maxima over windows of integers, the same for all instruction sets; by nhwc_element. */
extern nhwc_windows_kernel *const nhwc_max_integers[NHWC_ELEMENTS];

/* The one in use, and every kernel table of it. */
const nhwc_isa *nhwc_isa_current(void);

#endif
