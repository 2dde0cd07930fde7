"""Runs that others tell of, told anew as RunEvents: from RunLogPatches, astream_events, a RunState.

A *replay* takes what a source gives, item by item, and reports it to an observer (a LiveState, say), as if
the runs were run here. The source may be this package, the one it is modelled on, or JSON that came over
HTTP.

The public ``logs`` map is flat: where entries do not tell their parents, all runs stand below the root.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from ..engine.chunks import MISSING
from ..engine.runs import Kind, Observer, Run, RunEvent, clock_reading
from ..patch.application import apply_operation
from ..patch.pointers import unescape
from ..tracing.encode import text_of

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
    """Takes items one by one, and at the end, with the error there was, if any."""

    def take(self, item: Any) -> None: ...
    def end(self, error: BaseException | None = None) -> None: ...


def replay_for(item: Any, observer: Observer) -> Replay:
    """The replay for a source whose first item is *item*. Raises TypeError for what is none of them."""
    if isinstance(item, Mapping) and "event" in item:
        return EventReplay(observer)
    if hasattr(item, "ops") or _is_op(item) or (_is_list(item) and all(map(_is_op, item))):
        return PatchReplay(observer)
    raise TypeError(
        "expected RunLogPatches, lists of JSON Patch operations, or events of astream_events, "
        f"got {type(item).__name__}: {item!r:.100}"
    )


def _is_list(item: Any) -> bool:
    return isinstance(item, Sequence) and not isinstance(item, str | bytes)


def _is_op(item: Any) -> bool:
    return isinstance(item, Mapping) and "op" in item and "path" in item


def operations_in(item: Any) -> list[Mapping[str, Any]]:
    """The operations of a patch, of a list of operations, or of a list of patches."""
    if _is_op(item):
        return [item]
    if hasattr(item, "ops"):
        return list(item.ops)
    if not _is_list(item):
        raise TypeError(f"expected a RunLogPatch, got {type(item).__name__}: {item!r:.100}")
    return [op for one in item for op in operations_in(one)]


class _Told:
    """Runs that are told of, by a key of the source's."""

    def __init__(self, observer: Observer) -> None:
        self._observe = observer
        self.runs: dict[str, Run] = {}
        self._shift_s: float | None = None
        self.last_end = 0.0

    def reading(self, iso: Any, otherwise: float) -> float:
        """A timestamp of the source's as a reading of our clock."""
        return _reading(iso, otherwise - (self._shift_s or 0.0)) + (self._shift_s or 0.0)

    def align(self, iso: Any, now: float) -> None:
        """Take *iso* as now if it cannot be right: another machine's clock, or a log of an earlier day."""
        if self._shift_s is None:
            told, began = _reading(iso, now), next(iter(self.runs.values())).started or now
            self._shift_s = 0.0 if began - 0.001 <= told <= now + 0.001 else now - told

    def start(self, key: str, told: Mapping[str, Any], parent: Run | None, input: Any, at: float) -> Run:
        run = Run(
            str(told.get("name", "run")),
            str(told.get("type", "chain")),
            (self._observe,),
            parent,
            id=str(told["id"]) if told.get("id") else None,
            tags=[str(tag) for tag in told.get("tags") or ()],
            metadata=dict(told.get("metadata") or {}),
            input=input,
        )
        run.started = at
        self.runs[key] = run
        self._report("start", run, input, at)
        return run

    def chunk(self, run: Run, chunk: Any, at: float) -> None:
        chunk = _text_or_value(chunk)
        if chunk is None or chunk == "":
            return
        if run.first_chunk is None:
            run.first_chunk = at
        self._report("chunk", run, chunk, at)

    def custom(self, run: Run, name: str, data: Any, at: float) -> None:
        self._report("custom", run, (name, data), at)

    def end(self, run: Run, output: Any, at: float, error: BaseException | None = None) -> None:
        if run.ended is not None:
            return
        run.output, run.error, run.ended = output, error, at
        self.last_end = max(self.last_end, at)
        self._report("end" if error is None else "error", run, output if error is None else error, at)

    def end_all(self, error: BaseException | None) -> None:
        """End what is open, the innermost first. What the source leaves open without an error was stopped."""
        at = time.perf_counter()
        for run in reversed(self.runs.values()):
            self.end(run, run.output, at, error or asyncio.CancelledError("the source ended before this run"))

    def _report(self, kind: Kind, run: Run, value: Any, at: float) -> None:
        self._observe(RunEvent(kind, run, value, at))


