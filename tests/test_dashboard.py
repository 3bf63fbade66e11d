"""The dashboard, published from the results that the repository holds, in headless Chromium without a network."""

import functools
import os
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import browser
import pytest

pytestmark = pytest.mark.long
ROOT = Path(__file__).parent.parent
# A commit of the history, its graph in the line chart, and the marks that are drawn on a canvas.
DRAWN = (
    "(() => { const c = document.querySelector('#main-graph canvas.flot-base');"
    " if (!c || !c.width) return false;"
    " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
    " const colours = new Set();"
    " for (let i = 0; i < d.length; i += 4) if (d[i + 3]) colours.add([d[i], d[i + 1], d[i + 2]].join());"
    " return colours.size > 20; })()"
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone of the repository with the benchmarks as they are in the working tree."""
    pytest.importorskip("asv")
    pytest.importorskip("matplotlib")
    if not (ROOT / ".git").exists():
        pytest.skip("needs the repository: asv reads its commits")
    folder = tmp_path_factory.mktemp("dashboard") / "nhwc"
    subprocess.run(["git", "clone", "-q", "--shared", str(ROOT), str(folder)], check=True)
    shutil.rmtree(folder / "benchmarks")
    shutil.copytree(ROOT / "benchmarks", folder / "benchmarks", ignore=shutil.ignore_patterns(".asv", "__pycache__"))
    return folder


@pytest.fixture(scope="module")
def site(clone):
    """The address of the published dashboard, served on loopback."""
    subprocess.run([sys.executable, "benchmarks/dashboard", "publish"], cwd=clone, check=True, capture_output=True)
    handler = functools.partial(QuietHandler, directory=str(clone / "benchmarks/.asv/html"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    if browser.CHROMIUM is None:
        pytest.skip("needs Chromium")
    tab = browser.Tab(tmp_path_factory.mktemp("chromium"))
    yield tab
    tab.close()


# Page, what is true when it is there, and words that it shows.
PAGES = {
    "landing": (
        "index.html",
        "document.images.length >= 3 && [...document.images].every(i => i.complete && i.naturalWidth > 300)"
        " && document.querySelectorAll('table tr').length > 30",
        ("by commit", "Beside the peers", "threads", "Geometric mean"),
    ),
    "grid": (
        "grid.html",
        "document.querySelectorAll('#summarygrid-display canvas').length >= 3"
        " || document.querySelectorAll('#summarygrid-display img, #summarygrid-display .benchmark-plot').length >= 3",
        ("forward", "dense: GFLOP/s", "Overview and peers"),
    ),
    "graph": ("grid.html#forward.Dense.track_gflops", DRAWN, ("forward.Dense.track_gflops", "resnet_3x3_28x128_128")),
    "list": (
        "grid.html#/summarylist",
        "document.querySelectorAll('#summarylist-display tr').length > 20",
        ("call overhead",),
    ),
    "regressions": (
        "grid.html#/regressions",
        "!!document.querySelector('#regressions-display table') || /No regressions/i.test(document.body.innerText)",
        ("egressions",),
    ),
}


@pytest.mark.parametrize("page", PAGES)
def test_page_in_a_browser(page, site, tab, tmp_path):
    path, ready, words = PAGES[page]
    tab.complaints.clear()
    tab.open(f"{site}/{path}", ready)
    pictures = Path(os.environ.get("NHWC_SCREENSHOTS", tmp_path))
    tab.screenshot(pictures / f"{page}.png")
    assert tab.complaints == []
    text = tab.value("document.body.innerText")
    for word in words:
        assert word in text
    assert "NaN" not in text


def test_pages_link_both_ways(site, tab):
    tab.open(f"{site}/index.html", "document.links.length >= 2")
    assert tab.value("[...document.links].some(l => l.pathname == '/grid.html')")
    tab.open(f"{site}/grid.html", "document.links.length > 2")
    assert tab.value("[...document.links].some(l => l.pathname == '/index.html')")


def test_a_kernel_three_times_as_slow_is_a_regression(clone):
    """The one test that depends on time: two commits are compared in turns, and half of the slowdown would do."""
    source = clone / "csrc/conv/depthwise.c"
    text = source.read_text("utf-8")
    method = "const nhwc_method nhwc_method_depthwise = {"
    assert text.count(method) == text.count(".run = run,\n") == 1
    slow = (
        "static nhwc_status run_thrice(const nhwc_plan *plan, int64_t n, const void *x, const void *residual,\n"
        "                              void *out) {\n"
        "    run(plan, n, x, residual, out);\n"
        "    run(plan, n, x, residual, out);\n"
        "    return run(plan, n, x, residual, out);\n"
        "}\n\n"
    )
    source.write_text(text.replace(method, slow + method).replace(".run = run,", ".run = run_thrice,"), "utf-8")
    author = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    subprocess.run(["git", *author, "commit", "-q", "-a", "-m", "Slow"], cwd=clone, check=True)
    benchmarks = r"forward\.(Depthwise\.time_calls.*dw3x3_112x32|Pointwise\.time_calls.*14x1024)"
    words = [sys.executable, "benchmarks/dashboard", "compare", "HEAD~1", "--bench", benchmarks]
    done = subprocess.run(words, cwd=clone, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-3000:]
    # | + | before | after | ratio | benchmark |
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| +")]
    slower = {row[5].split("'")[1]: float(row[4]) for row in rows}
    assert list(slower) == ["mbv2_dw3x3_112x32"]
    assert slower["mbv2_dw3x3_112x32"] > 1.5
