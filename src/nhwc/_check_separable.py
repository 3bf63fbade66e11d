"""Checks the arguments of separable convolutions, as `nhwc._check` does those of others, with its helpers."""

from __future__ import annotations

import numpy as np

from nhwc import _check


def separable(name, ndim, x, depthwise_filters, pointwise_filters, bias, strides, padding, dilation_rate, activation,
              residual, padding_mode, out):  # fmt: skip
    """Check a separable convolution and return its two parts as `Call`s, the second without its input."""
    given = _check._numbers(name, "x", x)
    kernel = _check._numbers(name, "depthwise_filters", depthwise_filters)
    mixing = _check._numbers(name, "pointwise_filters", pointwise_filters)
    dtype, code = _dtypes(name, given.dtype, kernel.dtype, mixing.dtype)
    _check._check_axes(name, "x", given.shape, ndim)
    _check_shapes(name, ndim, given.shape, kernel.shape, mixing.shape)
    options = _check._Options(strides, padding, dilation_rate, None, None, padding_mode, "auto")
    spec, between, _ = _check._problem(name, ndim, True, given.shape, kernel.shape, options, code)
    options = _check._Options(1, "same", 1, 1, activation, "constant", "auto")
    pointwise, out_shape, function = _check._problem(name, ndim, False, between, mixing.shape, options, code)
    offset = _check._addend(name, "bias", bias, out_shape[-1:], dtype)
    skip = _check._addend(name, "residual", residual, out_shape, dtype)
    if out is not None:
        apart = {"x": given, "depthwise_filters": kernel, "pointwise_filters": mixing, "bias": offset}
        apart["residual"] = None if out is residual else skip
        _check._check_out(name, out, out_shape, dtype, apart)
    work = _check._WORK_DTYPES[code]
    filters = _check._as_hwio(_check._cast(kernel, work), True)
    first = _check.Call(spec, _check._cast(given, work), filters, None, None, None, between, work, None)
    arrays = _check._cast(mixing, work), _check._summed(offset, dtype, work), _check._summed(skip, dtype, work)
    return first, _check.Call(pointwise, None, *arrays, out, out_shape, dtype, function)


def _dtypes(name, x, depthwise, pointwise):
    """Return the dtype of the result and the code of the dtype to compute in."""
    try:
        common = np.result_type(x, depthwise, pointwise)
    except TypeError as error:
        raise TypeError(
            f"{name}: x has dtype {x}, depthwise_filters {depthwise} and pointwise_filters {pointwise}, which NumPy "
            "cannot combine; casting them to one would do"
        ) from error
    return _check._result_dtype(name, common, common)


def _check_shapes(name, ndim, x, depthwise, pointwise):
    """Check the filters' shapes, by names that the checks of single convolutions do not know."""
    kernel = ", ".join(f"K{axis}" for axis in "DHW"[-ndim:])
    if len(depthwise) != ndim + 2 or 0 in depthwise[:ndim]:
        raise ValueError(
            f"{name}: depthwise_filters have shape {depthwise}; ({kernel}, C, M), of a kernel of at least 1, would do"
        )
    if depthwise[-2] != x[-1]:
        raise ValueError(f"{name}: depthwise_filters have {depthwise[-2]} input channels but x has {x[-1]} channels")
    inputs = depthwise[-2] * depthwise[-1]
    if len(pointwise) != ndim + 2 or pointwise[:-1] != (*(1,) * ndim, inputs):
        ones = ", ".join("1" * ndim)
        raise ValueError(
            f"{name}: pointwise_filters have shape {pointwise}; ({ones}, {inputs}, F), of as many channels as the "
            "depthwise convolution makes, would do"
        )
