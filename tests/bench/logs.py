"""What a token costs in a run log: as patches, as logs so far, added up, and in memory when it is kept."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

from .case import Case, growth, ratio, timed
from .sides import TOPIC, Ours, Peer
from .tokens import per_token

__all__ = ["cases", "kept_log_mib"]

LONG, SHORT = 10_000, 1_000
SLOW = 150
"""Tokens where the peer's cost a token grows with their number: it needs minutes for a thousand."""


def cases(sides: tuple[Any, Any]) -> list[Case]:
    ours, _ = sides

    def log(side: Any, n: int, chain: str = "chat", **options: Any) -> float:
        return per_token(getattr(side, chain), "astream_log", n, **options)

    def token(name: str, n: int, target: float, repeats: int = 3, peer_repeats: int = 3, **o: Any) -> Case:
        def work(side: Any) -> float:
            return log(side, n, **o)

        return ratio(name, "s/token", work, sides, target, repeats=repeats, peer_repeats=peer_repeats)

    return [
        token("astream_log, generator", SHORT, 1 / 20, chain="agenerator"),
        token("astream_log, chat model", SHORT, 1 / 20),
        token("astream_log, chat model, 10,000 tokens", LONG, 1 / 20, peer_repeats=1),
        growth("astream_log, 10,000 tokens over 1,000", lambda n: log(ours, n), SHORT, LONG),
        token("astream_log(diff=False), 150 tokens", SLOW, 1 / 20, diff=False),
        growth(
            "astream_log(diff=False), 10,000 tokens over 1,000",
            lambda n: log(ours, n, diff=False),
            SHORT,
            LONG,
        ),
        ratio("RunLog + patch, 150 tokens", "s/patch", lambda side: _added(side, SLOW), sides, 1 / 20),
        growth("RunLog + patch, 10,000 tokens over 1,000", lambda n: _added(ours, n), SHORT, LONG),
        Case(
            "a kept log of 10,000 tokens",
            "MiB",
            lambda: _in_a_new_process("ours"),
            lambda: _in_a_new_process("peer"),
            1 / 10,
            repeats=2,
            peer_repeats=1,
        ),
    ]


def _added(side: Any, n: int) -> float:
    """Seconds to add a patch to the log so far, over those of *n* tokens."""
    first, *patches = asyncio.run(_patches(side.chat(n)))

    def add() -> None:
        log = side.RunLogPatch() + first
        for patch in patches:
            log = log + patch

    return timed(add, len(patches))


async def _patches(chain: Any) -> list[Any]:
    return [patch async for patch in chain.astream_log(TOPIC)]


def kept_log_mib(side: Any, n: int) -> float:
    """MiB of resident memory that all patches of a run of *n* tokens take."""
    asyncio.run(_patches(side.chat(10)))  # what is loaded on first use
    before = _resident_mib()
    patches = asyncio.run(_patches(side.chat(n)))
    grown = _resident_mib() - before
    del patches
    return grown


def _resident_mib() -> float:
    import resource

    with open("/proc/self/statm") as memory:
        return int(memory.read().split()[1]) * resource.getpagesize() / 2**20


def _in_a_new_process(side: str) -> float:
    command = [sys.executable, "-W", "ignore", "-m", __name__, side]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    print(kept_log_mib({"ours": Ours, "peer": Peer}[sys.argv[1]](), LONG))
