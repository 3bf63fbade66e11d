# The filter gradients' way into the core. Included by _core.pyx.


def filter_grad(str name, int ndim, bint depthwise, x, dy, kernel_size, strides, padding, dilation_rate, groups, out):
    """The gradient of a convolution in its filters: see `nhwc.conv2d_filter_grad`, whose arguments these are."""
    from nhwc import _check_gradients
    call = _check_gradients.filter_grad(name, ndim, depthwise, x, dy, kernel_size, strides, padding, dilation_rate,
                                        groups, out)
    cdef nhwc_problem p = _problem(call.spec)
    cdef nhwc_status status = nhwc_problem_check(&p)
    if status != NHWC_OK:
        _raise(status, name, &p)
    computed = _buffer(call.out, call.out_shape, p.dtype, call.dtype, None)
    cdef void *x_data = _data(call.x)
    cdef void *dy_data = _data(call.dy)
    cdef void *computed_data = _data(computed)
    with nogil:
        status = nhwc_filter_grad(&p, x_data, dy_data, computed_data)
    if status != NHWC_OK:
        _raise(status, name, &p)
    return _deliver(name, computed, call.out, call.dtype, None)
