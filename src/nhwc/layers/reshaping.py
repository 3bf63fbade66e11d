"""Layers that move pixels and compute nothing: padding, cropping, enlarging, flattening, reshaping."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nhwc import _check
from nhwc.layers import _resize
from nhwc.layers._steps import Step
from nhwc.layers.base import Layer
from nhwc.layers.convolution import Convolution


class _Margins(Layer):
    """What padding and cropping share: a pair (before, after) for each spatial axis."""

    rank: int

    def __init__(self, arg: str, value: Any, data_format: str | None, **kwargs: Any):
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self._pairs = self._read_pairs(arg, value)

    def _read_pairs(self, arg, value):
        items = _check._items(value)
        if self.rank == 1 and items is not None and len(items) == 2:
            items = [items]  # (before, after) of the only axis.
        if items is None:
            items = [value] * self.rank
        pairs = [[_check._index(n) for n in _check._items(item) or (item, item)] for item in items]
        if len(pairs) != self.rank or any(len(pair) != 2 or None in pair or min(pair) < 0 for pair in pairs):
            forms = "a pair" if self.rank == 1 else f"{self.rank} ints, or {self.rank} pairs (before, after),"
            raise ValueError(f"{self._label}: {arg} is {value!r}; an int of at least 0, or {forms} would do")
        return tuple(map(tuple, pairs))

    def _inside(self, shape):
        """Return the index of what lies between the margins of a batch of this shape."""
        slices = (slice(before, n - after) for n, (before, after) in zip(shape[1:-1], self._pairs, strict=True))
        return (slice(None), *slices)

    def _grow(self, input_shape, sign):
        self._check_rank(input_shape, self.rank)
        batch, *spatial, channels = input_shape
        sizes = (None if n is None else n + sign * sum(pair) for n, pair in zip(spatial, self._pairs, strict=True))
        return (batch, *sizes, channels)

    def _enlarged(self, x, out=None):
        """Return `x` within margins of zeros."""
        if out is None:
            out = np.empty(self._grow(x.shape, 1), np.float32)
        out.fill(0)
        out[self._inside(out.shape)] = x
        return out

    def _as_step(self, shape, run):
        out_shape = self.compute_output_shape((None, *shape))[1:]
        return [Step((self.name,), type(self).__name__, out_shape, run)], 1


class _ZeroPadding(_Margins):
    @property
    def padding(self) -> tuple[tuple[int, int], ...]:
        """The zeros before and after each spatial axis."""
        return self._pairs

    def call(self, x: np.ndarray) -> np.ndarray:
        return self._enlarged(x, np.empty(self.compute_output_shape(x.shape), np.float32))

    def vjp(self, x):
        y = self.call(x)
        return y, lambda dy, input_grad=True: (np.ascontiguousarray(dy[self._inside(dy.shape)]), {})

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return self._grow(input_shape, 1)

    def grown(self, shape):
        """Return the shape of a sample with its padding."""
        return self._grow((None, *shape), 1)[1:]

    def _compile(self, shape, rest):
        """Leave the padding to a convolution that follows, which needs no padded copy."""
        following = rest[1] if len(rest) > 1 else None
        if isinstance(following, Convolution) and following.takes_padding():
            steps, count = following._compile(shape, rest[1:], padding=self)
            return [steps[0]._replace(layers=(self.name, *steps[0].layers)), *steps[1:]], count + 1
        return self._as_step(shape, self._enlarged)


class _Cropping(_Margins):
    @property
    def cropping(self) -> tuple[tuple[int, int], ...]:
        """The pixels left out before and after each spatial axis."""
        return self._pairs

    def call(self, x: np.ndarray) -> np.ndarray:
        self.compute_output_shape(x.shape)
        return x[self._inside(x.shape)].copy()

    def vjp(self, x):
        return self.call(x), lambda dy, input_grad=True: (self._enlarged(dy), {})

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        shape = self._grow(input_shape, -1)
        if any(n is not None and n <= 0 for n in shape[1:-1]):
            raise ValueError(
                f"{self._label}: cropping is {self._pairs} but the input has shape {tuple(input_shape)}; less than its "
                "pixels would do"
            )
        return shape

    def _compile(self, shape, rest):
        def run(x, out):
            out[...] = x[self._inside(x.shape)]

        return self._as_step(shape, run)


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images.

    Parameters
    ----------
    padding : int, pair of int, or pair of pairs of int, default (1, 1)
        For both axes, for each, or before and after each.
    data_format : optional
        None or "channels_last".
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If an argument is wrong, or an input has the wrong number of axes; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import ZeroPadding2D
    >>> ZeroPadding2D(((0, 1), (0, 2)))(np.ones((1, 2, 2, 1)))[0, ..., 0]
    array([[1., 1., 0., 0.],
           [1., 1., 0., 0.],
           [0., 0., 0., 0.]], dtype=float32)
    """

    rank = 2

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any):
        super().__init__("padding", padding, data_format, **kwargs)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after signals.

    Arguments and errors are those of `ZeroPadding2D`; `padding`, default 1, is an int or a pair (before, after).

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import ZeroPadding1D
    >>> ZeroPadding1D((2, 0))(np.ones((1, 2, 1))).ravel()
    array([0., 0., 1., 1.], dtype=float32)
    """

    rank = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any):
        super().__init__("padding", padding, data_format, **kwargs)


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes.

    Arguments and errors are those of `ZeroPadding2D` with three spatial axes.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import ZeroPadding3D
    >>> ZeroPadding3D()(np.ones((1, 2, 3, 4, 1))).shape
    (1, 4, 5, 6, 1)
    """

    rank = 3

    def __init__(self, padding: Any = (1, 1, 1), data_format: str | None = None, **kwargs: Any):
        super().__init__("padding", padding, data_format, **kwargs)


