"""The repeats of one case: their seconds, and the facts of the runs in them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ...engine.runs import MODEL_TYPES
from ...live.state import LiveState
from ..runs.critical_path import Share, critical_path, shares
from ..runs.ideal import makespan, plan_of
from ..runs.rows import PLUMBING, TimingRow, Timings, most_at_once
from .resampling import quartiles

__all__ = ["Facts", "Measurement", "Sample", "StepFacts"]


@dataclass(frozen=True)
class StepFacts:
    """One step's calls in one sample: how many, and the median seconds each was at work."""

    name: str
    type: str
    calls: int
    busy_s: float
    peak: int


@dataclass(frozen=True)
class Facts:
    """Figures from the runs of one sample.

    ``latencies_s``: of each input, from its start to its end. ``ideal_s``: how long the same calls would
    have taken without anything between them (see ``ideal``); ``efficiency`` is that divided by the measured
    time.
    ``peak``: the most calls at work at one moment. ``path``: what made up the critical path. ``tokens`` and
    ``cost_usd`` are None where they are unknown.
    """

    latencies_s: tuple[float, ...]
    first_tokens_s: tuple[float, ...]
    waited_s: float
    peak: int
    ideal_s: float
    efficiency: float
    path: tuple[Share, ...]
    steps: tuple[StepFacts, ...]
    tokens: int | None
    tokens_per_s: float | None
    cost_usd: float | None
    limited_s: float
    failed: int


@dataclass(frozen=True)
class Sample:
    """One repeat: its seconds, and the facts of its runs where there were any."""

    seconds: float
    facts: Facts | None = None


@dataclass(frozen=True)
class Measurement:
    """The repeats of one case, in order; none if it was never reached. ``is_part``: it is only a part of
    the work of the others, so that the table shows no speed-up for it. ``live`` and ``rows``: the runs of
    the last repeat, for the tree view."""

    label: str
    samples: tuple[Sample, ...] = ()
    chain: str = ""
    strategy: str = ""
    max_concurrency: int | None = None
    items: int = 1
    is_part: bool = False
    rows: tuple[TimingRow, ...] = ()
    live: LiveState | None = None

    @property
    def seconds(self) -> tuple[float, ...]:
        return tuple(sample.seconds for sample in self.samples)

    @property
    def median(self) -> float:
        """Seconds; nan without repeats."""
        return statistics.median(self.seconds) if self.samples else float("nan")

    @property
    def fastest(self) -> float:
        return min(self.seconds, default=float("nan"))

    @property
    def slowest(self) -> float:
        return max(self.seconds, default=float("nan"))

    @property
    def quartiles(self) -> tuple[float, float]:
        """Seconds."""
        return quartiles(self.seconds)

    @property
    def facts(self) -> Facts | None:
        """Those of the sample in the middle."""
        return middle_facts(self.samples)

    @property
    def latencies_s(self) -> list[float]:
        """Of every input in every repeat."""
        return [s for sample in self.samples if sample.facts for s in sample.facts.latencies_s]


def middle_facts(samples: Sequence[Sample]) -> Facts | None:
    """The facts of the sample that took the median time; of two in the middle the faster one's."""
    known = sorted((sample for sample in samples if sample.facts is not None), key=lambda one: one.seconds)
    return known[(len(known) - 1) // 2].facts if known else None


def facts_of(timings: Timings, seconds: float, *, places: int | None, one_by_one: bool) -> Facts | None:
    """The facts of one sample, whose runs *timings* observed; None if there were none."""
    rows = timings.rows
    roots = [index for index, row in enumerate(rows) if row.parent is None and row.wall_s is not None]
    if not roots:
        return None
    plans = [plan_of(rows, root) for root in roots]
    groups = [[plan] for plan in plans] if one_by_one else [plans]
    ideal = sum(makespan(group, places) for group in groups)
    models = [row for row in rows if row.type in MODEL_TYPES]
    tokens = _known_sum([row.tokens for row in models])
    return Facts(
        latencies_s=tuple(rows[root].wall_s or 0.0 for root in roots),
        first_tokens_s=tuple(row.first_token_s for row in models if row.first_token_s is not None),
        waited_s=sum(row.waited_s for row in rows),
        peak=timings.peak_in_flight,
        ideal_s=ideal,
        efficiency=ideal / seconds if seconds else float("nan"),
        path=tuple(shares(rows, critical_path(rows))),
        steps=tuple(_steps(rows)),
        tokens=int(tokens) if tokens is not None else None,
        tokens_per_s=tokens / seconds if tokens is not None and seconds else None,
        cost_usd=_known_sum([row.call.cost_usd if row.call else None for row in models]),
        limited_s=sum(row.limited_s for row in rows),
        failed=sum(rows[root].status == "failed" for root in roots),
    )


def _steps(rows: Sequence[TimingRow]) -> list[StepFacts]:
    """The leaves, by name: what is really called, other than prompts and parsers."""
    around = {row.parent for row in rows}
    by_name: dict[tuple[str, str], list[TimingRow]] = {}
    for index, row in enumerate(rows):
        if index not in around and row.type not in PLUMBING and row.wall_s is not None:
            by_name.setdefault((row.name, row.type), []).append(row)
    return [
        StepFacts(
            name,
            type,
            len(calls),
            statistics.median((row.wall_s or 0.0) - row.waited_s for row in calls),
            most_at_once(row.at_work_s for row in calls),
        )
        for (name, type), calls in by_name.items()
    ]


def _known_sum(values: Sequence[float | None]) -> float | None:
    """The sum, if all are known and there is one."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None
