"""Models in Keras's vocabulary: stacks of layers that predict."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nhwc import _check
from nhwc.layers import InputLayer, Layer

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Sequential"]


class Sequential(Layer):
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
        for layer in layers or ():
            self.add(layer)

    def __call__(self, x: npt.ArrayLike, training: bool | None = None) -> np.ndarray:
        """Apply all layers to a batch at once.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
            The batch. As in Keras, an axis of size 1 that is missing or too many at the end is put right.
        training : optional
            For Keras's sake: no layer here behaves differently in training.

        Returns
        -------
        numpy.ndarray, float32
            The output of the last layer.
        """
        batch = self._float32(x)
        if not self.built:
            self.build(batch.shape)
        return self.call(self._with_rank_of_input(batch))

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
        self.built = bool(self._shapes)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Give all layers their weights, for inputs of this shape, batch included."""
        if not self._layers:
            raise ValueError(f"{self._label} has no layers to build; add(layer) would do")
        shape = self._shape("input_shape", input_shape)
        self._shapes = [shape, *_build(self._layers, shape)]
        self._batch_shape = shape
        self.built = True

    def call(self, x: np.ndarray) -> np.ndarray:
        for layer in self._layers:
            x = layer(x)
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
        size = 32 if batch_size is None else _check._index(batch_size)
        if size is None or size < 1:
            raise ValueError(f"{self._label}: batch_size is {batch_size!r}; a positive int would do")
        if verbose not in ("auto", 0, 1, 2):
            raise ValueError(f"{self._label}: verbose is {verbose!r}; 'auto', 0, 1 or 2 would do")
        samples = _check._array(self._label, "x", x)
        if samples.ndim == 0:
            raise ValueError(f"{self._label}: x has no axes; a batch of samples would do")
        count = len(samples)
        progress = _Progress(max(-(-count // size), 1), verbose)
        result = self(samples[:size])
        progress.step()
        if count > size:
            first, result = result, np.empty((count, *result.shape[1:]), np.float32)
            result[:size] = first
            for start in range(size, count, size):
                result[start : start + size] = self(samples[start : start + size])
                progress.step()
        return result

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
        text = f'Model: "{self.name}"\n{self._table(max(line_length, 40))}{self._totals()}'
        (print_fn or _print)(text)

    def _leaves(self):
        leaves = (leaf for layer in self._layers for leaf in layer._leaves())
        return list(dict.fromkeys(leaves))  # A layer may be there twice.

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

    def _table(self, width):
        rows = []
        for i, layer in enumerate(self._layers):
            shape = f"({', '.join(map(str, self._shapes[i + 1]))})" if self._shapes else "?"
            params = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
            rows.append((f"{layer.name} ({type(layer).__name__})", shape, params))
        return _draw_table(("Layer (type)", "Output Shape", "Param #"), rows, width)

    def _totals(self):
        sums = {
            "Total": self.weights,
            "Trainable": self.trainable_weights,
            "Non-trainable": self.non_trainable_weights,
        }
        return "\n".join(
            f" {kind} params: {sum(w.size for w in weights):,} ({_readable_bytes(sum(w.nbytes for w in weights))})"
            for kind, weights in sums.items()
        )


def _build(layers, shape):
    """Build the layers on one another from inputs of this shape; return the shapes of their outputs."""
    shapes = []
    for layer in layers:
        if not layer.built:
            layer.build(shape)
        shape = layer.compute_output_shape(shape)
        shapes.append(shape)
    return shapes


class _Progress:
    """Shows how far a prediction has come, as the `verbose` of `Sequential.predict` says."""

    WIDTH = 20
    PATIENCE = 1.0  # Seconds that work may take before "auto" draws a bar.
    INTERVAL = 0.05  # Seconds between two drawings.

    def __init__(self, steps, verbose):
        self.steps, self.done = steps, 0
        self.start = time.monotonic()
        self.line = verbose == 2
        self.bar = verbose == 1 or (verbose == "auto" and _is_watched())
        self.drawn = self.start + self.PATIENCE if verbose == "auto" else self.start - self.INTERVAL

    def step(self):
        """Count one more batch; draw."""
        self.done += 1
        if not (self.bar or self.line):
            return
        now, last = time.monotonic(), self.done == self.steps
        if self.bar and (now - self.drawn >= self.INTERVAL or (last and self.drawn <= now)):
            full = self.WIDTH * self.done // self.steps
            bar = "━" * full + "─" * (self.WIDTH - full)
            text = f"{self._count()} {bar} {self._times(now, ' ')}"
            _print(f"\r{text:<70}", end="\n" if last else "")  # Blanks wipe out a longer text before.
            self.drawn = now
        if self.line and last:
            _print(f"{self._count()} - {self._times(now, ' - ')}")

    def _count(self):
        return f"{self.done:{len(str(self.steps))}}/{self.steps}"

    def _times(self, now, gap):
        elapsed = now - self.start
        each = elapsed / self.done
        unit, scale = next(((u, s) for u, s in (("s", 1), ("ms", 1e3)) if each * s >= 1), ("us", 1e6))
        return f"{elapsed:.0f}s{gap}{each * scale:.0f}{unit}/step"


def _is_watched():
    """Whether the standard output is a terminal or a notebook."""
    return "ipykernel" in sys.modules or (sys.stdout is not None and sys.stdout.isatty())


def _print(text, end="\n"):
    """Print, with a question mark for what the standard output cannot encode."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), end=end, flush=True)


def _draw_table(header, rows, width):
    """Draw a table of three columns as the rich package does: heavy lines around the header, a line between rows."""
    ends = [0, int(0.45 * width), int(0.8 * width), width]
    widths = [end - start - less for start, end, less in zip(ends[:-1], ends[1:], (3, 4, 3), strict=True)]

    def rule(left, line, cross, right):
        return left + cross.join(line * (n + 2) for n in widths) + right

    def row(cells, bar):
        columns = [_wrap(cell, n) for cell, n in zip(cells, widths, strict=True)]
        lines = []
        for i in range(max(map(len, columns))):
            a, b, c = (column[i] if i < len(column) else "" for column in columns)
            lines.append(f"{bar} {a:{widths[0]}} {bar} {b:{widths[1]}} {bar} {c:>{widths[2]}} {bar}")
        return "\n".join(lines)

    body = f"\n{rule('├', '─', '┼', '┤')}\n".join(row(cells, "│") for cells in rows)
    parts = [rule("┏", "━", "┳", "┓"), row(header, "┃"), rule("┡", "━", "╇", "┩"), body, rule("└", "─", "┴", "┘")]
    return "".join(f"{part}\n" for part in parts if part)


def _wrap(text, width):
    """Break text at spaces into lines, and cut what is longer still."""
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return [line if len(line) <= width else f"{line[: width - 1]}…" for line in lines]


def _readable_bytes(size):
    """Return a number of bytes in the largest unit of which there is one."""
    units = ["B", "KB", "MB", "GB", "TB", "PB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        del units[0]
    return f"{size:.2f} {units[0]}"
