"""Pieces of messages, as models stream them, and how they add up.

Chunks of one stream add with ``+``: text joins, parts and tool calls merge by their ``index``, usage sums.
``__concat__`` adds any number in one pass, which is what a run does with a stream.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from .types import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    Content,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolCall,
    ToolCallChunk,
    ToolMessage,
)

__all__ = [
    "AIMessageChunk",
    "BaseMessageChunk",
    "ChatMessageChunk",
    "FunctionMessageChunk",
    "HumanMessageChunk",
    "SystemMessageChunk",
    "ToolMessageChunk",
    "begins_another_call",
    "message_chunk_to_message",
    "parse_tool_calls",
    "whole_message",
]

_set = object.__setattr__
_KEPT = frozenset({"id", "type", "index", "name", "role"})
"""Keys that name something: when they are repeated they are not joined, as texts are."""


class BaseMessageChunk(BaseMessage):
    """A piece of a message; pieces add up.

    >>> from workbench import AIMessageChunk, BaseMessageChunk
    >>> chunk = AIMessageChunk("Hel")
    >>> isinstance(chunk, BaseMessageChunk), (chunk + AIMessageChunk("lo")).content
    (True, 'Hello')
    """

    _same: ClassVar[tuple[str, ...]] = ()
    """Fields that all pieces of one message have in common."""

    def __add__(self, other: Any) -> Self:  # pieces make a message, not a prompt
        others = other if isinstance(other, list | tuple) else [other]
        if not all(isinstance(one, BaseMessage) for one in others):
            return NotImplemented
        return type(self).__concat__([self, *others])

    @classmethod
    def __concat__(cls, parts: Sequence[Any]) -> Self:
        """The sum of chunks, in one pass. ValueError if they are of different messages."""
        fields = _sum_fields(parts)
        for name in cls._same:
            values = {getattr(part, name, None) for part in parts}
            if len(values) > 1:
                raise ValueError(f"{cls.__name__}: pieces with different {name} do not add up: {values}")
            fields[name] = values.pop()
        return cls(**fields)


class HumanMessageChunk(HumanMessage, BaseMessageChunk):
    """A piece of a human message.

    >>> from workbench import HumanMessageChunk
    >>> HumanMessageChunk("Hel") + HumanMessageChunk("lo")
    HumanMessageChunk(content='Hello')
    """


class SystemMessageChunk(SystemMessage, BaseMessageChunk):
    """A piece of a system message.

    >>> from workbench import SystemMessageChunk
    >>> SystemMessageChunk("Be ") + SystemMessageChunk("brief.")
    SystemMessageChunk(content='Be brief.')
    """


class FunctionMessageChunk(FunctionMessage, BaseMessageChunk):
    """A piece of a function's result.

    >>> from workbench import FunctionMessageChunk
    >>> FunctionMessageChunk("4", name="add") + FunctionMessageChunk("2", name="add")
    FunctionMessageChunk(content='42', name='add')
    """

    _same = ("name",)


class ChatMessageChunk(ChatMessage, BaseMessageChunk):
    """A piece of a message in some role.

    >>> from workbench import ChatMessageChunk
    >>> ChatMessageChunk("To be, ", role="hamlet") + ChatMessageChunk("or not", role="hamlet")
    ChatMessageChunk(content='To be, or not', role='hamlet')
    """

    _same = ("role",)


class ToolMessageChunk(ToolMessage, BaseMessageChunk):
    """A piece of a tool's result; if one piece is an error, the whole is one.

    >>> from workbench import ToolMessageChunk
    >>> ToolMessageChunk("4", tool_call_id="call-1") + ToolMessageChunk("2", tool_call_id="call-1")
    ToolMessageChunk(content='42', tool_call_id='call-1')
    """

    _same = ("tool_call_id",)

    @classmethod
    def __concat__(cls, parts: Sequence[Any]) -> Self:
        whole = super().__concat__(parts)
        for part in parts:
            if part.artifact is not None:
                whole.artifact = part.artifact
            if part.status == "error":
                whole.status = "error"
        return whole


class AIMessageChunk(AIMessage, BaseMessageChunk):
    """A piece of a model's answer. The last one of a stream has ``chunk_position="last"``.

    ``tool_calls`` holds those whose arguments are a JSON object by now, or the beginning of one as long as
    the answer goes on.

    >>> from workbench import AIMessageChunk
    >>> AIMessageChunk("Hel") + AIMessageChunk("lo")
    AIMessageChunk(content='Hello')
    """

    tool_call_chunks: list[ToolCallChunk] = Field(default_factory=list)
    chunk_position: Literal["last"] | None = None

    @model_validator(mode="after")
    def _read_tool_calls(self) -> Self:
        if self.tool_call_chunks and not self.tool_calls and not self.invalid_tool_calls:
            growing = self.chunk_position is None
            calls, invalid = parse_tool_calls(self.tool_call_chunks, growing=growing)
            self.__dict__["tool_calls"], self.__dict__["invalid_tool_calls"] = calls, invalid
        return self

    @classmethod
    def _of_text(cls, text: str, id: str | None = None) -> Self:
        """A piece that is only text, unchecked: what ``cls(content=text, id=id)`` makes, ten times as
        fast. Tokens come by the thousand."""
        chunk = cls.__new__(cls)
        _set(
            chunk,
            "__dict__",
            {
                "content": text,
                "additional_kwargs": {},
                "response_metadata": {},
                "type": "ai",
                "name": None,
                "id": id,
                "example": False,
                "tool_calls": [],
                "invalid_tool_calls": [],
                "usage_metadata": None,
                "tool_call_chunks": [],
                "chunk_position": None,
            },
        )
        _set(chunk, "__pydantic_fields_set__", {"content", "id"})
        _set(chunk, "__pydantic_extra__", {})
        _set(chunk, "__pydantic_private__", None)
        return chunk

    @classmethod
    def __concat__(cls, parts: Sequence[Any]) -> Self:
        fields = _sum_fields(parts)
        pieces = [piece for part in parts for piece in getattr(part, "tool_call_chunks", ())]
        if pieces:
            fields["tool_call_chunks"] = _merge_tool_calls(pieces)
        elif calls := [call for part in parts for call in getattr(part, "tool_calls", ())]:
            fields["tool_calls"] = calls
        if any(getattr(part, "chunk_position", None) for part in parts):
            fields["chunk_position"] = "last"
        return cls(**fields)


def message_chunk_to_message(chunk: BaseMessage) -> BaseMessage:
    """The whole message that a chunk stands for; any other message is returned as it is.

    >>> from workbench import AIMessageChunk, message_chunk_to_message
    >>> message_chunk_to_message(AIMessageChunk("Hel") + AIMessageChunk("lo"))
    AIMessage(content='Hello')
    """
    if not isinstance(chunk, BaseMessageChunk):
        return chunk
    kind: type[BaseMessage] = type(chunk).__mro__[1]
    fields = {name: getattr(chunk, name) for name in kind.model_fields if name != "type"}
    return kind(**fields)


def whole_message(value: Any) -> Any:
    """The answer of a model that its chunks add up to; anything else is returned as it is."""
    if not isinstance(value, AIMessageChunk):
        return value
    return AIMessage(**{name: getattr(value, name) for name in AIMessage.model_fields})


def parse_tool_calls(
    pieces: Sequence[ToolCallChunk], *, growing: bool = False
) -> tuple[list[ToolCall], list[dict[str, Any]]]:
    """The calls whose arguments are a JSON object by now, and the others. *growing*: more is to come, so
    that the beginning of an object will do."""
    calls: list[ToolCall] = []
    invalid: list[dict[str, Any]] = []
    for piece in pieces:
        try:
            args = _arguments(piece["args"] or "{}", growing)
        except (ValueError, RecursionError) as error:  # no JSON, or too deep
            invalid.append({**piece, "type": "invalid_tool_call", "error": str(error)})
            continue
        if isinstance(args, dict):
            calls.append(ToolCall(name=piece["name"] or "", args=args, id=piece["id"], type="tool_call"))
        else:
            invalid.append({**piece, "type": "invalid_tool_call", "error": "arguments are no JSON object"})
    return calls, invalid


def _arguments(text: str, growing: bool) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        if not growing:
            raise
    from ..text.partial_json import parse_partial_json

    return parse_partial_json(text)


def _sum_fields(parts: Sequence[BaseMessage]) -> dict[str, Any]:
    fields: dict[str, Any] = {"content": _join_contents([part.content for part in parts])}
    for name in ("id", "name"):
        fields[name] = next((value for part in parts if (value := getattr(part, name))), None)
    kept = [part.additional_kwargs for part in parts if part.additional_kwargs]
    fields["additional_kwargs"] = _merge_dicts(kept) if kept else {}
    about: dict[str, Any] = {}
    for part in parts:
        if part.response_metadata:
            about.update(part.response_metadata)
    fields["response_metadata"] = about
    usages = [usage for part in parts if (usage := getattr(part, "usage_metadata", None))]
    if usages:
        fields["usage_metadata"] = _sum_usage(usages)
    return fields


def _join_contents(contents: Sequence[Content]) -> Content:
    if all(type(content) is str for content in contents):
        return "".join(contents)  # type: ignore[arg-type]  # all text
    items: list[Any] = []
    for content in contents:
        items.extend([content] if isinstance(content, str) else content)
    joined: list[Any] = []
    for part in items:
        if part == "":
            continue
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return _merge_list(joined)


def _merge_list(items: Sequence[Any]) -> list[Any]:
    """Items in order; dicts with the same ``index`` become one."""
    merged: list[Any] = []
    same: dict[Any, tuple[int, list[dict[str, Any]]]] = {}
    for item in items:
        index = item.get("index") if isinstance(item, dict) else None
        if index in same:
            same[index][1].append(item)
            continue
        if index is not None:
            same[index] = (len(merged), [item])
        merged.append(item)
    for place, pieces in same.values():
        merged[place] = _merge_dicts(pieces)
    return merged


def _merge_dicts(dicts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Values by key: texts join, lists and dicts merge, names and ids stay, all else is replaced."""
    values: dict[str, list[Any]] = {}
    for item in dicts:
        for key, value in item.items():
            values.setdefault(key, []).append(value)
    return {key: _merge_values(key, found) for key, found in values.items()}


