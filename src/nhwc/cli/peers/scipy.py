"""SciPy's ndimage.correlate and signal.correlate: one filter over one channel, stride 1."""

from . import layout


class Peer:
    def __init__(self, threads):
        import scipy.ndimage
        import scipy.signal

        self.scipy, self.version = scipy, scipy.__version__

    def prepare(self, g, x, filters):
        inside = layout.plane(g)
        image, kernel = x[0, ..., 0], filters[..., 0, 0]
        by_image, by_signal = self.scipy.ndimage.correlate, self.scipy.signal.correlate

        def as_array(y):
            return y[None, ..., None]

        return [
            ("ndimage", lambda: by_image(image, kernel, mode="constant")[inside], as_array),
            ("signal", lambda: by_signal(image, kernel, mode=g.padding), as_array),
        ]
