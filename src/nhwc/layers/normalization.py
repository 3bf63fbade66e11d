"""Layers that behave differently in training: batch normalisation and dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nhwc import _check
from nhwc.layers import _activations, _random
from nhwc.layers._steps import pointwise
from nhwc.layers.base import Layer, Weight


class BatchNormalization(Layer):
    """Each channel shifted and scaled: ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``.

    In training the mean and the variance are those of the batch, and the moving ones follow them; else they are the
    moving ones. A model's predictions fold the layer into the filters of a linear layer before it.

    The weights are gamma and beta, which are learned, and the moving mean and the moving variance, each ``(C,)``.

    Ioffe and Szegedy, "Batch normalization", ICML 2015.

    Parameters
    ----------
    axis : int, default -1
        The axis of the channels.
    momentum : float, default 0.99
        What part of the moving statistics each batch leaves as it was.
    epsilon : float, default 0.001
        Added to the variance.
    center, scale : bool, default True
        Whether there is a beta, and a gamma.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer : optional
        "zeros" for beta and the mean, "ones" for gamma and the variance; see `Conv2D`.
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer. As in Keras, a layer that is not trainable
        uses the moving statistics in training too.

    Raises
    ------
    ValueError
        If an argument is wrong, or an input does not fit; the message names the layer.

    Examples
    --------
    >>> from nhwc.layers import BatchNormalization
    >>> BatchNormalization(epsilon=0)([[1, -1], [3, 1]], training=True)
    array([[-1., -1.],
           [ 1.,  1.]], dtype=float32)
    """

    built = False
    gamma = Weight()
    beta = Weight()
    moving_mean = Weight()
    moving_variance = Weight()
    _not_trainable = ("moving_mean", "moving_variance")

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if _check._index(axis) is None:
            raise ValueError(f"{self._label}: axis is {axis!r}; an int would do")
        self.axis = int(axis)
        self.momentum = self._number("momentum", momentum, most=1.0)
        self.epsilon = self._number("epsilon", epsilon)
        self.center, self.scale = bool(center), bool(scale)
        self._initializers = {
            "gamma": self._initializer("gamma_initializer", gamma_initializer, "ones") if scale else None,
            "beta": self._initializer("beta_initializer", beta_initializer, "zeros") if center else None,
            "moving_mean": self._initializer("moving_mean_initializer", moving_mean_initializer, "zeros"),
            "moving_variance": self._initializer("moving_variance_initializer", moving_variance_initializer, "ones"),
        }

    def build(self, input_shape: Sequence[int | None]) -> None:
        shape = self.compute_output_shape(input_shape)
        if shape[self.axis] is None:
            raise ValueError(f"{self._label}: the input has shape {shape}; its channels must be known")
        shapes = (shape[self.axis],)
        self._add_weights(**{name: (how, shapes) for name, how in self._initializers.items() if how is not None})

    def call(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        self.compute_output_shape(x.shape)
        if training and self.trainable:
            return self._in_training(x)[0]
        scale, offset = (self._along(x, values) for values in self._affine())
        return x * scale + offset

    def vjp(self, x):
        self.compute_output_shape(x.shape)
        if not self.trainable:
            scale = self._along(x, self._affine()[0])
            return self.call(x), lambda dy, input_grad=True: (dy * scale, {})
        y, normalized, inverse = self._in_training(x)
        axes, gamma = self._other_axes(x), self._weights.get("gamma")

        def backward(dy, input_grad=True):
            sums = {"beta": dy.sum(axis=axes), "gamma": (dy * normalized).sum(axis=axes)}
            count = np.float32(x.size / max(x.shape[self.axis], 1))
            scale = inverse if gamma is None else inverse * gamma
            means = (self._along(x, sums[name] / count) for name in ("beta", "gamma"))
            dx = None
            if input_grad:
                mean, slope = means
                dx = self._along(x, scale) * (dy - mean - normalized * slope)
            return dx, {name: value for name, value in sums.items() if name in self._weights}

        return y, backward

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        shape = tuple(input_shape)
        if not -len(shape) <= self.axis < len(shape):
            raise ValueError(f"{self._label}: axis is {self.axis} but the input has shape {shape}")
        if self.built and shape[self.axis] != len(self._weights["moving_mean"]):
            raise ValueError(
                f"{self._label}: the input has shape {shape}, with {shape[self.axis]} channels, but the layer is built "
                f"for {len(self._weights['moving_mean'])}"
            )
        return shape

    def _in_training(self, x):
        """Normalise by the batch's own statistics, which the moving ones follow.

        Return the output, what gamma multiplies in it, and one over the standard deviation of each channel.
        """
        axes = self._other_axes(x)
        mean = x.mean(axis=axes, dtype=np.float64)
        centered = x - self._along(x, mean.astype(np.float32))
        variance = np.square(centered).mean(axis=axes, dtype=np.float64)
        inverse = (1 / np.sqrt(variance + self.epsilon)).astype(np.float32)
        self._follow(moving_mean=mean, moving_variance=variance)
        normalized = centered * self._along(x, inverse)
        y = normalized
        if self.scale:
            y = y * self._along(x, self._weights["gamma"])
        if self.center:
            y = y + self._along(x, self._weights["beta"])
        return y, normalized, inverse

    def _follow(self, **statistics):
        moved = {}
        for name, value in statistics.items():
            old = self._weights[name]
            moved[name] = (old * self.momentum + value * (1 - self.momentum)).astype(np.float32)
        self._assign(moved)

    def _affine(self):
        """Return what each channel is multiplied by, and what is added, by the moving statistics."""
        weights = {name: value.astype(np.float64) for name, value in self._weights.items()}
        with np.errstate(all="ignore"):
            scale = weights.get("gamma", 1.0) / np.sqrt(weights["moving_variance"] + self.epsilon)
            offset = weights.get("beta", 0.0) - weights["moving_mean"] * scale
        return scale.astype(np.float32), offset.astype(np.float32)

    def _as_scale(self):
        scale, offset = self._affine()
        return (scale, offset) if self.axis == -1 and np.isfinite(scale).all() and np.isfinite(offset).all() else None

    def _compile(self, shape, rest):
        """Run as a convolution of size 1, which takes in an activation that follows."""
        if self.axis not in (-1, len(shape)):
            return super()._compile(shape, rest)
        scale, offset = self._affine()
        activation = rest[1]._as_activation() if len(rest) > 1 else None
        activation = activation if _activations.fusable(activation) else None
        names = (self.name, rest[1].name) if activation else (self.name,)
        note = ", ".join(filter(None, ("normalisation", activation if isinstance(activation, str) else "")))
        return [pointwise(names, shape, activation, note, scale, offset)], len(names)

    def _along(self, x, values):
        """Return one number for each channel, shaped to meet `x`."""
        shape = [1] * x.ndim
        shape[self.axis] = -1
        return values.reshape(shape)

    def _other_axes(self, x):
        return tuple(axis for axis in range(x.ndim) if axis != self.axis % x.ndim)


class Dropout(Layer):
    """In training, sets a part of the numbers to zero at random, and scales the rest so that sums stay as they were.

    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.

    Parameters
    ----------
    rate : float
        The part that is dropped, from 0 to 1.
    noise_shape : sequence of int or None, optional
        The shape of the mask, batch included; None stands for the input's size, and 1 drops along that axis at once.
    seed : int, optional
        Of the layer's own random numbers; by default they are those of `set_random_seed`.
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If an argument is wrong.

    Examples
    --------
    >>> from nhwc.layers import Dropout
    >>> layer = Dropout(0.5, seed=1)
    >>> layer([[1, 2, 3, 4]])
    array([[1., 2., 3., 4.]], dtype=float32)
    >>> set(layer([[1, 1, 1, 1]], training=True)[0].tolist()) <= {0.0, 2.0}
    True
    """

    def __init__(self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None,
                 **kwargs: Any):  # fmt: skip
        super().__init__(**kwargs)
        self.rate = self._number("rate", rate, most=1.0)
        self.noise_shape = None if noise_shape is None else self._shape("noise_shape", noise_shape)
        self.seed = seed
        self._generator = _random.generator if seed is None else np.random.default_rng(seed)

    def call(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return x * self._mask(x.shape) if training and self.rate else x.copy()

    def vjp(self, x):
        if not self.rate:
            return x, lambda dy, input_grad=True: (dy, {})
        mask = self._mask(x.shape)
        return x * mask, lambda dy, input_grad=True: (dy * mask, {})

    def _mask(self, shape):
        noise = self.noise_shape or shape
        noise = tuple(n if size is None else size for size, n in zip(noise, shape, strict=True))
        kept = self._generator.random(noise, np.float32) >= self.rate
        return kept * np.float32(1 / (1 - self.rate) if self.rate < 1 else 0)

    def _does_nothing(self):
        return True
