from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

VERSION: str
PADDING_MODES: tuple[str, ...]
ACTIVATIONS: tuple[str, ...]
ALGORITHMS: tuple[str, ...]
ALGORITHM_NOTES: tuple[str, ...]
ISAS_COMPILED: tuple[str, ...]
ISAS_AVAILABLE: tuple[str, ...]
BASELINE: str
POOL_DTYPES: tuple[str, ...]
__test__: dict[str, str]

def forward(
    name: str,
    ndim: int,
    depthwise: bool,
    x: ArrayLike,
    filters: ArrayLike,
    bias: ArrayLike | None,
    strides: Any,
    padding: Any,
    dilation_rate: Any,
    groups: Any,
    activation: Any,
    residual: ArrayLike | None,
    padding_mode: Any,
    out: NDArray[Any] | None,
    algorithm: Any,
) -> NDArray[Any]: ...
def filter_grad(
    name: str,
    ndim: int,
    depthwise: bool,
    x: ArrayLike,
    dy: ArrayLike,
    kernel_size: Any,
    strides: Any,
    padding: Any,
    dilation_rate: Any,
    groups: Any,
    out: NDArray[Any] | None,
) -> NDArray[Any]: ...

@final
class Plan:
    def __init__(
        self,
        name: str,
        ndim: int,
        depthwise: bool,
        input_shape: Any,
        filters: ArrayLike,
        bias: ArrayLike | None,
        strides: Any,
        padding: Any,
        dilation_rate: Any,
        groups: Any,
        activation: Any,
        padding_mode: Any,
        algorithm: Any,
        dtype: Any,
    ) -> None: ...
    def __call__(
        self, x: ArrayLike, *, out: NDArray[Any] | None = None, residual: ArrayLike | None = None
    ) -> NDArray[Any]: ...
    @property
    def name(self) -> str: ...
    @property
    def input_shape(self) -> tuple[Any, ...]: ...  # of int; the batch may be None
    @property
    def output_shape(self) -> tuple[Any, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def algorithm(self) -> str: ...
    @property
    def isa(self) -> str: ...
    @property
    def macs(self) -> int: ...
    @property
    def packed_bytes(self) -> int: ...
    @property
    def workspace_bytes(self) -> int: ...

def conv_transpose(
    name: str,
    ndim: int,
    x: ArrayLike,
    filters: ArrayLike,
    bias: ArrayLike | None,
    strides: Any,
    padding: Any,
    output_padding: Any,
    dilation_rate: Any,
    groups: Any,
    activation: Any,
    residual: ArrayLike | None,
    out: NDArray[Any] | None,
) -> NDArray[Any]: ...
def input_grad(
    name: str,
    ndim: int,
    depthwise: bool,
    dy: ArrayLike,
    filters: ArrayLike,
    input_shape: Any,
    strides: Any,
    padding: Any,
    dilation_rate: Any,
    groups: Any,
    out: NDArray[Any] | None,
) -> NDArray[Any]: ...
def plan_transpose(
    name: str,
    ndim: int,
    input_shape: Any,
    filters: ArrayLike,
    bias: ArrayLike | None,
    strides: Any,
    padding: Any,
    output_padding: Any,
    dilation_rate: Any,
    groups: Any,
    activation: Any,
    dtype: Any,
) -> Plan: ...
def isa() -> str: ...
def _use_isa(name: str) -> None: ...
def set_num_threads(n: int) -> None: ...
def get_num_threads() -> int: ...
def _swap_thread_override(n: int) -> int: ...
def openmp() -> str | None: ...
def compiler() -> str: ...
def release_memory() -> None: ...
def _fma_peak(threads: int, seconds: float) -> float: ...
def _copy_bandwidth(size: int, threads: int, seconds: float) -> float: ...
def pool(
    name: str,
    ndim: int,
    average: bool,
    x: ArrayLike,
    pool_size: Any,
    strides: Any,
    padding: Any,
    out: NDArray[Any] | None,
) -> NDArray[Any]: ...
def global_pool(name: str, ndim: int, average: bool, x: ArrayLike, keepdims: bool) -> NDArray[Any]: ...
def pool_grad(
    name: str,
    ndim: int,
    average: bool,
    dy: ArrayLike,
    x: Any,
    pool_size: Any,
    strides: Any,
    padding: Any,
    out: NDArray[Any] | None,
) -> NDArray[Any]: ...
def separable(
    name: str,
    ndim: int,
    x: ArrayLike,
    depthwise_filters: ArrayLike,
    pointwise_filters: ArrayLike,
    bias: ArrayLike | None,
    strides: Any,
    padding: Any,
    dilation_rate: Any,
    activation: Any,
    residual: ArrayLike | None,
    padding_mode: Any,
    out: NDArray[Any] | None,
) -> NDArray[Any]: ...
