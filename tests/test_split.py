"""The split method: direct convolution by bfloat16 parts on AMX, its bounds, and the values that have no parts."""

import numpy as np
import pytest

import nhwc
from nhwc import _core

pytestmark = pytest.mark.skipif("amx" not in _core.ISAS_AVAILABLE, reason="this processor has no AMX")

# Shape of x, kernel, filters, options: stored by blocks of channels, by rows of taps, in columns of blocks, as pairs.
SHAPES = [
    ((2, 12, 13, 64), (3, 3), 40, {"padding": "same"}),
    ((1, 39, 120, 256), (1, 1), 64, {"strides": (2, 3)}),
    ((1, 27, 30, 96), (3, 3), 32, {"strides": 2, "padding": "same"}),
    ((1, 47, 45, 24), (3, 5), 64, {"strides": (2, 1), "padding": [(2, 0), (1, 3)], "padding_mode": "reflect"}),
    ((1, 21, 20, 40), (3, 3), 64, {"dilation_rate": (4, 3), "padding": "same"}),
    ((2, 14, 14, 60), (3, 3), 48, {"groups": 2, "padding": 1, "padding_mode": "wrap"}),
    ((1, 7, 7, 512), (3, 3), 64, {"padding": "same"}),
    ((1, 15, 17, 76), (3, 3), 234, {"padding": "same"}),
    ((1, 14, 14, 320), (1, 1), 416, {}),
    ((1, 16, 13, 128), (3, 3), 384, {"groups": 2}),
    ((1, 19, 38, 300), (2, 4), 64, {"strides": (2, 2), "padding_mode": "edge", "padding": 2}),
    ((5, 6, 7, 48), (2, 3, 3), 32, {"padding": "same", "strides": (2, 1, 1)}),
    ((3, 4000, 64), (9,), 48, {"padding": "causal"}),
    ((1, 3000, 20), (5,), 32, {"dilation_rate": 3}),
    ((1, 6000, 61), (4,), 64, {"strides": 3, "padding": 5, "padding_mode": "symmetric"}),
    ((2, 70, 95, 3), (7, 7), 64, {"strides": 2, "padding": "same"}),
    ((1, 61, 78, 1), (11, 11), 60, {"padding": (2, 3), "padding_mode": "reflect"}),
    ((1, 70, 196, 3), (11, 11), 96, {"strides": 4, "padding": 9, "padding_mode": "wrap"}),
    ((1, 40, 66, 6), (7, 7), 122, {"groups": 2, "strides": (3, 2)}),
    ((4, 33, 63, 2), (3, 7, 8), 48, {"strides": (2, 1, 1), "padding": "same"}),
    ((3, 7, 720, 4), (4, 9), 128, {"strides": (1, 2)}),
    ((1, 8, 2101, 3), (7, 7), 64, {}),
]


def layer(number, seed=0):
    """Return x, filters, bias and residual of a shape, the function, and its options."""
    rng = np.random.default_rng([number, seed])
    x_shape, kernel, f, options = SHAPES[number]
    depth = x_shape[-1] // options.get("groups", 1)
    x = rng.standard_normal(x_shape).astype(np.float32)
    if x.ndim == len(kernel) + 1:
        x = x[None]
    filters = rng.standard_normal((*kernel, depth, f)).astype(np.float32)
    function = getattr(nhwc, f"conv{len(kernel)}d")
    return x, filters, rng.standard_normal(f).astype(np.float32), function, {**options, "algorithm": "direct"}


def by(isa, function, *arrays, **options):
    before = _core.isa()
    try:
        _core._use_isa(isa)
        return function(*arrays, **options)
    finally:
        _core._use_isa(before)


