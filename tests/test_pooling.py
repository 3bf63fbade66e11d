"""Pooling and global pooling: against the oracle on every instruction set, every dtype, hard numbers and bad input."""

import ml_dtypes
import numpy as np
import pytest
from pools import POOLS, assert_near, draw, mean, solved, ties
from problems import assert_same_bits

import nhwc
from nhwc import _core, reference

PARTS = 8  # rounding errors of a mean: 5e-7 is 8.4 of float32's, 4e-15 more of float64's
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]


def call(module, kind, ndim, *args, **options):
    return getattr(module, f"{kind}_pool{ndim}d")(*args, **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_windows_match_the_reference(isa, dtype):
    for i, (ndim, shape, options) in enumerate(POOLS):
        x, exact, size, maxima = solved(i, dtype)
        assert_same_bits(call(nhwc, "max", ndim, x, **options), maxima, (shape, options))
        assert_near(call(nhwc, "average", ndim, x, **options), exact, size, PARTS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whole_images_match_the_reference(isa, dtype):
    shapes = [*(problem[:2] for problem in POOLS), (2, (2, 7, 7, 320)), (2, (3, 100, 90, 1)), (1, (70000, 5))]
    for ndim, shape in shapes:
        x = draw(shape, dtype)
        for keepdims in (False, True):
            y = call(nhwc, "global_max", ndim, x, keepdims=keepdims)
            assert_same_bits(y, call(reference, "global_max", ndim, x, keepdims=keepdims, dtype=dtype), shape)
        exact = call(reference, "global_average", ndim, x, dtype=np.longdouble)
        size = call(reference, "global_average", ndim, np.abs(x), dtype=np.longdouble)
        assert_near(call(nhwc, "global_average", ndim, x), exact, size, PARTS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_long_sums_of_equal_numbers_do_not_drift(isa, dtype):
    for value in draw(6, dtype, 1):
        for shape in ((1_000_000, 1), (300_000, 3), (40_000, 40)):
            x = np.full(shape, value)
            assert_near(nhwc.global_average_pool1d(x), x[0].astype(np.longdouble), np.abs(x[0]), PARTS)
        for pool in (2, 3, 5, 7, 9, 10, 31, 100):
            x = np.full((pool + 2, pool + 3, 3), value)
            y = nhwc.average_pool2d(x, pool, strides=1)
            assert_near(y, np.full(y.shape, value, np.longdouble), np.abs(x), PARTS)


def test_means_of_small_integers_round_once(isa):
    for pool in range(1, 12):
        x = np.random.default_rng(0).integers(-999, 999, (2, 13, 14, 19)).astype(np.float32)
        exact = reference.average_pool2d(x, pool, strides=2, padding="same")
        if _core.isa() in ("scalar", "avx2", "avx512", "neon"):
            np.testing.assert_array_equal(nhwc.average_pool2d(x, pool, strides=2, padding="same"), np.float32(exact))


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_nan_and_infinity_reach_their_windows_alone(isa, ndim):
    for c in (1, 3, 16, 40, 70):
        x = draw((2, *(9, 6, 7)[:ndim], c), np.float32)
        for i, value in enumerate((np.nan, np.inf, -np.inf, np.nan, np.inf, 3e38, 3e38)):
            x.flat[(i * 7919) % x.size] = value
        for options in (
            {"pool_size": 3, "strides": 1, "padding": "same"},
            {"pool_size": 2},
            {"pool_size": (5, 4, 4)[:ndim]},
        ):
            with np.errstate(all="ignore"):
                np.testing.assert_array_equal(
                    call(nhwc, "max", ndim, x, **options), call(reference, "max", ndim, x, **options)
                )
                y, exact = call(nhwc, "average", ndim, x, **options), call(reference, "average", ndim, x, **options)
                safe = ~(np.abs(exact) < 4e38) | (np.abs(exact) < 1e30)
                np.testing.assert_array_equal(np.isnan(y)[safe], np.isnan(exact)[safe])
                np.testing.assert_array_equal(np.isposinf(y)[safe], np.isposinf(exact)[safe])
        with np.errstate(all="ignore"):
            y, exact = call(nhwc, "global_max", ndim, x), call(reference, "global_max", ndim, x)
        np.testing.assert_array_equal(y, exact)


def test_maxima_of_negative_infinity():
    x = np.full((1, 4, 5, 3), -np.inf, np.float32)
    assert np.isneginf(nhwc.max_pool2d(x, 3, strides=2, padding="same")).all()
    x = np.full((1, 4, 5, 3), -128, np.int8)
    assert (nhwc.max_pool2d(x, 3, strides=2, padding="same") == -128).all()


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool", "float16", ml_dtypes.bfloat16])
def test_other_dtypes(dtype):
    rng, dtype = np.random.default_rng(0), np.dtype(dtype)
    for ndim, shape, options in POOLS[::3]:
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            x = rng.integers(info.min, info.max, shape, dtype, endpoint=True)
        else:
            x = (4 * rng.standard_normal(shape)).astype(dtype)
        work = dtype if dtype.kind in "iu" else np.int64 if dtype.kind == "b" else np.float32
        y = call(nhwc, "max", ndim, x, **options)
        assert_same_bits(y, call(reference, "max", ndim, x, **options, dtype=work).astype(dtype), (shape, options))
        assert call(nhwc, "global_max", ndim, x).dtype == dtype
        y = call(nhwc, "average", ndim, x, **options)
        if dtype.kind in "biu":
            assert_near(y, *mean(ndim, x.astype(np.float64), options), PARTS)
        else:
            assert y.dtype == dtype
            exact = call(reference, "average", ndim, x, **options)
            half = float(ml_dtypes.finfo(dtype).eps) / 2
            assert (np.abs(y.astype(np.float64) - exact) <= 1.01 * half * np.maximum(np.abs(exact), 1e-4)).all()
        assert call(nhwc, "global_average", ndim, x).dtype == (np.float64 if dtype.kind in "biu" else dtype)


@pytest.mark.parametrize("kind", ["max", "average", "global_max", "global_average"])
def test_the_bits_depend_neither_on_threads_nor_on_the_batch(isa, kind):
    options = {} if kind.startswith("global") else {"pool_size": 3, "strides": 2, "padding": "same"}
    for shape in ((5, 60, 61, 33), (1, 300, 301, 3), (2, 500, 900, 1), (1, 30, 20, 700)):
        x = draw(shape, np.float32)
        with nhwc.num_threads(1):
            expected = call(nhwc, kind, 2, x, **options)
        for threads in (2, 5):
            with nhwc.num_threads(threads):
                assert_same_bits(call(nhwc, kind, 2, x, **options), expected, (shape, threads))
                assert_same_bits(call(nhwc, kind, 2, x[-1], **options), expected[-1], shape)


def test_any_array_is_taken_and_none_is_written():
    x = draw((2, 8, 9, 6), np.float32)
    expected = nhwc.max_pool2d(x, 2), nhwc.average_pool2d(x, 2), nhwc.global_average_pool2d(x)
    offset = np.zeros(x.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    offset[...] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    for same in (np.asfortranarray(x), x.astype(">f4"), offset, frozen, x[::-1][::-1], x.tolist()):
        y = nhwc.max_pool2d(same, 2), nhwc.average_pool2d(same, 2), nhwc.global_average_pool2d(same)
        for a, b in zip(y, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
            assert a.dtype.isnative


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int16", "bool"])
def test_out_is_filled_and_returned(dtype):
    x = (4 * draw((2, 8, 9, 6), np.float32)).astype(dtype)
    for kind in ("max", "average"):
        expected = call(nhwc, kind, 2, x, 2)
        out = np.empty_like(expected)
        assert call(nhwc, kind, 2, x, 2, out=out) is out
        assert_same_bits(out, expected)


def test_nothing_gives_nothing():
    for kind in ("max", "average"):
        assert call(nhwc, kind, 2, np.zeros((0, 4, 4, 3), np.float32), 2).shape == (0, 2, 2, 3)
        assert call(nhwc, kind, 2, np.zeros((1, 4, 4, 0), np.float32), 2).shape == (1, 2, 2, 0)
        assert call(nhwc, kind, 2, np.zeros((1, 0, 4, 3), np.float32), 2, padding="same").shape == (1, 0, 2, 3)
        assert call(nhwc, f"global_{kind}", 2, np.zeros((0, 4, 4, 3))).shape == (0, 3)
        assert call(nhwc, f"global_{kind}", 2, np.zeros((2, 4, 4, 0))).shape == (2, 0)


X = np.zeros((1, 4, 4, 3), np.float32)


@pytest.mark.parametrize(
    ("error", "match", "args", "options"),
    [
        (ValueError, r"x\[..., None\]", (X[0, :, :, 0], 2), {}),
        (ValueError, "pool_size is 0", (X, 0), {}),
        (TypeError, "pool_size is 1.5", (X, 1.5), {}),
        (ValueError, r"pool_size is \(5, 5\) but the padded input has \(4, 4\)", (X, 5), {}),
        (ValueError, "pool_size is .*; a positive int, or one for each of 2", (X, (2, 2, 2)), {}),
        (ValueError, "strides is -1", (X, 2), {"strides": -1}),
        (ValueError, "padding is 'full'; 'valid', 'same'", (X, 2), {"padding": "full"}),
        (ValueError, "padding is 'causal'", (X, 2), {"padding": "causal"}),
        (ValueError, r"padding is 2; .* below pool_size \(2, 2\)", (X, 2), {"padding": 2}),
        (ValueError, "below pool_size", (X, 2), {"padding": ((0, 0), (0, 2))}),
        (ValueError, "padding is -1", (X, 2), {"padding": -1}),
        (TypeError, "padding is 0.5", (X, 2), {"padding": 0.5}),
        (ValueError, "no pixels", (X[:, :0], 2), {"padding": 1}),
        (TypeError, "x has dtype complex64", (X.astype("c8"), 2), {}),
        (ValueError, "out has shape", (X, 2), {"out": X}),
        (ValueError, "out has dtype float64", (X, 2), {"out": np.zeros((1, 2, 2, 3))}),
        (ValueError, "out overlaps x", (X, 1), {"out": X}),
        (TypeError, "out is of type list", (X, 2), {"out": []}),
    ],
)
@pytest.mark.parametrize("kind", ["max", "average"])
def test_bad_input(kind, error, match, args, options):
    with pytest.raises(error, match=rf"^{kind}_pool2d: .*{match}"):
        call(nhwc, kind, 2, *args, **options)


@pytest.mark.parametrize("kind", ["global_max", "global_average"])
def test_bad_images(kind):
    with pytest.raises(ValueError, match=f"{kind}_pool2d: x has shape .* no pixels"):
        call(nhwc, kind, 2, np.zeros((1, 4, 0, 3)))
    with pytest.raises(ValueError, match=r"x\[..., None\]"):
        call(nhwc, kind, 2, np.zeros((4, 4)))
    with pytest.raises(TypeError, match="x has dtype complex128"):
        call(nhwc, kind, 2, np.zeros((4, 4, 1), complex))


def test_ties():
    x = ties((3, 10, 11, 5), np.float64)
    np.testing.assert_array_equal(nhwc.max_pool2d(x, 3), reference.max_pool2d(x, 3))
