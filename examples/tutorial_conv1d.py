"""A line detector of three numbers over a one-dimensional signal: the tutorial's program, but for its import lines."""

from numpy import asarray

from nhwc.layers import Conv1D
from nhwc.models import Sequential

# One sample of eight steps in one channel, with a bump two steps wide in the middle.
data = asarray([0, 0, 0, 1, 1, 0, 0, 0]).reshape(1, 8, 1)

model = Sequential()
model.add(Conv1D(1, 3, input_shape=(8, 1)))

# One filter of three steps in one channel, and its bias.
model.set_weights([asarray([[[0]], [[1]], [[0]]]), asarray([0.0])])
print(model.get_weights())

# The bump comes out, and two steps less: the filter fits in six places.
yhat = model.predict(data)
print(yhat)
