"""The static twin of a live view: what a reader sees without a kernel, and without scripts.

Plain HTML that survives the sanitizers of JupyterLab, GitHub and nbviewer: details, tables, pre and div
bars with inline width and background. Where even those are removed, the times are still there as numbers.
Everything a user or a model wrote is escaped. It is bounded, however many runs there are, and says what it
leaves out. The input is the document of ``workbench.live.state``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from ...text.units import logged_duration
from ...text.visible import visible
from ..document import Document, Run, StepRow, rows_of, status_of
from ..values import Block, blocks, input_blocks, input_line, shown
from ..words import GLYPHS, STATUS_WORDS, cost_words, duration_words, label, summary, token_words
from .bounds import (
    MAX_DETAIL_TEXT,
    MAX_DETAILS,
    MAX_OUTPUT_TEXT,
    MAX_OUTPUTS,
    MAX_ROWS,
    MAX_SHOWN,
    Room,
    left_out_words,
    listed,
    stopped_words,
)

__all__ = ["HIDE_WIDGET_ERROR", "placeholder", "static_html"]

SHORT = 80
"""Characters of a text that stands in one line with its name."""
LONG = 160
"""A text of this many characters that is shown already is referred to, not repeated: a model's answer is also
the output of the steps around it."""

_COLOURS = {
    "chat_model": "#7c5cff",
    "llm": "#7c5cff",
    "prompt": "#2f80d0",
    "parser": "#12978a",
    "retriever": "#c07a0a",
    "tool": "#c2418c",
}
_INDENT = "&nbsp;" * 4
_LEFT = "text-align:left;word-break:break-word"
_PRE = (
    "white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere;font-family:monospace;"
    "border-left:2px solid #8a97a6;padding:0 0 0 10px;margin:4px 0"
)
_BAD, _CHAIN, _MARK = "#d64545", "#8a97a6", "#8a97a6"

# JupyterLab shows "Loading widget..." and then an error for a widget it cannot find. This hides an output
# that only has such a message and is followed by a twin; a live view has elements.
HIDE_WIDGET_ERROR = (
    "<style>.jp-OutputArea-child:has(+ .jp-OutputArea-child .wb-static-{id})"
    ":not(:has(.jp-OutputArea-output *)){{display:none}}</style>"
)


def placeholder(id: str) -> str:
    """The twin of a run that has not ended: empty, with the class by which the live view hides it."""
    return f'<div class="wb-static-{escape(id)}"></div>'


def static_html(document: Document, *, id: str, in_notebook: bool = True) -> str:
    """The whole document as HTML; *id* is in the class by which the live view hides it."""
    rows = rows_of(document)
    roots = [row for row in rows if row.around is None]
    status = status_of(document)
    parts = [
        f'<div class="wb-static-{escape(id)}">',
        HIDE_WIDGET_ERROR.format(id=escape(id)) if in_notebook else "",
        f"<div><b>{GLYPHS[status]} {escape(summary(status, rows))}</b></div>",
        *_outputs_html(roots),
    ]
    if rows:
        parts += [_table(listed(rows), _Axis(rows)), _left_out(len(rows) - MAX_ROWS, "steps")]
        parts.append("<details><summary>Inputs and outputs of the steps</summary>")
        parts += [*_details(rows, _shown_above(roots)), "</details>"]
    return "\n".join(part for part in [*parts, "</div>"] if part)


def _left_out(count: int, what: str) -> str:
    return f"<div>{words}</div>" if (words := left_out_words(count, what)) else ""


class _Axis:
    """Where a run's bar goes, in percent of the time of all runs."""

    def __init__(self, rows: list[StepRow]) -> None:
        self.start = min(row.start for row in rows)
        self.end = max([self.start + 1e-3, *(row.end for row in rows if row.end is not None)])

    def begin(self, row: StepRow) -> str:
        """When it started, on the axis."""
        after_s = row.start - self.start
        return "0" if after_s < 0.0005 else logged_duration(after_s)

    def bar(self, row: StepRow) -> str:
        """Time to the first token lighter, then a mark, then the rest."""
        start = self._percent(row.start)
        end = self._percent(row.end) if row.end is not None else 100.0
        first_at = row.first if row.chunks > 0 else None
        first = start if first_at is None else min(self._percent(first_at), end)
        colour = _BAD if row.status == "failed" else _COLOURS.get(row.type, _CHAIN)
        waited = _bar(first - start, f"background:{colour};opacity:0.4") if first > start else ""
        mark = "" if first_at is None else _bar(0.6, f"background:{_MARK}")
        return _bar(start, "") + waited + mark + _bar(max(end - first, 0.5), f"background:{colour}")

    def _percent(self, at: float) -> float:
        # The bars together must stay under the width, or the last would wrap.
        return 98 * (at - self.start) / (self.end - self.start)


def _bar(width: float, look: str) -> str:
    return f'<div style="float:left;width:{width:.2f}%;height:9px;{look}"></div>'


def _outputs_html(roots: list[StepRow]) -> Iterator[str]:
    room = Room(MAX_OUTPUT_TEXT)
    for row in roots[:MAX_OUTPUTS]:
        if row.number:
            yield f"<div><b>{row.number}. {escape(input_line(row.run['input']))}</b></div>"
        yield _blocks_html(blocks(row.run), room)
        yield _error_html(row.run)
    yield _left_out(len(roots) - MAX_OUTPUTS, "outputs")


