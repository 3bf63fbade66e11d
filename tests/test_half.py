"""float16 and bfloat16: the float32 result, rounded once, to the bit; conversions at every edge of the formats."""

import numpy as np
import pytest
from problems import ALL_PROBLEMS, LARGE_PROBLEMS, assert_same_bits, conv

import nhwc
from nhwc import _core

try:
    from ml_dtypes import bfloat16
except ImportError:
    bfloat16 = None

HALVES = [np.float16, pytest.param(bfloat16, marks=pytest.mark.skipif(bfloat16 is None, reason="no ml_dtypes"))]

# Samples that are cut into bands: rows, columns of a signal, slices of a volume; rests of bands, every padding mode.
BANDS = [
    conv((1, 131, 90, 24), (3, 3, 24, 40), padding="same", bias=True, residual=True, activation="gelu"),
    conv((2, 90, 131, 32), (3, 3, 32, 17), padding=((5, 0), (1, 2)), residual=True),
    conv((1, 117, 64, 64), (1, 1, 64, 100), strides=2, bias=True),
    conv((1, 101, 99, 3), (7, 7, 3, 64), padding="same", strides=2, activation="relu6"),
    conv((1, 500, 300, 1), (5, 5, 1, 2), padding="same", dilation_rate=3),
    conv((1, 131, 129, 33), (3, 3, 33, 1), depthwise=True, padding="same", bias=True),
    conv((1, 131, 129, 8), (5, 5, 8, 2), depthwise=True, padding="same", strides=3, residual=True),
    conv((1, 30011, 8), (9, 8, 24), padding="causal", dilation_rate=2, bias=True),
    conv((1, 41, 24, 25, 8), (3, 3, 3, 8, 16), padding="same", bias=True),
    conv((1, 120, 130, 24), (3, 3, 8, 24), groups=3, padding="full"),
    *(
        conv((1, 99, 130, 16), (3, 3, 16, 24), padding=3, padding_mode=mode)
        for mode in ("edge", "reflect", "symmetric", "wrap")
    ),
]


def rounded(y, dtype):
    with np.errstate(over="ignore"):
        return y.astype(dtype)


def assert_rounded_once(problem, dtype, operands, **keywords):
    """Fail unless a function and a plan give the bits of their float32 results, rounded."""
    half = [None if a is None else rounded(a, dtype) for a in operands]
    x, filters, bias, residual = wide = [None if a is None else a.astype(np.float32) for a in half]
    y = problem.run(nhwc, *half, **keywords)
    # The sign of a zero is nobody's promise.
    assert_same_bits(y + dtype(0), rounded(problem.run(nhwc, *wide, **keywords), dtype) + dtype(0), problem)
    plan = problem.plan(nhwc, *half[1:3], **keywords)
    expected = problem.plan(nhwc, filters, bias, **keywords)(x, residual=residual)
    assert_same_bits(plan(half[0], residual=half[3]) + dtype(0), rounded(expected, dtype) + dtype(0), problem)


@pytest.mark.parametrize("dtype", HALVES)
def test_every_problem_is_rounded_once(isa, dtype):
    for i, problem in enumerate(ALL_PROBLEMS):
        if i % 5 == len(isa) % 5:
            assert_rounded_once(problem, dtype, problem.operands())


@pytest.mark.parametrize("dtype", HALVES)
def test_pieces_do_not_show(isa, dtype):
    for problem in [*LARGE_PROBLEMS[::3], *(BANDS[::3] if isa == "scalar" else BANDS)]:
        assert_rounded_once(problem, dtype, problem.operands())


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("algorithm", ["winograd_f2", "winograd_f4", "direct"])
def test_an_algorithm_by_name(isa, dtype, algorithm):
    for problem in (conv((1, 151, 83, 24), (3, 3, 24, 40), padding="same", bias=True), conv((7, 9, 5), (3, 3, 5, 3))):
        assert problem.plan(nhwc, problem.operands(dtype)[1], algorithm=algorithm).algorithm == algorithm
        assert_rounded_once(problem, dtype, problem.operands(), algorithm=algorithm)


@pytest.mark.parametrize("dtype", HALVES)
def test_threads_and_batch_do_not_show(dtype):
    for problem in BANDS[:2]:
        x, filters, bias, residual = problem.operands(dtype)
        plan = problem.plan(nhwc, filters, bias, input_shape=(None, *x.shape[1:]))
        expected = plan(x, residual=residual)
        batch = np.repeat(x, 3, 0)
        many = None if residual is None else np.repeat(residual, 3, 0)
        for threads in (2, 3, 7):
            with nhwc.num_threads(threads):
                assert_same_bits(plan(x, residual=residual), expected)
                assert_same_bits(plan(batch, residual=many), np.repeat(expected, 3, 0))


