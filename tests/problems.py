"""The convolutions that the kernel tests share: problems at the edges of kernels, their data, and the error allowed."""

import dataclasses
import functools
import itertools
import math
import zlib

import numpy as np

from nhwc import reference


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """One call of a forward function: its name, shapes and keywords. The data follow from these."""

    function: str
    x_shape: tuple
    filters_shape: tuple
    options: dict
    with_bias: bool
    with_residual: bool

    @property
    def ndim(self):
        return len(self.filters_shape) - 2

    @property
    def depthwise(self):
        return self.function.startswith("depthwise")

    @property
    def reduction(self):
        """K, the number of products summed in one output."""
        return math.prod(self.filters_shape[: self.ndim]) * (1 if self.depthwise else self.filters_shape[-2])

    def operands(self, dtype=np.float32):
        """Return x, filters, bias and residual, the last two perhaps None; of normal data."""
        rng = np.random.default_rng(zlib.crc32(repr(self).encode()))

        def draw(shape):
            return rng.standard_normal(shape).astype(dtype)

        x, filters = draw(self.x_shape), draw(self.filters_shape)
        bias = draw(_outputs(self)) if self.with_bias else None
        return x, filters, bias, draw(_result_shape(self)) if self.with_residual else None

    def run(self, module, x, filters, bias=None, residual=None, **keywords):
        """Call this function of a module: `nhwc`, or `nhwc.reference`. Keywords win over the problem's own."""
        function = getattr(module, self.function)
        return function(x, filters, bias, residual=residual, **{**self.options, **keywords})

    def plan(self, module, filters, bias=None, *, input_shape=None, **keywords):
        """Make this problem's plan, by default for its own input shape."""
        make = getattr(module, f"plan_{self.function}")
        return make(input_shape or self.x_shape, filters, bias, **self.options, **keywords)


def _outputs(problem):
    return problem.filters_shape[-1] * (problem.filters_shape[-2] if problem.depthwise else 1)


def _result_shape(problem):
    nothing = np.zeros(problem.x_shape, np.int8), np.zeros(problem.filters_shape, np.int8)
    return problem.run(reference, *nothing, dtype=np.int8).shape


def conv(x_shape, filters_shape, *, depthwise=False, bias=False, residual=False, **options):
    """A problem whose function follows from the number of kernel axes."""
    function = f"{'depthwise_' if depthwise else ''}conv{len(filters_shape) - 2}d"
    return Problem(function, x_shape, filters_shape, options, bias, residual)


# ---- What counts as right ----

EPS = {"float32": 2.0**-24, "float64": 2.0**-53}
# The largest error as a part of max S.
NORMWISE = {
    "direct": {"float32": 5e-7, "float64": 4e-15},
    "auto": {"float32": 2e-6, "float64": 4e-15},
    "named": {"float32": 4e-6, "float64": 4e-15},
}


# An activation's own error, as a part of max(1, |y|), and the largest slope of any: the error before it grows by that.
ACTIVATION_ERROR = {"float32": 2e-6, "float64": 4e-15}
STEEPEST = 1.76


def exact(problem, operands):
    """Return the result in a wider precision, and S: the sums over absolute values, before the activation."""
    wide = np.float64 if operands[0].dtype == np.float32 else np.longdouble
    sizes = [None if a is None else np.abs(a) for a in operands]
    size = problem.run(reference, *sizes, activation=None, dtype=wide)
    return problem.run(reference, *operands, dtype=wide), size


@functools.cache
def solved(problem, dtype):
    """Return the problem's operands, exact result and S; kept, since every instruction set asks for them."""
    operands = problem.operands(dtype)
    return operands, *exact(problem, operands)


def assert_close(problem, y, y_exact, size, algorithm="direct"):
    """Fail unless the float32 or float64 result `y` is as accurate as the contract says.

    Every algorithm: the largest error is a small part of max S. "direct": each output holds besides
    ``|y - exact| <= (min(K, 256) + ceil(K / 256) + 4) * eps * S``, and is exactly 0 where S is.
    """
    assert y.shape == y_exact.shape, f"{problem}: shape {y.shape}, expected {y_exact.shape}"
    assert y.flags.c_contiguous, f"{problem}: {y.flags}"
    dtype, k = y.dtype.name, problem.reduction
    error = np.abs(y - y_exact)
    allowed = np.full(y.shape, NORMWISE.get(algorithm, NORMWISE["named"])[dtype] * size.max(initial=0))
    if algorithm == "direct":
        allowed = np.minimum(allowed, (min(k, 256) + math.ceil(k / 256) + 4) * EPS[dtype] * size)
    if problem.options.get("activation") is not None:
        allowed = STEEPEST * allowed + ACTIVATION_ERROR[dtype] * np.maximum(1, np.abs(y_exact))
    wrong = np.argwhere(~(error <= allowed))
    if len(wrong):
        at = tuple(wrong[0].tolist())
        raise AssertionError(
            f"{problem}: {len(wrong)} of {y.size} {dtype} outputs are off, first y{list(at)} = {y[at]!r}, "
            f"exactly {y_exact[at]!r}: error {error[at]:.3g}, allowed {allowed[at]:.3g}"
        )


