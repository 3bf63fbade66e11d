"""Layers and models: Keras's arguments, names, weights, shapes and errors, over the functions of nhwc."""

import copy
import io
import pickle
import re
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nhwc
from nhwc import layers
from nhwc.layers import (
    Activation,
    Conv1D,
    Conv2D,
    Conv3D,
    DepthwiseConv1D,
    DepthwiseConv2D,
    Input,
    InputLayer,
    Layer,
    ReLU,
    base,
    convolution,
)
from nhwc.models import Sequential, progress


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def randomized(layer, input_shape, seed=0):
    """Build a layer and give it random weights, the bias too."""
    layer.build(input_shape)
    layer.set_weights([normal(*w.shape, seed=seed + i) for i, w in enumerate(layer.weights)])
    return layer


@pytest.fixture
def fresh_names(monkeypatch):
    monkeypatch.setattr(base, "_names_given", Counter())


# ---- What layers compute ----

# Class, arguments, shape of the input, the function that it stands for, shapes of the weights.
CONVOLUTIONS = [
    (Conv1D, {"filters": 4, "kernel_size": 3}, (2, 9, 2), nhwc.conv1d, [(3, 2, 4), (4,)]),
    (Conv1D, {"filters": 4, "kernel_size": [3], "padding": "causal"}, (2, 9, 2), nhwc.conv1d, [(3, 2, 4), (4,)]),
    (Conv2D, {"filters": 5, "kernel_size": 3}, (2, 7, 9, 3), nhwc.conv2d, [(3, 3, 3, 5), (5,)]),
    (Conv2D, {"filters": 5, "kernel_size": (3, 2), "strides": (2, 1)}, (1, 7, 9, 3), nhwc.conv2d, [(3, 2, 3, 5), (5,)]),
    (Conv2D, {"filters": 4, "kernel_size": 1, "groups": 2}, (1, 5, 5, 6), nhwc.conv2d, [(1, 1, 3, 4), (4,)]),
    (Conv2D, {"filters": 4, "kernel_size": 3, "use_bias": False}, (1, 5, 5, 1), nhwc.conv2d, [(3, 3, 1, 4)]),
    (Conv2D, {"filters": 4, "kernel_size": 3, "activation": "gelu"}, (1, 5, 5, 1), nhwc.conv2d, [(3, 3, 1, 4), (4,)]),
    (
        Conv2D,
        {"filters": 2, "kernel_size": 2, "padding": ((1, 0), (0, 2))},
        (1, 5, 5, 1),
        nhwc.conv2d,
        [(2, 2, 1, 2), (2,)],
    ),
    (Conv2D, {"filters": 2, "kernel_size": 2, "padding": "Full"}, (1, 5, 5, 1), nhwc.conv2d, [(2, 2, 1, 2), (2,)]),
    (Conv3D, {"filters": 3, "kernel_size": 2}, (1, 4, 5, 6, 2), nhwc.conv3d, [(2, 2, 2, 2, 3), (3,)]),
    (DepthwiseConv1D, {"kernel_size": 3}, (2, 9, 4), nhwc.depthwise_conv1d, [(3, 4, 1), (4,)]),
    (DepthwiseConv2D, {"kernel_size": 3, "padding": "SAME"}, (1, 7, 7, 3), nhwc.depthwise_conv2d, [(3, 3, 3, 1), (3,)]),
    (
        DepthwiseConv2D,
        {"kernel_size": 3, "depth_multiplier": 2, "strides": 2, "dilation_rate": 2, "activation": "relu"},
        (1, 9, 8, 3),
        nhwc.depthwise_conv2d,
        [(3, 3, 3, 2), (6,)],
    ),
]


