"""The table that `Sequential.summary` prints, drawn as Keras draws it."""

from __future__ import annotations

import textwrap


def totals(counts):
    """Return a line for each kind of parameters, from their number and their bytes."""
    return "\n".join(f" {kind} params: {n:,} ({_readable_bytes(size)})" for kind, (n, size) in counts.items())


def table(header, rows, width):
    """Draw a table of three columns as the rich package does: heavy lines around the header, a line between rows."""
    ends = [0, int(0.45 * width), int(0.8 * width), width]
    widths = [end - start - less for start, end, less in zip(ends[:-1], ends[1:], (3, 4, 3), strict=True)]

    def rule(left, line, cross, right):
        return left + cross.join(line * (n + 2) for n in widths) + right

    def row(cells, bar):
        columns = [_wrap(cell, n) for cell, n in zip(cells, widths, strict=True)]
        lines = []
        for i in range(max(map(len, columns))):
            a, b, c = (column[i] if i < len(column) else "" for column in columns)
            lines.append(f"{bar} {a:{widths[0]}} {bar} {b:{widths[1]}} {bar} {c:>{widths[2]}} {bar}")
        return "\n".join(lines)

    body = f"\n{rule('├', '─', '┼', '┤')}\n".join(row(cells, "│") for cells in rows)
    parts = [rule("┏", "━", "┳", "┓"), row(header, "┃"), rule("┡", "━", "╇", "┩"), body, rule("└", "─", "┴", "┘")]
    return "".join(f"{part}\n" for part in parts if part)


def _wrap(text, width):
    """Break text at spaces into lines, and cut what is longer still."""
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return [line if len(line) <= width else f"{line[: width - 1]}…" for line in lines]


def _readable_bytes(size):
    """Return a number of bytes in the largest unit of which there is one."""
    units = ["B", "KB", "MB", "GB", "TB", "PB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        del units[0]
    return f"{size:.2f} {units[0]}"
