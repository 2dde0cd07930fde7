"""Grammars (GBNF, llama.cpp's notation) of the numbers of a range, digit by digit."""

from __future__ import annotations

import math
from collections.abc import Iterator

__all__ = ["integer_grammar", "number_grammar"]

_DIGITS = 12
"""Digits of a number without a bound: a model that goes on writing digits must come to an end."""

_FRACTION = 6


def integer_grammar(low: float | None, high: float | None) -> str:
    """The integers from *low* to *high*, both included; None is no bound. ValueError if there is none.

    >>> integer_grammar(3, 12)
    '[3-9] | "1" [0-2]'
    """
    lowest = None if low is None else math.ceil(low)
    highest = None if high is None else math.floor(high)
    if lowest is not None and highest is not None and lowest > highest:
        raise ValueError(f"no integer lies between {low} and {high}")
    parts = []
    if lowest is None or lowest < 0:
        nearest = 1 if highest is None or highest >= 0 else -highest
        parts += [f'"-" ({_naturals(nearest, None if lowest is None else -lowest)})']
    if highest is None or highest >= 0:
        parts += [_naturals(max(lowest or 0, 0), highest)]
    return " | ".join(parts)


def number_grammar(low: float | None, high: float | None) -> str:
    """Decimal numbers between *low* and *high*; None is no bound. Of a range narrower than a hundredth, a
    hundred numbers evenly apart.

    >>> number_grammar(0, 2)
    '([0-1]) ("." [0-9]{1,6})? | "2" (".0")?'
    """
    if low is not None and high is not None and low > high:
        raise ValueError(f"no number lies between {low} and {high}")
    parts = []
    if low is None or low < 0:
        top = 0.0 if high is None or high >= 0 else -high
        parts += [f'"-" ({part})' for part in _decimals(top, None if low is None else -low)]
    if high is None or high >= 0:
        parts += _decimals(max(low or 0.0, 0.0), high)
    if not parts and low is not None and high is not None:
        step = (high - low) / 100
        some = dict.fromkeys(f"{low + step * at:.10g}" for at in range(101))
        parts = [f'"{text}"' for text in some if low <= float(text) <= high and "e" not in text]
    if not parts:
        raise ValueError(f"no number that could be written lies between {low} and {high}")
    return " | ".join(parts)


def _decimals(low: float, high: float | None) -> Iterator[str]:
    """Numbers from *low* to *high*, neither below 0, by their whole part; hundredths beside a bound that is
    not whole."""
    first, last = math.ceil(low), None if high is None else math.floor(high)
    if first > low:
        most = 99 if high is None or high >= first else math.floor((high - first + 1) * 100)
        yield from _hundredths(first - 1, math.ceil((low - first + 1) * 100), most)
    if last is None or first < last:
        whole = _naturals(first, None if last is None else last - 1)
        yield f'({whole}) ("." [0-9]{{1,{_FRACTION}}})?'
    if high is not None and last is not None and first <= last:
        yield f'"{last}" (".0")?'
        yield from _hundredths(last, 1, math.floor((high - last) * 100))


def _hundredths(whole: int, least: int, most: int) -> Iterator[str]:
    if least <= most:
        yield f'"{whole}." ({" | ".join(_same_length(f"{least:02}", f"{most:02}"))})'


def _naturals(low: int, high: int | None) -> str:
    """Natural numbers from *low* to *high*, without leading zeros."""
    parts = []
    longest = max(_DIGITS, len(str(low))) if high is None else len(str(high))
    for digits in range(len(str(low)), longest + 1):
        least = max(low, 10 ** (digits - 1) if digits > 1 else 0)
        most = 10**digits - 1 if high is None else min(high, 10**digits - 1)
        if high is None and digits > len(str(low)):  # all longer ones alike
            parts.append(f"[1-9] [0-9]{{{digits - 1},{longest - 1}}}")
            break
        parts += _same_length(str(least), str(most))
    return " | ".join(parts)


def _same_length(low: str, high: str) -> Iterator[str]:
    """Alternatives for the digit strings from *low* to *high*, which have the same length."""
    rest = len(low) - 1
    if set(low[1:]) <= {"0"} and set(high[1:]) <= {"9"}:
        yield _digit(low[0], high[0]) + _any_digits(rest)
    elif low[0] == high[0]:
        for tail in _same_length(low[1:], high[1:]):
            yield f'"{low[0]}" {tail}'
    else:
        for tail in _same_length(low[1:], "9" * rest):
            yield f'"{low[0]}" {tail}'
        if int(low[0]) + 1 <= int(high[0]) - 1:
            yield _digit(str(int(low[0]) + 1), str(int(high[0]) - 1)) + _any_digits(rest)
        for tail in _same_length("0" * rest, high[1:]):
            yield f'"{high[0]}" {tail}'


def _digit(low: str, high: str) -> str:
    return f'"{low}"' if low == high else f"[{low}-{high}]"


def _any_digits(many: int) -> str:
    return "" if not many else " [0-9]" if many == 1 else f" [0-9]{{{many}}}"
