"""LLM: text-completion models, which take a text and continue it, unlike chat models.

Subclass ``LLM`` and define ``_call(prompt)`` (and, as far as you have them, ``_stream``, ``_acall``,
``_astream``) and ``_llm_type``; or, for models that take many prompts or give many generations, ``BaseLLM``
and ``_generate(prompts)``, which returns an ``LLMResult``. A method that takes a ``run_manager`` is given
one (``run_managers.ModelRun``).

What is known of a call (``usage_metadata``, ``model_name``) goes into the ``generation_info`` of generations
or chunks; the call's run keeps it in its metadata, as ``response_metadata``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

from ..engine.modes import AnyScope
from ..engine.runs import Run
from ..messages import get_buffer_string
from ..text.excerpts import short_repr, typed_repr
from .generations import Generation, LLMResult, ModelAnswer
from .language import BaseLanguageModel, missing

__all__ = ["LLM", "BaseLLM", "as_prompt"]


class BaseLLM(BaseLanguageModel[str]):
    """See the module. Input: text, messages, pairs, dicts or a prompt value; output: text. Methods may give
    chunks as text or as objects with a ``text``.

    >>> from workbench import BaseLLM, FakeListLLM
    >>> model = FakeListLLM(responses=["yes", "no"])
    >>> result = model.generate(["Is it?", "Is it not?"])
    >>> isinstance(model, BaseLLM), [answers[0].text for answers in result.generations]
    (True, ['yes', 'no'])
    """

    run_type = "llm"

    @property
    def OutputType(self) -> Any:
        return str

    @missing
    def _generate(
        self, prompts: list[str], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> LLMResult:
        raise NotImplementedError(f"{type(self).__name__} must define _generate")

    @missing
    async def _agenerate(
        self, prompts: list[str], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> LLMResult:
        raise NotImplementedError(f"{type(self).__name__} must define _agenerate")

    @missing
    def _call(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> str:
        raise NotImplementedError(f"{type(self).__name__} must define _call, or _stream")

    @missing
    async def _acall(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> str:
        raise NotImplementedError(f"{type(self).__name__} must define _acall")

    @missing
    def _stream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} must define _stream")

    @missing
    def _astream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} must define _astream")

    def generate(
        self, prompts: Sequence[str], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        """All generations for each prompt, side by side; each is a run of its own. *kwargs*: ``tags``,
        ``metadata``, ``run_name`` of the runs, and arguments of the call."""
        return self._generate_all(_texts(prompts), stop, callbacks, kwargs)

    async def agenerate(
        self, prompts: Sequence[str], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        """``generate`` on the running event loop."""
        return await self._agenerate_all(_texts(prompts), stop, callbacks, kwargs)

    def _prepared(self, input: Any) -> str:
        return as_prompt(input)

    def _shown_input(self, input: Any) -> Any:
        return {"prompts": [as_prompt(input)]}

    def _whole_form(self, blocking: bool) -> tuple[Any, bool] | None:
        if not blocking:
            for name in ("_acall", "_agenerate"):
                if self._has(name):
                    return getattr(self, name), True
        for name in ("_call", "_generate"):
            if self._has(name):
                return getattr(self, name), False
        return None if self._has("_stream", "_astream") else (self._call, False)

    async def _at_once(
        self,
        form: tuple[Any, bool],
        request: Any,
        scope: AnyScope,
        kwargs: dict[str, Any],
        reports: bool,
    ) -> ModelAnswer:
        __tracebackhide__ = True
        takes_many = form[0].__name__ in ("_generate", "_agenerate")
        given = [request] if takes_many else request
        answer = await super()._at_once(form, given, scope, kwargs, reports)
        for generation in answer.generations[:1]:
            _keep_info(scope.run, generation.generation_info)
        return answer

    async def _chunks_of(
        self, request: str, scope: AnyScope, kwargs: dict[str, Any]
    ) -> AsyncGenerator[str, None]:
        __tracebackhide__ = True
        is_async = not scope.blocking and self._has("_astream")
        async with aclosing(await self._items(request, scope, kwargs, is_async)) as items:
            async for item in items:
                if item.__class__ is str:
                    yield item
                    continue
                text = getattr(item, "text", item)
                if not isinstance(text, str):
                    raise TypeError(
                        f"{type(self).__name__}.{'_astream' if is_async else '_stream'}: expected chunks of "
                        f"text, or with a text, got {typed_repr(item)}"
                    )
                _keep_info(scope.run, getattr(item, "generation_info", None))
                yield text

    def _answer_of(self, result: Any, method: str) -> ModelAnswer:
        if isinstance(result, str):
            return ModelAnswer([Generation(result)])
        if isinstance(result, LLMResult) and result.generations and result.generations[0]:
            return ModelAnswer(list(result.generations[0]), result.llm_output)
        expected = "text" if "call" in method else "an LLMResult with a generation for the prompt"
        raise TypeError(f"{type(self).__name__}.{method}: expected {expected}, got {typed_repr(result)}")

    def _answer_of_chunks(self, total: Any) -> ModelAnswer:
        return ModelAnswer([Generation(total or "")])

    def _answer_of_output(self, output: Any) -> ModelAnswer:
        return ModelAnswer([Generation(output)])

    def _output_of(self, generation: Any) -> str:
        return generation.text  # type: ignore[no-any-return]  # a Generation's

    def _chunk_of_whole(self, output: Any) -> str:
        return output  # type: ignore[no-any-return]  # text

    def _marked_cached(self, answer: ModelAnswer, scope: AnyScope) -> ModelAnswer:
        info = answer.generations[0].generation_info
        _keep_info(scope.run, {**(info or {}), "cached": True})
        return answer


class LLM(BaseLLM):
    """The base to subclass; see the module.

    >>> from workbench import LLM
    >>> class Shout(LLM):
    ...     @property
    ...     def _llm_type(self):
    ...         return "shout"
    ...     def _call(self, prompt, stop=None, run_manager=None, **kwargs):
    ...         return prompt.upper()
    >>> Shout().invoke("hey")
    'HEY'
    """


def _keep_info(run: Run | None, info: dict[str, Any] | None) -> None:
    """Keep *info* in the metadata of the run: an output that is text has no place for it."""
    if run is not None and info:
        run.metadata["response_metadata"] = {**run.metadata.get("response_metadata", {}), **info}


def _texts(prompts: Sequence[str]) -> list[Any]:
    if isinstance(prompts, str):
        raise TypeError(f"generate: expected a list of prompts, got the text {short_repr(prompts)}")
    return list(prompts)


def as_prompt(input: Any) -> str:
    """An input as the one text that a model of text takes. Raises TypeError for other inputs."""
    if isinstance(input, str):
        return input
    return str(input.to_string()) if hasattr(input, "to_string") else get_buffer_string(input)
