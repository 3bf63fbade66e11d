"""Separable convolutions: a filter for each channel, then a mixture of channels at each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nhwc import _core

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    _Array = NDArray[Any]
    _Ints = int | Sequence[int]
    _Padding = str | int | Sequence[int] | Sequence[Sequence[int]]
    _Activation = str | Callable[[_Array], ArrayLike] | None


def separable_conv2d(x: ArrayLike, depthwise_filters: ArrayLike, pointwise_filters: ArrayLike,
                     bias: ArrayLike | None = None, *, strides: _Ints = 1, padding: _Padding = "valid",
                     dilation_rate: _Ints = 1, activation: _Activation = None, residual: ArrayLike | None = None,
                     padding_mode: str = "constant", out: _Array | None = None) -> _Array:  # fmt: skip
    """Convolve each channel of images with filters of its own, then mix the channels of each pixel.

    Equal to `depthwise_conv2d` followed by `conv2d` with a kernel of 1 x 1 [1]_, up to rounding, but what is between
    them stays in the cache. With strides s, dilation d and padding p before the image ::

        z[n, i, j, c*M + m] = sum over u, v of
            x[n, i*s0 + u*d0 - p0, j*s1 + v*d1 - p1, c] * depthwise_filters[u, v, c, m]
        y[n, i, j, f] = activation(bias[f] + residual[n, i, j, f]
            + sum over k of z[n, i, j, k] * pointwise_filters[0, 0, k, f])

    Parameters
    ----------
    x : array_like, shape (N, H, W, C) or (H, W, C)
        Any dtype that `conv2d` takes.
    depthwise_filters : array_like, shape (KH, KW, C, M)
    pointwise_filters : array_like, shape (1, 1, C * M, F)
    bias : array_like, shape (F,), optional
        Cast to the result's dtype if NumPy calls that "same_kind"; so is `residual`.
    strides, dilation_rate : int or 2 ints, default 1
        Of the depthwise convolution, in pixels; both may exceed 1 together.
    padding, padding_mode
        Of the depthwise convolution; as in `conv2d`.
    activation, residual, out
        Of the result; as in `conv2d`.

    Returns
    -------
    numpy.ndarray, shape (N, OH, OW, F) or (OH, OW, F)
        C-contiguous, of the dtype that `conv2d` gives for x and both filters. float16 and bfloat16 are rounded once.

    Raises
    ------
    ValueError
        If shapes, sizes or names do not go together, or `out` is not fit to be written.
    TypeError
        If an argument has a type or dtype that is not taken.
    MemoryError
        If there is not enough memory.

    See Also
    --------
    depthwise_conv2d : The first part alone.

    References
    ----------
    .. [1] F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357.

    Examples
    --------
    Each of two channels is summed over windows of 2 x 2, then their difference is taken:

    >>> import numpy as np, nhwc
    >>> x = np.ones((2, 3, 2), np.float32) * np.float32([3, 1])
    >>> difference = np.float32([1, -1]).reshape(1, 1, 2, 1)
    >>> nhwc.separable_conv2d(x, np.ones((2, 2, 2, 1), np.float32), difference)[..., 0]
    array([[8., 8.]], dtype=float32)
    """
    return _core.separable("separable_conv2d", 2, x, depthwise_filters, pointwise_filters, bias, strides, padding,
                           dilation_rate, activation, residual, padding_mode, out)  # fmt: skip


def separable_conv1d(x: ArrayLike, depthwise_filters: ArrayLike, pointwise_filters: ArrayLike,
                     bias: ArrayLike | None = None, *, strides: _Ints = 1, padding: _Padding = "valid",
                     dilation_rate: _Ints = 1, activation: _Activation = None, residual: ArrayLike | None = None,
                     padding_mode: str = "constant", out: _Array | None = None) -> _Array:  # fmt: skip
    """Convolve each channel of signals with filters of its own, then mix the channels of each sample.

    `separable_conv2d` in one dimension [1]_ ::

        z[n, i, c*M + m] = sum over u of x[n, i*s + u*d - p, c] * depthwise_filters[u, c, m]
        y[n, i, f] = activation(bias[f] + residual[n, i, f] + sum over k of z[n, i, k] * pointwise_filters[0, k, f])

    Parameters
    ----------
    x : array_like, shape (N, W, C) or (W, C)
    depthwise_filters : array_like, shape (KW, C, M)
    pointwise_filters : array_like, shape (1, C * M, F)
    bias : array_like, shape (F,), optional
    strides, dilation_rate : int, default 1
        Of the depthwise convolution, in samples of the signal.
    padding, padding_mode
        Of the depthwise convolution; as in `conv1d`, "causal" too.
    activation, residual, out
        Of the result; as in `conv2d`.

    Returns
    -------
    numpy.ndarray, shape (N, OW, F) or (OW, F)
        As `separable_conv2d`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `separable_conv2d`.

    See Also
    --------
    depthwise_conv1d : The first part alone.

    References
    ----------
    .. [1] F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> x = np.float32([[1, 1], [2, 4], [3, 9]])
    >>> nhwc.separable_conv1d(x, np.ones((2, 2, 1), np.float32), np.ones((1, 2, 1), np.float32))[:, 0]
    array([ 8., 18.], dtype=float32)
    """
    return _core.separable("separable_conv1d", 1, x, depthwise_filters, pointwise_filters, bias, strides, padding,
                           dilation_rate, activation, residual, padding_mode, out)  # fmt: skip
