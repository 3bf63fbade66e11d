"""The operations beside forward convolution that `python -m nhwc bench --op NAME` measures.

Each has a module ``ops_NAME`` here, found by its name, whose function ``cases()`` returns its table.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

import nhwc.cli


class Case(NamedTuple):
    """One line of an operation's table."""

    name: str
    macs: int  # multiply-adds of the plain sum; 0 where the time is what counts
    traffic: int  # array elements that have to move at least: operands and result, each once
    prepare: Callable[[str], Callable[[], object]]  # from the dtype's name to the call to time
    toy: bool = False  # whether the call costs more than the arithmetic: given in microseconds


def names() -> list[str]:
    """The operations there are."""
    modules = (module.name for module in pkgutil.iter_modules(nhwc.cli.__path__))
    return [name.removeprefix("ops_") for name in modules if name.startswith("ops_")]


def cases(op: str, parts: list[str] | None = None) -> list[Case]:
    """The cases of an operation whose name contains one of `parts`; None takes every one."""
    found: list[Case] = import_module(f"nhwc.cli.ops_{op}").cases()
    return [case for case in found if not parts or any(part in case.name for part in parts)]