@pytest.mark.parametrize("dtype", HALVES)
def test_every_value_of_the_format_passes_through(isa, dtype):
    every = np.arange(2**16, dtype=np.uint16).view(dtype)
    finite = every[np.isfinite(every.astype(np.float32))]
    for n in (len(finite), 1, 7, 33):
        y = nhwc.conv1d(finite[:n, None], np.ones((1, 1, 1), dtype))
        np.testing.assert_array_equal(y[:, 0], finite[:n])
    y = nhwc.conv1d(every[:, None], np.ones((1, 1, 1), dtype))[:, 0]
    np.testing.assert_array_equal(y.astype(np.float32), every.astype(np.float32))


@pytest.mark.parametrize("dtype", HALVES)
def test_results_round_to_nearest_even(isa, dtype):
    """Products of two numbers fall between all neighbours of the format, subnormal and overflowing ones too."""
    every = np.arange(0, 2**16, 13, dtype=np.uint16).view(dtype)
    every = every[np.isfinite(every.astype(np.float32))]
    factors = np.array([1.0009765625, 1.00390625, 0.333, 1.5, 2.0, 0.000061, 3e-5, 0.5], dtype)
    y = nhwc.conv1d(every[:, None], factors[None, None])
    with np.errstate(over="ignore", invalid="ignore"):
        exact = every.astype(np.float32)[:, None] * factors.astype(np.float32)
        np.testing.assert_array_equal(y, exact.astype(dtype))
    assert np.isinf(y.astype(np.float32)).any()


@pytest.mark.parametrize("dtype", HALVES)
def test_ties_and_the_edge_of_overflow(isa, dtype):
    """A sum of two numbers of the format that lies halfway between neighbours, just below and just above."""
    bits = np.arange(0, 0x7BFF if dtype == np.float16 else 0x7F7F, 97, dtype=np.uint16)
    a, b = bits.view(dtype).astype(np.float64), (bits + 1).view(dtype).astype(np.float64)
    middle = ((a + b) / 2).astype(np.float32)
    values = np.concatenate([middle, np.nextafter(middle, 0), np.nextafter(middle, np.float32(np.inf))])
    largest = np.float32(65519.996 if dtype == np.float16 else 3.39e38)
    values = np.append(values, [largest, -largest, np.float32(65520), np.float32(-65520), np.float32(1e38)])
    with np.errstate(all="ignore"):
        high = values.astype(dtype)
        pairs = np.stack([high, (values - high.astype(np.float32)).astype(dtype)], -1)
        expected = pairs.astype(np.float32).sum(-1).astype(dtype)
        y = nhwc.conv1d(pairs, np.ones((1, 2, 1), dtype))
    np.testing.assert_array_equal(y[:, 0], expected)


@pytest.mark.parametrize("dtype", HALVES)
def test_nan_and_infinity_stay_where_they_are(isa, dtype):
    problem = conv((1, 60, 61, 20), (3, 3, 20, 32), padding="same")
    for algorithm in ("auto", "direct", "winograd_f4"):
        x, filters, *_ = problem.operands(dtype)
        x[0, 30, 30, 3], x[0, 10, 50, 7] = np.nan, np.inf
        y = problem.run(nhwc, x, filters, algorithm=algorithm).astype(np.float32)
        hit = np.zeros(y.shape, bool)
        hit[0, 29:32, 29:32] = hit[0, 9:12, 49:52] = True
        np.testing.assert_array_equal(np.isfinite(y), ~hit)
        wide = problem.run(nhwc, x.astype(np.float32), filters.astype(np.float32), algorithm=algorithm)
        np.testing.assert_array_equal(y, wide.astype(dtype).astype(np.float32))


def test_workspace_is_bounded():
    """A large image is converted in bands: what a thread needs does not grow with the image."""
    filters = np.ones((3, 3, 16, 16), np.float16)
    sizes = [nhwc.plan_conv2d((1, n, 256, 16), filters, padding="same").workspace_bytes for n in (256, 1024, 100_000)]
    assert max(sizes) < 8 << 20
    assert sizes[2] <= sizes[0] * 1.2


def test_a_plan_reads_x_and_residual_only():
    problem = conv((1, 131, 90, 24), (3, 3, 24, 40), padding="same", residual=True)
    x, filters, _, residual = problem.operands(np.float16)
    before = x.copy(), residual.copy()
    for a in (x, filters, residual):
        a.flags.writeable = False
    plan = problem.plan(nhwc, filters)
    expected = plan(x, residual=residual)
    in_place = residual.copy()
    assert plan(x, residual=in_place, out=in_place) is in_place
    assert_same_bits(in_place, expected)
    assert_same_bits(x, before[0])
    assert_same_bits(residual, before[1])
    assert plan.dtype == np.float16
    assert plan.isa == _core.isa()
