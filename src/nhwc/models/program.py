"""A model compiled for samples of one shape: the steps, the buffers they share, and what they are in words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nhwc.layers import _activations, base

_MOST_KEPT = 64 * 2**20  # Bytes of buffers that a program keeps between calls, unless they are very small.
_SMALL = 2**20  # Bytes of buffers of which several may be kept.
_LINE = 64  # Bytes of a line of the caches, and of the widest vector.
_MOST_SETS = 4  # Batch sizes whose small buffers are kept, and sets of them for calls at once.


class Program:
    """The steps of a chain of layers, for samples of one shape and for the weights as they are now.

    Any number of threads may call it at once: each call takes a set of buffers from a list, or makes one.
    """

    def __init__(self, leaves, shape, logits=False):
        self._stamp = base._latest[0]  # Before the weights are read: what changes meanwhile is seen.
        self._versions = [(leaf, leaf._version) for leaf in leaves]
        self.shape = tuple(shape)
        self.left_out = [leaf.name for leaf in leaves if leaf._does_nothing()]
        self.steps = _compile([leaf for leaf in leaves if not leaf._does_nothing()], self.shape)
        if logits and self.steps and self.steps[-1].is_softmax:
            del self.steps[-1]
        self.packed_bytes = sum(step.plan.packed_bytes for step in self.steps if step.plan is not None)
        self._free: dict[int, list[_Buffers]] = {}

    def is_stale(self) -> bool:
        """Whether a weight has changed since."""
        latest = base._latest[0]
        if latest != self._stamp:
            if any(leaf._version != version for leaf, version in self._versions):
                return True
            self._stamp = latest
        return False

    def __call__(self, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Run the steps on a C-contiguous float32 batch."""
        count = len(x)
        buffers = self._take(count)
        result = buffers.run(x, out)
        self._keep(buffers, count)
        return result

    def _take(self, count):
        free = self._free.get(count)
        if free:
            try:
                return free.pop()
            except IndexError:  # Another thread took the last one.
                pass
        return _Buffers(self.steps, self.shape, count)

    def _keep(self, buffers, count):
        """Keep buffers for a later call: several sets where they are small, else one."""
        free = self._free.get(count)
        if buffers.size > _SMALL:
            if buffers.size <= _MOST_KEPT and not free:
                self._free = {count: [buffers]}
        elif free is not None:
            if len(free) < _MOST_SETS:
                free.append(buffers)
        else:
            self._free = {**self._free, count: [buffers]} if len(self._free) < _MOST_SETS else {count: [buffers]}


def _compile(leaves, shape):
    """Return the steps of layers on samples of a shape; a layer may take in those after it."""
    steps, at = [], 0
    while at < len(leaves):
        made, count = leaves[at]._compile(shape, leaves[at:])
        steps += made
        shape = made[-1].shape
        at += count
    return steps


def _aligned_empty(size):
    """Return a float32 vector that begins on a cache line: depthwise layers read and write others 5 to 30 % slower."""
    memory = np.empty(size + _LINE // 4, np.float32)
    return memory[-memory.ctypes.data % _LINE // 4 :][:size]


class _Buffers:
    """The memory of one call at a time with a batch of one size: two buffers, which the steps fill in turns.

    The first step reads the caller's batch and the last one writes the result, so that neither is copied.
    """

    def __init__(self, steps, shape, count):
        self._runs: list[tuple[Any, Any, Any]] = []  # (run, x, out); None stands for the batch and for the result.
        self._input_shape = (count, *shape)
        last = max((i for i, step in enumerate(steps) if step.run is not None), default=-1)
        memory = self._allocate(steps[: max(last, 0)], count)
        self.size = sum(buffer.nbytes for buffer in memory)
        current, turn = None, 0
        for i, step in enumerate(steps[: last + 1]):
            full = (count, *step.shape)
            if i == last:
                self._runs.append((step.run, current, None))
                self._last_shape = full
            elif step.run is None:
                if current is None:
                    self._input_shape = full
                else:
                    current = current.reshape(full)
            else:
                target = current if step.in_place else None
                if target is None:
                    target, turn = memory[turn][: math.prod(full)].reshape(full), 1 - turn
                self._runs.append((step.run, current, target))
                current = target
        self._shape = (count, *steps[-1].shape) if steps else self._input_shape

    @staticmethod
    def _allocate(steps, count):
        """Return two buffers, each as large as the largest output that it takes."""
        sizes, turn, at_input = [0, 0], 0, True
        for step in steps:
            if step.run is not None and (at_input or not step.in_place):
                sizes[turn] = max(sizes[turn], count * math.prod(step.shape))
                turn, at_input = 1 - turn, False
        return [_aligned_empty(size) for size in sizes]

    def run(self, x, out):
        if not self._runs:
            return _activations.copied(x.reshape(self._shape), out)
        result = np.empty(self._shape, np.float32) if out is None else out
        first, last = x.reshape(self._input_shape), result.reshape(self._last_shape)
        for run, source, target in self._runs:
            run(first if source is None else source, last if target is None else target)
        return result


class ModelPlan:
    """What a model does at a prediction, step by step; print it.

    Attributes
    ----------
    steps : list of tuple
        For each step the names of its layers, what it runs, and the shape of a sample of its output.
    plans : list of nhwc.Plan
        The plans among the steps, in their order.
    macs : int
        Multiply-adds of a sample.
    buffer_bytes : int
        Memory of the two buffers between the steps, for a batch of one sample.
    """

    def __init__(self, name: str, program: Program):
        self._name, self._program = name, program
        self.steps = [(step.layers, step.text, step.shape) for step in program.steps]
        self.plans = [step.plan for step in program.steps if step.plan is not None]
        self.macs = sum(step.macs for step in program.steps)
        self.buffer_bytes = _Buffers(program.steps, program.shape, 1).size

    def __repr__(self) -> str:
        lines = [f"Plan of {self._name!r} for samples of shape {self._program.shape}:"]
        rows = [("layers", "runs", "output", "M multiply-adds")]
        for step in self._program.steps:
            macs = f"{step.macs / 1e6:.4g}" if step.macs else ""
            rows.append((" + ".join(step.layers), step.text, str(step.shape), macs))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines += ["  ".join([*map(str.ljust, row, widths), row[3]]).rstrip() for row in rows]
        if self._program.left_out:
            lines.append(f"nothing to do: {', '.join(self._program.left_out)}")
        lines.append(
            f"{self.macs / 1e6:.4g} M multiply-adds, {self.buffer_bytes / 2**20:.3g} MiB of buffers a sample, "
            f"{self._program.packed_bytes / 2**20:.3g} MiB of prepared filters"
        )
        return "\n".join(lines)
