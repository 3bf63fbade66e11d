"""Draws calls of every public operation: shapes, options and operands, all of them valid."""

import dataclasses
import math

import numpy as np

from nhwc import reference

from .arrays import FLOATS, INTEGERS, VALUES, draw, dtypes, is_float, lay, pick

ACTIVATIONS = [name for name in reference._ACTIVATIONS if name != "swish"]
MODES = ["constant"] * 5 + ["edge", "reflect", "symmetric", "wrap"]


@dataclasses.dataclass
class Case:
    """One call. `arrays` are its operands by the names of the arguments, in order; `options` all the rest."""

    function: str
    ndim: int
    arrays: dict
    options: dict
    dtype: np.dtype  # Of the result.
    reduction: int  # The longest sum.
    after: tuple = ()  # Arguments that follow the operands without a name.

    @property
    def kind(self):
        """The function's name without its number of axes."""
        return self.function.replace(f"{self.ndim}d", "")

    def __str__(self):
        shapes = [f"{name} {np.shape(a)} {np.asarray(a).dtype.str}" for name, a in self.arrays.items()]
        return f"{self.function}({', '.join([*shapes, *map(str, self.after)])}, {self.options})"


def draw_case(seed):
    """Draw the problem of a seed."""
    rng = np.random.default_rng(seed)
    makers = [_forward] * 8 + [_separable, _transpose, _transpose, _transpose, _grad, _grad, _grad, _pool, _pool]
    return pick(rng, makers)(rng)


# ---- Sizes ----


def _count(rng, most=70):
    """Few, up to some vectors, or many."""
    return int(rng.integers(1, pick(rng, [4, 9, 9, 20, min(40, most), most]) + 1))


def _window(rng, ndim, large):
    """Draw kernel, strides and dilation; a third of them 3 by 3."""
    if rng.random() < 0.35:
        return (3,) * ndim, (1,) * ndim, (1,) * ndim
    most = (9, 5, 3)[ndim - 1]
    kernel = tuple(int(k) for k in rng.integers(1, most + 1, ndim))
    strides = tuple(int(s) for s in rng.choice([1, 1, 1, 2, 2, 3, 5], ndim))
    dilation = tuple(int(d) for d in rng.choice([1, 1, 1, 1, 2, 3], ndim))
    if large:
        return kernel, (1,) * ndim, (1,) * ndim
    return kernel, strides, dilation


def _sides(rng, ndim, names, below):
    """Draw a padding: a name, a number, one for each axis or a pair for each; each number below `below`."""
    form = rng.integers(5)
    most = [int(rng.integers(0, b)) for b in below]
    if form < 2:
        return pick(rng, names)
    if form == 2:
        return min(most)
    if form == 3:
        return tuple(most)
    return tuple((int(rng.integers(0, b)), m) for b, m in zip(below, most, strict=True))


def _spatial(rng, extents, padding, large):
    """Draw an image that holds the window."""
    most = (40, 9, 6)[len(extents) - 1] * (5 if large else 1)
    if padding in ("same", "full", "causal"):
        return tuple(int(n) for n in rng.integers(1, most, len(extents)))
    if isinstance(padding, str):
        pads = [0] * len(extents)
    else:
        pads = [sum(p) for p in reference._pads(padding, extents, extents, extents)]
    least = [max(e - p, 1) for e, p in zip(extents, pads, strict=True)]
    return tuple(int(n + rng.integers(0, most)) for n in least)


def _batch(rng):
    return pick(rng, [(), (1,), (2,), (3,), (2,), (0,)] if rng.random() < 0.2 else [(), (1,), (2,)])


def _extents(kernel, dilation):
    return [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]


def _short(rng, values):
    """An int where all axes have the same, sometimes."""
    return values[0] if len(set(values)) == 1 and rng.random() < 0.5 else values


def _geometry(rng, ndim, large, modes=True):
    """Draw the image and the options of a sliding window: spatial sizes, kernel, options."""
    kernel, strides, dilation = _window(rng, ndim, large)
    extents = _extents(kernel, dilation)
    names = ["valid", "same", "same", "SAME", "full"] + (["causal"] if ndim == 1 else [])
    padding = _sides(rng, ndim, names, [e + 2 for e in extents])
    spatial = _spatial(rng, extents, padding.lower() if isinstance(padding, str) else padding, large)
    options = {"strides": _short(rng, strides), "padding": padding, "dilation_rate": _short(rng, dilation)}
    if modes:
        options["padding_mode"] = pick(rng, MODES)
    return spatial, kernel, options


