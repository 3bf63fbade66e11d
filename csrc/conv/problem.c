/* Shape arithmetic: output sizes, and the checks that no size overflows. */
#include "../base/status.h"

static nhwc_status check_enums(const nhwc_problem *p) {
    bool ok = (unsigned)p->dtype < NHWC_DTYPES && (unsigned)p->padding_mode < NHWC_PADDING_MODES &&
              (unsigned)p->activation < NHWC_ACTIVATIONS && (unsigned)p->algorithm < NHWC_ALGORITHMS;
    bool integer = p->dtype == NHWC_I64 || p->dtype == NHWC_U64 || p->dtype == NHWC_I32;
    return ok && (!integer || p->activation <= NHWC_RELU6) ? NHWC_OK : NHWC_INVALID_ARGUMENT;
}

/* The output size of one axis. An axis without pixels has no output under zero padding that adds no more than
   "same" does; everything else must hold at least one window. */
static nhwc_status check_axis(nhwc_problem *p, int axis) {
    int64_t in = p->in[axis], kernel = p->kernel[axis], stride = p->stride[axis], dilation = p->dilation[axis];
    int64_t before = p->before[axis], after = p->after[axis], window;
    if (in < 0 || kernel < 1 || stride < 1 || dilation < 1 || before < 0 || after < 0) {
        return NHWC_INVALID_ARGUMENT;
    }
    if (in > NHWC_MAX_SIZE || before > NHWC_MAX_SIZE || after > NHWC_MAX_SIZE || stride > NHWC_MAX_SIZE ||
        !nhwc_mul(kernel - 1, dilation, &window) || in + before + after > NHWC_MAX_SIZE) {
        return NHWC_TOO_LARGE;
    }
    window += 1;
    if (in == 0 && p->padding_mode != NHWC_CONSTANT) {
        return NHWC_INVALID_ARGUMENT;
    }
    int64_t room = in + before + after - window;
    if (room < 0) {
        p->out[axis] = 0;
        return in == 0 && before == 0 && after == 0 ? NHWC_OK : NHWC_INVALID_ARGUMENT;
    }
    p->out[axis] = room / stride + 1;
    return NHWC_OK;
}

/* False if the product of the sizes exceeds NHWC_MAX_SIZE, were every zero a one. */
static bool product_fits(const int64_t *sizes, int count, int64_t *product) {
    int64_t whole = 1;
    *product = 1;
    for (int i = 0; i < count; i++) {
        if (!nhwc_mul(whole, sizes[i] ? sizes[i] : 1, &whole)) {
            return false;
        }
        *product *= sizes[i];
    }
    return true;
}

nhwc_status nhwc_problem_check(nhwc_problem *p) {
    nhwc_status status = check_enums(p);
    if (status != NHWC_OK) {
        return status;
    }
    if (p->n < -1 || p->c < 0 || p->f < 0 || p->groups < 1 || p->c % p->groups || p->f % p->groups) {
        return NHWC_INVALID_ARGUMENT;
    }
    for (int axis = 0; axis < 3; axis++) {
        status = check_axis(p, axis);
        if (status != NHWC_OK) {
            return status;
        }
    }
    enum { WIDEST = 8 }; /* bytes of the widest element */
    int64_t n = p->n < 0 ? 1 : p->n, unused;
    int64_t x[] = {WIDEST, n, p->in[0], p->in[1], p->in[2], p->c};
    int64_t filters[] = {WIDEST, p->kernel[0], p->kernel[1], p->kernel[2], p->c / p->groups, p->f};
    int64_t y[] = {WIDEST, n, p->out[0], p->out[1], p->out[2], p->f};
    if (!product_fits(x, 6, &unused) || !product_fits(filters, 6, &unused) || !product_fits(y, 6, &unused) ||
        !product_fits(p->out, 3, &p->pixels) || !product_fits(filters + 1, 4, &p->k)) {
        return NHWC_TOO_LARGE;
    }
    return NHWC_OK;
}