@pytest.mark.parametrize(("cls", "arguments", "shape", "function", "weight_shapes"), CONVOLUTIONS)
def test_convolution_equals_the_function_of_its_weights(cls, arguments, shape, function, weight_shapes):
    layer = randomized(cls(**arguments), shape)
    assert [w.shape for w in layer.get_weights()] == weight_shapes
    assert all(w.dtype == np.float32 for w in layer.get_weights())
    x = normal(*shape, seed=9)
    y = layer(x)
    options = {
        k: v for k, v in arguments.items() if k in ("strides", "padding", "dilation_rate", "groups", "activation")
    }
    expected = function(x, *layer.get_weights(), **options)
    assert y.dtype == np.float32
    assert layer.compute_output_shape(shape) == y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    unknown = (None,) * (len(shape) - 1) + shape[-1:]
    assert layer.compute_output_shape(unknown) == (None,) * (len(shape) - 1) + y.shape[-1:]


def test_strides_and_dilation_go_together():
    x = normal(1, 12, 12, 2)
    layer = randomized(Conv2D(3, 3, strides=2, dilation_rate=3), x.shape)
    expected = nhwc.reference.conv2d(x, *layer.get_weights(), strides=2, dilation_rate=3)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 0, 8, 1), (0, 8, 8, 1)])
def test_no_pixels_or_no_samples_are_served(shape):
    assert Conv2D(3, 3, padding="same")(np.ones(shape)).shape == (*shape[:3], 3)


@pytest.mark.parametrize(
    "name", ["relu", "relu6", "leaky_relu", "silu", "gelu", "softplus", "tanh", "hard_swish", None]
)
def test_activation_layer_equals_an_activation_after_a_convolution(name):
    x = np.concatenate([normal(60) * 4, [0, np.inf, -np.inf, np.nan]]).astype(np.float32).reshape(2, 4, 8)
    identity = np.eye(8, dtype=np.float32)[None]
    finite = np.where(np.isfinite(x), x, 0)
    np.testing.assert_array_equal(Activation(name)(finite), nhwc.conv1d(finite, identity, activation=name))
    limits = {"relu": [np.inf, 0], "tanh": [1, -1], "silu": [np.inf, 0]}
    if name in limits:
        np.testing.assert_array_equal(Activation(name)(x)[-1, -1, -3:], [*limits[name], np.nan])


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,), (2, 0), (2, 3, 4, 5, 6)])
@pytest.mark.parametrize("layer", [Activation("relu"), ReLU(), Activation(np.abs)], ids=["name", "ReLU", "callable"])
def test_activation_layers_take_any_shape(layer, shape):
    y = layer(np.full(shape, 2.0))
    assert y.shape == shape
    assert np.all(y == 2)


def test_activation_callable_cannot_write_to_the_input():
    x = normal(4, 4)
    before = x.copy()
    y = Activation(lambda a: np.multiply(a, 2, out=a))(x)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(y, 2 * before)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [0, 0, 0, 0, 1, 2, 7]),
        ({"max_value": 1.5}, [0, 0, 0, 0, 1, 1.5, 1.5]),
        ({"negative_slope": 0.5}, [-1, -0.5, 0, 0, 1, 2, 7]),
        ({"threshold": 1}, [0, 0, 0, 0, 0, 2, 7]),
        ({"max_value": 2, "negative_slope": 0.5, "threshold": 1}, [-1.5, -1, -0.5, -0.5, 0, 2, 2]),
    ],
)
def test_relu_follows_keras(arguments, expected):
    y = ReLU(**arguments)([-2, -1, 0, 0, 1, 2, 7])
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, expected)
    assert np.isnan(ReLU(**arguments)([np.nan]))


# ---- Weights ----


def test_weights_start_as_glorot_has_it_and_repeat_with_the_seed():
    def start():
        layers.set_random_seed(3)
        first, second = Conv2D(16, 3), Conv2D(16, 3)
        first.build((None, 8, 8, 16)), second.build((None, 8, 8, 16))
        return first.get_weights(), second.get_weights()

    (kernel, bias), (other, _) = start()
    limit = np.sqrt(6 / (9 * (16 + 16)))
    assert 0.95 * limit < kernel.max() <= limit
    assert -limit <= kernel.min() < -0.95 * limit
    assert abs(kernel.mean()) < limit / 10
    assert not bias.any()
    assert not np.array_equal(kernel, other)
    np.testing.assert_array_equal(start()[0][0], kernel)


