"""The random numbers that weights, shuffling and dropout are drawn from, and Keras's initialisers over them."""

from __future__ import annotations

import math

import numpy as np

generator = np.random.default_rng(0)


def set_random_seed(seed: int) -> None:
    """Start the sequence of random numbers anew that initialisers, shuffling and dropout draw from.

    Unless it is called the seed is 0, so that a program initialises its layers alike each time it runs.

    Parameters
    ----------
    seed : int
        Not negative; equal seeds give equal weights to layers that are built in the same order.

    Examples
    --------
    >>> from nhwc.layers import Conv1D, set_random_seed
    >>> set_random_seed(7)
    >>> first, second = Conv1D(1, 3), Conv1D(1, 3)
    >>> first.build((None, 8, 1))
    >>> set_random_seed(7)
    >>> second.build((None, 8, 1))
    >>> bool((first.kernel == second.kernel).all())
    True
    """
    generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state


def initial(label, initializer, shape):
    """Return the first value of a weight: by name, from an array or from a callable ``f(shape, dtype=)``."""
    if isinstance(initializer, str):
        value = _NAMED[_snake(initializer)](shape)
    else:
        value = initializer(shape, dtype="float32") if callable(initializer) else initializer
    value = np.array(value, np.float32)
    if value.shape != tuple(shape):
        raise ValueError(f"{label}: an initializer made shape {value.shape}; {tuple(shape)} would do")
    return value


def check_initializer(label, arg, value, default):
    """Return an initialiser as `initial` takes it; None stands for the default."""
    if value is None:
        return default
    known = _snake(value) in _NAMED if isinstance(value, str) else callable(value) or isinstance(value, np.ndarray)
    if not known:
        names = ", ".join(map(repr, _NAMED))
        raise ValueError(f"{label}: {arg} is {value!r}; {names}, an array or a callable would do")
    return value


def _snake(name):
    """Return a name in snake case: Keras takes "GlorotUniform" too."""
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


def _fans(shape):
    """Return the numbers of inputs and of outputs that a weight connects, as Keras counts them."""
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    return math.prod(shape[:-2]) * shape[-2], math.prod(shape[:-2]) * shape[-1]


def _scaled(scale, mode, distribution):
    """Return an initialiser whose variance is `scale` over the mean, or the first, of the fans.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010; He et
    al., "Delving deep into rectifiers", ICCV 2015.
    """

    def draw(shape):
        fan_in, fan_out = _fans(shape)
        variance = scale / max((fan_in + fan_out) / 2 if mode == "fan_avg" else fan_in, 1)
        if distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return generator.uniform(-limit, limit, shape)
        # Cut at two standard deviations, which makes it narrower by the factor below.
        return math.sqrt(variance) / 0.87962566103423978 * _truncated_normal(shape)

    return draw


def _truncated_normal(shape):
    values = generator.standard_normal(shape)
    while (outside := np.abs(values) > 2).any():
        values[outside] = generator.standard_normal(int(outside.sum()))
    return values


_NAMED = {
    "glorot_uniform": _scaled(1, "fan_avg", "uniform"),
    "glorot_normal": _scaled(1, "fan_avg", "normal"),
    "he_uniform": _scaled(2, "fan_in", "uniform"),
    "he_normal": _scaled(2, "fan_in", "normal"),
    "lecun_uniform": _scaled(1, "fan_in", "uniform"),
    "lecun_normal": _scaled(1, "fan_in", "normal"),
    "zeros": np.zeros,
    "ones": np.ones,
}
