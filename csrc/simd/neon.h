/* The vector names of scalar.h for 64-bit ARM with Advanced SIMD, 128 bits; every AArch64 processor has it. */
#ifndef NHWC_SIMD_NEON_H
#define NHWC_SIMD_NEON_H

#include <arm_neon.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define VL_f32 4
#define VL_f64 2
typedef float elem_f32;
typedef double elem_f64;
typedef float32x4_t vf32;
typedef float64x2_t vf64;

static inline vf32 vf32_zero(void) { return vdupq_n_f32(0.0f); }
static inline vf32 vf32_set1(float x) { return vdupq_n_f32(x); }
static inline vf32 vf32_load(const float *p) { return vld1q_f32(p); }
static inline void vf32_store(float *p, vf32 v) { vst1q_f32(p, v); }
static inline vf32 vf32_load_n(const float *p, int64_t n) {
    if (n == 4) {
        return vld1q_f32(p);
    }
    float32x2_t none = vdup_n_f32(0.0f);
    float32x2_t last = n & 1 ? vld1_lane_f32(p + n - 1, none, 0) : none;
    return n & 2 ? vcombine_f32(vld1_f32(p), last) : vcombine_f32(last, none);
}
static inline void vf32_store_n(float *p, vf32 v, int64_t n) {
    if (n == 4) {
        vst1q_f32(p, v);
        return;
    }
    if (n & 2) {
        vst1_f32(p, vget_low_f32(v));
    }
    if (n & 1) {
        vst1_lane_f32(p + n - 1, n & 2 ? vget_high_f32(v) : vget_low_f32(v), 0);
    }
}
static inline vf32 vf32_keep(vf32 v) {
    __asm__("" : "+w"(v));
    return v;
}
static inline vf64 vf32_widen(const float *p) { return vcvt_f64_f32(vld1_f32(p)); }
static inline void vf32_narrow(float *p, vf64 v) { vst1_f32(p, vcvt_f32_f64(v)); }
static inline vf32 vf32_load_part(const float *p, int i, int n) {
    float lanes[4] = {0};
    memcpy(lanes + i, p, (size_t)n * sizeof *p);
    return vld1q_f32(lanes);
}
static inline void vf32_store_part(float *p, vf32 v, int i, int n) {
    float lanes[4];
    vst1q_f32(lanes, v);
    memcpy(p, lanes + i, (size_t)n * sizeof *p);
}
static inline vf32 vf32_broadcast2(const float *p) {
    float32x2_t pair = vld1_f32(p);
    return vcombine_f32(pair, pair);
}
static inline vf32 vf32_interleave2(vf32 v) {
    float32x2_t low = vget_low_f32(v), high = vget_high_f32(v);
    return vcombine_f32(vtrn1_f32(low, high), vtrn2_f32(low, high));
}
static inline vf32 vf32_deinterleave2(vf32 v) { return vf32_interleave2(v); }
static inline vf32 vf32_add(vf32 a, vf32 b) { return vaddq_f32(a, b); }
static inline vf32 vf32_sub(vf32 a, vf32 b) { return vsubq_f32(a, b); }
static inline vf32 vf32_mul(vf32 a, vf32 b) { return vmulq_f32(a, b); }
static inline vf32 vf32_div(vf32 a, vf32 b) { return vdivq_f32(a, b); }
static inline vf32 vf32_inverse(vf32 a) { return vf32_div(vdupq_n_f32(1.0f), a); }
static inline vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return vfmaq_f32(c, a, b); }
static inline vf32 vf32_max(vf32 a, vf32 b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
static inline vf32 vf32_min(vf32 a, vf32 b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static inline vf32 vf32_abs(vf32 a) { return vabsq_f32(a); }
static inline vf32 vf32_neg(vf32 a) { return vnegq_f32(a); }
static inline vf32 vf32_copysign(vf32 mag, vf32 sgn) { return vbslq_f32(vdupq_n_u32(0x80000000u), sgn, mag); }
static inline vf32 vf32_round(vf32 a) { return vrndnq_f32(a); }
static inline vf32 vf32_select_lt(vf32 a, vf32 b, vf32 x, vf32 y) { return vbslq_f32(vcltq_f32(a, b), x, y); }
static inline bool vf32_all_lt(vf32 a, vf32 b) { return vminvq_u32(vcltq_f32(a, b)) != 0; }
static inline vf32 vf32_select_nan(vf32 a, vf32 x, vf32 y) { return vbslq_f32(vceqq_f32(a, a), y, x); }
static inline vf32 vf32_pow2(vf32 a) {
    uint32x4_t biased = vreinterpretq_u32_f32(vaddq_f32(a, vdupq_n_f32(0x1p23f + 127.0f)));
    return vreinterpretq_f32_u32(vshlq_n_u32(biased, 23));
}

static inline vf64 vf64_zero(void) { return vdupq_n_f64(0.0); }
static inline vf64 vf64_set1(double x) { return vdupq_n_f64(x); }
static inline vf64 vf64_load(const double *p) { return vld1q_f64(p); }
static inline void vf64_store(double *p, vf64 v) { vst1q_f64(p, v); }
static inline vf64 vf64_load_n(const double *p, int64_t n) {
    if (n == 2) {
        return vld1q_f64(p);
    }
    return n ? vld1q_lane_f64(p, vdupq_n_f64(0.0), 0) : vdupq_n_f64(0.0);
}
static inline void vf64_store_n(double *p, vf64 v, int64_t n) {
    if (n == 2) {
        vst1q_f64(p, v);
    } else if (n) {
        vst1q_lane_f64(p, v, 0);
    }
}
static inline vf64 vf64_keep(vf64 v) {
    __asm__("" : "+w"(v));
    return v;
}
static inline vf64 vf64_widen(const double *p) { return vf64_load(p); }
static inline void vf64_narrow(double *p, vf64 v) { vf64_store(p, v); }
static inline vf64 vf64_add(vf64 a, vf64 b) { return vaddq_f64(a, b); }
static inline vf64 vf64_sub(vf64 a, vf64 b) { return vsubq_f64(a, b); }
static inline vf64 vf64_mul(vf64 a, vf64 b) { return vmulq_f64(a, b); }
static inline vf64 vf64_div(vf64 a, vf64 b) { return vdivq_f64(a, b); }
static inline vf64 vf64_inverse(vf64 a) { return vf64_div(vdupq_n_f64(1.0), a); }
static inline vf64 vf64_fma(vf64 a, vf64 b, vf64 c) { return vfmaq_f64(c, a, b); }
static inline vf64 vf64_max(vf64 a, vf64 b) { return vbslq_f64(vcgtq_f64(a, b), a, b); }
static inline vf64 vf64_min(vf64 a, vf64 b) { return vbslq_f64(vcltq_f64(a, b), a, b); }
static inline vf64 vf64_abs(vf64 a) { return vabsq_f64(a); }
static inline vf64 vf64_neg(vf64 a) { return vnegq_f64(a); }
static inline vf64 vf64_copysign(vf64 mag, vf64 sgn) { return vbslq_f64(vdupq_n_u64(1ull << 63), sgn, mag); }
static inline vf64 vf64_round(vf64 a) { return vrndnq_f64(a); }
static inline vf64 vf64_select_lt(vf64 a, vf64 b, vf64 x, vf64 y) { return vbslq_f64(vcltq_f64(a, b), x, y); }
static inline bool vf64_all_lt(vf64 a, vf64 b) {
    uint64x2_t less = vcltq_f64(a, b);
    return vgetq_lane_u64(less, 0) && vgetq_lane_u64(less, 1);
}
static inline vf64 vf64_select_nan(vf64 a, vf64 x, vf64 y) { return vbslq_f64(vceqq_f64(a, a), y, x); }
static inline vf64 vf64_pow2(vf64 a) {
    uint64x2_t biased = vreinterpretq_u64_f64(vaddq_f64(a, vdupq_n_f64(0x1p52 + 1023.0)));
    return vreinterpretq_f64_u64(vshlq_n_u64(biased, 52));
}

static inline vf32 vf32_zip_lo(vf32 a, vf32 b) { return vzip1q_f32(a, b); }
static inline vf32 vf32_zip_hi(vf32 a, vf32 b) { return vzip2q_f32(a, b); }
static inline vf32 vf32_unzip_lo(vf32 a, vf32 b) { return vuzp1q_f32(a, b); }
static inline vf32 vf32_unzip_hi(vf32 a, vf32 b) { return vuzp2q_f32(a, b); }
static inline void vf32_load3(const float *p, vf32 v[3]) {
    float32x4x3_t all = vld3q_f32(p);
    v[0] = all.val[0], v[1] = all.val[1], v[2] = all.val[2];
}
static inline void vf32_store3(float *p, const vf32 v[3]) {
    float32x4x3_t all = {{v[0], v[1], v[2]}};
    vst3q_f32(p, all);
}
static inline vf64 vf64_zip_lo(vf64 a, vf64 b) { return vzip1q_f64(a, b); }
static inline vf64 vf64_zip_hi(vf64 a, vf64 b) { return vzip2q_f64(a, b); }
static inline vf64 vf64_unzip_lo(vf64 a, vf64 b) { return vuzp1q_f64(a, b); }
static inline vf64 vf64_unzip_hi(vf64 a, vf64 b) { return vuzp2q_f64(a, b); }
static inline void vf64_load3(const double *p, vf64 v[3]) {
    float64x2x3_t all = vld3q_f64(p);
    v[0] = all.val[0], v[1] = all.val[1], v[2] = all.val[2];
}
static inline void vf64_store3(double *p, const vf64 v[3]) {
    float64x2x3_t all = {{v[0], v[1], v[2]}};
    vst3q_f64(p, all);
}

#endif
