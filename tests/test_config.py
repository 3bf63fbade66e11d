"""The machine's settings: threads, the environment at import, what `show_config` tells, what an import loads."""

import os
import platform
import subprocess
import sys
import threading

import numpy as np
import pytest

import nhwc
from nhwc import _core, config


@pytest.fixture(autouse=True)
def _restore_threads():
    before = nhwc.get_num_threads()
    yield
    nhwc.set_num_threads(before)


# ---- Threads ----


@pytest.mark.parametrize("n", [1, 2, 3, 64, 1024])
def test_set_and_get(n):
    assert nhwc.set_num_threads(n) is None
    assert nhwc.get_num_threads() == n


@pytest.mark.parametrize(
    ("n", "error"),
    [
        *((n, ValueError) for n in (0, -1, 1025, 2**31, 2**70, -(2**70))),
        *((n, TypeError) for n in (True, np.True_, 1.0, "2", None, (2,), np.array([2]))),
    ],
)
def test_wrong_number(n, error):
    nhwc.set_num_threads(2)
    for name in ("set_num_threads", "num_threads"):
        with pytest.raises(error, match=rf"^{name}: n is .*; an int from 1 to 1024 would do"):
            getattr(nhwc, name)(n)
    assert nhwc.get_num_threads() == 2


def test_context_nests_and_restores():
    nhwc.set_num_threads(2)
    three = nhwc.num_threads(3)
    with three:
        assert nhwc.get_num_threads() == 3
        with nhwc.num_threads(1):
            assert nhwc.get_num_threads() == 1
            with three:
                assert nhwc.get_num_threads() == 3
            assert nhwc.get_num_threads() == 1
        assert nhwc.get_num_threads() == 3
        nhwc.set_num_threads(4)
        assert nhwc.get_num_threads() == 3
    assert nhwc.get_num_threads() == 4


def test_context_restores_after_an_exception():
    nhwc.set_num_threads(2)
    with pytest.raises(KeyError), nhwc.num_threads(3):
        raise KeyError
    assert nhwc.get_num_threads() == 2


def in_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def test_setting_is_the_process_and_context_the_thread():
    nhwc.set_num_threads(2)
    with nhwc.num_threads(5):
        assert in_thread(nhwc.get_num_threads) == 2
        in_thread(lambda: nhwc.set_num_threads(3))
        assert nhwc.get_num_threads() == 5
    assert nhwc.get_num_threads() == 3


def test_threads_may_share_one_context():
    nhwc.set_num_threads(2)
    shared = nhwc.num_threads(3)
    inside, leave = threading.Event(), threading.Event()
    seen = []

    def other():
        with nhwc.num_threads(4), shared:
            inside.set()
            leave.wait(10)
            seen.append(nhwc.get_num_threads())
        seen.append(nhwc.get_num_threads())

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(10)
    with shared:
        assert nhwc.get_num_threads() == 3
    assert nhwc.get_num_threads() == 2
    leave.set()
    thread.join()
    assert seen == [3, 2]


def test_threadpoolctl_lowers_it():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    if _core.openmp() is None:
        pytest.skip("a serial build")
    if config._usable_cores() == 1:
        pytest.skip("OpenMP's own limit is 1 already, and counts only where it is lowered")
    nhwc.set_num_threads(4)
    with threadpoolctl.threadpool_limits(1, user_api="openmp"):
        assert nhwc.get_num_threads() == 1
    assert nhwc.get_num_threads() == 4


# ---- What it tells ----


def test_show_config(capsys):
    told = nhwc.show_config(mode="dicts")
    assert capsys.readouterr().out == ""
    assert told["version"] == nhwc.__version__
    assert told["isa"] == _core.isa()
    assert told["isas_available"] == list(_core.ISAS_AVAILABLE)
    assert set(told["isas_available"]) <= set(told["isas_compiled"])
    assert told["isas_available"][-1] == "scalar"
    assert told["num_threads"] == nhwc.get_num_threads()
    assert told["openmp"] == _core.openmp()
    assert told["compiler"]
    assert nhwc.show_config() is None
    printed = capsys.readouterr().out
    for key in told:
        assert f"{key}:" in printed
    assert nhwc.__version__ in printed
    with pytest.raises(ValueError, match="show_config: mode is 'json'; 'stdout' or 'dicts' would do"):
        nhwc.show_config(mode="json")


