"""Transposed convolutions and their plans against the oracle: sizes, phases, terms, edges, pickles, bad arguments."""

import copy
import functools
import itertools
import pickle

import numpy as np
import pytest
from problems import ACTIVATION_ERROR, NORMWISE, STEEPEST, assert_same_bits
from test_guard_pages import guarded
from test_input_grad import assert_same_values

import nhwc
from nhwc import _core, reference


class Problem:
    """One call: x of `shape`, and `kernel` to which F // groups and C are added. The data follow from these."""

    def __init__(self, shape, kernel, f, *, bias=False, residual=False, **options):
        self.name = f"conv{len(kernel)}d_transpose"
        self.shape, self.options, self.text = shape, options, f"{shape} {kernel} {f} {options}"
        rng = np.random.default_rng(len(self.text) + sum(shape))
        self.x = rng.standard_normal(shape)
        self.filters = rng.standard_normal((*kernel, f // options.get("groups", 1), shape[-1]))
        self.bias = rng.standard_normal(f) if bias else None
        result = self.run(reference, (self.x, self.filters, None, None), dtype=np.int8).shape
        self.residual = rng.standard_normal(result) if residual else None

    def operands(self, dtype=np.float32):
        return [None if a is None else a.astype(dtype) for a in (self.x, self.filters, self.bias, self.residual)]

    def run(self, module, operands=None, **keywords):
        x, filters, bias, residual = operands or self.operands()
        return getattr(module, self.name)(x, filters, bias, residual=residual, **{**self.options, **keywords})

    def plan(self, shape=None, operands=None):
        terms = (operands or self.operands())[1:3]
        return getattr(nhwc, f"plan_{self.name}")(shape or self.shape, *terms, **self.options)

    @functools.cache  # noqa: B019
    def solved(self, dtype):
        """The exact result and S."""
        wide, operands = np.float64 if dtype == np.float32 else np.longdouble, self.operands(dtype)
        sizes = [None if a is None else np.abs(a) for a in operands]
        return self.run(reference, operands, dtype=wide), self.run(reference, sizes, activation=None)


def _problems():
    terms = itertools.cycle([{}, {"bias": True}, {"residual": True, "activation": "relu"}, {"bias": True,
        "residual": True, "activation": "gelu"}])  # fmt: skip
    for k, s, d in itertools.product((1, 2, 3, 4, 5), (1, 2, 3), (1, 2, 3)):
        for padding in ("valid", "same"):
            yield Problem((2, 5, 6, 3), (k, 3), 5, strides=(s, 2), padding=padding, dilation_rate=(d, 1), **next(terms))
        yield Problem(
            (7, 17), (k,), 4, strides=s, dilation_rate=d, padding="valid", output_padding=s - 1, **next(terms)
        )
    for k, s in ((2, 2), (3, 3), (5, 5), (4, 2), (3, 2), (2, 5), (1, 4)):  # side by side, overlapping, with gaps
        for f in (1, 3, 16, 21, 70):
            yield Problem((1, 4, 15, 20), (k, k), f, strides=s, padding="same", **next(terms))
        yield Problem((2, 3, 4, 5, 6), (k, 2, k), 4, strides=(s, 2, s), **next(terms))
    for groups in (2, 3, 6):
        yield Problem((2, 7, 9, 12), (3, 3), 6, groups=groups, strides=2, padding="same", **next(terms))
        yield Problem((2, 7, 9, 12), (2, 2), 18, groups=groups, strides=2, **next(terms))
        yield Problem((30, 36), (3,), 36, groups=36, strides=groups, dilation_rate=2, **next(terms))
    for padding in (1, (0, 2), ((1, 2), (0, 3))):
        yield Problem((2, 6, 7, 3), (4, 5), 2, strides=(2, 3), padding=padding, output_padding=(1, 2), **next(terms))
    for kernel, s, f in (((4, 4), 2, 3), ((7, 5), (2, 3), 1), ((2, 3), (5, 4), 2), ((3, 3), (1, 2), 8)):  # overlap
        for padding in ("same", ((0, 2), (3, 1))):
            yield Problem((2, 7, 19, 18), kernel, f, strides=s, padding=padding, **next(terms))
        yield Problem((5, 16, 33), kernel, f, strides=s, dilation_rate=(3, 1), **next(terms))
    yield Problem((3, 40, 70), (9,), 2, strides=4, output_padding=3, **next(terms))
    yield Problem((3, 9, 7, 40), (3, 3), 33, padding="same", bias=True)  # Winograd
    yield Problem((1, 40, 41, 64), (3, 3), 64, padding=1, residual=True)
    yield Problem((1, 9, 9, 300), (3, 3), 30, strides=2, padding="same")
    yield Problem((2, 30, 3), (16,), 2, strides=8, padding="same", bias=True)


PROBLEMS = list(_problems())


def assert_accurate(problem, y, dtype):
    exact, size = problem.solved(dtype)
    assert (y.shape, y.dtype) == (exact.shape, dtype), problem.text
    assert y.flags.c_contiguous
    allowed = NORMWISE["auto"][y.dtype.name] * size.max(initial=0)
    if problem.options.get("activation"):
        allowed = STEEPEST * allowed + ACTIVATION_ERROR[y.dtype.name] * max(1, np.abs(exact).max())
    assert np.abs(y - exact).max(initial=0) <= allowed, problem.text


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_accurate(isa, dtype):
    for problem in PROBLEMS:
        operands = problem.operands(dtype)
        assert_accurate(problem, problem.run(nhwc, operands), dtype)
        assert_accurate(problem, problem.plan(operands=operands)(operands[0], residual=operands[3]), dtype)


@pytest.mark.parametrize(
    ("n", "k", "options", "size"),
    [
        (5, 3, {}, 7),
        (5, 3, {"strides": 2}, 11),
        (5, 2, {"strides": 3}, 15),
        (5, 3, {"strides": 2, "padding": "SAME"}, 10),
        (5, 3, {"strides": 3, "dilation_rate": 2}, 17),
        (5, 3, {"strides": 2, "output_padding": 1}, 12),
        (5, 3, {"strides": 2, "output_padding": 0, "padding": "same"}, 9),
        (5, 4, {"strides": 2, "output_padding": 1, "padding": "same"}, 9),
        (5, 3, {"strides": 2, "padding": 1}, 9),
        (5, 3, {"strides": 2, "padding": ((1, 0),), "output_padding": (1,)}, 11),
        (1, 3, {"padding": ((2, 1),)}, 0),
        (0, 5, {"strides": 2}, 3),
        (0, 5, {"strides": 2, "padding": "same"}, 0),
    ],
)
def test_sizes_are_those_of_keras(n, k, options, size):
    y = nhwc.conv1d_transpose(np.ones((2, n, 3)), np.ones((k, 4, 3)), np.arange(4.0), **options)
    assert y.shape == (2, size, 4)
    np.testing.assert_array_equal(
        y, reference.conv1d_transpose(np.ones((2, n, 3)), np.ones((k, 4, 3)), np.arange(4.0), **options)
    )


@pytest.mark.parametrize("activation", _core.ACTIVATIONS)
def test_activation_comes_after_bias_and_residual_with_taps_and_without(isa, activation):
    terms = {"bias": True, "residual": True, "activation": activation}
    for problem in (
        Problem((2, 3, 5, 3), (2, 1), 19, strides=3, **terms),
        Problem((2, 6, 5), (3,), 9, strides=3, **terms),
        Problem((2, 17, 16), (4,), 3, strides=2, **terms),
        Problem((2, 6, 0), (3,), 9, strides=3, **terms),
    ):
        assert_accurate(problem, problem.run(nhwc), np.float32)


def test_a_callable_activation_is_given_the_result():
    problem = Problem((2, 4, 5, 3), (3, 3), 4, strides=2, bias=True, residual=True)
    assert_same_bits(problem.run(nhwc, activation=lambda y: 2 * y), 2 * problem.run(nhwc))


def test_no_channels_give_the_terms():
    bias, residual = np.arange(4.0) - 1, np.full((2, 6, 4), 0.25)
    y = nhwc.conv1d_transpose(np.ones((2, 3, 0)), np.ones((2, 4, 0)), bias, strides=2, residual=residual)
    np.testing.assert_array_equal(y, np.broadcast_to(bias + 0.25, y.shape))
    assert nhwc.conv1d_transpose(np.ones((2, 3, 2)), np.ones((2, 0, 2)), strides=2).shape == (2, 6, 0)
    assert nhwc.conv1d_transpose(np.ones((0, 3, 2)), np.ones((2, 5, 2))).shape == (0, 4, 5)


def test_neither_threads_nor_the_batch_change_a_bit():
    for problem in (
        Problem((4, 28, 28, 64), (2, 2), 32, strides=2, residual=True),
        Problem((4, 28, 28, 32), (3, 3), 32, strides=2, padding="same", bias=True, activation="gelu"),
        Problem((4, 28, 30, 64), (3, 3), 64, padding="same"),
        Problem((3, 4000, 8), (1,), 24, strides=9, bias=True, activation="tanh"),
        Problem((3, 50, 40, 64), (5, 4), 3, strides=2, padding="same", bias=True, residual=True, activation="selu"),
    ):
        x, _, _, residual = problem.operands()
        plan = problem.plan((None, *problem.shape[1:]))
        with nhwc.num_threads(1):
            expected, function = plan(x, residual=residual), problem.run(nhwc)
        for threads in (2, 7):
            with nhwc.num_threads(threads):
                assert_same_bits(plan(x, residual=residual), expected, problem.text)
                assert_same_bits(problem.run(nhwc), function, problem.text)
        last = None if residual is None else residual[-1:]
        assert_same_bits(plan(x[-1:], residual=last), expected[-1:], problem.text)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_reaches_exactly_its_windows(isa, value):
    for problem in (
        Problem((2, 5, 6, 7), (3, 3), 5, strides=2, bias=True, residual=True, activation="relu"),
        Problem((2, 5, 6, 7), (2, 2), 5, strides=2, bias=True, activation="tanh"),
        Problem((1, 9, 9, 40), (3, 3), 40, padding="same", residual=True),
        Problem((9, 4), (2,), 6, strides=3, groups=2, residual=True),
        Problem((2, 5, 17, 16), (4, 3), 2, strides=2, padding=((1, 0), (0, 2)), bias=True, residual=True),
    ):
        operands = problem.operands()
        for i, index in itertools.product(range(4), (0, -1)):
            if operands[i] is not None:
                spoilt = [None if a is None else a.copy() for a in operands]
                spoilt[i].flat[index] = value
                expected = problem.run(reference, spoilt)
                assert_same_values(problem.run(nhwc, spoilt), expected)
                assert_same_values(problem.plan(operands=spoilt)(spoilt[0], residual=spoilt[3]), expected)


@pytest.mark.parametrize("side", ["begin", "end"])
def test_no_kernel_leaves_its_arrays(isa, side):
    for problem in PROBLEMS[::2]:
        operands = problem.operands()
        expected = problem.run(nhwc)
        out = guarded(np.zeros_like(expected), side)
        problem.run(nhwc, [None if a is None else guarded(a, side) for a in operands], out=out)
        assert_same_bits(out, expected, problem.text)


def test_the_residual_may_be_the_output():
    for problem in PROBLEMS:
        if problem.residual is not None:
            operands = problem.operands()
            expected = problem.run(nhwc)
            assert problem.run(nhwc, operands, out=operands[3]) is operands[3]
            assert_same_bits(operands[3], expected, problem.text)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, bool])
