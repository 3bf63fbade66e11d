"""The forward convolutions against the oracle, on every instruction set: values, dtypes, layouts, edges, workspace."""

import math
import mmap
from pathlib import Path

import numpy as np
import pytest
from problems import ACTIVATION_ERROR, ALL_PROBLEMS, PROBLEMS, assert_close, assert_same_bits, conv, exact, solved

import nhwc
from nhwc import _core, reference

FLOATS = [np.float32, np.float64]


# ---- Accuracy ----


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("subject", PROBLEMS)
def test_direct_is_accurate_per_output(isa, subject, dtype):
    for problem in PROBLEMS[subject]:
        operands, y_exact, size = solved(problem, dtype)
        y = problem.run(nhwc, *operands, algorithm="direct")
        assert y.dtype == dtype
        assert_close(problem, y, y_exact, size)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("subject", PROBLEMS)
def test_auto_is_accurate(subject, dtype):
    for problem in PROBLEMS[subject]:
        operands, y_exact, size = solved(problem, dtype)
        y = problem.run(nhwc, *operands)
        assert_close(problem, y, y_exact, size, "auto")


@pytest.mark.parametrize("data", ["normal", "uniform", "flat"])
def test_long_sums_do_not_drift(isa, data):
    """Sums of one sign grow, and round ever more coarsely: the case that short chains of additions are for."""
    for problem in [
        conv((1, 16, 16, 100), (1, 1, 100, 32)),
        conv((1, 16, 16, 28), (3, 3, 28, 32), padding="same"),
        conv((1, 16, 16, 256), (1, 1, 256, 32)),
        conv((1, 16, 16, 64), (3, 3, 64, 32), padding="same"),
        conv((1, 8, 8, 512), (3, 3, 512, 32), padding="same"),
        conv((1, 40, 40, 3), (15, 15, 3, 1)),
        conv((1, 40, 40, 20), (15, 15, 20, 1), depthwise=True),
    ]:
        x, filters, *rest = problem.operands()
        if data == "uniform":
            rng = np.random.default_rng(9)
            x, filters = rng.random(x.shape, np.float32), rng.random(filters.shape, np.float32)
        elif data == "flat":
            x, filters = np.full_like(x, 1 / 3), np.full_like(filters, 1 / 3)
        y_exact, size = exact(problem, (x, filters, *rest))
        y = problem.run(nhwc, x, filters, *rest, algorithm="direct")
        assert_close(problem, y, y_exact, size)
        assert np.abs(y - y_exact).max() <= 2e-6 * np.abs(y_exact).max(), problem


@pytest.mark.parametrize(
    ("channels", "kernel", "algorithm", "bound"),
    [
        (1, 7, "direct", 5e-7),
        (3, 9, "direct", 5e-7),
        (3, 15, "direct", 5e-7),
        (512, 3, "auto", 2e-6),
        (2048, 3, "auto", 2e-6),
    ],
)
def test_flat_data_drifts_little(isa, channels, kernel, algorithm, bound):
    """Where all products are equal, as under a box filter, each rounding errs the same way as the one before."""
    rng = np.random.default_rng(13)
    for value, weight in rng.uniform(0.01, 1, (4, 2)).astype(np.float32):
        x = np.full((kernel + 3, kernel + 3, channels), value)
        for count in (1, 20):
            y = nhwc.conv2d(x, np.full((kernel, kernel, channels, count), weight), algorithm=algorithm)
            expected = kernel**2 * channels * float(value) * float(weight)
            assert np.abs(y - expected).max() <= bound * expected, (value, weight, count)


