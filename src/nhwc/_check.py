"""Checks arguments: turns whatever a caller may pass into what the core takes, or says what would do.

The core serves plain arrays and plain options by itself and comes here for everything else, so what passes here and
what passes there must be the same. Every check comes before the first copy.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from reprlib import repr as show
from typing import Any, NamedTuple

import numpy as np

from nhwc import _core

_MOST = 2**60  # Bytes in an array, pixels along an axis; the core's own limit, so that sums of a few fit 64 bits.

_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}

# The dtypes of sums, by the core's code, and the code that serves each dtype of the contract.
_WORK_DTYPES = tuple(np.dtype(name) for name in ("float32", "float64", "int64", "uint64"))
_WORK_CODES = {"float16": 0, "bfloat16": 0, "float32": 0, "float64": 1, "bool": 2}
_WORK_CODES |= {f"int{bits}": 2 for bits in (8, 16, 32, 64)} | {f"uint{bits}": 3 for bits in (8, 16, 32, 64)}
_FLOATS = ("float16", "bfloat16", "float32", "float64")
_RESULTS = (*_FLOATS, "int64", "uint64")


class Call(NamedTuple):
    """One convolution, ready to run: arrays of dtypes that the core reads, C-contiguous and aligned."""

    spec: tuple[int, ...]  # See `_spec`.
    x: np.ndarray
    filters: np.ndarray  # HWIO; depthwise ones as those of C groups.
    bias: np.ndarray | None
    residual: np.ndarray | None
    out: np.ndarray | None  # The caller's own array.
    out_shape: tuple[int, ...]
    dtype: np.dtype[Any]  # Of the result.
    activation: Callable[[Any], Any] | None  # Only if it is not one that the kernels know.


class PlanSpec(NamedTuple):
    """One convolution to plan: as `Call`, with private copies of the filters and the bias."""

    spec: tuple[int, ...]
    filters: np.ndarray
    bias: np.ndarray | None
    input_shape: tuple[int | None, ...]
    out_shape: tuple[int | None, ...]
    dtype: np.dtype[Any]
    activation: Callable[[Any], Any] | None


class _Options(NamedTuple):
    """The keywords that functions and plans share, as the caller gave them."""

    strides: Any
    padding: Any
    dilation_rate: Any
    groups: Any
    activation: Any
    padding_mode: Any
    algorithm: Any


def forward(name, ndim, depthwise, x, filters, bias, strides, padding, dilation_rate, groups, activation, residual,
            padding_mode, out, algorithm):  # fmt: skip
    """Check the arguments of a convolution and return the `Call` they stand for."""
    given, kernel = _numbers(name, "x", x), _numbers(name, "filters", filters)
    dtype, code = _result_dtype(name, given.dtype, kernel.dtype)
    _check_axes(name, "x", given.shape, ndim)
    options = _Options(strides, padding, dilation_rate, groups, activation, padding_mode, algorithm)
    spec, out_shape, function = _problem(name, ndim, depthwise, given.shape, kernel.shape, options, code)
    offset = _addend(name, "bias", bias, out_shape[-1:], dtype)
    skip = _addend(name, "residual", residual, out_shape, dtype)
    if out is not None:
        apart = {"x": given, "filters": kernel, "bias": offset, "residual": None if out is residual else skip}
        _check_out(name, out, out_shape, dtype, apart)
    arrays = (_stored(given, dtype), _as_hwio(_stored(kernel, dtype), depthwise), _cast(offset, dtype))
    return Call(spec, *arrays, _cast(skip, dtype), out, out_shape, dtype, function)


def plan(name, ndim, depthwise, input_shape, filters, bias, strides, padding, dilation_rate, groups, activation,
         padding_mode, algorithm, dtype):  # fmt: skip
    """Check the arguments of a plan and return the `PlanSpec` they stand for."""
    if ndim not in (1, 2, 3):
        raise ValueError(f"{name}: ndim is {ndim}; 1, 2 or 3 would do")
    kernel = _numbers(name, "filters", filters)
    result, code = _plan_dtype(name, kernel.dtype, dtype)
    shape = _input_shape(name, input_shape, ndim)
    options = _Options(strides, padding, dilation_rate, groups, activation, padding_mode, algorithm)
    spec, out_shape, function = _problem(name, ndim, depthwise, shape, kernel.shape, options, code)
    offset = _addend(name, "bias", bias, out_shape[-1:], result)
    own_filters = _as_hwio(_private(kernel, _stored(kernel, result)), depthwise)
    return PlanSpec(spec, own_filters, _private(offset, _cast(offset, result)), shape, out_shape, result, function)


def run(plan, x, out, residual):
    """Check the arguments of a call of `plan` and return them ready, with the shape of the result."""
    given = _array(plan.name, "x", x)
    if not _casts(given.dtype, plan.dtype):
        raise TypeError(f"{plan.name}: x has dtype {given.dtype}, which does not cast to the plan's {plan.dtype}")
    planned = plan.input_shape
    if given.ndim != len(planned) or any(want not in (None, n) for n, want in zip(given.shape, planned, strict=True)):
        raise ValueError(f"{plan.name}: x has shape {given.shape}; the plan takes {planned}")
    out_shape = plan.output_shape
    if out_shape[0] is None:
        out_shape = (given.shape[0], *out_shape[1:])
        _check_size(plan.name, "the result", out_shape)
    skip = _addend(plan.name, "residual", residual, out_shape, plan.dtype)
    if out is not None:
        apart = {"x": given, "residual": None if out is residual else skip}
        _check_out(plan.name, out, out_shape, plan.dtype, apart)
    return _stored(given, plan.dtype), out, _cast(skip, plan.dtype), out_shape


# ---- Arrays and dtypes ----


def _array(name, arg, value):
    """Return value as a base array, of whatever dtype."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {arg} is not an array, nor what NumPy makes one of: {error}") from error


