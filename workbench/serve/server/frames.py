"""A run as the frames of a live view, for the playground: the same messages as a notebook's view gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ...engine.config import merge_configs
from ...engine.event_loop import end_tasks
from ...live.codec import Wire
from ...live.state import LiveState
from ...runnables.base import Runnable
from .options import Errors

__all__ = ["frames_of"]

FRAME_S = 0.033


async def frames_of(
    chain: Runnable[Any, Any], input: Any, config: dict[str, Any], errors: Errors
) -> AsyncGenerator[dict[str, Any], None]:
    """The frames of one run, to its end; closing stops the run. A run that fails ends in a frame that says
    so: its error is told there and not raised."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    live = LiveState(lambda urgent: _tell(loop, changed))
    observed = merge_configs(config, {"callbacks": [live]})  # type: ignore[arg-type]  # it is checked there

    async def work() -> None:
        async with aclosing(chain.astream(input, observed)) as chunks:  # type: ignore[type-var]
            async for _ in chunks:
                pass

    wire, sent = Wire(), 0
    task = asyncio.create_task(work())
    task.add_done_callback(lambda _: changed.set())
    try:
        while not task.done():
            await changed.wait()
            changed.clear()
            if frame := live.since(sent):
                sent = frame["b"]
                yield _message(frame, wire, errors)
            await asyncio.wait([task], timeout=FRAME_S)
        live.set_status("failed" if task.cancelled() or task.exception() else "done")
        if frame := live.since(sent):
            yield _message(frame, wire, errors)
    finally:
        await end_tasks([task])


def _tell(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    if not changed.is_set():  # from whatever thread the change is made in
        loop.call_soon_threadsafe(changed.set)


def _message(frame: dict[str, Any], wire: Wire, errors: Errors) -> dict[str, Any]:
    ops = [_allowed(op, errors) for op in frame["ops"]]
    return {"k": "frame", **frame, "t": int(frame["t"]), "ops": wire.pack(ops)}


def _allowed(op: dict[str, Any], errors: Errors) -> dict[str, Any]:
    """Of an error only what callers may know."""
    if errors == "traceback" or not op["path"].endswith("/error") or not isinstance(op.get("value"), dict):
        return op
    if errors == "hidden":
        return {**op, "value": {"type": "Error", "message": "Internal Server Error", "traceback": ""}}
    return {**op, "value": {**op["value"], "traceback": ""}}
