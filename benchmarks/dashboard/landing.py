"""The landing page in front of asv's grid: figures of the newest measured commit, the peers, and plots."""

import html
import json
import math

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>nhwc: speed by commit</title>
<link rel="icon" href="data:,">
<style>
body {{ font: 15px/1.5 sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em }}
table {{ border-collapse: collapse }} td, th {{ padding: .15em .8em; text-align: right }}
td:first-child, th:first-child {{ text-align: left }}
h2 {{ clear: both }} table {{ display: block; overflow-x: auto }}
tr:nth-child(even) {{ background: #f2f4f7 }} img {{ max-width: 100% }}
</style></head><body>
<h1>nhwc: speed by commit</h1>
<p>{about}</p>
<p><a href="grid.html">Every benchmark's graph</a> · <a href="grid.html#regressions">Regressions</a></p>
{sections}
</body></html>
"""
_BACK = '<p style="margin:60px 1em 0"><a href="index.html">nhwc: overview and peers</a></p>'


def write(folder):
    """Put our page in front of what `asv publish` made: asv's own moves to grid.html."""
    site = folder / ".asv/html"
    grid = (site / "index.html").read_text("utf-8")
    (site / "grid.html").write_text(grid.replace("</body>", _BACK + "</body>"), "utf-8")
    commits = read_commits(folder / "results")
    sections = []
    if commits:
        plot_commits(commits, site / "commits.svg")
        sections.append(f"<h2>By commit</h2><img src='commits.svg' alt='GFLOP/s by commit'>{_by_commit(commits)}")
    peers = folder / "peers.json"
    if peers.exists():
        rows = json.loads(peers.read_text("utf-8"))["rows"]
        plot_peers(rows, site / "peers.svg")
        sections.append(f"<h2>Beside the peers</h2><img src='peers.svg' alt='GFLOP/s by layer'>{_beside(rows)}")
    about = f"{len(commits)} commits measured, quick suite, one thread, float32."
    if commits:
        about += f" Newest: {commits[-1]['hash'][:8]} on {html.escape(commits[-1]['machine'])}."
    (site / "index.html").write_text(_PAGE.format(about=about, sections="\n".join(sections)), "utf-8")


def read_commits(results):
    """Measured commits from the oldest on, of the machine with the most: `{"hash", "machine", "date", "gflops"}`."""
    machines = {}
    for path in sorted(results.glob("*/*.json")):
        if path.name != "machine.json":
            found = json.loads(path.read_text("utf-8"))
            commit = {"hash": found["commit_hash"], "machine": path.parent.name, "date": found["date"]}
            machines.setdefault(path.parent.name, []).append({**commit, "gflops": _gflops(found["results"])})
    most = max(machines.values(), key=len, default=[])
    return sorted((commit for commit in most if commit["gflops"]), key=lambda commit: commit["date"])


def _gflops(results):
    """GFLOP/s by layer; what was not measured is absent."""
    speeds = {}
    for name, result in results.items():
        if name.endswith("track_gflops") and result[0]:
            pairs = zip(result[1][0], result[0], strict=True)
            speeds.update({layer.strip("'"): value for layer, value in pairs if value and math.isfinite(value)})
    return speeds


def plot_commits(commits, path):
    """A line a layer, by commit in the order of their dates."""
    from matplotlib.figure import Figure

    figure = Figure((10, 4.5), layout="constrained")
    axes = figure.subplots()
    for layer in sorted(set().union(*(commit["gflops"] for commit in commits))):
        axes.plot([commit["gflops"].get(layer, math.nan) for commit in commits], marker="o", label=layer)
    axes.set_xticks(range(len(commits)), [commit["hash"][:8] for commit in commits], rotation=30)
    axes.set_ylabel("GFLOP/s")
    axes.set_ylim(0)
    axes.legend(fontsize=8)
    figure.savefig(path)


def plot_peers(rows, path):
    from nhwc.cli import plot

    plot.draw(plot.of_comparison(rows), str(path))


def _by_commit(commits):
    layers = sorted(set().union(*(commit["gflops"] for commit in commits)))
    cells = [[layer, *(f"{commit['gflops'].get(layer, math.nan):.0f}" for commit in commits)] for layer in layers]
    return _table(["GFLOP/s", *(commit["hash"][:8] for commit in commits)], cells)


def _beside(rows):
    from nhwc.cli.compare import best_peer, geometric_mean

    names = list(dict.fromkeys(name for row in rows for name, figure in row["figures"].items() if "gflops" in figure))
    cells = []
    for row in rows:
        speeds = [row["figures"].get(name, {}).get("gflops") for name in names]
        best = best_peer(row)
        cells.append(
            [
                f"{row['layer']}, {row['threads']}",
                *("" if speed is None else f"{speed:.1f}" for speed in speeds),
                f"{best[1]:.2f} {best[0]}" if best else "",
            ]
        )
    mean = geometric_mean(rows)
    text = f"<p>Geometric mean over the best peer: {mean:.2f}</p>" if mean else ""
    return _table(["layer, threads", *names, "over the best peer"], cells) + text


def _table(heading, rows):
    def line(cells, tag):
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + line(heading, "th") + "".join(line(row, "td") for row in rows) + "</table>"