def test_initializers():
    kernel = normal(3, 3, 1, 2)
    layer = Conv2D(2, 3, kernel_initializer=kernel, bias_initializer="ones")
    layer.build((None, 8, 8, 1))
    np.testing.assert_array_equal(layer.kernel, kernel)
    np.testing.assert_array_equal(layer.bias, [1, 1])
    layer = DepthwiseConv2D(3, depthwise_initializer=lambda shape, dtype=None: np.full(shape, 5, dtype))
    layer.build((None, 8, 8, 2))
    assert np.all(layer.kernel == 5)
    assert layer.kernel.shape == (3, 3, 2, 1)
    with pytest.raises(ValueError, match=r"'odd'.*\(2, 2\).*\(3, 3, 1, 2\)"):
        Conv2D(2, 3, kernel_initializer=np.ones((2, 2)), name="odd").build((None, 8, 8, 1))


def test_new_weights_are_seen_and_the_old_ones_are_nobody_elses():
    layer = Conv1D(1, 3)
    x = np.reshape([0, 0, 0, 1, 1, 0, 0, 0], (1, 8, 1))
    layer(x)
    given = [np.reshape([0.0, 1.0, 0.0], (3, 1, 1)), np.zeros(1)]
    layer.set_weights(given)
    np.testing.assert_array_equal(layer(x).ravel(), [0, 0, 1, 1, 0, 0])
    given[0][:] = 7
    layer.get_weights()[0][:] = 7
    np.testing.assert_array_equal(layer(x).ravel(), [0, 0, 1, 1, 0, 0])
    with pytest.raises(ValueError, match="read-only"):
        layer.kernel[0] = 7
    with pytest.raises(ValueError, match="read-only"):
        layer.weights[0][0] = 7
    layer.set_weights([[[[1]], [[1]], [[1]]], [-1]])
    np.testing.assert_array_equal(layer(x).ravel(), [-1, 0, 1, 1, 0, -1])


def test_wrong_weights_change_nothing():
    model = Sequential([Input((8, 8, 1)), Conv2D(2, 3, name="a"), Conv2D(2, 3, name="b")], name="m")
    before = model.get_weights()
    assert [w.shape for w in before] == [(3, 3, 1, 2), (2,), (3, 3, 2, 2), (2,)]
    with pytest.raises(ValueError, match=r"'m'.*given 3 weights but has 4"):
        model.set_weights(before[:3])
    with pytest.raises(ValueError, match=r"'b'.*\(3, 3, 1, 2\); \(3, 3, 2, 2\) would do"):
        model.set_weights([np.ones((3, 3, 1, 2)), np.ones(2), np.ones((3, 3, 1, 2)), np.ones(2)])
    with pytest.raises(TypeError, match=r"'b'.*complex128"):
        model.set_weights([*(np.ones_like(w) for w in before[:3]), np.ones(2, complex)])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(ValueError, match=r"'c'.*has 0, since it is not built"):
        Conv2D(2, 3, name="c").set_weights(before[:2])


def test_trainable_and_counts():
    model = Sequential([Input((8, 8, 1)), Conv2D(2, 3), Conv2D(4, 1, trainable=False), ReLU()])
    assert model.count_params() == 20 + 12
    assert [w.shape for w in model.trainable_weights] == [(3, 3, 1, 2), (2,)]
    assert [w.shape for w in model.non_trainable_weights] == [(1, 1, 2, 4), (4,)]
    assert len(Sequential([Input((8, 8, 1)), Conv2D(2, 3)], trainable=False).non_trainable_weights) == 2
    with pytest.raises(ValueError, match="'late' is not built"):
        Conv2D(2, 3, name="late").count_params()
    with pytest.raises(AttributeError, match="'late' has no kernel"):
        Conv2D(2, 3, name="late").kernel  # noqa: B018


# ---- Names and arguments ----


