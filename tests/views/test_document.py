"""The document is read in one place: all views agree on the order of the steps and on their status."""

from __future__ import annotations

import asyncio
import copy
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rich.console import Console

from workbench.live.state import LiveState, outcome
from workbench.models.fake import FakeChatModel
from workbench.runnables.function import RunnableLambda
from workbench.runnables.parallel import RunnableParallel
from workbench.views.document import figures, reached, rows_of, status_of
from workbench.views.static.html import static_html
from workbench.views.static.text import plain_text
from workbench.views.terminal.output import Outputs
from workbench.views.terminal.tree import RunTree
from workbench.views.words import GLYPHS, label

Config = dict[str, Any]


def boom(_: Any) -> Any:
    raise ValueError("boom")


def step(name: str) -> RunnableLambda[Any, Any]:
    return RunnableLambda(lambda value: value, name=name)


MODEL = FakeChatModel(responses=["one two"], name="my_llm")
POEM_FIRST = RunnableParallel(poem=step("p") | MODEL, joke=MODEL, fact=step("f"))


def done(config: Config) -> None:
    (step("ask") | MODEL).invoke("q", config)


def failed(config: Config) -> None:
    (step("ask") | RunnableLambda(boom, name="boom") | step("after")).invoke("q", config)


def stopped(config: Config) -> None:
    async def take_one() -> None:
        chunks = (step("ask") | MODEL).astream("q", config)
        await anext(chunks)
        await chunks.aclose()

    asyncio.run(take_one())


def batch(config: Config) -> None:
    (step("ask") | MODEL).batch(["a", "b", "c"], config)


def parallel(config: Config) -> None:
    POEM_FIRST.invoke("q", config)


def parallel_in_a_batch(config: Config) -> None:
    (step("ask") | POEM_FIRST).batch(["a", "b"], config)


def nested(config: Config) -> None:
    RunnableParallel(z=RunnableParallel(y=step("y"), x=POEM_FIRST), a=step("a") | step("b")).invoke(
        "q", config
    )


def two_batches(config: Config) -> None:
    step("first").batch([1, 2], config)
    step("second").batch([1, 2], config)


def shuffled(document: dict[str, Any]) -> dict[str, Any]:
    """The document as if branches of parallel steps and items of a batch had begun in reverse order."""
    document = copy.deepcopy(document)
    document["runs"].reverse()
    for run in document["runs"]:
        entries = list(run["logs"].items())
        for parent in {entry["parent"] for _, entry in entries}:
            places = [
                place
                for place, (_, entry) in enumerate(entries)
                if entry["parent"] == parent and any(tag.startswith("map:key:") for tag in entry["tags"])
            ]
            moved = [entries[place] for place in reversed(places)]
            for place, entry in zip(places, moved, strict=True):
                entries[place] = entry
        run["logs"] = dict(entries)
    return document


CASES: dict[str, Callable[[Config], None]] = {
    case.__name__: case
    for case in (done, failed, stopped, batch, parallel, parallel_in_a_batch, nested, two_batches)
}


def document_of(case: Callable[[Config], None]) -> dict[str, Any]:
    live = LiveState()
    try:
        case({"callbacks": [live]})
    except ValueError as error:
        assert str(error) == "boom"
    live.set_status(live.read(outcome))
    return live.snapshot()["state"]


def unfinished(document: dict[str, Any], status: str) -> dict[str, Any]:
    document = copy.deepcopy(document)
    document["status"] = "streaming" if status == "streaming" else "waiting"
    for run in document["runs"]:
        for entry in (run, *run["logs"].values()):
            entry |= {"status": status, "end_time": None}
    return document


def documents() -> Iterator[Any]:
    for name, case in CASES.items():
        document = document_of(case)
        yield pytest.param(document, id=name)
        for status in ("waiting", "streaming"):
            yield pytest.param(unfinished(document, status), id=f"{name}, {status}")


