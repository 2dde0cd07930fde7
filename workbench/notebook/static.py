"""The static twin of a live view: what a reader sees without a kernel, and without scripts.

Plain HTML that survives the sanitizers of JupyterLab, GitHub and nbviewer: details, tables, pre and div
bars with inline width and background. Everything a user or a model wrote is escaped. ``plain_text`` is
the same for a terminal, a diff and a screen without HTML.

The input is the document of ``workbench.tracing.live``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from html import escape
from typing import Any, NamedTuple

__all__ = ["placeholder", "plain_text", "static_html"]

MAX_SHOWN = 20_000
"""Characters of one input or output; the final output is shown whole."""

_MODELS = ("chat_model", "llm")
_WORDS = {
    "waiting": "waiting",
    "streaming": "running",
    "done": "done",
    "failed": "failed",
    "cancelled": "stopped",
}
_GLYPHS = {"waiting": "○", "streaming": "▸", "done": "✓", "failed": "✕", "cancelled": "■"}
_COLOURS = {
    "chat_model": "#7c5cff",
    "llm": "#7c5cff",
    "prompt": "#2f80d0",
    "parser": "#12978a",
    "retriever": "#c07a0a",
    "tool": "#c2418c",
}
_INDENT = "&nbsp;" * 4
_LEFT = "text-align:left;overflow-wrap:anywhere"
_PRE = "white-space:pre-wrap;border-left:2px solid #8a97a6;padding:0 0 0 10px;margin:4px 0"
_BAD, _CHAIN = "#c62828", "#8a97a6"

# JupyterLab shows "Loading widget..." and then an error for a widget it cannot find. In the output before a
# twin they say nothing new; an output that has elements is a live view.
_HIDE_WIDGET_ERROR = (
    "<style>.jp-OutputArea-child:has(+ .jp-OutputArea-child .wb-static-{id})"
    ":not(:has(.jp-OutputArea-output *)){{display:none}}</style>"
)


class _Step(NamedTuple):
    run: Mapping[str, Any]
    level: int
    path: str


def placeholder(id: str) -> str:
    """The twin of a run that has not ended: nothing, under the class by which the live view hides it."""
    return f'<div class="wb-static-{escape(id)}"></div>'


def static_html(document: Mapping[str, Any], *, id: str) -> str:
    """The whole document as HTML; *id* is in the class by which the live view hides it."""
    steps = list(_steps(document))
    axis = _Axis(document)
    parts = [
        f'<div class="wb-static-{escape(id)}">',
        _HIDE_WIDGET_ERROR.format(id=escape(id)),
        f"<div>{_headline(document)}</div>",
        *(_output_html(run, len(document["runs"]) > 1) for run in document["runs"]),
    ]
    if steps:
        parts += [_table(steps, axis), "<details><summary>Inputs and outputs of the steps</summary>"]
        parts += [_step_html(step) for step in steps]
        parts.append("</details>")
    return "\n".join([*parts, "</div>"])


def plain_text(document: Mapping[str, Any]) -> str:
    """The final output, then the steps as an indented list."""
    lines: list[str] = []
    many = len(document["runs"]) > 1
    for number, run in enumerate(document["runs"], 1):
        lines += [f"[{number}] {_input_line(run['input'])}"] if many else []
        lines.append(_output_text(run))
        if run["error"]:
            lines.append(f"{run['error']['type']}: {run['error']['message']}")
    lines += ["", _summary(document)]
    for run, level, _ in _steps(document):
        tokens = _tokens_text(run)
        facts = ", ".join(fact for fact in (_duration(_ms(run)), tokens and f"{tokens} tokens") if fact)
        lines.append(f"{'  ' * level}{_GLYPHS[run['status']]} {_title(run)}{f' ({facts})' if facts else ''}")
    return "\n".join(lines).strip("\n")


def _steps(document: Mapping[str, Any]) -> Iterator[_Step]:
    """Runs with their level in the tree, each before those in it, in the order they started."""
    for number, root in enumerate(document["runs"]):
        children: dict[str | None, list[str]] = {}
        logs = root.get("logs", {})
        for key, run in logs.items():
            parent = run.get("parent")
            children.setdefault(parent if parent in logs else None, []).append(key)
        label = f"{number + 1}. " if len(document["runs"]) > 1 else ""
        yield _Step(root, 0, label + root["name"])
        waiting = [(key, 1, root["name"]) for key in reversed(children.get(None, []))]
        while waiting:
            key, level, above = waiting.pop()
            path = f"{above} > {logs[key]['name']}"
            yield _Step(logs[key], level, label + path)
            waiting += [(inner, level + 1, path) for inner in reversed(children.pop(key, []))]


class _Axis:
    """Where a run's bar goes, in percent of the time of all runs."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        runs = [run for root in document["runs"] for run in (root, *root.get("logs", {}).values())]
        starts = [_time(run["start_time"]) for run in runs if run["start_time"]]
        ends = [_time(run["end_time"]) for run in runs if run["end_time"]]
        self.start = min(starts, default=0.0)
        self.end = max([*ends, self.start + 1e-3])

    def bar(self, run: Mapping[str, Any]) -> str:
        if not run["start_time"]:
            return ""
        start = self._percent(run["start_time"])
        end = self._percent(run["end_time"]) if run["end_time"] else 100.0
        streams = run["first_chunk_time"] and len(run["streamed_output"]) > 1
        first = min(self._percent(run["first_chunk_time"]), end) if streams else start
        colour = _BAD if run["status"] == "failed" else _COLOURS.get(run["type"], _CHAIN)
        waited = _bar(first - start, f"background:{colour};opacity:0.4") if first > start else ""
        return _bar(start, "") + waited + _bar(max(end - first, 0.5), f"background:{colour}")

    def _percent(self, at: str) -> float:
        # The bars together must stay under the width, or the last would wrap.
        return 99 * (_time(at) - self.start) / (self.end - self.start)


