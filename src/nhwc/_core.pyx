# cython: language_level=3, freethreading_compatible=True, embedsignature=True, boundscheck=False, wraparound=False
# cython: initializedcheck=False
"""The way from Python into the C core: buffers in and out, the GIL released, a status turned into an exception.

Plain calls (exact arrays of one float dtype, plain options) are recognised here in a few hundred nanoseconds.
Everything else goes by way of `nhwc._check`, which normalises it or says what is wrong.
"""

cimport cython
from cpython.long cimport PyLong_CheckExact
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_CheckExact
cimport numpy as cnp

import numpy as np

cnp.import_array()

cdef extern from *:
    """
    #ifndef __VERSION__
    #define __VERSION__ "unknown"
    #endif
    #if defined(__clang__) || !defined(__GNUC__)
    #define NHWC_COMPILER __VERSION__
    #else
    #define NHWC_COMPILER "GCC " __VERSION__
    #endif
    """
    const char *NHWC_COMPILER
    const char *NHWC_VERSION

VERSION = NHWC_VERSION.decode()

# Index is code: the order of the enums in nhwc.h.
PADDING_MODES = ("constant", "edge", "reflect", "symmetric", "wrap")
ACTIVATIONS = ("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "hard_sigmoid", "tanh", "silu",
               "hard_silu", "gelu", "softplus")
ALGORITHMS = ("auto", "direct", "winograd_f2", "winograd_f4", "winograd_f2_5x5")
ALGORITHM_NOTES = (
    "the fastest for the shape of a sample",
    "the sum as it is written, for every problem: dense, grouped, depthwise; the most accurate",
    "2x2 outputs by 16 multiplications instead of 36, for 3x3 kernels at stride 1: small images; 'auto' has it for 5x5, too",
    "4x4 outputs by 36 multiplications instead of 144, for 3x3 kernels at stride 1: many channels and filters",
)  # of those that algorithms() lists; the last of ALGORITHMS is part of winograd_f2 to the public

cdef dict _activation_codes = {name: code for code, name in enumerate(ACTIVATIONS)}
cdef dict _algorithm_codes = {name: code for code, name in enumerate(ALGORITHMS)}
cdef object _work_dtypes = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.uint64))

cdef object _check_module = None


cdef object _check():
    """nhwc._check, imported when first needed: it imports this module."""
    global _check_module
    if _check_module is None:
        from nhwc import _check
        _check_module = _check
    return _check_module


cdef object _sizes(const int64_t *axes):
    """Two or three axes as people write them: 3x3."""
    return "x".join([str(axes[i]) for i in range(0 if axes[0] > 1 else 1, 3)])


cdef object _raise(nhwc_status status, object name, const nhwc_problem *p):
    if status == NHWC_NO_MEMORY:
        raise MemoryError(f"{name}: not enough memory")
    if status == NHWC_TOO_LARGE:
        raise ValueError(f"{name}: a size does not fit 64 bits")
    if status == NHWC_UNSUPPORTED:
        raise ValueError(
            f"{name}: algorithm={ALGORITHMS[<int>p.algorithm]!r} serves float32 and kernels of "
            f"{'5x5' if p.algorithm == NHWC_WINOGRAD_F2_5X5 else '3x3'} with strides 1 and "
            f"dilation 1, but this is {_work_dtypes[<int>p.dtype]}, a kernel of {_sizes(p.kernel)}, strides {_sizes(p.stride)} "
            f"and dilation {_sizes(p.dilation)}; 'auto' or 'direct' would do")
    raise ValueError(f"{name}: the core refuses these sizes (status {<int>status})")


include "_stored.pxi"
include "_plain.pxi"


# ---- Calls ----------------------------------------------------------------------------------------------------------


ctypedef nhwc_status (*_create_plan)(nhwc_plan **plan, const nhwc_problem *problem, const void *filters,
                                     const void *bias, int borrow) noexcept nogil


cdef int _run_once(const nhwc_problem *p, object x, object filters, object bias, object residual, object out,
                   _create_plan create=NULL) except -1:
    """Plan and run a problem, and return the status; nothing is copied that can be read in place.

    Without `create` a convolution of arrays of any dtypes; with it, of arrays of the problem's.
    """
    cdef nhwc_plan *plan = NULL
    cdef nhwc_status status
    cdef nhwc_storage storage = _storage(p, x, filters)
    cdef void *x_data = _data(x)
    cdef void *filters_data = _data(filters)
    cdef void *bias_data = _data(bias)
    cdef void *residual_data = _data(residual)
    cdef void *out_data = _data(out)
    with nogil:
        if create is NULL:
            status = nhwc_plan_create_stored(&plan, p, storage, filters_data, bias_data, NHWC_RUNS_ONCE)
        else:
            status = create(&plan, p, filters_data, bias_data, NHWC_RUNS_ONCE)
        if status == NHWC_OK:
            status = nhwc_plan_run(plan, p.n, x_data, residual_data, out_data)
        nhwc_plan_destroy(plan)
    return status


