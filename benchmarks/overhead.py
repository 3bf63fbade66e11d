"""What a call costs beside its arithmetic: one 3x3 filter over 8x8 pixels of one channel."""

import numpy as np

import nhwc
from nhwc.cli.layers import layer


class Call:
    """Time of a call with next to nothing to compute."""

    def setup(self):
        toy = layer("toy2d_8x8x1_3x3")
        self.x, self.filters = toy.data()
        self.plan = nhwc.plan_conv2d(self.x.shape, self.filters)
        self.y = np.empty(self.plan.output_shape, self.plan.dtype)

    def time_function(self):
        nhwc.conv2d(self.x, self.filters)

    def time_plan(self):
        self.plan(self.x, out=self.y)

    time_function.pretty_name = "call overhead: conv2d(x, filters), 8x8x1"
    time_plan.pretty_name = "call overhead: plan(x, out=y), 8x8x1"