def _depth(rng, depthwise, large):
    """Draw the channels of x, those of a group, the filters and the groups."""
    if depthwise:
        channels = _count(rng)
        return channels, channels, int(pick(rng, [1, 1, 2, 3])), None
    groups = int(pick(rng, [1, 1, 1, 1, 2, 3, 5, 8]))
    if groups > 1 and rng.random() < 0.3:
        groups = _count(rng, 40)
    most = 70 if groups == 1 else 12
    channels, filters = (1 if groups > 12 else _count(rng, most) for _ in range(2))
    if rng.random() < 0.1:  # enough work for what only large layers are worth
        groups = min(groups, 3)
        channels, filters = (int(n) for n in rng.integers((16, 8), (130, 70)))
    if rng.random() < 0.02:
        channels, filters = pick(rng, [(0, filters), (channels, 0)])
    return groups * channels, channels, groups * filters, groups


# ---- Operands ----


def _result_dtype(*given):
    """The dtype that the contract gives to a result."""
    common = np.result_type(*given).newbyteorder("=")
    if is_float(common):
        return common
    return np.dtype(np.uint64 if common.kind == "u" else np.int64)


def _operands(rng, shapes):
    """Draw arrays by the names of arguments; return them and the result's dtype."""
    kinds = [pick(rng, VALUES)] * len(shapes)
    if rng.random() < 0.3:
        kinds[rng.integers(len(kinds))] = pick(rng, VALUES)
    given = dtypes(rng, len(shapes))
    arrays = {
        name: lay(rng, draw(rng, shape, dtype, kind))
        for (name, shape), dtype, kind in zip(shapes.items(), given, kinds, strict=True)
    }
    return arrays, _result_dtype(*[np.asarray(a).dtype for a in arrays.values()]), kinds[0]


def _finish(rng, case, values, activations=True):
    """Give a case a bias, a residual and an activation, by chance."""
    shape = reference_shape(case)
    if rng.random() < 0.5:
        case.arrays["bias"] = lay(rng, draw(rng, shape[-1:], case.dtype, values))
    if rng.random() < 0.3:
        case.arrays["residual"] = lay(rng, draw(rng, shape, case.dtype, values))
    if rng.random() < 0.4:
        case.options["activation"] = pick(rng, ACTIVATIONS if is_float(case.dtype) else ["relu", "relu6", "linear"])
    return case


def reference_shape(case):
    """The shape of the result, as the oracle has it."""
    nothing = [np.zeros(np.shape(a), np.int8) for a in case.arrays.values()]
    options = {name: value for name, value in case.options.items() if name not in ("activation", "algorithm")}
    return getattr(reference, case.function)(*nothing, *case.after, dtype=np.int8, **options).shape


# ---- Functions ----


def _forward(rng):
    ndim, depthwise, large = int(pick(rng, [1, 2, 2, 2, 3])), rng.random() < 0.3, rng.random() < 0.02
    ndim = min(ndim, 2) if depthwise else ndim
    spatial, kernel, options = _geometry(rng, ndim, large)
    channels, depth, filters, groups = _depth(rng, depthwise, large)
    if not depthwise:
        options["groups"] = groups
    options["algorithm"] = pick(rng, ["auto", "auto", "direct", "winograd_f2", "winograd_f4", "winograd_f2_5x5"])
    shapes = {"x": (*_batch(rng), *spatial, channels), "filters": (*kernel, depth, filters)}
    arrays, dtype, values = _operands(rng, shapes)
    reduction = math.prod(kernel) * (1 if depthwise else depth)
    name = f"{'depthwise_' if depthwise else ''}conv{ndim}d"
    return _finish(rng, Case(name, ndim, arrays, options, dtype, reduction), values)


def _separable(rng):
    ndim = int(rng.integers(1, 3))
    spatial, kernel, options = _geometry(rng, ndim, rng.random() < 0.05)
    channels, _, multiplier, _ = _depth(rng, True, False)
    shapes = {
        "x": (*_batch(rng), *spatial, channels),
        "depthwise_filters": (*kernel, channels, multiplier),
        "pointwise_filters": (*(1,) * ndim, channels * multiplier, _count(rng)),
    }
    arrays, dtype, values = _operands(rng, shapes)
    finite = np.isfinite(np.asarray(arrays["pointwise_filters"], np.float64)).all()
    if not finite and is_float(dtype):  # a product of the first stage that underflows is 0, and 0 times infinity NaN
        arrays["x"], arrays["depthwise_filters"] = (
            np.sign(np.asarray(a, np.float64)).astype(np.asarray(a).dtype)
            for a in (arrays["x"], arrays["depthwise_filters"])
        )
    reduction = math.prod(kernel) + channels * multiplier
    return _finish(rng, Case(f"separable_conv{ndim}d", ndim, arrays, options, dtype, reduction), values)


