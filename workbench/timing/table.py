"""The table of a comparison: as text, for a terminal, as HTML."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..text.units import cost, count, duration, ratio
from .colours import TABLE_BAR
from .measuring.measured_cases import MeasuredCases
from .measuring.measurement import Facts, Measurement
from .runs.step_table import column_widths, in_columns

if TYPE_CHECKING:
    from rich.console import RenderResult

__all__ = ["table_html", "table_rich", "table_text"]

Cell = Callable[[MeasuredCases, Measurement], str]
_CELL = "text-align:right;white-space:nowrap"
_LABEL = "text-align:left;white-space:nowrap"


def table_text(measured: MeasuredCases) -> str:
    """Title, table and remarks as lines of text."""
    names, lines = _cells(measured)
    table = in_columns([["", *names], *lines])
    return "\n".join([*filter(None, [measured.title]), *table, *measured.remarks])


def table_rich(measured: MeasuredCases, width: int) -> RenderResult:
    """The same for a terminal of that many columns; some columns are left out if it is narrow."""
    from rich.table import Table
    from rich.text import Text

    names, lines = _cells(measured)
    left_out = _fit(names, lines, width)
    table = Table(
        title=Text(measured.title) if measured.title else None,
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    table.add_column("", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    fastest = measured.fastest
    for row, cells in zip(measured.rows, lines, strict=True):
        table.add_row(*(Text(cell) for cell in cells), style="bold green" if row is fastest else None)
    yield table
    yield from (Text(remark, "dim") for remark in measured.remarks)
    if left_out:
        yield Text(f"left out for lack of room: {', '.join(left_out)}", "dim")


def table_html(measured: MeasuredCases) -> str:
    """The table alone."""
    longest = max((row.median for row in measured.rows if row.samples), default=0.0)
    fastest = measured.fastest
    names, table = _cells(measured)
    lines = []
    for row, cells in zip(measured.rows, table, strict=True):
        width = 100 * row.median / longest if row.samples and longest else 0
        label, *numbers = (html.escape(cell) for cell in cells)
        weight = "font-weight:600" if row is fastest else ""
        bar = f'<div style="width:{width:.1f}%;min-width:1px;height:0.7em;background:{TABLE_BAR}"></div>'
        lines.append(
            f'<tr style="{weight}"><th scope="row" style="{_LABEL}">{label}</th>'
            + "".join(f'<td style="{_CELL}">{number}</td>' for number in numbers)
            + f'<td style="width:12em;min-width:6em">{bar}</td></tr>'
        )
    heads = "".join(f'<th scope="col" style="{_CELL}">{html.escape(name)}</th>' for name in names)
    caption = f"<caption>{html.escape(measured.title)}</caption>" if measured.title else ""
    return (
        f"<table>{caption}<thead><tr><td></td>{heads}<td></td></tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _cells(measured: MeasuredCases) -> tuple[list[str], list[list[str]]]:
    """Names of the columns that are not empty, and for each row its label and cells."""
    columns = {name: [cell(measured, row) for row in measured.rows] for name, cell in _COLUMNS.items()}
    shown = [name for name, cells in columns.items() if name in _ALWAYS or any(cells)]
    lines = [
        [row.label, *(columns[name][number] or "-" for name in shown)]
        for number, row in enumerate(measured.rows)
    ]
    return shown, lines


_SPARED = ("quartiles", "first token", "tokens/s", "waiting", "efficiency", "at once", "interval")
"""Columns that a narrow terminal does without, the first to go first."""


def _fit(names: list[str], lines: list[list[str]], room: int) -> list[str]:
    """Take columns out until a line, with two spaces between cells, fits into *room*; returns their names."""
    left_out = []
    for name in _SPARED:
        if sum(width + 2 for width in column_widths([["", *names], *lines])) <= room:
            break
        if name in names:
            column = names.index(name)
            names.pop(column)
            for line in lines:
                line.pop(column + 1)
            left_out.append(name)
    return left_out


def _seconds(_: MeasuredCases, row: Measurement) -> str:
    return duration(row.median) if row.samples else ""


def _spread(_: MeasuredCases, row: Measurement) -> str:
    if len(row.samples) < 3:
        return ""
    low, high = row.quartiles
    return f"{duration(low)} to {duration(high)}"


def _speed_up(measured: MeasuredCases, row: Measurement) -> str:
    return ratio(measured.speed_up(row.label)) if measured.has_speed_up(row) else ""


def _interval(measured: MeasuredCases, row: Measurement) -> str:
    if not _is_compared(measured, row):
        return ""
    return measured.ratio(row.label).interval


def _verdict(measured: MeasuredCases, row: Measurement) -> str:
    if not _is_compared(measured, row):
        return ""
    found = measured.ratio(row.label)
    if not found.tells:
        return ""
    return "faster" if found.is_faster else "slower" if found.is_slower else "no difference seen"


def _is_compared(measured: MeasuredCases, row: Measurement) -> bool:
    return measured.has_speed_up(row) and measured.baseline_of(row.label) != row.label


def _fact(read: Callable[[Facts], str]) -> Cell:
    def cell(_: MeasuredCases, row: Measurement) -> str:
        facts = row.facts
        return read(facts) if facts is not None else ""

    return cell


def _first_token(facts: Facts) -> str:
    times = sorted(facts.first_tokens_s)
    return duration(times[len(times) // 2]) if times else ""


_COLUMNS: dict[str, Cell] = {
    "median": _seconds,
    "quartiles": _spread,
    "speed-up": _speed_up,
    "interval": _interval,
    "verdict": _verdict,
    "at once": _fact(lambda facts: str(facts.peak) if facts.peak else ""),
    "efficiency": _fact(lambda facts: f"{facts.efficiency:.0%}"),
    "waiting": _fact(lambda facts: duration(facts.waited_s) if facts.waited_s >= 0.001 else ""),
    "first token": _fact(_first_token),
    "tokens/s": _fact(lambda facts: count(facts.tokens_per_s) if facts.tokens_per_s else ""),
    "cost": _fact(lambda facts: cost(facts.cost_usd) if facts.cost_usd else ""),
    "failed": _fact(lambda facts: str(facts.failed) if facts.failed else ""),
}
_ALWAYS = ("median", "speed-up")
