"""Metrics in Keras's vocabulary: what training reports beside the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nhwc.losses import same_rank

__all__ = ["accuracy", "get", "mean_absolute_error", "mean_squared_error"]


def accuracy(y_true, y_pred) -> np.ndarray:
    """Return whether each prediction is right, as Keras's "accuracy" decides by the shapes.

    Parameters
    ----------
    y_true : array_like
        Classes, or rows with a one; or zeros and ones where there is one output.
    y_pred : array_like
        Probabilities, or logits.

    Returns
    -------
    numpy.ndarray of bool
        One for each sample (or pixel). A single output counts as 1 above 0.5.

    Examples
    --------
    >>> from nhwc.metrics import accuracy
    >>> accuracy([1, 0], [[0.1, 0.9], [0.2, 0.8]])
    array([ True, False])
    """
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_pred.shape[-1] == 1:
        return same_rank("accuracy", y_true, y_pred) == (y_pred > 0.5)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    if y_true.ndim == y_pred.ndim:
        y_true = y_true.argmax(axis=-1)
    if y_true.shape != y_pred.shape[:-1]:
        raise ValueError(f"accuracy: y has shape {y_true.shape}; {y_pred.shape[:-1]} would do")
    return y_true == y_pred.argmax(axis=-1)


def mean_squared_error(y_true, y_pred) -> np.ndarray:
    """Return the squares of the differences, whose mean is the metric."""
    return np.square(y_pred - same_rank("mean_squared_error", np.asarray(y_true, np.float32), y_pred))


def mean_absolute_error(y_true, y_pred) -> np.ndarray:
    """Return the sizes of the differences, whose mean is the metric."""
    return np.abs(y_pred - same_rank("mean_absolute_error", np.asarray(y_true, np.float32), y_pred))


_NAMED = {
    "accuracy": accuracy,
    "acc": accuracy,
    "mse": mean_squared_error,
    "mean_squared_error": mean_squared_error,
    "mae": mean_absolute_error,
    "mean_absolute_error": mean_absolute_error,
}


def get(identifier: str | Callable[..., Any]) -> tuple[str, Callable[..., Any]]:
    """Return the name of a metric and its function of (y_true, y_pred), whose mean it is."""
    if callable(identifier):
        return getattr(identifier, "__name__", type(identifier).__name__), identifier
    if isinstance(identifier, str) and identifier in _NAMED:
        return identifier, _NAMED[identifier]
    names = ", ".join(map(repr, _NAMED))
    raise ValueError(f"compile: a metric is {identifier!r}; {names} or a function of (y_true, y_pred) would do")
