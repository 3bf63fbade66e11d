"""Wrong calls and giant shapes over every public function: refused at once by an error that names what is wrong."""

import inspect
import sys
import time

import numpy as np
import pytest

import nhwc


def zeros(*shape):
    return np.zeros(shape, np.float32)


def ndim_of(name):
    return int(next(c for c in name if c.isdigit()))


def giant(shape, dtype=np.float32):
    """An array of this shape that takes one element of memory."""
    return np.lib.stride_tricks.as_strided(np.ones(1, dtype), shape, (0,) * len(shape))


def call_of(name):
    """Return the function and the arguments of a valid call by name: 9 pixels an axis, 4 channels, 6 filters."""
    n = ndim_of(name)
    x, y, half = (2, *(9,) * n, 4), (2, *(7,) * n, 6), (2, *(4,) * n, 4)
    kernel = (3,) * n
    depthwise = "depthwise" in name
    filters = (*kernel, 4, 2) if depthwise else (*kernel, 4, 6)
    dy = (*y[:-1], 8) if depthwise else y
    if name.startswith("separable"):
        arguments = {
            "x": zeros(*x),
            "depthwise_filters": zeros(*kernel, 4, 2),
            "pointwise_filters": zeros(*(1,) * n, 8, 6),
        }
    elif name.endswith("_input_grad"):
        arguments = {"dy": zeros(*dy), "filters": zeros(*filters), "input_shape": x}
    elif name.endswith("_filter_grad"):
        arguments = {"x": zeros(*x), "dy": zeros(*dy), "kernel_size": 3}
    elif name.startswith("max_pool") and name.endswith("_grad"):
        arguments = {"dy": zeros(*half), "x": zeros(*x), "pool_size": 2}
    elif name.endswith("_grad"):
        arguments = {"dy": zeros(*half), "input_shape": x, "pool_size": 2}
    elif name.startswith("global"):
        arguments = {"x": zeros(*x)}
    elif "pool" in name:
        arguments = {"x": zeros(*x), "pool_size": 2}
    else:
        first = {"input_shape": x} if name.startswith("plan_") else {"x": zeros(*x)}
        shape = (*kernel, 6, 4) if "transpose" in name else filters
        arguments = {**first, "filters": zeros(*shape)}
    return getattr(nhwc, name), arguments


NAMES = [name for name in nhwc.__all__ if any(c.isdigit() for c in name)]
ARRAYS = ("x", "dy", "filters", "depthwise_filters", "pointwise_filters")

NO_ARRAYS = [
    ("image.png", TypeError),
    ({"a": 1}, TypeError),
    ([[1, 2], [3]], ValueError),
    (zeros(9, 9, 4).astype(complex), TypeError),
    (zeros(9, 9, 4).astype(object), TypeError),
    (np.zeros((9, 9, 4), "M8[s]"), TypeError),
    (np.zeros((9, 9, 4), [("r", "f4")]), TypeError),
    (np.float32(1), ValueError),
    (zeros(1, 1, 1, 1, 1, 1, 1), ValueError),
]
NO_SIZES = [
    (0, ValueError),
    (-1, ValueError),
    (-(2**70), ValueError),
    (True, TypeError),
    (1.0, TypeError),
    ("1", TypeError),
    ({1: 1}, TypeError),
    ((), ValueError),
    ((1, 1, 1, 1), ValueError),
]
WRONG = {
    **dict.fromkeys(ARRAYS, NO_ARRAYS),
    **dict.fromkeys(("strides", "dilation_rate", "pool_size", "kernel_size"), NO_SIZES),
    "groups": [(0, ValueError), (-1, ValueError), (1.0, TypeError), (True, TypeError), (None, TypeError)],
    "padding": [
        *[(value, ValueError) for value in ("sane", "", -1, (), (1, 1, 1, 1), ((0, 1, 2),))],
        *[(value, TypeError) for value in (True, 0.5, None, b"same")],
    ],
    "activation": [("rellu", ValueError), (3, TypeError), (b"relu", TypeError)],
    "padding_mode": [("zeros", ValueError), (None, TypeError), (0, TypeError)],
    "input_shape": [(8, TypeError), ("8", TypeError), ((), ValueError), ((1.0,), ValueError)],
    "output_padding": [(9, ValueError), (-1, ValueError), (0.5, TypeError), ((0,) * 4, ValueError)],
    "bias": [(zeros(7), ValueError), (zeros(6).astype(complex), TypeError), ("bias", TypeError)],
    "residual": [(zeros(7), ValueError), (zeros(6).astype(complex), TypeError), ("residual", TypeError)],
    "out": [([0.0], TypeError), (zeros(7), ValueError)],
}
CASES = [
    (name, argument, value, error)
    for name in NAMES
    for argument in inspect.signature(getattr(nhwc, name)).parameters
    for value, error in WRONG.get(argument, ())
]


@pytest.mark.parametrize(("name", "argument"), dict.fromkeys(case[:2] for case in CASES))
def test_wrong_argument(name, argument):
    function, arguments = call_of(name)
    function(**arguments)
    for _, _, value, error in (case for case in CASES if case[:2] == (name, argument)):
        with pytest.raises(error) as caught:
            function(**{**arguments, argument: value})
        message = str(caught.value)
        assert message.startswith(f"{name}: "), (value, message)
        assert argument in message, (value, message)


def run(function, arguments):
    y = function(**arguments)
    if isinstance(y, nhwc.Plan):  # planning takes no memory for the input; a call does
        y(giant(arguments["input_shape"]))


def refused_at_once(function, arguments):
    """Whether a call is refused within a second."""
    start = time.monotonic()
    with pytest.raises((ValueError, MemoryError)):
        run(function, arguments)
    return time.monotonic() - start < 1


@pytest.fixture
def little_memory():
    """So little that no giant result is granted, however freely the system promises memory."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if not sys.platform.startswith("linux") or hard != resource.RLIM_INFINITY:
        pytest.skip("memory cannot be limited here")
    resource.setrlimit(resource.RLIMIT_AS, (8 * 10**9, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("little_memory")
def test_giant_shapes_are_refused_at_once(name):
    function, arguments = call_of(name)
    for argument, value in arguments.items():
        shape = value if argument == "input_shape" else np.shape(value)
        for size in (2**31, 2**40, 2**58):
            if not shape:  # kernel_size, pool_size
                assert refused_at_once(function, {**arguments, argument: size})
            for axis in range(len(shape)):
                large = (*shape[:axis], size, *shape[axis + 1 :])
                if argument == "input_shape":
                    assert refused_at_once(function, {**arguments, argument: large})
                elif 4 * np.prod(large, dtype=object) < 2**63:  # what NumPy takes
                    assert refused_at_once(function, {**arguments, argument: giant(large)})
