"""The process of one peer: it reads orders as lines of JSON and answers each by a line."""

import importlib
import json
import os
import sys
import traceback
from types import SimpleNamespace

import numpy as np

from .layout import Unsupported
from .sampling import quiet_times, sample_times


def main(name, threads):
    """Serve orders from standard input until it ends; whatever the peer prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    state = SimpleNamespace(peer=None, call=None)
    for line in sys.stdin:
        try:
            answer = _obey(state, name, threads, **json.loads(line))
        except Unsupported as error:
            answer = {"unsupported": str(error)}
        except Exception as error:  # what the peer does not stomach is a line of the table, and the next layer may do
            traceback.print_exc()
            answer = {"failed": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), file=answers, flush=True)


def _obey(state, name, threads, order, **what):
    if order == "start":
        state.peer = importlib.import_module("." + name, __package__).Peer(threads)
        return {"version": state.peer.version}
    if order == "prepare":
        state.call = None
        return _prepare(state, what["layer"], what["files"])
    samples, crowded = quiet_times(state.call, what["seconds"], threads, min_samples=3, limit=2.0)
    return {"samples": samples, "crowded": crowded}


def fastest(ways):
    """The one of an adapter's ways to call a layer that takes least time."""
    if len(ways) == 1:
        return ways[0]
    return min(ways, key=lambda way: min(sample_times(way[1], 0.04, min_samples=2, limit=1.0)))


def _prepare(state, layer, files):
    """Keep the fastest way to call this layer, and write its result."""
    layer = {key: tuple(value) if isinstance(value, list) else value for key, value in layer.items()}
    x, filters = (np.load(files[name]) for name in ("x", "filters"))
    label, state.call, as_array = fastest(state.peer.prepare(SimpleNamespace(**layer), x, filters))
    np.save(files["y"], np.ascontiguousarray(as_array(state.call())))
    return {"way": label}