def in_terminal(document: dict[str, Any]) -> list[tuple[int, str, str]]:
    """Level, status and name of each line of the tree."""
    console = Console(record=True, width=70, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(RunTree(rows_of(document)))
    statuses = {"✓": "done", "✗": "failed", "■": "cancelled", "▸": "streaming"}
    found = []
    for line in console.export_text().rstrip("\n").split("\n"):
        match = re.match(r"((?:[│├└ ] )*)(\S) (.*?)  ", line)
        assert match is not None, line
        found.append((len(match[1]) // 2, statuses.get(match[2], "waiting"), match[3].rstrip("…")))
    return found


def in_text(document: dict[str, Any]) -> list[tuple[int, str, str]]:
    """The same of the static twin's list."""
    statuses = {glyph: status for status, glyph in GLYPHS.items()}
    lines = plain_text(document).split("\n\n")[-1].split("\n")[1:]
    found = []
    for line in lines:
        match = re.match(rf"((?:  )*)([{''.join(statuses)}]) (.*?)(?: \(.*\))?$", line)
        assert match is not None, line
        found.append((len(match[1]) // 2, statuses[match[2]], match[3]))
    return found


@pytest.mark.parametrize("document", list(documents()))
def test_all_views_have_the_steps_in_one_order_with_one_status(document: dict[str, Any]) -> None:
    rows = rows_of(document)
    expected = [(row.level, row.status, label(row)) for row in rows]
    assert in_text(document) == expected
    drawn = in_terminal(document)
    assert [line[:2] for line in drawn] == [line[:2] for line in expected]
    for (_, _, name), (_, _, whole) in zip(drawn, expected, strict=True):
        assert whole.replace(". ", " ", 1).startswith(name) or whole.startswith(name)
    html = static_html(document, id="x")
    cells = re.findall(r"<tr><td[^>]*>((?:&nbsp;)*)(\S)&nbsp;", html)
    assert [(len(indent) // 24, glyph) for indent, glyph in cells] == [
        (level, GLYPHS[status]) for level, status, _ in expected
    ]
    assert f"<b>{GLYPHS[status_of(document)]} " in html


@pytest.mark.parametrize("name", ["parallel", "parallel_in_a_batch", "nested", "batch"])
def test_branches_and_items_stand_as_in_the_chain_whichever_began_first(name: str) -> None:
    document = document_of(CASES[name])
    other = shuffled(document)
    assert [label(row) for row in rows_of(other)] == [label(row) for row in rows_of(document)]
    assert in_text(other) == in_text(document)
    assert in_terminal(other) == in_terminal(document)


def test_the_outputs_of_branches_stand_as_in_the_chain_in_all_views() -> None:
    document = shuffled(document_of(parallel))
    outputs = Outputs()
    outputs.read(document)
    assert [section.label for section in outputs.sections] == ["poem", "joke", "fact"]
    lines = plain_text(document).split("\n")
    assert [line for line in lines if line in ("poem:", "joke:", "fact:")] == ["poem:", "joke:", "fact:"]


def test_the_runs_of_two_batches_are_numbered_as_they_are_shown() -> None:
    rows = rows_of(document_of(two_batches))
    assert [label(row) for row in rows] == ["1. first", "2. first", "3. second", "4. second"]


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        (["done", "failed", "cancelled"], "failed"),
        (["done", "cancelled"], "cancelled"),
        (["done", "done"], "done"),
        ([], "streaming"),
    ],
)
def test_the_status_of_the_whole_is_the_worst_of_its_runs(statuses: list[str], whole: str) -> None:
    runs = [{"status": status, "end_time": "2026-01-01T00:00:00+00:00"} for status in statuses]
    assert status_of({"status": "streaming", "runs": runs}) == whole
    assert status_of({"status": "streaming", "runs": [*runs, {"status": "streaming", "end_time": None}]}) == (
        "streaming"
    )
    assert status_of({"status": "done", "runs": runs}) == "done"


def test_the_sums_of_a_batch_are_those_of_its_models() -> None:
    sums = figures(document_of(batch))
    assert (sums.calls, sums.tokens, sums.priced_calls) == (3, 9, 0)
    assert sums.cost_usd is None and sums.duration_s is not None and sums.first_token_s is not None
    assert figures(unfinished(document_of(batch), "streaming")).duration_s is None


def test_how_far_it_came_names_the_innermost_steps_that_were_not_done() -> None:
    document = document_of(done)
    (run,) = document["runs"]
    run["status"] = run["logs"]["my_llm"]["status"] = "cancelled"
    assert reached(document) == "RunnableSequence > my_llm (3 tokens so far)"
