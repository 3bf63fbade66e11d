"""The landing page in front of asv's grid: figures of the newest measured commit, the peers, and plots."""

import html
import json
import math
from pathlib import Path

import history
import offline

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>nhwc: speed by commit</title>
<link rel="icon" href="data:,">
<style>
body {{ font: 15px/1.5 sans-serif; max-width: 80em; margin: 2em auto; padding: 0 1em }}
table {{ border-collapse: collapse }} td, th {{ padding: .15em .8em; text-align: right; white-space: nowrap }}
td:first-child, th:first-child {{ text-align: left }}
h2 {{ clear: both }} table {{ display: block; overflow-x: auto }}
tr:nth-child(even) {{ background: #f2f4f7 }} img {{ max-width: 100% }}
</style></head><body>
<h1>nhwc: speed by commit</h1>
<p>{about}</p>
<p><a href="grid.html">Every benchmark's graph</a> · <a href="grid.html#/regressions">Regressions</a></p>
{sections}
</body></html>
"""
_HOME = '<li id="nav-li-" class="active">'  # asv's first link, to its grid


def write(folder: Path):
    """Put our page in front of what `asv publish` made: asv's own moves to grid.html."""
    site = folder / ".asv/html"
    grid = offline.rewrite((site / "index.html").read_text("utf-8"), site)
    grid = grid.replace(_HOME, f'<li><a href="index.html">Overview and peers</a></li>\n{_HOME}')
    (site / "grid.html").write_text(grid, "utf-8")
    _hide_empty(site)
    commits = history.commits(folder / "results")
    sections = [*_of_newest(commits, site), *_of_commits(commits, site), *_of_peers(folder / "peers.json", site)]
    about = f"{len(commits)} commits measured, quick suite, one thread, float32."
    if commits:
        about += f" Newest: {commits[-1]['hash'][:8]} on {html.escape(commits[-1]['machine'])}."
    (site / "index.html").write_text(_PAGE.format(about=about, sections="\n".join(sections)), "utf-8")


def _hide_empty(site):
    """Take benchmarks that no commit has figures of out of asv's index: it would ask for graphs that are not there."""
    index = json.loads((site / "index.json").read_text("utf-8"))
    drawn = {path.stem for path in (site / "graphs/summary").glob("*.json")}
    index["benchmarks"] = {name: about for name, about in index["benchmarks"].items() if name in drawn}
    (site / "index.json").write_text(json.dumps(index), "utf-8")


def _of_newest(commits, site):
    """The newest commit with such figures beside the peers of asv's environment, and by number of threads."""
    beside = next((commit for commit in reversed(commits) if history.beside_peers(commit)), None)
    if beside:
        table = history.beside_peers(beside)
        names = sorted({name for row in table.values() for name in row} - {"nhwc"})
        rows = [[layer, *(_number(row.get(name)) for name in ("nhwc", *names))] for layer, row in table.items()]
        yield f"<h2>Commit {beside['hash'][:8]}, GFLOP/s on one thread</h2>"
        yield _table(["layer", "nhwc", *names], rows)
    scaled = next((commit for commit in reversed(commits) if history.scaling(commit)), None)
    if scaled:
        plot_scaling(history.scaling(scaled), site / "threads.svg")
        yield f"<h2>By threads</h2><p>Commit {scaled['hash'][:8]}, a 3x3 layer of 28x28x128 by the direct method.</p>"
        yield "<img src='threads.svg' alt='GFLOP/s by number of threads'>"


def _of_commits(commits, site):
    if commits:
        plot_commits(commits, site / "commits.svg")
        yield f"<h2>By commit</h2><img src='commits.svg' alt='GFLOP/s by commit'>{_by_commit(commits)}"


def _of_peers(path, site):
    """Every layer beside every peer, from the file that `bench --compare --json` wrote."""
    if not path.exists():
        return
    found = json.loads(path.read_text("utf-8"))
    plot_peers(found["rows"], site / "peers.svg")
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    yield f"<h2>Beside the peers</h2><p>{html.escape(found['machine']['cpu'])}; {html.escape(versions)}.</p>"
    yield f"<img src='peers.svg' alt='GFLOP/s by layer'>{_beside(found['rows'])}"


def plot_commits(commits, path):
    """A line a layer, by commit in the order of their dates."""
    axes, save = _axes((10, 4.5), path)
    for layer in sorted(set().union(*map(history.speeds, commits))):
        axes.plot([history.speeds(commit).get(layer, math.nan) for commit in commits], marker="o", label=layer)
    axes.set_xticks(range(len(commits)), [commit["hash"][:8] for commit in commits], rotation=30)
    axes.legend(fontsize=8)
    save()


def plot_scaling(speeds, path):
    """GFLOP/s by number of threads beside the same multiple of one thread's."""
    axes, save = _axes((6, 3.5), path)
    threads = sorted(speeds)
    axes.plot(threads, [speeds[count] for count in threads], marker="o", label="measured")
    axes.plot(threads, [speeds[threads[0]] / threads[0] * count for count in threads], "k--", label="in proportion")
    axes.set_xticks(threads)
    axes.set_xlabel("threads")
    axes.legend(fontsize=8)
    save()


def _axes(size, path):
    """Axes of GFLOP/s from 0 on, and a function that writes their figure."""
    from matplotlib.figure import Figure

    figure = Figure(size, layout="constrained")
    axes = figure.subplots()
    axes.set_ylabel("GFLOP/s")

    def save():
        axes.set_ylim(0)
        figure.savefig(path)

    return axes, save


def plot_peers(rows, path):
    from nhwc.cli import plot

    plot.draw(plot.of_comparison(rows), str(path))


def _by_commit(commits):
    layers = sorted(set().union(*map(history.speeds, commits)))
    commits = commits[::-1]  # the newest beside the names
    rows = [[layer, *(_number(history.speeds(commit).get(layer)) for commit in commits)] for layer in layers]
    return _table(["GFLOP/s", *(commit["hash"][:8] for commit in commits)], rows)


def _beside(rows):
    from nhwc.cli.compare import best_peer, geometric_mean

    names = list(dict.fromkeys(name for row in rows for name, figure in row["figures"].items() if "gflops" in figure))
    cells = []
    for row in rows:
        best = best_peer(row)
        cells.append(
            [
                f"{row['layer']}, {row['threads']}",
                *(_number(row["figures"].get(name, {}).get("gflops")) for name in names),
                f"{100 * row['figures']['nhwc']['gflops'] / row['fma_peak_gflops']:.0f}" if best else "",
                f"{row['figures']['nhwc']['error']:.0e}" if best else "",
                f"{best[1]:.2f} {best[0]}" if best else "",
            ]
        )
    mean = geometric_mean(rows)
    text = f"<p>Geometric mean over the best peer: {mean:.2f}</p>" if mean else ""
    heading = ["GFLOP/s: layer, threads", *names, "nhwc: % of FMA peak", "error", "over the best peer"]
    return _table(heading, cells) + text


def _number(value):
    return "" if value is None else f"{value:.1f}"


def _table(heading, rows):
    def line(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + line(heading, "th") + "".join(line(row, "td") for row in rows) + "</table>"
