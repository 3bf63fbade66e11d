"""How far predictions and training have come: a bar, or a line, on the standard output, as Keras draws them."""

from __future__ import annotations

import sys
import time

WIDTH = 20
PATIENCE = 1.0  # Seconds that a prediction may take before "auto" draws a bar.
INTERVAL = 0.05  # Seconds between two drawings.


class Progress:
    """Counts batches and shows them: as a bar, as one line at the end, or not at all.

    Parameters
    ----------
    steps : int
        Of batches to come.
    bar, line : bool
        Whether to draw a bar, or one line at the end.
    patience : float
        Seconds before the bar is drawn first.
    """

    def __init__(self, steps, bar=False, line=False, patience=0.0):
        self.steps, self.done = steps, 0
        self.bar, self.line = bar, line
        self.start = time.monotonic()
        self._drawn = self.start + patience - INTERVAL
        self._first = self.start + patience
        self._length = 0

    def step(self, values=None):
        """Count one more batch."""
        self.done += 1
        if self.bar and self.done < self.steps:
            now = time.monotonic()
            if now - self._drawn >= INTERVAL and now >= self._first:
                self._draw(now, values, "")

    def finish(self, values=None):
        """Show the last values."""
        now = time.monotonic()
        if self.bar and now >= self._first:
            self._draw(now, values, "\n")
        elif self.line:
            show(f"{self._count()} - {self._times(now, ' - ')}{_listed(values)}")

    def interrupt(self):
        """Leave the line of a bar that will not be finished."""
        if self._length:
            show("")

    def _draw(self, now, values, end):
        full = WIDTH * self.done // self.steps
        text = f"{self._count()} {'━' * full + '─' * (WIDTH - full)} {self._times(now, ' ')}{_listed(values)}"
        show(f"\r{text:<{self._length}}", end=end)  # Blanks wipe out a longer text before.
        self._drawn, self._length = now, len(text)

    def _count(self):
        return f"{self.done:{len(str(self.steps))}}/{self.steps}"

    def _times(self, now, gap):
        elapsed = now - self.start
        each = elapsed / max(self.done, 1)
        unit, scale = next(((u, s) for u, s in (("s", 1), ("ms", 1e3)) if each * s >= 1), ("us", 1e6))
        return f"{elapsed:.0f}s{gap}{each * scale:.0f}{unit}/step"


def _listed(values):
    digits = ((name, value, "f" if abs(value) > 1e-3 else "e") for name, value in (values or {}).items())
    return "".join(f" - {name}: {value:.4{kind}}" for name, value, kind in digits)


def is_watched():
    """Whether the standard output is a terminal or a notebook."""
    return "ipykernel" in sys.modules or (sys.stdout is not None and sys.stdout.isatty())


def show(text, end="\n"):
    """Print, with a question mark for what the standard output cannot encode."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), end=end, flush=True)
