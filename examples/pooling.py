"""Pooling and flattening: a map becomes smaller, keeps what is strong, and in the end is one row of numbers.

python pooling.py [OUT.png]
"""

import numpy as np
from _drawing import Panel, draw, output_path, photo

from nhwc.layers import AveragePooling2D, Conv2D, Flatten, GlobalMaxPooling2D, Input, MaxPooling2D
from nhwc.models import Sequential


def edges(image):
    """A map of edges, their size whatever their direction is, of an image (H, W)."""
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
    layer = Conv2D(4, (3, 3), padding="same", activation="relu")
    layer.build((None, None, None, 1))
    layer.set_weights([np.stack([sobel, sobel.T, -sobel, -sobel.T], axis=-1)[:, :, None], np.zeros(4)])
    return layer(image[None, ..., None]).max(axis=-1, keepdims=True)


def pooled(maps, kind, times):
    """The maps after so many poolings by 2."""
    model = Sequential([Input(maps.shape[1:]), *(kind(2) for _ in range(times))])
    return model.predict(maps)


def main():
    image = np.ascontiguousarray(photo(2).mean(axis=-1)[20:276])
    maps = edges(image)
    rows = [("a photo, and its map of edges", [Panel("", image), Panel("", maps[0, ..., 0], "strength")])]
    for kind, name in ((MaxPooling2D, "maxima"), (AveragePooling2D, "means")):
        smaller = [pooled(maps, kind, times) for times in range(1, 6)]
        panels = [Panel(f"{m.shape[1]}x{m.shape[2]}", m[0, ..., 0], "strength", (0, 3)) for m in smaller]
        rows.append((f"{name} of 2x2 pixels, once to five times", panels))
    smallest = pooled(maps, MaxPooling2D, 5)
    row = Flatten()(smallest)
    shifted = pooled(np.roll(maps, 3, axis=2), MaxPooling2D, 5)
    moved = np.abs(shifted - smallest).mean() / smallest.mean()
    rows.append((f"flattened: one row of {row.size} numbers (the photo moved by 3 pixels changes them by {moved:.0%})",
                 [Panel(f"the largest, by GlobalMaxPooling2D: {GlobalMaxPooling2D()(maps)[0, 0]:.2f}",
                        np.repeat(row, 4, axis=0), "strength", (0, 3))]))  # fmt: skip
    path = output_path(__file__)
    draw(path, "Pooling and flattening", rows)
    print(f"The picture is {path}")


if __name__ == "__main__":
    main()
