"""Many threads, inside a call and around it: the same bits, nothing shared that should not be."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from problems import ALL_PROBLEMS, LARGE_PROBLEMS, assert_same_bits

import nhwc
from nhwc import _core


@pytest.mark.parametrize("algorithm", ["direct", "auto"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_do_not_depend_on_the_threads(isa, dtype, algorithm):
    for problem in LARGE_PROBLEMS:
        operands = problem.operands(dtype)
        with nhwc.num_threads(1):
            expected = problem.run(nhwc, *operands, algorithm=algorithm)
        for threads in (2, 3, 5, 8):
            with nhwc.num_threads(threads):
                y = problem.run(nhwc, *operands, algorithm=algorithm)
            assert_same_bits(y, expected, f"{threads} threads, {problem}")


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_sweeps_forth_and_back_are_alike_and_whole(isa, threads):
    """Channel by channel, as depthwise convolutions of more than a cache holds: every other call goes backward."""
    x = np.random.default_rng(5).standard_normal((3, 67, 71, 70), dtype=np.float32)
    filters = np.random.default_rng(6).standard_normal((3, 3, 70, 1), dtype=np.float32)
    expected = nhwc.reference.depthwise_conv2d(x.astype(np.float64), filters.astype(np.float64), padding="same")
    with nhwc.num_threads(threads):
        results = [
            nhwc.depthwise_conv2d(x, filters, padding="same", out=np.full(expected.shape, np.nan, np.float32))
            for _ in range(4)
        ]
    np.testing.assert_allclose(results[0], expected, atol=40 * np.finfo(np.float32).eps)
    for i, y in enumerate(results[1:], 1):
        assert_same_bits(y, results[0], f"call {i}")


def test_integers_do_not_depend_on_the_threads():
    for problem in LARGE_PROBLEMS:
        operands = [None if a is None else (9 * a).astype(np.int64) for a in problem.operands()]
        with nhwc.num_threads(1):
            expected = problem.run(nhwc, *operands)
        with nhwc.num_threads(3):
            assert_same_bits(problem.run(nhwc, *operands), expected, problem)


@pytest.mark.parametrize("problem", LARGE_PROBLEMS[:3] + LARGE_PROBLEMS[-3:], ids=lambda problem: problem.function)
def test_one_plan_in_many_python_threads(problem):
    x, filters, bias, residual = problem.operands()
    plan = problem.plan(nhwc, filters, bias)
    inputs = [np.roll(x, i, axis=-2) for i in range(8)]
    expected = [plan(a, residual=residual) for a in inputs]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda a: plan(a, residual=residual), inputs * 3))
    for y, y_alone in zip(results, expected * 3, strict=True):
        assert_same_bits(y, y_alone, problem)


def test_python_threads_that_plan_run_and_release_at_once():
    problems = [*ALL_PROBLEMS[::9], *LARGE_PROBLEMS[:2]]
    operands = [problem.operands() for problem in problems]
    expected = [problem.run(nhwc, *o) for problem, o in zip(problems, operands, strict=True)]

    def work(start):
        for i in range(start, start + len(problems)):
            i %= len(problems)
            assert_same_bits(problems[i].run(nhwc, *operands[i]), expected[i], problems[i])
            if i % 10 == 0:
                nhwc.release_memory()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(0, len(problems), len(problems) // 4)))


def test_a_plan_keeps_its_instruction_set():
    problem = ALL_PROBLEMS[0]
    x, filters, bias, residual = problem.operands()
    before = _core.isa()
    try:
        plans, results = [], []
        for isa in _core.ISAS_AVAILABLE:
            _core._use_isa(isa)
            plans.append(problem.plan(nhwc, filters, bias))
            results.append(plans[-1](x, residual=residual))
        for isa in _core.ISAS_AVAILABLE:
            _core._use_isa(isa)
            for plan, y in zip(plans, results, strict=True):
                assert_same_bits(plan(x, residual=residual), y, f"made for {plan.isa}, run under {isa}")
        assert [plan.isa for plan in plans] == list(_core.ISAS_AVAILABLE)
    finally:
        _core._use_isa(before)


COUNT_THREADS = """
import os
import numpy as np
import nhwc
{imports}

def threads_after(context):
    with context:
        nhwc.conv2d(np.ones((1, 64, 64, 32), np.float32), np.ones((3, 3, 32, 64), np.float32))
    return len(os.listdir("/proc/self/task"))

nhwc.set_num_threads(3)
print({counts})
"""


def counted(imports, counts):
    """Run a program that prints thread counts, in a process that has made no thread yet."""
    program = COUNT_THREADS.format(imports=imports, counts=counts)
    environment = {**os.environ, "OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


needs_openmp_on_linux = pytest.mark.skipif(
    _core.openmp() is None or not Path("/proc/self/task").exists(), reason="counts OpenMP's threads in /proc"
)


@needs_openmp_on_linux
def test_a_call_uses_the_threads_it_may():
    counts = counted("", "threads_after(nhwc.num_threads(1)), threads_after(nhwc.num_threads(3))")
    assert counts == [1, 3]


@needs_openmp_on_linux
def test_threadpoolctl_can_lower_the_threads():
    pytest.importorskip("threadpoolctl")
    counts = counted(
        "from threadpoolctl import threadpool_limits",
        "threads_after(threadpool_limits(1)), threads_after(threadpool_limits(2, 'openmp')), "
        "threads_after(nhwc.num_threads(3))",
    )
    assert counts == [1, 2, 3]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
def test_helpers_may_run_wherever_the_process_may():
    x, filters = np.ones((64, 64, 64), np.float32), np.ones((3, 3, 64, 64), np.float32)
    allowed = os.sched_getaffinity(0)
    with nhwc.num_threads(3):
        for _ in range(50):
            nhwc.conv2d(x, filters)

    def settled():
        try:
            return all(os.sched_getaffinity(int(task.name)) == allowed for task in Path("/proc/self/task").iterdir())
        except ProcessLookupError:  # a thread has ended meanwhile
            return False

    for _ in range(1000):  # a helper that came too late may still be on its way
        if settled():
            break
        time.sleep(0.01)
    assert settled()
