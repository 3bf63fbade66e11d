"""Pooling: maxima and means over windows and over whole images, and the gradients of those over windows."""

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


def max_pool2d(x: ArrayLike, pool_size: _Ints, *, strides: _Ints | None = None, padding: _Padding = "valid",
        out: _Array | None = None) -> _Array:  # fmt: skip
    """Return the maxima of images over windows.

    With strides s and padding p before the image [1]_ ::

        y[n, i, j, c] = max over u, v of x[n, i*s0 + u - p0, j*s1 + v - p1, c]

    Padding never wins.

    Parameters
    ----------
    x : array_like, shape (N, H, W, C) or (H, W, C)
        Bool, integers, float16, float32, float64 or bfloat16.
    pool_size : int or 2 ints
        Pixels of a window.
    strides : int or 2 ints, optional
        Pixels from one window to the next; the pool size if None.
    padding : str, int, 2 ints or 2 pairs, default "valid"
        As in `conv2d`, without "full"; explicit padding is below the pool size.
    out : numpy.ndarray, optional
        Filled and returned: writable, C-contiguous, of the result's shape and dtype, and apart from x in memory.

    Returns
    -------
    numpy.ndarray, shape (N, OH, OW, C) or (OH, OW, C)
        The dtype of x. A window with a NaN gives NaN.

    Raises
    ------
    ValueError
        If sizes do not go together: a pool larger than the padded input, padding not below the pool size; or `out` is
        not fit to be written.
    TypeError
        If an argument has a type or dtype that is not taken.
    MemoryError
        If there is not enough memory.

    References
    ----------
    .. [1] Y. Boureau, J. Ponce and Y. LeCun, "A theoretical analysis of feature pooling in visual recognition",
       ICML 2010.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> x = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    >>> nhwc.max_pool2d(x, 2)[..., 0]
    array([[ 5.,  7.],
           [13., 15.]], dtype=float32)
    >>> nhwc.max_pool2d(x, 3, strides=2, padding="same")[..., 0]
    array([[10., 11.],
           [14., 15.]], dtype=float32)
    """
    return _core.pool("max_pool2d", 2, False, x, pool_size, strides, padding, out)


def max_pool1d(x: ArrayLike, pool_size: _Ints, *, strides: _Ints | None = None, padding: _Padding = "valid",
        out: _Array | None = None) -> _Array:  # fmt: skip
    """Return the maxima of signals over windows.

    With strides s and padding p before the signal [1]_ ::

        y[n, i, c] = max over u of x[n, i*s + u - p, c]

    Padding never wins.

    Parameters
    ----------
    x : array_like, shape (N, W, C) or (W, C)
        Bool, integers, float16, float32, float64 or bfloat16.
    pool_size, strides, padding, out
        As in `max_pool2d`, for an axis.

    Returns
    -------
    numpy.ndarray, shape (N, OW, C) or (OW, C)
        The dtype of x. A window with a NaN gives NaN.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `max_pool2d`.

    References
    ----------
    .. [1] Y. Boureau, J. Ponce and Y. LeCun, "A theoretical analysis of feature pooling in visual recognition",
       ICML 2010.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> nhwc.max_pool1d(np.float32([[1], [5], [2], [4]]), 2)[:, 0]
    array([5., 4.], dtype=float32)
    """
    return _core.pool("max_pool1d", 1, False, x, pool_size, strides, padding, out)


