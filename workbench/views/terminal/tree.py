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

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from ...engine.runs import MODEL_TYPES
from ...text.units import count, duration, money, per_second, rate
from ..document import root_numbers
from .text import clean, cropped, one_line

__all__ = ["Node", "RunTree", "failures", "glyphs", "header", "nodes", "overall", "seconds", "tree_lines"]

_BRANCH = "map:key:"
_STYLES = {
    "waiting": "yellow",
    "streaming": "cyan",
    "done": "green",
    "failed": "bold red",
    "cancelled": "magenta",
}
_SPIN_PER_S = 8
_AT_ONCE_S = 0.002


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


@dataclass(frozen=True, slots=True)
class Node:
    """One run of the document; times are seconds since the epoch, None where not known yet."""

    root: int
    key: str | None
    parent: str | None
    depth: int
    branch: str | None
    name: str
    type: str
    status: str
    start: float
    first: float | None
    end: float | None
    chunks: int
    streams: bool
    number: int
    call: Mapping[str, Any]
    error: Mapping[str, Any] | None

    @property
    def tokens(self) -> int | None:
        """Those a model wrote: as its usage says, else its chunks."""
        if self.type not in MODEL_TYPES:
            return None
        told = self.call.get("output_tokens")
        return told if isinstance(told, int) else self.chunks or None

    @property
    def is_over(self) -> bool:
        return self.end is not None


def nodes(document: Mapping[str, Any]) -> list[Node]:
    """All runs, depth first, children in the order in which they started."""
    found: list[Node] = []
    numbers = root_numbers(document)
    for root, run in enumerate(document["runs"]):
        found.append(_node(root, None, None, 0, run, numbers[root]))
        children: dict[str | None, list[str]] = {}
        for key, entry in run["logs"].items():
            children.setdefault(entry["parent"], []).append(key)
        pending = [(key, 1) for key in reversed(children.get(None, ()))]
        while pending:
            key, depth = pending.pop()
            entry = run["logs"][key]
            found.append(_node(root, key, entry["parent"], depth, entry, numbers[root]))
            pending += [(child, depth + 1) for child in reversed(children.get(key, ()))]
    return found


def tree_lines(document: Mapping[str, Any], *, limit: int = 200) -> RunTree:
    """The run tree of a document (``LiveState.snapshot()["state"]``) as something rich can print.

    Of more than *limit* runs, finished ones are summed up in a line.
    """
    return RunTree(nodes(document), limit=limit)


@dataclass(frozen=True)
class RunTree:
    """See the module. ``now`` (seconds since the epoch) is where the bars of open runs end; None: at the
    last time that is known."""

    nodes: list[Node]
    limit: int = 200
    now: float | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self.lines(options.max_width, options.encoding)

    def lines(self, width: int, encoding: str) -> Iterator[Text]:
        """One Text a line, none longer than *width* cells."""
        if not self.nodes:
            return
        look = glyphs(encoding)
        now = self.now if self.now is not None else _last_time(self.nodes)
        start = min(node.start for node in self.nodes)
        end = max([now if not node.is_over else node.end or now for node in self.nodes])
        kept, dropped = _choose(self.nodes, self.limit)
        guides = _guides(kept, look)
        many = self.nodes[-1].root > 0
        names = [one_line(_title(node, many), encoding) for node in kept]
        columns = _columns(kept, guides, names, width)
        for node, guide, name in zip(kept, guides, names, strict=True):
            yield _line(node, guide, name, columns, look, now, (start, max(end - start, 1e-3)))
        if dropped:
            yield Text(cropped(f"{look.ellipsis} {_summed_up(dropped)}", width, look.ellipsis), "dim")


def header(
    found: list[Node], *, status: str, title: str, now: float, width: int, encoding: str
) -> Iterator[Text]:
    """Status, time, tokens, speed and time to first token, in as many lines as they need."""
    look = glyphs(encoding)
    roots = [node for node in found if node.depth == 0]
    over = status in ("done", "failed", "cancelled")
    pieces: list[tuple[str, str]] = []
    if title:
        pieces.append((cropped(one_line(title, encoding), max(8, width - 14), look.ellipsis), "bold"))
    pieces.append((f"{look.status(status, now)} {status}", _STYLES[status]))
    if roots:
        pieces += [(text, "") for text in _figures(found, roots, over, now)]
    line = Text()
    for text, style in pieces:
        if line and line.cell_len + len(look.dot) + cell_len(text) > width:
            yield line
            line = Text()
        if line:
            line.append(look.dot, "dim")
        line.append(text, style)
    yield line


