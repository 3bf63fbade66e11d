"""Optimizers in Keras's vocabulary: how weights follow their gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["SGD", "Adam", "Optimizer", "RMSprop", "get"]


class Optimizer:
    """What optimizers share: a learning rate that may be set at any time, and a state for each weight.

    Parameters
    ----------
    learning_rate : float
        What gradients are multiplied by; not negative.
    """

    _slots = 0  # Arrays of state that each weight needs.

    def __init__(self, learning_rate: float):
        self.learning_rate = _within(type(self).__name__, "learning_rate", learning_rate)
        self.iterations = 0
        self._state: dict[Any, list[np.ndarray]] = {}

    def apply(self, gradients: dict[Any, np.ndarray]) -> None:
        """Change weights by one step, and all of them or none.

        Parameters
        ----------
        gradients : dict
            From (layer, name of a weight) to the gradient of the loss by it.
        """
        self.iterations += 1
        new: dict[Any, dict[str, np.ndarray]] = {}
        for key, gradient in gradients.items():
            layer, name = key
            weight = layer._weights[name]
            state = self._state.setdefault(key, [np.zeros_like(weight) for _ in range(self._slots)])
            new.setdefault(layer, {})[name] = self._step(weight, gradient, state).astype(np.float32, copy=False)
        for layer, values in new.items():
            layer._assign(values)

    def size(self):
        """Return the number and the bytes of what the optimizer holds, as Keras's summary counts them."""
        arrays = [array for state in self._state.values() for array in state]
        return 2 + sum(array.size for array in arrays), 12 + sum(array.nbytes for array in arrays)

    def _step(self, weight, gradient, state):
        """Return the weight after one step; the arrays of its state are updated in place."""
        raise NotImplementedError


class SGD(Optimizer):
    """Gradient descent: ``velocity = momentum * velocity - learning_rate * gradient; weight += velocity``.

    With `nesterov` the weight moves by ``momentum * velocity - learning_rate * gradient``, with the new velocity.

    Parameters
    ----------
    learning_rate : float, default 0.01
    momentum : float, default 0.0
        From 0 to 1.
    nesterov : bool, default False

    Raises
    ------
    ValueError
        If a number is out of bounds.

    Examples
    --------
    >>> from nhwc.optimizers import SGD
    >>> SGD(0.1, momentum=0.9, nesterov=True).learning_rate
    0.1
    """

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False):
        super().__init__(learning_rate)
        self.momentum = _within("SGD", "momentum", momentum, 1.0)
        self.nesterov = bool(nesterov)
        self._slots = 1 if self.momentum else 0

    def _step(self, weight, gradient, state):
        step = np.float32(self.learning_rate) * gradient
        if not state:
            return weight - step
        (velocity,) = state
        velocity *= np.float32(self.momentum)
        velocity -= step
        return weight + (np.float32(self.momentum) * velocity - step if self.nesterov else velocity)


class RMSprop(Optimizer):
    """Gradients divided by the root of a moving mean of their squares.

    Hinton, "Neural networks for machine learning", lecture 6, 2012.

    Parameters
    ----------
    learning_rate : float, default 0.001
    rho : float, default 0.9
        What part of the mean each step leaves as it was.
    epsilon : float, default 1e-7
        Added to the mean.

    Raises
    ------
    ValueError
        If a number is out of bounds.

    Examples
    --------
    >>> from nhwc.optimizers import RMSprop
    >>> RMSprop().rho
    0.9
    """

    _slots = 1

    def __init__(self, learning_rate: float = 0.001, rho: float = 0.9, *, epsilon: float = 1e-7):
        super().__init__(learning_rate)
        self.rho = _within("RMSprop", "rho", rho, 1.0)
        self.epsilon = _within("RMSprop", "epsilon", epsilon)

    def _step(self, weight, gradient, state):
        (square,) = state
        square += (np.square(gradient) - square) * np.float32(1 - self.rho)
        return weight - np.float32(self.learning_rate) * gradient / np.sqrt(square + np.float32(self.epsilon))


class Adam(Optimizer):
    """Moving means of the gradients, divided by the roots of those of their squares, both freed of their bias.

    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015; `epsilon` is the one before section 2.1.

    Parameters
    ----------
    learning_rate : float, default 0.001
    beta_1, beta_2 : float, default 0.9 and 0.999
        What part of the means each step leaves as it was.
    epsilon : float, default 1e-7
        Added to the root.

    Raises
    ------
    ValueError
        If a number is out of bounds.

    Examples
    --------
    >>> from nhwc.optimizers import Adam
    >>> Adam(learning_rate=0.01).beta_2
    0.999
    """

    _slots = 2

    def __init__(self, learning_rate: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7):
        super().__init__(learning_rate)
        self.beta_1 = _within("Adam", "beta_1", beta_1, 1.0)
        self.beta_2 = _within("Adam", "beta_2", beta_2, 1.0)
        self.epsilon = _within("Adam", "epsilon", epsilon)

    def _step(self, weight, gradient, state):
        mean, square = state
        mean += (gradient - mean) * np.float32(1 - self.beta_1)
        square += (np.square(gradient) - square) * np.float32(1 - self.beta_2)
        unbiased = math.sqrt(1 - self.beta_2**self.iterations) / (1 - self.beta_1**self.iterations)
        rate = np.float32(self.learning_rate * unbiased)
        return weight - rate * mean / (np.sqrt(square) + np.float32(self.epsilon))


_NAMED = {"sgd": SGD, "adam": Adam, "rmsprop": RMSprop}


def get(identifier: str | Optimizer) -> Optimizer:
    """Return an optimizer, new if it is given by name: "sgd", "adam" or "rmsprop", in any case of letters."""
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str) and identifier.lower() in _NAMED:
        return _NAMED[identifier.lower()]()
    names = ", ".join(map(repr, _NAMED))
    raise ValueError(f"compile: optimizer is {identifier!r}; {names} or an object of nhwc.optimizers would do")


def _within(name, arg, value, most=math.inf):
    """Return a float from 0 to `most`."""
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.number)) or not 0 <= value <= most:
        bounds = "of at least 0" if most == math.inf else f"from 0 to {most:g}"
        raise ValueError(f"{name}: {arg} is {value!r}; a number {bounds} would do")
    return float(value)