def max_pool3d(x: ArrayLike, pool_size: _Ints, *, strides: _Ints | None = None, padding: _Padding = "valid",
        out: _Array | None = None) -> _Array:  # fmt: skip
    """Return the maxima of volumes, or videos, over windows.

    With strides s and padding p before the volume [1]_ ::

        y[n, h, i, j, c] = max over t, u, v of x[n, h*s0 + t - p0, i*s1 + u - p1, j*s2 + v - p2, c]

    Padding never wins.

    Parameters
    ----------
    x : array_like, shape (N, D, H, W, C) or (D, H, W, C)
        Bool, integers, float16, float32, float64 or bfloat16.
    pool_size, strides, padding, out
        As in `max_pool2d`, for 3 axes.

    Returns
    -------
    numpy.ndarray, shape (N, OD, OH, OW, C) or (OD, OH, OW, C)
        The dtype of x. A window with a NaN gives NaN.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `max_pool2d`.

    References
    ----------
    .. [1] Y. Boureau, J. Ponce and Y. LeCun, "A theoretical analysis of feature pooling in visual recognition",
       ICML 2010.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> nhwc.max_pool3d(np.arange(8).reshape(2, 2, 2, 1), 2)[..., 0]
    array([[[7]]])
    """
    return _core.pool("max_pool3d", 3, False, x, pool_size, strides, padding, out)


def average_pool2d(x: ArrayLike, pool_size: _Ints, *, strides: _Ints | None = None, padding: _Padding = "valid",
        out: _Array | None = None) -> _Array:  # fmt: skip
    """Return the means of images over windows.

    With strides s and padding p before the image [1]_ ::

        y[n, i, j, c] = mean over u, v of x[n, i*s0 + u - p0, j*s1 + v - p1, c]

    The mean is over pixels of x alone: padding does not count.

    Parameters
    ----------
    x : array_like, shape (N, H, W, C) or (H, W, C)
        Bool, integers, float16, float32, float64 or bfloat16.
    pool_size : int or 2 ints
        Pixels of a window.
    strides : int or 2 ints, optional
        Pixels from one window to the next; the pool size if None.
    padding : str, int, 2 ints or 2 pairs, default "valid"
        As in `conv2d`, without "full"; explicit padding is below the pool size.
    out : numpy.ndarray, optional
        Filled and returned: writable, C-contiguous, of the result's shape and dtype, and apart from x in memory.

    Returns
    -------
    numpy.ndarray, shape (N, OH, OW, C) or (OH, OW, C)
        The dtype of x, float64 for integers and bool. float16 and bfloat16 are summed in float32 and rounded once.

    Raises
    ------
    ValueError
        If sizes do not go together: a pool larger than the padded input, padding not below the pool size; or `out` is
        not fit to be written.
    TypeError
        If an argument has a type or dtype that is not taken.
    MemoryError
        If there is not enough memory.

    References
    ----------
    .. [1] Y. Boureau, J. Ponce and Y. LeCun, "A theoretical analysis of feature pooling in visual recognition",
       ICML 2010.

    Examples
    --------
    Padding does not count, so a mean of ones is one at the border too:

    >>> import numpy as np, nhwc
    >>> x = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    >>> nhwc.average_pool2d(x, 2)[..., 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)
    >>> nhwc.average_pool2d(np.ones((3, 3, 1)), 2, padding="same")[..., 0]
    array([[1., 1.],
           [1., 1.]])
    """
    return _core.pool("average_pool2d", 2, True, x, pool_size, strides, padding, out)


def average_pool1d(x: ArrayLike, pool_size: _Ints, *, strides: _Ints | None = None, padding: _Padding = "valid",
        out: _Array | None = None) -> _Array:  # fmt: skip
    """Return the means of signals over windows.

    With strides s and padding p before the signal [1]_ ::

        y[n, i, c] = mean over u of x[n, i*s + u - p, c]

    The mean is over pixels of x alone: padding does not count.

    Parameters
    ----------
    x : array_like, shape (N, W, C) or (W, C)
        Bool, integers, float16, float32, float64 or bfloat16.
    pool_size, strides, padding, out
        As in `average_pool2d`, for an axis.

    Returns
    -------
    numpy.ndarray, shape (N, OW, C) or (OW, C)
        The dtype of x, float64 for integers and bool. float16 and bfloat16 are summed in float32 and rounded once.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `average_pool2d`.

    References
    ----------
    .. [1] Y. Boureau, J. Ponce and Y. LeCun, "A theoretical analysis of feature pooling in visual recognition",
       ICML 2010.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> nhwc.average_pool1d(np.float32([[1], [5], [2], [4]]), 2)[:, 0]
    array([3., 3.], dtype=float32)
    """
    return _core.pool("average_pool1d", 1, True, x, pool_size, strides, padding, out)


