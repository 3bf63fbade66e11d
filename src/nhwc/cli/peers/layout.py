"""Axes and padding in the orders that the peers take, from NHWC input and HWIO filters."""

import numpy as np


class Unsupported(Exception):  # noqa: N818
    """The peer has no such layer."""


def depthwise(g):
    """Whether each filter reads one channel, a filter a channel."""
    return 1 < g.groups == g.c == g.f


def low(g):
    return [before for before, _ in g.pads]


def high(g):
    return [after for _, after in g.pads]


def channels_first(x):
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


def channels_last(y):
    return np.moveaxis(np.asarray(y), 1, -1)


def filters_first(filters):
    """(kernel..., I, F) as (F, I, kernel...)."""
    return np.ascontiguousarray(np.moveaxis(filters, (-1, -2), (0, 1)))


def padded(x, g):
    """The input with its zeros around it."""
    return np.pad(x, ((0, 0), *g.pads, (0, 0))) if any(map(any, g.pads)) else x


def alike(g, x, filters):
    """The layer for peers that pad both sides by one number: input, filters, those numbers, and a map of the result.

    Where "same" pads one more behind than before, padding both sides of the mirrored input by the larger number gives
    the mirrored result: the windows start from the other end, and the spare column of zeros is never read.
    """
    axes = [axis for axis, (before, after) in enumerate(g.pads) if before != after]
    for axis in axes:
        span = (g.kernel[axis] - 1) * g.dilation + 1
        if (g.spatial[axis] + 2 * g.pads[axis][1] - span) // g.stride + 1 != g.output[axis]:
            raise Unsupported("pads both sides alike")
    of_array, of_kernel = [axis + 1 for axis in axes], axes
    mirrored = (np.ascontiguousarray(np.flip(a, flips)) for a, flips in ((x, of_array), (filters, of_kernel)))
    return (*mirrored, high(g), lambda y: np.flip(y, of_array))


def plane(g):
    """For peers that filter one channel by one filter at stride 1 and pad: what to keep of their result."""
    if not (g.n == g.c == g.f == g.stride == g.dilation == 1):
        raise Unsupported("one channel, one filter, stride 1")
    if g.padding == "same":
        return (slice(None),) * g.dims
    starts = ((k - 1) // 2 for k in g.kernel)
    return tuple(slice(start, start + size) for start, size in zip(starts, g.output, strict=True))
