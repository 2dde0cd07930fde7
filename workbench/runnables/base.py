"""Runnable: the interface of everything that composes.

A runnable turns an input into an output (``invoke``) or into chunks that add up to it (``stream``), for
one input or many (``batch``), each with an ``a`` twin for asyncio. ``|`` chains them.

Two ways to write one. *Users* override any one of ``invoke``, ``stream``, ``transform`` or their ``a``
forms; the others follow. *Combinators* override the coroutine ``_invoke(input, scope)`` and, to stream,
the async generator ``_transform(source, scope)``; they run nested steps through ``step._call_step`` and
``step._pipe``, which open the step's run, so every step is traced whatever it overrides.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from ..engine.chunks import ChunkStream, Once, fold
from ..engine.config import RunnableConfig
from ..engine.modes import AnyScope, Blocking, EventLoop, drive, drive_stream
from ..engine.runs import Run
from ..engine.scope import stopped_step
from ..text.excerpts import typed_repr
from .batch import BatchCall
from .failures import explain
from .observed_streams import called, observed
from .overrides import call_above, resolve_overrides, stream_above
from .provided import provided
from .sources import AsyncIteratorSource, IteratorSource

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..tracing.events import StreamEvent
    from ..tracing.log.patches import RunLog, RunLogPatch
    from .configurable_specs import AnyConfigurableField, ConfigurableField, ConfigurableFieldSpec
    from .fallbacks import RunnableWithFallbacks
    from .graph import Graph
    from .listeners import AsyncListener, Listener
    from .retry import ExponentialJitterParams, Retryable
    from .shapes import Shape

__all__ = ["Runnable"]

Input = TypeVar("Input")
Output = TypeVar("Output")
Other = TypeVar("Other")

_UNSET = ("name", "tags", "metadata")


class Runnable(Generic[Input, Output]):
    """See the module. ``name`` overrides the name of its runs; ``tags`` and ``metadata`` go onto its own
    runs, not onto nested ones.

    >>> from workbench import Runnable
    >>> class Shout(Runnable):
    ...     def invoke(self, input, config=None, **kwargs):
    ...         return input.upper()
    >>> chain = Shout() | len
    >>> chain.invoke("hey"), chain.batch(["a", "bc"]), list(Shout().stream("hey"))
    (3, [1, 2], ['HEY'])
    """

    # Annotated, not assigned: a pydantic subclass declares them as fields, and must not shadow anything.
    # Other subclasses are given None.
    name: str | None
    tags: Any
    metadata: Any
    run_type: ClassVar[str] = "chain"

    _overrides: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not any(base.__module__.startswith("pydantic.") for base in cls.__mro__):
            for attribute in _UNSET:
                if not hasattr(cls, attribute):
                    setattr(cls, attribute, None)
        resolve_overrides(cls, Runnable)

    def __getattr__(self, attribute: str) -> Any:
        if attribute in _UNSET:
            return None
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {attribute!r}")

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """The name of its runs: the given one, else its own, else its class's; with *suffix* added."""
        base = name or self.name or self._default_name()
        return base if not suffix else f"{base}{suffix.title() if base[0].isupper() else f'_{suffix}'}"

    def _default_name(self) -> str:
        return type(self).__name__

    # One input, one output

    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Output:
        """The output for one input. ``kwargs`` go to the first step's own call."""
        __tracebackhide__ = True
        scope = Blocking.enter(config)
        work = self._work_of("invoke", input, scope, kwargs)
        try:
            return drive(work if scope.lent is None else scope.called_from(scope.lent, work))  # type: ignore[no-any-return]
        except StopAsyncIteration as error:
            raise stopped_step() from error
        except Exception as error:
            explain(error)
            raise

    async def ainvoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Output:
        """``invoke`` on the running event loop; synchronous user code runs in worker threads."""
        __tracebackhide__ = True
        scope = EventLoop.enter(config)
        work = self._work_of("ainvoke", input, scope, kwargs)
        try:
            return await (work if scope.lent is None else scope.called_from(scope.lent, work))
        except StopAsyncIteration as error:
            raise stopped_step() from error
        except Exception as error:
            explain(error)
            raise

    # One input, chunks of output

    def stream(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Output]:
        """The output in chunks, as they arrive; their sum (``+``) is what ``invoke`` returns.

        Closing the iterator, or leaving a ``for`` over it, stops the work at once.
        """
        return self._chunks(Once(input), config, "stream", kwargs)

    def astream(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Output]:
        """``stream`` on the running event loop. Use ``contextlib.aclosing`` around it where you may leave
        it early, as with every asynchronous generator."""
        return self._achunks(Once(input), config, "astream", kwargs)

    def transform(
        self, input: Iterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Output]:
        """Chunks of output from chunks of input."""
        return self._chunks(IteratorSource(input), config, "transform", kwargs)

    def atransform(
        self, input: AsyncIterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Output]:
        """``transform`` on the running event loop."""
        source = input if hasattr(input, "aclose") else AsyncIteratorSource(input)
        return self._achunks(source, config, "atransform", kwargs)  # type: ignore[arg-type]

    def _work_of(self, method: str, input: Any, scope: AnyScope, kwargs: dict[str, Any]) -> Any:
        if method in self._overrides:  # called through super(), in the run of the override
            return call_above(self, method, input, scope, kwargs)
        return self._call_step(input, scope, **kwargs)

    def _stream_of(
        self, method: str, source: ChunkStream, scope: AnyScope, kwargs: dict[str, Any]
    ) -> ChunkStream:
        if method in self._overrides:
            return stream_above(self, method, source, scope, kwargs)
        return self._pipe(source, scope, **kwargs)

    def _chunks(
        self, source: ChunkStream, config: RunnableConfig | None, method: str, kwargs: dict[str, Any]
    ) -> Iterator[Output]:
        __tracebackhide__ = True
        scope = Blocking.enter(config)
        chunks = self._stream_of(method, source, scope, kwargs)
        try:
            yield from drive_stream(scope.read_from(scope.lent, chunks))
        except Exception as error:
            explain(error)
            raise

    async def _achunks(
        self, source: ChunkStream, config: RunnableConfig | None, method: str, kwargs: dict[str, Any]
    ) -> AsyncIterator[Output]:
        __tracebackhide__ = True
        scope = EventLoop.enter(config)
        chunks = self._stream_of(method, source, scope, kwargs)
        try:
            async with aclosing(scope.read_from(scope.lent, chunks)) as stream:
                async for chunk in stream:
                    yield chunk
        except Exception as error:
            explain(error)
            raise

    # Many inputs

    def batch(
        self,
        inputs: Sequence[Input],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Output]:
        """Outputs for many inputs, in their order, worked on side by side in threads.

        At most ``max_concurrency`` leaf calls are in flight (64 inputs at a time without it). A list of
        configs gives each input its own; ValueError if its length differs. With *return_exceptions*,
        errors come back in place; without, the first one is raised and the rest stops.
        """
        __tracebackhide__ = True
        batch = BatchCall(self, inputs, config, return_exceptions, kwargs)
        scope = Blocking.enter(batch.shared)
        try:
            return drive(scope.called_from(scope.lent, batch.outputs(scope)))
        except Exception as error:
            explain(error)
            raise

    async def abatch(
        self,
        inputs: Sequence[Input],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Output]:
        """``batch`` in tasks on the running event loop: all at once, or ``max_concurrency`` at a time."""
        __tracebackhide__ = True
        batch = BatchCall(self, inputs, config, return_exceptions, kwargs)
        scope = EventLoop.enter(batch.shared)
        try:
            return await scope.called_from(scope.lent, batch.outputs(scope))
        except Exception as error:
            explain(error)
            raise

    def batch_as_completed(
        self,
        inputs: Sequence[Input],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Output | Exception]]:
        """``(index, output)`` of every input, in the order in which they finish."""
        __tracebackhide__ = True
        batch = BatchCall(self, inputs, config, return_exceptions, kwargs)
        if batch.indexes:
            scope = Blocking.enter(batch.shared)
            try:
                yield from drive_stream(scope.read_from(scope.lent, batch.pairs(scope)))
            except Exception as error:
                explain(error)
                raise

    async def abatch_as_completed(
        self,
        inputs: Sequence[Input],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Output | Exception]]:
        """``batch_as_completed`` on the running event loop."""
        __tracebackhide__ = True
        batch = BatchCall(self, inputs, config, return_exceptions, kwargs)
        if batch.indexes:
            scope = EventLoop.enter(batch.shared)
            try:
                async with aclosing(scope.read_from(scope.lent, batch.pairs(scope))) as pairs:
                    async for pair in pairs:
                        yield pair
            except Exception as error:
                explain(error)
                raise

    # The run as a log

    def astream_log(
        self,
        input: Input,
        config: RunnableConfig | None = None,
        *,
        diff: bool = True,
        with_streamed_output_list: bool = True,
        include_names: Sequence[str] | None = None,
        include_types: Sequence[str] | None = None,
        include_tags: Sequence[str] | None = None,
        exclude_names: Sequence[str] | None = None,
        exclude_types: Sequence[str] | None = None,
        exclude_tags: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[RunLogPatch] | AsyncIterator[RunLog]:
        """The run as it happens: JSON Patch operations (RFC 6902) that build a ``RunState``.

        Yields ``RunLogPatch``; with ``diff=False`` the state so far as ``RunLog``. Filters choose which
        nested runs get an entry under ``logs``. Closing the iterator stops the work.
        """
        from ..tracing.filters import Filter
        from ..tracing.log.stream import astream_log

        keep = Filter(include_names, include_types, include_tags, exclude_names, exclude_types, exclude_tags)
        return astream_log(
            lambda observer: self._achunks(Once(input), _observed_by(observer, config), "", kwargs),
            keep,
            diff=diff,
            with_streamed_output_list=with_streamed_output_list,
        )

    def stream_log(
        self,
        input: Input,
        config: RunnableConfig | None = None,
        *,
        diff: bool = True,
        with_streamed_output_list: bool = True,
        include_names: Sequence[str] | None = None,
        include_types: Sequence[str] | None = None,
        include_tags: Sequence[str] | None = None,
        exclude_names: Sequence[str] | None = None,
        exclude_types: Sequence[str] | None = None,
        exclude_tags: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[RunLogPatch]:
        """``astream_log`` without an event loop: the chain runs in a worker thread."""
        from ..tracing.filters import Filter
        from ..tracing.log.stream import stream_log

        return stream_log(
            lambda observer: self._chunks(Once(input), _observed_by(observer, config), "", kwargs),
            Filter(include_names, include_types, include_tags, exclude_names, exclude_types, exclude_tags),
            diff=diff,
            with_streamed_output_list=with_streamed_output_list,
        )

    # The run as events

    def astream_events(
        self,
        input: Input,
        config: RunnableConfig | None = None,
        *,
        version: Literal["v1", "v2"] = "v2",
        include_names: Sequence[str] | None = None,
        include_types: Sequence[str] | None = None,
        include_tags: Sequence[str] | None = None,
        exclude_names: Sequence[str] | None = None,
        exclude_types: Sequence[str] | None = None,
        exclude_tags: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[StreamEvent]:
        """The run as it happens: a flat stream of events, from ``on_chain_start`` to ``on_chain_end``.

        Models stream their tokens (``on_chat_model_stream``) wherever they are called. Filters choose the
        runs whose events come: any include, no exclude. Closing the iterator stops the work; a reader that
        stalls stalls it. ``v1`` differs in the shape of some data (see ``tracing.events``); ValueError for
        other versions.
        """
        from ..tracing.events import astream_events, check_version
        from ..tracing.filters import EventFilter

        return astream_events(
            lambda observer: self._achunks(Once(input), _observed_by(observer, config), "", kwargs),
            EventFilter(
                include_names, include_types, include_tags, exclude_names, exclude_types, exclude_tags
            ),
            check_version(version),
        )

    def stream_events(
        self,
        input: Input,
        config: RunnableConfig | None = None,
        *,
        version: Literal["v1", "v2"] = "v2",
        include_names: Sequence[str] | None = None,
        include_types: Sequence[str] | None = None,
        include_tags: Sequence[str] | None = None,
        exclude_names: Sequence[str] | None = None,
        exclude_types: Sequence[str] | None = None,
        exclude_tags: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[StreamEvent]:
        """``astream_events`` without an event loop: the chain runs in a worker thread."""
        from ..tracing.events import check_version, stream_events
        from ..tracing.filters import EventFilter

        return stream_events(
            lambda observer: self._chunks(Once(input), _observed_by(observer, config), "", kwargs),
            EventFilter(
                include_names, include_types, include_tags, exclude_names, exclude_types, exclude_tags
            ),
            check_version(version),
        )

    # What it takes and gives, and what it is made of

    @property
    def InputType(self) -> Any:
        """The type of its input, as far as its structure shows it; a subclass may state its own."""
        from .input_output import input_of

        return input_of(self).annotation

    @property
    def OutputType(self) -> Any:
        """The type of its output, as far as its structure shows it; a subclass may state its own."""
        from .input_output import output_of

        return output_of(self).annotation

    @property
    def input_schema(self) -> type[BaseModel]:
        """Its input as a pydantic model; ``.schema()`` is the JSON schema."""
        return self.get_input_schema()

    @property
    def output_schema(self) -> type[BaseModel]:
        """Its output as a pydantic model; ``.schema()`` is the JSON schema."""
        return self.get_output_schema()

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """``input_schema`` as it is under *config*."""
        from .input_output import input_of
        from .schema import model_of

        return model_of(input_of(self, config))

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """``output_schema`` as it is under *config*."""
        from .input_output import output_of
        from .schema import model_of

        return model_of(output_of(self, config))

    def get_input_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """The JSON schema of its input."""
        from .schema import json_schema

        return json_schema(self.get_input_schema(config))

    def get_output_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """The JSON schema of its output."""
        from .schema import json_schema

        return json_schema(self.get_output_schema(config))

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """What ``config["configurable"]`` sets in it and in the steps inside."""
        from .configurable_specs import unique_specs

        return unique_specs(spec for step in self._steps_inside() for spec in step.config_specs)

    def config_schema(self, *, include: Sequence[str] | None = None) -> type[BaseModel]:
        """The config it accepts as a pydantic model: what is configurable, and the keys to *include*."""
        from .schema import config_model

        return config_model(self.get_name("config"), self.config_specs, include or ())

    def get_config_jsonschema(self, *, include: Sequence[str] | None = None) -> dict[str, Any]:
        """The JSON schema of ``config_schema``."""
        from .schema import json_schema

        return json_schema(self.config_schema(include=include))

    def get_graph(self, config: RunnableConfig | None = None) -> Graph:
        """Its steps as nodes and edges, to look at (a notebook draws it) or to go through."""
        from .graph import graph_of

        return graph_of(self, config)

    def get_prompts(self, config: RunnableConfig | None = None) -> list[Runnable[Any, Any]]:
        """The prompts in it, in the order of its steps."""
        from .graph import prompts_in

        return prompts_in(self, config)

    # Composition

    def __or__(self, other: Any) -> Runnable[Input, Any]:
        from .sequence import RunnableSequence

        step = _coerced_or_none(other)
        return NotImplemented if step is None else RunnableSequence(self, step)

    def __ror__(self, other: Any) -> Runnable[Any, Output]:
        from .sequence import RunnableSequence

        step = _coerced_or_none(other)
        return NotImplemented if step is None else RunnableSequence(step, self)

    def pipe(self, *others: Any, name: str | None = None) -> Runnable[Input, Any]:
        """``self | other | ...`` as a call, with a name for the sequence."""
        from .sequence import RunnableSequence

        return RunnableSequence(self, *others, name=name)

    def assign(self, **steps: Any) -> Runnable[Input, dict[str, Any]]:
        """The dict this outputs, with the outputs of *steps* (each given that dict) added."""
        from .passthrough import RunnablePassthrough

        return self | RunnablePassthrough.assign(**steps)

    def pick(self, keys: str | list[str]) -> Runnable[Input, Any]:
        """One value of the dict this outputs, or a dict of several."""
        from .passthrough import RunnablePick

        return self | RunnablePick(keys)

    def bind(self, **kwargs: Any) -> Runnable[Input, Output]:
        """This runnable with arguments for every call: ``model.bind(stop=["\\n"])``."""
        from .binding import RunnableBinding

        return RunnableBinding(self, kwargs=kwargs)

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> Runnable[Input, Output]:
        """This runnable with a config for every call: ``model.with_config(run_name="my_llm")``."""
        from .binding import RunnableBinding

        return RunnableBinding(self, config={**(config or {}), **kwargs})  # type: ignore[arg-type]

    def with_types(self, *, input_type: Any = None, output_type: Any = None) -> Runnable[Input, Output]:
        """This runnable with stated types, where they cannot be found in its structure."""
        from .binding import RunnableBinding

        return RunnableBinding(self, custom_input_type=input_type, custom_output_type=output_type)

    def with_listeners(
        self,
        *,
        on_start: Listener | None = None,
        on_end: Listener | None = None,
        on_error: Listener | None = None,
    ) -> Runnable[Input, Output]:
        """Functions to call with the ``Run`` (and, as a second argument, its config) when a run of this
        runnable starts, ends or fails. Nested runs do not count."""
        from .binding import RunnableBinding
        from .listeners import listening

        factory = listening({"on_start": on_start, "on_end": on_end, "on_error": on_error})
        return RunnableBinding(self).with_config_factory(factory)

    def with_alisteners(
        self,
        *,
        on_start: AsyncListener | None = None,
        on_end: AsyncListener | None = None,
        on_error: AsyncListener | None = None,
    ) -> Runnable[Input, Output]:
        """``with_listeners`` for asynchronous functions; the run waits for each."""
        from .binding import RunnableBinding
        from .listeners import listening

        listeners = {"on_start": on_start, "on_end": on_end, "on_error": on_error}
        return RunnableBinding(self).with_config_factory(listening(listeners, asynchronous=True))

    def with_retry(
        self,
        *,
        retry_if_exception_type: Retryable = (Exception,),
        wait_exponential_jitter: bool = True,
        exponential_jitter_params: ExponentialJitterParams | None = None,
        stop_after_attempt: int = 3,
    ) -> Runnable[Input, Output]:
        """This runnable, called up to *stop_after_attempt* times while it fails with one of the given
        types, or while a function of the exception returns True. A stream that has given a chunk is not
        repeated."""
        from .retry import RunnableRetry

        return RunnableRetry(
            self,
            retry_exception_types=retry_if_exception_type,
            wait_exponential_jitter=wait_exponential_jitter,
            exponential_jitter_params=exponential_jitter_params,
            max_attempt_number=stop_after_attempt,
        )

    def with_fallbacks(
        self,
        fallbacks: Sequence[Runnable[Input, Output]],
        *,
        exceptions_to_handle: tuple[type[BaseException], ...] = (Exception,),
        exception_key: str | None = None,
    ) -> RunnableWithFallbacks[Input, Output]:
        """This runnable, and where it fails the first of *fallbacks* that does not. *exception_key*: the
        key under which they find the error in their input, which must be a dict then."""
        from .fallbacks import RunnableWithFallbacks

        return RunnableWithFallbacks(
            self, fallbacks, exceptions_to_handle=exceptions_to_handle, exception_key=exception_key
        )

    def map(self) -> Runnable[list[Input], list[Output]]:
        """This runnable for each item of a list, side by side."""
        from .each import RunnableEach

        return RunnableEach(self)

    def configurable_fields(self, **fields: AnyConfigurableField) -> Runnable[Input, Output]:
        """This runnable with fields that a call can set by ``config["configurable"]``; for subclasses of
        ``RunnableSerializable``. ValueError lists the fields there are."""
        from .configurable import RunnableConfigurableFields

        return RunnableConfigurableFields(self, fields)

    def configurable_alternatives(
        self,
        which: ConfigurableField,
        *,
        default_key: str = "default",
        prefix_keys: bool = False,
        **alternatives: Runnable[Input, Output] | Callable[[], Runnable[Input, Output]],
    ) -> Runnable[Input, Output]:
        """This runnable, or the alternative that a call names by ``config["configurable"][which.id]``.

        An alternative may be a function that makes it. With *prefix_keys* their own configurable fields
        go by ``"<which.id>==<alternative>/<field id>"``, so that those of one id do not meet.
        """
        from .alternatives import RunnableConfigurableAlternatives

        return RunnableConfigurableAlternatives(
            which, self, alternatives, default_key=default_key, prefix_keys=prefix_keys
        )

    def as_tool(
        self,
        args_schema: type[BaseModel] | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        arg_types: Mapping[str, Any] | None = None,
    ) -> Any:
        """This runnable as a tool (a ``BaseTool``) for models. Its arguments are those of *args_schema*, or
        *arg_types* (``{"city": str}``), or its input; TypeError if nothing is known of that. A runnable that
        does not take a dict becomes a tool with the one argument ``input``."""
        return provided("tool")(
            name, self, args_schema=args_schema, description=description, arg_types=arg_types
        )

    def view(self, input: Input, config: RunnableConfig | None = None, *, title: str = "") -> Output:
        """Run it under a live view (in a notebook or a terminal) and return the output."""
        __tracebackhide__ = True
        return provided("view")(self, input, config, title=title)  # type: ignore[no-any-return]  # this chain's output

    # For combinators

    async def _call_step(self, input: Any, scope: AnyScope, tag: str | None = None, **kwargs: Any) -> Any:
        """From input to output inside a run of its own, if somebody observes."""
        __tracebackhide__ = True
        if not scope.observers:
            if scope.run_name is not None or scope.run_id is not None:
                scope = scope.unnamed()
            return await self._invoke(input, scope, **kwargs)
        inner = scope.open(self, tag, self._recorded_input(input))
        run: Run = inner.run  # type: ignore[assignment]  # just opened
        gate = inner.gate
        try:
            run.start()
            if run.pending:
                await run.settle()
            if gate is not None and gate.closed:
                await gate.wait(inner.new_waiter)
            output = await self._invoke(input, inner, **kwargs)
        except BaseException as error:
            run.fail(error)
            await run.settle()
            raise
        run.finish(output)
        if run.pending:
            await run.settle()
        return output

    def _pipe(
        self, source: ChunkStream, scope: AnyScope, tag: str | None = None, **kwargs: Any
    ) -> ChunkStream:
        """From chunks to chunks inside a run of its own, if somebody observes."""
        if not scope.observers:
            if scope.run_name is not None or scope.run_id is not None:
                scope = scope.unnamed()
            return self._transform(source, scope, **kwargs)
        if type(self)._transform is Runnable._transform:
            return called(self, source, scope, tag, kwargs)
        return observed(self, source, scope, tag, kwargs)

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        """The work of one call. This default adds up ``_transform``."""
        __tracebackhide__ = True
        if type(self)._transform is Runnable._transform:
            raise TypeError(
                f"{type(self).__name__} does nothing yet: override invoke, stream, transform "
                "or one of their a-forms"
            )
        return await fold(self._transform(Once(input), scope, **kwargs))

    async def _transform(self, source: ChunkStream, scope: AnyScope, **kwargs: Any) -> ChunkStream:
        """The work of one stream. This default gathers its input and yields what ``_invoke`` returns."""
        __tracebackhide__ = True
        yield await self._invoke(await fold(source), scope, **kwargs)

    def _shown_input(self, input: Any) -> Any:
        """The input as event streams and callback handlers show it to people: a model's as messages."""
        return input

    def _recorded_input(self, input: Any) -> Any:
        """The input as its runs record it for observers: without what must stay secret."""
        return input

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        """The runnables it is composed of."""
        return ()

    def _stand_ins(self) -> Sequence[Runnable[Any, Any]]:
        """The runnables of which one does its work, with the same input: it has their schemas."""
        inside = self._steps_inside()
        return inside if len(inside) == 1 else ()

    def _as_configured(self, config: RunnableConfig | None) -> Runnable[Any, Any]:
        """The runnable that it is under *config*, for schemas and graphs."""
        return self

    def _input_shape(self, config: RunnableConfig | None, wanted: Shape) -> Shape:
        """What it takes, to give *wanted* if that makes a difference. See ``input_output``."""
        from .input_output import stated_input

        return stated_input(self, config, wanted)

    def _output_shape(self, config: RunnableConfig | None, given: Shape) -> Shape:
        """What it gives for what is *given*."""
        from .input_output import stated_output

        return stated_output(self, config, given)

    def _gathers(self) -> bool:
        """Whether a stream through it waits for the whole input."""
        return type(self)._transform is Runnable._transform

    def _with_in_place(self, inner: Runnable[Any, Any], wrapper: Runnable[Any, Any]) -> Runnable[Any, Any]:
        """The same with *wrapper* in the place of *inner*; itself if *inner* is not found in it."""
        return wrapper if self is inner else self

    def _alias(self) -> str | None:
        """None, or for a wrapper without runs of its own the name it gives to the wrapped one ("" for
        none)."""
        return None

    def __repr__(self) -> str:
        return f"{self.get_name()}()"


def coerce(thing: Any) -> Runnable[Any, Any]:
    """A runnable from what people write in chains: a runnable, a dict (parallel branches), a function or
    a generator function, synchronous or not. Raises TypeError for anything else."""
    step = _coerced_or_none(thing)
    if step is None:
        raise TypeError(
            "expected a Runnable, a function, a generator function or a dict of these, "
            f"got {typed_repr(thing)}"
        )
    return step


def _coerced_or_none(thing: Any) -> Runnable[Any, Any] | None:
    if isinstance(thing, Runnable):
        return thing
    if isinstance(thing, Mapping):
        from .parallel import RunnableParallel

        return RunnableParallel(thing)
    if callable(thing):
        from .function import RunnableGenerator, RunnableLambda
        from .signatures import is_generator

        return RunnableGenerator(thing) if is_generator(thing) else RunnableLambda(thing)
    return None


def _observed_by(observer: Any, config: RunnableConfig | None) -> RunnableConfig:
    given = (config or {}).get("callbacks")
    callbacks = given if isinstance(given, (list, tuple)) else [given] if given is not None else []
    return {**(config or {}), "callbacks": [*callbacks, observer]}