def bounds(function, x, filters, bias, options):
    """The exact result, and the largest error that the contract allows for each output."""
    exact = function(x.astype(float), filters.astype(float), bias.astype(float), **options)
    size = function(np.abs(x).astype(float), np.abs(filters).astype(float), np.abs(bias).astype(float), **options)
    k = filters[..., 0].size
    return exact, (min(k, 256) + -(-k // 256) + 4) * 2.0**-24 * size


@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_every_output_is_within_its_bound(number):
    x, filters, bias, function, options = layer(number)
    exact, bound = bounds(function, x, filters, bias, options)
    y = by("amx", function, x, filters, bias, **options)
    assert not np.array_equal(y, by("avx512", function, x, filters, bias, **options)), "another method did this"
    assert np.all(np.abs(y - exact) <= bound)


@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_bits_depend_on_neither_threads_nor_batch_nor_plan(number):
    x, filters, bias, function, options = layer(number)
    y = by("amx", function, x, filters, bias, **options)
    plan = by("amx", getattr(nhwc, "plan_" + function.__name__), (None, *x.shape[1:]), filters, bias, **options)
    for threads in (1, 3, 8):
        with nhwc.num_threads(threads):
            np.testing.assert_array_equal(plan(x), y)
            np.testing.assert_array_equal(by("amx", function, x[-1:], filters, bias, **options), y[-1:])


def test_integers_are_exact():
    rng = np.random.default_rng(0)
    x = rng.integers(-500, 500, (1, 14, 14, 64)).astype(np.float32)
    filters = rng.integers(-30, 30, (3, 3, 64, 32)).astype(np.float32)
    y = by("amx", nhwc.conv2d, x, filters, algorithm="direct")
    np.testing.assert_array_equal(y, nhwc.conv2d(x.astype(float), filters.astype(float)))
    wide = rng.integers(2**23, 2**24, x.shape).astype(np.float32)  # 24 bits, met by one filter that is not zero
    one = np.zeros((3, 3, 64, 32), np.float32)
    one[1, 2, 5] = 1
    y = by("amx", nhwc.conv2d, wide, one, algorithm="direct")
    np.testing.assert_array_equal(y, np.broadcast_to(wide[:, 1:-1, 2:, 5:6], y.shape))


@pytest.mark.parametrize("number", range(len(SHAPES)))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3.4e38, 1e-38, 1e-45, -1e-30])
def test_values_without_parts_are_multiplied_directly(number, value):
    x, filters, bias, function, options = layer(number)
    clean = by("amx", function, x, filters, bias, **options)
    spoilt = x.copy()
    spoilt[(0, *(n // 12 * 6 for n in x.shape[1:-1]), x.shape[-1] - 1)] = value
    reads = function((spoilt != x).astype(np.float32), np.ones_like(filters), **options) > 0
    assert reads.any()
    y = by("amx", function, spoilt, filters, bias, **options)
    with np.errstate(invalid="ignore"):
        exact, bound = bounds(function, spoilt, filters, bias, options)
    _, ordinary = bounds(function, x, filters, bias, options)
    direct = by("avx512", function, spoilt, filters, bias, **options)
    finite = np.isfinite(direct)
    np.testing.assert_array_equal(y[~finite], direct[~finite])
    assert np.all(reads | finite)
    assert np.all(np.abs(y[finite] - exact[finite]) <= bound[finite])
    assert np.all(np.abs(y - clean)[~reads] <= 2 * ordinary[~reads])


@pytest.mark.parametrize("bits", [8, 11, 16])
@pytest.mark.parametrize("number", [0, 3, 6])
def test_values_of_few_parts_make_the_same_bits_alone_and_among_others(number, bits):
    x, filters, bias, function, options = layer(number)
    scale = 2.0 ** (bits - 4)
    x, few = np.clip(np.round(x * scale) / scale, -4, 4), np.clip(np.round(filters * scale) / scale, -4, 4)
    for w in (filters, few):
        y = by("amx", function, x, w, bias, **options)
        other = x.copy()
        other[0, 0, 0, 0] = 1 / 3
        reads = function((other != x).astype(np.float32), np.ones_like(w), **options) > 0
        assert reads.any()
        np.testing.assert_array_equal(by("amx", function, other, w, bias, **options)[~reads], y[~reads])


def test_small_values_alone_keep_their_digits():
    rng = np.random.default_rng(1)
    filters = rng.standard_normal((3, 3, 64, 32)).astype(np.float32)
    for scale in (1e-42, 1e-38, 1e-30, 1e-20, 1e20, 1e30):
        x = (rng.standard_normal((1, 12, 12, 64)) * scale).astype(np.float32)
        exact, bound = bounds(nhwc.conv2d, x, filters, np.zeros(32, np.float32), {})
        y = by("amx", nhwc.conv2d, x, filters, algorithm="direct")
        assert np.all(np.abs(y - exact) <= bound + 600 * 2.0**-150), scale


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38, 1e-40, 1e-25])
@pytest.mark.parametrize("once", [True, False])
def test_filters_without_parts_are_multiplied_directly_in_blocks_of_32(value, once):
    x, filters, bias, function, options = layer(0)
    clean = by("amx", function, x, filters, bias, **options)
    filters[1, 1, 3, 5] = value

    def run():
        if once:
            return function(x, filters, bias, **options)
        return nhwc.plan_conv2d(x.shape, filters, bias, **options)(x)

    y = by("amx", run)
    direct = by("avx512", run)
    if np.isnan(value):  # spoils its own filter only
        direct[..., :5], direct[..., 6:] = clean[..., :5], clean[..., 6:]
    with np.errstate(invalid="ignore"):
        size = function(abs(x).astype(float), abs(filters).astype(float), abs(bias), **options)
        near = (y == direct) | (abs(y - direct) <= 1e-6 * size) | (np.isnan(y) & np.isnan(direct))
    assert near[..., :32].all()
    np.testing.assert_array_equal(np.isfinite(y[..., :32]), np.isfinite(direct[..., :32]))
    np.testing.assert_array_equal(y[..., 32:], clean[..., 32:])


@pytest.mark.parametrize("once", [False, True])
def test_zeros_of_both_signs_have_parts(once):
    x, filters, _, function, options = layer(2)
    filters[1, 1, 5, 7] = 0
    negative = filters.copy()
    negative[1, 1, 5, 7] = -0.0

    def run(f):
        return function(x, f, **options) if once else nhwc.plan_conv2d(x.shape, f, **options)(x)

    y = by("amx", run, negative)
    np.testing.assert_array_equal(y, by("amx", run, filters))
    assert (y != by("avx512", function, x, filters, **options)).any()


def test_other_terms_are_added():
    for number in (0, 3, 5):
        x, filters, bias, function, options = layer(number)
        y = by("amx", function, x, filters, bias, **options)
        residual = np.random.default_rng(2).standard_normal(y.shape).astype(np.float32)
        x[0, 3, 3, 0] = np.nan
        y = by("amx", function, x, filters, bias, **options)
        out = residual.copy()
        by("amx", function, x, filters, bias, residual=out, out=out, activation="relu", **options)
        np.testing.assert_array_equal(out, np.maximum(y + residual, 0))
        silu = by("amx", function, x, filters, bias, residual=residual, activation="silu", **options)
        with np.errstate(over="ignore"):
            exact = (y + residual) / (1 + np.exp(-(y.astype(float) + residual)))
        np.testing.assert_allclose(silu, exact, rtol=1e-5, atol=1e-5)
