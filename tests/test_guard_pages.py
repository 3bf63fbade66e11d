"""Arrays that end or begin at a forbidden page: a kernel that reads or writes beyond them crashes the interpreter."""

import ctypes
import mmap

import numpy as np
import pytest
from pools import POOLS
from problems import ALL_PROBLEMS, assert_same_bits, conv

import nhwc
from nhwc import _core

try:
    mprotect = ctypes.CDLL(None).mprotect
except (AttributeError, OSError, TypeError):
    pytest.skip("this system has no mprotect", allow_module_level=True)
mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def guarded(a, side):
    """Copy an array to memory between two forbidden pages, touching the one before it or the one after it."""
    page = mmap.PAGESIZE
    pages = max(1, -(-a.nbytes // page))
    block = mmap.mmap(-1, (pages + 2) * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(block))
    for guard in (start, start + (pages + 1) * page):
        assert mprotect(guard, page, 0) == 0, "mprotect failed"
    offset = page if side == "begin" else (pages + 1) * page - a.nbytes
    b = np.frombuffer(block, a.dtype, a.size, offset).reshape(a.shape)
    b[...] = a
    return b


def tails():
    """Every tail of channels, filters and columns from 1 to 70, in each family of kernels."""
    for n in range(1, 71):
        terms = {"bias": True, "residual": n % 2 == 0, "activation": _core.ACTIVATIONS[n % len(_core.ACTIVATIONS)]}
        few, odd = 1 + n % 5, 1 + n % 3
        yield conv((2, 3, 4, n), (3, 3, n, few), padding="same", **terms)
        yield conv((3, 5, few), (2, 3, few, n), **terms)
        yield conv((2, 3, n), (1, 1, n, 71 - n), **terms)
        yield conv((n, 3), (3, 3, 5), padding="same", strides=odd, **terms)
        yield conv((1, 4, n, few), (3, 3, few, odd), padding="same", **terms)
        yield conv((odd, n + 2, 1), (odd, 3, 1, 1), **terms)
        yield conv((2, 4, 5, n), (3, 3, n, odd), depthwise=True, padding="same", strides=1 + n % 2, **terms)
        yield conv((9, n), (4, n, 1), depthwise=True, dilation_rate=2, **terms)
        yield conv((3, 4, 2 * n), (3, 2, n, 2 * few), groups=2, **terms)
        yield conv((2, 3, 4, odd), (2, 2, 2, odd, n), padding=1, **terms)


@pytest.mark.parametrize("side", ["begin", "end"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_kernel_leaves_its_arrays(isa, dtype, side):
    for problem in [*tails(), *ALL_PROBLEMS]:
        operands = problem.operands(dtype)
        expected = problem.run(nhwc, *operands)
        x, filters, bias, residual = [None if a is None else guarded(a, side) for a in operands]
        out = guarded(np.zeros_like(expected), side)
        problem.run(nhwc, x, filters, bias, residual, out=out)
        assert_same_bits(out, expected, problem)
        out[...] = 0
        problem.plan(nhwc, filters, bias)(x, out=out, residual=residual)
        assert_same_bits(out, problem.plan(nhwc, *operands[1:3])(operands[0], residual=operands[3]), problem)


@pytest.mark.parametrize("side", ["begin", "end"])
@pytest.mark.parametrize("dtype", [np.float32])
@pytest.mark.parametrize(("algorithm", "k"), [("winograd_f2", 3), ("winograd_f4", 3), ("winograd_f2_5x5", 5)])
def test_no_winograd_kernel_leaves_its_arrays(isa, algorithm, k, dtype, side):
    for n in range(1, 71):
        terms = {"padding": "same", "bias": True, "residual": n % 2 == 0}
        for problem in (conv((2, 5, 6, n), (k, k, n, 1 + n % 5), **terms), conv((4, 7, 2), (k, k, 2, n), **terms)):
            operands = problem.operands(dtype)
            operands[0].flat[-1] = np.nan  # the guard's direct sums read filters, too
            expected = problem.run(nhwc, *operands, algorithm=algorithm)
            x, filters, bias, residual = [None if a is None else guarded(a, side) for a in operands]
            out = guarded(np.zeros_like(expected), side)
            y = problem.run(nhwc, x, filters, bias, residual, out=out, algorithm=algorithm)
            assert_same_bits(y, expected, problem)


@pytest.mark.parametrize("side", ["begin", "end"])
@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.uint8, np.float16])
def test_no_plain_path_leaves_its_arrays(dtype, side):
    for problem in tails():
        if dtype is not np.float16 and problem.options["activation"] not in ("linear", "relu", "relu6"):
            continue
        operands = [None if a is None else np.abs(9 * a).astype(dtype) for a in problem.operands()]
        expected = problem.run(nhwc, *operands)
        operands = [None if a is None else guarded(a, side) for a in operands]
        assert_same_bits(problem.run(nhwc, *operands, out=guarded(np.zeros_like(expected), side)), expected, problem)


@pytest.mark.parametrize("side", ["begin", "end"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_no_pooling_leaves_its_arrays(isa, dtype, side):
    rng = np.random.default_rng(0)
    for ndim, shape, options in POOLS[::2]:
        x = guarded(rng.integers(0, 99, shape).astype(dtype), side)
        for kind in ("max", "average") if np.dtype(dtype).kind == "f" else ("max",):
            pool, grad = (getattr(nhwc, f"{kind}_pool{ndim}d{end}") for end in ("", "_grad"))
            expected = pool(x.copy(), **options)
            y = guarded(np.zeros_like(expected), side)
            assert_same_bits(pool(x, **options, out=y), expected, (shape, options))
            getattr(nhwc, f"global_{kind}_pool{ndim}d")(x)
            if np.dtype(dtype).kind == "f":
                expected = grad(expected, x.copy() if kind == "max" else shape, **options)
                dx = guarded(np.zeros_like(expected), side)
                assert_same_bits(grad(y, x if kind == "max" else shape, **options, out=dx), expected, (shape, options))


@pytest.mark.parametrize("side", ["begin", "end"])
def test_no_separable_convolution_leaves_its_arrays(isa, side):
    for c, f, m in ((3, 5, 2), (64, 33, 1), (130, 70, 1)):
        shapes = (2, 61, 40, c), (3, 3, c, m), (1, 1, c * m, f), (f,)
        operands = [np.random.default_rng(0).standard_normal(shape).astype(np.float32) for shape in shapes]
        expected = nhwc.separable_conv2d(*operands, padding="same")
        out = guarded(np.zeros_like(expected), side)
        nhwc.separable_conv2d(*[guarded(a, side) for a in operands], padding="same", out=out)
        assert_same_bits(out, expected, c)


@pytest.mark.parametrize("side", ["begin", "end"])
@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint16, np.int32, np.int64])
def test_no_conversion_leaves_its_arrays(isa, dtype, side):
    rng = np.random.default_rng(1)
    for problem in [*list(tails())[:: 11 if dtype == np.float16 else 13], conv((1, 300, 31, 33), (3, 3, 33, 5))]:
        operands = [None if a is None else (a * 9).astype(dtype) for a in problem.operands()]
        activation = problem.options.get("activation") if dtype == np.float16 else "relu6"
        if dtype in (np.int32, np.int64):
            operands[0] = rng.integers(-(2**31), 2**31, problem.x_shape).astype(dtype)
        expected = problem.run(nhwc, *operands[:2], activation=activation)
        bias, residual = (None if a is None else a.astype(expected.dtype) for a in operands[2:])
        expected = problem.run(nhwc, *operands[:2], bias, residual, activation=activation)
        x, filters, bias, residual = [None if a is None else guarded(a, side) for a in (*operands[:2], bias, residual)]
        out = guarded(np.zeros_like(expected), side)
        problem.run(nhwc, x, filters, bias, residual, out=out, activation=activation)
        assert_same_bits(out, expected, problem)


@pytest.mark.parametrize("side", ["begin", "end"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_filter_gradient_leaves_its_arrays(isa, dtype, side):
    for n in range(1, 71):
        few, odd = 1 + n % 5, 1 + n % 3
        for problem in (
            conv((2, 3, 4, n), (3, 3, n, few), padding="same"),
            conv((3, 5, few), (2, 3, few, n)),
            conv((n, 3), (3, 3, 5), padding="same", strides=odd),
            conv((4, n, few), (3, 3, few, odd), padding="same"),
            conv((4, 5, n), (3, 3, n, odd), depthwise=True, padding="same", strides=odd),
            conv((7, 4 * n), (3, 4, 4 * n), groups=n, dilation_rate=odd),
        ):
            x, filters, *_ = problem.operands(dtype)
            dy = problem.run(nhwc, x, filters)
            function = getattr(nhwc, f"{problem.function}_filter_grad")
            kernel = problem.filters_shape[: problem.ndim]
            expected = function(x, dy, kernel, **problem.options)
            out = guarded(np.zeros_like(expected), side)
            function(guarded(x, side), guarded(dy, side), kernel, **problem.options, out=out)
            assert_same_bits(out, expected, problem)
