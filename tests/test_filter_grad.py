"""The filter gradients: against the oracle, by the adjoint identity, by finite differences, and at the edges."""

import functools

import numpy as np
import pytest
from problems import ALL_PROBLEMS, NORMWISE, assert_same_bits, conv

import nhwc
from nhwc import reference

FLOATS = [np.float32, np.float64]
GEOMETRY = ("strides", "padding", "dilation_rate", "groups")


def grad(module, problem, x, dy, **keywords):
    """Call the filter gradient of a problem of `problems`, of a module."""
    function = getattr(module, f"{problem.function}_filter_grad")
    options = {key: value for key, value in problem.options.items() if key in GEOMETRY}
    return function(x, dy, problem.filters_shape[: problem.ndim], **options, **keywords)


def operands(problem, dtype=np.float32):
    """Return x and dy, of normal data."""
    rng = np.random.default_rng(7)
    empty = np.zeros(problem.x_shape, np.int8), np.zeros(problem.filters_shape, np.int8)
    shape = problem.run(reference, *empty, activation=None, dtype=np.int8).shape
    x, dy = rng.standard_normal(problem.x_shape), rng.standard_normal(shape)
    return x.astype(dtype), dy.astype(dtype)


@functools.cache
def solved(problem, dtype, data="normal"):
    """Return x, dy, the exact gradient and the sum of magnitudes; kept, since every instruction set asks for them."""
    x, dy = operands(problem, dtype)
    if data != "normal":
        rng = np.random.default_rng(3)
        for a in (x, dy):
            a[...] = rng.random(a.shape) if data == "uniform" else rng.uniform(0.1, 1)
    wide = np.float64 if dtype == np.float32 else np.longdouble
    return x, dy, grad(reference, problem, x, dy, dtype=wide), grad(reference, problem, abs(x), abs(dy))


def assert_right(problem, dtype=np.float32, data="normal"):
    """Fail unless the gradient is as accurate as the contract says."""
    x, dy, exact, size = solved(problem, dtype, data)
    result = grad(nhwc, problem, x, dy)
    assert (result.shape, result.dtype) == (exact.shape, x.dtype), problem
    error = np.abs(result - exact).max(initial=0)
    assert error <= NORMWISE["auto"][x.dtype.name] * size.max(initial=0), f"{problem}: {error}"


GRADIENTS = [p for p in ALL_PROBLEMS if p.options.get("padding_mode", "constant") == "constant"]
# Beside the forward problems' tails: groups that share vectors in every way, and pixels in several blocks and splits.
MORE = [
    *(
        conv((2, 6, 7, groups * c), (3, 2, c, groups * f), groups=groups, padding="same", strides=stride)
        for groups, c, f, stride in [
            (8, 4, 4, 1),
            (8, 4, 4, 2),
            (16, 2, 2, 1),
            (4, 8, 8, 1),
            (8, 2, 4, 1),
            (9, 4, 2, 1),
            (33, 1, 4, 1),
            (5, 3, 16, 2),
            (3, 2, 40, 1),
            (6, 5, 3, 1),
            (2, 17, 33, 1),
        ]
    ),
    conv((3, 33, 35, 5), (3, 3, 5, 50), padding="same"),
    conv((2, 40, 41, 3), (7, 7, 3, 20), padding="same", strides=2),
    conv((1, 70, 71, 20), (1, 1, 20, 10)),
    conv((2, 30, 130, 18), (3, 3, 18, 1), depthwise=True, padding="same"),
    conv((1, 9000, 3), (9, 3, 2), depthwise=True, padding="causal"),
    conv((1, 20, 20, 16), (40, 3, 1, 16), groups=16, padding="full", dilation_rate=(1, 300)),
    conv((2, 5, 9, 8, 6), (3, 2, 3, 6, 1), groups=1, padding="full"),
]


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_gradients_are_accurate(isa, dtype):
    for problem in [*GRADIENTS[::9], *MORE]:
        assert_right(problem, dtype)


def test_all_problems_in_float32():
    for problem in GRADIENTS:
        assert_right(problem)


@pytest.mark.parametrize("data", ["uniform", "flat"])
def test_sums_over_many_pixels_do_not_drift(isa, data):
    for problem in [
        conv((1, 500, 500, 1), (1, 1, 1, 16)),
        conv((2, 200, 250, 3), (3, 3, 3, 8)),
        conv((1, 300, 350, 16), (3, 3, 16, 1), depthwise=True),
        conv((1, 200000, 8), (1, 4, 8), groups=2),
    ]:
        assert_right(problem, np.float32, data)


def test_the_bits_depend_neither_on_threads_nor_on_what_ran_before(isa):
    large = [
        conv((2, 40, 41, 48), (3, 3, 48, 70), padding="same"),
        conv((4, 60, 61, 3), (7, 7, 3, 40), strides=2),
        conv((1, 7, 7, 260), (3, 3, 260, 130), padding="same"),
        conv((2, 60, 60, 80), (3, 3, 80, 1), depthwise=True, padding="same"),
        conv((1, 50, 50, 64), (3, 3, 4, 64), groups=16),
        conv((1, 100000, 4), (3, 4, 5)),
    ]
    for problem in large:
        x, dy = operands(problem)
        with nhwc.num_threads(1):
            expected = grad(nhwc, problem, x, dy)
        for threads in (2, 3, 8):
            with nhwc.num_threads(threads):
                assert_same_bits(grad(nhwc, problem, x, dy), expected, f"{threads} threads, {problem}")


