"""Comparing ways to run the same thing."""

import math
import time
from dataclasses import replace
from typing import Any

import pytest

from workbench.runnables.function import RunnableLambda
from workbench.timing.compare import (
    Comparison,
    Measurement,
    batch_against_one_by_one,
    compare,
    parallel_against_alone,
)
from workbench.timing.rows import Timings


def nap(seconds: float) -> RunnableLambda[Any, Any]:
    def sleep(value: Any) -> Any:
        time.sleep(seconds)
        return value

    return RunnableLambda(sleep)


def test_a_case_that_takes_twice_as_long_is_half_as_fast():
    result = compare({"slow": lambda: time.sleep(0.2), "fast": lambda: time.sleep(0.1)})
    assert [row.label for row in result.rows] == ["slow", "fast"]
    assert all(len(row.seconds) == 3 for row in result.rows)
    assert 0.2 <= result["slow"].median < 0.3
    assert 1.5 < result.speed_up("fast") < 2.5
    assert result.speed_up("slow") == 1.0


def test_the_baseline_can_be_chosen():
    result = compare({"a": lambda: None, "b": lambda: None}, baseline="b", repeats=1)
    assert result.baseline == "b"
    assert result.speed_up("b") == 1.0


def test_rounds_are_interleaved_and_each_begins_with_another_case():
    order: list[str] = []
    compare({name: lambda name=name: order.append(name) for name in "abc"}, repeats=3, warmup=1)
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"


def test_it_says_what_runs_next():
    said: list[str] = []
    compare({"a": lambda: None}, repeats=2, warmup=1, say=said.append)
    assert said == ["warm-up 1 of 1: a", "round 1 of 2: a", "round 2 of 2: a"]


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
    result = replace(measured, rows=tuple(replace(row, seconds=(times[row.label],)) for row in measured.rows))
    assert [line.split()[-1] for line in str(result).split("\n")[2:6]] == ["-", "-", "1.00x", "1.33x"]
    (bold,) = [line for line in result._repr_html_().split("<tr") if "font-weight" in line]
    assert "in parallel" in bold


def test_branches_may_be_anything_a_dict_in_a_chain_may_hold():
    result = parallel_against_alone({"double": lambda value: value * 2}, 2, repeats=1, warmup=0)
    assert len(result["in parallel"].seconds) == 1
    with pytest.raises(TypeError, match="expected a Runnable"):
        parallel_against_alone({"a": 3}, 1)


def test_a_batch_is_as_much_faster_as_calls_run_side_by_side():
    result = batch_against_one_by_one(nap(0.1), range(6), repeats=2)
    assert [row.label for row in result.rows] == ["one by one", "batch"]
    assert 3 < result.speed_up("batch") <= 6.5


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


@pytest.fixture
def comparison() -> Comparison:
    return Comparison(
        (Measurement("<b>one</b> [red]", (0.2, 0.3, 0.25)), Measurement("two", (0.1,)), Measurement("none")),
        baseline="<b>one</b> [red]",
        title="a & b",
    )


def test_the_table_as_text(comparison: Comparison):
    assert str(comparison).splitlines() == [
        "a & b",
        "                  median  fastest  slowest  speed-up",
        "<b>one</b> [red]  250 ms   200 ms   300 ms     1.00x",
        "two               100 ms   100 ms   100 ms     2.50x",
        "none                   -        -        -         -",
        "speed-up against '<b>one</b> [red]', medians of 0-3 repeats",
    ]


def test_labels_are_escaped_in_html(comparison: Comparison):
    page = comparison._repr_html_()
    assert "&lt;b&gt;one&lt;/b&gt;" in page
    assert "<b>" not in page
    assert "a &amp; b" in page
    assert "2.50x" in page
    assert "<script" not in page


def test_labels_are_no_markup_for_rich(comparison: Comparison):
    from rich.console import Console

    console = Console(record=True, width=100, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(comparison)
    text = console.export_text()
    assert "<b>one</b> [red]" in text
    assert "2.50x" in text


def test_what_was_not_measured_has_no_numbers(comparison: Comparison):
    assert math.isnan(comparison["none"].median)
    assert math.isnan(comparison.speed_up("none"))
    with pytest.raises(KeyError, match="expected one of"):
        comparison["three"]
