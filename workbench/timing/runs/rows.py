"""Where the time of a run went: one row a run, projected from RunEvents.

``Timings`` is an observer::

    timings = Timings()
    chain.invoke(question, {"callbacks": [timings]})
    for row in timings.rows: print(row.path, row.wall_s, row.own_s)

*Wall time* is from a run's start to its end. *Own time* is the part of it in which none of its direct
children was open; in a stream, steps are open side by side, so their wall times overlap. *Time to first
token* is from the start to the first chunk. A run's wall time includes waiting for a place under
``max_concurrency``, since a run starts before it gets one.

The cost is constant per event. Nothing of a run's input or output is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from ...engine.runs import MODEL_TYPES, Run, RunEvent, Status
from ...tracing.calls import CallClock, CallStats
from ...tracing.encode import entries, short_error, usage_of
from ...tracing.tags import PLACES

__all__ = ["TimingRow", "Timings"]

PLUMBING = frozenset({"prompt", "parser"})
"""The types of runs that take no time worth drawing or counting."""
RATE_LIMITED = "rate_limited"
"""The custom event of a model that had to wait for its rate limiter; its data has ``waited_s``."""


@dataclass(frozen=True, slots=True)
class TimingRow:
    """The times of one run, in seconds; None for what is not known, or not yet.

    ``parent`` is the index of the row of the run around it. ``start_s`` counts from the first start that
    was observed. ``call`` is what is known of a model's call; of it, ``tokens`` are those the model wrote
    and ``tokens_per_s`` is their speed after the first one. ``waited_s``: of the wall time, what calls
    waited for a place under ``max_concurrency`` or for a thread; ``limited_s``: for a rate limiter.
    ``place``: where it stands in the run around it, ``seq:step:2`` or ``map:key:joke``. ``item``: the index
    of its input in a batch. ``at_work_s``: from when to when it had its place. ``idle_s``: of the wall
    time, what its stream stood still while the reader of its chunks worked.
    """

    name: str
    path: str
    type: str
    parent: int | None
    status: Status
    start_s: float
    wall_s: float | None
    own_s: float | None
    first_token_s: float | None
    chunks: int
    tokens: int | None
    tokens_per_s: float | None
    usage: Mapping[str, Any] | None
    error: str | None
    waited_s: float = 0.0
    place: str | None = None
    item: int | None = None
    limited_s: float = 0.0
    at_work_s: tuple[float, float] = (0.0, 0.0)
    idle_s: float = 0.0
    call: CallStats | None = None


class _Entry:
    """What is known of a run so far. Children are counted, not kept: of the time they cover, only whether
    any is open matters."""

    __slots__ = (
        "call",
        "chunks",
        "clock",
        "covered_s",
        "covered_since",
        "ended",
        "error",
        "first",
        "has_children",
        "idle_s",
        "inside",
        "item",
        "left_place",
        "limited_s",
        "name",
        "open_children",
        "parent",
        "path",
        "place",
        "placed",
        "root",
        "start",
        "status",
        "type",
        "usage",
        "waited_s",
    )

    def __init__(self, run: Run, parent: int | None, at: float, around: _Entry | None) -> None:
        self.name = run.name
        self.path = run.path
        self.type = run.type
        self.parent = parent
        self.start = at
        self.first: float | None = None
        self.ended: float | None = None
        self.status: Status = "waiting"
        self.error: str | None = None
        self.usage: Mapping[str, Any] | None = None
        self.chunks = 0
        self.clock = CallClock(run) if run.type in MODEL_TYPES else None
        self.call: CallStats | None = None
        self.open_children = 0
        self.covered_since = self.covered_s = 0.0
        self.has_children = False
        self.root: _Entry = self if around is None else around.root
        self.inside: list[Run] = []
        self.waited_s = 0.0
        self.placed = at
        self.left_place: float | None = None
        self.limited_s = self.idle_s = 0.0
        self.item: int | None = getattr(run, "item", None)
        tag = run.tags[run.inherited] if run.inherited < len(run.tags) else ""
        self.place = tag if tag.startswith(PLACES) else None


class Timings:
    """See the module. Safe to observe from any thread.

    With *wants_tokens* (the default) chat models stream even when they are invoked, so that there is a
    time to the first token.
    """

    def __init__(self, *, wants_tokens: bool = True) -> None:
        self.wants_tokens = wants_tokens
        self._entries: list[_Entry] = []
        self._places: dict[Run, int] = {}
        self._lock = threading.Lock()

    def __call__(self, event: RunEvent) -> None:
        kind, run, value, at = event
        with self._lock:
            if kind == "start":
                self._start(run, at)
                return
            place = self._places.get(run)
            if place is None:
                return
            entry = self._entries[place]
            if kind == "chunk":
                entry.chunks += 1
                if entry.clock is not None:
                    entry.clock.chunk(at, value)
                if entry.first is None and run.first_chunk is not None:
                    entry.first, entry.status = at, "streaming"
            elif kind == "custom":
                name, about = value
                waited_s: Any = entries(about, "waited_s").get("waited_s") if name == RATE_LIMITED else None
                if type(waited_s) is float and isfinite(waited_s):
                    entry.limited_s += waited_s
            else:
                self._end(run, entry, at)

    @property
    def rows(self) -> list[TimingRow]:
        """One row a run, in the order in which they started."""
        with self._lock:
            zero = self._entries[0].start if self._entries else 0.0
            return [_row(entry, zero) for entry in self._entries]

    @property
    def peak_in_flight(self) -> int:
        """The most leaf runs that were at work at one moment: runs without children, other than prompts and
        parsers, from when they had their place under a limit."""
        with self._lock:
            leaves = [
                entry for entry in self._entries if not entry.has_children and entry.type not in PLUMBING
            ]
        return most_at_once((entry.placed, entry.left_place or entry.ended) for entry in leaves)

    def _start(self, run: Run, at: float) -> None:
        parent = self._places.get(run.parent) if run.parent is not None else None
        around = None if parent is None else self._entries[parent]
        entry = _Entry(run, parent, at, around)
        self._places[run] = len(self._entries)
        self._entries.append(entry)
        entry.root.inside.append(run)
        if around is not None:
            around.has_children = True
            if around.open_children == 0:
                around.covered_since = at
            around.open_children += 1

    def _end(self, run: Run, entry: _Entry, at: float) -> None:
        entry.ended, entry.status, entry.usage = at, run.status, _usage(run)
        entry.waited_s, entry.left_place, entry.idle_s = run.waited_s, run.left_place, run.idle_s
        entry.placed = run.got_place or entry.start + run.waited_s
        if entry.clock is not None:
            entry.call, entry.clock = entry.clock.stats(run), None  # so that the run is not kept
        if run.error is not None:
            entry.error = short_error(run.error)[:500]
        if entry.open_children:  # children that go on after their parent count up to its end
            entry.covered_s += max(0.0, at - entry.covered_since)
        if entry.parent is not None:
            around = self._entries[entry.parent]
            around.open_children -= 1
            if around.open_children == 0 and around.ended is None:
                around.covered_s += max(0.0, at - around.covered_since)
        self._let_go(run, entry)

    def _let_go(self, run: Run, entry: _Entry) -> None:
        """Drop the runs of a finished root, and with them their inputs and outputs. Until then a run is
        needed to find the row of its children's parent."""
        root = entry.root
        if root is entry:
            over = [inner for inner in root.inside if self._entries[self._places[inner]].ended is not None]
            root.inside.clear()
        else:
            over = [run] if root.ended is not None else []
        for inner in over:
            del self._places[inner]


