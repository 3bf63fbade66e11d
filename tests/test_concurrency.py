"""Every operation from many threads and processes at once: the same bits, memory that stays flat, and a clean exit."""

import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import nhwc
from nhwc import layers, models

SECONDS = 60


def ones_of(*shape, dtype=np.float32):
    return (np.arange(int(np.prod(shape))) % 7 - 2).astype(dtype).reshape(shape)


# Calls that are large enough for several threads, over all operations.
CALLS = {
    "conv2d": lambda: nhwc.conv2d(ones_of(2, 40, 40, 16), ones_of(3, 3, 16, 32)),
    "half": lambda: nhwc.conv2d(ones_of(2, 40, 40, 16, dtype="f2"), ones_of(3, 3, 16, 32, dtype="f2")),
    "integer": lambda: nhwc.conv2d(ones_of(2, 40, 40, 16, dtype="i1"), ones_of(3, 3, 16, 32, dtype="i1")),
    "depthwise": lambda: nhwc.depthwise_conv2d(ones_of(2, 60, 60, 32), ones_of(3, 3, 32, 1)),
    "separable": lambda: nhwc.separable_conv2d(ones_of(2, 60, 60, 32), ones_of(3, 3, 32, 1), ones_of(1, 1, 32, 40)),
    "transpose": lambda: nhwc.conv2d_transpose(ones_of(2, 20, 20, 16), ones_of(5, 5, 24, 16), strides=2),
    "overlap": lambda: nhwc.conv2d_transpose(ones_of(2, 30, 30, 64), ones_of(4, 4, 3, 64), strides=2),
    "input grad": lambda: nhwc.conv2d_input_grad(ones_of(2, 20, 20, 32), ones_of(3, 3, 16, 32), (2, 22, 22, 16)),
    "filter grad": lambda: nhwc.conv2d_filter_grad(ones_of(2, 40, 40, 16), ones_of(2, 38, 38, 32), 3),
    "max pool": lambda: nhwc.max_pool2d(ones_of(2, 90, 90, 32), 3, strides=2, padding="same"),
    "average pool": lambda: nhwc.average_pool2d(ones_of(2, 90, 90, 32), 3, strides=2, padding="same"),
    "global pool": lambda: nhwc.global_average_pool2d(ones_of(2, 90, 90, 32)),
    "max pool grad": lambda: nhwc.max_pool2d_grad(ones_of(2, 40, 40, 32), ones_of(2, 80, 80, 32), 2),
    "average pool grad": lambda: nhwc.average_pool2d_grad(ones_of(2, 40, 40, 32), (2, 80, 80, 32), 2),
}


def bytes_of(name):
    """The work of a process; at module level, so that a spawned one can import it."""
    return CALLS[name]().tobytes()


@pytest.fixture(scope="module")
def expected():
    with nhwc.num_threads(3):
        return {name: bytes_of(name) for name in CALLS}


def in_threads(work, count=8):
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))


def test_every_operation_from_8_threads_while_memory_is_released(expected):
    names = list(CALLS)

    def work(start):
        for i in range(len(names)):
            name = names[(start * 3 + i) % len(names)]
            with nhwc.num_threads(1 + (start + i) % 3):
                assert bytes_of(name) == expected[name], name
            nhwc.release_memory()

    in_threads(work)


def make_plan(i):
    filters = ones_of(3, 3, 4, 4 + i % 5)
    kind = nhwc.plan_conv2d if i % 2 else nhwc.plan_conv2d_transpose
    return kind((None, 9, 8, 4), filters if i % 2 else filters.swapaxes(2, 3), strides=1 + i % 3)


def test_64_plans_at_once_made_and_dropped_while_others_run():
    x = ones_of(5, 9, 8, 4)
    plans = [make_plan(i) for i in range(64)]
    results = [plan(x).tobytes() for plan in plans]

    def work(thread):
        for i in range(thread, thread + 64):
            assert plans[i % 64](x).tobytes() == results[i % 64]
            assert make_plan(i % 64)(x).tobytes() == results[i % 64]

    in_threads(work)


def test_one_plan_and_one_model_in_8_threads():
    x = ones_of(3, 20, 20, 8)
    transposed = nhwc.plan_conv2d_transpose(x.shape, ones_of(3, 3, 16, 8), strides=2)
    model = models.Sequential([layers.Input(shape=(20, 20, 8)), layers.Conv2D(8, 3, activation="relu"),
                               layers.MaxPooling2D(), layers.Flatten(), layers.Dense(5)])  # fmt: skip
    inputs = [np.roll(x, i, axis=1) for i in range(8)]
    results = [(transposed(a).tobytes(), model.predict(a, verbose=0).tobytes()) for a in inputs]

    def work(i):
        for _ in range(5):
            assert (transposed(inputs[i]).tobytes(), model.predict(inputs[i], verbose=0).tobytes()) == results[i]

    in_threads(work)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes_while_a_thread_computes(expected, method):
    stop = threading.Event()

    def compute():
        while not stop.is_set():
            with nhwc.num_threads(2):
                bytes_of("conv2d")

    worker = threading.Thread(target=compute)
    worker.start()
    try:
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
            computed = dict(zip(CALLS, pool.map(bytes_of, CALLS, timeout=SECONDS), strict=True))
    finally:
        stop.set()
        worker.join()
    assert computed == expected


EXIT = """
import sys, threading
sys.path.insert(0, {tests!r})
import nhwc
from test_concurrency import CALLS
nhwc.set_num_threads(3)
begun = threading.Event()
def work():
    while True:
        for call in CALLS.values():
            call()
            begun.set()
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
"""


def test_exit_while_daemon_threads_compute():
    program = EXIT.format(tests=str(Path(__file__).parent))
    for _ in range(int(os.environ.get("NHWC_EXITS", "4"))):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=SECONDS)
        assert (done.returncode, done.stderr) == (0, "")


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run_shapes(shapes):
    """Tiny problems of so many different shapes, by all operations in turn."""
    big, filters = ones_of(70, 70, 3), ones_of(2, 2, 3, 3)
    for i in shapes:
        x = big[: 2 + i % 67, : 2 + i // 67 % 67]
        kind = i % 6
        if kind == 0:
            nhwc.conv1d(x[0], filters[0])
        elif kind == 1:
            nhwc.conv2d(x[:4], filters, strides=1 + i // 4489)
        elif kind == 2:
            nhwc.conv1d_transpose(x[0], filters[0], strides=1 + i // 4489 % 9)
        elif kind == 3:
            nhwc.max_pool1d(x[0], 2)
        elif kind == 4:
            nhwc.conv1d_filter_grad(x[0], x[0], 1)
        else:
            nhwc.plan_depthwise_conv1d(x[0].shape, filters[0])(x[0])


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
@pytest.mark.parametrize("count", [10**4, pytest.param(10**5, marks=pytest.mark.long)])
def test_memory_stays_flat_over_many_shapes(count):
    run_shapes(range(2000))
    before = resident()
    run_shapes(range(2000, count))
    assert resident() - before < 4 << 20
