/* Which vector instructions this processor and its operating system support. */
#ifndef NHWC_BASE_CPU_H
#define NHWC_BASE_CPU_H

enum {
    NHWC_CPU_SSE2 = 1,
    NHWC_CPU_AVX2 = 2,   /* with FMA3 and F16C */
    NHWC_CPU_AVX512 = 4, /* F, BW, DQ, VL */
    NHWC_CPU_NEON = 8,
    NHWC_CPU_AMX = 16, /* tiles of bfloat16, and the leave to use them */
};

unsigned nhwc_cpu_features(void);

#endif
