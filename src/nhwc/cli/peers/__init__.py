"""The other libraries that `python -m nhwc bench --compare` measures, an adapter each, run in processes of their own.

A peer's interpreter may lack nhwc: these modules import NumPy, the peer, and nothing else. An adapter is a class
`Peer(threads)` with a `version` and `prepare(g, x, filters)`, which returns the ways to call the peer for the layer
`g` (fields of `nhwc.cli.layers.Layer`) as triples: a label, the call with its operands ready, and a function that turns
what the call returned into an NHWC array. The fastest way counts. It raises `layout.Unsupported` where the peer has no
such layer.
"""
