"""The machine: how many threads, which instruction set, what is built in. Settles both from the environment at import.

`NHWC_NUM_THREADS` or `OMP_NUM_THREADS` sets the threads, `NHWC_ISA` caps the instruction set.
"""

from __future__ import annotations

import operator
import os
import sys
import threading
import warnings
from typing import TYPE_CHECKING, overload

import numpy as np

from nhwc import _core

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any, Literal

_MOST_THREADS = 1024
_ISA_ORDERS = (("scalar", "sse2", "avx2", "avx512", "amx"), ("scalar", "neon"))  # of each architecture, narrowest first


def set_num_threads(n: int) -> None:
    """Set the number of threads that convolutions may use in this process.

    A convolution uses fewer where the work is small. The number may exceed that of the cores. A lower limit that
    threadpoolctl or OpenMP sets counts too.

    Parameters
    ----------
    n : int
        From 1 to 1024.

    Raises
    ------
    ValueError
        If n is out of range.
    TypeError
        If n is not an int.

    Examples
    --------
    >>> import nhwc
    >>> before = nhwc.get_num_threads()
    >>> nhwc.set_num_threads(2)
    >>> nhwc.get_num_threads()
    2
    >>> nhwc.set_num_threads(before)
    """
    _core.set_num_threads(_thread_count("set_num_threads", n))


def get_num_threads() -> int:
    """Return the number of threads that a convolution called here may use.

    Examples
    --------
    >>> import nhwc
    >>> nhwc.get_num_threads() >= 1
    True
    """
    return _core.get_num_threads()


class num_threads:  # noqa: N801
    """Set the number of threads for the calling thread within a ``with`` block.

    Parameters
    ----------
    n : int
        From 1 to 1024.

    Raises
    ------
    ValueError
        If n is out of range.
    TypeError
        If n is not an int.

    Examples
    --------
    >>> import nhwc
    >>> with nhwc.num_threads(1):
    ...     nhwc.get_num_threads()
    1
    """

    # What each open block of a thread replaced. It belongs to the thread, so that threads may share an instance.
    _open_blocks = threading.local()

    def __init__(self, n: int) -> None:
        self._n = _thread_count("num_threads", n)

    def __enter__(self) -> None:
        replaced = self._open_blocks.__dict__.setdefault("replaced", [])
        replaced.append(_core._swap_thread_override(self._n))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        _core._swap_thread_override(self._open_blocks.replaced.pop())


def release_memory() -> None:
    """Give back the workspace that threads keep between calls.

    A few MiB for each thread at most; the next call takes it again.

    Examples
    --------
    >>> import nhwc
    >>> nhwc.release_memory()
    """
    _core.release_memory()


def algorithms() -> dict[str, str]:
    """Return what the argument `algorithm` may name besides "auto", each with a line on what it serves.

    Examples
    --------
    >>> import nhwc
    >>> "direct" in nhwc.algorithms()
    True
    """
    return {name: note for name, note in zip(_core.ALGORITHMS, _core.ALGORITHM_NOTES, strict=False) if name != "auto"}


@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, Any]: ...
def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Print the version, the instruction sets, OpenMP, the number of threads and the compiler.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, default "stdout"
        "dicts" returns them instead.

    Returns
    -------
    dict or None
        With the keys version, isa, isas_available, isas_compiled, openmp (None in a serial build), num_threads,
        compiler.

    Raises
    ------
    ValueError
        If there is no such mode.

    Examples
    --------
    >>> import nhwc
    >>> nhwc.show_config(mode="dicts")["version"] == nhwc.__version__
    True
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"show_config: mode is {mode!r}; 'stdout' or 'dicts' would do")
    config: dict[str, Any] = {
        "version": _core.VERSION,
        "isa": _core.isa(),
        "isas_available": list(_core.ISAS_AVAILABLE),
        "isas_compiled": list(_core.ISAS_COMPILED),
        "openmp": _core.openmp(),
        "num_threads": get_num_threads(),
        "compiler": _core.compiler(),
    }
    if mode == "dicts":
        return config
    for key, value in config.items():
        text = ", ".join(value) if isinstance(value, list) else "none: a serial build" if value is None else value
        print(f"{key + ':':<16}{text}")
    return None


