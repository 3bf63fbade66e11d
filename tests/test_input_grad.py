"""Input gradients against the oracle, the adjoint identity and finite differences; edges, dtypes, bad arguments."""

import functools

import numpy as np
import pytest
from problems import ALL_PROBLEMS, LARGE_PROBLEMS, NORMWISE, assert_same_bits, conv
from test_guard_pages import guarded

import nhwc
from nhwc import reference

PROBLEMS = [p for p in ALL_PROBLEMS[::4] if p.options.get("padding_mode", "constant") == "constant"]
PROBLEMS += [
    conv((2, 9, 11, 20), (3, 3, 20, 70), padding="same"),  # at stride 1, which Winograd serves
    conv((1, 30, 31, 64), (3, 3, 64, 64), padding=((0, 2), (1, 0))),
    conv((1, 7, 9, 4), (3, 3, 4, 5), padding=((5, 9), (0, 7))),  # more padding than the kernel reaches: a crop
    conv((3, 12, 15, 6), (4, 5, 6, 7), strides=(4, 5)),  # windows side by side
    conv((2, 17, 6), (2, 6, 7), strides=5, padding=((3, 0),)),  # pixels that no window reads
    conv((2, 40, 33, 6), (3, 5, 3, 8), strides=(6, 4), dilation_rate=(4, 6), groups=2, padding="same"),
    conv((1, 9, 10, 11, 3), (3, 2, 3, 3, 20), strides=(2, 3, 2), dilation_rate=(1, 1, 3), padding=2),
    conv((2, 15, 14, 33), (3, 3, 33, 1), depthwise=True, strides=2, padding="same"),
    conv((2, 15, 14, 5), (5, 3, 5, 3), depthwise=True, strides=(1, 3), dilation_rate=2, padding="full"),
    conv((1, 31, 130, 3), (5, 5, 3, 1), padding="same"),  # few channels to make
]


def gradient(problem, module, dy, filters, **keywords):
    options = {key: problem.options[key] for key in problem.options.keys() & {"strides", "padding", "dilation_rate"}}
    if not problem.depthwise:
        options["groups"] = problem.options.get("groups", 1)
    return getattr(module, f"{problem.function}_input_grad")(dy, filters, problem.x_shape, **options, **keywords)


def forward(problem, x, filters):
    return problem.run(nhwc, x, filters, activation=None)


@functools.cache
def operands(problem, dtype):
    """Return dy, of normal data, and the filters."""
    x, filters, *_ = problem.operands(dtype)
    shape = forward(problem, x, filters).shape
    return np.random.default_rng(3).standard_normal(shape).astype(dtype), filters


@functools.cache
def solved(problem, dtype):
    """Return dy, filters, the exact gradient and S; kept, since every instruction set asks for them."""
    dy, filters = operands(problem, dtype)
    wide = np.float64 if dtype == np.float32 else np.longdouble
    size = gradient(problem, reference, np.abs(dy), np.abs(filters))
    return dy, filters, gradient(problem, reference, dy, filters, dtype=wide), size


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_accurate(isa, dtype):
    for problem in PROBLEMS if dtype == np.float32 else PROBLEMS[::3]:
        dy, filters, exact, size = solved(problem, dtype)
        dx = gradient(problem, nhwc, dy, filters)
        assert (dx.shape, dx.dtype) == (problem.x_shape, dtype)
        assert dx.flags.c_contiguous
        error = np.abs(dx - exact).max(initial=0)
        assert error <= NORMWISE["auto"][dx.dtype.name] * size.max(initial=0), f"{problem}: {error}"


def test_adjoint_identity():
    for problem in PROBLEMS:
        dy, filters = operands(problem, np.float64)
        x = problem.operands(np.float64)[0]
        y, dx = forward(problem, x, filters), gradient(problem, nhwc, dy, filters)
        assert abs(np.vdot(dy, y) - np.vdot(dx, x)) <= 1e-12 * np.vdot(np.abs(dx), np.abs(x)), problem


def test_finite_differences():
    problem = conv((2, 6, 7, 2), (3, 2, 2, 3), strides=(2, 1), dilation_rate=(1, 2), padding="same")
    dy, filters = operands(problem, np.float64)
    x = problem.operands(np.float64)[0]
    dx = gradient(problem, nhwc, dy, filters)
    for at in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[at] = 0.5
        rise = np.vdot(dy, forward(problem, x + step, filters) - forward(problem, x - step, filters))
        assert abs(rise - dx[at]) < 1e-12


