"""The example that learns filters, run as a reader runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "examples" / "learn_filters.py"
pytestmark = pytest.mark.skipif(not PROGRAM.is_file(), reason="the examples are part of the source tree only")


def test_it_finds_the_hidden_filters_and_draws_them(tmp_path):
    pytest.importorskip("matplotlib")
    command = [sys.executable, PROGRAM, "--size", "64", "--output", tmp_path / "learnt.png"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert float(done.stdout.split("filter's value is ")[1].split()[0]) < 1e-3
    assert (tmp_path / "learnt.png").read_bytes().startswith(b"\x89PNG")