def most_at_once(spans: Iterable[tuple[float, float | None]]) -> int:
    """The most spans, (start, end) in seconds, that are open at one moment; None: still open.

    >>> most_at_once([(0.0, 1.0), (0.5, 2.0), (1.9, None)]), most_at_once([(0.0, 1.0), (1.0, 2.0)])
    (2, 1)
    """
    changes: list[tuple[float, int]] = []
    for start, end in spans:
        changes.append((start, 1))
        if end is not None:
            changes.append((end, -1))
    changes.sort()  # nearly in order already, which is what this sort is linear for
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def _row(entry: _Entry, zero: float) -> TimingRow:
    wall = None if entry.ended is None else entry.ended - entry.start
    call = entry.call if entry.clock is None else entry.clock.stats()
    return TimingRow(
        name=entry.name,
        path=entry.path,
        type=entry.type,
        parent=entry.parent,
        status=entry.status,
        start_s=entry.start - zero,
        wall_s=wall,
        own_s=None if wall is None else max(0.0, wall - entry.covered_s),
        first_token_s=None if entry.first is None else entry.first - entry.start,
        chunks=entry.chunks,
        tokens=None if call is None else call.output_tokens,
        tokens_per_s=None if call is None else call.tokens_per_s,
        usage=entry.usage,
        error=entry.error,
        call=call,
        waited_s=entry.waited_s,
        place=entry.place,
        item=entry.item,
        limited_s=entry.limited_s,
        idle_s=entry.idle_s,
        at_work_s=(
            entry.placed - zero,
            (entry.left_place or entry.ended or entry.start) - zero,
        ),
    )


def _usage(run: Run) -> Mapping[str, Any] | None:
    return usage_of(run.output) or None
