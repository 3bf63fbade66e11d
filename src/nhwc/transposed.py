"""Transposed convolutions and their plans: names, defaults and documentation. The core does the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nhwc import _core

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

    from nhwc.ops import _Activation, _Array, _Ints, _Padding
    from nhwc.plans import _Shape


def conv2d_transpose(x: ArrayLike, filters: ArrayLike, bias: ArrayLike | None = None, *, strides: _Ints = 1,
                     padding: _Padding = "valid", output_padding: _Ints | None = None, dilation_rate: _Ints = 1,
                     groups: int = 1, activation: _Activation = None, residual: ArrayLike | None = None,
                     out: _Array | None = None) -> _Array:  # fmt: skip
    """Convolve images transposed: upsample them by learned filters.

    Each input pixel adds its multiples of the filters to the result. With strides s, dilation d, padding p before the
    image and g the group of result channel f ::

        y[n, i, j, f] = activation(bias[f] + residual[n, i, j, f] + sum over u, v, c, and over h, w where
            i = h*s0 + u*d0 - p0 and j = w*s1 + v*d1 - p1, of x[n, h, w, g*C//groups + c] * filters[u, v, f', ...])

    where f' is f within its group and the last index the channel g*C//groups + c. It is the input gradient of
    `conv2d` with the same filters, strides, padding and dilation [1]_.

    Parameters
    ----------
    x : array_like, shape (N, H, W, C) or (H, W, C)
        Images, or one image, whose result then has no batch axis either; of a dtype that `conv2d` takes.
    filters : array_like, shape (KH, KW, F // groups, C)
        As Keras gives them.
    bias : array_like, shape (F,), optional
        Cast to the result's dtype if NumPy calls that "same_kind".
    strides : int or 2 ints, default 1
        Pixels of the result from one input pixel's share to the next's.
    padding : str, int, 2 ints or 2 pairs, default "valid"
        With K = (k - 1) * dilation_rate + 1 for a kernel of k, an axis of n pixels becomes for "valid"
        n * stride + max(K - stride, 0), for "same" n * stride; explicit pixels `before` and `after`, as in `conv2d`,
        are cut off: (n - 1) * stride + K - before - after.
    output_padding : int or 2 ints, optional
        Below the strides. "valid" then gives (n - 1) * stride + K + output_padding pixels, "same"
        (n - 1) * stride + K % 2 + output_padding; explicit padding as many more.
    dilation_rate : int or 2 ints, default 1
        Pixels of the result from one tap of the kernel to the next.
    groups : int, default 1
        Divides C and F. Group g reads its own C // groups channels and makes its own F // groups.
    activation : str or callable, optional
        As in `conv2d`.
    residual : array_like, the shape of the result, optional
        Added before the activation; cast as `bias` is.
    out : numpy.ndarray, optional
        As in `conv2d`.

    Returns
    -------
    numpy.ndarray, shape (N, OH, OW, F) or (OH, OW, F)
        C-contiguous, of the dtype that `conv2d` gives.

    Raises
    ------
    ValueError
        If shapes, sizes or names do not go together, no `conv2d` of such a result has x's size, or `out` is not fit to
        be written.
    TypeError
        If an argument has a type or dtype that is not taken.
    MemoryError
        If there is not enough memory.

    See Also
    --------
    plan_conv2d_transpose : The same for many inputs of one shape.
    conv2d_input_grad : The same sum, for a given shape of the result.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    Each pixel becomes a block of 2 x 2:

    >>> import numpy as np, nhwc
    >>> x = np.float32([[1, 2], [3, 4]])[..., None]
    >>> nhwc.conv2d_transpose(x, np.ones((2, 2, 1, 1), np.float32), strides=2)[..., 0]
    array([[1., 1., 2., 2.],
           [1., 1., 2., 2.],
           [3., 3., 4., 4.],
           [3., 3., 4., 4.]], dtype=float32)
    """
    return _core.conv_transpose("conv2d_transpose", 2, x, filters, bias, strides, padding, output_padding,
                                dilation_rate, groups, activation, residual, out)  # fmt: skip


def conv1d_transpose(x: ArrayLike, filters: ArrayLike, bias: ArrayLike | None = None, *, strides: _Ints = 1,
                     padding: _Padding = "valid", output_padding: _Ints | None = None, dilation_rate: _Ints = 1,
                     groups: int = 1, activation: _Activation = None, residual: ArrayLike | None = None,
                     out: _Array | None = None) -> _Array:  # fmt: skip
    """Convolve signals transposed: upsample them by learned filters.

    With stride s, dilation d, padding p before the signal and g the group of result channel f ::

        y[n, i, f] = activation(bias[f] + residual[n, i, f] + sum over u, c, and over w where i = w*s + u*d - p,
            of x[n, w, g*C//groups + c] * filters[u, f', g*C//groups + c])

    where f' is f within its group: the input gradient of `conv1d` [1]_.

    Parameters
    ----------
    x : array_like, shape (N, W, C) or (W, C)
    filters : array_like, shape (KW, F // groups, C)
    bias : array_like, shape (F,), optional
    strides, dilation_rate : int, default 1
        In samples of the result.
    padding : str, int or a pair ((before, after),), default "valid"
    output_padding, groups, activation, residual, out
        As in `conv2d_transpose`, and so is `padding`.

    Returns
    -------
    numpy.ndarray, shape (N, OW, F) or (OW, F)
        C-contiguous, of the dtype that `conv2d` gives.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d_transpose`.

    See Also
    --------
    plan_conv1d_transpose : The same for many inputs of one shape.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    Linear interpolation:

    >>> import numpy as np, nhwc
    >>> signal = np.float32([2, 4, 0]).reshape(3, 1)
    >>> nhwc.conv1d_transpose(signal, np.float32([0.5, 1, 0.5]).reshape(3, 1, 1), strides=2)[:, 0]
    array([1., 2., 3., 4., 2., 0., 0.], dtype=float32)
    """
    return _core.conv_transpose("conv1d_transpose", 1, x, filters, bias, strides, padding, output_padding,
                                dilation_rate, groups, activation, residual, out)  # fmt: skip


def conv3d_transpose(x: ArrayLike, filters: ArrayLike, bias: ArrayLike | None = None, *, strides: _Ints = 1,
                     padding: _Padding = "valid", output_padding: _Ints | None = None, dilation_rate: _Ints = 1,
                     groups: int = 1, activation: _Activation = None, residual: ArrayLike | None = None,
                     out: _Array | None = None) -> _Array:  # fmt: skip
    """Convolve volumes, or videos, transposed: upsample them by learned filters.

    The formula is that of `conv2d_transpose` with a third axis ahead: the input gradient of `conv3d` [1]_.

    Parameters
    ----------
    x : array_like, shape (N, D, H, W, C) or (D, H, W, C)
    filters : array_like, shape (KD, KH, KW, F // groups, C)
    bias : array_like, shape (F,), optional
    strides, dilation_rate : int or 3 ints, default 1
        In voxels of the result.
    padding : str, int, 3 ints or 3 pairs, default "valid"
    output_padding, groups, activation, residual, out
        As in `conv2d_transpose`, and so is `padding`.

    Returns
    -------
    numpy.ndarray, shape (N, OD, OH, OW, F) or (OD, OH, OW, F)
        C-contiguous, of the dtype that `conv2d` gives.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d_transpose`.

    See Also
    --------
    plan_conv3d_transpose : The same for many inputs of one shape.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> nhwc.conv3d_transpose(np.ones((1, 2, 2, 1)), np.ones((1, 2, 2, 1, 1)))[..., 0]
    array([[[1., 2., 1.],
            [2., 4., 2.],
            [1., 2., 1.]]])
    """
    return _core.conv_transpose("conv3d_transpose", 3, x, filters, bias, strides, padding, output_padding,
                                dilation_rate, groups, activation, residual, out)  # fmt: skip


def plan_conv2d_transpose(input_shape: _Shape, filters: ArrayLike, bias: ArrayLike | None = None, *,
                          strides: _Ints = 1, padding: _Padding = "valid", output_padding: _Ints | None = None,
                          dilation_rate: _Ints = 1, groups: int = 1, activation: _Activation = None,
                          dtype: DTypeLike | None = None) -> _core.Plan:  # fmt: skip
    """Plan `conv2d_transpose`, whose formula it shares, for many inputs of one shape.

    Parameters
    ----------
    input_shape : sequence of int, (N, H, W, C) or (H, W, C)
        The shape of `x`; N may be None for any batch.
    filters : array_like, shape (KH, KW, F // groups, C)
        Copied: to change the array later changes nothing.
    bias : array_like, shape (F,), optional
        Copied too.
    strides, padding, output_padding, dilation_rate, groups, activation
        As in `conv2d_transpose`.
    dtype : dtype_like, optional
        As in `plan_conv2d`.

    Returns
    -------
    Plan
        As from `plan_conv2d`. Its `macs` are those of every input pixel with every tap.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d_transpose`.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> plan = nhwc.plan_conv2d_transpose((None, 7, 7, 3), np.ones((3, 3, 2, 3), np.float32), strides=2, padding="same")
    >>> plan.output_shape
    (None, 14, 14, 2)
    >>> plan(np.ones((5, 7, 7, 3))).shape
    (5, 14, 14, 2)
    """
    return _core.plan_transpose("plan_conv2d_transpose", 2, input_shape, filters, bias, strides, padding,
                                output_padding, dilation_rate, groups, activation, dtype)  # fmt: skip


def plan_conv1d_transpose(input_shape: _Shape, filters: ArrayLike, bias: ArrayLike | None = None, *,
                          strides: _Ints = 1, padding: _Padding = "valid", output_padding: _Ints | None = None,
                          dilation_rate: _Ints = 1, groups: int = 1, activation: _Activation = None,
                          dtype: DTypeLike | None = None) -> _core.Plan:  # fmt: skip
    """Plan `conv1d_transpose`, whose formula it shares, for many inputs of one shape.

    Parameters
    ----------
    input_shape : sequence of int, (N, W, C) or (W, C)
        The shape of `x`; N may be None for any batch.
    filters : array_like, shape (KW, F // groups, C)
    bias : array_like, shape (F,), optional
    strides, padding, output_padding, dilation_rate, groups, activation
        As in `conv1d_transpose`.
    dtype : dtype_like, optional
        As in `plan_conv2d`.

    Returns
    -------
    Plan
        As from `plan_conv2d_transpose`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d_transpose`.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> plan = nhwc.plan_conv1d_transpose((3, 1), np.float32([1, 2]).reshape(2, 1, 1), strides=2)
    >>> plan([[1], [3], [5]])[:, 0]
    array([ 1.,  2.,  3.,  6.,  5., 10.], dtype=float32)
    """
    return _core.plan_transpose("plan_conv1d_transpose", 1, input_shape, filters, bias, strides, padding,
                                output_padding, dilation_rate, groups, activation, dtype)  # fmt: skip


def plan_conv3d_transpose(input_shape: _Shape, filters: ArrayLike, bias: ArrayLike | None = None, *,
                          strides: _Ints = 1, padding: _Padding = "valid", output_padding: _Ints | None = None,
                          dilation_rate: _Ints = 1, groups: int = 1, activation: _Activation = None,
                          dtype: DTypeLike | None = None) -> _core.Plan:  # fmt: skip
    """Plan `conv3d_transpose`, whose formula it shares, for many inputs of one shape.

    Parameters
    ----------
    input_shape : sequence of int, (N, D, H, W, C) or (D, H, W, C)
        The shape of `x`; N may be None for any batch.
    filters : array_like, shape (KD, KH, KW, F // groups, C)
    bias : array_like, shape (F,), optional
    strides, padding, output_padding, dilation_rate, groups, activation
        As in `conv3d_transpose`.
    dtype : dtype_like, optional
        As in `plan_conv2d`.

    Returns
    -------
    Plan
        As from `plan_conv2d_transpose`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `conv2d_transpose`.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> plan = nhwc.plan_conv3d_transpose((None, 2, 3, 4, 1), np.ones((2, 2, 2, 5, 1)), strides=2)
    >>> plan.output_shape
    (None, 4, 6, 8, 5)
    """
    return _core.plan_transpose("plan_conv3d_transpose", 3, input_shape, filters, bias, strides, padding,
                                output_padding, dilation_rate, groups, activation, dtype)  # fmt: skip
