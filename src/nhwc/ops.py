"""The convolutions: names, defaults and documentation. The core does the work."""

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


def conv2d(x: ArrayLike, filters: ArrayLike, bias: ArrayLike | None = None, *, strides: _Ints = 1,
           padding: _Padding = "valid", dilation_rate: _Ints = 1, groups: int = 1, activation: _Activation = None,
           residual: ArrayLike | None = None, padding_mode: str = "constant", out: _Array | None = None,
           algorithm: str = "auto") -> _Array:  # fmt: skip
    """Convolve images with a bank of filters.

    With strides s, dilation d, padding p before the image and g the group of filter f ::

        y[n, i, j, f] = activation(bias[f] + residual[n, i, j, f]
            + sum over u, v, c of x[n, i*s0 + u*d0 - p0, j*s1 + v*d1 - p1, g*C//groups + c] * filters[u, v, c, f])

    This is what deep learning calls a convolution and mathematics a cross-correlation: the filter is not flipped [1]_.

    Parameters
    ----------
    x : array_like, shape (N, H, W, C) or (H, W, C)
        Images, or one image, whose result then has no batch axis either. Any dtype of bool, integers, float16,
        float32, float64, or bfloat16 as `ml_dtypes` has it.
    filters : array_like, shape (KH, KW, C // groups, F)
        As Keras gives them.
    bias : array_like, shape (F,), optional
        Cast to the result's dtype if NumPy calls that "same_kind".
    strides : int or 2 ints, default 1
        Input pixels from one output to the next.
    padding : str, int, 2 ints or 2 pairs, default "valid"
        Pixels added on each side: none for "valid"; for "same" as many as give ceil(size / stride) outputs, the odd
        one after; for "full" one less than the dilated kernel has; or an int, one per axis, or one pair
        (before, after) per axis.
    dilation_rate : int or 2 ints, default 1
        Input pixels from one tap of the kernel to the next.
    groups : int, default 1
        Divides C and F. Group g reads its own C // groups channels and makes its own F // groups.
    activation : str or callable, optional
        By Keras 3's definitions "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "hard_sigmoid",
        "tanh", "silu" or "swish", "hard_silu" or "hard_swish", "gelu" (exact), "softplus"; or a function that is
        given the result and returns an array of the same shape. Integers take "linear", "relu", "relu6" or a function.
    residual : array_like, the shape of the result, optional
        Added before the activation; cast as `bias` is.
    padding_mode : {"constant", "edge", "reflect", "symmetric", "wrap"}, default "constant"
        What the padding holds, in the names of `numpy.pad`; "constant" is zeros.
    out : numpy.ndarray, optional
        Filled and returned: writable, C-contiguous, of the result's shape and dtype, and apart from every input in
        memory, though it may be the very array given as `residual`.
    algorithm : str, default "auto"
        A name from `algorithms`. "direct" serves every problem. "auto" chooses by the problem; it may take a Winograd
        algorithm where `algorithms` lists one, whose small outputs beside large ones carry noise of the large ones.

    Returns
    -------
    numpy.ndarray, shape (N, OH, OW, F) or (OH, OW, F)
        C-contiguous, of dtype ``numpy.result_type(x, filters)``, where an unsigned integer becomes uint64 and a bool
        or a signed one int64. Integers wrap at 64 bits; float16 and bfloat16 are summed in float32 and rounded once.

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
    plan_conv2d : The same for many inputs of one shape.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    A detector of vertical lines over an image with two lit columns:

    >>> import numpy as np, nhwc
    >>> image = np.zeros((4, 8, 1), np.float32)
    >>> image[:, 3:5] = 1
    >>> detector = np.float32([[0, 1, 0], [0, 1, 0], [0, 1, 0]]).reshape(3, 3, 1, 1)
    >>> nhwc.conv2d(image, detector)[..., 0]
    array([[0., 0., 3., 3., 0., 0.],
           [0., 0., 3., 3., 0., 0.]], dtype=float32)
    """
    return _core.forward("conv2d", 2, False, x, filters, bias, strides, padding, dilation_rate, groups, activation,
                         residual, padding_mode, out, algorithm)  # fmt: skip


