"""This library: a plan that writes into a ready array."""

import os

import numpy as np


class Peer:
    def __init__(self, threads):
        import nhwc

        nhwc.set_num_threads(threads)
        self.nhwc, self.version = nhwc, nhwc.__version__

    def prepare(self, g, x, filters):
        plan = getattr(self.nhwc, f"plan_conv{g.dims}d")(
            x.shape,
            filters,
            strides=g.stride,
            padding=g.padding,
            dilation_rate=g.dilation,
            groups=g.groups,
            algorithm=os.environ.get("NHWC_BENCH_ALGORITHM", "auto"),
        )
        y = np.empty(plan.output_shape, plan.dtype)
        return [(plan.algorithm, lambda: plan(x, out=y), lambda result: result)]
