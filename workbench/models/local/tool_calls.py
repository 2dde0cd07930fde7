"""Tool calls in the text of a local model: its JSON becomes the chunks of a tool call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from ...messages import AIMessageChunk, BaseMessage, ToolCallChunk, parse_tool_calls
from .constraints import CALL

__all__ = ["CallReader", "called"]

_HEAD = re.compile(r'\{"name": "((?:[^"\\]|\\.)*)", "arguments": ')


class CallReader:
    """Turns the chunks of a stream into those of a tool call if its text is one: ``{"name": NAME,
    "arguments": {...}}``, as the grammar requires. Other text passes unchanged."""

    def __init__(self) -> None:
        self._start: str | None = ""
        self._calling = False
        self._held = ""

    def read(self, chunk: AIMessageChunk) -> Iterator[AIMessageChunk]:
        text = chunk.text
        if self._start is None and not self._calling:
            yield chunk
            return
        if not text:
            about = chunk.response_metadata
            update = {"response_metadata": _as_of_a_call(about)} if self._calling else {}
            yield chunk.model_copy(update=update)
            return
        if self._start is None:
            yield self._piece(chunk, args=self._but_last(text))
            return
        self._start += text
        if head := _HEAD.match(self._start):
            args = self._but_last(self._start[head.end() :])
            self._start, self._calling = None, True
            yield self._piece(chunk, name=head[1], id=_new_id(), args=args)
        elif not CALL.startswith(self._start[: len(CALL)]):
            whole, self._start = self._start, None
            yield chunk.model_copy(update={"content": whole})

    def rest(self) -> Iterator[AIMessageChunk]:
        """The text held back, if the answer ended before it was clear whether it is a call."""
        if self._start:
            yield AIMessageChunk(content=self._start)

    def _but_last(self, text: str) -> str:
        """The character held back and *text* without its last character, which is held back in turn: the last
        one of all closes the call, and is not part of the arguments."""
        whole = self._held + text
        self._held = whole[-1:]
        return whole[:-1]

    def _piece(
        self, chunk: AIMessageChunk, *, args: str, name: str | None = None, id: str | None = None
    ) -> AIMessageChunk:
        piece = ToolCallChunk(name=name, args=args, id=id, index=0)
        return AIMessageChunk(**{**_about(chunk), "content": "", "tool_call_chunks": [piece]})


def _about(chunk: AIMessageChunk) -> dict[str, Any]:
    names = ("id", "response_metadata", "usage_metadata", "chunk_position", "additional_kwargs")
    return {name: getattr(chunk, name) for name in names}


def called(message: BaseMessage) -> BaseMessage:
    """A whole answer, with its call if its text is one."""
    head = _HEAD.match(message.text)
    if head is None:
        return message
    piece = ToolCallChunk(name=head[1], args=message.text[head.end() : -1], id=_new_id(), index=0)
    calls, invalid = parse_tool_calls([piece])
    about = _as_of_a_call(message.response_metadata)
    return message.model_copy(
        update={"content": "", "tool_calls": calls, "invalid_tool_calls": invalid, "response_metadata": about}
    )


def _as_of_a_call(about: dict[str, Any]) -> dict[str, Any]:
    """The metadata of an answer whose text was a call, with the finish reason that OpenAI's API gives."""
    return {**about, "finish_reason": "tool_calls"} if about.get("finish_reason") == "stop" else about


def _new_id() -> str:
    return f"call_{uuid4().hex}"
