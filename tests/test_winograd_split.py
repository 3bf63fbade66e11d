"""Winograd by bfloat16 parts on AMX: accuracy, bits, the guard, and filters that have no parts."""

import numpy as np
import pytest

import nhwc
from nhwc import _core

pytestmark = pytest.mark.skipif("amx" not in _core.ISAS_AVAILABLE, reason="this processor has no AMX")

NAMES = ["winograd_f2", "winograd_f4"]
# Shape of x, filters, options: several blocks of tiles and filters, and ends of registers, steps and chunks.
SHAPES = [
    ((2, 50, 47, 64), 64, {"padding": "same"}),
    ((1, 30, 31, 90), 80, {"padding": ((0, 1), (2, 0)), "padding_mode": "reflect"}),
    ((1, 34, 33, 160), 49, {"padding": "same"}),
    ((3, 23, 21, 300), 97, {}),
    ((1, 41, 26, 256), 160, {"groups": 2, "padding": 1, "padding_mode": "wrap"}),
    ((1, 33, 32, 1100), 40, {"padding": "same"}),
]


def layer(number):
    """Return x, filters, bias, and the options of a shape."""
    rng = np.random.default_rng(number)
    x_shape, f, options = SHAPES[number]
    filters = rng.standard_normal((3, 3, x_shape[-1] // options.get("groups", 1), f))
    arrays = rng.standard_normal(x_shape), filters, rng.standard_normal(f)
    return *(a.astype(np.float32) for a in arrays), options


def by(isa, function, *arrays, **options):
    before = _core.isa()
    try:
        _core._use_isa(isa)
        return function(*arrays, **options)
    finally:
        _core._use_isa(before)


def exact(x, filters, bias=None, **options):
    """The result in float64, and the largest sum of magnitudes."""
    arrays = [None if a is None else a.astype(float) for a in (x, filters, bias)]
    size = nhwc.conv2d(*(None if a is None else np.abs(a) for a in arrays), **options)
    return nhwc.conv2d(*arrays, **options), size.max()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_errors(number, name):
    x, filters, bias, options = layer(number)
    y = by("amx", nhwc.conv2d, x, filters, bias, algorithm=name, **options)
    assert not np.array_equal(y, by("avx512", nhwc.conv2d, x, filters, bias, algorithm=name, **options)), "not split"
    y64, size = exact(x, filters, bias, **options)
    assert np.abs(y - y64).max() <= min(1e-6 * size, 2e-6 * np.abs(y64).max())
    x, filters = np.full_like(x, 0.7), np.full_like(filters, 0.9)
    y64, size = exact(x, filters, **options)
    assert np.abs(by("amx", nhwc.conv2d, x, filters, algorithm=name, **options) - y64).max() <= 1e-6 * size


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", range(len(SHAPES)))
def test_bits_depend_on_neither_threads_nor_batch_nor_plan(number, name):
    x, filters, bias, options = layer(number)
    y = by("amx", nhwc.conv2d, x, filters, bias, algorithm=name, **options)
    plan = by("amx", nhwc.plan_conv2d, (None, *x.shape[1:]), filters, bias, algorithm=name, **options)
    for threads in (1, 2, 8):
        with nhwc.num_threads(threads):
            np.testing.assert_array_equal(plan(x), y)
            np.testing.assert_array_equal(plan(np.concatenate([x[-1:]] * 3))[1], y[-1])
            np.testing.assert_array_equal(by("amx", nhwc.conv2d, x, filters, bias, algorithm=name, **options), y)
    assert plan.workspace_bytes < 8 << 20


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [np.nan, np.uint32(0x7FFFFFFF).view(np.float32), np.inf, -np.inf, 3.4e38])
def test_values_without_parts_reach_only_their_windows(value, name):
    for number in (0, 3, 4):
        x, filters, bias, options = layer(number)
        clean = by("amx", nhwc.conv2d, x, filters, bias, algorithm=name, **options)
        spoilt = x.copy()
        spoilt[0, 9, 14, 20] = value
        y = by("amx", nhwc.conv2d, spoilt, filters, bias, algorithm=name, **options)
        direct = by("avx512", nhwc.conv2d, spoilt, filters, bias, algorithm="direct", **options)
        same = direct == by("avx512", nhwc.conv2d, x, filters, bias, algorithm="direct", **options)
        np.testing.assert_array_equal(y[~same], direct[~same])
        assert 9 * 20 <= np.sum(~same) <= 9 * y.shape[-1]
        assert np.abs(y - clean)[same].max() <= 2e-6 * exact(x, filters, bias, **options)[1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [1e-42, 1e-38, 1e-30, 1e-20, 1e-15, 1e15, 1e25, 1e30])
def test_small_and_large_inputs_keep_their_digits(scale, name):
    x, filters, _, options = layer(0)
    x = (x[:1] * scale).astype(np.float32)
    y64, size = exact(x, filters, **options)
    y = by("amx", nhwc.conv2d, x, filters, algorithm=name, **options)
    assert np.abs(y - y64).max() <= 1e-6 * size + 600 * 2.0**-150
    x[:, :, 20:] = 0  # products of zeros are no smaller than they should be
    y64, _ = exact(x, filters, **options)
    y = by("amx", nhwc.conv2d, x, filters, algorithm=name, **options)
    assert np.abs(y - y64).max() <= 1e-6 * size + 600 * 2.0**-150
    assert np.all(y[:, :, 24:] == 0)


@pytest.mark.parametrize("name", NAMES)
def test_results_that_channels_of_unlike_sizes_make_keep_their_digits(name):
    """Large inputs meet small filters, so that neither says how small the products are."""
    x, filters, _, options = layer(0)
    for power in (20, 60, 75, 95, 110):
        scale = np.where(np.arange(64) % 2, 2.0**power, 2.0**-power)
        a, b = (x[:1] * scale).astype(np.float32), (filters / scale[:, None]).astype(np.float32)
        y64, size = exact(a, b, **options)
        y = by("amx", nhwc.conv2d, a, b, algorithm=name, **options)
        assert np.abs(y - y64).max() <= 1.5e-6 * size, power


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38, 1e7])
@pytest.mark.parametrize("once", [True, False])
def test_filters_without_parts_leave_the_method(value, once, name):
    x, filters, bias, options = layer(0)
    filters[1, 1, 3, 5] = value

    def run():
        if once:
            return nhwc.conv2d(x, filters, bias, algorithm=name, **options)
        return nhwc.plan_conv2d(x.shape, filters, bias, algorithm=name, **options)(x)

    np.testing.assert_array_equal(by("amx", run), by("avx512", run))


@pytest.mark.parametrize("name", NAMES)
def test_the_guard_keeps_the_residual_that_out_is(name):
    x, filters, bias, options = layer(0)
    x[0, 5, 6, 7] = np.nan
    x[1] = 0
    y = by("amx", nhwc.conv2d, x, filters, bias, algorithm=name, **options)
    residual = np.random.default_rng(2).standard_normal(y.shape).astype(np.float32)
    out = residual.copy()
    by("amx", nhwc.conv2d, x, filters, bias, residual=out, out=out, activation="relu", algorithm=name, **options)
    np.testing.assert_allclose(out, np.maximum(y + residual, 0), atol=1e-4)
