"""The state of running chains as the live views draw it, and the frames that carry its changes.

``LiveState`` is an observer. It keeps one JSON document::

    {"status": "waiting" | "streaming" | "done" | "failed" | "cancelled",
     "runs": [<run>, ...]}                        # root runs, in the order they started

    <run>:   {"id", "name", "type", "tags", "metadata", "status", "input",
              "start_time", "first_chunk_time", "end_time",      # ISO-8601 with milliseconds, or None
              "streamed_output": [...],                          # tokens as text, or {branch: text}
              "final_output", "error": {"type", "message", "traceback"} | None,
              "usage": {"input_tokens", "output_tokens", "total_tokens"} | None,
              "events": [...],                                   # custom events: {"name", "data"}
              "logs": {key: <entry>}}
    <entry>: the same without "logs", and "parent": the key of the run around it, None for the root

Root and entries have the names of ``RunState`` and ``LogEntry``; keys are ``Name``, ``Name:2``, ... A
*frame* ``{"a", "b", "t", "ops"}`` carries operations number a+1 to b. Operations are RFC 6902 ``add`` and
``replace``, and one abbreviation: ``{"op": "append", "path": p, "values": [...]}`` stands for an ``add``
to ``p/-`` of each value. ``t`` is the sender's clock in milliseconds. A snapshot is ``{"seq", "state"}``:
the document after operation number seq.
"""

from __future__ import annotations

import copy
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..engine.chunks import MISSING
from ..engine.runs import Run, RunEvent, Status, timestamp
from .encode import chunk_data, data
from .log import escape

__all__ = ["LiveState"]


