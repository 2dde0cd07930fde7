"""One clock for all times: a machine that slept makes no run older, and no time of day wrong."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from workbench import LiveState, RunnableLambda
from workbench.engine import runs

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
    started = machine.perf_counter()
    before = runs.timestamp(started)
    machine.passes(1.0)
    machine.passes(HOURS, asleep=True)
    RunnableLambda(str).invoke(1, {"callbacks": [LiveState()]})
    assert runs.timestamp(started) == before
    assert seconds(runs.timestamp(machine.perf_counter())) == pytest.approx(machine.day, abs=0.01)


def test_a_run_that_sleeps_with_the_machine_has_the_time_that_passed_for_the_chain(machine):
    live = LiveState()

    def sleeps(x):
        machine.passes(1.0)
        machine.passes(HOURS, asleep=True)

    RunnableLambda(sleeps).invoke(1, {"callbacks": [live]})
    [run] = live.snapshot()["state"]["runs"]
    assert seconds(run["end_time"]) - seconds(run["start_time"]) == pytest.approx(1.0, abs=0.01)


def test_a_clock_that_is_set_by_a_little_changes_nothing(machine):
    before = runs.timestamp(50.0)
    machine.day += 0.5
    RunnableLambda(str).invoke(1, {"callbacks": [LiveState()]})
    assert runs.timestamp(50.0) == before
    assert seconds(runs.timestamp(machine.perf_counter())) == pytest.approx(machine.day - 0.5, abs=0.01)


def test_readings_and_times_of_day_are_inverse(machine):
    machine.passes(HOURS, asleep=True)
    RunnableLambda(str).invoke(1, {"callbacks": [LiveState()]})
    moment = datetime.fromtimestamp(machine.day, UTC)
    assert runs.clock_reading(moment) == pytest.approx(machine.monotonic, abs=0.01)
