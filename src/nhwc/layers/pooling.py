"""Pooling layers: maxima and means over windows, and over all pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import nhwc
from nhwc import _check
from nhwc.layers._steps import Step
from nhwc.layers.base import Layer


class _Pooling(Layer):
    """What layers share that slide a window."""

    rank: int
    _function: str
    dilation_rate = 1

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: Any = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.pool_size = self._per_axis("pool_size", pool_size, self.rank)
        self.strides = self.pool_size if strides is None else self._per_axis("strides", strides, self.rank)
        self.padding = padding.lower() if isinstance(padding, str) else padding
        self._check_data_format(data_format)
        pads = _check._padding(self._label, self.padding, self.pool_size, self.pool_size, self.strides)
        if self.padding in ("full", "causal"):
            raise ValueError(f"{self._label}: padding is {self.padding!r}; 'valid', 'same' or ints would do")
        if any(max(pair) >= size for pair, size in zip(pads, self.pool_size, strict=True)):
            raise ValueError(f"{self._label}: padding is {padding!r}; less than pool_size, {self.pool_size}, would do")

    def call(self, x: np.ndarray) -> np.ndarray:
        self.compute_output_shape(x.shape)
        return getattr(nhwc, self._function)(x, self.pool_size, **self._options())

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        self._check_rank(input_shape, self.rank)
        batch, *spatial, channels = input_shape
        # Axes of unknown size are given one that the window fits.
        assumed = [size if n is None else n for n, size in zip(spatial, self.pool_size, strict=True)]
        sizes = _check._windows(self._label, self.rank, assumed, self.pool_size, self)[-1]
        known = (None if n is None else size for n, size in zip(spatial, sizes, strict=True))
        return (batch, *known, channels)

    def _options(self):
        return {"strides": self.strides, "padding": self.padding}

    def _compile(self, shape, rest):
        out_shape = self.compute_output_shape((None, *shape))[1:]
        function, size, options = getattr(nhwc, self._function), self.pool_size, self._options()
        return [Step((self.name,), self._function, out_shape, lambda x, out: function(x, size, out=out, **options))], 1


class _MaxPooling(_Pooling):
    def vjp(self, x):
        gradient = getattr(nhwc, f"{self._function}_grad")

        def backward(dy, input_grad=True):
            return gradient(dy, x, self.pool_size, **self._options()) if input_grad else None, {}

        return self.call(x), backward


class _AveragePooling(_Pooling):
    def vjp(self, x):
        gradient, shape = getattr(nhwc, f"{self._function}_grad"), x.shape

        def backward(dy, input_grad=True):
            return gradient(dy, shape, self.pool_size, **self._options()) if input_grad else None, {}

        return self.call(x), backward


class _GlobalPooling(Layer):
    """What layers share that reduce all pixels of a channel to one number."""

    rank: int
    _function: str

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self.keepdims = bool(keepdims)

    def call(self, x: np.ndarray) -> np.ndarray:
        self.compute_output_shape(x.shape)
        return getattr(nhwc, self._function)(x, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        self._check_rank(input_shape, self.rank)
        batch, *spatial, channels = input_shape
        if 0 in spatial:
            raise ValueError(f"{self._label}: the input has shape {tuple(input_shape)}, without pixels")
        return (batch, *([1] * self.rank if self.keepdims else []), channels)

    def _compile(self, shape, rest):
        out_shape = self.compute_output_shape((None, *shape))[1:]
        function, keepdims = getattr(nhwc, self._function), self.keepdims

        def run(x, out):
            out[...] = function(x, keepdims=keepdims)

        return [Step((self.name,), self._function, out_shape, run)], 1

    def _spread(self, values, shape):
        """Return one number for each channel at every pixel of images of this shape."""
        return np.broadcast_to(values.reshape(shape[0], *[1] * self.rank, shape[-1]), shape)


class _GlobalMaxPooling(_GlobalPooling):
    def vjp(self, x):
        y = self.call(x)

        def backward(dy, input_grad=True):
            largest = x == self._spread(y, x.shape)
            ties = largest.sum(axis=tuple(range(1, self.rank + 1)), keepdims=True, dtype=np.float32)
            return largest * (self._spread(dy, x.shape) / ties), {}

        return y, backward


class _GlobalAveragePooling(_GlobalPooling):
    def vjp(self, x):
        shape, pixels = x.shape, np.float32(np.prod(x.shape[1:-1]))

        def backward(dy, input_grad=True):
            return np.ascontiguousarray(self._spread(dy / pixels, shape)), {}

        return self.call(x), backward


class MaxPooling2D(_MaxPooling):
    """The largest number of each channel in a window that slides over images, as `nhwc.max_pool2d` defines it.

    Parameters
    ----------
    pool_size : int or tuple of int, default 2
        Height and width of the window.
    strides : int or tuple of int, optional
        The steps of the window; the default is `pool_size`.
    padding : default "valid"
        "valid", "same", or another form that `nhwc.max_pool2d` takes.
    data_format : optional
        None or "channels_last".
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If an argument is wrong, or an input does not fit; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import MaxPooling2D
    >>> MaxPooling2D()(np.ones((1, 8, 8, 2))).shape
    (1, 4, 4, 2)
    """

    rank = 2
    _function = "max_pool2d"


class MaxPooling1D(_MaxPooling):
    """The largest number of each channel in a window that slides over signals, as `nhwc.max_pool1d` defines it.

    Arguments and errors are those of `MaxPooling2D` with one spatial axis.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import MaxPooling1D
    >>> MaxPooling1D()(np.ones((1, 8, 2))).shape
    (1, 4, 2)
    """

    rank = 1
    _function = "max_pool1d"


class MaxPooling3D(_MaxPooling):
    """The largest number of each channel in a window that slides over volumes, as `nhwc.max_pool3d` defines it.

    Arguments and errors are those of `MaxPooling2D` with three spatial axes.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import MaxPooling3D
    >>> MaxPooling3D()(np.ones((1, 4, 4, 4, 2))).shape
    (1, 2, 2, 2, 2)
    """

    rank = 3
    _function = "max_pool3d"


class AveragePooling2D(_AveragePooling):
    """The mean of each channel in a window that slides over images, as `nhwc.average_pool2d` defines it.

    Parameters
    ----------
    pool_size : int or tuple of int, default 2
        Height and width of the window.
    strides : int or tuple of int, optional
        The steps of the window; the default is `pool_size`.
    padding : default "valid"
        "valid", "same", or another form that `nhwc.average_pool2d` takes; padding is not counted in the mean.
    data_format : optional
        None or "channels_last".
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If an argument is wrong, or an input does not fit; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import AveragePooling2D
    >>> AveragePooling2D()(np.ones((1, 8, 8, 2))).shape
    (1, 4, 4, 2)
    """

    rank = 2
    _function = "average_pool2d"


class AveragePooling1D(_AveragePooling):
    """The mean of each channel in a window that slides over signals, as `nhwc.average_pool1d` defines it.

    Arguments and errors are those of `AveragePooling2D` with one spatial axis.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import AveragePooling1D
    >>> AveragePooling1D()(np.ones((1, 8, 2))).shape
    (1, 4, 2)
    """

    rank = 1
    _function = "average_pool1d"


class AveragePooling3D(_AveragePooling):
    """The mean of each channel in a window that slides over volumes, as `nhwc.average_pool3d` defines it.

    Arguments and errors are those of `AveragePooling2D` with three spatial axes.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import AveragePooling3D
    >>> AveragePooling3D()(np.ones((1, 4, 4, 4, 2))).shape
    (1, 2, 2, 2, 2)
    """

    rank = 3
    _function = "average_pool3d"


class GlobalMaxPooling2D(_GlobalMaxPooling):
    """The largest number of each channel over all pixels of images, as `nhwc.global_max_pool2d` defines it.

    Parameters
    ----------
    data_format : optional
        None or "channels_last".
    keepdims : bool, default False
        Whether the spatial axes stay, with size 1.
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If an input has the wrong number of axes, or no pixels; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import GlobalMaxPooling2D
    >>> GlobalMaxPooling2D()(np.ones((1, 8, 8, 2)))
    array([[1., 1.]], dtype=float32)
    """

    rank = 2
    _function = "global_max_pool2d"


class GlobalMaxPooling1D(_GlobalMaxPooling):
    """The largest number of each channel over all pixels of signals, as `nhwc.global_max_pool1d` defines it.

    Arguments and errors are those of `GlobalMaxPooling2D` with one spatial axis.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import GlobalMaxPooling1D
    >>> GlobalMaxPooling1D()(np.ones((1, 8, 2)))
    array([[1., 1.]], dtype=float32)
    """

    rank = 1
    _function = "global_max_pool1d"


class GlobalMaxPooling3D(_GlobalMaxPooling):
    """The largest number of each channel over all pixels of volumes, as `nhwc.global_max_pool3d` defines it.

    Arguments and errors are those of `GlobalMaxPooling2D` with three spatial axes.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import GlobalMaxPooling3D
    >>> GlobalMaxPooling3D()(np.ones((1, 4, 4, 4, 2)))
    array([[1., 1.]], dtype=float32)
    """

    rank = 3
    _function = "global_max_pool3d"


class GlobalAveragePooling2D(_GlobalAveragePooling):
    """The mean of each channel over all pixels of images, as `nhwc.global_average_pool2d` defines it.

    Parameters
    ----------
    data_format : optional
        None or "channels_last".
    keepdims : bool, default False
        Whether the spatial axes stay, with size 1.
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If an input has the wrong number of axes, or no pixels; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import GlobalAveragePooling2D
    >>> GlobalAveragePooling2D()(np.ones((1, 8, 8, 2)))
    array([[1., 1.]], dtype=float32)
    """

    rank = 2
    _function = "global_average_pool2d"


class GlobalAveragePooling1D(_GlobalAveragePooling):
    """The mean of each channel over all pixels of signals, as `nhwc.global_average_pool1d` defines it.

    Arguments and errors are those of `GlobalAveragePooling2D` with one spatial axis.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import GlobalAveragePooling1D
    >>> GlobalAveragePooling1D()(np.ones((1, 8, 2)))
    array([[1., 1.]], dtype=float32)
    """

    rank = 1
    _function = "global_average_pool1d"


class GlobalAveragePooling3D(_GlobalAveragePooling):
    """The mean of each channel over all pixels of volumes, as `nhwc.global_average_pool3d` defines it.

    Arguments and errors are those of `GlobalAveragePooling2D` with three spatial axes.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import GlobalAveragePooling3D
    >>> GlobalAveragePooling3D()(np.ones((1, 4, 4, 4, 2)))
    array([[1., 1.]], dtype=float32)
    """

    rank = 3
    _function = "global_average_pool3d"
