"""OpenCV's filter2D: one filter over an image of one channel."""

import numpy as np

from . import layout


class Peer:
    def __init__(self, threads):
        import cv2

        cv2.setNumThreads(threads)
        self.cv2, self.version = cv2, cv2.__version__

    def prepare(self, g, x, filters):
        inside = layout.plane(g)
        if g.dims != 2:
            raise layout.Unsupported("images only")
        image, kernel = x[0, :, :, 0], np.ascontiguousarray(filters[:, :, 0, 0])
        filter2d, border = self.cv2.filter2D, self.cv2.BORDER_CONSTANT
        return [
            (
                "filter2D",
                lambda: filter2d(image, self.cv2.CV_32F, kernel, borderType=border)[inside],
                lambda y: y[None, ..., None],
            )
        ]
