"""How sure a measured ratio is: medians, quartiles, and an interval of a ratio by the bootstrap.

Cases are measured in *rounds*, each case once a round, so that a machine that slows down or warms up affects
all of them. The bootstrap (Efron 1979) draws rounds with replacement, many times, and takes the ratio of the
medians of each draw: the middle 95 % of these ratios are the interval.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ...text.units import ratio

__all__ = ["Ratio", "quartiles", "ratio_of"]

DRAWS = 2_000
FEWEST_ROUNDS = 5
"""With fewer rounds there is no verdict: the interval of two equal cases would leave out 1 too often."""
LEAST_DIFFERENCE = 0.02
"""A smaller difference is no verdict: the clock, the scheduler and the cache cause as much."""


@dataclass(frozen=True)
class Ratio:
    """How many times faster one case is than another: ``value``, and the interval from ``low`` to ``high``
    in which it lies with *confidence*; nan without measurements."""

    value: float
    low: float
    high: float
    rounds: int
    confidence: float = 0.95

    @property
    def is_faster(self) -> bool:
        """Whether it is faster by a difference worth reporting, and the whole interval says so."""
        return self.tells and self.low > 1 and self.value >= 1 + LEAST_DIFFERENCE

    @property
    def is_slower(self) -> bool:
        return self.tells and self.high < 1 and self.value <= 1 / (1 + LEAST_DIFFERENCE)

    @property
    def tells(self) -> bool:
        """Whether there are rounds enough for a verdict."""
        return self.rounds >= FEWEST_ROUNDS

    @property
    def interval(self) -> str:
        """Its ends, as a table has them; empty with too few rounds.

        >>> Ratio(2.7, 2.41, 3.0, 7).interval
        '2.41x to 3.00x'
        """
        return f"{ratio(self.low)} to {ratio(self.high)}" if self.tells else ""

    @property
    def verdict(self) -> str:
        """One sentence, no bolder than the interval.

        >>> Ratio(2.7, 2.4, 3.0, 7).verdict
        '2.7x faster (95 % interval 2.4 to 3.0)'
        >>> Ratio(0.5, 0.45, 0.55, 7).verdict
        '2.0x slower (95 % interval 1.8 to 2.2)'
        >>> Ratio(1.01, 0.9, 1.1, 7).verdict, Ratio(2.0, 1.9, 2.1, 3).verdict
        ('no difference seen', '2.0x faster in 3 rounds; 5 are needed for a verdict')
        """
        if self.rounds == 0:
            return "not measured"
        faster = self.value >= 1
        value, ends = (
            (self.value, (self.low, self.high)) if faster else (1 / self.value, (1 / self.high, 1 / self.low))
        )
        words = f"{_figure(value)}x {'faster' if faster else 'slower'}"
        if not self.tells:
            return f"{words} in {self.rounds} rounds; {FEWEST_ROUNDS} are needed for a verdict"
        if not (self.is_faster or self.is_slower):
            return "no difference seen"
        low, high = (_figure(end) for end in ends)
        return f"{words} ({self.confidence:.0%} interval {low} to {high})".replace("%", " %")


def ratio_of(base: Sequence[float], other: Sequence[float], *, confidence: float = 0.95) -> Ratio:
    """How many times faster *other* is than *base*; both are seconds, round by round.

    Rounds that only one of them has are left out. The draws are the same every time, so that the same
    measurements give the same interval.

    >>> ratio_of([2.0, 2.1, 2.0, 1.9, 2.0], [1.0, 1.0, 1.1, 1.0, 0.9]).value
    2.0
    """
    rounds = min(len(base), len(other))
    if not rounds or min(*base[:rounds], *other[:rounds]) <= 0:
        return Ratio(float("nan"), float("nan"), float("nan"), 0, confidence)
    base, other = list(base[:rounds]), list(other[:rounds])
    drawn = sorted(
        _median([base[i] for i in picked]) / _median([other[i] for i in picked]) for picked in _draws(rounds)
    )
    tail = (1 - confidence) / 2
    low = drawn[int(tail * (len(drawn) - 1))]
    high = drawn[-1 - int(tail * (len(drawn) - 1))]
    return Ratio(_median(base) / _median(other), low, high, rounds, confidence)


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The lower and the upper quartile; the value itself for one, nan for none.

    >>> quartiles([1.0, 2.0, 3.0, 4.0, 5.0])
    (2.0, 4.0)
    """
    if not values:
        return float("nan"), float("nan")
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


@lru_cache(maxsize=8)
def _draws(rounds: int) -> tuple[tuple[int, ...], ...]:
    """Which rounds each draw picks."""
    source = random.Random(0)
    numbers = range(rounds)
    return tuple(tuple(source.choices(numbers, k=rounds)) for _ in range(DRAWS if rounds > 1 else 1))


def _median(values: list[float]) -> float:
    """What ``statistics.median`` gives, for thousands of short lists in a row."""
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def _figure(value: float) -> str:
    return f"{value:.1f}" if value >= 1.195 else f"{value:.2f}"
