"""Learning: gradients against differences, what is frozen, what is random, what is shown, what is refused."""

import copy
import pickle
import re

import numpy as np
import pytest

from nhwc import layers, losses, metrics, optimizers
from nhwc.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, Layer, Softmax, set_random_seed
from nhwc.models import Sequential


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# ---- Gradients ----

# One of each kind, with shapes that leave rests: the layer and the shape of its input.
KINDS = [
    (lambda: layers.Conv1D(3, 3, strides=2, padding="causal", activation="tanh"), (2, 7, 2)),
    (lambda: layers.Conv2D(4, (3, 2), strides=(2, 1), dilation_rate=(1, 2), padding="same", groups=2), (2, 6, 5, 2)),
    (lambda: layers.Conv2D(2, 2, padding=((1, 0), (0, 2)), activation="softmax"), (1, 4, 4, 2)),
    (lambda: layers.Conv3D(2, 2, padding="full", activation="sigmoid"), (1, 3, 2, 3, 2)),
    (lambda: layers.DepthwiseConv1D(3, depth_multiplier=2, strides=2), (2, 7, 2)),
    (lambda: layers.DepthwiseConv2D(2, dilation_rate=2, strides=2, padding="same"), (1, 5, 6, 2)),
    (lambda: layers.SeparableConv1D(3, 2, depth_multiplier=2, activation="softplus"), (2, 5, 2)),
    (lambda: layers.Conv1DTranspose(2, 3, strides=2, output_padding=1), (2, 4, 2)),
    (lambda: layers.Conv2DTranspose(2, 2, strides=3, padding=1, output_padding=(2, 0)), (1, 3, 3, 2)),
    (lambda: layers.Conv3DTranspose(2, 2, strides=(1, 2, 1), padding="same"), (1, 2, 2, 3, 2)),
    (lambda: layers.AveragePooling2D(3, strides=2, padding="same"), (1, 5, 4, 2)),
    (lambda: layers.MaxPooling3D(2, strides=1, padding="same"), (1, 3, 3, 2, 2)),
    (lambda: layers.GlobalAveragePooling3D(keepdims=True), (2, 2, 3, 2, 2)),
    (lambda: layers.GlobalMaxPooling1D(), (2, 5, 3)),
    (lambda: layers.ZeroPadding2D(((0, 2), (1, 0))), (1, 2, 3, 2)),
    (lambda: layers.Cropping1D((1, 2)), (2, 6, 2)),
    (lambda: layers.UpSampling2D((2, 3), interpolation="bilinear"), (1, 3, 2, 2)),
    (lambda: layers.UpSampling3D((1, 2, 3)), (1, 2, 2, 2, 1)),
    (lambda: layers.Reshape((2, -1)), (2, 3, 4)),
    (lambda: layers.Dense(3, activation="softmax"), (2, 3, 4)),
    (lambda: layers.PReLU(shared_axes=[1]), (2, 3, 4)),
    (lambda: layers.ReLU(1.0, 0.3, 0.2), (3, 8)),
    (lambda: layers.LeakyReLU(), (3, 8)),
    (lambda: layers.Softmax(axis=1), (2, 3, 4)),
    *((lambda name=name: layers.Activation(name), (4, 16)) for name in
      ("relu6", "leaky_relu", "elu", "selu", "hard_sigmoid", "silu", "hard_silu", "gelu", "softplus", "tanh")),
]  # fmt: skip


