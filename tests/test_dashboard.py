"""The landing page of the dashboard, from the results that the repository holds, in headless Chromium."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
_BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of benchmarks as `asv publish` leaves it, with our page in front."""
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(str(BENCHMARKS / "dashboard"))
    import landing

    shutil.copytree(BENCHMARKS / "results", tmp_path / "results")
    shutil.copy(BENCHMARKS / "peers.json", tmp_path)
    pages = tmp_path / ".asv/html"
    pages.mkdir(parents=True)
    (pages / "index.html").write_text("<html><body>grid</body></html>", "utf-8")
    landing.write(tmp_path)
    yield pages
    sys.modules.pop("landing")


@pytest.mark.long
def test_pages_link_both_ways_and_have_their_plots(site):
    page = (site / "index.html").read_text("utf-8")
    assert "grid.html" in page
    assert "index.html" in (site / "grid.html").read_text("utf-8")
    assert "Geometric mean" in page
    assert ">nan<" not in page
    for name in ("commits.svg", "peers.svg"):
        assert name in page
        assert "<svg" in (site / name).read_text("utf-8")


@pytest.mark.long
@pytest.mark.skipif(_BROWSER is None, reason="needs Chromium")
def test_landing_page_in_a_browser(site, tmp_path):
    picture = tmp_path / "page.png"
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--screenshot={picture}"]
    done = subprocess.run(
        [_BROWSER, *words, (site / "index.html").as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    assert "CONSOLE" not in done.stderr
    assert picture.stat().st_size > 20_000  # an empty page is a few thousand bytes
