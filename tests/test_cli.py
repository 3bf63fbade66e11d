"""The command line: demo, bench and info, and the table of layers."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nhwc
from nhwc import _core
from nhwc.cli import layers, main, ops, progress, table
from nhwc.cli.measure import sampled_error
from nhwc.cli.workers import Worker


@pytest.fixture
def photo(tmp_path):
    """A path to write a small picture of random pixels, in the mode that is asked for."""
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")

    def write(mode, size=(24, 18)):
        pixels = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
        path = tmp_path / f"photo-{mode}.png"
        image.fromarray(pixels).convert(mode).save(path)
        return str(path)

    return write


def test_layers_agree_with_plans():
    for layer in layers.all_layers():
        filters = np.zeros(layer.filter_shape, np.float32)
        plan = getattr(nhwc, f"plan_conv{layer.dims}d")(layer.input_shape, filters, **layer.options)
        assert plan.output_shape == layer.output_shape, layer.name
        assert plan.macs == layer.macs, layer.name


def test_layer_data_are_the_same_in_every_run():
    layer = layers.layer("toy2d_8x8x1_3x3")
    x, filters = layer.data()
    assert x.shape == layer.input_shape
    assert filters.shape == layer.filter_shape
    assert x.dtype == filters.dtype == np.float32
    assert np.array_equal(x, layer.data()[0])
    assert np.array_equal(layer.data("float64")[0], x)
    assert not np.array_equal(layers.layer("toy1d_8x1_k3").data()[0].ravel(), x.ravel()[:8])


def test_select_by_name_and_set():
    names = [layer.name for layer in layers.select(["dw3x3"], ["mobilenetv2"])]
    assert names == ["mbv2_dw3x3_112x32", "mbv2_dw3x3s2_112x96", "mbv2_dw3x3_14x576"]
    assert layers.select(None, ["all"]) == list(layers.all_layers())
    assert {"resnet50", "vgg16", "mobilenetv2", "images", "audio", "video", "toys"} <= set(layers.all_sets())
    with pytest.raises(ValueError, match="no layer's name contains 'nothing'"):
        layers.select(["nothing"])
    with pytest.raises(ValueError, match="there is no set 'nothing'"):
        layers.select(None, ["nothing"])


@pytest.mark.parametrize("name", ["odd_3x3_45x61x24_40", "mnas_dw5x5s2_56x72", "shuffle_1x1g4_28x240_240"])
def test_sampled_error_sees_a_wrong_pixel(name):
    layer = layers.layer(name)
    x, filters = layer.data()
    y = nhwc.conv2d(x, filters, **layer.options)
    assert sampled_error(layer, x, filters, y) < 2e-6
    y[0, -1, -1, -1] += 0.01 * np.abs(y).max()
    assert sampled_error(layer, x, filters, y) > 5e-3


def test_bench_prints_a_table_and_writes_json(tmp_path, capsys):
    path = tmp_path / "bench.json"
    assert main(["bench", "--sets", "toys", "--threads", "1,2", "--seconds", "0.01", "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("toy2d_8x8x1_3x3") == 2
    assert "FMA peak" in printed
    result = json.loads(path.read_text("utf-8"))
    assert [(row["layer"], row["threads"]) for row in result["rows"]] == [
        (name, threads) for name in ("toy2d_8x8x1_3x3", "toy1d_8x1_k3") for threads in (1, 2)
    ]
    for row in result["rows"]:
        assert row["algorithm"] in nhwc.algorithms()
        assert row["error"] < 2e-6
        assert 0 < row["min_s"] <= row["median_s"]
        assert row["gflops"] > 0
        assert row["copy_gbytes"] > 0
    assert result["machine"]["isa"] == nhwc.show_config(mode="dicts")["isa"]
    assert set(result["fma_peak_gflops"]) == {"1", "2"}


def test_bench_holds_to_isa_dtype_and_call(capsys):
    before = nhwc.show_config(mode="dicts")["isa"]
    arguments = ["--layers", "toy1d", "--seconds", "0.01", "--threads", "1", "--markdown"]
    assert main(["bench", *arguments, "--isa", "scalar", "--dtype", "float64", "--call", "function"]) == 0
    printed = capsys.readouterr().out
    assert "scalar" in printed
    assert "float64, function, 1 thread:" in printed
    assert "| toy1d_8x1_k3 |" in printed
    assert nhwc.show_config(mode="dicts")["isa"] == before


@pytest.mark.parametrize(
    ("op", "case"), [("transpose", "decoder_2x2s2_14x256_128"), ("input_grad", "mbv2_dw3x3_14x576")]
)
def test_bench_measures_other_operations(op, case, capsys):
    assert main(["bench", "--op", op, "--layers", case, "--threads", "1,2", "--seconds", "0.01"]) == 0
    printed = capsys.readouterr().out
    assert f"float32, {op}, 2 threads:" in printed
    assert printed.count(case) == 2


def test_operations_agree_with_plans():
    for case in ops.cases("transpose"):
        call = case.prepare("float64")
        assert case.macs == inspect.getclosurevars(call).nonlocals["plan"].macs, case.name


def test_bench_interrupted_prints_what_is_done(monkeypatch, capsys):
    from nhwc.cli import bench

    measure_layer = bench._measure_layer

    def stop_at_second(layer, args):
        if layer.dims == 1:
            raise KeyboardInterrupt
        return measure_layer(layer, args)

    monkeypatch.setattr(bench, "_measure_layer", stop_at_second)
    assert main(["bench", "--sets", "toys", "--threads", "1", "--seconds", "0.01"]) == 130
    printed = capsys.readouterr().out
    assert "toy2d_8x8x1_3x3" in printed
    assert "toy1d_8x1_k3" not in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layers", "nothing"], "no layer's name contains 'nothing'"),
        (["--sets", "nothing"], "there is no set 'nothing'"),
        (["--sets", "toys", "--layers", "vgg"], "no layer is in these sets"),
        (["--isa", "nothing"], "--isa nothing: this machine and build have"),
        (["--op", "transpose", "--sets", "toys"], "are for forward layers, not for --op transpose"),
        (["--op", "input_grad", "--layers", "nothing"], "no case of input_grad has such a name; the cases are resnet"),
        (["--algorithm", "nothing"], "there is no algorithm 'nothing'"),
        (["--sets", "toys", "--seconds", "0.01", "--json", "/nowhere/at/all"], "cannot write /nowhere/at/all"),
    ],
)
def test_bench_says_what_is_wrong(arguments, message, capsys):
    assert main(["bench", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--threads", "0"], ["--threads", "x"], ["--seconds", "-1"], ["--dtype", "complex64"]]
)
def test_bench_refuses_bad_values(arguments):
    with pytest.raises(SystemExit) as stop:
        main(["bench", *arguments])
    assert stop.value.code == 2


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "I;16", "1"])
def test_photos_of_every_kind_are_read(mode, photo):
    from nhwc.cli.picture import read_photo

    pixels = read_photo(photo(mode))
    assert pixels.shape == (18, 24, 3)
    assert pixels.dtype == np.float32
    assert 0 <= pixels.min() < pixels.max() <= 1


def test_large_photo_is_scaled_down(photo):
    from nhwc.cli.picture import read_photo

    assert read_photo(photo("RGB", (3000, 30))).shape == (10, 1024, 3)


def test_demo_draws_a_picture_and_prints_the_table(photo, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "maps.png"
    assert main(["demo", photo("RGB"), "-o", str(path)]) == 0
    printed = capsys.readouterr().out
    for layer in ("vertical lines", "horizontal lines", "Sobel x, y", "Laplacian", "Gaussian blur", "sharpen"):
        assert layer in printed
    assert "bank of 32 filters 18x24x3 11x11x3x32 18x24x32" in " ".join(printed.split())
    with image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.width == 1600


def test_demo_maps_are_what_they_say():
    from nhwc.cli.demo import run_steps

    square = np.zeros((40, 60, 3), np.float32)
    square[10:30, 20:40] = 1
    results = run_steps(square)
    columns, rows = np.abs(results["Sobel x, y"].maps).max(axis=(0, 1)), results["vertical lines"].maps[20, :, 0]
    np.testing.assert_allclose(columns, 1, rtol=1e-6)
    assert set(np.flatnonzero(np.abs(rows) > 1e-6)) == {19, 20, 39, 40}
    np.testing.assert_allclose(results["Gaussian blur"].maps[0, 0], 0, atol=1e-6)
    corners = results["contours and corners"].maps[..., 4:]
    nearest = [np.unravel_index(corners[..., k].argmax(), corners.shape[:2]) for k in range(4)]
    for (row, column), (top, left) in zip(nearest, [(10, 20), (10, 39), (29, 39), (29, 20)], strict=True):
        assert abs(row - top) <= 2
        assert abs(column - left) <= 2


def test_demo_says_what_is_wrong(photo, tmp_path, capsys):
    not_an_image = tmp_path / "text.png"
    not_an_image.write_text("no picture")
    cases = [
        (["missing.jpg"], "cannot read missing.jpg: No such file or directory"),
        ([str(not_an_image)], "cannot identify image file"),
        ([str(tmp_path)], f"cannot read {tmp_path}"),
        ([photo("RGB"), "-o", "maps.jpg"], "should end in .png"),
        ([photo("RGB"), "-o", str(tmp_path / "no" / "maps.png")], "cannot write"),
    ]
    for arguments, message in cases:
        assert main(["demo", *arguments]) == 2
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert last.split("\r")[-1].startswith("nhwc demo: "), last
        assert message in last


def test_demo_names_the_extra_without_matplotlib(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "nhwc.cli.picture", raising=False)
    monkeypatch.delattr("nhwc.cli.picture", raising=False)
    assert main(["demo"]) == 2
    error = capsys.readouterr().err
    assert "matplotlib" in error
    assert "pip install nhwc[demo]" in error


def test_info_as_a_program():
    program = [sys.executable, "-m", "nhwc", "info"]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=60)
    facts = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert facts["nhwc"] == nhwc.__version__
    assert facts["numpy"] == np.__version__
    assert facts["cpu"]


@pytest.mark.parametrize("module", ["tqdm", None])
def test_progress_with_and_without_tqdm(module, monkeypatch, capsys):
    if module is None:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    else:
        pytest.importorskip(module)
    assert list(progress(["first", "second"], "counting", str.upper)) == ["first", "second"]
    shown = capsys.readouterr().err
    assert "counting" in shown
    assert "SECOND" in shown


def test_table_aligns_columns():
    rows = [("layer", "ms"), ("a", "10.5"), ("long name", "2")]
    assert table(rows, "<>") == "layer        ms\na          10.5\nlong name     2"
    assert table(rows, "<>", markdown=True).splitlines()[1] == "| --------- | ---: |"


def test_accuracy_tables_hold_every_algorithm_and_kind_of_data(tmp_path, capsys):
    from nhwc.cli import accuracy

    arguments = ["accuracy", "--layers", "odd_3x3,toy1d,14x576_96,dense_5x5"]
    assert main([*arguments, "--summary"]) == 0
    printed = capsys.readouterr().out
    for kind in accuracy.DATA:
        assert sum(line.startswith(kind + " ") for line in printed.splitlines()) == len(_core.ALGORITHMS)
    assert "The guard computed 0 of " in printed
    path = tmp_path / "accuracy.md"
    path.write_text(f"before\n{accuracy.MARKER}after\n", "utf-8")
    assert main([*arguments, "--markdown", str(path)]) == 0
    text = path.read_text("utf-8")
    assert text.startswith(f"before\n{accuracy.MARKER}")
    assert "after" not in text
    assert "| odd_3x3_45x61x24_40 | uniform | winograd_f4" in text
    assert main(["accuracy", "--layers", "nothing"]) == 2


def test_accuracy_counts_what_the_guard_computes_again():
    from nhwc.cli.accuracy import count_redone, fused

    x, filters = layers.layer("odd_3x3_45x61x24_40").data()
    x[0, 5, 6, 7] = np.nan  # one tile of 4x4 and its neighbour to the left, of which it spoils a column
    direct = fused(nhwc.conv2d, x, filters, padding="same")
    y = nhwc.conv2d(x, filters, padding="same", algorithm="winograd_f4")
    redone, vectors = count_redone(y, direct, 4)
    assert vectors == 12 * 16 * 3
    assert 0 < redone < 36


def test_the_choice_of_algorithms_is_measured(tmp_path):
    script = Path(__file__).parents[1] / "benchmarks" / "choice.py"
    path = tmp_path / "choice.json"
    command = [sys.executable, str(script), "--shapes", "2", "--seconds", "0.01", "--call", "function"]
    done = subprocess.run([*command, "--json", str(path)], capture_output=True, text=True, check=True)
    assert "choices within 10 % of the" in done.stdout
    for row in json.loads(path.read_text("utf-8")):
        assert row["chosen"] in row["seconds"]
        assert min(row["seconds"].values()) > 0


def test_bench_compares_with_peers(tmp_path, capsys):
    path = tmp_path / "peers.json"
    words = ["--compare", "--peers", "im2col", "--layers", "toy,odd", "--threads", "1", "--seconds", "0.01"]
    assert main(["bench", *words, "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "geometric mean" in printed
    rows = json.loads(path.read_text("utf-8"))["rows"]
    assert len(rows) == 3
    for row in rows:
        assert all(figure["error"] < 1e-5 and figure["gflops"] > 0 for figure in row["figures"].values())
        assert set(row["figures"]) == {"nhwc", "im2col"}


@pytest.fixture
def fake(tmp_path):
    """A path to write an interpreter that runs lines of shell in place of Python."""
    if sys.platform == "win32":
        pytest.skip("needs a shell")

    def write(script):
        path = tmp_path / "python"
        path.write_text("#!/bin/sh\n" + script, "utf-8")
        path.chmod(0o755)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("script", "words"),
    [("echo no such library >&2; exit 3", "no such library"), ("kill -11 $$", "SIGSEGV"), ("exit 3", "exit code 3")],
)
def test_comparison_reports_peers_that_end(script, words, fake, capsys):
    options = ["--peers", "im2col,scipy", "--peer-python", f"scipy={fake(script)}", "--layers", "toy2d"]
    assert main(["bench", "--compare", "--seconds", "0.01", *options]) == 0
    printed = capsys.readouterr()
    assert f"scipy does not start: the process ended: {words}" in printed.err
    assert "scipy does not start" in printed.out
    assert "im2col" in printed.out


def test_a_peer_that_hangs_is_ended_with_all_it_started(fake, monkeypatch):
    monkeypatch.setattr("nhwc.cli.workers.PATIENCE", 0.5)
    worker = Worker("scipy", fake("sleep 60 & sleep 60"), 1, "auto")
    assert worker.start() == {"failed": "no answer within 0.5 s"}
    worker.close()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_a_peer_that_crashes_over_one_layer_is_back_for_the_next():
    worker = Worker("im2col", sys.executable, 1, "auto")
    try:
        assert "version" in worker.start()
        worker._signal("SIGKILL")
        assert worker.ask(order="sample", seconds=0.01) == {"failed": "the process ended: SIGKILL"}
        assert "NoneType" in worker.ask(order="sample", seconds=0.01)["failed"]  # another process, without a layer yet
    finally:
        worker.close()


def test_bench_refuses_unknown_peers(capsys):
    assert main(["bench", "--compare", "--peers", "nobody"]) == 2
    assert "there is no peer 'nobody'" in capsys.readouterr().err
    assert main(["bench", "--compare", "--peer-python", "torch=/nowhere/python"]) == 2
    assert "no such interpreter" in capsys.readouterr().err
    assert main(["bench", "--compare", "--op", "pool"]) == 2
    assert "--compare is for forward layers" in capsys.readouterr().err


def test_bench_draws_bars(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "bars.png"
    assert main(["bench", "--layers", "odd", "--threads", "1", "--seconds", "0.01", "--plot", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