cdef object _plain_run(object name, const nhwc_problem *p, int ndim, object x, object filters, object bias,
                       object residual, object out, _create_plan create):
    """Plan and run a plain problem, or return None if the other arrays are not plain."""
    cdef cnp.npy_intp shape[5]
    cdef cnp.npy_intp bias_shape[1]
    cdef int type_number = cnp.PyArray_TYPE(<cnp.ndarray>x)
    cdef int result_number = _result_number(type_number, p.dtype)
    cdef int out_ndim = _out_shape(p, ndim, cnp.PyArray_NDIM(<cnp.ndarray>x), p.n, shape)
    cdef nhwc_status status
    bias_shape[0] = p.f
    if not _plain_addend(bias, result_number, 1, bias_shape):
        return None
    if not _plain_addend(residual, result_number, out_ndim, shape):
        return None
    if out is None:
        out = cnp.PyArray_SimpleNew(out_ndim, shape, result_number)
    elif not _plain_addend(out, result_number, out_ndim, shape) or not _plain_out(out, x, filters, bias, residual):
        return None
    status = <nhwc_status>_run_once(p, x, filters, bias, residual, out, create)
    if status != NHWC_OK:
        _raise(status, name, p)
    return out


cdef bint _plain_operands(nhwc_problem *p, object x, object filters) except -1:
    """Whether both are plain arrays of one dtype; begin the problem with what it is summed in."""
    cdef int type_number, stored
    if not cnp.PyArray_CheckExact(x):
        return False
    type_number = cnp.PyArray_TYPE(<cnp.ndarray>x)
    stored = _stored_as(x)
    if stored < 0:
        return False
    p.dtype = <nhwc_dtype>_summed_in(type_number, stored)
    p.padding_mode = NHWC_CONSTANT
    p.activation = NHWC_LINEAR
    return _is_plain(x, type_number) and _is_plain(filters, type_number)


cdef object _plain_forward(object name, int ndim, bint depthwise, object x, object filters, object bias,
                           object strides, object padding, object dilation_rate, object groups, object activation,
                           object residual, object padding_mode, object out, object algorithm):
    """The result of a plain call, or None if it is not one."""
    cdef nhwc_problem p
    if not _plain_operands(&p, x, filters):
        return None
    if not _plain_shapes(&p, ndim, depthwise, cnp.PyArray_NDIM(<cnp.ndarray>x), cnp.PyArray_DIMS(<cnp.ndarray>x), filters,
                         groups):
        return None
    if not _plain_options(&p, ndim, strides, padding, dilation_rate, activation, padding_mode, algorithm):
        return None
    if nhwc_problem_check(&p) != NHWC_OK:
        return None
    return _plain_run(name, &p, ndim, x, filters, bias, residual, out, NULL)


cdef nhwc_problem _problem(tuple spec) except *:
    """The problem that a spec of nhwc._check stands for."""
    cdef nhwc_problem p
    cdef int i
    p.dtype = <nhwc_dtype><int>spec[1]
    p.n = spec[2]
    p.c, p.f, p.groups = spec[6:9]
    for i in range(3):
        p.in_[i] = spec[3 + i]
        p.kernel[i] = spec[9 + i]
        p.stride[i] = spec[12 + i]
        p.dilation[i] = spec[15 + i]
        p.before[i] = spec[18 + 2 * i]
        p.after[i] = spec[19 + 2 * i]
    p.padding_mode = <nhwc_padding_mode><int>spec[24]
    p.activation = <nhwc_activation><int>spec[25]
    p.algorithm = <nhwc_algorithm><int>spec[26]
    if _is_transposed(spec):
        for i in range(3):
            p.out[i] = spec[27 + i]
    return p


cdef object _deliver(object name, object computed, object out, object dtype, object function):
    """Round to the result's dtype, apply a callable activation, and fill the caller's array."""
    result = computed if computed.dtype == dtype else computed.astype(dtype)
    if function is not None:
        value = np.asarray(function(result))
        if value.shape != result.shape:
            raise ValueError(f"{name}: activation returned shape {value.shape}; {result.shape} would do")
        result = np.ascontiguousarray(value, dtype).reshape(result.shape)
    if out is None:
        return result
    if result is not out:
        out[...] = result
    return out


cdef object _buffer(object out, tuple shape, object dtype, object function):
    """What the kernels write to: the caller's array where nothing can fail after them."""
    return np.empty(shape, dtype) if out is None or function is not None else out


cdef object _work_buffer(object out, tuple shape, int dtype_code, object dtype, object function):
    """The same, of operations that compute in the dtypes of sums: an array of its own where the result is rounded."""
    work = _work_dtypes[dtype_code]
    return _buffer(out if dtype == work else None, shape, work, function)