@pytest.mark.parametrize("at", range(len(KINDS)))
def test_gradients_are_the_slopes_of_the_loss(at):
    make, shape = KINDS[at]
    layer, x = make(), normal(*shape, seed=at)
    model = Sequential([Input(shape[1:]), layer])
    model.set_weights([normal(*w.shape, seed=at + i) * 0.7 for i, w in enumerate(model.weights)])
    leaves = model._leaves()
    direction = normal(*model(x).shape, seed=99)
    y, pulls = x, []
    for leaf in leaves:
        y, pull = leaf.vjp(y)
        pulls.append(pull)
    np.testing.assert_allclose(y, model(x), rtol=1e-5, atol=1e-5)
    dy, grads = direction, {}
    for leaf, pull in zip(reversed(leaves), reversed(pulls), strict=True):
        dy, own = pull(dy)
        grads |= {(leaf, name): grad for name, grad in own.items()}

    def loss():
        return float(np.sum(model(x).astype(np.float64) * direction))

    def slope(move):
        step = 2e-3
        sides = []
        for sign in (1, -1):
            move(sign * step)
            sides.append(loss())
            move(-sign * step)
        return (sides[0] - sides[1]) / (2 * step)

    way = normal(*shape, seed=7)

    def move_input(step):
        nonlocal x
        x = (x + step * way).astype(np.float32)

    np.testing.assert_allclose(np.sum(dy * way), slope(move_input), rtol=2e-2, atol=2e-2)
    for (leaf, name), grad in grads.items():
        weight_way = normal(*grad.shape, seed=8)

        def move_weight(step, leaf=leaf, name=name, way=weight_way):
            leaf._assign({name: (leaf._weights[name] + step * way).astype(np.float32)})

        np.testing.assert_allclose(np.sum(grad * weight_way), slope(move_weight), rtol=2e-2, atol=2e-2)


def test_every_layer_is_learned_through():
    names = {name for name in layers.__all__ if isinstance(getattr(layers, name), type)}
    for name in names - {"Input", "InputLayer", "Layer"}:
        cls = getattr(layers, name)
        assert cls.vjp is not Layer.vjp or issubclass(cls, layers.separable._SeparableConv), name


def test_a_layer_without_gradients_says_so():
    class Odd(Layer):
        def call(self, x):
            return x

    model = Sequential([Input((3,)), Dense(2), Odd(name="odd")])
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match="'odd': Odd does not say what its gradients are"):
        model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    model = Sequential([Input((3,)), Dense(2, activation=np.abs, name="odd")])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="'odd': the activation is a callable"):
        model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)


# ---- What changes, and what does not ----


def test_frozen_weights_stay():
    model = Sequential([Input((6, 6, 2)), Conv2D(3, 3), BatchNormalization(), Flatten(), Dense(2)])
    model.layers[0].trainable = False
    model.layers[1].trainable = False
    before = model.get_weights()
    model.compile("adam", "mse")
    model.fit(normal(8, 6, 6, 2), normal(8, 2), verbose=0)
    changed = [not np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True)]
    assert changed == [False] * 6 + [True] * 2
    model.trainable = False
    assert model.trainable_weights == []
    assert not any(layer.trainable for layer in model.layers)
    before = model.get_weights()
    model.fit(normal(8, 6, 6, 2), normal(8, 2), verbose=0)
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


def test_a_layer_used_twice_learns_from_both_uses():
    same = Dense(3, use_bias=False)
    model = Sequential([Input((3,)), same, same])
    x, y, w = normal(4, 3), normal(4, 3, seed=1), normal(3, 3, seed=2)
    model.set_weights([w])
    model.compile(optimizers.SGD(1.0), "mse")
    model.fit(x, y, verbose=0)
    dy = 2 * (x @ w @ w - y) / y.size
    expected = w - (x.T @ (dy @ w.T) + (x @ w).T @ dy)
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-4, atol=1e-5)


def test_moving_statistics_follow_the_batches():
    layer = BatchNormalization(momentum=0.5)
    x = normal(64, 3) * [1, 2, 3] + [5, 0, -5]
    y = layer(x, training=True)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(y.std(axis=0), 1, atol=1e-2)
    np.testing.assert_allclose(layer.moving_mean, x.mean(axis=0) / 2, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.5 + x.var(axis=0) / 2, rtol=1e-5)
    assert len(layer.trainable_weights) == len(layer.non_trainable_weights) == 2


def test_dropout_keeps_the_mean_and_drops_along_axes():
    x = np.ones((1000, 20), np.float32)
    y = Dropout(0.25, seed=3)(x, training=True)
    assert set(np.unique(y)) == {0, np.float32(4 / 3)}
    assert abs(y.mean() - 1) < 0.02
    y = Dropout(0.5, noise_shape=(None, 1), seed=3)(x, training=True)
    assert (y == y[:, :1]).all()
    assert not Dropout(1.0)(x, training=True).any()
    out, pull = Dropout(0.5, seed=3).vjp(x)
    np.testing.assert_array_equal(pull(x)[0], out)


