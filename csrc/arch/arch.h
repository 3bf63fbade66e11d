/* The instruction sets, one table each. */
#ifndef NHWC_ARCH_ARCH_H
#define NHWC_ARCH_ARCH_H

#include "../kernels/kernels.h"

extern const nhwc_isa nhwc_isa_avx512, nhwc_isa_avx2, nhwc_isa_sse2, nhwc_isa_neon, nhwc_isa_scalar;

/* The one in use, and every kernel table of it. */
const nhwc_isa *nhwc_isa_current(void);

#endif
