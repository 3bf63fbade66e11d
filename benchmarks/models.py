"""Networks of `nhwc.models`: a prediction, and an epoch of training, of a small network that reads digits."""

import numpy as np

import nhwc
from nhwc.layers import BatchNormalization, Conv2D, Dense, Flatten, Input, MaxPooling2D, ReLU
from nhwc.models import Sequential

from . import common

PICTURES = 512


def network():
    """Two convolutions and a classifier over pictures of 28x28 pixels."""
    model = Sequential(
        [
            Input((28, 28, 1)),
            Conv2D(32, 3, padding="same"),
            BatchNormalization(),
            ReLU(),
            MaxPooling2D(),
            Conv2D(64, 3, padding="same", activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(10, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class Predict:
    """Time of `predict` by pictures in a batch."""

    params = (1, 64)
    param_names = ("pictures",)

    def track_predict(self, pictures):
        """Median time of a prediction on one thread."""
        nhwc.set_num_threads(1)
        model = network()
        x = np.random.default_rng(0).random((pictures, 28, 28, 1), np.float32)
        return common.seconds(lambda: model.predict(x, batch_size=64, verbose=0))

    track_predict.pretty_name, track_predict.unit = "network of two convolutions: predict", "seconds"
    track_predict.version = "1"


class Fit:
    """Time of one epoch of `fit` over 512 pictures in batches of 32."""

    timeout = 120

    def setup(self):
        nhwc.set_num_threads(1)
        rng = np.random.default_rng(0)
        self.model = network()
        self.x = rng.random((PICTURES, 28, 28, 1), np.float32)
        self.y = rng.integers(0, 10, PICTURES)

    def time_epoch(self):
        """One epoch on one thread."""
        self.model.fit(self.x, self.y, batch_size=32, epochs=1, verbose=0)

    time_epoch.pretty_name = "network of two convolutions: one epoch of fit"
    time_epoch.version = "1"