def _bar(width: float, look: str) -> str:
    return f'<div style="float:left;width:{width:.2f}%;height:9px;{look}"></div>'


def _headline(document: Mapping[str, Any]) -> str:
    return f"<b>{_GLYPHS[document['status']]} {escape(_summary(document))}</b>"


def _summary(document: Mapping[str, Any]) -> str:
    """``done · 1.24 s · first token after 310 ms · 24 tokens``"""
    facts = [_WORDS[document["status"]]]
    roots = document["runs"]
    starts = [_time(run["start_time"]) for run in roots if run["start_time"]]
    ends = [_time(run["end_time"]) for run in roots if run["end_time"]]
    models = [step.run for step in _steps(document) if step.run["type"] in _MODELS]
    firsts = _firsts(roots) or _firsts(models)  # items of a batch do not stream
    if starts and ends:
        facts.append(_duration(1000 * (max(ends) - min(starts))))
    if starts and firsts:
        facts.append(f"first token after {_duration(1000 * (min(firsts) - min(starts)))}")
    if models:
        facts.append(_counted(sum(_tokens(run) for run in models)))
    return " · ".join(facts)


def _title(run: Mapping[str, Any]) -> str:
    """The name, with the key of the branch that a nested run is."""
    keys = [tag.removeprefix("map:key:") for tag in run["tags"] if tag.startswith("map:key:")]
    return f"{': '.join([*keys, run['name']])}" if "parent" in run else run["name"]


def _firsts(runs: list[Mapping[str, Any]]) -> list[float]:
    return [_time(run["first_chunk_time"]) for run in runs if run["first_chunk_time"]]


def _table(steps: list[_Step], axis: _Axis) -> str:
    rows = [
        "<tr>"
        f'<td style="{_LEFT}">{_INDENT * level}{_GLYPHS[run["status"]]}&nbsp;{escape(_title(run))}</td>'
        f'<td style="{_LEFT}">{escape(run["type"].replace("_", " "))}</td>'
        f'<td style="{_LEFT}">{_WORDS[run["status"]]}</td>'
        f"<td>{_tokens_text(run)}</td><td>{escape(_duration(_ms(run)))}</td><td>{axis.bar(run)}</td></tr>"
        for run, level, _ in steps
    ]
    span = f"0 to {escape(_duration(1000 * (axis.end - axis.start)))}"
    columns = [
        ("Step", f"width:36%;{_LEFT}"),
        ("Type", f"width:12%;{_LEFT}"),
        ("Status", f"width:10%;{_LEFT}"),
        ("Tokens", "width:8%"),
        ("Time", "width:10%"),
        (span, f"width:24%;{_LEFT}"),
    ]
    head = "".join(f'<th style="{style}">{title}</th>' for title, style in columns)
    return f'<table style="width:100%"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _output_html(run: Mapping[str, Any], many: bool) -> str:
    heading = f"<div><b>{escape(_input_line(run['input']))}</b></div>" if many else ""
    return heading + _pre(_output_text(run)) + _error_html(run["error"])


