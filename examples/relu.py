"""ReLU: a map with both signs, and what activations make of it.

python relu.py [OUT.png]
"""

import numpy as np
from _drawing import Panel, draw, output_path, photo

from nhwc.layers import Activation, Conv2D, Input, LeakyReLU, ReLU
from nhwc.models import Sequential

ACTIVATIONS = {
    "linear": Activation("linear"),
    "ReLU": ReLU(),
    "LeakyReLU": LeakyReLU(),
    "ELU": Activation("elu"),
    "SiLU": Activation("silu"),
    "tanh": Activation("tanh"),
}


def maps_of(image):
    """The map of one edge filter over an image (H, W), through each activation."""
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
    maps = {}
    for name, activation in ACTIVATIONS.items():
        model = Sequential([Input((*image.shape, 1)), Conv2D(1, (3, 3), padding="same"), activation])
        model.set_weights([sobel[..., None, None], np.zeros(1)])
        maps[name] = model.predict(image[None, ..., None])[0, ..., 0]
    return maps


def curve(activation, size=120):
    """A graph of the activation from -3 to 3, as an image."""
    x = np.linspace(-3, 3, size, dtype=np.float32)
    y = activation(x[:, None])[:, 0]
    grid = np.linspace(3, -3, size)[:, None]
    near = np.abs(grid - y) < 0.06 * np.sqrt(1 + np.gradient(y, x) ** 2)
    axes = (np.abs(grid) < 0.03) | (np.abs(x) < 0.03)
    return np.where(near[..., None], (0.8, 0.1, 0.1), np.where(axes[..., None], 0.8, 1.0))


def main():
    image = photo(2).mean(axis=-1)
    maps = maps_of(image)
    path = output_path(__file__)
    names = list(ACTIVATIONS)
    draw(path, "Activations keep what a filter looks for", [
        ("the activations, from -3 to 3", [Panel(name, curve(ACTIVATIONS[name])) for name in names]),
        ("a map of edges from dark (left) to light (right), through each: blue is negative, red positive",
         [Panel(f"{name}: {maps[name].min():.2f} to {maps[name].max():.2f}", maps[name], "signed", (-2, 2))
          for name in names[:3]]),
        ("", [Panel(f"{name}: {maps[name].min():.2f} to {maps[name].max():.2f}", maps[name], "signed", (-2, 2))
              for name in names[3:]]),
    ])  # fmt: skip
    print(f"The picture is {path}")


if __name__ == "__main__":
    main()
