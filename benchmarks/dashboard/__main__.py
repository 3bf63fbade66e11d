"""The commands behind `make bench-compare`, `dashboard`, `dashboard-static` and `speed`: asv, and our own pages."""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import landing

HERE = Path(__file__).resolve().parent.parent
# A layer of each class.
LAYERS = (
    "(resnet_3x3_28x128_128|resnet_3x3_7x512_512|resnet_1x1_14x1024_256|resnet_stem_7x7s2_224x3_64"
    "|mbv2_dw3x3_112x32|image_2160x3840x1_3x3|resnext_3x3g32_56x128_128)"
)
# The quick suite: these layers, ours and the peers', the overhead of a call, and the scaling with threads.
QUICK = rf"(forward\..*track_|peers\..*track_gflops).*{LAYERS}|overhead\.Call|variants\.Threads.*track_gflops"
# What two commits are compared by: asv takes turns with times alone.
TIMES = rf"forward\.(?!Winograd).*time_calls.*{LAYERS}|overhead\.Call"


def asv(*words, accept=(0,), folder=HERE):
    """Run asv, with linear algebra on one thread as our benchmarks are; exit unless its code is expected."""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    code = subprocess.run([sys.executable, "-m", "asv", *words], cwd=folder, env=env).returncode
    if code not in accept:
        sys.exit(code)


def machine():
    """The machine's name in the results: its processor."""
    from nhwc.cli.info import cpu_name

    name = re.sub(r"\([^)]*\)", "", cpu_name() or platform.machine())
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")


def run(words):
    """Measure commits, as `asv run` takes them, into benchmarks/results."""
    asv("machine", "--yes", "--machine", machine())
    words = ("--machine", machine(), "-b", QUICK, "--skip-existing-successful", *words)
    asv("run", *words, accept=(0, 2))  # 2: an older commit lacks what a benchmark measures


def compare(base, benchmarks):
    """Measure a commit and HEAD in turns; asv's exit code tells whether a time rose by 15 %.

    The history stays as it is: the results lie apart, as a configuration in .asv says.
    """
    folder = HERE / ".asv"
    folder.mkdir(exist_ok=True)
    settings = json.loads((HERE / "asv.conf.json").read_text("utf-8"))
    settings |= {"repo": "../..", "benchmark_dir": "..", "env_dir": "env", "results_dir": "compared"}
    (folder / "asv.conf.json").write_text(json.dumps(settings), "utf-8")
    asv("machine", "--yes", "--machine", machine())
    words = ("--machine", machine(), "--interleave-rounds", "-b", benchmarks, "-f", "1.15")
    asv("continuous", *words, base, "HEAD", folder=folder)


def publish():
    asv("publish")
    landing.write(HERE)
    print(f"published: {HERE / '.asv/html/index.html'}")


def readme(figures):
    """Write the README's table and picture of speed from the comparison of all layers, and print the rest."""
    import readme

    found = json.loads(Path(figures or HERE / "peers.json").read_text("utf-8"))
    readme.write(found, HERE.parent / "README.md", HERE.parent / "docs/speed.png")
    print("\n".join(readme.facts(found)))


def serve(port):
    handler = partial(SimpleHTTPRequestHandler, directory=str(HERE / ".asv/html"))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"serving on http://127.0.0.1:{server.server_port}, Ctrl-C ends it", flush=True)
        server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("run", "compare", "publish", "serve", "readme"))
    parser.add_argument(
        "value", nargs="?", default="", help="RANGE of run, BASE of compare, port of serve, FILE.json of readme"
    )
    parser.add_argument("--bench", default=TIMES, metavar="REGEX", help="what to compare by (default: the quick suite)")
    args = parser.parse_args()
    if args.command == "run":
        run([args.value])
    elif args.command == "compare":
        compare(args.value, args.bench)
    elif args.command == "publish":
        publish()
    elif args.command == "readme":
        readme(args.value)
    else:
        serve(int(args.value or 8000))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
