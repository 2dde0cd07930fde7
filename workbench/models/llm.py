"""LLM: models from a text to its continuation, as those before chat models are.

Subclass ``LLM`` and define ``_call(prompt)`` (and, as far as you have them, ``_stream``, ``_acall``,
``_astream``) and ``_llm_type``. One that is invoked streams all the same where an observer wants to see
tokens, if it can.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

from ..components.messages import AnyMessage, get_buffer_string
from ..components.prompts import ChatPromptValueConcrete, StringPromptValue
from ..engine.chunks import ChunkStream, Fold, fold
from ..engine.modes import AnyScope
from ..runnables.serializable import RunnableSerializable

__all__ = ["LLM", "BaseLLM"]


class BaseLLM(RunnableSerializable[Any, str]):
    """See the module. Input: text, messages, pairs, dicts or a prompt value; output: text. Methods may give
    chunks as text or as objects with a ``text``."""

    run_type = "llm"

    @property
    def InputType(self) -> Any:
        return str | StringPromptValue | ChatPromptValueConcrete | list[AnyMessage]

    @property
    def OutputType(self) -> Any:
        return str

    @property
    def _llm_type(self) -> str:
        """A short name of the kind of model."""
        return type(self).__name__

    def _call(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> str:
        raise NotImplementedError(f"{type(self).__name__} must define _call, or _stream")

    async def _acall(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> str:
        raise NotImplementedError

    def _stream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[Any]:
        raise NotImplementedError

    def _astream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        raise NotImplementedError

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> str:
        __tracebackhide__ = True
        prompt = as_prompt(input)
        if (scope.wants_tokens and self._streams(scope)) or not self._has("_call", "_acall"):
            return await self._invoke_streaming(prompt, scope, kwargs)
        if not scope.blocking and self._has("_acall"):
            return str(await scope.call(self._acall, True, prompt, **kwargs))
        return str(await scope.call(self._call, False, prompt, **kwargs))

    async def _invoke_streaming(self, prompt: str, scope: AnyScope, kwargs: dict[str, Any]) -> str:
        __tracebackhide__ = True
        total, run, gate = Fold(), scope.run, scope.gate
        try:
            async with aclosing(self._chunks_of(prompt, scope, kwargs)) as chunks:
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
        return str(total.value or "")

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[str, None]:
        __tracebackhide__ = True
        input = await fold(source)
        if not self._streams(scope):
            yield await self._invoke(input, scope, **kwargs)
            return
        async with aclosing(self._chunks_of(as_prompt(input), scope, kwargs)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _chunks_of(
        self, prompt: str, scope: AnyScope, kwargs: dict[str, Any]
    ) -> AsyncGenerator[str, None]:
        __tracebackhide__ = True
        if not scope.blocking and self._has("_astream"):
            chunks = scope.iterate(self._astream, True, prompt, **kwargs)
        else:
            chunks = scope.iterate(self._stream, False, prompt, **kwargs)
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk if isinstance(chunk, str) else chunk.text

    def _shown_input(self, input: Any) -> Any:
        return {"prompts": [as_prompt(input)]}

    def _streams(self, scope: AnyScope) -> bool:
        return self._has("_stream") if scope.blocking else self._has("_stream", "_astream")

    def _has(self, *methods: str) -> bool:
        """Whether a subclass defines one of them."""
        return any(getattr(type(self), name) is not getattr(BaseLLM, name) for name in methods)


class LLM(BaseLLM):
    """The base to subclass; see the module."""


def as_prompt(input: Any) -> str:
    """The one text that a model of text is given. TypeError says what came that is none."""
    if isinstance(input, str):
        return input
    return str(input.to_string()) if hasattr(input, "to_string") else get_buffer_string(input)
