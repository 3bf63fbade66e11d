"""Separable convolutions: against the oracle, cut into blocks or not, on every instruction set."""

import functools

import numpy as np
import pytest
from pools import draw, wider
from problems import NORMWISE, assert_same_bits

import nhwc
from nhwc import reference

# Shape of x, kernel, multiplier, filters, options. The first ones are of many blocks, of which some differ.
PROBLEMS = [
    ((1, 112, 70, 20), (3, 3), 1, 24, {"padding": "same", "activation": "relu"}),
    ((2, 113, 60, 40), (5, 3), 1, 11, {"padding": "same", "strides": 2}),
    ((90, 80, 17), (3, 3), 3, 5, {"padding": "full", "dilation_rate": (2, 3)}),
    ((1, 120, 40, 64), (3, 2), 1, 20, {"padding": ((9, 30), (0, 3)), "strides": (3, 1), "activation": "gelu"}),
    ((1, 200, 20, 64), (31, 1), 1, 7, {"padding": "same"}),
    ((1, 100, 40, 64), (3, 3), 1, 20, {"padding": "same", "padding_mode": "reflect"}),
    ((1, 100, 40, 64), (3, 3), 1, 20, {"padding": ((0, 0), (2, 1)), "padding_mode": "wrap"}),
    ((2, 14, 14, 300), (3, 3), 1, 30, {"padding": "same", "dilation_rate": 2, "strides": 2}),
    ((2, 5, 6, 3), (3, 3), 2, 4, {}),
    ((1, 1, 1, 1), (1, 1), 1, 1, {}),
    ((2, 9000, 24), (5,), 1, 9, {"padding": "same"}),
    ((9001, 13), (4,), 2, 9, {"padding": "causal", "dilation_rate": 3, "strides": 2}),
    ((1, 4000, 30), (3,), 1, 40, {"padding": 70}),
    ((7, 3), (3,), 1, 2, {"padding": "full", "activation": "relu6"}),
]


def operands(shape, kernel, multiplier, filters, dtype=np.float32):
    channels = shape[-1]
    x, depthwise = draw(shape, dtype), draw((*kernel, channels, multiplier), dtype, 1)
    return x, depthwise, draw((*(1,) * len(kernel), channels * multiplier, filters), dtype, 2), draw(filters, dtype, 3)


def call(module, x, depthwise, pointwise, bias, **options):
    return getattr(module, f"separable_conv{depthwise.ndim - 2}d")(x, depthwise, pointwise, bias, **options)


@functools.cache
def solved(i, dtype):
    """Problem i: its operands with a residual, the exact result and its size; kept for every instruction set."""
    *shapes, options = PROBLEMS[i]
    arrays, wide = operands(*shapes, dtype), wider(dtype)
    between = call(reference, *arrays, **{**options, "activation": None}, dtype=wide)
    residual = draw(between.shape, dtype, 4)
    size = call(reference, *map(np.abs, arrays), **{**options, "activation": None}, dtype=wide)
    exact = reference.activate(between + residual, options.get("activation"))
    return arrays, residual, exact, (size + np.abs(residual)).max()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_matches_the_reference(isa, dtype):
    for i, (*shapes, options) in enumerate(PROBLEMS):
        if dtype == np.float64 and i % 2 == 0:
            continue  # the sums in long double take long
        arrays, residual, exact, size = solved(i, dtype)
        y = residual.copy()
        assert call(nhwc, *arrays, **options, residual=y, out=y) is y
        error = np.abs(y - exact).max() / size
        assert error <= NORMWISE["direct"][dtype().dtype.name], (shapes, options, error)


