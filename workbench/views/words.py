"""What the forms of a run for readers without a kernel have in common: its steps in order, and figures and
values as words. The input is the document of ``workbench.live.state``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ..engine.runs import MODEL_TYPES
from ..text.visible import visible

__all__ = [
    "GLYPHS",
    "STATUS_WORDS",
    "Block",
    "Step",
    "blocks",
    "cost_words",
    "duration",
    "in_item_order",
    "input_line",
    "run_ms",
    "seconds",
    "shown",
    "steps",
    "summary",
    "title",
    "token_words",
    "visible",
]

STATUS_WORDS = {
    "waiting": "waiting",
    "streaming": "running",
    "done": "done",
    "failed": "failed",
    "cancelled": "stopped",
}
GLYPHS = {"waiting": "○", "streaming": "▸", "done": "✓", "failed": "✕", "cancelled": "■"}

Run = Mapping[str, Any]
_BRANCH = "map:key:"
_DEEPEST_BRANCH = 3


class Step(NamedTuple):
    """A run, its level in the tree, and the names from its root to it."""

    run: Run
    level: int
    path: str
    label: str
    """Its name, with its number in a batch or the key of its branch."""


class Block(NamedTuple):
    """A part of an output: its role or branch, and its text; no label for an output in one piece."""

    label: str
    text: str


def in_item_order(runs: list[Run]) -> list[Run]:
    """Roots as they started, but those of one batch by their items."""
    groups: list[list[Run]] = []
    items: set[int] | None = None
    for run in runs:
        item = run.get("item")
        if item is None or items is None or item in items:
            groups.append([])
            items = None if item is None else set()
        if items is not None and item is not None:
            items.add(item)
        groups[-1].append(run)
    return [run for group in groups for run in sorted(group, key=lambda run: run.get("item") or 0)]


def steps(document: Mapping[str, Any]) -> Iterator[Step]:
    """Runs with their level in the tree, each before those in it, in the order they started; branches of one
    parallel step in the order of their keys."""
    roots = in_item_order(document["runs"])
    for number, root in enumerate(roots, 1):
        logs = root.get("logs", {})
        children: dict[str | None, list[str]] = {}
        for key, run in logs.items():
            parent = run.get("parent")
            children.setdefault(parent if parent in logs else None, []).append(key)
        label = f"{item_number(root, number)}. " if len(roots) > 1 else ""
        yield Step(root, 0, label + root["name"], label + title(root))
        waiting = [(key, 1, root["name"]) for key in reversed(_by_branch(children.get(None, []), logs, root))]
        while waiting:
            key, level, above = waiting.pop()
            path = f"{above} > {title(logs[key])}"
            yield Step(logs[key], level, label + path, title(logs[key]))
            inner = _by_branch(children.pop(key, []), logs, logs[key])
            waiting += [(one, level + 1, path) for one in reversed(inner)]


def item_number(run: Run, place: int) -> int:
    """The number of a batch's item, from 1; of another run its *place*."""
    return run["item"] + 1 if isinstance(run.get("item"), int) else place


def _by_branch(keys: list[str], logs: Mapping[str, Run], around: Run) -> list[str]:
    order = _named_branches(around)
    if not order:
        return keys
    return sorted(keys, key=lambda key: min((order.get(b, 0) for b in _branches(logs[key])), default=0))


def _branches(run: Run) -> list[str]:
    return [tag.removeprefix(_BRANCH) for tag in run["tags"] if str(tag).startswith(_BRANCH)]


def _named_branches(run: Run) -> dict[str, int]:
    """The keys in a name like ``RunnableParallel<joke,poem>``, with their places."""
    match = re.search(r"<([^<>]+)>$", run["name"])
    return {key: place for place, key in enumerate(match[1].split(","))} if match else {}


def title(run: Run) -> str:
    """The name, with the key of the branch that a nested run is."""
    name = ": ".join([*_branches(run), run["name"]]) if "parent" in run else run["name"]
    return visible(name)


def summary(document: Mapping[str, Any]) -> str:
    """``done · 1.24 s · first token after 310 ms · 24 tokens · $0.0012``"""
    facts = [STATUS_WORDS[document["status"]]]
    roots = document["runs"]
    entries = [run for root in roots for run in (root, *root.get("logs", {}).values())]
    starts = [seconds(run["start_time"]) for run in roots if run["start_time"]]
    ends = [seconds(run["end_time"]) for run in roots if run["end_time"]]
    models = [run for run in entries if run["type"] in MODEL_TYPES]
    firsts = _firsts(roots) or _firsts(models)  # items of a batch do not stream
    if len(roots) > 1:
        facts.append(f"{len(roots):,} runs")
    if starts and ends:
        facts.append(duration(1000 * (max(ends) - min(starts))))
    if starts and firsts:
        facts.append(f"first token after {duration(1000 * (min(firsts) - min(starts)))}")
    if models:
        count = sum(_tokens(run) for run in models)
        facts.append(f"{count:,} token{'' if count == 1 else 's'}")
    costs = [cost for run in models if (cost := _cost(run)) is not None]
    if any(costs):
        facts.append(f"{'at least ' * (len(costs) < len(models))}{_money(sum(costs))}")
    return " · ".join(facts)


