"""Other libraries on the layers of the package's table beside ours, on one thread: whichever asv's environment has."""

import importlib
from dataclasses import asdict
from importlib.util import find_spec
from types import SimpleNamespace

from nhwc.cli import compare, layers
from nhwc.cli.measure import sample_times
from nhwc.cli.peers.layout import Unsupported

from . import common


class Peers(common.Work):
    what = "beside peers"
    params = (common.names("all"), ("nhwc", *(name for name, module in compare.PEERS.items() if find_spec(module))))
    param_names = ("layer", "library")

    def prepare(self, name, library):
        if library == "nhwc":
            return common.forward(name)
        layer = layers.layer(name)
        x, filters = layer.data()
        geometry = SimpleNamespace(**asdict(layer), dims=layer.dims, pads=layer.pads, output=layer.output)
        try:
            ways = importlib.import_module(f"nhwc.cli.peers.{library}").Peer(self.threads).prepare(geometry, x, filters)
        except Unsupported as error:
            raise NotImplementedError(str(error)) from None  # asv's word for it
        if len(ways) > 1:
            ways.sort(key=lambda way: min(sample_times(way[1], 0.04, min_samples=2, limit=1.0)))
        return ways[0][1], layer.macs, 4 * layer.traffic
