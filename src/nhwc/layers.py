"""Layers in Keras's vocabulary: each holds its weights, and keeps a plan for every input shape that it meets.

Names, constructor arguments, defaults, initialisers and the order and shapes of weights are those of Keras 3. Layers
compute in float32, whatever they are given, and take more than Keras does where `nhwc.conv2d` does: strides together
with dilation, and every form of padding.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nhwc import _check, ops, plans

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "Activation",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Input",
    "InputLayer",
    "Layer",
    "ReLU",
    "set_random_seed",
]

_MOST_PLANS = 8  # Kept by a layer, each with a packed copy of its filters.
_NOT_SUPPORTED = {f"{what}_regularizer" for what in ("kernel", "depthwise", "bias", "activity")}
_NOT_SUPPORTED |= {f"{what}_constraint" for what in ("kernel", "depthwise", "bias")}

_names_given: Counter[str] = Counter()
_generator = np.random.default_rng(0)


def set_random_seed(seed: int) -> None:
    """Start the sequence of random numbers anew that initialisers draw from.

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
    global _generator
    _generator = np.random.default_rng(seed)


def _glorot_uniform(shape, dtype):
    """Draw from U(-a, a), a = sqrt(6 / (fan_in + fan_out)), which keeps the variance of signals and of gradients.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
    """
    *kernel, inputs, outputs = shape
    limit = math.sqrt(6 / max(math.prod(kernel) * (inputs + outputs), 1))
    return _generator.uniform(-limit, limit, shape).astype(dtype)


_INITIALIZERS = {"glorot_uniform": _glorot_uniform, "zeros": np.zeros, "ones": np.ones}


