"""Models as they predict: compiled for a shape, folded and fused, with buffers of their own, and seeing new weights."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nhwc
from nhwc import layers
from nhwc.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    Input,
    Layer,
    LeakyReLU,
    MaxPooling2D,
    ReLU,
    Reshape,
    SeparableConv2D,
    Softmax,
    ZeroPadding2D,
)
from nhwc.models import Sequential, program


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def randomized(stack, shape):
    model = Sequential([Input(shape), *stack])
    model.set_weights([np.abs(normal(*w.shape, seed=i)) + 0.1 for i, w in enumerate(model.weights)])
    return model


def one_by_one(model, x):
    for layer in model.layers:
        x = layer(x)
    return x


FOLDED = {
    "conv": ([Conv2D(5, 3), BatchNormalization(), ReLU()], 1),
    "conv without bias": ([Conv2D(5, 3, use_bias=False, groups=1), BatchNormalization(), Activation("gelu")], 1),
    "depthwise": ([DepthwiseConv2D(3, depth_multiplier=2), BatchNormalization(), ReLU(6)], 1),
    "separable": ([SeparableConv2D(5, 3), BatchNormalization(), Activation("tanh")], 2),
    "transposed": ([layers.Conv2DTranspose(5, 3, strides=2), BatchNormalization(), LeakyReLU(0.2)], 1),
    "dense": ([Dense(5), BatchNormalization(), Activation("relu")], 1),
    "padding": ([ZeroPadding2D(((1, 0), (2, 1))), Conv2D(5, 3, activation="relu"), BatchNormalization(), ReLU()], 2),
    "padding before same": ([ZeroPadding2D(1), Conv2D(5, 3, padding="same")], 2),
    "dropout between": ([Conv2D(5, 3), Dropout(0.5), BatchNormalization(), Dropout(0.5), ReLU()], 1),
    "no activation of a plan": ([Conv2D(5, 3), BatchNormalization(), LeakyReLU()], 2),
    "softmax": ([Conv2D(5, 3), BatchNormalization(), Softmax()], 2),
    "axis": ([Conv2D(5, 3), BatchNormalization(axis=1)], 2),
    "alone": ([BatchNormalization(), ReLU(), BatchNormalization()], 2),
    "in place": ([LeakyReLU(), ReLU(0.5), LeakyReLU(0.1)], 3),
}


@pytest.mark.parametrize("name", FOLDED)
def test_steps_are_few_and_give_what_the_layers_give(name):
    stack, steps = FOLDED[name]
    model = randomized(copy.deepcopy(stack), (8, 9, 3))
    x = normal(3, 8, 9, 3, seed=5)
    before = x.copy()
    y = model.predict(x)
    assert len(model.plan().steps) == steps
    np.testing.assert_allclose(y, one_by_one(model, x), rtol=2e-5, atol=1e-5)
    np.testing.assert_array_equal(model.predict(x, batch_size=2), y)
    np.testing.assert_array_equal(x, before)


def test_normalisation_that_cannot_be_folded_is_left_alone():
    model = randomized([Conv2D(2, 1), BatchNormalization()], (4, 4, 1))
    model.layers[1].moving_variance = [np.inf, -1.0]
    assert len(model.plan().steps) == 2
    y = model.predict(normal(1, 4, 4, 1))
    assert np.isfinite(y[..., 0]).all()
    assert np.isnan(y[..., 1]).all()


def test_new_weights_are_seen():
    inner = Sequential([Conv2D(2, 3, padding="same", name="c")])
    model = randomized([inner, BatchNormalization(name="b"), Flatten(), Dense(2, name="d")], (4, 4, 1))
    x = normal(1, 4, 4, 1)
    seen = [model.predict(x)]

    def differs():
        seen.append(model.predict(x))
        np.testing.assert_allclose(seen[-1], one_by_one(model, x), rtol=1e-5, atol=1e-5)
        return not np.array_equal(seen[-1], seen[-2])

    assert not differs()
    inner.layers[0].set_weights([w * 2 for w in inner.layers[0].get_weights()])
    assert differs()
    inner.layers[0].kernel = inner.layers[0].kernel * 2
    assert differs()
    model.layers[1].moving_mean = [3.0, 4.0]
    assert differs()
    model.layers[1](x @ np.ones((1, 2), np.float32), training=True)
    assert differs()
    model.layers[3].bias = [1, 2]
    assert differs()
    model.set_weights([w + 1 for w in model.get_weights()])
    assert differs()
    Dense(2).build((None, 2))  # Weights of another layer change nothing.
    assert not differs()
    with pytest.raises(ValueError, match=r"'d': a weight has shape \(3,\); \(2,\) would do"):
        model.layers[3].bias = [1, 2, 3]
    with pytest.raises(AttributeError, match="'c' has no bias"):
        Conv2D(1, 1, use_bias=False, name="c").bias = 1


def test_results_are_the_callers_own():
    model = randomized([Conv2D(2, 3), LeakyReLU(), MaxPooling2D(), Flatten()], (8, 8, 1))
    x, others = normal(1, 8, 8, 1), normal(1, 8, 8, 1, seed=1)
    first = model.predict(x)
    kept = first.copy()
    model.predict(others)
    np.testing.assert_array_equal(first, kept)
    first[:] = 7
    np.testing.assert_array_equal(model.predict(x), kept)
    for stack in ([Flatten()], [Dropout(0.5)], [Reshape((2, -1)), Flatten()], [ReLU()]):
        y = Sequential([Input((8, 8, 1)), *stack]).predict(x)
        assert not np.shares_memory(y, x)
        np.testing.assert_array_equal(y.ravel(), np.maximum(x, 0).ravel() if isinstance(stack[0], ReLU) else x.ravel())


def test_inputs_of_every_kind():
    model = randomized([ReLU(), Conv2D(2, 3), Flatten(), Dense(3)], (6, 6, 2))
    x = np.asfortranarray(normal(4, 6, 6, 2))
    expected = model.predict(np.ascontiguousarray(x))
    x.flags.writeable = False
    for given in (x, x[::-1][::-1], x.astype(">f4"), x.astype("f8"), x.tolist()):
        np.testing.assert_array_equal(model.predict(given), expected)
    assert model.predict(x[:0]).shape == (0, 3)


@pytest.mark.parametrize("shape", [(0,), (3,), (2, 0, 4), (0, 5, 4), (3, 5, 0)])
def test_samples_of_any_shape(shape):
    for stack in ([Activation("tanh")], [Activation("tanh"), LeakyReLU()], [ReLU(6.0)], [Activation("softmax")]):
        model, x = Sequential([Input(shape[1:]), *stack]), np.full(shape, 0.5, np.float32)
        np.testing.assert_allclose(model.predict(x), one_by_one(model, x), rtol=1e-6)
    if len(shape) > 1:
        assert Sequential([Input(shape[1:]), BatchNormalization(), Dense(3)]).predict(x).shape == (*shape[:-1], 3)


def test_dense_rows_do_not_depend_on_the_batch(isa):
    for inputs, outputs in ((3, 1), (65, 10), (300, 17), (1025, 130)):
        model = randomized([Dense(outputs, activation="silu")], (inputs,))
        x = normal(37, inputs)
        whole = model.predict(x, batch_size=37)
        for size in (1, 2, 7, 32):
            np.testing.assert_array_equal(model.predict(x, batch_size=size), whole)
        np.testing.assert_allclose(layers.Activation("silu")(x @ model.weights[0] + model.weights[1]), whole, atol=1e-3)


def test_threads_have_buffers_of_their_own():
    stack = [Conv2D(8, 3, activation="relu"), BatchNormalization(), ReLU(), SeparableConv2D(4, 3), LeakyReLU()]
    model = randomized([*stack, Flatten(), Dense(5, activation="softmax")], (12, 12, 2))
    inputs = [normal(1 + i % 3, 12, 12, 2, seed=i) for i in range(64)]
    expected = [copy.deepcopy(model).predict(x) for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        for y, want in zip(pool.map(model.predict, inputs * 4), expected * 4, strict=True):
            np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 1000, 10**6])
def test_buffers_begin_on_lines_of_the_cache(size):
    buffers = [program._aligned_empty(size) for _ in range(5)]
    assert [(buffer.size, buffer.ctypes.data % 64) for buffer in buffers] == [(size, 0)] * 5
    assert all(buffer.flags.c_contiguous and buffer.flags.writeable for buffer in buffers)


def test_buffers_and_programs_do_not_pile_up():
    model = randomized([Conv2D(2, 3, padding="same"), LeakyReLU(), Conv2D(2, 3, padding="same")], (None, None, 1))
    for size in range(3, 30):
        for count in range(1, 9):
            assert model.predict(np.ones((count, size, size, 1))).shape == (count, size, size, 2)
        assert len(model._programs) <= 8
        (kept,) = (p._free for (shape, _), p in model._programs.items() if shape[0] == size)
        assert len(kept) <= program._MOST_SETS
    twin = pickle.loads(pickle.dumps(model))
    assert twin._programs == {}
    np.testing.assert_array_equal(twin.predict(np.ones((1, 5, 5, 1))), model.predict(np.ones((1, 5, 5, 1))))


def test_plan_says_what_is_done():
    stack = [Conv2D(8, 3, name="c"), BatchNormalization(name="b"), ReLU(name="r"), Dropout(0.1, name="drop")]
    stack += [Flatten(name="f"), Dense(4, "softmax", name="d")]
    model = Sequential([Input((16, 16, 3)), *stack], name="m")
    plan = model.plan()
    assert [step[0] for step in plan.steps] == [("c", "b", "r"), ("f",), ("d",), ("d",)]
    assert [step[2] for step in plan.steps] == [(14, 14, 8), (1568,), (4,), (4,)]
    assert isinstance(plan.plans[0], nhwc.Plan)
    assert plan.macs == plan.plans[0].macs + 1568 * 4
    text = repr(plan)
    for part in ("c + b + r", "conv2d direct", "normalisation folded, relu", "(14, 14, 8)", "nothing to do: drop"):
        assert part in text
    assert repr(model.plan((None, 16, 16, 3))) == repr(model.plan((16, 16, 3))) == text
    with pytest.raises(ValueError, match=r"'d'.*built for 1568"):
        model.plan((20, 20, 3))
    with pytest.raises(ValueError, match=r"'n': input_shape is \(None, None, None, 3\)"):
        Sequential([Input((None, None, 3)), Conv2D(1, 3)], name="n").plan()
    with pytest.raises(AttributeError, match="has no input shape"):
        Sequential([Conv2D(1, 3)]).plan()


def test_layers_of_ones_own_in_a_model():
    class Doubled(Layer):
        def call(self, x, training=False):
            return x * (3 if training else 2)

    class Wrong(Layer):
        def call(self, x):
            return x[:, :1]

    model = Sequential([Input((4,)), ReLU(), Doubled(), Dense(4)])
    model.set_weights([np.eye(4), np.zeros(4)])
    np.testing.assert_array_equal(model.predict([[1, -1, 2, 3]]), [[2, 0, 4, 6]])
    np.testing.assert_array_equal(model([[1, -1, 2, 3]], training=True), [[3, 0, 6, 9]])
    with pytest.raises(ValueError, match=r"'w': call returned shape \(1, 1\), compute_output_shape said \(1, 4\)"):
        Sequential([Input((4,)), Wrong(name="w")]).predict([[1, 2, 3, 4]])


def test_weights_to_a_file_and_back(tmp_path):
    model = randomized([Conv2D(2, 3), BatchNormalization(), SeparableConv2D(2, 3)], (8, 8, 1))
    path = tmp_path / "weights.npz"
    model.save_weights(path)
    other = copy.deepcopy(model)
    other.set_weights([w * 0 for w in model.weights])
    other.load_weights(str(path))
    for old, new in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileExistsError, match="is there already"):
        model.save_weights(path, overwrite=False)
    with pytest.raises(ValueError, match=r"'m': filepath is 'weights.h5'"):
        Sequential([Dense(1)], name="m").save_weights("weights.h5")
    with pytest.raises(ValueError, match="'m' is not built"):
        Sequential([Dense(1)], name="m").save_weights(path)
    with pytest.raises(ValueError, match="was given 9 weights but has 2"):
        Sequential([Input((1,)), Dense(1)]).load_weights(path)
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MaxPooling2D(3, name="p")(np.ones((1, 2, 2, 1))), "'p'.*spans"),
        (lambda: MaxPooling2D(0, name="p"), "'p': pool_size is 0"),
        (lambda: MaxPooling2D(2, padding="full", name="p"), "'p': padding is 'full'"),
        (lambda: MaxPooling2D(2, padding=2, name="p"), "'p': padding is 2; less than pool_size"),
        (lambda: MaxPooling2D(name="p")(np.ones((4, 4, 1))), r"'p'.*4 axes \(batch, height, width, channels\)"),
        (lambda: layers.GlobalMaxPooling2D(name="p")(np.ones((1, 0, 4, 1))), "'p'.*without pixels"),
        (lambda: layers.Cropping2D(2, name="p")(np.ones((1, 4, 9, 1))), "'p': cropping is"),
        (lambda: layers.Cropping2D((1, 2, 3), name="p"), r"'p': cropping is \(1, 2, 3\)"),
        (lambda: ZeroPadding2D(-1, name="p"), "'p': padding is -1"),
        (lambda: layers.UpSampling2D(interpolation="cubic", name="p"), "'p': interpolation is 'cubic'"),
        (lambda: layers.UpSampling2D(0, name="p"), "'p': size is 0"),
        (lambda: Reshape((3, -1), name="p")(np.ones((2, 4))), r"'p'.*4 numbers in each sample.*\(3, -1\)"),
        (lambda: Reshape((-1, -1), name="p"), "'p': target_shape"),
        (lambda: Dense(0, name="p"), "'p': units is 0"),
        (lambda: Dense(2, name="p")(np.ones(3)), "'p'.*2 or more"),
        (lambda: randomized([Dense(2, name="p")], (3,)).predict(np.ones((1, 4))), "'p'.*4 channels.*built for 3"),
        (lambda: Dense(2, name="p").build((None, None)), "'p'.*last axis must be known"),
        (lambda: BatchNormalization(momentum=2, name="p"), "'p': momentum is 2"),
        (lambda: LeakyReLU(-1, name="p"), "'p': negative_slope is -1"),
        (lambda: layers.PReLU(name="p").build((None, None, 3)), "'p'.*must be in shared_axes"),
        (lambda: layers.PReLU(shared_axes=[0], name="p"), "'p': shared_axes is"),
        (lambda: Softmax(axis="a", name="p"), "'p': axis is 'a'"),
        (lambda: Softmax(axis=3, name="p")(np.ones((1, 2))), "'p': axis is 3"),
        (lambda: SeparableConv2D(0, 3, name="p"), "'p': filters is 0"),
        (lambda: SeparableConv2D(2, 3, name="p")(np.ones((1, 2, 2, 1))), "'p'.*spans"),
        (lambda: layers.Conv2DTranspose(1, 3, strides=2, output_padding=2, name="p"), "'p': output_padding is 2"),
        (lambda: layers.Conv2DTranspose(1, 3, padding="full", name="p"), "'p': padding is 'full'"),
        (
            lambda: layers.Conv2DTranspose(1, 2, strides=2, padding="same", output_padding=0, name="p").build(
                (None, 4, 4, 1)
            ),
            "'p': no convolution",
        ),
    ],
)
def test_bad_input_names_the_layer(build, message):
    with pytest.raises(ValueError, match=message):
        build()
