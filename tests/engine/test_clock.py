"""One clock for all times: a machine that slept makes no run older, and no time of day wrong."""

from __future__ import annotations

import asyncio
import io
import operator
import threading
from datetime import UTC, datetime
from functools import reduce

import pytest
from rich.console import Console

from workbench import LiveState, RunnableLambda
from workbench.engine import runs
from workbench.live.sources import live_from
from workbench.views.terminal.view import TerminalView

HOURS = 8 * 3600.0


class Machine:
    """A machine whose monotonic clock stands still while it sleeps."""

    def __init__(self) -> None:
        self.day = 1_800_000_000.0
        self.monotonic = 50.0

    def time(self) -> float:
        return self.day

    def perf_counter(self) -> float:
        return self.monotonic

    def passes(self, seconds: float, *, asleep: bool = False) -> None:
        self.day += seconds
        self.monotonic += 0.0 if asleep else seconds


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(runs, "time", machine)
    monkeypatch.setattr(runs, "perf_counter", machine.perf_counter)
    monkeypatch.setattr(runs, "_clock", runs._Clock())
    return machine


def seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def test_a_run_after_a_sleep_is_as_old_as_it_is(machine):
    live = LiveState()
    RunnableLambda(str).invoke(1, {"callbacks": [live]})
    machine.passes(HOURS, asleep=True)
    RunnableLambda(lambda x: machine.passes(1.0)).invoke(1, {"callbacks": [live]})
    run = live.snapshot()["state"]["runs"][1]
    frame = live.since(0)
    assert frame is not None
    assert frame["t"] / 1000 - seconds(run["start_time"]) == pytest.approx(1.0, abs=0.01)
    assert seconds(run["end_time"]) - seconds(run["start_time"]) == pytest.approx(1.0, abs=0.01)
    assert seconds(run["end_time"]) == pytest.approx(machine.day, abs=0.01)  # the time of day is right again


def test_a_time_means_the_same_before_and_after_a_sleep(machine):
    epoch, started = runs.clock_epoch(), machine.perf_counter()
    before = runs.timestamp(started, epoch)
    machine.passes(1.0)
    machine.passes(HOURS, asleep=True)
    RunnableLambda(str).invoke(1, {"callbacks": [LiveState()]})
    assert runs.timestamp(started, epoch) == before
    now = runs.timestamp(machine.perf_counter(), runs.clock_epoch())
    assert seconds(now) == pytest.approx(machine.day, abs=0.01)


def test_a_run_that_sleeps_with_the_machine_has_the_time_that_passed_for_the_chain(machine):
    live = LiveState()

    def sleeps(x):
        machine.passes(1.0)
        machine.passes(HOURS, asleep=True)

    RunnableLambda(sleeps).invoke(1, {"callbacks": [live]})
    [run] = live.snapshot()["state"]["runs"]
    assert seconds(run["end_time"]) - seconds(run["start_time"]) == pytest.approx(1.0, abs=0.01)


def test_a_clock_that_is_set_by_a_little_changes_nothing(machine):
    before = runs.clock_epoch()
    machine.day += 0.5
    RunnableLambda(str).invoke(1, {"callbacks": [LiveState()]})
    assert runs.clock_epoch() == before


def test_readings_and_times_of_day_are_inverse(machine):
    machine.passes(HOURS, asleep=True)
    RunnableLambda(str).invoke(1, {"callbacks": [LiveState()]})
    epoch = runs.clock_epoch()
    assert runs.clock_reading(datetime.fromtimestamp(machine.day, UTC), epoch) == pytest.approx(
        machine.monotonic, abs=0.01
    )
    for ago in (0.0, HOURS / 2, 2 * HOURS):  # during the sleep, and before
        moment = datetime.fromtimestamp(machine.day - ago, UTC)
        shown = runs.timestamp(runs.clock_reading(moment, epoch), epoch)
        assert seconds(shown) == pytest.approx(machine.day - ago, abs=0.01)


def another_begins_after_a_sleep(machine):
    machine.passes(1.0)
    machine.passes(HOURS, asleep=True)
    thread = threading.Thread(target=lambda: RunnableLambda(str).invoke(1, {"callbacks": [LiveState()]}))
    thread.start()
    thread.join()


def test_a_run_is_no_hours_older_when_another_begins_after_the_sleep(machine):
    live, ages = LiveState(), []

    def sleeps(x):
        another_begins_after_a_sleep(machine)
        [run] = live.snapshot()["state"]["runs"]
        frame = live.since(0)
        assert frame is not None
        ages.extend(now / 1000 - seconds(run["start_time"]) for now in (frame["t"], live.now_ms()))
        view = TerminalView(live, console=Console(file=io.StringIO()))
        ages.append(view._now() - seconds(run["start_time"]))

    (RunnableLambda(sleeps) | str).invoke(1, {"callbacks": [live]})
    assert ages == [pytest.approx(1.0, abs=0.01)] * 3
    [run] = live.snapshot()["state"]["runs"]
    for each in (run, *run["logs"].values()):
        assert -0.01 < seconds(each["end_time"]) - seconds(each["start_time"]) < 1.01


def test_a_log_that_a_sleep_falls_into_has_the_durations_of_its_steps(machine):
    def sleeps(x):
        another_begins_after_a_sleep(machine)
        return x

    chain = RunnableLambda(sleeps, name="sleeps") | str

    async def logged():
        patches = [patch async for patch in chain.astream_log(1)]
        return patches, reduce(operator.add, patches).state

    patches, state = asyncio.run(logged())
    entry = state["logs"]["sleeps"]
    assert seconds(entry["end_time"]) - seconds(entry["start_time"]) == pytest.approx(1.0, abs=0.01)
    # What is replayed from it later keeps its times of day, too.
    replayed = live_from(patches).snapshot()["state"]["runs"][0]["logs"]["sleeps"]
    assert replayed["start_time"] == entry["start_time"]
    assert replayed["end_time"] == entry["end_time"]
