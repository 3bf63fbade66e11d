"""OpenVINO's CPU plugin: one convolution with constant filters, NCHW or NHWC at its border, in float32."""

import sys

import numpy as np

from . import layout


class Peer:
    def __init__(self, threads):
        # A measurement tells nobody; the process that its telemetry forks would hang and keep our pipes open.
        sys.modules["openvino_telemetry"] = None
        import openvino

        self.ov, self.threads, self.core = openvino, threads, openvino.Core()
        self.version = openvino.__version__

    def prepare(self, g, x, filters):
        return [self._way(g, x, filters, nhwc) for nhwc in (False, True)]

    def _way(self, g, x, filters, nhwc):
        model = self._model(g, filters, nhwc)
        hints = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        request = self.core.compile_model(model, "CPU", hints).create_infer_request()
        operand = x if nhwc else layout.channels_first(x)
        request.set_input_tensor(self.ov.Tensor(operand, shared_memory=True))
        tensor = request.get_output_tensor()

        def call(keep=operand):  # the tensor borrows its array
            request.infer()

        def as_array(_):
            return tensor.data if nhwc else layout.channels_last(tensor.data)

        return "NHWC" if nhwc else "NCHW", call, as_array

    def _model(self, g, filters, nhwc):
        from openvino import opset8

        x = opset8.parameter([g.n, g.c, *g.spatial], np.float32)
        weights = layout.filters_first(filters)
        where = ([g.stride] * g.dims, layout.low(g), layout.high(g), [g.dilation] * g.dims)
        if g.groups > 1:
            weights = weights.reshape(g.groups, g.f // g.groups, *weights.shape[1:])
            y = opset8.group_convolution(x, opset8.constant(weights), *where)
        else:
            y = opset8.convolution(x, opset8.constant(weights), *where)
        model = self.ov.Model([y], [x], "layer")
        if not nhwc:
            return model
        axes = "DHW"[3 - g.dims :]
        steps = self.ov.preprocess.PrePostProcessor(model)
        for end in (steps.input(), steps.output()):
            end.tensor().set_layout(self.ov.Layout(f"N{axes}C"))
            end.model().set_layout(self.ov.Layout(f"NC{axes}"))
        return steps.build()
