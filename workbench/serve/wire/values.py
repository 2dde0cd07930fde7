"""Values on the wire: messages, documents and prompt values as JSON objects that say their ``type``.

This is LangServe's form: an object whose ``type`` names one of the known classes, and that has the fields of
that class, becomes an instance of it; all others stay dicts. Between our own clients and servers (*typed*)
JSON objects also say which dicts add up and which lists are tuples, and leave out fields that have their
defaults.

A value without a JSON form is an error (ValueError) in an output, and a short repr in the records of a run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from ...engine.chunks import AddableDict, GrowingList, GrowingText, replacing
from ...messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    BaseMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)
from ...prompts.values import ChatPromptValue, ChatPromptValueConcrete, StringPromptValue
from ...retrieval.documents import Document
from ...tracing.encode import cut

__all__ = ["adds_up", "dumps", "from_wire", "to_wire"]

MARK = "__workbench__"
"""The key of a typed object that is no plain dict."""

_MESSAGES: tuple[type[BaseMessage], ...] = (
    *(AIMessage, HumanMessage, ChatMessage, SystemMessage, FunctionMessage, ToolMessage, RemoveMessage),
    *(AIMessageChunk, HumanMessageChunk, ChatMessageChunk, SystemMessageChunk, FunctionMessageChunk),
    ToolMessageChunk,
)
_CHUNKS = [kind for kind in _MESSAGES if issubclass(kind, BaseMessageChunk)]
_OTHERS: tuple[type[BaseModel], ...] = (Document, StringPromptValue, ChatPromptValue, ChatPromptValueConcrete)
_KINDS: dict[str, type[BaseModel]] = {
    **{kind.model_fields["type"].default: kind for kind in _MESSAGES if kind not in _CHUNKS},
    **{kind.__name__: kind for kind in (*_CHUNKS, *_OTHERS)},
}


def to_wire(value: Any, *, typed: bool = False, strict: bool = False) -> Any:
    """JSON data for *value*. *strict*: ValueError for what has no JSON form, instead of its repr.

    >>> to_wire({"topic": HumanMessage("hi")}, typed=True)
    {'topic': {'content': 'hi', 'type': 'human'}}
    """
    try:
        return _to_wire(value, typed, strict)
    except Exception:  # whatever a user's methods raise, and what holds itself
        if strict:
            raise
        return _short_repr(value)


def _to_wire(value: Any, typed: bool, strict: bool) -> Any:
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        return value if value.bit_length() <= _LARGEST_INT_BITS else _other(value, strict)
    if kind is float:
        return value if math.isfinite(value) else None
    if issubclass(kind, Mapping):
        pairs = {
            key if type(key) is str else str(key): _to_wire(item, typed, strict)
            for key, item in value.items()
        }
        if typed and isinstance(value, AddableDict) and kind is AddableDict:
            latest = {"latest": sorted(value.latest)} if value.latest else {}
            return {MARK: "adds", "value": pairs, **latest}
        return {MARK: "dict", "value": pairs} if typed and MARK in pairs else pairs
    if kind is GrowingText:
        return {MARK: "grows", "value": str(value)} if typed else str(value)
    if issubclass(kind, list | tuple | set | frozenset):
        items = [_to_wire(item, typed, strict) for item in value]
        mark = _MARKS.get(kind) if typed else None
        return items if mark is None else {MARK: mark, "value": items}
    if issubclass(kind, BaseModel):
        return _object(value, typed, strict)
    return _other(value, strict)


def from_wire(value: Any, *, typed: bool = False) -> Any:
    """The value that *value*, JSON data, stands for.

    >>> from_wire({"type": "human", "content": "hi"}), from_wire({"type": "human"})
    (HumanMessage(content='hi'), {'type': 'human'})
    """
    if isinstance(value, list):
        return [from_wire(item, typed=typed) for item in value]
    if not isinstance(value, dict):
        return value
    if typed and MARK in value:
        inner = value.get("value")
        if value[MARK] == "tuple":
            return tuple(from_wire(inner, typed=True))
        if value[MARK] == "grows":
            return replacing(from_wire(inner, typed=True))
        plain = {key: from_wire(item, typed=True) for key, item in (inner or {}).items()}
        if value[MARK] != "adds":
            return plain
        adds = AddableDict(plain)
        if "latest" in value:
            adds.latest = frozenset(value["latest"])
        return adds
    fields = {key: from_wire(item, typed=typed) for key, item in value.items()}
    known = _KINDS.get(name) if isinstance(name := value.get("type"), str) else None
    if known is None:
        return fields
    try:
        if issubclass(known, BaseMessageChunk):
            fields = {**fields, "type": known.model_fields["type"].default}
        return known.model_validate(fields)
    except (ValueError, TypeError):
        return fields


_MARKS: dict[Any, str] = {tuple: "tuple", GrowingList: "grows"}
_PLAIN = (str, dict, int, float, bool, tuple, list, GrowingText, GrowingList)


def adds_up(chunk: Any) -> bool:
    """Whether a chunk adds up at the other end as it does here."""
    kind = type(chunk)
    if kind is AddableDict:
        return all(map(adds_up, chunk.values()))
    return chunk is None or kind in _PLAIN or kind in _CHUNKS


def dumps(data: Any) -> str:
    """JSON text that any client can read line by line.

    Characters that some of them take for line ends (U+2028, U+0085, ...) are escaped, halves of surrogate
    pairs are replaced.

    >>> dumps(["ü", chr(0x2028)])
    '["ü","\\\\u2028"]'
    """
    text = _encode(data)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.translate(_LINE_ENDS)


_encode: Callable[[Any], str] = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":")
).encode
_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x7F, 0x85, 0x2028, 0x2029)}


def _object(value: BaseModel, typed: bool, strict: bool) -> Any:
    name = _name_of(type(value))
    if name is None:
        return _other(value, strict)
    if isinstance(value, ChatPromptValue):
        messages = [_to_wire(message, typed, strict) for message in value.messages]
        return {"messages": messages, "type": name}
    fields = {**value.__dict__, **(value.__pydantic_extra__ or {})}
    if typed:
        fields = {key: item for key, item in fields.items() if not _is_empty(item)}
    data = {key: _to_wire(item, typed, strict) for key, item in fields.items()}
    if "content" in value.__dict__ and "content" not in data:
        data["content"] = to_wire(value.__dict__["content"])
    if "page_content" in value.__dict__:
        data["page_content"] = value.__dict__["page_content"]
    data["type"] = name
    return data


def _is_empty(item: Any) -> bool:
    return item is None or item is False or (type(item) in (list, dict) and not item)


def _name_of(kind: type[Any]) -> str | None:
    """The ``type`` under which instances of a class are known, as those of its nearest known base."""
    try:
        return _names[kind]
    except KeyError:
        found = next((name for base in kind.__mro__ for name, known in _KINDS.items() if known is base), None)
        return _names.setdefault(kind, found)


_names: dict[type[Any], str | None] = {}


def _other(value: Any, strict: bool) -> Any:
    if issubclass(type(value), BaseException):
        return f"{type(value).__name__}: {value}"
    if issubclass(type(value), int) and value.bit_length() > _LARGEST_INT_BITS:
        if strict:
            raise _no_json(value)
        return f"(an integer of {value.bit_length():,} bits)"
    try:
        if strict:
            return _finite(to_jsonable_python(value))
        return _finite(to_jsonable_python(value, fallback=_short_repr))
    except Exception as error:  # pydantic's own, or what a user's serializer raises
        if strict:
            raise _no_json(value) from error
        return _short_repr(value)


_LARGEST_INT_BITS = 14_000
"""Python writes integers of up to 4,300 digits as text."""


def _no_json(value: Any) -> ValueError:
    return ValueError(
        f"a value of type {type(value).__name__} has no JSON form; what travels are texts, numbers, "
        "dicts, lists, messages, documents and pydantic models"
    )


def _short_repr(value: Any) -> str:
    try:
        return cut(repr(value), 500)
    except Exception as error:  # a user's repr
        return f"<{type(value).__name__}: repr raised {type(error).__name__}>"


def _finite(value: Any) -> Any:
    """Without what JSON has no number for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
