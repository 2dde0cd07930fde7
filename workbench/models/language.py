"""BaseLanguageModel: what models of messages and models of text have in common.

A call goes the same way in every form: the response cache is asked, then a cassette if one is open, then
the rate limiter is waited for, then one of the subclass's methods is called. A model that is invoked streams
nevertheless, if it can, where an observer wants to see tokens.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import lru_cache, partial
from json import dumps
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field, SecretStr

from ..engine.chunks import ChunkStream, Fold, fold
from ..engine.config import RunnableConfig
from ..engine.modes import AnyScope, Blocking, EventLoop, drive
from ..messages import AnyMessage, HumanMessage, count_tokens_approximately
from ..prompts.values import ChatPromptValueConcrete, StringPromptValue
from ..runnables.serializable import RunnableSerializable
from ..tools.openai_format import convert_to_openai_tool
from .generations import LLMResult, ModelAnswer
from .rate_limits import BaseRateLimiter, admit
from .recorded.caches import BaseCache, Place, place_of
from .recorded.cassettes import current_cassette
from .run_managers import with_run_manager

__all__ = ["BaseLanguageModel", "missing"]

Output = TypeVar("Output")

_NO_PART_OF_AN_ANSWER = frozenset(
    {"timeout", "max_retries", "streaming", "stream_usage", "disable_streaming"}
)
"""Options that do not change what a model says."""
_MODEL_NAMES = ("model", "model_name")


class BaseLanguageModel(RunnableSerializable[Any, Output]):
    """The base of ``BaseChatModel`` and ``LLM``: subclass one of these.

    ``cache``: True for the cache that ``set_llm_cache`` has set (ValueError if there is none), False for no
    cache, or a ``BaseCache``; None takes the cache that is set, if there is one. ``callbacks`` observe its
    calls, as those of a config do. ``disable_streaming``: True never streams, "tool_calling" does not stream
    where tools are given.

    >>> from workbench import BaseLanguageModel, FakeChatModel, FakeListLLM
    >>> models = [FakeChatModel(responses=["yes"]), FakeListLLM(responses=["yes"])]
    >>> all(isinstance(model, BaseLanguageModel) for model in models)
    True
    >>> [model.invoke("Is it?") for model in models]
    [AIMessage(content='yes'), 'yes']
    """

    cache: BaseCache | bool | None = Field(default=None, repr=False)
    rate_limiter: BaseRateLimiter | None = Field(default=None, repr=False)
    callbacks: Any = Field(default=None, exclude=True, repr=False)
    disable_streaming: bool | Literal["tool_calling"] = Field(default=False, repr=False)

    _prefers_streaming: ClassVar[bool] = False
    _is_free: ClassVar[bool] = False
    """True for a model whose calls cost nothing, whatever they are."""

    @property
    def InputType(self) -> Any:
        return str | StringPromptValue | ChatPromptValueConcrete | list[AnyMessage]

    @property
    def _llm_type(self) -> str:
        """A short name of the kind of model."""
        return type(self).__name__

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        """What distinguishes this model from others that answer differently: cached and recorded answers are
        found by it. Fields that the repr leaves out are not part of it, nor are fields with their default
        value, because later versions may add fields. Secrets must not be part of it."""
        return {
            name: value
            for name, field in type(self).model_fields.items()
            if field.repr
            and name not in _NO_PART_OF_AN_ANSWER
            and (value := getattr(self, name)) is not None
            and not isinstance(value, SecretStr)
            and (name in _MODEL_NAMES or value != field.get_default(call_default_factory=True))
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        """What the metadata of its runs says about the model: ``ls_model_name``, ``ls_temperature``, ..."""
        params = {
            "ls_provider": type(self).__name__.removeprefix("Chat").removesuffix("LLM").lower(),
            "ls_model_name": kwargs.get("model") or self._named(*_MODEL_NAMES),
            "ls_model_type": "chat" if self.run_type == "chat_model" else "llm",
            "ls_temperature": kwargs.get("temperature", self._named("temperature")),
            "ls_max_tokens": kwargs.get("max_tokens", self._named("max_tokens")),
            "ls_stop": stop or self._named("stop"),
        }
        return {key: value for key, value in params.items() if value is not None}

    def _named(self, *names: str) -> Any:
        known = _attributes(type(self), names)  # asking pydantic for what is not there is slow
        return next((value for name in known if (value := getattr(self, name)) is not None), None)

    def get_num_tokens(self, text: str) -> int:
        """How many tokens a text has: an estimate, unless the model knows its own tokenizer."""
        return count_tokens_approximately([HumanMessage(content=text)], extra_tokens_per_message=0)

    def get_num_tokens_from_messages(self, messages: Any, tools: Any = None) -> int:
        """The same for messages, and for the *tools* that go with them. ``trim_messages`` counts by it where
        a model is its token_counter."""
        written = "".join(dumps(convert_to_openai_tool(each)) for each in tools or ())
        return count_tokens_approximately(messages) + (self.get_num_tokens(written) if written else 0)

    # What a kind of model defines

    @abstractmethod
    def _prepared(self, input: Any) -> Any:
        """The request for an input: messages, or a prompt."""

    @abstractmethod
    def _whole_form(self, blocking: bool) -> tuple[Any, bool] | None:
        """The method that gives a whole answer, and whether it is asynchronous; None without one."""

    @abstractmethod
    def _answer_of(self, result: Any, method: str) -> ModelAnswer:
        """The answer that a method returned. TypeError if it is none."""

    @abstractmethod
    def _answer_of_chunks(self, total: Any) -> ModelAnswer:
        """The answer that chunks add up to."""

    @abstractmethod
    def _output_of(self, generation: Any) -> Any:
        """What ``invoke`` returns of a generation."""

    @abstractmethod
    def _chunk_of_whole(self, output: Any) -> Any:
        """What ``stream`` yields for an answer that came at once."""

    @abstractmethod
    def _chunks_of(self, request: Any, scope: AnyScope, kwargs: dict[str, Any]) -> ChunkStream:
        """The chunks that the subclass streams, checked."""

    @abstractmethod
    def _marked_cached(self, answer: ModelAnswer, scope: AnyScope) -> ModelAnswer:
        """The answer, marked as coming from a cache."""

    # Calls

    def _call_step(self, input: Any, scope: AnyScope, tag: str | None = None, **kwargs: Any) -> Any:
        return super()._call_step(input, self._described(scope, kwargs), tag, **kwargs)

    def _pipe(
        self, source: ChunkStream, scope: AnyScope, tag: str | None = None, **kwargs: Any
    ) -> ChunkStream:
        return super()._pipe(source, self._described(scope, kwargs), tag, **kwargs)

    def _described(self, scope: AnyScope, kwargs: dict[str, Any]) -> AnyScope:
        """*scope* with the model's own callbacks, and with its parameters in the metadata of its run; the
        caller's entries win."""
        if self.callbacks:
            scope = scope.configured({"callbacks": self.callbacks})
        if not scope.observers:
            return scope
        options = {key: value for key, value in kwargs.items() if key in _CALL_OPTIONS}
        new = scope.copy()
        settings = scope.settings
        new.settings = settings._replace(metadata={**self._get_ls_params(**options), **settings.metadata})
        return new

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        keep = kwargs.pop(_KEEP, None)
        request = self._prepared(input)
        place = place_of(self, request, kwargs)
        answer = None if place is None else await self._cached(place, scope)
        if answer is None:
            answer = await self._asked(request, scope, kwargs, True)
            if place is not None:
                await place.keep(answer.generations, scope)
        if keep is not None:
            keep.append(answer)
        return self._output_of(answer.generations[0])

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        request = self._prepared(await fold(source))
        place = place_of(self, request, kwargs)
        answer = None if place is None else await self._cached(place, scope)
        if answer is not None or not self._may_stream(scope, kwargs):
            if answer is None:
                answer = await self._asked(request, scope, kwargs, False)
                if place is not None:
                    await place.keep(answer.generations, scope)
            yield self._chunk_of_whole(self._output_of(answer.generations[0]))
            return
        total = None if place is None else Fold()
        async with aclosing(self._streamed(request, scope, kwargs)) as chunks:
            async for chunk in chunks:
                if total is not None:
                    total.add(chunk)
                yield chunk
        if place is not None and total is not None:
            await place.keep(self._answer_of_chunks(total.value).generations, scope)

    async def _cached(self, place: Place, scope: AnyScope) -> ModelAnswer | None:
        found = await place.look_up(scope)
        return self._marked_cached(ModelAnswer(list(found)), scope) if found else None

    async def _asked(
        self, request: Any, scope: AnyScope, kwargs: dict[str, Any], reports: bool
    ) -> ModelAnswer:
        """The whole answer, from the model or a cassette. *reports*: its tokens, if any, are reported."""
        __tracebackhide__ = True
        form = self._whole_form(scope.blocking)
        watched = (scope.wants_tokens and reports) or self._prefers_streaming
        if form is None or (watched and self._may_stream(scope, kwargs)):
            return await self._added_up(request, scope, kwargs, reports)
        real = partial(self._at_once, form, request, scope, kwargs, reports)
        cassette = current_cassette()
        if cassette is None:
            return await real()
        return ModelAnswer(await cassette.answer(self, request, kwargs, scope, real))

    async def _at_once(
        self,
        form: tuple[Any, bool],
        request: Any,
        scope: AnyScope,
        kwargs: dict[str, Any],
        reports: bool,
    ) -> ModelAnswer:
        __tracebackhide__ = True
        if self.rate_limiter is not None:
            await admit(self.rate_limiter, scope)
        method, is_async = form
        leaf = scope.leaf()
        kwargs = with_run_manager(method, is_async, leaf, kwargs, reports=reports)
        result = await leaf.call(method, is_async, request, **kwargs)
        return self._answer_of(result, method.__name__)

    async def _added_up(
        self, request: Any, scope: AnyScope, kwargs: dict[str, Any], reports: bool
    ) -> ModelAnswer:
        __tracebackhide__ = True
        total, run, gate = Fold(), scope.run, scope.gate
        report = run.chunk if reports and run is not None and scope.observers else None
        try:
            async with aclosing(self._streamed(request, scope, kwargs)) as chunks:
                async for chunk in chunks:
                    total.add(chunk)
                    if report is not None:
                        report(chunk)
                        if gate is not None and gate.closed:
                            await gate.wait(scope.new_waiter)
        except BaseException:
            if run is not None:
                run.output = total.value  # what came before it failed
            raise
        return self._answer_of_chunks(total.value)

    def _streamed(self, request: Any, scope: AnyScope, kwargs: dict[str, Any]) -> ChunkStream:
        """Chunks of the model, or of a cassette."""
        real = partial(self._chunks_of, request, scope, kwargs)
        cassette = current_cassette()
        return real() if cassette is None else cassette.chunks(self, request, kwargs, scope, real)

    async def _items(
        self, request: Any, scope: AnyScope, kwargs: dict[str, Any], is_async: bool
    ) -> ChunkStream:
        """What the subclass's method yields."""
        if self.rate_limiter is not None:
            await admit(self.rate_limiter, scope)
        method: Any = self._astream if is_async else self._stream
        leaf = scope.leaf()
        kwargs = with_run_manager(method, is_async, leaf, kwargs, reports=False)
        return leaf.iterate(method, is_async, request, **kwargs)

    def _may_stream(self, scope: AnyScope, kwargs: dict[str, Any]) -> bool:
        disabled = self.disable_streaming
        if disabled and (disabled is True or kwargs.get("tools")):
            return False
        return self._streams(scope)

    def _streams(self, scope: AnyScope) -> bool:
        """Whether it can stream, for a call of this kind."""
        return self._has("_stream") if scope.blocking else self._has("_stream", "_astream")

    def _has(self, *methods: str) -> bool:
        """Whether a subclass defines one of them."""
        kind = type(self)
        for name in methods:  # noqa: SIM110  # any() over a generator takes three times as long
            if not getattr(getattr(kind, name), "_is_missing", False):
                return True
        return False

    # Many inputs, all generations

    def generate_prompt(
        self, prompts: Sequence[Any], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        """``generate`` for prompt values."""
        return self._generate_all(list(prompts), stop, callbacks, kwargs)

    async def agenerate_prompt(
        self, prompts: Sequence[Any], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        """``generate_prompt`` on the running event loop."""
        return await self._agenerate_all(list(prompts), stop, callbacks, kwargs)

    def _generate_all(
        self, inputs: list[Any], stop: list[str] | None, callbacks: Any, kwargs: dict[str, Any]
    ) -> LLMResult:
        __tracebackhide__ = True
        config, kwargs = _split_config(stop, callbacks, kwargs)
        scope = Blocking.enter(config)
        return self._result_of(drive(scope.called_from(scope.lent, self._answers(inputs, scope, kwargs))))

    async def _agenerate_all(
        self, inputs: list[Any], stop: list[str] | None, callbacks: Any, kwargs: dict[str, Any]
    ) -> LLMResult:
        __tracebackhide__ = True
        config, kwargs = _split_config(stop, callbacks, kwargs)
        scope = EventLoop.enter(config)
        return self._result_of(await scope.called_from(scope.lent, self._answers(inputs, scope, kwargs)))

    async def _answers(self, inputs: list[Any], scope: AnyScope, kwargs: dict[str, Any]) -> list[ModelAnswer]:
        async def one(scope: AnyScope, input: Any) -> ModelAnswer:
            if "invoke" in self._overrides:  # a method of the user's own, which keeps only the output
                return self._answer_of_output(await self._call_step(input, scope, **kwargs))
            kept: list[ModelAnswer] = []
            await self._call_step(input, scope, **{**kwargs, _KEEP: kept})
            return kept[0]

        return await scope.gather(one, inputs)

    @abstractmethod
    def _answer_of_output(self, output: Any) -> ModelAnswer:
        """An output of ``invoke`` as an answer of one generation."""

    def _result_of(self, answers: list[ModelAnswer]) -> LLMResult:
        outputs = [answer.llm_output for answer in answers]
        return LLMResult([answer.generations for answer in answers], self._combine_llm_outputs(outputs))

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        """The ``llm_output`` of several calls; the later of two equal keys wins unless a subclass adds."""
        combined: dict[str, Any] = {}
        for output in llm_outputs:
            combined.update(output or {})
        return combined


@lru_cache(maxsize=1024)
def _attributes(kind: type[BaseLanguageModel[Any]], names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of *names* that a class has, as fields or otherwise."""
    return tuple(name for name in names if name in kind.model_fields or hasattr(kind, name))


_KEEP = "_keep_answer"
_CALL_OPTIONS = ("model", "temperature", "max_tokens", "stop")


def _split_config(
    stop: list[str] | None, callbacks: Any, kwargs: dict[str, Any]
) -> tuple[RunnableConfig, dict[str, Any]]:
    kwargs = dict(kwargs)
    config: Any = {
        key: kwargs.pop(key) for key in ("tags", "metadata", "run_name", "run_id") if key in kwargs
    }
    if callbacks is not None:
        config["callbacks"] = callbacks
    if stop is not None:
        kwargs["stop"] = stop
    return config, kwargs


def missing(method: Any) -> Any:
    """Mark a method of a base that subclasses may define: ``_has`` says whether they did."""
    method._is_missing = True
    return method
