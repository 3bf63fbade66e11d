"""`python -m nhwc accuracy`: measured rounding errors of the layers of the table, by kind of data and by algorithm.

The exact result is the float64 result, which is itself checked against `nhwc.reference` in long double on sampled
pixels. Errors are given as the contract states them: the largest one by the largest S, the same convolution of
magnitudes, and by the largest result; and their root mean square by that of the results. The Winograd algorithms' guard
is counted by its traces: vectors of a tile that it computed again have the bits of "direct" by fused multiply-adds.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import nhwc
from nhwc import _core
from nhwc.cli import CommandError, layers, progress, table
from nhwc.cli.info import cpu_name
from nhwc.cli.layers import Layer
from nhwc.cli.measure import sampled_error

DATA = {
    "normal": "standard normal input and filters",
    "uniform": "both uniform from 0 to 1",
    "scaled": "normal, and every channel of the input times its own power of ten from 1e-3 to 1e3",
    "photo": "a painted landscape, each channel in its own tones, under normal filters with mean zero over the taps",
    "equal": "all of the input one number and all of the filters another, the worst of five pairs",
}
RANDOM = ("normal", "uniform")  # data on which the errors by the largest result are bounded, too
BOUNDS = {"auto": (2e-6, 1e-5), "direct": (5e-7, 2e-6)}  # by the largest S and by the largest result
NAMED = (4e-6, 2e-5)
ORACLE = 1e-13  # the error allowed to the exact result
VECTOR = 16  # filters, of which the guard computes whole vectors, that are looked at together
TILES = {"winograd_f2": 2, "winograd_f4": 4, "winograd_f2_5x5": 2}  # outputs of a tile on each axis
MARKER = "<!-- What follows is written by python -m nhwc accuracy --markdown. -->\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    option = parser.add_argument
    option("--layers", metavar="PART,...", help="only layers whose name contains one of these")
    option("--quick", action="store_true", help="four small layers")
    option("--summary", action="store_true", help="only the largest errors of all layers, without a row for each")
    option("--markdown", metavar="FILE", help="write the tables to this file, in Markdown, below its marker")


def run(args: argparse.Namespace) -> int:
    """Measure, and print the tables or write them."""
    parts = ["odd_3x3", "7x512", "14x576_96", "toy2d"] if args.quick else args.layers and args.layers.split(",")
    try:
        chosen = layers.select(parts)
    except ValueError as error:
        raise CommandError(str(error)) from None
    rows = [row for layer in progress(chosen, "accuracy", lambda layer: layer.name) for row in measure(layer)]
    text = _document(rows, args)
    if args.markdown:
        _write(text, Path(args.markdown))
    else:
        print(text, end="")
    return 0


def _write(text: str, path: Path) -> None:
    """Replace what follows the marker; a file that has none is replaced altogether."""
    before, marker, _ = path.read_text("utf-8").partition(MARKER) if path.exists() else ("", "", "")
    path.write_text((before if marker else "") + MARKER + "\n" + text, "utf-8")


# ---- Data ----


def data(kind: str, layer: Layer) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of float32 input and filters of this kind, the same in every run."""
    x, filters = layer.data()
    rng = np.random.default_rng(1)
    if kind == "uniform":
        x, filters = rng.random(x.shape, np.float32), rng.random(filters.shape, np.float32)
    elif kind == "scaled":
        x = x * np.float32(10 ** rng.uniform(-3, 3, layer.input_shape[-1]))
    elif kind == "photo":
        x, filters = photo(layer), filters - filters.mean(_mean_axes(layer))
    elif kind == "equal":
        for a, b in rng.uniform(0.5, 1, (5, 2)):
            yield np.full_like(x, a), np.full_like(filters, b)
        return
    yield x, filters


def _mean_axes(layer: Layer) -> tuple[int, ...]:
    """The taps; the channels where there is one tap only."""
    return tuple(range(layer.dims)) if math.prod(layer.kernel) > 1 else (layer.dims,)


def photo(layer: Layer) -> np.ndarray:
    """Hills under a sun with the grain of a film, from 0 to 1: each channel in a tone of its own."""
    height, width = (1, 1, *layer.spatial)[-2:]
    rng = np.random.default_rng(0)
    down, across = np.mgrid[:height, :width] / max(height, width)
    plain = 0.9 - 0.3 * down
    plain[np.hypot(down - 0.22, across - 0.7) < 0.11] = 1
    for depth, tone in enumerate((0.55, 0.4, 0.22)):
        waves = sum(np.sin((across * 2**k + rng.random()) * 4) / 2**k for k in range(7))
        hill = 0.45 + 0.17 * depth + 0.06 * waves
        plain = np.where(down > hill, tone + 0.25 * (down - hill), plain)
    grainy = np.clip(plain + rng.normal(0, 0.02, plain.shape), 0, 1)
    tones = grainy[..., None] ** rng.uniform(0.5, 2, layer.input_shape[-1])
    return np.broadcast_to(tones.reshape(layer.input_shape[-layer.dims - 1 :][-3:]), layer.input_shape).astype(
        np.float32
    )


# ---- Errors ----


