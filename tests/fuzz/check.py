"""Runs a case every way there is, and says whether each result is within the contract's bounds."""

import math

import numpy as np
from problems import ACTIVATION_ERROR, EPS, NORMWISE, STEEPEST

import nhwc
from nhwc import _core, reference

from .arrays import is_float

BATCHED = ("x", "dy", "residual")
# What "auto" may compute by transforms, which multiply what a sum loses below the smallest number.
TRANSFORMED = ("conv", "conv_input_grad", "conv_transpose", "depthwise_conv")


class WrongResultError(AssertionError):
    """A result that the contract does not allow."""


def check_case(case):
    """Run a case on every instruction set; raise `WrongResultError` unless all is as it should be."""
    before = _core.isa()
    copies = {name: np.asarray(a).tobytes() for name, a in case.arrays.items()}
    try:
        with np.errstate(all="ignore"):
            _check_isas(case)
    finally:
        _core._use_isa(before)
    for name, a in case.arrays.items():
        if np.asarray(a).tobytes() != copies[name]:
            raise WrongResultError(f"{name} was written")


def _check_isas(case):
    allowed = Allowed(case)
    for isa in _core.ISAS_AVAILABLE:
        _core._use_isa(isa)
        try:
            _check_isa(case, allowed)
        except WrongResultError as error:
            raise WrongResultError(f"{isa}: {error}") from None


def _run(case, arrays=None, **more):
    return getattr(nhwc, case.function)(*_arguments(case, arrays or case.arrays), **{**_named(case, arrays), **more})


def _arguments(case, arrays):
    return [a for name, a in arrays.items() if name not in ("bias", "residual")] + list(case.after)


def _named(case, arrays):
    arrays = arrays or case.arrays
    return {**{name: arrays[name] for name in ("bias", "residual") if name in arrays}, **case.options}


def _check_isa(case, allowed):
    try:
        y = _run(case)
    except ValueError as error:
        if "winograd" in case.options.get("algorithm", "") and "algorithm" in str(error):
            return
        raise
    allowed.check(y, "the function")
    for threads in (2, 3):
        with nhwc.num_threads(threads):
            same_bits(_run(case), y, f"{threads} threads")
    _check_alone(case, y)
    if "global" not in case.function:
        out = np.full_like(y, 1)
        if _run(case, out=out) is not out:
            raise WrongResultError("out is not what is returned")
        same_bits(out, y, "out")
    if case.kind in ("conv", "depthwise_conv", "conv_transpose"):
        _check_plan(case, y, allowed)


def _check_alone(case, y):
    """The last sample has the same bits without the others."""
    first = np.shape(next(iter(case.arrays.values())))
    if "filter_grad" in case.function or len(first) != case.ndim + 2 or first[0] == 0:
        return
    arrays = {name: np.asarray(a)[-1] if name in BATCHED else a for name, a in case.arrays.items()}
    after = case.after
    if after and isinstance(after[0], tuple) and len(after[0]) == case.ndim + 2:
        after = (after[0][1:], *after[1:])
    sample = type(case)(case.function, case.ndim, arrays, case.options, case.dtype, case.reduction, after)
    same_bits(_run(sample), y[-1], "a sample alone")


def _check_plan(case, y, allowed):
    arrays, options = dict(case.arrays), dict(case.options)
    x, residual = arrays.pop("x"), arrays.pop("residual", None)
    shape = np.shape(x)
    if len(shape) == case.ndim + 2 and shape[0] % 2 == 0:
        shape = (None, *shape[1:])
    plan = getattr(nhwc, f"plan_{case.function}")(shape, *arrays.values(), dtype=case.dtype, **options)
    planned = plan(x, residual=residual)
    if options.get("algorithm", "auto") == "auto":
        allowed.check(planned, f"the plan, {plan.algorithm}", plan.algorithm if "algorithm" in options else "auto")
    else:
        same_bits(planned, y, "the plan")
    with nhwc.num_threads(2):
        same_bits(plan(x, residual=residual), planned, "the plan on 2 threads")


def same_bits(a, b, what):
    """Fail unless two arrays are equal to the bit; the bits of a NaN do not count."""
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        raise WrongResultError(f"{what}: {a.shape} {a.dtype}, expected {b.shape} {b.dtype}")
    if a.tobytes() != b.tobytes():
        code = f"u{a.dtype.itemsize}"
        differ = (a.view(code) != b.view(code)) & ~((a != a) & (b != b))
        if differ.any():
            at = tuple(np.argwhere(differ)[0].tolist())
            raise WrongResultError(
                f"{what}: {differ.sum()} of {a.size} bits differ, first {list(at)}: {a[at]!r}, {b[at]!r}"
            )


