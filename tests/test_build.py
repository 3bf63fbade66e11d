"""The built extension, disassembled: wide vectors in the files of their instruction set alone, fused where they can be.

A kernel is a local function of its file in arch/, and the symbol table lists local functions file by file.
"""

import platform
import re
import shutil
import subprocess
import sys
from collections import Counter
from typing import NamedTuple

import pytest

from nhwc import _core

OBJDUMP = shutil.which("objdump")
pytestmark = pytest.mark.skipif(not OBJDUMP or sys.platform != "linux", reason="needs Linux and objdump")

X86 = platform.machine() == "x86_64"
FILES = {f"{isa}.c" for isa in _core.ISAS_COMPILED}
# A register tile each: direct_f32_6_4, row_taps2_f64_14_1, image_rows_f32_3x8v, ... Others are inlined.
TILE = re.compile(
    r"(direct|depthwise|depthwise_tail|product|row\d|row_taps\d|image_rows|image_filters)_f\d+_\d+[_x]\d+v?"
)
FUSED = re.compile(r"vfn?m(add|sub)\d+[ps][sd]" if X86 else r"fml[as]")


class Function(NamedTuple):
    file: str
    name: str
    mnemonics: Counter
    registers: set


def objdump(*options):
    return subprocess.run([OBJDUMP, *options, _core.__file__], capture_output=True, text=True, check=True).stdout


def files_of_functions():
    """The source file of each local function, by its address."""
    files, file = {}, ""
    for line in objdump("-t").splitlines():
        head, _, tail = line.partition("\t")
        if " df " in head:
            file = tail.split()[-1] if len(tail.split()) > 1 else ""
        elif " F .text" in head:
            files[int(head.split()[0], 16)] = file
    return files


@pytest.fixture(scope="module")
def functions():
    files = files_of_functions()
    if FILES - set(files.values()):
        pytest.skip("the extension is stripped")
    found = []
    for line in objdump("-d", "--no-show-raw-insn").splitlines():
        if line.endswith(">:"):
            address, name = line[:-2].split(" <")
            found.append(Function(files.get(int(address, 16), ""), name, Counter(), set()))
        elif found and line.count("\t") >= 1:
            mnemonic, _, operands = line.split("\t", 1)[1].partition(" ")
            found[-1].mnemonics[mnemonic] += 1
            found[-1].registers.update(register for register in ("ymm", "zmm") if register in operands)
    assert sum(f.mnemonics.total() for f in found) > 100_000
    return found


@pytest.mark.skipif(not X86, reason="x86-64's registers")
def test_wide_instructions_stay_in_their_files(functions):
    allowed = {"amx.c": {"ymm", "zmm"}, "avx512.c": {"ymm", "zmm"}, "avx2.c": {"ymm"}}
    wrong = [
        f"{f.file}: {f.name}"
        for f in functions
        if f.registers - allowed.get(f.file, set()) or (f.file not in allowed and any(m[0] == "v" for m in f.mnemonics))
    ]
    assert not wrong


@pytest.mark.parametrize("isa", [isa for isa in _core.ISAS_COMPILED if isa in ("avx512", "avx2", "neon")])
def test_tiles_fuse_multiplication_and_addition(functions, isa):
    tiles = [f for f in functions if f.file == f"{isa}.c" and TILE.fullmatch(f.name)]
    assert len(tiles) > 50
    assert [f.name for f in tiles if not any(FUSED.fullmatch(m) for m in f.mnemonics)] == []


@pytest.mark.skipif("sse2" not in _core.ISAS_COMPILED, reason="no SSE2 here")
def test_sse2_multiplies_whole_vectors(functions):
    tiles = [f for f in functions if f.file == "sse2.c" and TILE.fullmatch(f.name)]
    assert len(tiles) > 50
    for f in tiles:
        packed = "ps" if "_f32_" in f.name else "pd"
        assert f.mnemonics["mul" + packed], f.name
        assert f.mnemonics["add" + packed], f.name
