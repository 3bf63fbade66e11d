# Separable convolutions: plain calls recognised here, all others by way of nhwc._check_separable. Included by _core.pyx.

cdef nhwc_status _run_separable(const nhwc_problem *p, const nhwc_problem *q, object x, object depthwise_filters,
                                object pointwise_filters, object bias, object residual, object out) noexcept:
    cdef void *x_data = _data(x)
    cdef void *depthwise_data = _data(depthwise_filters)
    cdef void *pointwise_data = _data(pointwise_filters)
    cdef void *bias_data = _data(bias)
    cdef void *residual_data = _data(residual)
    cdef void *out_data = _data(out)
    cdef nhwc_status status
    with nogil:
        status = nhwc_separable(p, q, x_data, depthwise_data, pointwise_data, bias_data, residual_data, out_data)
    return status


cdef bint _plain_pointwise(nhwc_problem *q, const nhwc_problem *p, int ndim, cnp.ndarray filters,
                           object activation) except -1:
    """Fill the second problem from the first; False if its filters do not fit."""
    cdef int i
    cdef cnp.npy_intp *shape = cnp.PyArray_DIMS(filters)
    cdef object code
    if cnp.PyArray_NDIM(filters) != ndim + 2 or shape[ndim] != p.f:
        return False
    q.dtype, q.n, q.c, q.f, q.groups = p.dtype, p.n, p.f, shape[ndim + 1], 1
    q.padding_mode, q.activation, q.algorithm = NHWC_CONSTANT, NHWC_LINEAR, NHWC_AUTO
    for i in range(3):
        q.in_[i] = p.out[i]
        q.kernel[i] = q.stride[i] = q.dilation[i] = 1
        q.before[i] = q.after[i] = 0
    for i in range(ndim):
        if shape[i] != 1:
            return False
    if activation is not None:
        code = _activation_codes.get(activation) if type(activation) is str else None
        if code is None:
            return False
        q.activation = <nhwc_activation><int>code
    return nhwc_problem_check(q) == NHWC_OK


cdef object _plain_separable(object name, int ndim, object x, object depthwise_filters, object pointwise_filters,
                             object bias, object strides, object padding, object dilation_rate, object activation,
                             object residual, object padding_mode, object out):
    """The result of a plain call, or None if it is not one."""
    cdef nhwc_problem p, q
    cdef cnp.npy_intp shape[5]
    cdef cnp.npy_intp bias_shape[1]
    cdef int type_number, out_ndim
    cdef nhwc_status status
    if not cnp.PyArray_CheckExact(x):
        return None
    type_number = cnp.PyArray_TYPE(<cnp.ndarray>x)
    if type_number != cnp.NPY_FLOAT32 and type_number != cnp.NPY_FLOAT64:
        return None
    p.dtype = NHWC_F32 if type_number == cnp.NPY_FLOAT32 else NHWC_F64
    p.padding_mode = NHWC_CONSTANT
    p.activation = NHWC_LINEAR
    if (not _is_plain(x, type_number) or not _is_plain(depthwise_filters, type_number)
            or not _is_plain(pointwise_filters, type_number)):
        return None
    if not _plain_shapes(&p, ndim, True, cnp.PyArray_NDIM(<cnp.ndarray>x), cnp.PyArray_DIMS(<cnp.ndarray>x), depthwise_filters,
                         None):
        return None
    if not _plain_options(&p, ndim, strides, padding, dilation_rate, None, padding_mode, "auto"):
        return None
    if nhwc_problem_check(&p) != NHWC_OK or not _plain_pointwise(&q, &p, ndim, pointwise_filters, activation):
        return None
    out_ndim = _out_shape(&q, ndim, cnp.PyArray_NDIM(<cnp.ndarray>x), q.n, shape)
    bias_shape[0] = q.f
    if not _plain_addend(bias, type_number, 1, bias_shape) or not _plain_addend(residual, type_number, out_ndim, shape):
        return None
    if out is None:
        out = cnp.PyArray_SimpleNew(out_ndim, shape, type_number)
    elif (not _plain_addend(out, type_number, out_ndim, shape) or _overlap(out, pointwise_filters)
            or not _plain_out(out, x, depthwise_filters, bias, residual)):
        return None
    status = _run_separable(&p, &q, x, depthwise_filters, pointwise_filters, bias, residual, out)
    if status != NHWC_OK:
        _raise(status, name, &p)
    return out


def separable(str name, int ndim, x, depthwise_filters, pointwise_filters, bias, strides, padding, dilation_rate,
              activation, residual, padding_mode, out):
    """Convolve depthwise, then pointwise: see `nhwc.separable_conv2d`, whose arguments these are."""
    result = _plain_separable(name, ndim, x, depthwise_filters, pointwise_filters, bias, strides, padding,
                              dilation_rate, activation, residual, padding_mode, out)
    if result is not None:
        return result
    from nhwc import _check_separable
    depthwise, call = _check_separable.separable(name, ndim, x, depthwise_filters, pointwise_filters, bias, strides,
                                                 padding, dilation_rate, activation, residual, padding_mode, out)
    cdef nhwc_problem p = _problem(depthwise.spec)
    cdef nhwc_problem q = _problem(call.spec)
    cdef nhwc_status status = nhwc_problem_check(&p)
    if status == NHWC_OK:
        status = nhwc_problem_check(&q)
    if status != NHWC_OK:
        _raise(status, name, &p)
    computed = _work_buffer(call.out, call.out_shape, q.dtype, call.dtype, call.activation)
    status = _run_separable(&p, &q, depthwise.x, depthwise.filters, call.filters, call.bias, call.residual, computed)
    if status != NHWC_OK:
        _raise(status, name, &p)
    return _deliver(name, computed, call.out, call.dtype, call.activation)
