"""`python -m nhwc demo`: a photo through classic layers, as a picture of feature maps and a table of costs."""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

import nhwc
from nhwc.cli import CommandError, progress, table
from nhwc.cli.measure import sample_times

# Colour axes: a filter of the bank weighs red, green and blue so.
LIGHT, RED_GREEN, BLUE_YELLOW = (1.0, 1.0, 1.0), (1.0, -1.0, 0.0), (-0.5, -0.5, 1.0)
BANK_SIZE, EDGE_SIZE, CONTOUR_SIZE = 11, 9, 9


class Step(NamedTuple):
    """One layer of the demo: `source` is "photo" or the title of an earlier step."""

    title: str
    source: str
    filters: np.ndarray
    bias: np.ndarray | None = None
    activation: str | None = None
    depthwise: bool = False


class Result(NamedTuple):
    """What a step made of its source, the plan that did it, and the median seconds of its calls."""

    step: Step
    maps: np.ndarray
    plan: nhwc.Plan
    seconds: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("photo", nargs="?", metavar="PHOTO", help="any image (default: matplotlib's sample photo)")
    parser.add_argument("-o", "--output", default="nhwc-demo.png", metavar="OUT.png", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Draw the feature maps into a file and print what each layer cost."""
    try:
        from nhwc.cli import picture
    except ImportError as error:
        raise CommandError(f"the picture needs {error.name}, which is missing: pip install nhwc[demo]") from None
    if not args.output.lower().endswith(".png"):
        raise CommandError(f"the picture is a PNG file; -o {args.output} should end in .png")
    photo = picture.read_photo(args.photo)
    results = run_steps(photo)
    print(table([_HEADING, *map(_cells, results.values())], "<<<<<<>>>"))
    picture.draw(photo, results, args.output)
    print(f"\nThe picture is {args.output}")
    return 0


_HEADING = ("layer", "input", "filters", "output", "algorithm", "ISA", "threads", "ms", "GFLOP/s")


def _cells(result: Result) -> tuple[str, ...]:
    plan = result.plan
    return (
        result.step.title,
        shape_text(plan.input_shape),
        shape_text(result.step.filters.shape),
        shape_text(plan.output_shape),
        plan.algorithm,
        plan.isa,
        str(nhwc.get_num_threads()),
        f"{1e3 * result.seconds:.3f}",
        f"{2e-9 * plan.macs / result.seconds:.1f}",
    )


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as people write it: 3x3x1x2."""
    return "x".join(map(str, shape))


def run_steps(photo: np.ndarray) -> dict[str, Result]:
    """Every step on a photo `(height, width, 3)` of values from 0 to 1, by title.

    The layers keep the size of the photo and continue its edge, so that no frame of false edges surrounds the maps.
    """
    maps, results = {"photo": photo}, {}
    for step in progress(steps(), "demo", lambda step: step.title):
        x = maps[step.source]
        make_plan = nhwc.plan_depthwise_conv2d if step.depthwise else nhwc.plan_conv2d
        plan = make_plan(
            x.shape, step.filters, step.bias, padding="same", padding_mode="edge", activation=step.activation
        )
        maps[step.title], seconds = _timed(plan, x)
        results[step.title] = Result(step, maps[step.title], plan, seconds)
    return results


def _timed(plan: nhwc.Plan, x: np.ndarray) -> tuple[np.ndarray, float]:
    """The plan's result, and the median seconds of a call."""
    y = np.empty(plan.output_shape, plan.dtype)
    return y, float(np.median(sample_times(lambda: plan(x, out=y), 0.05, min_samples=5)))


def steps() -> list[Step]:
    """The layers of the demo, in the order in which they run."""
    vertical = np.array([[-1, 2, -1]] * 3) / 6
    sobel_x = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
    laplacian = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    sharpen = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]]) - laplacian
    y, x = grid(15)
    gaussian = np.exp(-(x**2 + y**2) / (2 * 3.0**2))
    contours, thresholds = contour_filters()
    return [
        Step("luminance", "photo", as_hwio(np.array([0.299, 0.587, 0.114]).reshape(1, 1, 3, 1))),
        Step("vertical lines", "luminance", as_hwio(vertical)),
        Step("horizontal lines", "luminance", as_hwio(vertical.T)),
        Step("Sobel x, y", "luminance", as_hwio(np.stack([sobel_x, sobel_x.T], axis=-1)[:, :, None])),
        Step("Laplacian", "luminance", as_hwio(laplacian)),
        Step("Gaussian blur", "photo", per_colour(gaussian / gaussian.sum()), depthwise=True),
        Step("sharpen", "photo", per_colour(sharpen), depthwise=True),
        Step("bank of 32 filters", "photo", over_colours(bank())),
        Step("edges", "photo", edge_filters(), activation="relu"),
        Step("contours and corners", "edges", contours, thresholds, "relu"),
    ]


def as_hwio(filters: np.ndarray) -> np.ndarray:
    """Filters as float32, a single one `(height, width)` given the two channel axes."""
    return np.asarray(filters.reshape(*filters.shape[:2], *(filters.shape[2:] or (1, 1))), np.float32)