def measure(layer: Layer) -> list[dict]:
    """A row for each kind of data and each algorithm that serves the layer; "auto" stands in the row of its choice."""
    plan = getattr(nhwc, f"plan_conv{layer.dims}d")
    filters = np.zeros(layer.filter_shape, np.float32)
    chosen = plan(layer.input_shape, filters, **layer.options).algorithm
    names = []
    for name in _core.ALGORITHMS[1:]:
        try:
            plan(layer.input_shape, filters, algorithm=name, **layer.options)
        except ValueError:
            continue
        names.append(name)
    return [row for kind in DATA for row in _measure_kind(layer, kind, names, chosen)]


def _measure_kind(layer: Layer, kind: str, names: list[str], chosen: str) -> list[dict]:
    function = getattr(nhwc, f"conv{layer.dims}d")
    worst = dict.fromkeys(names, (0.0, 0.0, 0.0))
    redone = dict.fromkeys(names, (0, 0))
    for x, filters in data(kind, layer):
        wide = x.astype(np.float64), filters.astype(np.float64)
        exact = function(*wide, **layer.options)
        if sampled_error(layer, *wide, exact, pixels=4) > ORACLE:
            raise CommandError(f"{layer.name}: the float64 result on {kind} data is wrong; python -m pytest says more")
        size = function(*map(np.abs, wide), **layer.options).max()
        results = {name: function(x, filters, algorithm=name, **layer.options) for name in names}
        for name, y in results.items():
            worst[name] = tuple(map(max, worst[name], errors(y, exact, size)))
            if name in TILES and kind != "equal" and layer.f >= VECTOR:
                redone[name] = count_redone(y, fused(function, x, filters, **layer.options), TILES[name])
    return [_row(layer, kind, name, name.startswith(chosen), found, redone[name]) for name, found in worst.items()]


def fused(function: Callable[..., np.ndarray], *arrays: np.ndarray, **options: Any) -> np.ndarray:
    """What a function returns by "direct" in the order of the guard's sums: that of register tiles, not of lines."""
    before = _core.isa()
    try:
        _core._use_isa("avx2" if before in ("amx", "avx512") else before)
        return function(*arrays, algorithm="direct", **options)
    finally:
        _core._use_isa(before)


def errors(y: np.ndarray, exact: np.ndarray, size: float) -> tuple[float, float, float]:
    """The largest error by `size` and by the largest result, and the rms error by that of the results."""
    difference = np.subtract(y, exact)
    largest = float(np.abs(difference).max())
    rms = float(np.sqrt(np.vdot(difference, difference) / max(np.vdot(exact, exact), np.finfo(float).tiny)))
    return largest / size, largest / float(np.abs(exact).max()), rms


def count_redone(y: np.ndarray, direct: np.ndarray, tile: int) -> tuple[int, int]:
    """How many vectors of filters of a tile have the bits of "direct", all of them; and how many there are."""
    same = (y == direct) | (np.isnan(y) & np.isnan(direct))
    for axis, step in ((1, tile), (2, tile), (3, VECTOR)):
        same = np.logical_and.reduceat(same, np.arange(0, same.shape[axis], step), axis)
    return int(same.sum()), same.size


def _row(
    layer: Layer, kind: str, name: str, auto: bool, found: tuple[float, float, float], redone: tuple[int, int]
) -> dict:
    """`exceeds` names the rows of the contract that the errors do not keep."""
    exceeds = []
    for row in (name, "auto") if auto else (name,):
        bounds = BOUNDS.get(row, NAMED)
        if found[0] > bounds[0] or (kind in RANDOM and found[1] > bounds[1]):
            exceeds.append(row)
    return {
        "layer": layer,
        "data": kind,
        "algorithm": name,
        "auto": auto,
        "errors": found,
        "redone": redone,
        "exceeds": exceeds,
    }


# ---- Tables ----


def _document(rows: list[dict], args: argparse.Namespace) -> str:
    markdown = bool(args.markdown)
    redone, tiles = (sum(counts) for counts in zip(*(row["redone"] for row in rows), strict=True))
    blocks = [
        f"{cpu_name()}, {_core.isa()}, NumPy {np.__version__}, nhwc {nhwc.__version__}.",
        _summary(rows, markdown),
        f"A star marks what exceeds the contract. The guard computed {redone} of {tiles} vectors of a tile again.",
    ]
    if not args.summary:
        blocks.append(_details(rows, markdown))
    return "\n\n".join(blocks) + "\n"


def _text(value: float) -> str:
    return f"{value:.1e}".replace("e-0", "e-")


def _summary(rows: list[dict], markdown: bool) -> str:
    """The largest errors of all layers."""
    lines = [("data", "algorithm", "by max S", "by max abs y64", "rms", "worst layer")]
    for kind in DATA:
        for name in _core.ALGORITHMS:
            of = [
                row
                for row in rows
                if row["data"] == kind and (row["auto"] if name == "auto" else row["algorithm"] == name)
            ]
            if of:
                largest = map(max, zip(*(row["errors"] for row in of), strict=True))
                mark = "*" if any(name in row["exceeds"] for row in of) else ""
                worst = max(of, key=lambda row: row["errors"][0])["layer"].name
                lines.append((kind, name + mark, *map(_text, largest), worst))
    return table(lines, "<<>>><", markdown)


def _details(rows: list[dict], markdown: bool) -> str:
    lines = [("layer", "data", "algorithm", "by max S", "by max abs y64", "rms")]
    for row in rows:
        name = row["algorithm"] + ("*" if row["exceeds"] else "") + (" (auto)" if row["auto"] else "")
        lines.append((row["layer"].name, row["data"], name, *map(_text, row["errors"])))
    return table(lines, "<<<>>>", markdown)
