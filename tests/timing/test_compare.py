"""Comparing ways to run the same thing."""

import asyncio
import os
import signal
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from workbench.engine.limits import Stop
from workbench.runnables.base import Runnable
from workbench.runnables.function import RunnableLambda
from workbench.runnables.parallel import RunnableParallel
from workbench.timing.measuring.measurement import Sample
from workbench.timing.measuring.rounds import Progress
from workbench.timing.runs.rows import Timings

from .experiments import batch_against_one_by_one, compare, parallel_against_alone


def nap(seconds: float) -> RunnableLambda[Any, Any]:
    def sleep(value: Any) -> Any:
        time.sleep(seconds)
        return value

    return RunnableLambda(sleep)


@pytest.mark.timed
def test_a_case_that_takes_twice_as_long_is_half_as_fast():
    result = compare({"slow": lambda: time.sleep(0.2), "fast": lambda: time.sleep(0.1)})
    assert [row.label for row in result.rows] == ["slow", "fast"]
    assert all(len(row.seconds) == 5 for row in result.rows)
    assert 0.2 <= result["slow"].median < 0.3
    assert 1.5 < result.speed_up("fast") < 2.5
    assert result.speed_up("slow") == 1.0


def test_the_baseline_can_be_chosen():
    result = compare({"a": lambda: None, "b": lambda: None}, baseline="b", repeats=1)
    assert result.baseline_of("a") == "b"
    assert result.speed_up("b") == 1.0


def test_rounds_are_interleaved_and_each_begins_with_another_case():
    order: list[str] = []
    compare({name: lambda name=name: order.append(name) for name in "abc"}, repeats=3, warmup=1)
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"


@pytest.mark.timed
def test_it_says_what_runs_next_and_how_long_it_will_take():
    said: list[Progress] = []
    compare({"a": lambda: time.sleep(0.05)}, repeats=2, warmup=1, on_progress=said.append)
    assert [step.doing for step in said] == ["warm-up 1 of 1: a", "round 1 of 2: a", "round 2 of 2: a"]
    assert [(step.done, step.total) for step in said] == [(0, 3), (1, 3), (2, 3)]
    assert said[0].left_s is None
    assert said[1].left_s == pytest.approx(2 * said[1].elapsed_s, rel=0.1)
    assert str(said[2]).startswith("round 2 of 2: a (about ")


def test_what_was_measured_is_kept_when_interrupted():
    calls: list[int] = []

    def case() -> None:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt

    result = compare({"a": case, "b": lambda: None}, repeats=5, warmup=1)
    assert result.interrupted
    assert len(result["a"].seconds) == 2
    assert "interrupted" in str(result)


def test_an_interrupt_before_the_first_measurement_is_raised():
    def case() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare({"a": case})


def test_a_case_that_fails_is_named():
    def case() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken") as caught:
        compare({"mine": case})
    assert caught.value.__notes__ == ["while timing the case 'mine'"]


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (({},), ValueError, "at least one"),
        (([1],), TypeError, "expected a dict of functions, got list"),
        (({"a": 3},), TypeError, "cases\\['a'\\]: expected a function without arguments"),
        (({"a": nap(0)},), TypeError, "lambda: chain.invoke"),
        (({1: print},), TypeError, "text as labels"),
    ],
)
def test_wrong_cases_are_told(arguments: Any, error: type[Exception], says: str):
    with pytest.raises(error, match=says):
        compare(*arguments)


def test_wrong_numbers_and_baselines_are_told():
    with pytest.raises(ValueError, match="repeats: expected 1 or more, got 0"):
        compare({"a": print}, repeats=0)
    with pytest.raises(TypeError, match="warmup: expected a whole number"):
        compare({"a": print}, warmup=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="baseline: expected one of \\['a'\\], got 'c'"):
        compare({"a": print}, baseline="c")


