"""Checks arguments of transposed convolutions and input gradients, which are one operation of the core.

The core reads what the forward convolution makes and makes what that reads: its ``in`` and ``c`` are those of a
transposed convolution's `x`, or of `dy`, and its filters are HWIO of the forward convolution.
"""

from __future__ import annotations

from nhwc import _check, _core
from nhwc._check import Call, PlanSpec, show


def transposed(name, ndim, x, filters, bias, strides, padding, output_padding, dilation_rate, groups, activation,
               residual, out):  # fmt: skip
    """Check the arguments of a transposed convolution and return the `Call` they stand for."""
    given, kernel = _check._numbers(name, "x", x), _check._numbers(name, "filters", filters)
    dtype, code = _check._result_dtype(name, given.dtype, kernel.dtype)
    _check._check_axes(name, "x", given.shape, ndim)
    steps = _steps(name, ndim, kernel.shape, strides, dilation_rate)
    sizes = _result_sizes(name, given.shape[-ndim - 1 : -1], steps, padding, output_padding)
    channels = _channels(name, given.shape[-1], kernel.shape, groups)
    spec, out_shape, function = _problem(name, given.shape, steps, sizes, channels, activation, code)
    offset = _check._addend(name, "bias", bias, out_shape[-1:], dtype)
    skip = _check._addend(name, "residual", residual, out_shape, dtype)
    if out is not None:
        apart = {"x": given, "filters": kernel, "bias": offset, "residual": None if out is residual else skip}
        _check._check_out(name, out, out_shape, dtype, apart)
    work = _check._WORK_DTYPES[code]
    terms = _check._summed(offset, dtype, work), _check._summed(skip, dtype, work)
    return Call(spec, _check._cast(given, work), _check._cast(kernel, work), *terms, out, out_shape, dtype, function)


def plan(name, ndim, input_shape, filters, bias, strides, padding, output_padding, dilation_rate, groups, activation,
         dtype):  # fmt: skip
    """Check the arguments of a plan of a transposed convolution and return the `PlanSpec` they stand for."""
    kernel = _check._numbers(name, "filters", filters)
    result, code = _check._plan_dtype(name, kernel.dtype, dtype)
    shape = _check._input_shape(name, input_shape, ndim)
    steps = _steps(name, ndim, kernel.shape, strides, dilation_rate)
    sizes = _result_sizes(name, shape[-ndim - 1 : -1], steps, padding, output_padding)
    channels = _channels(name, shape[-1], kernel.shape, groups)
    spec, out_shape, function = _problem(name, shape, steps, sizes, channels, activation, code)
    offset = _check._addend(name, "bias", bias, out_shape[-1:], result)
    work = _check._WORK_DTYPES[code]
    own = (
        _check._private(kernel, _check._summed(kernel, result, work)),
        _check._private(offset, _check._summed(offset, result, work)),
    )
    return PlanSpec(spec, *own, shape, out_shape, result, function)


def input_grad(name, ndim, depthwise, dy, filters, input_shape, strides, padding, dilation_rate, groups, out):
    """Check the arguments of an input gradient and return the `Call` they stand for."""
    given, kernel = _check._numbers(name, "dy", dy), _check._numbers(name, "filters", filters)
    dtype, code = _check._result_dtype(name, given.dtype, kernel.dtype, "dy")
    shape = _check._input_shape(name, input_shape, ndim)
    if None in shape:
        raise ValueError(f"{name}: input_shape is {show(input_shape)}; the size of the batch, not None, would do")
    _check._check_kernel(name, depthwise, kernel.shape, ndim)
    count, outputs = _check._grouping(name, depthwise, shape[-1], kernel.shape, groups, "input_shape")
    options = _check._Options(strides, padding, dilation_rate, groups, None, "constant", "auto")
    spatial = shape[-ndim - 1 : -1]
    strides, dilation, pads, _, made = _check._windows(name, ndim, spatial, kernel.shape[:ndim], options)
    steps = kernel.shape[:ndim], strides, dilation
    expected = (*shape[: -ndim - 1], *made, outputs)
    if given.shape != expected:
        raise ValueError(
            f"{name}: dy has shape {given.shape}; {expected}, what the convolution makes of {shape}, would do"
        )
    spec, _, _ = _problem(name, given.shape, steps, (spatial, pads), (outputs, shape[-1], count), None, code)
    if out is not None:
        _check._check_out(name, out, shape, dtype, {"dy": given, "filters": kernel})
    work = _check._WORK_DTYPES[code]
    hwio = _check._as_hwio(_check._cast(kernel, work), depthwise)
    return Call(spec, _check._cast(given, work), hwio, None, None, out, shape, dtype, None)


# ---- Shapes ----


