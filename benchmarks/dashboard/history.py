"""What asv has measured of each commit, from its files of results."""

import itertools
import json
from pathlib import Path


def commits(results: Path):
    """Measured commits of the machine that has most, oldest first: `{"hash", "machine", "date", "figures"}`.

    `figures` maps a benchmark's name and parameters, like `("forward.Dense.track_gflops", layer)`, to its value.
    """
    machines = {}
    for path in sorted(results.glob("*/*.json")):
        if path.name != "machine.json":
            found = json.loads(path.read_text("utf-8"))
            commit = {"hash": found["commit_hash"], "machine": path.parent.name, "date": found["date"]}
            machines.setdefault(path.parent.name, []).append({**commit, "figures": dict(_figures(found["results"]))})
    most = max(machines.values(), key=len, default=[])
    return sorted((commit for commit in most if speeds(commit)), key=lambda commit: commit["date"])


def _figures(results):
    for name, (values, params, *_) in results.items():
        names = itertools.product(*([text.strip("'") for text in axis] for axis in params))
        for key, value in zip(names, values or (), strict=False):
            if isinstance(value, (int, float)) and value == value:  # not NaN, which stands for "has no such layer"
                yield (name, *key), value


def speeds(commit):
    """GFLOP/s of forward layers as the library chooses its algorithm, by layer."""
    chosen = {
        key[1]: value
        for key, value in commit["figures"].items()
        if key[0].startswith("forward.") and key[0].endswith("track_gflops") and "Winograd" not in key[0]
    }
    return dict(sorted(chosen.items()))


def beside_peers(commit):
    """GFLOP/s by layer and library: `{layer: {library: value}}`."""
    table = {}
    for (name, *key), value in commit["figures"].items():
        if name == "peers.Peers.track_gflops":
            table.setdefault(key[0], {})[key[1]] = value
    return {layer: row for layer, row in table.items() if "nhwc" in row}


def scaling(commit):
    """GFLOP/s of one layer by number of threads."""
    named = {key: value for key, value in commit["figures"].items() if key[0] == "variants.Threads.track_gflops"}
    return {int(threads): value for (_, threads), value in named.items()}
