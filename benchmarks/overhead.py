"""What a call costs beside its arithmetic, and what making a plan costs."""

import numpy as np

import nhwc
from nhwc.cli.layers import layer

from . import common

CALLS = 1000  # of a sample, because asv sets up anew for each


class Call:
    """Time of calls with next to nothing to compute: one 3x3 filter over 8x8 pixels of one channel."""

    rounds, repeat = 4, (3, 20, 0.3)

    def setup(self):
        toy = layer("toy2d_8x8x1_3x3")
        self.x, self.filters = toy.data()
        self.plan = nhwc.plan_conv2d(self.x.shape, self.filters)
        self.y = np.empty(self.plan.output_shape, self.plan.dtype)

    def time_functions(self):
        """Calls that check their arguments, choose an algorithm and allocate the result."""
        for _ in range(CALLS):
            nhwc.conv2d(self.x, self.filters)

    def time_plans(self):
        """Calls of a plan that write into a ready array."""
        for _ in range(CALLS):
            self.plan(self.x, out=self.y)

    time_functions.pretty_name = f"call overhead: {CALLS} x conv2d(x, filters), 8x8x1"
    time_plans.pretty_name = f"call overhead: {CALLS} x plan(x, out=y), 8x8x1"
    time_functions.version = time_plans.version = "1"


class PlanMaking:
    """Time to make a plan: choosing the algorithm and packing or transforming the filters."""

    params = ("toy2d_8x8x1_3x3", "resnet_3x3_28x128_128", "resnet_1x1_14x1024_256", "mbv2_dw3x3_14x576")
    param_names = ("layer",)

    def track_plan_conv2d(self, name):
        """Median time to make a plan."""
        chosen = layer(name)
        x, filters = chosen.data()
        return common.seconds(lambda: nhwc.plan_conv2d(x.shape, filters, **chosen.options))

    track_plan_conv2d.pretty_name, track_plan_conv2d.unit, track_plan_conv2d.version = "making a plan", "seconds", "1"
