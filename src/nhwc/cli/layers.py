"""The one table of layers that benchmarks, the asv suite and tests measure: geometry, data and work of each."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

AXES = {1: ("w",), 2: ("h", "w"), 3: ("d", "h", "w")}


@dataclass(frozen=True)
class Layer:
    """One convolution of the table. `sets` are the networks, data and kernel classes that it stands for."""

    name: str
    sets: tuple[str, ...]
    n: int
    spatial: tuple[int, ...]
    c: int
    kernel: tuple[int, ...]
    f: int
    stride: int
    dilation: int
    groups: int
    padding: str

    @property
    def dims(self) -> int:
        return len(self.spatial)

    @property
    def toy(self) -> bool:
        """Whether the call costs more than the arithmetic: such layers are given in microseconds."""
        return "toys" in self.sets

    @property
    def spans(self) -> tuple[int, ...]:
        """Pixels that a window reaches over, each axis."""
        return tuple((k - 1) * self.dilation + 1 for k in self.kernel)

    @property
    def output(self) -> tuple[int, ...]:
        """Spatial shape of the result."""
        if self.padding == "same":
            return tuple(-(-size // self.stride) for size in self.spatial)
        return tuple((size - span) // self.stride + 1 for size, span in zip(self.spatial, self.spans, strict=True))

    @property
    def pads(self) -> tuple[tuple[int, int], ...]:
        """Zeros `(before, after)` on each axis: TensorFlow's "same", or none."""
        if self.padding != "same":
            return ((0, 0),) * self.dims
        totals = (
            max((out - 1) * self.stride + span - size, 0)
            for out, span, size in zip(self.output, self.spans, self.spatial, strict=True)
        )
        return tuple((total // 2, total - total // 2) for total in totals)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.n, *self.spatial, self.c)

    @property
    def filter_shape(self) -> tuple[int, ...]:
        return (*self.kernel, self.c // self.groups, self.f)

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (self.n, *self.output, self.f)

    @property
    def macs(self) -> int:
        """Multiply-adds of the plain sum, taps on padding included."""
        return math.prod(self.output_shape) * math.prod(self.filter_shape[:-1])

    @property
    def traffic(self) -> int:
        """Array elements that have to move at least: input, filters and result, each once."""
        return math.prod(self.input_shape) + math.prod(self.filter_shape) + math.prod(self.output_shape)

    @property
    def options(self) -> dict:
        """The keywords of `nhwc.conv1d`, `conv2d` or `conv3d`."""
        return {"strides": self.stride, "padding": self.padding, "dilation_rate": self.dilation, "groups": self.groups}

    def data(self, dtype="float32") -> tuple[np.ndarray, np.ndarray]:
        """Input and filters, the same ones in every run: standard normal values; of integers, 8 bits at most."""
        seed = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:4], "little")
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(self.input_shape, dtype=np.float32)
        filters = rng.standard_normal(self.filter_shape, dtype=np.float32)
        if np.dtype(dtype).kind in "iu":
            low, high = (0, 255) if np.dtype(dtype).kind == "u" else (-128, 127)
            x, filters = (np.clip(np.rint(64 * a), low, high) for a in (x, filters))
        return x.astype(dtype, copy=False), filters.astype(dtype, copy=False)


def _parse(row: dict) -> Layer:
    axes = AXES[row["dims"]]
    same = {key: row[key] for key in ("name", "n", "c", "f", "stride", "dilation", "groups", "padding")}
    return Layer(
        sets=tuple(row["sets"]),
        spatial=tuple(row[axis] for axis in axes),
        kernel=tuple(row["k" + axis] for axis in axes),
        **same,
    )


@cache
def all_layers() -> tuple[Layer, ...]:
    """Every layer, in the order of the table."""
    return tuple(map(_parse, json.loads(files(__package__).joinpath("layers.json").read_text("utf-8"))))


@cache
def all_sets() -> tuple[str, ...]:
    """Names of the sets, in the order of the table."""
    return tuple(dict.fromkeys(name for layer in all_layers() for name in layer.sets))


def layer(name: str) -> Layer:
    """The layer of exactly this name."""
    return next(layer for layer in all_layers() if layer.name == name)


def select(parts: list[str] | None = None, sets: list[str] | None = None) -> list[Layer]:
    """Layers whose name contains one of `parts` and that are in one of `sets`; None or "all" takes every one.

    Raises
    ------
    ValueError
        If a part or a set matches nothing.
    """
    for part in parts or []:
        if not any(part in layer.name for layer in all_layers()):
            raise ValueError(
                f"no layer's name contains {part!r}; the layers are " + ", ".join(layer.name for layer in all_layers())
            )
    for name in sets or []:
        if name not in (*all_sets(), "all"):
            raise ValueError(f"there is no set {name!r}; the sets are all, " + ", ".join(all_sets()))
    return [
        layer
        for layer in all_layers()
        if (not parts or any(part in layer.name for part in parts))
        and (not sets or "all" in sets or any(name in layer.sets for name in sets))
    ]
