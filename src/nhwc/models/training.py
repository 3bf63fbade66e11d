"""Learning: a loss led back through the layers, batch by batch, and weights that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nhwc import _check, losses, metrics, optimizers
from nhwc.layers import Layer, _random
from nhwc.layers.activations import Activated
from nhwc.models import progress

if TYPE_CHECKING:
    import numpy.typing as npt


class History:
    """What `Sequential.fit` saw.

    Attributes
    ----------
    history : dict of list of float
        For the loss and each metric, those of validation with ``val_`` before the name, the value of each epoch.
    epoch : list of int
        The epochs, from 0.
    """

    def __init__(self):
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def _add(self, epoch, values):
        self.epoch.append(epoch)
        for name, value in values.items():
            self.history.setdefault(name, []).append(value)


class Trained(Layer):
    """The part of a model that learns: compile, fit, evaluate."""

    optimizer: optimizers.Optimizer | None = None
    loss: losses.Loss | None = None
    history: History | None = None
    _metrics: Sequence[tuple[str, Any]] = ()

    def compile(
        self,
        optimizer: str | optimizers.Optimizer = "rmsprop",
        loss: str | losses.Loss | None = None,
        *,
        metrics: Sequence[Any] | None = None,
    ) -> None:
        """Choose how the model learns.

        Parameters
        ----------
        optimizer : str or nhwc.optimizers.Optimizer, default "rmsprop"
            "sgd", "adam" or "rmsprop", or an object with settings of its own.
        loss : str or nhwc.losses.Loss
            "mse", "categorical_crossentropy" or "sparse_categorical_crossentropy", or an object.
        metrics : sequence, optional
            "accuracy", "mse", "mae", or functions of (y_true, y_pred) whose mean is reported.

        Raises
        ------
        ValueError
            If one is not known.
        """
        chosen = optimizers.get(optimizer), losses.get(loss), _metrics_of(metrics)
        self.optimizer, self.loss, self._metrics = chosen

    def fit(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        *,
        validation_split: float = 0.0,
        validation_data: tuple[Any, Any] | None = None,
        shuffle: bool = True,
    ) -> History:
        """Learn from samples.

        An interruption (Ctrl-C) leaves the model usable, with the weights of the last whole step.

        Parameters
        ----------
        x : array_like, shape (N, *input_shape)
            The samples; cast to float32 batch by batch.
        y : array_like, shape (N, ...)
            What the model should make of each, as the loss takes it.
        batch_size : int, default 32
            Samples in a step.
        epochs : int, default 1
            How often all samples are gone through.
        verbose : {"auto", 0, 1, 2}, default "auto"
            1 draws a bar for each epoch on the standard output, 2 prints a line, 0 neither; "auto" is 1 where there is
            someone to look at it and 2 elsewhere.
        validation_split : float, default 0.0
            The part of the samples, from the end, that is kept for validation.
        validation_data : pair of array_like, optional
            Samples, and what the model should make of them, that it is measured on after each epoch.
        shuffle : bool, default True
            Whether the order of the samples is drawn anew for each epoch; see `nhwc.layers.set_random_seed`.

        Returns
        -------
        History
            The losses and metrics of each epoch, which `model.history` is too.

        Raises
        ------
        ValueError
            If the model is not compiled, an argument is wrong, or samples do not fit a layer or the loss.

        Examples
        --------
        >>> import numpy as np
        >>> from nhwc.layers import Dense, Input
        >>> from nhwc.models import Sequential
        >>> from nhwc.optimizers import SGD
        >>> model = Sequential([Input((1,)), Dense(1)])
        >>> model.compile(SGD(0.1), "mse")
        >>> x = np.linspace(-1, 1, 32)[:, None]
        >>> history = model.fit(x, 3 * x + 1, epochs=100, verbose=0)
        >>> [round(float(w.ravel()[0]), 2) for w in model.get_weights()]
        [3.0, 1.0]
        """
        self._check_compiled("fit")
        samples, truth = self._pair(x, y)
        size, epochs = self._batch_size(batch_size), self._count("epochs", epochs)
        if validation_split and validation_data is None:
            kept = round(len(samples) * (1 - self._number("validation_split", validation_split, most=1.0)))
            validation_data = samples[kept:], truth[kept:]
            samples, truth = samples[:kept], truth[:kept]
        if validation_data is not None:
            validation_data = self._pair(*validation_data)
        if len(samples) == 0:
            raise ValueError(f"{self._label}: x has no samples to learn from")
        bar, line = self._drawn(verbose)
        if not self.built:
            self.build((None, *samples.shape[1:]))
        self.history = History()
        for epoch in range(epochs):
            if (bar or line) and epochs > 1:
                progress.show(f"Epoch {epoch + 1}/{epochs}")
            shown = progress.Progress(-(-len(samples) // size), bar, line)
            try:
                values = self._epoch(samples, truth, size, shuffle, shown)
                if validation_data is not None:
                    values |= {f"val_{name}": value for name, value in self._measure(*validation_data, size).items()}
            except KeyboardInterrupt:
                shown.interrupt()
                raise
            shown.finish(values)
            self.history._add(epoch, values)
        return self.history

    def evaluate(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        *,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """Return the loss, and the metrics if there are any, over samples.

        Parameters
        ----------
        x, y, batch_size, verbose
            As in `fit`.
        return_dict : bool, default False
            Whether the values are returned by name, rather than as the loss, or a list that begins with it.

        Returns
        -------
        float, list of float or dict
            The values.

        Raises
        ------
        ValueError
            As in `fit`.
        """
        self._check_compiled("evaluate")
        samples, truth = self._pair(x, y)
        size = self._batch_size(batch_size)
        bar, line = self._drawn(verbose)
        shown = progress.Progress(max(-(-len(samples) // size), 1), bar, line)
        values = self._measure(samples, truth, size, shown)
        shown.finish(values)
        if return_dict:
            return values
        return list(values.values()) if self._metrics else values["loss"]

    def _epoch(self, samples, truth, size, shuffle, shown):
        """Learn from every sample once; return the loss and the metrics, each a mean over the samples."""
        order = _random.generator.permutation(len(samples)) if shuffle else np.arange(len(samples))
        means = _Means()
        for start in range(0, len(samples), size):
            chosen = order[start : start + size]
            means.add(len(chosen), self._learn(self._batch(samples[chosen]), truth[chosen]))
            shown.step(means.values())
        return means.values()

    def _learn(self, x, y):
        """Change the weights by one step of the optimizer; return the loss and the metrics before it."""
        leaves, logits, bare = self._without_softmax()
        learned = self._learned()
        output, backward = _chain_vjp(leaves, x, {leaf for leaf, _ in learned}, bare)
        value, gradient = self.loss.gradient(y, output, logits)
        wanted = set(learned)
        self.optimizer.apply({key: grad for key, grad in backward(gradient).items() if key in wanted})
        return {"loss": value, **self._metrics_at(y, output, logits)}

    def _measure(self, samples, truth, size, shown=None):
        """Return the loss and the metrics over samples, at prediction."""
        logits = self._without_softmax()[1]
        means = _Means()
        for start in range(0, len(samples), size):
            output = self._predicted(self._batch(samples[start : start + size]), logits)
            y = truth[start : start + size]
            means.add(len(y), {"loss": self.loss.gradient(y, output, logits)[0], **self._metrics_at(y, output, logits)})
            if shown is not None:
                shown.step(means.values())
        return means.values()

    def _without_softmax(self):
        """Return the layers that the loss needs, whether a softmax is left to it, and whether the last layer has it."""
        leaves = self._leaves()
        last = leaves[-1]
        if not self.loss.takes_softmax:
            return leaves, False, False
        if last._as_activation() == "softmax":
            return leaves[:-1], True, False
        bare = isinstance(last, Activated) and last.activation == "softmax"
        return leaves, bare, bare

    def _metrics_at(self, y, output, logits):
        if not self._metrics:
            return {}
        if logits:
            exponentials = np.exp(output - output.max(axis=-1, keepdims=True))
            output = exponentials / exponentials.sum(axis=-1, keepdims=True)
        return {name: float(np.mean(function(y, output), dtype=np.float64)) for name, function in self._metrics}

    def _check_compiled(self, what):
        if self.loss is None:
            raise ValueError(f"{self._label}: {what} needs a loss and an optimizer; compile(optimizer, loss) would do")

    def _pair(self, x, y):
        samples, truth = _check._array(self._label, "x", x), _check._array(self._label, "y", y)
        if samples.ndim == 0 or truth.ndim == 0 or len(samples) != len(truth):
            raise ValueError(
                f"{self._label}: x has shape {samples.shape} and y {truth.shape}; the same number of samples would do"
            )
        return samples, truth

    def _count(self, arg, value):
        number = _check._index(value)
        if number is None or number < 0:
            raise ValueError(f"{self._label}: {arg} is {value!r}; an int of at least 0 would do")
        return number

    def _batch_size(self, batch_size):
        size = 32 if batch_size is None else _check._index(batch_size)
        if size is None or size < 1:
            raise ValueError(f"{self._label}: batch_size is {batch_size!r}; a positive int would do")
        return size

    def _check_verbose(self, verbose):
        if verbose not in ("auto", 0, 1, 2):
            raise ValueError(f"{self._label}: verbose is {verbose!r}; 'auto', 0, 1 or 2 would do")

    def _drawn(self, verbose):
        """Return whether training draws a bar, and whether it prints lines."""
        self._check_verbose(verbose)
        watched = progress.is_watched()
        return verbose == 1 or (verbose == "auto" and watched), verbose == 2 or (verbose == "auto" and not watched)

    def _batch(self, x):
        """Return samples as a float32 batch of the input's rank."""
        raise NotImplementedError

    def _predicted(self, x, logits):
        """Return the output for a batch, without the softmax at its end if logits are asked for."""
        raise NotImplementedError


