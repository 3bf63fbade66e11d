/* Which vector instructions this processor and its operating system support. */
#include "cpu.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* The register files that the operating system saves: an instruction set without them faults. */
static unsigned long long saved_state(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((unsigned long long)high << 32) | low;
}

static int has(unsigned reg, unsigned mask) { return (reg & mask) == mask; }

/* Whether the system lets this process use tile registers, which it has to ask for: their state is 8 KiB a thread. */
static int tiles_are_granted(void) {
#if defined(__linux__) && defined(__x86_64__)
    enum { REQUEST_STATE = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, REQUEST_STATE, TILE_DATA) == 0;
#else
    return 0;
#endif
}

unsigned nhwc_cpu_features(void) {
    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24 };
    enum { FMA = 1 << 12, OSXSAVE = 1 << 27, AVX = 1 << 28, F16C = 1 << 29, SSE2 = 1 << 26 };
    enum { AVX2 = 1 << 5, AVX512F = 1 << 16, AVX512DQ = 1 << 17, AVX512BW = 1 << 30 };
    const unsigned AVX512VL = 1u << 31, YMM = 0x6, ZMM = 0xe6, TILES = 0x60000;
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
        if (has(d, AMX_BF16 | AMX_TILE) && (saved_state() & TILES) == TILES && tiles_are_granted()) {
            features |= NHWC_CPU_AMX;
        }
    }
    return features;
}
#elif defined(__aarch64__)
unsigned nhwc_cpu_features(void) { return NHWC_CPU_NEON; }
#else
unsigned nhwc_cpu_features(void) { return 0; }
#endif
