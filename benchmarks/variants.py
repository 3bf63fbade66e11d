"""One layer in every way the library computes it: threads, instruction sets, dtypes, activations."""

import nhwc
from nhwc import _core

from . import common

_LAYER = "resnet_3x3_28x128_128"


class Threads(common.Work):
    what = "threads"
    params = tuple(range(1, nhwc.get_num_threads() + 1))
    param_names = ("threads",)

    def setup(self, threads):
        self.threads = threads
        super().setup(threads)

    def prepare(self, threads):
        return common.forward(_LAYER, algorithm="direct")


class InstructionSets(common.Work):
    what = "instruction sets"
    params = tuple(nhwc.show_config(mode="dicts")["isas_available"])
    param_names = ("isa",)

    def prepare(self, isa):
        _core._use_isa(isa)
        return common.forward(_LAYER, algorithm="direct")


class Dtypes(common.Work):
    what = "dtypes"
    params = ("float32", "float64", "float16", "int8", "int32")
    param_names = ("dtype",)

    def prepare(self, dtype):
        self.itemsize = 8 if dtype == "float64" else 4
        return common.forward(_LAYER, dtype)


class Activations(common.Work):
    what = "activations"
    params = ("none", "relu", "gelu", "silu", "sigmoid", "tanh")
    param_names = ("activation",)

    def prepare(self, name):
        return common.forward(_LAYER, algorithm="direct", activation=None if name == "none" else name)