@pytest.mark.timed
def test_branches_in_parallel_are_as_much_faster_as_their_sum_says():
    result = parallel_against_alone({"a": nap(0.1), "b": nap(0.1), "c": nap(0.1)}, 1)
    assert [row.label for row in result.rows] == [
        "a alone",
        "b alone",
        "c alone",
        "one after another",
        "in parallel",
    ]
    assert 0.1 <= result["a alone"].median < 0.2
    assert 0.3 <= result["one after another"].median < 0.5
    assert 1.8 < result.speed_up("in parallel") <= 3.3


def test_a_branch_alone_has_no_speed_up_and_is_not_the_fastest():
    measured = parallel_against_alone({"a": nap(0), "b": nap(0)}, 1, repeats=1)
    assert [row.is_part for row in measured.rows] == [True, True, False, False]
    times = {"a alone": 0.1, "b alone": 0.3, "one after another": 0.4, "in parallel": 0.3}
    result = replace(
        measured, rows=tuple(replace(row, samples=(Sample(times[row.label]),)) for row in measured.rows)
    )
    table = [line.split() for line in str(result).split("\n")[1:6]]
    assert table[0] == ["median", "speed-up"]
    assert [line[-1] for line in table[1:]] == ["-", "-", "1.00x", "1.33x"]
    (bold,) = [line for line in result._repr_html_().split("<tr") if "font-weight" in line]
    assert "in parallel" in bold


def test_branches_may_be_anything_a_dict_in_a_chain_may_hold():
    result = parallel_against_alone({"double": lambda value: value * 2}, 2, repeats=1, warmup=0)
    assert len(result["in parallel"].seconds) == 1
    with pytest.raises(TypeError, match="expected a Runnable"):
        parallel_against_alone({"a": 3}, 1)


@pytest.mark.timed
def test_a_batch_is_as_much_faster_as_calls_run_side_by_side():
    result = batch_against_one_by_one(nap(0.1), range(6), repeats=2)
    assert [row.label for row in result.rows] == ["one by one", "batch"]
    assert 3 < result.speed_up("batch") <= 6.5


@pytest.mark.timed
def test_a_batch_with_max_concurrency_is_limited_by_it():
    timings = Timings()
    result = batch_against_one_by_one(
        nap(0.1), [1, 2, 3, 4], max_concurrency=2, repeats=2, config={"callbacks": [timings]}
    )
    assert timings.peak_in_flight == 2
    assert 1.3 < result.speed_up("batch (max_concurrency=2)") <= 2.2


def test_empty_and_wrong_inputs_are_told():
    with pytest.raises(ValueError, match="inputs: expected at least one"):
        batch_against_one_by_one(nap(0), [])
    with pytest.raises(TypeError, match="inputs: expected a list of inputs, got str: 'bears'"):
        batch_against_one_by_one(nap(0), "bears")
    with pytest.raises(TypeError, match="expected a Runnable"):
        batch_against_one_by_one(3, [1])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_concurrency: expected 1 or more, got 0"):
        batch_against_one_by_one(nap(0), [1], max_concurrency=0)
    with pytest.raises(ValueError, match="branches: expected at least one"):
        parallel_against_alone({}, 1)
    with pytest.raises(TypeError, match="branches: expected a dict"):
        parallel_against_alone([nap(0)], 1)  # type: ignore[arg-type]


class Async(Runnable[Any, Any]):
    """Sleeps on the event loop, or in its thread."""

    def __init__(self, seconds: float, name: str) -> None:
        self.seconds = seconds
        self.name = name

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        time.sleep(self.seconds)
        return input

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        await asyncio.sleep(self.seconds)
        return input


JOKE, POEM = Async(0.1, "joke_llm"), Async(0.15, "poem_llm")


def within(measured: float, truth: float) -> bool:
    return abs(measured - truth) <= 0.05 * truth


