"""The demo's picture: reads the photo, turns feature maps into colours and lays them out. Needs matplotlib."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from matplotlib import colormaps
from matplotlib.cbook import get_sample_data
from matplotlib.figure import Figure
from PIL import Image, ImageOps

import nhwc
from nhwc.cli import CommandError, demo
from nhwc.cli.info import cpu_name

LONGEST_SIDE = 1024  # of the photo in pixels; a larger one is scaled down, the picture would not show the rest
WIDTH, MARGIN, GAP, LABEL, TITLE = 1600, 28, 10, 34, 88  # of the picture and its parts, in pixels
COLUMNS = 12  # tiles side by side; a large panel is two tiles wide
COLOURS = 96  # a palette makes the file a quarter as large


def read_photo(path: str | None) -> np.ndarray:
    """The image at `path`, or matplotlib's sample photo, as float32 `(height, width, 3)` from 0 to 1.

    Greyscale, palette, 16-bit and other kinds become RGB; what is transparent is white.
    """
    try:
        with Image.open(path or get_sample_data("grace_hopper.jpg", asfileobj=False)) as file:
            image = ImageOps.exif_transpose(file)
    except OSError as error:
        raise CommandError(f"cannot read {path or 'the sample photo'}: {error.strerror or error}") from None
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise CommandError(f"cannot read {path}: {error}") from None
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(np.uint8(255 * unit(np.asarray(image, np.float64))))
    image = image.convert("RGBA")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return np.asarray(white.convert("RGB"), np.float32) / 255


def unit(values: np.ndarray) -> np.ndarray:
    """Values stretched to reach from 0 to 1."""
    low, high = values.min(), values.max()
    return (values - low) / max(high - low, np.finfo(float).tiny)


def signed(values: np.ndarray) -> np.ndarray:
    """A map of both signs in two colours about white: blue below zero, red above."""
    return colormaps["RdBu_r"](0.5 + 0.5 * scaled(values))[..., :3]


def strength(values: np.ndarray) -> np.ndarray:
    """A map without negative values, from black over red to light yellow."""
    return colormaps["inferno"](scaled(values))[..., :3]


def opponent(values: np.ndarray, colour: tuple[float, float, float]) -> np.ndarray:
    """A map of a colour axis about grey, in the colours that the filter looks for."""
    return 0.5 + 0.5 * scaled(values)[..., None] * np.array(colour)


def scaled(values: np.ndarray) -> np.ndarray:
    """Values from -1 to 1 by the map's own level; what is below 8 % of it, mostly noise, is 0.

    The level is what 1 % of the pixels exceed, where these are not so few that it is under a quarter of the largest.
    """
    size = np.abs(values)
    level = max(float(np.percentile(size, 99)), 0.25 * float(size.max()), 1e-6)
    return np.where(size < 0.08 * level, 0, np.clip(values / level, -1, 1))


def draw(photo: np.ndarray, results: dict[str, demo.Result], path: str) -> None:
    """Lay the photo and the maps of every layer out on one page and write it to `path` as PNG.

    Above, the photo beside the eight maps of single filters; below, four rows of small tiles: the bank of 32 filters,
    and the two stacked layers.
    """
    tile = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
    shape = min(max(photo.shape[0] / photo.shape[1], 0.4), 1.6)
    large, small = (2 * tile + GAP) * shape, tile * shape
    page = Page(tile, TITLE + 4 * (LABEL + small) + 2 * large + 2 * GAP + MARGIN)
    _heading(page, results)
    top = TITLE + LABEL
    page.label(0, top, 4, "photo", f"{photo.shape[1]} x {photo.shape[0]} pixels")
    page.image(0, top, 4, 2 * large + LABEL, _cropped(photo, (4 * tile + 3 * GAP) / (2 * large + LABEL)))
    for index, (result, name, image) in enumerate(_single_maps(results)):
        column, at = 4 + index % 4 * 2, top + index // 4 * (large + LABEL)
        page.label(column, at, 2, name, _detail(result))
        page.image(column, at, 2, large, image)
    upper = TITLE + 3 * LABEL + 2 * large
    lower = upper + 2 * small + GAP + LABEL
    _bank(page, (upper, lower), small, results["bank of 32 filters"])
    _stacked(page, upper, small, results["edges"], "layer 1, ReLU: edges")
    _stacked(page, lower, small, results["contours and corners"], "layer 2, ReLU: contours, corners")
    try:
        page.save(path)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror or error}") from None


def _cropped(photo: np.ndarray, ratio: float) -> np.ndarray:
    """The middle of the photo, cut to this ratio of width to height if it is wider."""
    width = min(photo.shape[1], max(1, round(photo.shape[0] * ratio)))
    left = (photo.shape[1] - width) // 2
    return photo[:, left : left + width]


def _single_maps(results: dict[str, demo.Result]) -> list[tuple[demo.Result, str, np.ndarray]]:
    """The layers of one or two filters, with the name and the image of each panel."""
    sobel = results["Sobel x, y"]
    x, y = np.moveaxis(sobel.maps, -1, 0)
    panels = [
        (results[name], name, signed(results[name].maps[..., 0])) for name in ("vertical lines", "horizontal lines")
    ]
    panels += [(sobel, "Sobel x", signed(x)), (sobel, "Sobel y", signed(y))]
    panels += [(sobel, "Sobel magnitude", strength(np.hypot(x, y)))]
    panels += [(results["Laplacian"], "Laplacian", signed(results["Laplacian"].maps[..., 0]))]
    panels += [(results[name], name, results[name].maps) for name in ("Gaussian blur", "sharpen")]
    return panels


def _heading(page: Page, results: dict[str, demo.Result]) -> None:
    plan = results["luminance"].plan
    total = 1e3 * sum(result.seconds for result in results.values())
    page.text(MARGIN, 46, f"One photo through {len(results)} convolution layers", fontsize=21, fontweight="bold")
    threads = nhwc.get_num_threads()
    machine = f"{cpu_name()}, {plan.isa}, {threads} thread{'s' * (threads > 1)}"
    page.text(
        MARGIN, 72, f"nhwc {nhwc.__version__} on {machine}: {total:.1f} ms in all", fontsize=11.5, color="#666666"
    )


def _detail(result: demo.Result) -> str:
    """The size of the window and the time in three digits."""
    milliseconds = 1e3 * result.seconds
    digits = 2 if milliseconds < 10 else 1 if milliseconds < 100 else 0
    return f"{demo.shape_text(result.step.filters.shape[:2])}, {milliseconds:.{digits}f} ms"


def _bank(page: Page, tops: tuple[float, float], height: float, result: demo.Result) -> None:
    """Twice two rows of eight maps, each with its filter in a corner."""
    page.label(0, tops[0], 8, "bank of 32 filters: light and dark", _detail(result))
    page.label(0, tops[1], 8, "bank of 32 filters: red against green, blue against yellow", "")
    for index, (_, colour) in enumerate(demo.bank()):
        row, column = divmod(index, 8)
        top = tops[row // 2] + row % 2 * (height + GAP)
        page.image(column, top, 1, height, opponent(result.maps[..., index], colour))
        kernel = result.step.filters[..., index]
        page.thumbnail(column, top, height, 0.5 + 0.5 * kernel / np.abs(kernel).max())


def _stacked(page: Page, top: float, height: float, result: demo.Result, name: str) -> None:
    """Two rows of four maps of a layer with ReLU."""
    page.label(8, top, 4, name, _detail(result))
    for index in range(8):
        page.image(8 + index % 4, top + index // 4 * (height + GAP), 1, height, strength(result.maps[..., index]))


class Page:
    """A figure on which things are placed by column of tiles, width in tiles, and pixels from the top."""

    def __init__(self, tile: float, height: float):
        self.tile, self.height = tile, height
        self.figure = Figure(figsize=(WIDTH / 100, height / 100), dpi=100, facecolor="white")

    def text(self, left: float, top: float, text: str, **style) -> None:
        self.figure.text(left / WIDTH, 1 - top / self.height, text, **style)

    def label(self, column: int, top: float, tiles: int, name: str, detail: str) -> None:
        """What stands above an image: its name on the left, the rest on the right."""
        left, right = self._left(column), self._left(column + tiles) - GAP
        self.text(left, top - 7, name, fontsize=10.5, fontweight="bold")
        self.text(right, top - 7, detail, fontsize=9, color="#777777", ha="right")

    def image(self, column: int, top: float, tiles: int, height: float, image: np.ndarray) -> None:
        """An image as large as fits."""
        self._axes(self._left(column), top, tiles * (self.tile + GAP) - GAP, height).imshow(np.clip(image, 0, 1))

    def thumbnail(self, column: int, top: float, height: float, image: np.ndarray) -> None:
        """A small image with hard pixels in the lower left corner of the tile."""
        size = 0.26 * self.tile
        self._axes(self._left(column), top + height - size, size, size).imshow(image, interpolation="nearest")

    def _left(self, column: int) -> float:
        return MARGIN + column * (self.tile + GAP)

    def _axes(self, left: float, top: float, width: float, height: float):
        box = (left / WIDTH, 1 - (top + height) / self.height, width / WIDTH, height / self.height)
        axes = self.figure.add_axes(box, anchor="N")
        axes.set_axis_off()
        return axes

    def save(self, path: str) -> None:
        """Write the page with a palette."""
        with BytesIO() as buffer:
            self.figure.savefig(buffer, format="png")
            page = Image.open(buffer).convert("RGB")
        page.quantize(COLOURS, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)
