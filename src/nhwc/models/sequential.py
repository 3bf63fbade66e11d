"""`Sequential`, a stack of layers: built, compiled for a shape when that is first met, and run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nhwc import _check
from nhwc.layers.base import InputLayer, Layer
from nhwc.models import progress, summary
from nhwc.models.program import ModelPlan, Program
from nhwc.models.training import Trained

if TYPE_CHECKING:
    import numpy.typing as npt

_MOST_PROGRAMS = 8  # Kept by a model, each with its own packed copies of the filters,
_MOST_PACKED = 2**30  # of at most so many bytes, unless the newest alone has more.
_BATCH = 32


class Sequential(Trained):
    """A stack of layers, each given what the one before it returns.

    It is built, which gives the layers their weights, as layers are added if the shape of the input is known, from
    `nhwc.layers.Input` or the first layer's `input_shape`; else by the first batch, or `build`.

    Parameters
    ----------
    layers : sequence of nhwc.layers.Layer, optional
        The layers, as if added one by one.
    trainable : bool, default True
        Whether the weights of trainable layers count as trainable.
    name : str, optional
        The default is ``sequential``, ``sequential_1`` and so on.

    Raises
    ------
    ValueError
        If a layer cannot be added; see `add`.

    Examples
    --------
    The vertical line detector over an image with a line two pixels wide:

    >>> import numpy as np
    >>> from nhwc.layers import Conv2D, Input
    >>> from nhwc.models import Sequential
    >>> model = Sequential([Input(shape=(8, 8, 1)), Conv2D(1, (3, 3))])
    >>> detector = np.zeros((3, 3, 1, 1))
    >>> detector[:, 1] = 1
    >>> model.set_weights([detector, np.zeros(1)])
    >>> image = np.zeros((1, 8, 8, 1))
    >>> image[:, :, 3:5] = 1
    >>> model.predict(image)[0, 0, :, 0]
    array([0., 0., 3., 3., 0., 0.], dtype=float32)
    """

    built = False

    def __init__(self, layers: Sequence[Layer] | None = None, trainable: bool = True, name: str | None = None):
        super().__init__(name=name, trainable=trainable)
        self._layers: list[Layer] = []
        self._shapes: list[tuple[int | None, ...]] = []  # The input's, and of each layer's output; empty if not known.
        self._programs: dict[Any, Program] = {}
        for layer in layers or ():
            self.add(layer)

    def __getstate__(self):
        return {**self.__dict__, "_programs": {}}

    def __call__(self, x: npt.ArrayLike, training: bool | None = None) -> np.ndarray:
        """Apply all layers to a batch at once.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
            The batch. As in Keras, an axis of size 1 that is missing or too many at the end is put right.
        training : bool, optional
            Whether layers behave as in training: dropout drops, batch normalisation uses the batch's own statistics,
            which the moving ones follow.

        Returns
        -------
        numpy.ndarray, float32
            The output of the last layer.
        """
        batch = self._float32(x)
        if not self.built:
            self.build(batch.shape)
        return self.call(self._with_rank_of_input(batch), bool(training))

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return list(self._layers)

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of the input, batch included."""
        return self._known_shape("input", 0)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """Shape of the output, batch included."""
        return self._known_shape("output", -1)

    def add(self, layer: Layer) -> None:
        """Put a layer on top of the stack.

        Parameters
        ----------
        layer : nhwc.layers.Layer
            The first may be an `nhwc.layers.Input`.

        Raises
        ------
        ValueError
            If it is no layer, its name is taken, it is an input but not the first, or it cannot take what the layer
            before it returns; the model is then as it was.
        """
        if not isinstance(layer, Layer):
            raise ValueError(f"{self._label}: add was given {layer!r}, which is not an instance of nhwc.layers.Layer")
        if any(layer.name == other.name and layer is not other for other in self._layers):
            raise ValueError(f"{self._label} has a layer named {layer.name!r} already; another name= would do")
        shapes = self._shapes
        if not self._layers and not shapes and layer._batch_shape is not None:
            shapes = [layer._batch_shape]
        elif isinstance(layer, InputLayer):
            raise ValueError(f"{self._label}: an Input must be the first layer, and cannot change the shape of another")
        if isinstance(layer, InputLayer):
            self._shapes, self._batch_shape = shapes, layer.batch_shape
            return
        self._shapes = [*shapes, *_build([layer], shapes[-1])] if shapes else []
        self._batch_shape = self._shapes[0] if self._shapes else None
        self._layers.append(layer)
        self._programs = {}
        self.built = bool(self._shapes)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Give all layers their weights, for inputs of this shape, batch included."""
        if not self._layers:
            raise ValueError(f"{self._label} has no layers to build; add(layer) would do")
        shape = self._shape("input_shape", input_shape)
        self._shapes = [shape, *_build(self._layers, shape)]
        self._batch_shape = shape
        self.built = True

    def call(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        if not training:
            return self._predicted(x)
        for layer in self._layers:
            x = layer(x, training=True)
        return x

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        shape = tuple(input_shape)
        for layer in self._layers:
            shape = layer.compute_output_shape(shape)
        return shape

    def predict(self, x: npt.ArrayLike, batch_size: int | None = None, verbose: str | int = "auto") -> np.ndarray:
        """Return the model's output for each sample of `x`, computed in batches.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
            The samples; cast to float32 batch by batch.
        batch_size : int, default 32
            Samples in a batch. It bounds the memory that the layers need, and changes no result.
        verbose : {"auto", 0, 1, 2}, default "auto"
            1 draws a bar of progress on the standard output, 2 prints one line at the end, 0 neither; "auto" draws
            the bar once the work takes longer than a second, if there is someone to look at it.

        Returns
        -------
        numpy.ndarray, float32, shape (N, *output_shape)
            The output of the last layer.

        Raises
        ------
        ValueError
            If an argument is wrong, or `x` does not fit a layer; the message names the layer.
        TypeError
            If `x` does not cast to float32.

        Examples
        --------
        >>> from nhwc.layers import Conv2D
        >>> model = Sequential([Conv2D(4, 3, input_shape=(8, 8, 1))])
        >>> model.predict(np.zeros((100, 8, 8, 1))).shape
        (100, 6, 6, 4)
        """
        if type(x) is np.ndarray and batch_size is None and verbose in ("auto", 0) and x.ndim > 0 and len(x) <= _BATCH:
            # One batch of a shape that has been seen: nothing to check, and no progress to show.
            program = self._programs.get((x.shape[1:], False))
            if program is not None and not program.is_stale():
                return program(np.ascontiguousarray(self._float32(x)))
        size = self._batch_size(batch_size)
        self._check_verbose(verbose)
        samples = _check._array(self._label, "x", x)
        if samples.ndim == 0:
            raise ValueError(f"{self._label}: x has no axes; a batch of samples would do")
        count = len(samples)
        bar = verbose == 1 or (verbose == "auto" and progress.is_watched())
        patience = progress.PATIENCE if verbose == "auto" else 0.0
        shown = progress.Progress(max(-(-count // size), 1), bar, verbose == 2, patience)
        result = self._predicted(self._batch(samples[:size]))
        shown.step()
        if count > size:
            first, result = result, np.empty((count, *result.shape[1:]), np.float32)
            result[:size] = first
            for start in range(size, count, size):
                part = slice(start, start + size)
                self._predicted(self._batch(samples[part]), out=result[part])
                shown.step()
        shown.finish()
        return result

    def plan(self, input_shape: Sequence[int | None] | None = None) -> ModelPlan:
        """Say what a prediction does for an input of this shape, layer by layer.

        Layers that follow a convolution or a dense layer become part of its plan where that can be: batch
        normalisation, folded into filters and bias, and activations; so does zero padding before it. Dropout is left
        out. All the other layers fill two buffers in turns, or work in place.

        Parameters
        ----------
        input_shape : sequence of int or None, optional
            The shape of a sample, or of a batch; the default is the model's own.

        Returns
        -------
        ModelPlan
            Print it, or look at its `steps` and `plans`.

        Raises
        ------
        ValueError
            If the shape does not fit a layer, or has an axis of no known size.

        Examples
        --------
        >>> from nhwc.layers import BatchNormalization, Conv2D, Input, ReLU
        >>> model = Sequential([Input((8, 8, 1)), Conv2D(4, 3, name="lines"), BatchNormalization(), ReLU()])
        >>> len(model.plan().steps)
        1
        """
        shape = self.input_shape if input_shape is None else self._shape("input_shape", input_shape)
        if self.built and len(shape) == len(self._shapes[0]) - 1:
            shape = (None, *shape)
        if None in shape[1:]:
            raise ValueError(f"{self._label}: input_shape is {shape}; sizes for all axes but the batch would do")
        if not self.built:
            self.build(shape)
        return ModelPlan(self.name, self._program(shape[1:]))

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights to a file.

        Parameters
        ----------
        filepath : path
            It must end in ``.npz``.
        overwrite : bool, default True
            Whether a file that is there may be replaced.

        Raises
        ------
        ValueError
            If the path ends otherwise, or the model is not built.
        FileExistsError
            If there is a file that may not be replaced.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from nhwc.layers import Dense, Input
        >>> model = Sequential([Input((3,)), Dense(2)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save_weights(pathlib.Path(folder) / "model.npz")
        ...     model.load_weights(pathlib.Path(folder) / "model.npz")
        """
        path = self._npz(filepath)
        if not self.built:
            raise ValueError(f"{self._label} is not built and has no weights to save; build(input_shape) would do")
        if not overwrite and path.exists():
            raise FileExistsError(f"{self._label}: {path} is there already; overwrite=True would do")
        named = [(leaf.name, name, weight) for leaf in self._holders() for name, weight in leaf._weights.items()]
        partial = path.with_name(f"{path.name}.partial.npz")  # So that the file is there as a whole, or not at all.
        try:
            np.savez(partial, **{f"{i:04d}/{layer}/{name}": w for i, (layer, name, w) in enumerate(named)})
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)

    def load_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Replace the weights by those that `save_weights` wrote.

        Parameters
        ----------
        filepath : path
            It must end in ``.npz``.

        Raises
        ------
        ValueError
            If the path ends otherwise, or the weights are not those of this model; it is then as it was.
        OSError
            If the file cannot be read.
        """
        with np.load(self._npz(filepath), allow_pickle=False) as file:
            self.set_weights([file[key] for key in sorted(file.files)])

    def summary(self, line_length: int | None = None, *, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print the layers, the shapes of their outputs and the number of their parameters, as Keras does.

        Parameters
        ----------
        line_length : int, optional
            Width of the table; the default is 88, or less in a narrow terminal.
        print_fn : callable, optional
            Given the whole text in place of printing it.

        Examples
        --------
        >>> from nhwc.layers import Conv2D, Input
        >>> model = Sequential([Input(shape=(8, 8, 1)), Conv2D(4, 3, name="lines")], name="small")
        >>> model.summary(60)
        Model: "small"
        ┏━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┓
        ┃ Layer (type)             ┃ Output Shape      ┃   Param # ┃
        ┡━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━┩
        │ lines (Conv2D)           │ (None, 6, 6, 4)   │        40 │
        └──────────────────────────┴───────────────────┴───────────┘
         Total params: 40 (160.00 B)
         Trainable params: 40 (160.00 B)
         Non-trainable params: 0 (0.00 B)
        """
        if line_length is None:
            line_length = min(88, shutil.get_terminal_size().columns - 4)
        rows = []
        for i, layer in enumerate(self._layers):
            shape = f"({', '.join(map(str, self._shapes[i + 1]))})" if self._shapes else "?"
            params = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
            rows.append((f"{layer.name} ({type(layer).__name__})", shape, params))
        table = summary.table(("Layer (type)", "Output Shape", "Param #"), rows, max(line_length, 40))
        text = f'Model: "{self.name}"\n{table}{summary.totals(self._counts())}'
        (print_fn or progress.show)(text)

    def _counts(self):
        """Return the number and the bytes of each kind of parameters."""
        learned, others = (
            (sum(w.size for w in weights), sum(w.nbytes for w in weights))
            for weights in (self.trainable_weights, self.non_trainable_weights)
        )
        optimizer = self.optimizer.size() if self.optimizer is not None and self.optimizer.iterations else None
        parts = [learned, others, optimizer or (0, 0)]
        total = tuple(map(sum, zip(*parts, strict=True)))
        counts = {"Total": total, "Trainable": learned, "Non-trainable": others}
        return {**counts, "Optimizer": optimizer} if optimizer else counts

    def _parts(self):
        return self._layers

    def _batch(self, x):
        batch = self._float32(x)
        if not self.built:
            self.build(batch.shape)
        return self._with_rank_of_input(batch)

    def _predicted(self, x, logits=False, out=None):
        return self._program(x.shape[1:], logits)(np.ascontiguousarray(x), out)

    def _program(self, shape, logits=False):
        """Return the program for samples of this shape, made when the shape, or new weights, are first met."""
        programs = self._programs
        program = programs.get((shape, logits))
        if program is None or program.is_stale():
            if not self._layers:
                raise ValueError(f"{self._label} has no layers to run; add(layer) would do")
            program = Program(self._leaves(), shape, logits)
            kept = {key: old for key, old in list(programs.items())[1 - _MOST_PROGRAMS :] if not old.is_stale()}
            fits = program.packed_bytes + sum(old.packed_bytes for old in kept.values()) <= _MOST_PACKED
            self._programs = {**(kept if fits else {}), (shape, logits): program}
        return program

    def _npz(self, filepath):
        path = Path(filepath)
        if path.suffix != ".npz":
            raise ValueError(f"{self._label}: filepath is {str(filepath)!r}; a name that ends in .npz would do")
        return path

    def _known_shape(self, what, index):
        if not self._shapes:
            raise AttributeError(f"{self._label} has no {what} shape before it is built; Input(shape=) would do")
        return self._shapes[index]

    def _with_rank_of_input(self, x):
        """Return x with an axis of size 1 more or less at its end, where that gives it the axes of the input."""
        expected = self._shapes[0]
        if x.ndim == len(expected) - 1 and expected[-1] == 1:
            return x[..., None]
        if x.ndim == len(expected) + 1 and x.shape[-1] == 1:
            return x[..., 0]
        return x


def _build(layers, shape):
    """Build the layers on one another from inputs of this shape; return the shapes of their outputs."""
    shapes = []
    for layer in layers:
        if not layer.built:
            layer.build(shape)
        shape = layer.compute_output_shape(shape)
        shapes.append(shape)
    return shapes
