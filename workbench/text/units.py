"""Quantities as people read them: durations, counts, rates, ratios. Three digits, the unit that fits."""

from __future__ import annotations

import math

__all__ = ["cost", "count", "duration", "logged_duration", "money", "per_second", "rate", "ratio"]

_SMALL = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def duration(seconds: float) -> str:
    """A duration given in seconds; "?" for one that is not a finite number.

    >>> duration(1.2371), duration(0.312), duration(0.0000451), duration(83.2), duration(0)
    ('1.24 s', '312 ms', '45 µs', '1 min 23 s', '0 s')
    """
    if not math.isfinite(seconds):
        return "?"
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds == 0:
        return "0 s"
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    if seconds >= 59.95:
        return f"{whole // 60} min {whole % 60:02d} s"
    for size, unit in _SMALL:
        # The unit is chosen by the rounded value: 0.9996 s is "1.00 s", not "1000 ms".
        if seconds >= 0.9995 * size:
            return f"{_digits(seconds / size, 2 if unit == 's' else 1)} {unit}"
    return f"{seconds / 1e-9:.1g} ns"


def logged_duration(seconds: float) -> str:
    """The time between two times that are logged in whole milliseconds: no finer digits than those.

    >>> logged_duration(0.0124), logged_duration(0.0000002), logged_duration(1.24), logged_duration(95)
    ('12 ms', '<1 ms', '1.24 s', '1 min 35 s')
    """
    if seconds < 0.0005:
        return "<1 ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.0995 else duration(seconds)


def count(number: float) -> str:
    """A count, in groups of three digits.

    >>> count(42), count(12345)
    ('42', '12,345')
    """
    return f"{number:,.0f}"


def rate(per_s: float, what: str = "tokens") -> str:
    """A number a second.

    >>> rate(75.13), rate(7.513), rate(1234.5)
    ('75.1 tokens/s', '7.51 tokens/s', '1,234 tokens/s')
    """
    return f"{count(per_s) if per_s >= 1000 else _digits(per_s, 2)} {what}/s"


def ratio(value: float) -> str:
    """A speed-up.

    >>> ratio(3.456), ratio(12.34), ratio(float("nan"))
    ('3.46x', '12.3x', '?')
    """
    return f"{_digits(value, 2)}x" if math.isfinite(value) else "?"


def money(usd: float) -> str:
    """A price in dollars, two digits below a cent.

    >>> money(1.2345), money(0.0312), money(0.00012345), money(0)
    ('$1.23', '$0.03', '$0.00012', '$0')
    """
    if usd and abs(usd) < 0.01:
        return f"${usd:.{1 - math.floor(math.log10(abs(usd)))}f}"
    return f"${usd:.2f}" if usd else "$0"


def cost(usd: float) -> str:
    """What calls cost, in dollars: three digits, as one call is often less than a cent.

    >>> cost(0.00123456), cost(1.5), cost(0.00000375), cost(0)
    ('$0.00123', '$1.50', '$0.00000375', '$0')
    """
    if not 0 < usd < 0.1:
        return money(usd)
    return f"${usd:.{2 - math.floor(math.log10(usd))}f}".rstrip("0")


def per_second(tokens: int, since_first_s: float) -> float | None:
    """The speed of a stream in tokens a second, from its first token on; None where it has none.

    The first token comes at time zero of that span and is not counted.

    >>> per_second(11, 2.0), per_second(1, 2.0)
    (5.0, None)
    """
    return (tokens - 1) / since_first_s if tokens > 1 and since_first_s > 0 else None


def _digits(value: float, places: int) -> str:
    """At most three digits, at most *places* after the point."""
    if value >= 99.95:
        return f"{value:.0f}"
    if value >= 9.995:
        return f"{value:.{min(places, 1) if places > 1 else 0}f}"
    return f"{value:.{places}f}"
