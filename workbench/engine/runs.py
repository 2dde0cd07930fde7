"""Runs and the one stream of events they report.

A *run* is one call of one step. It reports ``start``, any number of ``chunk``, then ``end`` or ``error``
(and ``custom`` events of user code in between) to its *observers*: plain callables that take a
``RunEvent``. The logs, the event streams, timing, the live views and the exporters are all built on this
stream; nothing else traces. A run is created only when somebody observes.

An observer may have attributes:

- ``wants_tokens``: true makes chat models stream even when they are invoked.
- ``gate``: a ``limits.Gate`` that makes producers wait while the reader is behind.
- ``chunks_of(run)`` returns a function that is called with each chunk of the run and its time, in place of an
  event for each, as tokens come by the thousand; None if the observer does not want them. Where runs are
  replayed, chunks may still come as events.

An observer that has to await something about an event adds itself to the run's ``pending``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Literal, NamedTuple, Protocol
from uuid import UUID

from .chunks import is_text_empty

__all__ = [
    "MODEL_TYPES",
    "Kind",
    "Observer",
    "OnChunk",
    "Pending",
    "Run",
    "RunEvent",
    "Status",
    "clock_epoch",
    "clock_reading",
    "is_empty",
    "new_id",
    "now_ms",
    "timestamp",
]

Kind = Literal["start", "chunk", "end", "error", "custom"]
Status = Literal["waiting", "streaming", "done", "failed", "cancelled"]

MODEL_TYPES = frozenset({"chat_model", "llm"})
"""The types of runs that are calls of a model."""

LEVELS = 8
"""How many levels of dicts in a chunk are searched for text."""


APART_S = 1.0
"""How far the monotonic clock and the time of day come apart before that is noticed."""


class _Clock:
    """``epoch``: the time of day at which the monotonic clock was zero, as far as is known.

    Durations between readings of the monotonic clock are right even when the machine's clock is set. But it
    may stand still while the machine sleeps, so a root run that starts looks whether the two have come apart.
    """

    __slots__ = ("epoch",)

    def __init__(self) -> None:
        self.epoch = time.time() - perf_counter()


_clock = _Clock()


def clock_epoch() -> float:
    """What turns readings of the clock into times of day, now. After a sleep of the machine it is another:
    who writes times that are compared with each other, as those of one run, keeps one for all of them."""
    return _clock.epoch


def timestamp(at: float, epoch: float) -> str:
    """An event's clock reading as ISO-8601 UTC with milliseconds."""
    return datetime.fromtimestamp(epoch + at, UTC).isoformat(timespec="milliseconds")


def now_ms(epoch: float) -> int:
    """Now, in milliseconds since 1970, on the clock of ``timestamp``."""
    return int((epoch + perf_counter()) * 1000)