class _Means:
    """The means of several values over samples that come in batches."""

    def __init__(self):
        self._count, self._sums = 0, {}

    def add(self, count, values):
        self._count += count
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + count * value

    def values(self):
        return {name: total / self._count for name, total in self._sums.items()}


def _metrics_of(chosen):
    if chosen is not None and not isinstance(chosen, (list, tuple)):
        raise ValueError(f"compile: metrics is {chosen!r}; a list would do")
    return [metrics.get(metric) for metric in chosen or ()]


def _chain_vjp(leaves, x, learned, bare):
    """Run layers one after the other in training; return the output, and what leads a gradient back to the weights.

    Nothing is led back further than to the first of the `learned` layers. If it is to be `bare`, the last layer leaves
    its activation out.
    """
    lowest = min((i for i, leaf in enumerate(leaves) if leaf in learned), default=len(leaves))
    pulls = []
    for i, leaf in enumerate(leaves):
        leaf.compute_output_shape(x.shape)
        x, pull = leaf._linear_vjp(x) if bare and i == len(leaves) - 1 else leaf.vjp(x)
        pulls.append(pull if i >= lowest else None)

    def backward(dy):
        gradients: dict[Any, np.ndarray] = {}
        for i in range(len(leaves) - 1, lowest - 1, -1):
            dy, own = pulls.pop()(dy, i > lowest)  # Popped: what it holds of the batch is free from here on.
            for name, gradient in own.items():
                key = leaves[i], name
                gradients[key] = gradients[key] + gradient if key in gradients else gradient
        return gradients

    return x, backward
