/* Which instruction sets there are, and which one is in use. The build defines NHWC_WITH_<ISA> for each that it
   compiles. */
#include "arch.h"

#include "../base/cpu.h"

#include <stdatomic.h>
#include <string.h>

/* Best first. */
static const nhwc_isa *const compiled[] = {
#ifdef NHWC_WITH_AMX
    &nhwc_isa_amx,
#endif
#ifdef NHWC_WITH_AVX512
    &nhwc_isa_avx512,
#endif
#ifdef NHWC_WITH_AVX2
    &nhwc_isa_avx2,
#endif
#ifdef NHWC_WITH_SSE2
    &nhwc_isa_sse2,
#endif
#ifdef NHWC_WITH_NEON
    &nhwc_isa_neon,
#endif
    &nhwc_isa_scalar,
};
enum { COUNT = sizeof compiled / sizeof *compiled };

static const nhwc_isa *_Atomic current;

static const nhwc_isa *available(int i) {
    const unsigned features = nhwc_cpu_features();
    for (int at = 0; at < COUNT; at++) {
        if ((compiled[at]->features & ~features) == 0 && i-- == 0) {
            return compiled[at];
        }
    }
    return NULL;
}

const nhwc_isa *nhwc_isa_current(void) {
    const nhwc_isa *isa = atomic_load_explicit(&current, memory_order_relaxed);
    if (!isa) {
        isa = available(0);
        atomic_store(&current, isa);
    }
    return isa;
}

const char *nhwc_isa_compiled(int i) { return i >= 0 && i < COUNT ? compiled[i]->name : NULL; }

const char *nhwc_isa_available(int i) {
    const nhwc_isa *isa = i < 0 ? NULL : available(i);
    return isa ? isa->name : NULL;
}

/* What every processor of this architecture has, of the instruction sets compiled. */
const char *nhwc_isa_baseline(void) {
#if defined(NHWC_WITH_SSE2) && defined(__x86_64__)
    return nhwc_isa_sse2.name;
#elif defined(NHWC_WITH_NEON)
    return nhwc_isa_neon.name;
#else
    return nhwc_isa_scalar.name;
#endif
}

const char *nhwc_isa_name(void) { return nhwc_isa_current()->name; }

nhwc_status nhwc_isa_use(const char *name) {
    for (int i = 0; i < COUNT; i++) {
        const nhwc_isa *isa = available(i);
        if (isa && strcmp(isa->name, name) == 0) {
            atomic_store(&current, isa);
            return NHWC_OK;
        }
    }
    return NHWC_INVALID_ARGUMENT;
}
