"""Measurements side by side: how many times faster one case is than another, how sure that is, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .advice import Advice, advice_on
from .measurement import Measurement
from .resampling import FEWEST_ROUNDS, Ratio, ratio_of

__all__ = ["MeasuredCases"]

_RECORDED = ("ideal_s", "efficiency", "peak", "waited_s", "tokens", "tokens_per_s", "cost_usd", "failed")


@dataclass(frozen=True, repr=False)
class MeasuredCases:
    """A comparison's figures and what follows from them; ``Comparison`` adds how they are shown.

    ``baselines``: for each label the label that its speed-up refers to; a single label is that of all.
    ``interrupted``: not all repeats were run.
    """

    rows: tuple[Measurement, ...]
    baselines: Mapping[str, str] | str
    title: str = ""
    interrupted: bool = False
    confidence: float = 0.95

    def __getitem__(self, label: str) -> Measurement:
        """The measurement of that label. Raises KeyError that lists the labels."""
        for row in self.rows:
            if row.label == label:
                return row
        raise KeyError(f"{label!r}: expected one of {[row.label for row in self.rows]}")

    def baseline_of(self, label: str) -> str:
        """The label that a label's speed-up refers to."""
        return self.baselines if isinstance(self.baselines, str) else self.baselines.get(label, label)

    def ratio(self, label: str, against: str | None = None) -> Ratio:
        """How many times faster a case is than another (its baseline), with the interval."""
        base = self[against if against is not None else self.baseline_of(label)]
        return ratio_of(base.seconds, self[label].seconds, confidence=self.confidence)

    def speed_up(self, label: str) -> float:
        """How many times faster than its baseline; nan where one of the two was not measured."""
        return self.ratio(label).value

    def verdict(self, label: str, against: str | None = None) -> str:
        """In words, no bolder than the interval: "2.7x faster (95 % interval 2.4 to 3.0)"."""
        return self.ratio(label, against).verdict

    @property
    def verdicts(self) -> list[str]:
        """One line for every case that has a baseline other than itself."""
        lines = []
        for row in self.rows:
            base = self.baseline_of(row.label)
            if base != row.label and row.samples and not row.is_part:
                lines.append(f"{row.label} against {base}: {self.verdict(row.label)}")
        return lines

    @cached_property
    def advice(self) -> list[Advice]:
        """Advice that follows from the runs, each with its evidence; may be empty."""
        return advice_on(self.rows)

    def has_speed_up(self, row: Measurement) -> bool:
        """Whether it and its baseline were measured; False for a part of the work of the others."""
        return bool(row.samples and self[self.baseline_of(row.label)].samples and not row.is_part)

    @property
    def fastest(self) -> Measurement | None:
        """The row with the smallest median; None if nothing was measured."""
        whole = [row for row in self.rows if row.samples and not row.is_part]
        return min(whole, key=lambda row: row.median, default=None)

    @property
    def remarks(self) -> list[str]:
        """The lines under the table: what the figures are, then the advice."""
        counts = sorted({len(row.samples) for row in self.rows})
        ends = dict.fromkeys((counts[0], counts[-1])) if counts else (0,)
        remark = f"medians of {'-'.join(str(number) for number in ends)} repeats"
        if len(set(self._all_baselines())) == 1:
            remark += f", speed-up against {self._all_baselines()[0]!r}"
        if self.interrupted:
            remark += "; interrupted"
        if self._all_baselines() and 0 < counts[-1] < FEWEST_ROUNDS:
            remark += f"; {FEWEST_ROUNDS} are needed for a verdict"
        return [remark, *(str(advice) for advice in self.advice)]

    def records(self) -> list[dict[str, Any]]:
        """One dict a repeat, for a table or a file; seconds, and None for what is not known."""
        records = []
        for row in self.rows:
            for number, sample in enumerate(row.samples):
                facts = sample.facts
                records.append(
                    {
                        "case": row.label,
                        "chain": row.chain,
                        "strategy": row.strategy,
                        "max_concurrency": row.max_concurrency,
                        "items": row.items,
                        "round": number + 1,
                        "seconds": sample.seconds,
                        **{name: getattr(facts, name, None) for name in _RECORDED},
                    }
                )
        return records

    def _all_baselines(self) -> list[str]:
        """Of the rows that are compared with another."""
        pairs = [(row.label, self.baseline_of(row.label)) for row in self.rows if not row.is_part]
        return [base for label, base in pairs if base != label]