def test_names_count_up(fresh_names):
    made = [Conv1D(1, 1), Conv2D(1, 1), Conv2D(1, 1), Conv3D(1, 1), DepthwiseConv1D(1), DepthwiseConv2D(1), ReLU()]
    made += [Activation("relu"), Input((1,)), Sequential(), Conv2D(1, 1, name="mine"), Conv2D(1, 1)]
    assert [layer.name for layer in made] == [
        *("conv1d", "conv2d", "conv2d_1", "conv3d", "depthwise_conv1d", "depthwise_conv2d", "re_lu"),
        *("activation", "input_layer", "sequential", "mine", "conv2d_2"),
    ]
    assert repr(made[1]) == "<Conv2D name=conv2d, built=False>"


@pytest.mark.parametrize(
    "arguments",
    [
        {"filters": 0},
        {"filters": -1},
        {"filters": 2.5},
        {"filters": None},
        {"kernel_size": 0},
        {"kernel_size": (3, 3, 3)},
        {"kernel_size": "a"},
        {"kernel_size": 2.5},
        {"strides": 0},
        {"strides": (1, -1)},
        {"dilation_rate": 0},
        {"padding": "bogus"},
        {"padding": "causal"},
        {"padding": -1},
        {"groups": 0},
        {"groups": 2},
        {"activation": "bogus"},
        {"kernel_initializer": "bogus"},
        {"bias_initializer": 3},
        {"data_format": "channels_first"},
        {"dtype": "float64"},
        {"trainable": 2},
        {"input_shape": 8},
        {"input_shape": (8, -8, 1)},
        {"kernel_regularizer": "l2"},
        {"bogus": 3},
    ],
    ids=repr,
)
def test_wrong_argument_names_layer_and_argument(arguments):
    (argument,) = arguments
    with pytest.raises(ValueError, match=rf"'wrong'.*\b{argument}\b"):
        Conv2D(**{"filters": 3, "kernel_size": 3, "name": "wrong", **arguments})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DepthwiseConv2D(3, depth_multiplier=0, name="wrong"), "'wrong': depth_multiplier is 0"),
        (lambda: DepthwiseConv1D(3, depthwise_initializer=1, name="wrong"), "'wrong': depthwise_initializer is 1"),
        (lambda: ReLU(max_value=-1, name="wrong"), "'wrong': max_value is -1"),
        (lambda: ReLU(negative_slope=None, name="wrong"), "'wrong': negative_slope is None"),
        (lambda: ReLU(threshold=float("nan"), name="wrong"), "'wrong': threshold is nan"),
        (lambda: Activation("bogus", name="wrong"), "'wrong': activation is 'bogus'"),
        (lambda: Conv2D(1, 1, name="a/b"), "Conv2D: name is 'a/b'"),
        (lambda: Conv2D(1, 1, name=3), "Conv2D: name is 3"),
        (lambda: Input(name="wrong"), "'wrong': one of shape and batch_shape"),
        (lambda: Input((1,), batch_shape=(1, 1), name="wrong"), "'wrong': one of shape and batch_shape"),
        (lambda: Input(batch_size=2, batch_shape=(1, 1), name="wrong"), "'wrong': batch_shape already"),
        (lambda: Input(3, name="wrong"), "'wrong': shape is 3"),
        (lambda: Input((1.5,), name="wrong"), r"'wrong': shape is \(1.5,\)"),
        (lambda: Input((8, 1), dtype="uint8", name="wrong"), "'wrong': dtype is 'uint8'"),
    ],
)
def test_wrong_arguments_of_other_layers(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: Conv2D(2, 3, name="bad")(np.ones((8, 8, 1))),
            r"'bad'.*\(8, 8, 1\).*4 axes \(batch, height, width, chan",
        ),
        (lambda: Conv1D(2, 3, name="bad")(np.ones((1, 8, 8, 1))), r"'bad'.*3 axes \(batch, width, channels\)"),
        (lambda: Conv2D(2, 3, name="bad")(np.ones((1, 2, 8, 1))), r"'bad'.*kernel spans \(3, 3\).*\(2, 8\)"),
        (lambda: Conv2D(4, 3, groups=2, name="bad")(np.ones((1, 8, 8, 3))), "'bad'.*groups=2.*3 channels"),
        (lambda: Conv2D(4, 3, name="bad").build((None, 8, 8, None)), "'bad'.*channels must be known"),
        (lambda: Conv2D(4, 3, name="bad").build((None, 8, 1)), "'bad'.*with 3 axes"),
        (lambda: randomized(Conv2D(4, 3, name="bad"), (1, 8, 8, 3))(np.ones((1, 8, 8, 1))), "'bad'.*built for 3"),
        (lambda: Activation(lambda a: a[:1], name="bad")(np.ones((2, 3))), r"'bad'.*\(1, 3\); \(2, 3\) would do"),
        (lambda: Conv2D(4, 3, name="bad")([[1], [1, 2]]), "'bad'.*not an array"),
    ],
)
def test_input_that_does_not_fit_names_the_layer(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("value", [np.ones((1, 8, 8, 1), complex), "abc", None, Input((8, 8, 1))])
def test_input_that_is_not_numbers_names_the_layer(value):
    with pytest.raises(TypeError, match=r"'bad'.*does not cast to float32"):
        Conv2D(2, 3, name="bad")(value)


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f2", "f8", ">f4", "g"])
def test_inputs_are_cast_to_float32(dtype):
    x = (np.arange(64).reshape(1, 8, 8, 1) % 2).astype(dtype)
    layer = randomized(Conv2D(2, 3), x.shape)
    y = layer(x)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, layer(x.astype("f4").tolist()))


