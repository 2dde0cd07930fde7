"""A case: a figure, measured on both sides, and what it should reach.

A figure is what one run of the work costs per unit (step, token, item), or, where ``unit`` says so, another
one: an *efficiency* (the time the work needs at best over the time it took, 1 at best) or a *growth* (the
cost per token of a long stream over that of a short one, 1 if the cost is linear) or one with a *limit* of
its own, in its ``unit``.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Case", "Kind", "Result", "atimed", "drain", "efficiency", "growth", "measure", "ratio", "timed"]

Kind = Literal["ratio", "efficiency", "growth", "limit"]
Figure = Callable[[], float]


@dataclass(frozen=True)
class Case:
    """``ours`` and ``peer`` each run the work once and return the figure.

    ``target`` is for ours over peer, at most, if ``kind`` is ratio; else for ours alone: at least for an
    efficiency, at most for a growth and a limit. ``peer_repeats``: how often the peer's is measured, where
    once takes long; 0 where it would take minutes.
    """

    name: str
    unit: str
    ours: Figure
    peer: Figure
    target: float
    kind: Kind = "ratio"
    repeats: int = 5
    peer_repeats: int = 5


@dataclass(frozen=True)
class Result:
    """Medians of both sides; ``peer`` is nan if it was not measured."""

    case: Case
    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        return self.ours / self.peer

    @property
    def reached(self) -> bool:
        if self.case.kind == "ratio":
            return self.ratio <= self.case.target
        if self.case.kind == "efficiency":
            return self.ours >= self.case.target
        return self.ours <= self.case.target


def measure(case: Case, *, quick: bool = False) -> Result:
    """Both sides in turn, so that drift of the machine hits both; a first run of ours warms up."""
    repeats = min(case.repeats, 2) if quick else case.repeats
    peer_repeats = min(case.peer_repeats, repeats)
    ours: list[float] = []
    peer: list[float] = []
    if case.kind not in ("growth", "limit"):
        case.ours()
    for number in range(repeats):
        ours.append(case.ours())
        if number < peer_repeats:
            peer.append(case.peer())
    return Result(case, statistics.median(ours), statistics.median(peer) if peer else math.nan)


def ratio(
    name: str,
    unit: str,
    work: Callable[[Any], float],
    sides: tuple[Any, Any],
    target: float,
    *,
    repeats: int = 5,
    peer_repeats: int = 5,
) -> Case:
    """The case of one function that does its work on either side."""
    ours, peer = sides
    return Case(
        name,
        unit,
        lambda: work(ours),
        lambda: work(peer),
        target,
        repeats=repeats,
        peer_repeats=peer_repeats,
    )


def efficiency(
    name: str, best_s: float, work: Callable[[Any], float], sides: tuple[Any, Any], target: float
) -> Case:
    """The case of work that takes *best_s* seconds if nothing waits longer than it must."""
    ours, peer = sides
    return Case(name, "", lambda: best_s / work(ours), lambda: best_s / work(peer), target, "efficiency")


def growth(name: str, cost: Callable[[int], float], short: int, long: int, target: float = 1.2) -> Case:
    """The case of ours alone (the peer's cost may grow too much to wait for): *cost* a token of a *long*
    stream over that of a *short* one, each the least of three."""

    def figure() -> float:
        costs = [(cost(short), cost(short), cost(long)) for _ in range(3)]
        return min(long for *_, long in costs) / min(short for *both, _ in costs for short in both)

    return Case(name, "", figure, lambda: math.nan, target, "growth", peer_repeats=0)


def timed(work: Callable[[], Any], units: int = 1) -> float:
    """Seconds a unit of *work* takes."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) / units


def atimed(work: Callable[[], Awaitable[Any]], units: int = 1) -> float:
    """The same of asynchronous work, which is done twice: once to start the loop and the threads."""

    async def main() -> float:
        await work()
        started = time.perf_counter()
        await work()
        return (time.perf_counter() - started) / units

    return asyncio.run(main())


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass
