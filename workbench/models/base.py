"""BaseChatModel: from messages to a message, or to chunks of one.

Subclass it and define ``_generate`` (and, as far as you have them, ``_stream``, ``_agenerate``,
``_astream``) and ``_llm_type``. A model that is invoked streams all the same where an observer wants to
see tokens, if it can.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import uuid4

from ..components.messages import AIMessage, AIMessageChunk, AnyMessage, BaseMessage, convert_to_messages
from ..components.prompts import ChatPromptValueConcrete, StringPromptValue
from ..engine.chunks import ChunkStream, Fold, fold
from ..engine.modes import AnyScope
from ..runnables.serializable import RunnableSerializable

__all__ = ["BaseChatModel", "ChatGeneration", "ChatGenerationChunk", "ChatResult"]


@dataclass
class ChatGeneration:
    """One answer of a model."""

    message: BaseMessage
    generation_info: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        return self.message.text


@dataclass
class ChatGenerationChunk(ChatGeneration):
    """A piece of an answer."""


@dataclass
class ChatResult:
    """What ``_generate`` returns: one generation or more."""

    generations: list[ChatGeneration]
    llm_output: dict[str, Any] | None = field(default=None)


class BaseChatModel(RunnableSerializable[Any, AIMessage]):
    """See the module. Input: text, messages, pairs, dicts or a prompt value."""

    run_type = "chat_model"
    _prefers_streaming: ClassVar[bool] = False

    @property
    def InputType(self) -> Any:
        return str | StringPromptValue | ChatPromptValueConcrete | list[AnyMessage]

    @property
    def OutputType(self) -> Any:
        return AnyMessage

    @property
    def _llm_type(self) -> str:
        """A short name of the kind of model."""
        return type(self).__name__

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError(f"{type(self).__name__} must define _generate, or _stream")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk | AIMessageChunk]:
        raise NotImplementedError

    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncGenerator[ChatGenerationChunk | AIMessageChunk, None]:
        raise NotImplementedError

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> AIMessage:
        __tracebackhide__ = True
        messages = convert_to_messages(input)
        watched = scope.wants_tokens or self._prefers_streaming
        if (watched and self._streams(scope)) or not self._has("_generate", "_agenerate"):
            return await self._invoke_streaming(messages, scope, kwargs)
        if not scope.blocking and self._has("_agenerate"):
            result = await scope.call(self._agenerate, True, messages, **kwargs)
        else:
            result = await scope.call(self._generate, False, messages, **kwargs)
        return _message_of(result)

    async def _invoke_streaming(
        self, messages: list[BaseMessage], scope: AnyScope, kwargs: dict[str, Any]
    ) -> AIMessage:
        __tracebackhide__ = True
        total, run, gate = Fold(), scope.run, scope.gate
        try:
            async with aclosing(self._chunks_of(messages, scope, kwargs)) as chunks:
                async for chunk in chunks:
                    total.add(chunk)
                    if run is not None and scope.observers:
                        run.chunk(chunk)
                        if gate is not None and gate.closed:
                            await gate.wait(scope.new_waiter)
        except BaseException:
            if run is not None:
                run.output = total.value  # what came before it failed
            raise
        return whole(total.value)

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[AIMessageChunk, None]:
        __tracebackhide__ = True
        messages = convert_to_messages(await fold(source))
        if not self._streams(scope):
            yield as_chunk(await self._invoke(messages, scope, **kwargs))
            return
        async with aclosing(self._chunks_of(messages, scope, kwargs)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _chunks_of(
        self, messages: list[BaseMessage], scope: AnyScope, kwargs: dict[str, Any]
    ) -> AsyncGenerator[AIMessageChunk, None]:
        """The model's chunks, all with one id, and one that says it is the last."""
        __tracebackhide__ = True
        if not scope.blocking and self._has("_astream"):
            chunks = scope.iterate(self._astream, True, messages, **kwargs)
        else:
            chunks = scope.iterate(self._stream, False, messages, **kwargs)
        id, last = None, False
        async with aclosing(chunks):
            async for item in chunks:
                chunk: Any = item.message if isinstance(item, ChatGeneration) else item
                if id is None:
                    id = chunk.id or f"run-{scope.run.id if scope.run is not None else uuid4()}"
                chunk.id = id
                last = chunk.chunk_position == "last"
                yield chunk
        if not last:
            yield AIMessageChunk(content="", id=id or f"run-{uuid4()}", chunk_position="last")

    def _shown_input(self, input: Any) -> Any:
        return {"messages": [convert_to_messages(input)]}

    def _streams(self, scope: AnyScope) -> bool:
        return self._has("_stream") if scope.blocking else self._has("_stream", "_astream")

    def _has(self, *methods: str) -> bool:
        """Whether a subclass defines one of them."""
        kind = type(self)
        for name in methods:  # noqa: SIM110  # any() over a generator takes three times as long
            if getattr(kind, name) is not getattr(BaseChatModel, name):
                return True
        return False


def as_chunk(message: BaseMessage) -> AIMessageChunk:
    """A whole message as the only chunk of a stream."""
    if isinstance(message, AIMessageChunk):
        return message
    fields = {name: getattr(message, name) for name in type(message).model_fields}
    return AIMessageChunk(**{**fields, "chunk_position": "last"})


def whole(chunk: Any) -> AIMessage:
    """The message that a stream's chunks add up to."""
    if not isinstance(chunk, AIMessageChunk):
        return chunk if chunk is not None else AIMessage(content="")
    names = set(AIMessage.model_fields)
    return AIMessage(**{name: getattr(chunk, name) for name in names})


def _message_of(result: Any) -> AIMessage:
    generations: Sequence[Any] = getattr(result, "generations", ())
    if not generations:
        raise TypeError(f"_generate: expected a ChatResult with a generation, got {type(result).__name__}")
    message = generations[0].message
    if not message.id:
        message.id = f"run-{uuid4()}"
    return message  # type: ignore[no-any-return]