def _thread_count(name: str, n: int) -> int:
    wrong = f"{name}: n is {n!r}; an int from 1 to {_MOST_THREADS} would do"
    try:
        count = None if isinstance(n, (bool, np.bool_)) else operator.index(n)
    except TypeError:
        count = None
    if count is None:
        raise TypeError(wrong)
    if not 1 <= count <= _MOST_THREADS:
        raise ValueError(wrong)
    return count


# ---- The environment, at import ----


def _apply_environment() -> None:
    _core.set_num_threads(_threads_from_environment() or min(_usable_cores(), _MOST_THREADS))
    cap = os.environ.get("NHWC_ISA", "").strip()
    if cap:
        isa = _best_isa_under(cap.lower(), _core.ISAS_AVAILABLE)
        if isa:
            _core._use_isa(isa)
        else:
            _ignored("NHWC_ISA", cap, f"{', '.join(_core.ISAS_AVAILABLE)} or baseline on this machine")


def _ignored(variable: str, value: str, allowed: str) -> None:
    warnings.warn(f"{variable}={value!r} is ignored; {allowed} would do", RuntimeWarning, stacklevel=2)


def _threads_from_environment() -> int | None:
    """The number of threads that the environment asks for; OpenMP's variable may be a list, whose first item counts."""
    for variable in ("NHWC_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(variable, "").strip()
        count = value.split(",")[0].strip() if variable == "OMP_NUM_THREADS" else value
        if count.isascii() and count.isdigit() and len(count) < 9 and 1 <= int(count) <= _MOST_THREADS:
            return int(count)
        if value:
            _ignored(variable, value, f"an int from 1 to {_MOST_THREADS}")
    return None


def _best_isa_under(cap: str, available: tuple[str, ...]) -> str | None:
    """The best of the available instruction sets, given best first, up to a cap; None if the machine lacks the cap."""
    cap = _core.BASELINE if cap == "baseline" else cap
    for order in _ISA_ORDERS:
        if cap in order and available[0] in order and order.index(cap) <= order.index(available[0]):
            return next(isa for isa in available if order.index(isa) <= order.index(cap))
    return None


def _usable_cores() -> int:
    """The cores that this process may use: those of its affinity, and no more than its cgroups' quota."""
    if hasattr(os, "process_cpu_count"):
        cores = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count()
    quota = _cgroup_quota("/proc/self/cgroup", "/sys/fs/cgroup") if sys.platform == "linux" else None
    return max(1, min(cores or 1, quota or cores or 1))


def _cgroup_quota(listing: str, mount: str) -> int | None:
    """The cores, rounded up, that the quotas of the cgroups in a /proc/PID/cgroup listing grant; None if unlimited."""
    quotas = []
    for directory in _cgroup_directories(listing, mount):
        limit = _read(f"{directory}/cpu.max").split()  # cgroup v2
        if not limit:  # v1
            limit = [*_read(f"{directory}/cpu.cfs_quota_us").split(), *_read(f"{directory}/cpu.cfs_period_us").split()]
        if len(limit) == 2 and limit[0].isdigit() and limit[1].isdigit() and int(limit[1]) > 0:
            quotas.append(max(1, -(-int(limit[0]) // int(limit[1]))))
    return min(quotas, default=None)


def _cgroup_directories(listing: str, mount: str) -> Iterator[str]:
    """Each cgroup with a say in this process's time, and all that it lies in, since their quotas hold for it too.

    A container's listing may name the host's path, which is not there: its own cgroup is then the mount itself.
    """
    for line in _read(listing).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            yield "/".join([mount, *(["cpu"] if controllers else []), *parts[:depth]])


def _read(path: str) -> str:
    """The text of a file, empty where there is none to read."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


_apply_environment()
