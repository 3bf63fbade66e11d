"""Integers: exact, or wrapped at 64 bits as NumPy's, whatever they are computed in."""

import itertools
import pickle

import numpy as np
import pytest
from problems import ALL_PROBLEMS, assert_same_bits, conv

import nhwc
from nhwc import reference

DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"]
# Samples so large that they are converted in bands.
BANDS = [
    conv((1, 131, 90, 24), (3, 3, 24, 9), padding="same"),
    conv((2, 150, 70, 16), (3, 3, 16, 17), padding=((5, 0), (1, 2)), padding_mode="reflect"),
    conv((1, 131, 129, 12), (3, 3, 12, 2), depthwise=True, padding="same", strides=(1, 2)),
    conv((1, 60011, 3), (9, 3, 2), padding="causal"),
]


def draw(rng, dtype, shape, bits=64):
    """Numbers over the whole range of a dtype, extremes among them, or of so many bits."""
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    info = np.iinfo(dtype)
    low, high = max(info.min, -(2 ** (bits - 1))), min(info.max, 2 ** (bits - 1) - 1 if bits < 64 else info.max)
    a = rng.integers(low, high, shape, dtype, endpoint=True)
    edge = rng.random(shape)
    return np.where(edge < 0.05, np.array(low, dtype), np.where(edge > 0.95, np.array(high, dtype), a))


def result_dtype(x, filters):
    return np.dtype("uint64" if np.result_type(x, filters).kind == "u" else "int64")


def expected(problem, x, filters, **keywords):
    """What 64-bit integers give in plain NumPy."""
    return problem.run(reference, x, filters, dtype=result_dtype(x, filters), **keywords)


def check(problem, x, filters):
    y = expected(problem, x, filters)
    assert_same_bits(problem.run(nhwc, x, filters), y, (problem, x.dtype, filters.dtype))
    assert_same_bits(problem.plan(nhwc, filters, dtype=y.dtype)(x), y, (problem, x.dtype, filters.dtype))


def test_the_reference_wraps_as_python_ints_do():
    rng = np.random.default_rng(1)
    for x_dtype, filters_dtype in itertools.product(["int64", "uint64", "int32"], repeat=2):
        if np.result_type(x_dtype, filters_dtype).kind == "f":
            continue
        x, filters = draw(rng, x_dtype, (9, 3)), draw(rng, filters_dtype, (2, 3, 2))
        y = reference.conv1d(x, filters, dtype=result_dtype(x, filters))
        for i, f in np.ndindex(8, 2):
            total = sum(int(x[i + u, c]) * int(filters[u, c, f]) for u in range(2) for c in range(3))
            assert int(y[i, f]) % 2**64 == total % 2**64


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_kernel_on_the_whole_range(isa, dtype):
    rng = np.random.default_rng(2)
    for i, problem in enumerate(ALL_PROBLEMS):
        if i % 23 == (len(isa) + len(dtype)) % 23 and problem.reduction * np.prod(problem.x_shape) < 1e6:
            bits = (64, 33, 20, 12)[i % 4]
            if problem.options.get("activation") in (None, "relu", "relu6"):
                check(problem, draw(rng, dtype, problem.x_shape, bits), draw(rng, dtype, problem.filters_shape, bits))


@pytest.mark.parametrize("dtype", DTYPES)
def test_pieces_do_not_show(isa, dtype):
    rng = np.random.default_rng(3)
    for problem in BANDS[:: 3 if isa == "scalar" else 1]:
        check(problem, draw(rng, dtype, problem.x_shape), draw(rng, dtype, problem.filters_shape))


def test_every_pair_of_dtypes(isa):
    rng = np.random.default_rng(4)
    problem = conv((5, 6, 19), (3, 3, 19, 18))
    for x_dtype, filters_dtype in itertools.product(DTYPES, repeat=2):
        x, filters = draw(rng, x_dtype, problem.x_shape), draw(rng, filters_dtype, problem.filters_shape)
        if np.result_type(x, filters).kind in "iub":
            y = expected(problem, x, filters)
            assert_same_bits(problem.run(nhwc, x, filters), y, (x_dtype, filters_dtype))


