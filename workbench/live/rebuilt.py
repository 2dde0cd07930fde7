"""Runs rebuilt from a description of them, and reported to observers as if they ran here.

The reader of the description (a log, a stream of events, the records of a server) makes each ``Run`` and
knows the times. ``RebuiltRuns`` keeps the runs by a key of the source's and reports their events.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from ..engine.runs import Kind, Observer, Run, RunEvent, is_empty

__all__ = ["RebuiltRuns"]

Key = TypeVar("Key")


class RebuiltRuns(Generic[Key]):
    """See the module. ``runs`` are in the order they started. Times (*at*) are readings of our clock."""

    def __init__(self, observers: tuple[Observer, ...]) -> None:
        self.observers = observers
        self.runs: dict[Key, Run] = {}

    def start(self, key: Key, run: Run, at: float) -> Run:
        run.started = at
        self.runs[key] = run
        self._report("start", run, run.input, at)
        return run

    def chunk(self, run: Run, chunk: Any, at: float) -> None:
        run.last_chunk = at
        if run.first_chunk is None and not is_empty(chunk):
            run.first_chunk = at
        self._report("chunk", run, chunk, at)

    def custom(self, run: Run, name: str, data: Any, at: float) -> None:
        self._report("custom", run, (name, data), at)

    def end(self, run: Run, output: Any, at: float, error: BaseException | None = None) -> None:
        """Ends once: what comes after the end of a run is ignored."""
        if run.ended is not None:
            return
        run.output, run.error, run.ended = output, error, at
        if error is None:
            self._report("end", run, output, at)
        else:
            self._report("error", run, error, at)

    def end_open(self, error: BaseException | None, at: float) -> None:
        """End what is still open with the output it has, the innermost first."""
        for run in reversed(self.runs.values()):
            self.end(run, run.output, at, error)

    def _report(self, kind: Kind, run: Run, value: Any, at: float) -> None:
        event = RunEvent(kind, run, value, at)
        for observe in self.observers:
            observe(event)
