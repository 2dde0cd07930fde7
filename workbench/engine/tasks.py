"""Wait until all of some tasks have ended, even if the task that waits is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

__all__ = ["end_tasks", "wait_for_all"]


async def end_tasks(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until the last one has ended. What they raise is not raised here."""
    for task in tasks:
        task.cancel()
    cancelled = await wait_for_all(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen: the first failure is the one that is raised
    if cancelled is not None:
        raise cancelled


async def wait_for_all(futures: Sequence[asyncio.Future[Any]]) -> asyncio.CancelledError | None:
    """Wait until all are done, whatever comes of them. A cancellation of the waiting is returned, for the
    caller to raise when it has cleaned up."""
    cancelled: asyncio.CancelledError | None = None
    while pending := [future for future in futures if not future.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled
