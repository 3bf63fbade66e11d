"""Activation layers, and what layers with an activation of their own share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nhwc import _check
from nhwc.layers import _activations
from nhwc.layers._steps import Step, pointwise
from nhwc.layers.base import Layer, Weight


class Taken(NamedTuple):
    """A layer with what it takes in of those after it."""

    names: tuple[str, ...]
    filters: np.ndarray
    bias: np.ndarray | None
    fused: Any  # The activation that a plan applies.
    softmax: bool  # Whether a softmax comes after it.
    note: str
    used: int  # The number of layers.


class Activated(Layer):
    """What layers share that multiply by filters, add a bias and apply an activation."""

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = _activations.check(self._label, activation)

    def vjp(self, x):
        z, through_filters = self._linear_vjp(x)
        y, through_activation = _activations.vjp(self._label, self.activation, z)
        return y, lambda dy, input_grad=True: through_filters(through_activation(dy), input_grad)

    def _linear_vjp(self, x):
        """Do what `vjp` does, without the activation."""
        raise NotImplementedError

    def _scaled(self, filters, scale):
        """Return filters whose outputs are `scale` times those of `filters`."""
        raise NotImplementedError

    def _take_in(self, rest, filters, bias):
        """Fold the normalisation that follows into filters and bias, and take the activation after that."""
        names, notes, activation = [self.name], [], self.activation
        following = list(rest[1:])
        affine = following[0]._as_scale() if following and activation is None else None
        if affine is not None:
            scale, offset = affine
            bias = (offset if bias is None else offset + scale * bias).astype(np.float32)
            filters = self._scaled(filters, scale).astype(np.float32)
            names.append(following.pop(0).name)
            notes.append("normalisation folded")
        if following and activation is None:
            activation = following[0]._as_activation()
            names += [following.pop(0).name] if activation else []
        if activation is not None:
            notes.append(activation if isinstance(activation, str) else "callable activation")
        fused = activation if _activations.fusable(activation) else None
        note, softmax = ", ".join(notes), activation == "softmax"
        return Taken(tuple(names), filters, bias, fused, softmax, note.removesuffix("softmax"), len(names))


def softmax_step(taken, name, shape):
    """Return the step for a softmax that filters have taken with them, in a list, empty if there is none."""
    return [_softmax(name, shape, -1)] if taken.softmax else []


def _softmax(name, shape, axis):
    def run(x, out):
        return _activations.softmax(x, axis, out=out)

    return Step((name,), "softmax", shape, run, in_place=True, is_softmax=axis == -1)


class _Elementwise(Layer):
    """A layer that changes each number by itself: in place, in a model, unless the layer before takes it in."""

    def call(self, x: np.ndarray) -> np.ndarray:
        return self._apply(x)

    def _apply(self, x, out=None):
        raise NotImplementedError

    def _compile(self, shape, rest):
        name = type(self).__name__
        return [Step((self.name,), name, shape, lambda x, out: self._apply(x, out=out), in_place=True)], 1


class Activation(_Elementwise):
    """An activation by itself, applied to each number; softmax along the channels.

    Parameters
    ----------
    activation : str or callable, optional
        As in `nhwc.conv2d`, or "softmax". A callable is given a copy of the input.
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If the activation is not known, or a callable returns another shape.

    Examples
    --------
    >>> from nhwc.layers import Activation
    >>> Activation("relu")([-3.0, 0.0, 2.0])
    array([0., 0., 2.], dtype=float32)
    """

    def __init__(self, activation: str | Callable[[Any], Any] | None, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = _activations.check(self._label, activation)

    def vjp(self, x):
        y, through = _activations.vjp(self._label, self.activation, x)
        return y, lambda dy, input_grad=True: (through(dy), {})

    def _apply(self, x, out=None):
        return _activations.apply(self._label, self.activation, x, out)

    def _as_activation(self):
        return self.activation

    def _does_nothing(self):
        return self.activation is None

    def _compile(self, shape, rest):
        if self.activation == "softmax":
            return [_softmax(self.name, shape, -1)], 1
        if callable(self.activation) or self.activation == "relu":
            return super()._compile(shape, rest)
        return [pointwise((self.name,), shape, self.activation, self.activation)], 1


class ReLU(_Elementwise):
    """The rectifier: x above `threshold`, `negative_slope` times ``x - threshold`` elsewhere, `max_value` at most.

    Parameters
    ----------
    max_value : float, optional
        The largest output; None for no bound.
    negative_slope : float, default 0.0
        Slope below the threshold.
    threshold : float, default 0.0
        Up to which inputs are damped.
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If an argument is negative.

    Examples
    --------
    >>> from nhwc.layers import ReLU
    >>> ReLU(max_value=10, negative_slope=0.5)([-10.0, -5.0, 0.0, 5.0, 20.0])
    array([-5. , -2.5,  0. ,  5. , 10. ], dtype=float32)
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else self._number("max_value", max_value)
        self.negative_slope = self._number("negative_slope", negative_slope)
        self.threshold = self._number("threshold", threshold)

    def vjp(self, x):
        rising = x > self.threshold
        if self.max_value is not None:
            rising &= x < self.max_value
        slope = rising.astype(np.float32)
        if self.negative_slope:
            slope[x <= self.threshold] = self.negative_slope
        return self.call(x), lambda dy, input_grad=True: (dy * slope, {})

    def _apply(self, x, out=None):
        threshold, slope = np.float32(self.threshold), np.float32(self.negative_slope)
        below = slope * np.maximum(threshold - x, 0) if slope else None
        y = np.where(x <= threshold, np.float32(0), x) if threshold else np.maximum(x, 0, out=out)
        if self.max_value is not None:
            y = np.minimum(y, np.float32(self.max_value), out=out)
        if below is not None:
            y = np.subtract(y, below, out=out)
        return y if out is None else _activations.copied(y, out)

    def _as_activation(self):
        if self.negative_slope or self.threshold:
            return None
        return {None: "relu", 6.0: "relu6"}.get(self.max_value)