# Reductions below and above what sums in 24, 32 and 51 bits can hold, for all values at the end of the range.
@pytest.mark.parametrize("k", [1, 2, 3, 257, 258, 259, 511, 512, 513, 514, 1023, 1024, 1025, 4608, 9000])
def test_sums_of_extremes(isa, k):
    for dtype in DTYPES[:8]:
        info = np.iinfo(dtype)
        for a, b in itertools.product((info.min, info.max), repeat=2):
            x, filters = np.full((1, 2, k), a, dtype), np.full((1, k, 3), b, dtype)
            want = k * a * b
            y = nhwc.conv1d(x, filters)
            assert all(int(v) % 2**64 == want % 2**64 for v in y.flat), (dtype, a, b)
            x[0, 1, :] -= np.array(1 if a > 0 else 0, dtype)
            filters[0, k // 2, 1] = 0
            assert_same_bits(nhwc.conv1d(x, filters), reference.conv1d(x, filters, dtype=y.dtype), (dtype, a, b))


def test_mixed_signs_at_the_edge_of_float32(isa):
    """uint8 by int8: 2^24 lies between 513 and 514 products of -128 * 255."""
    for k in (513, 514, 515):
        x, filters = np.full((1, 3, k), 255, np.uint8), np.full((1, k, 2), -128, np.int8)
        filters[0, 0, 0] = 127
        assert_same_bits(nhwc.conv1d(x, filters), reference.conv1d(x, filters, dtype=result_dtype(x, filters)))


@pytest.mark.parametrize("bits", [8, 24, 31, 32, 40, 52, 53, 64])
@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32", "uint32"])
def test_values_choose_what_wide_integers_are_computed_in(isa, dtype, bits):
    rng = np.random.default_rng(bits)
    problem = conv((7, 9, 13), (3, 3, 13, 11), padding="same")
    for filter_bits in (2, 16, 31, 64):
        check(problem, draw(rng, dtype, problem.x_shape, bits), draw(rng, dtype, problem.filters_shape, filter_bits))


def test_a_plan_takes_every_integer_that_casts():
    """Filters of 8 bits let a plan sum in float32; wider inputs make it find a wider way, and the narrow one stays."""
    rng = np.random.default_rng(6)
    problem = conv((6, 7, 40), (3, 3, 40, 9), padding="same")
    for dtype in ("int8", "int64"):
        filters = draw(rng, dtype, problem.filters_shape, 8)
        bias, residual = draw(rng, "int64", (9,)), draw(rng, "int64", (6, 7, 9))
        plan = problem.plan(nhwc, filters, bias)
        assert plan.dtype == np.int64
        for x_dtype in [*DTYPES, "int8"]:
            x = draw(rng, x_dtype, problem.x_shape)
            wide = x.astype(np.int64)
            want = expected(problem, wide, filters.astype(np.int64), bias=bias, residual=residual)
            assert_same_bits(plan(x, residual=residual), want, x_dtype)
            assert_same_bits(plan(x.astype(x.dtype.newbyteorder()), residual=residual), want, x_dtype)
    plan = problem.plan(nhwc, filters.astype(np.uint16))
    with pytest.raises(TypeError, match="x has dtype int8, which does not cast to the plan's uint64"):
        plan(draw(rng, "int8", problem.x_shape))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "uint64"])
def test_bias_residual_and_clamp(isa, dtype):
    rng = np.random.default_rng(7)
    problem = conv((2, 9, 7, 5), (3, 3, 5, 21), padding="same")
    x, filters = draw(rng, dtype, problem.x_shape), draw(rng, dtype, problem.filters_shape)
    result = "uint64" if dtype[0] == "u" else "int64"
    bias, residual = draw(rng, result, (21,)), draw(rng, result, (2, 9, 7, 21))
    for activation, b, r in itertools.product((None, "relu", "relu6"), (None, bias), (None, residual)):
        want = expected(problem, x, filters, bias=b, residual=r, activation=activation)
        assert_same_bits(problem.run(nhwc, x, filters, b, r, activation=activation), want, activation)
        plan = problem.plan(nhwc, filters, b, activation=activation)
        assert_same_bits(plan(x, residual=r), want, activation)
        if r is not None:
            out = r.copy()
            plan(x, residual=out, out=out)
            assert_same_bits(out, want, activation)


def test_threads_and_batch_do_not_show():
    rng = np.random.default_rng(8)
    for dtype, problem in itertools.product(("int8", "int16", "int64"), BANDS[:2]):
        x, filters = draw(rng, dtype, problem.x_shape), draw(rng, dtype, problem.filters_shape)
        plan = problem.plan(nhwc, filters, input_shape=(None, *x.shape[1:]))
        y = plan(x)
        for threads in (2, 5):
            with nhwc.num_threads(threads):
                assert_same_bits(plan(np.repeat(x, 3, 0)), np.repeat(y, 3, 0))


def test_winograd_is_for_floats():
    message = r"algorithm='winograd_f[24]' serves float32 .* but this is int64"
    for dtype in ("int8", "int64"):
        x, filters = np.ones((6, 6, 8), dtype), np.ones((3, 3, 8, 16), dtype)
        assert nhwc.plan_conv2d(x.shape, filters).algorithm == "direct"
        with pytest.raises(ValueError, match=message):
            nhwc.conv2d(x, filters, algorithm="winograd_f4")
        with pytest.raises(ValueError, match=message):
            nhwc.plan_conv2d(x.shape, filters, algorithm="winograd_f2")


def test_nothing_and_no_channels():
    for dtype in ("int8", "uint64", "float16"):
        for x_shape, filters_shape in (((0, 4, 4, 2), (3, 3, 2, 5)), ((1, 4, 4, 0), (3, 3, 0, 5)),
                                       ((1, 4, 4, 2), (3, 3, 2, 0)), ((1, 0, 4, 2), (3, 3, 2, 5))):  # fmt: skip
            x, filters = np.ones(x_shape, dtype), np.ones(filters_shape, dtype)
            dtype = dtype if dtype == "float16" else result_dtype(x, filters)
            want = reference.conv2d(x, filters, padding="same").astype(dtype)
            assert_same_bits(nhwc.conv2d(x, filters, padding="same"), want)
            assert_same_bits(nhwc.plan_conv2d(x_shape, filters, padding="same")(x), want)


@pytest.mark.parametrize("dtype", ["int8", "int64", "float16"])
def test_a_plan_is_the_same_after_it_met_other_inputs_and_a_pickle(dtype):
    rng = np.random.default_rng(9)
    filters = rng.integers(0, 3, (3, 3, 40, 9)).astype(dtype)
    plan = nhwc.plan_conv2d((6, 7, 40), filters)
    told = plan.packed_bytes, plan.workspace_bytes, repr(plan)
    assert plan.packed_bytes >= filters.size
    x = rng.integers(0, 100, (6, 7, 40)).astype(dtype)
    y = plan(x)
    copy = pickle.loads(pickle.dumps(plan))
    assert_same_bits(copy(x), y)
    for other in ("int8", "uint8", "int16"):
        assert_same_bits(plan(x.astype(other)), y)
    assert told == (plan.packed_bytes, plan.workspace_bytes, repr(plan))
    assert told == (copy.packed_bytes, copy.workspace_bytes, repr(copy))