def _steps(name, ndim, filters_shape, strides, dilation_rate):
    """Return the kernel's size, the strides and the dilation, by spatial axis."""
    if len(filters_shape) != ndim + 2:
        kernel = ", ".join(f"K{axis}" for axis in "DHW"[-ndim:])
        raise ValueError(f"{name}: filters have shape {filters_shape}; ({kernel}, F // groups, C) would do")
    _check._check_kernel(name, False, filters_shape, ndim)
    each = [
        _check._per_axis(name, arg, value, ndim)
        for arg, value in (("strides", strides), ("dilation_rate", dilation_rate))
    ]
    return filters_shape[:ndim], *each


def _channels(name, channels, filters_shape, groups):
    """Return the channels of x, those of the result, and the groups."""
    outputs, inputs = filters_shape[-2:]
    count = _check._index(groups)
    if count is None or count < 1:
        kind = TypeError if count is None else ValueError
        raise kind(f"{name}: groups is {show(groups)}; a positive int would do")
    if inputs != channels:
        raise ValueError(
            f"{name}: filters of shape {filters_shape} take {inputs} input channels, by their last axis, "
            f"but x has {channels} channels"
        )
    if channels % count:
        raise ValueError(f"{name}: groups={count} does not divide the {channels} channels of x")
    if not outputs:
        count = 1
    return channels, outputs * count, count


def _result_sizes(name, spatial, steps, padding, output_padding):
    """Return the result's size along each axis, and the padding of the convolution whose input it would be."""
    kernel, strides, dilation = steps
    ndim = len(kernel)
    extra = _output_padding(name, output_padding, strides)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    axes = list(zip(spatial, spans, strides, extra, strict=True))
    kind = padding.lower() if isinstance(padding, str) else "explicit"
    if kind == "explicit":
        pads = _explicit_padding(name, padding, ndim)
        sizes = [(n - 1) * s + span - sum(pad) + (e or 0) for (n, span, s, e), pad in zip(axes, pads, strict=True)]
    elif kind not in ("valid", "same"):
        raise ValueError(_wrong_padding(name, padding, ndim))
    elif output_padding is None:
        sizes = [n * s + (max(span - s, 0) if kind == "valid" else 0) for n, span, s, _ in axes]
    else:
        sizes = [(n - 1) * s + (span if kind == "valid" else span % 2) + e for n, span, s, e in axes]
    sizes = [max(size, 0) for size in sizes]
    if kind != "explicit":
        pads = _check._padding(name, kind, sizes, spans, strides)
    back = [
        max((size + sum(pad) - span) // s + 1, 0) for size, pad, (_, span, s, _) in zip(sizes, pads, axes, strict=True)
    ]
    if back != list(spatial):
        raise ValueError(
            f"{name}: padding={show(padding)} and output_padding={show(output_padding)} give a result of "
            f"{tuple(sizes)} pixels, of which the convolution would make {tuple(back)}, not the {tuple(spatial)} of x; "
            "other padding would do"
        )
    return sizes, pads


def _output_padding(name, value, strides):
    """Return one int, or None, for each axis."""
    if value is None:
        return [None] * len(strides)
    items = _check._items(value)
    extra = [_check._index(item) for item in ([value] * len(strides) if items is None else items)]
    if None in extra or len(extra) != len(strides) or any(not 0 <= e < s for e, s in zip(extra, strides, strict=True)):
        kind = TypeError if None in extra else ValueError
        raise kind(
            f"{name}: output_padding is {show(value)}; None, or an int of at least 0 and below the strides "
            f"{tuple(strides)}, or one for each axis, would do"
        )
    return extra


def _explicit_padding(name, padding, ndim):
    try:
        return _check._explicit_padding(name, padding, ndim)
    except (TypeError, ValueError) as error:
        raise type(error)(_wrong_padding(name, padding, ndim)) from None


def _wrong_padding(name, value, ndim):
    many = "(1,), ((1, 2),)" if ndim == 1 else f"{ndim} such ints, {ndim} pairs (before, after)"
    return f"{name}: padding is {show(value)}; 'valid', 'same', an int of at least 0, {many} would do"


def _problem(name, x_shape, steps, sizes, channels, activation, code):
    """Return the spec, the result's shape and its activation if that is a callable."""
    kernel, strides, dilation = steps
    out, pads = sizes
    inputs, outputs, groups = channels
    ndim = len(kernel)
    batch, spatial = x_shape[: -ndim - 1], x_shape[-ndim - 1 : -1]
    activation, function = _check._activation(name, activation, code)
    samples = [1 if n is None else n for n in batch]
    padded = [n + sum(pad) for n, pad in zip(out, pads, strict=True)]
    _check._check_size(name, "x", (*samples, *spatial, inputs))
    _check._check_size(name, "filters", (*kernel, outputs // groups, inputs))
    _check._check_size(name, "the result, padded,", (*samples, *padded, outputs))
    n = -1 if batch == (None,) else samples[0] if batch else 1
    codes = (_core.PADDING_MODES.index("constant"), activation, _core.ALGORITHMS.index("auto"))
    spec = _check._spec(ndim, code, n, (spatial, kernel, strides, dilation), channels, pads, codes)
    return (*spec, *(1,) * (3 - ndim), *out), (*batch, *out, outputs), function
