/* The contract of the activation kernels; the template says how exact they are. */
#ifndef NHWC_KERNELS_ACTIVATION_H
#define NHWC_KERNELS_ACTIVATION_H

#include <stdint.h>

/* Activates n elements from y + offsets[i] on in place, for each of `count` offsets that is not negative. */
typedef void nhwc_activate(void *y, const int64_t *offsets, int64_t count, int64_t n, int activation);

#endif
