"""Handcrafted against learned filters: a layer learns filters back from what they did, and a network finds its own.

python learned.py [OUT.png]
"""

import numpy as np
from _drawing import Panel, draw, output_path, photo

from nhwc.layers import Conv2D, Dense, GlobalMaxPooling2D, Input, set_random_seed
from nhwc.models import Sequential
from nhwc.optimizers import Adam

SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
HANDCRAFTED = {
    "vertical edges": SOBEL,
    "horizontal edges": SOBEL.T,
    "points": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.float32) / 2,
    "blur": np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 4,
}


def imitate(image, epochs=200):
    """Filters (3, 3, 4) before and after learning to do to an image what the handcrafted ones do, and the losses."""
    set_random_seed(4)
    patches = np.stack([image[y : y + 24, x : x + 24] for y in range(0, 240, 24) for x in range(0, 240, 24)])
    patches = patches[..., None]
    model = Sequential([Input((24, 24, 1)), Conv2D(4, (3, 3))])
    start = model.layers[0].kernel[:, :, 0].copy()
    learned = model.get_weights()
    model.set_weights([np.stack(list(HANDCRAFTED.values()), axis=-1)[:, :, None], np.zeros(4)])
    wanted = model.predict(patches)
    model.set_weights(learned)
    model.compile(Adam(0.05), "mse")
    losses = model.fit(patches, wanted, batch_size=25, epochs=epochs, verbose=0).history["loss"]
    return start, model.layers[0].kernel[:, :, 0], losses


def lines(count, size=12, seed=0):
    """Noisy images (count, size, size, 1) with a line, vertical (0), horizontal (1) or slanted (2), and which."""
    rng = np.random.default_rng(seed)
    images, kinds = rng.normal(0, 0.25, (count, size, size, 1)).astype(np.float32), rng.integers(0, 3, count)
    for image, kind in zip(images, kinds, strict=True):
        along, place = np.arange(size), rng.integers(2, size - 2)
        image[along if kind != 1 else place, {0: place, 1: along, 2: (along + place) % size}[int(kind)]] += 1
    return images, kinds


def classify(epochs=12):
    """The 6 filters of 5x5 pixels that a network finds which tells the lines apart, and its accuracy on new ones."""
    set_random_seed(2)
    model = Sequential([Input((12, 12, 1)), Conv2D(6, 5, activation="relu"), GlobalMaxPooling2D(), Dense(3, "softmax")])
    model.compile(Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*lines(800), epochs=epochs, verbose=0)
    return model.layers[0].kernel[:, :, 0], model.evaluate(*lines(400, seed=1), verbose=0)[1]


def main():
    start, learned, losses = imitate(photo(2).mean(axis=-1))
    found, accuracy = classify()
    names = list(HANDCRAFTED)

    def row(label, filters, captions):
        return label, [Panel(text, f, "signed") for text, f in zip(captions, filters, strict=True)]

    images, kinds = lines(8, seed=5)
    path = output_path(__file__)
    kinds = [("vertical", "horizontal", "slanted")[kind] for kind in kinds]
    draw(path, "Handcrafted and learned filters", [
        row("handcrafted", HANDCRAFTED.values(), names),
        row("a layer's filters before it learns to do to a photo what these do", np.moveaxis(start, -1, 0), names),
        row(f"and after: mean squared error {losses[0]:.2g} at first, {losses[-1]:.2g} in the end",
            np.moveaxis(learned, -1, 0), names),
        ("lines in noise, which a network learns to tell apart",
         [Panel(kind, image[..., 0]) for image, kind in zip(images, kinds, strict=True)]),
        row(f"the filters that it found for itself: {accuracy:.1%} right on new lines",
            np.moveaxis(found, -1, 0), [""] * 6),
    ], width=9, tallest=1.3)  # fmt: skip
    print(f"The picture is {path}")


if __name__ == "__main__":
    main()
