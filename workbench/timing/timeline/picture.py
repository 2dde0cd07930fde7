"""The bars of one case as it runs: which call had which lane, and from when to when.

While calls run, the observer does no more than note events; ``update`` works out the rest, for a view that
wants to draw. A *lane* is a place under the limit: at most that many calls are at work at a time, so that
lanes show at a glance how full the places were. A *bar* is one call: of a model, a retriever, a function;
prompts and parsers take no time, and sequences and parallels are only what is in them.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from ...engine.runs import MODEL_TYPES, Observer, Run, RunEvent
from ...tracing.tags import branches_in
from ..measuring.strategies import INPUT_BRANCH, Case
from ..runs.rows import PLUMBING

__all__ = ["MOST_BARS", "Picture", "StepNames"]

MOST_BARS = 20_000
"""Of one case; further calls are counted and not drawn."""
LOOKED_AT = 64
"""How many waiting calls to look at: places are given in turn, so if these wait, the rest wait too."""
_ENDED, _GAVE_WAY, _PLACED = range(3)  # at one moment in this order
SHORT_MS = 1.0
"""The work of a function before it calls a chain is not drawn if it is shorter than this."""


class _Noted(NamedTuple):
    kind: str
    run: Run
    at: float


class StepNames:
    """Numbers for steps, the same in all pictures of a comparison, and so their colours."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}

    @property
    def listed(self) -> list[list[str]]:
        """Name and type of each step, in the order of their numbers."""
        return [list(key) for key in self._numbers]

    def number(self, name: str, type: str) -> int:
        return self._numbers.setdefault((name, type), len(self._numbers))


