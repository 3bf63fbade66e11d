"""The dense layer: every output sees every input."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nhwc import plans
from nhwc.layers import _activations
from nhwc.layers._steps import Step
from nhwc.layers.activations import Activated, softmax_step
from nhwc.layers.base import Weight

_MOST_PLANS = 3  # Kept by a layer, each with a packed copy of the kernel: one row, a batch, the rest of one;
_LARGE = 2**26  # but only one where the kernel has so many bytes.


class _Rows:
    """Multiplies any number of rows by a matrix: a convolution of size 1 over an image of a column with so many rows.

    Plans of all heights agree to the bit, which matrix products of BLAS do not, and keep the matrix in the
    second-level cache for all rows.
    """

    def __init__(self, kernel, bias, activation):
        self._arguments = (kernel[None, None], bias)
        self._activation = activation
        self._plans: dict[int, Any] = {}

    def plan(self, rows):
        """Return the plan for so many rows."""
        plan = self._plans.get(rows)
        if plan is None:
            inputs = self._arguments[0].shape[2]
            shape = (1, rows, 1, inputs)
            plan = plans.plan_conv2d(shape, *self._arguments, padding="same", activation=self._activation)
            if len(self._plans) >= (1 if self._arguments[0].nbytes >= _LARGE else _MOST_PLANS):
                self._plans.clear()
            self._plans[rows] = plan
        return plan

    def __call__(self, x, out):
        inputs, outputs = self._arguments[0].shape[2:]
        rows = x.size // inputs if inputs else out.size // outputs
        self.plan(rows)(x.reshape(1, rows, 1, inputs), out=out.reshape(1, rows, 1, outputs))
        return out


class Dense(Activated):
    """Every output a weighted sum of all inputs along the last axis: ``activation(x @ kernel + bias)``.

    The weights are a kernel of shape ``(C, units)`` and, with `use_bias`, a bias ``(units,)``.

    Parameters
    ----------
    units : int
        Number of outputs.
    activation : str or callable, optional
        As in `nhwc.conv2d`, or "softmax".
    use_bias : bool, default True
        Whether a bias is added.
    kernel_initializer, bias_initializer : optional
        As in `Conv2D`.
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If an argument is wrong, or an input does not fit; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import Dense
    >>> layer = Dense(2)
    >>> layer.build((None, 3))
    >>> layer.set_weights([np.ones((3, 2)), [0, 1]])
    >>> layer([[1, 2, 3]])
    array([[6., 7.]], dtype=float32)
    """

    built = False
    kernel = Weight()
    bias = Weight()

    def __init__(
        self,
        units: int,
        activation: str | Callable[[Any], Any] | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(activation, **kwargs)
        self.units = self._positive("units", units)
        self.use_bias = bool(use_bias)
        self._initializers = (
            self._initializer("kernel_initializer", kernel_initializer, "glorot_uniform"),
            self._initializer("bias_initializer", bias_initializer, "zeros"),
        )
        self._rows: _Rows | None = None

    def __getstate__(self):
        return {**self.__dict__, "_rows": None}

    def build(self, input_shape: Sequence[int | None]) -> None:
        self.compute_output_shape(input_shape)
        inputs = input_shape[-1]
        if inputs is None:
            raise ValueError(f"{self._label}: the input has shape {tuple(input_shape)}; its last axis must be known")
        weights = {"kernel": (self._initializers[0], (inputs, self.units))}
        if self.use_bias:
            weights["bias"] = (self._initializers[1], (self.units,))
        self._add_weights(**weights)

    def call(self, x: np.ndarray) -> np.ndarray:
        out = np.empty(self.compute_output_shape(x.shape), np.float32)
        rows = self._rows
        if rows is None:
            fused = self.activation if _activations.fusable(self.activation) else None
            rows = self._rows = _Rows(self._weights["kernel"], self._weights.get("bias"), fused)
        rows(x, out)
        return out if _activations.fusable(self.activation) else _activations.softmax(out, out=out)

    def vjp(self, x):
        self.compute_output_shape(x.shape)
        return super().vjp(x)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        shape = tuple(input_shape)
        if len(shape) < 2:
            raise ValueError(
                f"{self._label}: the input has shape {shape}, with {len(shape)} axes; 2 or more (batch, ..., channels) "
                "would do"
            )
        if self.built and shape[-1] != len(self._weights["kernel"]):
            raise ValueError(
                f"{self._label}: the input has shape {shape}, with {shape[-1]} channels, but the layer is built for "
                f"{len(self._weights['kernel'])}"
            )
        return (*shape[:-1], self.units)

    def _assign(self, values):
        # In this order, a thread that plans with the old weights keeps its plan in the old rows.
        super()._assign(values)
        self._rows = None

    def _scaled(self, filters, scale):
        return filters * scale

    def _compile(self, shape, rest):
        out_shape = self.compute_output_shape((None, *shape))[1:]
        taken = self._take_in(rest, self._weights["kernel"], self._weights.get("bias"))
        rows = _Rows(taken.filters, taken.bias, taken.fused)
        text = ", ".join(filter(None, ("dense", taken.note)))
        macs = math.prod(out_shape) * shape[-1]
        step = Step(taken.names, text, out_shape, rows, macs=macs)
        return [step, *softmax_step(taken, self.name, out_shape)], taken.used

    def _linear_vjp(self, x):
        kernel, bias = self._weights["kernel"], self._weights.get("bias")
        z = x @ kernel if bias is None else x @ kernel + bias

        def backward(dy, input_grad=True):
            dx = dy @ kernel.T if input_grad else None
            if not self.trainable:
                return dx, {}
            rows, gradients = x.reshape(-1, x.shape[-1]), dy.reshape(-1, self.units)
            grads = {"kernel": rows.T @ gradients}
            if bias is not None:
                grads["bias"] = gradients.sum(axis=0)
            return dx, grads

        return z, backward
