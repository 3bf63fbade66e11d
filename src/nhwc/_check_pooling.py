"""Checks the arguments of pooling and its gradients, as `nhwc._check` does those of convolutions, with its helpers."""

from __future__ import annotations

from reprlib import repr as show

import numpy as np

from nhwc import _check, _core

_MEAN_WORK = {"float16": "float32", "bfloat16": "float32", "float32": "float32"}  # others in float64
_MAX_WORK = {"float16": "float32", "bfloat16": "float32", "bool": "uint8"}  # others as they are


def pool(name, ndim, average, x, pool_size, strides, padding, out):
    """Check a pooling; return its spec, the element's code, x ready, the dtypes computed and given, the shape."""
    given = _check._numbers(name, "x", x)
    _check._check_axes(name, "x", given.shape, ndim)
    windows, spatial = _windows(name, ndim, given.shape, pool_size, strides, padding)
    shape = (*given.shape[: -ndim - 1], *spatial, given.shape[-1])
    _check._check_size(name, "the result", shape)
    work, dtype = _dtypes(average, given.dtype)
    if out is not None:
        _check._check_out(name, out, shape, dtype, {"x": given})
    spec = _spec(ndim, int(work == np.float64), given.shape, windows)
    return spec, _core.POOL_DTYPES.index(work.name), _check._cast(given, work), work, shape, dtype


def global_pool(name, ndim, average, x, keepdims):
    """Check a pooling over all pixels; as `pool`."""
    given = _check._numbers(name, "x", x)
    _check._check_axes(name, "x", given.shape, ndim)
    spatial = given.shape[-ndim - 1 : -1]
    if 0 in spatial:
        raise ValueError(f"{name}: x has shape {given.shape}, no pixels; at least one would do")
    _check._check_size(name, "x", given.shape)
    kept = (1,) * ndim if keepdims else ()
    work, dtype = _dtypes(average, given.dtype)
    ones, none = (1,) * ndim, ((0, 0),) * ndim
    spec = _spec(ndim, int(work == np.float64), given.shape, (spatial, ones, none))
    shape = (*given.shape[: -ndim - 1], *kept, given.shape[-1])
    return spec, _core.POOL_DTYPES.index(work.name), _check._cast(given, work), work, shape, dtype


def pool_grad(name, ndim, average, dy, x, pool_size, strides, padding, out):
    """Check a gradient; return its spec, dy and x ready, the dtypes computed and given, the shape of the result."""
    dy = _check._numbers(name, "dy", dy)
    if average:
        input_shape, apart = _input_shape(name, x, ndim), {"dy": dy}
        work, dtype = _dtypes(True, dy.dtype)
    else:
        x = _check._numbers(name, "x", x)
        _check._check_axes(name, "x", x.shape, ndim)
        input_shape, apart = x.shape, {"dy": dy, "x": x}
        work, dtype = _grad_dtypes(name, dy.dtype, x.dtype)
    windows, spatial = _windows(name, ndim, input_shape, pool_size, strides, padding)
    expected = (*input_shape[: -ndim - 1], *spatial, input_shape[-1])
    if dy.shape != expected:
        raise ValueError(f"{name}: dy has shape {dy.shape}; {expected}, that of the pooling's result, would do")
    if out is not None:
        _check._check_out(name, out, input_shape, dtype, apart)
    spec = _spec(ndim, _check._WORK_CODES[work.name], input_shape, windows)
    if not average:
        x = _ordered(_check._cast(x, dtype), work)
    return spec, _check._summed(dy, dtype, work), x, work, input_shape, dtype


def _dtypes(average, given):
    """Return the dtype that a pooling computes in, and that of its result."""
    if average:
        work = np.dtype(_MEAN_WORK.get(given.name, "float64"))
        return work, given.newbyteorder("=") if given.name in _check._FLOATS else work
    return np.dtype(_MAX_WORK.get(given.name, given.name)), given.newbyteorder("=")


def _grad_dtypes(name, dy, x):
    """Return the dtype that the gradient of a maximum is computed in, and that of the result."""
    try:
        common = np.result_type(dy, x)
    except TypeError as error:
        raise TypeError(f"{name}: dy has dtype {dy} and x {x}, which NumPy cannot combine; "
                        "casting one to the other's would do") from error  # fmt: skip
    work = _check._WORK_DTYPES[_check._WORK_CODES[common.name]]
    dtype = common if common.name in _check._FLOATS else work
    return (np.dtype(np.int64) if work == np.uint64 else work), dtype


def _ordered(x, work):
    """Return x in the dtype `work`, unsigned numbers as signed ones in the same order."""
    if x.dtype == np.uint64:
        x = (x ^ np.uint64(1 << 63)).view(np.int64)
    return _check._cast(x, work)


def _input_shape(name, value, ndim):
    shape = _check._input_shape(name, value, ndim)
    if None in shape:
        raise ValueError(f"{name}: input_shape is {show(value)}; a number of samples in place of None would do")
    return shape


def _windows(name, ndim, shape, pool_size, strides, padding):
    """Return the pool, strides and padding of each axis, and the spatial shape of the result."""
    spatial = shape[-ndim - 1 : -1]
    pool = _check._per_axis(name, "pool_size", pool_size, ndim)
    steps = pool if strides is None else _check._per_axis(name, "strides", strides, ndim)
    same = isinstance(padding, str) and padding.lower() == "same"
    pads = _padding(name, padding, spatial, pool, steps)
    padded = [n + before + after for n, (before, after) in zip(spatial, pads, strict=True)]
    if any(k > n and not (same and n == 0) for k, n in zip(pool, padded, strict=True)):
        raise ValueError(f"{name}: pool_size is {tuple(pool)} but the padded input has {tuple(padded)} pixels; "
                         "more padding or a smaller pool would do")  # fmt: skip
    if 0 in spatial and not same:
        raise ValueError(f"{name}: x has shape {tuple(shape)}, no pixels; padding='same' would do")
    _check._check_size(name, "x, padded,", (*shape[: -ndim - 1], *padded, shape[-1]))
    out = [max(n - k, -s) // s + 1 for n, k, s in zip(padded, pool, steps, strict=True)]
    return (pool, steps, pads), out


def _padding(name, value, spatial, pool, strides):
    """Return a pair (before, after) for each spatial axis."""
    if isinstance(value, str) and value.lower() in ("valid", "same"):
        return _check._padding(name, value, spatial, pool, strides)
    try:
        pads = None if isinstance(value, str) else _check._explicit_padding(name, value, len(pool))
        kind = ValueError
    except (TypeError, ValueError) as error:
        pads, kind = None, type(error)
    if pads is None or any(max(pair) >= k for pair, k in zip(pads, pool, strict=True)):
        raise kind(
            f"{name}: padding is {show(value)}; 'valid', 'same', an int, one per axis, or one pair (before, after) per "
            f"axis, of at least 0 and below pool_size {tuple(pool)}, would do"
        )
    return pads


def _spec(ndim, code, shape, windows):
    """Lay a pooling out as the core reads it: a convolution with a group for each channel."""
    pool, strides, pads = windows
    channels, sizes = shape[-1], (shape[-ndim - 1 : -1], pool, strides, (1,) * ndim)
    n = shape[0] if len(shape) == ndim + 2 else 1
    return _check._spec(ndim, code, n, sizes, (channels, channels, max(channels, 1)), pads, (0, 0, 0))
