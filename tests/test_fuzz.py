"""Random problems of `tests/fuzz`: a few hundred of them, the command that checks more, and that it sees mistakes."""

import json

import numpy as np
import pytest
from fuzz.__main__ import check_seed, main
from fuzz.cases import draw_case

import nhwc
from nhwc import _core

PROBLEMS = 300


def test_random_problems():
    wrong = {seed: check_seed(seed) for seed in range(PROBLEMS)}
    assert not {seed: what for seed, what in wrong.items() if what}


def test_every_operation_is_drawn():
    functions = {draw_case(seed).function for seed in range(1000)}
    operations = {name for name in nhwc.__all__ if "conv" in name or "pool" in name}
    assert functions == {name for name in operations if not name.startswith("plan_")}


def test_a_run_stops_and_goes_on(tmp_path, capsys):
    state = tmp_path / "state.json"
    arguments = ["--count", "6", "--seed", "7", "--resume", str(state)]
    state.write_text(json.dumps({"seed": 7, "count": 6, "next": 10, "failed": [8]}))
    assert main(arguments) == 1
    assert "6 of 6 problems, 1 failed: seeds [8]" in capsys.readouterr().out
    assert json.loads(state.read_text())["next"] == 13


@pytest.mark.parametrize("function", ["conv2d", "max_pool2d", "conv2d_filter_grad"])
def test_a_wrong_result_is_seen(monkeypatch, function):
    right = getattr(nhwc, function)

    def wrong(*args, **keywords):
        y = right(*args, **keywords)
        y += 3
        return y

    monkeypatch.setattr(nhwc, function, wrong)
    seeds = [
        seed for seed in range(1000) if (case := draw_case(seed)).function == function and case.dtype == np.float32
    ]
    before = _core.isa()
    assert any(check_seed(seed) for seed in seeds[:5])
    assert _core.isa() == before
