"""Images made larger by whole factors along each spatial axis, and the gradients of that."""

from __future__ import annotations

import numpy as np


def nearest(x, factors, out):
    """Repeat every pixel."""
    split, singles = _blocks(x.shape, factors)
    out.reshape(split)[...] = x.reshape(singles)


def nearest_gradient(dy, factors):
    """Sum over the pixels that were one."""
    batch, *spatial, channels = dy.shape
    shape = (batch, *(n // factor for n, factor in zip(spatial, factors, strict=True)), channels)
    split, _ = _blocks(shape, factors)
    return dy.reshape(split).sum(axis=tuple(range(2, 2 * len(factors) + 1, 2)))


def _blocks(shape, factors):
    """Return the shape of the result with an axis for each factor, and that of the input that meets it."""
    split, singles = [shape[0]], [shape[0]]
    for n, factor in zip(shape[1:-1], factors, strict=True):
        split += [n, factor]
        singles += [n, 1]
    return (*split, shape[-1]), (*singles, shape[-1])


def bilinear(x, factors, out):
    """Interpolate between the centres of pixels, one axis after the other; the margins are constant."""
    for axis, factor in enumerate(factors, 1):
        if factor > 1:
            low, high, weight = _neighbours(x.shape[axis], factor)
            weight = weight.reshape([-1 if i == axis else 1 for i in range(x.ndim)])
            lower = x.take(low, axis)
            x = lower + (x.take(high, axis) - lower) * weight
    out[...] = x


def bilinear_gradient(dy, factors):
    """Apply the transposed of each axis's interpolation, as a matrix."""
    for axis, factor in enumerate(factors, 1):
        size = dy.shape[axis] // factor
        low, high, weight = _neighbours(size, factor)
        rows = np.arange(size * factor)
        matrix = np.zeros((size * factor, size), np.float32)
        np.add.at(matrix, (rows, low), 1 - weight)
        np.add.at(matrix, (rows, high), weight)
        dy = np.moveaxis(np.tensordot(dy, matrix, (axis, 0)), -1, axis)
    return np.ascontiguousarray(dy)


def _neighbours(size, factor):
    """Return, for each pixel of an axis made larger, its two neighbours and the weight of the second."""
    place = (np.arange(size * factor) + 0.5) / factor - 0.5
    low = np.floor(place)
    indices = (np.clip(low + step, 0, max(size - 1, 0)).astype(int) for step in (0, 1))
    return *indices, (place - low).astype(np.float32)
