"""Rebuild runs from a log or an event stream: from RunLogPatches, astream_events, a RunState.

A *replay* takes what a source gives, item by item, and reports it as RunEvents to an observer (a LiveState,
say), as if the runs ran here. The source may be this package, the one it is modelled on, or JSON that came
over HTTP.

The public ``logs`` map is flat: where entries do not name their parents, all runs stand below the root.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from ..engine.chunks import MISSING, is_text_empty
from ..engine.runs import Kind, Observer, Run, RunEvent, clock_epoch, clock_reading
from ..patch.application import apply_operation
from ..patch.pointers import unescape
from ..text.excerpts import short_repr
from ..tracing.encode import entries, text_of
from .rebuilt import RebuiltRuns

__all__ = [
    "EventReplay",
    "PatchReplay",
    "Replay",
    "operations_in",
    "replay_for",
    "replay_log",
    "replay_run",
    "replay_state",
]

_MESSAGE = "Message"


class Replay(Protocol):
    """Takes items one by one; ``end`` is called after the last, with the error of the source, if any."""

    def take(self, item: Any) -> None: ...
    def end(self, error: BaseException | None = None) -> None: ...


def replay_for(item: Any, observer: Observer) -> Replay:
    """The replay for a source whose first item is *item*. Raises TypeError for any other item."""
    if isinstance(item, Mapping) and "event" in item:
        return EventReplay(observer)
    if hasattr(item, "ops") or _is_op(item) or (_is_list(item) and all(map(_is_op, item))):
        return PatchReplay(observer)
    raise TypeError(
        "expected RunLogPatches, lists of JSON Patch operations, or events of astream_events, "
        f"got {type(item).__name__}: {short_repr(item, 100)}"
    )


def _is_list(item: Any) -> bool:
    return issubclass(type(item), Sequence) and not issubclass(type(item), str | bytes)


def _is_op(item: Any) -> bool:
    return isinstance(item, Mapping) and "op" in item and "path" in item


def operations_in(item: Any) -> list[Mapping[str, Any]]:
    """The operations of a patch, of a list of operations, or of a list of patches."""
    if _is_op(item):
        return [item]
    if hasattr(item, "ops"):
        return list(item.ops)
    if not _is_list(item):
        raise TypeError(f"expected a RunLogPatch, got {type(item).__name__}: {short_repr(item, 100)}")
    return [op for one in item for op in operations_in(one)]


class _LoggedRuns(RebuiltRuns[str]):
    """Runs as logs and events describe them, at the times of the source's clock."""

    def __init__(self, observers: tuple[Observer, ...], parent: Run | None = None) -> None:
        super().__init__(observers)
        self._parent = parent
        self._shift_s: float | None = None
        self._epoch = clock_epoch()

    def reading(self, iso: Any, otherwise: float) -> float:
        """A timestamp of the source's as a reading of our clock."""
        return _reading(iso, otherwise - (self._shift_s or 0.0), self._epoch) + (self._shift_s or 0.0)

    def align(self, iso: Any, now: float) -> None:
        """Take *iso* as now if it cannot be right: another machine's clock, or a log of an earlier day."""
        if self._shift_s is None:
            read, began = _reading(iso, now, self._epoch), next(iter(self.runs.values())).started or now
            self._shift_s = 0.0 if began - 0.001 <= read <= now + 0.001 else now - read

    def start_from(
        self, key: str, fields: Mapping[str, Any], parent: Run | None, input: Any, at: float
    ) -> Run:
        """Start the run that *fields* describe; without a parent it is the root."""
        run = Run(
            str(fields.get("name", "run")),
            str(fields.get("type", "chain")),
            self.observers,
            parent or self._parent,
            id=str(fields["id"]) if fields.get("id") else None,
            tags=[str(tag) for tag in fields.get("tags") or ()],
            metadata=dict(fields.get("metadata") or {}),
            input=input,
        )
        return self.start(key, run, at)

    def entry(self, key: str, entry: Mapping[str, Any], root: Run | None, now: float | None = None) -> None:
        """Rebuild the run of a log's entry, which may have just begun or be over."""
        now = time.perf_counter() if now is None else now
        at = self.reading(entry.get("start_time"), now)
        parent = self.runs.get(str(entry.get("parent"))) or root
        run = self.start_from(key, entry, parent, entry.get("inputs", entry.get("input", MISSING)), at)
        texts: Iterable[Any] = entry.get("streamed_output_str") or entry.get("streamed_output") or ()
        ended = self.reading(entry.get("end_time"), now) if entry.get("end_time") else None
        for chunk in texts:
            self.chunk(run, chunk, ended or now)
        run.output = _unwrapped(entry.get("final_output"))
        error = entry.get("error")
        if ended is not None:
            self.end(run, run.output, ended, None if error is None else RuntimeError(str(error)))

    def chunk(self, run: Run, chunk: Any, at: float) -> None:
        chunk = _text_or_value(chunk)
        if chunk is not None and not is_text_empty(chunk):
            super().chunk(run, chunk, at)

    def end_all(self, error: BaseException | None) -> None:
        """End what is open. What the source leaves open without an error was stopped."""
        stopped = asyncio.CancelledError("the source ended before this run")
        self.end_open(error or stopped, time.perf_counter())