def average_pool3d(x: ArrayLike, pool_size: _Ints, *, strides: _Ints | None = None, padding: _Padding = "valid",
        out: _Array | None = None) -> _Array:  # fmt: skip
    """Return the means of volumes, or videos, over windows.

    With strides s and padding p before the volume [1]_ ::

        y[n, h, i, j, c] = mean over t, u, v of x[n, h*s0 + t - p0, i*s1 + u - p1, j*s2 + v - p2, c]

    The mean is over pixels of x alone: padding does not count.

    Parameters
    ----------
    x : array_like, shape (N, D, H, W, C) or (D, H, W, C)
        Bool, integers, float16, float32, float64 or bfloat16.
    pool_size, strides, padding, out
        As in `average_pool2d`, for 3 axes.

    Returns
    -------
    numpy.ndarray, shape (N, OD, OH, OW, C) or (OD, OH, OW, C)
        The dtype of x, float64 for integers and bool. float16 and bfloat16 are summed in float32 and rounded once.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `average_pool2d`.

    References
    ----------
    .. [1] Y. Boureau, J. Ponce and Y. LeCun, "A theoretical analysis of feature pooling in visual recognition",
       ICML 2010.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> nhwc.average_pool3d(np.arange(8).reshape(2, 2, 2, 1), 2)[..., 0]
    array([[[3.5]]])
    """
    return _core.pool("average_pool3d", 3, True, x, pool_size, strides, padding, out)


def global_max_pool2d(x: ArrayLike, *, keepdims: bool = False) -> _Array:
    """Return the maximum of each channel over all pixels of images.

    ``y[n, c] = max over i, j of x[n, i, j, c]`` [1]_.

    Parameters
    ----------
    x : array_like, shape (N, H, W, C) or (H, W, C)
        Bool, integers, float16, float32, float64 or bfloat16; at least one pixel.
    keepdims : bool, default False
        Keep the spatial axes, of size 1.

    Returns
    -------
    numpy.ndarray, shape (N, C) or (C,), with keepdims (N, 1, 1, C) or (1, 1, C)
        The dtype of x. A channel with a NaN gives NaN.

    Raises
    ------
    ValueError
        If x has no pixels or not so many axes.
    TypeError
        If x has a dtype that is not taken.
    MemoryError
        If there is not enough memory.

    References
    ----------
    .. [1] M. Lin, Q. Chen and S. Yan, "Network in network", arXiv:1312.4400.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> x = np.ones((2, 4, 5, 3), np.float32)
    >>> nhwc.global_max_pool2d(x).shape, nhwc.global_max_pool2d(x, keepdims=True).shape
    ((2, 3), (2, 1, 1, 3))
    """
    return _core.global_pool("global_max_pool2d", 2, False, x, keepdims)


def global_max_pool1d(x: ArrayLike, *, keepdims: bool = False) -> _Array:
    """Return the maximum of each channel over all pixels of signals.

    ``y[n, c] = max over i of x[n, i, c]`` [1]_.

    Parameters
    ----------
    x : array_like, shape (N, W, C) or (W, C)
        Bool, integers, float16, float32, float64 or bfloat16; at least one pixel.
    keepdims : bool, default False
        Keep the spatial axes, of size 1.

    Returns
    -------
    numpy.ndarray, shape (N, C) or (C,), with keepdims (N, 1, C) or (1, C)
        The dtype of x. A channel with a NaN gives NaN.

    Raises
    ------
    ValueError
        If x has no pixels or not so many axes.
    TypeError
        If x has a dtype that is not taken.
    MemoryError
        If there is not enough memory.

    References
    ----------
    .. [1] M. Lin, Q. Chen and S. Yan, "Network in network", arXiv:1312.4400.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> x = np.ones((2, 4, 3), np.float32)
    >>> nhwc.global_max_pool1d(x).shape, nhwc.global_max_pool1d(x, keepdims=True).shape
    ((2, 3), (2, 1, 3))
    """
    return _core.global_pool("global_max_pool1d", 1, False, x, keepdims)


