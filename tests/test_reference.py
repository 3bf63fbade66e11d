"""The oracle itself: hand-computed cases, adjoint identities, finite differences, its doctests."""

import doctest
import math

import numpy as np
import pytest

from nhwc import reference


def channel(values):
    """An image or a signal as an array of one channel."""
    return np.asarray(values)[..., None]


def taps(values):
    """A kernel as filters of one input and one output channel."""
    return np.asarray(values)[..., None, None]


def test_doctests():
    failed, attempted = doctest.testmod(reference)
    assert attempted >= 10
    assert failed == 0


# ---- Convolution by hand: the signal 1 2 3 4 5 and the kernel 1 10 100 spell out which pixels meet which tap ----


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [321, 432, 543]),
        ({"padding": "same"}, [210, 321, 432, 543, 54]),
        ({"padding": "SAME", "strides": 2}, [210, 432, 54]),
        ({"padding": "same", "strides": 4}, [210, 54]),
        ({"padding": "full"}, [100, 210, 321, 432, 543, 54, 5]),
        ({"padding": "causal"}, [100, 210, 321, 432, 543]),
        ({"padding": "causal", "dilation_rate": 2}, [100, 200, 310, 420, 531]),
        ({"padding": 1, "strides": 3}, [210, 543]),
        ({"padding": (1,)}, [210, 321, 432, 543, 54]),
        ({"padding": ((0, 2),)}, [321, 432, 543, 54, 5]),
        ({"dilation_rate": 2}, [531]),
        ({"dilation_rate": 2, "padding": 2, "strides": 2}, [310, 531, 53]),
        ({"padding": 1, "padding_mode": "edge"}, [211, 321, 432, 543, 554]),
        ({"padding": 1, "padding_mode": "reflect"}, [212, 321, 432, 543, 454]),
        ({"padding": 2, "padding_mode": "symmetric"}, [112, 211, 321, 432, 543, 554, 455]),
        ({"padding": ((1, 0),), "padding_mode": "wrap"}, [215, 321, 432, 543]),
        ({"bias": [7], "activation": "relu6"}, [6, 6, 6]),
        ({"bias": [-400], "residual": [[100], [0], [0]], "activation": "relu"}, [21, 32, 143]),
        ({"activation": np.negative}, [-321, -432, -543]),
    ],
)
def test_conv1d_by_hand(options, expected):
    y = reference.conv1d(channel([1, 2, 3, 4, 5]), taps([1, 10, 100]), **options)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y[:, 0], expected)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("edge", [1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 3, 3, 3]),
        ("reflect", [2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3, 2]),
        ("symmetric", [2, 3, 3, 2, 1, 1, 2, 3, 3, 2, 1, 1, 2]),
        ("wrap", [2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2]),
    ],
)
def test_padding_wider_than_the_image_repeats_it(mode, expected):
    y = reference.conv1d(channel([1, 2, 3]), taps([1]), padding=5, padding_mode=mode)
    np.testing.assert_array_equal(y[:, 0], expected)


def test_even_same_padding_puts_the_odd_zero_after():
    y = reference.conv1d(channel([1, 2, 3]), taps([1, 10]), padding="same")
    np.testing.assert_array_equal(y[:, 0], [21, 32, 3])


def test_channels_are_summed_and_filters_are_last():
    x = [[1, 2], [3, 4]]
    filters = np.array([[[1, 10, 100], [2, 20, 200]]])
    np.testing.assert_array_equal(reference.conv1d(x, filters), [[5, 50, 500], [11, 110, 1100]])


def test_groups_by_hand():
    x = [[1, 2, 3, 4]]
    filters = np.array([[[1, 10, 100, 1000], [1, 20, 100, 2000]]])
    np.testing.assert_array_equal(reference.conv1d(x, filters, groups=2), [[3, 50, 700, 11000]])


def test_depthwise_by_hand():
    filters = np.array([[[1, 10], [100, 1000]], [[2, 20], [200, 2000]]])
    y = reference.depthwise_conv1d([[1, 2], [3, 4]], filters)
    np.testing.assert_array_equal(y, [[1 + 6, 10 + 60, 200 + 800, 2000 + 8000]])


def test_separable_by_hand():
    y = reference.separable_conv1d(
        [[1, 2], [3, 4]], np.ones((2, 2, 1)), [[[1, 10], [2, 20]]], [0, 5], residual=[[-17, 1]], activation="relu"
    )
    np.testing.assert_array_equal(y, [[0, 166]])


