"""Run cases in rounds, each once a round and in turn, and time and observe them.

An interrupt (Ctrl-C, the kernel's stop button) or a requested ``Stop`` ends it, and what was measured by then
is kept. Synchronous calls of chains end at their next step, requests at once; a plain function cannot be
ended and is waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from ...engine.config import RunnableConfig, as_list
from ...engine.limits import Stop
from ...engine.loop_thread import GRACE_S, SLICE_S, LoopThread
from ...engine.modes import Blocking
from ...engine.runs import Observer
from ...engine.scope import current
from ...live.state import LiveState
from ...text.excerpts import short_repr
from ...text.units import duration
from ..runs.rows import Timings
from .measurement import Measurement, Sample, facts_of
from .strategies import Case

__all__ = ["Progress", "Rounds", "Watcher", "check_number"]


@dataclass(frozen=True)
class Progress:
    """How far a comparison is: ``done`` of ``total`` repeats, and what runs now. ``left_s``: an estimate in
    seconds, from what each case took so far; None before the first round is over."""

    done: int
    total: int
    doing: str
    elapsed_s: float
    left_s: float | None = None

    def __str__(self) -> str:
        left = f" (about {duration(self.left_s)} left)" if self.left_s is not None else ""
        return f"{self.doing}{left}"


class Watcher(Protocol):
    """An observer of the cases of a comparison while they run, such as a live timeline."""

    def plan(self, cases: Sequence[Case]) -> None:
        """These cases will run, in rounds."""

    def begin(self, case: Case, round: int | None) -> Observer | None:
        """A case begins, in that round (None: warming up). May return an observer for its runs."""

    def end(self, case: Case, sample: Sample | None) -> None:
        """The case is over; *sample* is None if it was interrupted."""

    def progress(self, progress: Progress) -> None:
        """What runs next."""


class Rounds:
    """*cases*, each *repeats* times after *warmup* untimed rounds."""

    def __init__(
        self,
        cases: Sequence[Case],
        repeats: int,
        warmup: int,
        config: RunnableConfig | None = None,
        on_progress: Callable[[Progress], Any] | None = None,
        watcher: Watcher | None = None,
        stop: Stop | None = None,
    ) -> None:
        check_number("repeats", repeats, 1)
        check_number("warmup", warmup, 0)
        self._cases = list(cases)
        self._repeats = repeats
        self._warmup = warmup
        self._config = config
        self._on_progress = on_progress
        self._watcher = watcher
        self._stop = stop if stop is not None else Stop()
        self._loop_thread = LoopThread("workbench-timing")
        self._samples: dict[str, list[Sample]] = {case.label: [] for case in cases}
        self._last: dict[str, tuple[Timings, LiveState]] = {}
        self._took: dict[str, list[float]] = {case.label: [] for case in cases}
        self._began = time.perf_counter()
        self._done = 0

    def run(self) -> bool:
        """Measure; returns whether it was stopped or interrupted.

        An interrupt before anything was measured is raised.
        """
        __tracebackhide__ = True
        if self._watcher is not None:
            self._watcher.plan(self._cases)
        try:
            self._run()
        except KeyboardInterrupt:
            if not any(self._samples.values()):
                raise
            return True
        except BaseException:  # whatever it is that stopped work raises
            if not self._stop.requested:
                raise
            return True
        finally:
            self._loop_thread.close()
        return self._stop.requested

    def measurements(self) -> list[Measurement]:
        return [
            Measurement(
                case.label,
                tuple(self._samples[case.label]),
                case.chain,
                case.strategy,
                case.max_concurrency,
                case.items,
                case.is_part,
                rows=tuple(self._last[case.label][0].rows) if case.label in self._last else (),
                live=self._last[case.label][1] if case.label in self._last else None,
            )
            for case in self._cases
        ]

    def _run(self) -> None:
        __tracebackhide__ = True
        for number in range(self._warmup):
            for case in self._cases:
                if self._stop.requested:
                    return
                self._report(f"warm-up {number + 1} of {self._warmup}: {case.label}")
                self._time(case, None)
        for number in range(self._repeats):
            for case in _rotated(self._cases, number):
                if self._stop.requested:
                    return
                self._report(f"round {number + 1} of {self._repeats}: {case.label}")
                self._samples[case.label].append(self._time(case, number))

    def _time(self, case: Case, round: int | None) -> Sample:
        __tracebackhide__ = True
        began = time.perf_counter()
        timings, live = Timings(), LiveState()
        observer = self._watcher.begin(case, round) if self._watcher is not None else None
        sample = None
        try:
            seconds = self._seconds(case, [timings, live, *filter(None, [observer])])
            facts = facts_of(timings, seconds, places=case.max_concurrency, one_by_one=case.one_by_one)
            sample = Sample(seconds, facts)
            if facts is not None:
                live.set_status("done")
                self._last[case.label] = (timings, live)
        except Exception as error:
            error.add_note(f"while timing the case {case.label!r}")
            raise
        finally:
            if self._watcher is not None:
                self._watcher.end(case, sample)
        self._took[case.label].append(time.perf_counter() - began)
        self._done += 1
        return sample

    def _seconds(self, case: Case, observers: list[Any]) -> float:
        __tracebackhide__ = True
        config: RunnableConfig = {**(self._config or {})}
        config["callbacks"] = [*as_list(config.get("callbacks")), *observers]
        if case.max_concurrency is not None:
            config["max_concurrency"] = case.max_concurrency
        if case.is_async:
            return self._awaited(_timed(case, config))
        with _stoppable(self._stop):
            start = time.perf_counter()
            case.work(config)
            return time.perf_counter() - start

    def _awaited(self, work: Coroutine[Any, Any, float]) -> float:
        """The result of *work*, on a loop of our own: one may be running here already.

        A Ctrl-C while this waits cancels the work and is raised as KeyboardInterrupt; a stop cancels it too,
        and CancelledError is raised.
        """
        __tracebackhide__ = True
        future = asyncio.run_coroutine_threadsafe(work, self._loop_thread.loop)

        def cancel() -> None:
            future.cancel()

        withdraw = self._stop.on_request(cancel)
        try:
            while not future.done():
                wait([future], SLICE_S)
        except KeyboardInterrupt:
            future.cancel()
            wait([future], GRACE_S)
            raise
        finally:
            withdraw()
        return future.result()

    def _report(self, doing: str) -> None:
        elapsed = time.perf_counter() - self._began
        total = (self._warmup + self._repeats) * len(self._cases)
        progress = Progress(self._done, total, doing, elapsed, self._left_s())
        if self._watcher is not None:
            self._watcher.progress(progress)
        if self._on_progress is not None:
            self._on_progress(progress)

    def _left_s(self) -> float | None:
        """Seconds left, by what each case took on average; None before each was run once."""
        if not all(self._took.values()):
            return None
        times = self._warmup + self._repeats
        return sum(sum(took) / len(took) * (times - len(took)) for took in self._took.values())


@contextmanager
def _stoppable(stop: Stop) -> Iterator[None]:
    """Chains that are called in the block end when a stop is requested."""
    outer = current.get()
    scope = Blocking() if outer is None else Blocking().under(outer)
    token = current.set(scope.stopping_with(stop))
    try:
        yield
    finally:
        current.reset(token)


async def _timed(case: Case, config: RunnableConfig) -> float:
    """On the loop's own clock, so that handing over to its thread is not measured."""
    __tracebackhide__ = True
    start = time.perf_counter()
    await case.work(config)
    return time.perf_counter() - start


def _rotated(cases: list[Case], by: int) -> list[Case]:
    first = by % len(cases)
    return cases[first:] + cases[:first]


def check_number(name: str, value: Any, least: int) -> None:
    """Raises TypeError for what is no whole number, ValueError for one below *least*."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}: expected a whole number, got {short_repr(value)}")
    if value < least:
        raise ValueError(f"{name}: expected {least} or more, got {value}")
