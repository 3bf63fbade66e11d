"""Plans: what they tell, what they take, that they keep what they were made with, pickles and copies."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import nhwc
from nhwc import _core, reference

RNG = np.random.default_rng(11)
X = RNG.standard_normal((3, 8, 9, 4)).astype(np.float32)
FILTERS = RNG.standard_normal((3, 3, 4, 6)).astype(np.float32)
BIAS = RNG.standard_normal(6).astype(np.float32)


def halve(y):
    return y / 2


def test_attributes():
    plan = nhwc.plan_conv2d(X.shape, FILTERS, BIAS, strides=2, padding="same", activation="relu")
    assert type(plan) is nhwc.Plan
    assert plan.input_shape == (3, 8, 9, 4)
    assert plan.output_shape == (3, 4, 5, 6)
    assert plan.dtype == np.float32
    assert isinstance(plan.dtype, np.dtype)
    assert plan.algorithm in nhwc.algorithms()
    assert plan.isa == _core.isa()
    assert plan.macs == 3 * 4 * 5 * 6 * 3 * 3 * 4
    assert isinstance(plan.packed_bytes, int)
    assert plan.packed_bytes >= 0
    assert 0 <= plan.workspace_bytes < 8 << 20


@pytest.mark.parametrize(
    ("name", "input_shape", "filters_shape", "options", "output_shape", "macs"),
    [
        ("conv1d", (7, 4), (3, 4, 6), {}, (5, 6), 5 * 6 * 3 * 4),
        ("conv1d", (None, 7, 4), (3, 4, 6), {"padding": "causal"}, (None, 7, 6), 7 * 6 * 3 * 4),
        ("conv2d", (None, 8, 9, 4), (3, 3, 4, 6), {}, (None, 6, 7, 6), 6 * 7 * 6 * 9 * 4),
        ("conv2d", (5, 8, 9, 4), (3, 3, 2, 6), {"groups": 2}, (5, 6, 7, 6), 5 * 6 * 7 * 6 * 9 * 2),
        ("conv2d", (0, 8, 9, 4), (3, 3, 4, 6), {}, (0, 6, 7, 6), 0),
        ("conv3d", (4, 5, 6, 2), (2, 2, 2, 2, 3), {"padding": 1}, (5, 6, 7, 3), 5 * 6 * 7 * 3 * 8 * 2),
        ("depthwise_conv1d", (7, 4), (3, 4, 2), {}, (5, 8), 5 * 8 * 3),
        ("depthwise_conv2d", (None, 8, 9, 4), (3, 3, 4, 2), {"strides": 2}, (None, 3, 4, 8), 3 * 4 * 8 * 9),
    ],
)
def test_shapes_and_macs(name, input_shape, filters_shape, options, output_shape, macs):
    plan = getattr(nhwc, f"plan_{name}")(input_shape, np.ones(filters_shape), **options)
    assert plan.input_shape == input_shape
    assert plan.output_shape == output_shape
    assert plan.macs == macs
    x = np.ones([2 if n is None else n for n in input_shape])
    y = plan(x)
    assert y.shape == tuple(2 if n is None else n for n in output_shape)
    np.testing.assert_array_equal(y, getattr(reference, name)(x, np.ones(filters_shape), **options))


def test_macs_beyond_64_bits():
    side = 2**18
    plan = nhwc.plan_conv2d((side, side, 1), np.ones((700, 700, 1, 64), np.float16), padding="same", strides=1)
    assert plan.macs == side**2 * 700**2 * 64


def test_input_shape_as_any_ints():
    for shape in ([3, 8, 9, 4], np.array([3, 8, 9, 4]), (np.int8(3), np.uint64(8), 9, 4)):
        plan = nhwc.plan_conv2d(shape, FILTERS)
        assert plan.input_shape == (3, 8, 9, 4)
        assert all(type(n) is int for n in plan.input_shape + plan.output_shape)
        plan(X)


def test_repr_is_one_readable_line():
    text = repr(nhwc.plan_conv2d((None, 8, 9, 4), FILTERS))
    assert "\n" not in text
    for part in ("conv2d", "(None, 8, 9, 4)", "(None, 6, 7, 6)", "float32", "direct", _core.isa()):
        assert part in text


@pytest.mark.parametrize("algorithm", nhwc.algorithms())
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
def test_equals_the_function_to_the_bit(algorithm, dtype):
    if dtype in (np.float64, np.int64) and algorithm != "direct":
        pytest.skip("float32 only")
    x, filters, bias = ((4 * a).astype(dtype) for a in (X, FILTERS, BIAS))
    options = {"padding": "same", "activation": "relu", "algorithm": algorithm}
    residual = nhwc.conv2d(x, filters, **options)
    expected = nhwc.conv2d(x, filters, bias, residual=residual, **options)
    for shape in (x.shape, (None, *x.shape[1:])):
        plan = nhwc.plan_conv2d(shape, filters, bias, **options)
        assert plan.algorithm == algorithm
        np.testing.assert_array_equal(plan(x, residual=residual), expected)


# ---- The inputs of a call ----


@pytest.mark.parametrize(
    "shape", [(), (8, 9), (8, 9, 4), (1, 8, 9, 4), (3, 9, 8, 4), (3, 8, 9, 5), (3, 8, 9, 4, 1), (0, 8, 9, 4)]
)
def test_x_of_another_shape(shape):
    plan = nhwc.plan_conv2d(X.shape, FILTERS)
    with pytest.raises(ValueError, match=r"plan_conv2d: x has shape .*; the plan takes") as caught:
        plan(np.zeros(shape, np.float32))
    assert f"{shape}; the plan takes (3, 8, 9, 4)" in str(caught.value)


def test_any_batch():
    plan = nhwc.plan_conv2d((None, *X.shape[1:]), FILTERS)
    for n in (0, 1, 2, 3):
        np.testing.assert_array_equal(plan(X[:n]), nhwc.conv2d(X, FILTERS)[:n])
    for wrong in (X[0], X[:, :7], X[None]):
        with pytest.raises(ValueError, match=r"the plan takes \(None, 8, 9, 4\)"):
            plan(wrong)
    with pytest.raises(ValueError, match=r"out has shape \(2, 6, 7, 6\); \(3, 6, 7, 6\) would do"):
        plan(X, out=np.empty((2, 6, 7, 6), np.float32))


def test_a_batch_whose_result_no_array_holds():
    plan = nhwc.plan_conv2d((None, 1, 1, 1), np.ones((1, 1, 1, 1), np.float32), padding=2**24)
    with pytest.raises(ValueError, match=r"plan_conv2d: the result of shape .* is too large"):
        plan(np.broadcast_to(np.float32(1), (2**20, 1, 1, 1)))
    with pytest.raises(MemoryError):
        plan(np.ones((1, 1, 1, 1), np.float32))


def test_only_x_is_positional():
    plan = nhwc.plan_conv2d(X.shape, FILTERS)
    out = np.empty(plan.output_shape, np.float32)
    for wrong in (lambda: plan(), lambda: plan(X, out), lambda: plan(X, strides=1)):
        with pytest.raises(TypeError):
            wrong()
    np.testing.assert_array_equal(plan(x=X), plan(X, out=out))


@pytest.mark.parametrize("planned", ["int64", "uint64", "float16", "float32", "float64"])
@pytest.mark.parametrize("given", ["bool", "int8", "int64", "uint8", "uint64", "float16", "float32", "float64",
                                   "longdouble", "complex64"])  # fmt: skip
def test_x_is_cast_as_numpy_casts_the_same_kind(planned, given):
    plan = nhwc.plan_conv2d(X.shape, np.ones((3, 3, 4, 6), planned))
    x = np.ones(X.shape, given)
    if np.can_cast(x.dtype, planned, "same_kind"):
        y = plan(x)
        assert y.dtype == planned
        assert np.all(y == 36)
    else:
        with pytest.raises(TypeError, match=f"plan_conv2d: x has dtype {x.dtype}, which does not cast to .*{planned}"):
            plan(x)


def test_x_is_rounded_to_the_plans_dtype():
    plan = nhwc.plan_conv1d((1, 1), np.ones((1, 1, 1), np.float16))
    third = plan(np.array([[1 / 3]]))
    assert third.dtype == np.float16
    assert third == np.float16(1 / 3)


# ---- dtype ----


@pytest.mark.parametrize(
    ("filters", "asked", "dtype"),
    [
        ("float32", None, "float32"),
        ("float64", None, "float64"),
        ("float16", None, "float16"),
        ("bool", None, "int64"),
        ("int8", None, "int64"),
        ("uint16", None, "uint64"),
        ("float64", "float32", "float32"),
        ("float32", np.float64, "float64"),
        ("float32", np.dtype("f2"), "float16"),
        ("int64", "float32", "float32"),
        ("uint8", np.int64, "int64"),
        ("uint8", "uint64", "uint64"),
        ("bool", "uint64", "uint64"),
        ("float32", float, "float64"),
        ("int8", int, "int64"),
    ],
)
def test_dtype_asked_for(filters, asked, dtype):
    weights = np.ones((3, 3, 4, 6), filters)
    plan = nhwc.plan_conv2d(X.shape, weights, np.ones(6, bool), dtype=asked)
    assert plan.dtype == dtype
    x = np.ones(X.shape, bool)
    assert plan(x).dtype == dtype
    assert np.all(plan(x) == 37)


@pytest.mark.parametrize(
    ("filters", "asked", "fragment"),
    [
        ("float32", "int64", "filters have dtype float32, which does not cast to the dtype int64"),
        ("int8", "uint64", "filters have dtype int8, which does not cast to the dtype uint64"),
        ("int8", "int32", "dtype is 'int32'; float16, bfloat16, float32, float64, int64, uint64 would do"),
        ("bool", bool, "dtype is <class 'bool'>"),
        ("float32", complex, "dtype is <class 'complex'>"),
        ("float32", np.longdouble, "dtype is "),
        ("float32", object, "dtype is <class 'object'>"),
        ("float32", "U3", "dtype is 'U3'"),
        ("float32", "no such dtype", "dtype is 'no such dtype'"),
        ("float32", 3, "dtype is 3"),
        ("float32", [("r", "f4")], "dtype is [('r', 'f4')]"),
        ("float32", "(2,)f4", "dtype is '(2,)f4'"),
    ],
)
def test_dtype_that_will_not_do(filters, asked, fragment):
    with pytest.raises(TypeError) as caught:
        nhwc.plan_conv2d(X.shape, np.ones((3, 3, 4, 6), filters), dtype=asked)
    assert str(caught.value).startswith(f"plan_conv2d: {fragment}")


def test_filters_are_rounded_to_the_dtype_asked_for():
    plan = nhwc.plan_conv1d((1, 1), np.array([[[1 / 3]]]), dtype=np.float16)
    assert plan(np.ones((1, 1))) == np.float16(1 / 3)


# ---- Immutable ----


def test_filters_and_bias_are_copied():
    filters, bias = FILTERS.copy(), BIAS.copy()
    plan = nhwc.plan_conv2d(X.shape, filters, bias)
    depthwise_filters = np.ones((3, 3, 4, 1), np.float32)
    depthwise = nhwc.plan_depthwise_conv2d(X.shape, depthwise_filters)
    before = plan(X), depthwise(X)
    for given in (filters, bias, depthwise_filters):
        given.fill(0)
    for made in (plan, copy.copy(plan)):
        np.testing.assert_array_equal(made(X), before[0])
    for made in (depthwise, copy.copy(depthwise)):
        np.testing.assert_array_equal(made(X), before[1])


def test_attributes_cannot_be_set():
    plan = nhwc.plan_conv2d(X.shape, FILTERS)
    for name in ("input_shape", "output_shape", "dtype", "algorithm", "isa", "macs", "packed_bytes", "workspace_bytes"):
        with pytest.raises(AttributeError):
            setattr(plan, name, getattr(plan, name))
    with pytest.raises(AttributeError):
        plan.novel = 1


def test_cannot_be_made_or_made_again_by_hand():
    for wrong in ((), (X.shape, FILTERS), ("plan_conv2d", 2, False)):
        with pytest.raises(TypeError):
            nhwc.Plan(*wrong)
    plan = nhwc.plan_conv2d(X.shape, FILTERS)
    with pytest.raises((TypeError, ValueError)):
        plan.__init__("plan_conv1d", 1, False, (8, 1), np.ones((1, 1, 1)), None, 1, "valid", 1, 1, None, "constant",
                      "auto", None)  # fmt: skip
    np.testing.assert_array_equal(plan(X), nhwc.conv2d(X, FILTERS))


UNFINISHED = """
import copy, numpy, nhwc
empty = nhwc.Plan.__new__(nhwc.Plan)
for use in (lambda: empty(numpy.zeros(3)), lambda: empty.algorithm, lambda: empty.isa, lambda: empty.packed_bytes,
            lambda: empty.workspace_bytes, lambda: repr(empty), lambda: copy.copy(empty)):
    try:
        use()
    except (ValueError, TypeError):
        print("refused")
