"""The layers, networks and trainings that are compared with Keras 3, as data for `make_keras.py` and for the test.

A case takes the module of layers, Keras's or ours, and returns what it is about; inputs and weights follow from its
name alone.
"""

import zlib

import numpy as np


def inputs(name, shape):
    """Random numbers of the case's own."""
    return _generator(name, "x").standard_normal(shape).astype(np.float32)


def start(name, shapes):
    """Weights of the case's own, small enough for deep networks; all positive where they may be variances."""
    generator = _generator(name, "weights")
    weights = []
    for shape in shapes:
        scale = np.sqrt(2 / max(np.prod(shape[:-1]), 1)) if len(shape) > 1 else 0.5
        values = generator.standard_normal(shape) * scale
        weights.append((np.abs(values) + 0.5 if len(shape) == 1 else values).astype(np.float32))
    return weights


def _generator(*words):
    return np.random.default_rng(zlib.crc32(" ".join(words).encode()))


SIGNAL, IMAGE, VOLUME = (2, 9, 3), (2, 7, 6, 4), (1, 5, 6, 5, 2)
ACTIVATIONS = [
    *("relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "hard_sigmoid", "tanh"),
    *("silu", "swish", "hard_silu", "hard_swish", "gelu", "softplus", "linear", "softmax"),
]

# Name: (maker of the layer, shape of the input).
LAYERS = {
    "conv1d": (lambda k: k.Conv1D(4, 3), SIGNAL),
    "conv1d same strides": (lambda k: k.Conv1D(4, 4, strides=2, padding="same"), SIGNAL),
    "conv1d causal dilation": (lambda k: k.Conv1D(4, 3, padding="causal", dilation_rate=2), SIGNAL),
    "conv2d": (lambda k: k.Conv2D(5, 3), IMAGE),
    "conv2d same strides": (lambda k: k.Conv2D(5, (2, 3), strides=(2, 3), padding="same"), IMAGE),
    "conv2d groups": (lambda k: k.Conv2D(6, 3, groups=2, use_bias=False), IMAGE),
    "conv2d dilation": (lambda k: k.Conv2D(5, 3, dilation_rate=2, padding="same"), IMAGE),
    "conv3d": (lambda k: k.Conv3D(3, 2, padding="same"), VOLUME),
    "conv3d strides": (lambda k: k.Conv3D(3, (2, 3, 2), strides=2), VOLUME),
    "depthwise1d": (lambda k: k.DepthwiseConv1D(3, depth_multiplier=2), SIGNAL),
    "depthwise2d": (lambda k: k.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), IMAGE),
    "depthwise2d strides": (lambda k: k.DepthwiseConv2D(3, strides=2), IMAGE),
    "separable1d": (lambda k: k.SeparableConv1D(5, 3, padding="same"), SIGNAL),
    "separable1d strides": (lambda k: k.SeparableConv1D(5, 3, strides=2, depth_multiplier=2), SIGNAL),
    "separable2d": (lambda k: k.SeparableConv2D(5, 3, strides=2, depth_multiplier=2, activation="relu"), IMAGE),
    "separable2d same": (lambda k: k.SeparableConv2D(5, 3, padding="same", use_bias=False), IMAGE),
    "conv1d transpose": (lambda k: k.Conv1DTranspose(4, 3, strides=2), SIGNAL),
    "conv1d transpose same": (lambda k: k.Conv1DTranspose(4, 4, strides=3, padding="same"), SIGNAL),
    "conv2d transpose": (lambda k: k.Conv2DTranspose(5, (2, 3), strides=(3, 2)), IMAGE),
    "conv2d transpose same": (lambda k: k.Conv2DTranspose(5, 3, strides=2, padding="same"), IMAGE),
    "conv2d transpose extra": (lambda k: k.Conv2DTranspose(5, 3, 2, "same", output_padding=0, activation="elu"), IMAGE),
    "conv2d transpose valid extra": (lambda k: k.Conv2DTranspose(5, 3, strides=2, output_padding=1), IMAGE),
    "conv3d transpose": (lambda k: k.Conv3DTranspose(3, 3, strides=2, padding="same"), VOLUME),
    "max1d": (lambda k: k.MaxPooling1D(), SIGNAL),
    "max1d same": (lambda k: k.MaxPooling1D(3, strides=2, padding="same"), SIGNAL),
    "max2d": (lambda k: k.MaxPooling2D(), IMAGE),
    "max2d same": (lambda k: k.MaxPooling2D((3, 2), strides=2, padding="same"), IMAGE),
    "max3d": (lambda k: k.MaxPooling3D((2, 3, 2)), VOLUME),
    "average1d": (lambda k: k.AveragePooling1D(2, padding="same"), SIGNAL),
    "average2d": (lambda k: k.AveragePooling2D(3, strides=1), IMAGE),
    "average2d same": (lambda k: k.AveragePooling2D((3, 2), strides=(2, 3), padding="same"), IMAGE),
    "average3d": (lambda k: k.AveragePooling3D(2, padding="same"), VOLUME),
    "global max1d": (lambda k: k.GlobalMaxPooling1D(), SIGNAL),
    "global max2d": (lambda k: k.GlobalMaxPooling2D(keepdims=True), IMAGE),
    "global max3d": (lambda k: k.GlobalMaxPooling3D(), VOLUME),
    "global average1d": (lambda k: k.GlobalAveragePooling1D(keepdims=True), SIGNAL),
    "global average2d": (lambda k: k.GlobalAveragePooling2D(), IMAGE),
    "global average3d": (lambda k: k.GlobalAveragePooling3D(), VOLUME),
    "padding1d": (lambda k: k.ZeroPadding1D((1, 2)), SIGNAL),
    "padding2d": (lambda k: k.ZeroPadding2D(((1, 2), (0, 3))), IMAGE),
    "padding2d two": (lambda k: k.ZeroPadding2D((1, 2)), IMAGE),
    "padding3d": (lambda k: k.ZeroPadding3D(), VOLUME),
    "cropping1d": (lambda k: k.Cropping1D((1, 2)), SIGNAL),
    "cropping2d": (lambda k: k.Cropping2D(((1, 2), (0, 3))), IMAGE),
    "cropping3d": (lambda k: k.Cropping3D(), VOLUME),
    "upsampling1d": (lambda k: k.UpSampling1D(3), SIGNAL),
    "upsampling2d": (lambda k: k.UpSampling2D((2, 3)), IMAGE),
    "upsampling2d bilinear": (lambda k: k.UpSampling2D((2, 3), interpolation="bilinear"), IMAGE),
    "upsampling3d": (lambda k: k.UpSampling3D((1, 2, 3)), VOLUME),
    "flatten": (lambda k: k.Flatten(), IMAGE),
    "reshape": (lambda k: k.Reshape((3, -1, 8)), IMAGE),
    "dense": (lambda k: k.Dense(5, activation="softmax"), (3, 7)),
    "dense of images": (lambda k: k.Dense(5, use_bias=False), IMAGE),
    "normalization": (lambda k: k.BatchNormalization(), IMAGE),
    "normalization plain": (lambda k: k.BatchNormalization(center=False, scale=False, epsilon=0.1), SIGNAL),
    "normalization axis": (lambda k: k.BatchNormalization(axis=1), IMAGE),
    "dropout": (lambda k: k.Dropout(0.5), IMAGE),
    "re_lu": (lambda k: k.ReLU(1.5, 0.2, 0.3), IMAGE),
    "leaky_re_lu": (lambda k: k.LeakyReLU(), IMAGE),
    "p_re_lu": (lambda k: k.PReLU(), IMAGE),
    "p_re_lu shared": (lambda k: k.PReLU(shared_axes=[1, 2]), IMAGE),
    "softmax": (lambda k: k.Softmax(), IMAGE),
    "softmax axis": (lambda k: k.Softmax(axis=1), IMAGE),
    **{f"activation {name}": (lambda k, name=name: k.Activation(name), IMAGE) for name in ACTIVATIONS},
    **{f"conv2d {name}": (lambda k, name=name: k.Conv2D(3, 3, activation=name), IMAGE) for name in ACTIVATIONS},
}


