"""`python -m nhwc bench`: speed of the layers of the table beside what the machine can do, measured in the same run."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

import nhwc
from nhwc import _core
from nhwc.cli import CommandError, compare, layers, ops, plot, progress, table
from nhwc.cli.info import cpu_name
from nhwc.cli.layers import Layer
from nhwc.cli.measure import measure, sampled_error
from nhwc.cli.ops import Case

_DTYPES = ("float32", "float64", "float16", "bfloat16", "int8", "uint8", "int16", "uint16", "int32", "int64")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    option = parser.add_argument
    option("--layers", type=_names, metavar="PART,...", help="only layers whose name contains one of these")
    sets = ", ".join(layers.all_sets())
    option("--op", choices=("forward", *ops.names()), default="forward", help="what to measure (default forward)")
    option("--sets", type=_names, metavar="SET,...", help=f"only layers of these sets: all, {sets}")
    option("--threads", type=_counts, metavar="N,...", help="numbers of threads, one table each (default: all cores)")
    option("--isa", metavar="NAME", help="instruction set (default: the one in use)")
    option("--dtype", choices=_DTYPES, default="float32", help="of input and filters (default float32)")
    option(
        "--call",
        choices=("plan", "function"),
        default="plan",
        help="a plan that writes into a ready array (default), or the function, which allocates its result",
    )
    option("--algorithm", metavar="NAME", default="auto", help="auto (default), " + ", ".join(nhwc.algorithms()))
    option("--seconds", type=_seconds, metavar="S", default=0.5, help="measuring time of a layer (default 0.5)")
    option("--json", metavar="FILE", help="write every figure to this file")
    option("--markdown", action="store_true", help="print the tables in Markdown")
    option("--plot", metavar="FILE.png", help="draw bars of GFLOP/s by layer, the FMA peak as the top (or FILE.svg)")
    option("--compare", action="store_true", help="measure the other libraries that are installed, too, in turns")
    option("--peers", type=_names, metavar="NAME,...", help="compare with these only: " + ", ".join(compare.PEERS))
    option(
        "--peer-python",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="the interpreter that has this peer (default: this one); may be repeated",
    )


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _counts(text: str) -> list[int]:
    try:
        counts = [int(count) for count in text.split(",")]
    except ValueError:
        counts = [0]
    if min(counts) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of thread counts like 1,2")
    return counts


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return seconds


def run(args: argparse.Namespace) -> int:
    """Measure the chosen layers and print a table for each number of threads; Ctrl-C prints what is done so far."""
    chosen = _choose(args)
    measure_one = _measure_layer if args.op == "forward" else _measure_case
    if args.algorithm not in ("auto", *nhwc.algorithms()):
        raise CommandError(f"there is no algorithm {args.algorithm!r}; there are auto, " + ", ".join(nhwc.algorithms()))
    args.threads = args.threads or [nhwc.get_num_threads()]
    rows: list[dict] = []
    code = 0
    with _isa(args.isa):
        machine = _machine()
        if args.compare:
            return compare.run(_comparable(chosen, args), machine, args)
        try:
            for layer in progress(chosen, "bench", lambda layer: layer.name):
                rows += measure_one(layer, args)
        except KeyboardInterrupt:
            code = 130
    peaks = _peaks(rows)
    _report(machine, peaks, rows, args)
    if args.plot:
        plot.draw(plot.of_bench(rows), args.plot)
    if args.json:
        _write(machine, peaks, rows, args)
    return code


def _choose(args: argparse.Namespace) -> list[Layer] | list[Case]:
    """What the options select from the table of layers, or from the table of an operation of its own."""
    if args.op != "forward":
        if args.sets or args.algorithm != "auto" or args.call != "plan":
            raise CommandError(f"--sets, --algorithm and --call are for forward layers, not for --op {args.op}")
        cases = ops.cases(args.op, args.layers)
        if not cases:
            names = ", ".join(case.name for case in ops.cases(args.op))
            raise CommandError(f"no case of {args.op} has such a name; the cases are {names}")
        return cases
    try:
        chosen = layers.select(args.layers, args.sets)
    except ValueError as error:
        raise CommandError(str(error)) from None
    if not chosen:
        raise CommandError("no layer is in these sets and has such a name")
    return chosen


def _comparable(chosen: list, args: argparse.Namespace) -> list[Layer]:
    """The chosen layers, if they are what the peers' adapters compute."""
    if args.op != "forward" or args.dtype != "float32" or args.call != "plan":
        raise CommandError("--compare is for forward layers in float32 by plans, without --op, --dtype and --call")
    return chosen


@contextmanager
def _isa(name: str | None) -> Iterator[None]:
    """Hold the library to the instruction set of this name; None leaves it alone."""
    available = nhwc.show_config(mode="dicts")["isas_available"]
    if name is not None and name not in available:
        raise CommandError(f"--isa {name}: this machine and build have " + ", ".join(available))
    before = _core.isa()
    _core._use_isa(name or before)
    try:
        yield
    finally:
        _core._use_isa(before)


