"""A small network learns to read handwritten digits, and shows the filters it found. Needs scikit-learn, matplotlib.

    python digits.py [OUT.png]

The data are scikit-learn's 1797 digits of 8x8 pixels; every fifth is kept for the test.
"""

import time

import numpy as np
from _drawing import Panel, draw, mosaic, output_path
from sklearn.datasets import load_digits

from nhwc.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
    ReLU,
    set_random_seed,
)
from nhwc.models import Sequential
from nhwc.optimizers import Adam


def load():
    """Images (N, 8, 8, 1) from 0 to 1 and their digits, to learn from and to test with."""
    digits = load_digits()
    images = (digits.images / 16)[..., None].astype(np.float32)
    order = np.random.default_rng(0).permutation(len(images))
    test, train = order[::5], np.delete(order, np.s_[::5])
    return (images[train], digits.target[train]), (images[test], digits.target[test])


def shifted(images, truth):
    """The images, and each moved by one pixel in the four directions: digits stay what they are."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    moves = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
    return np.concatenate([padded[:, y : y + 8, x : x + 8] for y, x in moves]), np.tile(truth, len(moves))


def build():
    """The network: two convolutions with normalisation, then a decision."""
    return Sequential(
        [
            Input(shape=(8, 8, 1)),
            Conv2D(16, (3, 3), padding="same", use_bias=False, name="strokes"),
            BatchNormalization(momentum=0.9),
            ReLU(),
            MaxPooling2D(),
            Conv2D(48, (3, 3), padding="same", use_bias=False, name="shapes"),
            BatchNormalization(momentum=0.9),
            ReLU(),
            Flatten(),
            Dropout(0.4),
            Dense(10, activation="softmax"),
        ],
        name="digits",
    )


def learn(verbose="auto", seed=2):
    """The network after learning, and its accuracy on the test digits."""
    set_random_seed(seed)
    train, test = load()
    model = build()
    model.compile(Adam(0.004), "sparse_categorical_crossentropy", metrics=["accuracy"])
    train = shifted(*train)
    for rate, epochs in ((0.003, 3), (0.001, 2), (0.0002, 1)):
        model.optimizer.learning_rate = rate
        model.fit(*train, epochs=epochs, batch_size=32, validation_data=test, verbose=verbose)
    return model, model.evaluate(*test, verbose=0)[1]


def picture(model, path):
    """Draw the learned filters, the maps that they make of a few digits, and what the network is least sure of."""
    (_, _), (images, truth) = load()
    filters = model.layers[0].kernel[:, :, 0]
    first = Sequential([Input(shape=(8, 8, 1)), *model.layers[:3]])
    rows = [("16 filters of 3x3 pixels, learned: blue is negative, red positive",
             [Panel("", filters[..., i], "signed") for i in range(16)])]  # fmt: skip
    for digit in (0, 3, 7):
        image = images[truth == digit][:1]
        maps = first.predict(image)[0]
        panels = [Panel("", image[0, ..., 0]), *(Panel("", maps[..., i], "strength") for i in range(16))]
        rows.append((f"a {digit}, and its 16 feature maps", panels))
    chances = model.predict(images, verbose=0)
    doubtful = np.argsort(chances[np.arange(len(truth)), truth])[:12]
    captions = [f"{truth[i]}, read {chances[i].argmax()}: {chances[i].max():.0%}" for i in doubtful]
    rows.append(("the twelve hardest test digits, and what they are read as",
                 [Panel(text, images[i, ..., 0]) for text, i in zip(captions, doubtful, strict=True)]))  # fmt: skip
    every = np.concatenate([images[truth == digit][:24] for digit in range(10)])
    rows.append(("test digits", [Panel("", mosaic(np.moveaxis(every[..., 0], 0, -1), 48, gap=1))]))
    draw(path, "A network of two convolutions learns handwritten digits", rows)


def main():
    start = time.perf_counter()
    model, accuracy = learn()
    print(f"test accuracy {accuracy:.2%} after {time.perf_counter() - start:.1f} s")
    path = output_path(__file__)
    picture(model, path)
    print(f"The picture is {path}")


if __name__ == "__main__":
    main()
