"""Learn convolution filters from what they did to a photo.

Three filters are hidden: Sobel's for edges across and down, and the Laplacian. Given a photo and the three images that
they made of it, gradient descent starts from random numbers and finds the filters again.

    python examples/learn_filters.py              # writes learn_filters.png
    python examples/learn_filters.py --size 96 --output learnt.png

A convolution and the gradient in its filters are all it takes: ``nhwc.conv2d`` and ``nhwc.conv2d_filter_grad``.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

import nhwc

SOBEL = np.float32([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
LAPLACIAN = np.float32([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
NAMES = ("edges across (Sobel)", "edges down (Sobel)", "Laplacian")
HIDDEN = np.stack([SOBEL, SOBEL.T, LAPLACIAN], axis=-1)[:, :, None]  # (3, 3, 1, 3): one input channel, three filters


class Lesson(NamedTuple):
    """What a run leaves behind."""

    filters: np.ndarray
    losses: list[float]
    snapshots: dict[int, np.ndarray]  # Step -> the filters before it.


def take_photo(size: int) -> np.ndarray:
    """Return a square photo of shape (size, size, 1), in 0 ... 1: scikit-image's cameraman, or a painted landscape."""
    try:
        from skimage import data
    except ImportError:
        return paint_landscape(size)
    camera = data.camera()
    factor = max(1, min(camera.shape) // size)
    return np.float32(camera[: size * factor : factor, : size * factor : factor, None]) / 255


def paint_landscape(size: int) -> np.ndarray:
    """Return hills under a sun, with the grain of a film, so that every frequency is there to learn from."""
    rng = np.random.default_rng(0)
    down, across = np.mgrid[:size, :size] / size
    photo = 0.9 - 0.3 * down
    photo[np.hypot(down - 0.22, across - 0.7) < 0.11] = 1
    for depth, tone in enumerate((0.55, 0.4, 0.22)):
        waves = sum(np.sin((across * 2**k + rng.random()) * 4) / 2**k for k in range(7))
        hill = 0.45 + 0.17 * depth + 0.06 * waves
        photo = np.where(down > hill, tone + 0.25 * (down - hill), photo)
    trunks = (np.abs(across * 6 % 1 - 0.5) < 0.05) & (down > 0.62) & (down < 0.9)
    photo[trunks] = 0.08
    return np.float32(np.clip(photo + rng.normal(0, 0.02, photo.shape), 0, 1))[..., None]


def steepest_curvature(x: np.ndarray, rounds: int = 30) -> float:
    """Return the largest curvature of the loss: the power method on "convolve, then take the gradient"."""
    direction = np.random.default_rng(1).standard_normal((*HIDDEN.shape[:-1], 1), dtype=np.float32)
    for _ in range(rounds):
        direction /= np.linalg.norm(direction)
        direction = nhwc.conv2d_filter_grad(x, nhwc.conv2d(x, direction), 3)
    return float(np.linalg.norm(direction))


def learn(photo: np.ndarray, target: np.ndarray, steps: int, snapshots: tuple[int, ...] = (), bar=None) -> Lesson:
    """Find the filters whose convolution with the photo is the target.

    The loss is the mean of squared differences, a quadratic bowl in the filters. Neighbouring pixels are so alike that
    the bowl is a thousand times steeper in some directions than in others, and plain descent would crawl along its
    floor. Nesterov's momentum does not; it starts afresh whenever it would climb.
    """
    x = photo - photo.mean()  # Else the mean would be one more direction, a thousand times steeper still.
    rate = 1 / steepest_curvature(x)
    filters = np.random.default_rng(2).standard_normal(HIDDEN.shape, dtype=np.float32)
    ahead, momentum, losses, kept = filters, 1.0, [], {}
    for step in range(steps):
        if step in snapshots:
            kept[step] = filters
        difference = nhwc.conv2d(x, ahead) - target
        difference -= difference.mean(axis=(0, 1))  # What the photo's mean contributed: the best bias takes it up.
        losses.append(float(np.square(difference).mean()))
        gradient = nhwc.conv2d_filter_grad(x, difference, 3)
        following = ahead - rate * gradient
        if np.vdot(gradient, following - filters) > 0:
            momentum = 1.0
        faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + (momentum - 1) / faster * (following - filters)
        filters, momentum = following, faster
        if bar is not None:
            bar.set_postfix_str(f"loss {losses[-1]:.1e}", refresh=False)
            bar.update()
        if losses[-1] < 1e-12 * losses[0]:
            break
    kept[len(losses)] = filters
    return Lesson(filters, losses, kept)


def draw(photo: np.ndarray, lesson: Lesson, path: str) -> None:
    """Write the picture: the filters and their feature maps at steps along the way, the photo and the loss."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    columns = [(f"step {step}", filters) for step, filters in lesson.snapshots.items()] + [("hidden", HIDDEN)]
    figure = plt.figure(figsize=(2 * len(columns), 15), layout="constrained")
    grid = figure.add_gridspec(7, len(columns), height_ratios=[1, 1.6] * 3 + [2.2])
    for column, (title, filters) in enumerate(columns):
        maps = nhwc.conv2d(photo - photo.mean(), filters)
        for i, name in enumerate(NAMES):
            axes = figure.add_subplot(grid[2 * i, column])
            axes.imshow(filters[:, :, 0, i], cmap="RdBu", vmin=-4, vmax=4)
            for (row, at), value in np.ndenumerate(filters[:, :, 0, i]):
                axes.text(at, row, f"{value + 0.0:.1f}", ha="center", va="center", fontsize=7,
                          color="white" if abs(value) > 2.5 else "black")  # fmt: skip
            axes.set_title(f"{name}\n{title}" if column == 0 else title, fontsize=9)
            below = figure.add_subplot(grid[2 * i + 1, column])
            limit = 4 * np.abs(nhwc.conv2d(photo, HIDDEN)[..., i]).mean()
            below.imshow(maps[..., i], cmap="gray", vmin=-limit, vmax=limit)
            for each in (axes, below):
                each.set_xticks([])
                each.set_yticks([])
    picture = figure.add_subplot(grid[6, :2])
    picture.imshow(photo[..., 0], cmap="gray", vmin=0, vmax=1)
    picture.set_title("the photo", fontsize=9)
    picture.set_axis_off()
    curve = figure.add_subplot(grid[6, 2:])
    curve.semilogy(lesson.losses)
    curve.set_title("the loss, mean squared difference, by step", fontsize=9)
    curve.grid(alpha=0.3)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def progress_bar(steps: int):
    """Return tqdm's bar, or None where it is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=steps, desc="learning", leave=False)


def main(arguments: list[str] | None = None) -> float:
    """Run the lesson and return the largest error of a learnt filter's value."""
    parser = argparse.ArgumentParser(description="Learn convolution filters from what they did to a photo.")
    parser.add_argument("--size", type=int, default=192, help="pixels of the photo along an edge (default 192)")
    parser.add_argument("--steps", type=int, default=2000, help="steps at most (default 2000)")
    parser.add_argument("--output", default="learn_filters.png", help="the picture to write (default %(default)s)")
    options = parser.parse_args(arguments)
    photo = take_photo(options.size)
    target = nhwc.conv2d(photo, HIDDEN)
    bar = progress_bar(options.steps)
    lesson = learn(photo, target, options.steps, (0, 20, 40, 70, 110), bar)
    if bar is not None:
        bar.close()
    error = float(np.abs(lesson.filters - HIDDEN).max())
    print(f"{len(lesson.losses)} steps: loss {lesson.losses[0]:.2g} -> {lesson.losses[-1]:.2g}")
    for i, name in enumerate(NAMES):
        rows = "  ".join(" ".join(f"{value + 0.0:6.3f}" for value in row) for row in lesson.filters[:, :, 0, i])
        print(f"{name:22} {rows}")
    print(f"the largest error of a filter's value is {error:.1e}")
    try:
        draw(photo, lesson, options.output)
        print(f"the picture is in {options.output}")
    except ImportError:
        print("matplotlib would draw a picture; pip install matplotlib")
    return error


if __name__ == "__main__":
    raise SystemExit(main() >= 1e-3)