# ---- What a gradient is ----


def _identity_problems():
    for problem in [*GRADIENTS[::40], *MORE]:
        if not problem.depthwise or problem.filters_shape[-1]:
            yield problem


def test_it_is_the_adjoint_of_the_convolution():
    """<dy, conv(x, w)> = <filter_grad(x, dy), w>."""
    for problem in _identity_problems():
        x, dy = operands(problem, np.float64)
        filters = problem.operands(np.float64)[1]
        options = {key: value for key, value in problem.options.items() if key in GEOMETRY}
        y = getattr(nhwc, problem.function)(x, filters, **options)
        size = np.vdot(abs(dy), getattr(nhwc, problem.function)(abs(x), abs(filters), **options))
        difference = np.vdot(dy, y) - np.vdot(grad(nhwc, problem, x, dy), filters)
        assert abs(difference) <= 1e-12 * size, problem


@pytest.mark.parametrize("problem", MORE[:3] + MORE[-4:-3], ids=str)
def test_finite_differences(problem):
    """The loss is quadratic in the filters, so that a central difference has no error but rounding."""
    rng = np.random.default_rng(4)
    x, target = operands(problem, np.float64)
    filters, direction = (rng.standard_normal(problem.filters_shape) for _ in range(2))
    options = {key: value for key, value in problem.options.items() if key in GEOMETRY}

    def residual(step):
        return getattr(nhwc, problem.function)(x, filters + step * direction, **options) - target

    slope = (np.sum(residual(0.5) ** 2) - np.sum(residual(-0.5) ** 2)) / 2
    found = np.vdot(grad(nhwc, problem, x, residual(0)), direction)
    np.testing.assert_allclose(found, slope, rtol=1e-10)


# ---- Values that are not finite ----


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_goes_where_the_reference_says(isa, value):
    """Each zero of the padding times infinity is NaN, too."""
    problems = [
        conv((2, 5, 6, 9), (3, 3, 9, 20), padding="same"),
        conv((2, 5, 6, 9), (3, 3, 9, 20)),
        conv((2, 9, 7, 3), (3, 3, 3, 5), padding=2, strides=2),
        conv((2, 5, 6, 20), (3, 3, 20, 1), depthwise=True, padding="same"),
        conv((1, 5, 6, 32), (3, 3, 4, 32), groups=8, padding="same"),
        conv((1, 4, 5, 6, 9), (3, 3, 3, 9, 10), padding="same"),
        conv((1, 5, 6, 16), (1, 1, 16, 16), padding=1),
    ]
    for problem in problems:
        for side in (0, 1):
            for at in (0, 0.4, 1):
                arrays = operands(problem)
                arrays[side].flat[int(at * (arrays[side].size - 1))] = value
                with np.errstate(invalid="ignore"):
                    expected = grad(reference, problem, *arrays)
                result = grad(nhwc, problem, *arrays)
                np.testing.assert_array_equal(np.isnan(result), np.isnan(expected), str(problem))
                np.testing.assert_array_equal(np.isinf(result), np.isinf(expected), str(problem))


# ---- Dtypes, layouts, edges ----


def test_integers_are_exact():
    for problem in [*GRADIENTS[::60], *MORE]:
        x, dy = (np.rint(9 * a).astype(np.int16) for a in operands(problem))
        result = grad(nhwc, problem, x, dy)
        assert result.dtype == np.int64
        np.testing.assert_array_equal(result, grad(reference, problem, x, dy, dtype=np.int64), str(problem))
    assert nhwc.conv1d_filter_grad(np.ones((3, 1), bool), np.full((3, 1), 200, np.uint8), 1).dtype == np.uint64


def test_halves_are_rounded_once():
    problem = MORE[0]
    x, dy = operands(problem, np.float16)
    result = grad(nhwc, problem, x, dy)
    expected = grad(nhwc, problem, x.astype(np.float32), dy.astype(np.float32))
    assert_same_bits(result, expected.astype(np.float16))


def test_any_array_is_taken(isa):
    problem = conv((2, 5, 6, 9), (3, 3, 9, 20), padding="same")
    x, dy = operands(problem)
    expected = grad(nhwc, problem, x, dy)
    for changed in (
        (np.asfortranarray(x), dy[::-1].copy()[::-1]),
        (x.astype(">f4"), dy.tolist()),
        (x.astype(np.float64).astype(np.float32), np.ma.masked_array(dy)),
    ):
        result = grad(nhwc, problem, *changed)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
    both = grad(nhwc, problem, x, dy.astype(np.float64))
    assert both.dtype == np.float64
    assert nhwc.conv2d_filter_grad(x[0], dy[0], 3, padding="SAME").shape == (3, 3, 9, 20)
    assert nhwc.conv2d_filter_grad(x[0], dy[0], np.int64(3), padding=((1, 1), (1, 1))).shape == (3, 3, 9, 20)


