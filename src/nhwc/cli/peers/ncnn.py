"""ncnn: a network of one convolution in float32, in its own packed layout; Winograd where ncnn chooses it."""

import tempfile
from pathlib import Path

import numpy as np

from . import layout

# Numbers of the parameters of each axis, innermost first: kernel, dilation, stride, padding before and after.
_AXES = ((1, 2, 3, 4, 15), (11, 12, 13, 14, 16), (21, 22, 23, 24, 17))


class Peer:
    def __init__(self, threads):
        import ncnn

        self.ncnn, self.threads, self.version = ncnn, threads, ncnn.__version__

    def prepare(self, g, x, filters):
        net = self._net(g, layout.filters_first(filters))
        planes = layout.channels_first(x)  # a Mat borrows its array, the clone does not
        images = [self.ncnn.Mat(image).clone() for image in planes]

        def call():
            return [_run(net, image) for image in images]

        def as_array(results):
            return layout.channels_last(np.stack([np.array(y).reshape(g.f, *g.output) for y in results]))

        return [("CHW", call, as_array)]

    def _net(self, g, filters):
        values = {0: g.f, 5: 0, 6: filters.size}
        axes = zip(g.kernel, layout.low(g), layout.high(g), strict=True)
        for numbers, (kernel, before, after) in zip(_AXES, reversed(list(axes)), strict=False):
            values.update(zip(numbers, (kernel, g.dilation, g.stride, before, after), strict=True))
        kind = "Convolution"
        if g.groups > 1:
            kind, values[7] = "ConvolutionDepthWise", g.groups
        kind += ("1D", "", "3D")[g.dims - 1]
        numbers = " ".join(f"{key}={value}" for key, value in sorted(values.items()))
        net = self.ncnn.Net()
        options = net.opt
        options.num_threads = self.threads
        for half in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage"):
            if hasattr(options, "use_" + half):
                setattr(options, "use_" + half, False)
        net.opt = options
        with tempfile.TemporaryDirectory() as folder:
            graph, weights = Path(folder, "layer.param"), Path(folder, "layer.bin")
            graph.write_text(f"7767517\n2 2\nInput in 0 1 x\n{kind} layer 1 1 x y {numbers}\n", "ascii")
            weights.write_bytes(bytes(4) + filters.tobytes())
            if net.load_param(str(graph)) or net.load_model(str(weights)):
                raise layout.Unsupported("ncnn refuses the network")
        return net


def _run(net, image):
    extractor = net.create_extractor()
    extractor.input("x", image)
    return extractor.extract("y")[1]
