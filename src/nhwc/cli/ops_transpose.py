"""Transposed convolutions of decoders, segmentation and audio, for `python -m nhwc bench --op transpose`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

import nhwc
from nhwc.cli.ops import Case

# Name, input (N, *spatial, C), kernel, F, strides; padding "same".
_TABLE = (
    ("decoder_2x2s2_28x128_64", (1, 28, 28, 128), 2, 64, 2),
    ("decoder_3x3s2_28x128_64", (1, 28, 28, 128), 3, 64, 2),
    ("decoder_4x4s2_28x128_64", (1, 28, 28, 128), 4, 64, 2),
    ("decoder_2x2s2_56x64_32", (1, 56, 56, 64), 2, 32, 2),
    ("decoder_3x3s2_56x64_32", (1, 56, 56, 64), 3, 32, 2),
    ("decoder_4x4s2_56x64_32", (1, 56, 56, 64), 4, 32, 2),
    ("decoder_2x2s2_14x256_128", (1, 14, 14, 256), 2, 128, 2),
    ("decoder_3x3s2_14x256_128", (1, 14, 14, 256), 3, 128, 2),
    ("decoder_4x4s2_14x256_128", (1, 14, 14, 256), 4, 128, 2),
    ("decoder_3x3s1_28x128_64", (1, 28, 28, 128), 3, 64, 1),
    ("image_4x4s2_64x64_3", (1, 64, 64, 64), 4, 3, 2),
    ("segment_16x16s8_28x21_21", (1, 28, 28, 21), 16, 21, 8),
    ("vocoder_k16s8_400x256_128", (1, 400, 256), 16, 128, 8),
    ("volume_2x2x2s2_14x64_32", (1, 14, 14, 14, 64), 2, 32, 2),
)


def cases() -> list[Case]:
    return [_case(*row) for row in _TABLE]


def _case(name: str, shape: tuple[int, ...], k: int, f: int, stride: int) -> Case:
    ndim = len(shape) - 2
    filter_shape = (*(k,) * ndim, f, shape[-1])
    result = math.prod(shape[:-1]) * stride**ndim * f

    def prepare(dtype: str) -> Callable[[], object]:
        rng = np.random.default_rng(0)
        x, filters = (rng.standard_normal(size, np.float32).astype(dtype) for size in (shape, filter_shape))
        plan = getattr(nhwc, f"plan_conv{ndim}d_transpose")(shape, filters, strides=stride, padding="same")
        out = np.empty(plan.output_shape, plan.dtype)
        return lambda: plan(x, out=out)

    macs = math.prod(shape[:-1]) * math.prod(filter_shape)
    return Case(name, macs, math.prod(shape) + math.prod(filter_shape) + result, prepare)
