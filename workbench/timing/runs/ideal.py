"""The time that the same calls would take without overhead: each starts as soon as its input is ready and
a place under the limit is free.

A run is read as a *plan*: work, plans in series, plans side by side. ``makespan`` plays plans through with
a number of places, older items first, as a batch does. *Efficiency* is the ideal time over the measured.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from .critical_path import children_of, is_combinator, own_shares, sequence_steps
from .rows import TimingRow

__all__ = ["Parallel", "Plan", "Series", "Work", "makespan", "plan_of"]


@dataclass(frozen=True, slots=True)
class Work:
    """A call that holds a place for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Series:
    parts: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Parallel:
    parts: tuple[Plan, ...]


Plan = Work | Series | Parallel


def plan_of(rows: Sequence[TimingRow], root: int) -> Plan:
    """The plan that a measured root run followed; its waiting and its overhead left out."""
    return _Reader(rows).plan(root)


def makespan(plans: Sequence[Plan], places: int | None = None) -> float:
    """Seconds that the plans take side by side, at most *places* calls at work at a time (None: no limit).

    >>> makespan([Work(1.0)] * 5, places=2), makespan([Work(1.0)] * 5)
    (3.0, 1.0)
    >>> makespan([Series((Work(1.0), Parallel((Work(2.0), Work(3.0)))))])
    4.0
    """
    schedule = _Schedule(places)
    for item, plan in enumerate(plans):
        schedule.begin(plan, item, lambda: None)
    return schedule.run()


class _Reader:
    def __init__(self, rows: Sequence[TimingRow]) -> None:
        self._rows = rows
        self._children = children_of(rows)

    def plan(self, index: int) -> Plan:
        row = self._rows[index]
        return self._run(index, row.start_s, row.start_s + (row.wall_s or 0.0))

    def _run(self, index: int, start: float, end: float) -> Plan:
        row, children = self._rows[index], self._children.get(index, [])
        if not children:
            return Work(max(0.0, end - max(start, row.start_s + row.waited_s)))
        if (steps := sequence_steps(self._rows, children)) is not None:
            return self._in_turn(steps, start, end)
        if is_combinator(self._rows, children):
            return Parallel(tuple(self.plan(child) for child in children))
        return self._function(children, start, end)

    def _in_turn(self, steps: Sequence[int], start: float, end: float) -> Plan:
        parts, at = [], start
        for step, share in zip(steps, own_shares(self._rows, steps), strict=True):
            begun = max(self._rows[step].start_s, at)
            over = min(begun + share, end)
            if over > begun:
                parts.append(self._run(step, begun, over))
                at = over
        return Series(tuple(parts))

    def _function(self, children: Sequence[int], start: float, end: float) -> Plan:
        """Own work of a function between the chains it calls; those that overlap are side by side."""
        parts: list[Plan] = []
        group: list[Plan] = []
        at = start
        for child in sorted(children, key=lambda child: self._rows[child].start_s):
            row = self._rows[child]
            if row.start_s >= at:
                if group:
                    parts.append(Parallel(tuple(group)))
                    group = []
                parts.append(Work(row.start_s - at))
            group.append(self.plan(child))
            at = max(at, row.start_s + (row.wall_s or 0.0))
        parts += [Parallel(tuple(group)), Work(max(0.0, end - at))]
        return Series(tuple(parts))


class _Schedule:
    """Plays plans through. ``ready`` holds calls that wait for a place, older items first; ``running`` those
    at work, by the time they end."""

    def __init__(self, places: int | None) -> None:
        self._free = places if places is not None else 1 << 62
        self._now = 0.0
        self._order = count()
        self._ready: list[tuple[int, int, float, Callable[[], None]]] = []
        self._running: list[tuple[float, int, Callable[[], None]]] = []

    def begin(self, plan: Plan, item: int, done: Callable[[], None]) -> None:
        if isinstance(plan, Work):
            if plan.seconds > 0:
                heapq.heappush(self._ready, (item, next(self._order), plan.seconds, done))
            else:
                done()
        elif isinstance(plan, Series):
            self._next(plan.parts, 0, item, done)
        else:
            self._all(plan.parts, item, done)

    def run(self) -> float:
        while self._ready or self._running:
            while self._ready and self._free:
                _, _, seconds, done = heapq.heappop(self._ready)
                self._free -= 1
                heapq.heappush(self._running, (self._now + seconds, next(self._order), done))
            self._now, _, done = heapq.heappop(self._running)
            self._free += 1
            done()
        return self._now

    def _next(self, parts: tuple[Plan, ...], index: int, item: int, done: Callable[[], None]) -> None:
        if index == len(parts):
            done()
        else:
            self.begin(parts[index], item, lambda: self._next(parts, index + 1, item, done))

    def _all(self, parts: tuple[Plan, ...], item: int, done: Callable[[], None]) -> None:
        left = len(parts)
        if not left:
            done()

        def one_done() -> None:
            nonlocal left
            left -= 1
            if not left:
                done()

        for part in parts:
            self.begin(part, item, one_done)