# ---- Layers over time ----


def test_plans_do_not_pile_up():
    layer = Conv1D(2, 3, padding="same")
    for size in [*range(1, 40), *range(1, 40)]:
        assert layer(np.ones((1, size, 1))).shape == (1, size, 2)
        assert len(layer._plans) <= convolution._MOST_PLANS


def test_copies_and_pickles_stand_alone():
    model = Sequential([Input((8, 8, 1)), Conv2D(2, 3, activation="relu"), ReLU(1)])
    x = normal(1, 8, 8, 1)
    before = model(x)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other(x), before)
        with pytest.raises(ValueError, match="read-only"):
            other.layers[0].kernel[0] = 7
        other.set_weights([np.ones_like(w) for w in other.weights])
        assert not np.array_equal(other(x), before)
        np.testing.assert_array_equal(model(x), before)


def test_many_threads_share_a_model():
    model = Sequential([Conv2D(4, 3, input_shape=(None, None, 2)), ReLU(), DepthwiseConv2D(3)])
    inputs = [normal(2, 8 + i % 12, 9, 2, seed=i) for i in range(48)]
    expected = [copy.deepcopy(model)(x) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for y, want in zip(pool.map(model, inputs), expected, strict=True):
            np.testing.assert_array_equal(y, want)


# ---- Sequential ----


def by_list():
    return Sequential([InputLayer(batch_shape=(None, 8, 8, 1)), Conv2D(2, 3), ReLU(), Conv2D(1, 1)])


def by_input_shape():
    return Sequential([Conv2D(2, 3, input_shape=[8, 8, 1]), ReLU(), Conv2D(1, 1)])


def by_add():
    model = Sequential()
    for layer in (Input(shape=(8, 8, 1)), Conv2D(2, 3), ReLU(), Conv2D(1, 1)):
        model.add(layer)
    return model


def by_build():
    model = Sequential([Conv2D(2, 3), ReLU(), Conv2D(1, 1)])
    assert (model.built, model.weights) == (False, [])
    model.build((None, 8, 8, 1))
    return model


@pytest.mark.parametrize("make", [by_list, by_input_shape, by_add, by_build])
def test_ways_to_build_are_one(make):
    x = normal(3, 8, 8, 1)
    layers.set_random_seed(1)
    on_first_call = Sequential([Conv2D(2, 3), ReLU(), Conv2D(1, 1)])
    expected = on_first_call(x)
    layers.set_random_seed(1)
    model = make()
    assert model.built
    assert (model.input_shape, model.output_shape) == ((None, 8, 8, 1), (None, 6, 6, 1))
    assert [type(layer) for layer in model.layers] == [Conv2D, ReLU, Conv2D]
    np.testing.assert_array_equal(model(x), expected)


def test_unbuilt_model_tells_so():
    model = Sequential([Conv2D(2, 3)], name="late")
    for attribute in ("input_shape", "output_shape"):
        with pytest.raises(AttributeError, match=r"'late' has no (in|out)put shape"):
            getattr(model, attribute)
    with pytest.raises(ValueError, match="'late' is not built"):
        model.count_params()
    model.predict(np.ones((5, 8, 8, 1)))
    assert (model.input_shape, model.output_shape) == ((5, 8, 8, 1), (5, 6, 6, 2))
    for call in (Sequential(name="empty").predict, Sequential([Input((8, 8, 1))], name="empty")):
        with pytest.raises(ValueError, match="'empty' has no layers"):
            call(np.ones((1, 8, 8, 1)))


def test_layers_that_cannot_be_added_leave_the_model_as_it_was():
    model = Sequential([Input((8, 8, 1)), Conv2D(2, 3, name="a")], name="m")
    for layer, message in (
        (3, "'m': add was given 3"),
        (Conv2D, "'m': add was given <class"),
        (ReLU(name="a"), "'m' has a layer named 'a' already"),
        (Input((8, 8, 1)), "'m': an Input must be the first"),
        (Conv2D(1, 7, name="b"), r"'b'.*kernel spans \(7, 7\)"),
        (Conv1D(1, 1, name="b"), "'b'.*with 4 axes"),
    ):
        with pytest.raises(ValueError, match=message):
            model.add(layer)
        assert [added.name for added in model.layers] == ["a"]
        assert model.output_shape == (None, 6, 6, 2)
        assert model(np.ones((1, 8, 8, 1))).shape == (1, 6, 6, 2)
    with pytest.raises(ValueError, match="an Input must be the first"):
        Sequential([Conv2D(1, 1), Input((8, 8, 1))])


def test_models_within_models_and_layers_used_twice():
    same = Conv2D(2, 3, padding="same")
    inner = Sequential([Input((8, 8, 2)), same, ReLU()])
    outer = Sequential([inner, same, Conv2D(1, 1)])
    assert outer.input_shape == (None, 8, 8, 2)
    assert [w.shape for w in outer.weights] == [(3, 3, 2, 2), (2,), (1, 1, 2, 1), (1,)]
    outer.set_weights([np.ones_like(w) for w in outer.weights])
    x = normal(1, 8, 8, 2)
    w, b = np.ones((3, 3, 2, 2), np.float32), np.ones(2, np.float32)
    hidden = nhwc.conv2d(nhwc.conv2d(x, w, b, padding="same", activation="relu"), w, b, padding="same")
    np.testing.assert_allclose(outer(x)[..., 0], hidden.sum(axis=-1) + 1, rtol=1e-5)


def test_other_sizes_are_taken_and_axes_of_one_put_right():
    model = Sequential([Input((8, 8, 1)), Conv2D(2, 3, name="first")])
    x = normal(3, 8, 8, 1)
    y = model(x)
    assert model(normal(3, 10, 12, 1)).shape == (3, 8, 10, 2)
    np.testing.assert_array_equal(model(x[..., 0]), y)
    np.testing.assert_array_equal(model.predict(x[..., None]), y)
    for shape in ((3, 8), (3, 8, 8, 2), (3, 8, 8, 1, 2)):
        with pytest.raises(ValueError, match="'first'"):
            model(np.ones(shape))


# ---- predict and summary ----


def test_predict_in_batches_is_bit_equal_to_one_call():
    model = Sequential([Input((8, 8, 1)), Conv2D(4, 3, activation="tanh"), Conv2D(2, 3)])
    x = normal(70, 8, 8, 1)
    before = x.copy()
    whole = model(x, training=False)
    assert whole.shape == (70, 4, 4, 2)
    for batch_size in (None, 1, 7, 32, 35, 69, 70, 1000, np.int64(64)):
        np.testing.assert_array_equal(model.predict(x, batch_size=batch_size, verbose=0), whole)
    np.testing.assert_array_equal(model.predict((x * 1.0).tolist()), whole)
    assert model.predict(x[:0]).shape == (0, 4, 4, 2)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "'m': batch_size is 0"),
        ({"batch_size": 2.5}, "'m': batch_size is 2.5"),
        ({"verbose": 3}, "'m': verbose is 3"),
        ({"x": 3.0}, "'m': x has no axes"),
    ],
)
def test_predict_refuses(arguments, message):
    model = Sequential([Input((8, 8, 1)), Conv2D(4, 3)], name="m")
    with pytest.raises(ValueError, match=message):
        model.predict(**{"x": np.ones((1, 8, 8, 1)), **arguments})


