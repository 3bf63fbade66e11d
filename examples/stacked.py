"""Stacked layers: the first finds edges, the second finds corners among them, which no single filter could.

python stacked.py [OUT.png]
"""

import numpy as np
from _drawing import Panel, draw, output_path

from nhwc.layers import Conv2D, Input
from nhwc.models import Sequential

EDGES = ("dark to light", "light to dark", "dark above light", "light above dark")
CORNERS = ("top left", "top right", "bottom left", "bottom right")


def shapes(size=160, seed=9):
    """An image of light rectangles and discs on dark ground."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    image = np.zeros((size, size), np.float32)
    for i in range(9):
        cy, cx = size * (np.array(divmod(i, 3)) + 0.5) / 3
        ry, rx = rng.integers(10, 23, 2)
        down, right = abs(y - cy) / ry, abs(x - cx) / rx
        image[np.hypot(down, right) < 1 if i % 3 == i // 3 else np.maximum(down, right) < 1] = rng.uniform(0.85, 1)
    return image


def build(shape):
    """Two layers: 4 filters for edges in the four directions, then 4 that each want two of those to meet."""
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32) / 4
    edges = np.stack([sobel, -sobel, sobel.T, -sobel.T], axis=-1)[:, :, None]
    # A corner: its vertical edge ends here, and so does its horizontal one. In 9x9 pixels, one half wants the edge and
    # the other half wants none.
    corners = np.zeros((9, 9, 4, 4), np.float32)
    for i, (side, down, right) in enumerate(((0, 1, 1), (1, 1, -1), (0, -1, 1), (1, -1, -1))):
        for step in range(-4, 5):
            corners[4 + step, 4, side, i] = np.sign(step * down)
            corners[4, 4 + step, 2 if down > 0 else 3, i] = np.sign(step * right)
    model = Sequential(
        [
            Input((*shape, 1)),
            Conv2D(4, (3, 3), padding="same", activation="relu", name="edges"),
            Conv2D(4, (9, 9), padding="same", activation="relu", name="corners"),
        ]
    )
    model.set_weights([edges, np.zeros(4), corners, np.full(4, -6.1)])
    return model


def main():
    image = shapes()
    model = build(image.shape)
    model.summary()
    edges = model.layers[0](image[None, ..., None])[0]
    corners = model.predict(image[None, ..., None])[0]
    found = np.dstack([image] * 3) * 0.5
    for y, x in np.argwhere(corners.max(axis=-1) > 0):
        found[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3] = (1, 0.3, 0.1)
    path = output_path(__file__)
    draw(path, "Stacked layers: edges, then corners", [
        ("an image, and the corners found in it: the discs have edges in all directions, but none",
         [Panel("", image), Panel("", found)]),
        ("layer 1, ReLU: four filters of 3x3 pixels",
         [Panel(name, edges[..., i], "strength") for i, name in enumerate(EDGES)]),
        ("layer 2, ReLU: four filters of 9x9 pixels over the four maps, which see 11x11 pixels of the image",
         [Panel(name, corners[..., i], "strength") for i, name in enumerate(CORNERS)]),
    ])  # fmt: skip
    print(f"The picture is {path}")


if __name__ == "__main__":
    main()