def test_conv2d_and_conv3d_by_hand():
    image = channel([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    kernel = taps([[1, 10], [100, 1000]])
    np.testing.assert_array_equal(reference.conv2d(image, kernel)[..., 0], [[5421, 6532], [8754, 9865]])
    np.testing.assert_array_equal(
        reference.conv2d(image, kernel, strides=(2, 1), padding=((1, 0), (0, 0)))[..., 0], [[2100, 3200], [8754, 9865]]
    )
    np.testing.assert_array_equal(reference.conv2d(image, kernel, dilation_rate=2)[..., 0], [[9731]])
    volume = channel([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])
    kernel = taps([[[1, 10], [100, 1000]], [[10**4, 10**5], [10**6, 10**7]]])
    np.testing.assert_array_equal(reference.conv3d(volume, kernel)[..., 0], [[[87654321]]])


def test_batch_or_none():
    rng = np.random.default_rng(0)
    x, filters = rng.standard_normal((3, 5, 6, 2)), rng.standard_normal((2, 3, 2, 4))
    y = reference.conv2d(x, filters, padding="same")
    for sample, expected in zip(x, y, strict=True):
        np.testing.assert_allclose(reference.conv2d(sample, filters, padding="same"), expected, rtol=0, atol=1e-14)


def test_dtypes():
    x, filters = channel([2**62, 2**62, 1]), taps([3, 1])
    wrapped = [((3 * 2**62 + 2**62) % 2**64), 3 * 2**62 + 1 - 2**64]
    np.testing.assert_array_equal(reference.conv1d(x, filters, dtype=np.int64)[:, 0], wrapped)
    np.testing.assert_array_equal(
        reference.conv1d(x, filters, dtype=np.uint64)[:, 0], np.array([0, 3 * 2**62 + 1], np.uint64)
    )
    assert reference.conv1d(x, filters, dtype=np.longdouble).dtype == np.longdouble


def test_empty_arrays():
    assert reference.conv2d(np.ones((0, 5, 5, 2)), np.ones((3, 3, 2, 4))).shape == (0, 3, 3, 4)
    assert reference.conv2d(np.ones((2, 5, 5, 2)), np.ones((3, 3, 2, 0))).shape == (2, 3, 3, 0)
    y = reference.conv2d(np.ones((2, 0, 5, 2)), np.ones((3, 3, 2, 4)), padding="same", strides=4)
    assert y.shape == (2, 0, 2, 4)
    assert reference.depthwise_conv1d(np.ones((2, 5, 0)), np.ones((3, 0, 2))).shape == (2, 3, 0)
    np.testing.assert_array_equal(reference.conv1d(np.ones((3, 0)), np.ones((2, 0, 2)), [1, 2]), [[1, 2], [1, 2]])
    np.testing.assert_array_equal(reference.conv1d_filter_grad(np.ones((0, 5, 2)), np.ones((0, 3, 4)), 3), 0)
    dx = reference.conv1d_input_grad(np.ones((3, 0)), np.ones((3, 2, 0)), (5, 2))
    np.testing.assert_array_equal(dx, np.zeros((5, 2)))


def test_not_a_number_reaches_what_its_window_holds():
    x = channel([1.0, 2.0, np.nan, 4.0, 5.0, 6.0])
    np.testing.assert_array_equal(reference.conv1d(x, taps([0, 1]))[:, 0], [2, np.nan, np.nan, 5, 6])
    y = reference.conv1d(channel([1.0, 2.0]), taps([np.inf, 1]), padding=((1, 0),))
    np.testing.assert_array_equal(y[:, 0], [np.nan, np.inf])


# ---- Activations ----


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("linear", lambda v: v),
        ("relu", lambda v: max(v, 0.0)),
        ("relu6", lambda v: min(max(v, 0.0), 6.0)),
        ("leaky_relu", lambda v: v if v > 0 else 0.2 * v),
        ("elu", lambda v: v if v > 0 else math.expm1(v)),
        ("selu", lambda v: 1.0507009873554805 * (v if v > 0 else 1.6732632423543772 * math.expm1(v))),
        ("sigmoid", lambda v: 1 / (1 + math.exp(-v))),
        ("hard_sigmoid", lambda v: min(max(v / 6 + 0.5, 0.0), 1.0)),
        ("tanh", math.tanh),
        ("silu", lambda v: v / (1 + math.exp(-v))),
        ("hard_silu", lambda v: v * min(max(v / 6 + 0.5, 0.0), 1.0)),
        ("gelu", lambda v: 0.5 * v * (1 + math.erf(v / math.sqrt(2)))),
        ("softplus", lambda v: math.log1p(math.exp(v))),
    ],
)
def test_activation_by_definition(name, expected):
    values = np.array([-20.0, -4.0, -3.0, -1.5, -1e-3, 0.0, 1e-3, 0.7, 2.0, 3.0, 5.0, 7.0, 30.0])
    y = reference.activate(values, name)
    np.testing.assert_allclose(y, [expected(v) for v in values], rtol=1e-14, atol=1e-15)
    assert reference.activate(values.astype(np.longdouble), name).dtype == np.longdouble


