"""Transposed convolution layers: the input gradients of convolutions, as layers that make images larger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import nhwc
from nhwc import _check
from nhwc.layers.base import Weight
from nhwc.layers.convolution import Convolution


class _ConvTranspose(Convolution):
    kernel = Weight()

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: str | Callable[[Any], Any] | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
                         kernel_initializer, bias_initializer, **kwargs)  # fmt: skip
        self.filters = self._positive("filters", filters)
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = self._per_axis("output_padding", output_padding, self.rank, least=0)
            if any(extra >= stride for extra, stride in zip(self.output_padding, self.strides, strict=True)):
                raise ValueError(
                    f"{self._label}: output_padding is {output_padding!r}; less than strides, {self.strides}, would do"
                )

    def _check_padding(self):
        super()._check_padding()
        if self.padding in ("full", "causal"):
            raise ValueError(f"{self._label}: padding is {self.padding!r}; 'valid', 'same' or ints would do")

    def _outputs(self, channels):
        return self.filters

    def _kernel_channels(self, channels):
        return self.filters, channels

    def _output_sizes(self, spatial):
        extras = self.output_padding or [None] * self.rank
        spans = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)]
        axes = zip(spatial, spans, self.strides, self._pads(spatial, spans), extras, strict=True)
        sizes = [_size(self.padding, *axis) for axis in axes]
        forward = [
            max(size + pads - span, -stride) // stride + 1
            for size, span, stride, pads in zip(sizes, spans, self.strides, self._pads(sizes, spans), strict=True)
        ]
        if any(size < 0 for size in sizes) or forward != list(spatial):
            raise ValueError(
                f"{self._label}: no convolution with these strides, padding and output_padding makes "
                f"{tuple(spatial)} pixels of {tuple(sizes)}; another output_padding would do"
            )
        return sizes

    def _pads(self, spatial, spans):
        """Return the zeros on each axis, before and after together."""
        return [sum(pair) for pair in _check._padding(self._label, self.padding, spatial, spans, self.strides)]

    def _scaled(self, filters, scale):
        return filters * scale[:, None]

    def _plan(self, shape, filters, bias, **options):
        return super()._plan(shape, filters, bias, output_padding=self.output_padding, **options)

    def _linear_vjp(self, x):
        # A transposed convolution is a linear map whose transpose is the convolution it is named after.
        filters, bias = self._filters_and_bias()
        options, convolution = self._options(), self._function.removesuffix("_transpose")
        z = getattr(nhwc, self._function)(x, filters, bias, output_padding=self.output_padding, **options)

        def backward(dy, input_grad=True):
            dx = getattr(nhwc, convolution)(dy, filters, **options) if input_grad else None
            if not self.trainable:
                return dx, {}
            grads = {"kernel": getattr(nhwc, f"{convolution}_filter_grad")(dy, x, self.kernel_size, **options)}
            return dx, self._with_bias_grad(grads, dy)

        return z, backward


def _size(padding, n, span, stride, pads, extra):
    """Return the size of the output along an axis, as `nhwc.conv2d_transpose` has it."""
    if isinstance(padding, str) and extra is None:
        return n * stride + (max(span - stride, 0) if padding == "valid" else 0)
    if padding == "same":
        return (n - 1) * stride + span % 2 + extra
    return (n - 1) * stride + span - pads + (extra or 0)


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution of images: ``activation(conv2d_transpose(x, kernel) + bias)``, `nhwc.conv2d_transpose`.

    The weights are a kernel of shape ``(kh, kw, filters, C)`` and, with `use_bias`, a bias ``(filters,)``.

    Parameters
    ----------
    filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, kernel_initializer, \
bias_initializer, **kwargs
        As in `Conv2D`; `padding` cannot be "full" or "causal".
    output_padding : int or tuple of int, optional
        How many pixels larger the output is than the least that the convolution maps back to the input, below the
        stride; by default what Keras chooses: ``n * stride`` under "same".

    Raises
    ------
    ValueError
        If an argument is wrong, or an input does not fit; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import Conv2DTranspose
    >>> Conv2DTranspose(4, 3, strides=2, padding="same")(np.ones((1, 8, 8, 3))).shape
    (1, 16, 16, 4)
    """

    rank = 2
    _function = "conv2d_transpose"


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution of signals: ``activation(conv1d_transpose(x, kernel) + bias)``.

    Arguments and errors are those of `Conv2DTranspose` with one spatial axis. The weights are a kernel of shape
    ``(k, filters, C)`` and, with `use_bias`, a bias ``(filters,)``.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import Conv1DTranspose
    >>> Conv1DTranspose(4, 3, strides=2)(np.ones((1, 8, 3))).shape
    (1, 17, 4)
    """

    rank = 1
    _function = "conv1d_transpose"


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution of volumes: ``activation(conv3d_transpose(x, kernel) + bias)``.

    Arguments and errors are those of `Conv2DTranspose` with three spatial axes; as in Keras, `data_format` comes before
    `output_padding`. The weights are a kernel of shape
    ``(kd, kh, kw, filters, C)`` and, with `use_bias`, a bias ``(filters,)``.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import Conv3DTranspose
    >>> Conv3DTranspose(2, 2, strides=2)(np.ones((1, 3, 4, 5, 1))).shape
    (1, 6, 8, 10, 2)
    """

    rank = 3
    _function = "conv3d_transpose"

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        data_format: str | None = None,
        output_padding: int | Sequence[int] | None = None,
        *arguments: Any,
        **kwargs: Any,
    ):
        super().__init__(filters, kernel_size, strides, padding, output_padding, data_format, *arguments, **kwargs)
