"""Inputs and outputs as text: messages by their roles, branches by their keys."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..text.visible import visible
from .document import Run, branch_places

__all__ = ["Block", "blocks", "input_blocks", "input_line", "shown"]

_DEEPEST_BRANCH = 3


class Block(NamedTuple):
    """A part of an output: its role or branch, and its text; no label for an output in one piece."""

    label: str
    text: str


def blocks(run: Run) -> list[Block]:
    """The final output of a run, or what had arrived of it: a block for each message and, of a root run, for
    each branch."""
    chunks = run["streamed_output"]
    output = run["final_output"]
    calls = output.get("tool_calls") if isinstance(output, Mapping) else None
    if chunks and not calls and all(isinstance(chunk, str) for chunk in chunks):
        return _block("", "".join(chunks))
    value = output if output is not None or not chunks else chunks[-1]
    return list(_value_blocks(value, (), branch_places(run)))


def input_blocks(value: Any) -> list[Block]:
    """The same of an input."""
    return list(_value_blocks(value, (), {}))


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