class PatchReplay:
    """RunLogPatches (also a RunLog that grows), or lists of their operations."""

    def __init__(self, observer: Observer) -> None:
        self._told = _Told(observer)
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
        root = self._root
        if root is not None:
            root.output = self._final_output()
            if error is None:
                stopped = asyncio.CancelledError("the log ended before this run")
                for run in self._told.runs.values():
                    if run is not root:
                        self._told.end(run, run.output, time.perf_counter(), stopped)
                self._told.end(root, root.output, max(time.perf_counter(), self._told.last_end))
        self._told.end_all(error)

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
        self._root = self._told.start("", state, None, state.get("input", MISSING), at)
        for chunk in state.get("streamed_output") or ():
            self._told.chunk(self._root, chunk, at)
        for key, entry in (state.get("logs") or {}).items():
            _replay_entry(self._told, self._root, key, entry)
        self._output = [{"op": "add", "path": "", "value": state.get("final_output")}]

    def _take_chunk(self, root: Run, chunk: Any, paths: set[str], at: float) -> None:
        # A plain dict may be the whole so far or, where it came as JSON, what is new: the output tells.
        self._streams = type(chunk) is not dict
        if self._streams or not any(path.startswith("/final_output") for path in paths):
            self._told.chunk(root, chunk, at)

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
        self._told.chunk(self._root, value, at)

    def _final_output(self) -> Any:
        output: Any = None
        for op in self._output:
            changed = {**op, "path": op["path"].removeprefix("/final_output")}
            if changed["path"] == "" or output is not None:
                output = apply_operation(output, {**changed, "value": op["value"]})
        return output

    def _take_entry(self, key: str, field: str, op: Mapping[str, Any], paths: set[str], at: float) -> None:
        if field == "":
            self._told.align(op["value"].get("start_time"), at)
            _replay_entry(self._told, self._root, key, op["value"], now=at)
            return
        run = self._told.runs.get(key)
        if run is None:  # the source left out where it began
            return
        if field == "streamed_output_str/-":
            self._told.chunk(run, op["value"], at)
        elif field == "streamed_output/-":
            if f"{op['path'].removesuffix('/-')}_str/-" not in paths:
                self._told.chunk(run, op["value"], at)
        elif field == "inputs":
            run.input = op["value"]
        elif field == "final_output":
            run.output = _unwrapped(op["value"])
        elif field == "end_time" and op["value"] is not None:
            self._told.end(run, run.output, self._told.reading(op["value"], at))


class EventReplay:
    """Events of ``astream_events``, both versions. Without parents (v1) all runs stand below the first."""

    def __init__(self, observer: Observer) -> None:
        self._told = _Told(observer)

    def take(self, item: Any) -> None:
        if not isinstance(item, Mapping) or "event" not in item:
            raise TypeError(f"expected an event of astream_events, got {type(item).__name__}: {item!r:.100}")
        at = time.perf_counter()
        name, id = str(item["event"]), str(item.get("run_id", ""))
        data = item.get("data") or {}
        run = self._told.runs.get(id)
        if name == "on_custom_event":
            if run is not None:
                self._told.custom(run, str(item.get("name", "")), data, at)
            return
        kind, _, what = name.removeprefix("on_").rpartition("_")
        if what == "start" or run is None:
            run = self._start(item, id, kind, data, at)
        if what == "stream":
            self._told.chunk(run, data.get("chunk"), at)
        elif what == "end":
            run.input = data.get("input", run.input)
            self._told.end(run, _unwrapped(data.get("output")), at)
        elif what == "error":
            error = data.get("error")
            told = error if isinstance(error, BaseException) else RuntimeError(str(error))
            self._told.end(run, None, at, told)

    def end(self, error: BaseException | None = None) -> None:
        self._told.end_all(error)

    def _start(self, item: Mapping[str, Any], id: str, kind: str, data: Any, at: float) -> Run:
        runs = self._told.runs
        parents = (runs[one] for one in reversed(item.get("parent_ids") or ()) if one in runs)
        first = next(iter(runs.values()), None)
        parent = next(parents, first if first is not None and first.ended is None else None)
        told = {**item, "type": kind, "id": id}
        return self._told.start(id, told, parent, data.get("input", MISSING), at)


