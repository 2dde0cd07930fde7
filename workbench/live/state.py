"""The state of running chains as the live views draw it, and the frames that carry its changes.

``LiveState`` is an observer. It keeps one JSON document::

    {"status": "waiting" | "streaming" | "done" | "failed" | "cancelled",
     "runs": [<run>, ...]}                        # root runs, in the order they started

    <run>:   {"id", "name", "type", "tags", "metadata", "status", "input",
              "start_time", "first_chunk_time", "end_time",      # ISO-8601 with milliseconds, or None
              "streamed_output": [...],                          # see below
              "final_output", "error": {"type", "message", "traceback"} | None,
              "usage": {"input_tokens", "output_tokens", "total_tokens"} | None,
              "events": [...],                                   # custom events: {"name", "data"}
              "call": <call> | None,                             # of models only; None before the end
              "item": <index> | None,                            # of a batch's input; not in entries
              "logs": {key: <entry>}}
    <entry>: the same without "item" and "logs", and "parent": the key of the run around it, None for the
              root; "place": how many entries came before it (JavaScript does not keep the order of "2", "1")
    <call>:  the fields of ``CallStats``, None where unknown

``streamed_output`` of a run whose chunks are text or messages is a list of the texts. Of any other run it is
a list of one element: the value so far (a dict of branches whose texts grow, an object, a list), changed in
place. So: if all are strings, join them; else the last one is the value.

Root and entries have the names of ``RunState`` and ``LogEntry``; keys are ``Name``, ``Name:2``, ... A
*frame* ``{"a", "b", "t", "ops"}`` carries operations number a+1 to b. Operations are RFC 6902 ``add``,
``replace`` and ``remove``, and the abbreviation ``append`` (see ``operations``). ``t`` is now, in
milliseconds, on the clock of all times in the document. A snapshot is ``{"seq", "state"}``: the document
after operation number seq.

Everything is bounded (see ``encode``): after ``MAX_STREAMED`` characters of a run's stream comes a remark in
place of the rest; of long texts, head and tail are kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..engine.chunks import MISSING
from ..engine.runs import MODEL_TYPES, Run, RunEvent, Status, clock_epoch, now_ms, timestamp
from ..patch.operations import Operations
from ..patch.pointers import escape
from ..text.excerpts import short_repr
from ..tracing.calls import CallClock
from ..tracing.encode import cut, data, is_high_surrogate, raw_text, usage_of
from ..tracing.free_keys import FreeKeys
from .errors import error_data
from .growing import GrowingOutput

__all__ = ["OVER", "LiveState", "outcome"]

OVER: tuple[Status, ...] = ("failed", "cancelled", "done")
"""Statuses of what has ended. Several runs together have the first of these that any of them has."""

MAX_STREAMED = 2_000_000
"""Characters of text that one run can stream into the document; ``final_output`` has the end of the text."""
MAX_EVENTS = 1_000
LARGE_S = 0.002
"""Outputs are large if it takes longer to compare them with what is shown of them."""

OnChange = Callable[[bool], None]


class _Place:
    """Where a run is in the document."""

    __slots__ = ("clock", "entry", "half", "key", "left_out", "number", "output", "path", "size")

    def __init__(self, run: Run, path: str, entry: dict[str, Any], number: int, key: str | None) -> None:
        self.path = path
        self.entry = entry
        self.number = number
        self.key = key
        self.size = 0
        self.half = ""
        self.left_out = False
        self.output: GrowingOutput | None = None
        self.clock = CallClock(run) if run.type in MODEL_TYPES else None


class LiveState:
    """See the module. Safe to use from any thread, by any number of readers.

    *on_change* is called after every change with True where it should be shown at once (a start, a
    status, an end) and False for a token; it is called under the lock and must not block.

    >>> from workbench import FakeChatModel, LiveState
    >>> live = LiveState()
    >>> FakeChatModel(responses=["a bear"], name="guess").invoke("What is this?", {"callbacks": [live]})
    AIMessage(content='a bear')
    >>> [(run["name"], run["status"], run["streamed_output"]) for run in live.snapshot()["state"]["runs"]]
    [('guess', 'done', ['a', ' ', 'bear'])]
    """

    wants_tokens = True

    def __init__(self, on_change: OnChange | None = None) -> None:
        self._listeners: tuple[OnChange, ...] = () if on_change is None else (on_change,)
        self._state: dict[str, Any] = {"status": "waiting", "runs": []}
        self._places: dict[Run, _Place] = {}
        self._ended: dict[str, tuple[int, str | None]] = {}
        self._free_keys: dict[int, FreeKeys] = {}
        self._growing: dict[Run, _Place] = {}
        self._operations = Operations()
        self._taken = 0
        self._given_up = False
        self._epoch = clock_epoch()
        self._cost_s = self._settled_at = 0.0
        self._lock = threading.RLock()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> LiveState:
        """A state made of *document* (one that was saved, say), which does not change any more."""
        status, runs = document.get("status"), document.get("runs")
        runs_fit = isinstance(runs, list) and all(isinstance(run, dict) for run in runs)
        if not isinstance(status, str) or not runs_fit:
            raise ValueError(
                f'expected a document {{"status": ..., "runs": [...]}}, got {short_repr(document)}'
            )
        live = cls()
        live._state = {**document}
        live._operations.add({"op": "replace", "path": "", "value": _snapshot(live._state)})
        return live

    @property
    def seq(self) -> int:
        """The number of operations so far."""
        return self._operations.count

    @property
    def status(self) -> Status:
        return self._state["status"]  # type: ignore[no-any-return]

    def now_ms(self) -> int:
        """Now, in milliseconds on the clock of the document's times."""
        return now_ms(self._epoch)

    def listen(self, on_change: OnChange) -> Callable[[], None]:
        """Call *on_change* after every change from now on; returns a function that ends this."""
        with self._lock:
            self._listeners = (*self._listeners, on_change)

        def end() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not on_change)

        return end

    def __call__(self, event: RunEvent) -> None:
        kind, run, value, at = event
        with self._lock:
            if self._given_up:
                return
            if kind == "start":
                self._start(run, at)
                self._notify(True)
                return
            place = self._places.get(run)
            if place is None:
                return
            if kind == "chunk":
                self._chunk(run, place, value, at)
            elif kind == "custom":
                self._custom(place, *value)
            else:
                self._end(run, place, at)
            self._notify(kind != "chunk")

    def set_status(self, status: Status) -> None:
        """Set the status of the whole: of a batch, say, or of work that ended before any run began."""
        with self._lock:
            if self._state["status"] != status:
                self._state["status"] = status
                self._operations.add({"op": "replace", "path": "/status", "value": status})
                self._notify(True)

    def expect(self, items: int) -> None:
        """Set ``items`` of the document: how many root runs a batch that has not begun will have."""
        with self._lock:
            self._state["items"] = items
            self._operations.add({"op": "add", "path": "/items", "value": items})
            self._notify(True)

    def give_up(self, error: BaseException) -> None:
        """End all runs that are open, as cancelled with *error*: their work was given up, and nothing more is
        taken of it."""
        with self._lock:
            self._given_up, at = True, time.perf_counter()
            for run, place in reversed(list(self._places.items())):
                run.error = run.error or error
                self._end(run, place, at, "cancelled")
            for number, root in enumerate(self._state["runs"]):
                inside = [(f"/runs/{number}/logs/{escape(key)}", each) for key, each in root["logs"].items()]
                for path, entry in [*inside, (f"/runs/{number}", root)]:
                    if entry["status"] not in OVER:  # an interrupt came while it was being entered here
                        ending = {"end_time": timestamp(at, self._epoch), "status": "cancelled"}
                        entry.update(ending)
                        for key, value in ending.items():
                            self._operations.add({"op": "replace", "path": f"{path}/{key}", "value": value})
            self._notify(True)

    def let_go(self) -> None:
        """Forget how a document that is over came about: readers from now on get it as it is."""
        with self._lock:
            if self.status in OVER and not self._places:
                self._settle()
                self._operations.forget(self._whole())

    def _whole(self) -> dict[str, Any]:
        return {"op": "replace", "path": "", "value": _snapshot(self._state)}

    def note(self, run: Run, name: str, about: Any) -> None:
        """Add an event to a run, which may be over: what was found out about it from outside."""
        with self._lock:
            place = self._places.get(run)
            if place is not None:
                self._custom(place, name, about)
            elif (where := self._ended.get(run.id)) is not None:
                number, key = where
                root, path = self._state["runs"][number], f"/runs/{number}"
                entry = root if key is None else root["logs"][key]
                self._custom(
                    _Place(run, path if key is None else f"{path}/logs/{escape(key)}", entry, number, key),
                    name,
                    about,
                )
            self._notify(True)

    def since(self, number: int) -> dict[str, Any] | None:
        """The frame of all operations after *number*, which is 0 or the end of an earlier frame; None if
        there were none."""
        with self._lock:
            self._settle()
            frame = self._operations.since(number, self._whole)
            return None if frame is None else {**frame, "t": self.now_ms()}

    def take(self) -> dict[str, Any] | None:
        """The frame of all operations since the last call of this; None if there were none."""
        with self._lock:
            frame = self.since(self._taken)
            self._taken = self.seq
            return frame

    def snapshot(self) -> dict[str, Any]:
        """The whole document as it is now. What cannot change any more is shared: do not change it."""
        with self._lock:
            self._settle()
            return {"seq": self.seq, "state": _snapshot(self._state)}

    def read(self, reader: Callable[[dict[str, Any]], Any]) -> Any:
        """Call *reader* with the document itself, not a copy, under the lock; returns what it returns."""
        with self._lock:
            self._settle()
            return reader(self._state)

    def _notify(self, urgent: bool) -> None:
        for on_change in self._listeners:
            on_change(urgent)

    def _start(self, run: Run, at: float) -> None:
        around = None if run.parent is None else self._where(run.parent)
        if not self._places:  # else all go on with the epoch of those that are open: ages are differences
            self._epoch = clock_epoch()
        fields = _fields(run, at, self._epoch)
        if around is None:
            number, key = len(self._state["runs"]), None
            path = f"/runs/{number}"
            fields |= {"item": run.item, "logs": {}}
            self._state["runs"].append(fields)
            self._operations.add({"op": "add", "path": "/runs/-", "value": _fresh(fields)})
            if self._state["status"] == "waiting":
                self.set_status("streaming")
        else:
            (number, parent), name = around, fields["name"]
            key = self._free_keys.setdefault(number, FreeKeys()).take(name)
            path = f"/runs/{number}/logs/{escape(key)}"
            logs = self._state["runs"][number]["logs"]
            fields |= {"parent": parent, "place": len(logs)}
            logs[key] = fields
            self._operations.add({"op": "add", "path": path, "value": _fresh(fields)})
        self._places[run] = _Place(run, path, fields, number, key)

    def _where(self, run: Run) -> tuple[int, str | None] | None:
        """The number of the root run that *run* is in, and its key; also of runs that have ended, as a nested
        run may outlive the one around it."""
        place = self._places.get(run)
        return self._ended.get(run.id) if place is None else (place.number, place.key)

    def _chunk(self, run: Run, place: _Place, chunk: Any, at: float) -> None:
        entry = place.entry
        if place.clock is not None:
            place.clock.chunk(at, chunk)
        if entry["status"] == "waiting" and run.first_chunk is not None:
            self._set(place, "status", "streaming")
            self._set(place, "first_chunk_time", timestamp(at, self._epoch))
        grows = place.output is not None or getattr(type(chunk), "__latest__", False)
        text = None if grows else raw_text(chunk)
        if text:
            self._text(place, text)
        elif text is None and chunk is not None:
            if place.output is None:
                place.output = _begun(entry["streamed_output"], chunk)
            else:
                place.output.add(chunk)
            self._growing[run] = place

    def _text(self, place: _Place, text: str) -> None:
        if place.left_out:
            return
        text, place.half = place.half + text, ""
        if is_high_surrogate(text[-1]):  # its other half may come with the next chunk
            text, place.half = text[:-1], text[-1]
            if not text:
                return
        text = cut(text)
        place.size += len(text)
        if place.size > MAX_STREAMED:
            place.left_out = True
            text = "… (the rest of this stream is left out here)"
        place.entry["streamed_output"].append(text)
        self._operations.append(place.path, f"{place.path}/streamed_output", text)

    def _settle(self) -> None:
        """Bring the outputs that are no texts up to date; they are compared only when somebody reads them.

        Large ones are brought up to date less often, so that this never takes more than a third of the time,
        however often somebody reads. The end of a run brings its output up to date.
        """
        if not self._growing:
            return
        began = time.perf_counter()
        if self._cost_s > LARGE_S and began < self._settled_at + 2 * self._cost_s:
            return
        for place in self._growing.values():
            self._grow(place)
        self._growing.clear()
        self._settled_at = time.perf_counter()
        self._cost_s = self._settled_at - began

    def _grow(self, place: _Place) -> None:
        output, entry = place.output, place.entry
        if output is None:
            return
        streamed = entry["streamed_output"]
        path = f"{place.path}/streamed_output"
        begins = not output.is_shown
        for op in output.changes(f"{path}/0"):
            if begins:
                op = {"op": "replace", "path": path, "value": [op["value"]]}
            self._operations.change(place.path, op)
        streamed[:] = [output.value]

    def _custom(self, place: _Place, name: str, payload: Any) -> None:
        events = place.entry["events"]
        if len(events) >= MAX_EVENTS:
            return
        event = {"name": cut(str(name), 200), "data": data(payload)}
        if len(events) == MAX_EVENTS - 1:
            event = {"name": "…", "data": "later events are left out here"}
        events.append(event)
        self._operations.append(place.path, f"{place.path}/events", event)

    def _end(self, run: Run, place: _Place, at: float, status: Status | None = None) -> None:
        if self._growing.pop(run, None) is not None:
            self._grow(place)
        if place.half:
            place.half, half = "", cut(place.half)
            self._text(place, half)
        del self._places[run]
        self._ended[run.id] = (place.number, place.key)
        if place.entry["input"] is None and run.input is not MISSING:
            self._set(place, "input", data(run.input))
        self._set_output(place, data(run.output))
        if usage := usage_of(run.output):
            self._set(place, "usage", usage)
        if place.clock is not None:
            self._set(place, "call", place.clock.stats(run).as_data())
        if run.error is not None:
            self._set(place, "error", error_data(run.error))
        self._set(place, "end_time", timestamp(at, self._epoch))
        self._set(place, "status", status or run.status)

    def _set_output(self, place: _Place, output: Any) -> None:
        """Where the output has the text that was streamed, ``joined`` of the operation is a JSON Pointer to
        it inside the value, so that the text need not be sent twice. Plain JSON Patch ignores that key."""
        place.entry["final_output"] = output
        op = {"op": "replace", "path": f"{place.path}/final_output", "value": output}
        if place.output is None and place.size > 200 and not place.left_out:
            streamed = "".join(place.entry["streamed_output"])
            if output == streamed:
                op["joined"] = ""
            elif isinstance(output, dict) and output.get("content") == streamed:
                op["joined"] = "/content"
        self._operations.add(op)

    def _set(self, place: _Place, key: str, value: Any) -> None:
        place.entry[key] = value
        self._operations.add({"op": "replace", "path": f"{place.path}/{key}", "value": value})