class Cropping2D(_Cropping):
    """Images without their margins.

    Parameters
    ----------
    cropping : int, pair of int, or pair of pairs of int, default ((0, 0), (0, 0))
        The pixels to leave out: for both axes, for each, or before and after each.
    data_format : optional
        None or "channels_last".
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If an argument is wrong, or leaves nothing of an input; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import Cropping2D
    >>> Cropping2D(((1, 0), (0, 2)))(np.ones((1, 8, 8, 3))).shape
    (1, 7, 6, 3)
    """

    rank = 2

    def __init__(self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any):
        super().__init__("cropping", cropping, data_format, **kwargs)


class Cropping1D(_Cropping):
    """Signals without their ends.

    Arguments and errors are those of `Cropping2D`; `cropping`, default (1, 1), is an int or a pair (before, after).

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import Cropping1D
    >>> Cropping1D((1, 2))(np.ones((1, 8, 3))).shape
    (1, 5, 3)
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), data_format: str | None = None, **kwargs: Any):
        super().__init__("cropping", cropping, data_format, **kwargs)


class Cropping3D(_Cropping):
    """Volumes without their margins.

    Arguments and errors are those of `Cropping2D` with three spatial axes; the default is ((1, 1), (1, 1), (1, 1)).

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import Cropping3D
    >>> Cropping3D()(np.ones((1, 4, 5, 6, 1))).shape
    (1, 2, 3, 4, 1)
    """

    rank = 3

    def __init__(self, cropping: Any = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None, **kwargs: Any):
        super().__init__("cropping", cropping, data_format, **kwargs)


class _UpSampling(Layer):
    """What layers share that make each pixel several."""

    rank: int
    interpolation = "nearest"

    def __init__(self, size: Any, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._check_data_format(data_format)
        self._factors = self._per_axis("size", size, self.rank)
        self.size = self._factors[0] if self.rank == 1 else self._factors

    def call(self, x: np.ndarray) -> np.ndarray:
        out = np.empty(self.compute_output_shape(x.shape), np.float32)
        self._fill(x, out)
        return out

    def vjp(self, x):
        gradient = _resize.bilinear_gradient if self.interpolation == "bilinear" else _resize.nearest_gradient
        return self.call(x), lambda dy, input_grad=True: (gradient(dy, self._factors), {})

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        self._check_rank(input_shape, self.rank)
        batch, *spatial, channels = input_shape
        sizes = (None if n is None else n * factor for n, factor in zip(spatial, self._factors, strict=True))
        return (batch, *sizes, channels)

    def _fill(self, x, out):
        fill = _resize.bilinear if self.interpolation == "bilinear" else _resize.nearest
        fill(x, self._factors, out)

    def _compile(self, shape, rest):
        out_shape = self.compute_output_shape((None, *shape))[1:]
        return [Step((self.name,), f"{type(self).__name__} {self.interpolation}", out_shape, self._fill)], 1


class UpSampling2D(_UpSampling):
    """Images made larger by whole factors.

    Parameters
    ----------
    size : int or pair of int, default (2, 2)
        The factors of the height and the width.
    data_format : optional
        None or "channels_last".
    interpolation : {"nearest", "bilinear"}, default "nearest"
        Whether pixels are repeated, or lie on lines between the centres of those given; the margins are constant.
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If an argument is wrong, or an input has the wrong number of axes; the message names the layer.

    Examples
    --------
    >>> from nhwc.layers import UpSampling2D
    >>> image = [[[[0], [4]]]]
    >>> UpSampling2D((1, 2))(image).ravel()
    array([0., 0., 4., 4.], dtype=float32)
    >>> UpSampling2D((1, 2), interpolation="bilinear")(image).ravel()
    array([0., 1., 3., 4.], dtype=float32)
    """

    rank = 2

    def __init__(self, size: int | Sequence[int] = (2, 2), data_format: str | None = None,
                 interpolation: str = "nearest", **kwargs: Any):  # fmt: skip
        super().__init__(size, data_format, **kwargs)
        self.interpolation = interpolation.lower() if isinstance(interpolation, str) else interpolation
        if self.interpolation not in ("nearest", "bilinear"):
            raise ValueError(f"{self._label}: interpolation is {interpolation!r}; 'nearest' or 'bilinear' would do")


class UpSampling1D(_UpSampling):
    """Signals with each step repeated.

    `size`, default 2, is an int; errors are those of `UpSampling2D`.

    Examples
    --------
    >>> from nhwc.layers import UpSampling1D
    >>> UpSampling1D(3)([[[1], [2]]]).ravel()
    array([1., 1., 1., 2., 2., 2.], dtype=float32)
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any):
        super().__init__(size, **kwargs)


