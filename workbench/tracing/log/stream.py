"""The log of a chain while it runs: on an event loop, or in a worker thread."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from typing import Any

from ...engine.runs import Run
from ..mailboxes import Mailbox, ThreadMailbox
from .patches import RunLog, RunLogPatch
from .writer import LogWriter

__all__ = ["astream_log", "stream_log"]

AHEAD = 128
"""Patches that a run may write before their reader takes them."""


def astream_log(
    open_stream: Callable[[LogWriter], AsyncIterator[Any]],
    keep: Callable[[Run], bool],
    *,
    diff: bool,
    with_streamed_output_list: bool,
) -> AsyncGenerator[Any, None]:
    """Run the stream that *open_stream* opens under a given observer, and yield its patches, or with
    ``diff=False`` the logs so far. Stops the run when closed; a reader that stalls stalls the run."""
    mailbox = Mailbox(AHEAD)
    writer = LogWriter(
        mailbox.put, keep=keep, with_streamed_output_list=with_streamed_output_list, gate=mailbox.gate
    )
    patches = mailbox.while_running(lambda: open_stream(writer))
    return patches if diff else _logs_so_far(patches)


async def _logs_so_far(patches: AsyncGenerator[RunLogPatch, None]) -> AsyncGenerator[RunLog, None]:
    __tracebackhide__ = True
    log: RunLog | None = None
    async with aclosing(patches):
        async for patch in patches:
            log = RunLog(*patch.ops) if log is None else log + patch
            yield log


def stream_log(
    open_stream: Callable[[LogWriter], Iterator[Any]],
    keep: Callable[[Run], bool],
    *,
    diff: bool,
    with_streamed_output_list: bool,
) -> Iterator[RunLogPatch]:
    """``astream_log`` without an event loop: the run is in a worker thread."""
    __tracebackhide__ = True
    mailbox = ThreadMailbox(AHEAD)
    writer = LogWriter(
        mailbox.put, keep=keep, with_streamed_output_list=with_streamed_output_list, gate=mailbox.gate
    )
    log: RunLog | None = None
    with closing(mailbox.while_running(lambda: open_stream(writer))) as patches:
        for patch in patches:
            if diff:
                yield patch
            else:
                log = RunLog(*patch.ops) if log is None else log + patch
                yield log