def conv1d(x: ArrayLike, filters: ArrayLike, bias: ArrayLike | None = None, *, strides: _Ints = 1,
           padding: _Padding = "valid", dilation_rate: _Ints = 1, groups: int = 1, activation: _Activation = None,
           residual: ArrayLike | None = None, padding_mode: str = "constant", out: _Array | None = None,
           algorithm: str = "auto") -> _Array:  # fmt: skip
    """Convolve signals with a bank of filters.

    With stride s, dilation d, padding p before the signal and g the group of filter f ::

        y[n, i, f] = activation(bias[f] + residual[n, i, f]
            + sum over u, c of x[n, i*s + u*d - p, g*C//groups + c] * filters[u, c, f])

    the cross-correlation of [1]_ in one dimension.

    Parameters
    ----------
    x : array_like, shape (N, W, C) or (W, C)
    filters : array_like, shape (KW, C // groups, F)
    bias : array_like, shape (F,), optional
    strides, dilation_rate : int, default 1
        In samples of the signal.
    padding : str, int or a pair ((before, after),), default "valid"
        As in `conv2d`, or "causal": one less than the dilated kernel has, all before the signal, so that no output
        sees a later input.
    groups, activation, residual, padding_mode, out, algorithm
        As in `conv2d`.

    Returns
    -------
    numpy.ndarray, shape (N, OW, F) or (OW, F)
        C-contiguous, of the dtype that `conv2d` gives.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d`.

    See Also
    --------
    plan_conv1d : The same for many inputs of one shape.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> signal = np.float32([0, 0, 0, 1, 1, 0, 0, 0]).reshape(8, 1)
    >>> nhwc.conv1d(signal, np.float32([0, 1, 0]).reshape(3, 1, 1))[:, 0]
    array([0., 0., 1., 1., 0., 0.], dtype=float32)
    """
    return _core.forward("conv1d", 1, False, x, filters, bias, strides, padding, dilation_rate, groups, activation,
                         residual, padding_mode, out, algorithm)  # fmt: skip


def conv3d(x: ArrayLike, filters: ArrayLike, bias: ArrayLike | None = None, *, strides: _Ints = 1,
           padding: _Padding = "valid", dilation_rate: _Ints = 1, groups: int = 1, activation: _Activation = None,
           residual: ArrayLike | None = None, padding_mode: str = "constant", out: _Array | None = None,
           algorithm: str = "auto") -> _Array:  # fmt: skip
    """Convolve volumes, or videos, with a bank of filters.

    With strides s, dilation d, padding p before the volume and g the group of filter f ::

        y[n, h, i, j, f] = activation(bias[f] + residual[n, h, i, j, f] + sum over t, u, v, c of
            x[n, h*s0 + t*d0 - p0, i*s1 + u*d1 - p1, j*s2 + v*d2 - p2, g*C//groups + c] * filters[t, u, v, c, f])

    the cross-correlation of [1]_ in three dimensions.

    Parameters
    ----------
    x : array_like, shape (N, D, H, W, C) or (D, H, W, C)
    filters : array_like, shape (KD, KH, KW, C // groups, F)
    bias : array_like, shape (F,), optional
    strides, dilation_rate : int or 3 ints, default 1
        In voxels.
    padding : str, int, 3 ints or 3 pairs, default "valid"
    groups, activation, residual, padding_mode, out, algorithm
        As in `conv2d`, and so is `padding`.

    Returns
    -------
    numpy.ndarray, shape (N, OD, OH, OW, F) or (OD, OH, OW, F)
        C-contiguous, of the dtype that `conv2d` gives.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d`.

    See Also
    --------
    plan_conv3d : The same for many inputs of one shape.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    Each output sums the 2 x 2 x 2 voxels of its window:

    >>> import numpy as np, nhwc
    >>> nhwc.conv3d(np.ones((2, 3, 4, 1)), np.ones((2, 2, 2, 1, 1)))[..., 0]
    array([[[8., 8., 8.],
            [8., 8., 8.]]])
    """
    return _core.forward("conv3d", 3, False, x, filters, bias, strides, padding, dilation_rate, groups, activation,
                         residual, padding_mode, out, algorithm)  # fmt: skip


