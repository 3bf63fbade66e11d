"""The gradients of convolutions in their filters: names, defaults and documentation. The core does the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nhwc import _core

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    _Array = NDArray[Any]
    _Ints = int | Sequence[int]
    _Padding = str | int | Sequence[int] | Sequence[Sequence[int]]


def conv2d_filter_grad(x: ArrayLike, dy: ArrayLike, kernel_size: _Ints, *, strides: _Ints = 1,
                       padding: _Padding = "valid", dilation_rate: _Ints = 1, groups: int = 1,
                       out: _Array | None = None) -> _Array:  # fmt: skip
    """Compute the gradient of ``sum(dy * conv2d(x, filters))`` in the filters.

    With strides s, dilation d, padding p before the image, zeros, and g the group of filter f ::

        dfilters[u, v, c, f] = sum over n, i, j of
            x[n, i*s0 + u*d0 - p0, j*s1 + v*d1 - p1, g*C//groups + c] * dy[n, i, j, f]

    This is a step of back-propagation [1]_: `dy` is the gradient of a loss in the convolution's result. The gradient
    in its bias is ``dy.sum`` over all axes but the last.

    Parameters
    ----------
    x : array_like, shape (N, H, W, C) or (H, W, C)
        What was convolved; any dtype that `conv2d` takes.
    dy : array_like, shape (N, OH, OW, F) or (OH, OW, F)
        Of the shape of the convolution's result.
    kernel_size : int or 2 ints
        Pixels of the filters along each axis.
    strides, padding, dilation_rate, groups
        Those of the convolution: see `conv2d`.
    out : numpy.ndarray, shape of the result, optional
        Filled and returned: writable, C-contiguous, of the result's dtype, and apart from every input in memory.

    Returns
    -------
    numpy.ndarray, shape (KH, KW, C // groups, F)
        C-contiguous, of the dtype that `conv2d` gives x and dy. Sums over no pixels are zeros. The bits do not depend
        on the number of threads.

    Raises
    ------
    ValueError
        If shapes and sizes do not go together, or `out` is not fit to be written.
    TypeError
        If an argument has a type or dtype that is not taken.
    MemoryError
        If there is not enough memory.

    References
    ----------
    .. [1] Y. LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 86(11), 1998.

    Examples
    --------
    A step against the gradient of the squared error brings a filter nearer to the one that made y:

    >>> import numpy as np, nhwc
    >>> x = np.arange(9.0).reshape(3, 3, 1) / 9
    >>> y = nhwc.conv2d(x, np.full((2, 2, 1, 1), 0.25))
    >>> filters = np.zeros((2, 2, 1, 1))
    >>> filters -= 0.2 * nhwc.conv2d_filter_grad(x, nhwc.conv2d(x, filters) - y, 2)
    >>> filters[..., 0, 0].round(3)
    array([[0.104, 0.143],
           [0.222, 0.262]])
    """
    return _core.filter_grad("conv2d_filter_grad", 2, False, x, dy, kernel_size, strides, padding, dilation_rate,
                             groups, out)  # fmt: skip


def conv1d_filter_grad(x: ArrayLike, dy: ArrayLike, kernel_size: _Ints, *, strides: _Ints = 1,
                       padding: _Padding = "valid", dilation_rate: _Ints = 1, groups: int = 1,
                       out: _Array | None = None) -> _Array:  # fmt: skip
    """Compute the gradient of ``sum(dy * conv1d(x, filters))`` in the filters.

    With stride s, dilation d, padding p before the signal, zeros, and g the group of filter f, as in [1]_ ::

        dfilters[u, c, f] = sum over n, i of x[n, i*s + u*d - p, g*C//groups + c] * dy[n, i, f]

    Parameters
    ----------
    x : array_like, shape (N, W, C) or (W, C)
    dy : array_like, shape (N, OW, F) or (OW, F)
    kernel_size : int
        Samples of the signal.
    strides, padding, dilation_rate, groups
        Those of the convolution: see `conv1d`.
    out : numpy.ndarray, shape of the result, optional
        As in `conv2d_filter_grad`.

    Returns
    -------
    numpy.ndarray, shape (KW, C // groups, F)
        As in `conv2d_filter_grad`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d_filter_grad`.

    References
    ----------
    .. [1] Y. LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 86(11), 1998.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> x = np.float32([1, 2, 3, 4]).reshape(4, 1)
    >>> nhwc.conv1d_filter_grad(x, np.ones((3, 1), np.float32), 2)[:, 0, 0]
    array([6., 9.], dtype=float32)
    """
    return _core.filter_grad("conv1d_filter_grad", 1, False, x, dy, kernel_size, strides, padding, dilation_rate,
                             groups, out)  # fmt: skip


def conv3d_filter_grad(x: ArrayLike, dy: ArrayLike, kernel_size: _Ints, *, strides: _Ints = 1,
                       padding: _Padding = "valid", dilation_rate: _Ints = 1, groups: int = 1,
                       out: _Array | None = None) -> _Array:  # fmt: skip
    """Compute the gradient of ``sum(dy * conv3d(x, filters))`` in the filters.

    With strides s, dilation d, padding p before the volume, zeros, and g the group of filter f, as in [1]_ ::

        dfilters[t, u, v, c, f] = sum over n, h, i, j of
            x[n, h*s0 + t*d0 - p0, i*s1 + u*d1 - p1, j*s2 + v*d2 - p2, g*C//groups + c] * dy[n, h, i, j, f]

    Parameters
    ----------
    x : array_like, shape (N, D, H, W, C) or (D, H, W, C)
    dy : array_like, shape (N, OD, OH, OW, F) or (OD, OH, OW, F)
    kernel_size : int or 3 ints
        Voxels.
    strides, padding, dilation_rate, groups
        Those of the convolution: see `conv3d`.
    out : numpy.ndarray, shape of the result, optional
        As in `conv2d_filter_grad`.

    Returns
    -------
    numpy.ndarray, shape (KD, KH, KW, C // groups, F)
        As in `conv2d_filter_grad`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d_filter_grad`.

    References
    ----------
    .. [1] Y. LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 86(11), 1998.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> nhwc.conv3d_filter_grad(np.ones((2, 3, 4, 1)), np.ones((2, 2, 3, 1)), (1, 2, 2))[..., 0, 0]
    array([[[12., 12.],
            [12., 12.]]])
    """
    return _core.filter_grad("conv3d_filter_grad", 3, False, x, dy, kernel_size, strides, padding, dilation_rate,
                             groups, out)  # fmt: skip


def depthwise_conv1d_filter_grad(x: ArrayLike, dy: ArrayLike, kernel_size: _Ints, *, strides: _Ints = 1,
                                 padding: _Padding = "valid", dilation_rate: _Ints = 1,
                                 out: _Array | None = None) -> _Array:  # fmt: skip
    """Compute the gradient of ``sum(dy * depthwise_conv1d(x, filters))`` in the filters.

    With stride s, dilation d and padding p before the signal, zeros, as in [1]_ ::

        dfilters[u, c, m] = sum over n, i of x[n, i*s + u*d - p, c] * dy[n, i, c*M + m]

    Parameters
    ----------
    x : array_like, shape (N, W, C) or (W, C)
    dy : array_like, shape (N, OW, C * M) or (OW, C * M)
    kernel_size : int
        Samples of the signal.
    strides, padding, dilation_rate
        Those of the convolution: see `depthwise_conv1d`.
    out : numpy.ndarray, shape of the result, optional
        As in `conv2d_filter_grad`.

    Returns
    -------
    numpy.ndarray, shape (KW, C, M)
        As in `conv2d_filter_grad`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d_filter_grad`.

    References
    ----------
    .. [1] F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> x = np.float32([[1, 1], [2, 4], [3, 9]])
    >>> nhwc.depthwise_conv1d_filter_grad(x, np.ones((2, 2), np.float32), 2)[..., 0]
    array([[ 3.,  5.],
           [ 5., 13.]], dtype=float32)
    """
    return _core.filter_grad("depthwise_conv1d_filter_grad", 1, True, x, dy, kernel_size, strides, padding,
                             dilation_rate, None, out)  # fmt: skip


def depthwise_conv2d_filter_grad(x: ArrayLike, dy: ArrayLike, kernel_size: _Ints, *, strides: _Ints = 1,
                                 padding: _Padding = "valid", dilation_rate: _Ints = 1,
                                 out: _Array | None = None) -> _Array:  # fmt: skip
    """Compute the gradient of ``sum(dy * depthwise_conv2d(x, filters))`` in the filters.

    With strides s, dilation d and padding p before the image, zeros, as in [1]_ ::

        dfilters[u, v, c, m] = sum over n, i, j of x[n, i*s0 + u*d0 - p0, j*s1 + v*d1 - p1, c] * dy[n, i, j, c*M + m]

    Parameters
    ----------
    x : array_like, shape (N, H, W, C) or (H, W, C)
    dy : array_like, shape (N, OH, OW, C * M) or (OH, OW, C * M)
    kernel_size : int or 2 ints
        Pixels of the filters along each axis.
    strides, padding, dilation_rate
        Those of the convolution: see `depthwise_conv2d`.
    out : numpy.ndarray, shape of the result, optional
        As in `conv2d_filter_grad`.

    Returns
    -------
    numpy.ndarray, shape (KH, KW, C, M)
        As in `conv2d_filter_grad`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d_filter_grad`.

    References
    ----------
    .. [1] F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> x = np.ones((2, 3, 2), np.float32) * np.float32([1, 10])
    >>> nhwc.depthwise_conv2d_filter_grad(x, np.ones((2, 2, 2), np.float32), (1, 2))[..., 0]
    array([[[ 4., 40.],
            [ 4., 40.]]], dtype=float32)
    """
    return _core.filter_grad("depthwise_conv2d_filter_grad", 2, True, x, dy, kernel_size, strides, padding,
                             dilation_rate, None, out)  # fmt: skip