def test_out_is_filled_and_returned():
    problem = conv((2, 5, 6, 9), (3, 3, 9, 20), padding="same")
    for dtype in (np.float32, np.float16):
        x, dy = operands(problem, dtype)
        out = np.full(problem.filters_shape, 9, dtype)
        assert grad(nhwc, problem, x, dy, out=out) is out
        assert_same_bits(out, grad(nhwc, problem, x, dy))


@pytest.mark.parametrize(
    ("x_shape", "dy_shape", "kernel", "options", "shape"),
    [
        ((0, 5, 5, 3), (0, 3, 3, 4), 3, {}, (3, 3, 3, 4)),
        ((2, 0, 5, 3), (2, 0, 5, 4), 3, {"padding": "same"}, (3, 3, 3, 4)),
        ((2, 5, 5, 0), (2, 3, 3, 4), 3, {}, (3, 3, 0, 4)),
        ((5, 5, 3), (3, 3, 0), 3, {}, (3, 3, 3, 0)),
        ((5, 5, 0), (3, 3, 0), 3, {"groups": 2}, (3, 3, 0, 0)),
    ],
)
def test_the_gradient_of_nothing_is_zeros(x_shape, dy_shape, kernel, options, shape):
    result = nhwc.conv2d_filter_grad(np.ones(x_shape), np.ones(dy_shape), kernel, **options)
    assert_same_bits(result, np.zeros(shape))


def test_depthwise_gradients_of_nothing():
    assert nhwc.depthwise_conv1d_filter_grad(np.ones((4, 0)), np.ones((2, 0)), 3).shape == (3, 0, 0)
    assert nhwc.depthwise_conv1d_filter_grad(np.ones((4, 2)), np.ones((2, 0)), 3).shape == (3, 2, 0)
    result = nhwc.depthwise_conv2d_filter_grad(np.ones((0, 4, 4, 2)), np.ones((0, 2, 2, 6)), 3)
    assert_same_bits(result, np.zeros((3, 3, 2, 3)))


X, DY = np.ones((2, 5, 6, 4), np.float32), np.ones((2, 3, 4, 8), np.float32)
WRONG = [
    ((X, DY[:, 1:], 3), {}, ValueError, r"dy has shape \(2, 2, 4, 8\); \(2, 3, 4, 8\) would do"),
    ((X, DY[0], 3), {}, ValueError, r"dy has shape \(3, 4, 8\)"),
    ((X, np.float32(1), 3), {}, ValueError, r"dy has shape \(\)"),
    ((X[0, 0, 0], DY, 3), {}, ValueError, r"x has shape \(4,\)"),
    ((X, DY, 7), {}, ValueError, r"the kernel spans \(7, 7\)"),
    ((X, DY, (3, 3, 3)), {}, ValueError, "kernel_size is .*a positive int, or one for each of 2 spatial axes"),
    ((X, DY, 0), {}, ValueError, "kernel_size is 0"),
    ((X, DY, 3.0), {}, TypeError, "kernel_size is 3.0"),
    ((X, DY, 3), {"groups": 3}, ValueError, "groups=3 does not divide both the 4 channels of x and the 8 of dy"),
    ((X, DY, 3), {"groups": 1.0}, TypeError, "groups is 1.0"),
    ((X, DY, 3), {"groups": 0}, ValueError, "groups is 0"),
    ((X, DY, 3), {"strides": 0}, ValueError, "strides is 0"),
    ((X, DY, 3), {"padding": "causal"}, ValueError, "padding is 'causal'"),
    ((X.astype(complex), DY, 3), {}, TypeError, "x has dtype complex128"),
    ((X, DY.astype("M8[s]"), 3), {}, TypeError, "dy has dtype"),
    ((X, DY, 3), {"out": np.empty((3, 3, 4, 9), np.float32)}, ValueError, r"out has shape \(3, 3, 4, 9\)"),
    ((X, DY, 3), {"out": np.empty((3, 3, 4, 8))}, ValueError, "out has dtype float64"),
    ((X, DY, 3), {"out": [0]}, TypeError, "out is of type list"),
]


@pytest.mark.parametrize(("arguments", "options", "kind", "message"), WRONG)
def test_wrong_arguments_say_what_would_do(arguments, options, kind, message):
    with pytest.raises(kind, match=f"^conv2d_filter_grad: {message}"):
        nhwc.conv2d_filter_grad(*arguments, **options)


def test_depthwise_wants_a_multiple_of_the_channels():
    with pytest.raises(ValueError, match="dy has 8 channels; a multiple of the 3 channels of x would do"):
        nhwc.depthwise_conv2d_filter_grad(X[..., :3], DY, 3)


def test_out_must_not_overlap():
    memory = np.ones(288, np.float32)
    x, out = memory[:240].reshape(2, 5, 6, 4), memory[:288].reshape(3, 3, 4, 8)
    with pytest.raises(ValueError, match="out overlaps x"):
        nhwc.conv2d_filter_grad(x, DY, 3, out=out)
