"""Gradients of pooling: against the oracle, by adjoint identities and by finite differences."""

import numpy as np
import pytest
from pools import POOLS, assert_near, draw, solved_grad, ties
from problems import assert_same_bits

import nhwc
from nhwc import reference

PARTS = 8


def call(module, kind, ndim, *args, **options):
    return getattr(module, f"{kind}_pool{ndim}d{'_grad' if len(args) > 1 else ''}")(*args, **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_match_the_reference(isa, dtype):
    for i, (ndim, shape, options) in enumerate(POOLS):
        for kind in ("max", "average"):
            dy, x, exact, size = solved_grad(i, dtype, kind)
            assert_near(call(nhwc, kind, ndim, dy, x if kind == "max" else shape, **options), exact, size, PARTS)


def test_the_gradient_of_means_is_their_adjoint(isa):
    for ndim, shape, options in POOLS:
        x = draw(shape, np.float64)
        y = call(nhwc, "average", ndim, x, **options)
        dy = draw(y.shape, np.float64, 1)
        dx = call(nhwc, "average", ndim, dy, shape, **options)
        assert abs((dy * y).sum() - (dx * x).sum()) <= 1e-12 * (np.abs(dy) * np.abs(y)).sum()


def test_finite_differences():
    x = draw((2, 5, 6, 3), np.float64)
    options = {"pool_size": 3, "strides": 2, "padding": "same"}
    dy = draw(nhwc.max_pool2d(x, **options).shape, np.float64, 1)
    gradients = {
        "max": nhwc.max_pool2d_grad(dy, x, **options),
        "average": nhwc.average_pool2d_grad(dy, x.shape, **options),
    }
    step = 1e-6
    for at in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[at] += step
        down[at] -= step
        for kind, dx in gradients.items():
            slope = (dy * (call(nhwc, kind, 2, up, **options) - call(nhwc, kind, 2, down, **options))).sum() / (
                2 * step
            )
            assert abs(slope - dx[at]) < 1e-8


def test_nan_is_the_maximum_and_a_nan_in_dy_stays_where_it_goes(isa):
    rng = np.random.default_rng(0)
    for options in ({"pool_size": 2}, {"pool_size": 3, "strides": 1, "padding": "same"}):
        for c in (1, 5, 16, 40):
            x = ties((2, 8, 9, c), np.float32)
            x.flat[rng.integers(0, x.size, 9)] = np.nan
            x.flat[rng.integers(0, x.size, 9)] = np.inf
            dy = draw(reference.max_pool2d(x, **options).shape, np.float32, 1)
            dy.flat[rng.integers(0, dy.size, 3)] = (np.nan, np.inf, -np.inf)
            with np.errstate(invalid="ignore"):
                exact = reference.max_pool2d_grad(dy, x, **options)
            np.testing.assert_allclose(nhwc.max_pool2d_grad(dy, x, **options), exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "uint64", "bool", "float16"])
def test_other_dtypes(dtype):
    x = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 5, (2, 7, 8, 3)).astype(dtype)
    if dtype == "uint64":
        x += np.uint64(2**64 - 5)
    dy = (2 * draw((2, 3, 4, 3), np.float32)).astype(np.int64).astype(dtype)
    result = {"float16": np.float16, "uint8": np.uint64, "uint64": np.uint64}.get(dtype, np.int64)
    dx = nhwc.max_pool2d_grad(dy, x, 2)
    assert_same_bits(dx, reference.max_pool2d_grad(dy, x, 2, dtype=result), dtype)
    out = np.empty_like(dx)
    assert nhwc.max_pool2d_grad(dy, x, 2, out=out) is out
    assert_same_bits(out, dx)
    dx = nhwc.average_pool2d_grad(dy, x.shape, 2)
    assert dx.dtype == (np.float16 if dtype == "float16" else np.float64)
    np.testing.assert_allclose(dx, reference.average_pool2d_grad(dy, x.shape, 2), rtol=1e-3)


def test_the_bits_depend_neither_on_threads_nor_on_the_batch(isa):
    for ndim, shape, pool, stride in (
        (2, (5, 60, 61, 33), 3, 1),
        (2, (1, 300, 301, 3), 3, 2),
        (1, (2, 100001, 2), 9, 2),
        (3, (1, 20, 21, 22, 9), 3, 1),
    ):
        x, options = ties(shape, np.float32), {"pool_size": pool, "strides": stride, "padding": "same"}
        dy = draw(call(nhwc, "max", ndim, x, **options).shape, np.float32)
        for kind, second, one in (("max", x, x[-1]), ("average", shape, shape[1:])):
            with nhwc.num_threads(1):
                expected = call(nhwc, kind, ndim, dy, second, **options)
            with nhwc.num_threads(3):
                assert_same_bits(call(nhwc, kind, ndim, dy, second, **options), expected, shape)
                assert_same_bits(call(nhwc, kind, ndim, dy[-1], one, **options), expected[-1], shape)


def test_the_gradient_of_nothing():
    assert nhwc.max_pool2d_grad(np.zeros((0, 2, 2, 3)), np.zeros((0, 4, 4, 3)), 2).shape == (0, 4, 4, 3)
    assert nhwc.average_pool2d_grad(np.zeros((1, 2, 2, 0)), (1, 4, 4, 0), 2).shape == (1, 4, 4, 0)
    dx = nhwc.average_pool2d_grad(np.zeros((1, 0, 2, 3)), (1, 0, 4, 3), 2, padding="same")
    assert dx.shape == (1, 0, 4, 3)


DY, X = np.zeros((1, 2, 2, 3), np.float32), np.zeros((1, 4, 4, 3), np.float32)


@pytest.mark.parametrize(
    ("error", "match", "function", "args", "options"),
    [
        (ValueError, r"dy has shape \(1, 4, 4, 3\); \(1, 2, 2, 3\)", "max", (X, X, 2), {}),
        (ValueError, r"dy has shape \(1, 4, 4, 3\); \(1, 2, 2, 3\)", "average", (X, X.shape, 2), {}),
        (ValueError, "input_shape is .*None", "average", (DY, (None, 4, 4, 3), 2), {}),
        (ValueError, "input_shape is", "average", (DY, (4, 4), 2), {}),
        (TypeError, "input_shape is 7", "average", (DY, 7, 2), {}),
        (TypeError, "dy has dtype complex64", "max", (DY.astype("c8"), X, 2), {}),
        (ValueError, "out overlaps x", "max", (X[:], X, 1), {"out": X}),
        (ValueError, "out overlaps dy", "average", (X, X.shape, 1), {"out": X}),
        (ValueError, "below pool_size", "max", (DY, X, 2), {"padding": 2}),
        (ValueError, "pool_size is", "max", (DY, X, 5), {}),
    ],
)
def test_bad_input(error, match, function, args, options):
    args = (args[0].copy() if match == "out overlaps x" else args[0], *args[1:])
    with pytest.raises(error, match=rf"^{function}_pool2d_grad: .*{match}"):
        getattr(nhwc, f"{function}_pool2d_grad")(*args, **options)
