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

from ...live.state import OVER
from ...text.units import count, logged_duration, money, per_second, rate
from ..document import Document, StepRow, figures_of, rows_of
from .text import clean, cropped, one_line

__all__ = ["RunTree", "failures", "glyphs", "header", "tree_lines"]

_STYLES = {
    "waiting": "yellow",
    "streaming": "cyan",
    "done": "green",
    "failed": "bold red",
    "cancelled": "magenta",
}
_SPIN_PER_S = 8


class Glyphs(NamedTuple):
    """What is drawn, in one encoding or another."""

    spinner: str
    streaming: str
    done: str
    failed: str
    cancelled: str
    branch: str
    last: str
    trunk: str
    wait: str
    work: str
    blip: str
    first: str
    ellipsis: str
    dot: str

    def status(self, status: str, now: float) -> str:
        if status == "waiting":
            return self.spinner[int(now * _SPIN_PER_S) % len(self.spinner)]
        return str(getattr(self, status))


UNICODE = Glyphs("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "▸", "✓", "✗", "■", "├ ", "└ ", "│ ", "─", "━", "╸", "◆", "…", " · ")
ASCII = Glyphs("|/-\\", ">", "+", "x", "#", "|- ", "`- ", "|  ", "-", "=", "=", "*", "~", ", ")


def glyphs(encoding: str) -> Glyphs:
    """Those the encoding can write."""
    try:
        "".join(UNICODE).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def tree_lines(document: Document, *, limit: int = 200) -> RunTree:
    """The run tree of a document (``LiveState.snapshot()["state"]``) as something rich can print.

    Of more than *limit* runs, finished ones are summed up in a line.
    """
    return RunTree(rows_of(document), limit=limit)


@dataclass(frozen=True)
class RunTree:
    """See the module. ``now`` (seconds since the epoch) is where the bars of open runs end; None: at the
    last time that is known."""

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


def header(
    rows: list[StepRow], *, status: str, title: str, now: float, width: int, encoding: str
) -> Iterator[Text]:
    """Status, time, tokens, speed and time to first token, in as many lines as they need."""
    look = glyphs(encoding)
    pieces: list[tuple[str, str]] = []
    if title:
        pieces.append((cropped(one_line(title, encoding), max(8, width - 14), look.ellipsis), "bold"))
    pieces.append((f"{look.status(status, now)} {status}", _STYLES[status]))
    if rows:
        pieces += [(text, "") for text in _facts(rows, status in OVER, now)]
    line = Text()
    for text, style in pieces:
        if line and line.cell_len + len(look.dot) + cell_len(text) > width:
            yield line
            line = Text()
        if line:
            line.append(look.dot, "dim")
        line.append(text, style)
    yield line


def failures(rows: list[StepRow], encoding: str) -> Iterator[Text]:
    """What failed and why, a paragraph each: the innermost runs that did, by their path."""
    look = glyphs(encoding)
    failed = [row for row in rows if row.status == "failed"]
    outer = {id(row.around) for row in failed}
    seen: set[tuple[int, str, str]] = set()
    for row in failed:
        if row.error and id(row) not in outer:
            # In a stream, the steps after the one that failed end with its error.
            if (same := (row.root, row.error["type"], row.error["message"])) in seen:
                continue
            seen.add(same)
            message = clean(f"{row.error['type']}: {row.error['message']}", encoding).rstrip(": \n")
            lines = message[:2000].split("\n")
            if len(lines) > 12:
                lines = [*lines[:12], look.ellipsis]
            path = " > ".join(one_line(step.name, encoding) for step in row.path())
            text = Text(f"{look.failed} {path}\n", _STYLES["failed"])
            yield text.append("\n".join(f"  {line}" for line in lines), "red")


def _last_time(rows: list[StepRow]) -> float:
    return max(max(filter(None, (row.start, row.first, row.end))) for row in rows)


def _facts(rows: list[StepRow], over: bool, now: float) -> Iterator[str]:
    sums = figures_of(rows)
    roots = [row for row in rows if row.level == 0]
    if len(roots) > 1:
        done = sum(row.is_over for row in roots)
        yield f"{len(roots)} runs" if done == len(roots) else f"{len(roots)} runs, {done} finished"
    end = max(row.end or now for row in roots) if over else now
    yield logged_duration(end - (sums.start or end))
    writers = [row for row in rows if row.is_model] or [row for row in roots if row.chunks > 1]
    what = "tokens" if sums.calls else "chunks"
    tokens = sums.tokens if sums.tokens is not None else sum(row.chunks for row in roots)
    firsts = [row.first for row in writers if row.first is not None]
    if not tokens or not firsts or sums.first_token_s is None:
        return
    read = sum(row.call.get("input_tokens") or 0 for row in writers)
    yield f"{count(tokens)} {what}" + (f" from {count(read)}" if read else "")
    last = max(row.end or now for row in writers)
    if (speed := per_second(tokens, last - min(firsts))) is not None:
        yield rate(speed, what)
    yield f"first {what[:-1]} {logged_duration(sums.first_token_s)}"
    if sums.cost_usd:  # a model in this process costs nothing, which goes without saying
        yield money(sums.cost_usd)


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
    style = _STYLES[row.status]
    line = Text(no_wrap=True, overflow="crop", end="\n")
    room = columns.label
    guide = cropped(guide, max(0, room - 6), look.ellipsis)
    line.append(guide, "dim")
    line.append(look.status(row.status, now) + " ", style)
    line.append(_padded(cropped(name, room - cell_len(guide) - 2, look.ellipsis), room - cell_len(guide) - 2))
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

    style = _STYLES[row.status]
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


def _padded(text: str, width: int) -> str:
    return text + " " * max(0, width - cell_len(text))


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
    """The nodes to draw and those left out: first the inside of finished roots, then finished roots, then
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