def outcome(document: Mapping[str, Any], without: Status = "done") -> Status:
    """The status of the whole, from those of the root runs; *without* where none of them is over.

    >>> outcome({"runs": [{"status": "done"}, {"status": "failed"}]}), outcome({"runs": []})
    ('failed', 'done')
    """
    statuses = {run["status"] for run in document["runs"]}
    return next((status for status in OVER if status in statuses), without)


def _fields(run: Run, at: float, epoch: float) -> dict[str, Any]:
    """The fields that a root run and an entry have in common, of a run that starts *at* that time."""
    fields = {
        "id": run.id,
        "name": cut(str(run.name), 200),
        "type": run.type,
        "tags": data(run.tags),
        "metadata": data(run.metadata),
        "status": "waiting",
        "input": data(run.input),
        "start_time": timestamp(at, epoch),
        "first_chunk_time": None,
        "end_time": None,
        "streamed_output": [],
        "final_output": None,
        "error": None,
        "usage": None,
        "events": [],
    }
    if run.type in MODEL_TYPES:
        fields["call"] = None
    return fields


def _fresh(fields: dict[str, Any]) -> dict[str, Any]:
    """A copy with lists of its own: an operation that waits to be read must not grow with the state."""
    own: dict[str, Any] = {**fields, "streamed_output": [], "events": []}
    return {**own, "logs": {}} if "logs" in fields else own


def _begun(streamed: list[Any], chunk: Any) -> GrowingOutput:
    """The output after *chunk*, which is the first that is no text."""
    if not streamed:
        return GrowingOutput(chunk)
    output = GrowingOutput("".join(streamed))
    output.add(chunk)
    return output


def _snapshot(document: dict[str, Any]) -> dict[str, Any]:
    """A copy of what can still change."""
    return {**document, "runs": [_run_snapshot(run) for run in document["runs"]]}


def _run_snapshot(run: dict[str, Any]) -> dict[str, Any]:
    copy = {**run, "streamed_output": _own(run["streamed_output"]), "events": list(run["events"])}
    if "logs" in run:
        copy["logs"] = {key: _run_snapshot(entry) for key, entry in run["logs"].items()}
    return copy


def _own(value: Any) -> Any:
    if type(value) is dict:
        return {key: _own(item) for key, item in value.items()}
    if type(value) is list:
        return list(value) if value and type(value[0]) is str else [_own(item) for item in value]
    return value
