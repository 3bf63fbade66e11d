"""Separable convolution layers: a depthwise convolution of each channel, then one of all channels at each pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nhwc.layers.base import Layer
from nhwc.layers.convolution import Conv1D, Conv2D, DepthwiseConv1D, DepthwiseConv2D


class _SeparableConv(Layer):
    """Two layers in one, which hold the weights and do the work."""

    built = False
    _depthwise_class: type[Any]
    _pointwise_class: type[Any]

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: str | Callable[[Any], Any] | None = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        part = {"name": self.name, "trainable": self.trainable}
        pointwise_initializer = self._initializer("pointwise_initializer", pointwise_initializer, "glorot_uniform")
        self._depthwise: Any = self._depthwise_class(
            kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate, None, False,
            depthwise_initializer, **part)  # fmt: skip
        self._pointwise: Any = self._pointwise_class(
            filters, 1, activation=activation, use_bias=use_bias, kernel_initializer=pointwise_initializer,
            bias_initializer=bias_initializer, **part)  # fmt: skip

    def build(self, input_shape: Sequence[int | None]) -> None:
        between = self._depthwise.compute_output_shape(input_shape)
        self._depthwise.build(input_shape)
        self._pointwise.build(between)
        self.built = True

    def call(self, x: np.ndarray) -> np.ndarray:
        return self._pointwise.call(self._depthwise.call(x))

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return self._pointwise.compute_output_shape(self._depthwise.compute_output_shape(input_shape))

    @property
    def depthwise_kernel(self) -> np.ndarray:
        """The filters of each channel, read-only."""
        return self._depthwise.kernel

    @property
    def pointwise_kernel(self) -> np.ndarray:
        """The filters of size 1, read-only."""
        return self._pointwise.kernel

    @property
    def bias(self) -> np.ndarray | None:
        """The bias, read-only; None if there is none."""
        return self._pointwise.bias

    def _parts(self):
        return self._depthwise, self._pointwise


class SeparableConv2D(_SeparableConv):
    """Convolution of each channel of images by itself, then of all channels at each pixel: `nhwc.separable_conv2d`.

    The weights are a depthwise kernel of shape ``(kh, kw, C, depth_multiplier)``, a pointwise kernel of shape
    ``(1, 1, C * depth_multiplier, filters)`` and, with `use_bias`, a bias ``(filters,)``.

    Parameters
    ----------
    filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer, **kwargs
        As in `Conv2D`; note the order.
    depth_multiplier : int, default 1
        As in `DepthwiseConv2D`.
    depthwise_initializer, pointwise_initializer : optional
        As `kernel_initializer` in `Conv2D`.

    Raises
    ------
    ValueError
        If an argument is wrong, or an input does not fit; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import SeparableConv2D
    >>> layer = SeparableConv2D(16, 3, activation="relu")
    >>> layer(np.ones((1, 8, 8, 3))).shape
    (1, 6, 6, 16)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 3, 3, 1), (1, 1, 3, 16), (16,)]
    """

    _depthwise_class, _pointwise_class = DepthwiseConv2D, Conv2D


class SeparableConv1D(_SeparableConv):
    """Convolution of each channel of signals by itself, then of all channels at each step: `nhwc.separable_conv1d`.

    Arguments and errors are those of `SeparableConv2D` with one spatial axis. The weights are a depthwise kernel of
    shape ``(k, C, depth_multiplier)``, a pointwise kernel of shape ``(1, C * depth_multiplier, filters)`` and, with
    `use_bias`, a bias ``(filters,)``.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import SeparableConv1D
    >>> SeparableConv1D(4, 3, padding="causal")(np.ones((1, 8, 2))).shape
    (1, 8, 4)
    """

    _depthwise_class, _pointwise_class = DepthwiseConv1D, Conv1D
