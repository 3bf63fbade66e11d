"""Activations by name: applied, in float32, and led back through when a network learns."""

from __future__ import annotations

import numpy as np

from nhwc import _check, ops

_SELU = 1.0507009873554805
_SELU_ALPHA = 1.6732632423543772
_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}


def check(label, value):
    """Return an activation as a name in lower case, a callable or, for the linear one, None."""
    if isinstance(value, str) and value.lower() == "softmax":
        return "softmax"
    try:
        _check._activation(label, value, 0)
    except ValueError as error:
        raise ValueError(f"{error}; 'softmax' too") from None
    if not isinstance(value, str):
        return value
    name = _ALIASES.get(value.lower(), value.lower())
    return None if name == "linear" else name


def fusable(activation):
    """Whether a plan takes the activation."""
    return activation != "softmax"


def apply(label, activation, x, out=None):
    """Return the activation of an array that is not written, in `out` if that is given, which may be `x`."""
    if callable(activation):
        return _called(label, activation, x, out)
    if activation is None:
        return copied(x, out)
    if activation == "relu":
        return np.maximum(x, 0, out=out)
    if activation == "softmax":
        return softmax(x, out=out)
    # The kernels know activations as the end of a convolution: here of one that leaves every number as it is.
    channels = x.shape[-1] if x.ndim else 1
    pixels = x.reshape(1, x.size // max(channels, 1), channels)
    one = np.ones((1, channels, 1), np.float32)
    result = ops.depthwise_conv1d(pixels, one, padding="same", activation=activation).reshape(x.shape)
    return result if out is None else copied(result, out)


def copied(x, out=None):
    """Return `x` in `out`, or a copy of it."""
    if out is None:
        return x.copy()
    if out is not x:
        out[...] = x
    return out


def _called(label, function, x, out):
    y = np.asarray(function(x.copy()), np.float32)
    if y.shape != x.shape:
        raise ValueError(f"{label}: the activation returned shape {y.shape}; {x.shape} would do")
    return y if out is None else copied(y, out)


def softmax(x, axis=-1, out=None):
    """Return ``exp(x) / sum exp(x)`` along an axis, by way of the differences from the largest."""
    if x.ndim == 0 or x.size == 0:
        return np.ones_like(x) if out is None else out
    y = np.subtract(x, x.max(axis=axis, keepdims=True), out=out)
    np.exp(y, out=y)
    y /= y.sum(axis=axis, keepdims=True)
    return y


def softmax_gradient(dy, y, axis=-1):
    """Return the gradient of the logits from that of the softmax `y`."""
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


def vjp(label, activation, z):
    """Return the activation of `z`, and the function from the gradient of that to the gradient of `z`."""
    if callable(activation):
        raise ValueError(f"{label}: the activation is a callable, whose derivative is not known; a name would do")
    if activation is None:
        return z, lambda dy: dy
    y = apply(label, activation, z)
    if activation == "softmax":
        return y, lambda dy: softmax_gradient(dy, y)
    return y, lambda dy: dy * _DERIVATIVES[activation](z, y)


def _sigmoid(z):
    return apply("sigmoid", "sigmoid", z)


def _silu(z, y):
    s = _sigmoid(z)
    return s * (1 + z * (1 - s))


def _hard_silu(z, y):
    return np.clip(z / 6 + 0.5, 0, 1) + z / 6 * (np.abs(z) < 3)


def _gelu(z, y):
    cdf = np.divide(y, z, out=np.full_like(z, 0.5), where=z != 0)  # Since y is z times it.
    return cdf + z * np.exp(-0.5 * z * z) / np.float32(np.sqrt(2 * np.pi))


# The derivative at z, of which y is the activation.
_DERIVATIVES = {
    "relu": lambda z, y: y > 0,
    "relu6": lambda z, y: (y > 0) & (y < 6),
    "leaky_relu": lambda z, y: np.where(z > 0, np.float32(1), np.float32(0.2)),
    "elu": lambda z, y: np.where(y < 0, y + 1, 1),
    "selu": lambda z, y: np.where(y < 0, y + np.float32(_SELU * _SELU_ALPHA), np.float32(_SELU)),
    "sigmoid": lambda z, y: y * (1 - y),
    "hard_sigmoid": lambda z, y: np.where(np.abs(z) < 3, np.float32(1 / 6), np.float32(0)),
    "tanh": lambda z, y: 1 - y * y,
    "silu": _silu,
    "hard_silu": _hard_silu,
    "gelu": _gelu,
    "softplus": lambda z, y: _sigmoid(z),
}
