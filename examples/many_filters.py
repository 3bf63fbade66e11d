"""From 32 to 512 filters: banks of bars and edges in all directions, sizes and phases, over one photo.

python many_filters.py [OUT.png]
"""

import time

import numpy as np
from _drawing import Panel, draw, mosaic, output_path, photo

from nhwc.layers import Conv2D, Input
from nhwc.models import Sequential


def bank(count, size=11):
    """Filters (size, size, 1, count): waves under a bell (Gabor filters), 16 directions, and scales and phases."""
    y, x = np.mgrid[:size, :size] - size // 2
    filters = []
    for i in range(count):
        direction, i = i % 16, i // 16
        phase, scale = i % 2, i // 2
        angle = np.pi * direction / 16
        along, length = x * np.cos(angle) + y * np.sin(angle), 2.5 + 0.4 * scale
        wave = np.cos(2 * np.pi * along / length - phase * np.pi / 2) * np.exp(-(x * x + y * y) / (0.35 * size))
        filters.append((wave - wave.mean()) / np.abs(wave - wave.mean()).sum())
    return np.stack(filters, axis=-1)[:, :, None].astype(np.float32)


def maps_of(image, count):
    """The maps of so many filters, strides of 4, and the milliseconds that a prediction took."""
    model = Sequential([Input(image.shape), Conv2D(count, 11, strides=4, padding="same", activation="relu")])
    model.set_weights([bank(count), np.zeros(count)])
    model.predict(image[None])  # Chooses the algorithm and packs the filters.
    start = time.perf_counter()
    maps = model.predict(image[None])[0]
    return maps, 1e3 * (time.perf_counter() - start)


def main():
    image = photo(2).mean(axis=-1, keepdims=True)
    rows = []
    for count, columns in ((32, 16), (128, 32), (512, 64)):
        maps, milliseconds = maps_of(image, count)
        label = f"{count} filters of 11x11 pixels: {count} feature maps in {milliseconds:.1f} ms"
        rows.append((label, [Panel("", mosaic(maps, columns))]))
    filters = [("the first 64 filters", [Panel("", mosaic(bank(64)[:, :, 0], 32, gap=1))])]
    path = output_path(__file__)
    draw(path, "One photo, 32 to 512 filters", filters + rows)
    print(f"The picture is {path}")


if __name__ == "__main__":
    main()
