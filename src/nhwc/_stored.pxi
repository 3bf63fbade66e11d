# What the core calls the dtypes of arrays, and what results they have. Included by _core.pyx.

cdef enum:
    _TYPES = 24  # type numbers of NumPy's own dtypes are below this

cdef int[_TYPES] _stored_codes
cdef int _bfloat16_number = -1  # known once an array of it came: ml_dtypes may not be there


cdef int _list_storage() except -1:
    codes = {"float16": NHWC_F16, "float32": NHWC_F32, "float64": NHWC_F64, "bool": NHWC_U8, "int8": NHWC_I8,
             "uint8": NHWC_U8, "int16": NHWC_I16, "uint16": NHWC_U16, "int32": NHWC_I32, "uint32": NHWC_U32,
             "int64": NHWC_I64, "uint64": NHWC_U64}
    cdef int i
    for i in range(_TYPES):
        _stored_codes[i] = -1
    for character in "?bBhHiIlLqQefd":
        dtype = np.dtype(character)
        i = dtype.num
        _stored_codes[i] = codes[dtype.name]
    return 0


_list_storage()


cdef int _stored_as(object array) except -2:
    """The core's dtype of an array's elements, or -1."""
    global _bfloat16_number
    cdef int number = cnp.PyArray_TYPE(<cnp.ndarray>array)
    if 0 <= number < _TYPES:
        return _stored_codes[number]
    if number != _bfloat16_number and array.dtype.name != "bfloat16":
        return -1
    _bfloat16_number = number
    return NHWC_BF16


cdef int _summed_in(int type_number, int stored) noexcept:
    """The problem's dtype for x and filters of one dtype."""
    if stored == NHWC_F32 or stored == NHWC_F64:
        return stored
    if stored == NHWC_F16 or stored == NHWC_BF16:
        return NHWC_F32
    if type_number == cnp.NPY_BOOL or stored == NHWC_I8 or stored == NHWC_I16 or stored == NHWC_I32 or stored == NHWC_I64:
        return NHWC_I64
    return NHWC_U64


cdef int _result_number(int type_number, int summed) noexcept:
    """The type number of the results of sums."""
    return cnp.NPY_INT64 if summed == NHWC_I64 else cnp.NPY_UINT64 if summed == NHWC_U64 else type_number


cdef nhwc_storage _storage(const nhwc_problem *p, object x, object filters) except *:
    cdef nhwc_storage storage
    storage.x = <nhwc_dtype>_stored_as(x)
    storage.filters = <nhwc_dtype>_stored_as(filters)
    storage.out = storage.x if p.dtype == NHWC_F32 else p.dtype
    return storage