class LeakyReLU(_Elementwise):
    """A rectifier that lets a part of what is negative through: x where positive, `negative_slope` times x elsewhere.

    Parameters
    ----------
    negative_slope : float, default 0.3
        As in Keras; note that the activation "leaky_relu" has 0.2.
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If the slope is negative.

    Examples
    --------
    >>> from nhwc.layers import LeakyReLU
    >>> LeakyReLU(negative_slope=0.5)([-10.0, 0.0, 5.0])
    array([-5.,  0.,  5.], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        super().__init__(**kwargs)
        self.negative_slope = self._number("negative_slope", negative_slope)

    def vjp(self, x):
        slope = np.where(x > 0, np.float32(1), np.float32(self.negative_slope))
        return self.call(x), lambda dy, input_grad=True: (dy * slope, {})

    def _apply(self, x, out=None):
        if self.negative_slope <= 1:
            return np.maximum(x, x * np.float32(self.negative_slope), out=out)
        return np.multiply(x, np.where(x < 0, np.float32(self.negative_slope), np.float32(1)), out=out)

    def _as_activation(self):
        return "leaky_relu" if self.negative_slope == 0.2 else None


class PReLU(_Elementwise):
    """A leaky rectifier whose slopes below zero, the weights `alpha`, are learned.

    Parameters
    ----------
    alpha_initializer : optional
        "zeros" by default; see `Conv2D`.
    shared_axes : int or sequence of int, optional
        Axes, counted with the batch as 0, along which one slope serves all: ``[1, 2]`` gives each channel of an image
        one. By default each number of a sample has its own.
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If an argument is wrong, or an axis that is not shared has no size.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import PReLU
    >>> layer = PReLU(shared_axes=1)
    >>> layer.build((None, 5, 2))
    >>> layer.alpha = [[0.5, 0.25]]
    >>> layer(-np.ones((1, 1, 2)))
    array([[[-0.5 , -0.25]]], dtype=float32)
    """

    built = False
    alpha = Weight()

    def __init__(self, alpha_initializer: Any = "zeros", *, shared_axes: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._initial = self._initializer("alpha_initializer", alpha_initializer, "zeros")
        axes = _check._items([] if shared_axes is None else shared_axes)
        axes = [shared_axes] if axes is None else axes
        self.shared_axes = [_check._index(axis) for axis in axes]
        if any(axis is None or axis < 1 for axis in self.shared_axes):
            raise ValueError(f"{self._label}: shared_axes is {shared_axes!r}; axes from 1 would do")

    def build(self, input_shape: Sequence[int | None]) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes:
            if axis > len(shape):
                raise ValueError(f"{self._label}: shared_axes has {axis} but the input has shape {tuple(input_shape)}")
            shape[axis - 1] = 1
        if None in shape:
            raise ValueError(
                f"{self._label}: the input has shape {tuple(input_shape)}; axes of unknown size must be in shared_axes"
            )
        self._add_weights(alpha=(self._initial, tuple(shape)))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        shape = tuple(input_shape)
        if self.built:
            wanted = self._weights["alpha"].shape
            shared = [axis - 1 for axis in self.shared_axes]
            fits = len(wanted) == len(shape) - 1 and all(
                i in shared or size in (None, n) for i, (size, n) in enumerate(zip(shape[1:], wanted, strict=True))
            )
            if not fits:
                raise ValueError(f"{self._label}: the input has shape {shape} but the layer is built for {wanted}")
        return shape

    def call(self, x: np.ndarray) -> np.ndarray:
        self.compute_output_shape(x.shape)
        return self._apply(x)

    def vjp(self, x):
        alpha, y = self._weights["alpha"], self.call(x)

        def backward(dy, input_grad=True):
            dx = dy * ((x > 0) + alpha * (x < 0)) if input_grad else None
            shared = (0, *self.shared_axes)
            return dx, {"alpha": (dy * np.minimum(x, 0)).sum(axis=shared, keepdims=True)[0]}

        return y, backward

    def _apply(self, x, out=None):
        below = self._weights["alpha"] * np.minimum(x, 0)
        y = np.maximum(x, 0, out=out)
        return np.add(y, below, out=y)


class Softmax(Layer):
    """Exponentials that sum to 1 along an axis: ``exp(x) / sum exp(x)``.

    Parameters
    ----------
    axis : int, default -1
        The axis of the sum.
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If the axis is no int, or none of the input's.

    Examples
    --------
    >>> from nhwc.layers import Softmax
    >>> Softmax()([1.0, 1.0])
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        if _check._index(axis) is None:
            raise ValueError(f"{self._label}: axis is {axis!r}; an int would do")
        self.axis = int(axis)

    def call(self, x: np.ndarray) -> np.ndarray:
        self.compute_output_shape(x.shape)
        return _activations.softmax(x, self.axis)

    def vjp(self, x):
        y = self.call(x)
        return y, lambda dy, input_grad=True: (_activations.softmax_gradient(dy, y, self.axis), {})

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        if input_shape and not -len(input_shape) <= self.axis < len(input_shape):
            raise ValueError(f"{self._label}: axis is {self.axis} but the input has {len(input_shape)} axes")
        return tuple(input_shape)

    def _as_activation(self):
        return "softmax" if self.axis == -1 else None

    def _compile(self, shape, rest):
        self.compute_output_shape((None, *shape))
        axis = -1 if self.axis == len(shape) else self.axis
        return [_softmax(self.name, shape, axis)], 1
