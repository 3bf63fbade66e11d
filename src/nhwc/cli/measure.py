"""How speed and error are measured: samples of a call, peaks of the machine, error of a result by sampled pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import nhwc
from nhwc import _core
from nhwc.cli.layers import Layer
from nhwc.cli.peers.sampling import Neighbours, sample_times


def fma_peak(threads: int, itemsize: int, seconds: float = 0.01) -> float:
    """GFLOP/s of multiply-adds on registers alone; a vector holds half as many float64 as float32."""
    peak = _core._fma_peak(threads, seconds)
    return peak if _core.isa() == "scalar" else peak * 4 / itemsize


def copy_bandwidth(size: int, threads: int, seconds: float = 0.01) -> float:
    """GB/s, of `size` bytes half of which are read and half written."""
    return _core._copy_bandwidth(max(1, size // 2), threads, seconds)


class Timing(NamedTuple):
    """Samples of a call in seconds, and the best that the machine did between them."""

    samples: list[float]
    fma_peak: float
    copy_bandwidth: float
    crowded: bool

    @property
    def median(self) -> float:
        return float(np.median(self.samples))


def measure(call: Callable[[], object], seconds: float, threads: int, traffic: int, itemsize: int) -> Timing:
    """Time a call that moves at least `traffic` bytes; again, up to three times, while other processes are in the way.

    Of several tries the one with the best median stands.
    """
    tries = []
    while len(tries) < 3 and (not tries or tries[-1].crowded):
        tries.append(_interleaved(call, seconds, threads, traffic, itemsize))
    return min(tries, key=lambda timing: timing.median)


def _interleaved(call: Callable[[], object], seconds: float, threads: int, traffic: int, itemsize: int) -> Timing:
    """Samples in three rounds with bursts of pure arithmetic and of pure copying between them.

    The clock of a processor moves with its heat and its neighbours: a limit measured at another time is another's.
    """
    samples, peaks, copies = [], [], []
    with Neighbours(threads) as neighbours:
        for _ in range(3):
            peaks.append(fma_peak(threads, itemsize))
            copies.append(copy_bandwidth(traffic, threads))
            samples += sample_times(call, seconds / 3, min_samples=3, limit=4 / 3)
    return Timing(samples, max(peaks), max(copies), neighbours.crowded)


def sampled_error(layer: Layer, x: np.ndarray, filters: np.ndarray, y: np.ndarray, pixels: int = 256) -> float:
    """Largest error of `y` over random output pixels (first and last among them), by the largest result.

    Each pixel is computed again from its window by `nhwc.reference`, in float64; a float64 result in long double,
    integers in their own dtype, where the error is 1 if any differs.
    """
    wide = y.dtype if y.dtype.kind in "iu" else np.longdouble if y.dtype == np.float64 else np.float64
    rng = np.random.default_rng(0)
    at = [rng.integers(0, size, pixels) for size in y.shape[:-1]]
    for index, size in zip(at, y.shape[:-1], strict=True):
        index[0], index[-1] = 0, size - 1
    padded = np.pad(x, ((0, 0), *layer.pads, (0, 0)))
    window = [at[0].reshape(-1, *[1] * layer.dims)]
    for axis, k in enumerate(layer.kernel):
        reads = at[axis + 1][:, None] * layer.stride + np.arange(k) * layer.dilation
        window.append(reads.reshape(pixels, *[1] * axis, k, *[1] * (layer.dims - 1 - axis)))
    reference = getattr(nhwc.reference, f"conv{layer.dims}d")
    exact = reference(padded[tuple(window)], filters, groups=layer.groups, dtype=wide).reshape(pixels, layer.f)
    found = y[tuple(at)].astype(wide)
    if wide == y.dtype:
        return float((found != exact).any())
    return float(np.abs(found - exact).max() / np.abs(y.astype(wide)).max())