class Layer:
    """What all layers share: a name, the weights, and being built for the channels of the first input.

    A layer overrides `call`, which is given a float32 array with a batch; `compute_output_shape` where the shape
    changes; and `build` where it has weights, which `_assign` stores in Keras's order.

    Parameters
    ----------
    name : str, optional
        Unique in a model; the default counts up from the class's name: ``conv2d``, ``conv2d_1``.
    trainable : bool, default True
        Whether the weights count as trainable.
    dtype : optional
        None or "float32": the only one that layers compute in.
    input_shape : tuple of int or None, optional
        Shape of one sample. A `nhwc.models.Sequential` whose first layer has it needs no `Input`.
    """

    built = True

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: npt.DTypeLike | None = None,
        input_shape: Sequence[int | None] | None = None,
        **kwargs: Any,
    ):
        self.name = _layer_name(type(self).__name__, name)
        self.trainable = trainable
        self._weights: list[np.ndarray] = []
        self._batch_shape = None if input_shape is None else (None, *self._shape("input_shape", input_shape))
        if not isinstance(trainable, bool):
            raise ValueError(f"{self._label}: trainable is {trainable!r}; True or False would do")
        if dtype is not None and dtype not in ("float32", np.float32):
            raise ValueError(f"{self._label}: dtype is {dtype!r}; None or 'float32', which layers compute in, would do")
        for arg, value in kwargs.items():
            if arg not in _NOT_SUPPORTED:
                raise ValueError(f"{self._label}: {type(self).__name__} has no argument {arg!r}")
            if value is not None:
                raise ValueError(f"{self._label}: {arg} is {value!r}, which is not supported; None would do")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def __call__(self, x: npt.ArrayLike) -> np.ndarray:
        """Apply the layer to a batch, having built it for the batch's channels if that has not been done."""
        batch = self._float32(x)
        if not self.built:
            self.build(batch.shape)
        return self.call(batch)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for inputs of this shape, batch included; sizes but the channels may be None."""

    def call(self, x: np.ndarray) -> np.ndarray:
        """Return the layer's output for a float32 batch; `x` itself is never written."""
        raise NotImplementedError(f"{self._label}: {type(self).__name__} does not say what it computes")

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the output for an input of this shape, batch included; None stands for any size."""
        return tuple(input_shape)

    @property
    def weights(self) -> list[np.ndarray]:
        """The weights in Keras's order, to look at: read-only, since plans hold copies of them."""
        return [_read_only(weight) for layer in self._leaves() for weight in layer._weights]

    @property
    def trainable_weights(self) -> list[np.ndarray]:
        """Those of the weights that belong to trainable layers."""
        return self._weights_where(trainable=True)

    @property
    def non_trainable_weights(self) -> list[np.ndarray]:
        """The other weights."""
        return self._weights_where(trainable=False)

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights, in Keras's order."""
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Replace all weights.

        Parameters
        ----------
        weights : sequence of array_like
            As `get_weights` returns them. Cast to float32.

        Raises
        ------
        ValueError
            If their number or a shape is wrong, as for a layer that is not built and so has none.
        TypeError
            If one does not cast to float32.
        """
        given, count = list(weights), len(self.weights)
        if len(given) != count:
            hint = "" if self.built else ", since it is not built; Input(shape=) or build(input_shape) would do"
            raise ValueError(f"{self._label}: set_weights was given {len(given)} weights but has {count}{hint}")
        parts = []
        for layer in self._leaves():
            count = len(layer._weights)
            parts.append((layer, layer._checked(given[:count])))
            del given[:count]
        for layer, values in parts:
            layer._assign(values)

    def count_params(self) -> int:
        """Return the number of scalars in the weights."""
        if not self.built:
            raise ValueError(f"{self._label} is not built and has no parameters yet; build(input_shape) would do")
        return sum(weight.size for weight in self.weights)

    @property
    def _label(self) -> str:
        return f"layer {self.name!r}"

    def _leaves(self) -> list[Layer]:
        """The layers that hold the weights."""
        return [self]

    def _weights_where(self, trainable):
        layers = (leaf for leaf in self._leaves() if (self.trainable and leaf.trainable) is trainable)
        return [weight for layer in layers for weight in layer.weights]

    def _checked(self, values):
        """Return private float32 copies of new weights."""
        ready = []
        for value, weight in zip(values, self._weights, strict=True):
            array = _check._array(self._label, "a weight", value)
            if array.shape != weight.shape:
                raise ValueError(f"{self._label}: a weight has shape {array.shape}; {weight.shape} would do")
            ready.append(self._float32(array).copy())
        return ready

    def _assign(self, values):
        self._weights = values

    def _float32(self, value):
        """Return value as a float32 array, itself where it is one."""
        array = value if type(value) is np.ndarray else _check._array(self._label, "the input", value)
        if array.dtype == np.float32:
            return array
        if not _check._casts(array.dtype, np.dtype(np.float32)):
            kind = type(value).__name__
            raise TypeError(f"{self._label}: {kind} of dtype {array.dtype} does not cast to float32; numbers would do")
        return array.astype(np.float32)

    def _shape(self, arg, value):
        """Return a shape as a tuple, in which None stands for any size."""
        wrong = f"{self._label}: {arg} is {value!r}; a tuple of ints of at least 0 or None would do"
        items = _check._items(value)
        if items is None:
            raise ValueError(wrong)
        sizes = tuple(None if n is None else _check._index(n) for n in items)
        if any(n is not None and (size is None or size < 0) for n, size in zip(items, sizes, strict=True)):
            raise ValueError(wrong)
        return sizes


def _layer_name(class_name, name):
    """Return the name given, or the class's name in snake case with a count of those before it."""
    if name is not None:
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"{class_name}: name is {name!r}; a string with no '/' would do")
        return name
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", class_name)
    stem = re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
    _names_given[stem] += 1
    before = _names_given[stem] - 1
    return f"{stem}_{before}" if before else stem


def _read_only(array):
    view = array.view()
    view.flags.writeable = False
    return view


