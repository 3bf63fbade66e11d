"""After fork(): a child computes, serially and then on threads of its own, whatever its parent was doing."""

import multiprocessing
import os
import signal
import threading
import traceback
from pathlib import Path

import numpy as np
import pytest
from problems import LARGE_PROBLEMS, assert_same_bits

import nhwc

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    # Python 3.12 warns of what is tested here.
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]

SECONDS = 60  # for a child; one that hangs is killed by its alarm
PROBLEMS = LARGE_PROBLEMS[:3] + LARGE_PROBLEMS[-3:]


def results():
    return [problem.run(nhwc, *problem.operands()) for problem in PROBLEMS]


def assert_right(expected):
    for problem, y, y_expected in zip(PROBLEMS, results(), expected, strict=True):
        assert_same_bits(y, y_expected, problem)


def in_child(function):
    """Run a function in a forked child and fail if it raises, crashes or hangs there."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(SECONDS)
            function()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    assert not os.WIFSIGNALED(ended), f"the child died by {signal.Signals(os.WTERMSIG(ended)).name}"
    assert os.WEXITSTATUS(ended) == 0, "the child failed"


@pytest.fixture
def expected():
    """Results of a parallel region, so that OpenMP has a pool of threads when the test forks."""
    with nhwc.num_threads(3):
        return results()


def thread_count():
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else None


def test_a_child_is_serial_until_it_asks_for_threads(expected):
    def child():
        assert_right(expected)
        assert thread_count() in (1, None)
        nhwc.set_num_threads(2)
        for _ in range(3):
            assert_right(expected)
        assert nhwc.get_num_threads() == 2

    in_child(child)
    assert_right(expected)


def test_a_plan_made_before_the_fork_runs_in_the_child():
    problem = PROBLEMS[0]
    x, filters, bias, residual = problem.operands()
    plan = problem.plan(nhwc, filters, bias)
    y = plan(x, residual=residual)

    def child():
        assert_same_bits(plan(x, residual=residual), y)
        nhwc.set_num_threads(2)
        assert_same_bits(plan(x, residual=residual), y)
        nhwc.release_memory()
        assert_same_bits(plan(x, residual=residual), y)

    in_child(child)


def test_a_child_of_a_child(expected):
    def child():
        nhwc.set_num_threads(2)
        assert_right(expected)
        in_child(lambda: assert_right(expected))
        assert_right(expected)

    in_child(child)


def test_many_threads_of_a_child(expected):
    def child():
        nhwc.set_num_threads(2)
        failures = []

        def work():
            try:
                assert_right(expected)
            except BaseException as failure:
                failures.append(failure)

        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert not failures

    in_child(child)


def test_fork_while_other_threads_compute(expected):
    stop = threading.Event()

    def compute():
        while not stop.is_set():
            with nhwc.num_threads(2):
                assert_right(expected)
            nhwc.release_memory()

    def child():
        assert_right(expected)
        nhwc.set_num_threads(2)
        assert_right(expected)

    workers = [threading.Thread(target=compute) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(8):
            in_child(child)
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def bytes_of(index):
    """The work of a pool's process; at module level, so that a spawned one can import it."""
    problem = PROBLEMS[index]
    return problem.run(nhwc, *problem.operands()).tobytes()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(expected, method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        computed = pool.map_async(bytes_of, range(len(PROBLEMS))).get(timeout=SECONDS)
    assert computed == [np.ascontiguousarray(y).tobytes() for y in expected]
