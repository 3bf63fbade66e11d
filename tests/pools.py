"""What the tests of pooling and its gradients share: problems at the edges of kernels, and the error allowed."""

import functools
import itertools

import numpy as np
from problems import EPS, SIZES

from nhwc import reference


def pools():
    """(spatial axes, shape of x, options): channel tails, widths, overlaps, gaps, paddings, every number of axes."""
    for i, c in enumerate(SIZES):
        pool, stride = 1 + i % 4, 1 + i % 3
        yield 2, (2, 5, 6, c), {"pool_size": (1 + i % 3, pool), "strides": stride, "padding": "same"}
        yield 2, (7, 4 + i % 9, 1 + i % 5), {"pool_size": (3, 1 + i % 4), "strides": (2, 1 + i % 2)}
        yield 1, (1 + i % 2, c + 3, 1 + i % 3), {"pool_size": 1 + i % 4, "strides": stride, "padding": "same"}
    for pool, stride, padding in itertools.product((1, 2, 3, 5), (None, 1, 2, 7), ("valid", "same", "edges")):
        sides = ((pool - 1, pool // 2), (0, pool - 1)) if padding == "edges" else padding
        yield 2, (1, 9, 11, 3), {"pool_size": pool, "strides": stride, "padding": sides}
        yield 2, (9, 8, 20), {"pool_size": (pool, 3), "strides": stride, "padding": "SAME"}
        sides = ((pool // 2, pool - 1),) if padding == "edges" else padding
        yield 1, (2, 13, 5), {"pool_size": pool, "strides": stride, "padding": sides}
        sides = ((0, 0), (pool // 2, 0), (0, pool - 1)) if padding == "edges" else padding
        yield 3, (1, 5, 6, 7, 4), {"pool_size": pool, "strides": stride, "padding": sides}
    yield 2, (40, 41, 2), {"pool_size": 31, "strides": 1, "padding": "same"}
    yield 2, (30, 31, 17), {"pool_size": (12, 20), "strides": 3, "padding": 5}
    yield 1, (9001, 1), {"pool_size": 2000, "strides": 7}
    yield 1, (20000, 3), {"pool_size": 2, "padding": "same"}
    yield 2, (1, 3, 5000, 2), {"pool_size": 3, "strides": 1, "padding": "same"}
    yield 2, (1, 20, 21, 200), {"pool_size": 3, "strides": 1, "padding": 1}
    yield 3, (2, 4, 9, 8, 33), {"pool_size": (2, 3, 3), "strides": (2, 1, 2), "padding": "same"}


POOLS = list(pools())


def draw(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def ties(shape, dtype, seed=0):
    """Few different numbers, so that windows have several maxima; no zeros, of whose signs a maximum takes either."""
    return np.random.default_rng(seed).choice([-2, -1, 1, 2], shape).astype(dtype)


def assert_near(y, exact, size, parts):
    """Fail unless the largest error is at most `parts` rounding errors of the largest sum of absolute values."""
    assert y.shape == exact.shape
    assert y.flags.c_contiguous
    error, allowed = np.abs(y - exact).max(initial=0), parts * EPS[y.dtype.name] * size.max(initial=0)
    assert error <= allowed, (error, allowed)


def wider(dtype):
    return np.float64 if dtype == np.float32 else np.longdouble


def mean(ndim, x, options):
    """The means in a wider precision, and those of absolute values."""
    function, wide = getattr(reference, f"average_pool{ndim}d"), wider(x.dtype)
    return function(x, **options, dtype=wide), function(np.abs(x), **options, dtype=wide)


@functools.cache
def solved(i, dtype):
    """Problem i: x, the exact means and their sizes, the maxima; kept, since every instruction set asks for them."""
    ndim, shape, options = POOLS[i]
    x = draw(shape, dtype)
    return x, *mean(ndim, x, options), getattr(reference, f"max_pool{ndim}d")(x, **options, dtype=dtype)


@functools.cache
def solved_grad(i, dtype, kind):
    """Problem i: dy, x, and the exact gradient in x, with its size."""
    ndim, shape, options = POOLS[i]
    x = (ties if i % 2 else draw)(shape, dtype)
    dy = draw(getattr(reference, f"max_pool{ndim}d")(x, **options).shape, dtype, 1)
    function, second = getattr(reference, f"{kind}_pool{ndim}d_grad"), x if kind == "max" else shape
    wide = wider(dtype)
    return dy, x, function(dy, second, **options, dtype=wide), function(np.abs(dy), second, **options, dtype=wide)
