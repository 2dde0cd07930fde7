"""Run a chain and stream the frames of its live view: the messages that a notebook's view gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from ..engine.config import RunnableConfig, merge_configs
from ..engine.tasks import end_tasks
from ..patch.operations import Op
from ..runnables.base import Runnable
from .codec import FrameCodec
from .state import LiveState

__all__ = ["frames_of"]

FRAME_S = 0.033

ShownError = Callable[[dict[str, str]], dict[str, str]]


async def frames_of(
    chain: Runnable[Any, Any], input: Any, config: RunnableConfig, *, shown_error: ShownError
) -> AsyncGenerator[dict[str, Any], None]:
    """The frames of one run, to its end; closing stops the run. A run that fails ends in a frame with its
    error, which is not raised. *shown_error* gives what the reader may know of an error's data."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    live = LiveState(lambda urgent: _notify(loop, changed))
    observed = merge_configs(config, {"callbacks": [live]})

    async def work() -> None:
        async with aclosing(chain.astream(input, observed)) as chunks:  # type: ignore[type-var]
            async for _ in chunks:
                pass

    codec, sent = FrameCodec(), 0
    task = asyncio.create_task(work())
    task.add_done_callback(lambda _: changed.set())
    try:
        while not task.done():
            await changed.wait()
            changed.clear()
            if frame := live.since(sent):
                sent = frame["b"]
                yield _message(frame, codec, shown_error)
            await asyncio.wait([task], timeout=FRAME_S)
        live.set_status("failed" if task.cancelled() or task.exception() else "done")
        if frame := live.since(sent):
            yield _message(frame, codec, shown_error)
    finally:
        await end_tasks([task])


def _notify(loop: asyncio.AbstractEventLoop, changed: asyncio.Event) -> None:
    if not changed.is_set():  # from whatever thread the change is made in
        loop.call_soon_threadsafe(changed.set)


def _message(frame: dict[str, Any], codec: FrameCodec, shown_error: ShownError) -> dict[str, Any]:
    ops = [_with_shown_error(op, shown_error) for op in frame["ops"]]
    return {"k": "frame", **frame, "ops": codec.pack(ops)}


def _with_shown_error(op: Op, shown_error: ShownError) -> Op:
    if not op["path"].endswith("/error") or not isinstance(op.get("value"), dict):
        return op
    return {**op, "value": {"traceback": "", **shown_error(op["value"])}}
