"""The definition of every operation in plain NumPy, readable like the formula: the oracle of the tests.

Every operation visits the taps of its kernel. One tap meets one input pixel for each output pixel, and these input
pixels are one strided slice of the padded input. A convolution sums ``slice @ filters[tap]`` over the taps; its two
gradients are the transposes of that product; a pooling takes the maximum or the mean of the slices.

The functions have the names and keywords of the public ones, without ``out`` and ``algorithm`` and with ``dtype``:
inputs are cast to it and the result has it. float64 and long double round as NumPy does; 64-bit integers wrap. They
trust their arguments: a wrong one may give any NumPy error.
"""

import math

import numpy as np

# ---- Geometry: which input pixels a kernel tap meets ----


def _per_axis(value, ndim):
    """One int for each spatial axis, from an int or a sequence."""
    return (int(value),) * ndim if np.ndim(value) == 0 else tuple(int(v) for v in value)


def _pads(padding, spatial, extents, strides):
    """Return a pair (before, after) for each axis; extents are the kernel's sizes, dilation included."""
    if not isinstance(padding, str):
        sides = [(p, p) for p in _per_axis(padding, len(spatial))] if np.ndim(padding) < 2 else padding
        return [(int(before), int(after)) for before, after in sides]
    name = padding.lower()
    if name == "valid":
        return [(0, 0) for _ in extents]
    if name == "full":
        return [(e - 1, e - 1) for e in extents]
    if name == "causal":
        return [(e - 1, 0) for e in extents]
    if name != "same":
        raise ValueError(f"padding is {padding!r}; strings are 'valid', 'same', 'full' and 'causal'")
    outs = [-(-n // s) for n, s in zip(spatial, strides, strict=True)]
    totals = [max((o - 1) * s + e - n, 0) for n, e, s, o in zip(spatial, extents, strides, outs, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]


# The pixel, of n, that a padding mode puts at place i, which may be outside.
_SOURCES = {
    "edge": lambda i, n: np.clip(i, 0, n - 1),
    "reflect": lambda i, n: n - 1 - abs(n - 1 - i % max(2 * n - 2, 1)),
    "symmetric": lambda i, n: np.minimum(i % (2 * n), 2 * n - 1 - i % (2 * n)),
    "wrap": lambda i, n: i % n,
}


class _Geometry:
    """The shape arithmetic of a window that slides over `spatial`: its pads, its output sizes, its taps."""

    def __init__(self, spatial, kernel, strides, padding, dilation_rate=1):
        ndim = len(kernel)
        self.spatial = tuple(int(n) for n in spatial)
        self.kernel = tuple(int(k) for k in kernel)
        self.strides = _per_axis(strides, ndim)
        self.dilation = _per_axis(dilation_rate, ndim)
        extents = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]
        self.pads = _pads(padding, self.spatial, extents, self.strides)
        self.padded = tuple(n + before + after for n, (before, after) in zip(self.spatial, self.pads, strict=True))
        self.out = tuple(max((n - e) // s + 1, 0) for n, e, s in zip(self.padded, extents, self.strides, strict=True))

    def taps(self):
        """Yield each tap, in row order, with the index of the padded pixels it meets, one for each output pixel."""
        for tap in np.ndindex(*self.kernel):
            starts = [t * d for t, d in zip(tap, self.dilation, strict=True)]
            slices = [
                slice(start, start + n * s, s) for start, n, s in zip(starts, self.out, self.strides, strict=True)
            ]
            yield tap, (..., *slices, slice(None))

    def pad(self, x, mode="constant", **fill):
        if mode != "constant":
            return self._repeat(x, mode.lower())
        batch = [(0, 0)] * (x.ndim - len(self.pads) - 1)
        return np.pad(x, [*batch, *self.pads, (0, 0)], **fill)

    def _repeat(self, x, mode):
        """Pad with pixels of x as np.pad does; before NumPy 2.0 it errs beyond one period of "reflect"."""
        for axis, (n, (before, after)) in enumerate(zip(self.spatial, self.pads, strict=True), -len(self.pads) - 1):
            x = np.take(x, _SOURCES[mode](np.arange(-before, n + after), n), axis)
        return x

    def crop(self, padded):
        """Undo `pad`."""
        slices = [slice(before, before + n) for n, (before, _) in zip(self.spatial, self.pads, strict=True)]
        return padded[(..., *slices, slice(None))]

    def inside(self):
        """1 for every pixel of the image, 0 for every padded one, as an image of one channel."""
        return self.pad(np.ones((*self.spatial, 1), bool))


def _by_group(a, groups):
    """View (..., channels) as matrices (groups, rows, channels // groups)."""
    return a.reshape(math.prod(a.shape[:-1]), groups, a.shape[-1] // groups).swapaxes(0, 1)


def _ungroup(a, shape):
    """Undo `_by_group`."""
    return a.swapaxes(0, 1).reshape(shape)


# ---- Activations ----


def _sigmoid(y):
    return 1 / (1 + np.exp(-y))


def _hard_sigmoid(y):
    return _relu6(y + 3) / 6


def _relu6(y):
    return np.minimum(np.maximum(y, 0), 6)


def _elu(y):
    return np.where(y > 0, y, np.expm1(np.minimum(y, 0)))


def _normal_cdf(y):
    """Return (1 + erf(y / sqrt 2)) / 2, by erfc: the sum would cancel where y is negative."""
    erfc = np.frompyfunc(math.erfc, 1, 1)
    return np.asarray(erfc(-y / math.sqrt(2)) / 2, dtype=y.dtype)


def _gated(y, gate):
    """Return y * gate, and at minus infinity, where gate is 0, the limit 0."""
    return np.where(np.isneginf(y), 0, y * gate)


_ACTIVATIONS = {
    "linear": lambda y: y,
    "relu": lambda y: np.maximum(y, 0),
    "relu6": _relu6,
    "leaky_relu": lambda y: np.where(y < 0, 0.2 * y, y),
    "elu": _elu,
    "selu": lambda y: 1.0507009873554805 * np.where(y > 0, y, 1.6732632423543772 * _elu(y)),
    "sigmoid": _sigmoid,
    "hard_sigmoid": _hard_sigmoid,
    "tanh": np.tanh,
    "silu": lambda y: _gated(y, _sigmoid(y)),
    "swish": lambda y: _gated(y, _sigmoid(y)),
    "hard_silu": lambda y: _gated(y, _hard_sigmoid(y)),
    "hard_swish": lambda y: _gated(y, _hard_sigmoid(y)),
    "gelu": lambda y: _gated(y, _normal_cdf(y)),
    "softplus": lambda y: np.logaddexp(y, 0),
}


@np.errstate(all="ignore")
def activate(y, activation):
    """Apply an activation by name, or a callable, to the array `y`.

    The definitions are those of Keras 3. At infinity a function has its limit; a NaN stays one.

    Examples
    --------
    >>> activate(np.array([-np.inf, -1.0, 2.0, 7.0]), "relu6")
    array([0., 0., 2., 6.])
    """
    if activation is None:
        return y
    if callable(activation):
        return activation(y)
    return _ACTIVATIONS[activation.lower()](y)


def _finish(y, bias, residual, activation):
    """Return activation(y + bias + residual) in the dtype of y."""
    for term in (bias, residual):
        if term is not None:
            y = y + np.asarray(term).astype(y.dtype)
    return activate(y, activation)


# ---- Convolution in any number of dimensions: forward and its two gradients ----


@np.errstate(all="ignore")
def _conv(
    ndim,
    x,
    filters,
    bias=None,
    *,
    strides=1,
    padding="valid",
    dilation_rate=1,
    groups=1,
    activation=None,
    residual=None,
    padding_mode="constant",
    dtype=np.float64,
):
    x, filters = np.asarray(x).astype(dtype), np.asarray(filters).astype(dtype)
    geometry = _Geometry(x.shape[-ndim - 1 : -1], filters.shape[:ndim], strides, padding, dilation_rate)
    padded = geometry.pad(x, padding_mode)
    shape = (*x.shape[: -ndim - 1], *geometry.out, filters.shape[-1])
    y = _by_group(np.zeros(shape, dtype), groups)
    for tap, pixels in geometry.taps():
        y += _by_group(padded[pixels], groups) @ _by_group(filters[tap], groups)
    return _finish(_ungroup(y, shape), bias, residual, activation)


@np.errstate(all="ignore")
def _input_grad(
    ndim, dy, filters, input_shape, *, strides=1, padding="valid", dilation_rate=1, groups=1, dtype=np.float64
):
    dy, filters = np.asarray(dy).astype(dtype), np.asarray(filters).astype(dtype)
    *batch, channels = *input_shape[: -ndim - 1], input_shape[-1]
    geometry = _Geometry(input_shape[-ndim - 1 : -1], filters.shape[:ndim], strides, padding, dilation_rate)
    padded = np.zeros((*batch, *geometry.padded, channels), dtype)
    for tap, pixels in geometry.taps():
        product = _by_group(dy, groups) @ _by_group(filters[tap], groups).swapaxes(1, 2)
        padded[pixels] += _ungroup(product, padded[pixels].shape)
    return geometry.crop(padded)


@np.errstate(all="ignore")
def _filter_grad(ndim, x, dy, kernel_size, *, strides=1, padding="valid", dilation_rate=1, groups=1, dtype=np.float64):
    x, dy = np.asarray(x).astype(dtype), np.asarray(dy).astype(dtype)
    kernel = _per_axis(kernel_size, ndim)
    geometry = _Geometry(x.shape[-ndim - 1 : -1], kernel, strides, padding, dilation_rate)
    padded = geometry.pad(x)
    shape = (x.shape[-1] // groups, dy.shape[-1])
    dfilters = np.zeros((*kernel, *shape), dtype)
    for tap, pixels in geometry.taps():
        product = _by_group(padded[pixels], groups).swapaxes(1, 2) @ _by_group(dy, groups)
        dfilters[tap] = _ungroup(product, shape)
    return dfilters


def _transposed_size(n, extent, stride, padding, output_padding):
    """Return the size of the image that the forward convolution reads to make n outputs, as Keras chooses it."""
    if isinstance(padding, str) and output_padding is None:
        return n * stride + (max(extent - stride, 0) if padding.lower() == "valid" else 0)
    if isinstance(padding, str):
        return (n - 1) * stride + output_padding + (extent if padding.lower() == "valid" else extent % 2)
    return (n - 1) * stride + extent - sum(padding) + (output_padding or 0)


def _conv_transpose(
    ndim,
    x,
    filters,
    bias=None,
    *,
    strides=1,
    padding="valid",
    output_padding=None,
    dilation_rate=1,
    groups=1,
    activation=None,
    residual=None,
    dtype=np.float64,
):
    x, filters = np.asarray(x), np.asarray(filters)
    sizes, strides = x.shape[-ndim - 1 : -1], _per_axis(strides, ndim)
    extents = [(k - 1) * d + 1 for k, d in zip(filters.shape[:ndim], _per_axis(dilation_rate, ndim), strict=True)]
    sides = [padding] * ndim if isinstance(padding, str) else _pads(padding, sizes, extents, strides)
    extra = [None] * ndim if output_padding is None else _per_axis(output_padding, ndim)
    out = [max(_transposed_size(*axis), 0) for axis in zip(sizes, extents, strides, sides, extra, strict=True)]
    shape = (*x.shape[: -ndim - 1], *out, filters.shape[-2] * groups)
    y = _input_grad(
        ndim,
        x,
        filters,
        shape,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        dtype=dtype,
    )
    return _finish(y, bias, residual, activation)


# ---- Depthwise is convolution with a group for each channel ----


def _grouped_filters(ndim, filters):
    """Depthwise filters (*kernel, C, M) as grouped ones (*kernel, 1, C * M), and the number of groups."""
    filters = np.asarray(filters)
    channels = filters.shape[-2]
    return filters.reshape(*filters.shape[:ndim], min(channels, 1), -1 if filters.size else 0), max(channels, 1)


def _depthwise(ndim, x, filters, bias=None, **options):
    filters, groups = _grouped_filters(ndim, filters)
    return _conv(ndim, x, filters, bias, groups=groups, **options)


def _separable(
    ndim,
    x,
    depthwise_filters,
    pointwise_filters,
    bias=None,
    *,
    activation=None,
    residual=None,
    dtype=np.float64,
    **options,
):
    between = _depthwise(ndim, x, depthwise_filters, dtype=dtype, **options)
    return _conv(ndim, between, pointwise_filters, bias, activation=activation, residual=residual, dtype=dtype)


def _depthwise_input_grad(ndim, dy, filters, input_shape, **options):
    filters, groups = _grouped_filters(ndim, filters)
    return _input_grad(ndim, dy, filters, input_shape, groups=groups, **options)


def _depthwise_filter_grad(ndim, x, dy, kernel_size, **options):
    channels, filters = np.shape(x)[-1], np.shape(dy)[-1]
    dfilters = _filter_grad(ndim, x, dy, kernel_size, groups=max(channels, 1), **options)
    return dfilters.reshape(*dfilters.shape[:ndim], channels, filters // max(channels, 1))


# ---- Pooling in any number of dimensions ----


def _pool_geometry(ndim, spatial, pool_size, strides, padding):
    pool = _per_axis(pool_size, ndim)
    return _Geometry(spatial, pool, pool if strides is None else strides, padding)


def _lowest(dtype):
    return -np.inf if np.issubdtype(dtype, np.inexact) else np.iinfo(dtype).min


def _max_pool(ndim, x, pool_size, *, strides=None, padding="valid", dtype=np.float64):
    x = np.asarray(x).astype(dtype)
    geometry = _pool_geometry(ndim, x.shape[-ndim - 1 : -1], pool_size, strides, padding)
    padded = geometry.pad(x, constant_values=_lowest(dtype))
    return np.maximum.reduce([padded[pixels] for _, pixels in geometry.taps()])


def _average_pool(ndim, x, pool_size, *, strides=None, padding="valid", dtype=np.float64):
    x = np.asarray(x).astype(dtype)
    geometry = _pool_geometry(ndim, x.shape[-ndim - 1 : -1], pool_size, strides, padding)
    padded, inside = geometry.pad(x), geometry.inside()
    total = sum(padded[pixels] for _, pixels in geometry.taps())
    return total / sum(inside[pixels].astype(dtype) for _, pixels in geometry.taps())


def _max_pool_grad(ndim, dy, x, pool_size, *, strides=None, padding="valid", dtype=np.float64):
    dy, y = np.asarray(dy).astype(dtype), _max_pool(ndim, x, pool_size, strides=strides, padding=padding, dtype=dtype)
    x = np.asarray(x).astype(dtype)
    geometry = _pool_geometry(ndim, x.shape[-ndim - 1 : -1], pool_size, strides, padding)
    padded, inside = geometry.pad(x), geometry.inside()
    dpadded = np.zeros_like(padded)
    given = np.zeros(y.shape, bool)
    for _, pixels in geometry.taps():
        value = padded[pixels]
        is_maximum = inside[pixels] & ((value == y) | (value != value))
        dpadded[pixels] += np.where(is_maximum & ~given, dy, 0)
        given |= is_maximum
    return geometry.crop(dpadded)


def _average_pool_grad(ndim, dy, input_shape, pool_size, *, strides=None, padding="valid", dtype=np.float64):
    geometry = _pool_geometry(ndim, input_shape[-ndim - 1 : -1], pool_size, strides, padding)
    inside = geometry.inside()
    share = np.asarray(dy).astype(dtype) / sum(inside[pixels].astype(dtype) for _, pixels in geometry.taps())
    dpadded = np.zeros((*input_shape[: -ndim - 1], *geometry.padded, input_shape[-1]), dtype)
    for _, pixels in geometry.taps():
        dpadded[pixels] += share
    return geometry.crop(dpadded)


def _global_pool(ndim, reduce, x, keepdims=False, dtype=np.float64):
    return reduce(np.asarray(x).astype(dtype), axis=tuple(range(-ndim - 1, -1)), keepdims=keepdims)


# ---- The functions by their public names ----


def conv2d(
    x,
    filters,
    bias=None,
    *,
    strides=1,
    padding="valid",
    dilation_rate=1,
    groups=1,
    activation=None,
    residual=None,
    padding_mode="constant",
    dtype=np.float64,
):
    """Convolve images with filters, as deep learning means it: cross-correlation, the filter is not flipped.

    With strides s, dilation d, pads p before the image and g the group of filter f ::

        y[n, i, j, f] = activation(bias[f] + residual[n, i, j, f]
            + sum over u, v, c of  x[n, i*s0 + u*d0 - p0, j*s1 + v*d1 - p1, g*C/groups + c] * filters[u, v, c, f])

    Parameters
    ----------
    x : array_like, shape (N, H, W, C) or (H, W, C)
        Images, or one image, whose result then has no batch axis either.
    filters : array_like, shape (KH, KW, C // groups, F)
    bias : array_like, shape (F,), optional
    strides, dilation_rate : int or sequence of 2 ints
    padding : {"valid", "same", "full"}, int, sequence of 2 ints or of 2 pairs (before, after)
        In pixels; "same" is TensorFlow's: ceil(n / stride) outputs, the odd pixel goes after.
    groups : int
        Divides C and F; group g reads channels g*C/groups and on, and makes filters g*F/groups and on.
    activation : str or callable, optional
    residual : array_like, the shape of the result, optional
        Added before the activation.
    padding_mode : {"constant", "edge", "reflect", "symmetric", "wrap"}
        What the padding holds, in the names of `numpy.pad`; "constant" is zeros.
    dtype : dtype
        float64, long double or an integer dtype: inputs are cast to it and the arithmetic is done in it.

    Returns
    -------
    numpy.ndarray, shape (N, OH, OW, F) or (OH, OW, F)

    Raises
    ------
    ValueError
        If the shapes do not go together.

    References
    ----------
    V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.

    Examples
    --------
    A detector of vertical lines over an image in which two columns are lit:

    >>> image = np.zeros((8, 8, 1))
    >>> image[:, 3:5] = 1
    >>> detector = np.array([[0, 1, 0], [0, 1, 0], [0, 1, 0]]).reshape(3, 3, 1, 1)
    >>> conv2d(image, detector)[..., 0]
    array([[0., 0., 3., 3., 0., 0.],
           [0., 0., 3., 3., 0., 0.],
           [0., 0., 3., 3., 0., 0.],
           [0., 0., 3., 3., 0., 0.],
           [0., 0., 3., 3., 0., 0.],
           [0., 0., 3., 3., 0., 0.]])
    """
    return _conv(
        2,
        x,
        filters,
        bias,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        activation=activation,
        residual=residual,
        padding_mode=padding_mode,
        dtype=dtype,
    )


def conv1d(x, filters, bias=None, **options):
    """`conv2d` over signals (N, W, C), with `padding="causal"` besides: all of it before the signal.

    Examples
    --------
    >>> signal = np.array([0, 0, 0, 1, 1, 0, 0, 0]).reshape(8, 1)
    >>> conv1d(signal, np.array([0, 1, 0]).reshape(3, 1, 1))[:, 0]
    array([0., 0., 1., 1., 0., 0.])
    """
    return _conv(1, x, filters, bias, **options)


def conv3d(x, filters, bias=None, **options):
    """`conv2d` over volumes (N, D, H, W, C)."""
    return _conv(3, x, filters, bias, **options)


def depthwise_conv1d(x, filters, bias=None, **options):
    """`depthwise_conv2d` over signals (N, W, C)."""
    return _depthwise(1, x, filters, bias, **options)


def depthwise_conv2d(x, filters, bias=None, **options):
    """`conv2d` of each channel c by its own M filters (KH, KW, C, M), giving output channels c*M and on."""
    return _depthwise(2, x, filters, bias, **options)


def separable_conv1d(x, depthwise_filters, pointwise_filters, bias=None, **options):
    """`separable_conv2d` over signals (N, W, C)."""
    return _separable(1, x, depthwise_filters, pointwise_filters, bias, **options)


def separable_conv2d(x, depthwise_filters, pointwise_filters, bias=None, **options):
    """`depthwise_conv2d`, then `conv2d` by pointwise filters (1, 1, C*M, F) with bias, residual and activation."""
    return _separable(2, x, depthwise_filters, pointwise_filters, bias, **options)


def conv1d_transpose(x, filters, bias=None, **options):
    """`conv2d_transpose` over signals (N, W, C)."""
    return _conv_transpose(1, x, filters, bias, **options)


def conv2d_transpose(x, filters, bias=None, **options):
    """`conv2d_input_grad` as a layer: filters (KH, KW, F // groups, C), output sizes and `output_padding` as in Keras.

    Examples
    --------
    >>> conv2d_transpose(np.ones((2, 2, 1)), np.ones((2, 2, 1, 1)), strides=1)[..., 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    return _conv_transpose(2, x, filters, bias, **options)


def conv3d_transpose(x, filters, bias=None, **options):
    """`conv2d_transpose` over volumes (N, D, H, W, C)."""
    return _conv_transpose(3, x, filters, bias, **options)


def conv1d_input_grad(dy, filters, input_shape, **options):
    """`conv2d_input_grad` over signals (N, W, C)."""
    return _input_grad(1, dy, filters, input_shape, **options)


def conv2d_input_grad(dy, filters, input_shape, **options):
    """Return dx of `input_shape`, the gradient of ``sum(dy * conv2d(x, filters))`` in x.

    Examples
    --------
    >>> conv2d_input_grad(np.ones((2, 2, 1)), np.ones((2, 2, 1, 1)), (3, 3, 1))[..., 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    return _input_grad(2, dy, filters, input_shape, **options)


def conv3d_input_grad(dy, filters, input_shape, **options):
    """`conv2d_input_grad` over volumes (N, D, H, W, C)."""
    return _input_grad(3, dy, filters, input_shape, **options)


def depthwise_conv1d_input_grad(dy, filters, input_shape, **options):
    """`conv2d_input_grad` for `depthwise_conv1d`."""
    return _depthwise_input_grad(1, dy, filters, input_shape, **options)


def depthwise_conv2d_input_grad(dy, filters, input_shape, **options):
    """`conv2d_input_grad` for `depthwise_conv2d`."""
    return _depthwise_input_grad(2, dy, filters, input_shape, **options)


def conv1d_filter_grad(x, dy, kernel_size, **options):
    """`conv2d_filter_grad` over signals (N, W, C)."""
    return _filter_grad(1, x, dy, kernel_size, **options)


def conv2d_filter_grad(x, dy, kernel_size, **options):
    """Return dfilters (KH, KW, C // groups, F), the gradient of ``sum(dy * conv2d(x, filters))`` in filters.

    Examples
    --------
    >>> x = np.arange(9.0).reshape(3, 3, 1)
    >>> conv2d_filter_grad(x, np.ones((2, 2, 1)), 2)[..., 0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    return _filter_grad(2, x, dy, kernel_size, **options)


def conv3d_filter_grad(x, dy, kernel_size, **options):
    """`conv2d_filter_grad` over volumes (N, D, H, W, C)."""
    return _filter_grad(3, x, dy, kernel_size, **options)


def depthwise_conv1d_filter_grad(x, dy, kernel_size, **options):
    """`conv2d_filter_grad` for `depthwise_conv1d`: (K, C, M)."""
    return _depthwise_filter_grad(1, x, dy, kernel_size, **options)


def depthwise_conv2d_filter_grad(x, dy, kernel_size, **options):
    """`conv2d_filter_grad` for `depthwise_conv2d`: (KH, KW, C, M)."""
    return _depthwise_filter_grad(2, x, dy, kernel_size, **options)


def max_pool1d(x, pool_size, **options):
    """`max_pool2d` over signals (N, W, C)."""
    return _max_pool(1, x, pool_size, **options)


def max_pool2d(x, pool_size, **options):
    """Return the maximum over each window; `strides=None` means the pool size, and padding never wins.

    Examples
    --------
    >>> max_pool2d(np.arange(16.0).reshape(4, 4, 1), 2)[..., 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    return _max_pool(2, x, pool_size, **options)


def max_pool3d(x, pool_size, **options):
    """`max_pool2d` over volumes (N, D, H, W, C)."""
    return _max_pool(3, x, pool_size, **options)


def average_pool1d(x, pool_size, **options):
    """`average_pool2d` over signals (N, W, C)."""
    return _average_pool(1, x, pool_size, **options)


def average_pool2d(x, pool_size, **options):
    """Return the mean of the pixels in each window, padding not counted; a float `dtype` only."""
    return _average_pool(2, x, pool_size, **options)


def average_pool3d(x, pool_size, **options):
    """`average_pool2d` over volumes (N, D, H, W, C)."""
    return _average_pool(3, x, pool_size, **options)


def max_pool1d_grad(dy, x, pool_size, **options):
    """`max_pool2d_grad` over signals (N, W, C)."""
    return _max_pool_grad(1, dy, x, pool_size, **options)


def max_pool2d_grad(dy, x, pool_size, **options):
    """Give each dy to the pixel that is its window's maximum, of equal ones the first in row order."""
    return _max_pool_grad(2, dy, x, pool_size, **options)


def max_pool3d_grad(dy, x, pool_size, **options):
    """`max_pool2d_grad` over volumes (N, D, H, W, C)."""
    return _max_pool_grad(3, dy, x, pool_size, **options)


def average_pool1d_grad(dy, input_shape, pool_size, **options):
    """`average_pool2d_grad` over signals (N, W, C)."""
    return _average_pool_grad(1, dy, input_shape, pool_size, **options)


def average_pool2d_grad(dy, input_shape, pool_size, **options):
    """Give each dy in equal shares to the pixels of its window."""
    return _average_pool_grad(2, dy, input_shape, pool_size, **options)


def average_pool3d_grad(dy, input_shape, pool_size, **options):
    """`average_pool2d_grad` over volumes (N, D, H, W, C)."""
    return _average_pool_grad(3, dy, input_shape, pool_size, **options)


def global_max_pool1d(x, **options):
    """`global_max_pool2d` over signals (N, W, C)."""
    return _global_pool(1, np.max, x, **options)


def global_max_pool2d(x, **options):
    """Return the maximum over all pixels of each sample and channel; `keepdims` keeps their axes."""
    return _global_pool(2, np.max, x, **options)


def global_max_pool3d(x, **options):
    """`global_max_pool2d` over volumes (N, D, H, W, C)."""
    return _global_pool(3, np.max, x, **options)


def global_average_pool1d(x, **options):
    """`global_average_pool2d` over signals (N, W, C)."""
    return _global_pool(1, np.mean, x, **options)


def global_average_pool2d(x, **options):
    """Return the mean over all pixels of each sample and channel; `keepdims` keeps their axes."""
    return _global_pool(2, np.mean, x, **options)


def global_average_pool3d(x, **options):
    """`global_average_pool2d` over volumes (N, D, H, W, C)."""
    return _global_pool(3, np.mean, x, **options)
