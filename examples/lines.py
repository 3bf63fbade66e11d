"""Vertical lines, horizontal lines, and both maps combined: the tutorial's detectors on a maze.

python lines.py [OUT.png]
"""

import numpy as np
from _drawing import Panel, draw, output_path

from nhwc.layers import Conv2D, Input, MaxPooling2D
from nhwc.models import Sequential


def maze(size=24, seed=3):
    """An image (8 * size + 2,) * 2 of a maze whose walls, of value 1, are two pixels wide."""
    rng = np.random.default_rng(seed)
    image = np.zeros((8 * size + 2, 8 * size + 2), np.float32)
    image[::8], image[1::8], image[:, ::8], image[:, 1::8] = 1, 1, 1, 1
    seen, path = {(0, 0)}, [(0, 0)]
    while path:
        y, x = path[-1]
        steps = [(y + dy, x + dx) for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))]
        open_ = [(a, b) for a, b in steps if 0 <= a < size and 0 <= b < size and (a, b) not in seen]
        if not open_:
            path.pop()
            continue
        a, b = open_[rng.integers(len(open_))]
        top, left = 8 * min(y, a), 8 * min(x, b)  # The room between the two, and the wall in it, become free.
        image[top + 2 : top + (16 if a != y else 8), left + 2 : left + (16 if b != x else 8)] = 0
        seen.add((a, b))
        path.append((a, b))
    return image


def detect(image):
    """The two maps of an image (H, W): vertical lines and horizontal ones, each a model as in the tutorial."""
    height, width = image.shape
    bar = [0, 0, 0, 1, 1, 0, 0, 0]  # A line two pixels wide, with free space on its sides, eight pixels long.
    vertical = np.tile(np.array(bar, np.float32) * 2 - 0.5, (8, 1))
    maps = []
    for detector in (vertical, vertical.T):
        model = Sequential([Input((height, width, 1)), Conv2D(1, (8, 8), padding="same", activation="relu")])
        model.set_weights([detector[..., None, None], np.array([-8.0])])
        maps.append(model.predict(image[None, ..., None])[0, ..., 0])
    return maps


def main():
    image = maze()
    vertical, horizontal = detect(image)
    colours = np.stack([vertical, 0.55 * horizontal, horizontal], axis=-1)
    both = np.minimum(vertical, horizontal)[None, ..., None]
    crossings = MaxPooling2D(5, strides=1, padding="same")(both)[0, ..., 0]  # Larger, to be seen.
    path = output_path(__file__)
    draw(path, "Two line detectors in a maze", [
        ("one image, two filters of 8x8 pixels, each with a bias and ReLU",
         [Panel("the maze", image), Panel("vertical lines", vertical, "strength"),
          Panel("horizontal lines", horizontal, "strength")]),
        ("the maps combined",
         [Panel("vertical red, horizontal blue", colours / colours.max()),
          Panel("the larger of the two", np.maximum(vertical, horizontal), "strength"),
          Panel("both at once: corners and crossings", crossings, "strength")]),
    ])  # fmt: skip
    print(f"The picture is {path}")


if __name__ == "__main__":
    main()
