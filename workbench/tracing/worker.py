"""A run in a worker thread, watched from the calling one: how logs and events come without an event loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any

from ..engine import threads
from ..engine.limits import Gate, Stop
from ..engine.modes import Blocking
from ..engine.runs import Run
from ..engine.scope import current
from .log import AHEAD, LogWriter, RunLog, RunLogPatch

__all__ = ["CLOSE_S", "ThreadMailbox", "logs"]

CLOSE_S = 1.0
"""Seconds that closing waits for the step that is just running; nothing is started after the close."""

_OVER: Any = object()


class ThreadMailbox:
    """Where a run's observers, in any thread, leave items for one reader in a thread of its own."""

    def __init__(self, bound: int) -> None:
        self._items: SimpleQueue[Any] = SimpleQueue()
        self.gate = Gate(bound, self._items.qsize)
        self._error: BaseException | None = None

    def put(self, item: Any) -> None:
        self._items.put(item)

    def while_running(self, open_stream: Callable[[], Iterator[Any]]) -> Generator[Any, None, None]:
        """Pull the stream to its end in a worker thread, and yield what is put meanwhile."""
        __tracebackhide__ = True
        scope = Blocking.enter()
        stop = Stop(scope.stop)
        watched = scope.stopping_with(stop)
        watched.held = scope.lent
        context = copy_context()
        context.run(current.set, watched)
        threads.start(lambda: context.run(self._pump, open_stream, stop))
        over = patient = False
        try:
            half = self.gate.bound // 2
            while (item := self._items.get()) is not _OVER:
                yield item
                if self._items.qsize() <= half:
                    self.gate.took()
            over = True
        except GeneratorExit:
            patient = True
            raise
        finally:
            self.gate.open()
            stop.leave()
            if not over:
                stop.request()
            if patient:  # closed; a Ctrl-C gets the prompt back now
                self._wait_over()
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # no reference cycle through the traceback

    def _pump(self, open_stream: Callable[[], Iterator[Any]], stop: Stop) -> None:
        __tracebackhide__ = True
        try:
            with closing(open_stream()) as chunks:  # type: ignore[type-var]  # streams can be closed
                for _ in chunks:
                    if stop.requested:
                        break
        except BaseException as error:
            self._error = error
        finally:
            self._items.put(_OVER)

    def _wait_over(self) -> None:
        until = time.monotonic() + CLOSE_S
        try:
            while self._items.get(timeout=max(until - time.monotonic(), 0.0)) is not _OVER:
                pass
        except Empty:
            pass


def logs(
    open_stream: Callable[[LogWriter], Iterator[Any]],
    keep: Callable[[Run], bool],
    *,
    diff: bool,
    with_streamed_output_list: bool,
) -> Iterator[RunLogPatch]:
    """``stream_log`` of the log without an event loop: the run is in a worker thread."""
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
