"""Fast convolution on NumPy arrays in NHWC layout.

``conv2d(x, filters)`` and its siblings convolve once, ``plan_conv2d(input_shape, filters)`` prepares a layer that runs
many times; ``reference`` holds the same functions in plain NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nhwc._core import VERSION as __version__  # noqa: N811
from nhwc._core import Plan
from nhwc.config import (
    algorithms,
    get_num_threads,
    num_threads,
    release_memory,
    set_num_threads,
    show_config,
)
from nhwc.filter_gradients import (
    conv1d_filter_grad,
    conv2d_filter_grad,
    conv3d_filter_grad,
    depthwise_conv1d_filter_grad,
    depthwise_conv2d_filter_grad,
)
from nhwc.input_gradients import (
    conv1d_input_grad,
    conv2d_input_grad,
    conv3d_input_grad,
    depthwise_conv1d_input_grad,
    depthwise_conv2d_input_grad,
)
from nhwc.ops import conv1d, conv2d, conv3d, depthwise_conv1d, depthwise_conv2d
from nhwc.plans import plan_conv1d, plan_conv2d, plan_conv3d, plan_depthwise_conv1d, plan_depthwise_conv2d
from nhwc.pooling import (
    average_pool1d,
    average_pool1d_grad,
    average_pool2d,
    average_pool2d_grad,
    average_pool3d,
    average_pool3d_grad,
    global_average_pool1d,
    global_average_pool2d,
    global_average_pool3d,
    global_max_pool1d,
    global_max_pool2d,
    global_max_pool3d,
    max_pool1d,
    max_pool1d_grad,
    max_pool2d,
    max_pool2d_grad,
    max_pool3d,
    max_pool3d_grad,
)
from nhwc.separable import separable_conv1d, separable_conv2d
from nhwc.transposed import (
    conv1d_transpose,
    conv2d_transpose,
    conv3d_transpose,
    plan_conv1d_transpose,
    plan_conv2d_transpose,
    plan_conv3d_transpose,
)

if TYPE_CHECKING:
    from types import ModuleType

    from nhwc import layers, losses, metrics, models, optimizers, reference

_LAZY_MODULES = ("layers", "losses", "metrics", "models", "optimizers", "reference")

__all__ = [
    "Plan",
    "__version__",
    "algorithms",
    "average_pool1d",
    "average_pool1d_grad",
    "average_pool2d",
    "average_pool2d_grad",
    "average_pool3d",
    "average_pool3d_grad",
    "conv1d",
    "conv1d_filter_grad",
    "conv1d_input_grad",
    "conv1d_transpose",
    "conv2d",
    "conv2d_filter_grad",
    "conv2d_input_grad",
    "conv2d_transpose",
    "conv3d",
    "conv3d_filter_grad",
    "conv3d_input_grad",
    "conv3d_transpose",
    "depthwise_conv1d",
    "depthwise_conv1d_filter_grad",
    "depthwise_conv1d_input_grad",
    "depthwise_conv2d",
    "depthwise_conv2d_filter_grad",
    "depthwise_conv2d_input_grad",
    "get_num_threads",
    "global_average_pool1d",
    "global_average_pool2d",
    "global_average_pool3d",
    "global_max_pool1d",
    "global_max_pool2d",
    "global_max_pool3d",
    "layers",
    "losses",
    "max_pool1d",
    "max_pool1d_grad",
    "max_pool2d",
    "max_pool2d_grad",
    "max_pool3d",
    "max_pool3d_grad",
    "metrics",
    "models",
    "num_threads",
    "optimizers",
    "plan_conv1d",
    "plan_conv1d_transpose",
    "plan_conv2d",
    "plan_conv2d_transpose",
    "plan_conv3d",
    "plan_conv3d_transpose",
    "plan_depthwise_conv1d",
    "plan_depthwise_conv2d",
    "reference",
    "release_memory",
    "separable_conv1d",
    "separable_conv2d",
    "set_num_threads",
    "show_config",
]


def __getattr__(name: str) -> ModuleType:
    if name in _LAZY_MODULES:
        from importlib import import_module

        return import_module(f"nhwc.{name}")
    raise AttributeError(f"module 'nhwc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