def _mobile(k):
    """Blocks as in MobileNet: padding before a stride, normalisation folded three times, relu6."""
    return [
        k.ZeroPadding2D(((0, 1), (0, 1))),
        k.Conv2D(8, 3, strides=2, use_bias=False),
        k.BatchNormalization(),
        k.ReLU(6.0),
        k.DepthwiseConv2D(3, padding="same", use_bias=False),
        k.BatchNormalization(),
        k.Activation("relu6"),
        k.Dropout(0.2),
        k.Conv2D(12, 1),
        k.BatchNormalization(),
        k.LeakyReLU(),
        k.SeparableConv2D(6, 3, padding="same"),
        k.BatchNormalization(),
        k.GlobalAveragePooling2D(),
        k.Dense(7),
        k.BatchNormalization(),
        k.Softmax(),
    ]


def _decoder(k):
    """Everything that makes images larger, after everything that makes them smaller."""
    return [
        k.Conv2D(4, 3, padding="same", activation="selu"),
        k.MaxPooling2D(),
        k.BatchNormalization(),
        k.PReLU(shared_axes=[1, 2]),
        k.Flatten(),
        k.Reshape((4, 4, 4)),
        k.Conv2DTranspose(5, 3, strides=2, padding="same"),
        k.BatchNormalization(),
        k.LeakyReLU(0.2),
        k.UpSampling2D(interpolation="bilinear"),
        k.AveragePooling2D(3, 2, "same"),
        k.Cropping2D(1),
        k.Conv2D(2, 1, activation="softmax"),
    ]