def test_seed_makes_training_repeat():
    def run():
        set_random_seed(5)
        model = Sequential([Input((6, 6, 1)), Conv2D(3, 3, activation="relu"), Dropout(0.3), Flatten(), Dense(3)])
        model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
        losses_ = model.fit(normal(50, 6, 6, 1), np.arange(50) % 3, epochs=2, batch_size=16, verbose=0).history["loss"]
        return losses_, model.get_weights()

    (first, weights), (second, others) = run(), run()
    assert first == second
    assert all(np.array_equal(a, b) for a, b in zip(weights, others, strict=True))


def test_copies_go_on_learning_alike():
    model, x, y = small(), normal(50, 4), np.arange(50) % 3
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=2, verbose=0)
    twins = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    wanted = model.fit(x, y, epochs=2, shuffle=False, verbose=0).history
    for twin in twins:
        assert twin.fit(x, y, epochs=2, shuffle=False, verbose=0).history == wanted


def test_softmax_of_a_layer_or_of_its_own_is_left_to_the_loss():
    x, y = normal(6, 4) * 100, np.arange(6) % 3
    values = []
    for tail in ([Dense(3, activation="softmax")], [Dense(3), Softmax()], [Dense(3), layers.Activation("softmax")]):
        model = Sequential([Input((4,)), *tail])
        model.set_weights([normal(4, 3), np.zeros(3)])
        model.compile(optimizers.SGD(0.01), "sparse_categorical_crossentropy", metrics=["acc"])
        values.append((*model.evaluate(x, y, verbose=0), *model.fit(x, y, epochs=3, verbose=0).history["loss"]))
        logits = x @ normal(4, 3)
        exact = np.log(np.exp(logits - logits.max(axis=1)[:, None]).sum(axis=1)) + logits.max(axis=1)
        np.testing.assert_allclose(values[-1][0], (exact - logits[np.arange(6), y]).mean(), rtol=1e-5)
    assert values[0][0] > 17  # Beyond what probabilities kept from 0 could say.
    np.testing.assert_allclose(values[1], values[0], rtol=1e-6)
    np.testing.assert_allclose(values[2], values[0], rtol=1e-6)