def test_predict_shows_progress_as_asked(capsys, monkeypatch):
    model = Sequential([Input((8, 8, 1)), Conv2D(1, 3)])
    x = np.ones((70, 8, 8, 1))
    for quiet in ("auto", 0):
        model.predict(x, verbose=quiet)
        assert capsys.readouterr() == ("", "")
    model.predict(x, verbose=2)
    assert re.fullmatch(r"3/3 - \d+s - \d+(us|ms|s)/step\n", capsys.readouterr().out)
    model.predict(x, verbose=1)
    assert re.search(r"\r3/3 ━{20} \d+s \d+(us|ms|s)/step *\n$", capsys.readouterr().out)
    monkeypatch.setattr(progress, "is_watched", lambda: True)
    model.predict(x)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    model.predict(x)
    assert capsys.readouterr().out.endswith("\n")


SUMMARY = """\
Model: "small"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┓
┃ Layer (type)             ┃ Output Shape      ┃   Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━┩
│ conv2d (Conv2D)          │ (None, 26, 26,    │       320 │
│                          │ 32)               │           │
├──────────────────────────┼───────────────────┼───────────┤
│ conv2d_1 (Conv2D)        │ (None, 26, 26,    │    18,496 │
│                          │ 64)               │           │
├──────────────────────────┼───────────────────┼───────────┤
│ a_very_long_name_for_a_… │ (None, 24, 24,    │     1,280 │
│ (DepthwiseConv2D)        │ 128)              │           │
├──────────────────────────┼───────────────────┼───────────┤
│ re_lu (ReLU)             │ (None, 24, 24,    │         0 │
│                          │ 128)              │           │
└──────────────────────────┴───────────────────┴───────────┘
 Total params: 20,096 (78.50 KB)
 Trainable params: 1,600 (6.25 KB)
 Non-trainable params: 18,496 (72.25 KB)
"""


