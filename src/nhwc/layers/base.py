"""What every layer is: a name, weights in Keras's order, and the ways to run, compile and differentiate it."""

from __future__ import annotations

import inspect
import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nhwc import _check
from nhwc.layers import _random
from nhwc.layers._steps import Step

if TYPE_CHECKING:
    import numpy.typing as npt

_ROLES = ("kernel", "depthwise", "pointwise", "bias", "activity", "beta", "gamma", "alpha")
_NOT_SUPPORTED = {f"{role}_{what}" for role in _ROLES for what in ("regularizer", "constraint")}

_names_given: Counter[str] = Counter()
_versions = itertools.count(1)
_latest = [0]  # The version of the weights that were assigned last, in any layer.


class Weight:
    """A weight as an attribute of its layer: read, a read-only view; assigned to, new values for the layer."""

    def __set_name__(self, owner, name):
        self._name = name

    def __get__(self, layer, owner=None):
        if layer is None:
            return self
        if not layer.built:
            raise AttributeError(f"{layer._label} has no {self._name} before it is built; build(input_shape) would do")
        weight = layer._weights.get(self._name)
        return None if weight is None else _read_only(weight)

    def __set__(self, layer, value):
        if self.__get__(layer) is None:
            raise AttributeError(f"{layer._label} has no {self._name}")
        layer._assign({self._name: layer._checked(self._name, value)})