class InputLayer(Layer):
    """The shape of a model's input; ``Input`` is the same. The first of the layers of a `nhwc.models.Sequential`.

    Parameters
    ----------
    shape : tuple of int or None
        Shape of one sample, ``(*spatial, channels)``; None stands for any size, which channels cannot have.
    batch_size : int, optional
        Size of the batch that summaries show; any may come.
    dtype : optional
        None or "float32".
    batch_shape : tuple of int or None, optional
        The shape with the batch, in place of `shape` and `batch_size`.
    name : str, optional
        As for every layer.

    Raises
    ------
    ValueError
        If no shape is given, or two, or one that is none.

    Examples
    --------
    >>> from nhwc.layers import Input
    >>> Input(shape=(8, 8, 1)).batch_shape
    (None, 8, 8, 1)
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: npt.DTypeLike | None = None,
        *,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if (shape is None) == (batch_shape is None):
            raise ValueError(f"{self._label}: one of shape and batch_shape must be given")
        if batch_shape is not None and batch_size is not None:
            raise ValueError(f"{self._label}: batch_shape already has a batch; batch_size goes with shape")
        if batch_shape is None:
            batch_shape = (batch_size, *self._shape("shape", shape))
        self.batch_shape: tuple[int | None, ...] = self._shape("batch_shape", batch_shape)
        self._batch_shape = self.batch_shape

    def call(self, x: np.ndarray) -> np.ndarray:
        return x


Input = InputLayer


class _Convolution(Layer):
    """What convolution layers share: the kernel and the bias, the checks of their arguments, and the plans."""

    built = False
    rank: int
    _kernel_argument = "kernel_initializer"
    _make_plan: Callable[..., Any]  # A function of nhwc.plans, the one of this rank and kind.

    def __init__(self, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
                 kernel_initializer, bias_initializer, **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        self.kernel_size = self._per_axis("kernel_size", kernel_size)
        self.strides = self._per_axis("strides", strides)
        self.dilation_rate = self._per_axis("dilation_rate", dilation_rate)
        self.padding = padding.lower() if isinstance(padding, str) else padding
        self.activation = activation
        self.use_bias = bool(use_bias)
        self._initializers = (
            self._initializer(self._kernel_argument, kernel_initializer, "glorot_uniform"),
            self._initializer("bias_initializer", bias_initializer, "zeros"),
        )
        self._channels: int | None = None
        self._plans: dict[tuple[int, ...], Any] = {}
        if data_format not in (None, "channels_last"):
            raise ValueError(f"{self._label}: data_format is {data_format!r}; 'channels_last', which is NHWC, would do")
        _check._padding(self._label, self.padding, self.kernel_size, self.kernel_size, self.strides)
        _check._activation(self._label, activation, 0)

    def __getstate__(self):
        return {**self.__dict__, "_plans": {}}

    @property
    def kernel(self) -> np.ndarray:
        """The filters, read-only."""
        if not self.built:
            raise AttributeError(f"{self._label} has no kernel before it is built; build(input_shape) would do")
        return self.weights[0]

    @property
    def bias(self) -> np.ndarray | None:
        """The bias, read-only; None if there is none."""
        return self.weights[1] if self.built and self.use_bias else None

    def build(self, input_shape: Sequence[int | None]) -> None:
        self._check_rank(input_shape)
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(f"{self._label}: the input has shape {tuple(input_shape)}; its channels must be known")
        self.compute_output_shape(input_shape)
        shapes = [(*self.kernel_size, *self._kernel_channels(channels))]
        if self.use_bias:
            shapes.append((self._outputs(channels),))
        self._assign([self._initial(*both) for both in zip(self._initializers, shapes, strict=False)])
        self._channels = channels
        self.built = True

    def call(self, x: np.ndarray) -> np.ndarray:
        cache = self._plans
        plan = cache.get(x.shape[1:])
        if plan is None:
            plan = self._prepare(x.shape)
            if len(cache) >= _MOST_PLANS:
                cache.clear()
            cache[x.shape[1:]] = plan
        return plan(x)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        self._check_rank(input_shape)
        batch, *spatial, channels = input_shape
        if self.built and channels != self._channels:
            raise ValueError(
                f"{self._label}: the input has shape {tuple(input_shape)}, with {channels} channels, but the layer is "
                f"built for {self._channels}"
            )
        spans = [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)]
        # Axes of unknown size are given one that the kernel fits.
        assumed = [span if n is None else n for n, span in zip(spatial, spans, strict=True)]
        *_, sizes = _check._windows(self._label, self.rank, assumed, self.kernel_size, self)
        known = (None if n is None else size for n, size in zip(spatial, sizes, strict=True))
        return (batch, *known, self._outputs(channels))

    def _outputs(self, channels):
        """Return the number of output channels."""
        raise NotImplementedError

    def _kernel_channels(self, channels):
        """Return the two axes of the kernel that are not spatial."""
        raise NotImplementedError

    def _options(self):
        """Return the keywords of the plans."""
        return {
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "activation": self.activation,
        }

    def _prepare(self, shape):
        """Plan for inputs of this shape and any batch. All that is wrong with an input is found here."""
        self.compute_output_shape(shape)
        return self._make_plan((None, *shape[1:]), *self._weights, **self._options())

    def _assign(self, values):
        # In this order, a thread that plans with the old weights keeps its plan in the old cache.
        self._weights = values
        self._plans = {}

    def _check_rank(self, shape):
        if len(shape) != self.rank + 2:
            axes = ", ".join(["batch", *("depth", "height", "width")[-self.rank :], "channels"])
            raise ValueError(
                f"{self._label}: the input has shape {tuple(shape)}, with {len(shape)} axes; "
                f"{self.rank + 2} axes ({axes}) would do"
            )

    def _per_axis(self, arg, value):
        items = _check._items(value)
        sizes = [_check._index(n) for n in ([value] * self.rank if items is None else items)]
        if len(sizes) != self.rank or any(n is None or n < 1 for n in sizes):
            raise ValueError(f"{self._label}: {arg} is {value!r}; a positive int, or {self.rank} of them, would do")
        return tuple(sizes)

    def _positive(self, arg, value):
        number = _check._index(value)
        if number is None or number < 1:
            raise ValueError(f"{self._label}: {arg} is {value!r}; a positive int would do")
        return number

    def _initializer(self, arg, value, default):
        """Return an initialiser as `_initial` takes it: a name, an array or a callable."""
        if value is None:
            return default
        known = value in _INITIALIZERS if isinstance(value, str) else callable(value) or isinstance(value, np.ndarray)
        if not known:
            names = ", ".join(map(repr, _INITIALIZERS))
            raise ValueError(f"{self._label}: {arg} is {value!r}; {names}, an array or a callable would do")
        return value

    def _initial(self, initializer, shape):
        """Return the first value of a weight."""
        if isinstance(initializer, str):
            initializer = _INITIALIZERS[initializer]
        value = np.array(initializer(shape, dtype="float32") if callable(initializer) else initializer, np.float32)
        if value.shape != shape:
            raise ValueError(f"{self._label}: an initializer made shape {value.shape}; {shape} would do")
        return value


class _Conv(_Convolution):
    """A convolution whose filters each see all channels of their group."""

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
    _make_plan = staticmethod(plans.plan_conv2d)


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
    _make_plan = staticmethod(plans.plan_conv1d)


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
    _make_plan = staticmethod(plans.plan_conv3d)


class _DepthwiseConv(_Convolution):
    """A convolution whose filters each see one channel."""

    _kernel_argument = "depthwise_initializer"

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

    def _outputs(self, channels):
        return channels and channels * self.depth_multiplier

    def _kernel_channels(self, channels):
        return channels, self.depth_multiplier


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
    _make_plan = staticmethod(plans.plan_depthwise_conv2d)


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
    _make_plan = staticmethod(plans.plan_depthwise_conv1d)


class Activation(Layer):
    """An activation by itself, applied to each number.

    Parameters
    ----------
    activation : str or callable, optional
        As in `nhwc.conv2d`. A callable is given a copy of the input.
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
        _check._activation(self._label, activation, 0)
        self.activation = activation

    def call(self, x: np.ndarray) -> np.ndarray:
        if callable(self.activation):
            y = np.asarray(self.activation(x.copy()), np.float32)
            if y.shape != x.shape:
                raise ValueError(f"{self._label}: the activation returned shape {y.shape}; {x.shape} would do")
            return y
        # The kernels know activations as the end of a convolution: here of one that leaves every number as it is.
        channels = x.shape[-1] if x.ndim else 1
        pixels = x.reshape(1, x.size // max(channels, 1), channels)
        one = np.ones((1, channels, 1), np.float32)
        return ops.depthwise_conv1d(pixels, one, padding="same", activation=self.activation).reshape(x.shape)


class ReLU(Layer):
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
        self.max_value = None if max_value is None else self._not_negative("max_value", max_value)
        self.negative_slope = self._not_negative("negative_slope", negative_slope)
        self.threshold = self._not_negative("threshold", threshold)

    def call(self, x: np.ndarray) -> np.ndarray:
        y = np.where(x <= self.threshold, np.float32(0), x) if self.threshold else np.maximum(x, 0)
        if self.max_value is not None:
            y = np.minimum(y, self.max_value)
        if self.negative_slope:
            y -= self.negative_slope * np.maximum(self.threshold - x, 0)
        return y

    def _not_negative(self, arg, value):
        if value is None or not value >= 0:
            raise ValueError(f"{self._label}: {arg} is {value!r}; a number of at least 0 would do")
        return float(value)