def assert_same_bits(a, b, what=""):
    """Fail unless two arrays have one shape, one dtype and the same bytes."""
    assert (a.shape, a.dtype) == (b.shape, b.dtype), what
    if a.tobytes() != b.tobytes():
        differing = np.argwhere((a != b) & ~((a != a) & (b != b)))
        at = differing[0].tolist() if len(differing) else "the bits of a zero or NaN"
        raise AssertionError(f"{what}: {len(differing)} of {a.size} outputs differ, first at {at}")


# ---- The problems ----

SIZES = [*range(1, 41), *range(63, 68), 100, 129]


def _channel_tails():
    """Every pair of (C, F) tails in some dense layer; 1x1, 3x3 and few-channel kernels."""
    for i, c in enumerate(SIZES):
        f = SIZES[-1 - i]
        yield conv((2, 4, 5, c), (3, 3, c, f), padding="same", bias=i % 2 == 0)
        yield conv((3, 5, c), (1, 1, c, SIZES[i - 20]), residual=i % 3 == 0)
        yield conv((1, 5, 9, 1 + i % 4), (3, 3, 1 + i % 4, c), bias=True)
        yield conv((1, 6, 5, c), (2, 3, c, 1 + i % 9), padding="same", strides=(1, 1 + i % 2))


def _pixel_tails():
    """Every number of output pixels, in one row and over several, for many filters and for few."""
    for n in SIZES:
        yield conv((n, 3), (3, 3, 18), padding="same")
        yield conv((2, n, 2), (5, 2, 1 + n % 5), padding="same", bias=True)
        yield conv((1 + n % 7, n, 1 + n % 4), (3, 3, 1 + n % 4, 1 + n % 3), padding="same")
        yield conv((1 + n % 3, n + 4, 1), (1 + n % 3, 5, 1, 1), residual=True)
        yield conv((2, 1 + n % 11, 1 + n // 8, 4), (1, 1, 4, 20), strides=1 + n % 2)


def _depthwise_tails():
    """Every channel tail, multipliers 1 to 3, images below and above a tile."""
    for i, c in enumerate(SIZES):
        size, m = (1 + i % 8, 1 + i % 13), 1 + i % 3
        yield conv((2, *size, c), (3, 3, c, 1), depthwise=True, padding="same", bias=i % 2 == 0)
        yield conv((1, 5, 6, c), (3, 3, c, m), depthwise=True, padding="same", strides=2, residual=i % 2 == 0)
        yield conv((9, 11, c), (5, 5, c, m), depthwise=True, padding=((1, 3), (4, 0)))
        yield conv((2, 7 + i % 9, c), (1 + i % 7, c, m), depthwise=True, dilation_rate=1 + i % 2, padding="full")
        yield conv((1, 6, 7, c), (3, 2, 1, c), groups=c, bias=True)
    yield conv((1, 14, 14, 512), (3, 3, 512, 1), depthwise=True, padding="same")
    for kernel, strides, dilation in [
        ((5, 3), 1, 1),
        ((3, 5), (2, 1), 1),
        ((3, 3), (1, 2), 1),
        ((3, 3), 1, (2, 3)),
        ((7, 7), 2, 1),
    ]:
        options = {"padding": "same", "residual": True, "bias": True, "activation": "relu"}
        yield conv(
            (2, 11, 16, 112), (*kernel, 112, 1), depthwise=True, strides=strides, dilation_rate=dilation, **options
        )
    yield conv((1, 9, 40, 3), (7, 7, 3, 2), depthwise=True, padding="same", dilation_rate=(1, 3))
    yield conv((1, 35, 33, 2), (31, 31, 2, 1), depthwise=True, padding="same", strides=3)


def _groups():
    for groups, c, f in [
        (1, 3, 5),
        (2, 2, 2),
        (2, 6, 34),
        (3, 3, 48),
        (3, 12, 9),
        (5, 35, 5),
        (7, 7, 49),
        (4, 64, 100),
        (8, 16, 16),
        (5, 20, 20),
        (6, 48, 48),
        (9, 54, 108),
        (3, 24, 72),
        (11, 22, 66),
        (2, 32, 20),
    ]:
        yield conv((2, 5, 6, c), (3, 3, c // groups, f), groups=groups, padding="same", bias=True)
        yield conv((7, c), (3, c // groups, f), groups=groups, padding="causal", dilation_rate=2, residual=True)
        yield conv((1, 4, 4, 4, c), (1, 2, 2, c // groups, f), groups=groups, strides=2)
        yield conv((2, 3, 17, c), (1, 1, c // groups, f), groups=groups, bias=True, residual=True, activation="relu6")
        yield conv((19, c), (3, c // groups, f), groups=groups, padding="same", padding_mode="wrap", activation="gelu")


PADDINGS = {
    1: ["valid", "same", "SAME", "full", "causal", 3, (2,), ((4, 0),), ((0, 9),)],
    2: ["valid", "same", "full", 2, (0, 3), ((1, 0), (0, 2)), ((7, 5), (0, 11))],
    3: ["valid", "same", "full", 1, (2, 0, 1), ((0, 1), (2, 0), (5, 6))],
}
MODES = ["constant", "edge", "reflect", "symmetric", "wrap"]


def _paddings():
    """Every form and mode, on images above and below the kernel's reach, and pads wider than the image."""
    for ndim, forms in PADDINGS.items():
        for padding, mode in itertools.product(forms, MODES):
            options = {"padding": padding, "padding_mode": mode}
            yield conv((*(2, 5, 4, 6)[: ndim + 1], 3), (*(3, 2, 4)[:ndim], 3, 5), **options)
            yield conv(
                (*(5, 7, 4)[:ndim], 2), (*(2, 3, 3)[:ndim], 2, 1), strides=2, dilation_rate=(2, 1, 1)[:ndim], **options
            )
    for mode in MODES:
        for n in (1, 2, 3):
            yield conv((n, 1), (3, 1, 2), padding=7, padding_mode=mode)
            yield conv((n, 4 - n, 4), (3, 3, 4, 20), padding=((5, 2), (1, 9)), padding_mode=mode)
            yield conv((n, 1, 5), (3, 3, 5, 1), depthwise=True, padding=4, padding_mode=mode)
        yield conv((2, 3, 3, 2), (2, 2, 2, 3), padding=40, strides=7, padding_mode=mode)


def _strides():
    """Strides up to beyond the kernel, with and without dilation, in every number of dimensions."""
    for s, d in itertools.product((1, 2, 3, 7), (1, 2, 5)):
        yield conv((2, 23, 5), (3, 5, 17), strides=s, dilation_rate=d)
        yield conv((2, 23, 1), (4, 1, 1), strides=s, dilation_rate=d, padding="same")
        yield conv((13, 15, 3), (3, 3, 3, 33), strides=(s, 1), dilation_rate=(1, d), padding="same")
        yield conv((1, 13, 15, 16), (2, 3, 16, 16), strides=s, dilation_rate=d, padding="same")
        yield conv((12, 11, 20), (3, 3, 20, 1), depthwise=True, strides=(s, 2), dilation_rate=(d, 1), padding="same")
        yield conv((7, 6, 8, 3), (2, 3, 2, 3, 4), strides=s, dilation_rate=(1, d, 1), padding="same")
    yield conv((1, 40, 3), (3, 3, 4), strides=70000, padding=10)
    yield conv((1, 40, 3), (2, 3, 4), dilation_rate=39)
    yield conv((20001, 2), (3, 2, 3), padding="same", dilation_rate=9000, strides=50)
    yield conv((200003, 2), (3, 2, 3), padding="same", dilation_rate=10**5, strides=500)


def _kernels():
    """Long, wide, even and huge kernels; reductions about the chunk of 256 and in the thousands."""
    for kernel in [(1, 9), (9, 1), (2, 2), (4, 4), (6, 3), (11, 11), (15, 15), (1, 40), (40, 1)]:
        yield conv((1, 17, 19, 2), (*kernel, 2, 3), padding="same")
        yield conv((41, 43, 1), (*kernel, 1, 17), strides=3, bias=True)
        yield conv((5, 4, 19), (*kernel, 19, 1), depthwise=True, padding="same")
    for k in (255, 256, 257, 511, 512, 513, 1025, 3000):
        yield conv((1, 2, 3, k), (1, 1, k, 19), bias=True)
        yield conv((k + 5, 1), (k, 1, 2), residual=True)
        yield conv((k // 3 + 2, 3), (k // 3, 3, 16))
    yield conv((1, 5, 5, 129), (5, 5, 129, 7), padding="same")
    yield conv((1, 6, 7, 513), (3, 3, 513, 21), padding="same", bias=True)
    yield conv((1, 20, 21, 1), (17, 17, 1, 1))
    yield conv((1, 20, 21, 3), (17, 17, 3, 2))
    # Thousands of taps, each of which needs its own pointer.
    yield conv((1, 22, 23, 5), (50, 50, 5, 1), depthwise=True, padding="same", bias=True)
    yield conv((50, 40), (2100, 40, 3), padding="same", residual=True)
    yield conv((3, 4, 5, 33), (13, 13, 14, 33, 2), padding="same")
    yield conv((1, 4, 5, 6, 2), (46, 46, 2, 2, 3), padding="same", padding_mode="wrap")


def _shapes():
    """Samples without a batch, single pixels, volumes, odd sizes, and results that carry bias and residual."""
    for bias, residual in itertools.product((False, True), repeat=2):
        terms = {"bias": bias, "residual": residual}
        yield conv((1, 1), (1, 1, 1), **terms)
        yield conv((1, 1, 1, 1, 1), (3, 3, 3, 1, 1), padding="same", **terms)
        yield conv((13, 11, 7), (3, 3, 7, 9), padding="same", **terms)
        yield conv((3, 13, 11, 7), (3, 3, 7, 33), **terms)
        yield conv((2, 5, 6, 7, 3), (3, 3, 3, 3, 19), padding="same", **terms)
        yield conv((5, 6, 7, 4), (2, 3, 1, 4, 2), **terms)
        yield conv((5, 9, 9, 3), (3, 3, 3, 2), depthwise=True, **terms)
        yield conv((2, 37, 3), (5, 3, 3), **terms)
        yield conv((1, 37, 53, 17), (3, 3, 17, 19), padding="same", **terms)
        yield conv((1, 3, 150, 2), (3, 3, 2, 1), padding="same", **terms)
        yield conv((2, 30, 31, 1), (3, 3, 1, 1), padding="same", **terms)
        yield conv((1, 20, 130, 1), (5, 5, 1, 2), padding=2, **terms)
        # Rows wider than any block of pixels.
        yield conv((1, 3, 1500, 2), (3, 3, 2, 3), padding="same", **terms)
        yield conv((2, 3, 2300, 3), (2, 3, 3, 1), depthwise=True, padding="same", strides=(1, 2), **terms)
        yield conv((3, 1100, 40), (1, 3, 20, 4), groups=2, padding="same", **terms)


PROBLEMS = {
    "channel tails": list(_channel_tails()),
    "pixel tails": list(_pixel_tails()),
    "depthwise tails": list(_depthwise_tails()),
    "groups": list(_groups()),
    "paddings": list(_paddings()),
    "strides": list(_strides()),
    "kernels": list(_kernels()),
    "shapes": list(_shapes()),
}
ALL_PROBLEMS = [problem for problems in PROBLEMS.values() for problem in problems]

# Big enough to run on several threads: split over samples, rows, columns, filters, channels and groups.
LARGE_PROBLEMS = [
    conv((1, 56, 56, 32), (3, 3, 32, 48), padding="same", bias=True, activation="relu"),
    conv((5, 19, 17, 24), (3, 3, 24, 40), padding="same", residual=True),
    conv((1, 7, 7, 512), (1, 1, 512, 300), bias=True),
    conv((1, 100000, 1), (9, 1, 4), padding="same"),
    conv((1, 3000, 64), (3, 64, 70), padding="causal", dilation_rate=3),
    conv((1, 12, 21, 20, 8), (3, 3, 3, 8, 16), padding="same", padding_mode="reflect"),
    conv((1, 300, 401, 1), (7, 7, 1, 1), padding="same"),
    conv((1, 200, 301, 3), (3, 3, 3, 2), padding="same", padding_mode="wrap"),
    conv((2, 60, 61, 70), (3, 3, 70, 1), depthwise=True, padding="same", bias=True),
    conv((1, 40, 41, 33), (5, 5, 33, 2), depthwise=True, strides=2, padding="same"),
    conv((1, 57, 59, 36), (3, 3, 12, 51), groups=3, padding="same", strides=2),
]