class PatchReplay:
    """RunLogPatches (also a RunLog that grows), or lists of their operations. The root becomes a run in
    *parent*, if there is one."""

    def __init__(self, *observers: Observer, parent: Run | None = None) -> None:
        self._runs = _LoggedRuns(observers, parent)
        self._root: Run | None = None
        self._ops_of_log = 0
        self._outputs: dict[str, Any] = {}
        self._streams = False
        self._output: list[Mapping[str, Any]] = []
        self._text = ""

    def take(self, item: Any) -> None:
        ops = operations_in(item)
        if hasattr(item, "state"):  # a log has all operations so far
            ops, self._ops_of_log = ops[self._ops_of_log :], len(ops)
        at = time.perf_counter()
        paths = {op["path"] for op in ops}
        for op in ops:
            self._take(op, paths, at)

    def end(self, error: BaseException | None = None) -> None:
        root, runs = self._root, self._runs
        if root is not None:
            root.output = self._final_output()
            if error is None:
                stopped = asyncio.CancelledError("the log ended before this run")
                for run in runs.runs.values():
                    if run is not root:
                        runs.end(run, run.output, time.perf_counter(), stopped)
                last = max(run.ended or 0.0 for run in runs.runs.values())
                runs.end(root, root.output, max(time.perf_counter(), last))
        runs.end_all(error)

    def _take(self, op: Mapping[str, Any], paths: set[str], at: float) -> None:
        path = op["path"]
        if path == "":
            self._start(op["value"], at)
        elif self._root is None:
            raise ValueError(f"expected a log that begins with the root run, got an operation on {path!r}")
        elif path == "/streamed_output/-":
            self._take_chunk(self._root, op["value"], paths, at)
        elif path == "/final_output" or path.startswith("/final_output/"):
            self._take_output(op, at)
        elif path.startswith("/logs/"):
            key, _, field = path.removeprefix("/logs/").partition("/")
            self._take_entry(unescape(key), field, op, paths, at)

    def _start(self, state: Mapping[str, Any], at: float) -> None:
        self._root = self._runs.start_from("", state, None, state.get("input", MISSING), at)
        for chunk in state.get("streamed_output") or ():
            self._runs.chunk(self._root, chunk, at)
        for key, entry in (state.get("logs") or {}).items():
            self._runs.entry(key, entry, self._root)
        self._output = [{"op": "add", "path": "", "value": state.get("final_output")}]

    def _take_chunk(self, root: Run, chunk: Any, paths: set[str], at: float) -> None:
        # A plain dict may be the whole so far or, where it came as JSON, what is new: the output shows which.
        self._streams = type(chunk) is not dict
        if self._streams or not any(path.startswith("/final_output") for path in paths):
            self._runs.chunk(root, chunk, at)

    def _take_output(self, op: Mapping[str, Any], at: float) -> None:
        path = op["path"].removeprefix("/final_output")
        if path == "":
            self._output.clear()
        # The value may be computed when it is read, which is put off to the end.
        self._output = [kept for kept in self._output if kept["path"].removeprefix("/final_output") != path]
        self._output.append(op)
        if self._streams or self._root is None:
            return
        value = _text_or_value(self._final_output())  # a log without the list of chunks
        if isinstance(value, str) and value.startswith(self._text):
            value, self._text = value[len(self._text) :], value
        self._runs.chunk(self._root, value, at)

    def _final_output(self) -> Any:
        output: Any = None
        for op in self._output:
            changed = {**op, "path": op["path"].removeprefix("/final_output")}
            if changed["path"] == "" or output is not None:
                output = apply_operation(output, {**changed, "value": op["value"]})
        return output

    def _take_entry(self, key: str, field: str, op: Mapping[str, Any], paths: set[str], at: float) -> None:
        if field == "":
            self._runs.align(op["value"].get("start_time"), at)
            self._runs.entry(key, op["value"], self._root, now=at)
            return
        run = self._runs.runs.get(key)
        if run is None:  # the source left out where it began
            return
        if field == "streamed_output_str/-":
            self._runs.chunk(run, op["value"], at)
        elif field == "streamed_output/-":
            if f"{op['path'].removesuffix('/-')}_str/-" not in paths:
                self._runs.chunk(run, op["value"], at)
        elif field == "inputs":
            run.input = op["value"]
        elif field == "final_output":
            run.output = _unwrapped(op["value"])
        elif field == "error" and op["value"] is not None:
            run.error = RuntimeError(str(op["value"]))
        elif field == "end_time" and op["value"] is not None:
            self._runs.end(run, run.output, self._runs.reading(op["value"], at), run.error)


