"""Runs over the wire: RunEvents as JSON records at the server, runs that report the same at the client.

A record is a list. Runs are numbered in the order they start; ``at`` is milliseconds since the first::

    ["start", n, at, {"id", "name", "type", "tags", "metadata", "parent": n or null, "streams", "input"?}]
    ["chunk", n, at, value]
    ["end", n, at, {"output" or "sum": true, "input"?}]
    ["error", n, at, {"output", "error": {"type", "message", ...}, "input"?}]
    ["custom", n, at, name, data]

``sum``: the output is what the chunks add up to, and is not sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from ...engine.chunks import MISSING, Fold
from ...engine.runs import Observer, Run, RunEvent
from ...live.rebuilt import RebuiltRuns
from .values import adds_up, from_wire, to_wire

__all__ = ["RunReader", "RunWriter"]

ErrorOf = Callable[[dict[str, Any]], BaseException]


class RunWriter:
    """Makes the records of one call's runs. *shown_error* gives what the client may know of an error."""

    def __init__(self, shown_error: Callable[[BaseException], dict[str, str]]) -> None:
        self._shown_error = shown_error
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
        fields: dict[str, Any] = {}
        if run.input is not MISSING:
            fields["input"] = to_wire(run.input, typed=True)
        if kind == "end" and self._adds.pop(run):
            fields["sum"] = True
        else:
            fields["output"] = to_wire(run.output, typed=True)
        if kind == "error":
            fields["error"] = self._shown_error(value)
        return [kind, known, ms, fields]

    def _start(self, run: Run, input: Any) -> dict[str, Any]:
        # Not run.input: by now it may have what streamed in later.
        fields = {
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
            fields["input"] = to_wire(input, typed=True)
        return fields


class RunReader:
    """Rebuilds the runs that records describe, below *parent*, and reports them to *observers*. ``chunks`` of
    the first of them are what the call gives. *error_of* makes an exception of an error's data."""

    def __init__(
        self,
        observers: tuple[Observer, ...],
        parent: Run | None,
        error_of: ErrorOf,
        *,
        blocking: bool,
    ) -> None:
        self._rebuilt: RebuiltRuns[int] = RebuiltRuns(observers)
        self._parent = parent
        self._error_of = error_of
        self._pending = None if blocking else ()
        self._totals: dict[int, Fold] = {}
        self._zero: float | None = None

    def take(self, records: Any) -> list[Any]:
        """Report the records; returns the chunks of the first run among them. ValueError, TypeError,
        LookupError for what is no record."""
        chunks: list[Any] = []
        rebuilt = self._rebuilt
        for kind, number, ms, *rest in records:
            at = self._reading(float(ms))
            if kind == "start":
                rebuilt.start(int(number), self._run(rest[0]), at)
                continue
            run = rebuilt.runs[number]
            if kind == "chunk":
                value = from_wire(rest[0], typed=True)
                if (total := self._totals.get(number)) is None:
                    total = self._totals[number] = Fold()
                total.add(value)
                rebuilt.chunk(run, value, at)
                if number == 0:
                    chunks.append(value)
            elif kind == "custom":
                rebuilt.custom(run, rest[0], from_wire(rest[1], typed=True), at)
            else:
                self._end(run, number, rest[0], at)
                if number == 0 and kind == "end" and not run.streams:
                    chunks.append(run.output)
        return chunks

    async def settle(self) -> None:
        """Wait for what observers have scheduled."""
        for run in self._rebuilt.runs.values():
            if run.pending:
                await run.settle()

    def end(self, error: BaseException | None) -> None:
        """End what is open, the innermost first: with what it has if *error* is None."""
        for number, run in self._rebuilt.runs.items():
            if run.ended is None:
                run.output = self._total(number)
        self._rebuilt.end_open(error, time.perf_counter())

    def _reading(self, ms: float) -> float:
        now = time.perf_counter()
        if self._zero is None:
            self._zero = now - ms / 1000
        return min(self._zero + ms / 1000, now)

    def _run(self, fields: dict[str, Any]) -> Run:
        parent = self._rebuilt.runs.get(fields["parent"]) if fields.get("parent") is not None else None
        run = Run(
            str(fields["name"]),
            str(fields["type"]),
            self._rebuilt.observers,
            parent or self._parent,
            str(fields["id"]),
            [str(tag) for tag in fields.get("tags") or ()],
            from_wire(fields.get("metadata") or {}, typed=True),
            from_wire(fields["input"], typed=True) if "input" in fields else MISSING,
            inherited=int(fields.get("inherited") or 0),
            pending=self._pending,
        )
        run.streams = bool(fields.get("streams"))
        return run

    def _end(self, run: Run, number: int, fields: dict[str, Any], at: float) -> None:
        if "input" in fields:
            run.input = from_wire(fields["input"], typed=True)
        is_sum = fields.get("sum")
        output = self._total(number) if is_sum else from_wire(fields.get("output"), typed=True)
        error = fields.get("error")
        self._rebuilt.end(run, output, at, None if error is None else self._error_of(error))

    def _total(self, number: int) -> Any:
        total = self._totals.get(number)
        return None if total is None else total.value
