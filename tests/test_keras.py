"""The same weights give what Keras 3 gives, the same start follows its losses; goldens/make_keras.py asked it."""

import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from nhwc import layers, losses, optimizers
from nhwc.layers import Input, base
from nhwc.models import Sequential

GOLDENS = Path(__file__).parent / "goldens"
sys.path.insert(0, str(GOLDENS))

from cases import LAYERS, NETWORKS, TRAININGS, inputs, start  # noqa: E402


@pytest.fixture(scope="module")
def goldens():
    with np.load(GOLDENS / "keras.npz") as file:
        return dict(file)


def started(name, stack, shape):
    model = Sequential([Input(shape[1:]), *stack])
    model.set_weights(start(name, [w.shape for w in model.get_weights()]))
    return model


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name, goldens):
    make, shape = LAYERS[name]
    x, expected = inputs(name, shape), goldens[f"layer/{name}"]
    layer = make(layers)
    model = started(name, [layer], shape)
    assert model.output_shape[1:] == expected.shape[1:]
    for y in (layer(x), model(x), model.predict(x, batch_size=1)):
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_network(name, goldens):
    stack, shape = NETWORKS[name]
    x, model = inputs(name, shape), started(name, stack(layers), shape)
    assert len(model.plan().steps) < len(model.layers)
    for y in (model(x), model.predict(x), np.concatenate([model.predict(x[i : i + 1]) for i in range(len(x))])):
        np.testing.assert_allclose(y, goldens[f"network/{name}"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", TRAININGS)
def test_training(name, goldens):
    case = TRAININGS[name]
    x, model = inputs(name, case["shape"]), started(name, case["stack"](layers), case["shape"])
    y = case["truth"](x)
    model.compile(case["optimizer"](optimizers), case["loss"](losses), metrics=case.get("metrics"))
    history = model.fit(x, y, epochs=20, batch_size=len(x), shuffle=False, verbose=0).history
    prefix = f"training/{name}/"
    wanted = {key.removeprefix(prefix) for key in goldens if key.startswith(prefix)} - {"evaluate"}
    assert set(history) == wanted
    for key in wanted:
        np.testing.assert_allclose(history[key], goldens[prefix + key], rtol=1e-4, atol=1e-4, err_msg=key)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), goldens[prefix + "evaluate"], rtol=1e-4, atol=1e-4)


def test_summary_after_training(goldens, monkeypatch, capsys):
    monkeypatch.setattr(base, "_names_given", Counter())
    model = Sequential([Input((8, 8, 1)), layers.Conv2D(4, 3), layers.BatchNormalization(),
                        layers.Flatten(), layers.Dense(2)], name="small")  # fmt: skip
    model.compile("adam", "mse")
    model.fit(np.zeros((2, 8, 8, 1)), np.zeros((2, 2)), verbose=0)
    model.summary(60)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(goldens["summary"]))
    assert capsys.readouterr().out.strip() == plain.strip()
