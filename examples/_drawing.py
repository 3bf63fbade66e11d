"""Draws the examples' pictures: rows of labelled panels on one page. Needs matplotlib."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure


class Panel(NamedTuple):
    """An image (height, width) or (height, width, 3) with a caption; see `COLOURS` for what greyscale is shown in."""

    caption: str
    image: np.ndarray
    colours: str = "grey"
    range: tuple[float, float] | None = None  # What black and white stand for; by default the image's own.


# Grey from black to white; signed: blue below zero, white, red above; strength: black, red, yellow.
COLOURS = {"grey": "gray", "signed": "RdBu_r", "strength": "inferno"}


def draw(path: str | Path, title: str, rows: Sequence[tuple[str, Sequence[Panel]]], width: float = 12.0,
         tallest: float = 3.2) -> None:  # fmt: skip
    """Write rows of panels, each row under a label, to a PNG file.

    The width of the page and the height of the tallest panel are in inches, at 100 pixels each.
    """
    margin, gap, label, caption, top = 0.25, 0.12, 0.34, 0.24, 0.6
    sizes = [(width - 2 * margin - gap * (len(panels) - 1)) / len(panels) for _, panels in rows]
    heights = [
        min(size * max(p.image.shape[0] / p.image.shape[1] for p in panels), tallest)
        for size, (_, panels) in zip(sizes, rows, strict=True)
    ]
    height = top + sum(h + label + caption for h in heights) + margin
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    figure.text(margin / width, 1 - 0.36 / height, title, fontsize=16, fontweight="bold")
    y = top
    for (text, panels), size, tall in zip(rows, sizes, heights, strict=True):
        figure.text(margin / width, 1 - (y + 0.2) / height, text, fontsize=11, fontweight="bold")
        y += label
        for i, panel in enumerate(panels):
            x = margin + i * (size + gap)
            axes = figure.add_axes((x / width, 1 - (y + tall) / height, size / width, tall / height), anchor="N")
            axes.imshow(coloured(panel), interpolation="nearest" if panel.image.shape[0] < 100 else None)
            axes.set_axis_off()
            figure.text((x + size / 2) / width, 1 - (y + tall + 0.16) / height, panel.caption, fontsize=8.5,
                        color="#555555", ha="center")  # fmt: skip
        y += tall + caption
    figure.savefig(path)


def coloured(panel: Panel) -> np.ndarray:
    """The panel's image in colours from 0 to 1."""
    image = np.asarray(panel.image, np.float64)
    if image.ndim == 3:
        return np.clip(image, 0, 1)
    if panel.range is not None:
        low, high = panel.range
    else:
        high = max(np.percentile(np.abs(image), 99.5), 0.2 * np.abs(image).max(), 1e-9)
        low = -high if panel.colours == "signed" else min(image.min(), 0)
    return colormaps[COLOURS[panel.colours]]((image - low) / max(high - low, 1e-9))[..., :3]


def mosaic(maps: np.ndarray, columns: int, gap: int = 2) -> np.ndarray:
    """The maps (height, width, count), each stretched to its own range, side by side in one greyscale image."""
    low, high = np.percentile(maps, (1, 99), axis=(0, 1))
    tiles = np.moveaxis(np.clip((maps - low) / np.maximum(high - low, 1e-9), 0, 1), -1, 0)
    rows = -(-len(tiles) // columns)
    height, width = tiles.shape[1] + gap, tiles.shape[2] + gap
    page = np.ones((rows * height - gap, columns * width - gap))
    for i, tile in enumerate(tiles):
        top, left = i // columns * height, i % columns * width
        page[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return page


def photo(step: int = 1) -> np.ndarray:
    """matplotlib's sample photo, 512 x 600 pixels over `step`, as float32 (height, width, 3) from 0 to 1."""
    from nhwc.cli.picture import read_photo

    return np.ascontiguousarray(read_photo(None)[::step, ::step])


def output_path(script: str) -> Path:
    """Where a script writes its picture: its argument, or its own name with .png in the working directory."""
    return Path(sys.argv[1] if len(sys.argv) > 1 else Path(script).with_suffix(".png").name)
