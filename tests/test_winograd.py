"""The Winograd algorithms: accuracy by the contract, the guard, tails, and bits that depend on the shape alone."""

import dataclasses

import numpy as np
import pytest
from problems import NORMWISE, assert_close, assert_same_bits, conv, exact, solved

import nhwc
from nhwc import _core

SIZES = {"winograd_f2": 3, "winograd_f4": 3, "winograd_f2_5x5": 5}  # of the kernels that each serves
NAMES = list(SIZES)
FLOATS = [np.float32]
MODES = ["constant", "edge", "reflect", "symmetric", "wrap"]
TERMS = {"bias": True, "residual": True}


def sized(problem, name):
    """Return the problem with kernels of the size that an algorithm serves."""
    *before, _, _, depth, f = problem.filters_shape
    return dataclasses.replace(problem, filters_shape=(*before, SIZES[name], SIZES[name], depth, f))


def channel_tails():
    """Every tail of channels and of filters, with as few pixels as fill a tile and a bit."""
    for n in [*range(1, 35), 47, 48, 49, 63, 64, 65, 80, 100, 129]:
        yield conv((6, 5, n), (3, 3, n, 1 + n % 7), padding="same", bias=n % 2 == 0)
        yield conv((5, 6, 1 + n % 5), (3, 3, 1 + n % 5, n), padding="same", residual=n % 3 == 0)
    yield conv((7, 8, 300), (3, 3, 300, 40), padding="same", **TERMS)
    yield conv((4, 5, 2100), (3, 3, 2100, 20), padding="same")


def images():
    """Every number of rows and columns that a tile may miss, below and above a block of tiles."""
    for h in range(1, 11):
        for w in (1, 2, 4, 5, 7, 8):
            yield conv((2, h, w, 5), (3, 3, 5, 6), padding="same", **TERMS)
    yield conv((1, 70, 61, 8), (3, 3, 8, 18), padding="same")
    yield conv((9, 7, 7, 40), (3, 3, 40, 33), padding="same", activation="relu")
    yield conv((2, 4, 9, 7, 6), (1, 3, 3, 6, 17), padding="same", strides=(2, 1, 1))