def test_neither_threads_nor_the_batch_change_a_bit():
    for problem in LARGE_PROBLEMS:
        if "padding_mode" in problem.options:
            continue
        dy, filters = operands(problem, np.float32)
        with nhwc.num_threads(1):
            expected = gradient(problem, nhwc, dy, filters)
        for threads in (2, 5):
            with nhwc.num_threads(threads):
                assert_same_bits(gradient(problem, nhwc, dy, filters), expected, problem)
    problem = conv((5, 28, 29, 64), (3, 3, 64, 64), padding="same", strides=2)
    dy, filters = operands(problem, np.float32)
    alone = conv((1, 28, 29, 64), (3, 3, 64, 64), padding="same", strides=2)
    assert_same_bits(gradient(alone, nhwc, dy[3:4], filters), gradient(problem, nhwc, dy, filters)[3:4])


# ---- Values that are not finite ----

SPREADING = [
    conv((2, 9, 11, 20), (3, 3, 20, 40), padding="same"),
    conv((2, 9, 11, 5), (3, 4, 5, 7), strides=2, padding="same"),
    conv((9, 11, 3), (2, 2, 3, 5), strides=3, padding=1),
    conv((8, 9, 3), (2, 3, 3, 5), strides=(2, 3)),
    conv((2, 19, 6), (3, 3, 4), groups=2, strides=2, dilation_rate=3, padding="full"),
    conv((2, 9, 9, 17), (3, 3, 17, 2), depthwise=True, strides=(1, 2), padding="same"),
]


def assert_same_values(y, expected):
    for kind in (np.isnan, np.isposinf, np.isneginf):
        np.testing.assert_array_equal(kind(y), kind(expected))
    finite = np.isfinite(expected)
    np.testing.assert_allclose(y[finite], expected[finite], rtol=0, atol=1e-5 * np.abs(expected[finite]).max(initial=1))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_reaches_exactly_its_windows(isa, value):
    for problem in SPREADING:
        dy, filters = operands(problem, np.float32)
        for operand in (dy, filters):
            for index in (0, operand.size // 2, -1):
                spoilt = operand.copy()
                spoilt.flat[index] = value
                pair = (spoilt, filters) if operand is dy else (dy, spoilt)
                assert_same_values(gradient(problem, nhwc, *pair), gradient(problem, reference, *pair))


# ---- Arrays and dtypes ----


@pytest.mark.parametrize("side", ["begin", "end"])
def test_no_kernel_leaves_its_arrays(isa, side):
    for problem in [*PROBLEMS[::5], *SPREADING]:
        dy, filters = operands(problem, np.float32)
        expected = gradient(problem, nhwc, dy, filters)
        out = guarded(np.zeros_like(expected), side)
        assert gradient(problem, nhwc, guarded(dy, side), guarded(filters, side), out=out) is out
        assert_same_bits(out, expected, problem)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.uint64, bool])
def test_integers_are_exact(dtype):
    for problem in SPREADING:
        dy, filters = ((9 * a).astype(dtype) for a in operands(problem, np.float32))
        wide = np.uint64 if np.dtype(dtype).kind == "u" else np.int64
        dx = gradient(problem, nhwc, dy, filters)
        assert dx.dtype == wide
        np.testing.assert_array_equal(dx, gradient(problem, reference, dy, filters, dtype=wide))


def test_half_precision_is_rounded_once():
    for problem in SPREADING:
        dy, filters = (a.astype(np.float16) for a in operands(problem, np.float32))
        expected = gradient(problem, nhwc, dy.astype(np.float32), filters.astype(np.float32)).astype(np.float16)
        assert_same_bits(gradient(problem, nhwc, dy, filters), expected, problem)


def test_any_array_is_taken():
    problem = SPREADING[1]
    dy, filters = operands(problem, np.float32)
    expected = gradient(problem, nhwc, dy, filters)
    flipped = np.ascontiguousarray(dy[:, ::-1])[:, ::-1]
    for pair in [(flipped, np.asfortranarray(filters)), (dy.tolist(), filters), (dy.astype(">f4"), filters)]:
        np.testing.assert_allclose(gradient(problem, nhwc, *pair), expected, rtol=1e-5, atol=1e-5)


