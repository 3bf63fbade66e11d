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
FLAGS_FILE = CSRC / "flags.mk"


def read_flags():
    """Return the lists of words in csrc/flags.mk by name."""
    lines = (line.partition(":=") for line in FLAGS_FILE.read_text(encoding="utf-8").splitlines())
    return {name.strip(): words.split() for name, sign, words in lines if sign}


FLAGS = read_flags()


def architecture():
    name = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)


class BuildKernels(build_ext):
    """Compiles the C core with its flags, probes for OpenMP, and links both into the extension."""

    def finalize_options(self):
        super().finalize_options()
        if sys.platform == "win32" and not self.compiler:
            self.compiler = "mingw32"  # Microsoft's knows neither GNU C nor these flags

    def build_extension(self, ext):
        flags = list(FLAGS["C_FLAGS"])
        if os.environ.get("NHWC_WERROR") == "1":
            flags += [*FLAGS["WARNINGS"], "-Werror"]
        if self.compiles("int main(void) { return 0; }", ["-fopenmp"], link=True):
            flags.append("-fopenmp")
            ext.extra_link_args.append("-fopenmp")
        else:
            print("nhwc: this compiler has no OpenMP; building for one thread", file=sys.stderr)
        isas = [
            name
            for name in FLAGS.get(f"ISAS_{architecture()}", [])
            if self.compiles("int main(void) { return 0; }", FLAGS[f"FLAGS_{name}"])
        ]
        defines = [(f"NHWC_WITH_{name.upper()}", "1") for name in isas]
        kernel_flags = flags + FLAGS["KERNEL_FLAGS"]
        skip = {f"{name}.c" for table in FLAGS if table.startswith("ISAS_") for name in FLAGS[table]}
        jobs = [(CSRC / "arch" / f"{name}.c", kernel_flags + FLAGS[f"FLAGS_{name}"]) for name in isas]
        for source in sorted(CSRC.glob("*/*.c")):
            if source.parent.name != "arch" or source.name not in skip:
                jobs.append((source, kernel_flags if source.name == "scalar.c" else flags))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            ext.extra_objects = list(pool.map(lambda job: self.compile_c(*job, defines), jobs))
        ext.extra_compile_args = FLAGS["C_FLAGS"]
        ext.define_macros.append(("NHWC_VERSION", f'"{self.distribution.get_version()}"'))
        super().build_extension(ext)

    def compile_c(self, source, flags, defines):
        """Compile one file and return the path of its object."""
        return self.compiler.compile(
            [str(source)], output_dir=self.build_temp, macros=defines, extra_postargs=flags, depends=dependencies()
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


def dependencies():
    return [str(FLAGS_FILE), *(str(path) for path in sorted(CSRC.rglob("*.[ch]")))]


extension = Extension(
    "nhwc._core",
    ["src/nhwc/_core.pyx"],
    include_dirs=[numpy.get_include(), str(CSRC)],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    libraries=[] if sys.platform == "win32" else ["m"],
    depends=dependencies(),
)
# NumPy's declarations differ between its versions, and with them the generated file.
GENERATED = f"build/numpy-{numpy.__version__}"
setup(
    ext_modules=cythonize([extension], compiler_directives={"language_level": "3"}, build_dir=GENERATED),
    cmdclass={"build_ext": BuildKernels},
)
