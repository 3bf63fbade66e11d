"""ONNX Runtime: a graph of one Conv node in NCHW, input and result bound beforehand."""

import numpy as np

from . import layout


class Peer:
    def __init__(self, threads):
        import onnx
        import onnxruntime

        self.onnx, self.ort, self.threads = onnx, onnxruntime, threads
        self.version = onnxruntime.__version__

    def prepare(self, g, x, filters):
        ort = self.ort
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        session = ort.InferenceSession(self._model(g, filters), options, providers=["CPUExecutionProvider"])
        result = ort.OrtValue.ortvalue_from_shape_and_type((g.n, g.f, *g.output), np.float32)
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(layout.channels_first(x)))
        binding.bind_ortvalue_output("y", result)
        return [
            ("NCHW", lambda: session.run_with_iobinding(binding), lambda _: layout.channels_last(result.numpy())),
        ]

    def _model(self, g, filters):
        helper, real = self.onnx.helper, self.onnx.TensorProto.FLOAT
        node = helper.make_node(
            "Conv",
            ["x", "filters"],
            ["y"],
            kernel_shape=g.kernel,
            strides=[g.stride] * g.dims,
            dilations=[g.dilation] * g.dims,
            pads=layout.low(g) + layout.high(g),
            group=g.groups,
        )
        graph = helper.make_graph(
            [node],
            "layer",
            [helper.make_tensor_value_info("x", real, (g.n, g.c, *g.spatial))],
            [helper.make_tensor_value_info("y", real, (g.n, g.f, *g.output))],
            [self.onnx.numpy_helper.from_array(layout.filters_first(filters), "filters")],
        )
        version = helper.make_opsetid("", 17)
        return helper.make_model(graph, opset_imports=[version], ir_version=8).SerializeToString()
