"""Filter gradients of layers of the table, for `python -m nhwc bench --op filter_grad`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nhwc
from nhwc.cli import layers
from nhwc.cli.ops import Case

_LAYERS = (
    "resnet_3x3_56x64_64",
    "resnet_3x3_28x128_128",
    "resnet_3x3_14x256_256",
    "resnet_3x3_7x512_512",
    "resnet_1x1_56x64_256",
    "resnet_1x1_14x1024_256",
    "resnet_1x1s2_56x256_512",
    "resnet_3x3s2_56x128_128",
    "vgg_3x3_28x512_512",
    "resnet_stem_7x7s2_224x3_64",
    "mbv2_stem_3x3s2_224x3_32",
    "dense_5x5_28x96_96",
    "odd_3x3_45x61x24_40",
    "espnet_3x3d4_33x128_128",
    "resnext_3x3g32_56x128_128",
    "shuffle_1x1g4_28x240_240",
    "mbv2_dw3x3_112x32",
    "mbv2_dw3x3s2_112x96",
    "mbv2_dw3x3_14x576",
    "mnas_dw5x5s2_56x72",
    "convnext_dw7x7_14x384",
    "dw3x3_28x512",
    "tcn_k9_8000x128_128",
    "c3d_3x3x3_8x28x28x64_128",
)


def cases() -> list[Case]:
    """Return the layers whose gradients are measured."""
    return [_case(layers.layer(name)) for name in _LAYERS]


def _case(layer: layers.Layer) -> Case:
    def prepare(dtype: str) -> Callable[[], object]:
        x, _ = layer.data(dtype)
        dy = np.random.default_rng(0).standard_normal(layer.output_shape, np.float32).astype(dtype)
        out = np.empty(layer.filter_shape, dtype)
        function = getattr(nhwc, f"conv{layer.dims}d_filter_grad")
        return lambda: function(x, dy, layer.kernel, **layer.options, out=out)

    return Case(layer.name, layer.macs, layer.traffic, prepare)
