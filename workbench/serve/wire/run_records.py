"""Runs told over the wire: RunEvents as JSON records at the server, Runs that report the same at the client.

A record is a list. Runs are numbered in the order they start; ``at`` is milliseconds since the first::

    ["start", n, at, {"id", "name", "type", "tags", "metadata", "parent": n or null, "streams", "input"?}]
    ["chunk", n, at, value]
    ["end", n, at, {"output" or "sum": true, "input"?}]
    ["error", n, at, {"output", "error": {"type", "message", ...}, "input"?}]
    ["custom", n, at, name, data]

``sum``: the output is what the chunks add up to, and is not sent again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from ...engine.chunks import MISSING, Fold
from ...engine.runs import Observer, Run, RunEvent
from ..server.options import Errors
from .values import adds_up, from_wire, to_wire

__all__ = ["RunReader", "RunWriter"]

ErrorOf = Any


class RunWriter:
    """The records of one call's runs."""

    def __init__(self, errors: Errors = "typed") -> None:
        self._errors = errors
        self._numbers: dict[Run, int] = {}
        self._adds: dict[Run, bool] = {}
        self._zero: float | None = None

    def records(self, events: Iterable[RunEvent]) -> list[Any]:
        return [record for event in events if (record := self._record(event)) is not None]

    def _record(self, event: RunEvent) -> list[Any] | None:
        kind, run, value, at = event
        if self._zero is None:
            self._zero = at
        ms = round((at - self._zero) * 1000, 2)
        if kind == "start":
            number = self._numbers[run] = len(self._numbers)
            self._adds[run] = run.streams
            return ["start", number, ms, self._start(run, value)]
        known = self._numbers.get(run)
        if known is None:
            return None
        if kind == "chunk":
            if self._adds[run] and not adds_up(value):
                self._adds[run] = False
            return ["chunk", known, ms, to_wire(value, typed=True)]
        if kind == "custom":
            name, data = value
            return ["custom", known, ms, str(name), to_wire(data, typed=True)]
        told: dict[str, Any] = {}
        if run.input is not MISSING:
            told["input"] = to_wire(run.input, typed=True)
        if kind == "end" and self._adds.pop(run):
            told["sum"] = True
        else:
            told["output"] = to_wire(run.output, typed=True)
        if kind == "error":
            told["error"] = self._error(value)
        return [kind, known, ms, told]

    def _start(self, run: Run, input: Any) -> dict[str, Any]:
        # Not run.input: by now it may have what streamed in later.
        told = {
            "id": run.id,
            "name": str(run.name),
            "type": run.type,
            "tags": list(run.tags),
            "metadata": to_wire(run.metadata, typed=True),
            "parent": self._numbers.get(run.parent) if run.parent is not None else None,
            "streams": run.streams,
            "inherited": run.inherited,
        }
        if input is not MISSING:
            told["input"] = to_wire(input, typed=True)
        return told

    def _error(self, error: BaseException) -> dict[str, Any]:
        from ...live.state import error_data

        if self._errors == "hidden":
            return {"type": "Exception", "message": "Internal Server Error"}
        told = error_data(error)
        return told if self._errors == "traceback" else {key: told[key] for key in ("type", "message")}


class RunReader:
    """Runs below *parent* that report to *observers* what the records tell. ``chunks`` of the first of them
    are what the call gives. *error_of* makes an exception of an error's data."""

    def __init__(
        self,
        observers: tuple[Observer, ...],
        parent: Run | None,
        error_of: ErrorOf,
        *,
        blocking: bool,
    ) -> None:
        self._observers = observers
        self._parent = parent
        self._error_of = error_of
        self._pending = None if blocking else ()
        self._runs: dict[int, Run] = {}
        self._totals: dict[int, Fold] = {}
        self._zero: float | None = None
        self.root: Run | None = None

    def take(self, records: Any) -> list[Any]:
        """Report the records; returns the chunks of the first run among them. ValueError, TypeError,
        LookupError for what is no record."""
        chunks: list[Any] = []
        for kind, number, ms, *rest in records:
            at = self._reading(float(ms))
            if kind == "start":
                self._start(int(number), rest[0], at)
            elif kind == "chunk":
                value = from_wire(rest[0], typed=True)
                self._chunk(self._runs[number], number, value, at)
                if number == 0:
                    chunks.append(value)
            elif kind == "custom":
                run = self._runs[number]
                self._report("custom", run, (rest[0], from_wire(rest[1], typed=True)), at)
            else:
                self._end(self._runs[number], number, rest[0], at)
                if number == 0 and kind == "end" and not self._runs[0].streams:
                    chunks.append(self._runs[0].output)
        return chunks

    async def settle(self) -> None:
        """Wait for what observers have scheduled."""
        for run in self._runs.values():
            if run.pending:
                await run.settle()

    def end_all(self, error: BaseException | None) -> None:
        """End what is open, the innermost first: with what it has if *error* is None."""
        at = time.perf_counter()
        for number, run in reversed(self._runs.items()):
            if run.ended is None:
                run.output = self._total(number)
                self._finish(run, error, at)

    def _reading(self, ms: float) -> float:
        now = time.perf_counter()
        if self._zero is None:
            self._zero = now - ms / 1000
        return min(self._zero + ms / 1000, now)

    def _start(self, number: int, told: dict[str, Any], at: float) -> None:
        parent = self._runs.get(told["parent"]) if told.get("parent") is not None else None
        run = Run(
            str(told["name"]),
            str(told["type"]),
            self._observers,
            parent or self._parent,
            str(told["id"]),
            [str(tag) for tag in told.get("tags") or ()],
            from_wire(told.get("metadata") or {}, typed=True),
            from_wire(told["input"], typed=True) if "input" in told else MISSING,
            inherited=int(told.get("inherited") or 0),
            pending=self._pending,
        )
        run.streams = bool(told.get("streams"))
        run.started = at
        self._runs[number] = run
        if self.root is None:
            self.root = run
        self._report("start", run, run.input, at)

    def _chunk(self, run: Run, number: int, value: Any, at: float) -> None:
        total = self._totals.get(number)
        if total is None:
            total = self._totals[number] = Fold()
        total.add(value)
        run.last_chunk = at
        if run.first_chunk is None and not _says_nothing(value):
            run.first_chunk = at
        self._report("chunk", run, value, at)

    def _end(self, run: Run, number: int, told: dict[str, Any], at: float) -> None:
        if "input" in told:
            run.input = from_wire(told["input"], typed=True)
        run.output = self._total(number) if told.get("sum") else from_wire(told.get("output"), typed=True)
        error = told.get("error")
        self._finish(run, None if error is None else self._error_of(error), at)

    def _finish(self, run: Run, error: BaseException | None, at: float) -> None:
        run.error, run.ended = error, at
        if error is None:
            self._report("end", run, run.output, at)
        else:
            self._report("error", run, error, at)

    def _total(self, number: int) -> Any:
        total = self._totals.get(number)
        return None if total is None else total.value

    def _report(self, kind: Any, run: Run, value: Any, at: float) -> None:
        event = RunEvent(kind, run, value, at)
        for observe in self._observers:
            observe(event)


def _says_nothing(chunk: Any) -> bool:
    return chunk is None or getattr(chunk, "content", chunk) == ""


def as_cancelled(told: dict[str, Any]) -> BaseException | None:
    """The error of a run that was stopped, None for any other."""
    return asyncio.CancelledError(told.get("message")) if told.get("type") == "CancelledError" else None
