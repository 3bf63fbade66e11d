"""A detector of vertical lines over a small image: the tutorial's program, but for its import lines.

NumPy 2 prints its numbers as ``np.float32(3.0)`` within a list, so the rows are printed as Python's own.
"""

from numpy import asarray

from nhwc.layers import Conv2D
from nhwc.models import Sequential

# One greyscale image of 8x8 pixels with a vertical line two pixels wide.
data = asarray([[0, 0, 0, 1, 1, 0, 0, 0]] * 8).reshape(1, 8, 8, 1)

model = Sequential()
model.add(Conv2D(1, (3, 3), input_shape=(8, 8, 1)))

# One filter of 3x3 pixels in one channel, and its bias.
detector = [[[[0]], [[1]], [[0]]], [[[0]], [[1]], [[0]]], [[[0]], [[1]], [[0]]]]
model.set_weights([asarray(detector), asarray([0.0])])
print(model.get_weights())

# The feature map: where the line is, the filter finds three of its pixels one above the other.
yhat = model.predict(data)
for r in range(yhat.shape[1]):
    print([float(yhat[0, r, c, 0]) for c in range(yhat.shape[2])])