class Picture:
    """The bars of one case as it runs. The events are noted by its ``observer``, from any thread; all else
    is for one thread at a time."""

    def __init__(self, case: Case, round: int | None = None, steps: StepNames | None = None) -> None:
        self.case = case
        self.round = round
        self.steps = steps if steps is not None else StepNames()
        self.bars: list[list[Any]] = []
        self.left_out = 0
        self.ideal_s: float | None = None
        self.is_open = True
        self.lanes = 0
        self._began = time.perf_counter()
        self._ended: float | None = None
        self._noted: deque[_Noted] = deque()
        self._note = self._noted.append
        self._waiting: dict[Run, None] = {}
        self._at_work: dict[Run, int] = {}
        self._free: list[int] = []
        self._items: dict[Run, int] = {}
        self._changed: dict[int, None] = {}

    @property
    def _is_limited(self) -> bool:
        return self.case.max_concurrency is not None

    @property
    def at_ms(self) -> float:
        """Since it began; up to its end."""
        return ((self._ended or time.perf_counter()) - self._began) * 1000

    def observer(self, woken: Callable[[], None]) -> Observer:
        """An observer for the runs of the case. *woken* is called when there is something to draw."""
        note = self._note

        def observe(event: RunEvent) -> None:
            kind, run, _, at = event
            if kind == "chunk":
                if run.first_chunk != at or run.type not in MODEL_TYPES:
                    return
            elif kind == "custom":
                return
            note(_Noted(kind, run, at))
            woken()

        return observe

    def close(self, seconds: float | None) -> None:
        """The case is over; *seconds* is what it took, None if it was interrupted."""
        self.update()
        now = time.perf_counter()
        self._ended = now if seconds is None else self._began + seconds
        for run in list(self._at_work):
            self._end(run, now, "cancelled")
        self._waiting.clear()
        if not self.bars and not self.left_out and seconds is not None:  # a plain function
            self._bar(0, 0, self.steps.number(self.case.label, "function"), 0.0, None, seconds * 1000, "done")
            self.lanes = 1
        self.is_open = False

    def update(self) -> None:
        """Read the noted events, in the order in which they happened: calls that got their places, functions
        that gave way to the chains they call, calls that ended."""
        happened: list[tuple[float, int, Run, str]] = []
        noted = self._noted
        while noted:
            kind, run, at = noted.popleft()
            if kind == "start":
                self._start(run, at, happened)
            elif kind == "chunk":
                if (number := self._at_work.get(run, -1)) >= 0:
                    self._set(number, 4, self._ms(at))
            elif run in self._waiting:
                self._end_of_waiting(run, at, happened)
            elif run in self._at_work:
                happened.append((run.left_place or at, _ENDED, run, run.status))
        self._find_placed(happened)
        for at, what, run, status in sorted(happened, key=lambda one: one[:2]):
            if what == _PLACED:
                self._begin(run, at)
            elif run in self._at_work:
                self._end(run, at, status, gave_way=what == _GAVE_WAY)

    @property
    def has_changes(self) -> bool:
        return bool(self._changed)

    def changes(self) -> dict[str, Any]:
        """What changed since the last call, bars by their numbers."""
        changed = {str(number): self.bars[number] for number in self._changed}
        self._changed.clear()
        return {**self._about(), "bars": changed, "steps": self.steps.listed}

    def whole(self) -> dict[str, Any]:
        return {**self._about(), "bars": [list(bar) for bar in self.bars], "steps": self.steps.listed}

    def _about(self) -> dict[str, Any]:
        return {
            "round": self.round,
            "left_out": self.left_out,
            "open": self.is_open,
            "at": round(self.at_ms, 1),
            "lanes": self.lanes,
            "ideal_s": self.ideal_s,
        }

    def _ms(self, at: float) -> float:
        return round((at - self._began) * 1000, 2)

    def _start(self, run: Run, at: float, happened: list[tuple[float, int, Run, str]]) -> None:
        around = run.parent
        if around is None:
            self._items[run] = len(self._items) if run.item is None else run.item
        elif around in self._at_work:
            happened.append((at, _GAVE_WAY, around, "done"))
        elif around in self._waiting:
            del self._waiting[around]
            happened.append((around.got_place or around.started or at, _PLACED, around, ""))
            happened.append((at, _GAVE_WAY, around, "done"))
        if run.type not in PLUMBING and not _is_combinator(run):
            self._waiting[run] = None

    def _end_of_waiting(self, run: Run, at: float, happened: list[tuple[float, int, Run, str]]) -> None:
        """A call that was not seen at work has ended: it was short, or it never got its place."""
        del self._waiting[run]
        if run.got_place is None and self._is_limited and run.status == "cancelled":
            return
        placed = run.got_place or (run.started or at) + run.waited_s
        happened.append((placed, _PLACED, run, ""))
        happened.append((max(placed, run.left_place or at), _ENDED, run, run.status))

    def _find_placed(self, happened: list[tuple[float, int, Run, str]]) -> None:
        """Calls that wait no longer. They get their places in turn, so that not all have to be asked."""
        limit = self.case.max_concurrency
        if limit is None:
            happened += [(run.started or 0.0, _PLACED, run, "") for run in self._waiting]
            self._waiting.clear()
            return
        # One more than there is room for has a place that was just given back: its end is yet to be noted.
        room = limit - len(self._at_work) + sum(-1 if what == _PLACED else 1 for _, what, _, _ in happened)
        placed = [run for run in _first(self._waiting, LOOKED_AT + limit) if run.got_place is not None]
        for run in placed[: max(room, 0)]:
            del self._waiting[run]
            happened.append((run.got_place or 0.0, _PLACED, run, ""))

    def _begin(self, run: Run, at: float) -> None:
        if len(self.bars) >= MOST_BARS:
            self.left_out += 1
            self._at_work[run] = -1
            return
        lane = heapq.heappop(self._free) if self._free else self._new_lane()
        item, step = self._place_of(run)
        first = run.first_chunk if run.type in MODEL_TYPES else None
        shown_first = None if first is None else self._ms(first)
        self._at_work[run] = self._bar(lane, item, step, self._ms(at), shown_first, None, "open")

    def _new_lane(self) -> int:
        self.lanes += 1
        return self.lanes - 1

    def _end(self, run: Run, at: float, status: str, *, gave_way: bool = False) -> None:
        number = self._at_work.pop(run)
        if number < 0:
            return
        bar = self.bars[number]
        if run.got_place is not None and not gave_way:
            bar[3] = self._ms(run.got_place)
        bar[5] = max(bar[3], self._ms(at))
        if gave_way and bar[5] - bar[3] < SHORT_MS:
            bar[5] = bar[3]
        bar[6] = status
        self._changed[number] = None
        heapq.heappush(self._free, bar[0])

    def _bar(self, *bar: Any) -> int:
        self.bars.append(list(bar))
        self._changed[len(self.bars) - 1] = None
        return len(self.bars) - 1

    def _set(self, number: int, field: int, value: Any) -> None:
        self.bars[number][field] = value
        self._changed[number] = None

    def _place_of(self, run: Run) -> tuple[int, int]:
        """The number of the run's input, and its step: named with the branch it is in, if it is in one."""
        branch = None
        at: Run | None = run
        root = run
        while at is not None:
            if branch is None:
                branch = next(iter(branches_in(at.tags)), None)
            root, at = at, at.parent
        item = self._items.get(root, 0)
        if branch is not None and branch.startswith(INPUT_BRANCH) and self.case.branches_are_items:
            item, branch = int(branch.removeprefix(INPUT_BRANCH)) - 1, None
        name = run.name if branch is None or branch == run.name else f"{branch}: {run.name}"
        return item, self.steps.number(name, run.type)


def _first(runs: dict[Run, None], most: int) -> list[Run]:
    return [run for run, _ in zip(runs, range(most), strict=False)]


def _is_combinator(run: Run) -> bool:
    """Whether a run only hands on to steps of its own."""
    inside = getattr(run.step, "_steps_inside", None)
    return bool(inside is not None and inside())
