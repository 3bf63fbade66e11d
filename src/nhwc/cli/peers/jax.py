"""JAX: `lax.conv_general_dilated` compiled, NHWC input and HWIO filters on the device."""

import os

import numpy as np


class Peer:
    def __init__(self, threads):
        if threads == 1:
            flags = os.environ.get("XLA_FLAGS", "")
            os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
        import jax

        self.jax, self.version = jax, jax.__version__

    def prepare(self, g, x, filters):
        axes = "DHW"[3 - g.dims :]
        orders = (f"N{axes}C", f"{axes}IO", f"N{axes}C")

        @self.jax.jit
        def layer(x, filters):
            return self.jax.lax.conv_general_dilated(
                x,
                filters,
                (g.stride,) * g.dims,
                g.pads,
                rhs_dilation=(g.dilation,) * g.dims,
                dimension_numbers=orders,
                feature_group_count=g.groups,
            )

        operands = self.jax.device_put(x), self.jax.device_put(filters)
        return [("NHWC", lambda: layer(*operands).block_until_ready(), np.asarray)]
