"""The dtype of a result follows from those of x and the filters; what else is cast to it, and what is refused."""

import tracemalloc

import numpy as np
import pytest

import nhwc
from nhwc import reference

try:
    from ml_dtypes import bfloat16
except ImportError:
    bfloat16 = None

needs_bfloat16 = pytest.mark.skipif(bfloat16 is None, reason="ml_dtypes is not installed")

BOOL = ["bool"]
SIGNED = ["int8", "int16", "int32", "int64"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
SHAPE = (5, 6, 2)
OUT_SHAPE = (4, 5, 3)


def operands(x_dtype, filters_dtype):
    rng = np.random.default_rng(3)
    x = rng.integers(0, 4, SHAPE).astype(x_dtype)
    return x, rng.integers(0, 4, (2, 2, 2, 3)).astype(filters_dtype)


def result_dtype(x_dtype, filters_dtype):
    common = np.result_type(np.dtype(x_dtype), np.dtype(filters_dtype))
    return common if common.kind == "f" else np.dtype("uint64" if common.kind == "u" else "int64")


@pytest.mark.parametrize("x_dtype", BOOL + SIGNED + UNSIGNED + FLOATS)
def test_result_of_every_pair(x_dtype):
    for filters_dtype in BOOL + SIGNED + UNSIGNED + FLOATS:
        x, filters = operands(x_dtype, filters_dtype)
        y = nhwc.conv2d(x, filters)
        assert y.dtype == result_dtype(x_dtype, filters_dtype), filters_dtype
        assert y.dtype.isnative
        np.testing.assert_array_equal(y, reference.conv2d(x, filters), err_msg=filters_dtype)


@pytest.mark.parametrize("name", ["conv1d", "conv2d", "conv3d", "depthwise_conv1d", "depthwise_conv2d"])
def test_every_function_and_its_plan(name):
    ndim = int(name[-2])
    for dtype, expected in (("bool", "int64"), ("uint8", "uint64"), ("float16", "float16"), ("float64", "float64")):
        x = np.ones((2, *(4,) * ndim, 3), dtype)
        filters = np.ones((*(2,) * ndim, 3, 2), dtype)
        y = getattr(nhwc, name)(x, filters)
        plan = getattr(nhwc, f"plan_{name}")(x.shape, filters)
        assert y.dtype == plan.dtype == plan(x).dtype == expected
        np.testing.assert_array_equal(y, getattr(reference, name)(x, filters))
        np.testing.assert_array_equal(plan(x), y)


def test_byte_order_and_c_names_do_not_matter():
    for code in ("q", "Q", "l", "L", "i", "h", "f", "d", "e", ">f4", "<f4", ">i8", ">f2", ">u2"):
        x, filters = operands(code, code)
        y = nhwc.conv2d(x, filters)
        assert y.dtype == result_dtype(code, code)
        assert y.dtype.isnative
        np.testing.assert_array_equal(y, reference.conv2d(x, filters), err_msg=code)


def test_a_swapped_dtype_asked_of_a_plan_is_native():
    assert nhwc.plan_conv2d(SHAPE, np.ones((2, 2, 2, 3)), dtype=">f4").dtype == np.float32


# ---- bfloat16 ----


@needs_bfloat16
@pytest.mark.parametrize(
    ("other", "expected"),
    [("bool", bfloat16), ("int8", bfloat16), ("uint8", bfloat16), ("float32", "float32"), ("float64", "float64")],
)
def test_bfloat16_with_another(other, expected):
    for pair in ((bfloat16, other), (other, bfloat16)):
        x, filters = operands(*pair)
        y = nhwc.conv2d(x, filters)
        assert y.dtype == expected
        np.testing.assert_array_equal(y.astype(float), reference.conv2d(x, filters).astype(expected).astype(float))


@needs_bfloat16
@pytest.mark.parametrize("other", ["float16", "int16", "uint16", "int64"])
def test_bfloat16_with_what_numpy_does_not_combine_it_with(other):
    for pair in ((bfloat16, other), (other, bfloat16)):
        with pytest.raises(TypeError, match=r"conv2d: x has dtype .* and filters .*, which NumPy cannot combine"):
            nhwc.conv2d(*operands(*pair))


@needs_bfloat16
def test_bfloat16_with_bias_residual_and_out():
    x, filters = operands(bfloat16, bfloat16)
    bias, residual = np.array([0.1, 0.2, 0.3], bfloat16), np.full(OUT_SHAPE, 0.7, bfloat16)
    expected = reference.conv2d(x, filters, bias, residual=residual, dtype=np.float32).astype(bfloat16)
    out = np.empty(OUT_SHAPE, bfloat16)
    assert nhwc.conv2d(x, filters, bias, residual=residual, out=out) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(nhwc.plan_conv2d(SHAPE, filters, bias)(x, residual=residual), expected)
    with pytest.raises(ValueError, match="out has dtype float32; bfloat16"):
        nhwc.conv2d(x, filters, out=np.empty(OUT_SHAPE, np.float32))


@needs_bfloat16
def test_other_small_floats_and_ints_are_refused():
    import ml_dtypes

    for name in ("float8_e4m3fn", "float8_e5m2", "int4", "uint4"):
        small = np.zeros(SHAPE, getattr(ml_dtypes, name))
        with pytest.raises(TypeError, match=f"conv2d: x has dtype {name}; bool, an integer, float16, bfloat16"):
            nhwc.conv2d(small, np.ones((2, 2, 2, 3)))
        with pytest.raises(TypeError, match=f"conv2d: filters have dtype {name}"):
            nhwc.conv2d(np.ones(SHAPE), np.zeros((2, 2, 2, 3), small.dtype))
        with pytest.raises(TypeError, match=f"dtype is .*{name}"):
            nhwc.plan_conv2d(SHAPE, np.ones((2, 2, 2, 3)), dtype=small.dtype)


# ---- Bias and residual ----


@pytest.mark.parametrize("given", [*BOOL, *SIGNED, *UNSIGNED, *FLOATS, "longdouble", "complex64", "clongdouble"])
@pytest.mark.parametrize("result", ["int64", "uint64", "float16", "float32", "float64"])
def test_addends_are_cast_as_numpy_casts_the_same_kind(given, result):
    x, filters = operands(result, result)
    plan = nhwc.plan_conv2d(SHAPE, filters)
    for arg, addend in (("bias", np.ones(3, given)), ("residual", np.ones(OUT_SHAPE, given))):
        if np.can_cast(np.dtype(given), result, "same_kind"):
            y = nhwc.conv2d(x, filters, **{arg: addend})
            assert y.dtype == result
            np.testing.assert_array_equal(y, reference.conv2d(x, filters) + 1)
        else:
            message = f"{arg} has dtype {addend.dtype}, which does not cast to the result's {result}"
            with pytest.raises(TypeError, match=f"^conv2d: {message}"):
                nhwc.conv2d(x, filters, **{arg: addend})
            with pytest.raises(TypeError, match=f"^plan_conv2d: {message}"):
                plan(x, residual=addend) if arg == "residual" else nhwc.plan_conv2d(SHAPE, filters, addend)


@needs_bfloat16
@pytest.mark.parametrize("given", ["float32", "float64", "float16", "int64"])
def test_addends_to_bfloat16(given):
    x, filters = operands(bfloat16, bfloat16)
    np.testing.assert_array_equal(nhwc.conv2d(x, filters, np.ones(3, given)).astype(float),
                                  (reference.conv2d(x, filters) + 1).astype(bfloat16).astype(float))  # fmt: skip
    with pytest.raises(TypeError, match="bias has dtype complex64"):
        nhwc.conv2d(x, filters, np.ones(3, np.complex64))


def test_addends_are_rounded_to_the_results_dtype_first():
    x, filters = np.zeros((1, 1), np.float16), np.zeros((1, 1, 1), np.float16)
    bias, residual = np.array([1 + 2.0**-11]), np.array([[2.0**-11 + 2.0**-22]])
    rounded = np.float16(bias).astype(np.float32) + np.float16(residual).astype(np.float32)
    expected = rounded.astype(np.float16)
    assert expected != (bias + residual).astype(np.float16)
    np.testing.assert_array_equal(nhwc.conv1d(x, filters, bias, residual=residual), expected)
    np.testing.assert_array_equal(nhwc.plan_conv1d((1, 1), filters, bias)(x, residual=residual), expected)
    once = np.float32(1 / 3) + np.float32(1 / 7)
    x, filters = np.zeros((1, 1), np.float32), np.zeros((1, 1, 1), np.float32)
    np.testing.assert_array_equal(nhwc.conv1d(x, filters, [1 / 3], residual=[[1 / 7]]), [[once]])


# ---- Integers ----


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "uint8", "uint64"])
def test_activations_of_integers(dtype):
    x, filters = operands(dtype, dtype)
    for activation in (None, "linear", "relu", "ReLU6"):
        np.testing.assert_array_equal(nhwc.conv2d(x, filters, activation=activation),
                                      reference.conv2d(x, filters, activation=activation))  # fmt: skip
    halved = nhwc.conv2d(x, filters, activation=lambda y: y // 2)
    np.testing.assert_array_equal(halved, reference.conv2d(x, filters) // 2)
    for activation in ("leaky_relu", "elu", "selu", "sigmoid", "hard_sigmoid", "tanh", "silu", "Swish", "hard_silu",
                       "hard_swish", "gelu", "softplus"):  # fmt: skip
        message = f"conv2d: activation '{activation}' is for floats, .*; 'linear', 'relu', 'relu6' or a callable"
        with pytest.raises(TypeError, match=message):
            nhwc.conv2d(x, filters, activation=activation)
        with pytest.raises(TypeError, match=message):
            nhwc.plan_conv2d(SHAPE, filters, activation=activation)


def test_integers_beyond_what_float64_holds():
    x, filters = np.array([[2**53 + 1, 3]]), np.array([[[1], [2**40]]])
    np.testing.assert_array_equal(nhwc.conv1d(x, filters), [[2**53 + 1 + 3 * 2**40]])
    largest = np.array([[2**64 - 1]], np.uint64)
    np.testing.assert_array_equal(nhwc.conv1d(largest, np.ones((1, 1, 1), np.uint8)), largest)
    np.testing.assert_array_equal(nhwc.conv1d(largest, np.array([[[2]]], np.uint64)), largest - np.uint64(1))
    np.testing.assert_array_equal(nhwc.conv1d(largest, np.ones((1, 1, 1), np.int64)), [[2.0**64]])


# ---- What NumPy makes an array of ----


class Holder:
    """An array by NumPy's protocol only."""

    def __init__(self, data):
        self.data = data

    def __array__(self, dtype=None, copy=None):
        return np.array(self.data, dtype)


@pytest.mark.parametrize(
    "wrap",
    [
        list,
        tuple,
        np.ndarray.tolist,
        Holder,
        memoryview,
        np.ma.array,
        lambda a: np.ma.array(a, mask=a > 1),
        lambda a: a.view(np.recarray),
        lambda a: a.astype(">f4"),
        lambda a: np.stack([a, a], -1)[..., 0],
        lambda a: a[::-1].copy()[::-1],
        np.asfortranarray,
    ],
)
def test_whatever_asarray_accepts(wrap):
    x, filters = operands(np.float32, np.float32)
    bias, residual = np.arange(3, dtype=np.float32), np.ones(OUT_SHAPE, np.float32)
    expected = nhwc.conv2d(x, filters, bias, residual=residual)
    wrapped = [wrap(a) for a in (x, filters, bias)]
    y = nhwc.conv2d(*wrapped, residual=wrap(residual))
    assert type(y) is np.ndarray
    assert y.flags.c_contiguous
    np.testing.assert_array_equal(y, expected)
    plan = nhwc.plan_conv2d(SHAPE, *wrapped[1:])
    np.testing.assert_array_equal(plan(wrapped[0], residual=wrap(residual)), expected)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_is_an_unbatched_signal():
    y = nhwc.conv1d(np.asmatrix([[1.0], [2.0], [3.0]]), np.ones((2, 1, 1)))
    assert type(y) is np.ndarray
    np.testing.assert_array_equal(y, [[3.0], [5.0]])


# ---- Layouts: right, copied at most once, never written ----


def unaligned(a):
    b = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    b[...] = a
    return b


def mapped(a, folder):
    path = folder / f"{len(list(folder.iterdir()))}.bin"
    a.tofile(path)
    return np.memmap(path, a.dtype, "r", shape=a.shape)


LAYOUTS = {
    "plain": lambda a, _: a,
    "swapped": lambda a, _: a.astype(a.dtype.newbyteorder()),
    "strided": lambda a, _: np.stack([a, a], -1)[..., 0],
    "backwards": lambda a, _: a[::-1, ..., ::-1].copy()[::-1, ..., ::-1],
    "Fortran": lambda a, _: np.asfortranarray(a),
    "broadcast": lambda a, _: np.broadcast_to(a[:1], a.shape),
    "unaligned": lambda a, _: unaligned(a),
    "swapped and strided": lambda a, _: np.stack([a, a], 1).astype(a.dtype.newbyteorder())[:, 0],
    "read-only": lambda a, _: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
    "mapped": mapped,
    "subclass": lambda a, _: a.view(np.recarray),
    "by protocol": lambda a, _: Holder(a),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "bool", "float16", "float32", "float64"])
def test_layouts(layout, dtype, tmp_path):
    rng = np.random.default_rng(5)
    x, filters = (rng.integers(0, 2, shape).astype(dtype) for shape in ((2, 9, 8, 6), (3, 3, 6, 20)))
    arrange = LAYOUTS[layout]
    arranged = [arrange(x, tmp_path), arrange(filters, tmp_path)]
    given = [a.data if layout == "by protocol" else a for a in arranged]
    before = [a.tobytes() for a in given]
    expected = nhwc.conv2d(*(np.ascontiguousarray(a.view(np.ndarray), a.dtype.newbyteorder("=")) for a in given))
    np.testing.assert_array_equal(expected, reference.conv2d(*given))
    residual = np.ones_like(expected)
    skip = arrange(residual, tmp_path)
    plan = nhwc.plan_conv2d((2, 9, 8, 6), arranged[1])
    for y in (nhwc.conv2d(*arranged, residual=skip), plan(arranged[0], residual=skip)):
        assert type(y) is np.ndarray
        assert y.dtype == expected.dtype
        np.testing.assert_array_equal(y, expected + residual)
    assert [a.tobytes() for a in given] == before


@pytest.mark.parametrize("layout", ["plain", "swapped", "strided", "Fortran", "unaligned", "read-only", "mapped"])
@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float16", "float32"])
def test_an_input_is_copied_at_most_once(layout, dtype, tmp_path):
    x, filters = LAYOUTS[layout](np.ones((1, 300, 200, 10), dtype), tmp_path), np.ones((3, 3, 10, 1), dtype)
    y = nhwc.conv2d(x, filters)
    plan = nhwc.plan_conv2d(x.shape, filters)
    bytes_in_order = dtype == "int8" and layout in ("swapped", "unaligned")
    copies = layout in ("swapped", "strided", "Fortran", "unaligned") and not bytes_in_order
    for call in (lambda: nhwc.conv2d(x, filters, out=y), lambda: plan(x, out=y)):
        call()
        tracemalloc.start()
        try:
            call()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < (copies + 0.1) * x.nbytes
