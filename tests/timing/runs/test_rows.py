"""Where the time went, told from RunEvents of real runs with known delays."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from workbench.engine.runs import Run, RunEvent
from workbench.runnables.base import Runnable
from workbench.runnables.function import RunnableLambda
from workbench.runnables.parallel import RunnableParallel
from workbench.timing.runs.rows import TimingRow, Timings

LATE = 0.15
"""Seconds by which a busy machine may be late."""


class Model(Runnable[Any, str]):
    """Words as tokens, after *wait_s*, one every *each_s*."""

    run_type = "chat_model"

    def __init__(self, text: str = "one two three four five six", wait_s: float = 0.1, each_s: float = 0.02):
        self.text, self.wait_s, self.each_s = text, wait_s, each_s

    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Iterator[str]:
        time.sleep(self.wait_s)
        for number, word in enumerate(self.text.split()):
            if number:
                time.sleep(self.each_s)
            yield word


def sleeper(seconds: float, name: str = "sleeper") -> Runnable[Any, Any]:
    def work(value: Any) -> Any:
        time.sleep(seconds)
        return value

    return RunnableLambda(work, name=name)


def row(timings: Timings, name: str) -> TimingRow:
    (found,) = [row for row in timings.rows if row.name == name]
    return found


def test_each_run_has_a_row_with_its_path_and_parent():
    timings = Timings()
    (sleeper(0, "first") | sleeper(0, "second")).invoke(1, {"callbacks": [timings], "run_name": "both"})
    assert [(row.name, row.path, row.parent, row.status) for row in timings.rows] == [
        ("both", "both", None, "done"),
        ("first", "both > first", 0, "done"),
        ("second", "both > second", 0, "done"),
    ]


@pytest.mark.timed
def test_wall_time_is_from_start_to_end_and_own_time_is_what_no_child_covers():
    timings = Timings()

    def outer(value: int) -> int:
        time.sleep(0.05)
        sleeper(0.1, "inner").invoke(value)
        return value

    RunnableLambda(outer).invoke(1, {"callbacks": [timings]})
    wall, inner = row(timings, "outer"), row(timings, "inner")
    assert 0.1 <= inner.wall_s < 0.1 + LATE
    assert 0.15 <= wall.wall_s < 0.15 + LATE
    assert wall.own_s == pytest.approx(wall.wall_s - inner.wall_s, abs=0.005)
    assert inner.own_s == inner.wall_s


@pytest.mark.timed
def test_time_covered_by_children_side_by_side_counts_once():
    timings = Timings()
    branches = RunnableParallel(a=sleeper(0.1, "a"), b=sleeper(0.1, "b"), c=sleeper(0.15, "c"))
    branches.invoke(1, {"callbacks": [timings], "run_name": "all"})
    together = row(timings, "all")
    assert 0.15 <= together.wall_s < 0.15 + LATE
    assert together.own_s < 0.1
    assert sum(row.wall_s for row in timings.rows[1:]) >= 0.35


@pytest.mark.timed
async def test_times_hold_for_asynchronous_steps():
    timings = Timings()

    async def nap(value: int) -> int:
        await asyncio.sleep(0.1)
        return value

    await RunnableParallel(a=nap, b=nap).ainvoke(1, {"callbacks": [timings]})
    assert [0.1 <= row.wall_s < 0.1 + LATE for row in timings.rows] == [True] * 3
    assert timings.peak_in_flight == 2


@pytest.mark.timed
def test_a_model_tells_its_time_to_first_token_and_its_speed():
    timings = Timings()
    list((RunnableLambda(str) | Model()).stream("q", {"callbacks": [timings]}))
    model = row(timings, "Model")
    assert 0.1 <= model.first_token_s < 0.1 + LATE
    assert model.tokens == 6
    assert 10 < model.tokens_per_s <= 51  # five tokens after the first, 20 ms each


def test_only_models_have_tokens_and_every_run_has_chunks():
    timings = Timings()
    list((Model(each_s=0) | RunnableLambda(str.upper)).stream("q", {"callbacks": [timings]}))
    assert row(timings, "RunnableSequence").tokens is None
    assert [row.chunks for row in timings.rows] == [1, 6, 1]


def test_tokens_come_from_the_usage_where_the_model_reports_it():
    class Answer:
        usage_metadata = {"input_tokens": 7, "output_tokens": 42, "total_tokens": 49}

    timings = Timings()
    run = Run("m", "chat_model", (timings,))
    run.start()
    run.chunk("a")
    run.finish(Answer())
    (model,) = timings.rows
    assert model.tokens == 42
    assert model.usage == Answer.usage_metadata


def test_a_failed_run_is_told_from_a_cancelled_one():
    timings = Timings()

    def fail(value: int) -> int:
        raise ValueError("no such thing")

    with pytest.raises(ValueError):
        RunnableLambda(fail).invoke(1, {"callbacks": [timings]})
    assert row(timings, "fail").status == "failed"
    assert row(timings, "fail").error == "ValueError: no such thing"


def test_a_run_that_is_still_open_has_no_wall_time():
    timings = Timings()
    stream = (RunnableLambda(str) | Model(each_s=0)).stream("q", {"callbacks": [timings]})
    next(stream)
    model = row(timings, "Model")
    assert (model.status, model.wall_s, model.own_s) == ("streaming", None, None)
    stream.close()
    model = row(timings, "Model")
    assert (model.status, model.chunks) == ("done", 1)


@pytest.mark.parametrize("limit", [1, 3])
def test_the_peak_counts_leaf_calls_not_the_chains_around_them(limit: int):
    timings = Timings()
    chain = sleeper(0.02, "a") | sleeper(0.02, "b")
    chain.batch(range(8), {"callbacks": [timings], "max_concurrency": limit})
    assert timings.peak_in_flight == limit


def test_the_peak_of_branches_that_meet_is_their_number():
    timings = Timings()
    meet = threading.Barrier(5, timeout=10)
    RunnableParallel({str(n): lambda _: meet.wait() for n in range(5)}).invoke(1, {"callbacks": [timings]})
    assert timings.peak_in_flight == 5


def test_prompts_and_parsers_are_no_calls_in_flight():
    timings = Timings()
    for kind in ("prompt", "parser", "chat_model"):
        Run(kind, kind, (timings,)).start()
    assert timings.peak_in_flight == 1


def test_nothing_of_a_finished_run_is_kept():
    class Big:
        pass

    timings = Timings()
    big = Big()
    seen = weakref.ref(big)
    (RunnableLambda(lambda value: value) | sleeper(0)).invoke(big, {"callbacks": [timings]})
    del big
    gc.collect()
    assert seen() is None
    assert len(timings.rows) == 3


@pytest.mark.timed
def test_a_child_that_ends_after_its_root_still_ends_its_row():
    timings = Timings()
    root = Run("root", "chain", (timings,))
    child = Run("child", "chain", (timings,), parent=root)
    root.start()
    child.start()
    time.sleep(0.01)
    root.finish(1)
    child.finish(2)
    assert [row.status for row in timings.rows] == ["done", "done"]
    assert timings.rows[0].own_s < 0.005
    assert not timings._places


@pytest.mark.timed
def test_the_cost_of_an_event_does_not_grow_with_the_runs_before_it():
    def cost_s(timings: Timings, runs: int) -> float:
        root = Run("root", "chain", (timings,))
        timings(RunEvent("start", root, None, 0.0))
        started = time.thread_time()
        for number in range(runs):
            child = Run("child", "chain", (timings,), parent=root)
            timings(RunEvent("start", child, None, float(number)))
            timings(RunEvent("chunk", child, "x", float(number)))
            timings(RunEvent("end", child, None, number + 1.0))
        return (time.thread_time() - started) / runs

    few = min(cost_s(Timings(), 500) for _ in range(5))
    many = min(cost_s(Timings(), 20_000) for _ in range(2))
    assert many < 4 * few
