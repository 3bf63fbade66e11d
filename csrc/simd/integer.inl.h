/* The vector names of scalar.h that a maximum needs, for an integer type: 16 bytes, which compilers map to what the
   processor has. Included with NHWC_DTYPE and INTEGER, the C type, set. */

#define NAME_(prefix, dtype) prefix##dtype
#define NAME(prefix, dtype) NAME_(prefix, dtype)
#define VECTOR_(dtype, op) v##dtype##op
#define VECTOR(dtype, op) VECTOR_(dtype, op)
#define ELEMENT NAME(elem_, NHWC_DTYPE)
#define LANES NAME(VL_, NHWC_DTYPE)

typedef INTEGER ELEMENT;
typedef INTEGER VECTOR(NHWC_DTYPE, ) __attribute__((vector_size(16)));
enum { LANES = 16 / sizeof(INTEGER) };

static inline VECTOR(NHWC_DTYPE, ) VECTOR(NHWC_DTYPE, _load)(const ELEMENT *p) {
    VECTOR(NHWC_DTYPE, ) v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void VECTOR(NHWC_DTYPE, _store)(ELEMENT *p, VECTOR(NHWC_DTYPE, ) v) { memcpy(p, &v, sizeof v); }
static inline VECTOR(NHWC_DTYPE, ) VECTOR(NHWC_DTYPE, _load_n)(const ELEMENT *p, int64_t n) {
    VECTOR(NHWC_DTYPE, ) v = {0};
    memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
}
static inline void VECTOR(NHWC_DTYPE, _store_n)(ELEMENT *p, VECTOR(NHWC_DTYPE, ) v, int64_t n) {
    memcpy(p, &v, (size_t)n * sizeof *p);
}
static inline VECTOR(NHWC_DTYPE, ) VECTOR(NHWC_DTYPE, _max)(VECTOR(NHWC_DTYPE, ) a, VECTOR(NHWC_DTYPE, ) b) {
    const VECTOR(NHWC_DTYPE, ) greater = (VECTOR(NHWC_DTYPE, ))(a > b);
    return (a & greater) | (b & ~greater);
}

#undef NAME_
#undef NAME
#undef VECTOR_
#undef VECTOR
#undef ELEMENT
#undef LANES
#undef INTEGER
