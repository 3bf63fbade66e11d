"""Bad arguments are refused before any work by an error that says what would do; every good form of one is taken."""

import numpy as np
import pytest

import nhwc
from nhwc import reference

# The shapes of x and filters of a valid call, by function.
SHAPES = {
    "conv1d": ((2, 9, 4), (3, 4, 6)),
    "conv2d": ((2, 8, 9, 4), (3, 3, 4, 6)),
    "conv3d": ((2, 5, 6, 7, 4), (3, 3, 3, 4, 6)),
    "depthwise_conv1d": ((2, 9, 4), (3, 4, 2)),
    "depthwise_conv2d": ((2, 8, 9, 4), (3, 3, 4, 2)),
}
NAMES = tuple(SHAPES)
DENSE = ("conv1d", "conv2d", "conv3d")


def operands(name, dtype=np.float32):
    rng = np.random.default_rng(5)
    return tuple((10 * rng.standard_normal(shape)).astype(dtype) for shape in SHAPES[name])


def ndim_of(name):
    return int(name[-2])


class Index:
    """Stands for an int as NumPy's scalars do."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


class Opaque:
    """Is nothing that a convolution could take."""

    def __repr__(self):
        raise RuntimeError("no repr either")


def assert_refused(error, fragment, name, call):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert message.startswith(f"{name}: "), message
    assert fragment in message


# ---- Options, in functions and in plans ----

WRONG_STEPS = [
    (0, ValueError),
    (-1, ValueError),
    (-(2**70), ValueError),
    (True, TypeError),
    (np.True_, TypeError),
    (1.0, TypeError),
    (np.float32(2), TypeError),
    ("1", TypeError),
    (b"1", TypeError),
    (None, TypeError),
    ({1: 1}, TypeError),
    (Opaque(), TypeError),
    ((), ValueError),
    ((1, 1, 1, 1), ValueError),
    ([1] * 10**5, ValueError),
    (np.array([[1, 1]]), TypeError),
    (np.array([1.5] * 4), TypeError),
]
WRONG_OPTIONS = [
    *[(arg, value, error) for arg in ("strides", "dilation_rate") for value, error in WRONG_STEPS],
    ("padding", "sane", ValueError),
    ("padding", "", ValueError),
    ("padding", -1, ValueError),
    ("padding", True, TypeError),
    ("padding", 0.5, TypeError),
    ("padding", None, TypeError),
    ("padding", b"same", TypeError),
    ("padding", Opaque(), TypeError),
    ("padding", (), ValueError),
    ("padding", (1, 1, 1, 1), ValueError),
    ("padding", np.ones((5, 2), int), ValueError),
    ("activation", "rellu", ValueError),
    ("activation", "", ValueError),
    ("activation", 3, TypeError),
    ("activation", ("relu",), TypeError),
    ("activation", b"relu", TypeError),
    ("padding_mode", "zeros", ValueError),
    ("padding_mode", None, TypeError),
    ("padding_mode", 0, TypeError),
    ("algorithm", "fastest", ValueError),
    ("algorithm", None, TypeError),
    ("algorithm", 1, TypeError),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("arg", "value", "error"), WRONG_OPTIONS, ids=lambda v: "" if isinstance(v, type) else None)
def test_wrong_option(name, arg, value, error):
    x, filters = operands(name)
    out = np.full(reference_of(name)(x, filters).shape, 7, np.float32)
    call = getattr(nhwc, name)
    plan = getattr(nhwc, f"plan_{name}")
    assert_refused(error, f"{arg} is ", name, lambda: call(x, filters, out=out, **{arg: value}))
    assert_refused(error, f"{arg} is ", f"plan_{name}", lambda: plan(x.shape, filters, **{arg: value}))
    assert np.all(out == 7)


def reference_of(name):
    return getattr(reference, name)


@pytest.mark.parametrize(
    ("name", "options", "error", "fragment"),
    [
        ("conv1d", {"strides": (1, 1)}, ValueError, "one for each of 1 spatial axes"),
        ("conv2d", {"strides": (1,)}, ValueError, "one for each of 2 spatial axes"),
        ("conv2d", {"strides": (1, 0)}, ValueError, "strides is (1, 0)"),
        ("conv2d", {"strides": (1, 1.0)}, TypeError, "strides is (1, 1.0)"),
        ("conv2d", {"strides": (2, True)}, TypeError, "strides is (2, True)"),
        ("conv3d", {"dilation_rate": (1, 1)}, ValueError, "one for each of 3 spatial axes"),
        ("conv2d", {"dilation_rate": [1, -2]}, ValueError, "dilation_rate is [1, -2]"),
        ("conv1d", {"padding": (1, 2)}, ValueError, "(1,), ((1, 2),) would do"),
        ("conv1d", {"padding": ((1, -2),)}, ValueError, "padding is ((1, -2),)"),
        ("conv1d", {"padding": ((1, 2, 3),)}, ValueError, "padding is ((1, 2, 3),)"),
        ("conv1d", {"padding": ((1, 2.0),)}, TypeError, "padding is ((1, 2.0),)"),
        ("conv2d", {"padding": (1, -1)}, ValueError, "padding is (1, -1)"),
        ("conv2d", {"padding": (1, 1.0)}, TypeError, "padding is (1, 1.0)"),
        ("conv2d", {"padding": (1, (1, 1))}, ValueError, "2 such ints, 2 pairs (before, after) would do"),
        ("conv2d", {"padding": ((1, 1),)}, ValueError, "2 pairs (before, after) would do"),
        ("conv2d", {"padding": ((1, 1), (1, True))}, TypeError, "padding is ((1, 1), (1, True))"),
        ("conv2d", {"padding": "causal"}, ValueError, "'valid', 'same', 'full', an int"),
        ("conv1d", {"padding": "casual"}, ValueError, "'valid', 'same', 'full', 'causal', an int"),
        ("conv3d", {"padding": "causal"}, ValueError, "padding is 'causal'"),
        ("depthwise_conv2d", {"padding": "causal"}, ValueError, "padding is 'causal'"),
        ("conv2d", {"padding_mode": "zeros"}, ValueError, "'edge', 'reflect', 'symmetric', 'wrap' would do"),
        ("conv2d", {"activation": "prelu"}, ValueError, "'softplus', 'swish', 'hard_swish' or a callable would do"),
        ("conv2d", {"algorithm": "fft"}, ValueError, "'direct'"),
        ("conv2d", {"groups": 0}, ValueError, "groups is 0; a positive int would do"),
        ("conv2d", {"groups": -2}, ValueError, "groups is -2"),
        ("conv2d", {"groups": 1.0}, TypeError, "groups is 1.0"),
        ("conv2d", {"groups": True}, TypeError, "groups is True"),
        ("conv2d", {"groups": (1,)}, TypeError, "groups is (1,)"),
        ("conv2d", {"groups": None}, TypeError, "groups is None"),
        ("conv2d", {"groups": 3}, ValueError, "groups=3 does not divide both the 4 channels and the 6 filters"),
        ("conv2d", {"groups": 4}, ValueError, "groups=4 does not divide both the 4 channels and the 6 filters"),
        ("conv2d", {"groups": 2}, ValueError, "filters have 4 input channels but x has 4 channels and groups=2"),
        ("conv2d", {"groups": 2**80}, ValueError, "does not divide"),
        ("conv2d", {"dilation_rate": 4}, ValueError, "spans (9, 9) pixels (size (3, 3), dilation_rate (4, 4))"),
        ("conv2d", {"dilation_rate": 4}, ValueError, "but the padded input has (8, 9)"),
        ("conv1d", {"dilation_rate": 5, "padding": 0}, ValueError, "spans (11,) pixels"),
        ("conv1d", {"dilation_rate": 2**62}, ValueError, "spans"),
        ("conv2d", {"padding": 2**61}, ValueError, "too large"),
        ("conv2d", {"padding": 2**70, "strides": 2**69}, ValueError, "too large"),
        ("conv2d", {"padding": 2**31}, ValueError, "too large"),
        ("conv3d", {"padding": "full", "dilation_rate": 2**40}, ValueError, "too large"),
        ("conv2d", {"padding": "same", "dilation_rate": 2**62}, ValueError, "too large"),
        ("conv2d", {"padding": ((0, 2**63), (0, 0)), "strides": 2**60}, ValueError, "too large"),
    ],
)  # fmt: skip
def test_wrong_option_says_what_would_do(name, options, error, fragment):
    x, filters = operands(name)
    assert_refused(error, fragment, name, lambda: getattr(nhwc, name)(x, filters, **options))
    plan = getattr(nhwc, f"plan_{name}")
    assert_refused(error, fragment, f"plan_{name}", lambda: plan(x.shape, filters, **options))


def test_too_large_for_memory_is_a_memory_error():
    x, filters = operands("conv2d")
    with pytest.raises(MemoryError):
        nhwc.conv2d(x, filters, padding=2**24)
    with pytest.raises(MemoryError):
        nhwc.conv2d(x.astype(np.float16), filters.astype(np.float16), padding=2**24)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_and_positional_options(name):
    x, filters = operands(name)
    for arguments, options in (((x, filters, None, 1), {}), ((x, filters), {"stride": 1}), ((x,), {})):
        with pytest.raises(TypeError):
            getattr(nhwc, name)(*arguments, **options)


# ---- Arrays ----


@pytest.mark.parametrize(
    ("name", "x_shape", "filters_shape", "fragment"),
    [
        ("conv2d", (8, 9), (3, 3, 1, 6), "x has shape (8, 9); (N, H, W, C) or (H, W, C) would do; x[..., None] adds"),
        ("conv1d", (8,), (3, 1, 6), "x[..., None]"),
        ("conv3d", (8, 8, 8), (3, 3, 3, 1, 6), "x[..., None]"),
        ("depthwise_conv2d", (8, 9), (3, 3, 1, 1), "x[..., None]"),
        ("conv2d", (), (3, 3, 1, 6), "x has shape ()"),
        ("conv2d", (8,), (3, 3, 1, 6), "x has shape (8,)"),
        ("conv2d", (1, 2, 8, 9, 4), (3, 3, 4, 6), "(N, H, W, C) or (H, W, C) would do"),
        ("conv1d", (1, 2, 8, 4), (3, 4, 6), "(N, W, C) or (W, C) would do"),
        ("conv3d", (1, 1, 5, 5, 5, 4), (3, 3, 3, 4, 6), "(N, D, H, W, C) or (D, H, W, C) would do"),
        ("conv2d", (8, 9, 4), (3, 3), "filters have shape (3, 3); (KH, KW, C // groups, F) would do"),
        ("conv2d", (8, 9, 4), (3, 3, 4), "filters have shape (3, 3, 4)"),
        ("conv2d", (8, 9, 4), (1, 3, 3, 4, 6), "filters have shape (1, 3, 3, 4, 6)"),
        ("conv2d", (8, 9, 4), (), "filters have shape ()"),
        ("conv3d", (8, 9, 7, 4), (3, 3, 4, 6), "(KD, KH, KW, C // groups, F) would do"),
        ("depthwise_conv1d", (8, 4), (3, 4), "(KW, C, M) would do"),
        ("conv2d", (8, 9, 4), (0, 3, 4, 6), "a kernel of size 0"),
        ("conv2d", (8, 9, 4), (3, 0, 4, 6), "a kernel of size 0"),
        ("depthwise_conv2d", (8, 9, 4), (0, 0, 4, 1), "a kernel of size 0"),
        ("conv2d", (8, 9, 4), (3, 3, 3, 6), "conv2d: filters have 3 input channels but x has 4 channels and groups=1"),
        ("conv2d", (8, 9, 0), (3, 3, 3, 6), "filters have 3 input channels but x has 0 channels"),
        ("conv2d", (8, 9, 4), (3, 3, 0, 6), "filters have 0 input channels but x has 4 channels"),
        ("depthwise_conv2d", (8, 9, 4), (3, 3, 3, 6), "filters have 3 input channels but x has 4 channels"),
        ("depthwise_conv2d", (8, 9, 4), (3, 3, 1, 6), "filters have 1 input channels but x has 4 channels"),
        ("conv2d", (2, 2, 4), (3, 3, 4, 6), "the kernel spans (3, 3) pixels"),
        ("conv2d", (3, 2, 4), (3, 3, 4, 6), "but the padded input has (3, 2)"),
        ("conv1d", (0, 4), (1, 4, 6), "but the padded input has (0,)"),
        ("conv2d", (2, 0, 9, 4), (3, 3, 4, 6), "but the padded input has (0, 9)"),
    ],
)  # fmt: skip
def test_wrong_shape(name, x_shape, filters_shape, fragment):
    x, filters = np.zeros(x_shape, np.float32), np.zeros(filters_shape, np.float32)
    assert_refused(ValueError, fragment, name, lambda: getattr(nhwc, name)(x, filters))
    plan = getattr(nhwc, f"plan_{name}")
    in_plan = fragment.removeprefix(f"{name}: ")
    if "x[" in in_plan or in_plan.startswith("x has shape"):
        in_plan = f"input_shape is {x_shape}"
    assert_refused(ValueError, in_plan, f"plan_{name}", lambda: plan(x_shape, filters))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (None, TypeError),
        ("image.png", TypeError),
        ({"a": 1}, TypeError),
        ({1, 2}, TypeError),
        (Opaque(), TypeError),
        ([[[1], [2]], [[3]]], ValueError),
        (np.zeros((8, 9, 4), complex), TypeError),
        (np.zeros((8, 9, 4), np.clongdouble), TypeError),
        (np.zeros((8, 9, 4), object), TypeError),
        (np.zeros((8, 9, 4), "S1"), TypeError),
        (np.zeros((8, 9, 4), "U1"), TypeError),
        (np.zeros((8, 9, 4), "M8[s]"), TypeError),
        (np.zeros((8, 9, 4), "m8[s]"), TypeError),
        (np.zeros((8, 9, 4), "V4"), TypeError),
        (np.zeros((8, 9, 4), [("r", "f4")]), TypeError),
        (np.full((8, 9, 4), 2**70), TypeError),
    ],
    ids=lambda v: getattr(v, "dtype", None) and str(v.dtype),
)
def test_what_is_no_array_of_numbers(value, error):
    x, filters = operands("conv2d")
    plan = nhwc.plan_conv2d(x.shape, filters)
    shape = (2, 6, 7, 6)
    assert_refused(error, "x ", "conv2d", lambda: nhwc.conv2d(value, filters))
    assert_refused(error, "filters ", "conv2d", lambda: nhwc.conv2d(x, value))
    assert_refused(error, "filters ", "plan_conv2d", lambda: nhwc.plan_conv2d(x.shape, value))
    assert_refused(error, "x ", "plan_conv2d", lambda: plan(value))
    if value is not None:
        assert_refused(error, "bias ", "conv2d", lambda: nhwc.conv2d(x, filters, value))
        assert_refused(error, "bias ", "plan_conv2d", lambda: nhwc.plan_conv2d(x.shape, filters, value))
        assert_refused(error, "residual ", "conv2d", lambda: nhwc.conv2d(x, filters, residual=value))
        assert_refused(error, "residual ", "plan_conv2d", lambda: plan(x, residual=value))
        out = value if isinstance(value, np.ndarray) and value.shape == shape else [value]
        assert_refused(TypeError, "out is of type list", "conv2d", lambda: nhwc.conv2d(x, filters, out=out))


@pytest.mark.parametrize("shape", [(), (5,), (7,), (6, 1), (1, 6), (1, 1, 1, 6), (0,)])
def test_wrong_bias_shape(shape):
    x, filters = operands("conv2d")
    bias = np.zeros(shape, np.float32)
    fragment = f"bias has shape {shape}; (6,) would do"
    assert_refused(ValueError, fragment, "conv2d", lambda: nhwc.conv2d(x, filters, bias))
    assert_refused(ValueError, fragment, "plan_conv2d", lambda: nhwc.plan_conv2d(x.shape, filters, bias))


@pytest.mark.parametrize("shape", [(), (6,), (6, 7, 6), (1, 6, 7, 6), (2, 6, 7, 1), (2, 7, 6, 6), (2, 6, 7, 6, 1)])
def test_wrong_residual_shape(shape):
    x, filters = operands("conv2d")
    residual = np.zeros(shape, np.float32)
    plan = nhwc.plan_conv2d((None, *x.shape[1:]), filters)
    fragment = f"residual has shape {shape}; (2, 6, 7, 6) would do"
    assert_refused(ValueError, fragment, "conv2d", lambda: nhwc.conv2d(x, filters, residual=residual))
    assert_refused(ValueError, fragment, "plan_conv2d", lambda: plan(x, residual=residual))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (8, TypeError),
        (None, TypeError),
        ("8", TypeError),
        ((8.0, 9, 4), TypeError),
        ((8, True, 4), TypeError),
        ((8, "9", 4), TypeError),
        ((-1, 9, 4), ValueError),
        ((2, 8, -9, 4), ValueError),
        ((-1, 8, 9, 4), ValueError),
        ((None, 9, 4), ValueError),
        ((2, None, 9, 4), ValueError),
        ((None, None, 9, 4), ValueError),
        ((None, 8, 9, None), ValueError),
        ((), ValueError),
        ((8, 9), ValueError),
        ((1, 1, 8, 9, 4), ValueError),
        (np.array([8, 9]), ValueError),
        (np.array([8.0, 9.0, 4.0]), TypeError),
    ],
)
def test_wrong_input_shape(value, error):
    filters = np.zeros((3, 3, 4, 6), np.float32)
    assert_refused(error, "input_shape is ", "plan_conv2d", lambda: nhwc.plan_conv2d(value, filters))


@pytest.mark.parametrize("shape", [(2**61, 8, 9, 4), (2**70, 8, 9, 4), (2, 2**40, 2**40, 4), (0, 2**40, 2**40, 4)])
def test_input_shape_that_no_array_has(shape):
    filters = np.zeros((3, 3, 4, 6), np.float32)
    assert_refused(ValueError, "too large", "plan_conv2d", lambda: nhwc.plan_conv2d(shape, filters))


# ---- out and residual ----


def unaligned(shape, dtype=np.float32):
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.zeros(size + 1, np.uint8)[1:].view(dtype).reshape(shape)


def read_only(shape):
    out = np.zeros(shape, np.float32)
    out.flags.writeable = False
    return out


OUT_SHAPE = (2, 6, 7, 6)


@pytest.mark.parametrize(
    ("out", "error", "fragment"),
    [
        ([0.0], TypeError, "out is of type list"),
        (memoryview(b"abcd"), TypeError, "out is of type memoryview"),
        (np.zeros((2, 6, 7, 5), np.float32), ValueError, "out has shape (2, 6, 7, 5); (2, 6, 7, 6) would do"),
        (np.zeros((6, 7, 6), np.float32), ValueError, "out has shape"),
        (np.zeros((1, *OUT_SHAPE), np.float32), ValueError, "out has shape"),
        (np.zeros(OUT_SHAPE, np.float64), ValueError, "out has dtype float64; float32"),
        (np.zeros(OUT_SHAPE, np.int32), ValueError, "out has dtype int32"),
        (np.zeros(OUT_SHAPE, np.dtype(np.float32).newbyteorder()), ValueError, "native byte order would do"),
        (np.zeros(OUT_SHAPE, np.float32, order="F"), ValueError, "out is not C-contiguous"),
        (np.zeros((2, 6, 7, 12), np.float32)[..., ::2], ValueError, "out is not C-contiguous"),
        (np.zeros(OUT_SHAPE, np.float32)[:, ::-1], ValueError, "out is not C-contiguous"),
        (np.broadcast_to(np.float32(0), OUT_SHAPE), ValueError, "out is not C-contiguous"),
        (unaligned(OUT_SHAPE), ValueError, "out is not aligned"),
        (read_only(OUT_SHAPE), ValueError, "out is not writable"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_wrong_out(out, error, fragment):
    x, filters = operands("conv2d")
    plan = nhwc.plan_conv2d(x.shape, filters)
    assert_refused(error, fragment, "conv2d", lambda: nhwc.conv2d(x, filters, out=out))
    assert_refused(error, fragment, "plan_conv2d", lambda: plan(x, out=out))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64])
@pytest.mark.parametrize("which", ["x", "filters", "bias", "residual"])
def test_out_must_not_overlap_an_input(which, dtype):
    """By memory bounds, also where the elements interleave."""
    x, filters = operands("conv2d", dtype)
    given = {"x": x, "filters": filters, "bias": np.ones(6, dtype), "residual": np.ones(OUT_SHAPE, dtype)}
    memory = np.ones(2000, dtype)
    size = given[which].size
    inside = memory[2 : 2 + 2 * size : 2] if 2 * size + 2 <= 2000 else memory[2 : 2 + size]
    given[which] = inside.reshape(given[which].shape)
    out = memory[1 : 1 + 504].reshape(OUT_SHAPE)
    fragment = f"out overlaps {which} in memory"
    assert_refused(ValueError, fragment, "conv2d", lambda: nhwc.conv2d(**given, out=out))
    assert np.all(memory == 1)
    if which in ("x", "residual"):
        plan = nhwc.plan_conv2d(x.shape, filters)
        assert_refused(ValueError, fragment, "plan_conv2d",
                       lambda: plan(given["x"], residual=given["residual"], out=out))  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
def test_out_is_filled_and_returned(name, dtype):
    x, filters = operands(name, dtype)
    call, plan = getattr(nhwc, name), getattr(nhwc, f"plan_{name}")(x.shape, filters)
    expected = call(x, filters)
    out = np.empty_like(expected)
    for fill in (lambda: call(x, filters, out=out), lambda: plan(x, out=out)):
        out.fill(1)
        assert fill() is out
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
def test_out_may_be_the_residual(dtype):
    x, filters = operands("conv2d", dtype)
    residual = np.arange(504).reshape(OUT_SHAPE).astype(dtype)
    expected = nhwc.conv2d(x, filters, residual=residual, activation="relu")
    plan = nhwc.plan_conv2d(x.shape, filters, activation="relu")
    for fill in (lambda y: nhwc.conv2d(x, filters, residual=y, activation="relu", out=y),
                 lambda y: plan(x, residual=y, out=y)):  # fmt: skip
        both = residual.copy()
        assert fill(both) is both
        np.testing.assert_array_equal(both, expected)
    assert_refused(ValueError, "out overlaps residual", "conv2d",
                   lambda: nhwc.conv2d(x, filters, residual=both[:], out=both))  # fmt: skip


def test_out_may_be_a_subclass_or_memory_mapped(tmp_path):
    x, filters = operands("conv2d")
    expected = nhwc.conv2d(x, filters)
    mapped = np.memmap(tmp_path / "out", np.float32, "w+", shape=OUT_SHAPE)
    for out in (mapped, np.zeros(OUT_SHAPE, np.float32).view(np.recarray)):
        assert nhwc.conv2d(x, filters, out=out) is out
        np.testing.assert_array_equal(np.asarray(out), expected)
        out[:] = 1
        assert nhwc.conv2d(x, filters, residual=out, out=out) is out
        np.testing.assert_array_equal(np.asarray(out), nhwc.conv2d(x, filters, residual=np.ones(OUT_SHAPE)))


def test_out_beside_an_input_in_one_block_is_apart():
    memory = np.ones(576 + 504 + 216, np.float32)
    x, out, filters = memory[:576], memory[576:-216], memory[-216:]
    nhwc.conv2d(x.reshape(2, 8, 9, 4), filters.reshape(3, 3, 4, 6), out=out.reshape(OUT_SHAPE))
    assert np.all(out == 36)
    assert np.all(x == 1)
    assert np.all(filters == 1)


def test_callable_activation():
    x, filters = operands("conv2d")
    plain = nhwc.conv2d(x, filters, np.ones(6), residual=np.ones(OUT_SHAPE))
    given = []

    def negate(y):
        given.append(y.copy())
        return -y

    out = np.zeros(OUT_SHAPE, np.float32)
    options = {"residual": np.ones(OUT_SHAPE)}
    for result in (nhwc.conv2d(x, filters, np.ones(6), activation=negate, **options),
                   nhwc.conv2d(x, filters, np.ones(6), activation=negate, out=out, **options),
                   nhwc.plan_conv2d(x.shape, filters, np.ones(6), activation=negate)(x, **options)):  # fmt: skip
        np.testing.assert_array_equal(result, -plain)
        np.testing.assert_array_equal(given.pop(), plain)
    np.testing.assert_array_equal(out, -plain)


def test_failing_activation_leaves_out_as_it_was():
    x, filters = operands("conv2d")
    out = np.full(OUT_SHAPE, 7, np.float32)

    def fail(y):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        nhwc.conv2d(x, filters, activation=fail, out=out)
    with pytest.raises(KeyError, match="mine"):
        nhwc.plan_conv2d(x.shape, filters, activation=fail)(x, out=out)
    for wrong in (lambda y: y[0], lambda y: 1.0, lambda y: None):
        with pytest.raises(ValueError, match="conv2d: activation"):
            nhwc.conv2d(x, filters, activation=wrong, out=out)
    assert np.all(out == 7)


def test_nothing_given_is_written():
    x, filters = operands("conv2d")
    bias, residual = np.ones(6, np.float32), np.ones(OUT_SHAPE, np.float32)
    before = [a.copy() for a in (x, filters, bias, residual)]
    result = nhwc.conv2d(x, filters, bias, residual=residual, activation="tanh")
    result.fill(0)
    for now, then in zip((x, filters, bias, residual), before, strict=True):
        np.testing.assert_array_equal(now, then)


# ---- Good forms ----


@pytest.mark.parametrize(
    ("name", "forms", "plain"),
    [
        ("conv2d", ["valid", "VALID", np.str_("Valid"), 0, np.int8(0), (0, 0), ((0, 0), [0, 0])], ((0, 0), (0, 0))),
        ("conv2d", [1, Index(1), np.uint64(1), np.array(1), (1, 1), [1, np.int16(1)], np.ones(2, int),
                    np.ones((2, 2), np.uint8), [(1, 1), (1, 1)], "same", "Same"], ((1, 1), (1, 1))),
        ("conv2d", [(1, 2), [1, 2], np.array([1, 2]), range(1, 3)], ((1, 1), (2, 2))),
        ("conv2d", ["full", "FULL", 2], ((2, 2), (2, 2))),
        ("conv1d", ["causal", "Causal"], ((2, 0),)),
        ("conv1d", [3, (3,), [3], np.array([3]), ((3, 3),), [[3, 3]]], ((3, 3),)),
        ("depthwise_conv1d", ["causal"], ((2, 0),)),
        ("conv3d", [(1, 0, 2), [[1, 1], (0, 0), (2, 2)]], ((1, 1), (0, 0), (2, 2))),
        ("depthwise_conv2d", ["same", 1], ((1, 1), (1, 1))),
    ],
)  # fmt: skip
def test_forms_of_padding(name, forms, plain):
    x, filters = operands(name)
    widths = [(0, 0), *plain, (0, 0)]
    expected = getattr(nhwc, name)(np.pad(x, widths), filters)
    for form in forms:
        np.testing.assert_array_equal(getattr(nhwc, name)(x, filters, padding=form), expected, err_msg=repr(form))
        plan = getattr(nhwc, f"plan_{name}")(x.shape, filters, padding=form)
        np.testing.assert_array_equal(plan(x), expected, err_msg=repr(form))


def test_same_padding_with_strides_and_dilation_is_tensorflows():
    for size in range(1, 9):
        for kernel in range(1, 5):
            for stride in range(1, 5):
                for dilation in range(1, 4):
                    x = np.arange(1.0, size + 1).reshape(size, 1)
                    filters = (10.0 ** np.arange(kernel)).reshape(kernel, 1, 1)
                    options = {"strides": stride, "padding": "same", "dilation_rate": dilation}
                    y = nhwc.conv1d(x, filters, **options)
                    assert y.shape == (-(-size // stride), 1)
                    np.testing.assert_array_equal(y, reference.conv1d(x, filters, **options))


@pytest.mark.parametrize("form", [2, np.int32(2), Index(2), (2, 2), [2, 2], np.array([2, 2]), np.array(2), range(2, 4)])
def test_forms_of_steps(form):
    x, filters = operands("conv2d")
    plain = tuple(form) if isinstance(form, range) else (2, 2)
    for arg in ("strides", "dilation_rate"):
        expected = reference.conv2d(x, filters, **{arg: plain})
        np.testing.assert_allclose(nhwc.conv2d(x, filters, **{arg: form}), expected, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(nhwc.plan_conv2d(x.shape, filters, **{arg: form})(x), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("huge", [100, 2**16, 2**31, 2**32, 2**40 + 1, 2**62, 2**63, 2**64, 2**100])
def test_huge_steps(huge):
    """A stride past the end gives one output, and a single tap has no dilation; sums may differ in order."""

    def assert_close(actual, expected):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-3)

    x, filters = operands("conv2d")
    assert_close(nhwc.conv2d(x, filters, strides=huge), nhwc.conv2d(x, filters)[:, :1, :1])
    assert_close(nhwc.plan_conv2d(x.shape, filters, strides=(1, huge))(x), nhwc.conv2d(x, filters)[:, :, :1])
    assert nhwc.conv2d(x, filters, strides=huge, padding="same").shape == (2, 1, 1, 6)
    pointwise = np.ascontiguousarray(filters[:1, :1])
    assert_close(nhwc.conv2d(x, pointwise, dilation_rate=huge), nhwc.conv2d(x, pointwise))


def test_names_in_any_case():
    x, filters = operands("conv2d")

    def assert_same(one, other):
        np.testing.assert_array_equal(nhwc.conv2d(x, filters, **one), nhwc.conv2d(x, filters, **other))

    for name in ("ReLU", "LINEAR", "Hard_SiLU", np.str_("gelu")):
        assert_same({"activation": name}, {"activation": name.lower()})
    assert_same({"activation": "Swish"}, {"activation": "silu"})
    assert_same({"activation": "hard_swish"}, {"activation": "hard_silu"})
    assert_same({"activation": None}, {"activation": "linear"})
    assert_same({"padding": 1, "padding_mode": "Edge"}, {"padding": 1, "padding_mode": "edge"})
    assert_same({"algorithm": "DIRECT"}, {"algorithm": "direct"})


def test_groups_as_any_int():
    x, filters = operands("conv2d")
    filters = filters[:, :, :2]
    expected = nhwc.conv2d(x, filters, groups=2)
    for groups in (np.int8(2), np.uint64(2), Index(2), np.array(2)):
        np.testing.assert_array_equal(nhwc.conv2d(x, filters, groups=groups), expected)


# ---- Nothing to do ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int16, np.uint8])
@pytest.mark.parametrize(
    ("x_shape", "filters_shape", "options", "out_shape"),
    [
        ((0, 8, 9, 4), (3, 3, 4, 6), {}, (0, 6, 7, 6)),
        ((2, 8, 9, 4), (3, 3, 4, 0), {}, (2, 6, 7, 0)),
        ((2, 8, 9, 0), (3, 3, 0, 6), {}, (2, 6, 7, 6)),
        ((8, 9, 0), (3, 3, 0, 6), {"groups": 3}, (6, 7, 6)),
        ((8, 9, 0), (3, 3, 0, 0), {"groups": 2**70}, (6, 7, 0)),
        ((2, 0, 9, 4), (3, 3, 4, 6), {"padding": "same"}, (2, 0, 9, 6)),
        ((2, 0, 0, 4), (3, 3, 4, 6), {"padding": "SAME", "strides": 2, "dilation_rate": 5}, (2, 0, 0, 6)),
        ((2, 0, 9, 4), (3, 3, 4, 6), {"padding": 2}, (2, 2, 11, 6)),
        ((0, 9, 4), (3, 3, 4, 6), {"padding": "full"}, (2, 11, 6)),
        ((0, 0, 0, 0), (1, 1, 0, 0), {"padding": "same"}, (0, 0, 0, 0)),
    ],
)
def test_zero_size(x_shape, filters_shape, options, out_shape, dtype):
    x, filters, bias = np.ones(x_shape, dtype), np.ones(filters_shape, dtype), np.arange(out_shape[-1]).astype(dtype)
    expected = reference.conv2d(x, filters, bias, **options) if options.get("groups", 1) < 9 else np.zeros(out_shape)
    plan = nhwc.plan_conv2d(x_shape, filters, bias, **options)
    for y in (nhwc.conv2d(x, filters, bias, **options), plan(x)):
        assert y.shape == out_shape
        np.testing.assert_array_equal(y, expected)
    out = np.zeros(out_shape, y.dtype)
    assert nhwc.conv2d(x, filters, bias, activation=lambda y: -y, out=out, **options) is out


@pytest.mark.parametrize(("x_shape", "filters_shape"), [((8, 9, 0), (3, 3, 0, 2)), ((8, 9, 4), (3, 3, 4, 0)),
                                                        ((0, 8, 9, 4), (3, 3, 4, 2))])  # fmt: skip
def test_zero_size_depthwise(x_shape, filters_shape):
    y = nhwc.depthwise_conv2d(np.ones(x_shape), np.ones(filters_shape))
    assert y.shape == (*x_shape[:-3], 6, 7, filters_shape[2] * filters_shape[3])
    assert nhwc.plan_depthwise_conv2d(x_shape, np.ones(filters_shape)).output_shape == y.shape


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("padding", ["same", "valid", 3])
def test_no_pixels_to_repeat(mode, padding):
    filters = np.ones((1, 1, 4, 6), np.float32)
    options = {"padding": padding, "padding_mode": mode}
    fragment = "the padded input has" if padding == "valid" else "no pixels"
    x = np.ones((2, 0, 9, 4), np.float32)
    assert_refused(ValueError, fragment, "conv2d", lambda: nhwc.conv2d(x, filters, **options))
    assert_refused(ValueError, fragment, "plan_conv2d", lambda: nhwc.plan_conv2d(x.shape, filters, **options))
