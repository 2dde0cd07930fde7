"""An asynchronous step that blocks the background loop: it is named, and nothing else hangs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
import threading
import time

import pytest

import workbench
from workbench import FakeChatModel, LiveState, RunnableLambda, RunnableParallel, RunnablePassthrough
from workbench.engine import background
from workbench.notebook.run import ChainRun, Job
from workbench.notebook.viewed_runs import run_job

PATIENCE_S = 60.0


class Blocking:
    """An asynchronous function that blocks its loop until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def chain(self):
        async def blocks(x):
            self.entered.set()
            self.go_on.wait(PATIENCE_S)
            return "done"

        return RunnablePassthrough() | RunnableLambda(blocks, name="sleepy")


@pytest.fixture
def blocking():
    blocking = Blocking()
    yield blocking
    blocking.go_on.set()


async def ticks(x):
    while True:
        await asyncio.sleep(0.01)


def interrupt_when(event: threading.Event) -> None:
    def wait_and_interrupt() -> None:
        event.wait(PATIENCE_S)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait_and_interrupt, daemon=True).start()


def started(chain):
    return run_job(Job(chain, 1), view="none", in_background=True)


def statuses(live: LiveState) -> set[str]:
    runs = live.snapshot()["state"]["runs"]
    return {run["status"] for root in runs for run in (root, *root["logs"].values())}


def outcomes(live: LiveState) -> list[tuple[str, object, object]]:
    runs = live.snapshot()["state"]["runs"]
    both = [run for root in runs for run in (root, *root["logs"].values())]
    return [(run["name"], run["status"], run["final_output"]) for run in both]


def test_an_interrupt_gets_through_and_all_that_was_on_the_loop_ends_with_its_reason(blocking):
    other = started(RunnableLambda(ticks, name="ticker"))
    interrupt_when(blocking.entered)
    with pytest.raises(KeyboardInterrupt):
        run_job(Job(blocking.chain(), 1), view="none")
    stopped = workbench.runs[-1]
    for run in (other, stopped):
        assert run.status == "cancelled"
        assert statuses(run.live) <= {"cancelled", "done"}  # what came before it was done
        assert "sleepy" in str(run.error)
        assert "blocked the event loop" in str(run.error)
    with pytest.raises(background.BlockedLoopError, match="sleepy"):
        other.result(PATIENCE_S)
    # The next run has a loop of its own.
    assert run_job(Job(RunnableLambda(str), 1), view="none").output == "1"
    before = outcomes(stopped.live)
    blocking.go_on.set()
    assert run_job(Job(RunnableLambda(str), 2), view="none").output == "2"
    assert (stopped.status, outcomes(stopped.live)) == ("cancelled", before)


def test_a_stop_gets_through(blocking):
    run = started(blocking.chain())
    assert blocking.entered.wait(PATIENCE_S)
    run.stop()
    with pytest.raises(concurrent.futures.CancelledError):
        run.result(PATIENCE_S)
    assert run.status == "cancelled"
    assert statuses(run.live) <= {"cancelled", "done"}


def test_the_thread_of_an_abandoned_loop_ends_when_the_step_lets_it(blocking):
    run = started(blocking.chain())
    assert blocking.entered.wait(PATIENCE_S)
    thread = background._thread.thread_of(run._task._loop)
    run.stop()
    with pytest.raises(concurrent.futures.CancelledError):
        run.result(PATIENCE_S)
    blocking.go_on.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_what_a_busy_loop_is_asked_to_stop_keeps_its_loop():
    """Work that does not end at once is no reason to abandon a loop that answers."""
    loop = background._thread.loop

    async def slow_to_end(x):
        try:
            await asyncio.sleep(PATIENCE_S)
        finally:
            await asyncio.sleep(0.05)

    run = started(RunnableLambda(slow_to_end))
    other = started(RunnableLambda(ticks))
    time.sleep(0.05)
    run.stop()
    with pytest.raises(concurrent.futures.CancelledError):
        run.result(PATIENCE_S)
    assert not other.done()
    assert background._thread.loop is loop
    other.stop()
    with pytest.raises(concurrent.futures.CancelledError):
        other.result(PATIENCE_S)


def blocks_of(live: LiveState) -> list[tuple[str, str]]:
    root = live.snapshot()["state"]["runs"][0]
    return [(run["name"], event["name"]) for run in (root, *root["logs"].values()) for event in run["events"]]


def test_a_step_that_blocks_the_loop_for_long_is_noted():
    async def blocks(x):
        time.sleep(0.6)  # noqa: ASYNC251  # that is what is tested
        return x

    async def waits(x):
        await asyncio.sleep(0.6)
        return x

    chain = RunnableParallel(a=RunnableLambda(blocks, name="sleepy"), b=RunnableLambda(waits, name="patient"))
    run = run_job(Job(chain, 1), view="none")
    until = time.monotonic() + PATIENCE_S
    while not blocks_of(run.live) and time.monotonic() < until:
        time.sleep(0.01)
    [(name, event)] = blocks_of(run.live)
    assert name == "sleepy"
    assert event.startswith("blocked the loop for ")
    assert event.endswith(" s")


def test_nothing_is_noted_of_steps_that_wait_or_are_in_threads():
    def in_a_thread(x):
        time.sleep(0.5)
        return x

    chain = RunnableLambda(in_a_thread) | FakeChatModel(responses=["a b c"], token_delay_s=0.1)
    run = run_job(Job(chain, "q"), view="none")
    time.sleep(0.2)
    assert blocks_of(run.live) == []


def test_no_thread_looks_on_when_nothing_runs():
    run_job(Job(RunnableLambda(str), 1), view="none")
    until = time.monotonic() + PATIENCE_S
    while any(thread.name == "workbench-watch-loop" for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_run_that_is_stopped_before_it_was_begun_is_over():
    run = ChainRun(Job(RunnableLambda(str), 1))
    run.give_up()
    assert run.done()
    assert run.status == "cancelled"
    task = background.BackgroundTask(asyncio.sleep)  # never begun
    task.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        task.wait()