NETWORKS = {"mobile": (_mobile, (3, 16, 16, 3)), "decoder": (_decoder, (2, 8, 8, 2))}


def _small(k):
    return [
        k.Conv2D(6, 3, activation="relu"),
        k.MaxPooling2D(),
        k.Conv2D(8, 2, padding="same", activation="tanh"),
        k.Flatten(),
        k.Dense(3, activation="softmax"),
    ]


def _long(k):
    """Every kind of layer that gradients go through."""
    return [
        k.ZeroPadding2D(1),
        k.Conv2D(4, 3, strides=2, groups=2),
        k.BatchNormalization(),
        k.PReLU(shared_axes=[1, 2]),
        k.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="gelu"),
        k.UpSampling2D(interpolation="bilinear"),
        k.SeparableConv2D(6, 3, activation="silu"),
        k.LeakyReLU(),
        k.Conv2DTranspose(4, 3, strides=2, padding="same", activation="elu"),
        k.Cropping2D(((1, 0), (2, 1))),
        k.AveragePooling2D(3, 2, "same"),
        k.UpSampling2D(2),
        k.Conv2D(4, 3, dilation_rate=2, activation="softplus"),
        k.Softmax(),
        k.MaxPooling2D(3, 1, "same"),
        k.Reshape((-1, 4)),
        k.Conv1D(5, 3, padding="causal", activation="hard_silu"),
        k.GlobalMaxPooling1D(),
        k.Dense(3, activation="sigmoid"),
        k.Activation("selu"),
    ]


def _signals(k):
    return [
        k.Conv1D(4, 3, activation="relu6"),
        k.AveragePooling1D(2),
        k.SeparableConv1D(4, 2, activation="leaky_relu"),
        k.Conv1DTranspose(3, 3, activation="hard_sigmoid"),
        k.GlobalAveragePooling1D(),
        k.Dense(2),
    ]


def _classes(x):
    return (np.arange(len(x)) * 7 // 3) % 3


def _one_hot(x):
    return np.eye(3, dtype=np.float32)[_classes(x)]


def _numbers(x):
    return np.stack([x.mean(axis=tuple(range(1, x.ndim))), x.max(axis=tuple(range(1, x.ndim)))], axis=-1)


# Each runs 20 epochs of one batch.
TRAININGS = {
    "sgd": {
        "stack": _small,
        "shape": (12, 8, 8, 2),
        "optimizer": lambda o: o.SGD(0.1),
        "loss": lambda c: "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
        "truth": _classes,
    },
    "momentum": {
        "stack": _small,
        "shape": (12, 8, 8, 2),
        "optimizer": lambda o: o.SGD(0.02, momentum=0.9),
        "loss": lambda c: c.CategoricalCrossentropy(label_smoothing=0.1),
        "metrics": ["accuracy"],
        "truth": _one_hot,
    },
    "nesterov": {
        "stack": lambda k: [*_small(k)[:-1], k.Dense(3)],
        "shape": (12, 8, 8, 2),
        "optimizer": lambda o: o.SGD(0.02, momentum=0.9, nesterov=True),
        "loss": lambda c: c.SparseCategoricalCrossentropy(from_logits=True),
        "truth": _classes,
    },
    "adam": {
        "stack": _small,
        "shape": (12, 8, 8, 2),
        "optimizer": lambda o: o.Adam(0.003),
        "loss": lambda c: "sparse_categorical_crossentropy",
        "truth": _classes,
    },
    "rmsprop": {
        "stack": _signals,
        "shape": (10, 12, 3),
        "optimizer": lambda o: o.RMSprop(),
        "loss": lambda c: c.MeanSquaredError(),
        "metrics": ["mae"],
        "truth": _numbers,
    },
    "every layer": {
        "stack": _long,
        "shape": (4, 10, 10, 2),
        "optimizer": lambda o: o.SGD(0.05),
        "loss": lambda c: "mse",
        "truth": _one_hot,
    },
    "probabilities": {
        "stack": lambda k: [*_small(k)[:-1], k.Dense(3, activation="hard_sigmoid")],
        "shape": (12, 8, 8, 2),
        "optimizer": lambda o: o.SGD(0.05),
        "loss": lambda c: c.SparseCategoricalCrossentropy(),
        "truth": _classes,
    },
}
