"""Convolution layers: those whose filters see all channels of their group, and depthwise ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import nhwc
from nhwc import _check
from nhwc.layers import _activations
from nhwc.layers._steps import planned
from nhwc.layers.activations import Activated, softmax_step
from nhwc.layers.base import Weight

_MOST_PLANS = 8  # Kept by a layer, each with a packed copy of its filters.


class Convolution(Activated):
    """What convolution layers share: a kernel and a bias, the checks of their arguments, and the plans."""

    built = False
    bias = Weight()
    rank: int
    _function: str  # What it is called in `nhwc`.
    _kernel_initializer = "kernel_initializer"  # What that argument is called.

    def __init__(self, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
                 kernel_initializer, bias_initializer, **kwargs):  # fmt: skip
        super().__init__(activation, **kwargs)
        self.kernel_size = self._per_axis("kernel_size", kernel_size, self.rank)
        self.strides = self._per_axis("strides", strides, self.rank)
        self.dilation_rate = self._per_axis("dilation_rate", dilation_rate, self.rank)
        self.padding = padding.lower() if isinstance(padding, str) else padding
        self.use_bias = bool(use_bias)
        self._initializers = (
            self._initializer(self._kernel_initializer, kernel_initializer, "glorot_uniform"),
            self._initializer("bias_initializer", bias_initializer, "zeros"),
        )
        self._channels: int | None = None
        self._plans: dict[tuple[int, ...], Any] = {}
        self._check_data_format(data_format)
        self._check_padding()

    def __getstate__(self):
        return {**self.__dict__, "_plans": {}}

    def build(self, input_shape: Sequence[int | None]) -> None:
        self._check_rank(input_shape, self.rank)
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(f"{self._label}: the input has shape {tuple(input_shape)}; its channels must be known")
        self.compute_output_shape(input_shape)
        weights = self._weight_shapes(channels)
        if self.use_bias:
            weights["bias"] = (self._initializers[-1], (self._outputs(channels),))
        self._add_weights(**weights)
        self._channels = channels

    def call(self, x: np.ndarray) -> np.ndarray:
        cache = self._plans
        plan = cache.get(x.shape[1:])
        if plan is None:
            # All that is wrong with an input is found here.
            self.compute_output_shape(x.shape)
            fused = self.activation if _activations.fusable(self.activation) else None
            plan = self._plan(x.shape[1:], *self._filters_and_bias(), activation=fused)
            if len(cache) >= _MOST_PLANS:
                cache.clear()
            cache[x.shape[1:]] = plan
        y = plan(x)
        return y if _activations.fusable(self.activation) else _activations.softmax(y, out=y)

    def vjp(self, x):
        self.compute_output_shape(x.shape)
        return super().vjp(x)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        self._check_rank(input_shape, self.rank)
        batch, *spatial, channels = input_shape
        if self.built and channels != self._channels:
            raise ValueError(
                f"{self._label}: the input has shape {tuple(input_shape)}, with {channels} channels, but the layer is "
                f"built for {self._channels}"
            )
        spans = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)]
        # Axes of unknown size are given one that the kernel fits.
        sizes = self._output_sizes([span if n is None else n for n, span in zip(spatial, spans, strict=True)])
        known = (None if n is None else size for n, size in zip(spatial, sizes, strict=True))
        return (batch, *known, self._outputs(channels))

    def _check_padding(self):
        _check._padding(self._label, self.padding, self.kernel_size, self.kernel_size, self.strides)

    def _output_sizes(self, spatial):
        return _check._windows(self._label, self.rank, spatial, self.kernel_size, self)[-1]

    def takes_padding(self):
        """Whether padding that comes before the layer can be part of it."""
        return False

    def _outputs(self, channels):
        """Return the number of output channels."""
        raise NotImplementedError

    def _weight_shapes(self, channels):
        """Return the initialiser and the shape of each weight but the bias, by name."""
        return {"kernel": (self._initializers[0], (*self.kernel_size, *self._kernel_channels(channels)))}

    def _kernel_channels(self, channels):
        """Return the two axes of the kernel that are not spatial."""
        raise NotImplementedError

    def _options(self):
        """Return the keywords that the function and its gradients share."""
        return {"strides": self.strides, "padding": self.padding, "dilation_rate": self.dilation_rate}

    def _filters_and_bias(self):
        return self._weights["kernel"], self._weights.get("bias")

    def _plan(self, shape, filters, bias, **options):
        """Plan for samples of this shape and any batch."""
        return getattr(nhwc, f"plan_{self._function}")((None, *shape), filters, bias, **{**self._options(), **options})

    def _assign(self, values):
        # In this order, a thread that plans with the old weights keeps its plan in the old cache.
        super()._assign(values)
        self._plans = {}

    def _compile(self, shape, rest, padding=None):
        """Plan with the normalisation and the activation that follow; `padding`, of a layer before, goes into it."""
        out_shape = self.compute_output_shape((None, *(shape if padding is None else padding.grown(shape))))[1:]
        taken = self._take_in(rest, *self._filters_and_bias())
        options = {"activation": taken.fused}
        if padding is not None:
            options["padding"] = padding.padding
        plan = self._plan(shape, taken.filters, taken.bias, **options)
        steps = [planned(taken.names, plan, out_shape, taken.note)]
        return steps + softmax_step(taken, self.name, out_shape), taken.used

    def _scaled(self, filters, scale):
        """Return filters whose outputs are `scale` times those of `filters`."""
        return filters * scale

    def _linear_vjp(self, x):
        filters, bias = self._filters_and_bias()
        options = self._options()
        z = getattr(nhwc, self._function)(x, filters, bias, **options)

        def backward(dy, input_grad=True):
            dx = None
            if input_grad:
                dx = getattr(nhwc, f"{self._function}_input_grad")(dy, filters, x.shape, **options)
            if not self.trainable:
                return dx, {}
            grads = {"kernel": getattr(nhwc, f"{self._function}_filter_grad")(x, dy, self.kernel_size, **options)}
            return dx, self._with_bias_grad(grads, dy)

        return z, backward

    def _with_bias_grad(self, grads, dy):
        if self.use_bias:
            grads["bias"] = dy.reshape(-1, dy.shape[-1]).sum(axis=0, dtype=np.float64).astype(np.float32)
        return grads


class _Conv(Convolution):
    """A convolution whose filters each see all channels of their group."""

    kernel = Weight()

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        activation: str | Callable[[Any], Any] | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
                         kernel_initializer, bias_initializer, **kwargs)  # fmt: skip
        self.filters = self._positive("filters", filters)
        self.groups = self._positive("groups", groups)
        if self.filters % self.groups:
            raise ValueError(f"{self._label}: groups={self.groups} must divide the {self.filters} filters")

    def takes_padding(self):
        return self.padding == "valid"

    def _outputs(self, channels):
        return self.filters

    def _kernel_channels(self, channels):
        if channels % self.groups:
            raise ValueError(f"{self._label}: groups={self.groups} must divide the input's {channels} channels")
        return channels // self.groups, self.filters

    def _options(self):
        return {**super()._options(), "groups": self.groups}


class Conv2D(_Conv):
    """Convolution of images: ``activation(conv2d(x, kernel) + bias)``, as `nhwc.conv2d` defines it.

    The weights are a kernel of shape ``(kh, kw, C // groups, filters)`` and, with `use_bias`, a bias ``(filters,)``.

    Parameters
    ----------
    filters : int
        Number of filters, and of output channels.
    kernel_size : int or tuple of int
        Height and width of the filters.
    strides, dilation_rate : int or tuple of int, default 1
        As in `nhwc.conv2d`; both may exceed 1 together.
    padding : default "valid"
        "valid", "same", or any other form that `nhwc.conv2d` takes.
    data_format : optional
        None or "channels_last".
    groups : int, default 1
        Divides the input's channels and `filters`.
    activation : str or callable, optional
        As in `nhwc.conv2d`.
    use_bias : bool, default True
        Whether a bias is added.
    kernel_initializer, bias_initializer : optional
        "glorot_uniform" (the kernel's default), "zeros" (the bias's), "ones", an array of the weight's shape, or a
        callable ``f(shape, dtype=)`` that returns one. See `set_random_seed`.
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer. Keras's regularizers and constraints are
        taken where they are None.

    Raises
    ------
    ValueError
        If an argument is wrong, or an input does not fit; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import Conv2D
    >>> layer = Conv2D(32, (3, 3), padding="same", activation="relu")
    >>> layer(np.ones((1, 8, 8, 3))).shape
    (1, 8, 8, 32)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 3, 3, 32), (32,)]
    """

    rank = 2
    _function = "conv2d"


class Conv1D(_Conv):
    """Convolution of signals: ``activation(conv1d(x, kernel) + bias)``, as `nhwc.conv1d` defines it.

    Arguments and errors are those of `Conv2D` with one spatial axis; `padding` may be "causal" too. The weights are a
    kernel of shape ``(k, C // groups, filters)`` and, with `use_bias`, a bias ``(filters,)``.

    Examples
    --------
    >>> from nhwc.layers import Conv1D
    >>> layer = Conv1D(1, 3)
    >>> layer.build((None, 8, 1))
    >>> layer.set_weights([[[[0]], [[1]], [[0]]], [0]])
    >>> layer([[[0], [0], [0], [1], [1], [0], [0], [0]]]).ravel()
    array([0., 0., 1., 1., 0., 0.], dtype=float32)
    """

    rank = 1
    _function = "conv1d"


class Conv3D(_Conv):
    """Convolution of volumes: ``activation(conv3d(x, kernel) + bias)``, as `nhwc.conv3d` defines it.

    Arguments and errors are those of `Conv2D` with three spatial axes. The weights are a kernel of shape
    ``(kd, kh, kw, C // groups, filters)`` and, with `use_bias`, a bias ``(filters,)``.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import Conv3D
    >>> Conv3D(4, 3, strides=2)(np.ones((1, 9, 9, 9, 2))).shape
    (1, 4, 4, 4, 4)
    """

    rank = 3
    _function = "conv3d"


class _DepthwiseConv(Convolution):
    """A convolution whose filters each see one channel."""

    kernel = Weight()
    _kernel_initializer = "depthwise_initializer"

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: Any = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: str | Callable[[Any], Any] | None = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ):
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
                         depthwise_initializer, bias_initializer, **kwargs)  # fmt: skip
        self.depth_multiplier = self._positive("depth_multiplier", depth_multiplier)

    def takes_padding(self):
        return self.padding == "valid"

    def _outputs(self, channels):
        return channels and channels * self.depth_multiplier

    def _kernel_channels(self, channels):
        return channels, self.depth_multiplier

    def _scaled(self, filters, scale):
        return filters * scale.reshape(filters.shape[-2:])


class DepthwiseConv2D(_DepthwiseConv):
    """Convolution of each channel of images by itself, as `nhwc.depthwise_conv2d` defines it.

    The weights are a kernel of shape ``(kh, kw, C, depth_multiplier)`` and, with `use_bias`, a bias
    ``(C * depth_multiplier,)``.

    Parameters
    ----------
    kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer, **kwargs
        As in `Conv2D`; note the order.
    depth_multiplier : int, default 1
        Number of filters for each channel; channel c makes the outputs ``c * depth_multiplier`` and on.
    depthwise_initializer : optional
        As `kernel_initializer` in `Conv2D`.

    Raises
    ------
    ValueError
        If an argument is wrong, or an input does not fit; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import DepthwiseConv2D
    >>> DepthwiseConv2D(3, depth_multiplier=2)(np.ones((1, 8, 8, 3))).shape
    (1, 6, 6, 6)
    """

    rank = 2
    _function = "depthwise_conv2d"


class DepthwiseConv1D(_DepthwiseConv):
    """Convolution of each channel of signals by itself, as `nhwc.depthwise_conv1d` defines it.

    Arguments and errors are those of `DepthwiseConv2D` with one spatial axis. The weights are a kernel of shape
    ``(k, C, depth_multiplier)`` and, with `use_bias`, a bias ``(C * depth_multiplier,)``.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import DepthwiseConv1D
    >>> DepthwiseConv1D(3, padding="same")(np.ones((1, 8, 4))).shape
    (1, 8, 4)
    """

    rank = 1
    _function = "depthwise_conv1d"