def test_the_bits_depend_neither_on_threads_nor_on_the_batch(isa):
    for *shapes, options in PROBLEMS:
        x, *filters = operands(*shapes)
        with nhwc.num_threads(1):
            expected = call(nhwc, x, *filters, **options)
        with nhwc.num_threads(3):
            assert_same_bits(call(nhwc, x, *filters, **options), expected, shapes)
            if x.ndim == len(shapes[1]) + 2:
                assert_same_bits(call(nhwc, x[-1], *filters, **options), expected[-1], shapes)


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float16", "bool"])
def test_other_dtypes(dtype):
    for *shapes, options in PROBLEMS[4:12]:
        x, depthwise, pointwise, bias = ((3 * a).astype(np.int64).astype(dtype) for a in operands(*shapes))
        result = {"float16": np.float32, "uint64": np.uint64}.get(dtype, np.int64)
        y = call(nhwc, x, depthwise, pointwise, bias, **options)
        exact = call(reference, x, depthwise, pointwise, bias, **options, dtype=result)
        assert y.dtype == ("float16" if dtype == "float16" else result)
        np.testing.assert_array_equal(y, exact.astype(y.dtype))


def test_a_callable_activation_and_nothing():
    x, depthwise, pointwise, bias = operands((2, 5, 6, 3), (3, 3), 2, 4)
    y = nhwc.separable_conv2d(x, depthwise, pointwise, bias, activation=np.negative)
    assert_same_bits(y, -nhwc.separable_conv2d(x, depthwise, pointwise, bias))
    for shape, m, f in [
        ((0, 5, 6, 3), 1, 2),
        ((2, 5, 6, 0), 1, 2),
        ((2, 5, 6, 3), 0, 2),
        ((2, 5, 6, 3), 1, 0),
        ((2, 0, 6, 3), 1, 2),
    ]:
        arrays = operands(shape, (3, 3), m, f)
        y = nhwc.separable_conv2d(*arrays, padding="same")
        assert_same_bits(y, call(reference, *arrays, padding="same", dtype=np.float32), shape)


def test_nan_reaches_its_windows_alone():
    x, depthwise, pointwise, bias = operands(*PROBLEMS[0][:4])
    x[0, 50, 30, 7] = np.nan
    y = nhwc.separable_conv2d(x, depthwise, pointwise, bias, padding="same")
    hit = np.zeros(y.shape, bool)
    hit[0, 49:52, 29:32] = True
    np.testing.assert_array_equal(np.isnan(y), hit)


X, D, P = np.zeros((1, 5, 5, 3), np.float32), np.zeros((3, 3, 3, 2), np.float32), np.zeros((1, 1, 6, 4), np.float32)


@pytest.mark.parametrize(
    ("error", "match", "args", "options"),
    [
        (ValueError, "depthwise_filters have 3 input channels but x has 2", (X[..., :2], D, P), {}),
        (ValueError, r"pointwise_filters have shape \(1, 1, 5, 4\); \(1, 1, 6, F\)", (X, D, P[:, :, :5]), {}),
        (ValueError, r"pointwise_filters have shape \(3, 3, 3, 2\)", (X, D, D), {}),
        (ValueError, "depthwise_filters have shape", (X, D[0], P), {}),
        (ValueError, "depthwise_filters have shape", (X, D[:0], P), {}),
        (ValueError, r"x\[..., None\]", (X[0, :, :, 0], D, P), {}),
        (ValueError, r"bias has shape \(3,\); \(4,\)", (X, D, P, X[0, 0, 0]), {}),
        (ValueError, "padding is 'causal'", (X, D, P), {"padding": "causal"}),
        (ValueError, "the kernel spans", (X, D, P), {"dilation_rate": 3}),
        (ValueError, "activation is 'softmax'", (X, D, P), {"activation": "softmax"}),
        (TypeError, "depthwise_filters .* dtype complex64", (X, D.astype("c8"), P), {}),
        (ValueError, "out has shape", (X, D, P), {"out": X}),
        (ValueError, "residual has shape", (X, D, P), {"residual": X}),
    ],
)
def test_bad_input(error, match, args, options):
    with pytest.raises(error, match=rf"^separable_conv2d: .*{match}"):
        nhwc.separable_conv2d(*args, **options)


def test_out_must_not_be_an_input():
    x, depthwise, bias = X[:, :3, :3], D[..., :1], None
    pointwise = np.zeros((1, 1, 3, 1), np.float32)
    with pytest.raises(ValueError, match="out overlaps pointwise_filters"):
        nhwc.separable_conv2d(x, depthwise, pointwise, bias, out=pointwise[:, :, :1])
