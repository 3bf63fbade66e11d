"""The README's table and picture of speed, from the file that `bench --compare --json` writes."""

import re
from pathlib import Path

from nhwc.cli.compare import best_peer, geometric_mean
from nhwc.cli.layers import layer

# What the README shows: layers of every class.
SHOWN = (
    "resnet_3x3_56x64_64",
    "resnet_3x3_28x128_128",
    "resnet_3x3_14x256_256",
    "vgg_3x3_224x64_64",
    "resnet_1x1_14x1024_256",
    "resnet_stem_7x7s2_224x3_64",
    "dense_5x5_28x96_96",
    "espnet_3x3d4_33x128_128",
    "resnext_3x3g32_56x128_128",
    "shuffle_1x1g4_28x240_240",
    "mbv2_dw3x3_112x32",
    "dw3x3_28x512",
    "convnext_dw7x7_14x384",
    "image_2160x3840x1_3x3",
    "tcn_k9_8000x128_128",
    "c3d_3x3x3_8x28x28x64_128",
)
NAMES = {
    "torch": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "litert": "LiteRT",
    "tensorflow": "TensorFlow",
    "jax": "JAX",
    "opencv": "OpenCV",
    "scipy": "SciPy",
    "im2col": "NumPy",
}
_BLOCK = re.compile(r"(<!-- speed: [^\n]*-->\n).*?(\n<!-- end of speed -->)", re.DOTALL)


def write(found, readme: Path, picture: Path):
    """Put the table between the README's marks, and draw the picture.

    Raises
    ------
    ValueError
        If the README has no such marks, or nothing was measured that it shows.
    """
    rows = {(row["layer"], row["threads"]): row for row in found["rows"] if best_peer(row)}
    counts = sorted({threads for name, threads in rows if name in SHOWN})
    text = readme.read_text("utf-8")
    if not counts or not _BLOCK.search(text):
        raise ValueError(f"{readme} has no marks, or the file of figures none of its layers")
    table = _table(rows, counts)
    readme.write_text(_BLOCK.sub(lambda match: match[1] + table + match[2], text), "utf-8")
    _draw(rows, counts, picture)


def facts(found):
    """What the README says beside the table: machine, versions, peaks and geometric means."""
    machine, rows = found["machine"], found["rows"]
    yield f"{machine['cpu']}, {machine['isa']}, {machine['compiler']}, Python {machine['python']}"
    yield ", ".join(f"{NAMES.get(name, name)} {version}" for name, version in found["versions"].items())
    for threads in sorted({row["threads"] for row in rows}):
        mine = [row for row in rows if row["threads"] == threads]
        peak, mean = max(row["fma_peak_gflops"] for row in mine), geometric_mean(mine)
        means = "" if mean is None else f", geometric mean over the best peer {mean:.2f} on {len(mine)} layers"
        yield f"{threads} threads: FMA peak {peak:.0f} GFLOP/s{means}"


def title(name):
    """A layer in words: kernel, what is special about it, input and filters."""
    found = layer(name)
    depthwise = found.groups == found.c == found.f > 1
    words = ["-D kernel ".join(map(str, (1, *found.kernel))) if found.dims == 1 else "x".join(map(str, found.kernel))]
    words += [f"stride {found.stride}"] * (found.stride > 1) + [f"dilation {found.dilation}"] * (found.dilation > 1)
    words += ["depthwise"] * depthwise + ["on an image"] * (found.c == found.f == 1)
    groups = f", {found.groups} groups" * (found.groups > 1 and not depthwise)
    shape = "x".join(map(str, (*found.spatial, found.c)))
    return f"{' '.join(words)}{groups}, {shape}" + f" → {found.f}" * (not depthwise)


def _table(rows, counts):
    heading = ["layer"]
    for threads in counts:
        heading += [f"nhwc, {threads} thread{'s' * (threads > 1)}", "best peer"]
    lines = [[*heading, "error"], ["---", *["---:"] * (2 * len(counts) + 1)]]
    for name in SHOWN:
        mine = [rows.get((name, threads)) for threads in counts]
        if all(mine):
            cells = [cell for row in mine for cell in _speeds(row)]
            lines.append([title(name), *cells, f"{mine[0]['figures']['nhwc']['error']:.0e}"])
    return "\n".join("| " + " | ".join(line) + " |" if line[0] != "---" else f"|{'|'.join(line)}|" for line in lines)


def _speeds(row):
    """Our GFLOP/s, and the best peer's with its name."""
    peer, _ = best_peer(row)
    ours, theirs = (row["figures"][name]["gflops"] for name in ("nhwc", peer))
    return _number(ours), f"{_number(theirs)} {NAMES.get(peer, peer)}"


def _number(gflops):
    return f"{gflops:.0f}" if gflops >= 10 else f"{gflops:.1f}"


def _draw(rows, counts, path):
    """Bars of GFLOP/s, ours above the best peer's, a column of axes for each number of threads."""
    from matplotlib.figure import Figure

    names = [name for name in SHOWN if all((name, threads) in rows for threads in counts)]
    figure = Figure((10, 0.42 * len(names) + 1), layout="constrained")
    for axes, threads in zip(figure.subplots(1, len(counts), sharey=True, squeeze=False)[0], counts, strict=True):
        mine = [rows[name, threads] for name in names]
        best = [best_peer(row)[0] for row in mine]
        peak = max(row["fma_peak_gflops"] for row in mine)
        theirs = [row["figures"][peer]["gflops"] for row, peer in zip(mine, best, strict=True)]
        places = range(len(names))
        axes.barh(
            [place - 0.2 for place in places], [row["figures"]["nhwc"]["gflops"] for row in mine], 0.4, color="#1b3a5c"
        )
        axes.barh([place + 0.2 for place in places], theirs, 0.4, color="#b9c4d0")
        for place, value, peer in zip(places, theirs, best, strict=True):
            axes.annotate(
                NAMES.get(peer, peer),
                (value, place + 0.2),
                (3, 0),
                textcoords="offset points",
                va="center",
                fontsize=6.5,
            )
        axes.axvline(peak, color="black", linewidth=1, linestyle="--")
        axes.set_title(
            f"{threads} thread{'s' * (threads > 1)}: nhwc (dark), best peer; FMA peak {peak:.0f}", fontsize=9
        )
        axes.set_xlabel("GFLOP/s")
        axes.set_yticks(places, [title(name).replace("→", "to") for name in names], fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    axes.invert_yaxis()
    figure.savefig(path, dpi=110)