def test_summary_is_what_keras_prints(fresh_names, capsys):
    stack = [Input((28, 28, 1)), Conv2D(32, 3), Conv2D(64, 3, padding="same", trainable=False)]
    stack += [DepthwiseConv2D(3, depth_multiplier=2, name="a_very_long_name_for_a_depthwise_layer"), ReLU()]
    model = Sequential(stack, name="small")
    model.summary(line_length=60)
    assert capsys.readouterr().out == SUMMARY
    lines = []
    model.summary(60, print_fn=lines.append)
    assert lines == [SUMMARY.rstrip("\n")]


def test_summary_of_what_is_not_built(fresh_names, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "64")
    Sequential([Conv2D(2, 3), ReLU()]).summary()
    out = capsys.readouterr().out
    assert "│ conv2d (Conv2D)          │ ?                 │         0 │" in out
    assert "│                          │                   │ (unbuilt) │" in out
    assert " Total params: 0 (0.00 B)\n" in out
    Sequential().summary()
    assert "┩\n└" in capsys.readouterr().out


def test_summary_prints_where_the_encoding_is_narrow(monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    Sequential([Input((8, 8, 1)), Conv2D(2, 3, name="lines")]).summary()
    stdout.flush()
    assert b"lines (Conv2D)" in stdout.buffer.getvalue()


def test_a_layer_of_ones_own():
    class Negative(Layer):
        def call(self, x):
            return -x

    model = Sequential([Input((4,)), Negative()])
    assert model.output_shape == (None, 4)
    np.testing.assert_array_equal(model.predict([[1, 2, 3, 4]]), [[-1, -2, -3, -4]])
    with pytest.raises(NotImplementedError, match="Layer does not say"):
        Layer()([1])
