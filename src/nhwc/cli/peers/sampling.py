"""How long a call takes, sample by sample."""

from __future__ import annotations

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