class LiveState:
    """See the module. Safe to use from any thread.

    *on_change* is called after every change with True where it should be shown at once (a start, a
    status, an end) and False for a token; it is called under the lock and must not block.
    """

    wants_tokens = True

    def __init__(self, on_change: Callable[[bool], None] = lambda urgent: None) -> None:
        self.on_change = on_change
        self.seq = 0
        self._state: dict[str, Any] = {"status": "waiting", "runs": []}
        self._places: dict[Run, tuple[str, dict[str, Any], int, str | None]] = {}
        self._counts: dict[tuple[int, str], int] = {}
        self._ops: list[dict[str, Any]] = []
        self._appends: dict[str, list[Any]] = {}
        self._sent = 0
        self._lock = threading.RLock()

    @property
    def status(self) -> Status:
        return self._state["status"]  # type: ignore[no-any-return]

    def __call__(self, event: RunEvent) -> None:
        kind, run, value, at = event
        with self._lock:
            if kind == "start":
                self._start(run, at)
            elif run not in self._places:
                return
            elif kind == "chunk":
                self._chunk(run, value, at)
            elif kind == "custom":
                name, payload = value
                self._append(run, "events", {"name": name, "data": data(payload)})
            else:
                self._end(run, at)
            self.on_change(kind != "chunk")

    def set_status(self, status: Status) -> None:
        """The status of the whole: of a batch, say, or of work that ended before any run began."""
        with self._lock:
            if self._state["status"] != status:
                self._state["status"] = status
                self._queue({"op": "replace", "path": "/status", "value": status})
                self.on_change(True)

    def take(self) -> dict[str, Any] | None:
        """The frame of all operations since the last one; None if there were none."""
        with self._lock:
            if self._sent == self.seq:
                return None
            frame = {"a": self._sent, "b": self.seq, "t": time.time() * 1000, "ops": self._ops}
            self._ops, self._appends, self._sent = [], {}, self.seq
            return frame

    def snapshot(self) -> dict[str, Any]:
        """The whole document, as the reader's own copy."""
        with self._lock:
            return {"seq": self.seq, "state": copy.deepcopy(self._state)}

    def read(self, reader: Callable[[dict[str, Any]], Any]) -> Any:
        """What *reader* makes of the document, called under the lock without a copy."""
        with self._lock:
            return reader(self._state)

    def _start(self, run: Run, at: float) -> None:
        place = self._places.get(run.parent) if run.parent is not None else None
        fields = _fields(run, at)
        if place is None:
            number = len(self._state["runs"])
            path, key = f"/runs/{number}", None
            self._state["runs"].append({**_fresh(fields), "logs": {}})
            entry = self._state["runs"][-1]
            self._queue({"op": "add", "path": "/runs/-", "value": {**_fresh(fields), "logs": {}}})
            if self._state["status"] == "waiting":
                self.set_status("streaming")
        else:
            _, _, number, parent = place
            count = self._counts[number, run.name] = self._counts.get((number, run.name), 0) + 1
            key = run.name if count == 1 else f"{run.name}:{count}"
            path = f"/runs/{number}/logs/{escape(key)}"
            fields["parent"] = parent
            entry = self._state["runs"][number]["logs"][key] = _fresh(fields)
            self._queue({"op": "add", "path": path, "value": _fresh(fields)})
        self._places[run] = (path, entry, number, key)

    def _chunk(self, run: Run, chunk: Any, at: float) -> None:
        path, entry, _, _ = self._places[run]
        if entry["status"] == "waiting" and run.first_chunk is not None:
            self._set(path, entry, "status", "streaming")
            self._set(path, entry, "first_chunk_time", timestamp(at))
        shown = chunk_data(chunk)
        if shown != "" and shown is not None:
            self._append(run, "streamed_output", shown)

    def _end(self, run: Run, at: float) -> None:
        path, entry, _, _ = self._places.pop(run)
        if entry["input"] is None and run.input is not MISSING:
            self._set(path, entry, "input", data(run.input))
        self._set(path, entry, "final_output", data(run.output))
        if usage := _usage(run):
            self._set(path, entry, "usage", usage)
        if run.error is not None:
            self._set(path, entry, "error", _error(run.error))
        self._set(path, entry, "end_time", timestamp(at))
        self._set(path, entry, "status", run.status)

    def _set(self, path: str, entry: dict[str, Any], key: str, value: Any) -> None:
        entry[key] = value
        self._queue({"op": "replace", "path": f"{path}/{key}", "value": value})

    def _append(self, run: Run, key: str, value: Any) -> None:
        path, entry, _, _ = self._places[run]
        entry[key].append(value)
        target = f"{path}/{key}"
        self.seq += 1
        values = self._appends.get(target)
        if values is None:
            values = self._appends[target] = []
            self._ops.append({"op": "append", "path": target, "values": values})
        values.append(value)

    def _queue(self, op: dict[str, Any]) -> None:
        self.seq += 1
        self._ops.append(op)


def _fields(run: Run, at: float) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "type": run.type,
        "tags": list(run.tags),
        "metadata": data(run.metadata),
        "status": "waiting",
        "input": data(run.input),
        "start_time": timestamp(at),
        "first_chunk_time": None,
        "end_time": None,
        "streamed_output": [],
        "final_output": None,
        "error": None,
        "usage": None,
        "events": [],
    }


def _fresh(fields: dict[str, Any]) -> dict[str, Any]:
    """Its own lists: what is queued must not grow with the state."""
    return {**fields, "streamed_output": [], "events": []}


def _usage(run: Run) -> dict[str, int] | None:
    usage = getattr(run.output, "usage_metadata", None)
    return dict(usage) if usage else None


def _error(error: BaseException) -> dict[str, str]:
    shown = traceback.TracebackException.from_exception(error)
    _keep_users_frames(shown)
    return {
        "type": type(error).__name__,
        "message": str(error)[:10_000],
        "traceback": "".join(shown.format())[-20_000:],
    }


_OWN = str(Path(__file__).resolve().parent.parent)


def _keep_users_frames(shown: traceback.TracebackException | None) -> None:
    """Leave out the workbench's own frames: the reader looks for theirs."""
    while shown is not None:
        theirs = [frame for frame in shown.stack if not frame.filename.startswith(_OWN)]
        shown.stack = traceback.StackSummary.from_list(theirs)
        if shown.__context__ is not shown.__cause__:
            _keep_users_frames(shown.__context__)
        shown = shown.__cause__