@pytest.mark.parametrize(
    ("name", "at_minus_infinity", "at_infinity"),
    [
        ("linear", -np.inf, np.inf),
        ("relu", 0, np.inf),
        ("relu6", 0, 6),
        ("leaky_relu", -np.inf, np.inf),
        ("elu", -1, np.inf),
        ("selu", -1.0507009873554805 * 1.6732632423543772, np.inf),
        ("sigmoid", 0, 1),
        ("hard_sigmoid", 0, 1),
        ("tanh", -1, 1),
        ("silu", 0, np.inf),
        ("hard_silu", 0, np.inf),
        ("gelu", 0, np.inf),
        ("softplus", 0, np.inf),
    ],
)
def test_activation_limits(name, at_minus_infinity, at_infinity):
    y = reference.activate(np.array([-np.inf, np.inf, np.nan]), name)
    np.testing.assert_array_equal(y, [at_minus_infinity, at_infinity, np.nan])


def test_activation_aliases_and_integers():
    x = np.array([-2.0, 0.5])
    np.testing.assert_array_equal(reference.activate(x, "swish"), reference.activate(x, "silu"))
    np.testing.assert_array_equal(reference.activate(x, "Hard_Swish"), reference.activate(x, "hard_silu"))
    y = reference.activate(np.array([-5, 3, 9]), "relu6")
    assert y.dtype == np.int64
    assert y.tolist() == [0, 3, 6]


# ---- Transposed convolution by hand ----


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1, 12, 123, 230, 300]),
        ({"strides": 2}, [1, 10, 102, 20, 203, 30, 300]),
        ({"strides": 4}, [1, 10, 100, 0, 2, 20, 200, 0, 3, 30, 300, 0]),
        ({"strides": 2, "padding": "same"}, [1, 10, 102, 20, 203, 30]),
        ({"padding": "same"}, [12, 123, 230]),
        ({"strides": 2, "output_padding": 1}, [1, 10, 102, 20, 203, 30, 300, 0]),
        ({"strides": 2, "padding": "same", "output_padding": 0}, [10, 102, 20, 203, 30]),
        ({"strides": 2, "padding": "same", "output_padding": 1}, [1, 10, 102, 20, 203, 30]),
        ({"strides": 2, "padding": 1}, [10, 102, 20, 203, 30]),
        ({"strides": 2, "padding": ((0, 1),), "output_padding": 1}, [1, 10, 102, 20, 203, 30, 300]),
        ({"dilation_rate": 2}, [1, 2, 13, 20, 130, 200, 300]),
        ({"bias": [1], "residual": [[0], [0], [0], [0], [-302]], "activation": "relu"}, [2, 13, 124, 231, 0]),
    ],
)
def test_conv1d_transpose_by_hand(options, expected):
    y = reference.conv1d_transpose(channel([1, 2, 3]), taps([1, 10, 100]), **options)
    np.testing.assert_array_equal(y[:, 0], expected)


def test_transposed_filters_are_output_by_input():
    filters = np.array([[[1, 10], [2, 20], [3, 30]]])
    np.testing.assert_array_equal(reference.conv1d_transpose([[1, 1]], filters), [[11, 22, 33]])
    np.testing.assert_array_equal(reference.conv1d_transpose([[1, 2]], filters, groups=2), [[1, 2, 3, 20, 40, 60]])


def test_transposed_2d_and_3d_shapes():
    y = reference.conv2d_transpose(np.ones((2, 3, 4, 5)), np.ones((3, 2, 6, 5)), strides=(2, 3), padding="same")
    assert y.shape == (2, 6, 12, 6)
    y = reference.conv3d_transpose(np.ones((1, 2, 2, 2, 1)), np.ones((2, 2, 2, 1, 1)), strides=1)
    np.testing.assert_array_equal(y[0, 1, 1, :, 0], [4, 8, 4])


# ---- Gradients: the forward pass is linear in x and in the filters, so each gradient is its adjoint ----

