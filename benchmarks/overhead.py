"""What a call costs beside its arithmetic, and what making a plan costs."""

import numpy as np

import nhwc
from nhwc.cli.layers import layer


class Call:
    """Time of a call with next to nothing to compute: one 3x3 filter over 8x8 pixels of one channel."""

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
    time_function.version = time_plan.version = "1"


class PlanMaking:
    """Time to make a plan: choosing the algorithm and packing or transforming the filters."""

    params = ("toy2d_8x8x1_3x3", "resnet_3x3_28x128_128", "resnet_1x1_14x1024_256", "mbv2_dw3x3_14x576")
    param_names = ("layer",)

    def setup(self, name):
        self.layer = layer(name)
        self.x, self.filters = self.layer.data()

    def time_plan_conv2d(self, name):
        nhwc.plan_conv2d(self.x.shape, self.filters, **self.layer.options)

    time_plan_conv2d.pretty_name = "making a plan"
    time_plan_conv2d.version = "1"
