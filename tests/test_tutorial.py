"""The tutorial's two programs, run as a reader runs them."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are part of the source tree only")

PRINTED = {
    "tutorial_conv1d.py": """\
[array([[[0.]],

       [[1.]],

       [[0.]]], dtype=float32), array([0.], dtype=float32)]
[[[0.]
  [0.]
  [1.]
  [1.]
  [0.]
  [0.]]]
""",
    "tutorial_conv2d.py": """\
[array([[[[0.]],

        [[1.]],

        [[0.]]],


       [[[0.]],

        [[1.]],

        [[0.]]],


       [[[0.]],

        [[1.]],

        [[0.]]]], dtype=float32), array([0.], dtype=float32)]
"""
    + "[0.0, 0.0, 3.0, 3.0, 0.0, 0.0]\n" * 6,
}


@pytest.mark.parametrize("program", PRINTED)
def test_program_prints_what_the_tutorial_shows(program, tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout == PRINTED[program]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("tutorial_conv1d.py", np.reshape([0, 0, 1, 1, 0, 0], (1, 6, 1))),
        ("tutorial_conv2d.py", np.reshape([[0, 0, 3, 3, 0, 0]] * 6, (1, 6, 6, 1))),
    ],
)
def test_program_computes_exactly(program, expected):
    yhat = runpy.run_path(EXAMPLES / program)["yhat"]
    assert yhat.dtype == np.float32
    assert yhat.shape == expected.shape
    np.testing.assert_array_equal(yhat, expected)