def test_integers_are_exact(dtype):
    for problem in PROBLEMS[::7]:
        operands = [None if a is None else (9 * a).astype(dtype) for a in problem.operands()]
        wide = np.uint64 if dtype == np.uint8 else np.int64
        y = problem.run(nhwc, operands, activation="relu6")
        assert y.dtype == wide
        np.testing.assert_array_equal(y, problem.run(reference, operands, activation="relu6", dtype=wide))


# ---- Plans ----


def test_plans_tell_what_they_do():
    problem = Problem((3, 7, 8, 4), (3, 3), 6, strides=2, padding="same", groups=2, bias=True)
    plan = problem.plan()
    assert type(plan) is nhwc.Plan
    assert (plan.input_shape, plan.output_shape, plan.dtype) == ((3, 7, 8, 4), (3, 14, 16, 6), np.float32)
    assert plan.macs == 3 * 7 * 8 * 9 * 4 * 3
    assert plan.algorithm == "direct"
    assert plan.isa == _core.isa()
    assert plan.packed_bytes >= problem.filters.size * 4
    assert 0 < plan.workspace_bytes < 8 << 20
    assert repr(plan).startswith("<nhwc.Plan conv2d_transpose (3, 7, 8, 4) -> (3, 14, 16, 6) float32: direct, ")
    any_batch = problem.plan((None, 7, 8, 4))
    assert (any_batch.output_shape, any_batch.macs) == ((None, 14, 16, 6), 7 * 8 * 9 * 4 * 3)
    assert_same_bits(any_batch(problem.operands()[0]), plan(problem.operands()[0]))
    with pytest.raises(ValueError, match="plan_conv2d_transpose: x has shape"):
        plan(np.ones((3, 8, 7, 4)))


