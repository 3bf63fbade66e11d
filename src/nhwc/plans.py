"""Makers of plans: a convolution checked, chosen and packed once, to run on many inputs of one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nhwc import _core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from nhwc.ops import _Activation, _Ints, _Padding

    _Shape = Sequence[int | None]


def plan_conv2d(input_shape: _Shape, filters: ArrayLike, bias: ArrayLike | None = None, *, strides: _Ints = 1,
                padding: _Padding = "valid", dilation_rate: _Ints = 1, groups: int = 1, activation: _Activation = None,
                padding_mode: str = "constant", algorithm: str = "auto",
                dtype: DTypeLike | None = None) -> _core.Plan:  # fmt: skip
    """Plan `conv2d` for many inputs of one shape.

    ``plan(x)`` is ``conv2d(x, filters, bias, ...)``, whose formula it shares, without the time for checks and for
    packing filters; with the same `algorithm` by name it is so to the bit.

    Parameters
    ----------
    input_shape : sequence of int, (N, H, W, C) or (H, W, C)
        The shape of `x`; N may be None for any batch.
    filters : array_like, shape (KH, KW, C // groups, F)
        Copied: to change the array later changes nothing.
    bias : array_like, shape (F,), optional
        Copied too.
    strides, padding, dilation_rate, groups, activation, padding_mode
        As in `conv2d`.
    algorithm : str, default "auto"
        As in `conv2d`, but "auto" may choose what pays only if filters are packed once; ``plan.algorithm`` says which.
    dtype : dtype_like, optional
        Of the result: float16, bfloat16, float32, float64, int64 or uint64. By default that of `conv2d` for an `x` of
        the filters' dtype. Filters and inputs are cast to it if NumPy calls that "same_kind".

    Returns
    -------
    Plan
        Call it as ``plan(x, *, out=None, residual=None)``. It is immutable, serves many threads at once, and can be
        copied and pickled.

    Raises
    ------
    ValueError
        If shapes, sizes or names do not go together.
    TypeError
        If an argument has a type or dtype that is not taken.
    MemoryError
        If there is not enough memory.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> plan = nhwc.plan_conv2d((None, 8, 8, 1), np.ones((3, 3, 1, 2), np.float32), padding="same", activation="relu")
    >>> plan.output_shape, plan.dtype
    ((None, 8, 8, 2), dtype('float32'))
    >>> plan(np.ones((5, 8, 8, 1)))[0, 0, :3, 0]
    array([4., 6., 6.], dtype=float32)
    """
    return _core.Plan("plan_conv2d", 2, False, input_shape, filters, bias, strides, padding, dilation_rate, groups,
                      activation, padding_mode, algorithm, dtype)  # fmt: skip


def plan_conv1d(input_shape: _Shape, filters: ArrayLike, bias: ArrayLike | None = None, *, strides: _Ints = 1,
                padding: _Padding = "valid", dilation_rate: _Ints = 1, groups: int = 1, activation: _Activation = None,
                padding_mode: str = "constant", algorithm: str = "auto",
                dtype: DTypeLike | None = None) -> _core.Plan:  # fmt: skip
    """Plan `conv1d`, whose formula it shares, for many inputs of one shape.

    Parameters
    ----------
    input_shape : sequence of int, (N, W, C) or (W, C)
        The shape of `x`; N may be None for any batch.
    filters : array_like, shape (KW, C // groups, F)
    bias : array_like, shape (F,), optional
    strides, padding, dilation_rate, groups, activation, padding_mode
        As in `conv1d`.
    algorithm, dtype
        As in `plan_conv2d`.

    Returns
    -------
    Plan
        As from `plan_conv2d`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `plan_conv2d`.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> plan = nhwc.plan_conv1d((8, 1), np.float32([0, 1, 0]).reshape(3, 1, 1))
    >>> plan([[0], [0], [0], [1], [1], [0], [0], [0]])[:, 0]
    array([0., 0., 1., 1., 0., 0.], dtype=float32)
    """
    return _core.Plan("plan_conv1d", 1, False, input_shape, filters, bias, strides, padding, dilation_rate, groups,
                      activation, padding_mode, algorithm, dtype)  # fmt: skip


def plan_conv3d(input_shape: _Shape, filters: ArrayLike, bias: ArrayLike | None = None, *, strides: _Ints = 1,
                padding: _Padding = "valid", dilation_rate: _Ints = 1, groups: int = 1, activation: _Activation = None,
                padding_mode: str = "constant", algorithm: str = "auto",
                dtype: DTypeLike | None = None) -> _core.Plan:  # fmt: skip
    """Plan `conv3d`, whose formula it shares, for many inputs of one shape.

    Parameters
    ----------
    input_shape : sequence of int, (N, D, H, W, C) or (D, H, W, C)
        The shape of `x`; N may be None for any batch.
    filters : array_like, shape (KD, KH, KW, C // groups, F)
    bias : array_like, shape (F,), optional
    strides, padding, dilation_rate, groups, activation, padding_mode
        As in `conv3d`.
    algorithm, dtype
        As in `plan_conv2d`.

    Returns
    -------
    Plan
        As from `plan_conv2d`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `plan_conv2d`.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> plan = nhwc.plan_conv3d((None, 2, 3, 4, 1), np.ones((2, 2, 2, 1, 1)))
    >>> plan(np.ones((1, 2, 3, 4, 1)))[0, ..., 0]
    array([[[8., 8., 8.],
            [8., 8., 8.]]])
    """
    return _core.Plan("plan_conv3d", 3, False, input_shape, filters, bias, strides, padding, dilation_rate, groups,
                      activation, padding_mode, algorithm, dtype)  # fmt: skip


def plan_depthwise_conv1d(input_shape: _Shape, filters: ArrayLike, bias: ArrayLike | None = None, *, strides: _Ints = 1,
                          padding: _Padding = "valid", dilation_rate: _Ints = 1, activation: _Activation = None,
                          padding_mode: str = "constant", algorithm: str = "auto",
                          dtype: DTypeLike | None = None) -> _core.Plan:  # fmt: skip
    """Plan `depthwise_conv1d`, whose formula it shares, for many inputs of one shape.

    Parameters
    ----------
    input_shape : sequence of int, (N, W, C) or (W, C)
        The shape of `x`; N may be None for any batch.
    filters : array_like, shape (KW, C, M)
    bias : array_like, shape (C * M,), optional
    strides, padding, dilation_rate, activation, padding_mode
        As in `depthwise_conv1d`.
    algorithm, dtype
        As in `plan_conv2d`.

    Returns
    -------
    Plan
        As from `plan_conv2d`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `plan_conv2d`.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> plan = nhwc.plan_depthwise_conv1d((3, 2), np.float32([[[1], [-1]], [[1], [1]]]))
    >>> plan([[1, 1], [2, 4], [3, 9]])
    array([[3., 3.],
           [5., 5.]], dtype=float32)
    """
    return _core.Plan("plan_depthwise_conv1d", 1, True, input_shape, filters, bias, strides, padding, dilation_rate,
                      None, activation, padding_mode, algorithm, dtype)  # fmt: skip


def plan_depthwise_conv2d(input_shape: _Shape, filters: ArrayLike, bias: ArrayLike | None = None, *, strides: _Ints = 1,
                          padding: _Padding = "valid", dilation_rate: _Ints = 1, activation: _Activation = None,
                          padding_mode: str = "constant", algorithm: str = "auto",
                          dtype: DTypeLike | None = None) -> _core.Plan:  # fmt: skip
    """Plan `depthwise_conv2d`, whose formula it shares, for many inputs of one shape.

    Parameters
    ----------
    input_shape : sequence of int, (N, H, W, C) or (H, W, C)
        The shape of `x`; N may be None for any batch.
    filters : array_like, shape (KH, KW, C, M)
    bias : array_like, shape (C * M,), optional
    strides, padding, dilation_rate, activation, padding_mode
        As in `depthwise_conv2d`.
    algorithm, dtype
        As in `plan_conv2d`.

    Returns
    -------
    Plan
        As from `plan_conv2d`.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As in `plan_conv2d`.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> plan = nhwc.plan_depthwise_conv2d((None, 2, 3, 2), np.ones((2, 2, 2, 2), np.float32))
    >>> plan(np.ones((1, 2, 3, 2)))
    array([[[[4., 4., 4., 4.],
             [4., 4., 4., 4.]]]], dtype=float32)
    """
    return _core.Plan("plan_depthwise_conv2d", 2, True, input_shape, filters, bias, strides, padding, dilation_rate,
                      None, activation, padding_mode, algorithm, dtype)  # fmt: skip
