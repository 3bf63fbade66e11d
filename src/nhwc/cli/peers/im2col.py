"""NumPy: the windows copied to the rows of a matrix, and one product of matrices for each group."""

import math

import numpy as np

from . import layout


class Peer:
    def __init__(self, threads):
        self.version = np.__version__

    def prepare(self, g, x, filters):
        taps, rows = math.prod(g.kernel), g.n * math.prod(g.output)
        inner, outer = g.c // g.groups, g.f // g.groups
        weights = np.moveaxis(filters.reshape(taps * inner, g.groups, outer), 1, 0).copy()

        def columns():
            """Windows as (pixels, taps, channels)."""
            wide = layout.padded(x, g)
            matrix = np.empty((g.n, *g.output, taps, g.c), x.dtype)
            for number, tap in enumerate(np.ndindex(*g.kernel)):
                starts = [index * g.dilation for index in tap]
                read = [
                    slice(start, start + (size - 1) * g.stride + 1, g.stride)
                    for start, size in zip(starts, g.output, strict=True)
                ]
                matrix[..., number, :] = wide[(slice(None), *read)]
            return matrix.reshape(rows, taps, g.c)

        def call():
            if layout.depthwise(g):
                return np.einsum("rkc,kc->rc", columns(), filters.reshape(taps, g.c))
            if g.groups == 1:
                return columns().reshape(rows, -1) @ weights[0]
            grouped = columns().reshape(rows, taps, g.groups, inner).transpose(2, 0, 1, 3)
            return np.matmul(grouped.reshape(g.groups, rows, -1), weights).transpose(1, 0, 2)

        return [("NHWC", call, lambda y: y.reshape(g.n, *g.output, g.f))]
