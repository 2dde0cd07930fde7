"""Messages: what chat models take and give, whole or in chunks that add up.

Content is text, or a list of parts (text or dicts such as ``{"type": "text", "text": ...}``). Chunks of one
stream add with ``+``: text joins, usage sums, tool calls merge by their ``index``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict  # pydantic asks for this one below Python 3.12

from ..runnables.schema import Described

__all__ = [
    "AIMessage",
    "AIMessageChunk",
    "AnyMessage",
    "BaseMessage",
    "ChatMessage",
    "FunctionMessage",
    "HumanMessage",
    "HumanMessageChunk",
    "SystemMessage",
    "SystemMessageChunk",
    "ToolCall",
    "ToolCallChunk",
    "ToolMessage",
    "UsageMetadata",
    "convert_to_messages",
    "get_buffer_string",
]

Content = str | list[str | dict[str, Any]]


class UsageMetadata(TypedDict, total=False):
    """Tokens of one call; the details are the provider's own."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


class ToolCall(TypedDict):
    """A model's request to call a tool."""

    name: str
    args: dict[str, Any]
    id: str | None
    type: Literal["tool_call"]


class ToolCallChunk(TypedDict):
    """A piece of a tool call; pieces with the same index add up, ``args`` being JSON text."""

    name: str | None
    args: str | None
    id: str | None
    index: int | None


_ABOUT_THE_CALL = ("id", "response_metadata", "usage_metadata", "chunk_position")


class BaseMessage(Described):
    """A message; its ``type`` says who speaks. Its repr says what it says; ``str`` and views also say what
    is known of the call that it came from."""

    model_config = ConfigDict(extra="allow")

    content: Content
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)
    response_metadata: dict[str, Any] = Field(default_factory=dict)
    type: str
    name: str | None = None
    id: str | None = None

    _titles: ClassVar[dict[str, str]] = {"ai": "Ai", "human": "Human", "system": "System", "tool": "Tool"}

    def __init__(self, content: Content | None = None, /, **fields: Any) -> None:
        if content is not None:
            fields["content"] = content
        super().__init__(**fields)

    @property
    def text(self) -> str:
        """The text of the content, without its other parts."""
        if isinstance(self.content, str):
            return self.content
        return "".join(
            part if isinstance(part, str) else str(part.get("text", ""))
            for part in self.content
            if isinstance(part, str) or part.get("type", "text") == "text"
        )

    def pretty_repr(self) -> str:
        """The message under a heading that names the speaker."""
        title = f" {self._titles.get(self.type, self.type.title())} Message "
        return f"{title:=^80}\n\n{self.text}"

    def pretty_print(self) -> None:
        print(self.pretty_repr())

    def __view_data__(self) -> dict[str, Any]:
        """What a view shows: the fields that say something."""
        return {"type": self.type, "content": self.content, **self._said()}

    def _said(self) -> dict[str, Any]:
        fields = type(self).model_fields
        said = {}
        for name, field in fields.items():
            value = getattr(self, name)
            if name in ("content", "type") or value in (None, [], {}) or value == field.default:
                continue
            said[name] = value
        return said

    def __repr_args__(self) -> Any:
        yield "content", self.content
        yield from ((name, value) for name, value in self._said().items() if name not in _ABOUT_THE_CALL)

    def __str__(self) -> str:
        said = {"content": self.content, **self._said()}
        return " ".join(f"{key}={value!r}" for key, value in said.items())


class HumanMessage(BaseMessage):
    """A Message from a human."""

    type: Literal["human"] = "human"
    example: bool = False


class SystemMessage(BaseMessage):
    """A Message for priming AI behavior, usually passed in as the first of a sequence
    of input messages."""

    type: Literal["system"] = "system"


class AIMessage(BaseMessage):
    """A Message from an AI."""

    type: Literal["ai"] = "ai"
    example: bool = False
    tool_calls: list[ToolCall] = Field(default_factory=list)
    invalid_tool_calls: list[dict[str, Any]] = Field(default_factory=list)
    usage_metadata: dict[str, Any] | None = None


