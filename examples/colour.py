"""Colour images: a filter of 3x3 pixels has 3x3x3 numbers, since it sees red, green and blue at once.

python colour.py [OUT.png]
"""

import numpy as np
from _drawing import Panel, draw, output_path, photo

from nhwc.layers import Conv2D, Input
from nhwc.models import Sequential

BLUR = np.outer([1, 2, 1], [1, 2, 1]) / 16
EDGE = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
# What a filter does in space, and the weights it gives to red, green and blue.
FILTERS = {
    "red against green": (BLUR, (1, -1, 0)),
    "blue against yellow": (BLUR, (-0.5, -0.5, 1)),
    "light: edges": (EDGE, (1 / 3, 1 / 3, 1 / 3)),
    "red: edges": (EDGE, (1, -0.5, -0.5)),
}


def kernel():
    """The filters (3, 3, 3, 4): height, width, colours, and one for each of `FILTERS`."""
    return np.stack([np.multiply.outer(space, colours) for space, colours in FILTERS.values()], axis=-1)


def detect(image):
    """The maps of an image (H, W, 3), one for each filter."""
    model = Sequential([Input((None, None, 3)), Conv2D(len(FILTERS), (3, 3), padding="same")])
    model.set_weights([kernel(), np.zeros(len(FILTERS))])
    return model.predict(image[None])[0]


def main():
    image = photo()
    maps, filters = detect(image), kernel()
    shown = [filters[..., i] / np.abs(filters[..., i]).max() / 2 + 0.5 for i in range(4)]
    path = output_path(__file__)
    draw(path, "Filters that see colours", [
        ("a colour image is three images: its channels",
         [Panel("photo", image), *(Panel(name, image[..., i]) for i, name in enumerate(("red", "green", "blue")))]),
        ("four filters of 3x3x3 numbers, grey is zero; here in colours, and the three planes of each",
         [panel for name, whole, i in zip(FILTERS, shown, range(4), strict=True)
          for panel in (Panel(name.split()[0].strip(":"), whole),
                        *(Panel(c, filters[:, :, j, i], "signed", (-0.5, 0.5)) for j, c in enumerate("RGB")))]),
        ("the maps: blue is negative, red positive",
         [Panel(name, maps[..., i], "signed") for i, name in enumerate(FILTERS)]),
    ])  # fmt: skip
    print(f"The picture is {path}")


if __name__ == "__main__":
    main()
