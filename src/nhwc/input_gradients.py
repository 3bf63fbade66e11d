"""Gradients of convolutions by their input: names, defaults and documentation. The core does the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nhwc import _core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from nhwc.ops import _Array, _Ints, _Padding


def conv2d_input_grad(dy: ArrayLike, filters: ArrayLike, input_shape: Sequence[int], *, strides: _Ints = 1,
                      padding: _Padding = "valid", dilation_rate: _Ints = 1, groups: int = 1,
                      out: _Array | None = None) -> _Array:  # fmt: skip
    """Differentiate by its input the loss of which `dy` is the gradient by a `conv2d`'s result.

    With strides s, dilation d, padding p before the image and g the group of channel c ::

        dx[n, i, j, c] = sum over u, v, f, and over h, w where i = h*s0 + u*d0 - p0 and j = w*s1 + v*d1 - p1,
            of dy[n, h, w, f] * filters[u, v, c', f]

    where c' is c within its group and f runs over that group's filters [1]_.

    Parameters
    ----------
    dy : array_like, shape (N, OH, OW, F) or (OH, OW, F)
        Of the shape of ``conv2d(x, filters, ...)``, and of a dtype that `conv2d` takes.
    filters : array_like, shape (KH, KW, C // groups, F)
        Those of the convolution.
    input_shape : sequence of int, (N, H, W, C) or (H, W, C)
        The shape of the convolution's `x`.
    strides, padding, dilation_rate, groups
        Those of the convolution. Zeros are what the padding held.
    out : numpy.ndarray, optional
        As in `conv2d`.

    Returns
    -------
    numpy.ndarray, of shape `input_shape`
        C-contiguous, of the dtype that ``conv2d(dy, filters)`` would have. Pixels that the convolution does not read
        are 0.

    Raises
    ------
    ValueError
        If shapes and sizes do not go together, or `out` is not fit to be written.
    TypeError
        If an argument has a type or dtype that is not taken.
    MemoryError
        If there is not enough memory.

    See Also
    --------
    conv2d_transpose : The same sum with the terms of a layer, which chooses the shape of its result.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    How many windows of 2 x 2 see each pixel:

    >>> import numpy as np, nhwc
    >>> nhwc.conv2d_input_grad(np.ones((2, 3, 1)), np.ones((2, 2, 1, 1)), (3, 4, 1))[..., 0]
    array([[1., 2., 2., 1.],
           [2., 4., 4., 2.],
           [1., 2., 2., 1.]])
    """
    return _core.input_grad("conv2d_input_grad", 2, False, dy, filters, input_shape, strides, padding, dilation_rate,
                            groups, out)  # fmt: skip


def conv1d_input_grad(dy: ArrayLike, filters: ArrayLike, input_shape: Sequence[int], *, strides: _Ints = 1,
                      padding: _Padding = "valid", dilation_rate: _Ints = 1, groups: int = 1,
                      out: _Array | None = None) -> _Array:  # fmt: skip
    """Differentiate by its input the loss of which `dy` is the gradient by a `conv1d`'s result.

    With stride s, dilation d, padding p before the signal and g the group of channel c ::

        dx[n, i, c] = sum over u, f, and over w where i = w*s + u*d - p, of dy[n, w, f] * filters[u, c', f]

    where c' is c within its group and f runs over that group's filters [1]_.

    Parameters
    ----------
    dy : array_like, shape (N, OW, F) or (OW, F)
    filters : array_like, shape (KW, C // groups, F)
    input_shape : sequence of int, (N, W, C) or (W, C)
    strides, padding, dilation_rate, groups
        Those of the `conv1d`.
    out : numpy.ndarray, optional
        As in `conv2d`.

    Returns
    -------
    numpy.ndarray, of shape `input_shape`
        As from `conv2d_input_grad`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d_input_grad`.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> filters = np.float32([1, 2, 3]).reshape(3, 1, 1)
    >>> nhwc.conv1d_input_grad(np.float32([[0], [1], [0]]), filters, (3, 1), padding="same")[:, 0]
    array([1., 2., 3.], dtype=float32)
    """
    return _core.input_grad("conv1d_input_grad", 1, False, dy, filters, input_shape, strides, padding, dilation_rate,
                            groups, out)  # fmt: skip


def conv3d_input_grad(dy: ArrayLike, filters: ArrayLike, input_shape: Sequence[int], *, strides: _Ints = 1,
                      padding: _Padding = "valid", dilation_rate: _Ints = 1, groups: int = 1,
                      out: _Array | None = None) -> _Array:  # fmt: skip
    """Differentiate by its input the loss of which `dy` is the gradient by a `conv3d`'s result.

    The formula is that of `conv2d_input_grad` with a third axis ahead [1]_.

    Parameters
    ----------
    dy : array_like, shape (N, OD, OH, OW, F) or (OD, OH, OW, F)
    filters : array_like, shape (KD, KH, KW, C // groups, F)
    input_shape : sequence of int, (N, D, H, W, C) or (D, H, W, C)
    strides, padding, dilation_rate, groups
        Those of the `conv3d`.
    out : numpy.ndarray, optional
        As in `conv2d`.

    Returns
    -------
    numpy.ndarray, of shape `input_shape`
        As from `conv2d_input_grad`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d_input_grad`.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> nhwc.conv3d_input_grad(np.ones((1, 2, 2, 1)), np.ones((2, 1, 2, 1, 1)), (2, 2, 3, 1))[..., 0]
    array([[[1., 2., 1.],
            [1., 2., 1.]],
    <BLANKLINE>
           [[1., 2., 1.],
            [1., 2., 1.]]])
    """
    return _core.input_grad("conv3d_input_grad", 3, False, dy, filters, input_shape, strides, padding, dilation_rate,
                            groups, out)  # fmt: skip


def depthwise_conv1d_input_grad(dy: ArrayLike, filters: ArrayLike, input_shape: Sequence[int], *, strides: _Ints = 1,
                                padding: _Padding = "valid", dilation_rate: _Ints = 1,
                                out: _Array | None = None) -> _Array:  # fmt: skip
    """Differentiate by its input the loss of which `dy` is the gradient by a `depthwise_conv1d`'s result.

    With stride s, dilation d and padding p before the signal [1]_ ::

        dx[n, i, c] = sum over u, m, and over w where i = w*s + u*d - p, of dy[n, w, c*M + m] * filters[u, c, m]

    Parameters
    ----------
    dy : array_like, shape (N, OW, C * M) or (OW, C * M)
    filters : array_like, shape (KW, C, M)
    input_shape : sequence of int, (N, W, C) or (W, C)
    strides, padding, dilation_rate
        Those of the `depthwise_conv1d`.
    out : numpy.ndarray, optional
        As in `conv2d`.

    Returns
    -------
    numpy.ndarray, of shape `input_shape`
        As from `conv2d_input_grad`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d_input_grad`.

    References
    ----------
    .. [1] F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> filters = np.float32([[[1], [10]], [[2], [20]]])
    >>> nhwc.depthwise_conv1d_input_grad(np.ones((1, 2), np.float32), filters, (2, 2))
    array([[ 1., 10.],
           [ 2., 20.]], dtype=float32)
    """
    return _core.input_grad("depthwise_conv1d_input_grad", 1, True, dy, filters, input_shape, strides, padding,
                            dilation_rate, None, out)  # fmt: skip


def depthwise_conv2d_input_grad(dy: ArrayLike, filters: ArrayLike, input_shape: Sequence[int], *, strides: _Ints = 1,
                                padding: _Padding = "valid", dilation_rate: _Ints = 1,
                                out: _Array | None = None) -> _Array:  # fmt: skip
    """Differentiate by its input the loss of which `dy` is the gradient by a `depthwise_conv2d`'s result.

    With strides s, dilation d and padding p before the image [1]_ ::

        dx[n, i, j, c] = sum over u, v, m, and over h, w where i = h*s0 + u*d0 - p0 and j = w*s1 + v*d1 - p1,
            of dy[n, h, w, c*M + m] * filters[u, v, c, m]

    Parameters
    ----------
    dy : array_like, shape (N, OH, OW, C * M) or (OH, OW, C * M)
    filters : array_like, shape (KH, KW, C, M)
    input_shape : sequence of int, (N, H, W, C) or (H, W, C)
    strides, padding, dilation_rate
        Those of the `depthwise_conv2d`.
    out : numpy.ndarray, optional
        As in `conv2d`.

    Returns
    -------
    numpy.ndarray, of shape `input_shape`
        As from `conv2d_input_grad`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d_input_grad`.

    References
    ----------
    .. [1] F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", arXiv:1610.02357.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> dy = np.ones((1, 1, 4), np.float32)
    >>> nhwc.depthwise_conv2d_input_grad(dy, np.ones((1, 2, 2, 2), np.float32) * np.float32([1, 10]), (1, 2, 2))
    array([[[11., 11.],
            [11., 11.]]], dtype=float32)
    """
    return _core.input_grad("depthwise_conv2d_input_grad", 2, True, dy, filters, input_shape, strides, padding,
                            dilation_rate, None, out)  # fmt: skip
