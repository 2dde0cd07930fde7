"""Input and output of a tool: plain arguments and a plain result, or a tool call and a ToolMessage."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from ..messages import ToolMessage
from ..text.excerpts import short_repr, typed_repr

__all__ = ["ToolRequest", "is_tool_call", "without_hidden"]

_MASK = "**********"


class CalledTool(Protocol):
    """What a call needs to know of its tool, which is a ``BaseTool``."""

    name: str

    @property
    def args(self) -> dict[str, Any]: ...
    @property
    def tool_call_schema(self) -> type[BaseModel] | dict[str, Any]: ...
    def _arguments(self) -> Any: ...


def is_tool_call(input: Any) -> bool:
    return isinstance(input, Mapping) and input.get("type") == "tool_call" and "args" in input


def without_hidden(input: Any, injected: Collection[str], secret: Collection[str]) -> Any:
    """What a tool was called with, as others may see it: without injected arguments, secret ones masked.

    >>> without_hidden({"x": 1, "user": "me", "key": "k"}, {"user"}, {"key"})
    {'x': 1, 'key': '**********'}
    """
    if is_tool_call(input):
        return {**input, "args": without_hidden(input["args"], injected, secret)}
    if isinstance(input, str):
        return _MASK if secret else input
    if not isinstance(input, Mapping) or not (injected or secret):
        return input
    return {key: _MASK if key in secret else value for key, value in input.items() if key not in injected}


@dataclass
class ToolRequest:
    """What a tool was called with. ``call_id`` is None unless it is a tool call."""

    tool: CalledTool
    arguments: dict[str, Any]
    call_id: str | None

    @classmethod
    def of(cls, tool: CalledTool, input: Any, extra: Mapping[str, Any]) -> ToolRequest:
        call_id = None
        if isinstance(input, Mapping):
            if is_tool_call(input):
                call_id, input = input.get("id") or "", input["args"]
            if not isinstance(input, Mapping):
                raise TypeError(f"tool {tool.name!r}: expected 'args' to be a dict, got {typed_repr(input)}")
            arguments = input
        elif isinstance(input, str):
            arguments = {_only_argument(tool, input): input}
        else:
            raise _misfit(tool, input)
        # A tool that changes its arguments must not change the message that they came in.
        injected = tool._arguments().injected
        own = {key: value if key in injected else _copied(value) for key, value in arguments.items()}
        return cls(tool, {**own, **extra}, call_id)

    def answer(self, content: Any, artifact: Any, *, failed: bool = False) -> Any:
        """The output of the tool: bare, or as a message if this is a tool call."""
        if self.call_id is None or issubclass(type(content), ToolMessage):
            return content
        return ToolMessage(
            content=_as_content(content),
            artifact=artifact,
            name=self.tool.name,
            tool_call_id=self.call_id,
            status="error" if failed else "success",
        )


def _only_argument(tool: CalledTool, text: str) -> str:
    """The argument that a bare text is for."""
    schema = tool.tool_call_schema
    if isinstance(schema, dict):
        names, required = list(schema.get("properties", ())), list(schema.get("required", ()))
    else:
        fields = {field.alias or name: field for name, field in schema.model_fields.items()}
        names, required = list(fields), [name for name, field in fields.items() if field.is_required()]
    candidates: list[str] = required if len(required) == 1 else names
    if len(candidates) != 1:
        raise _misfit(tool, text)
    return candidates[0]


def _misfit(tool: CalledTool, input: Any) -> TypeError:
    example = ", ".join(f"{name!r}: ..." for name in tool.args)
    return TypeError(
        f"tool {tool.name!r}: expected a dict of arguments {{{example}}} or a tool call, "
        f"got {typed_repr(input)}"
    )


def _copied(value: Any, levels: int = 100) -> Any:
    """The value with lists and dicts of its own, as far as JSON goes: what contains itself is shared below
    that many levels."""
    if levels and type(value) is dict:
        return {key: _copied(item, levels - 1) for key, item in value.items()}
    return [_copied(item, levels - 1) for item in value] if levels and type(value) is list else value


def _as_content(output: Any) -> Any:
    """An output as the content of a message: text and content parts as they are, the rest as JSON."""
    try:
        if isinstance(output, str) or _is_parts(output):
            return output
        return json.dumps(output, ensure_ascii=False, default=_plain)
    except Exception:  # no JSON: keys that are no text, cycles, whatever a value of the user's raises
        try:
            return str(output)
        except Exception:
            return short_repr(output)


def _is_parts(output: Any) -> bool:
    return (
        isinstance(output, list)
        and any(isinstance(part, dict) for part in output)
        and all(isinstance(part, str) or (isinstance(part, dict) and part.get("type")) for part in output)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no JSON form")
