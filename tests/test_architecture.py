"""The house's rules: which folder of the C core may know which, and what only one file may do."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"

pytestmark = pytest.mark.skipif(not CSRC.is_dir(), reason="the C sources are not beside the tests")

# Folder -> the folders whose headers it may include. "." is nhwc.h.
MAY_INCLUDE = {
    "base": {"base", "."},
    "simd": {"simd"},
    "kernels": {"kernels", "simd", "."},
    "arch": {"arch", "kernels", "simd", "base", "."},
    "conv": {"conv", "arch", "kernels", "base", "."},
}


def sources():
    return sorted(path for path in CSRC.rglob("*.[ch]"))


def test_folders_include_only_what_is_below_them():
    wrong = []
    for path in sources():
        folder = path.parent.name if path.parent != CSRC else "."
        for name in re.findall(r'^\s*#include "([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE):
            target = (path.parent / name).resolve()
            assert target.is_file(), f"{path}: {name}"
            below = target.parent.name if target.parent != CSRC else "."
            if folder != "." and below not in MAY_INCLUDE[folder]:
                wrong.append(f"{path.relative_to(CSRC)} includes {name}")
    assert not wrong


def test_only_the_threads_file_knows_openmp():
    knows = {path.name for path in sources() if re.search(r"omp\.h|#pragma omp", path.read_text(encoding="utf-8"))}
    assert knows == {"threads.c"}


def test_the_library_neither_prints_nor_aborts():
    for path in sources():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\b(printf|fprintf|puts|abort|exit)\s*\(", text), path


def test_the_bridge_stays_thin():
    lines = (ROOT / "src/nhwc/_core.pyx").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 500, len(lines)
