# Separable convolutions, checked by nhwc._check_separable. Included by _core.pyx.

def separable(str name, int ndim, x, depthwise_filters, pointwise_filters, bias, strides, padding, dilation_rate,
              activation, residual, padding_mode, out):
    """Convolve depthwise, then pointwise: see `nhwc.separable_conv2d`, whose arguments these are."""
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
    computed = _buffer(call.out, call.out_shape, q.dtype, call.dtype, call.activation)
    cdef void *x_data = _data(depthwise.x)
    cdef void *depthwise_data = _data(depthwise.filters)
    cdef void *pointwise_data = _data(call.filters)
    cdef void *bias_data = _data(call.bias)
    cdef void *residual_data = _data(call.residual)
    cdef void *out_data = _data(computed)
    with nogil:
        status = nhwc_separable(&p, &q, x_data, depthwise_data, pointwise_data, bias_data, residual_data, out_data)
    if status != NHWC_OK:
        _raise(status, name, &p)
    return _deliver(name, computed, call.out, call.dtype, call.activation)
