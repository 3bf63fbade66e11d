"""Losses in Keras's vocabulary: what training makes smaller, and how it leads back to the model's output."""

from __future__ import annotations

import numpy as np

__all__ = ["CategoricalCrossentropy", "Loss", "MeanSquaredError", "SparseCategoricalCrossentropy", "get"]

_EPSILON = np.float32(1e-7)  # Probabilities are kept this far from 0 and 1.


class Loss:
    """What losses share: the mean over all samples, and over all pixels where they have several outputs.

    Calling one gives the loss; `gradient` also its gradient by the predictions.
    """

    name = "loss"
    takes_softmax = False  # Whether a softmax at the end of a model is left to the loss, which then takes logits.

    def __call__(self, y_true, y_pred) -> float:
        return self.gradient(y_true, y_pred)[0]

    def gradient(self, y_true, y_pred, logits=False) -> tuple[float, np.ndarray]:
        """Return the loss, and its gradient by `y_pred`, which are `logits` where a model left out its softmax."""
        raise NotImplementedError


class MeanSquaredError(Loss):
    """The mean of the squares of the differences.

    Examples
    --------
    >>> from nhwc.losses import MeanSquaredError
    >>> MeanSquaredError()([[0, 2]], [[1, 2]])
    0.5
    """

    name = "mean_squared_error"

    def gradient(self, y_true, y_pred, logits=False):
        y_pred = np.asarray(y_pred, np.float32)
        difference = y_pred - same_rank(self.name, np.asarray(y_true, np.float32), y_pred)
        value = np.square(difference).mean(dtype=np.float64)
        return float(value), difference * np.float32(2 / max(difference.size, 1))


class _Crossentropy(Loss):
    def __init__(self, from_logits: bool = False):
        self.from_logits = bool(from_logits)

    @property
    def takes_softmax(self):
        return not self.from_logits

    def gradient(self, y_true, y_pred, logits=False):
        y_pred = np.asarray(y_pred, np.float32)
        if self.from_logits or logits:
            return self._from_logits(y_true, y_pred)
        clipped = np.clip(y_pred, _EPSILON, 1 - _EPSILON)
        value, gradient = self._from_logits(y_true, np.log(clipped))
        return value, np.where(clipped == y_pred, gradient / clipped, np.float32(0))

    def _from_logits(self, y_true, logits):
        truth = self._distribution(y_true, logits.shape)
        shifted = logits - logits.max(axis=-1, keepdims=True)
        exponentials = np.exp(shifted)
        total = exponentials.sum(axis=-1, keepdims=True)
        weight = truth.sum(axis=-1, keepdims=True)
        losses = weight[..., 0] * np.log(total[..., 0]) - (truth * shifted).sum(axis=-1)
        gradient = (exponentials / total * weight - truth) * np.float32(1 / max(losses.size, 1))
        return float(losses.mean(dtype=np.float64)), gradient

    def _distribution(self, y_true, shape):
        """Return the probabilities that the predictions, of this shape, should have."""
        raise NotImplementedError


class CategoricalCrossentropy(_Crossentropy):
    """Minus the logarithm of the probability of the true class, which is given as a row with a one.

    Parameters
    ----------
    from_logits : bool, default False
        Whether predictions are logits, before a softmax, rather than probabilities. Where a model ends in a softmax the
        logits are used anyhow, as in Keras: they lose nothing to rounding.
    label_smoothing : float, default 0.0
        From 0 to 1: the part of the truth that all classes share.

    Raises
    ------
    ValueError
        If `label_smoothing` is out of bounds.

    Examples
    --------
    >>> from nhwc.losses import CategoricalCrossentropy
    >>> round(CategoricalCrossentropy()([[0, 1]], [[0.5, 0.5]]), 4)
    0.6931
    """

    name = "categorical_crossentropy"

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0):
        super().__init__(from_logits)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"CategoricalCrossentropy: label_smoothing is {label_smoothing!r}; 0 to 1 would do")
        self.label_smoothing = label_smoothing

    def _distribution(self, y_true, shape):
        truth = np.asarray(y_true, np.float32)
        if truth.shape != shape:
            raise ValueError(f"{self.name}: y has shape {truth.shape}; that of the output, {shape}, would do")
        if self.label_smoothing:
            truth = truth * np.float32(1 - self.label_smoothing) + np.float32(self.label_smoothing / shape[-1])
        return truth


class SparseCategoricalCrossentropy(_Crossentropy):
    """Minus the logarithm of the probability of the true class, which is given as its index.

    Parameters
    ----------
    from_logits : bool, default False
        As in `CategoricalCrossentropy`.

    Examples
    --------
    >>> from nhwc.losses import SparseCategoricalCrossentropy
    >>> round(SparseCategoricalCrossentropy()([1], [[0.5, 0.5]]), 4)
    0.6931
    """

    name = "sparse_categorical_crossentropy"

    def _distribution(self, y_true, shape):
        truth = np.asarray(y_true)
        if truth.ndim == len(shape) and truth.shape[-1] == 1:
            truth = truth[..., 0]
        if truth.shape != shape[:-1]:
            raise ValueError(f"{self.name}: y has shape {truth.shape}; {shape[:-1]} would do")
        classes = truth.astype(np.int64)
        if truth.dtype.kind not in "biuf" or (classes != truth).any():
            raise ValueError(f"{self.name}: y has dtype {truth.dtype}; the classes as ints would do")
        if classes.size and not 0 <= classes.min() <= classes.max() < shape[-1]:
            raise ValueError(
                f"{self.name}: y has classes from {classes.min()} to {classes.max()}; from 0 to {shape[-1] - 1} would "
                "do"
            )
        return (classes[..., None] == np.arange(shape[-1])).astype(np.float32)


def same_rank(name, y_true, y_pred):
    """Return `y_true` in the shape of `y_pred`, from which it may lack a last axis of size 1, or have one more."""
    if y_pred.shape == (*y_true.shape, 1) or y_true.shape == (*y_pred.shape, 1):
        y_true = y_true.reshape(y_pred.shape)
    if y_true.shape != y_pred.shape:
        raise ValueError(f"{name}: y has shape {y_true.shape}; that of the output, {y_pred.shape}, would do")
    return y_true


_NAMED = {
    "mse": MeanSquaredError,
    "mean_squared_error": MeanSquaredError,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}
_NAMED |= {cls.__name__.lower(): cls for cls in _NAMED.values()}


def get(identifier: str | Loss) -> Loss:
    """Return a loss, new if it is given by name: "mse", "categorical_crossentropy" and so on."""
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, str) and identifier.lower() in _NAMED:
        return _NAMED[identifier.lower()]()
    names = ", ".join(map(repr, list(_NAMED)[:4]))
    raise ValueError(f"compile: loss is {identifier!r}; {names} or an object of nhwc.losses would do")
