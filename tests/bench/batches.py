"""What an input of a batch costs, and how close work side by side comes to the time it must take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .case import Case, atimed, efficiency, ratio, timed

__all__ = ["cases"]

INPUTS = 1_000
NAPS_S = ([0.04, 0.005, 0.02, 0.01] * 4, [0.005, 0.04, 0.01, 0.03] * 4)
"""Per step, how long each input sleeps: what is slow in one step is fast in the other, so that a barrier
between the steps shows."""


def cases(sides: tuple[Any, Any]) -> list[Case]:
    def batch(side: Any) -> float:
        return timed(lambda: side.single.batch(list(range(INPUTS))), INPUTS)

    def abatch(side: Any) -> float:
        return atimed(lambda: side.asingle.abatch(list(range(INPUTS))), INPUTS)

    def branches(side: Any) -> Any:
        return side.Parallel({str(number): side.napping(0.02) for number in range(8)})

    pipeline_s = max(map(sum, zip(*NAPS_S, strict=True)))
    inputs = list(range(16))
    return [
        ratio("batch", "s/item", batch, sides, 1 / 6),
        ratio("abatch", "s/item", abatch, sides, 1 / 6),
        *_both("8 branches of 20 ms", 0.02, branches, "invoke", 0, {}, sides, 0.9),
        *_both(
            "200 sleeps of 10 ms, 50 at a time",
            0.04,
            lambda side: side.napping(0.01),
            "batch",
            list(range(200)),
            {"max_concurrency": 50},
            sides,
            0.85,
        ),
        *_both(
            "16 inputs, 2 uneven steps",
            pipeline_s,
            lambda side: side.napping_as_told(NAPS_S),
            "batch",
            inputs,
            {},
            sides,
            0.85,
        ),
    ]


def _both(
    name: str,
    best_s: float,
    make: Callable[[Any], Any],
    method: str,
    input: Any,
    config: dict[str, Any],
    sides: tuple[Any, Any],
    target: float,
) -> list[Case]:
    """The case in its synchronous and its asynchronous form."""

    def sync(side: Any) -> float:
        chain = make(side)
        getattr(chain, method)(input, config)  # threads are there from then on
        return timed(lambda: getattr(chain, method)(input, config))

    def asynchronous(side: Any) -> float:
        chain = make(side)
        return atimed(lambda: getattr(chain, f"a{method}")(input, config))

    return [
        efficiency(f"{name}, {method}", best_s, sync, sides, target),
        efficiency(f"{name}, a{method}", best_s, asynchronous, sides, target),
    ]
