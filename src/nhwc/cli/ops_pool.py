"""Pooling of well-known networks and of images, and its gradients, for `python -m nhwc bench --op pool`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

import nhwc
from nhwc.cli.ops import Case

# Name, function, input (N, *spatial, C), then pool size, strides and padding, but for whole images.
_TABLE: tuple[tuple, ...] = (
    ("max_2x2s2_112x64", "max_pool2d", (1, 112, 112, 64), 2, 2, "valid"),
    ("max_3x3s2_112x64", "max_pool2d", (1, 112, 112, 64), 3, 2, "same"),
    ("max_3x3s1_28x192", "max_pool2d", (1, 28, 28, 192), 3, 1, "same"),
    ("max_5x5s1_13x512", "max_pool2d", (1, 13, 13, 512), 5, 1, "same"),
    ("max_2x2s2_14x512", "max_pool2d", (1, 14, 14, 512), 2, 2, "valid"),
    ("max_2x2s2_1080x1920x1", "max_pool2d", (1, 1080, 1920, 1), 2, 2, "valid"),
    ("max_2x2s2_1080x1920x3", "max_pool2d", (1, 1080, 1920, 3), 2, 2, "valid"),
    ("max_k4_16000x64", "max_pool1d", (1, 16000, 64), 4, 4, "valid"),
    ("max_2x2x2_16x28x28x64", "max_pool3d", (1, 16, 28, 28, 64), 2, 2, "valid"),
    ("average_3x3s1_28x192", "average_pool2d", (1, 28, 28, 192), 3, 1, "same"),
    ("average_2x2s2_56x128", "average_pool2d", (1, 56, 56, 128), 2, 2, "valid"),
    ("global_average_7x1280", "global_average_pool2d", (1, 7, 7, 1280)),
    ("global_average_112x64", "global_average_pool2d", (1, 112, 112, 64)),
    ("global_average_1024x3", "global_average_pool2d", (1, 1024, 1024, 3)),
    ("global_max_7x512", "global_max_pool2d", (1, 7, 7, 512)),
    ("max_grad_2x2s2_112x64", "max_pool2d_grad", (1, 112, 112, 64), 2, 2, "valid"),
    ("max_grad_3x3s2_112x64", "max_pool2d_grad", (1, 112, 112, 64), 3, 2, "same"),
    ("average_grad_2x2s2_112x64", "average_pool2d_grad", (1, 112, 112, 64), 2, 2, "valid"),
    ("average_grad_3x3s1_28x192", "average_pool2d_grad", (1, 28, 28, 192), 3, 1, "same"),
    ("toy_2x2s2_8x1", "max_pool2d", (8, 8, 1), 2, 2, "valid"),
)


def cases() -> list[Case]:
    return [_case(*row) for row in _TABLE]


def _case(name: str, function: str, shape: tuple[int, ...], *window) -> Case:
    call = getattr(nhwc, function)
    options = dict(zip(("pool_size", "strides", "padding"), window, strict=False))
    grad = function.endswith("_grad")
    result = getattr(nhwc, function.removesuffix("_grad"))(np.zeros(shape, np.int8), **options).size

    def prepare(dtype: str) -> Callable[[], object]:
        rng = np.random.default_rng(0)
        x = rng.standard_normal(shape, np.float32).astype(dtype)
        if not window:
            return lambda: call(x)
        y = getattr(nhwc, function.removesuffix("_grad"))(x, **options)
        if not grad:
            return lambda: call(x, **options, out=y)
        second, dx = x if function.startswith("max") else shape, np.empty_like(x)
        return lambda: call(y, second, **options, out=dx)

    inputs = math.prod(shape) * (2 if function.startswith("max") and grad else 1)
    return Case(name, 0, inputs + result, prepare, toy=name.startswith("toy"))