def _transposed_options(rng, ndim):
    """Draw until a forward convolution makes the image of the one that is transposed."""
    while True:
        kernel, strides, dilation = _window(rng, ndim, False)
        padding = _sides(rng, ndim, ["valid", "same", "Same"], _extents(kernel, dilation))
        extra = None if rng.random() < 0.6 else tuple(int(rng.integers(0, s)) for s in strides)
        spatial = _spatial(rng, (1,) * ndim, "valid", False)
        sides = padding.lower() if isinstance(padding, str) else padding
        pads = [sides] * ndim if isinstance(sides, str) else reference._pads(sides, spatial, kernel, strides)
        axes = zip(spatial, _extents(kernel, dilation), strides, pads, extra or [None] * ndim, strict=True)
        out = [reference._transposed_size(*axis) for axis in axes]
        options = {"strides": strides, "padding": padding, "dilation_rate": dilation}
        if min(out) > 0 and reference._Geometry(out, kernel, strides, padding, dilation).out == spatial:
            return spatial, kernel, {**options, "output_padding": extra}


def _transpose(rng):
    ndim = int(pick(rng, [1, 2, 2, 3]))
    spatial, kernel, options = _transposed_options(rng, ndim)
    channels, _, filters, groups = _depth(rng, False, False)
    options["groups"] = groups
    shapes = {"x": (*_batch(rng), *spatial, channels), "filters": (*kernel, filters // groups, channels)}
    arrays, dtype, values = _operands(rng, shapes)
    reduction = math.prod(kernel) * channels
    return _finish(rng, Case(f"conv{ndim}d_transpose", ndim, arrays, options, dtype, reduction), values)


def _grad(rng):
    """A gradient of a forward convolution, in x or in the filters."""
    depthwise = rng.random() < 0.3
    ndim = int(rng.integers(1, 3 if depthwise else 4))
    spatial, kernel, options = _geometry(rng, ndim, rng.random() < 0.03, modes=False)
    channels, depth, filters, groups = _depth(rng, depthwise, False)
    if not depthwise:
        options["groups"] = groups
    x, w = (*_batch(rng), *spatial, channels), (*kernel, depth, filters)
    name = f"{'depthwise_' if depthwise else ''}conv{ndim}d"
    forward = Case(name, ndim, {"x": np.zeros(x, np.int8), "filters": np.zeros(w, np.int8)}, options, None, 0)
    dy = reference_shape(forward)
    if rng.random() < 0.5:
        arrays, dtype, _ = _operands(rng, {"dy": dy, "filters": w})
        return Case(f"{name}_input_grad", ndim, arrays, options, dtype, math.prod(kernel) * filters, (x,))
    arrays, dtype, _ = _operands(rng, {"x": x, "dy": dy})
    return Case(f"{name}_filter_grad", ndim, arrays, options, dtype, math.prod(dy[:-1]), (kernel,))


def _pool(rng):
    ndim, kind = int(rng.integers(1, 4)), pick(rng, ["max", "average"])
    form = pick(rng, ["", "", "global", "grad", "grad"])
    large = rng.random() < 0.05
    pool, strides, _ = _window(rng, ndim, large)
    padding = _sides(rng, ndim, ["valid", "same", "Same"], pool)
    spatial = _spatial(rng, pool, padding.lower() if isinstance(padding, str) else padding, large)
    options = {"strides": None if rng.random() < 0.3 else _short(rng, strides), "padding": padding}
    x = (*_batch(rng), *spatial, _count(rng))
    if form == "global":
        options = {"keepdims": bool(rng.random() < 0.5)}
        return _pooling(rng, f"global_{kind}_pool{ndim}d", ndim, {"x": x}, options, spatial, ())
    if not form:
        return _pooling(rng, f"{kind}_pool{ndim}d", ndim, {"x": x}, options, pool, (pool,))
    forward = Case(f"{kind}_pool{ndim}d", ndim, {"x": np.zeros(x, np.int8)}, options, None, 0, (pool,))
    shapes = {"dy": reference_shape(forward)} if kind == "average" else {"dy": reference_shape(forward), "x": x}
    after = (x, pool) if kind == "average" else (pool,)
    return _pooling(rng, f"{kind}_pool{ndim}d_grad", ndim, shapes, options, pool, after)


def _pooling(rng, function, ndim, shapes, options, pool, after):
    """A pooling or its gradient; all operands have one dtype, and few different values, for ties."""
    given = pick(rng, FLOATS if rng.random() < 0.7 else INTEGERS)
    values = pick(rng, [*VALUES, "whole", "whole"])
    arrays = {name: lay(rng, draw(rng, shape, given, values)) for name, shape in shapes.items()}
    if not is_float(given) and "average" in function:
        dtype = np.dtype(np.float64)
    else:
        dtype = given if "grad" not in function else _result_dtype(given)
    return Case(function, ndim, arrays, options, dtype, math.prod(pool), after)
