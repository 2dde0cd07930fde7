"""Messages from and to other forms: text, pairs, dicts, the JSON of OpenAI's API, JSON data, one text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ..text.excerpts import short_repr, typed_repr
from .chunks import (
    AIMessageChunk,
    BaseMessageChunk,
    ChatMessageChunk,
    FunctionMessageChunk,
    HumanMessageChunk,
    SystemMessageChunk,
    ToolMessageChunk,
)
from .content import openai_part
from .types import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
)

__all__ = [
    "convert_to_message",
    "convert_to_messages",
    "convert_to_openai_messages",
    "get_buffer_string",
    "message_class",
    "message_to_dict",
    "message_to_openai",
    "messages_from_dict",
    "messages_to_dict",
]

_ROLES: dict[str, type[BaseMessage]] = {
    "human": HumanMessage,
    "user": HumanMessage,
    "ai": AIMessage,
    "assistant": AIMessage,
    "system": SystemMessage,
    "developer": SystemMessage,
    "tool": ToolMessage,
    "function": FunctionMessage,
    "chat": ChatMessage,
    "remove": RemoveMessage,
}
_CHUNKS: dict[str, type[BaseMessage]] = {
    kind.__name__: kind
    for kind in (
        AIMessageChunk,
        ChatMessageChunk,
        FunctionMessageChunk,
        HumanMessageChunk,
        SystemMessageChunk,
        ToolMessageChunk,
    )
}
_OPENAI_ROLES = {
    "human": "user",
    "ai": "assistant",
    "system": "system",
    "tool": "tool",
    "function": "function",
}
OPENAI_ROLE = "__openai_role__"
"""In ``additional_kwargs``: the role that a message came in, where its class does not show it."""


def message_class(role: str) -> type[BaseMessage]:
    """The class for a role such as "user" or "system". ValueError names the roles there are."""
    try:
        return _ROLES[role]
    except (KeyError, TypeError):
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
        if role is not None and ("content" in fields or role == "remove"):
            return _from_fields(str(role), fields)
    elif isinstance(thing, Sequence) and len(thing) == 2:
        return _from_fields(thing[0], {"content": thing[1]})
    raise TypeError(
        "expected a message, text, ('role', 'content') or {'role': ..., 'content': ...}, "
        f"got {typed_repr(thing)}"
    )


def convert_to_messages(things: Any) -> list[BaseMessage]:
    """A list of messages from what models accept: text, a prompt value, or a list of messages, pairs and
    dicts. TypeError for anything else.

    >>> from workbench import convert_to_messages
    >>> convert_to_messages([("system", "Be brief."), {"role": "user", "content": "hi"}])
    [SystemMessage(content='Be brief.'), HumanMessage(content='hi')]
    """
    if hasattr(things, "to_messages"):
        return list(things.to_messages())
    if isinstance(things, str | BaseMessage):
        return [convert_to_message(things)]
    if isinstance(things, Sequence):
        return [convert_to_message(thing) for thing in things]
    raise TypeError(f"expected text, a list of messages or a PromptValue, got {typed_repr(things)}")


def message_to_openai(message: BaseMessage) -> dict[str, Any]:
    """A message as the chat completions API takes it. Images of every form go in the API's own, other parts
    of the content as they are.

    A system message that was given in the role "developer" is sent in it, as is
    ``ChatMessage(role="developer")``.
    """
    role = message.role if isinstance(message, ChatMessage) else _OPENAI_ROLES.get(message.type)
    if role is None:
        raise TypeError(f"a message of type {message.type!r} cannot be sent to a chat model")
    kept = message.additional_kwargs
    sent: dict[str, Any] = {"role": kept.get(OPENAI_ROLE, role), "content": _openai_content(message)}
    if message.name:
        sent["name"] = message.name
    if isinstance(message, ToolMessage):
        sent["tool_call_id"] = message.tool_call_id
    elif isinstance(message, AIMessage):
        if calls := [*map(_call, message.tool_calls), *map(_invalid_call, message.invalid_tool_calls)]:
            sent["tool_calls"] = calls
        for name in ("function_call", "refusal"):
            if name in kept:
                sent[name] = kept[name]
        if not message.content and len(sent) > 2:
            sent["content"] = None
    return sent


def convert_to_openai_messages(
    messages: Any, *, text_format: Literal["string", "block"] = "string"
) -> dict[str, Any] | list[dict[str, Any]]:
    """Messages, in any form that models accept, as the chat completions API takes them; one for one.

    text_format: content that is only text as "string" or as a list with one "block".

    >>> convert_to_openai_messages([("system", "Be brief."), "hi"])
    [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'hi'}]
    """
    if text_format not in ("string", "block"):
        raise ValueError(f'text_format: expected "string" or "block", got {text_format!r}')
    one = isinstance(messages, str | BaseMessage | Mapping)
    sent = [message_to_openai(message) for message in convert_to_messages([messages] if one else messages)]
    for message in sent:
        message["content"] = _formatted(message["content"], text_format)
    return sent[0] if one else sent


def message_to_dict(message: BaseMessage) -> dict[str, Any]:
    """``{"type": ..., "data": ...}``: JSON data that ``messages_from_dict`` reads."""
    kind = type(message).__name__ if isinstance(message, BaseMessageChunk) else message.type
    return {"type": kind, "data": message.model_dump()}


def messages_to_dict(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Each message as ``message_to_dict`` has it.

    >>> import json
    >>> from workbench import HumanMessage, messages_from_dict, messages_to_dict
    >>> saved = json.dumps(messages_to_dict([HumanMessage("hi")]))
    >>> messages_from_dict(json.loads(saved))
    [HumanMessage(content='hi')]
    """
    return [message_to_dict(message) for message in messages]


