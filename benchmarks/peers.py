"""Other libraries on the layers of the package's table beside ours, on one thread: whichever asv's environment has."""

import importlib
from dataclasses import asdict
from types import SimpleNamespace

from nhwc.cli import compare, layers
from nhwc.cli.peers.layout import Unsupported
from nhwc.cli.peers.worker import fastest

from . import common


class Peers(common.Work):
    what = "beside peers"
    params = (common.names("all"), ("nhwc", *compare.installed()))
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
        return fastest(ways)[1], layer.macs, 4 * layer.traffic