def clock_reading(moment: datetime, epoch: float) -> float:
    """The reading that ``timestamp`` shows as *moment*; without a zone it is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp() - epoch


class RunEvent(NamedTuple):
    """Something a run reports. ``value``: the input at ``start`` (or MISSING while it still streams in),
    the chunk, the output, the exception, or ``(name, data)`` of a custom event. ``at``: seconds on the
    clock of ``time.perf_counter``.

    >>> from workbench import RunnableLambda
    >>> def show(event):
    ...     print(event.kind, event.run.name, event.value)
    >>> RunnableLambda(str.upper, name="shout").invoke("hey", {"callbacks": [show]})
    start shout hey
    end shout HEY
    'HEY'
    """

    kind: Kind
    run: Run
    value: Any
    at: float


_new = tuple.__new__
Observer = Callable[[RunEvent], None]
OnChunk = Callable[[Any, float], None]
"""Called with each chunk of one run and the time it came."""


class Pending(Protocol):
    """Work that an observer has scheduled on the event loop."""

    async def settled(self) -> None:
        """Wait until it is done; raises what should fail the run."""


class Run:
    """One call of one step, and what is known of it so far.

    ``type`` is one of chain, chat_model, llm, prompt, parser, retriever, tool. ``started``,
    ``first_chunk`` (the first that is not empty) and ``ended`` are seconds on the clock of
    ``time.perf_counter``, None until they are known. ``input`` is MISSING while it still streams in;
    ``output`` is what came out, also if only part. ``waited_s``: seconds its calls waited for a place under
    ``max_concurrency`` or for a worker thread, after its start; ``got_place`` and ``left_place``: when the
    last of them got its place and gave it back, None without a limit. ``idle_s``: seconds its stream stood
    still while the reader of its chunks worked, known when it is over; ``last_chunk``: when it gave the last
    one, 0.0 before the first. ``on_chunk``: whom to tell of a chunk, None until the first came.
    ``step`` is what runs; ``inherited`` says how many of the tags, from the first, its nested runs get too;
    ``item`` is the index of the input of the batch that called it.
    ``streams`` is true for a step that was given a stream. ``pending``: what observers have scheduled and its
    driver awaits, None where the driver cannot await.

    >>> from workbench import RunnableLambda
    >>> runs = []
    >>> def keep(event):
    ...     if event.kind == "end":
    ...         runs.append(event.run)
    >>> RunnableLambda(str.upper, name="shout").invoke("hey", {"callbacks": [keep]})
    'HEY'
    >>> [(run.name, run.type, run.status, run.output, run.ended > run.started) for run in runs]
    [('shout', 'chain', 'done', 'HEY', True)]
    """

    __slots__ = (
        "_id",
        "ended",
        "error",
        "first_chunk",
        "got_place",
        "idle_s",
        "inherited",
        "input",
        "item",
        "last_chunk",
        "left_place",
        "metadata",
        "name",
        "observers",
        "on_chunk",
        "output",
        "parent",
        "pending",
        "started",
        "step",
        "streams",
        "tags",
        "type",
        "waited_s",
    )

    def __init__(
        self,
        name: str,
        type: str,
        observers: tuple[Observer, ...],
        parent: Run | None = None,
        id: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        input: Any = None,
        step: Any = None,
        inherited: int = 0,
        pending: tuple[Pending, ...] | None = None,
    ) -> None:
        self.name = name
        self.type = type
        self.observers = observers
        self.parent = parent
        self.tags = tags if tags is not None else []
        self.metadata = metadata if metadata is not None else {}
        self.input = input
        self.output: Any = None
        self.error: BaseException | None = None
        self.started = self.first_chunk = self.ended = None
        self._id = id
        self.on_chunk: OnChunk | None = None
        self.step = step
        self.inherited = inherited
        self.pending = pending
        self.streams = False
        self.waited_s = self.idle_s = self.last_chunk = 0.0
        self.got_place: float | None = None
        self.left_place: float | None = None
        self.item: int | None = None

    started: float | None
    first_chunk: float | None
    ended: float | None

    @property
    def id(self) -> str:
        """A UUID, as text."""
        if self._id is None:
            self._id = new_id()
        return self._id

    @property
    def parent_ids(self) -> list[str]:
        """Ids of the runs around this one, root first."""
        ids: list[str] = []
        run = self.parent
        while run is not None:
            ids.append(run.id)
            run = run.parent
        return ids[::-1]

    @property
    def path(self) -> str:
        """Names from the root to this run: ``RunnableSequence > my_llm``."""
        return self.name if self.parent is None else f"{self.parent.path} > {self.name}"

    @property
    def status(self) -> Status:
        if self.ended is None:
            return "waiting" if self.first_chunk is None else "streaming"
        if self.error is None:
            return "done"
        return "failed" if isinstance(self.error, Exception) else "cancelled"

    def start(self) -> None:
        self.started = at = perf_counter()
        if self.parent is None and abs(time.time() - at - _clock.epoch) > APART_S:
            _clock.epoch = time.time() - at
        self._report("start", self.input, at)

    def chunk(self, chunk: Any) -> None:
        self.last_chunk = at = perf_counter()
        if self.first_chunk is None and not is_empty(chunk):
            self.first_chunk = at
        if (on_chunk := self.on_chunk) is None:
            on_chunk = self.on_chunk = _on_chunk_of(self)
        on_chunk(chunk, at)

    def finish(self, output: Any) -> None:
        self.output = output
        self.on_chunk = _ignore  # nothing comes after the end
        self.ended = at = perf_counter()
        self._report("end", output, at)

    def fail(self, error: BaseException) -> None:
        """Report the error; an observer that fails here must not hide it, so its own goes into a note."""
        if self.ended is not None:
            return
        self.error = error
        self.on_chunk = _ignore
        self.ended = at = perf_counter()
        event = RunEvent("error", self, error, at)
        for observe in self.observers:
            try:
                observe(event)
            except Exception as second:
                error.add_note(f"while reporting this, {observe!r} raised {_shown(second)}")

    def custom(self, name: str, data: Any) -> None:
        self._report("custom", (name, data), perf_counter())

    async def settle(self) -> None:
        """Wait for what observers have scheduled; what that raises must not hide an error of the run."""
        for work in self.pending or ():
            try:
                await work.settled()
            except Exception as second:
                if self.error is None:
                    raise
                self.error.add_note(f"while reporting this, {work!r} raised {_shown(second)}")

    def _report(self, kind: Kind, value: Any, at: float) -> None:
        """Call every observer, whatever others raise; the first error is raised afterwards."""
        event = RunEvent(kind, self, value, at)
        failure: Exception | None = None
        for observe in self.observers:
            try:
                observe(event)
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def __repr__(self) -> str:
        return f"<Run {self.path!r} {self.status}>"


def is_empty(chunk: Any, levels: int = LEVELS) -> bool:
    """Whether a chunk has no content yet, as the first of many providers' streams, which only has a role.

    Branches in branches are looked into *levels* deep: every run around them asks again, and what is
    looked into without end would make a chunk dearer the deeper its chain.
    """
    kind = type(chunk)
    if issubclass(kind, str):
        return str.__len__(chunk) == 0
    if issubclass(kind, dict):
        return levels > 0 and all(is_empty(value, levels - 1) for value in dict.values(chunk))
    try:
        return is_text_empty(chunk.content) and not list.__len__(getattr(chunk, "tool_call_chunks", []))
    except Exception:  # it has no content, or not as messages have it
        return False


def _on_chunk_of(run: Run) -> OnChunk:
    """What is called with each chunk of a run: an observer's own, or what makes an event of it."""
    callbacks: list[OnChunk] = []
    for observe in run.observers:
        chunks_of = getattr(observe, "chunks_of", None)
        if (on_chunk := _as_event(observe, run) if chunks_of is None else chunks_of(run)) is not None:
            callbacks.append(on_chunk)
    if len(callbacks) == 1:
        return callbacks[0]

    def call_all(chunk: Any, at: float) -> None:
        failure: Exception | None = None
        for on_chunk in callbacks:
            try:
                on_chunk(chunk, at)
            except Exception as error:
                failure = failure or error
        if failure is not None:
            raise failure

    return call_all if callbacks else _ignore


def _ignore(chunk: Any, at: float) -> None:
    """Nobody wants the chunks."""


def _as_event(observe: Observer, run: Run) -> OnChunk:
    def report(chunk: Any, at: float) -> None:
        observe(_new(RunEvent, ("chunk", run, chunk, at)))  # what RunEvent(...) does, in half the time

    return report


def _shown(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # a user's __str__
        return type(error).__name__


def new_id() -> str:
    """A random UUID (version 4 of RFC 9562) as text, in less time than the ``uuid`` module takes."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def run_id(value: object) -> str | None:
    """A run id as given in a config: None, a UUID, or its text. Raises ValueError for anything else."""
    if value is None:
        return None
    try:
        return str(value if isinstance(value, UUID) else UUID(str(value)))
    except ValueError:
        raise ValueError(f"run_id: expected a UUID or its text, got {value!r}") from None