def test_nothing_has_a_gradient_of_zeros():
    empty = nhwc.conv2d_input_grad(np.ones((0, 3, 3, 4)), np.ones((2, 2, 5, 4)), (0, 4, 4, 5))
    assert empty.shape == (0, 4, 4, 5)
    for groups in (1, 3):
        zeros = nhwc.conv2d_input_grad(np.ones((2, 3, 3, 0)), np.ones((2, 2, 6 // groups, 0)), (2, 4, 4, 6),
                                       groups=groups)  # fmt: skip
        np.testing.assert_array_equal(zeros, np.zeros((2, 4, 4, 6)))
    assert nhwc.conv1d_input_grad(np.ones((2, 3, 4)), np.ones((2, 0, 4)), (2, 4, 0)).shape == (2, 4, 0)
    assert nhwc.conv2d_input_grad(np.ones((0, 3, 4)), np.ones((2, 2, 5, 4)), (0, 3, 5), padding="same").size == 0
    zeros = nhwc.depthwise_conv2d_input_grad(np.ones((3, 3, 0)), np.ones((2, 2, 5, 0)), (4, 4, 5))
    np.testing.assert_array_equal(zeros, np.zeros((4, 4, 5)))


def test_huge_steps():
    dx = nhwc.conv1d_input_grad(np.ones((1, 2)), np.ones((1, 3, 2)), (5, 3), strides=2**70)
    np.testing.assert_array_equal(dx, [[2] * 3] + [[0] * 3] * 4)
    dx = nhwc.conv1d_input_grad(np.ones((3, 2)), np.ones((2, 1, 2)), (200_001, 1), strides=10**5, padding=((0, 1),))
    np.testing.assert_array_equal(np.flatnonzero(dx), [0, 1, 100_000, 100_001, 200_000])


# ---- Bad arguments ----


@pytest.mark.parametrize(
    ("changes", "error", "fragment"),
    [
        ({"dy": np.ones((2, 7, 8, 6))}, ValueError, "dy has shape (2, 7, 8, 6); (2, 7, 7, 6)"),
        ({"dy": np.ones((7, 7, 6))}, ValueError, "dy has shape (7, 7, 6)"),
        ({"dy": np.ones((2, 7, 7, 6), complex)}, TypeError, "dy has dtype complex128"),
        ({"filters": np.ones((2, 3, 6))}, ValueError, "filters have shape (2, 3, 6)"),
        ({"filters": np.ones((2, 0, 4, 6))}, ValueError, "a kernel of size 0"),
        ({"filters": np.ones((2, 3, 3, 6))}, ValueError, "3 input channels but input_shape has 4"),
        ({"filters": np.ones((2, 30, 4, 6))}, ValueError, "the kernel spans (2, 30) pixels"),
        ({"input_shape": (None, 8, 9, 4)}, ValueError, "input_shape is (None, 8, 9, 4); the size of the batch"),
        ({"input_shape": (8, 9)}, ValueError, "input_shape is (8, 9)"),
        ({"input_shape": 5}, TypeError, "input_shape is 5"),
        ({"groups": 4}, ValueError, "groups=4 does not divide"),
        ({"strides": 0}, ValueError, "strides is 0"),
        ({"dilation_rate": 1.5}, TypeError, "dilation_rate is 1.5"),
        ({"padding": "causal"}, ValueError, "padding is 'causal'"),
        ({"padding": -1}, ValueError, "padding is -1"),
        ({"out": np.empty((2, 8, 9, 4), np.float32)}, ValueError, "out has dtype float32"),
        ({"out": np.empty((2, 8, 9, 5))}, ValueError, "out has shape (2, 8, 9, 5)"),
    ],
)
def test_bad_arguments_are_refused(changes, error, fragment):
    given = {"dy": np.ones((2, 7, 7, 6)), "filters": np.ones((2, 3, 4, 6)), "input_shape": (2, 8, 9, 4), **changes}
    with pytest.raises(error) as caught:
        nhwc.conv2d_input_grad(**given)
    message = str(caught.value)
    assert message.startswith("conv2d_input_grad: "), message
    assert fragment in message


def test_out_must_not_overlap_dy():
    memory = np.ones(400)
    dy, out = memory[:294].reshape(7, 7, 6), memory[100:388].reshape(8, 9, 4)
    with pytest.raises(ValueError, match="out overlaps dy"):
        nhwc.conv2d_input_grad(dy, np.ones((2, 3, 4, 6)), (8, 9, 4), out=out)
    assert (memory == 1).all()