class EventReplay:
    """Events of ``astream_events``, both versions. Without parents (v1) all runs stand below the first."""

    def __init__(self, observer: Observer) -> None:
        self._runs = _LoggedRuns((observer,))

    def take(self, item: Any) -> None:
        if not isinstance(item, Mapping) or "event" not in item:
            raise TypeError(
                f"expected an event of astream_events, got {type(item).__name__}: {short_repr(item, 100)}"
            )
        at = time.perf_counter()
        name, id = str(item["event"]), str(item.get("run_id", ""))
        data = item.get("data") or {}
        run = self._runs.runs.get(id)
        if name == "on_custom_event":
            if run is not None:
                self._runs.custom(run, str(item.get("name", "")), data, at)
            return
        kind, _, what = name.removeprefix("on_").rpartition("_")
        if what == "start" or run is None:
            run = self._start(item, id, kind, data, at)
        if what == "stream":
            self._runs.chunk(run, data.get("chunk"), at)
        elif what == "end":
            run.input = data.get("input", run.input)
            self._runs.end(run, _unwrapped(data.get("output")), at)
        elif what == "error":
            error = data.get("error")
            raised = error if isinstance(error, BaseException) else RuntimeError(str(error))
            self._runs.end(run, None, at, raised)

    def end(self, error: BaseException | None = None) -> None:
        self._runs.end_all(error)

    def _start(self, item: Mapping[str, Any], id: str, kind: str, data: Any, at: float) -> Run:
        runs = self._runs.runs
        parents = (runs[one] for one in reversed(item.get("parent_ids") or ()) if one in runs)
        first = next(iter(runs.values()), None)
        parent = next(parents, first if first is not None and first.ended is None else None)
        fields = {**item, "type": kind, "id": id}
        return self._runs.start_from(id, fields, parent, data.get("input", MISSING), at)


def replay_log(ops: Iterable[Mapping[str, Any]], observer: Observer) -> None:
    """Replay the operations of a log that is over, at the times recorded in it."""
    state: Any = None
    for op in ops:
        if state is None and op["path"] != "":
            raise ValueError(
                f"expected a log that begins with the root run, got an operation on {op['path']!r}"
            )
        state = apply_operation(state, {**op, "value": op["value"]} if "value" in op else dict(op))
    if state is not None:
        replay_state(state, observer)


def replay_state(state: Mapping[str, Any], observer: Observer) -> None:
    """Replay the RunState of a run that has ended."""
    logs: dict[str, Any] = state.get("logs") or {}
    now, epoch = time.perf_counter(), clock_epoch()
    starts = [_reading(entry.get("start_time"), now, epoch) for entry in logs.values()]
    ended = [entry["end_time"] for entry in logs.values() if entry.get("end_time")]
    ends = [_reading(iso, now, epoch) for iso in ended]
    begin = _reading(state.get("start_time"), min(starts, default=now), epoch)
    end = _reading(state.get("end_time"), max(ends, default=begin), epoch)
    runs = _LoggedRuns((observer,))
    root = runs.start_from("", state, None, state.get("input", MISSING), begin)
    for key, entry in logs.items():
        runs.entry(key, entry, root, now=begin)
    chunks = [_text_or_value(chunk) for chunk in state.get("streamed_output") or ()]
    output = state.get("final_output")
    for chunk in chunks if all(isinstance(chunk, str) for chunk in chunks) else [output]:
        runs.chunk(root, chunk, end)
    runs.end(root, output, end)
    runs.end_all(None)


def replay_run(run: Run, observer: Observer) -> None:
    """Report the start of a Run and, if it has ended, its end. Nothing is known of the runs inside it."""
    if run.started is None:
        return
    observer(RunEvent("start", run, run.input, run.started))
    if run.ended is not None:
        kind: Kind = "end" if run.error is None else "error"
        observer(RunEvent(kind, run, run.output if run.error is None else run.error, run.ended))


def _reading(iso: Any, otherwise: float, epoch: float) -> float:
    """A timestamp as a reading of our clock; times without a zone are UTC, as the peer's are."""
    if not isinstance(iso, str):
        return otherwise
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return otherwise
    return clock_reading(moment, epoch)


def _text_or_value(chunk: Any) -> Any:
    """A message as its text, also one that came as JSON."""
    message = entries(chunk, "content", "type")
    if "content" in message and type(kind := message.get("type")) is str and _MESSAGE in kind:
        return text_of(_Content(message["content"]))
    return chunk


class _Content:
    def __init__(self, content: Any) -> None:
        self.content = content


def _unwrapped(output: Any) -> Any:
    """What a log's ``final_output`` wraps: a model's message or text, ``{"output": x}``, the documents."""
    if not issubclass(type(output), Mapping):
        return output
    try:
        generations = output.get("generations")
        if _is_list(generations) and generations and _is_list(generations[0]) and generations[0]:
            first = generations[0][0]
            return first.get("message") or first.get("text") if isinstance(first, Mapping) else first
        for key in ("output", "documents"):
            if set(output) == {key}:
                return output[key]
    except Exception:  # a mapping of the user's
        pass
    return output