@pytest.mark.timed
def test_every_strategy_takes_what_its_delays_say():
    result = compare(
        JOKE | POEM,
        [1, 2, 3, 4],
        strategies=["one-by-one", "batch", "abatch", "parallel"],
        concurrency=[1, 2, 4],
        repeats=2,
        warmup=0,
    )
    truth = {
        "one by one": 1.0,
        **{f"{how} (max_concurrency=1)": 1.0 for how in ("batch", "abatch", "parallel")},
        **{f"{how} (max_concurrency=2)": 0.5 for how in ("batch", "abatch")},
        **{f"{how} (max_concurrency=4)": 0.25 for how in ("batch", "abatch", "parallel")},
    }
    for label, seconds in truth.items():
        assert within(result[label].median, seconds), (label, result[label].median)
        assert within(result.speed_up(label), 1.0 / seconds)
        facts = result[label].facts
        assert facts is not None
        assert facts.efficiency > 0.95
        assert within(facts.ideal_s, seconds)
        assert facts.peak == (result[label].max_concurrency or 1)
        work = {share.name: share.seconds for share in facts.path if share.kind == "work"}
        assert within(work["poem_llm"] / (work["joke_llm"] + work["poem_llm"]), 0.6)


@pytest.mark.timed
def test_chains_alone_combined_and_in_batches_as_the_parallel_section_has_them():
    chains = {"joke": JOKE, "poem": POEM, "combined": RunnableParallel(joke=JOKE, poem=POEM)}
    result = compare(chains, [1, 2], strategies=["one by one", "batch"], repeats=3, warmup=1)
    for label, seconds in {
        "joke, one by one": 0.2,
        "poem, one by one": 0.3,
        "combined, one by one": 0.3,
        "joke, batch": 0.1,
        "poem, batch": 0.15,
        "combined, batch": 0.15,
    }.items():
        assert within(result[label].median, seconds), label
    assert result.baseline_of("combined, batch") == "combined, one by one"
    facts = result["combined, one by one"].facts
    assert facts is not None
    assert str(facts.path[0]).endswith("% of the time is in poem_llm of branch poem")


@pytest.mark.timed
def test_chains_together_are_measured_against_all_of_them_one_after_another():
    result = compare(
        {"joke": JOKE, "poem": POEM}, [1], strategies="one by one, parallel", repeats=2, warmup=0
    )
    assert [row.label for row in result.rows] == [
        "joke, one by one",
        "poem, one by one",
        "one after another",
        "together, parallel",
    ]
    assert within(result["one after another"].median, 0.25)
    assert within(result.speed_up("together, parallel"), 0.25 / 0.15)


@pytest.mark.timed
def test_chains_under_one_strategy_are_compared_with_the_first():
    result = compare({"joke": JOKE, "poem": POEM}, [1], strategies=["batch"], repeats=5, warmup=0)
    assert [row.label for row in result.rows] == ["joke, batch", "poem, batch"] or [
        row.label for row in result.rows
    ] == ["joke", "poem"]
    assert result.ratio(result.rows[1].label).is_slower


@pytest.mark.timed
def test_it_can_be_called_where_a_loop_is_running():
    async def main() -> float:
        return compare(JOKE, [1, 2], strategies=["abatch"], repeats=1, warmup=0).rows[0].median

    assert within(asyncio.run(main()), 0.1)


def test_the_runs_of_the_last_repeat_are_kept_for_the_tree_view():
    result = compare(JOKE | POEM, [1, 2], strategies=["batch"], repeats=2, warmup=0)
    document = result.live("batch").snapshot()["state"]
    assert [run["status"] for run in document["runs"]] == ["done", "done"]
    assert {entry["name"] for run in document["runs"] for entry in run["logs"].values()} == {
        "joke_llm",
        "poem_llm",
    }
    with pytest.raises(ValueError, match="no runs to show"):
        compare({"f": lambda: None}, repeats=1).live("f")


