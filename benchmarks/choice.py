"""How often `algorithm="auto"` chooses well: 3x3 shapes timed by every algorithm that serves them, in one process.

    taskset -c 1 python benchmarks/choice.py                     # a plan of each, about 200 shapes
    NHWC_ISA=avx2 taskset -c 1 python benchmarks/choice.py --call function --markdown
    taskset -c 1 python benchmarks/choice.py --part 2/8          # every eighth shape, from the second on

The algorithms take turns, one call each a round, so that a clock that moves is the same for all; the fastest round of
each counts. A choice is good where its algorithm takes at most 10 % longer than the fastest that "auto" may take.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import nhwc
from nhwc import _core
from nhwc.cli import progress, table

ALGORITHMS = ("direct", "winograd_f2", "winograd_f4")
TIMED = ("auto", *ALGORITHMS)
GOOD = 1.1  # times the fastest
PIXELS = (7, 8, 10, 12, 14, 17, 20, 24, 28, 34, 40, 48, 56, 64, 80, 96, 112)
CHANNELS = (8, 12, 16, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512, 640, 768, 1024)
FILTERS = CHANNELS[2:]  # fewer go direct, as fewer channels do
F4_CHANNELS = 512  # beyond, "auto" does not take F(4x4,3x3), for accuracy's sake
MOST_MACS = 4e8  # of a shape, so that all take a minute
LAYERS = ((56, 64, 64), (28, 128, 128), (14, 256, 256), (7, 512, 512), (14, 512, 512), (7, 1024, 1024))


class Shape(NamedTuple):
    """Height and width, channels and filters."""

    pixels: int
    channels: int
    filters: int

    def __str__(self) -> str:
        return f"{self.pixels}x{self.pixels}x{self.channels}->{self.filters}"


def shapes(count: int, seed: int) -> list[Shape]:
    """Layers that everybody has, and others drawn at random."""
    rng = np.random.default_rng(seed)
    found = dict.fromkeys(Shape(*layer) for layer in LAYERS)
    while len(found) < count:
        shape = Shape(*(int(rng.choice(sizes)) for sizes in (PIXELS, CHANNELS, FILTERS)))
        if 9 * shape.pixels**2 * shape.channels * shape.filters <= MOST_MACS:
            found[shape] = None
    return list(found)[:count]


def measure(shape: Shape, call: str, seconds: float) -> dict:
    """Seconds of each algorithm, and the one that "auto" takes."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, shape.pixels, shape.pixels, shape.channels), dtype=np.float32)
    filters = rng.standard_normal((3, 3, shape.channels, shape.filters), dtype=np.float32)
    result = nhwc.conv2d(x, filters, padding="same")
    out = np.empty_like(result)
    if call == "plan":
        plans = {name: nhwc.plan_conv2d(x.shape, filters, padding="same", algorithm=name) for name in TIMED}
        chosen = plans["auto"].algorithm
        calls = {name: lambda plan=plan: plan(x, out=out) for name, plan in plans.items()}
    else:
        calls = {
            name: lambda name=name: nhwc.conv2d(x, filters, padding="same", algorithm=name, out=out) for name in TIMED
        }
        chosen = next(name for name in ALGORITHMS if made_by(calls[name], result))
    return {"shape": shape, "chosen": chosen, "seconds": take_turns(calls, seconds)}


def made_by(call: Callable, result: np.ndarray) -> bool:
    """Whether a result has the bits of a call, which with AMX may split values or not, as the filters' cost has it."""
    before = _core.isa()
    try:
        for isa in (before, "avx512" if before == "amx" else before):
            _core._use_isa(isa)
            if np.array_equal(result, call()):
                return True
        return False
    finally:
        _core._use_isa(before)


def take_turns(calls: dict[str, Callable], seconds: float) -> dict[str, float]:
    """The fastest round of each call; a round of a short call is several, about 100 microseconds of them."""
    clock = time.perf_counter
    best, repeats = {}, {}
    for name, call in calls.items():
        call()
        begin = clock()
        call()
        best[name] = clock() - begin
        repeats[name] = max(1, int(1e-4 / best[name]))
    end, rounds = clock() + seconds, 0
    while rounds < 3 or clock() < end:
        rounds += 1
        for name, call in calls.items():
            begin = clock()
            for _ in range(repeats[name]):
                call()
            best[name] = min(best[name], (clock() - begin) / repeats[name])
    return best


def slowdown(row: dict) -> float:
    """How many times "auto" takes the time of the fastest algorithm that it may take.

    It is timed itself, besides the one that it chooses: with AMX it may have that split values or not.
    """
    allowed = ALGORITHMS[: 3 if row["shape"].channels <= F4_CHANNELS else 2]
    taken = min(row["seconds"]["auto"], row["seconds"][row["chosen"]])
    return taken / min(row["seconds"][name] for name in allowed)


def report(rows: list[dict], markdown: bool) -> None:
    """Print the choices that are not good, worst first, and a line on all."""
    bad = sorted((row for row in rows if slowdown(row) > GOOD), key=slowdown, reverse=True)
    lines = [("shape", "chosen", *(f"{name} us" for name in TIMED), "slower by")]
    for row in bad:
        times = (f"{1e6 * row['seconds'][name]:.0f}" for name in TIMED)
        lines.append((str(row["shape"]), row["chosen"], *times, f"{100 * slowdown(row) - 100:.0f} %"))
    if bad:
        print(table(lines, "<<>>>>>", markdown), end="\n\n")
    ratios = [slowdown(row) for row in rows]
    print(
        f"{nhwc.show_config(mode='dicts')['isa']}: {len(rows) - len(bad)} of {len(rows)} choices within 10 % of the "
        f"fastest ({100 - 100 * len(bad) / len(rows):.0f} %); slower than it by {100 * np.mean(ratios) - 100:.1f} % on "
        f"average, {100 * max(ratios) - 100:.0f} % at worst."
    )


def part(text: str) -> slice:
    """The slice that "2/8" stands for."""
    try:
        first, step = (int(number) for number in text.split("/"))
    except ValueError:
        first, step = 0, 0
    if not 1 <= first <= step:
        raise argparse.ArgumentTypeError(f"{text!r} is not a part like 2/8")
    return slice(first - 1, None, step)


def main() -> None:
    """Measure, with a progress bar, and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--call", choices=("plan", "function"), default="plan", help="what to time (default plan)")
    parser.add_argument("--shapes", type=int, default=200, metavar="N", help="how many (default 200)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the choice of shapes (default 0)")
    parser.add_argument(
        "--part", type=part, default=slice(None), metavar="I/N", help="every N-th of them, from the I-th"
    )
    parser.add_argument("--seconds", type=float, default=0.06, help="at least, for each shape (default 0.06)")
    parser.add_argument("--json", metavar="FILE", help="write every figure to this file")
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    args = parser.parse_args()
    with nhwc.num_threads(1):
        rows = [
            measure(shape, args.call, args.seconds)
            for shape in progress(shapes(args.shapes, args.seed)[args.part], "choice", str)
        ]
    report(rows, args.markdown)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(rows, file)


if __name__ == "__main__":
    sys.exit(main())
