"""Checks the arguments of gradients, by the rules of `nhwc._check`: what passes here is ready for the core."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nhwc import _check


class FilterGrad(NamedTuple):
    """One filter gradient, ready to run: arrays in the dtype that the kernels compute in, C-contiguous and aligned."""

    spec: tuple[int, ...]  # See `_check._spec`.
    x: np.ndarray
    dy: np.ndarray
    out: np.ndarray | None  # The caller's own array.
    out_shape: tuple[int, ...]
    dtype: np.dtype[Any]  # Of the result.


def filter_grad(name, ndim, depthwise, x, dy, kernel_size, strides, padding, dilation_rate, groups, out):
    """Check the arguments of a filter gradient and return the `FilterGrad` they stand for."""
    given, upstream = _check._numbers(name, "x", x), _check._numbers(name, "dy", dy)
    dtype, code = _result_dtype(name, given.dtype, upstream.dtype)
    _check._check_axes(name, "x", given.shape, ndim)
    kernel = _check._per_axis(name, "kernel_size", kernel_size, ndim)
    channels, outputs = given.shape[-1], upstream.shape[-1] if upstream.ndim else 0
    count = _count_groups(name, depthwise, channels, outputs, groups)
    out_shape = (*kernel, channels, outputs // count) if depthwise else (*kernel, channels // count, outputs)
    options = _check._Options(strides, padding, dilation_rate, groups, None, "constant", "auto")
    batch, spatial = given.shape[: -ndim - 1], given.shape[-ndim - 1 : -1]
    strides, dilation, pads, padded, sizes = _check._windows(name, ndim, spatial, kernel, options)
    if upstream.shape != (*batch, *sizes, outputs):
        raise ValueError(f"{name}: dy has shape {upstream.shape}; {(*batch, *sizes, outputs)} would do, "
                         f"the result's of a convolution of x")  # fmt: skip
    _check._check_size(name, "x, padded,", (*batch, *padded, channels))
    _check._check_size(name, "the result", out_shape)
    if out is not None:
        _check._check_out(name, out, out_shape, dtype, {"x": given, "dy": upstream})
    work = _check._WORK_DTYPES[code]
    axes = (spatial, kernel, strides, dilation)
    spec = _check._spec(ndim, code, batch[0] if batch else 1, axes, (channels, outputs, count), pads, (0, 0, 0))
    return FilterGrad(spec, _check._cast(given, work), _check._cast(upstream, work), out, out_shape, dtype)


def _result_dtype(name, x, dy):
    """Return the dtype of the result and the code of the dtype to compute in."""
    try:
        common = np.result_type(x, dy)
    except TypeError as error:
        raise TypeError(f"{name}: x has dtype {x} and dy {dy}, which NumPy cannot combine; "
                        "casting one to the other's would do") from error  # fmt: skip
    code = _check._WORK_CODES[common.name]
    return common if common.name in _check._FLOATS else _check._WORK_DTYPES[code], code


def _count_groups(name, depthwise, channels, outputs, groups):
    """Return the number of groups, which the core takes to be no more than there is to divide."""
    if depthwise:
        if outputs % max(channels, 1) or (outputs and not channels):
            raise ValueError(f"{name}: dy has {outputs} channels; a multiple of the {channels} channels of x would do")
        return max(channels, 1)
    count = _check._index(groups)
    if count is None:
        raise TypeError(f"{name}: groups is {_check.show(groups)}; a positive int would do")
    if count < 1:
        raise ValueError(f"{name}: groups is {count}; a positive int would do")
    if channels % count or outputs % count:
        raise ValueError(
            f"{name}: groups={count} does not divide both the {channels} channels of x and the {outputs} of dy"
        )
    return min(count, max(channels, outputs, 1))