def messages_from_dict(messages: Sequence[Mapping[str, Any]]) -> list[BaseMessage]:
    """Messages from what ``messages_to_dict`` gave. ValueError for anything else.

    >>> from workbench import HumanMessage, messages_from_dict, messages_to_dict
    >>> messages_from_dict(messages_to_dict([HumanMessage("hi")]))
    [HumanMessage(content='hi')]
    """
    found = []
    for item in messages:
        if not isinstance(item, Mapping) or "type" not in item or "data" not in item:
            raise ValueError(f"expected {{'type': ..., 'data': ...}}, got {short_repr(item)}")
        kind = _CHUNKS.get(item["type"]) or message_class(item["type"])
        found.append(kind(**{key: value for key, value in item["data"].items() if key != "type"}))
    return found


def get_buffer_string(messages: Any, human_prefix: str = "Human", ai_prefix: str = "AI") -> str:
    """Messages as one text, a line each: ``Human: ...``. Requests to call tools or a function
    follow as JSON.

    >>> from workbench import get_buffer_string
    >>> print(get_buffer_string([("human", "hi"), ("ai", "hello")]))
    Human: hi
    AI: hello
    """
    names = {
        "human": human_prefix,
        "ai": ai_prefix,
        "system": "System",
        "tool": "Tool",
        "function": "Function",
    }
    lines = []
    for message in convert_to_messages(messages):
        who = message.role if isinstance(message, ChatMessage) else names.get(message.type, message.type)
        line = f"{who}: {message.text}"
        if isinstance(message, AIMessage) and message.tool_calls:
            line += json.dumps(message.tool_calls, ensure_ascii=False, default=str)
        elif called := message.additional_kwargs.get("function_call"):
            line += json.dumps(called, ensure_ascii=False, default=str)
        lines.append(line)
    return "\n".join(lines)


def _from_fields(role: str, fields: dict[str, Any]) -> BaseMessage:
    kind = _CHUNKS.get(role) or message_class(role)
    fields["content"] = fields.get("content") or ""
    fields.pop("type", None)
    if kind is RemoveMessage:
        return RemoveMessage(fields.get("id") or fields["content"])
    if role == "developer":
        fields["additional_kwargs"] = {**fields.get("additional_kwargs", {}), OPENAI_ROLE: role}
    if fields.get("tool_calls"):
        fields["tool_calls"], invalid = _tool_calls(fields["tool_calls"])
        if invalid:
            fields["invalid_tool_calls"] = [*fields.get("invalid_tool_calls", ()), *invalid]
    else:
        fields.pop("tool_calls", None)
    return kind(**fields)


def _tool_calls(calls: Sequence[Mapping[str, Any]]) -> tuple[list[ToolCall], list[dict[str, Any]]]:
    from .chunks import parse_tool_calls

    found: list[ToolCall] = []
    invalid: list[dict[str, Any]] = []
    for call in calls:
        if "function" not in call:
            found.append(ToolCall(name=call["name"], args=call["args"], id=call.get("id"), type="tool_call"))
            continue
        function = call["function"]  # as the OpenAI API has it
        piece = {
            "name": function["name"],
            "args": function.get("arguments"),
            "id": call.get("id"),
            "index": None,
        }
        valid, others = parse_tool_calls([piece])  # type: ignore[list-item]  # a ToolCallChunk
        found += valid
        invalid += others
    return found, invalid


def _openai_content(message: BaseMessage) -> Any:
    if isinstance(message.content, str):
        return message.content
    return [openai_part(part) for part in message.content]


def _formatted(content: Any, text_format: str) -> Any:
    if isinstance(content, str):
        return content if text_format == "string" else [{"type": "text", "text": content}]
    if text_format == "string" and content and all(part.get("type") == "text" for part in content):
        return "\n".join(part["text"] for part in content)
    return content


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": json.dumps(call["args"], ensure_ascii=False)}
    return {"id": call["id"], "type": "function", "function": function}


def _invalid_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": call.get("name") or "", "arguments": call.get("args") or ""}
    return {"id": call.get("id"), "type": "function", "function": function}
