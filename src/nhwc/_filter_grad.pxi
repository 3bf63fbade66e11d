# The filter gradients' way into the core. Included by _core.pyx.


cdef nhwc_status _run_filter_grad(const nhwc_problem *p, object x, object dy, object out) noexcept:
    cdef void *x_data = _data(x)
    cdef void *dy_data = _data(dy)
    cdef void *out_data = _data(out)
    cdef nhwc_status status
    with nogil:
        status = nhwc_filter_grad(p, x_data, dy_data, out_data)
    return status


cdef bint _plain_grad_shapes(nhwc_problem *p, int ndim, bint depthwise, cnp.ndarray x, cnp.ndarray dy,
                             object kernel_size, object groups) except -1:
    cdef int i, x_ndim = cnp.PyArray_NDIM(x)
    cdef cnp.npy_intp *x_shape = cnp.PyArray_DIMS(x)
    if not ndim + 1 <= x_ndim <= ndim + 2 or cnp.PyArray_NDIM(dy) != x_ndim:
        return False
    p.n = x_shape[0] if x_ndim == ndim + 2 else 1
    for i in range(3):
        p.in_[i] = p.kernel[i] = p.stride[i] = p.dilation[i] = 1
        p.before[i] = p.after[i] = 0
    for i in range(ndim):
        p.in_[3 - ndim + i] = x_shape[x_ndim - 1 - ndim + i]
        if p.in_[3 - ndim + i] == 0:
            return False
    p.c = x_shape[x_ndim - 1]
    p.f = cnp.PyArray_DIMS(dy)[x_ndim - 1]
    if depthwise:
        p.groups = p.c
    elif PyLong_CheckExact(groups):
        p.groups = _small_int(groups)
    else:
        return False
    return p.c > 0 and p.f > 0 and p.groups > 0 and _plain_ints(kernel_size, ndim, p.kernel)


cdef object _plain_filter_grad(object name, int ndim, bint depthwise, object x, object dy, object kernel_size,
                               object strides, object padding, object dilation_rate, object groups, object out):
    """The result of a plain call, or None if it is not one."""
    cdef nhwc_problem p
    cdef cnp.npy_intp shape[5]
    cdef int i, x_ndim, type_number
    cdef nhwc_status status
    if not cnp.PyArray_CheckExact(x):
        return None
    type_number = cnp.PyArray_TYPE(<cnp.ndarray>x)
    if type_number != cnp.NPY_FLOAT32 and type_number != cnp.NPY_FLOAT64:
        return None
    p.dtype = NHWC_F32 if type_number == cnp.NPY_FLOAT32 else NHWC_F64
    p.padding_mode = NHWC_CONSTANT
    p.activation = NHWC_LINEAR
    if not _is_plain(x, type_number) or not _is_plain(dy, type_number):
        return None
    if not _plain_grad_shapes(&p, ndim, depthwise, x, dy, kernel_size, groups):
        return None
    if not _plain_options(&p, ndim, strides, padding, dilation_rate, None, "constant", "auto"):
        return None
    if nhwc_problem_check(&p) != NHWC_OK:
        return None
    x_ndim = cnp.PyArray_NDIM(<cnp.ndarray>x)
    _out_shape(&p, ndim, x_ndim, p.n, shape)
    for i in range(x_ndim):
        if cnp.PyArray_DIMS(<cnp.ndarray>dy)[i] != shape[i]:
            return None
    for i in range(ndim):
        shape[i] = p.kernel[3 - ndim + i]
    shape[ndim] = p.c if depthwise else p.c // p.groups
    shape[ndim + 1] = p.f // p.c if depthwise else p.f
    if out is None:
        out = cnp.PyArray_SimpleNew(ndim + 2, shape, type_number)
    elif not _plain_addend(out, type_number, ndim + 2, shape) or not _plain_out(out, x, dy, None, None):
        return None
    status = _run_filter_grad(&p, x, dy, out)
    if status != NHWC_OK:
        _raise(status, name, &p)
    return out


def filter_grad(str name, int ndim, bint depthwise, x, dy, kernel_size, strides, padding, dilation_rate, groups, out):
    """The gradient of a convolution in its filters: see `nhwc.conv2d_filter_grad`, whose arguments these are."""
    result = _plain_filter_grad(name, ndim, depthwise, x, dy, kernel_size, strides, padding, dilation_rate, groups, out)
    if result is not None:
        return result
    from nhwc import _check_gradients
    call = _check_gradients.filter_grad(name, ndim, depthwise, x, dy, kernel_size, strides, padding, dilation_rate,
                                        groups, out)
    cdef nhwc_problem p = _problem(call.spec)
    cdef nhwc_status status = nhwc_problem_check(&p)
    if status != NHWC_OK:
        _raise(status, name, &p)
    computed = _work_buffer(call.out, call.out_shape, p.dtype, call.dtype, None)
    status = _run_filter_grad(&p, call.x, call.dy, computed)
    if status != NHWC_OK:
        _raise(status, name, &p)
    return _deliver(name, computed, call.out, call.dtype, None)
