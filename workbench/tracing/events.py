"""The event stream: a run as flat events (``on_chain_start``, ``on_chat_model_stream``, ...), while it runs.

``EventWriter`` turns each RunEvent into a ``StreamEvent``, in one of two versions. In both, a run is
announced by a start and what it puts out follows as stream events; the input of a chain that is streamed is
known at its end only. They differ in this:

- ``v2``: ends carry the output itself; tools and retrievers do not stream; ``parent_ids`` name the runs
  around one; there are custom events and ``on_tool_error``; a chain that fails has no event, the error is
  raised.
- ``v1``: nested models end with all their generations and retrievers with ``{"documents": ...}``; the root
  streams whatever it is; a nested run that fails ends with the output None; ``parent_ids`` is empty.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any, Literal, TypedDict

from ..engine.chunks import MISSING
from ..engine.limits import Gate
from ..engine.runs import MODEL_TYPES, OnChunk, Run, RunEvent
from .encode import entries, result, text_of
from .filters import EventFilter
from .mailboxes import Mailbox, ThreadMailbox

__all__ = ["EventWriter", "StreamEvent", "Version", "astream_events", "check_version", "stream_events"]

Version = Literal["v1", "v2"]
VERSIONS: tuple[Version, ...] = ("v1", "v2")

AHEAD = 128
"""Events that a run may report before their reader takes them; a token is one of every step it passes."""

_EVERY_RUN = EventFilter()
_SILENT = ("tool", "retriever")
"""Run types whose chunks are no events."""
_REQUESTED = ("chat_model", "llm", "tool", "retriever", "prompt")
"""Run types whose start always has the input."""


class StreamEvent(TypedDict):
    """Something that happened in a run. ``event`` is ``on_<type>_<start, stream, end>``, ``on_tool_error`` or
    ``on_custom_event``; ``data`` has ``input``, ``chunk``, ``output`` or ``error``, or what a custom event
    was given. ``parent_ids``: root first, the immediate parent last.

    >>> from workbench import RunnableLambda
    >>> for event in RunnableLambda(str.upper, name="shout").stream_events("hey"):
    ...     print(event["event"], event["name"], event["data"])
    on_chain_start shout {'input': 'hey'}
    on_chain_stream shout {'chunk': 'HEY'}
    on_chain_end shout {'output': 'HEY'}
    """

    event: str
    name: str
    run_id: str
    tags: list[str]
    metadata: dict[str, Any]
    data: Any
    parent_ids: list[str]


class EventWriter:
    """An observer that hands each event to *on_event*, from whatever thread it happens in."""

    wants_tokens = True

    def __init__(
        self,
        on_event: Callable[[StreamEvent], None],
        *,
        keep: EventFilter = _EVERY_RUN,
        version: Version = "v2",
        gate: Gate | None = None,
    ) -> None:
        self._on_event = on_event
        self._keep = keep
        self._v1 = version == "v1"
        self._outer: Run | None = None
        self._started = False
        self._seen: dict[Run, _Seen] = {}
        self.gate = gate

    def chunks_of(self, run: Run) -> OnChunk | None:
        """What is called with each chunk of a run; None where they are no events."""
        seen = self._seen.get(run)
        if seen is None or not seen.streams:
            return None
        copy, on_event = seen.stream.copy, self._on_event

        def report(chunk: Any, at: float) -> None:
            event = copy()
            event["data"] = {"chunk": chunk}
            on_event(event)

        return report

    def __call__(self, event: RunEvent) -> None:
        kind, run, value, at = event
        seen = self._seen.get(run)
        if kind == "chunk":
            if (on_chunk := self.chunks_of(run)) is not None:
                on_chunk(value, at)
        elif kind == "start":
            self._start(run)
        elif kind == "custom":
            self._custom(run, *value)
        elif seen is not None:
            del self._seen[run]
            if kind == "end":
                self._end(run, seen)
            else:
                self._error(run, seen, value)

    def _start(self, run: Run) -> None:
        if not self._started:
            self._started = True
            self._outer = run.parent
        if not self._keep(run):
            return
        # What runs beside the first run, as the attempts of a retry may, is a root like it.
        seen = self._seen[run] = _Seen(run, run.parent is self._outer, self._v1)
        data: dict[str, Any] = {}
        if run.input is not MISSING:
            if seen.root:
                data["input"] = run.input
            elif not run.streams or run.type in _REQUESTED:
                data["input"] = shown_input(run)
        self._on_event(seen.event(f"on_{run.type}_start", data))

    def _end(self, run: Run, seen: _Seen) -> None:
        if self._v1 and seen.root and not run.streams:
            # A root that does not stream gives its output as the one chunk.
            self._on_event({**seen.stream, "data": {"chunk": run.output}})
        output = _v1_output(run, seen.root) if self._v1 else _v2_output(run)
        self._on_event(seen.event(f"on_{run.type}_end", {"output": output, **_input_at_end(run, seen)}))

    def _error(self, run: Run, seen: _Seen, error: BaseException) -> None:
        if self._v1 and not seen.root:
            is_model = run.type in MODEL_TYPES
            output = result(run.type, run.output) if is_model else None
            self._on_event(seen.event(f"on_{run.type}_end", {"output": output, **_input_at_end(run, seen)}))
        elif not self._v1 and run.type == "tool":
            data = {"error": error, "input": shown_input(run), "tool_call_id": tool_call_id(run.input)}
            self._on_event(seen.event("on_tool_error", data))

    def _custom(self, run: Run, name: str, data: Any) -> None:
        tags = run.tags[: run.inherited]
        if self._v1 or not self._keep.wants(name, (name,), tags):
            return
        self._on_event(
            {
                "event": "on_custom_event",
                "name": name,
                "run_id": run.id,
                "tags": tags,
                "metadata": run.metadata,
                "data": data,
                "parent_ids": run.parent_ids,
            }
        )


class _Seen:
    """What all events of one run share: ``stream`` is that of its chunks without the data."""

    __slots__ = ("root", "stream", "streams")

    def __init__(self, run: Run, root: bool, v1: bool) -> None:
        self.root = root
        self.streams = run.type not in _SILENT or (v1 and root)
        self.stream: StreamEvent = {
            "event": f"on_{run.type}_stream",
            "name": run.name,
            "run_id": run.id,
            "tags": list(run.tags),
            "metadata": dict(run.metadata),
            "data": {},
            "parent_ids": [] if v1 else run.parent_ids,
        }

    def event(self, event: str, data: dict[str, Any]) -> StreamEvent:
        return {**self.stream, "event": event, "data": data}


def _input_at_end(run: Run, seen: _Seen) -> dict[str, Any]:
    return {} if seen.root or run.input is MISSING else {"input": shown_input(run)}


def shown_input(run: Run) -> Any:
    """A nested run's input: models' as messages or prompts, retrievers' as query, tools' as the arguments
    that a model gives."""
    input = run.input
    if run.type == "retriever":
        return {"query": input}
    if run.type == "tool":
        return _shown_by_step(run, entries(input, "args")["args"] if _is_tool_call(input) else input)
    if run.type in MODEL_TYPES:
        return model_input(run)
    return input


def model_input(run: Run) -> Any:
    """A model's input as it shows it."""
    return _shown_by_step(run, run.input)


