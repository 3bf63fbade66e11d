"""Separable convolutions of mobile networks, for `python -m nhwc bench --op separable`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

import nhwc
from nhwc.cli.ops import Case

# Name, input (N, *spatial, C), kernel, multiplier, F, strides; padding "same".
_TABLE = (
    ("mobilenet_112x32_64", (1, 112, 112, 32), 3, 1, 64, 1),
    ("mobilenet_112x64_128s2", (1, 112, 112, 64), 3, 1, 128, 2),
    ("mobilenet_56x128_128", (1, 56, 56, 128), 3, 1, 128, 1),
    ("mobilenet_28x256_256", (1, 28, 28, 256), 3, 1, 256, 1),
    ("mobilenet_28x256_512s2", (1, 28, 28, 256), 3, 1, 512, 2),
    ("mobilenet_14x512_512", (1, 14, 14, 512), 3, 1, 512, 1),
    ("mobilenet_7x1024_1024", (1, 7, 7, 1024), 3, 1, 1024, 1),
    ("multiplied_5x5_56x24_40", (1, 56, 56, 24), 5, 2, 40, 1),
    ("signal_k9_16000x64_64", (1, 16000, 64), 9, 1, 64, 1),
)


def cases() -> list[Case]:
    return [_case(*row) for row in _TABLE]


def _case(name: str, shape: tuple[int, ...], k: int, multiplier: int, f: int, stride: int) -> Case:
    ndim, inputs = len(shape) - 2, shape[-1] * multiplier
    depthwise, pointwise = (*(k,) * ndim, shape[-1], multiplier), (*(1,) * ndim, inputs, f)
    pixels = math.prod(-(-size // stride) for size in shape[1:-1])

    def prepare(dtype: str) -> Callable[[], object]:
        rng = np.random.default_rng(0)
        arrays = [rng.standard_normal(size, np.float32).astype(dtype) for size in (shape, depthwise, pointwise)]
        function = getattr(nhwc, f"separable_conv{ndim}d")
        out = function(*arrays, strides=stride, padding="same")
        return lambda: function(*arrays, strides=stride, padding="same", out=out)

    traffic = math.prod(shape) + math.prod(depthwise) + math.prod(pointwise) + pixels * f
    return Case(name, pixels * inputs * (k**ndim + f), traffic, prepare)