ADJOINT_CASES = [
    ((2, 9, 4), (3, 4, 5), {}),
    ((2, 9, 4), (3, 4, 5), {"padding": "same", "strides": 2}),
    ((9, 4), (3, 2, 6), {"padding": "causal", "dilation_rate": 2, "groups": 2}),
    ((2, 7, 8, 3), (3, 2, 3, 4), {"padding": "full", "strides": (2, 3)}),
    ((7, 8, 6), (3, 2, 2, 9), {"padding": ((2, 0), (1, 3)), "strides": 3, "dilation_rate": (1, 2), "groups": 3}),
    ((1, 4, 5, 6, 2), (2, 3, 2, 2, 3), {"padding": "same", "strides": (1, 2, 1)}),
]


@pytest.mark.parametrize(("x_shape", "filters_shape", "options"), ADJOINT_CASES)
def test_convolution_gradients_are_adjoint(x_shape, filters_shape, options):
    ndim = len(filters_shape) - 2
    rng = np.random.default_rng(1)
    x, filters = rng.standard_normal(x_shape), rng.standard_normal(filters_shape)
    y = getattr(reference, f"conv{ndim}d")(x, filters, **options)
    dy = rng.standard_normal(y.shape)
    dx = getattr(reference, f"conv{ndim}d_input_grad")(dy, filters, x_shape, **options)
    dfilters = getattr(reference, f"conv{ndim}d_filter_grad")(x, dy, filters_shape[:ndim], **options)
    assert dx.shape == x_shape
    assert dfilters.shape == filters_shape
    np.testing.assert_allclose(np.vdot(dx, x), np.vdot(dy, y), rtol=1e-12)
    np.testing.assert_allclose(np.vdot(dfilters, filters), np.vdot(dy, y), rtol=1e-12)


@pytest.mark.parametrize("ndim", [1, 2])
def test_depthwise_gradients_are_adjoint(ndim):
    rng = np.random.default_rng(2)
    x, filters = rng.standard_normal((2, *[7] * ndim, 3)), rng.standard_normal((*[3] * ndim, 3, 2))
    options = {"padding": "same", "strides": 2}
    y = getattr(reference, f"depthwise_conv{ndim}d")(x, filters, **options)
    dy = rng.standard_normal(y.shape)
    dx = getattr(reference, f"depthwise_conv{ndim}d_input_grad")(dy, filters, x.shape, **options)
    dfilters = getattr(reference, f"depthwise_conv{ndim}d_filter_grad")(x, dy, 3, **options)
    assert dx.shape == x.shape
    assert dfilters.shape == filters.shape
    np.testing.assert_allclose(np.vdot(dx, x), np.vdot(dy, y), rtol=1e-12)
    np.testing.assert_allclose(np.vdot(dfilters, filters), np.vdot(dy, y), rtol=1e-12)


def finite_differences(function, at):
    """The gradient of the scalar `function` at an array, by central differences."""
    gradient, step = np.empty_like(at), 1e-5
    for index in np.ndindex(at.shape):
        moved = at.copy()
        moved[index] += step
        above = function(moved)
        moved[index] -= 2 * step
        gradient[index] = (above - function(moved)) / (2 * step)
    return gradient


def test_gradients_are_finite_differences():
    rng = np.random.default_rng(3)
    x, filters = rng.standard_normal((4, 5, 2)), rng.standard_normal((3, 2, 2, 3))
    options = {"padding": ((1, 0), (2, 1)), "strides": (2, 1), "dilation_rate": (1, 2)}
    dy = rng.standard_normal(reference.conv2d(x, filters, **options).shape)
    np.testing.assert_allclose(
        reference.conv2d_input_grad(dy, filters, x.shape, **options),
        finite_differences(lambda x: np.vdot(dy, reference.conv2d(x, filters, **options)), x),
        atol=1e-8,
    )
    np.testing.assert_allclose(
        reference.conv2d_filter_grad(x, dy, (3, 2), **options),
        finite_differences(lambda filters: np.vdot(dy, reference.conv2d(x, filters, **options)), filters),
        atol=1e-8,
    )


# ---- Pooling ----


