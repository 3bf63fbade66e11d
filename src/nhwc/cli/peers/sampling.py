"""How long a call takes, sample by sample, and whether other processes were in the way."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

BATCH_SECONDS = 1e-4  # shorter calls are timed in batches of about this length, for the clock's sake


def sample_times(call: Callable[[], object], seconds: float, min_samples: int = 7, limit: float = 4.0) -> list[float]:
    """Seconds per call, sample by sample, after a warm-up.

    Sampling goes on for `seconds` and at least `min_samples`; a call so slow that these would take longer than
    `limit` seconds is sampled three times. The median is the figure to report.
    """
    clock = time.perf_counter
    fastest = float("inf")
    warm_until = clock() + min(0.1, seconds / 4)
    while fastest == float("inf") or clock() < warm_until:
        start = clock()
        call()
        fastest = min(fastest, clock() - start)
    batch = range(max(1, int(BATCH_SECONDS / max(fastest, 1e-7))))
    samples, begin = [], clock()
    while True:
        start = clock()
        for _ in batch:
            call()
        now = clock()
        samples.append((now - start) / len(batch))
        spent = now - begin
        if (spent >= seconds and len(samples) >= min_samples) or (spent > limit and len(samples) > 2):
            return samples


def quiet_times(
    call: Callable[[], object], seconds: float, threads: int, min_samples: int = 7, limit: float = 4.0
) -> tuple[list[float], bool]:
    """Samples, and whether other processes took the cores that the call needs; measured again, up to three times,
    while they do. Of several tries the one with the best median stands.
    """
    tries: list[tuple[list[float], bool]] = []
    while len(tries) < 3 and (not tries or tries[-1][1]):
        with Neighbours(threads) as neighbours:
            samples = sample_times(call, seconds, min_samples, limit)
        tries.append((samples, neighbours.crowded))
    return min(tries, key=lambda one: statistics.median(one[0]))


class Neighbours:
    """Tells whether other processes left fewer cores than `threads` while the `with` block ran (Linux; else no)."""

    def __init__(self, threads: int):
        self.threads = threads
        self.crowded = False

    def __enter__(self) -> Neighbours:
        self._others, self._wall = _others_seconds(), time.perf_counter()
        return self

    def __exit__(self, *exc_info) -> None:
        taken = (_others_seconds() - self._others) / (time.perf_counter() - self._wall)
        self.crowded = taken > max(0, len(_cores()) - self.threads) + 0.1 * self.threads


def _cores() -> set[int]:
    """The cores that this process may use, where the system tells."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def _others_seconds() -> float:
    """Seconds that other processes have had so far on our cores; NaN where the system does not tell."""
    ours = {f"cpu{core}" for core in _cores()}
    try:
        with open("/proc/stat", encoding="ascii") as lines:
            rows = [line.split() for line in lines]
    except OSError:
        return float("nan")
    used = (1, 2, 3, 6, 7, 8)  # user, nice, system, irq, softirq, steal; not idle and iowait
    ticks = sum(int(row[column]) for row in rows if row[0] in ours for column in used)
    return ticks / os.sysconf("SC_CLK_TCK") - time.process_time()
