"""Checks the problems of a range of seeds and prints the seeds of those that fail."""

import argparse
import json
import pathlib
import sys
import time
import traceback

from .cases import draw_case
from .check import check_case

SAVED_EVERY = 5  # seconds


def check_seed(seed):
    """Check the problem of a seed; return what is wrong with it, or None."""
    case = None
    try:
        case = draw_case(seed)
        check_case(case)
    except AssertionError as error:
        return f"{case}: {error}"
    except Exception:
        return f"{case}: {traceback.format_exc()}"
    return None


def _bar(seeds):
    try:
        from tqdm import tqdm
    except ImportError:
        return seeds
    return tqdm(seeds, unit=" problems", mininterval=1, disable=None)


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="number of problems; default 1000")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first problem; default 1")
    parser.add_argument("--resume", type=pathlib.Path, metavar="FILE", help="go on where the run that wrote it stopped")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Check the problems asked for; return the number of failures."""
    options = _parse(arguments)
    state = {"seed": options.seed, "count": options.count, "next": options.seed, "failed": []}
    if options.resume and options.resume.exists():
        saved = json.loads(options.resume.read_text())
        if (saved["seed"], saved["count"]) == (options.seed, options.count):
            state = saved
    end, saved_at = options.seed + options.count, time.monotonic()
    try:
        for seed in _bar(range(state["next"], end)):
            wrong = check_seed(seed)
            if wrong:
                print(f"seed {seed}: {wrong}", flush=True)
                state["failed"].append(seed)
            state["next"] = seed + 1
            if options.resume and time.monotonic() > saved_at + SAVED_EVERY:
                options.resume.write_text(json.dumps(state))
                saved_at = time.monotonic()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    if options.resume:
        options.resume.write_text(json.dumps(state))
    done, failed = state["next"] - options.seed, state["failed"]
    print(f"{done} of {options.count} problems, {len(failed)} failed{': seeds ' if failed else ''}{failed or ''}")
    return len(failed) + (done < options.count)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
