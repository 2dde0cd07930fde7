"""BaseChatModel: from messages to a message, or to chunks of one.

Subclass it and define ``_generate`` (and, as far as you have them, ``_stream``, ``_agenerate``,
``_astream``) and ``_llm_type``; or subclass ``SimpleChatModel`` and define ``_call``, which returns text. A
method that takes a ``run_manager`` is given one (``run_managers.ModelRun``).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

from ..engine.modes import AnyScope
from ..engine.runs import new_id
from ..messages import AIMessage, AIMessageChunk, AnyMessage, BaseMessage, convert_to_messages
from ..messages.chunks import whole_message
from ..runnables.base import Runnable
from ..text.excerpts import short_repr, typed_repr
from .generations import ChatGeneration, ChatGenerationChunk, ChatResult, LLMResult, ModelAnswer
from .language import BaseLanguageModel, missing

__all__ = ["BaseChatModel", "SimpleChatModel", "as_chunk", "whole"]


class BaseChatModel(BaseLanguageModel[AIMessage]):
    """The base of chat models. Input: text, messages, pairs, dicts or a prompt value.

    >>> from workbench import AIMessage, BaseChatModel, ChatGeneration, ChatResult
    >>> class Echo(BaseChatModel):
    ...     @property
    ...     def _llm_type(self):
    ...         return "echo"
    ...     def _generate(self, messages, stop=None, run_manager=None, **kwargs):
    ...         return ChatResult([ChatGeneration(AIMessage(messages[-1].content))])
    >>> Echo().invoke("hello?")
    AIMessage(content='hello?')
    """

    run_type = "chat_model"

    @property
    def OutputType(self) -> Any:
        return AnyMessage

    @missing
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError(f"{type(self).__name__} must define _generate, or _stream")

    @missing
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError(f"{type(self).__name__} must define _agenerate")

    @missing
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk | AIMessageChunk]:
        raise NotImplementedError(f"{type(self).__name__} must define _generate, or _stream")

    @missing
    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk | AIMessageChunk]:
        raise NotImplementedError(f"{type(self).__name__} must define _astream")

    def generate(
        self,
        messages: Sequence[Sequence[Any]],
        stop: list[str] | None = None,
        callbacks: Any = None,
        **kwargs: Any,
    ) -> LLMResult:
        """All generations for each list of messages, side by side; each is a run of its own. *kwargs*:
        ``tags``, ``metadata``, ``run_name`` of the runs, and arguments of the call."""
        return self._generate_all(_lists(messages), stop, callbacks, kwargs)

    async def agenerate(
        self,
        messages: Sequence[Sequence[Any]],
        stop: list[str] | None = None,
        callbacks: Any = None,
        **kwargs: Any,
    ) -> LLMResult:
        """``generate`` on the running event loop."""
        return await self._agenerate_all(_lists(messages), stop, callbacks, kwargs)

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[Any, AIMessage]:
        """This model, which may ask for calls of *tools*. Models that can call tools define it; *kwargs* are
        arguments of every call."""
        raise NotImplementedError(
            f"{type(self).__name__} cannot call tools: define bind_tools(tools, *, tool_choice=None, "
            "**kwargs), which returns self.bind(...) with what its _generate and _stream are to be given"
        )

    def with_structured_output(
        self, schema: Any, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[Any, Any]:
        """A chain that answers with what *schema* describes: an instance of a pydantic model, or a dict for
        a TypedDict, a JSON schema with a title or a function's description. It asks for a tool call, so the
        model must have ``bind_tools``; see ``ChatOpenAI`` for *include_raw* and what is raised."""
        kwargs.pop("method", None), kwargs.pop("strict", None)  # only some models have a choice
        if kwargs:
            raise TypeError(f"with_structured_output: unknown arguments {', '.join(kwargs)}")
        if not self._has_bind_tools():
            raise NotImplementedError(
                f"{type(self).__name__} has no bind_tools, which with_structured_output needs; "
                "or ask for JSON in the prompt: prompt | model | PydanticOutputParser(pydantic_object=...)"
            )
        from .structured import structured

        return structured(self, schema, "function_calling", include_raw=include_raw)

    def _has_bind_tools(self) -> bool:
        return type(self).bind_tools is not BaseChatModel.bind_tools

    def _prepared(self, input: Any) -> list[BaseMessage]:
        return convert_to_messages(input)

    def _shown_input(self, input: Any) -> Any:
        return {"messages": [convert_to_messages(input)]}

    def _whole_form(self, blocking: bool) -> tuple[Any, bool] | None:
        if not blocking and self._has("_agenerate"):
            return self._agenerate, True
        if self._has("_generate"):
            return self._generate, False
        if self._has("_stream", "_astream") or not self._has("_agenerate"):
            return None
        return self._agenerate, True  # whose call says that there is no synchronous form

    async def _chunks_of(
        self, request: list[BaseMessage], scope: AnyScope, kwargs: dict[str, Any]
    ) -> AsyncGenerator[AIMessageChunk, None]:
        """Chunks that all have one id; the last one says that it is the last."""
        __tracebackhide__ = True
        is_async = not scope.blocking and self._has("_astream")
        id, last = None, None
        async with aclosing(await self._items(request, scope, kwargs, is_async)) as items:
            async for item in items:
                chunk = item if item.__class__ is AIMessageChunk else self._chunk_of(item, is_async)
                if chunk.id != id or id is None:
                    if id is None:
                        id = chunk.id or f"run-{scope.run.id if scope.run is not None else new_id()}"
                    chunk.id = id
                last = chunk.chunk_position
                yield chunk
        if last is None:
            yield AIMessageChunk(content="", id=id or f"run-{new_id()}", chunk_position="last")

    def _chunk_of(self, item: Any, is_async: bool) -> AIMessageChunk:
        """What a subclass yielded, as a chunk of a message."""
        message = item.message if isinstance(item, ChatGeneration) else item
        if not isinstance(message, AIMessageChunk):
            raise TypeError(
                f"{type(self).__name__}.{'_astream' if is_async else '_stream'}: expected chunks of type "
                f"ChatGenerationChunk or AIMessageChunk, got {typed_repr(message)}"
            )
        if info := getattr(item, "generation_info", None):
            message.response_metadata = {**info, **message.response_metadata}
        return message

    def _answer_of(self, result: Any, method: str) -> ModelAnswer:
        generations: Sequence[Any] = getattr(result, "generations", ())
        if not generations or not all(isinstance(one, ChatGeneration) for one in generations):
            got = "one without generations" if isinstance(result, ChatResult) else type(result).__name__
            raise TypeError(
                f"{type(self).__name__}.{method}: expected a ChatResult with at least one ChatGeneration, "
                f"got {got}: {short_repr(result)}"
            )
        for generation in generations:
            message = generation.message
            if not isinstance(message, BaseMessage):
                raise TypeError(
                    f"{type(self).__name__}.{method}: expected ChatGeneration(message=AIMessage(...)), "
                    f"got {typed_repr(message)}"
                )
            if not message.id:
                message.id = f"run-{new_id()}"
            if generation.generation_info:
                message.response_metadata = {**generation.generation_info, **message.response_metadata}
        return ModelAnswer(list(generations), result.llm_output)

    def _answer_of_chunks(self, total: Any) -> ModelAnswer:
        return ModelAnswer([ChatGeneration(whole(total))])

    def _answer_of_output(self, output: Any) -> ModelAnswer:
        return ModelAnswer([ChatGeneration(output)])

    def _output_of(self, generation: Any) -> AIMessage:
        return generation.message  # type: ignore[no-any-return]  # checked to be a message

    def _chunk_of_whole(self, output: Any) -> AIMessageChunk:
        return as_chunk(output)

    def _marked_cached(self, answer: ModelAnswer, scope: AnyScope) -> ModelAnswer:
        marked = []
        for generation in answer.generations:
            message = generation.message.model_copy()
            message.id = f"run-{new_id()}"
            message.response_metadata = {**message.response_metadata, "cached": True}
            marked.append(ChatGeneration(message, generation.generation_info))
        return ModelAnswer(marked)


class SimpleChatModel(BaseChatModel):
    """Subclass and define ``_call(messages)``, which returns the answer's text.

    >>> from workbench import SimpleChatModel
    >>> class Echo(SimpleChatModel):
    ...     @property
    ...     def _llm_type(self):
    ...         return "echo"
    ...     def _call(self, messages, stop=None, run_manager=None, **kwargs):
    ...         return messages[-1].content
    >>> Echo().invoke("hello?")
    AIMessage(content='hello?')
    """

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> str:
        raise NotImplementedError(f"{type(self).__name__} must define _call")

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = self._call(messages, stop=stop, run_manager=run_manager, **kwargs)
        if not isinstance(text, str):
            raise TypeError(f"{type(self).__name__}._call: expected text, got {typed_repr(text)}")
        return ChatResult([ChatGeneration(AIMessage(content=text))])


def as_chunk(message: BaseMessage) -> AIMessageChunk:
    """A whole message as the only chunk of a stream."""
    if isinstance(message, AIMessageChunk):
        return message
    names = AIMessageChunk.model_fields.keys() & type(message).model_fields.keys() - {"type"}
    fields = {name: getattr(message, name) for name in names}
    return AIMessageChunk(**{**fields, "chunk_position": "last"})


def whole(chunk: Any) -> AIMessage:
    """The message that a stream's chunks add up to."""
    return AIMessage(content="") if chunk is None else whole_message(chunk)


def _lists(messages: Sequence[Sequence[Any]]) -> list[Any]:
    lists = list(messages)
    for one in lists:
        if isinstance(one, str | BaseMessage):
            raise TypeError(
                f"generate: expected a list of lists of messages, got a list with a {typed_repr(one)}"
            )
    return lists