def test_stride_1_takes_winograd(isa):
    plan = Problem((1, 28, 28, 64), (3, 3), 64, padding="same").plan()
    assert plan.algorithm.startswith("winograd")


def test_plans_are_pickled_and_copied_with_their_filters():
    for problem in PROBLEMS[::11]:
        operands = problem.operands()
        x, filters, _, residual = operands
        plan = problem.plan(operands=operands)
        expected = plan(x, residual=residual)
        filters[...] = 0
        for twin in (plan, copy.copy(plan), copy.deepcopy(plan), pickle.loads(pickle.dumps(plan))):
            assert_same_bits(twin(x, residual=residual), expected, problem.text)
            assert repr(twin) == repr(plan)


def test_plans_cast_and_are_rounded_once():
    problem = Problem((4, 5, 3), (2, 3), 2, strides=2)
    x, filters, *_ = problem.operands()
    plan = nhwc.plan_conv2d_transpose(x.shape, filters, strides=2, dtype=np.float16)
    narrow = x.astype(np.float16).astype(np.float32), filters.astype(np.float16).astype(np.float32)
    assert_same_bits(plan(x), nhwc.conv2d_transpose(*narrow, strides=2).astype(np.float16))


# ---- Bad arguments ----


@pytest.mark.parametrize(
    ("changes", "error", "fragment"),
    [
        ({"x": np.ones((5, 6))}, ValueError, "x has shape (5, 6)"),
        ({"x": np.ones((2, 5, 6, 4), complex)}, TypeError, "x has dtype complex128"),
        ({"x": np.ones((2, 5, 6, 3))}, ValueError, "take 4 input channels, by their last axis, but x has 3 channels"),
        ({"filters": np.ones((3, 3, 4))}, ValueError, "(KH, KW, F // groups, C) would do"),
        ({"filters": np.ones((3, 0, 3, 4))}, ValueError, "a kernel of size 0"),
        ({"groups": 3}, ValueError, "groups=3 does not divide the 4 channels of x"),
        ({"groups": 0}, ValueError, "groups is 0"),
        ({"groups": 1.0}, TypeError, "groups is 1.0"),
        ({"strides": (1, 2, 3)}, ValueError, "strides is (1, 2, 3)"),
        ({"dilation_rate": "2"}, TypeError, "dilation_rate is '2'"),
        ({"padding": "full"}, ValueError, "padding is 'full'; 'valid', 'same', an int"),
        ({"padding": "causal"}, ValueError, "padding is 'causal'"),
        ({"padding": -1}, ValueError, "padding is -1"),
        ({"padding": 1.5}, TypeError, "padding is 1.5"),
        ({"padding": 9}, ValueError, "not the (5, 6) of x"),
        ({"output_padding": 1}, ValueError, "output_padding is 1; None, or an int of at least 0 and below the strides"),
        ({"output_padding": -1, "strides": 2}, ValueError, "output_padding is -1"),
        ({"output_padding": 0.5, "strides": 2}, TypeError, "output_padding is 0.5"),
        ({"output_padding": 0, "strides": 2, "padding": "same", "filters": np.ones((2, 2, 3, 4))}, ValueError,
         "give a result of (8, 10) pixels, of which the convolution would make (4, 5)"),
        ({"bias": np.ones(4)}, ValueError, "bias has shape (4,); (3,) would do"),
        ({"residual": np.ones((2, 5, 6, 3))}, ValueError, "residual has shape (2, 5, 6, 3)"),
        ({"activation": "nothing"}, ValueError, "activation is 'nothing'"),
        ({"out": np.ones((2, 7, 8, 3), np.float32)}, ValueError, "out has dtype float32"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(changes, error, fragment):
    given = {"x": np.ones((2, 5, 6, 4)), "filters": np.ones((3, 3, 3, 4)), **changes}
    with pytest.raises(error) as caught:
        nhwc.conv2d_transpose(**given)
    message = str(caught.value)
    assert message.startswith("conv2d_transpose: "), message
    assert fragment in message
    if not {"x", "residual", "out"} & set(changes):
        given["input_shape"] = given.pop("x").shape
        with pytest.raises(error) as caught:
            nhwc.plan_conv2d_transpose(**given)
        assert fragment in str(caught.value)