def global_max_pool3d(x: ArrayLike, *, keepdims: bool = False) -> _Array:
    """Return the maximum of each channel over all pixels of volumes.

    ``y[n, c] = max over h, i, j of x[n, h, i, j, c]`` [1]_.

    Parameters
    ----------
    x : array_like, shape (N, D, H, W, C) or (D, H, W, C)
        Bool, integers, float16, float32, float64 or bfloat16; at least one pixel.
    keepdims : bool, default False
        Keep the spatial axes, of size 1.

    Returns
    -------
    numpy.ndarray, shape (N, C) or (C,), with keepdims (N, 1, 1, 1, C) or (1, 1, 1, C)
        The dtype of x. A channel with a NaN gives NaN.

    Raises
    ------
    ValueError
        If x has no pixels or not so many axes.
    TypeError
        If x has a dtype that is not taken.
    MemoryError
        If there is not enough memory.

    References
    ----------
    .. [1] M. Lin, Q. Chen and S. Yan, "Network in network", arXiv:1312.4400.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> x = np.ones((2, 2, 4, 5, 3), np.float32)
    >>> nhwc.global_max_pool3d(x).shape, nhwc.global_max_pool3d(x, keepdims=True).shape
    ((2, 3), (2, 1, 1, 1, 3))
    """
    return _core.global_pool("global_max_pool3d", 3, False, x, keepdims)


def global_average_pool2d(x: ArrayLike, *, keepdims: bool = False) -> _Array:
    """Return the mean of each channel over all pixels of images.

    ``y[n, c] = mean over i, j of x[n, i, j, c]`` [1]_.

    Parameters
    ----------
    x : array_like, shape (N, H, W, C) or (H, W, C)
        Bool, integers, float16, float32, float64 or bfloat16; at least one pixel.
    keepdims : bool, default False
        Keep the spatial axes, of size 1.

    Returns
    -------
    numpy.ndarray, shape (N, C) or (C,), with keepdims (N, 1, 1, C) or (1, 1, C)
        The dtype of x, float64 for integers and bool.

    Raises
    ------
    ValueError
        If x has no pixels or not so many axes.
    TypeError
        If x has a dtype that is not taken.
    MemoryError
        If there is not enough memory.

    References
    ----------
    .. [1] M. Lin, Q. Chen and S. Yan, "Network in network", arXiv:1312.4400.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> x = np.ones((2, 4, 5, 3), np.float32)
    >>> nhwc.global_average_pool2d(x).shape, nhwc.global_average_pool2d(x, keepdims=True).shape
    ((2, 3), (2, 1, 1, 3))
    """
    return _core.global_pool("global_average_pool2d", 2, True, x, keepdims)


def global_average_pool1d(x: ArrayLike, *, keepdims: bool = False) -> _Array:
    """Return the mean of each channel over all pixels of signals.

    ``y[n, c] = mean over i of x[n, i, c]`` [1]_.

    Parameters
    ----------
    x : array_like, shape (N, W, C) or (W, C)
        Bool, integers, float16, float32, float64 or bfloat16; at least one pixel.
    keepdims : bool, default False
        Keep the spatial axes, of size 1.

    Returns
    -------
    numpy.ndarray, shape (N, C) or (C,), with keepdims (N, 1, C) or (1, C)
        The dtype of x, float64 for integers and bool.

    Raises
    ------
    ValueError
        If x has no pixels or not so many axes.
    TypeError
        If x has a dtype that is not taken.
    MemoryError
        If there is not enough memory.

    References
    ----------
    .. [1] M. Lin, Q. Chen and S. Yan, "Network in network", arXiv:1312.4400.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> x = np.ones((2, 4, 3), np.float32)
    >>> nhwc.global_average_pool1d(x).shape, nhwc.global_average_pool1d(x, keepdims=True).shape
    ((2, 3), (2, 1, 3))
    """
    return _core.global_pool("global_average_pool1d", 1, True, x, keepdims)


