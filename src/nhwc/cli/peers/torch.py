"""PyTorch: channels_last memory, filters packed by oneDNN beforehand, and oneDNN's own blocked layout."""

from . import layout


class Peer:
    def __init__(self, threads):
        import torch
        import torch.utils.mkldnn

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.torch, self.version = torch, torch.__version__

    def prepare(self, g, x, filters):
        torch = self.torch
        x, filters, pads, unmirror = layout.alike(g, x, filters)
        memory = (torch.contiguous_format, torch.channels_last, torch.channels_last_3d)[g.dims - 1]
        inputs = torch.from_numpy(x).movedim(-1, 1)
        weights = torch.from_numpy(layout.filters_first(filters)).contiguous(memory_format=memory)
        strides, dilation = [g.stride] * g.dims, [g.dilation] * g.dims

        def as_array(y):
            return unmirror(layout.channels_last((y.to_dense() if y.is_mkldnn else y).numpy()))

        function = getattr(torch.nn.functional, f"conv{g.dims}d")
        ways = [("channels_last", lambda: function(inputs, weights, None, strides, pads, dilation, g.groups), as_array)]
        for label, make in (("packed filters", self._packed), ("blocked layout", self._blocked)):
            try:
                call = make(g, inputs, weights, pads, strides, dilation)
                call()
            except (RuntimeError, AttributeError, NotImplementedError):
                continue  # a build without oneDNN, or a layer that this way does not take
            ways.append((label, call, as_array))
        return ways

    def _packed(self, g, inputs, weights, pads, strides, dilation):
        """What torch.compile makes of a frozen layer: the filters in oneDNN's order, input and result in NHWC."""
        operators = self.torch.ops.mkldnn
        packed = operators._reorder_convolution_weight(weights, pads, strides, dilation, g.groups, list(inputs.shape))
        convolve = operators._convolution_pointwise.default
        return lambda: convolve(inputs, packed, None, pads, strides, dilation, g.groups, "none", [], "")

    def _blocked(self, g, inputs, weights, pads, strides, dilation):
        """Input and result stay in oneDNN's own layout, as between the layers of a converted network."""
        torch = self.torch
        module = getattr(torch.nn, f"Conv{g.dims}d")(
            g.c, g.f, g.kernel, g.stride, tuple(pads), g.dilation, g.groups, bias=False
        ).eval()
        module.weight.copy_(weights)
        module, blocked = torch.utils.mkldnn.to_mkldnn(module), inputs.contiguous().to_mkldnn()
        return lambda: module(blocked)