def paddings():
    for mode in MODES:
        for padding in ("valid", "same", "full", 3, ((0, 1), (2, 0)), ((9, 0), (0, 13))):
            yield conv((2, 5, 6, 3), (3, 3, 3, 5), padding=padding, padding_mode=mode)
            yield conv((9, 10, 20), (3, 3, 20, 17), padding=padding, padding_mode=mode)
    for groups, c, f in ((2, 2, 4), (3, 12, 9), (4, 64, 80), (2, 34, 66), (5, 5, 10)):
        yield conv((2, 6, 9, c), (3, 3, c // groups, f), groups=groups, padding="same", **TERMS)
    yield conv((6, 7, 9), (3, 3, 9, 2), depthwise=True, padding="same")


PROBLEMS = {"channels": list(channel_tails()), "images": list(images()), "paddings": list(paddings())}
LARGE = [
    conv((1, 56, 56, 32), (3, 3, 32, 48), padding="same", bias=True, activation="relu"),
    conv((5, 19, 17, 24), (3, 3, 24, 40), padding="same", residual=True),
    conv((3, 14, 14, 96), (3, 3, 96, 130), padding="same", padding_mode="reflect"),
    conv((1, 7, 7, 200), (3, 3, 200, 300), padding="same", activation="silu"),
    conv((2, 30, 31, 64), (3, 3, 32, 64), padding="same", groups=2),
]


# ---- Accuracy ----


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("subject", PROBLEMS)
def test_accuracy(isa, subject, name, dtype):
    for problem in PROBLEMS[subject]:
        problem = sized(problem, name)
        operands, y_exact, size = solved(problem, dtype)
        y = problem.run(nhwc, *operands, algorithm=name)
        assert y.dtype == dtype
        assert_close(problem, y, y_exact, size, name)


def scaled(operands, data, rng):
    """Other operands: from 0 to 1; all equal; channels of unlike sizes; a smooth image under filters of mean zero."""
    x, filters, *rest = operands
    if data == "uniform":
        return [rng.random(x.shape, x.dtype), rng.random(filters.shape, filters.dtype), *rest]
    if data == "equal":
        return [np.full_like(x, 0.7), np.full_like(filters, 0.9), *rest]
    if data == "badly scaled":
        scale = (10.0 ** rng.uniform(-3, 3, x.shape[-1])).astype(x.dtype)
        return [x * scale, filters, *rest]
    if data == "cancelling":
        ramp = 100 + np.add.outer(np.arange(x.shape[-3]), np.arange(x.shape[-2]))
        return [np.broadcast_to(ramp[..., None], x.shape).astype(x.dtype), filters - filters.mean((0, 1)), *rest]
    return operands


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("data", ["normal", "uniform", "equal", "badly scaled", "cancelling"])
def test_error_bounds_on_every_kind_of_data(isa, data, dtype):
    rng = np.random.default_rng(3)
    for problem in [
        conv((1, 20, 20, 64), (3, 3, 64, 32), padding="same"),
        conv((1, 6, 6, 64), (3, 3, 64, 64), padding="same"),
        conv((1, 14, 14, 512), (3, 3, 512, 32), padding="same"),
    ]:
        for kernel in set(SIZES.values()):
            names = [name for name in NAMES if SIZES[name] == kernel]
            problem = sized(problem, names[0])
            operands = scaled(problem.operands(dtype), data, rng)
            y_exact, size = exact(problem, operands)
            for algorithm in ["auto", *names]:
                error = np.abs(problem.run(nhwc, *operands, algorithm=algorithm) - y_exact).max()
                bound = NORMWISE.get(algorithm, NORMWISE["auto"])[np.dtype(dtype).name]
                assert error <= bound * size.max(), f"{algorithm} {problem}"
                if data in ("normal", "uniform", "equal") and dtype == np.float32:
                    assert error <= 3e-6 * np.abs(y_exact).max(), f"{algorithm} {problem}"


@pytest.mark.parametrize("activation", _core.ACTIVATIONS)
def test_activation_comes_after_bias_and_residual(isa, activation):
    layer = conv((2, 9, 7, 20), (3, 3, 20, 37), padding="same", activation=activation, **TERMS)
    for dtype in FLOATS:
        for name in NAMES:
            problem = sized(layer, name)
            operands, y_exact, size = solved(problem, dtype)
            assert_close(problem, problem.run(nhwc, *operands, algorithm=name), y_exact, size, name)


# ---- The guard ----

POISONED = [
    conv((2, 9, 11, 12), (3, 3, 12, 37), padding="same"),
    conv((2, 9, 11, 16), (3, 3, 16, 33), padding="full", **TERMS),
    conv((2, 9, 11, 12), (3, 3, 4, 9), groups=3, padding="same", padding_mode="wrap"),
    conv((2, 9, 11, 300), (3, 3, 300, 17), padding="same", activation="relu6"),
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", ["x", "filters"])
def test_what_is_not_finite_reaches_only_its_windows(isa, target, name, dtype):
    rng = np.random.default_rng(4)
    for problem in POISONED:
        problem = sized(problem, name)
        x, filters, *rest = problem.operands(dtype)
        clean = problem.run(nhwc, x, filters, *rest, algorithm=name)
        size = exact(problem, (x, filters, *rest))[1].max()
        for poison in (np.nan, np.inf, -np.inf):
            a, b = x.copy(), filters.copy()
            spoilt = a if target == "x" else b
            spoilt.flat[rng.integers(0, spoilt.size, 2)] = poison
            expected = problem.run(nhwc, a, b, *rest, algorithm="direct")
            y = problem.run(nhwc, a, b, *rest, algorithm=name)
            finite = np.isfinite(expected) & (expected == problem.run(nhwc, x, filters, *rest, algorithm="direct"))
            assert not finite.all()
            np.testing.assert_array_equal(y[~finite], expected[~finite], err_msg=str(problem))
            assert np.abs(y[finite] - clean[finite]).max(initial=0) <= NORMWISE["named"][y.dtype.name] * size, problem


@pytest.mark.parametrize("name", NAMES)
def test_values_near_overflow_reach_only_their_windows(isa, name):
    """Also where all transformed values are finite, so that only their size betrays the loss."""
    problem = sized(conv((1, 16, 16, 16), (3, 3, 16, 20), padding="same"), name)
    reach = SIZES[name] // 2
    x, filters, *rest = problem.operands()
    clean = problem.run(nhwc, x, filters, *rest, algorithm="direct")
    for row in range(4, 12):
        for col in range(4, 12):
            near = x.copy()
            near[0, row, col, 5] = 3e37
            y = problem.run(nhwc, near, filters / 8, *rest, algorithm=name)
            far = np.ones(y.shape, bool)
            far[:, row - reach : row + reach + 1, col - reach : col + reach + 1] = False
            np.testing.assert_allclose(y[far], clean[far] / 8, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_guard_keeps_the_residual_that_out_is(isa, name):
    problem = sized(conv((1, 13, 14, 20), (3, 3, 20, 40), padding="same", bias=True, residual=True), name)
    x, filters, bias, residual = problem.operands()
    x[0, 5, 6, 7] = np.nan
    expected = problem.run(nhwc, x, filters, bias, residual, algorithm=name)
    problem.run(nhwc, x, filters, bias, residual, out=residual, algorithm=name)
    assert_same_bits(residual, expected)


# ---- Bits ----


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NAMES)
def test_bits_depend_on_the_shape_alone(isa, name, dtype):
    for problem in LARGE:
        problem = sized(problem, name)
        x, filters, bias, residual = problem.operands(dtype)
        with nhwc.num_threads(1):
            y = problem.run(nhwc, x, filters, bias, residual, algorithm=name)
        plan = problem.plan(nhwc, filters, bias, algorithm=name)
        assert plan.algorithm == name[:11]
        for threads in (2, 3, 8):
            with nhwc.num_threads(threads):
                assert_same_bits(problem.run(nhwc, x, filters, bias, residual, algorithm=name), y, problem)
                assert_same_bits(plan(x, residual=residual), y, problem)
        for i in range(len(x)):
            alone = problem.run(nhwc, x[i], filters, bias, None if residual is None else residual[i], algorithm=name)
            assert_same_bits(alone, y[i], problem)


# ---- The choice ----


def test_plans_choose_winograd_where_it_pays(isa):
    def choice(h, c, f, **options):
        return nhwc.plan_conv2d((1, h, h, c), np.ones((3, 3, c, f), np.float32), padding="same", **options).algorithm

    assert choice(56, 64, 64) == "winograd_f4"
    assert choice(28, 128, 128) == "winograd_f4"
    assert choice(6, 64, 64) == "winograd_f2"
    for c, f in ((1, 64), (4, 64), (64, 8)):
        assert choice(56, c, f) == "direct"
    filters = np.ones((5, 5, 96, 96), np.float32)
    assert nhwc.plan_conv2d((28, 28, 96), filters).algorithm == "winograd_f2"
    assert nhwc.plan_conv2d((28, 28, 96), filters[..., :4]).algorithm == "direct"
    assert choice(56, 64, 64, strides=2) == choice(56, 64, 64, dilation_rate=2) == "direct"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("x_shape", "kernel", "dtype", "options"),
    [
        ((9, 9, 4), (4, 4), np.float32, {}),
        ((9, 9, 4), (5, 3), np.float32, {}),
        ((9, 9, 4), None, np.float32, {"strides": 2}),
        ((9, 9, 4), None, np.float64, {"dilation_rate": (1, 2)}),
        ((9, 9, 4), None, np.int64, {}),
        ((9, 9, 4), None, np.float64, {}),
        ((9, 4), (3,), np.float32, {}),
        ((9, 9, 9, 4), (3, 3, 3), np.float32, {}),
    ],
)
def test_what_it_cannot_serve_is_an_error_that_says_why(name, x_shape, kernel, dtype, options):
    kernel = kernel or (SIZES[name], SIZES[name])
    ndim = len(kernel)
    x, filters = np.ones(x_shape, dtype), np.ones((*kernel, 4, 5), dtype)
    message = rf"conv{ndim}d: algorithm='{name}' serves float32 and kernels of .x. .* 'direct' would do"
    with pytest.raises(ValueError, match=message):
        getattr(nhwc, f"conv{ndim}d")(x, filters, algorithm=name, **options)
    with pytest.raises(ValueError, match=message):
        getattr(nhwc, f"plan_conv{ndim}d")(x_shape, filters, algorithm=name, **options)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", FLOATS)
def test_workspace_is_small_whatever_the_image(isa, name, dtype):
    for shape, f in (((4000, 4000, 64), 64), ((8, 8, 2048), 64), ((30, 30, 60000), 8), ((500, 500, 1), 4000)):
        filters = np.broadcast_to(np.array(0.5, dtype), (SIZES[name], SIZES[name], shape[-1], f))
        assert nhwc.plan_conv2d(shape, filters, padding="same", algorithm=name).workspace_bytes < 8 * 2**20


@pytest.mark.parametrize("name", NAMES)
def test_empty_arrays(name):
    for problem in [
        conv((0, 5, 5, 3), (3, 3, 3, 4)),
        conv((2, 5, 5, 3), (3, 3, 3, 0)),
        conv((2, 5, 5, 0), (3, 3, 0, 20), bias=True, residual=True, padding="same"),
        conv((2, 0, 5, 3), (3, 3, 3, 4), padding="same"),
    ]:
        problem = sized(problem, name)
        operands = problem.operands()
        expected = problem.run(nhwc, *operands, algorithm="direct")
        assert_same_bits(problem.run(nhwc, *operands, algorithm=name), expected, problem)
