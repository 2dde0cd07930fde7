"""Measurements side by side: the table, anywhere, and what it says in words."""

import math
import os
from dataclasses import replace
from typing import Any

import pytest

from workbench.timing.comparison import Comparison
from workbench.timing.measuring.advice import advice_on
from workbench.timing.measuring.measurement import Facts, Measurement, Sample, StepFacts
from workbench.timing.runs.critical_path import Share


def measured(label: str, *seconds: float, **about: Any) -> Measurement:
    return Measurement(label, tuple(Sample(s) for s in seconds), **about)


@pytest.fixture
def comparison() -> Comparison:
    rows = (measured("<b>one</b> [red]", 0.2, 0.3, 0.25), measured("two", 0.1), measured("none"))
    return Comparison(rows, "<b>one</b> [red]", "a & b")


def test_the_table_as_text(comparison: Comparison):
    assert str(comparison).splitlines() == [
        "a & b",
        "                  median         quartiles  speed-up",
        "<b>one</b> [red]  250 ms  225 ms to 275 ms     1.00x",
        "two               100 ms                 -     2.00x",
        "none                   -                 -         -",
        "medians of 0-3 repeats, speed-up against '<b>one</b> [red]'; 5 are needed for a verdict",
    ]


def test_with_five_repeats_there_is_an_interval_and_a_verdict():
    rows = (measured("slow", *[0.3] * 5), measured("fast", *[0.1] * 5), measured("same", *[0.3] * 5))
    lines = str(Comparison(rows, "slow")).splitlines()
    assert lines[0].split() == ["median", "quartiles", "speed-up", "interval", "verdict"]
    assert lines[2].split()[-4:] == ["3.00x", "to", "3.00x", "faster"]
    assert lines[3].endswith("no difference seen")
    comparison = Comparison(rows, "slow")
    assert comparison.verdict("fast") == "3.0x faster (95 % interval 3.0 to 3.0)"
    assert comparison.verdict("slow", against="fast") == "3.0x slower (95 % interval 3.0 to 3.0)"
    assert comparison.verdicts == [
        "fast against slow: 3.0x faster (95 % interval 3.0 to 3.0)",
        "same against slow: no difference seen",
    ]


def test_labels_are_escaped_in_html(comparison: Comparison):
    page = comparison._repr_html_()
    assert "&lt;b&gt;one&lt;/b&gt;" in page
    assert "<b>" not in page
    assert "a &amp; b" in page
    assert "2.00x" in page
    assert "<script" not in page


def test_labels_are_no_markup_for_rich(comparison: Comparison):
    from rich.console import Console

    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=100, file=nowhere)
        console.print(comparison)
    text = console.export_text()
    assert "<b>one</b> [red]" in text
    assert "2.00x" in text


@pytest.mark.parametrize("width", [200, 40])
def test_a_narrow_terminal_has_fewer_columns_and_every_label(comparison: Comparison, width: int):
    from rich.console import Console

    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=width, file=nowhere)
        console.print(comparison)
    text = console.export_text()
    assert all(row.label in text for row in comparison.rows)
    assert ("quartiles" in text.split("left out")[0]) == (width == 200)
    assert "…" not in text


def test_what_was_not_measured_has_no_numbers(comparison: Comparison):
    assert math.isnan(comparison["none"].median)
    assert math.isnan(comparison.speed_up("none"))
    with pytest.raises(KeyError, match="expected one of"):
        comparison["three"]


def test_records_have_one_dict_a_repeat(comparison: Comparison):
    records = comparison.records()
    assert [(record["case"], record["round"], record["seconds"]) for record in records] == [
        ("<b>one</b> [red]", 1, 0.2),
        ("<b>one</b> [red]", 2, 0.3),
        ("<b>one</b> [red]", 3, 0.25),
        ("two", 1, 0.1),
    ]
    assert records[0]["tokens"] is None


