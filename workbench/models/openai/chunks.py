"""The events of a streamed chat completion as chunks of a message, one by one and cheaply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...messages import AIMessageChunk, ToolCallChunk
from .messages import KEPT_PARTS, call_metadata, usage_metadata
from .stream import EventStream, StreamedAnswer

__all__ = ["ChatAnswer"]


class ChatAnswer(StreamedAnswer):
    """A streamed message.

    Text and tool calls become chunks as they come. Why the answer ended, its usage (some servers send it
    with every event, some in one of its own after the last token) and the log probabilities of its tokens
    are in ``end``, the last chunk.
    """

    def __init__(self, stream: EventStream, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(stream)
        self._headers = headers
        self._id: str | None = None
        self._logprobs: dict[str, list[Any]] = {}

    def end(self) -> AIMessageChunk:
        about = dict(self._about)
        if self._logprobs:
            about["logprobs"] = self._logprobs
        if self._headers is not None:
            about["headers"] = dict(self._headers)
        return AIMessageChunk(
            content="",
            id=self._id,
            response_metadata=about,
            usage_metadata=usage_metadata(self._usage),
            chunk_position="last",
        )

    def _take(self, event: dict[str, Any]) -> AIMessageChunk | None:
        if usage := event.get("usage"):
            self._usage = usage
        if not (choices := event["choices"]):
            return None
        choice = choices[0]
        delta: dict[str, Any] = choice["delta"] or {}  # some servers send null with the end
        text = delta.get("content")
        if text and len(delta) == 1 and not choice.get("index") and not choice.get("finish_reason"):
            id = event.get("id")
            if text.__class__ is str and id.__class__ is str:  # or the checks of a chunk's fields decide
                if logprobs := choice.get("logprobs"):
                    self._add_logprobs(logprobs)
                return AIMessageChunk._of_text(text, id)
        return self._take_other(event, choice, delta)

    def _take_other(
        self, event: dict[str, Any], choice: dict[str, Any], delta: dict[str, Any]
    ) -> AIMessageChunk | None:
        """The chunk of an event that is not only text."""
        if choice.get("index"):
            return None
        if logprobs := choice.get("logprobs"):
            self._add_logprobs(logprobs)
        self._id = self._id or event.get("id")
        ends = choice.get("finish_reason")
        if ends:
            self._stream.finished = True
            self._about = {"finish_reason": ends, **call_metadata(event)}
        text = delta.get("content") or ""
        pieces = [_piece(call) for call in delta.get("tool_calls") or ()]
        kept = {name: delta[name] for name in KEPT_PARTS if delta.get(name)}
        if pieces or kept:
            return AIMessageChunk(
                content=text, id=event.get("id"), tool_call_chunks=pieces, additional_kwargs=kept
            )
        if not text and (ends or "prompt_progress" in event):  # llama.cpp's, while it reads the prompt
            return None
        return AIMessageChunk(content=text, id=event.get("id"))

    def _add_logprobs(self, logprobs: dict[str, Any]) -> None:
        for kind, values in logprobs.items():
            if values:
                self._logprobs.setdefault(kind, []).extend(values)


def _piece(call: dict[str, Any]) -> ToolCallChunk:
    function = call.get("function") or {}
    return ToolCallChunk(
        name=function.get("name"),
        args=function.get("arguments"),
        id=call.get("id"),
        index=call.get("index"),
    )