def _numbers(name, arg, value):
    """Return value as a base array of a dtype that convolutions take."""
    array = _array(name, arg, value)
    if array.dtype.name not in _WORK_CODES:
        has = "have" if arg == "filters" else "has"
        raise TypeError(f"{name}: {arg} {has} dtype {array.dtype}; bool, an integer, {', '.join(_FLOATS)} would do")
    return array


def _result_dtype(name, x, filters, arg="x"):
    """Return the dtype of the result and the code of the dtype to compute in."""
    try:
        common = np.result_type(x, filters)
    except TypeError as error:
        raise TypeError(f"{name}: {arg} has dtype {x} and filters {filters}, which NumPy cannot combine; "
                        "casting one to the other's would do") from error  # fmt: skip
    code = _WORK_CODES[common.name]
    return common if common.name in _FLOATS else _WORK_DTYPES[code], code


def _plan_dtype(name, filters, dtype):
    """Return the dtype of a plan's result, as asked or as the filters imply, and the code of the one to compute in."""
    if dtype is None:
        return _result_dtype(name, filters, filters)
    try:
        asked = np.dtype(dtype).newbyteorder("=")
    except (TypeError, ValueError):
        asked = None
    if asked is None or asked.name not in _RESULTS:
        raise TypeError(f"{name}: dtype is {show(dtype)}; {', '.join(_RESULTS)} would do")
    if not _casts(filters, asked):
        raise TypeError(f"{name}: filters have dtype {filters}, which does not cast to the dtype {asked} asked for")
    return asked, _WORK_CODES[asked.name]


def _casts(given, wanted):
    """Whether numbers of one dtype become another under "same_kind", which alone would let complex into bfloat16."""
    return (given.kind in "biuf" or given.name == "bfloat16") and np.can_cast(given, wanted, "same_kind")


def _addend(name, arg, value, shape, dtype):
    """Return a bias or residual, if there is one, as a base array of the shape it must have."""
    if value is None:
        return None
    array = _array(name, arg, value)
    if not _casts(array.dtype, dtype):
        raise TypeError(f"{name}: {arg} has dtype {array.dtype}, which does not cast to the result's {dtype}")
    if array.shape != shape:
        raise ValueError(f"{name}: {arg} has shape {array.shape}; {shape} would do")
    return array