def failures(found: list[Node], encoding: str) -> Iterator[Text]:
    """What failed and why, a paragraph each: the innermost runs that did, by their path."""
    look = glyphs(encoding)
    places = {(node.root, node.key): node for node in found}
    outer = {(node.root, node.parent) for node in found if node.depth and node.status == "failed"}
    seen: set[tuple[int, str, str]] = set()
    for node in found:
        if node.status == "failed" and node.error and (node.root, node.key) not in outer:
            # In a stream, the steps after the one that failed end with its error.
            if (same := (node.root, node.error["type"], node.error["message"])) in seen:
                continue
            seen.add(same)
            message = clean(f"{node.error['type']}: {node.error['message']}", encoding).rstrip(": \n")
            lines = message[:2000].split("\n")
            if len(lines) > 12:
                lines = [*lines[:12], look.ellipsis]
            text = Text(f"{look.failed} {_path(node, places, encoding)}\n", _STYLES["failed"])
            yield text.append("\n".join(f"  {line}" for line in lines), "red")


def overall(found: list[Node], status: str) -> str:
    """The status of the whole when it is over, also where nobody set it."""
    roots = [node for node in found if node.depth == 0]
    if status in ("done", "failed", "cancelled") or not roots or not all(node.is_over for node in roots):
        return status
    return next((bad for bad in ("failed", "cancelled") if any(n.status == bad for n in roots)), "done")


def _node(
    root: int, key: str | None, parent: str | None, depth: int, run: Mapping[str, Any], number: int
) -> Node:
    return Node(
        root,
        key,
        parent,
        depth,
        next((tag[len(_BRANCH) :] for tag in run["tags"] if tag.startswith(_BRANCH)), None),
        run["name"],
        run["type"],
        run["status"],
        seconds(run["start_time"]) or 0.0,
        seconds(run["first_chunk_time"]),
        seconds(run["end_time"]),
        len(run["streamed_output"]),
        _streams(run),
        number,
        run.get("call") or run["usage"] or {},
        run["error"],
    )


def _streams(run: Mapping[str, Any]) -> bool:
    """Whether its output came in pieces: several tokens, or a value that went on growing for a while."""
    chunks = run["streamed_output"]
    if len(chunks) != 1 or isinstance(chunks[0], str):
        return len(chunks) > 1
    first, end = seconds(run["first_chunk_time"]), seconds(run["end_time"])
    return first is not None and (end is None or end - first > _AT_ONCE_S)


@lru_cache(maxsize=20_000)
def seconds(iso: str | None) -> float | None:
    """A time of the document in seconds since the epoch."""
    return None if iso is None else datetime.fromisoformat(iso).timestamp()


def _last_time(found: list[Node]) -> float:
    return max(max(filter(None, (node.start, node.first, node.end))) for node in found)


def _figures(found: list[Node], roots: list[Node], over: bool, now: float) -> Iterator[str]:
    if len(roots) > 1:
        done = sum(node.is_over for node in roots)
        yield f"{len(roots)} runs" if done == len(roots) else f"{len(roots)} runs, {done} finished"
    start = min(node.start for node in roots)
    end = max(node.end or now for node in roots) if over else now
    yield _time(end - start)
    models = [node for node in found if node.type in MODEL_TYPES]
    writers = models or roots
    tokens = sum(node.tokens or 0 for node in models) if models else sum(node.chunks for node in roots)
    what = "tokens" if models else "chunks"
    firsts = [node.first for node in writers if node.first is not None and (models or node.chunks > 1)]
    if not tokens or not firsts:
        return
    read = sum(node.call.get("input_tokens") or 0 for node in models)
    yield f"{count(tokens)} {what}" + (f" from {count(read)}" if read else "")
    last = max(node.end or now for node in writers)
    if (speed := per_second(tokens, last - min(firsts))) is not None:
        yield rate(speed, what)
    yield f"first {what[:-1]} {_time(min(firsts) - start)}"
    costs = [cost for node in models if (cost := node.call.get("cost_usd")) is not None]
    if sum(costs):  # a model in this process costs nothing, which goes without saying
        yield money(sum(costs))


class _Columns(NamedTuple):
    """Widths in cells; 0 for a column that is left out."""

    label: int
    type: int
    time: int
    tokens: int
    bar: int


