"""What runs tell their observers of chunks, and what they keep of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from workbench import RunnableGenerator, RunnableLambda
from workbench.engine.runs import Run, RunEvent
from workbench.tracing.events import EventWriter
from workbench.tracing.log.writer import LogWriter


def words(_: Any) -> Iterator[str]:
    yield from ["a", "b", "c"]


def let_by(chunks: Iterator[str]) -> Iterator[str]:
    yield from chunks


class Listener:
    """Takes chunks without an event for each; of runs called *deaf*, none at all."""

    def __init__(self, deaf: str = "") -> None:
        self.deaf = deaf
        self.told: list[tuple[str, Any]] = []
        self.kinds: list[str] = []

    def __call__(self, event: RunEvent) -> None:
        self.kinds.append(event.kind)

    def chunks_of(self, run: Run) -> Any:
        if run.name == self.deaf:
            return None
        return lambda chunk, at: self.told.append((run.name, chunk))


def chain() -> Any:
    return RunnableLambda(words, name="words") | RunnableGenerator(let_by, name="by")


def test_an_observer_may_take_chunks_without_an_event_for_each(run_chain: Any, recorder: Any) -> None:
    listener = Listener(deaf="by")
    run_chain(chain(), "x", {"callbacks": [listener, recorder]})
    events = [(e.run.name, e.value) for e in recorder.events if e.kind == "chunk"]
    assert "chunk" not in listener.kinds
    assert listener.told == [(name, chunk) for name, chunk in events if name != "by"]


def test_an_observer_that_fails_at_a_chunk_does_not_keep_it_from_the_others() -> None:
    class Failing(Listener):
        def chunks_of(self, run: Run) -> Any:
            def tell(chunk: Any, at: float) -> None:
                raise ValueError("no")

            return tell

    listener = Listener()
    with pytest.raises(ValueError, match="no"):
        list(chain().stream("x", {"callbacks": [Failing(), listener]}))
    assert listener.told == [("words", "a")]


def test_nothing_is_told_after_the_end_of_a_run() -> None:
    listener = Listener()
    run = Run("late", "chain", (listener,))
    run.start()
    run.chunk("a")
    run.finish("a")
    run.chunk("b")
    assert listener.told == [("late", "a")]


@pytest.mark.parametrize("make", [EventWriter, LogWriter])
def test_writers_understand_chunks_that_come_as_events(make: Any) -> None:
    """As they do where a run is replayed."""
    seen: list[Any] = []
    writer = make(seen.append)
    root = Run("root", "chain", ())
    nested = Run("nested", "chain", (), root)
    for run in (root, nested):
        run.streams, run.started = True, 0.0
        writer(RunEvent("start", run, "x", 0.0))
    before = len(seen)
    for run in (nested, root):
        writer(RunEvent("chunk", run, "hi", 1.0))
    writer(RunEvent("chunk", Run("unknown", "chain", ()), "hi", 1.0))
    assert len(seen) == before + 2


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_the_input_of_a_step_is_what_it_took_of_the_stream_before_it(
    collect: Any, recorder: Any, taken: int
) -> None:
    def some(chunks: Iterator[str]) -> Iterator[str]:
        for _ in range(taken):
            next(chunks)
        yield "done"

    step = RunnableGenerator(some, name="some")
    assert collect(RunnableLambda(words, name="words") | step, "x", {"callbacks": [recorder]}) == ["done"]
    (run,) = {e.run for e in recorder.events if e.run.name == "some"}
    assert run.input == ("abc"[:taken] or None)


def test_steps_that_share_a_sum_keep_it_when_a_stream_is_closed_early(recorder: Any) -> None:
    async def two() -> list[str]:
        stream = (chain() | RunnableGenerator(let_by, name="last")).astream("x", {"callbacks": [recorder]})
        got = [await anext(stream), await anext(stream)]
        await stream.aclose()
        return got

    assert asyncio.run(two()) == ["a", "b"]
    runs = {e.run.name: e.run for e in recorder.events}
    assert (runs["last"].output, runs["last"].input) == ("ab", runs["by"].output)
    assert runs["by"].input == runs["words"].output
    assert recorder.unended() == []
