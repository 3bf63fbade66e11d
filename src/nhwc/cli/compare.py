"""`python -m nhwc bench --compare`: the layers by this library and by its peers, in turns, a process each."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import math
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

import nhwc
from nhwc.cli import CommandError, progress, table
from nhwc.cli.layers import Layer
from nhwc.cli.measure import fma_peak, sampled_error
from nhwc.cli.workers import OURS, Worker

# Name of each peer, as the table has it, and the module that shows whether it is installed.
PEERS = {
    "torch": "torch",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "litert": "ai_edge_litert",
    "tensorflow": "tensorflow",
    "jax": "jax",
    "ncnn": "ncnn",
    "opencv": "cv2",
    "scipy": "scipy",
    "im2col": "numpy",
}
_ROUNDS = 3
_LARGEST_ERROR = 1e-3  # beyond this a peer has computed something else


def interpreters(names: list[str] | None, pythons: list[str]) -> dict[str, str]:
    """The interpreter of every peer to compare with: those named in NAME=PATH, and what this interpreter has.

    Raises
    ------
    CommandError
        If a peer is unknown or not installed, or an interpreter is missing.
    """
    given = dict(pair.partition("=")[::2] for pair in pythons)
    for name in (*given, *(names or ())):
        if name not in PEERS:
            raise CommandError(f"there is no peer {name!r}; there are " + ", ".join(PEERS))
    for name, path in given.items():
        if not os.access(path, os.X_OK):
            raise CommandError(f"--peer-python {name}={path}: there is no such interpreter")
    found = {name: sys.executable for name, module in PEERS.items() if importlib.util.find_spec(module)} | given
    for name in names or ():
        if name not in found:
            raise CommandError(
                f"{name} is not installed here; --peer-python {name}=PATH names an interpreter that has it"
            )
    return {name: found[name] for name in PEERS if name in found and (not names or name in names)}


def compare(chosen: list[Layer], peers: dict[str, str], args: argparse.Namespace) -> tuple[list[dict], dict[str, str]]:
    """A row for each layer and number of threads, and the peers' versions; Ctrl-C returns what is done so far."""
    rows: list[dict] = []
    versions: dict[str, str] = {}
    with contextlib.suppress(KeyboardInterrupt):
        for threads in args.threads:
            workers = {
                name: Worker(name, python, threads, args.algorithm)
                for name, python in {OURS: sys.executable, **peers}.items()
            }
            try:
                for name, worker in list(workers.items()):
                    answer = worker.start()
                    if "version" not in answer:
                        print(f"{name} does not start: {answer['failed']}", file=sys.stderr)
                        workers.pop(name).close()
                    versions[name] = answer.get("version", "does not start")
                for layer in progress(chosen, f"compare, {threads} threads", lambda layer: layer.name):
                    rows.append(_row(layer, threads, workers, args.seconds))
            finally:
                for worker in workers.values():
                    worker.close()
    return rows, versions


def _row(layer: Layer, threads: int, workers: dict[str, Worker], seconds: float) -> dict:
    """Figures of every library for a layer; of several rounds, in turns, the best median counts for each."""
    figures = _prepare(layer, workers)
    peaks = []
    for _ in range(_ROUNDS):
        peaks.append(fma_peak(threads, 4))
        for name, figure in figures.items():
            if "error" not in figure:
                continue
            answer = workers[name].ask(order="sample", seconds=seconds / 2)
            if "samples" not in answer:
                figures[name] = answer
            elif (median := float(np.median(answer["samples"]))) < figure.get("median_s", math.inf):
                figure.update(median_s=median, crowded=answer["crowded"])
    for figure in figures.values():
        if "median_s" in figure:
            figure["gflops"] = 2e-9 * layer.macs / figure["median_s"]
    return {
        "layer": layer.name,
        "threads": threads,
        "toy": layer.toy,
        "fma_peak_gflops": max(peaks),
        "crowded": any(figure.get("crowded") for figure in figures.values()),
        "figures": figures,
    }


def _prepare(layer: Layer, workers: dict[str, Worker]) -> dict[str, dict]:
    """Let every library make the layer ready, and check what each computes."""
    geometry = {**asdict(layer), "dims": layer.dims, "pads": layer.pads, "output": layer.output}
    x, filters = layer.data()
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        files = {name: os.path.join(folder, name + ".npy") for name in ("x", "filters", "y")}
        np.save(files["x"], x)
        np.save(files["filters"], filters)
        for name, worker in workers.items():
            answer = worker.ask(order="prepare", layer=geometry, files=files)
            if "way" in answer:
                answer = _checked(layer, x, filters, np.load(files["y"]), answer)
            figures[name] = answer
    return figures


