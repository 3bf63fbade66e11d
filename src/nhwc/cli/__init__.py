"""The command line `python -m nhwc COMMAND`, and what its commands share: errors, progress bar, table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence


class CommandError(Exception):
    """What keeps a command from running, in one line for the person who typed it; the exit code is then 2."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    from nhwc.cli import accuracy, bench, demo, info

    parser = argparse.ArgumentParser(prog="python -m nhwc", description="Convolution on NumPy arrays in NHWC layout.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="demo|bench|accuracy|info")
    for name, module, summary in (
        ("demo", demo, "feature maps of a photo, and what each layer cost"),
        ("bench", bench, "throughput of a table of layers, beside the machine's limits"),
        ("accuracy", accuracy, "rounding errors of a table of layers, by data and algorithm"),
        ("info", info, "processor, instruction sets, threads and versions"),
    ):
        command = commands.add_parser(name, help=summary, description=summary)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except CommandError as error:
        print(f"nhwc {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def progress(items: Sequence, label: str, name: Callable[[object], str]) -> Iterator:
    """Yield the items while standard error shows how far it is: tqdm's bar where it is installed, else a counter."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield from _counted(items, label, name)
        return
    with tqdm(items, desc=label, leave=False, file=sys.stderr) as bar:
        for item in bar:
            bar.set_postfix_str(name(item))
            yield item


def _counted(items: Sequence, label: str, name: Callable[[object], str]) -> Iterator:
    try:
        for count, item in enumerate(items, 1):
            line = f"{label}: {count}/{len(items)} {name(item)}"
            print(f"\r{line:<79}", end="", file=sys.stderr, flush=True)
            yield item
    finally:
        print(file=sys.stderr)


def table(rows: Iterable[Sequence[str]], aligns: str, markdown: bool = False) -> str:
    """Text of a table whose first row is the heading; `aligns` has one of "<" and ">" for each column."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [[f"{cell:{align}{width}}" for cell, align, width in zip(row, aligns, widths, strict=True)] for row in rows]
    if not markdown:
        return "\n".join("  ".join(line).rstrip() for line in lines)
    rule = ["-" * (width - 1) + (":" if align == ">" else "-") for align, width in zip(aligns, widths, strict=True)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [lines[0], rule, *lines[1:]])