"""


def test_an_unfinished_plan_is_refused():
    """In another interpreter, which a crash would end."""
    done = subprocess.run([sys.executable, "-c", UNFINISHED], text=True, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["refused"] * 7


@pytest.mark.parametrize("ndim", [-1, 0, 4, 9])
def test_another_number_of_axes_does_not_crash(ndim):
    with pytest.raises(ValueError, match=f"ndim is {ndim}; 1, 2 or 3 would do"):
        nhwc.Plan("plan_conv", ndim, False, (8,) * (ndim + 1), np.ones((1,) * (ndim + 2)), None, 1, "valid", 1, 1, None,
                  "constant", "auto", None)  # fmt: skip


# ---- Pickles and copies ----


def duplicates(plan):
    yield copy.copy(plan)
    yield copy.deepcopy(plan)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.loads(pickle.dumps(plan, protocol))


@pytest.mark.parametrize(
    ("name", "input_shape", "filters", "options"),
    [
        ("conv2d", X.shape, FILTERS, {"bias": BIAS, "padding": "same", "activation": "gelu"}),
        ("conv2d", (None, 8, 9, 4), FILTERS, {"padding": ((1, 0), (2, 3)), "padding_mode": "wrap"}),
        ("conv2d", X.shape, FILTERS.astype(np.float16), {"strides": 2}),
        ("conv2d", X.shape, np.ones((3, 3, 2, 6), np.uint8), {"groups": 2, "dtype": np.float64}),
        ("conv1d", (9, 4), FILTERS[0], {"activation": halve}),
        ("conv3d", (2, 3, 8, 9, 4), FILTERS[None], {"dilation_rate": 2}),
        ("depthwise_conv2d", X.shape, FILTERS, {"algorithm": "direct"}),
    ],
)
def test_duplicates_are_the_same(name, input_shape, filters, options):
    plan = getattr(nhwc, f"plan_{name}")(input_shape, filters, **options)
    x = RNG.standard_normal([3 if n is None else n for n in input_shape])
    expected = plan(x)
    for other in duplicates(plan):
        assert type(other) is nhwc.Plan
        for attribute in ("input_shape", "output_shape", "dtype", "algorithm", "isa", "macs", "packed_bytes"):
            assert getattr(other, attribute) == getattr(plan, attribute)
        assert repr(other) == repr(plan)
        np.testing.assert_array_equal(other(x), expected)


def test_a_pickle_is_packed_for_the_machine_that_loads_it():
    before = _core.isa()
    plan = nhwc.plan_conv2d(X.shape, FILTERS)
    data = pickle.dumps(plan)
    try:
        for isa in _core.ISAS_AVAILABLE:
            _core._use_isa(isa)
            loaded = pickle.loads(data)
            assert loaded.isa == isa
            np.testing.assert_array_equal(loaded(X), nhwc.conv2d(X, FILTERS))
    finally:
        _core._use_isa(before)
    assert plan.isa == before


def test_a_plan_with_a_lambda_works_and_says_that_it_cannot_be_pickled():
    plan = nhwc.plan_conv2d(X.shape, FILTERS, activation=lambda y: y / 2)
    np.testing.assert_array_equal(plan(X), nhwc.conv2d(X, FILTERS) / 2)
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        pickle.dumps(plan)
    np.testing.assert_array_equal(copy.copy(plan)(X), plan(X))