def test_relu_before_a_softmax_layer_stays():
    model = Sequential([Input((4,)), Dense(3, activation="relu"), Softmax()])
    x, y = normal(6, 4), np.arange(6) % 3
    model.compile(optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    picked = model.predict(x)[np.arange(6), y]
    np.testing.assert_allclose(model.fit(x, y, verbose=0).history["loss"], [-np.log(picked).mean()], rtol=1e-5)


# ---- fit, evaluate and what they show ----


def small():
    model = Sequential([Input((4,)), Dense(3, activation="softmax")], name="m")
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_history_and_validation():
    model, x, y = small(), normal(50, 4), np.arange(50) % 3
    history = model.fit(x, y, epochs=3, batch_size=16, verbose=0, validation_data=(x[:20], y[:20]))
    assert model.history is history
    assert history.epoch == [0, 1, 2]
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert all(len(values) == 3 for values in history.history.values())
    loss, accuracy = model.evaluate(x[:20], y[:20], verbose=0, batch_size=3)
    np.testing.assert_allclose(
        [loss, accuracy], [history.history[k][-1] for k in ("val_loss", "val_accuracy")], rtol=1e-5
    )
    assert model.evaluate(x[:20], y[:20], verbose=0, return_dict=True).keys() == {"loss", "accuracy"}
    assert accuracy == np.mean(model.predict(x[:20]).argmax(axis=-1) == y[:20])
    history = model.fit(x, y, validation_split=0.2, verbose=0)
    assert "val_loss" in history.history


def test_training_shows_itself_as_keras_does(capsys):
    model, x, y = small(), normal(50, 4), np.arange(50) % 3
    model.fit(x, y, epochs=2, verbose=2, validation_data=(x, y))
    line = (
        r"2/2 - \d+s - \d+(us|ms|s)/step - loss: [\d.]+ - accuracy: [\d.]+ - val_loss: [\d.]+ - val_accuracy: [\d.]+\n"
    )
    assert re.fullmatch(rf"Epoch 1/2\n{line}Epoch 2/2\n{line}", capsys.readouterr().out)
    model.fit(x, y, verbose=1)
    assert re.search(
        r"\r2/2 ━{20} \d+s \d+(us|ms|s)/step - loss: [\d.]+ - accuracy: [\d.]+ *\n$", capsys.readouterr().out
    )
    model.evaluate(x, y, verbose=2)
    assert re.fullmatch(r"2/2 - \d+s - \d+(us|ms|s)/step - loss: [\d.]+ - accuracy: [\d.]+\n", capsys.readouterr().out)
    model.fit(x, y, verbose=0)
    assert capsys.readouterr().out == ""


def test_interruption_leaves_whole_steps(monkeypatch):
    model, x, y = small(), normal(50, 4), np.arange(50) % 3
    twin = small()
    twin.set_weights(model.get_weights())
    steps = []
    learn = type(model)._learn

    def interrupted(self, *batch):
        if len(steps) == 3:
            raise KeyboardInterrupt
        steps.append(batch)
        return learn(self, *batch)

    monkeypatch.setattr(type(model), "_learn", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=2, verbose=1)
    for batch in list(steps):
        learn(twin, *batch)
    assert model.history.epoch == [0]
    np.testing.assert_array_equal(model.get_weights()[0], twin.get_weights()[0])
    np.testing.assert_array_equal(model.predict(x), twin.predict(x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: Sequential([Dense(1)], name="m").fit([[1]], [1]), "'m': fit needs a loss"),
        (lambda m: Sequential([Dense(1)], name="m").evaluate([[1]], [1]), "'m': evaluate needs a loss"),
        (lambda m: m.fit(np.ones((3, 4)), [1, 2]), r"'m': x has shape \(3, 4\) and y \(2,\)"),
        (lambda m: m.fit(np.ones((0, 4)), []), "'m': x has no samples"),
        (lambda m: m.fit(np.ones((3, 4)), [0, 1, 3]), "classes from 0 to 3; from 0 to 2 would do"),
        (lambda m: m.fit(np.ones((3, 4)), np.ones((3, 3))), r"y has shape \(3, 3\); \(3,\) would do"),
        (lambda m: m.fit(np.ones((3, 5)), [0, 1, 2]), "'dense.*5 channels"),
        (lambda m: m.fit(np.ones((3, 4)), [0, 1, 2], epochs=-1), "'m': epochs is -1"),
        (lambda m: m.fit(np.ones((3, 4)), [0, 1, 2], batch_size=0), "'m': batch_size is 0"),
        (lambda m: m.fit(np.ones((3, 4)), [0, 1, 2], verbose=7), "'m': verbose is 7"),
        (lambda m: m.fit(np.ones((3, 4)), [0, 1, 2], validation_split=2), "'m': validation_split is 2"),
        (lambda m: m.compile("bogus", "mse"), "compile: optimizer is 'bogus'"),
        (lambda m: m.compile("sgd", "bogus"), "compile: loss is 'bogus'"),
        (lambda m: m.compile("sgd"), "compile: loss is None"),
        (lambda m: m.compile("sgd", "mse", metrics=["bogus"]), "compile: a metric is 'bogus'"),
        (lambda m: m.compile("sgd", "mse", metrics="accuracy"), "compile: metrics is 'accuracy'; a list"),
        (lambda m: optimizers.SGD(-1), "SGD: learning_rate is -1"),
        (lambda m: optimizers.SGD(momentum=2), "SGD: momentum is 2"),
        (lambda m: optimizers.Adam(beta_1="a"), "Adam: beta_1 is 'a'"),
        (lambda m: losses.MeanSquaredError()(np.ones(3), np.ones((3, 2))), r"y has shape \(3,\)"),
        (lambda m: metrics.accuracy([[1], [2]], np.ones((3, 4))), r"accuracy: y has shape \(2,\)"),
        (lambda m: Dropout(2, name="d"), "'d': rate is 2"),
        (lambda m: BatchNormalization(axis=5, name="b")(np.ones((2, 2))), "'b': axis is 5"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(small())