@pytest.mark.parametrize(
    ("pool_size", "options", "maxima", "means"),
    [
        (2, {}, [4, 4, 5], [2.5, 3, 4]),
        (2, {"strides": 1}, [4, 4, 4, 5, 5], [2.5, 3, 3, 4.5, 4]),
        (2, {"strides": 4, "padding": "same"}, [4, 5], [2.5, 4]),
        (5, {"strides": 3, "padding": "same"}, [4, 5], [2.75, 3.5]),
        (2, {"padding": ((1, 0),)}, [1, 4, 5], [1, 3, 4.5]),
        (2, {"padding": 1, "strides": 3}, [1, 4, 3], [1, 3, 3]),
    ],
)
def test_pooling_by_hand(pool_size, options, maxima, means):
    signal = channel([1, 4, 2, 4, 5, 3])
    np.testing.assert_array_equal(reference.max_pool1d(signal, pool_size, **options)[:, 0], maxima)
    np.testing.assert_array_equal(reference.average_pool1d(signal, pool_size, **options)[:, 0], means)
    lower = reference.max_pool1d(signal - 100, pool_size, dtype=np.int64, **options)[:, 0]
    np.testing.assert_array_equal(lower, np.subtract(maxima, 100))


def test_pooling_in_two_and_three_dimensions():
    image = channel(np.arange(12.0).reshape(3, 4))
    np.testing.assert_array_equal(reference.max_pool2d(image, (2, 3), strides=1)[..., 0], [[6, 7], [10, 11]])
    np.testing.assert_array_equal(reference.average_pool2d(image, (3, 2))[..., 0], [[4.5, 6.5]])
    volume = np.arange(16.0).reshape(2, 2, 2, 2)
    np.testing.assert_array_equal(reference.max_pool3d(volume, 2), [[[[14, 15]]]])
    np.testing.assert_array_equal(reference.average_pool3d(volume[None], 2), [[[[[7, 8]]]]])


def test_maximum_over_a_not_a_number_is_one():
    signal = channel([1.0, np.nan, -np.inf, -np.inf])
    np.testing.assert_array_equal(reference.max_pool1d(signal, 2)[:, 0], [np.nan, -np.inf])


def test_max_pool_gradient_by_hand():
    x = channel([3.0, 3.0, 1.0, 2.0, np.nan, 5.0])
    dy = channel([1.0, 10.0, 100.0])
    np.testing.assert_array_equal(reference.max_pool1d_grad(dy, x, 2)[:, 0], [1, 0, 0, 10, 100, 0])
    dy = channel([1.0, 10.0, 100.0, 1000.0, 10000.0])
    np.testing.assert_array_equal(reference.max_pool1d_grad(dy, x, 2, strides=1)[:, 0], [1, 10, 0, 100, 11000, 0])
    infinite = np.full((2, 2, 1), -np.inf)
    dx = reference.max_pool2d_grad(np.ones((2, 2, 1)), infinite, 2, padding=((1, 0), (1, 0)), strides=1)
    np.testing.assert_array_equal(dx[..., 0], [[4, 0], [0, 0]])


def test_average_pool_gradient_by_hand():
    dy = channel([6.0, 60.0])
    dx = reference.average_pool1d_grad(dy, (6, 1), 5, strides=3, padding="same")
    np.testing.assert_array_equal(dx[:, 0], [1.5, 1.5, 16.5, 16.5, 15, 15])


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_pooling_gradients_are_adjoint(ndim):
    rng = np.random.default_rng(4)
    x = rng.permutation(2 * 5**ndim * 3).reshape(2, *[5] * ndim, 3).astype(float)
    options = {"strides": 2, "padding": "same"}
    y = getattr(reference, f"average_pool{ndim}d")(x, 3, **options)
    dy = rng.standard_normal(y.shape)
    dx = getattr(reference, f"average_pool{ndim}d_grad")(dy, x.shape, 3, **options)
    np.testing.assert_allclose(np.vdot(dx, x), np.vdot(dy, y), rtol=1e-12)
    y = getattr(reference, f"max_pool{ndim}d")(x, 3, **options)
    dx = getattr(reference, f"max_pool{ndim}d_grad")(dy, x, 3, **options)
    np.testing.assert_allclose(np.vdot(dx, x), np.vdot(dy, y), rtol=1e-12)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_global_pooling(ndim):
    x = np.arange(2.0 * 4**ndim * 3).reshape(2, *[4] * ndim, 3)
    last = (4**ndim - 1) * 3
    expected = np.array([[last, last + 1, last + 2], [2 * last + 3, 2 * last + 4, 2 * last + 5]])
    np.testing.assert_array_equal(getattr(reference, f"global_max_pool{ndim}d")(x), expected)
    mean = getattr(reference, f"global_average_pool{ndim}d")(x, keepdims=True)
    assert mean.shape == (2, *[1] * ndim, 3)
    np.testing.assert_array_equal(mean.reshape(2, 3), expected - last / 2)
    np.testing.assert_array_equal(getattr(reference, f"global_max_pool{ndim}d")(x[0]), expected[0])
