# What the machine has, and the settings of the library. Included by _core.pyx.



cdef tuple _names(const char *(*name_at)(int) noexcept nogil):
    names = []
    while name_at(len(names)) is not NULL:
        names.append(name_at(len(names)).decode())
    return tuple(names)


ISAS_COMPILED = _names(nhwc_isa_compiled)
ISAS_AVAILABLE = _names(nhwc_isa_available)
BASELINE = nhwc_isa_baseline().decode()


def isa():
    """The instruction set in use."""
    return nhwc_isa_name().decode()


def _use_isa(str name):
    """Use an instruction set of ISAS_AVAILABLE for the plans made from now on."""
    if nhwc_isa_use(name.encode()) != NHWC_OK:
        raise ValueError(f"_use_isa: {name!r} is not available; {', '.join(ISAS_AVAILABLE)} would do")


def set_num_threads(int n):
    nhwc_threads_set(n)


def get_num_threads():
    return nhwc_threads_get()


def _swap_thread_override(int n):
    """Set the calling thread's own number of threads (0: none), and return what it replaces."""
    return nhwc_threads_swap_override(n)


def openmp():
    """The OpenMP version the core was built with, as a date; None for a serial build."""
    return None if nhwc_openmp() is NULL else nhwc_openmp().decode()


def compiler():
    return NHWC_COMPILER.decode()


def release_memory():
    with nogil:
        nhwc_release_memory()


def _fma_peak(int threads, double seconds):
    """Multiply-adds from registers with the instruction set in use, in GFLOP/s."""
    cdef double speed
    with nogil:
        speed = nhwc_measure_fma_peak(threads, seconds)
    return speed


def _copy_bandwidth(int64_t size, int threads, double seconds):
    """Copying `size` bytes, in GB/s of bytes read and written."""
    cdef double speed
    with nogil:
        speed = nhwc_measure_copy(size, threads, seconds)
    return speed