def global_average_pool3d(x: ArrayLike, *, keepdims: bool = False) -> _Array:
    """Return the mean of each channel over all pixels of volumes.

    ``y[n, c] = mean over h, i, j of x[n, h, i, j, c]`` [1]_.

    Parameters
    ----------
    x : array_like, shape (N, D, H, W, C) or (D, H, W, C)
        Bool, integers, float16, float32, float64 or bfloat16; at least one pixel.
    keepdims : bool, default False
        Keep the spatial axes, of size 1.

    Returns
    -------
    numpy.ndarray, shape (N, C) or (C,), with keepdims (N, 1, 1, 1, C) or (1, 1, 1, C)
        The dtype of x, float64 for integers and bool.

    Raises
    ------
    ValueError
        If x has no pixels or not so many axes.
    TypeError
        If x has a dtype that is not taken.
    MemoryError
        If there is not enough memory.

    References
    ----------
    .. [1] M. Lin, Q. Chen and S. Yan, "Network in network", arXiv:1312.4400.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> x = np.ones((2, 2, 4, 5, 3), np.float32)
    >>> nhwc.global_average_pool3d(x).shape, nhwc.global_average_pool3d(x, keepdims=True).shape
    ((2, 3), (2, 1, 1, 1, 3))
    """
    return _core.global_pool("global_average_pool3d", 3, True, x, keepdims)


def max_pool2d_grad(dy: ArrayLike, x: ArrayLike, pool_size: _Ints, *, strides: _Ints | None = None,
        padding: _Padding = "valid", out: _Array | None = None) -> _Array:  # fmt: skip
    """Return the gradient of ``sum(dy * max_pool2d(x, pool_size, ...))`` in x.

    Each element of dy goes to the pixel that is its window's maximum: of equal ones the first in row order, and a NaN
    counts as the maximum.

    Parameters
    ----------
    dy : array_like, shape (N, OH, OW, C) or (OH, OW, C)
        The gradient in the result of the pooling.
    x : array_like, shape (N, H, W, C) or (H, W, C)
        What was pooled.
    pool_size, strides, padding
        Those of the pooling.
    out : numpy.ndarray, optional
        Filled and returned; as in `max_pool2d`.

    Returns
    -------
    numpy.ndarray, shape (N, H, W, C) or (H, W, C)
        Of dtype ``numpy.result_type(dy, x)``, an unsigned integer as uint64, a bool or a signed one as int64.

    Raises
    ------
    ValueError
        If sizes do not go together, or `out` is not fit to be written.
    TypeError
        If an argument has a type or dtype that is not taken.
    MemoryError
        If there is not enough memory.

    See Also
    --------
    max_pool2d : The pooling.

    References
    ----------
    .. [1] Y. Boureau, J. Ponce and Y. LeCun, "A theoretical analysis of feature pooling in visual recognition",
       ICML 2010.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> x = np.float32([[1, 2], [4, 3]]).reshape(2, 2, 1)
    >>> nhwc.max_pool2d_grad(np.ones((1, 1, 1), np.float32), x, 2)[..., 0]
    array([[0., 0.],
           [1., 0.]], dtype=float32)
    """
    return _core.pool_grad("max_pool2d_grad", 2, False, dy, x, pool_size, strides, padding, out)