def _columns(kept: list[Node], guides: list[str], names: list[str], width: int) -> _Columns:
    label = max(cell_len(guide) + 2 + cell_len(name) for guide, name in zip(guides, names, strict=True))
    kind = max((len(node.type) for node in kept), default=0) + 2
    tokens = max((len(count(node.tokens or 0)) + 4 for node in kept if node.tokens), default=0)
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
    node: Node,
    guide: str,
    name: str,
    columns: _Columns,
    look: Glyphs,
    now: float,
    axis: tuple[float, float],
) -> Text:
    style = _STYLES[node.status]
    line = Text(no_wrap=True, overflow="crop", end="\n")
    room = columns.label
    guide = cropped(guide, max(0, room - 6), look.ellipsis)
    line.append(guide, "dim")
    line.append(look.status(node.status, now) + " ", style)
    line.append(_padded(cropped(name, room - cell_len(guide) - 2, look.ellipsis), room - cell_len(guide) - 2))
    if columns.type:
        line.append("  " + node.type.ljust(columns.type - 2), "dim")
    line.append(_time((node.end or now) - node.start).rjust(columns.time), "" if node.is_over else style)
    if columns.tokens:
        text = f"{count(node.tokens)} tok" if node.tokens else ""
        line.append(text.rjust(columns.tokens))
    if columns.bar:
        line.append("  ")
        _bar(line, node, columns.bar, look, now, axis)
    line.rstrip()
    return line


def _bar(line: Text, node: Node, width: int, look: Glyphs, now: float, axis: tuple[float, float]) -> None:
    start, span = axis

    def cell(at: float) -> int:
        return min(width - 1, max(0, int((at - start) / span * width)))

    style = _STYLES[node.status]
    first_cell, last_cell = cell(node.start), cell(node.end or now)
    line.append(" " * first_cell)
    if (node.end or now) - node.start < span / width / 2:
        line.append(look.blip, style)
    elif node.first is not None and node.streams:
        mark = cell(node.first)
        line.append(look.wait * (mark - first_cell), style)
        line.append(look.first, "bold " + style)
        line.append(look.work * (last_cell - mark), style)
    else:
        line.append((look.work if node.is_over else look.wait) * (last_cell - first_cell + 1), style)


def _title(node: Node, many: bool) -> str:
    """The name, with the key of the branch it stands for, or its number among several roots."""
    if node.depth == 0:
        return f"{node.number} {node.name}" if many else node.name
    return node.name if node.branch is None else f"{node.branch}: {node.name}"


def _time(seconds: float) -> str:
    """The document's times are in milliseconds: no finer digits than those."""
    if seconds < 0.0005:
        return "<1 ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.0995 else duration(seconds)


def _padded(text: str, width: int) -> str:
    return text + " " * max(0, width - cell_len(text))


def _guides(kept: list[Node], look: Glyphs) -> list[str]:
    """The lines that lead to each node, drawn from the last one up."""
    guides: list[str] = []
    open_below: set[int] = set()
    for node in reversed(kept):
        depth = node.depth
        trunks = "".join(
            look.trunk if level in open_below else " " * len(look.trunk) for level in range(1, depth)
        )
        own = "" if depth == 0 else look.branch if depth in open_below else look.last
        guides.append(trunks + own)
        open_below = {level for level in open_below if level < depth} | ({depth} if depth else set())
    return guides[::-1]


def _choose(found: list[Node], limit: int) -> tuple[list[Node], list[Node]]:
    """The nodes to draw and those left out: first the inside of finished roots, then finished roots, then
    other finished runs, then the oldest."""
    excess = len(found) - limit + 1
    if len(found) <= limit:
        return found, []
    done_roots = {node.root for node in found if node.depth == 0 and node.status == "done"}

    def stage(node: Node) -> int:
        if node.root in done_roots:
            return 0 if node.depth else 1
        return 2 if node.status == "done" else 3 if node.depth else 4

    numbers = sorted(
        range(len(found)),
        key=lambda index: (
            stage(found[index]),
            found[index].root if stage(found[index]) < 2 else 0,
            -index if stage(found[index]) != 4 else index,
        ),
    )
    out = set(numbers[:excess])
    kept = [node for index, node in enumerate(found) if index not in out]
    return kept, [found[index] for index in sorted(out)]


def _summed_up(dropped: Iterable[Node]) -> str:
    tally: dict[str, int] = {}
    for node in dropped:
        tally[node.status] = tally.get(node.status, 0) + 1
    more = sum(tally.values())
    return f"{count(more)} more: " + ", ".join(
        f"{count(number)} {status}" for status, number in tally.items()
    )


def _path(node: Node, places: Mapping[tuple[int, str | None], Node], encoding: str) -> str:
    names = [one_line(node.name, encoding)]
    while node.depth:
        node = places[node.root, node.parent]
        names.append(one_line(node.name, encoding))
    return " > ".join(names[::-1])