class UpSampling3D(_UpSampling):
    """Volumes with each pixel repeated.

    `size` is an int or three, default (2, 2, 2); errors are those of `UpSampling2D`.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import UpSampling3D
    >>> UpSampling3D((1, 2, 3))(np.ones((1, 2, 2, 2, 1))).shape
    (1, 2, 4, 6, 1)
    """

    rank = 3

    def __init__(self, size: int | Sequence[int] = (2, 2, 2), data_format: str | None = None, **kwargs: Any):
        super().__init__(size, data_format, **kwargs)


class _View(Layer):
    """What layers share that only see samples in another shape."""

    def call(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(self.compute_output_shape(x.shape)).copy()

    def vjp(self, x):
        shape = x.shape
        return x.reshape(self.compute_output_shape(shape)), lambda dy, input_grad=True: (dy.reshape(shape), {})

    def _compile(self, shape, rest):
        out_shape = self.compute_output_shape((0, *shape))[1:]
        return [Step((self.name,), f"{type(self).__name__}, a view", out_shape, None)], 1


class Flatten(_View):
    """Each sample as one row of numbers, channels fastest.

    Parameters
    ----------
    data_format : optional
        None or "channels_last".
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import Flatten
    >>> Flatten()(np.ones((2, 4, 4, 3))).shape
    (2, 48)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self._check_data_format(data_format)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        if not input_shape:
            raise ValueError(f"{self._label}: the input has no axes; a batch would do")
        batch, *sizes = input_shape
        return (batch, None if None in sizes else math.prod(sizes))


class Reshape(_View):
    """Each sample in another shape of the same size.

    Parameters
    ----------
    target_shape : sequence of int
        The shape of a sample; one of the sizes may be -1, and follows from the others.
    **kwargs
        `name`, `trainable`, `dtype` and `input_shape`, as for every layer.

    Raises
    ------
    ValueError
        If the shape is none, or a sample does not fill it; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from nhwc.layers import Reshape
    >>> Reshape((8, -1, 1))(np.ones((2, 64))).shape
    (2, 8, 8, 1)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        items = _check._items(target_shape)
        sizes = None if items is None else [_check._index(n) for n in items]
        if sizes is None or None in sizes or min(sizes, default=0) < -1 or sizes.count(-1) > 1:
            raise ValueError(
                f"{self._label}: target_shape is {target_shape!r}; a tuple of ints, one of them perhaps -1, would do"
            )
        self.target_shape = tuple(sizes)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        if not input_shape:
            raise ValueError(f"{self._label}: the input has no axes; a batch would do")
        batch, *sizes = input_shape
        known = math.prod(n for n in self.target_shape if n != -1)
        if None in sizes:
            return (batch, *(None if n == -1 else n for n in self.target_shape))
        size = math.prod(sizes)
        fits = known == size if -1 not in self.target_shape else known > 0 and size % known == 0
        if not fits:
            raise ValueError(
                f"{self._label}: the input has shape {tuple(input_shape)}, {size} numbers in each sample, which do not "
                f"fill {self.target_shape}"
            )
        return (batch, *(size // known if n == -1 else n for n in self.target_shape))
