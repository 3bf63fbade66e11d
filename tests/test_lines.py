"""Direct layers whose kernels take neighbouring taps together: strides, dilations, borders, tails, other values."""

import numpy as np
import pytest
from problems import assert_close, assert_same_bits, conv, solved
from test_guard_pages import guarded

import nhwc
from nhwc import reference


def lines():
    """Rows of every length from 5 to 30, which are cut into tiles of every size, and kernels of 2 to 11 taps."""
    for n in range(5, 31):
        terms = {"bias": True, "residual": n % 2 == 0, "activation": "relu" if n % 3 else "tanh"}
        taps, step = 2 + n % 10, 1 + n % 3
        yield conv((2, 4, n, 22), (3, 3, 22, 3 * n), padding="same", **terms)
        yield conv((3, n, 33), (3, 3, 33, 17), strides=step, padding=1, **terms)
        yield conv((5, 2 * n, 13), (3, taps, 13, 40), padding="same", **terms)
        yield conv((5, 6 * n, 35), (2, 3, 35, 16 + n), padding="same", dilation_rate=step, **terms)
    yield conv((3, 4, 9, 24), (3, 3, 3, 24, 50), padding="same", bias=True)
    yield conv((700, 70), (9, 70, 33), padding="same")
    yield conv((6, 9, 80), (3, 3, 40, 66), groups=2, padding="same")
    yield conv((6, 9, 40), (3, 3, 40, 20), padding=((4, 1), (5, 6)))
    for mode in ("wrap", "reflect", "edge", "symmetric"):
        yield conv((7, 12, 33), (3, 5, 33, 20), padding="same", padding_mode=mode)


LINES = list(lines())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_are_the_definitions_within_their_arrays(isa, dtype):
    for i, problem in enumerate(LINES):
        operands, expected, size = solved(problem, dtype)
        side = "begin" if i % 2 else "end"
        x, filters, bias, residual = [None if a is None else guarded(a, side) for a in operands]
        out = guarded(np.zeros(expected.shape, dtype), side)
        assert_close(
            problem, problem.run(nhwc, x, filters, bias, residual, out=out, algorithm="direct"), expected, size
        )


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_filters_that_are_not_finite_meet_the_padding(isa, value):
    x = np.ones((1, 6, 9, 40), np.float32)
    w = np.ones((3, 3, 40, 40), np.float32)
    w[0, 0, 3, 5] = value
    expected = reference.conv2d(x, w, padding="same")
    for y in (
        nhwc.conv2d(x, w, padding="same", algorithm="direct"),
        nhwc.plan_conv2d(x.shape, w, padding="same", algorithm="direct")(x),
    ):
        assert_same_bits(np.isnan(y), np.isnan(expected))
        assert_same_bits(np.isinf(y), np.isinf(expected))


def test_bits_depend_on_neither_batch_nor_threads_nor_plan(isa):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((3, 29, 31, 48)).astype(np.float32)
    w = rng.standard_normal((3, 3, 48, 80)).astype(np.float32)
    with nhwc.num_threads(1):
        expected = nhwc.conv2d(x, w, padding="same", algorithm="direct")
    plan = nhwc.plan_conv2d(x.shape, w, padding="same", algorithm="direct")
    assert_same_bits(plan(x), expected)
    assert_same_bits(nhwc.conv2d(x, w, padding="same", algorithm="direct"), expected)
    assert_same_bits(nhwc.conv2d(x[1:2], w, padding="same", algorithm="direct"), expected[1:2])