def _check_out(name, out, shape, dtype, apart):
    """Check that the result can be written to `out` in place, and that no array of `apart` shares its memory."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{name}: out is of type {type(out).__name__}; a numpy.ndarray would do")
    if out.shape != shape:
        raise ValueError(f"{name}: out has shape {out.shape}; {shape} would do")
    if out.dtype != dtype:
        raise ValueError(f"{name}: out has dtype {out.dtype}; {dtype} in native byte order would do")
    flags = out.flags
    for lack, held in (("C-contiguous", flags.c_contiguous), ("aligned", flags.aligned), ("writable", flags.writeable)):
        if not held:
            raise ValueError(f"{name}: out is not {lack}; a fresh numpy.empty({shape}, {str(dtype)!r}) would do")
    for arg, array in apart.items():
        if array is not None and np.may_share_memory(out, array):
            own = " or the residual itself" if arg == "residual" else ""
            raise ValueError(f"{name}: out overlaps {arg} in memory; an array of its own{own} would do")


def _cast(array, dtype):
    """Return array in a dtype as the core reads it: itself where it is so already, else one copy."""
    return None if array is None else np.require(array, dtype, ["C", "A"])


def _summed(array, result, work):
    """Return array in a dtype of sums, rounded to the result's on the way."""
    return _cast(_cast(array, result), work)


def _stored(array, result):
    """Return x or filters as the core reads them: integers in their own dtype, floats in the result's."""
    if result.kind not in "iu":
        return _cast(array, result)
    ready = _cast(array, array.dtype.newbyteorder("="))
    return ready.view(np.uint8) if ready.dtype == np.bool_ else ready


def _private(array, ready):
    """Return `ready`, made of array, in memory that the caller does not hold."""
    return ready.copy() if array is not None and np.may_share_memory(ready, array) else ready


def _as_hwio(filters, depthwise):
    """View depthwise filters (*kernel, C, M) as the grouped filters (*kernel, 1, C * M)."""
    if not depthwise:
        return filters
    *kernel, channels, multiplier = filters.shape
    return filters.reshape(*kernel, 1, channels * multiplier)


# ---- Options ----


def _index(value):
    """Return the int that value stands for; None for anything else, floats and bools too."""
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _items(value):
    """Return the items of a sequence as a list; None for anything else, strings too."""
    if isinstance(value, np.ndarray):
        return value.tolist() if value.ndim else None
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return list(value)
    return None


def _per_axis(name, arg, value, ndim):
    """Return one positive int for each spatial axis."""
    items = _items(value)
    sizes = [_index(item) for item in ([value] * ndim if items is None else items)]
    if None not in sizes and len(sizes) == ndim and min(sizes) >= 1:
        return sizes
    kind = TypeError if None in sizes else ValueError
    raise kind(f"{name}: {arg} is {show(value)}; a positive int, or one for each of {ndim} spatial axes, would do")


def _code(name, arg, value, names, also=""):
    """Return the index of a name, in any case of letters."""
    if isinstance(value, str) and value.lower() in names:
        return names.index(value.lower())
    kind = ValueError if isinstance(value, str) else TypeError
    raise kind(f"{name}: {arg} is {show(value)}; {', '.join(map(repr, names))}{also} would do")


def _activation(name, value, code):
    """Return the code of an activation, and the function itself if the kernels do not know it."""
    names = _core.ACTIVATIONS
    if value is None:
        return names.index("linear"), None
    if callable(value) and not isinstance(value, str):
        return names.index("linear"), value
    known = _ALIASES.get(value.lower(), value) if isinstance(value, str) else value
    index = _code(name, "activation", known, names, ", 'swish', 'hard_swish' or a callable")
    if _WORK_DTYPES[code].kind != "f" and names[index] not in ("linear", "relu", "relu6"):
        raise TypeError(f"{name}: activation {value!r} is for floats, but x and filters are integers; "
                        "'linear', 'relu', 'relu6' or a callable would do")  # fmt: skip
    return index, None