def max_pool1d_grad(dy: ArrayLike, x: ArrayLike, pool_size: _Ints, *, strides: _Ints | None = None,
        padding: _Padding = "valid", out: _Array | None = None) -> _Array:  # fmt: skip
    """Return the gradient of ``sum(dy * max_pool1d(x, pool_size, ...))`` in x.

    Each element of dy goes to the pixel that is its window's maximum: of equal ones the first in row order, and a NaN
    counts as the maximum.

    Parameters
    ----------
    dy : array_like, shape (N, OW, C) or (OW, C)
        The gradient in the result of the pooling.
    x : array_like, shape (N, W, C) or (W, C)
        What was pooled.
    pool_size, strides, padding
        Those of the pooling.
    out : numpy.ndarray, optional
        Filled and returned; as in `max_pool2d`.

    Returns
    -------
    numpy.ndarray, shape (N, W, C) or (W, C)
        Of dtype ``numpy.result_type(dy, x)``, an unsigned integer as uint64, a bool or a signed one as int64.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `max_pool2d_grad`.

    See Also
    --------
    max_pool1d : The pooling.

    References
    ----------
    .. [1] Y. Boureau, J. Ponce and Y. LeCun, "A theoretical analysis of feature pooling in visual recognition",
       ICML 2010.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> nhwc.max_pool1d_grad(np.float32([[1], [2]]), np.float32([[5], [5], [1], [7]]), 2)[:, 0]
    array([1., 0., 0., 2.], dtype=float32)
    """
    return _core.pool_grad("max_pool1d_grad", 1, False, dy, x, pool_size, strides, padding, out)


def max_pool3d_grad(dy: ArrayLike, x: ArrayLike, pool_size: _Ints, *, strides: _Ints | None = None,
        padding: _Padding = "valid", out: _Array | None = None) -> _Array:  # fmt: skip
    """Return the gradient of ``sum(dy * max_pool3d(x, pool_size, ...))`` in x.

    Each element of dy goes to the pixel that is its window's maximum: of equal ones the first in row order, and a NaN
    counts as the maximum.

    Parameters
    ----------
    dy : array_like, shape (N, OD, OH, OW, C) or (OD, OH, OW, C)
        The gradient in the result of the pooling.
    x : array_like, shape (N, D, H, W, C) or (D, H, W, C)
        What was pooled.
    pool_size, strides, padding
        Those of the pooling.
    out : numpy.ndarray, optional
        Filled and returned; as in `max_pool2d`.

    Returns
    -------
    numpy.ndarray, shape (N, D, H, W, C) or (D, H, W, C)
        Of dtype ``numpy.result_type(dy, x)``, an unsigned integer as uint64, a bool or a signed one as int64.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `max_pool2d_grad`.

    See Also
    --------
    max_pool3d : The pooling.

    References
    ----------
    .. [1] Y. Boureau, J. Ponce and Y. LeCun, "A theoretical analysis of feature pooling in visual recognition",
       ICML 2010.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> x = np.arange(8).reshape(2, 2, 2, 1)
    >>> nhwc.max_pool3d_grad(np.full((1, 1, 1, 1), 3), x, 2).ravel()
    array([0, 0, 0, 0, 0, 0, 0, 3])
    """
    return _core.pool_grad("max_pool3d_grad", 3, False, dy, x, pool_size, strides, padding, out)