def replay_log(ops: Iterable[Mapping[str, Any]], observer: Observer) -> None:
    """The operations of a log that is over, at the times it tells."""
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
    """A RunState of a run that has ended."""
    entries: dict[str, Any] = state.get("logs") or {}
    now = time.perf_counter()
    starts = [_reading(entry.get("start_time"), now) for entry in entries.values()]
    ends = [_reading(entry.get("end_time"), now) for entry in entries.values() if entry.get("end_time")]
    begin = _reading(state.get("start_time"), min(starts, default=now))
    end = _reading(state.get("end_time"), max(ends, default=begin))
    told = _Told(observer)
    root = told.start("", state, None, state.get("input", MISSING), begin)
    for key, entry in entries.items():
        _replay_entry(told, root, key, entry, now=begin)
    chunks = [_text_or_value(chunk) for chunk in state.get("streamed_output") or ()]
    output = state.get("final_output")
    for chunk in chunks if all(isinstance(chunk, str) for chunk in chunks) else [output]:
        told.chunk(root, chunk, end)
    told.end(root, output, end)
    told.end_all(None)


def replay_run(run: Run, observer: Observer) -> None:
    """What a Run has come to by now. Of the runs in it nothing is known."""
    if run.started is None:
        return
    observer(RunEvent("start", run, run.input, run.started))
    if run.ended is not None:
        kind: Kind = "end" if run.error is None else "error"
        observer(RunEvent(kind, run, run.output if run.error is None else run.error, run.ended))


def _replay_entry(
    told: _Told, root: Run | None, key: str, entry: Mapping[str, Any], now: float | None = None
) -> None:
    now = time.perf_counter() if now is None else now
    at = told.reading(entry.get("start_time"), now)
    parent = told.runs.get(str(entry.get("parent"))) or root
    run = told.start(key, entry, parent, entry.get("inputs", entry.get("input", MISSING)), at)
    texts: Iterable[Any] = entry.get("streamed_output_str") or entry.get("streamed_output") or ()
    ended = told.reading(entry.get("end_time"), now) if entry.get("end_time") else None
    for chunk in texts:
        told.chunk(run, chunk, ended or now)
    run.output = _unwrapped(entry.get("final_output"))
    if ended is not None:
        told.end(run, run.output, ended)


def _reading(iso: Any, otherwise: float) -> float:
    """A timestamp as a reading of our clock; times without a zone are UTC, as the peer's are."""
    if not isinstance(iso, str):
        return otherwise
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return otherwise
    return clock_reading(moment)


def _text_or_value(chunk: Any) -> Any:
    """A message as its text, also one that came as JSON."""
    if isinstance(chunk, Mapping) and "content" in chunk and _MESSAGE in str(chunk.get("type", "")):
        return text_of(_Content(chunk["content"]))
    return chunk


class _Content:
    def __init__(self, content: Any) -> None:
        self.content = content


def _unwrapped(output: Any) -> Any:
    """What a log's ``final_output`` wraps: a model's message or text, ``{"output": x}``, the documents."""
    if not isinstance(output, Mapping):
        return output
    generations = output.get("generations")
    if isinstance(generations, Sequence) and generations and _is_list(generations[0]) and generations[0]:
        first = generations[0][0]
        return first.get("message") or first.get("text") if isinstance(first, Mapping) else first
    for key in ("output", "documents"):
        if set(output) == {key}:
            return output[key]
    return output
