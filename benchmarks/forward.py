"""Forward convolution of every layer of the package's table by its class, on one thread, by plans with `out=`."""

from nhwc.cli import layers

from . import common


class Dense(common.Work):
    what = "dense"
    params = common.names("dense")

    def prepare(self, name):
        return common.forward(name)


class Pointwise(Dense):
    what = "1x1"
    params = common.names("pointwise")


class Stem(Dense):
    what = "stem"
    params = common.names("stem")


class Depthwise(Dense):
    what = "depthwise"
    params = common.names("depthwise")


class Grouped(Dense):
    what = "grouped"
    params = common.names("grouped")


class FewFilters(Dense):
    what = "few filters on images"
    params = common.names("few_filters")


class Signals(Dense):
    what = "1-D"
    params = tuple(layer.name for layer in layers.all_layers() if layer.dims == 1 and not layer.toy)


class Volumes(Dense):
    what = "3-D"
    params = tuple(layer.name for layer in layers.all_layers() if layer.dims == 3)


class Winograd(common.Work):
    what = "Winograd"
    figures = (common.FIGURES[0], common.FIGURES[2])  # it multiplies less: there is no peak to lose
    params = tuple(
        layer.name
        for layer in layers.select(None, ["dense"])
        if layer.kernel == (3, 3) and layer.stride == layer.dilation == layer.groups == 1
    )

    def prepare(self, name):
        return common.forward(name, algorithm="winograd_f4")
