"""StepTable: where the time of one run went, as a table for a terminal, a notebook or a text file."""

from __future__ import annotations

import html
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

from ...text.units import count, duration, rate
from .rows import TimingRow

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["StepTable", "column_widths", "in_columns"]

_HEADINGS = ("step", "wall", "own", "first token", "tokens", "speed", "status")


MOST_ROWS = 500


class StepTable:
    """One line a run, of the first 500, indented under the run around it. *Own* is the wall time in which
    none of its steps was at work."""

    def __init__(self, rows: Sequence[TimingRow]) -> None:
        self.rows = list(rows)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def __str__(self) -> str:
        lines = (_cells(row, self._depth(row)) for row in self._in_tree_order())
        return "\n".join(in_columns([list(_HEADINGS), *lines], left=(0, 6)))

    def __rich__(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column, heading in enumerate(_HEADINGS):
            table.add_column(heading, justify="left" if column in (0, 6) else "right", no_wrap=column > 0)
        for row in self._in_tree_order():
            table.add_row(*(Text(cell) for cell in _cells(row, self._depth(row))))
        return table

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
        lines = []
        for row in self._in_tree_order():
            first, *others = (html.escape(cell) for cell in _cells(row, self._depth(row)))
            numbers = "".join(f'<td style="text-align:right">{cell}</td>' for cell in others)
            name = first.replace("  ", "&nbsp;&nbsp;")
            lines.append(f'<tr><th scope="row" style="text-align:left">{name}</th>{numbers}</tr>')
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"

    def _depth(self, row: TimingRow) -> int:
        depth = 0
        while row.parent is not None:
            row = self.rows[row.parent]
            depth += 1
        return depth

    def _in_tree_order(self) -> list[TimingRow]:
        children: dict[int | None, list[int]] = {}
        for index, row in enumerate(self.rows):
            children.setdefault(row.parent, []).append(index)
        ordered: list[TimingRow] = []
        pending = list(reversed(children.get(None, [])))
        while pending:
            index = pending.pop()
            ordered.append(self.rows[index])
            pending.extend(reversed(children.get(index, [])))
        return ordered[:MOST_ROWS]


def in_columns(lines: Sequence[Sequence[str]], *, left: Container[int] = (0,)) -> list[str]:
    """Lines of cells, two spaces apart; the columns *left* are aligned to the left, the others to the right.

    >>> in_columns([["", "median"], ["batch", "2 s"]])
    ['       median', 'batch     2 s']
    """
    widths = column_widths(lines)
    return [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def column_widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*lines, strict=True)]


def _cells(row: TimingRow, depth: int) -> list[str]:
    return [
        "  " * depth + row.name,
        "" if row.wall_s is None else duration(row.wall_s),
        "" if row.own_s is None else duration(row.own_s),
        "" if row.first_token_s is None else duration(row.first_token_s),
        "" if row.tokens is None else count(row.tokens),
        "" if row.tokens_per_s is None else rate(row.tokens_per_s),
        row.status,
    ]
