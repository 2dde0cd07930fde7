"""The tree of runs as lines of a terminal, from the document of ``LiveState``.

A line is: where the run stands, a glyph for its status, its name and type, how long it took, the tokens it
wrote, and a bar on the time axis that all lines share::

    ✓ RunnableSequence           1.24 s          ━━━━━━━━━━━━━━━━━━━━━━
    ├ ✓ ChatPromptTemplate  prompt  2 ms         ╸
    └ ✓ smollm2         chat_model  1.24 s  93   ───◆━━━━━━━━━━━━━━━━━━

``◆`` is the first token; the thin line before it is the wait for it. What does not fit into the width is
left out from the least needed on: type, tokens, bar. ASCII stands in where the terminal has no Unicode.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from ...text.units import count, logged_duration
from ..document import StepRow
from .glyphs import STATUS_STYLES, Glyphs, glyphs
from .text import cropped, one_line, padded

__all__ = ["RunTree"]


@dataclass(frozen=True)
class RunTree:
    """The tree of ``rows``, for rich to print. Of more than ``limit`` runs, finished ones are summed up in a
    line. ``now`` (seconds since the epoch) is where the bars of open runs end, by default at the last time
    that is known."""

    rows: list[StepRow]
    limit: int = 200
    now: float | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self.lines(options.max_width, options.encoding)

    def lines(self, width: int, encoding: str) -> Iterator[Text]:
        """One Text a line, none longer than *width* cells."""
        if not self.rows:
            return
        look = glyphs(encoding)
        now = self.now if self.now is not None else _last_time(self.rows)
        start = min(row.start for row in self.rows)
        end = max(row.end or now for row in self.rows)
        kept, dropped = _choose(self.rows, self.limit)
        guides = _guides(kept, look)
        names = [one_line(_label(row), encoding) for row in kept]
        columns = _columns(kept, guides, names, width)
        for row, guide, name in zip(kept, guides, names, strict=True):
            yield _line(row, guide, name, columns, look, now, (start, max(end - start, 1e-3)))
        if dropped:
            yield Text(cropped(f"{look.ellipsis} {_summed_up(dropped)}", width, look.ellipsis), "dim")


def _last_time(rows: list[StepRow]) -> float:
    return max(max(filter(None, (row.start, row.first, row.end))) for row in rows)


class _Columns(NamedTuple):
    """Widths in cells; 0 for a column that is left out."""

    label: int
    type: int
    time: int
    tokens: int
    bar: int


def _columns(kept: list[StepRow], guides: list[str], names: list[str], width: int) -> _Columns:
    label = max(cell_len(guide) + 2 + cell_len(name) for guide, name in zip(guides, names, strict=True))
    kind = max((len(row.type) for row in kept), default=0) + 2
    tokens = max((len(count(row.tokens)) + 4 for row in kept if row.is_model and row.tokens), default=0)
    tokens = tokens + 2 if tokens else 0
    time = 10
    if width < 76:
        kind = 0
    if width < 56:
        tokens = 0
    bar = 0 if width < 36 else max(8, min(width // 2, 64))
    label = min(label, max(8, width - kind - time - tokens - (bar and min(bar, max(8, width // 4)) + 2)))
    bar = min(bar, width - label - kind - time - tokens - 2)
    return _Columns(label, kind, time, tokens, bar if bar >= 6 else 0)


def _line(
    row: StepRow,
    guide: str,
    name: str,
    columns: _Columns,
    look: Glyphs,
    now: float,
    axis: tuple[float, float],
) -> Text:
    style = STATUS_STYLES[row.status]
    line = Text(no_wrap=True, overflow="crop", end="\n")
    room = columns.label
    guide = cropped(guide, max(0, room - 6), look.ellipsis)
    line.append(guide, "dim")
    line.append(look.status(row.status, now) + " ", style)
    line.append(padded(cropped(name, room - cell_len(guide) - 2, look.ellipsis), room - cell_len(guide) - 2))
    if columns.type:
        line.append("  " + row.type.ljust(columns.type - 2), "dim")
    time = logged_duration((row.end or now) - row.start)
    line.append(time.rjust(columns.time), "" if row.is_over else style)
    if columns.tokens:
        text = f"{count(row.tokens)} tok" if row.is_model and row.tokens else ""
        line.append(text.rjust(columns.tokens))
    if columns.bar:
        line.append("  ")
        _bar(line, row, columns.bar, look, now, axis)
    line.rstrip()
    return line


def _bar(line: Text, row: StepRow, width: int, look: Glyphs, now: float, axis: tuple[float, float]) -> None:
    start, span = axis

    def cell(at: float) -> int:
        return min(width - 1, max(0, int((at - start) / span * width)))

    style = STATUS_STYLES[row.status]
    first_cell, last_cell = cell(row.start), cell(row.end or now)
    line.append(" " * first_cell)
    if (row.end or now) - row.start < span / width / 2:
        line.append(look.blip, style)
    elif row.first is not None and row.streams:
        mark = cell(row.first)
        line.append(look.wait * (mark - first_cell), style)
        line.append(look.first, "bold " + style)
        line.append(look.work * (last_cell - mark), style)
    else:
        line.append((look.work if row.is_over else look.wait) * (last_cell - first_cell + 1), style)


def _label(row: StepRow) -> str:
    return f"{row.number} {row.name}" if row.around is None and row.number else row.title


def _guides(kept: list[StepRow], look: Glyphs) -> list[str]:
    """The lines that lead to each row, drawn from the last one up."""
    guides: list[str] = []
    open_below: set[int] = set()
    for row in reversed(kept):
        depth = row.level
        trunks = "".join(
            look.trunk if level in open_below else " " * len(look.trunk) for level in range(1, depth)
        )
        own = "" if depth == 0 else look.branch if depth in open_below else look.last
        guides.append(trunks + own)
        open_below = {level for level in open_below if level < depth} | ({depth} if depth else set())
    return guides[::-1]


def _choose(found: list[StepRow], limit: int) -> tuple[list[StepRow], list[StepRow]]:
    """The rows to draw, and those left out: first the steps of finished roots, then finished roots, then
    other finished runs, then the oldest."""
    excess = len(found) - limit + 1
    if len(found) <= limit:
        return found, []
    done_roots = {row.root for row in found if row.level == 0 and row.status == "done"}

    def stage(row: StepRow) -> int:
        if row.root in done_roots:
            return 0 if row.level else 1
        return 2 if row.status == "done" else 3 if row.level else 4

    numbers = sorted(
        range(len(found)),
        key=lambda index: (
            stage(found[index]),
            found[index].root if stage(found[index]) < 2 else 0,
            -index if stage(found[index]) != 4 else index,
        ),
    )
    out = set(numbers[:excess])
    kept = [row for index, row in enumerate(found) if index not in out]
    return kept, [found[index] for index in sorted(out)]


def _summed_up(dropped: Iterable[StepRow]) -> str:
    tally: dict[str, int] = {}
    for row in dropped:
        tally[row.status] = tally.get(row.status, 0) + 1
    more = sum(tally.values())
    return f"{count(more)} more: " + ", ".join(
        f"{count(number)} {status}" for status, number in tally.items()
    )