@pytest.mark.parametrize("dtype", FLOATS)
def test_integer_valued_data_is_exact(isa, dtype):
    rng = np.random.default_rng(5)
    for problem in ALL_PROBLEMS[::3]:
        limit = min(1000, math.isqrt(2**23 // problem.reduction))
        operands = [
            None if a is None else rng.integers(-limit, limit, a.shape, endpoint=True).astype(dtype)
            for a in problem.operands(dtype)
        ]
        y = problem.run(nhwc, *operands, algorithm="direct")
        expected = problem.run(reference, *operands, dtype=np.int64)
        np.testing.assert_array_equal(y, expected, err_msg=str(problem))


def test_a_row_of_a_million_samples(isa):
    problem = conv((1, 10**6, 1), (9, 1, 4), padding="same", bias=True)
    operands, y_exact, size = solved(problem, np.float32)
    assert_close(problem, problem.run(nhwc, *operands, algorithm="direct"), y_exact, size)


# ---- Activations ----


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("activation", _core.ACTIVATIONS)
def test_activations(isa, activation, dtype):
    """A 1x1 filter of weight 1 leaves x as it is, so that the result is the activation alone."""
    tiny, huge = np.finfo(dtype).tiny, np.finfo(dtype).max
    edges = [0, -0.0, tiny, -tiny, tiny / 8, -tiny / 8, huge, -huge, huge / 4, -huge / 4]
    ranges = [np.linspace(-1, 1, 2001), np.linspace(-30, 30, 6001), np.linspace(-900, 900, 1801)]
    x = np.concatenate([*ranges, edges]).astype(dtype)
    y = nhwc.conv1d(x[:, None], np.ones((1, 1, 1), dtype), activation=activation)[:, 0]
    expected = reference.activate(x.astype(np.float64 if dtype == np.float32 else np.longdouble), activation)
    with np.errstate(over="ignore"):
        finite = np.isfinite(expected.astype(dtype))
    assert np.isposinf(y[~finite]).all() == (expected[~finite] > 0).all()
    error = np.abs(y[finite] - expected[finite])
    allowed = ACTIVATION_ERROR[x.dtype.name] * np.maximum(1, np.abs(expected[finite]))
    worst = np.argmax(error / allowed)
    assert error[worst] <= allowed[worst], f"{activation}({x[finite][worst]!r}) is {y[finite][worst]!r}"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("activation", _core.ACTIVATIONS)
def test_activations_of_infinity_and_not_a_number(isa, activation, dtype):
    x = np.tile(np.array([-np.inf, np.inf, np.nan], dtype), 23)
    y = nhwc.conv1d(x[:, None], np.ones((1, 1, 1), dtype), activation=activation)[:, 0]
    np.testing.assert_allclose(y, reference.activate(x, activation), rtol=1e-6)


@pytest.mark.parametrize("activation", _core.ACTIVATIONS)
def test_activation_comes_after_bias_and_residual(isa, activation):
    terms = {"bias": True, "residual": True, "activation": activation}
    for problem in [
        conv((2, 7, 9, 5), (3, 3, 5, 19), padding="same", **terms),
        conv((2, 7, 9, 2), (3, 3, 2, 1), padding="same", **terms),
        conv((2, 7, 9, 21), (3, 3, 21, 1), depthwise=True, **terms),
        conv((4, 300), (1, 300, 7), **terms),
    ]:
        for dtype in FLOATS:
            operands, y_exact, size = solved(problem, dtype)
            assert_close(problem, problem.run(nhwc, *operands, algorithm="direct"), y_exact, size)


def test_a_callable_activation_is_given_the_result():
    problem = conv((2, 5, 6, 3), (3, 3, 3, 4), bias=True, residual=True)
    operands = problem.operands()
    y = problem.run(nhwc, *operands)
    assert_same_bits(problem.run(nhwc, *operands, activation=lambda a: a * 2), y * 2)
    out = np.empty_like(y)
    assert problem.run(nhwc, *operands, activation=np.negative, out=out) is out
    assert_same_bits(out, -y)


# ---- Other dtypes ----

INTEGER_PROBLEMS = [
    conv((2, 5, 6, 3), (3, 3, 3, 5), padding="same", strides=(1, 2), bias=True, residual=True),
    conv((2, 9, 4), (3, 2, 6), groups=2, padding="causal", dilation_rate=2),
    conv((6, 7, 5), (3, 2, 5, 2), depthwise=True, padding=2, padding_mode="reflect", bias=True),
    conv((2, 3, 4, 5, 2), (2, 2, 2, 2, 3), padding="same", activation="relu"),
    conv((1, 300, 2), (200, 2, 1), activation="relu6"),
]


@pytest.mark.parametrize(
    ("x_dtype", "filters_dtype", "result"),
    [
        (np.int64, np.int64, np.int64),
        (np.uint64, np.uint64, np.uint64),
        (np.int32, np.int8, np.int64),
        (np.int8, np.uint8, np.int64),
        (np.uint8, np.uint8, np.uint64),
        (np.uint32, np.int16, np.int64),
        (np.uint16, bool, np.uint64),
        (bool, bool, np.int64),
    ],
)
def test_integers_are_exact_and_wrap(isa, x_dtype, filters_dtype, result):
    rng = np.random.default_rng(7)

    def draw(shape, dtype):
        if dtype is bool:
            return rng.integers(0, 2, shape).astype(bool)
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)

    for problem in INTEGER_PROBLEMS:
        shapes = [None if a is None else a.shape for a in problem.operands()]
        kinds = [x_dtype, filters_dtype, result, result]
        operands = [None if shape is None else draw(shape, kind) for shape, kind in zip(shapes, kinds, strict=True)]
        y = problem.run(nhwc, *operands)
        assert_same_bits(y, problem.run(reference, *operands, dtype=result), problem)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_precision_is_float32_rounded_once(isa, name):
    half = np.dtype(np.float16 if name == "float16" else pytest.importorskip("ml_dtypes").bfloat16)
    for problem in [
        conv((2, 6, 7, 5), (3, 3, 5, 18), padding="same", bias=True, residual=True, activation="gelu"),
        conv((9, 8, 20), (3, 3, 20, 1), depthwise=True, bias=True, activation="relu"),
        conv((30, 3), (5, 3, 1), padding="causal", residual=True),
        conv((2, 3, 400), (3, 400, 3)),
    ]:
        stored = [None if a is None else a.astype(half) for a in problem.operands(np.float32)]
        y = problem.run(nhwc, *stored, algorithm="direct")
        y32 = problem.run(nhwc, *[None if a is None else a.astype(np.float32) for a in stored], algorithm="direct")
        assert y.dtype == half
        assert_same_bits(y.view(np.uint16), y32.astype(half).view(np.uint16), problem)


# ---- Values that are not numbers ----

POISONED = [
    conv((2, 9, 11, 3), (3, 3, 3, 5), padding="same"),
    conv((2, 9, 11, 16), (3, 3, 16, 33), strides=2, padding="same"),
    conv((2, 15, 31, 1), (3, 3, 1, 1), padding="same"),
    conv((2, 9, 40, 3), (5, 3, 3, 2), dilation_rate=(1, 2)),
    conv((2, 9, 11, 37), (3, 3, 37, 1), depthwise=True, padding="same"),
    conv((2, 9, 11, 5), (3, 3, 5, 2), depthwise=True, strides=2, padding=((2, 0), (0, 3))),
    conv((2, 9, 11, 12), (3, 3, 4, 9), groups=3, padding="same", padding_mode="wrap"),
    conv((2, 50, 7), (4, 7, 20), padding="causal"),
    conv((2, 50, 1), (9, 1, 2), padding=6, padding_mode="reflect"),
    conv((2, 4, 5, 6, 3), (2, 3, 2, 3, 4), padding="full"),
    conv((2, 6, 7, 300), (1, 1, 300, 17)),
]


def assert_poisoned_alike(problem, operands, clean):
    """NaN and infinity stand where the oracle has them, every other output has the bits of the clean run."""
    for algorithm in ("direct", "auto"):
        y = problem.run(nhwc, *operands, algorithm=algorithm)
        expected = problem.run(reference, *operands)
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(y[~finite], expected[~finite].astype(y.dtype), err_msg=f"{problem}")
        assert not finite.all(), problem
        untouched = problem.run(nhwc, *clean, algorithm=algorithm)
        assert_same_bits(y[finite], untouched[finite], f"{algorithm} {problem}")


@pytest.mark.parametrize("dtype", FLOATS)
def test_poison_in_x_reaches_what_its_window_holds(isa, dtype):
    rng = np.random.default_rng(8)
    for problem in POISONED:
        x, filters, *rest = problem.operands(dtype)
        for _ in range(4):
            poisoned = x.copy()
            spots = rng.integers(0, x.size, 3)
            poisoned.flat[spots] = rng.choice([np.nan, np.inf, -np.inf], 3)
            assert_poisoned_alike(problem, (poisoned, filters, *rest), (x, filters, *rest))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_poison_in_filters_meets_padded_zeros_too(isa, dtype, poison):
    for problem in POISONED:
        x, filters, *rest = problem.operands(dtype)
        poisoned = filters.copy()
        poisoned[..., 0, 0] = poison
        assert_poisoned_alike(problem, (x, poisoned, *rest), (x, filters, *rest))


def test_values_near_overflow_stay_in_their_windows(isa):
    for problem in POISONED:
        x, filters, *rest = problem.operands()
        filters = np.clip(filters, -0.5, 0.5)
        near = x.copy()
        near.flat[x.size // 2] = 3e38
        y_exact, size = exact(problem, (near, filters, *rest))
        assert_close(problem, problem.run(nhwc, near, filters, *rest, algorithm="direct"), y_exact, size)
        far = exact(problem, (x, filters, *rest))[1] == size
        y, clean = problem.run(nhwc, near, filters, *rest), problem.run(nhwc, x, filters, *rest)
        np.testing.assert_allclose(y[far], clean[far], rtol=0, atol=1e-4, err_msg=str(problem))


@pytest.mark.parametrize("dtype", FLOATS)
def test_subnormals_are_computed(isa, dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    x = (np.arange(1, 61, dtype=dtype) * tiny).reshape(1, 20, 3)
    for f in (1, 17):
        y = nhwc.conv1d(x, np.ones((2, 3, f), dtype))
        expected = reference.conv1d(np.rint(x / tiny), np.ones((2, 3, f)))
        np.testing.assert_array_equal(np.rint(y / tiny), expected)


# ---- Empty arrays ----


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize(
    "problem",
    [
        conv((0, 5, 5, 3), (3, 3, 3, 4)),
        conv((2, 5, 5, 3), (3, 3, 3, 0)),
        conv((2, 5, 5, 0), (3, 3, 0, 4), bias=True, residual=True, activation="relu"),
        conv((2, 5, 5, 0), (3, 3, 0, 4)),
        conv((5, 5, 0), (3, 3, 0, 2), depthwise=True),
        conv((2, 5, 3), (3, 3, 0), depthwise=True),
        conv((2, 0, 5, 3), (3, 3, 3, 4), padding="same", strides=2),
        conv((2, 0, 3), (3, 3, 4), padding="same", residual=True),
        conv((0, 4, 4, 4, 0), (2, 2, 2, 0, 0)),
        conv((0, 0, 0), (1, 0, 0), padding="same"),
        conv((2, 0, 3), (2, 3, 4), padding=3, bias=True),
    ],
    ids=lambda problem: f"{problem.x_shape} {problem.filters_shape}",
)
def test_empty_arrays_are_right(problem, dtype):
    operands = problem.operands(dtype)
    expected = problem.run(reference, *operands, dtype=dtype)
    assert_same_bits(problem.run(nhwc, *operands), expected)
    if dtype != np.int64:
        assert_same_bits(problem.plan(nhwc, *operands[1:3])(operands[0], residual=operands[3]), expected)


# ---- Layouts: any array that NumPy can hold ----


class Subclass(np.ndarray):
    pass


def unaligned(a):
    raw = np.empty(a.nbytes + 1, np.uint8)[1:]
    b = raw.view(a.dtype).reshape(a.shape)
    b[...] = a
    return b


def every_second(a):
    b = np.full([2 * n for n in a.shape], 99, a.dtype)[tuple(slice(1, None, 2) for _ in a.shape)]
    b[...] = a
    return b


def read_only(a):
    b = a.copy()
    b.flags.writeable = False
    return b


LAYOUTS = {
    "fortran": np.asfortranarray,
    "negative strides": lambda a: np.flip(np.flip(a).copy()),
    "every second": every_second,
    "zero strides": lambda a: np.broadcast_to(a[..., :1], a.shape),
    "slice of a wider row": lambda a: np.concatenate([a, a], axis=-1)[..., : a.shape[-1]],
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": unaligned,
    "read-only": read_only,
    "subclass": lambda a: a.view(Subclass),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64, np.uint8])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_do_not_matter(layout, dtype):
    for problem in [
        conv((2, 6, 7, 5), (3, 3, 5, 6), padding="same", bias=True, residual=True),
        conv((2, 6, 7, 4), (3, 3, 4, 2), depthwise=True, bias=True, residual=True),
        conv((20, 1), (3, 1, 2), bias=True),
    ]:
        plain = [None if a is None else np.abs(10 * a).astype(dtype) for a in problem.operands()]
        arranged = [None if a is None else LAYOUTS[layout](a) for a in plain]
        plain = [None if a is None else np.array(a, dtype, order="C") for a in arranged]
        y = problem.run(nhwc, *arranged)
        assert type(y) is np.ndarray
        assert_same_bits(y, problem.run(nhwc, *plain), f"{layout} {problem}")
        for before, after in zip(plain, arranged, strict=True):
            assert before is None or np.array_equal(before, after), "an argument was written to"


def test_nested_lists_and_memory_maps(tmp_path):
    x, filters, bias, _ = conv((6, 7, 2), (3, 3, 2, 4), bias=True).operands(np.float64)
    y = nhwc.conv2d(x, filters, bias)
    assert_same_bits(nhwc.conv2d(x.tolist(), filters.tolist(), bias.tolist()), y)
    mapped = np.memmap(tmp_path / "x", x.dtype, "w+", shape=x.shape)
    mapped[...] = x
    assert_same_bits(nhwc.conv2d(mapped, filters, bias), y)


# ---- One result, however it is asked for ----


def test_a_plan_equals_the_function(isa):
    for problem in ALL_PROBLEMS:
        x, filters, bias, residual = problem.operands()
        for algorithm in ("direct", "auto"):
            plan = problem.plan(nhwc, filters, bias, algorithm=algorithm)
            y = plan(x, residual=residual)
            chosen = problem.run(nhwc, x, filters, bias, residual, algorithm=plan.algorithm)
            assert_same_bits(y, chosen, problem)


def test_out_may_be_the_residual():
    for problem in [p for p in ALL_PROBLEMS if p.with_residual]:
        x, filters, bias, residual = problem.operands()
        y = problem.run(nhwc, x, filters, bias, residual)
        assert problem.run(nhwc, x, filters, bias, residual, out=residual) is residual
        assert_same_bits(residual, y, problem)


def test_a_sample_does_not_depend_on_its_batch(isa):
    for problem in [p for p in ALL_PROBLEMS if len(p.x_shape) == p.ndim + 2 and p.x_shape[0] > 1]:
        x, filters, bias, residual = problem.operands()
        y = problem.run(nhwc, x, filters, bias, residual)
        for i in range(len(x)):
            alone = problem.run(nhwc, x[i], filters, bias, None if residual is None else residual[i])
            assert_same_bits(y[i], alone, problem)


def test_nothing_is_left_from_the_call_before(isa):
    """A call full of NaN leaves NaN wherever workspace is kept; the next one must not see it."""
    for problem in ALL_PROBLEMS:
        x, *rest = problem.operands()
        y = problem.run(nhwc, x, *rest)
        problem.run(nhwc, np.full_like(x, np.nan), *rest)
        assert_same_bits(problem.run(nhwc, x, *rest), y, problem)


# ---- Workspace ----

MIB = 2**20


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "problem",
    [
        conv((1, 10**8, 1), (9, 1, 4), padding="same"),
        conv((1, 10**8, 1), (9, 1, 1), padding="same", padding_mode="reflect"),
        conv((1, 10**7, 64), (3, 64, 64), padding="causal", dilation_rate=4096),
        conv((1, 10**8, 8), (3, 8, 1), depthwise=True, padding="same"),
        conv((1, 10**7, 4), (9, 4, 8), dilation_rate=10**6, padding="full"),
        conv((1, 4000, 4000, 16), (3, 3, 16, 16), dilation_rate=1500),
        conv((1, 4000, 4000, 1), (3, 3, 1, 1), dilation_rate=1500),
        conv((1, 4000, 4000, 32), (3, 3, 32, 1), depthwise=True, dilation_rate=1500, padding="same"),
        conv((1, 8000, 8000, 512), (3, 3, 512, 64), padding="same"),
        conv((1, 15, 15, 2048), (15, 15, 2048, 4), padding="same"),
        conv((1, 15, 15, 2048), (15, 15, 2048, 1), depthwise=True, padding="same"),
        conv((1, 100, 100, 100, 1), (31, 31, 31, 1, 2), padding="same"),
        conv((1, 40, 40, 40, 64), (31, 31, 31, 1, 64), groups=64, padding="same"),
        conv((1, 200000, 1), (100000, 1, 1), padding="same"),
        conv((1, 10**7, 3), (5, 3, 2), padding=10**7, strides=10**5, padding_mode="wrap"),
        conv((10**6, 100, 3), (5, 3, 32), padding="same"),
        conv((1, 3000, 3000, 60000), (1, 1, 1, 60000), groups=60000),
    ],
    ids=lambda problem: f"{problem.x_shape} {problem.filters_shape}",
)
def test_workspace_is_small_whatever_the_image(isa, problem, dtype):
    filters = np.broadcast_to(np.array(0.5, dtype), problem.filters_shape)
    assert problem.plan(nhwc, filters).workspace_bytes < 8 * MIB


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory in use from /proc")
def test_memory_does_not_grow_with_calls_and_shapes():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

    def run_all():
        for problem in ALL_PROBLEMS:
            operands = problem.operands()
            problem.run(nhwc, *operands)
            problem.plan(nhwc, *operands[1:3])(operands[0], residual=operands[3])

    run_all()
    before = resident()
    for _ in range(3):
        run_all()
    assert resident() - before < 4 * MIB


@pytest.mark.parametrize("size", [3, 5, 7])
def test_depthwise_bits_do_not_depend_on_where_arrays_begin(isa, size):
    rng = np.random.default_rng(size)
    filters = rng.standard_normal((size, size, 144, 1)).astype(np.float32)
    values = rng.standard_normal((2, 9, 11, 144)).astype(np.float32)

    def begin_at(shape, offset):
        memory = np.zeros(4 * math.prod(shape) + 128, np.uint8)
        first = -memory.ctypes.data % 64 + offset
        return memory[first : first + 4 * math.prod(shape)].view(np.float32).reshape(shape)

    residual = rng.standard_normal((2, 9, 11, 144)).astype(np.float32)
    for strides, terms in ((1, {"residual": residual}), (2, {})):
        plan = nhwc.plan_depthwise_conv2d(values.shape, filters, padding="same", strides=strides, activation="silu")
        expected = plan(values, **terms)
        for offset, out_offset in ((0, 0), (16, 16), (60, 60), (4, 4), (16, 48), (0, 16)):
            x = begin_at(values.shape, offset)
            x[...] = values
            y = plan(x, out=begin_at(plan.output_shape, out_offset), **terms)
            np.testing.assert_array_equal(y, expected)
