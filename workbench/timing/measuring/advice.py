"""Advice that follows from measurements: from where on more concurrency does not pay, and why.

A rule gives advice only where the runs give evidence for it, and the ``Advice`` carries that evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from ...engine.runs import MODEL_TYPES
from ...text.units import duration
from .measurement import Facts, Measurement, StepFacts

__all__ = ["Advice", "advice_on"]

Kind = Literal["knee", "server", "serialised", "rate limit", "critical path"]


GAIN = 1.10
"""Less than 10 % faster is no reason for more concurrency."""
NEARLY = 0.1
"""A model is said to work on N calls at a time if the figure is this near to N, as a part of N."""
STRETCHED = 0.8
"""A step is called serialised if its calls take this part of what they would take one after another."""


@dataclass(frozen=True)
class Advice:
    """``says``: what follows; ``evidence``: the figures it follows from."""

    kind: Kind
    says: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.says} ({self.evidence})"


def advice_on(rows: Sequence[Measurement]) -> list[Advice]:
    """All the advice that the measurements give evidence for."""
    measured = [row for row in rows if row.samples and row.facts is not None]
    return [
        *_knees(measured),
        *_held_up(measured),
        *_rate_limits(measured),
        *_critical_steps(measured),
    ]


def _knees(rows: Sequence[Measurement]) -> Iterator[Advice]:
    """From which concurrency on a chain gets no faster under one strategy."""

    def series(row: Measurement) -> tuple[str, str]:
        return row.chain, row.strategy

    for (chain, strategy), found in groupby(sorted(rows, key=series), series):
        limited = sorted(
            (row for row in found if row.max_concurrency is not None),
            key=lambda row: row.max_concurrency or 0,
        )
        if len(limited) < 2:
            continue
        best = min(row.median for row in limited)
        knee = next(row for row in limited if row.median <= best * GAIN)
        if knee is limited[-1]:
            continue
        why = "more is not faster"
        if knee.strategy != "parallel" and (knee.max_concurrency or 0) >= knee.items:
            why = f"there are {knee.items} inputs"
        evidence = ", ".join(f"{row.max_concurrency}: {duration(row.median)}" for row in limited)
        yield Advice(
            "knee",
            f"max_concurrency={knee.max_concurrency} is enough for {strategy} of {chain}: {why}",
            evidence,
        )


def _places(at_work: float, peak: int) -> str:
    """Words for a model that gets the work of *at_work* calls done while it has *peak* of them."""
    places = max(1, round(at_work))
    if abs(at_work - places) > NEARLY * places:
        return (
            f"the model's calls slow each other down: with {peak} at once each takes "
            f"{peak / at_work:.1f} times as long, together {at_work:.1f} times as fast as in turn"
        )
    return (
        f"the model works on about {places} call{'s' if places > 1 else ''} at a time: more concurrency "
        "than that only makes each call slower"
    )


def _held_up(rows: Sequence[Measurement]) -> Iterator[Advice]:
    """Steps whose calls take the longer the more of them are at work: they do not run side by side. Each is
    reported once a chain, for the case with the most calls at once."""
    reported: set[tuple[str, str]] = set()
    for row in sorted(rows, key=lambda row: -(row.facts.peak if row.facts is not None else 0)):
        facts = row.facts
        alone = _alone(row, rows)
        if facts is None or alone is None:
            continue
        for step in facts.steps:
            before = _step(alone, step)
            if before is None or before.peak != 1 or step.peak < 2 or before.busy_s < 0.002:
                continue
            longer = step.busy_s / before.busy_s
            at_work = step.peak / longer  # calls that make progress at a time
            if longer < 1 + STRETCHED * (step.peak - 1) and not (step.type in MODEL_TYPES and longer >= 1.5):
                continue
            if (row.chain, step.name) in reported:
                continue
            reported.add((row.chain, step.name))
            evidence = (
                f"{step.name}: {duration(before.busy_s)} a call alone, {duration(step.busy_s)} with "
                f"{step.peak} at once"
            )
            if step.type in MODEL_TYPES:
                yield Advice("server", f"{_places(at_work, step.peak)} ({row.label})", evidence)
            else:
                yield Advice(
                    "serialised",
                    f"{step.name} does not run side by side: its code holds the interpreter (or a lock) "
                    f"while it works ({row.label})",
                    evidence,
                )


def _alone(row: Measurement, rows: Sequence[Measurement]) -> Facts | None:
    """The same chain's facts where its inputs wait for each other."""
    for other in rows:
        waits = other.strategy == "one by one" or other.max_concurrency == 1
        if other is not row and other.chain == row.chain and waits:
            return other.facts
    return None


def _step(facts: Facts, wanted: StepFacts) -> StepFacts | None:
    return next((step for step in facts.steps if (step.name, step.type) == (wanted.name, wanted.type)), None)


def _rate_limits(rows: Sequence[Measurement]) -> Iterator[Advice]:
    for row in rows:
        facts = row.facts
        if facts is not None and facts.limited_s > 0.05 * row.median:
            yield Advice(
                "rate limit",
                f"the rate limit held calls back ({row.label}): more concurrency will not help",
                f"calls waited {duration(facts.limited_s)} for it in all",
            )


def _critical_steps(rows: Sequence[Measurement]) -> Iterator[Advice]:
    """The step that most of the critical path is made of, in the fastest case."""
    whole = [row for row in rows if not row.is_part]
    if not whole:
        return
    fastest = min(whole, key=lambda row: row.median)
    facts = fastest.facts
    if facts is not None and len(facts.steps) > 1 and facts.path[0].part >= 0.5:
        share = facts.path[0]
        whole_s = sum(part.seconds for part in facts.path)
        yield Advice(
            "critical path",
            f"{share} ({fastest.label})",
            f"{duration(share.seconds)} of a critical path of {duration(whole_s)}",
        )
