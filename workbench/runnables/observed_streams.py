"""The stream of one step, reported to observers as a run of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import perf_counter
from types import AsyncGeneratorType
from typing import Any
from weakref import WeakKeyDictionary

from ..engine.chunks import MISSING, ChunkStream, Fold, Once, RecordedFold, fold
from ..engine.modes import AnyScope
from ..engine.runs import MODEL_TYPES, Run
from .composed import ComposedStep

__all__ = ["called", "observed"]


async def called(
    step: ComposedStep, source: ChunkStream, scope: AnyScope, tag: str | None, kwargs: dict[str, Any]
) -> AsyncGenerator[Any, None]:
    """A step that does not stream: its run is over when its output goes on, and reports no chunks."""
    __tracebackhide__ = True
    yield await step._call_step(await fold(source), scope, tag, **kwargs)


def observed(
    step: ComposedStep, source: ChunkStream, scope: AnyScope, tag: str | None, kwargs: dict[str, Any]
) -> AsyncGenerator[Any, None]:
    """A step that streams, in a run of its own."""
    total = RecordedFold()
    stream = _observed(step, source, scope, tag, kwargs, total)
    _sums[stream] = total
    return stream


_sums: WeakKeyDictionary[Any, Fold] = WeakKeyDictionary()
"""What observed streams add up to so far: the step after one need not add the same chunks again."""


async def _observed(
    step: ComposedStep,
    source: ChunkStream,
    scope: AnyScope,
    tag: str | None,
    kwargs: dict[str, Any],
    total: Fold,
) -> AsyncGenerator[Any, None]:
    __tracebackhide__ = True
    async with aclosing(source):
        if step.run_type in MODEL_TYPES and type(source) is not Once:
            # A model needs its whole input, so the start of its run has it.
            source = Once(await fold(source))
        if type(source) is Once and not source.taken:
            given: Once | _Tap = source
            input = step._recorded_input(source.value)
        else:
            # A run starts after its source's first chunk: what fails before that never reached it.
            first = await anext(source, MISSING)
            given, input = _resumed(first, source), MISSING
        inner = scope.open(step, tag, input)
        run: Run = inner.run  # type: ignore[assignment]  # just opened
        run.streams = True
        gate, idle_s = inner.gate, 0.0
        try:
            run.start()
            if run.pending:
                await run.settle()
            async with aclosing(step._transform(given, inner, **kwargs)) as chunks:
                async for chunk in chunks:
                    # What total.add and run.chunk do, for every token of every step it passes.
                    if type(chunk) is total.grows_by:
                        total.parts.append(chunk)
                    else:
                        total.add(chunk)
                    if run.first_chunk is None or (on_chunk := run.on_chunk) is None:
                        run.chunk(chunk)
                    else:
                        run.last_chunk = at = perf_counter()
                        on_chunk(chunk, at)
                    if run.pending:
                        await run.settle()
                    if gate is not None and gate.behind() >= gate.bound:
                        await gate.wait(inner.new_waiter)
                    yield chunk
                    idle_s += perf_counter() - run.last_chunk
        except GeneratorExit:  # closed early, which is no failure: it ends with what it has
            if run.last_chunk:
                run.idle_s = idle_s + perf_counter() - run.last_chunk
            await source.aclose()
            await _finish(run, given, total)
            raise
        except BaseException as error:
            if isinstance(given, _Tap):
                run.input = run.step._recorded_input(given.total.value)
            run.output, run.idle_s = total.value, idle_s
            run.fail(error)
            await run.settle()
            raise
        run.idle_s = idle_s
        await _finish(run, given, total)


def _resumed(first: Any, source: ChunkStream) -> _Tap:
    total = _sums.get(source) if isinstance(source, AsyncGeneratorType) else None
    return _Tap(first, source) if total is None else _Resumed(first, source, total)


async def _finish(run: Run, given: Once | _Tap, total: Fold) -> None:
    if isinstance(given, _Tap):
        run.input = run.step._recorded_input(given.total.value)
    run.finish(total.value)
    if run.pending:
        await run.settle()


class _Tap:
    """A stream that keeps the sum of what went through it."""

    __slots__ = ("_first", "_source", "total")

    def __init__(self, first: Any, source: ChunkStream) -> None:
        self._first = first
        self._source = source
        self.total: Fold = RecordedFold()

    def __aiter__(self) -> _Tap:
        return self

    async def __anext__(self) -> Any:
        if self._first is not MISSING:
            chunk, self._first = self._first, MISSING
        else:
            chunk = await self._source.__anext__()
        self.total.add(chunk)
        return chunk

    async def aclose(self) -> None:
        await self._source.aclose()


class _Resumed(_Tap):
    """A stream whose first chunk was pulled already, and whose sum is kept elsewhere."""

    __slots__ = ("_pull", "_sum")

    def __init__(self, first: Any, source: ChunkStream, total: Fold) -> None:
        super().__init__(first, source)
        self._pull = source.__anext__
        self._sum = total

    def __anext__(self) -> Any:
        return self._pull() if self._first is MISSING else self._given()

    async def _given(self) -> Any:
        chunk, self._first = self._first, MISSING
        self.total = self._sum  # not before: a step may take nothing of its input
        return chunk