class Layer:
    """What all layers share: a name, the weights, and being built for the channels of the first input.

    A layer of one's own overrides `call`, which is given a float32 array with a batch, and ``training=`` if it has that
    argument; `compute_output_shape` where the shape changes; and `vjp` if networks are to learn through it.

    Parameters
    ----------
    name : str, optional
        Unique in a model; the default counts up from the class's name: ``conv2d``, ``conv2d_1``.
    trainable : bool, default True
        Whether training changes the weights.
    dtype : optional
        None or "float32": the only one that layers compute in.
    input_shape : tuple of int or None, optional
        Shape of one sample. A `nhwc.models.Sequential` whose first layer has it needs no `Input`.

    Examples
    --------
    >>> from nhwc.layers import Layer
    >>> class Twice(Layer):
    ...     def call(self, x):
    ...         return x + x
    >>> Twice()([1, 2])
    array([2., 4.], dtype=float32)
    """

    built = True
    _not_trainable: tuple[str, ...] = ()  # The weights that training does not change by gradients.
    _takes_training = False  # Whether `call` has the argument.

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls._takes_training = "training" in inspect.signature(cls.call).parameters

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
        self._trainable = trainable
        self._weights: dict[str, np.ndarray] = {}  # In Keras's order.
        self._version = 0
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

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; set, it holds for the layers within too, as in Keras."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for part in self._parts():
            part.trainable = value

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def __call__(self, x: npt.ArrayLike, training: bool | None = None) -> np.ndarray:
        """Apply the layer to a batch, having built it for the batch's channels if that has not been done."""
        batch = self._float32(x)
        if not self.built:
            self.build(batch.shape)
        return self.call(batch, training=bool(training)) if self._takes_training else self.call(batch)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for inputs of this shape, batch included; sizes but the channels may be None."""

    def call(self, x: np.ndarray) -> np.ndarray:
        """Return the layer's output for a float32 batch; `x` itself is never written."""
        raise NotImplementedError(f"{self._label}: {type(self).__name__} does not say what it computes")

    def vjp(self, x: np.ndarray) -> tuple[np.ndarray, Callable[..., Any]]:
        """Return the output for a batch in training, and what leads gradients back through the layer.

        Parameters
        ----------
        x : numpy.ndarray, float32
            The batch.

        Returns
        -------
        y : numpy.ndarray, float32
            The output.
        backward : callable
            ``backward(dy, input_grad=True)`` takes the gradient of a loss by `y`, and returns that by `x` (None if not
            asked for) and a dict of those by the weights, by name: vector-Jacobian products.
        """
        raise NotImplementedError(f"{self._label}: {type(self).__name__} does not say what its gradients are")

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the output for an input of this shape, batch included; None stands for any size."""
        return tuple(input_shape)

    @property
    def weights(self) -> list[np.ndarray]:
        """The weights in Keras's order, to look at: read-only, since plans hold copies of them."""
        return [_read_only(weight) for layer in self._holders() for weight in layer._weights.values()]

    @property
    def trainable_weights(self) -> list[np.ndarray]:
        """The weights that training changes, in the order of `weights`."""
        return [_read_only(layer._weights[name]) for layer, name in self._learned()]

    @property
    def non_trainable_weights(self) -> list[np.ndarray]:
        """The other weights."""
        learned = set(self._learned())
        named = ((layer, name) for layer in self._holders() for name in layer._weights)
        return [_read_only(layer._weights[name]) for layer, name in named if (layer, name) not in learned]

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
        for layer in self._holders():
            parts.append((layer, {name: layer._checked(name, given.pop(0)) for name in layer._weights}))
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

    def _parts(self) -> Sequence[Layer]:
        """The layers that this one is made of, if it is made of others."""
        return ()

    def _leaves(self) -> list[Layer]:
        """The layers that hold the weights, in the order of the weights; one that is used twice is there twice."""
        return [leaf for part in self._parts() for leaf in part._leaves()] or [self]

    def _holders(self) -> list[Layer]:
        """The leaves, each once."""
        return list(dict.fromkeys(self._leaves()))

    def _learned(self) -> list[tuple[Layer, str]]:
        """The weights that training changes, each as its layer and its name."""
        if not self.trainable:
            return []
        named = [(self, name) for name in self._weights if name not in self._not_trainable]
        return list(dict.fromkeys(named + [pair for part in self._parts() for pair in part._learned()]))

    def _add_weights(self, **weights):
        """Make the weights, each from an initialiser and a shape; the layer is then built."""
        made = {name: _random.initial(self._label, *how) for name, how in weights.items()}
        self._weights = dict.fromkeys(made)
        self._assign(made)
        self.built = True

    def _checked(self, name, value):
        """Return a private float32 copy of a weight's new values."""
        array, shape = _check._array(self._label, "a weight", value), self._weights[name].shape
        if array.shape != shape:
            raise ValueError(f"{self._label}: a weight has shape {array.shape}; {shape} would do")
        return self._float32(array).copy()

    def _assign(self, values):
        """Replace weights, by name, with arrays that nobody else holds; what was prepared with the old ones is stale.

        The weights are replaced before the version is: who reads the two in the other order never takes old weights for
        new ones.
        """
        self._weights = {**self._weights, **values}
        self._version = _latest[0] = next(_versions)

    def _compile(self, shape, rest):
        """Return the steps that run this layer, and those after it that they take in, on samples of a shape.

        `rest` has the layers from this one on; the second result counts those that the steps stand for.
        """
        out_shape = self.compute_output_shape((None, *shape))[1:]

        def run(x, out):
            y = self(x)
            if y.shape != out.shape:
                raise ValueError(f"{self._label}: call returned shape {y.shape}, compute_output_shape said {out.shape}")
            out[...] = y

        return [Step((self.name,), type(self).__name__, out_shape, run)], 1

    def _as_activation(self):
        """Return the name of the activation that a plan could apply in this layer's place, or None."""
        return None

    def _as_scale(self):
        """Return (scale, offset) for each channel that filters could take in in this layer's place, or None."""
        return None

    def _does_nothing(self):
        """Whether predictions may leave the layer out."""
        return False

    def _check_rank(self, shape, rank):
        """Check that an input has this number of spatial axes."""
        if len(shape) != rank + 2:
            axes = ", ".join(["batch", *("depth", "height", "width")[-rank:], "channels"])
            raise ValueError(
                f"{self._label}: the input has shape {tuple(shape)}, with {len(shape)} axes; "
                f"{rank + 2} axes ({axes}) would do"
            )

    def _per_axis(self, arg, value, rank, least=1):
        """Return one int of at least `least` for each of `rank` axes."""
        items = _check._items(value)
        sizes = [_check._index(n) for n in ([value] * rank if items is None else items)]
        if len(sizes) != rank or any(n is None or n < least for n in sizes):
            kind = "positive int" if least else "int of at least 0"
            raise ValueError(f"{self._label}: {arg} is {value!r}; a {kind}, or {rank} of them, would do")
        return tuple(sizes)

    def _positive(self, arg, value):
        number = _check._index(value)
        if number is None or number < 1:
            raise ValueError(f"{self._label}: {arg} is {value!r}; a positive int would do")
        return number

    def _number(self, arg, value, least=0.0, most=float("inf")):
        """Return a float within bounds."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if isinstance(value, str) or not least <= number <= most:
            bounds = f"of at least {least:g}" if most == float("inf") else f"from {least:g} to {most:g}"
            raise ValueError(f"{self._label}: {arg} is {value!r}; a number {bounds} would do")
        return number

    def _check_data_format(self, data_format):
        if data_format not in (None, "channels_last"):
            raise ValueError(f"{self._label}: data_format is {data_format!r}; 'channels_last', which is NHWC, would do")

    def _initializer(self, arg, value, default):
        return _random.check_initializer(self._label, arg, value, default)

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
