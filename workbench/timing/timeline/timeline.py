"""What goes on while cases are compared, for views that move: calls as bars in lanes, progress, figures.

``Timeline`` is a ``Watcher``. While calls run, its observers do no more than note events; a view that wants
to draw calls ``take()``, about thirty times a second, and only then is it worked out which call had which
lane. A *lane* is a place under the limit: at most that many calls are at work at a time, so that lanes show
at a glance how full the places were. A *bar* is one call: of a model, a retriever, a function; prompts and
parsers take no time, and sequences and parallels are only what is in them.

A document, and a frame of what changed in it since the last one, are plain JSON data:

- ``cases``: ``{label, chain, strategy, max_concurrency, items, samples, ideal_s, peak, efficiency}`` each;
- ``pictures``: by the case's index ``{round, steps, bars, left_out, open, at, lanes, ideal_s}``, its bars
  ``[lane, item, step, start_ms, first_token_ms, end_ms, status]`` with None for what is not yet known;
- ``progress``: ``{done, total, doing, elapsed_s, left_s}``, and ``status``.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...engine.runs import MODEL_TYPES, Observer, Run, RunEvent
from ...tracing.tags import branches_in
from ..measuring.measurement import Sample
from ..measuring.rounds import Progress
from ..measuring.strategies import INPUT_BRANCH, Case

__all__ = ["MOST_BARS", "Picture", "Timeline"]

MOST_BARS = 20_000
"""Of one case; further calls are counted and not drawn."""
_PLUMBING = frozenset({"prompt", "parser"})
LOOKED_AT = 64
"""Calls get their places in turn: after so many that still wait, the rest wait too."""
_ENDED, _GAVE_WAY, _PLACED = range(3)  # at one moment in this order
SHORT_MS = 1.0
"""A function that calls a chain this soon is not drawn as work of its own before it."""


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
        """Take in what was noted, in the order in which it happened: calls that got their places, functions
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

    def changes(self) -> dict[str, Any]:
        """What changed since it was last asked, bars by their numbers."""
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
        if run.type not in _PLUMBING and not _is_combinator(run):
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


class Timeline:
    """See the module. *changed* is called, often and from any thread, when there is something new to draw:
    with True for what should be seen at once."""

    def __init__(self, changed: Callable[[bool], None] = lambda urgent: None) -> None:
        self.changed = changed
        self.cases: list[dict[str, Any]] = []
        self.pictures: dict[int, Picture] = {}
        self.status = "waiting"
        self.seq = 0
        self._numbers: dict[str, int] = {}
        self._steps = StepNames()
        self._progress: dict[str, Any] = {}
        self._now: int | None = None
        self._news: set[str] = set()
        self._new_cases: set[int] = set()
        self._samples: dict[int, list[Sample]] = {}
        self._new_picture: dict[int, bool] = {}
        """Pictures that changed, and whether they are drawn anew."""
        self._lock = threading.RLock()

    def plan(self, cases: Sequence[Case]) -> None:
        with self._lock:
            self.status = "running"
            self.cases = [_case(case) for case in cases]
            self._numbers = {case.label: number for number, case in enumerate(cases)}
            self._new_cases = set(range(len(cases)))
            self._news.add("status")
        self.changed(True)

    def begin(self, case: Case, round: int | None) -> Observer:
        picture = Picture(case, round, self._steps)
        with self._lock:
            self._now = number = self._numbers[case.label]
            self.pictures[number] = picture
            self._new_picture[number] = True
            self._news.add("now")
        self.changed(True)
        return picture.observer(lambda: self.changed(False))

    def end(self, case: Case, sample: Sample | None) -> None:
        with self._lock:
            number = self._numbers[case.label]
            picture = self.pictures[number]
            picture.close(None if sample is None else sample.seconds)
            about = self.cases[number]
            if sample is not None and picture.round is not None:
                about["samples"].append(sample.seconds)
            if sample is not None and sample.facts is not None:
                picture.ideal_s = sample.facts.ideal_s
                self._take_facts(number, picture.round is not None, sample)
            self._new_cases.add(number)
            self._new_picture.setdefault(number, False)
        self.changed(True)

    def _take_facts(self, number: int, counts: bool, sample: Sample) -> None:
        """A case's facts are those of the sample in the middle; of the warm-up until there is one."""
        known = self._samples.setdefault(number, [])
        if counts:
            known.append(sample)
        middle = sorted(known, key=lambda one: one.seconds)[(len(known) - 1) // 2] if known else sample
        if (facts := middle.facts) is not None:
            told = {"ideal_s": facts.ideal_s, "peak": facts.peak, "efficiency": facts.efficiency}
            self.cases[number].update(told)

    def progress(self, progress: Progress) -> None:
        with self._lock:
            self._progress = {
                "done": progress.done,
                "total": progress.total,
                "doing": progress.doing,
                "elapsed_s": progress.elapsed_s,
                "left_s": progress.left_s,
            }
            self._news.add("progress")
        self.changed(True)

    def finish(self, status: str) -> None:
        """It is over: done, stopped or failed."""
        with self._lock:
            self.status = status
            if status == "done" and self._progress:
                self._progress = {**self._progress, "done": self._progress["total"], "left_s": 0.0}
            self._news |= {"status", "progress"}
        self.changed(True)

    def take(self) -> dict[str, Any] | None:
        """A frame: what changed since the last one, from ``a`` to ``b`` in the count of frames. None if
        nothing did."""
        with self._lock:
            self._update()
            if not (self._news or self._new_cases or self._new_picture):
                return None
            frame: dict[str, Any] = {"a": self.seq, "b": self.seq + 1}
            self.seq += 1
            if "status" in self._news:
                frame["status"] = self.status
            if "now" in self._news:
                frame["now"] = self._now
            if "progress" in self._news:
                frame["progress"] = self._progress
            if self._new_cases:
                frame["cases"] = {
                    str(number): _copy(self.cases[number]) for number in sorted(self._new_cases)
                }
            if self._new_picture:
                frame["pictures"] = {
                    str(number): {**self.pictures[number].changes(), "anew": anew}
                    for number, anew in self._new_picture.items()
                }
            self._news.clear()
            self._new_cases.clear()
            self._new_picture.clear()
            return frame

    def snapshot(self) -> dict[str, Any]:
        """The whole document, after the last frame that was taken and what happened since."""
        with self._lock:
            self._update()
            return {
                "seq": self.seq,
                "status": self.status,
                "now": self._now,
                "progress": self._progress,
                "cases": [_copy(case) for case in self.cases],
                "pictures": {str(number): picture.whole() for number, picture in self.pictures.items()},
            }

    def _update(self) -> None:
        if self._now is not None and self.pictures[self._now].is_open:
            picture = self.pictures[self._now]
            picture.update()
            if picture._changed:
                self._new_picture.setdefault(self._now, False)


def _first(runs: dict[Run, None], most: int) -> list[Run]:
    return [run for run, _ in zip(runs, range(most), strict=False)]


def _is_combinator(run: Run) -> bool:
    """Whether a run only hands on to steps of its own."""
    inside = getattr(run.step, "_steps_inside", None)
    return bool(inside is not None and inside())


def _case(case: Case) -> dict[str, Any]:
    return {
        "label": case.label,
        "chain": case.chain,
        "strategy": case.strategy,
        "max_concurrency": case.max_concurrency,
        "items": case.items,
        "samples": [],
        "ideal_s": None,
        "peak": None,
        "efficiency": None,
    }


def _copy(case: dict[str, Any]) -> dict[str, Any]:
    return {**case, "samples": list(case["samples"])}
