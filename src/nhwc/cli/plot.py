"""Bars of GFLOP/s by layer under the machine's peak, as `python -m nhwc bench --plot FILE.png` draws them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nhwc.cli import CommandError


class Bars(NamedTuple):
    """One picture: for each series (a library, or our figures alone) GFLOP/s by layer; NaN where there is none."""

    title: str
    layers: list[str]
    series: dict[str, list[float]]
    peak: float


def of_bench(rows: list[dict]) -> list[Bars]:
    """Pictures of what `bench` measured, one for each number of threads."""
    done = [row for row in rows if "gflops" in row and not row["toy"]]
    return [_bars([row for row in done if row["threads"] == threads], _ours) for threads in _threads(done)]


def of_comparison(rows: list[dict]) -> list[Bars]:
    """Pictures of what `bench --compare` measured, one for each number of threads."""
    done = [row for row in rows if not row["toy"]]
    return [_bars([row for row in done if row["threads"] == threads], _everyone) for threads in _threads(done)]


def _threads(rows: list[dict]) -> list[int]:
    return sorted({row["threads"] for row in rows})


def _ours(row: dict) -> dict[str, float]:
    return {"nhwc": row["gflops"]}


def _everyone(row: dict) -> dict[str, float]:
    return {name: figure["gflops"] for name, figure in row["figures"].items() if "gflops" in figure}


def _bars(rows: list[dict], speeds) -> Bars:
    names = dict.fromkeys(name for row in rows for name in speeds(row))
    series = {name: [speeds(row).get(name, float("nan")) for row in rows] for name in names}
    threads = rows[0]["threads"]
    peak = float(np.median([row["fma_peak_gflops"] for row in rows]))
    return Bars(f"{threads} thread{'s' * (threads > 1)}", [row["layer"] for row in rows], series, peak)


def draw(pictures: list[Bars], path: str) -> None:
    """Draw the pictures above one another to a file whose name says PNG or SVG.

    Raises
    ------
    CommandError
        If matplotlib is missing, nothing was measured, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise CommandError("--plot needs the package matplotlib") from None
    if not pictures:
        raise CommandError("--plot: no layer was measured that has GFLOP/s")
    layers = max(len(bars.layers) for bars in pictures)
    figure = Figure((max(7.0, 2 + 0.42 * layers), 4.6 * len(pictures)), layout="constrained")
    for axes, bars in zip(figure.subplots(len(pictures), squeeze=False)[:, 0], pictures, strict=True):
        _draw(axes, bars)
    try:
        figure.savefig(path, dpi=110)
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot write {path}: {error}") from None


def _draw(axes, bars: Bars) -> None:
    """One group of bars a layer, ours first and darkest; the peak is the top of the axis, or just below taller bars."""
    places, width = np.arange(len(bars.layers)), 0.8 / len(bars.series)
    for number, (name, speeds) in enumerate(bars.series.items()):
        colour = "#1b3a5c" if name == "nhwc" else None
        axes.bar(places + (number + 0.5) * width - 0.4, speeds, width, label=name, color=colour)
    tallest = np.nanmax([*bars.series.values()])
    axes.set_ylim(0, max(bars.peak, 1.02 * tallest))
    axes.axhline(bars.peak, color="black", linewidth=1, linestyle="--")
    axes.annotate(
        f"FMA peak {bars.peak:.0f}", (1, bars.peak), (-4, -12), ("axes fraction", "data"), "offset points", ha="right"
    )
    axes.set_xticks(places, bars.layers, rotation=55, ha="right", rotation_mode="anchor", fontsize=7)
    axes.set_xlim(-0.6, len(bars.layers) - 0.4)
    axes.set_ylabel("GFLOP/s")
    axes.set_title(f"float32, {bars.title}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    if len(bars.series) > 1:
        axes.legend(fontsize=7, ncols=min(6, len(bars.series)), loc="upper left", frameon=False)
