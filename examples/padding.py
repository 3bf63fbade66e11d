"""Padding: without it each layer takes a margin off the image, with "same" twelve layers leave its size as it was.

python padding.py [OUT.png]
"""

import numpy as np
from _drawing import Panel, draw, output_path, photo

from nhwc.layers import Conv2D, Input
from nhwc.models import Sequential


def build(padding, layers=12):
    """Layers of one filter of 7x7 pixels that blurs a little: what happens at the margin is easy to see."""
    model = Sequential([Input((96, 96, 1))])
    blur = np.outer(*[np.array([1, 6, 15, 20, 15, 6, 1]) / 64] * 2)
    kernel = 0.3 * blur
    kernel[3, 3] += 0.7
    for _ in range(layers):
        model.add(Conv2D(1, (7, 7), padding=padding))
    model.set_weights([kernel[..., None, None], np.zeros(1)] * layers)
    return model


def outputs(model, image):
    """The output of each layer for an image (H, W)."""
    x, maps = image[None, ..., None], []
    for layer in model.layers:
        x = layer(x)
        maps.append(x[0, ..., 0])
    return maps


def centred(map_, size):
    """A map in the middle of a white square."""
    page = np.ones((size, size), np.float32)
    top, left = (size - map_.shape[0]) // 2, (size - map_.shape[1]) // 2
    page[top : top + map_.shape[0], left : left + map_.shape[1]] = np.clip(map_, 0, 1)
    return page


def main():
    image = np.ascontiguousarray(photo(4).mean(axis=-1)[10:106, 16:112])
    rows = []
    for padding in ("valid", "same"):
        maps = outputs(build(padding), image)
        shown = [(0, image), *((i, maps[i - 1]) for i in (1, 3, 6, 9, 12))]
        panels = [Panel(f"{i}: {m.shape[0]}x{m.shape[1]}", centred(m, 96), "grey", (0, 1)) for i, m in shown]
        rows.append((f'padding="{padding}": a photo after so many layers of 7x7 pixels', panels))
    path = output_path(__file__)
    draw(path, "What padding is for", rows)
    print(f"The picture is {path}")


if __name__ == "__main__":
    main()