def forward(str name, int ndim, bint depthwise, x, filters, bias, strides, padding, dilation_rate, groups, activation,
            residual, padding_mode, out, algorithm):
    """Convolve: see `nhwc.conv2d`, whose arguments these are."""
    result = _plain_forward(name, ndim, depthwise, x, filters, bias, strides, padding, dilation_rate, groups,
                            activation, residual, padding_mode, out, algorithm)
    if result is not None:
        return result
    call = _check().forward(name, ndim, depthwise, x, filters, bias, strides, padding, dilation_rate, groups,
                            activation, residual, padding_mode, out, algorithm)
    cdef nhwc_problem p = _problem(call.spec)
    cdef nhwc_status status = nhwc_problem_check(&p)
    if status != NHWC_OK:
        _raise(status, name, &p)
    computed = _buffer(call.out, call.out_shape, call.dtype, call.activation)
    status = <nhwc_status>_run_once(&p, call.x, call.filters, call.bias, call.residual, computed)
    if status != NHWC_OK:
        _raise(status, name, &p)
    return _deliver(name, computed, call.out, call.dtype, call.activation)


include "_filter_grad.pxi"


@cython.final
cdef class Plan:
    """A convolution checked, with its algorithm chosen and its filters packed; made by `nhwc.plan_conv2d` and the like.

    Calling it does only the work. A plan is immutable, may be called from many threads at once, and can be copied
    and pickled.

    Attributes
    ----------
    input_shape, output_shape : tuple
        The batch is None where any would do.
    dtype : numpy.dtype
        Of the result.
    algorithm, isa : str
        What it will run.
    macs : int
        Multiply-adds of a call, those on padding included; of one sample where the batch is None.
    packed_bytes, workspace_bytes : int
        Memory of the prepared filters, and of the workspace of each thread.

    Examples
    --------
    >>> import numpy as np, nhwc
    >>> plan = nhwc.plan_conv2d((1, 8, 8, 1), np.ones((3, 3, 1, 1), np.float32))
    >>> plan(np.ones((1, 8, 8, 1), np.float32)).shape
    (1, 6, 6, 1)
    """

    cdef nhwc_plan *_plan
    cdef nhwc_problem _p
    cdef tuple _parts  # of nhwc._check.PlanSpec: what a pickle carries
    cdef object _function
    cdef int _ndim, _x_ndim, _type_number
    cdef bint _transposed
    cdef readonly str name
    cdef readonly tuple input_shape, output_shape
    cdef readonly object dtype

    def __init__(self, str name, int ndim, bint depthwise, input_shape, filters, bias, strides, padding,
                 dilation_rate, groups, activation, padding_mode, algorithm, dtype):
        spec = _check().plan(name, ndim, depthwise, input_shape, filters, bias, strides, padding, dilation_rate,
                             groups, activation, padding_mode, algorithm, dtype)
        self._prepare(name, tuple(spec))

    cdef int _prepare(self, str name, tuple parts) except -1:
        cdef nhwc_status status
        cdef nhwc_storage storage
        if self._plan is not NULL:
            raise ValueError("Plan: a plan is immutable")
        spec, filters, bias, self.input_shape, self.output_shape, self.dtype, self._function = parts
        self.name = name
        self._parts = parts
        self._p = _problem(spec)
        self._ndim = spec[0]
        self._x_ndim = len(self.input_shape)
        self._transposed = _is_transposed(spec)
        self._type_number = self.dtype.num if self._function is None else -1
        if self._transposed:
            if self.dtype != _work_dtypes[<int>self._p.dtype]:
                self._type_number = -1
            status = nhwc_transposed_check(&self._p)
            if status == NHWC_OK:
                status = nhwc_plan_create_transposed(&self._plan, &self._p, _data(filters), _data(bias), 0)
        else:
            status = nhwc_problem_check(&self._p)
            storage = _storage(&self._p, filters, filters)
            if status == NHWC_OK:
                status = nhwc_plan_create_stored(&self._plan, &self._p, storage, _data(filters), _data(bias), 0)
        if status != NHWC_OK:
            _raise(status, name, &self._p)
        return 0

    def __dealloc__(self):
        nhwc_plan_destroy(self._plan)

    cdef object _plain(self, object x, object out, object residual):
        """The result of a plain call, or None if it is not one."""
        cdef cnp.npy_intp shape[5]
        cdef int out_ndim
        if self._type_number < 0 or not cnp.PyArray_CheckExact(x) or not self._takes(x):
            return None
        out_ndim = _out_shape(&self._p, self._ndim, self._x_ndim, cnp.PyArray_DIMS(<cnp.ndarray>x)[0], shape)
        if not _plain_addend(residual, self._type_number, out_ndim, shape):
            return None
        if out is None:
            out = cnp.PyArray_SimpleNew(out_ndim, shape, self._type_number)
        elif not _plain_addend(out, self._type_number, out_ndim, shape) or not _plain_out(out, x, None, None, residual):
            return None
        self._run(x, residual, out)
        return out

    cdef bint _takes(self, cnp.ndarray x) except -1:
        """Whether x has the shape planned for and a dtype that needs no cast."""
        cdef int i, number = cnp.PyArray_TYPE(x)
        if not _is_plain(x, number) or (number != self._type_number and not self._casts(number, _stored_as(x))):
            return False
        cdef cnp.npy_intp *shape = cnp.PyArray_DIMS(x)
        cdef bint batch = self._x_ndim == self._ndim + 2
        if cnp.PyArray_NDIM(x) != self._x_ndim:
            return False
        if batch and self._p.n >= 0 and shape[0] != self._p.n:
            return False
        for i in range(self._ndim):
            if shape[batch + i] != self._p.in_[3 - self._ndim + i]:
                return False
        return shape[self._x_ndim - 1] == self._p.c

    cdef bint _casts(self, int number, int stored) noexcept:
        """Whether inputs of a dtype are integers that become the plan's."""
        if self._transposed:
            return False
        if self._p.dtype == NHWC_U64:
            return number != cnp.NPY_BOOL and stored >= 0 and _summed_in(number, stored) == NHWC_U64
        return self._p.dtype == NHWC_I64 and stored >= 0 and _summed_in(number, stored) >= NHWC_I64

    cdef int _run(self, object x, object residual, object out) except -1:
        cdef int64_t n = cnp.PyArray_DIMS(<cnp.ndarray>x)[0] if self._x_ndim == self._ndim + 2 else 1
        cdef void *x_data = _data(x)
        cdef void *residual_data = _data(residual)
        cdef void *out_data = _data(out)
        cdef nhwc_status status
        cdef nhwc_dtype x_dtype = <nhwc_dtype>_stored_as(x)
        if self._transposed:
            x_dtype = self._p.dtype
        with nogil:
            status = nhwc_plan_run_stored(self._plan, x_dtype, n, x_data, residual_data, out_data)
        if status != NHWC_OK:
            _raise(status, self.name, &self._p)
        return 0

    cdef nhwc_plan *_made(self) except NULL:
        """The core's plan, which an object from __new__ alone has not."""
        if self._plan is NULL:
            raise ValueError("Plan: made by plan_conv2d and the like, not by __new__")
        return self._plan

    def __call__(self, x, *, out=None, residual=None):
        """Convolve x; `out` and `residual` as in `nhwc.conv2d`."""
        self._made()
        result = self._plain(x, out, residual)
        if result is not None:
            return result
        x, out, residual, shape = _check().run(self, x, out, residual)
        if self._transposed:
            x, residual = [_check()._cast(a, _work_dtypes[<int>self._p.dtype]) for a in (x, residual)]
            computed = _work_buffer(out, shape, self._p.dtype, self.dtype, self._function)
        else:
            computed = _buffer(out, shape, self.dtype, self._function)
        self._run(x, residual, computed)
        return _deliver(self.name, computed, out, self.dtype, self._function)

    @property
    def algorithm(self):
        cdef nhwc_algorithm algorithm = nhwc_plan_describe(self._made()).algorithm
        return ALGORITHMS[<int>(NHWC_WINOGRAD_F2 if algorithm == NHWC_WINOGRAD_F2_5X5 else algorithm)]

    @property
    def isa(self):
        return nhwc_plan_describe(self._made()).isa.decode()

    @property
    def macs(self):
        self._made()
        samples = 1 if self._p.n < 0 else self._p.n
        pixels = _input_pixels(&self._p) if self._transposed else self._p.pixels
        return int(samples) * int(pixels) * int(self._p.k) * int(self._p.f)

    @property
    def packed_bytes(self):
        return nhwc_plan_describe(self._made()).packed_bytes

    @property
    def workspace_bytes(self):
        return nhwc_plan_describe(self._made()).workspace_bytes

    def __repr__(self):
        self._made()
        return (f"<nhwc.Plan {self.name.removeprefix('plan_')} {self.input_shape} -> {self.output_shape} {self.dtype}: "
                f"{self.algorithm}, {self.isa}, {self.macs / 1e6:.4g} M multiply-adds>")

    def __reduce__(self):
        self._made()
        return _restore_plan, (self.name, self._parts)


def _restore_plan(str name, tuple parts):
    """Make a plan from what a pickle carries, for the machine that it is loaded on."""
    cdef Plan plan = Plan.__new__(Plan)
    plan._prepare(name, parts)
    return plan


include "_transpose.pxi"
include "_pool.pxi"
include "_separable.pxi"


include "_machine.pxi"
