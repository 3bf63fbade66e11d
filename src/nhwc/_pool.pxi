# Pooling and its gradients: plain calls recognised here, all others by way of nhwc._check_pooling. Included by _core.pyx.

# Index is code: the order of nhwc_element in nhwc.h.
POOL_DTYPES = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")

cdef object _check_pooling_module = None


cdef object _check_pooling():
    global _check_pooling_module
    if _check_pooling_module is None:
        from nhwc import _check_pooling
        _check_pooling_module = _check_pooling
    return _check_pooling_module


cdef nhwc_status _pool_forward(const nhwc_problem *p, bint average, int element, object x, object out) noexcept:
    cdef void *x_data = _data(x)
    cdef void *out_data = _data(out)
    cdef nhwc_status status
    with nogil:
        if average:
            status = nhwc_average_pool(p, x_data, out_data)
        else:
            status = nhwc_max_pool(p, <nhwc_element>element, x_data, out_data)
    return status


cdef bint _plain_pool(nhwc_problem *p, int ndim, cnp.ndarray x, int type_number, object pool_size, object strides,
                      object padding) except -1:
    """Fill a problem from plain arguments; False if they are not."""
    cdef int i, x_ndim = cnp.PyArray_NDIM(x)
    cdef cnp.npy_intp *shape = cnp.PyArray_DIMS(x)
    if not _is_plain(x, type_number) or not ndim + 1 <= x_ndim <= ndim + 2:
        return False
    p.dtype = NHWC_F32 if type_number == cnp.NPY_FLOAT32 else NHWC_F64
    p.padding_mode = NHWC_CONSTANT
    p.activation = NHWC_LINEAR
    p.algorithm = NHWC_AUTO
    p.n = shape[0] if x_ndim == ndim + 2 else 1
    for i in range(3):
        p.in_[i] = p.kernel[i] = p.stride[i] = p.dilation[i] = 1
        p.before[i] = p.after[i] = 0
    for i in range(ndim):
        p.in_[3 - ndim + i] = shape[x_ndim - 1 - ndim + i]
    p.c = p.f = p.groups = shape[x_ndim - 1]
    if p.c == 0 or p.in_[0] == 0 or p.in_[1] == 0 or p.in_[2] == 0 or not _plain_ints(pool_size, ndim, p.kernel):
        return False
    if not _plain_ints(pool_size if strides is None else strides, ndim, p.stride) or not _plain_padding(padding, ndim, p):
        return False
    for i in range(3):
        if p.stride[i] < 1 or p.kernel[i] < 1 or p.before[i] >= p.kernel[i] or p.after[i] >= p.kernel[i]:
            return False
    return nhwc_problem_check(p) == NHWC_OK


cdef object _plain_global(object name, int ndim, bint average, object x, object keepdims):
    """The result of a plain call, or None if it is not one."""
    cdef nhwc_problem p
    cdef cnp.npy_intp shape[5]
    cdef int i, type_number, out_ndim
    cdef nhwc_status status
    if not cnp.PyArray_CheckExact(x):
        return None
    type_number = cnp.PyArray_TYPE(<cnp.ndarray>x)
    if type_number != cnp.NPY_FLOAT32 and type_number != cnp.NPY_FLOAT64:
        return None
    if not _plain_pool(&p, ndim, x, type_number, 1, 1, "valid"):
        return None
    for i in range(3):
        p.kernel[i] = p.in_[i]
    if nhwc_problem_check(&p) != NHWC_OK:
        return None
    out_ndim = _out_shape(&p, ndim, cnp.PyArray_NDIM(<cnp.ndarray>x), p.n, shape)
    if not keepdims:
        shape[out_ndim - 1 - ndim] = p.c
        out_ndim -= ndim
    out = cnp.PyArray_SimpleNew(out_ndim, shape, type_number)
    status = _pool_forward(&p, average, p.dtype, x, out)
    if status != NHWC_OK:
        _raise(status, name, &p)
    return out


cdef object _plain_pooling(object name, int ndim, bint average, object x, object pool_size, object strides,
                           object padding, object out):
    """The result of a plain call, or None if it is not one."""
    cdef nhwc_problem p
    cdef cnp.npy_intp shape[5]
    cdef int type_number, out_ndim
    cdef nhwc_status status
    if not cnp.PyArray_CheckExact(x):
        return None
    type_number = cnp.PyArray_TYPE(<cnp.ndarray>x)
    if type_number != cnp.NPY_FLOAT32 and type_number != cnp.NPY_FLOAT64:
        return None
    if not _plain_pool(&p, ndim, x, type_number, pool_size, strides, padding):
        return None
    out_ndim = _out_shape(&p, ndim, cnp.PyArray_NDIM(<cnp.ndarray>x), p.n, shape)
    if out is None:
        out = cnp.PyArray_SimpleNew(out_ndim, shape, type_number)
    elif not _plain_addend(out, type_number, out_ndim, shape) or not _plain_out(out, x, None, None, None):
        return None
    status = _pool_forward(&p, average, p.dtype, x, out)
    if status != NHWC_OK:
        _raise(status, name, &p)
    return out


def pool(str name, int ndim, bint average, x, pool_size, strides, padding, out):
    """Maxima, or means, over windows: see `nhwc.max_pool2d`, whose arguments these are."""
    result = _plain_pooling(name, ndim, average, x, pool_size, strides, padding, out)
    if result is not None:
        return result
    spec, element, x, work, shape, dtype = _check_pooling().pool(name, ndim, average, x, pool_size, strides, padding, out)
    return _run_pool(name, average, spec, element, x, out, work, shape, dtype)


def global_pool(str name, int ndim, bint average, x, keepdims):
    """Maxima, or means, over all pixels: see `nhwc.global_max_pool2d`, whose arguments these are."""
    result = _plain_global(name, ndim, average, x, keepdims)
    if result is not None:
        return result
    spec, element, x, work, shape, dtype = _check_pooling().global_pool(name, ndim, average, x, keepdims)
    return _run_pool(name, average, spec, element, x, None, work, shape, dtype)


cdef object _run_pool(object name, bint average, tuple spec, int element, object x, object out, object work,
                      tuple shape, object dtype):
    cdef nhwc_problem p = _problem(spec)
    cdef nhwc_status status = nhwc_problem_check(&p)
    if status == NHWC_OK:
        computed = out if out is not None and dtype == work else np.empty(shape, work)
        status = _pool_forward(&p, average, element, x, computed)
    if status != NHWC_OK:
        _raise(status, name, &p)
    return _deliver(name, computed, out, dtype, None)


def pool_grad(str name, int ndim, bint average, dy, x, pool_size, strides, padding, out):
    """Gradients of `pool`: see `nhwc.max_pool2d_grad`; for means `x` is the shape of the input."""
    spec, dy, x, work, shape, dtype = _check_pooling().pool_grad(name, ndim, average, dy, x, pool_size, strides,
                                                                 padding, out)
    cdef nhwc_problem p = _problem(spec)
    cdef nhwc_status status = nhwc_problem_check(&p)
    if status != NHWC_OK:
        _raise(status, name, &p)
    computed = out if out is not None and dtype == work else np.empty(shape, work)
    cdef void *dy_data = _data(dy)
    cdef void *x_data = _data(None if average else x)
    cdef void *dx_data = _data(computed)
    with nogil:
        if average:
            status = nhwc_average_pool_grad(&p, dy_data, dx_data)
        else:
            status = nhwc_max_pool_grad(&p, dy_data, x_data, dx_data)
    if status != NHWC_OK:
        _raise(status, name, &p)
    return _deliver(name, computed, out, dtype, None)