def _firsts(runs: list[Run]) -> list[float]:
    return [seconds(run["first_chunk_time"]) for run in runs if run["first_chunk_time"]]


def blocks(run: Run, around: Run | None = None) -> list[Block]:
    """What came out: the final output, or what had arrived of it; branches and messages one by one.
    *around*: the root, whose entries tell which keys are branches."""
    chunks = run["streamed_output"]
    output = run["final_output"]
    calls = output.get("tool_calls") if isinstance(output, Mapping) else None
    if chunks and not calls and all(isinstance(chunk, str) for chunk in chunks):
        return _block("", "".join(chunks))
    value = output if output is not None or not chunks else chunks[-1]
    entries = (around or run).get("logs", {}).values()
    order = {key: len(chunks) for entry in entries for key in _branches(entry)}
    for one in (run, *entries):
        order |= {key: place for key, place in _named_branches(one).items() if key in order}
    return list(_value_blocks(value, (), order))


def _value_blocks(value: Any, keys: tuple[str, ...], order: Mapping[str, int]) -> Iterator[Block]:
    if isinstance(value, Mapping) and len(keys) < _DEEPEST_BRANCH and any(key in order for key in value):
        for key in sorted(value, key=lambda key: order.get(key, len(order))):
            yield from _value_blocks(value[key], (*keys, key), order)
        return
    label = " > ".join(keys)
    messages = _messages(value)
    if messages is None:
        yield from _block(label, shown(value))
        return
    for message in messages:
        role = str(message.get("type") or message.get("role"))
        yield from _block(f"{label}: {role}" if label else role, shown(message))


def _block(label: str, text: str) -> list[Block]:
    return [Block(visible(label), visible(text))] if text else []


def shown(value: Any) -> str:
    """A value as text: messages by role, documents by content, all else as JSON; nothing for None."""
    if value is None:
        return ""
    if (messages := _messages(value)) is not None:
        return "\n".join(f"{item.get('type') or item.get('role')}: {shown(item)}" for item in messages)
    text = _text_of(value)
    if isinstance(value, Mapping) and value.get("tool_calls"):
        return f"{text}\n{_json(value['tool_calls'])}".strip()
    if isinstance(value, list) and value and all(_is_document(item) for item in value):
        return "\n\n".join(f"[{place}] {shown(item)}" for place, item in enumerate(value, 1))
    return _json(value) if text is None else text


def _messages(value: Any) -> list[Mapping[str, Any]] | None:
    inner = value.get("messages") if isinstance(value, Mapping) else value
    if isinstance(inner, list) and inner and all(_is_message(item) for item in inner):
        return inner
    return None


def _text_of(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        return None
    if _is_document(value):
        return str(value["page_content"])
    content = value.get("content") if _is_message(value) else None
    if isinstance(content, list):
        return "".join(
            part if isinstance(part, str) else str(part.get("text", "")) if isinstance(part, Mapping) else ""
            for part in content
        )
    return content if isinstance(content, str) else None


def _is_document(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("page_content"), str)


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and "content" in value and ("type" in value or "role" in value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _line(text: str) -> str:
    line = " ".join(visible(text[:200]).split())
    return line if len(line) <= 80 else f"{line[:79]}…"


def input_line(value: Any) -> str:
    """Text as it is, ``topic: bears`` of an object."""
    if isinstance(value, Mapping) and _text_of(value) is None and "messages" not in value:
        return _line(", ".join(f"{key}: {_line(shown(item))}" for key, item in value.items()))
    return _line(shown(value))


def _tokens(run: Run) -> int:
    counted = (run.get("call") or run["usage"] or {}).get("output_tokens")
    return int(counted) if counted is not None else len(run["streamed_output"])


def token_words(run: Run) -> str:
    """The count, of models and of steps that stream text."""
    count = _tokens(run)
    texts = count > 1 and bool(run["streamed_output"]) and isinstance(run["streamed_output"][0], str)
    return f"{count:,}" if texts or (count and run["type"] in MODEL_TYPES) else ""


def _cost(run: Run) -> float | None:
    cost = (run.get("call") or {}).get("cost_usd")
    return cost if isinstance(cost, int | float) else None


def cost_words(run: Run) -> str:
    """``$0.0012``; nothing where it is not known or nothing."""
    return _money(cost) if (cost := _cost(run)) else ""


def _money(usd: float) -> str:
    """
    >>> _money(0.00123456), _money(1.5)
    ('$0.00123', '$1.50')
    """
    return f"${usd:.2f}" if usd >= 0.1 else f"${usd:.3g}" if usd >= 1e-4 else f"${usd:.1e}"


def seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def run_ms(run: Run) -> float | None:
    if not (run["start_time"] and run["end_time"]):
        return None
    return 1000 * (seconds(run["end_time"]) - seconds(run["start_time"]))


def duration(ms: float | None) -> str:
    """
    >>> duration(12.4), duration(1240), duration(95_000)
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
    minutes, rest = divmod(round(ms / 1000), 60)
    return f"{minutes} min {rest:02} s"