class ToolMessage(BaseMessage):
    """A Message for passing the result of executing a tool back to a model."""

    type: Literal["tool"] = "tool"
    tool_call_id: str
    artifact: Any = None
    status: Literal["success", "error"] = "success"


class FunctionMessage(BaseMessage):
    """A Message for passing the result of executing a function back to a model."""

    type: Literal["function"] = "function"
    name: str


class ChatMessage(BaseMessage):
    """A Message that can be assigned an arbitrary speaker (i.e. role)."""

    type: Literal["chat"] = "chat"
    role: str


AnyMessage = AIMessage | HumanMessage | ChatMessage | SystemMessage | FunctionMessage | ToolMessage


class _Chunk(BaseMessage):
    """A piece of a message; pieces add up."""

    def __add__(self, other: Any) -> Self:
        if not isinstance(other, BaseMessage):
            return NotImplemented
        return type(self).__concat__([self, other])

    @classmethod
    def __concat__(cls, parts: Sequence[Any]) -> Self:
        """The sum of chunks, in one pass."""
        return cls(**_sum_fields(parts))


class HumanMessageChunk(HumanMessage, _Chunk):
    """A piece of a human message."""


class SystemMessageChunk(SystemMessage, _Chunk):
    """A piece of a system message."""


class AIMessageChunk(AIMessage, _Chunk):
    """A piece of a model's answer. The last one of a stream has ``chunk_position="last"``."""

    tool_call_chunks: list[ToolCallChunk] = Field(default_factory=list)
    chunk_position: Literal["last"] | None = None

    @classmethod
    def __concat__(cls, parts: Sequence[Any]) -> Self:
        fields = _sum_fields(parts)
        pieces = [piece for part in parts for piece in getattr(part, "tool_call_chunks", ())]
        if pieces:
            merged = _merge_tool_calls(pieces)
            fields["tool_call_chunks"] = merged
            fields["tool_calls"], fields["invalid_tool_calls"] = parse_tool_calls(merged)
        if any(getattr(part, "chunk_position", None) for part in parts):
            fields["chunk_position"] = "last"
        return cls(**fields)


def _sum_fields(parts: Sequence[BaseMessage]) -> dict[str, Any]:
    fields: dict[str, Any] = {"content": _join_contents([part.content for part in parts])}
    for name in ("id", "name"):
        fields[name] = next((value for part in parts if (value := getattr(part, name))), None)
    for name in ("additional_kwargs", "response_metadata"):
        merged: dict[str, Any] = {}
        for part in parts:
            merged.update(getattr(part, name))
        fields[name] = merged
    usages = [usage for part in parts if (usage := getattr(part, "usage_metadata", None))]
    if usages:
        fields["usage_metadata"] = _sum_usage(usages)
    calls = [call for part in parts for call in getattr(part, "tool_calls", ())]
    if calls:
        fields["tool_calls"] = calls
    return fields


def _join_contents(contents: Sequence[Content]) -> Content:
    if all(type(content) is str for content in contents):
        return "".join(contents)  # type: ignore[arg-type]  # all text
    parts: list[str | dict[str, Any]] = []
    for content in contents:
        for part in [content] if isinstance(content, str) else content:
            if part == "":
                continue
            if isinstance(part, str) and parts and isinstance(parts[-1], str):
                parts[-1] += part
            else:
                parts.append(part)
    return parts


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
    at: dict[int, ToolCallChunk] = {}
    arguments: dict[int, list[str]] = {}
    for piece in pieces:
        index = piece["index"]
        whole = at.get(index) if index is not None else None
        if whole is None:
            whole = ToolCallChunk(**piece)
            merged.append(whole)
            if index is not None:
                at[index] = whole
                arguments[index] = []
        else:
            whole["name"] = whole["name"] or piece["name"]
            whole["id"] = whole["id"] or piece["id"]
        if index is not None:
            arguments[index].append(piece["args"] or "")
    for index, texts in arguments.items():
        at[index]["args"] = "".join(texts)
    return merged


