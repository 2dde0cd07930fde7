"""The lines above and below the tree of runs: how far they are, and what failed."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.text import Text

from ...live.state import OVER
from ...text.units import count, logged_duration, money, per_second, rate
from ..document import StepRow, figures_of
from .glyphs import STATUS_STYLES, glyphs
from .text import clean, cropped, one_line

__all__ = ["failures", "header"]


def header(
    rows: list[StepRow], *, status: str, title: str, now: float, width: int, encoding: str
) -> Iterator[Text]:
    """Status, time, tokens, speed and time to first token, in as many lines as they need."""
    look = glyphs(encoding)
    pieces: list[tuple[str, str]] = []
    if title:
        pieces.append((cropped(one_line(title, encoding), max(8, width - 14), look.ellipsis), "bold"))
    pieces.append((f"{look.status(status, now)} {status}", STATUS_STYLES[status]))
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
            text = Text(f"{look.failed} {path}\n", STATUS_STYLES["failed"])
            yield text.append("\n".join(f"  {line}" for line in lines), "red")


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
