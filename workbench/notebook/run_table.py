"""The tables of ``%runs``: one line per run, cut to the width."""

from __future__ import annotations

import reprlib
import shutil
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.cells import cell_len

from ..text.units import count, duration, money
from ..views.document import figures
from ..views.terminal.text import cropped, one_line, padded
from .run import ChainRun

__all__ = ["brief", "run_rows", "text_table"]

_HEAD = ["", "chain", "when", "input", "status", "time", "tokens", "cost"]
_INPUT_CELLS = 40


def run_rows(runs: Iterable[ChainRun]) -> list[list[str]]:
    """The head, then one line per run, newest first."""
    return [_HEAD, *(_row(run) for run in reversed(list(runs)))]


def text_table(rows: list[list[str]], width: int | None = None) -> str:
    """Rows with their columns side by side, in what standard output can write; cut to *width* cells, by
    default those of the terminal if there is one.

    >>> print(text_table([["a", "b"], ["1", "22"]]))
    a  b
    1  22
    >>> print(text_table([["1", "a long text", "done"]], width=14))
    1  a lo~  done
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    cleaned = [[one_line(cell, encoding) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cleaned, strict=True)]
    if width is None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
    if width is not None:
        excess = sum(widths) + 2 * (len(widths) - 1) - width
        widest = widths.index(max(widths))
        widths[widest] -= min(max(0, excess), widths[widest] - 1)
        cleaned = [
            [cropped(cell, room, "~") for cell, room in zip(row, widths, strict=True)] for row in cleaned
        ]
    lines = ([padded(cell, width) for cell, width in zip(row, widths, strict=True)] for row in cleaned)
    return "\n".join("  ".join(cells).rstrip() for cells in lines)


def brief(input: Any, is_batch: bool = False) -> str:
    """An input in a few words; a dict as it is written on the line of a magic.

    >>> brief({"topic": "bears", "n": 3}), brief([1, 2], is_batch=True)
    ('topic=bears n=3', '2 inputs: 1, 2')
    """
    try:
        if is_batch:
            return f"{len(input)} inputs: " + ", ".join(brief(one) for one in input[:3])
        if isinstance(input, Mapping) and all(isinstance(key, str) for key in input):
            return " ".join(f"{key}={_value(value)}" for key, value in list(input.items())[:6])
        return _value(input)
    except Exception:  # whatever a user's methods raise
        return f"<{type(input).__name__}>"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value[:200] if value and value.split() == [value] else reprlib.repr(value)
    return reprlib.repr(value)


def _row(run: ChainRun) -> list[str]:
    found = run.live.read(figures)
    is_today = run.started.date() == datetime.now().date()
    return [
        str(run.number),
        run.name,
        run.started.strftime("%H:%M:%S" if is_today else "%d %b %H:%M"),
        cropped(" ".join(brief(run.input, run.job.is_batch).split()), _INPUT_CELLS, "..."),
        run.status,
        "" if found.duration_s is None else duration(found.duration_s),
        "" if found.tokens is None else count(found.tokens),
        "" if found.cost_usd is None else money(found.cost_usd),
    ]