def _merge_values(key: str, values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return known[0] if known else None
    if all(isinstance(value, str) for value in known):
        return known[0] if key in _KEPT else "".join(known)
    if all(isinstance(value, Mapping) for value in known):
        return _merge_dicts(known)
    if all(isinstance(value, list) for value in known):
        return _merge_list([item for value in known for item in value])
    return known[-1]


def _sum_usage(usages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    total: dict[str, Any] = {}
    for usage in usages:
        for key, value in usage.items():
            have = total.get(key)
            if isinstance(value, Mapping):
                total[key] = _sum_usage([have or {}, value])
            else:
                total[key] = (have or 0) + (value or 0)
    return total


def _merge_tool_calls(pieces: Sequence[ToolCallChunk]) -> list[ToolCallChunk]:
    merged: list[ToolCallChunk] = []
    arguments: list[list[str]] = []
    at: dict[int, int] = {}  # the place of the call that goes on under an index
    for piece in pieces:
        index = piece["index"]
        place = at.get(index) if index is not None else None
        if place is None or begins_another_call(piece, merged[place]["id"]):
            place = len(merged)
            merged.append(ToolCallChunk(**piece))
            arguments.append([])
            if index is not None:
                at[index] = place
        else:
            whole = merged[place]
            whole["name"] = whole["name"] or piece["name"]
            whole["id"] = whole["id"] or piece["id"]
        arguments[place].append(piece["args"] or "")
    for whole, texts in zip(merged, arguments, strict=True):
        if whole["index"] is not None:
            whole["args"] = "".join(texts)
    return merged


def begins_another_call(piece: Mapping[str, Any], known_id: str | None) -> bool:
    """Whether a piece is not of the call of *known_id* that has its index: some servers number every call 0.
    Others give each piece of a call an id, but only the first one a name."""
    return bool(known_id and piece.get("id") and piece.get("name")) and piece["id"] != known_id
