"""LiteRT (TensorFlow Lite with XNNPACK): a model of one operator, written here by the schema that LiteRT brings."""

import importlib.metadata

import numpy as np

from . import layout


class Peer:
    def __init__(self, threads):
        from ai_edge_litert import interpreter, schema_py_generated

        self.make, self.schema, self.threads = interpreter.Interpreter, schema_py_generated, threads
        self.version = importlib.metadata.version("ai-edge-litert")

    def prepare(self, g, x, filters):
        model = bytes(self._model(g, filters))
        interpreter = self.make(model_content=model, num_threads=self.threads)
        interpreter.allocate_tensors()
        into, out = (ends()[0]["index"] for ends in (interpreter.get_input_details, interpreter.get_output_details))
        interpreter.set_tensor(into, x if g.dims > 1 else x[:, None])

        def as_array(_):
            return interpreter.get_tensor(out).reshape(g.n, *g.output, g.f)

        return [("NHWC", interpreter.invoke, as_array)]

    def _model(self, g, filters):
        import flatbuffers

        s = self.schema
        operator, options, kind, weights = self._operator(g, filters)
        flat = [1] * (g.dims == 1)  # a signal is an image of one row
        shapes = {
            "x": (g.n, *flat, *g.spatial, g.c),
            "filters": weights.shape,
            "bias": (g.f,),
            "y": (g.n, *flat, *g.output, g.f),
        }
        model, graph, node, code = s.ModelT(), s.SubGraphT(), s.OperatorT(), s.OperatorCodeT()
        buffers = {"filters": 1, "bias": 2}
        graph.tensors = [
            s.TensorT(shape=list(shape), type=s.TensorType.FLOAT32, buffer=buffers.get(name, 0), name=name)
            for name, shape in shapes.items()
        ]
        graph.inputs, graph.outputs, graph.operators = [0], [3], [node]
        node.inputs, node.outputs, node.builtinOptions, node.builtinOptionsType = [0, 1, 2], [3], options, kind
        code.builtinCode, code.deprecatedBuiltinCode = operator, min(operator, 127)
        model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
        model.buffers = [s.BufferT(), s.BufferT(), s.BufferT()]
        for buffer, values in zip(model.buffers[1:], (weights, np.zeros(g.f, np.float32)), strict=True):
            buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        builder = flatbuffers.Builder(0)
        builder.Finish(model.Pack(builder), b"TFL3")
        return builder.Output()

    def _operator(self, g, filters):
        """The operator's code, its options and their type, and the filters in its order."""
        s = self.schema
        if g.dims == 3:
            if g.groups > 1:
                raise layout.Unsupported("grouped layers have 2 axes at most")
            code, options, kind, weights = s.BuiltinOperator.CONV_3D, s.Conv3DOptionsT(), "Conv3DOptions", filters
            options.strideD, options.dilationDFactor = g.stride, g.dilation
        elif g.groups == g.c > 1:
            code, options, kind = (
                s.BuiltinOperator.DEPTHWISE_CONV_2D,
                s.DepthwiseConv2DOptionsT(),
                "DepthwiseConv2DOptions",
            )
            weights = filters.reshape(*[1] * (3 - g.dims), *g.kernel, g.f)
            options.depthMultiplier = g.f // g.c
        else:
            code, options, kind = s.BuiltinOperator.CONV_2D, s.Conv2DOptionsT(), "Conv2DOptions"
            weights = np.moveaxis(filters if g.dims == 2 else filters[None], -1, 0)
        options.padding = s.Padding.SAME if g.padding == "same" else s.Padding.VALID
        options.strideH = options.strideW = g.stride
        options.dilationWFactor, options.dilationHFactor = g.dilation, g.dilation if g.dims > 1 else 1
        return code, options, getattr(s.BuiltinOptions, kind), weights
