"""Random arrays: dtypes, values from subnormal to infinite, and the layouts in memory that NumPy has."""

import numpy as np

try:
    from ml_dtypes import bfloat16
except ImportError:
    bfloat16 = None

FLOATS = [np.dtype(np.float32)] * 4 + [np.dtype(np.float64)] * 2 + [np.dtype(np.float16)] * 2
if bfloat16 is not None:
    FLOATS += [np.dtype(bfloat16)] * 2
INTEGERS = [np.dtype(code) for code in "?bBhHiIqQ"]
VALUES = ["normal"] * 4 + ["positive", "whole", "not finite", "not finite", "extreme", "subnormal"]
LAYOUTS = ["plain"] * 6 + ["fortran", "steps", "backwards", "unaligned", "swapped", "read-only", "repeated", "list"]


def pick(rng, choices):
    return choices[rng.integers(len(choices))]


def dtypes(rng, count):
    """Draw the dtypes of some operands: mostly equal, of which NumPy has a common one."""
    pool = FLOATS if rng.random() < 0.75 else INTEGERS
    chosen = [pick(rng, pool)] * count
    if rng.random() < 0.2:
        chosen[-1] = pick(rng, FLOATS + INTEGERS)
    try:
        np.result_type(*chosen)
    except TypeError:  # float16 with bfloat16
        chosen = [chosen[0]] * count
    return chosen


def is_float(dtype):
    return dtype.kind == "f" or dtype == bfloat16


def draw(rng, shape, dtype, values):
    """Draw an array of values of a kind in `VALUES`."""
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if not is_float(dtype):
        limits = np.iinfo(dtype)
        if values in ("normal", "positive", "whole"):
            return rng.integers(max(limits.min, -9), 9, shape).astype(dtype)
        if values == "extreme":
            return rng.choice(np.array([limits.min, limits.max], dtype), shape)
        return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    if values == "extreme" or values == "subnormal":
        return _any_bits(rng, shape, dtype, values == "subnormal")
    if values == "whole":
        return rng.integers(-4, 5, shape).astype(dtype)
    a = rng.standard_normal(shape).astype(dtype)
    if values == "positive":
        return np.abs(a)
    if values == "not finite" and a.size:
        a.reshape(-1)[rng.integers(0, a.size, rng.integers(1, 4))] = pick(rng, [np.nan, np.inf, -np.inf])
    return a


def _any_bits(rng, shape, dtype, subnormal):
    """Finite numbers of any exponent, or of the lowest alone."""
    code = np.dtype(f"u{dtype.itemsize}")
    if subnormal:
        smallest = np.ones((), code).view(dtype)
        return rng.integers(-127, 128, shape).astype(dtype) * smallest
    a = rng.integers(0, np.iinfo(code).max, shape, code, endpoint=True).view(dtype)
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(a), a, np.ones((), dtype)).astype(dtype)


def lay(rng, a):
    """Return the numbers of an array, or some of them repeated, in another layout."""
    layout = pick(rng, LAYOUTS)
    if layout == "fortran":
        return np.asfortranarray(a)
    if layout == "steps":
        wide = np.zeros([2 * n for n in a.shape], a.dtype)
        view = wide[tuple(slice(1, None, 2) for _ in a.shape)]
        view[...] = a
        return view
    if layout == "backwards":
        turn = tuple(slice(None, None, -1) for _ in a.shape)
        return np.ascontiguousarray(a[turn])[turn]
    if layout == "unaligned":
        view = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
        view[...] = a
        return view
    if layout == "swapped" and a.dtype.kind in "fiu":
        return a.astype(a.dtype.newbyteorder())
    if layout == "repeated" and a.size:
        axis = int(rng.integers(a.ndim))
        return np.broadcast_to(a.take([0], axis), a.shape)
    if layout == "list" and a.dtype in (np.float64, np.int64) and a.size:
        return a.tolist()
    if layout == "read-only":
        a.flags.writeable = False
    return a
