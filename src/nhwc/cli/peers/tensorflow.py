"""TensorFlow: a tf.function with constant filters, NHWC, by its own kernels and oneDNN's, and by XLA."""

from . import layout


class Peer:
    def __init__(self, threads):
        import tensorflow

        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        self.tf, self.version = tensorflow, tensorflow.__version__

    def prepare(self, g, x, filters):
        if layout.depthwise(g) and g.dims != 2:
            raise layout.Unsupported("depthwise layers have 2 axes")
        operand, ways = self.tf.constant(x), []
        for label, xla in (("graph", False), ("XLA", True)):
            function = self._function(g, operand, filters, xla)
            try:
                function(operand)
            except self.tf.errors.OpError:
                continue  # this way has no such layer
            ways.append((label, lambda function=function: function(operand), lambda y: y.numpy()))
        if not ways:
            raise layout.Unsupported("no kernel for this layer")
        return ways

    def _function(self, g, operand, filters, xla):
        nn, padding = self.tf.nn, g.padding.upper()

        def layer(x):
            if layout.depthwise(g):
                weights = self.tf.constant(filters.swapaxes(2, 3))
                return nn.depthwise_conv2d(x, weights, [1, g.stride, g.stride, 1], padding, dilations=[g.dilation] * 2)
            return nn.convolution(x, self.tf.constant(filters), [g.stride] * g.dims, padding, dilations=g.dilation)

        function = self.tf.function(layer, jit_compile=xla, input_signature=[self.tf.TensorSpec(operand.shape)])
        return function.get_concrete_function()