def depthwise_conv1d(x: ArrayLike, filters: ArrayLike, bias: ArrayLike | None = None, *, strides: _Ints = 1,
                     padding: _Padding = "valid", dilation_rate: _Ints = 1, activation: _Activation = None,
                     residual: ArrayLike | None = None, padding_mode: str = "constant", out: _Array | None = None,
                     algorithm: str = "auto") -> _Array:  # fmt: skip
    """Convolve each channel of signals with filters of its own.

    With stride s, dilation d and padding p before the signal, output channel c*M + m is that of filter m of channel c
    [1]_ ::

        y[n, i, c*M + m] = activation(bias[c*M + m] + residual[n, i, c*M + m]
            + sum over u of x[n, i*s + u*d - p, c] * filters[u, c, m])

    Parameters
    ----------
    x : array_like, shape (N, W, C) or (W, C)
    filters : array_like, shape (KW, C, M)
    bias : array_like, shape (C * M,), optional
    strides, padding, dilation_rate, activation, residual, padding_mode, out, algorithm
        As in `conv1d`.

    Returns
    -------
    numpy.ndarray, shape (N, OW, C * M) or (OW, C * M)
        C-contiguous, of the dtype that `conv2d` gives.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d`.

    See Also
    --------
    plan_depthwise_conv1d : The same for many inputs of one shape.

    References
    ----------
    .. [1] F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357.

    Examples
    --------
    The first channel is summed in pairs, the second differenced:

    >>> import numpy as np, nhwc
    >>> x = np.float32([[1, 1], [2, 4], [3, 9]])
    >>> nhwc.depthwise_conv1d(x, np.float32([[[1], [-1]], [[1], [1]]]))
    array([[3., 3.],
           [5., 5.]], dtype=float32)
    """
    return _core.forward("depthwise_conv1d", 1, True, x, filters, bias, strides, padding, dilation_rate, None,
                         activation, residual, padding_mode, out, algorithm)  # fmt: skip


def depthwise_conv2d(x: ArrayLike, filters: ArrayLike, bias: ArrayLike | None = None, *, strides: _Ints = 1,
                     padding: _Padding = "valid", dilation_rate: _Ints = 1, activation: _Activation = None,
                     residual: ArrayLike | None = None, padding_mode: str = "constant", out: _Array | None = None,
                     algorithm: str = "auto") -> _Array:  # fmt: skip
    """Convolve each channel of images with filters of its own.

    With strides s, dilation d and padding p before the image, output channel c*M + m is that of filter m of channel c
    [1]_ ::

        y[n, i, j, c*M + m] = activation(bias[c*M + m] + residual[n, i, j, c*M + m]
            + sum over u, v of x[n, i*s0 + u*d0 - p0, j*s1 + v*d1 - p1, c] * filters[u, v, c, m])

    Parameters
    ----------
    x : array_like, shape (N, H, W, C) or (H, W, C)
    filters : array_like, shape (KH, KW, C, M)
    bias : array_like, shape (C * M,), optional
    strides, padding, dilation_rate, activation, residual, padding_mode, out, algorithm
        As in `conv2d`; strides and dilation may exceed 1 together.

    Returns
    -------
    numpy.ndarray, shape (N, OH, OW, C * M) or (OH, OW, C * M)
        C-contiguous, of the dtype that `conv2d` gives.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d`.

    See Also
    --------
    plan_depthwise_conv2d : The same for many inputs of one shape.

    References
    ----------
    .. [1] F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357.

    Examples
    --------
    Each of two channels is summed over windows of 2 x 2, then scaled by 1 and by 10:

    >>> import numpy as np, nhwc
    >>> x = np.ones((2, 3, 2), np.float32) * np.float32([1, 2])
    >>> nhwc.depthwise_conv2d(x, np.ones((2, 2, 2, 2), np.float32) * np.float32([1, 10]))
    array([[[ 4., 40.,  8., 80.],
            [ 4., 40.,  8., 80.]]], dtype=float32)
    """
    return _core.forward("depthwise_conv2d", 2, True, x, filters, bias, strides, padding, dilation_rate, None,
                         activation, residual, padding_mode, out, algorithm)  # fmt: skip
