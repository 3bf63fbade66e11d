"""The examples: what each claims in its picture is so, and each draws one."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are part of the source tree only")

NAMES = ["lines", "many_filters", "colour", "stacked", "padding", "relu", "pooling", "learned"]


@pytest.fixture
def example(monkeypatch):
    """Import an example as its own folder would."""
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(EXAMPLES)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name in (*NAMES, "_drawing", "digits"):
            del sys.modules[name]


@pytest.mark.parametrize("name", NAMES)
def test_example_draws_its_picture(name, example, tmp_path, monkeypatch, capsys):
    from PIL import Image

    monkeypatch.setattr(sys, "argv", [name, str(tmp_path / "out.png")])
    example(name).main()
    assert "out.png" in capsys.readouterr().out
    with Image.open(tmp_path / "out.png") as picture:
        pixels = np.asarray(picture.convert("RGB"), np.float64)
    assert pixels.shape[1] >= 900
    assert pixels.std() > 20


def test_line_detectors_see_only_their_lines(example):
    lines = example("lines")
    image = np.zeros((40, 40), np.float32)
    image[:, 20:22] = 1
    vertical, horizontal = lines.detect(image)
    assert set(np.argwhere(vertical.any(axis=0)).ravel()) <= set(range(18, 23))
    assert vertical[20].any()
    assert not horizontal.any()


def test_corners_are_those_of_the_rectangles(example):
    stacked = example("stacked")
    image = stacked.shapes()
    found = stacked.build(image.shape).predict(image[None, ..., None])[0].max(axis=-1)
    for i in range(9):
        row, column = divmod(i, 3)
        part = found[row * 53 : row * 53 + 53, column * 53 : column * 53 + 53]
        assert part.any() == (row != column)


def test_sizes_and_numbers_of_maps(example):
    padding, many = example("padding"), example("many_filters")
    image = np.zeros((96, 96), np.float32)
    assert padding.outputs(padding.build("valid"), image)[-1].shape == (24, 24)
    assert padding.outputs(padding.build("same"), image)[-1].shape == (96, 96)
    assert many.maps_of(np.zeros((40, 40, 1), np.float32), 512)[0].shape == (10, 10, 512)


def test_learned_filters_are_the_handcrafted_ones(example):
    learned = example("learned")
    image = np.random.default_rng(0).random((240, 240), np.float32)
    _, filters, losses = learned.imitate(image, epochs=60)
    np.testing.assert_allclose(filters, np.stack(list(learned.HANDCRAFTED.values()), axis=-1), atol=0.05)
    assert losses[-1] < losses[0] / 100


def test_digits_are_learned(example, tmp_path):
    pytest.importorskip("sklearn")
    digits = example("digits")
    model, accuracy = digits.learn(verbose=0)
    assert accuracy >= 0.98
    digits.picture(model, tmp_path / "digits.png")
    assert (tmp_path / "digits.png").stat().st_size > 10_000