def parse_tool_calls(pieces: Sequence[ToolCallChunk]) -> tuple[list[ToolCall], list[dict[str, Any]]]:
    """The calls whose arguments are a JSON object by now, and the others."""
    calls: list[ToolCall] = []
    invalid: list[dict[str, Any]] = []
    for piece in pieces:
        try:
            args = json.loads(piece["args"] or "{}")
        except (ValueError, RecursionError) as error:  # no JSON, or too deep
            invalid.append({**piece, "type": "invalid_tool_call", "error": str(error)})
            continue
        if isinstance(args, dict):
            calls.append(ToolCall(name=piece["name"] or "", args=args, id=piece["id"], type="tool_call"))
        else:
            invalid.append({**piece, "type": "invalid_tool_call", "error": "arguments are no JSON object"})
    return calls, invalid


_ROLES: dict[str, type[BaseMessage]] = {
    "human": HumanMessage,
    "user": HumanMessage,
    "ai": AIMessage,
    "assistant": AIMessage,
    "system": SystemMessage,
    "developer": SystemMessage,
    "tool": ToolMessage,
    "function": FunctionMessage,
}


def message_class(role: str) -> type[BaseMessage]:
    """The class for a role such as "user" or "system". ValueError names the roles there are."""
    try:
        return _ROLES[role]
    except KeyError:
        raise ValueError(f"unknown role {role!r}: expected one of {', '.join(_ROLES)}") from None


def convert_to_message(thing: Any) -> BaseMessage:
    """A message from a message, text (a human's), ``(role, content)`` or a dict with role and content."""
    if isinstance(thing, BaseMessage):
        return thing
    if isinstance(thing, str):
        return HumanMessage(content=thing)
    if isinstance(thing, Mapping):
        fields = dict(thing)
        role = fields.pop("role", None) or fields.pop("type", None)
        if role is not None and "content" in fields:
            fields["content"] = fields["content"] or ""
            if "tool_calls" in fields:
                fields["tool_calls"] = [_tool_call(call) for call in fields["tool_calls"]]
            return message_class(str(role))(**fields)
    elif isinstance(thing, Sequence) and len(thing) == 2:
        return message_class(thing[0])(thing[1])
    raise TypeError(
        "expected a message, text, ('role', 'content') or {'role': ..., 'content': ...}, "
        f"got {type(thing).__name__}: {thing!r:.80}"
    )


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    if "function" in call:  # as the OpenAI API has it
        function = call["function"]
        args = json.loads(function.get("arguments") or "{}")
        return ToolCall(name=function["name"], args=args, id=call.get("id"), type="tool_call")
    return ToolCall(name=call["name"], args=call["args"], id=call.get("id"), type="tool_call")


def convert_to_messages(things: Any) -> list[BaseMessage]:
    """A list of messages from what models accept: text, a prompt value, or a list of messages, pairs and
    dicts. TypeError says what came otherwise."""
    if hasattr(things, "to_messages"):
        return list(things.to_messages())
    if isinstance(things, str | BaseMessage):
        return [convert_to_message(things)]
    if isinstance(things, Sequence):
        return [convert_to_message(thing) for thing in things]
    raise TypeError(
        f"expected text, a list of messages or a PromptValue, got {type(things).__name__}: {things!r:.80}"
    )


def get_buffer_string(messages: Any, human_prefix: str = "Human", ai_prefix: str = "AI") -> str:
    """Messages as one text, a line each: ``Human: ...``."""
    names = {
        "human": human_prefix,
        "ai": ai_prefix,
        "system": "System",
        "tool": "Tool",
        "function": "Function",
    }
    return "\n".join(
        f"{message.role if isinstance(message, ChatMessage) else names.get(message.type, message.type)}: "
        f"{message.text}"
        for message in convert_to_messages(messages)
    )