def _checked(layer: Layer, x: np.ndarray, filters: np.ndarray, y: np.ndarray, answer: dict) -> dict:
    if y.shape != layer.output_shape:
        return {"failed": f"its result has shape {y.shape}, expected {layer.output_shape}"}
    error = sampled_error(layer, x, filters, y)
    if not error < _LARGEST_ERROR:
        return {"failed": f"its result is wrong by {error:.0e}"}
    return {**answer, "error": error}


def best_peer(row: dict) -> tuple[str, float] | None:
    """The fastest peer of a row and how many times as fast as it we are; None where there is none, or not us."""
    speeds = {name: figure["gflops"] for name, figure in row["figures"].items() if "gflops" in figure}
    ours = speeds.pop(OURS, None)
    if ours is None or not speeds:
        return None
    best = max(speeds, key=speeds.__getitem__)
    return best, ours / speeds[best]


def geometric_mean(rows: list[dict]) -> float | None:
    """Of the ratios to the best peer, over all rows that have one."""
    ratios = [best[1] for row in rows if (best := best_peer(row))]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def report(rows: list[dict], versions: dict[str, str], markdown: bool) -> str:
    """The tables, one for each number of threads, and what was not measured."""
    parts = ["; ".join(f"{name} {version}" for name, version in versions.items())]
    for threads in sorted({row["threads"] for row in rows}):
        mine = [row for row in rows if row["threads"] == threads]
        names = [name for name in versions if any("gflops" in row["figures"].get(name, {}) for row in mine)]
        peak = float(np.median([row["fma_peak_gflops"] for row in mine]))
        parts.append(
            f"{threads} thread{'s' * (threads > 1)}, GFLOP/s and percent of the FMA peak, "
            f"{peak:.1f} GFLOP/s measured in this run:"
        )
        heading = ("layer", *names, "error", "of best peer", "best peer")
        cells = [_cells(row, names) for row in mine]
        parts.append(table([heading, *cells], "<" + ">" * (len(names) + 2) + "<", markdown))
        mean = geometric_mean(mine)
        if mean is not None:
            parts.append(f"geometric mean over the best peer: {mean:.2f}")
    if any(row["crowded"] for row in rows):
        parts.append("* other processes left too few cores")
    return "\n\n".join(parts + _refused(rows))


def _cells(row: dict, names: list[str]) -> tuple[str, ...]:
    best = best_peer(row)
    error = row["figures"][OURS].get("error") if OURS in row["figures"] else None
    return (
        row["layer"] + " *" * row["crowded"],
        *(_speed(row, row["figures"].get(name, {})) for name in names),
        "" if error is None else f"{error:.0e}",
        f"{best[1]:.2f}" if best else "",
        best[0] if best else "",
    )


def _speed(row: dict, figure: dict) -> str:
    """GFLOP/s and percent of the peak; microseconds of a toy."""
    if "gflops" not in figure:
        return ""
    if row["toy"]:
        return f"{1e6 * figure['median_s']:.2f} us"
    return f"{figure['gflops']:.1f} {100 * figure['gflops'] / row['fma_peak_gflops']:3.0f}%"


def _refused(rows: list[dict]) -> list[str]:
    """A line for each peer that failed or has no such layer, with the layers."""
    why: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for name, figure in row["figures"].items():
            reason = figure.get("failed") or figure.get("unsupported")
            if reason and row["layer"] not in why.setdefault((name, reason), []):
                why[name, reason].append(row["layer"])
    return [
        f"not measured: {name}: {reason}: {len(layers)} layers, {layers[0]}{' ...' if len(layers) > 1 else ''}"
        for (name, reason), layers in why.items()
    ]


def run(chosen: list[Layer], machine: dict, args: argparse.Namespace) -> int:
    """Measure, print the tables, and write the files that were asked for."""
    peers = interpreters(args.peers, args.peer_python)
    if args.isa:
        os.environ["NHWC_ISA"] = args.isa
    rows, versions = compare(chosen, peers, args)
    print(f"{machine['cpu']}, {machine['isa']}; nhwc {nhwc.__version__}, {machine['compiler']}")
    print(report(rows, versions, args.markdown))
    if args.plot:
        from nhwc.cli import plot

        plot.draw(plot.of_comparison(rows), args.plot)
    if args.json:
        result = {"machine": machine, "versions": versions, "geometric_mean": geometric_mean(rows), "rows": rows}
        try:
            Path(args.json).write_text(json.dumps(result, indent=1), "utf-8")
        except OSError as error:
            raise CommandError(f"cannot write {args.json}: {error.strerror or error}") from None
    return 0
