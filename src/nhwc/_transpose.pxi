# Transposed convolutions and input gradients, which are one operation of the core. Included by _core.pyx.

cdef bint _is_transposed(tuple spec) noexcept:
    """Whether a spec is of nhwc._check_transpose, which ends with the result's sizes."""
    return len(spec) > 27


cdef int64_t _input_pixels(const nhwc_problem *p) noexcept:
    return p.in_[0] * p.in_[1] * p.in_[2]


cdef object _transpose(str name, object call):
    """Compute what a `Call` of nhwc._check_transpose asks for."""
    cdef nhwc_problem p = _problem(call.spec)
    cdef nhwc_status status = nhwc_transposed_check(&p)
    if status != NHWC_OK:
        _raise(status, name, &p)
    computed = _buffer(call.out, call.out_shape, p.dtype, call.dtype, call.activation)
    status = _run_once(&p, call.x, call.filters, call.bias, call.residual, computed, nhwc_plan_create_transposed)
    if status != NHWC_OK:
        _raise(status, name, &p)
    return _deliver(name, computed, call.out, call.dtype, call.activation)


def conv_transpose(str name, int ndim, x, filters, bias, strides, padding, output_padding, dilation_rate, groups,
                   activation, residual, out):
    """Transposed convolution: see `nhwc.conv2d_transpose`, whose arguments these are."""
    from nhwc import _check_transpose
    return _transpose(name, _check_transpose.transposed(name, ndim, x, filters, bias, strides, padding, output_padding,
                                                        dilation_rate, groups, activation, residual, out))


def input_grad(str name, int ndim, bint depthwise, dy, filters, input_shape, strides, padding, dilation_rate, groups,
               out):
    """Input gradient: see `nhwc.conv2d_input_grad`, whose arguments these are."""
    from nhwc import _check_transpose
    return _transpose(name, _check_transpose.input_grad(name, ndim, depthwise, dy, filters, input_shape, strides,
                                                        padding, dilation_rate, groups, out))


def plan_transpose(str name, int ndim, input_shape, filters, bias, strides, padding, output_padding, dilation_rate,
                   groups, activation, dtype):
    """A plan of a transposed convolution: see `nhwc.plan_conv2d_transpose`, whose arguments these are."""
    from nhwc import _check_transpose
    return _restore_plan(name, tuple(_check_transpose.plan(name, ndim, input_shape, filters, bias, strides, padding,
                                                           output_padding, dilation_rate, groups, activation, dtype)))
