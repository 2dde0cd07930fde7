"""What the notebook of the live view's bench imports: chains that write at a given pace, and notes of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from workbench.runnables.base import Runnable
from workbench.runnables.function import RunnableGenerator, RunnableLambda
from workbench.runnables.parallel import RunnableParallel
from workbench.runnables.sequence import RunnableSequence

__all__ = ["TOKEN_CHARACTERS", "long_stream", "steps", "tree", "write_notes"]

TOKEN_CHARACTERS = 5
NOTE_EVERY = 1_000
FIRST_TOKEN_S = 0.3
"""As models have it. Before it the view comes into the page, which is a figure of its own."""
_began: list[float] = []
_sent: dict[str, list[float]] = {}
_used: list[tuple[int, float, float]] = []


def tree(branches: int, steps_each: int, tokens_each: int, per_s: float) -> Runnable[Any, Any]:
    """*branches* side by side, each a sequence of *steps_each* steps of which the last writes."""
    _sent.clear()
    _began[:] = [time.time()]
    return RunnableParallel(
        {f"b{n}": _branch(f"b{n}", steps_each, tokens_each, per_s) for n in range(branches)}
    )


def long_stream(tokens: int, per_s: float) -> Runnable[Any, Any]:
    _sent.clear()
    _used.clear()
    return _writer("", tokens, per_s)


def steps(count: int) -> Runnable[Any, Any]:
    """A sequence of *count* steps."""
    return RunnableSequence(*[RunnableLambda(_same, name=f"step_{n}") for n in range(count)])


def write_notes(path: str) -> None:
    """When the tree was made and when each token was sent, by branch (seconds since the epoch); and for each
    thousandth token of the stream its number, its time, and the CPU seconds of the kernel by then."""
    Path(path).write_text(json.dumps({"began": _began, "sent": _sent, "used": _used}))


def _branch(key: str, steps_each: int, tokens: int, per_s: float) -> Runnable[Any, Any]:
    before = [RunnableLambda(_same, name=f"step_{n}") for n in range(steps_each - 1)]
    return RunnableSequence(*before, _writer(key, tokens, per_s))


def _writer(key: str, tokens: int, per_s: float) -> Runnable[Any, Any]:
    sent = _sent.setdefault(key, [])

    async def write(inputs: AsyncIterator[Any]) -> AsyncIterator[str]:
        async for _ in inputs:
            pass
        clock = asyncio.get_running_loop()
        start = clock.time() + FIRST_TOKEN_S
        for number in range(tokens):
            await asyncio.sleep(max(0.0, start + number / per_s - clock.time()))
            now = time.time()
            sent.append(now)
            if number % NOTE_EVERY == 0:
                _used.append((number, now, time.process_time()))
            yield f"{number % 10_000:04d} "

    return RunnableGenerator(write, name="writer")


async def _same(value: Any) -> Any:
    return value
