# Transposed convolutions and input gradients, which are one operation of the core. Included by _core.pyx.

cdef bint _is_transposed(tuple spec) noexcept:
    """Whether a spec is of nhwc._check_transpose, which ends with the result's sizes."""
    return len(spec) > 27


cdef int64_t _input_pixels(const nhwc_problem *p) noexcept:
    return p.in_[0] * p.in_[1] * p.in_[2]


# ---- Plain calls, as _plain.pxi knows them -----------------------------------------------------------------------


cdef bint _plain_floats(nhwc_problem *p, object x, object filters) except -1:
    """Whether both are plain arrays of one dtype that kernels compute in; begin the problem with it."""
    return _plain_operands(p, x, filters) and (p.dtype == NHWC_F64 or cnp.PyArray_TYPE(<cnp.ndarray>x) == cnp.NPY_FLOAT32)


cdef bint _plain_transposed(nhwc_problem *p, int ndim, bint depthwise, int result_ndim, const cnp.npy_intp *result,
                            cnp.ndarray x, object filters, object strides, object padding, object dilation_rate,
                            object groups, object activation) except -1:
    """Fill the problem by the forward convolution from such a result, if that makes arrays of x's shape."""
    cdef cnp.npy_intp shape[5]
    cdef int i
    if not _plain_shapes(p, ndim, depthwise, result_ndim, result, filters, groups):
        return False
    if not _plain_options(p, ndim, strides, padding, dilation_rate, activation, "constant", "auto"):
        return False
    if nhwc_problem_check(p) != NHWC_OK or _out_shape(p, ndim, result_ndim, p.n, shape) != cnp.PyArray_NDIM(x):
        return False
    for i in range(cnp.PyArray_NDIM(x)):
        if cnp.PyArray_DIMS(x)[i] != shape[i]:
            return False
    for i in range(3):
        p.in_[i], p.out[i] = p.out[i], p.in_[i]
    p.c, p.f = p.f, p.c
    return nhwc_transposed_check(p) == NHWC_OK


cdef object _plain_input_grad(str name, int ndim, bint depthwise, object dy, object filters, object input_shape,
                              object strides, object padding, object dilation_rate, object groups, object out):
    """The result of a plain call, or None if it is not one."""
    cdef nhwc_problem p
    cdef cnp.npy_intp result[5]
    cdef int i, result_ndim
    if not PyTuple_CheckExact(input_shape) or not _plain_floats(&p, dy, filters):
        return None
    result_ndim = len(<tuple>input_shape)
    if not ndim + 1 <= result_ndim <= ndim + 2:
        return None
    for i in range(result_ndim):
        size = (<tuple>input_shape)[i]
        result[i] = _small_int(size) if PyLong_CheckExact(size) else -1
        if result[i] < 0:
            return None
    if not _plain_transposed(&p, ndim, depthwise, result_ndim, result, dy, filters, strides, padding, dilation_rate,
                             groups, None):
        return None
    return _plain_run(name, &p, ndim, dy, filters, None, None, out, nhwc_plan_create_transposed)


cdef object _plain_transpose(str name, int ndim, object x, object filters, object bias, object strides, object padding,
                             object dilation_rate, object groups, object activation, object residual, object out):
    """The result of a plain call without output_padding, or None if it is not one."""
    cdef nhwc_problem p
    cdef cnp.npy_intp result[5]
    cdef cnp.npy_intp *shape
    cdef int64_t stride[3]
    cdef int64_t dilation[3]
    cdef int64_t span, cut, size, most = 1 << 20
    cdef int i, x_ndim
    if type(padding) is not str or padding not in ("valid", "same") or not PyLong_CheckExact(groups):
        return None
    if not _plain_floats(&p, x, filters) or cnp.PyArray_NDIM(<cnp.ndarray>filters) != ndim + 2:
        return None
    if not _plain_ints(strides, ndim, stride) or not _plain_ints(dilation_rate, ndim, dilation):
        return None
    x_ndim = cnp.PyArray_NDIM(<cnp.ndarray>x)
    shape = cnp.PyArray_DIMS(<cnp.ndarray>filters)
    if not ndim + 1 <= x_ndim <= ndim + 2 or shape[ndim] > most or _small_int(groups) < 1:
        return None
    result[0] = cnp.PyArray_DIMS(<cnp.ndarray>x)[0]
    for i in range(ndim):
        size = cnp.PyArray_DIMS(<cnp.ndarray>x)[x_ndim - 1 - ndim + i]
        if shape[i] > most or stride[3 - ndim + i] > most or size > most * most:
            return None
        span = (shape[i] - 1) * dilation[3 - ndim + i] + 1
        cut = span - stride[3 - ndim + i] if padding == "valid" else 0
        result[x_ndim - 1 - ndim + i] = size * stride[3 - ndim + i] + (cut if cut > 0 else 0)
    result[x_ndim - 1] = shape[ndim] * groups
    if not _plain_transposed(&p, ndim, False, x_ndim, result, x, filters, strides, padding, dilation_rate, groups,
                             activation):
        return None
    return _plain_run(name, &p, ndim, x, filters, bias, residual, out, nhwc_plan_create_transposed)


# ---- Calls -------------------------------------------------------------------------------------------------------


cdef object _transpose(str name, object call):
    """Compute what a `Call` of nhwc._check_transpose asks for."""
    cdef nhwc_problem p = _problem(call.spec)
    cdef nhwc_status status = nhwc_transposed_check(&p)
    if status != NHWC_OK:
        _raise(status, name, &p)
    computed = _work_buffer(call.out, call.out_shape, p.dtype, call.dtype, call.activation)
    status = <nhwc_status>_run_once(&p, call.x, call.filters, call.bias, call.residual, computed, nhwc_plan_create_transposed)
    if status != NHWC_OK:
        _raise(status, name, &p)
    return _deliver(name, computed, call.out, call.dtype, call.activation)


def conv_transpose(str name, int ndim, x, filters, bias, strides, padding, output_padding, dilation_rate, groups,
                   activation, residual, out):
    """Transposed convolution: see `nhwc.conv2d_transpose`, whose arguments these are."""
    result = None
    if output_padding is None:
        result = _plain_transpose(name, ndim, x, filters, bias, strides, padding, dilation_rate, groups, activation,
                                  residual, out)
    if result is not None:
        return result
    from nhwc import _check_transpose
    return _transpose(name, _check_transpose.transposed(name, ndim, x, filters, bias, strides, padding, output_padding,
                                                        dilation_rate, groups, activation, residual, out))


def input_grad(str name, int ndim, bint depthwise, dy, filters, input_shape, strides, padding, dilation_rate, groups,
               out):
    """Input gradient: see `nhwc.conv2d_input_grad`, whose arguments these are."""
    result = _plain_input_grad(name, ndim, depthwise, dy, filters, input_shape, strides, padding, dilation_rate, groups,
                               out)
    if result is not None:
        return result
    from nhwc import _check_transpose
    return _transpose(name, _check_transpose.input_grad(name, ndim, depthwise, dy, filters, input_shape, strides,
                                                        padding, dilation_rate, groups, out))


def plan_transpose(str name, int ndim, input_shape, filters, bias, strides, padding, output_padding, dilation_rate,
                   groups, activation, dtype):
    """A plan of a transposed convolution: see `nhwc.plan_conv2d_transpose`, whose arguments these are."""
    from nhwc import _check_transpose
    return _restore_plan(name, tuple(_check_transpose.plan(name, ndim, input_shape, filters, bias, strides, padding,
                                                           output_padding, dilation_rate, groups, activation, dtype)))
