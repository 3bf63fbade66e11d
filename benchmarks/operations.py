"""The operations beside forward convolution, each from the package's own table of it, on one thread."""

import nhwc
from nhwc.cli import ops

from . import common


class Transposed(common.Work):
    what = "transposed"
    op = "transpose"
    params = tuple(case.name for case in ops.cases("transpose"))
    param_names = ("case",)

    def prepare(self, name):
        case = next(case for case in ops.cases(self.op) if case.name == name)
        return case.prepare("float32"), case.macs, 4 * case.traffic


class InputGradients(Transposed):
    what = "input gradients"
    op = "input_grad"
    params = tuple(case.name for case in ops.cases("input_grad"))


class FilterGradients(Transposed):
    what = "filter gradients"
    op = "filter_grad"
    params = tuple(case.name for case in ops.cases("filter_grad"))


class Separable(Transposed):
    what = "separable"
    op = "separable"
    params = tuple(case.name for case in ops.cases("separable"))


class Pooling:
    """Time of pooling and its gradients, which has no multiply-adds to count."""

    params = tuple(case.name for case in ops.cases("pool"))
    param_names = ("case",)

    def track_time(self, name):
        """Median time of a call on one thread."""
        nhwc.set_num_threads(1)
        return common.seconds(next(case for case in ops.cases("pool") if case.name == name).prepare("float32"))

    track_time.pretty_name, track_time.unit, track_time.version = "pooling", "seconds", "1"