def _padding(name, value, spatial, spans, strides):
    """Return a pair (before, after) for each spatial axis; spans are the kernel's sizes, dilation included."""
    if not isinstance(value, str):
        return _explicit_padding(name, value, len(spatial))
    kind = value.lower()
    if kind == "valid":
        return [(0, 0) for _ in spans]
    if kind == "same":
        return [_same(*axis) for axis in zip(spatial, spans, strides, strict=True)]
    if kind == "full":
        return [(span - 1, span - 1) for span in spans]
    if kind == "causal" and len(spatial) == 1:
        return [(spans[0] - 1, 0)]
    raise ValueError(_wrong_padding(name, value, len(spatial)))


def _same(size, span, stride):
    """Pad for ceil(size / stride) outputs, the odd zero after, as TensorFlow does; not at all where none are due."""
    total = max((-(-size // stride) - 1) * stride + span - size, 0) if size else 0
    return total // 2, total - total // 2


def _explicit_padding(name, value, ndim):
    """Return the pairs of an int, of one int per axis, or of one pair per axis."""
    items = _items(value)
    if items is None:
        items = [value] * ndim
    pairs = [_items(item) for item in items]
    if all(pair is None for pair in pairs):
        pairs = [[item, item] for item in items]
    if len(pairs) != ndim or any(pair is None or len(pair) != 2 for pair in pairs):
        raise ValueError(_wrong_padding(name, value, ndim))
    sides = [(_index(before), _index(after)) for before, after in pairs]
    if any(None in pair for pair in sides):
        raise TypeError(_wrong_padding(name, value, ndim))
    if any(min(pair) < 0 for pair in sides):
        raise ValueError(_wrong_padding(name, value, ndim))
    return sides


def _wrong_padding(name, value, ndim):
    strings = "'valid', 'same', 'full', 'causal'" if ndim == 1 else "'valid', 'same', 'full'"
    many = "(1,), ((1, 2),)" if ndim == 1 else f"{ndim} such ints, {ndim} pairs (before, after)"
    return f"{name}: padding is {show(value)}; {strings}, an int of at least 0, {many} would do"


# ---- Shapes ----


def _input_shape(name, value, ndim):
    """Return the shape of a plan's input as a tuple of ints, the batch perhaps None."""
    items = _items(value)
    if items is not None:
        _check_axes(name, "input_shape", tuple(items), ndim)
        any_batch = len(items) == ndim + 2 and items[0] is None
        items = items[any_batch:]
        sizes = [_index(item) for item in items]
        if None not in sizes and min(sizes) >= 0:
            return (None, *sizes) if any_batch else tuple(sizes)
    kind = TypeError if items is None or (None in sizes and None not in items) else ValueError
    raise kind(f"{name}: input_shape is {show(value)}; {_axes(ndim)} in ints of at least 0, N perhaps None, would do")


def _axes(ndim):
    spatial = ", ".join("DHW"[-ndim:])
    return f"(N, {spatial}, C) or ({spatial}, C)"


def _check_axes(name, arg, shape, ndim):
    if len(shape) not in (ndim + 1, ndim + 2):
        hint = f"; {arg}[..., None] adds the axis of a single channel" if arg == "x" and len(shape) == ndim else ""
        given = f"is {shape}" if arg == "input_shape" else f"has shape {shape}"
        raise ValueError(f"{name}: {arg} {given}; {_axes(ndim)} would do{hint}")


def _check_size(name, what, shape):
    """Check that an array of the widest elements is within the core's limit, also if an empty axis were not."""
    if 8 * math.prod(max(n, 1) for n in shape) > _MOST:
        raise ValueError(f"{name}: {what} of shape {show(tuple(shape))} is too large; at most 2**60 bytes would do")


def _grouping(name, depthwise, channels, filters_shape, groups, of="x"):
    """Return the number of groups and that of output channels; `of` is the argument that the channels are of."""
    inputs, outputs = filters_shape[-2:]
    if depthwise:
        if inputs != channels:
            raise ValueError(f"{name}: filters have {inputs} input channels but {of} has {channels} channels")
        return max(channels, 1), channels * outputs
    count = _index(groups)
    if count is None:
        raise TypeError(f"{name}: groups is {show(groups)}; a positive int would do")
    if count < 1:
        raise ValueError(f"{name}: groups is {count}; a positive int would do")
    if channels % count or outputs % count:
        raise ValueError(
            f"{name}: groups={count} does not divide both the {channels} channels and the {outputs} filters"
        )
    if inputs * count != channels:
        raise ValueError(
            f"{name}: filters have {inputs} input channels but {of} has {channels} channels and groups={count}"
        )
    return min(count, max(channels, outputs, 1)), outputs


def _check_kernel(name, depthwise, shape, ndim):
    if len(shape) != ndim + 2:
        kernel = ", ".join(f"K{axis}" for axis in "DHW"[-ndim:])
        axes = f"({kernel}, C, M)" if depthwise else f"({kernel}, C // groups, F)"
        raise ValueError(f"{name}: filters have shape {shape}; {axes} would do")
    if 0 in shape[:ndim]:
        raise ValueError(f"{name}: filters have shape {shape}, a kernel of size 0; sizes of at least 1 would do")


def _windows(name, ndim, spatial, kernel, options):
    """Return, for each spatial axis, the stride, the dilation, the padding, the padded size and the output size."""
    strides = _per_axis(name, "strides", options.strides, ndim)
    dilation = _per_axis(name, "dilation_rate", options.dilation_rate, ndim)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    pads = _padding(name, options.padding, spatial, spans, strides)
    padded = [n + before + after for n, (before, after) in zip(spatial, pads, strict=True)]
    same = isinstance(options.padding, str) and options.padding.lower() == "same"
    if any(span > n and not (same and n == 0) for span, n in zip(spans, padded, strict=True)):
        raise ValueError(
            f"{name}: the kernel spans {tuple(spans)} pixels (size {tuple(kernel)}, dilation_rate {tuple(dilation)}) "
            f"but the padded input has {tuple(padded)}; more padding or a smaller kernel would do"
        )
    out = [max(n - span, -stride) // stride + 1 for n, span, stride in zip(padded, spans, strides, strict=True)]
    return strides, dilation, pads, padded, out


def _problem(name, ndim, depthwise, x_shape, filters_shape, options, code):
    """Return the spec of a convolution, the shape of its result, and its activation if that is a callable."""
    _check_kernel(name, depthwise, filters_shape, ndim)
    batch, spatial, channels = x_shape[: -ndim - 1], x_shape[-ndim - 1 : -1], x_shape[-1]
    groups, outputs = _grouping(name, depthwise, channels, filters_shape, options.groups)
    kernel = filters_shape[:ndim]
    strides, dilation, pads, padded, out = _windows(name, ndim, spatial, kernel, options)
    mode = _code(name, "padding_mode", options.padding_mode, _core.PADDING_MODES)
    activation, function = _activation(name, options.activation, code)
    algorithm = _code(name, "algorithm", options.algorithm, _core.ALGORITHMS)
    if options.padding_mode.lower() != "constant" and 0 in spatial:
        raise ValueError(
            f"{name}: x has no pixels for padding_mode {options.padding_mode!r} to repeat; 'constant' would do"
        )
    samples = [1 if n is None else n for n in batch]
    _check_size(name, "x, padded,", (*samples, *padded, channels))
    _check_size(name, "filters", filters_shape)
    _check_size(name, "the result", (*samples, *out, outputs))
    n = -1 if batch == (None,) else samples[0] if batch else 1
    sizes = (spatial, kernel, strides, dilation)
    spec = _spec(ndim, code, n, sizes, (channels, outputs, groups), pads, (mode, activation, algorithm))
    return spec, (*batch, *out, outputs), function


def _spec(ndim, code, n, sizes, channels, pads, codes):
    """Lay a problem out as the core reads it: three spatial axes, those that are missing first and of size 1.

    (ndim, dtype code, n, input size * 3, c, f, groups, kernel * 3, stride * 3, dilation * 3, (before, after) * 3,
    codes of padding mode, activation and algorithm). A batch of -1 is any. Strides and dilations past the end, where
    none counts, are cut to what 64 bits hold.
    """
    missing = 3 - ndim
    spatial, kernel, strides, dilation = ((1,) * missing + tuple(min(v, _MOST) for v in axis) for axis in sizes)
    sides = (0,) * (2 * missing) + tuple(side for pair in pads for side in pair)
    return (ndim, code, n, *spatial, *channels, *kernel, *strides, *dilation, *sides, *codes)
