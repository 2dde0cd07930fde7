"""The live timeline's document: which call was in which lane, when, and what is told while it grows."""

import asyncio
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from workbench.engine.limits import Stop
from workbench.models.fake import FakeChatModel
from workbench.runnables.function import RunnableLambda
from workbench.runnables.parallel import RunnableParallel
from workbench.timing.colours import COLOURS, OTHER
from workbench.timing.timeline.timeline import Timeline
from workbench.views import web

from ...notebook.timing_kit import nap
from ..experiments import compare

LANE, ITEM, STEP, START, FIRST, END, STATUS = range(7)


def only_picture(timeline: Timeline, number: int = 0) -> dict[str, Any]:
    return timeline.snapshot()["pictures"][str(number)]


class Reader:
    """Puts frames together, as the browser does."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {"cases": [], "pictures": {}}
        self.frames = 0

    def read(self, frame: dict[str, Any] | None) -> None:
        if frame is None:
            return
        frame = json.loads(json.dumps(frame))
        assert (frame["a"], frame["b"]) == (self.frames, self.frames + 1)
        self.frames += 1
        for key in ("status", "now", "progress"):
            if key in frame:
                self.state[key] = frame[key]
        for number, case in frame.get("cases", {}).items():
            cases = self.state["cases"]
            cases.extend([None] * (int(number) + 1 - len(cases)))
            cases[int(number)] = case
        for number, picture in frame.get("pictures", {}).items():
            bars = [] if picture["anew"] else self.state["pictures"][number]["bars"]
            for at, bar in picture.pop("bars").items():
                bars.extend([None] * (int(at) + 1 - len(bars)))
                bars[int(at)] = bar
            del picture["anew"]
            self.state["pictures"][number] = {**picture, "bars": bars}


@pytest.mark.parametrize("strategy", ["batch", "abatch"])
@pytest.mark.parametrize("limit", [1, 3])
def test_calls_fill_as_many_lanes_as_there_are_places(strategy: str, limit: int):
    timeline = Timeline()
    chain = nap(0.01, "one") | nap(0.02, "two")
    compare(
        chain,
        range(7),
        strategies=[strategy],
        concurrency=limit,
        repeats=1,
        warmup=0,
        watcher=timeline,
    )
    picture = only_picture(timeline)
    assert picture["lanes"] == limit
    assert [name for name, _ in picture["steps"]] == ["one", "two"]
    bars = picture["bars"]
    assert len(bars) == 14
    assert sorted((bar[ITEM], bar[STEP]) for bar in bars) == [
        (item, step) for item in range(7) for step in (0, 1)
    ]
    for lane in range(limit):
        row = sorted(bar for bar in bars if bar[LANE] == lane)
        assert all(bar[END] - bar[START] >= 9 for bar in row)
    for bar in bars:
        overlapping = [
            other
            for other in bars
            if other is not bar and other[START] < bar[END] and bar[START] < other[END]
        ]
        assert bar[LANE] not in {other[LANE] for other in overlapping}


def test_without_a_limit_every_call_that_is_at_work_has_a_lane():
    timeline = Timeline()
    meet = threading.Barrier(6, timeout=10)
    compare(
        RunnableLambda(lambda _: meet.wait()),
        range(6),
        strategies=["batch"],
        repeats=1,
        warmup=0,
        watcher=timeline,
    )
    assert sorted(bar[LANE] for bar in only_picture(timeline)["bars"]) == list(range(6))


def test_frames_add_up_to_the_document():
    reader = Reader()
    in_turn = threading.RLock()  # one frame after another, as a view sends them

    def read(urgent):
        with in_turn:
            reader.read(timeline.take())

    timeline = Timeline(read)
    chain = RunnableParallel(a=nap(0.002, "x"), b=FakeChatModel(responses=["one two"]))
    compare(chain, ["hi"] * 5, strategies=["one by one", "abatch"], repeats=2, warmup=1, watcher=timeline)
    timeline.finish("done")
    reader.read(timeline.take())
    assert timeline.take() is None
    whole = json.loads(json.dumps(timeline.snapshot()))
    assert whole.pop("seq") == reader.frames > 20
    assert reader.state == whole
    assert whole["status"] == "done"
    assert whole["progress"]["done"] == whole["progress"]["total"] == 6


def test_a_model_s_first_token_is_marked_and_branches_are_named():
    timeline = Timeline()
    model = FakeChatModel(responses=["one two three"], delay_s=0.02, token_delay_s=0.01)
    compare(
        RunnableParallel(joke=model, poem=model),
        ["hi"],
        strategies=["one by one"],
        repeats=1,
        warmup=0,
        watcher=timeline,
    )
    picture = only_picture(timeline)
    assert sorted(picture["steps"]) == [
        ["joke: FakeChatModel", "chat_model"],
        ["poem: FakeChatModel", "chat_model"],
    ]
    for bar in picture["bars"]:
        assert bar[START] + 15 < bar[FIRST] < bar[END]


def test_inputs_as_branches_of_one_parallel_keep_their_numbers():
    timeline = Timeline()
    compare(
        nap(0.001, "work"),
        ["a", "b", "c"],
        strategies=["parallel"],
        repeats=1,
        warmup=0,
        watcher=timeline,
    )
    picture = only_picture(timeline)
    steps = [name for name, _ in picture["steps"]]
    assert "work" in steps and not any(name.startswith("input 1") for name in steps)
    worked = [bar[ITEM] for bar in picture["bars"] if steps[bar[STEP]] == "work"]
    assert sorted(worked) == [0, 1, 2]


def test_prompts_and_combinators_have_no_bars_and_a_function_that_calls_a_chain_gives_way_to_it():
    timeline = Timeline()
    inner = nap(0.01, "inner")

    def outer(value: Any) -> Any:
        time.sleep(0.01)
        return inner.invoke(value)

    compare(
        RunnableLambda(outer) | nap(0.005, "after"),
        [1],
        strategies=["one by one"],
        repeats=1,
        warmup=0,
        watcher=timeline,
    )
    picture = only_picture(timeline)
    assert [name for name, _ in picture["steps"]] == ["outer", "inner", "after"]
    outer_bar, inner_bar, _ = picture["bars"]
    assert outer_bar[END] - outer_bar[START] >= 9
    assert outer_bar[END] <= inner_bar[START]
    assert picture["lanes"] == 1


def test_plain_functions_are_one_bar():
    timeline = Timeline()
    compare({"f": lambda: time.sleep(0.01)}, repeats=1, warmup=0, watcher=timeline)
    (bar,) = only_picture(timeline)["bars"]
    assert bar[END] >= 10 and bar[STATUS] == "done"


def test_what_was_cut_off_is_cancelled_and_what_waited_is_not_drawn():
    timeline, stop = Timeline(), Stop()

    async def forever(value: int) -> None:
        if value == 1:
            timeline.take()
            stop.request()
        await asyncio.sleep(60)

    compare(
        RunnableLambda(forever),
        range(5),
        strategies=["abatch"],
        concurrency=2,
        watcher=timeline,
        stop=stop,
        warmup=0,
    )
    timeline.finish("stopped")
    picture = only_picture(timeline)
    assert not picture["open"]
    assert [bar[STATUS] for bar in picture["bars"]] == ["cancelled", "cancelled"]
    assert timeline.snapshot()["cases"][0]["samples"] == []


def test_a_failed_call_is_failed():
    timeline = Timeline()

    def fail(_: Any) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError):
        compare(RunnableLambda(fail), [1], strategies=["batch"], warmup=0, watcher=timeline)
    assert [bar[STATUS] for bar in only_picture(timeline)["bars"]] == ["failed"]


def test_figures_of_each_case_grow_with_the_rounds_and_warm_ups_do_not_count():
    timeline = Timeline()
    compare(nap(0.01, "x"), [1, 2], strategies=["one by one"], repeats=2, warmup=1, watcher=timeline)
    (case,) = timeline.snapshot()["cases"]
    assert len(case["samples"]) == 2
    assert 0.02 <= case["ideal_s"] <= case["samples"][-1]
    assert case["peak"] == 1


def test_calls_beyond_the_most_that_are_drawn_are_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workbench.timing.timeline.picture.MOST_BARS", 4)
    timeline = Timeline()
    compare(nap(0, "x"), range(10), strategies=["abatch"], repeats=1, warmup=0, watcher=timeline)
    picture = only_picture(timeline)
    assert (len(picture["bars"]), picture["left_out"]) == (4, 6)


def test_the_browser_draws_steps_in_the_colours_of_the_static_lanes():
    script = Path(web.__file__).with_name("timing") / "lanes.js"
    named = dict(re.findall(r"^const (COLOURS|OTHER) = (.*);$", script.read_text(), re.M))
    assert json.loads(named["COLOURS"]) == list(COLOURS)
    assert json.loads(named["OTHER"]) == OTHER
