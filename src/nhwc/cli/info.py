"""`python -m nhwc info`: the machine and the configuration of the library, as a bug report needs them."""

from __future__ import annotations

import argparse
import platform
import subprocess

import numpy as np

import nhwc


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This command takes no arguments."""


def run(args: argparse.Namespace) -> int:
    """Print the processor, the instruction sets, the threads and the versions in use."""
    config = nhwc.show_config(mode="dicts")
    facts = {
        "nhwc": config.pop("version"),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": cpu_name(),
        **config,
    }
    width = max(map(len, facts)) + 2
    for key, value in facts.items():
        print(f"{key.replace('_', ' '):<{width}}{_text(value)}")
    return 0


def _text(value) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value)


def cpu_name() -> str:
    """The processor's name as its maker gives it, or at least the architecture."""
    try:
        if platform.system() == "Darwin":
            return subprocess.check_output(["sysctl", "-n", "machdep.cpu.brand_string"], text=True).strip()
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except (OSError, subprocess.SubprocessError):
        names = []
    return names[0] if names else platform.processor() or platform.machine()