def per_colour(one: np.ndarray) -> np.ndarray:
    """Depthwise filters that do the same to red, green and blue."""
    return as_hwio(np.repeat(one[:, :, None, None], 3, axis=2))


def over_colours(pairs: list[tuple[np.ndarray, tuple[float, float, float]]]) -> np.ndarray:
    """Filters over red, green and blue: each `(height, width)` filter times its colour axis."""
    return as_hwio(np.stack([kernel[:, :, None] * np.array(colour) for kernel, colour in pairs], axis=-1))


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates y, x of the taps of a `size` x `size` filter, zero in the middle."""
    half = size // 2
    return np.mgrid[-half : half + 1, -half : half + 1].astype(float)


def turned(x: np.ndarray, y: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates along `angle` (radians, y down) and across it."""
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def gabor(angle: float, phase: float, size: int = BANK_SIZE, wavelength: float = 8.0) -> np.ndarray:
    """A wave under a Gaussian: phase 0 answers to lines that run across `angle`, phase pi/2 to edges.

    `exp(-(u^2 + v^2 / 2) / (2 sigma^2)) cos(2 pi u / wavelength + phase)` with u along `angle` and v across it; made to
    sum to zero, so that flat colour gives nothing, and its absolute values to one.
    """
    y, x = grid(size)
    u, v = turned(x, y, angle)
    window = np.exp(-(u**2 + v**2 / 2) / (2 * (wavelength / 3) ** 2))
    return _balanced(window * np.cos(2 * np.pi * u / wavelength + phase), window)


def spot(sigma: float, size: int = BANK_SIZE) -> np.ndarray:
    """A bright spot in a dark surround: the difference of two Gaussians, normalised as `gabor`."""
    y, x = grid(size)
    centre, surround = (np.exp(-(x**2 + y**2) / (2 * s**2)) / s**2 for s in (sigma, 1.6 * sigma))
    return _balanced(centre - surround, surround)


def _balanced(wave: np.ndarray, window: np.ndarray) -> np.ndarray:
    wave = wave - window * (wave.sum() / window.sum())
    return wave / np.abs(wave).sum()


def bank() -> list[tuple[np.ndarray, tuple[float, float, float]]]:
    """32 filters `(height, width)`, each with its colour axis, in four rows of eight.

    Light: lines at 6 angles and 2 spots, edges at 6 angles; the spots of the two colour axes complete that row. Red
    against green, and blue against yellow: lines at 4 angles, edges at 4 angles.
    """

    def waves(phase: float, angles: int) -> list[np.ndarray]:
        return [gabor(np.pi * turn / angles, phase) for turn in range(angles)]

    light = [*waves(0, 6), spot(1.2), spot(2.4), *waves(np.pi / 2, 6)]
    rows = [(light, LIGHT), ([spot(1.8)], RED_GREEN), ([spot(1.8)], BLUE_YELLOW)]
    rows += [([*waves(0, 4), *waves(np.pi / 2, 4)], colour) for colour in (RED_GREEN, BLUE_YELLOW)]
    return [(kernel, colour) for kernels, colour in rows for kernel in kernels]


def edge_filters() -> np.ndarray:
    """8 edge detectors over the three channels, one for each direction in which the light may grow."""
    return over_colours([(gabor(np.pi * turn / 4, -np.pi / 2, EDGE_SIZE, 7.0), LIGHT) for turn in range(8)])


def contour_filters() -> tuple[np.ndarray, np.ndarray]:
    """8 filters over the 8 edge maps, and their biases: 4 for long contours, then 4 for the corners of light shapes.

    A contour filter adds the edges of one orientation along a line and takes away those at right angles to it. A corner
    filter adds two edges at right angles where they leave the corner, takes them away where they would pass through it,
    and takes away slanting edges.
    """
    y, x = grid(CONTOUR_SIZE)
    filters = np.zeros((CONTOUR_SIZE, CONTOUR_SIZE, 8, 8))
    for k in range(4):
        across, along = turned(x, y, np.pi * k / 4)
        line = np.exp(-(across**2) / 2 - along**2 / 18)
        for turn in (k, k + 4):
            filters[:, :, turn, k] = line / line.sum()
            filters[:, :, (turn + 2) % 8, k] = -line / line.sum()
    blob = np.exp(-(x**2 + y**2) / 12)
    for k in range(4):
        for turn, leaves in ((2 * k, 2 * k + 2), (2 * k + 2, 2 * k)):
            away, _ = turned(x, y, np.pi * leaves / 4)
            half = blob * np.tanh(away)
            filters[:, :, turn % 8, 4 + k] = half / np.abs(half).sum()
        for slanting in (2 * k - 1, 2 * k + 1, 2 * k + 3):
            filters[:, :, slanting % 8, 4 + k] = -0.2 * blob / blob.sum()
    return as_hwio(filters), np.full(8, -0.02, np.float32)