def _step_html(step: _Step) -> str:
    run = step.run
    parts = [("input", _shown(run["input"])), ("output", _output_text(run))]
    shown = "".join(f"<div>{title}</div>{_pre(_cut(text))}" for title, text in parts if text)
    if run["tags"]:
        shown += f"<div>tags: {escape(', '.join(run['tags']))}</div>"
    if run["metadata"]:
        shown += f"<div>metadata: {escape(_cut(_json(run['metadata'])))}</div>"
    if run["usage"]:
        shown += f"<div>usage: {escape(_json(run['usage']))}</div>"
    for event in run["events"]:
        shown += f"<div>{escape(event['name'])}: {escape(_cut(_json(event['data'])))}</div>"
    return (
        f"<details><summary>{_GLYPHS[run['status']]} {escape(step.path)}</summary>"
        f"{shown}{_error_html(run['error'])}</details>"
    )


def _error_html(error: Mapping[str, str] | None) -> str:
    if not error:
        return ""
    line = f"<b>{escape(error['type'])}</b>: {escape(error['message'])}"
    trace = (
        f"<details><summary>Traceback</summary>{_pre(error['traceback'])}</details>"
        if error["traceback"]
        else ""
    )
    return f'<div style="color:{_BAD}">{line}</div>{trace}'


def _pre(text: str) -> str:
    return f'<pre style="{_PRE}">{escape(text)}</pre>' if text else ""


def _output_text(run: Mapping[str, Any]) -> str:
    """What came out: the final output, or what had arrived of it."""
    chunks = run["streamed_output"]
    output = run["final_output"]
    calls = output.get("tool_calls") if isinstance(output, Mapping) else None
    if chunks and not calls and all(isinstance(chunk, str) for chunk in chunks):
        return "".join(chunks)
    if isinstance(output, Mapping) and chunks:
        texts = {key: _text_of(value) for key, value in output.items()}
        if all(text is not None for text in texts.values()):
            return "\n\n".join(f"{key}:\n{text}" for key, text in texts.items())
    return _shown(output)


def _shown(value: Any) -> str:
    """A value as text: messages by role, documents by content, all else as JSON; nothing for None."""
    if value is None:
        return ""
    messages = value.get("messages") if isinstance(value, Mapping) else value
    if isinstance(messages, list) and messages and all(_is_message(item) for item in messages):
        return "\n".join(f"{item.get('type') or item.get('role')}: {_shown(item)}" for item in messages)
    text = _text_of(value)
    if isinstance(value, Mapping) and value.get("tool_calls"):
        return f"{text}\n{_json(value['tool_calls'])}".strip()
    return _json(value) if text is None else text


def _text_of(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        return None
    if isinstance(value.get("page_content"), str):
        return str(value["page_content"])
    content = value.get("content") if _is_message(value) else None
    if isinstance(content, list):
        return "".join(part if isinstance(part, str) else str(part.get("text", "")) for part in content)
    return content if isinstance(content, str) else None


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and "content" in value and ("type" in value or "role" in value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _cut(text: str) -> str:
    return (
        text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text) - MAX_SHOWN} more characters)"
    )


def _line(text: str) -> str:
    line = " ".join(text[:200].split())
    return line if len(line) <= 80 else f"{line[:79]}…"


def _input_line(value: Any) -> str:
    """Text as it is, ``topic: bears`` of an object."""
    if isinstance(value, Mapping) and _text_of(value) is None and "messages" not in value:
        return _line(", ".join(f"{key}: {_line(_shown(item))}" for key, item in value.items()))
    return _line(_shown(value))


def _tokens(run: Mapping[str, Any]) -> int:
    counted = (run["usage"] or {}).get("output_tokens")
    return int(counted) if counted is not None else len(run["streamed_output"])


def _tokens_text(run: Mapping[str, Any]) -> str:
    """The count, of models and of steps that stream text."""
    count = _tokens(run)
    texts = count > 1 and bool(run["streamed_output"]) and isinstance(run["streamed_output"][0], str)
    return f"{count:,}" if texts or (count and run["type"] in _MODELS) else ""


def _counted(count: int) -> str:
    return f"{count:,} token{'' if count == 1 else 's'}"


def _time(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def _ms(run: Mapping[str, Any]) -> float | None:
    if not (run["start_time"] and run["end_time"]):
        return None
    return 1000 * (_time(run["end_time"]) - _time(run["start_time"]))


def _duration(ms: float | None) -> str:
    """
    >>> _duration(12.4), _duration(1240), _duration(95_000)
    ('12 ms', '1.24 s', '1 min 35 s')
    """
    if ms is None:
        return ""
    if ms < 1:
        return "<1 ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 59_950:
        return f"{ms / 1000:.2f} s" if ms < 9_995 else f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    return f"{minutes} min {seconds:02} s"
