"""What looking on costs: measuring itself, and the live timeline in a kernel, whose messages go out."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import Any

from .case import Case

__all__ = ["cases"]

STEPS, STEP_S = 5, 0.02
ITEMS = 1_000

IN_A_KERNEL = """
import asyncio, json
from workbench import RunnableLambda, compare

async def nap(value):
    await asyncio.sleep(0.02)
    return value

chain = RunnableLambda(nap)

def seconds(live):
    found = compare(
        chain, range(%d), strategies="abatch", concurrency=50, repeats=1, warmup=0, live=live
    )
    return found.rows[0].median

seconds(True), seconds(False)
pairs = [(seconds(True), seconds(False)) for _ in range(5)]
print("FIGURES", json.dumps(pairs))
"""


def cases(sides: tuple[Any, Any]) -> list[Case]:
    return [
        overhead("measured / not, 5 steps of 20 ms", measuring, 1.03, repeats=3),
        overhead("1,000 items by abatch, timeline / none", live_timeline, 1.05, repeats=1),
    ]


def overhead(name: str, figure: Callable[[], float], target: float, *, repeats: int) -> Case:
    """The case of ours alone: the time with something over the time without."""
    return Case(name, "", figure, lambda: math.nan, target, "growth", repeats=repeats, peer_repeats=0)


def measuring() -> float:
    """A chain under everything that ``compare`` observes it with, divided by the same unobserved; medians of
    runs in turn."""
    from workbench import RunnableLambda, compare

    def nap(value: Any) -> Any:
        time.sleep(STEP_S)
        return value

    chain: Any = RunnableLambda(nap, name="step 1")
    for number in range(2, STEPS + 1):
        chain = chain | RunnableLambda(nap, name=f"step {number}")
    observed, plain = [], []
    for _ in range(5):
        result = compare(chain, [0], strategies="one by one", repeats=1, warmup=0, live=False)
        observed.append(result.rows[0].median)
        started = time.perf_counter()
        chain.invoke(0)
        plain.append(time.perf_counter() - started)
    return statistics.median(observed) / statistics.median(plain)


def live_timeline() -> float:
    """Pairs of runs with and without, in a kernel; the ratio of their medians."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(stderr=subprocess.DEVNULL)
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])
        elif message["msg_type"] == "error":
            raise RuntimeError("\n".join(message["content"]["traceback"]))

    try:
        client.execute_interactive(IN_A_KERNEL % ITEMS, output_hook=hear, timeout=120)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    line = next(line for line in "".join(said).splitlines() if line.startswith("FIGURES"))
    pairs = json.loads(line.removeprefix("FIGURES"))
    live, without = zip(*pairs, strict=True)
    return statistics.median(live) / statistics.median(without)
