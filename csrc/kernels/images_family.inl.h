/* The image tiles of NV vectors that the registers hold. Included with NV and IMAGE_SUMS set. */

#define IMAGE_OP IMAGE_ROWS
#define IMAGE_NAME image_rows
#define MR 1
#include "images.inl.h"
#undef MR
#if 2 * NV <= IMAGE_SUMS
#define MR 2
#include "images.inl.h"
#undef MR
#endif
#if 3 * NV <= IMAGE_SUMS
#define MR 3
#include "images.inl.h"
#undef MR
#endif
#if 4 * NV <= IMAGE_SUMS
#define MR 4
#include "images.inl.h"
#undef MR
#endif
#if 5 * NV <= IMAGE_SUMS
#define MR 5
#include "images.inl.h"
#undef MR
#endif
#if 6 * NV <= IMAGE_SUMS
#define MR 6
#include "images.inl.h"
#undef MR
#endif
#undef IMAGE_OP
#undef IMAGE_NAME

#define IMAGE_OP IMAGE_FILTERS
#define IMAGE_NAME image_filters
#if 2 * NV <= IMAGE_SUMS
#define MR 2
#include "images.inl.h"
#undef MR
#endif
#if 3 * NV <= IMAGE_SUMS
#define MR 3
#include "images.inl.h"
#undef MR
#endif
#if 4 * NV <= IMAGE_SUMS
#define MR 4
#include "images.inl.h"
#undef MR
#endif
#if 5 * NV <= IMAGE_SUMS
#define MR 5
#include "images.inl.h"
#undef MR
#endif
#if 6 * NV <= IMAGE_SUMS
#define MR 6
#include "images.inl.h"
#undef MR
#endif
#if 7 * NV <= IMAGE_SUMS
#define MR 7
#include "images.inl.h"
#undef MR
#endif
#if 8 * NV <= IMAGE_SUMS
#define MR 8
#include "images.inl.h"
#undef MR
#endif
#undef IMAGE_OP
#undef IMAGE_NAME
#undef NV