def test_algorithms():
    lines = nhwc.algorithms()
    assert "auto" not in lines
    assert list(lines) == ["direct", "winograd_f2", "winograd_f4"]
    assert all(line and "\n" not in line for line in lines.values())


def test_version_is_that_of_the_package():
    from importlib.metadata import version

    assert nhwc.__version__ == version("nhwc")


def test_release_memory():
    assert nhwc.release_memory() is None


def test_names():
    assert set(nhwc.__all__) == set(dir(nhwc))
    for name in nhwc.__all__:
        assert getattr(nhwc, name) is not None
    with pytest.raises(AttributeError, match="module 'nhwc' has no attribute 'conv4d'"):
        nhwc.conv4d  # noqa: B018


# ---- The environment, in a fresh interpreter ----


def fresh(code, **environment):
    """Run code in another interpreter and return what it prints; warnings are errors unless it catches them."""
    read = ("NHWC_NUM_THREADS", "OMP_NUM_THREADS", "NHWC_ISA")
    kept = {key: value for key, value in os.environ.items() if key not in read}
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], env={**kept, **environment}, text=True,
                          capture_output=True, check=False, timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


THREADS = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import nhwc
print(nhwc.get_num_threads(), nhwc.show_config(mode="dicts")["isa"], *[w.category.__name__ for w in caught])
for w in caught: print(w.message)
"""
DEFAULT = config._usable_cores()


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({}, DEFAULT),
        ({"NHWC_NUM_THREADS": "3"}, 3),
        ({"NHWC_NUM_THREADS": " 3 ", "OMP_NUM_THREADS": "5"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"NHWC_NUM_THREADS": "", "OMP_NUM_THREADS": ""}, DEFAULT),
    ],
)
def test_threads_from_the_environment(environment, threads):
    assert fresh(THREADS, **environment).split() == [str(threads), _core.ISAS_AVAILABLE[0]]


@pytest.mark.parametrize("value", ["0", "-1", "many", "2.0", "1e3", "4,2", "0x4", "99999999999999999999", "\u0663"])
def test_threads_that_make_no_sense(value):
    out = fresh(THREADS, NHWC_NUM_THREADS=value, OMP_NUM_THREADS="5", PYTHONUTF8="1").splitlines()
    assert out[0].split() == ["5", _core.ISAS_AVAILABLE[0], "RuntimeWarning"]
    assert out[1] == f"NHWC_NUM_THREADS={value!r} is ignored; an int from 1 to 1024 would do"


@pytest.mark.parametrize("cap", [*_core.ISAS_AVAILABLE, *(isa.upper() for isa in _core.ISAS_AVAILABLE)])
def test_isa_cap(cap):
    assert fresh(THREADS, NHWC_ISA=cap).split()[1:] == [cap.lower()]


def test_isa_baseline_is_what_every_processor_has():
    isa = {"x86_64": "sse2", "AMD64": "sse2", "aarch64": "neon", "arm64": "neon"}.get(platform.machine(), "scalar")
    assert isa == _core.BASELINE
    assert fresh(THREADS, NHWC_ISA="baseline").split()[1:] == [isa]


@pytest.mark.parametrize("cap", ["sse9", "neon" if "avx2" in _core.ISAS_COMPILED else "avx2", "0", "avx"])
def test_isa_that_makes_no_sense(cap):
    out = fresh(THREADS, NHWC_ISA=cap).splitlines()
    assert out[0].split()[1:] == [_core.ISAS_AVAILABLE[0], "RuntimeWarning"]
    assert out[1].startswith(f"NHWC_ISA={cap!r} is ignored; {', '.join(_core.ISAS_AVAILABLE)} or baseline")


@pytest.mark.parametrize(
    ("cap", "available", "expected"),
    [
        ("avx512", ("avx512", "avx2", "scalar"), "avx512"),
        ("avx2", ("avx512", "avx2", "scalar"), "avx2"),
        ("sse2", ("avx512", "avx2", "scalar"), "scalar"),
        ("sse2", ("avx2", "sse2", "scalar"), "sse2"),
        ("avx512", ("avx2", "sse2", "scalar"), None),
        ("neon", ("avx2", "sse2", "scalar"), None),
        ("neon", ("neon", "scalar"), "neon"),
        ("scalar", ("neon", "scalar"), "scalar"),
        ("avx2", ("neon", "scalar"), None),
        ("sse2", ("scalar",), None),
        ("scalar", ("scalar",), "scalar"),
        ("vsx", ("scalar",), None),
    ],
)
def test_best_isa_under_a_cap(cap, available, expected):
    assert config._best_isa_under(cap, available) == expected


IMPORTS = """
import sys
import numpy
before = set(sys.modules)
import nhwc
print(*sorted(set(sys.modules) - before))
import nhwc.reference, nhwc
nhwc.reference.conv2d
"""


def test_import_loads_little():
    loaded = fresh(IMPORTS).split()
    ours = "_core config filter_gradients input_gradients ops plans pooling separable transposed"
    assert [name for name in loaded if name.startswith("nhwc")] == ["nhwc", *(f"nhwc.{name}" for name in ours.split())]
    assert not {"dataclasses", "inspect", "importlib.metadata", "matplotlib", "tqdm", "ml_dtypes"} & set(loaded)
    assert len(loaded) < 15, loaded


def test_modules_load_when_named():
    fresh("import nhwc; nhwc.reference.conv2d; nhwc.layers; nhwc.models")
    fresh("from nhwc import reference, layers, models")


# ---- Cores that cgroups grant ----


def cgroups(root, listing, files):
    (root / "cgroup").write_text(listing)
    for path, text in files.items():
        (root / "fs" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "fs" / path).write_text(text)
    return config._cgroup_quota(str(root / "cgroup"), str(root / "fs"))


@pytest.mark.parametrize(
    ("listing", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "1000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {}, None),
        ("", {"cpu.max": "200000 100000\n"}, None),
        ("0::/a/b c\n", {"a/b c/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n"}, 3),
        ("0::/a/b\n", {"a/b/cpu.max": "100000 100000\n", "a/cpu.max": "300000 100000\n"}, 1),
        ("0::/docker/of/the/host\n", {"cpu.max": "250000 100000\n"}, 3),
        ("0::/../..\n", {"cpu.max": "400000 100000\n"}, 4),
        (
            "5:memory:/a\n4:cpuacct,cpu:/a\n0::/\n",
            {"cpu/a/cpu.cfs_quota_us": "250000\n", "cpu/a/cpu.cfs_period_us": "100000\n"},
            3,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "50000\n"}, None),
        ("3:cpuset:/\n", {"cpu.max": "200000 100000\n"}, None),
        ("nonsense\n0::/\n", {"cpu.max": "200000 0\n"}, None),
        ("0::/\n", {"cpu.max": "many few\n"}, None),
        ("0::/\n", {"cpu.max": ""}, None),
    ],
)
def test_cgroup_quota(tmp_path, listing, files, cores):
    assert cgroups(tmp_path, listing, files) == cores


def test_no_cgroups(tmp_path):
    assert config._cgroup_quota(str(tmp_path / "none"), str(tmp_path)) is None


def test_usable_cores_are_at_most_the_quota(monkeypatch):
    monkeypatch.setattr(config, "_cgroup_quota", lambda listing, mount: 1)
    monkeypatch.setattr(config.sys, "platform", "linux")
    assert config._usable_cores() == 1
    monkeypatch.setattr(config, "_cgroup_quota", lambda listing, mount: 10**6)
    assert 1 <= config._usable_cores() < 10**6