def _blocks_html(parts: Iterable[Block], room: Room, most: int | None = None) -> str:
    return "".join(
        (f"<div><b>{escape(part.label)}</b></div>" if part.label else "") + _pre(room.cut(part.text, most))
        for part in parts
    )


def _table(rows: list[StepRow], axis: _Axis) -> str:
    costs = [cost_words(row) for row in rows]
    lines = [
        "<tr>"
        f'<td style="{_LEFT}">{_INDENT * row.level}{GLYPHS[row.status]}&nbsp;{escape(label(row))}</td>'
        f'<td style="{_LEFT}">{escape(row.type).replace("_", "&nbsp;")}</td>'
        f'<td style="{_LEFT}">{STATUS_WORDS[row.status]}</td>'
        f"<td>{token_words(row)}</td>{f'<td>{cost}</td>' if any(costs) else ''}"
        f"<td>{escape(axis.begin(row))}</td><td>{escape(duration_words(row))}</td><td>{axis.bar(row)}</td></tr>"
        for row, cost in zip(rows, costs, strict=True)
    ]
    span = f"0 to {escape(logged_duration(axis.end - axis.start))}"
    # Notebooks lay tables out by these widths alone; together they are all there is.
    columns = [
        ("Step", f"width:{27 if any(costs) else 34}%;{_LEFT}"),
        ("Type", f"width:12.5%;{_LEFT}"),
        ("Status", f"width:9%;{_LEFT}"),
        ("Tokens", "width:7.5%"),
        *([("Cost", "width:9%")] if any(costs) else []),
        ("Start", "width:8.5%"),
        ("Time", "width:8.5%"),
        (span, f"width:{18 if any(costs) else 20}%;{_LEFT}"),
    ]
    head = "".join(f'<th style="{style}">{name}</th>' for name, style in columns)
    return f'<table style="width:100%"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def _shown_above(roots: list[StepRow]) -> dict[str, str]:
    """The long texts among the final outputs, each with where it is, in words."""
    parts = [part for row in roots[:MAX_OUTPUTS] for part in blocks(row.run) if len(part.text) >= LONG]
    return {part.text: f"{part.label} above" if part.label else "the output above" for part in parts}


def _details(rows: list[StepRow], places: dict[str, str]) -> Iterator[str]:
    room = Room(MAX_DETAIL_TEXT)
    for row in rows[:MAX_DETAILS]:
        yield _step_html(row, room, places)
    yield _left_out(len(rows) - MAX_DETAILS, "steps")


def _step_html(row: StepRow, room: Room, places: dict[str, str]) -> str:
    run = row.run
    path = " > ".join(map(label, row.path()))
    parts = [
        _value_html("input", input_blocks(run["input"]), room, places, path),
        _value_html("output", blocks(run), room, places, path),
    ]
    if run["tags"]:
        parts.append(f"<div>tags: {escape(visible(', '.join(map(str, run['tags']))))}</div>")
    facts = [(name, run.get(name)) for name in ("metadata", "usage", "call")]
    events = [(visible(event["name"]), event["data"]) for event in run["events"]]
    for name, value in [*facts, *events]:
        if value or (name, value) in events:
            parts.append(f"<div>{escape(name)}: {escape(room.cut(_json_line(value), MAX_SHOWN))}</div>")
    return (
        f"<details><summary>{GLYPHS[run['status']]} {escape(path)}</summary>"
        f"{''.join(parts)}{_error_html(run)}</details>"
    )


def _value_html(name: str, parts: list[Block], room: Room, places: dict[str, str], path: str) -> str:
    """A step's input or output. *places*: where the long texts so far are, in words."""
    if [part.label for part in parts] == [""] and len(parts[0].text) <= SHORT and "\n" not in parts[0].text:
        return f"<div>{name}: {escape(room.cut(parts[0].text))}</div>" if parts[0].text else ""
    pieces = []
    for part in parts:
        if part.text in places:
            head = f"<b>{escape(part.label)}</b>: " if part.label else ""
            pieces.append(f"<div>{head}as {escape(places[part.text])}</div>")
            continue
        pieces.append(_blocks_html([part], room, MAX_SHOWN))
        if len(part.text) >= LONG:
            places[part.text] = f"the {name} of {path}"
    html = "".join(pieces)
    return f"<div>{name}</div>{html}" if html else ""


def _json_line(value: Any) -> str:
    return visible(shown(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _error_html(run: Run) -> str:
    error: Mapping[str, str] | None = run["error"]
    if run["status"] == "cancelled":
        return f"<div>{escape(stopped_words(run))}</div>"
    if not error:
        return ""
    # No red is easy to read on both light and dark: only the name of the error is red.
    line = f'<b style="color:{_BAD}">{escape(error["type"])}</b>: {escape(visible(error["message"]))}'
    trace = (
        f"<details><summary>Traceback</summary>{_pre(visible(error['traceback']))}</details>"
        if error["traceback"]
        else ""
    )
    return f"<div>{line}</div>{trace}"


def _pre(text: str) -> str:
    return f'<pre style="{_PRE}">{escape(text)}</pre>' if text else ""
