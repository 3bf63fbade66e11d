"""What a model's compiled prediction is made of: steps, each of which writes one layer's output, or several's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nhwc import plans


class Step(NamedTuple):
    """One pass over memory, for samples of one shape and batches of any size.

    ``run(x, out)`` reads a C-contiguous float32 batch and fills another. Without `run`, the output is the input seen in
    another shape, at no cost.
    """

    layers: tuple[str, ...]  # The names of the layers that it stands for.
    text: str  # What it does, for `Sequential.plan`.
    shape: tuple[int, ...]  # Of a sample of the output.
    run: Callable[[np.ndarray, np.ndarray], Any] | None
    in_place: bool = False  # Whether `out` may be `x` itself.
    plan: Any = None  # The nhwc.Plan that it runs, if it is one for all batches.
    macs: int = 0  # Multiply-adds of a sample.
    is_softmax: bool = False  # Left out where a loss takes logits.


def planned(layers, plan, shape, note=""):
    """Return the step that runs a plan."""
    kind = plan.name.removeprefix("plan_")
    text = ", ".join(filter(None, (f"{kind} {plan.algorithm} {plan.isa}", note)))
    return Step(layers, text, shape, lambda x, out: plan(x, out=out), plan=plan, macs=plan.macs)


def pointwise(layers, shape, activation, note, scale=None, offset=None):
    """Return the step that multiplies each channel, adds to it and applies an activation: depthwise, of size 1."""
    *pixels, channels = shape or (1,)
    pixels = math.prod(pixels)
    scale = np.ones((1, channels, 1), np.float32) if scale is None else scale[None, :, None]
    plan = plans.plan_depthwise_conv1d((None, pixels, channels), scale, offset, padding="same",
                                       activation=activation)  # fmt: skip

    def run(x, out):
        plan(x.reshape(len(x), pixels, channels), out=out.reshape(len(x), pixels, channels))

    return planned(layers, plan, shape, note)._replace(run=run)