def _machine() -> dict:
    config = nhwc.show_config(mode="dicts")
    return {
        "cpu": cpu_name(),
        "isa": config["isa"],
        "nhwc": config["version"],
        "compiler": config["compiler"],
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _dtype(name: str) -> np.dtype:
    """The dtype of this name; bfloat16 is that of ml_dtypes."""
    if name != "bfloat16":
        return np.dtype(name)
    try:
        from ml_dtypes import bfloat16
    except ImportError:
        raise CommandError("--dtype bfloat16 needs the package ml_dtypes") from None
    return np.dtype(bfloat16)


def _measure_layer(layer: Layer, args: argparse.Namespace) -> list[dict]:
    """A row for each number of threads; a layer that the algorithm does not serve gets a row that says why."""
    x, filters = layer.data(_dtype(args.dtype))
    try:
        call, algorithm = _prepare(layer, x, filters, args)
    except ValueError as error:
        return [{"layer": layer.name, "threads": threads, "unsupported": str(error)} for threads in args.threads]
    y = call()
    error = sampled_error(layer, x, filters, y, pixels=16 if args.dtype == "float64" else 256)
    traffic = x.nbytes + filters.nbytes + y.nbytes
    return _measure_call(layer, call, traffic, args, {"algorithm": algorithm, "error": error})


def _measure_case(case: Case, args: argparse.Namespace) -> list[dict]:
    """A row for each number of threads, of an operation that is not a forward layer."""
    traffic = case.traffic * np.dtype(args.dtype).itemsize
    return _measure_call(case, case.prepare(args.dtype), traffic, args, {"algorithm": args.op, "error": None})


def _measure_call(
    layer: Layer | Case, call: Callable, traffic: int, args: argparse.Namespace, about: dict
) -> list[dict]:
    """A row for each number of threads, which begins with what is known about the call."""
    rows = []
    for threads in args.threads:
        with nhwc.num_threads(threads):
            timing = measure(call, args.seconds, threads, traffic, 8 if args.dtype == "float64" else 4)
        rows.append(
            {
                "layer": layer.name,
                "threads": threads,
                **about,
                "toy": layer.toy,
                "median_s": timing.median,
                "min_s": min(timing.samples),
                "samples": len(timing.samples),
                "crowded": timing.crowded,
                "gflops": 2e-9 * layer.macs / timing.median,
                "fma_peak_gflops": timing.fma_peak,
                "gbytes": 1e-9 * traffic / timing.median,
                "copy_gbytes": timing.copy_bandwidth,
            }
        )
    return rows


def _prepare(layer: Layer, x: np.ndarray, filters: np.ndarray, args: argparse.Namespace) -> tuple[Callable, str]:
    """The call to time, which returns the result, and the name of the algorithm behind it."""
    options = {**layer.options, "algorithm": args.algorithm}
    if args.call == "function":
        function = getattr(nhwc, f"conv{layer.dims}d")
        function(x, filters, **options)  # an algorithm that does not serve the layer says so here
        return lambda: function(x, filters, **options), args.algorithm
    plan = getattr(nhwc, f"plan_conv{layer.dims}d")(x.shape, filters, **options)
    y = np.empty(plan.output_shape, plan.dtype)
    return lambda: plan(x, out=y), plan.algorithm


def _peaks(rows: list[dict]) -> dict[int, float]:
    """The best burst of arithmetic of the whole run, by number of threads."""
    done = [row for row in rows if "unsupported" not in row]
    return {
        threads: max(row["fma_peak_gflops"] for row in done if row["threads"] == threads)
        for threads in sorted({row["threads"] for row in done})
    }


def _write(machine: dict, peaks: dict[int, float], rows: list[dict], args: argparse.Namespace) -> None:
    options = {key: getattr(args, key) for key in ("op", "dtype", "call", "algorithm", "seconds")}
    try:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"machine": machine, "options": options, "fma_peak_gflops": peaks, "rows": rows}, file, indent=1)
    except OSError as error:
        raise CommandError(f"cannot write {args.json}: {error.strerror or error}") from None


def _report(machine: dict, peaks: dict[int, float], rows: list[dict], args: argparse.Namespace) -> None:
    """Print the machine, a table for each number of threads, and what was not measured."""
    done = [row for row in rows if "unsupported" not in row]
    print(
        f"{machine['cpu']}, {machine['isa']}; nhwc {machine['nhwc']}, {machine['compiler']}, "
        f"NumPy {machine['numpy']}, Python {machine['python']}"
    )
    for threads, peak in peaks.items():
        print(
            f"\n{args.dtype}, {args.call if args.op == 'forward' else args.op}, {threads} thread{'s' * (threads > 1)}: "
            f"FMA peak {peak:.1f} GFLOP/s, measured in this run\n"
        )
        cells = [_cells(row, peak) for row in done if row["threads"] == threads]
        print(table([_HEADING, *cells], "<<>>>>", args.markdown))
    if any(row["crowded"] for row in done):
        print("\n* other processes left too few cores")
    refused = {row["layer"]: row["unsupported"] for row in rows if "unsupported" in row}
    for name, why in refused.items():
        print(f"\nnot measured: {name}: {why}")


_HEADING = ("layer", "algorithm", "GFLOP/s", "% FMA peak", "% copy speed", "error")


def _cells(row: dict, peak: float) -> tuple[str, ...]:
    """One line of the table; a toy layer has its time in place of rates that would say nothing."""
    speed = f"{row['gflops']:.1f}" + "*" * row["crowded"]
    share, copy = f"{100 * row['gflops'] / peak:.0f}", f"{100 * row['gbytes'] / row['copy_gbytes']:.0f}"
    if row["toy"] or row["gflops"] == 0:
        speed, share = f"{row['median_s'] * 1e6:.2f} us" + "*" * row["crowded"], ""
    error = "" if row["error"] is None else f"{row['error']:.0e}"
    return row["layer"], row["algorithm"], speed, share, "" if row["toy"] else copy, error
