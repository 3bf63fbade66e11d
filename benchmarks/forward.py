"""Forward convolution: a layer of each class from the package's table, on one thread, by a plan with `out=`."""

import numpy as np

import nhwc
from nhwc.cli.layers import layer
from nhwc.cli.measure import sample_times


class Layer:
    """Time of a layer by its work: what 1000 multiply-adds take."""

    params = (
        "resnet_3x3_28x128_128",
        "resnet_1x1_14x1024_256",
        "resnet_stem_7x7s2_224x3_64",
        "mbv2_dw3x3_112x32",
        "image_2160x3840x1_3x3",
        "resnext_3x3g32_56x128_128",
    )
    param_names = ("layer",)
    timeout = 120

    def setup(self, name):
        nhwc.set_num_threads(1)
        self.layer = layer(name)
        self.x, filters = self.layer.data()
        self.plan = nhwc.plan_conv2d(self.x.shape, filters, **self.layer.options)
        self.y = np.empty(self.plan.output_shape, self.plan.dtype)

    def track_time_per_work(self, name):
        median = np.median(sample_times(lambda: self.plan(self.x, out=self.y), 0.3))
        return 1e9 * median / (self.layer.macs / 1000)

    track_time_per_work.pretty_name = "conv2d plan, float32, 1 thread"
    track_time_per_work.unit = "ns / 1000 multiply-adds"
