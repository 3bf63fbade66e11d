# Recognises plain calls: exact arrays of one float dtype that kernels can read in place, plain options. What it does not
# recognise goes by way of nhwc._check, so it must never accept what that would refuse. Included by _core.pyx.

cdef inline bint _is_plain(object value, int type_number) noexcept:
    """Whether value is exactly an ndarray of this dtype that kernels can read in place."""
    return (cnp.PyArray_CheckExact(value) and cnp.PyArray_TYPE(<cnp.ndarray>value) == type_number
            and cnp.PyArray_CHKFLAGS(<cnp.ndarray>value, cnp.NPY_ARRAY_CARRAY_RO)
            and cnp.PyArray_ISNOTSWAPPED(<cnp.ndarray>value))


cdef inline bint _overlap(cnp.ndarray a, cnp.ndarray b) noexcept:
    cdef const char *a0 = <const char *>cnp.PyArray_DATA(a)
    cdef const char *b0 = <const char *>cnp.PyArray_DATA(b)
    return a0 < b0 + cnp.PyArray_NBYTES(b) and b0 < a0 + cnp.PyArray_NBYTES(a)


cdef bint _plain_ints(object value, int ndim, int64_t *axes) except -1:
    """Read a plain int, or a tuple of one for each axis, into the last of three axes."""
    cdef int i
    cdef object item
    if PyLong_CheckExact(value):
        for i in range(3 - ndim, 3):
            axes[i] = _small_int(value)
        return axes[2] >= 0
    if not PyTuple_CheckExact(value) or len(<tuple>value) != ndim:
        return False
    for i in range(ndim):
        item = (<tuple>value)[i]
        axes[3 - ndim + i] = _small_int(item) if PyLong_CheckExact(item) else -1
        if axes[3 - ndim + i] < 0:
            return False
    return True


cdef int64_t _small_int(object value) except? -2:
    """An exact int, or -1 where it is negative or too large to be plain."""
    if value < 0 or value > 1 << 40:
        return -1
    return value


cdef bint _plain_padding(object padding, int ndim, nhwc_problem *p) except -1:
    """Fill the padding from "valid", "same" or an int; the strides and sizes are there already."""
    cdef int i
    cdef int64_t size, span, total, both
    if type(padding) is str:
        if padding == "valid":
            return True
        if padding != "same":
            return False
        for i in range(3 - ndim, 3):
            size = p.in_[i]
            span = (p.kernel[i] - 1) * p.dilation[i] + 1
            total = ((size + p.stride[i] - 1) // p.stride[i] - 1) * p.stride[i] + span - size if size > 0 else 0
            if total > 0:
                p.before[i] = total // 2
                p.after[i] = total - total // 2
        return True
    if not PyLong_CheckExact(padding):
        return False
    both = _small_int(padding)
    for i in range(3 - ndim, 3):
        p.before[i] = both
        p.after[i] = both
    return both >= 0


cdef bint _plain_options(nhwc_problem *p, int ndim, object strides, object padding, object dilation_rate,
                         object activation, object padding_mode, object algorithm) except -1:
    cdef object code
    if not _plain_ints(strides, ndim, p.stride) or not _plain_ints(dilation_rate, ndim, p.dilation):
        return False
    if p.stride[2] < 1 or p.dilation[2] < 1 or p.stride[1] < 1 or p.dilation[1] < 1 or p.stride[0] < 1:
        return False
    if type(padding_mode) is not str or padding_mode != "constant" or type(algorithm) is not str:
        return False
    if activation is not None:
        code = _activation_codes.get(activation) if type(activation) is str else None
        if code is None:
            return False
        p.activation = <nhwc_activation><int>code
    code = _algorithm_codes.get(algorithm)
    if code is None:
        return False
    p.algorithm = <nhwc_algorithm><int>code
    return _plain_padding(padding, ndim, p)


cdef bint _plain_shapes(nhwc_problem *p, int ndim, bint depthwise, int x_ndim, const cnp.npy_intp *x_shape,
                        cnp.ndarray filters, object groups) except -1:
    cdef int i
    cdef cnp.npy_intp *filters_shape = cnp.PyArray_DIMS(filters)
    if cnp.PyArray_NDIM(filters) != ndim + 2 or not ndim + 1 <= x_ndim <= ndim + 2:
        return False
    p.n = x_shape[0] if x_ndim == ndim + 2 else 1
    for i in range(3):
        p.in_[i] = p.kernel[i] = p.stride[i] = p.dilation[i] = 1
        p.before[i] = p.after[i] = 0
    for i in range(ndim):
        p.in_[3 - ndim + i] = x_shape[x_ndim - 1 - ndim + i]
        if p.in_[3 - ndim + i] == 0:
            return False
        p.kernel[3 - ndim + i] = filters_shape[i]
    p.c = x_shape[x_ndim - 1]
    if depthwise:
        p.groups = p.c
        p.f = p.c * filters_shape[ndim + 1]
        return p.c > 0 and filters_shape[ndim] == p.c
    if not PyLong_CheckExact(groups):
        return False
    p.groups = _small_int(groups)
    p.f = filters_shape[ndim + 1]
    return p.groups > 0 and filters_shape[ndim] * p.groups == p.c


cdef bint _plain_addend(object value, int type_number, int ndim, const cnp.npy_intp *shape) except -1:
    """Whether a bias or residual is None or plain and of this shape."""
    cdef int i
    if value is None:
        return True
    if not _is_plain(value, type_number) or cnp.PyArray_NDIM(<cnp.ndarray>value) != ndim:
        return False
    for i in range(ndim):
        if cnp.PyArray_DIMS(<cnp.ndarray>value)[i] != shape[i]:
            return False
    return True


cdef bint _plain_out(object out, object x, object filters, object bias, object residual) except -1:
    """Whether out, of the right shape, may be written."""
    if not cnp.PyArray_ISWRITEABLE(<cnp.ndarray>out) or _overlap(out, x):
        return False
    if filters is not None and _overlap(out, filters):
        return False
    if bias is not None and _overlap(out, bias):
        return False
    return residual is None or residual is out or not _overlap(out, residual)


cdef int _out_shape(const nhwc_problem *p, int ndim, int x_ndim, int64_t n, cnp.npy_intp *shape) noexcept:
    cdef int i, at = 0
    if x_ndim == ndim + 2:
        shape[0] = n
        at = 1
    for i in range(3 - ndim, 3):
        shape[at] = p.out[i]
        at += 1
    shape[at] = p.f
    return at + 1


cdef inline void *_data(object array) noexcept:
    return NULL if array is None else cnp.PyArray_DATA(<cnp.ndarray>array)