def _shown_by_step(run: Run, input: Any) -> Any:
    """As its step shows it; as it came where the step cannot take it and will say so."""
    try:
        return run.step._shown_input(input)
    except Exception:
        return input


def _is_tool_call(input: Any) -> bool:
    kind = entries(input, "type").get("type") if entries(input, "args") else None
    return type(kind) is str and kind == "tool_call"


def tool_call_id(input: Any) -> str | None:
    return entries(input, "id").get("id") if _is_tool_call(input) else None


def _v1_output(run: Run, root: bool) -> Any:
    if not root and run.type in ("chat_model", "llm", "retriever"):
        return result(run.type, run.output)
    return run.output


def _v2_output(run: Run) -> Any:
    if run.type != "llm":
        return run.output
    generation = {"text": text_of(run.output), "generation_info": None, "type": "Generation"}
    return {"generations": [[generation]], "llm_output": None}


def check_version(version: str) -> Version:
    """Raises ValueError for anything but v1 and v2."""
    for known in VERSIONS:
        if version == known:
            return known
    raise ValueError(f"version: expected 'v1' or 'v2', got {version!r}")


def astream_events(
    open_stream: Callable[[EventWriter], AsyncIterator[Any]], keep: EventFilter, version: Version
) -> AsyncGenerator[StreamEvent, None]:
    """Run the stream that *open_stream* opens under a given observer, and yield its events. Stops the run
    when closed; a reader that stalls stalls the run; what the run raises is raised after its events."""
    mailbox = Mailbox(AHEAD)
    writer = EventWriter(mailbox.put, keep=keep, version=version, gate=mailbox.gate)
    return mailbox.while_running(lambda: open_stream(writer))


def stream_events(
    open_stream: Callable[[EventWriter], Iterator[Any]], keep: EventFilter, version: Version
) -> Iterator[StreamEvent]:
    """``astream_events`` without an event loop: the run is in a worker thread."""
    mailbox = ThreadMailbox(AHEAD)
    writer = EventWriter(mailbox.put, keep=keep, version=version, gate=mailbox.gate)
    return mailbox.while_running(lambda: open_stream(writer))
