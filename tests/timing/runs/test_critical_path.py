"""Which steps a run waited for, told from rows with known times and from real runs with known delays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from workbench.runnables.base import Runnable
from workbench.runnables.function import RunnableGenerator, RunnableLambda
from workbench.runnables.parallel import RunnableParallel
from workbench.timing.runs.critical_path import Stretch, critical_path, shares
from workbench.timing.runs.rows import TimingRow, Timings


def run(
    name: str,
    start: float,
    end: float,
    parent: int | None = None,
    *,
    place: str | None = None,
    waited: float = 0.0,
) -> TimingRow:
    return TimingRow(
        name=name,
        path=name,
        type="chain",
        parent=parent,
        status="done",
        start_s=start,
        wall_s=end - start,
        own_s=None,
        first_token_s=None,
        chunks=0,
        tokens=None,
        tokens_per_s=None,
        usage=None,
        error=None,
        waited_s=waited,
        place=place,
    )


def told(rows: list[TimingRow]) -> list[tuple[str, str, float]]:
    return [
        (
            "-" if stretch.row is None else rows[stretch.row].name,
            stretch.kind,
            round(stretch.end_s - stretch.start_s, 6),
        )
        for stretch in critical_path(rows)
    ]


def test_the_path_of_a_parallel_is_its_last_branch():
    rows = [
        run("both", 0.0, 3.0),
        run("joke", 0.0, 2.0, 0, place="map:key:joke"),
        run("poem", 0.0, 3.0, 0, place="map:key:poem"),
    ]
    assert told(rows) == [("poem", "work", 3.0)]


def test_a_step_of_a_stream_is_charged_from_the_end_of_the_one_before():
    rows = [
        run("chain", 0.0, 1.1),
        run("prompt", 0.0, 0.1, 0, place="seq:step:1"),
        run("model", 0.1, 1.0, 0, place="seq:step:2"),
        run("parser", 0.4, 1.05, 0, place="seq:step:3"),
    ]
    assert told(rows) == [
        ("prompt", "work", 0.1),
        ("model", "work", 0.9),
        ("parser", "work", 0.05),
        ("chain", "overhead", 0.05),
    ]


def test_waiting_for_a_place_is_told_from_work():
    rows = [run("batch item", 0.0, 3.0, waited=2.0)]
    assert told(rows) == [("batch item", "waiting", 2.0), ("batch item", "work", 1.0)]


def test_items_of_a_batch_follow_each_other_on_the_path():
    rows = [run("a", 0.0, 1.0), run("b", 0.0, 0.7), run("c", 0.7, 1.9), run("d", 1.0, 1.5)]
    assert told(rows) == [("b", "work", 0.7), ("c", "work", 1.2)]


def test_a_functions_own_time_between_the_chains_it_calls_is_work():
    rows = [run("function", 0.0, 3.0), run("first", 0.5, 1.0, 0), run("second", 1.5, 2.5, 0)]
    assert told(rows) == [
        ("function", "work", 0.5),
        ("first", "work", 0.5),
        ("function", "work", 0.5),
        ("second", "work", 1.0),
        ("function", "work", 0.5),
    ]


def test_runs_that_have_not_ended_are_left_out_and_nothing_has_no_path():
    assert critical_path([]) == []
    assert critical_path([TimingRow(*[None] * 14)]) == []  # type: ignore[arg-type]


def test_shares_add_up_and_name_the_branch():
    rows = [
        run("both", 0.0, 1.0),
        run("chain", 0.0, 1.0, 0, place="map:key:poem"),
        run("my_prompt", 0.0, 0.1, 1, place="seq:step:1"),
        run("my_llm", 0.1, 1.0, 1, place="seq:step:2"),
    ]
    found = shares(rows, critical_path(rows))
    assert sum(share.part for share in found) == pytest.approx(1.0)
    assert str(found[0]) == "90% of the time is in my_llm of branch poem"


def nap(seconds: float, name: str) -> Runnable[Any, Any]:
    def sync(value: Any) -> Any:
        time.sleep(seconds)
        return value

    async def twin(value: Any) -> Any:
        await asyncio.sleep(seconds)
        return value

    return RunnableLambda(sync, twin, name=name)


async def slow_words(source: AsyncIterator[str]) -> AsyncIterator[str]:
    async for _ in source:
        for word in ("one", "two", "three"):
            await asyncio.sleep(0.1)
            yield word


def path_of(timings: Timings) -> dict[str, float]:
    rows = timings.rows
    return {f"{share.branch}/{share.name}": share.seconds for share in shares(rows, critical_path(rows))}


async def test_a_real_parallel_is_charged_to_its_slow_branch():
    timings = Timings()
    chain = RunnableParallel(joke=nap(0.1, "llm"), poem=nap(0.05, "prepare") | nap(0.15, "llm"))
    await chain.ainvoke(1, {"callbacks": [timings]})
    path = path_of(timings)
    assert path["poem/llm"] == pytest.approx(0.15, abs=0.02)
    assert path["poem/prepare"] == pytest.approx(0.05, abs=0.02)
    assert "joke/llm" not in path


async def test_a_real_stream_is_charged_to_the_step_that_is_slow():
    timings = Timings()
    chain = nap(0.0, "prompt") | RunnableGenerator(slow_words, name="model") | RunnableGenerator(_same)
    async for _ in chain.astream(1, {"callbacks": [timings]}):
        pass
    path = path_of(timings)
    assert path["None/model"] == pytest.approx(0.3, abs=0.05)
    assert sum(path.values()) - path["None/model"] < 0.05


async def _same(source: AsyncIterator[str]) -> AsyncIterator[str]:
    async for word in source:
        yield word


def test_the_path_reaches_from_the_first_start_to_the_last_end_without_a_gap():
    timings = Timings()
    chain = nap(0.01, "a") | RunnableParallel(x=nap(0.02, "b"), y=nap(0.01, "c")) | nap(0.01, "d")
    chain.batch(range(5), {"callbacks": [timings], "max_concurrency": 2})
    path = critical_path(timings.rows)
    assert path[0].start_s == 0.0
    for before, after in pairwise(path):
        assert before.end_s == pytest.approx(after.start_s)
    rows = timings.rows
    assert path[-1].end_s == pytest.approx(max(row.start_s + (row.wall_s or 0) for row in rows))
    assert isinstance(path[0], Stretch)
