"""Builds the extension: one C file per instruction set, each with its own flags, joined with the rest."""

import os
import platform
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

CSRC = Path("csrc")

# Instruction set -> flags of arch/<name>.c, by architecture. The one table of them.
ARCHITECTURES = {
    "x86_64": {
        "avx512": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx2", "-mfma", "-mf16c"],
        "avx2": ["-mavx2", "-mfma", "-mf16c"],
    },
}
# Contraction would make bits depend on the tile size; the vector headers spell fused multiply-adds.
# Debugging information would be most of a wheel.
C_FLAGS = ["-std=gnu11", "-O2", "-g0", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden"]
KERNEL_FLAGS = ["-fno-tree-slp-vectorize"]
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]


def architecture():
    name = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)


class BuildKernels(build_ext):
    """Compiles the C core with its flags, probes for OpenMP, and links both into the extension."""

    def build_extension(self, ext):
        flags = list(C_FLAGS)
        if os.environ.get("NHWC_WERROR") == "1":
            flags += WARNINGS
        if self.compiles("int main(void) { return 0; }", ["-fopenmp"], link=True):
            flags.append("-fopenmp")
            ext.extra_link_args.append("-fopenmp")
        else:
            print("nhwc: this compiler has no OpenMP; building for one thread", file=sys.stderr)
        isas = {
            name: isa_flags
            for name, isa_flags in ARCHITECTURES.get(architecture(), {}).items()
            if self.compiles("int main(void) { return 0; }", isa_flags)
        }
        defines = [(f"NHWC_WITH_{name.upper()}", "1") for name in isas]
        skip = {f"{name}.c" for table in ARCHITECTURES.values() for name in table}
        jobs = [(CSRC / "arch" / f"{name}.c", flags + KERNEL_FLAGS + extra) for name, extra in isas.items()]
        for source in sorted(CSRC.glob("*/*.c")):
            if source.parent.name != "arch" or source.name not in skip:
                jobs.append((source, flags + (KERNEL_FLAGS if source.name == "scalar.c" else [])))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            ext.extra_objects = list(pool.map(lambda job: self.compile_c(*job, defines), jobs))
        ext.extra_compile_args = C_FLAGS
        ext.define_macros.append(("NHWC_VERSION", f'"{self.distribution.get_version()}"'))
        super().build_extension(ext)

    def compile_c(self, source, flags, defines):
        """Compile one file and return the path of its object."""
        return self.compiler.compile(
            [str(source)], output_dir=self.build_temp, macros=defines, extra_postargs=flags, depends=ext_headers()
        )[0]

    def compiles(self, program, flags, link=False):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text(program, encoding="utf-8")
            try:
                objects = self.compiler.compile([str(source)], output_dir=folder, extra_postargs=flags)
                if link:
                    self.compiler.link_executable(objects, "probe", output_dir=folder, extra_postargs=flags)
            except Exception:
                return False
            return True


def ext_headers():
    return [str(path) for path in sorted(CSRC.rglob("*.h"))]


extension = Extension(
    "nhwc._core",
    ["src/nhwc/_core.pyx"],
    include_dirs=[numpy.get_include(), str(CSRC)],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    libraries=[] if sys.platform == "win32" else ["m"],
    depends=ext_headers(),
)
setup(
    ext_modules=cythonize([extension], compiler_directives={"language_level": "3"}, build_dir="build"),
    cmdclass={"build_ext": BuildKernels},
)