def test_as_a_data_frame(comparison: Comparison):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = comparison.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.groupby("case")["seconds"].median()["two"] == 0.1


FACTS = Facts(
    latencies_s=(0.1,),
    first_tokens_s=(),
    waited_s=0.0,
    peak=1,
    ideal_s=0.1,
    efficiency=1.0,
    path=(Share("my_llm", "poem", "work", 0.09, 0.9),),
    steps=(StepFacts("my_llm", "chat_model", 4, 0.1, 1),),
    tokens=None,
    tokens_per_s=None,
    cost_usd=None,
    limited_s=0.0,
    failed=0,
)


def with_facts(label: str, seconds: float, **about: Any) -> Measurement:
    fields = {key: about.pop(key) for key in list(about) if hasattr(FACTS, key)}
    return Measurement(label, (Sample(seconds, replace(FACTS, **fields)),), "chain", **about)


def kinds(*rows: Measurement) -> dict[str, str]:
    return {advice.kind: str(advice) for advice in advice_on(rows)}


def test_the_knee_is_the_least_concurrency_that_is_as_fast():
    rows = [
        with_facts(f"batch {n}", seconds, strategy="batch", max_concurrency=n, items=20)
        for n, seconds in ((1, 0.8), (2, 0.4), (4, 0.21), (8, 0.2))
    ]
    assert kinds(*rows)["knee"] == (
        "max_concurrency=4 is enough for batch of chain: more is not faster "
        "(1: 800 ms, 2: 400 ms, 4: 210 ms, 8: 200 ms)"
    )
    assert "knee" not in kinds(*rows[:3])


def test_a_server_with_few_places_is_seen_by_calls_that_take_longer():
    alone = with_facts("one by one", 0.8, strategy="one by one")
    crowd = with_facts("batch", 0.4, strategy="batch", steps=(StepFacts("my_llm", "chat_model", 8, 0.4, 8),))
    assert kinds(alone, crowd)["server"].startswith("the model works on about 2 calls at a time")
    free = with_facts("batch", 0.1, strategy="batch", steps=(StepFacts("my_llm", "chat_model", 8, 0.11, 8),))
    assert "server" not in kinds(alone, free)


def test_a_server_whose_calls_slow_each_other_down_is_not_said_to_gain_nothing():
    alone = with_facts("one by one", 0.8, strategy="one by one")
    crowd = with_facts("batch", 0.4, strategy="batch", steps=(StepFacts("my_llm", "chat_model", 2, 0.16, 2),))
    assert kinds(alone, crowd)["server"] == (
        "the model's calls slow each other down: with 2 at once each takes 1.6 times as long, together "
        "1.2 times as fast as in turn (batch) (my_llm: 100 ms a call alone, 160 ms with 2 at once)"
    )


def test_code_that_holds_the_interpreter_is_seen():
    step = StepFacts("count", "chain", 4, 0.1, 1)
    alone = with_facts("one by one", 0.4, strategy="one by one", steps=(step,))
    held = with_facts("batch", 0.4, strategy="batch", steps=(replace(step, busy_s=0.39, peak=4),))
    assert "does not run side by side" in kinds(alone, held)["serialised"]
    assert "100 ms a call alone, 390 ms with 4 at once" in kinds(alone, held)["serialised"]


def test_a_rate_limit_that_was_hit_is_told():
    assert "rate limit" in kinds(with_facts("batch", 0.4, strategy="batch", limited_s=0.3))
    assert "rate limit" not in kinds(with_facts("batch", 0.4, strategy="batch"))


def test_the_step_that_the_time_is_in_is_named_where_there_are_several():
    several = (*FACTS.steps, StepFacts("other", "chain", 1, 0.01, 1))
    assert kinds(with_facts("batch", 0.1, steps=several))["critical path"].startswith(
        "90% of the time is in my_llm of branch poem (batch)"
    )
    assert kinds(with_facts("batch", 0.1)) == {}