def test_a_failing_input_is_named():
    def fail(value: int) -> int:
        if value == 2:
            raise ValueError("two")
        return value

    with pytest.raises(ValueError, match="two") as caught:
        compare(RunnableLambda(fail), [1, 2, 3], repeats=1, warmup=0)
    assert "on input 2 of 3: 2" in caught.value.__notes__
    assert "while timing the case 'one by one'" in caught.value.__notes__


def test_a_watcher_sees_every_case_begin_and_end():
    seen: list[Any] = []

    class Watcher:
        def plan(self, cases: Any) -> None:
            seen.append(("plan", [case.label for case in cases]))

        def progress(self, progress: Any) -> None:
            seen.append(progress.doing)

        def begin(self, case: Any, round: int | None) -> Any:
            seen.append(("begin", case.label, round))
            return lambda event: seen.append(event.kind) if event.run.parent is None else None

        def end(self, case: Any, sample: Any) -> None:
            seen.append(("end", case.label, None if sample is None else sample.seconds > 0))

    compare(nap(0), [1], strategies=["batch"], repeats=1, warmup=1, watcher=Watcher())
    assert seen == [
        ("plan", ["batch"]),
        "warm-up 1 of 1: batch",
        ("begin", "batch", None),
        "start",
        "end",
        ("end", "batch", True),
        "round 1 of 1: batch",
        ("begin", "batch", 0),
        "start",
        "end",
        ("end", "batch", True),
    ]


@pytest.mark.parametrize("strategy", ["one by one", "batch", "abatch", "parallel"])
def test_a_stop_ends_it_under_every_strategy_and_keeps_what_was_measured(strategy: str):
    stop, calls = Stop(), []

    def work(value: Any) -> Any:
        calls.append(value)
        if len(calls) == 9:
            stop.request()
        time.sleep(0.01)
        return value

    result = compare(
        RunnableLambda(work) | RunnableLambda(lambda value: value),
        [1, 2, 3],
        strategies=[strategy],
        concurrency=1,
        repeats=100,
        stop=stop,
    )
    assert result.interrupted
    assert len(result.rows[0].samples) == 1
    assert len(calls) < 13


def test_a_stop_before_the_first_measurement_gives_a_comparison_without_figures():
    stop = Stop()
    stop.request()
    result = compare(nap(0), [1], stop=stop)
    assert result.interrupted
    assert [len(row.samples) for row in result.rows] == [0, 0]
    assert "interrupted" in str(result)
    assert result.verdicts == []


def test_what_fails_because_it_is_stopped_is_no_failure_of_the_case():
    stop = Stop()

    def work(value: Any) -> Any:
        stop.request()
        raise ConnectionError("cut off")

    assert compare(RunnableLambda(work), [1], stop=stop).interrupted


def test_an_interrupt_cancels_what_runs_on_the_loop():
    cancelled = threading.Event()

    async def forever(value: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(KeyboardInterrupt):
        compare(RunnableLambda(forever), [1], strategies=["abatch"], repeats=1, warmup=0)
    assert cancelled.wait(5)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"strategies": ["bacth"]}, ValueError, "got 'bacth'; did you mean 'batch'"),
        ({"strategies": []}, TypeError, "strategies: expected a list"),
        ({"concurrency": [0]}, ValueError, "concurrency: expected 1 or more, got 0"),
        ({"concurrency": ["2"]}, TypeError, "concurrency: expected a whole number, got '2'"),
        ({"concurrency": []}, ValueError, "at least one max_concurrency"),
        ({"confidence": 95}, ValueError, "between 0 and 1"),
    ],
)
def test_wrong_options_are_told(options: Any, error: type[Exception], says: str):
    with pytest.raises(error, match=says):
        compare(nap(0), [1], **options)


def test_a_chain_without_inputs_is_told():
    with pytest.raises(TypeError, match="a chain needs inputs"):
        compare(nap(0))
    with pytest.raises(ValueError, match="at least one chain"):
        compare({}, [1])
