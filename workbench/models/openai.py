"""ChatOpenAI: chat models behind OpenAI's API or any server that speaks it, through the ``openai`` package.

Closing a stream early, or cancelling the task that awaits an answer, closes the connection, which ends
the generation at the server. Errors of the ``openai`` package pass through with the server's message.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from pydantic import Field

from ..components.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    ToolCallChunk,
    ToolMessage,
    parse_tool_calls,
)
from .base import BaseChatModel, ChatGeneration, ChatResult
from .openai_client import OpenAIClient

__all__ = ["ChatOpenAI"]

DEFAULT_MODEL = "gpt-4o-mini"

_REQUEST_FIELDS = ("temperature", "top_p", "seed", "stop", "presence_penalty", "frequency_penalty")
_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "function"}


class ChatOpenAI(OpenAIClient, BaseChatModel):
    """A chat model behind an OpenAI-compatible API.

    Without *api_key* and *base_url* it takes OPENAI_API_KEY and OPENAI_BASE_URL from the environment.
    ``timeout`` is in seconds; ``max_retries`` counts retries after the first try, with backoff;
    ``max_tokens`` bounds the answer. ``model_kwargs`` go into the request as they are.
    """

    model: str = Field(default=DEFAULT_MODEL, alias="model_name")
    temperature: float | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    top_p: float | None = None
    seed: int | None = None
    stop: list[str] | str | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    streaming: bool = True
    stream_usage: bool = True
    model_kwargs: dict[str, Any] = Field(default_factory=dict)

    @property
    def model_name(self) -> str:
        return self.model

    @property
    def _llm_type(self) -> str:
        return "openai-chat"

    # Requests

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        client = self._connected()
        with self._reaching(client):
            return _result(client.chat.completions.create(**self._request(messages, stop, kwargs)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        client = await self._async_connected()
        with self._reaching(client):
            return _result(await client.chat.completions.create(**self._request(messages, stop, kwargs)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        client = self._connected()
        request = self._request(messages, stop, kwargs, stream=True)
        answer = _Answer()
        with self._reaching(client), client.chat.completions.create(**request) as events:
            for event in events:
                if (chunk := answer.take(event)) is not None:
                    yield chunk
        if answer.end is not None:
            yield answer.end

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncGenerator[AIMessageChunk, None]:
        client = await self._async_connected()
        request = self._request(messages, stop, kwargs, stream=True)
        with self._reaching(client):
            events = await client.chat.completions.create(**request)
        answer = _Answer()
        async with _closing(events):
            async for event in events:
                if (chunk := answer.take(event)) is not None:
                    yield chunk
        if answer.end is not None:
            yield answer.end

    def _request(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        extra: Mapping[str, Any],
        stream: bool = False,
    ) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self.model, "messages": [to_openai(m) for m in messages]}
        for name in _REQUEST_FIELDS:
            if (value := getattr(self, name)) is not None:
                request[name] = value
        if self.max_tokens is not None:
            request["max_tokens"] = self.max_tokens
        if stop is not None:
            request["stop"] = stop
        if stream:
            request["stream"] = True
            if self.stream_usage:
                request["stream_options"] = {"include_usage": True}
        request.update(self.model_kwargs)
        request.update(extra)
        # What the SDK does not know (other servers' options) goes into the body as it is.
        known = _known_parameters()
        if body := {name: request.pop(name) for name in list(request) if name not in known}:
            request["extra_body"] = {**request.get("extra_body", {}), **body}
        return request

    def _streams(self, scope: Any) -> bool:
        return self.streaming and super()._streams(scope)


@cache
def _known_parameters() -> frozenset[str]:
    from openai.resources.chat.completions import Completions

    return frozenset(inspect.signature(Completions.create).parameters)


def to_openai(message: BaseMessage) -> dict[str, Any]:
    """A message as the chat completions API takes it."""
    role = message.role if isinstance(message, ChatMessage) else _ROLES.get(message.type)
    if role is None:
        raise TypeError(f"a message of type {message.type!r} cannot be sent to a chat model")
    sent: dict[str, Any] = {"role": role, "content": message.content}
    if message.name:
        sent["name"] = message.name
    if isinstance(message, ToolMessage):
        sent["tool_call_id"] = message.tool_call_id
    calls = getattr(message, "tool_calls", None)
    if calls:
        sent["content"] = message.content or None
        sent["tool_calls"] = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": json.dumps(call["args"])},
            }
            for call in calls
        ]
    return sent


def _result(completion: Any) -> ChatResult:
    usage = _usage(completion.usage)
    generations = []
    for choice in completion.choices:
        pieces = [
            ToolCallChunk(name=call.function.name, args=call.function.arguments, id=call.id, index=number)
            for number, call in enumerate(choice.message.tool_calls or ())
        ]
        calls, invalid = parse_tool_calls(pieces)
        message = AIMessage(
            content=choice.message.content or "",
            id=completion.id,
            tool_calls=calls,
            invalid_tool_calls=invalid,
            usage_metadata=usage,
            response_metadata={"finish_reason": choice.finish_reason, "model_name": completion.model},
        )
        generations.append(ChatGeneration(message))
    return ChatResult(generations)


class _Answer:
    """A stream's events as chunks. The one that ends the answer is kept back, as ``end``, since its usage
    comes in an event of its own after it: together they are the last chunk."""

    def __init__(self) -> None:
        self.end: AIMessageChunk | None = None

    def take(self, event: Any) -> AIMessageChunk | None:
        """The event's chunk, if it is to go on now."""
        if _is_progress(event) or not (event.choices or event.usage):
            return None
        chunk = _chunk(event)
        ends = "finish_reason" in chunk.response_metadata or not event.choices
        if ends and not chunk.content and not chunk.tool_call_chunks:
            chunk.chunk_position = "last"
            self.end = chunk if self.end is None else self.end + chunk
            return None
        return chunk


def _chunk(event: Any) -> AIMessageChunk:
    fields: dict[str, Any] = {"content": "", "id": event.id}
    if event.usage:
        fields["usage_metadata"] = _usage(event.usage)
    if not event.choices:  # the usage alone
        return AIMessageChunk(**fields)
    choice = event.choices[0]
    fields["content"] = choice.delta.content or ""
    if choice.delta.tool_calls:
        fields["tool_call_chunks"] = [
            ToolCallChunk(
                name=call.function.name if call.function else None,
                args=call.function.arguments if call.function else None,
                id=call.id,
                index=call.index,
            )
            for call in choice.delta.tool_calls
        ]
    if choice.finish_reason:
        fields["response_metadata"] = {"finish_reason": choice.finish_reason, "model_name": event.model}
    return AIMessageChunk(**fields)


def _is_progress(event: Any) -> bool:
    """Whether an event only says how far the prompt has been read (llama.cpp's, where it was asked for)."""
    return "prompt_progress" in (event.model_extra or {})


def _usage(usage: Any) -> dict[str, Any] | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


@asynccontextmanager
async def _closing(events: Any) -> AsyncGenerator[None, None]:
    """``aclosing`` for the SDK's stream, whose method is called ``close``."""
    try:
        yield
    finally:
        await events.close()
