"""How sure a ratio is: the interval holds what it says, and a verdict is no bolder than it."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from workbench.timing.measuring.resampling import Ratio, quartiles, ratio_of


def times(source: random.Random, seconds: float, noise: float, rounds: int) -> list[float]:
    """Delays with what a busy machine adds: never less, now and then much more."""
    return [
        seconds * (1 + abs(source.gauss(0, noise)) + (0.3 if source.random() < 0.05 else 0))
        for _ in range(rounds)
    ]


@pytest.mark.parametrize("rounds", [5, 7, 15])
@pytest.mark.parametrize("noise", [0.001, 0.02, 0.1])
@pytest.mark.slow
def test_two_equal_cases_are_told_apart_at_most_once_in_twenty(rounds: int, noise: float):
    source = random.Random(rounds)
    wrong = 0
    for _ in range(400):
        ratio = ratio_of(times(source, 1, noise, rounds), times(source, 1, noise, rounds))
        wrong += ratio.is_faster or ratio.is_slower
    assert wrong / 400 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)


def test_ten_percent_are_seen_where_the_noise_is_smaller():
    source = random.Random(1)
    seen = sum(
        ratio_of(times(source, 1.1, 0.01, 7), times(source, 1.0, 0.01, 7)).is_faster for _ in range(200)
    )
    assert seen >= 190


@pytest.mark.slow
def test_the_interval_holds_the_true_ratio_about_as_often_as_it_says():
    source = random.Random(2)
    held = 0
    for _ in range(300):
        ratio = ratio_of(times(source, 3, 0.05, 15), times(source, 1, 0.05, 15))
        held += ratio.low <= 3 <= ratio.high
    assert held / 300 >= 0.9


def test_an_outlier_does_not_move_the_ratio():
    assert ratio_of([2.0] * 6 + [60.0], [1.0] * 7).value == 2.0


def test_the_same_measurements_give_the_same_interval():
    base, other = [2.0, 2.1, 1.9, 2.2, 2.0], [1.0, 1.1, 0.9, 1.0, 1.2]
    assert ratio_of(base, other) == ratio_of(base, other)


def test_fewer_than_five_rounds_give_no_verdict():
    ratio = ratio_of([2.0, 2.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0])
    assert not ratio.is_faster
    assert ratio.verdict == "2.0x faster in 4 rounds; 5 are needed for a verdict"
    assert ratio.interval == ""


def test_a_difference_below_two_percent_is_none():
    assert ratio_of([1.01] * 9, [1.0] * 9).verdict == "no difference seen"
    assert ratio_of([1.03] * 9, [1.0] * 9).is_faster


def test_nothing_measured_is_said():
    assert ratio_of([], [1.0]).verdict == "not measured"
    assert math.isnan(ratio_of([1.0], []).value)
    assert ratio_of([0.0], [1.0]).rounds == 0


def test_slower_is_the_mirror_of_faster():
    base, other = [1.0, 1.1, 1.0, 0.9, 1.0], [2.0, 2.1, 2.0, 1.9, 2.2]
    assert ratio_of(base, other).is_slower
    assert ratio_of(other, base).is_faster
    assert Ratio(0.5, 0.4, 0.6, 9).verdict == "2.0x slower (95 % interval 1.7 to 2.5)"


def test_quartiles_are_those_of_the_statistics_module():
    values = [3.0, 1.0, 2.0, 5.0, 4.0, 9.0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    assert quartiles(values) == (low, high)
    assert quartiles([2.0]) == (2.0, 2.0)
    assert math.isnan(quartiles([])[0])
