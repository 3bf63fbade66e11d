"""Memory that runs out at any step of a call: a MemoryError, and `out` as it was."""

import os
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux" or not shutil.which("cc"), reason="needs LD_PRELOAD and cc")

# Takes the place of the allocator that only the library uses: NumPy and Python take memory by malloc.
FAILING = """
#include <errno.h>
#include <stdlib.h>
int allocations_left = 1 << 30;
int posix_memalign(void **block, size_t alignment, size_t bytes) {
    if (__atomic_fetch_sub(&allocations_left, 1, __ATOMIC_SEQ_CST) <= 0) {
        return ENOMEM;
    }
    *block = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    return *block ? 0 : ENOMEM;
}
"""

PROGRAM = """
import ctypes
import numpy as np
import nhwc

left = ctypes.c_int.in_dll(ctypes.CDLL(None), "allocations_left")
def ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)

half = np.float16
CALLS = {
    "transposed": lambda out: nhwc.conv2d_transpose(ones(2, 40, 40, 16), ones(5, 5, 24, 16), strides=2, out=out),
    "growing phases": lambda out: nhwc.conv2d_transpose(
        ones(2, 40, 40, 3), ones(3, 3, 40, 3), strides=3, padding=1, out=out),
    "depthwise gradient": lambda out: nhwc.depthwise_conv2d_input_grad(
        ones(1, 56, 56, 32), ones(3, 3, 32, 1), (1, 112, 112, 32), strides=2, padding="same", out=out),
    "overlap": lambda out: nhwc.conv2d_transpose(ones(1, 60, 60, 64), ones(4, 4, 3, 64), strides=2, out=out),
    "infinite": lambda out: nhwc.conv2d_transpose(ones(1, 20, 20, 16), ones(4, 4, 8, 16) / 0, strides=3, out=out),
    "separable": lambda out: nhwc.separable_conv2d(
        ones(2, 112, 112, 32), ones(3, 3, 32, 1), ones(1, 1, 32, 64), padding="same", out=out),
    "half": lambda out: nhwc.conv2d(ones(1, 150, 150, 32, dtype=half), ones(3, 3, 32, 32, dtype=half), out=out),
    "halves": lambda out: nhwc.conv2d(ones(9, 40, 40, 16, dtype=half), ones(5, 5, 16, 16, dtype=half), out=out),
    "integers": lambda out: nhwc.conv2d(
        ones(5, 50, 50, 16, dtype=np.int16), ones(3, 3, 16, 16, dtype=np.int16), out=out),
    "winograd": lambda out: nhwc.conv2d(ones(1, 56, 56, 64), ones(3, 3, 64, 64), algorithm="winograd_f4", out=out),
    "filter gradient": lambda out: nhwc.conv2d_filter_grad(ones(2, 30, 30, 16), ones(2, 28, 28, 32), 3, out=out),
    "pool": lambda out: nhwc.average_pool2d(ones(2, 60, 60, 32), 5, strides=2, padding="same", out=out),
    "pool gradient": lambda out: nhwc.average_pool2d_grad(
        ones(2, 30, 30, 32), (2, 60, 60, 32), 3, strides=2, padding="same", out=out),
}
np.seterr(all="ignore")
for threads in (1, 3, 20):
    nhwc.set_num_threads(threads)
    for name, call in CALLS.items():
        expected = call(None)
        out = np.empty_like(expected)
        for allowed in range(1000):
            nhwc.release_memory()
            out.fill(7)
            left.value = allowed
            try:
                call(out)
            except MemoryError:
                left.value = 1 << 30
                assert (out == 7).all(), f"{name} left out half written on {threads} threads, {allowed} allocations"
            else:
                break
            finally:
                left.value = 1 << 30
        assert 0 < allowed < 999 or name in ("pool", "pool gradient"), (name, allowed)
        np.testing.assert_array_equal(out, expected)
"""


def test_a_memory_error_leaves_out_as_it_was(tmp_path):
    source, library = tmp_path / "failing.c", tmp_path / "failing.so"
    source.write_text(FAILING)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
