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
from nhwc.ops import conv1d, conv2d, conv3d, depthwise_conv1d, depthwise_conv2d
from nhwc.plans import plan_conv1d, plan_conv2d, plan_conv3d, plan_depthwise_conv1d, plan_depthwise_conv2d

if TYPE_CHECKING:
    from types import ModuleType

    from nhwc import layers, losses, metrics, models, optimizers, reference

_LAZY_MODULES = ("layers", "losses", "metrics", "models", "optimizers", "reference")

__all__ = [
    "Plan",
    "__version__",
    "algorithms",
    "conv1d",
    "conv2d",
    "conv3d",
    "depthwise_conv1d",
    "depthwise_conv2d",
    "get_num_threads",
    "layers",
    "losses",
    "metrics",
    "models",
    "num_threads",
    "optimizers",
    "plan_conv1d",
    "plan_conv2d",
    "plan_conv3d",
    "plan_depthwise_conv1d",
    "plan_depthwise_conv2d",
    "reference",
    "release_memory",
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