def average_pool2d_grad(dy: ArrayLike, input_shape: Sequence[int], pool_size: _Ints, *, strides: _Ints | None = None,
        padding: _Padding = "valid", out: _Array | None = None) -> _Array:  # fmt: skip
    """Return the gradient of ``sum(dy * average_pool2d(x, pool_size, ...))`` in x.

    Each element of dy goes in equal shares to the pixels of its window.

    Parameters
    ----------
    dy : array_like, shape (N, OH, OW, C) or (OH, OW, C)
        The gradient in the result of the pooling.
    input_shape : sequence of int, (N, H, W, C) or (H, W, C)
        Of what was pooled.
    pool_size, strides, padding
        Those of the pooling.
    out : numpy.ndarray, optional
        Filled and returned; as in `average_pool2d`.

    Returns
    -------
    numpy.ndarray, shape (N, H, W, C) or (H, W, C)
        Of the dtype of dy, float64 for integers and bool.

    Raises
    ------
    ValueError
        If sizes do not go together, or `out` is not fit to be written.
    TypeError
        If an argument has a type or dtype that is not taken.
    MemoryError
        If there is not enough memory.

    See Also
    --------
    average_pool2d : The pooling.

    References
    ----------
    .. [1] Y. Boureau, J. Ponce and Y. LeCun, "A theoretical analysis of feature pooling in visual recognition",
       ICML 2010.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> nhwc.average_pool2d_grad(np.ones((1, 2, 1), np.float32), (2, 4, 1), 2)[..., 0]
    array([[0.25, 0.25, 0.25, 0.25],
           [0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """
    return _core.pool_grad("average_pool2d_grad", 2, True, dy, input_shape, pool_size, strides, padding, out)


def average_pool1d_grad(dy: ArrayLike, input_shape: Sequence[int], pool_size: _Ints, *, strides: _Ints | None = None,
        padding: _Padding = "valid", out: _Array | None = None) -> _Array:  # fmt: skip
    """Return the gradient of ``sum(dy * average_pool1d(x, pool_size, ...))`` in x.

    Each element of dy goes in equal shares to the pixels of its window.

    Parameters
    ----------
    dy : array_like, shape (N, OW, C) or (OW, C)
        The gradient in the result of the pooling.
    input_shape : sequence of int, (N, W, C) or (W, C)
        Of what was pooled.
    pool_size, strides, padding
        Those of the pooling.
    out : numpy.ndarray, optional
        Filled and returned; as in `average_pool2d`.

    Returns
    -------
    numpy.ndarray, shape (N, W, C) or (W, C)
        Of the dtype of dy, float64 for integers and bool.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `average_pool2d_grad`.

    See Also
    --------
    average_pool1d : The pooling.

    References
    ----------
    .. [1] Y. Boureau, J. Ponce and Y. LeCun, "A theoretical analysis of feature pooling in visual recognition",
       ICML 2010.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> nhwc.average_pool1d_grad(np.float32([[1], [2]]), (3, 1), 2, strides=1)[:, 0]
    array([0.5, 1.5, 1. ], dtype=float32)
    """
    return _core.pool_grad("average_pool1d_grad", 1, True, dy, input_shape, pool_size, strides, padding, out)


def average_pool3d_grad(dy: ArrayLike, input_shape: Sequence[int], pool_size: _Ints, *, strides: _Ints | None = None,
        padding: _Padding = "valid", out: _Array | None = None) -> _Array:  # fmt: skip
    """Return the gradient of ``sum(dy * average_pool3d(x, pool_size, ...))`` in x.

    Each element of dy goes in equal shares to the pixels of its window.

    Parameters
    ----------
    dy : array_like, shape (N, OD, OH, OW, C) or (OD, OH, OW, C)
        The gradient in the result of the pooling.
    input_shape : sequence of int, (N, D, H, W, C) or (D, H, W, C)
        Of what was pooled.
    pool_size, strides, padding
        Those of the pooling.
    out : numpy.ndarray, optional
        Filled and returned; as in `average_pool2d`.

    Returns
    -------
    numpy.ndarray, shape (N, D, H, W, C) or (D, H, W, C)
        Of the dtype of dy, float64 for integers and bool.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `average_pool2d_grad`.

    See Also
    --------
    average_pool3d : The pooling.

    References
    ----------
    .. [1] Y. Boureau, J. Ponce and Y. LeCun, "A theoretical analysis of feature pooling in visual recognition",
       ICML 2010.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> nhwc.average_pool3d_grad(np.ones((1, 1, 1, 1)), (2, 2, 2, 1), 2).ravel()
    array([0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125])
    """
    return _core.pool_grad("average_pool3d_grad", 3, True, dy, input_shape, pool_size, strides, padding, out)
