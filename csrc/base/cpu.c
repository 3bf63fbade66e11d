/* Which vector instructions this processor and its operating system support. */
#include "cpu.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

/* The register files that the operating system saves: an instruction set without them faults. */
static unsigned long long saved_state(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((unsigned long long)high << 32) | low;
}

static int has(unsigned reg, unsigned mask) { return (reg & mask) == mask; }

unsigned nhwc_cpu_features(void) {
    enum { FMA = 1 << 12, OSXSAVE = 1 << 27, AVX = 1 << 28, F16C = 1 << 29, SSE2 = 1 << 26 };
    enum { AVX2 = 1 << 5, AVX512F = 1 << 16, AVX512DQ = 1 << 17, AVX512BW = 1 << 30 };
    const unsigned AVX512VL = 1u << 31, YMM = 0x6, ZMM = 0xe6;
    unsigned a, b, c, d, features = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) {
        return 0;
    }
    if (has(d, SSE2)) {
        features |= NHWC_CPU_SSE2;
    }
    if (!has(c, FMA | OSXSAVE | AVX | F16C) || (saved_state() & YMM) != YMM ||
        !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has(b, AVX2)) {
        return features;
    }
    features |= NHWC_CPU_AVX2;
    if (has(b, AVX512F | AVX512DQ | AVX512BW | AVX512VL) && (saved_state() & ZMM) == ZMM) {
        features |= NHWC_CPU_AVX512;
    }
    return features;
}
#elif defined(__aarch64__)
unsigned nhwc_cpu_features(void) { return NHWC_CPU_NEON; }
#else
unsigned nhwc_cpu_features(void) { return 0; }
#endif