class Allowed:
    """The exact result of a case, and how far from it a result may be."""

    def __init__(self, case):
        self.case = case
        self.exact_only = not is_float(case.dtype) or case.kind in ("max_pool", "global_max_pool")
        if self.exact_only:
            wide = np.float64 if is_float(case.dtype) else case.dtype
            wide = np.longdouble if case.dtype == np.float64 else np.uint8 if case.dtype.kind == "b" else wide
            self.exact = self._solve(wide).astype(case.dtype)
            return
        self.work = np.dtype(np.float64 if case.dtype == np.float64 else np.float32)
        wide = np.longdouble if case.dtype == np.float64 else np.float64
        self.exact = self._solve(wide)
        self.size = self._solve(wide, sizes=True)
        # Where sums may overflow on the way, of separable convolutions those between the two parts, too.
        sums = self.size * (case.reduction if "average" in case.kind else 1)
        self.may_overflow = sums > np.finfo(self.work).max / 8
        if "separable" in case.kind:
            self.may_overflow |= self._solve(wide, True, ones="pointwise_filters") > np.finfo(self.work).max / 8

    def _solve(self, wide, sizes=False, ones=None):
        """The oracle's result; with `sizes` that of the absolute values of finite operands, before the activation."""
        case = self.case
        max_grad = case.kind == "max_pool_grad"
        arrays = {}
        for name, a in case.arrays.items():
            a = np.asarray(a).astype(case.dtype).astype(wide)
            if sizes and not (max_grad and name == "x"):
                a = np.abs(np.where(np.isfinite(a), a, 0))
            arrays[name] = np.ones_like(a) if name == ones else a
        options = {name: value for name, value in _named(case, arrays).items() if name != "algorithm"}
        if sizes and "activation" in options:
            options["activation"] = None
        return getattr(reference, case.function)(*_arguments(case, arrays), **options, dtype=wide)

    def check(self, y, what, algorithm=None):
        """Fail unless a result is right."""
        case = self.case
        if (y.shape, y.dtype) != (self.exact.shape, case.dtype) or not y.flags.c_contiguous:
            raise WrongResultError(f"{what}: {y.shape} {y.dtype} {y.flags}, expected {self.exact.shape} {case.dtype}")
        if self.exact_only:
            right = (y == self.exact) | ((y != y) & (self.exact != self.exact))
        else:
            right = self._near(y, algorithm or case.options.get("algorithm", "auto"))
        if not right.all():
            at = tuple(np.argwhere(~right)[0].tolist())
            size = "" if self.exact_only else f", S {self.size[at]:.6g} of {self.size.max():.6g}"
            raise WrongResultError(
                f"{what}: {(~right).sum()} of {y.size} are wrong, first {list(at)}: {y[at]!r}, exactly "
                f"{self.exact[at]!r}{size}"
            )

    def _near(self, y, algorithm):
        error = self._error(algorithm)
        low, high = (self.exact - error).astype(y.dtype), (self.exact + error).astype(y.dtype)
        near = (y >= low) & (y <= high)
        known = np.where(np.isnan(self.exact), y != y, y == self.exact.astype(y.dtype))
        if "separable" in self.case.kind:  # what is between the parts may be rounded to zero, and meet infinity
            known |= np.isinf(self.exact) & (y != y)
        return np.where(np.isfinite(self.exact), near, known) | self.may_overflow

    def _error(self, algorithm):
        """The largest error allowed of each output, in the dtype that is computed in."""
        case, name, limits = self.case, self.work.name, np.finfo(self.work)
        k = max(case.reduction, 1)
        # What is below the smallest number is lost in each product and sum; transforms multiply it.
        tiny = float(limits.smallest_subnormal) * (k + 4)
        largest = min(self.size.max(initial=0), limits.max)
        kind = case.kind
        if kind in ("average_pool", "global_average_pool") or (kind == "depthwise_conv" and algorithm == "auto"):
            part = NORMWISE["direct"][name]
        else:
            part = NORMWISE.get(algorithm, NORMWISE["named"])[name]
        error = np.full(self.size.shape, part * largest)
        if algorithm == "direct":
            bound = (min(k, 256) + math.ceil(k / 256) + 4) * EPS[name] * self.size
            error = np.where(self.size == 0, 0, np.minimum(error, bound) + tiny)
        elif kind in TRANSFORMED or "separable" in kind:
            error += 64 * tiny * max(1, *(self._largest(a) for a in case.arrays.values()))
        else:
            error += tiny
        if case.options.get("activation") is not None:
            error = STEEPEST * error + tiny
            error += np.float64(ACTIVATION_ERROR[name]) * np.maximum(1, np.abs(np.nan_to_num(self.exact)))
        return error

    @staticmethod
    def _largest(a):
        a = np.abs(np.asarray(a).astype(np.float64))
        return a[np.isfinite(a)].max(initial=0)
