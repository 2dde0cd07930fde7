"""Models for tests: they answer from a list, token by token, after stated delays."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import count
from typing import Any

from pydantic import Field, PrivateAttr, field_validator

from ..messages import AIMessage, AIMessageChunk, BaseMessage, ToolCallChunk
from ..runnables.base import Runnable
from ..text.excerpts import typed_repr
from .chat import BaseChatModel, whole
from .generations import ChatGeneration, ChatResult
from .llm import LLM
from .structured import Method, structured, tool_arguments

__all__ = ["FakeChatModel", "FakeListLLM", "GenericFakeChatModel"]


_ANSWERS: tuple[str | Exception, ...] = ("a fake answer",)


class _Fake(BaseChatModel):
    """Streams answers word by word (spaces are tokens of their own)."""

    delay_s: float = Field(default=0.0, ge=0)
    token_delay_s: float = Field(default=0.0, ge=0)

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _next_response(self) -> Any:
        raise NotImplementedError

    def bind_tools(
        self,
        tools: Sequence[Any],
        *,
        tool_choice: Any = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[Any, AIMessage]:
        """The model itself; the arguments are checked as ``ChatOpenAI`` checks them. Its responses decide
        what it answers, and so which tools it calls."""
        arguments = tool_arguments(tools, tool_choice, strict=strict, parallel_tool_calls=parallel_tool_calls)
        return self.bind(**arguments, **kwargs)

    def with_structured_output(
        self,
        schema: Any = None,
        *,
        method: Method = "function_calling",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[Any, Any]:
        """As for ``ChatOpenAI``. Give responses with tool calls, or JSON where *method* is not
        "function_calling"."""
        return structured(self, schema, method, include_raw=include_raw, strict=strict, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        pieces = _Pieces(self._next_response(), self.delay_s, self.token_delay_s)
        if pieces.seconds:
            time.sleep(pieces.seconds)
        return pieces.result()

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        pieces = _Pieces(self._next_response(), self.delay_s, self.token_delay_s)
        if pieces.seconds:
            await asyncio.sleep(pieces.seconds)
        return pieces.result()

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        for chunk, delay_s in _Pieces(self._next_response(), self.delay_s, self.token_delay_s):
            if delay_s:
                time.sleep(delay_s)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncGenerator[AIMessageChunk, None]:
        for chunk, delay_s in _Pieces(self._next_response(), self.delay_s, self.token_delay_s):
            if delay_s:
                await asyncio.sleep(delay_s)
            yield chunk


class FakeChatModel(_Fake):
    """Gives its *responses* in turn, and again from the first.

    A response is text, a message (with tool calls, usage, ...), an exception to raise, or a list of these:
    the pieces of one answer, so that ``["so", " far", ValueError("broken")]`` fails in mid-stream.
    ``delay_s`` passes before the first token, ``token_delay_s`` before each further one.

    >>> from workbench import AIMessage, FakeChatModel
    >>> model = FakeChatModel(responses=["one", AIMessage("two"), ValueError("out of order")])
    >>> model.invoke("count"), model.invoke("count")
    (AIMessage(content='one'), AIMessage(content='two'))
    >>> model.invoke("count")
    Traceback (most recent call last):
    ...
    ValueError: out of order
    """

    responses: list[Any] = Field(default_factory=lambda: list(_ANSWERS), min_length=1)
    _number: Iterator[int] = PrivateAttr(default_factory=count)  # safe to take from in several threads

    @field_validator("responses")
    @classmethod
    def _are_answers(cls, responses: list[Any]) -> list[Any]:
        for response in responses:
            _check(response)
        return responses

    def _next_response(self) -> Any:
        return self.responses[next(self._number) % len(self.responses)]


class GenericFakeChatModel(_Fake):
    """Gives the *messages* of an iterator, each once; each as a response of ``FakeChatModel``. RuntimeError
    when there are no more.

    >>> from workbench import GenericFakeChatModel
    >>> model = GenericFakeChatModel(messages=iter(["knock, knock"]))
    >>> [chunk.content for chunk in model.stream("a joke")]
    ['knock,', ' ', 'knock', '']
    """

    messages: Any = Field(repr=False)

    def model_post_init(self, context: Any) -> None:
        super().model_post_init(context)
        self.messages = iter(self.messages)

    def _next_response(self) -> Any:
        for response in self.messages:
            _check(response)
            return response
        raise RuntimeError(f"{type(self).__name__}: there are no more messages; give it one for each call")


class FakeListLLM(LLM):
    """A model of text that gives its *responses* in turn, and again from the first; streams them character
    by character, ``sleep`` seconds before each.

    >>> from workbench import FakeListLLM
    >>> model = FakeListLLM(responses=["yes", "no"])
    >>> model.invoke("Is it?"), list(model.stream("Is it?"))
    ('yes', ['n', 'o'])
    """

    responses: list[str] = Field(min_length=1)
    sleep: float | None = Field(default=None, ge=0)
    _number: Iterator[int] = PrivateAttr(default_factory=count)

    @property
    def _llm_type(self) -> str:
        return "fake-list"

    def _call(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> str:
        if self.sleep:
            time.sleep(self.sleep)
        return self._next_response()

    async def _acall(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> str:
        if self.sleep:
            await asyncio.sleep(self.sleep)
        return self._next_response()

    def _stream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[str]:
        for character in self._next_response():
            if self.sleep:
                time.sleep(self.sleep)
            yield character

    async def _astream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncGenerator[str, None]:
        for character in self._next_response():
            if self.sleep:
                await asyncio.sleep(self.sleep)
            yield character

    def _next_response(self) -> str:
        return self.responses[next(self._number) % len(self.responses)]


class _Pieces:
    """One response as chunks, each with the seconds to wait before it; an exception is raised in its turn."""

    def __init__(self, response: Any, delay_s: float, token_delay_s: float) -> None:
        self._parts = parts = response if isinstance(response, list) else [response]
        self._single = parts[0] if len(parts) == 1 else None
        self._delays = (delay_s, token_delay_s)

    @property
    def seconds(self) -> float:
        """How long the whole answer takes."""
        first_s, each_s = self._delays
        return first_s + each_s * max(len(self._tokens()) - 1, 0) if each_s else first_s

    def _tokens(self) -> list[Any]:
        return [token for part in self._parts for token in _tokens(part)]

    def __iter__(self) -> Iterator[tuple[AIMessageChunk, float]]:
        first_s, each_s = self._delays
        for number, token in enumerate(self._tokens()):
            if isinstance(token, Exception):
                raise token
            yield _chunk(token), each_s if number else first_s

    def result(self) -> ChatResult:
        single = self._single
        if isinstance(single, BaseMessage):
            # A copy: changing an answer must not change *responses*.
            message: BaseMessage = single.model_copy(deep=True)
        elif isinstance(single, str):
            message = AIMessage(content=single)
        else:
            message = whole(AIMessageChunk.__concat__([chunk for chunk, _ in self] or [_chunk("")]))
        return ChatResult([ChatGeneration(message)])


def _check(response: Any) -> None:
    parts = response if isinstance(response, list) else [response]
    for part in parts:
        if not isinstance(part, str | Exception | BaseMessage):
            raise ValueError(
                f"expected text, messages, exceptions, or lists of these, got {typed_repr(part)}"
            )


def _tokens(part: Any) -> Sequence[Any]:
    """What is streamed of a part: texts, ready chunks, or an exception."""
    if isinstance(part, str):
        return [token for token in re.split(r"(\s)", part) if token]
    if isinstance(part, AIMessage) and not isinstance(part, AIMessageChunk):
        return _chunks_of_message(part)
    return [part]


def _chunks_of_message(message: AIMessage) -> list[AIMessageChunk]:
    """Its words, then its tool calls, then its metadata."""
    text = message.content if isinstance(message.content, str) else None
    words = [message.content] if text is None else _tokens(text)
    chunks = [AIMessageChunk(content=word) for word in words]
    for number, call in enumerate(message.tool_calls):
        arguments = json.dumps(call["args"], ensure_ascii=False)
        piece = ToolCallChunk(name=call["name"], args=arguments, id=call["id"], index=number)
        chunks.append(AIMessageChunk(content="", tool_call_chunks=[piece]))
    about = {
        name: value
        for name in ("additional_kwargs", "response_metadata", "usage_metadata", "name")
        if (value := getattr(message, name))
    }
    if about or message.id:
        chunks.append(AIMessageChunk(content="", chunk_position="last", **about))
    if message.id:
        for chunk in chunks:
            chunk.id = message.id
    return chunks


def _chunk(token: Any) -> AIMessageChunk:
    if isinstance(token, AIMessageChunk):
        return token.model_copy()
    return AIMessageChunk(content=token.content if isinstance(token, BaseMessage) else token)
