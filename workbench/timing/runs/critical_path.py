"""Which steps a run really waited for: its critical path.

The *critical path* is the chain of stretches, one after another without a gap, that reaches from the start
to the end of what was measured: shorten one of them, and the whole gets shorter. It is found by going back
from the end:

- among steps side by side (branches of a parallel, items of a batch, calls of a function), the one that
  ended last, then whatever ended last before that one began;
- in a sequence, where steps of a stream are open at the same time, a step is charged only for its own share:
  not for the time it waited for the step before it (a parser that is open while the model streams), and not
  for the time it stood still while its reader worked.

A *stretch* is work of a step itself, waiting for a place under ``max_concurrency`` (or for a thread), or
overhead: time of a sequence or a parallel in which none of its steps was open.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ...tracing.tags import branch_key, step_number
from .rows import TimingRow

__all__ = ["Share", "Stretch", "critical_path", "shares"]

Kind = Literal["work", "waiting", "overhead"]

CLOSE_S = 0.001
"""Where steps run on different threads, one's end may be reported this much after the next one's start."""
_BEFORE_NAME = {"work": "", "waiting": "waiting for a place: ", "overhead": "between the steps of "}


class Stretch(NamedTuple):
    """A piece of the path: seconds on the clock of the rows, charged to ``rows[row]``; ``row`` is None
    between roots."""

    row: int | None
    kind: Kind
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Share:
    """How much of the path one step makes up. ``part`` is between 0 and 1; ``branch`` is the key of the
    innermost parallel branch around the step."""

    name: str
    branch: str | None
    kind: Kind
    seconds: float
    part: float

    def __str__(self) -> str:
        where = f" of branch {self.branch}" if self.branch is not None and self.branch != self.name else ""
        return f"{self.part:.0%} of the time is in {_BEFORE_NAME[self.kind]}{self.name}{where}"


def critical_path(rows: Sequence[TimingRow], roots: Iterable[int] | None = None) -> list[Stretch]:
    """The stretches from the first start to the last end, in the order of time; of all roots, or of those
    given. Runs that have not ended are left out."""
    return _Walk(rows).path(roots)


def shares(rows: Sequence[TimingRow], path: Sequence[Stretch]) -> list[Share]:
    """What of the path each step makes up, the largest first. Items of a batch add up, and so do calls of
    one step."""
    total = sum(stretch.end_s - stretch.start_s for stretch in path)
    seconds: dict[tuple[str, str | None, Kind], float] = {}
    branches: dict[int, str | None] = {}
    for stretch in path:
        if stretch.row is None:
            key: tuple[str, str | None, Kind] = ("the inputs", None, "overhead")
        else:
            if stretch.row not in branches:
                branches[stretch.row] = branch_of(rows, stretch.row)
            key = (rows[stretch.row].name, branches[stretch.row], stretch.kind)
        seconds[key] = seconds.get(key, 0.0) + stretch.end_s - stretch.start_s
    found = [
        Share(name, branch, kind, spent, spent / total if total else 0.0)
        for (name, branch, kind), spent in seconds.items()
    ]
    return sorted(found, key=lambda share: -share.seconds)


def branch_of(rows: Sequence[TimingRow], index: int) -> str | None:
    """The key of the innermost parallel branch that a run is in."""
    at: int | None = index
    while at is not None:
        row = rows[at]
        if (branch := branch_key(row.place)) is not None:
            return branch
        at = row.parent
    return None


def sequence_steps(rows: Sequence[TimingRow], children: Sequence[int]) -> list[int] | None:
    """The children in the order of their steps, if they are the steps of a sequence."""
    numbered = []
    for child in children:
        if (number := step_number(rows[child].place)) is None:
            return None
        numbered.append((number, rows[child].start_s, child))
    return [child for _, _, child in sorted(numbered)]


def own_shares(rows: Sequence[TimingRow], steps: Sequence[int]) -> list[float]:
    """Seconds that each step of a sequence was at work itself.

    A stream is pulled: a step is in control from when it is asked for a chunk until it gives one, and the
    step before it is in control for a part of that time. So a step's own share is its wall time without its
    idle time, minus the time in which, since it started, the step before it was in control.
    """
    found = []
    before: TimingRow | None = None
    for step in steps:
        row = rows[step]
        share = _in_control(row)
        if before is not None:
            share -= max(0.0, _in_control(before) - (row.start_s - before.start_s))
        found.append(max(0.0, share))
        before = row
    return found


def _in_control(row: TimingRow) -> float:
    return max(0.0, (row.wall_s or 0.0) - row.idle_s)


def is_combinator(rows: Sequence[TimingRow], children: Sequence[int]) -> bool:
    """Whether a run only hands on to its steps, so that its own time is overhead and no work."""
    return bool(children) and all(rows[child].place is not None for child in children)


def children_of(rows: Sequence[TimingRow]) -> dict[int | None, list[int]]:
    """Indexes of the runs that ended, by the index of the run around them; None: the roots."""
    children: dict[int | None, list[int]] = {}
    for index, row in enumerate(rows):
        if row.wall_s is not None:
            children.setdefault(row.parent, []).append(index)
    return children


class _Walk:
    def __init__(self, rows: Sequence[TimingRow]) -> None:
        self._rows = rows
        self._children = children_of(rows)
        self._stretches: list[Stretch] = []

    def path(self, roots: Iterable[int] | None) -> list[Stretch]:
        given = self._children.get(None, []) if roots is None else roots
        chosen = [index for index in given if self._rows[index].wall_s is not None]
        if chosen:
            start = min(self._rows[index].start_s for index in chosen)
            end = max(self._end(index) for index in chosen)
            self._side_by_side(None, chosen, start, end, "overhead")
        return sorted(self._stretches, key=lambda stretch: stretch.start_s)

    def _end(self, index: int) -> float:
        row = self._rows[index]
        return row.start_s + (row.wall_s or 0.0)

    def _run(self, index: int, start: float, end: float) -> None:
        """Charge the time from *start* to *end* to a run and what is in it."""
        children = self._children.get(index, [])
        row = self._rows[index]
        if not children:
            placed = min(row.start_s + row.waited_s, end)
            self._add(index, "waiting", start, placed)
            self._add(index, "work", max(start, placed), end)
        elif (steps := sequence_steps(self._rows, children)) is not None:
            self._in_turn(index, steps, start, end)
        else:
            own: Kind = "overhead" if is_combinator(self._rows, children) else "work"
            self._side_by_side(index, children, start, end, own)

    def _in_turn(self, index: int, steps: Sequence[int], start: float, end: float) -> None:
        at = start
        for step, share in zip(steps, own_shares(self._rows, steps), strict=True):
            begun = max(self._rows[step].start_s, at)
            over = min(begun + share, end)
            if over <= at:
                continue
            self._add(index, "overhead", at, begun)
            self._run(step, begun, over)
            at = over
        self._add(index, "overhead", at, end)

    def _side_by_side(
        self, index: int | None, children: Sequence[int], start: float, end: float, own: Kind
    ) -> None:
        at = end
        for child in sorted(children, key=self._end, reverse=True):
            begun, over = max(self._rows[child].start_s, start), self._end(child)
            if over > at + CLOSE_S or begun >= at:
                continue  # it went on while a later one on the path was already at work
            over = min(over, at)
            self._add(index, own, over, at)
            self._run(child, begun, over)
            at = begun
        self._add(index, own, start, at)

    def _add(self, row: int | None, kind: Kind, start: float, end: float) -> None:
        if end > start:
            self._stretches.append(Stretch(row, kind, start, end))
