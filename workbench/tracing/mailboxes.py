"""Queues between the observers of a run and one reader: the run waits when too many items are unread.

The run is a task of the reader's event loop (``Mailbox``), or in a worker thread (``ThreadMailbox``).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, closing
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any

from ..engine import threads
from ..engine.limits import Gate, Stop
from ..engine.modes import Blocking
from ..engine.scope import current
from ..engine.tasks import end_tasks

__all__ = ["CLOSE_S", "Mailbox", "ThreadMailbox"]

CLOSE_S = 1.0
"""Seconds that closing waits for the step that is just running; nothing is started after the close."""

_OVER: Any = object()


class Mailbox:
    """Where a run's observers, in any thread, leave items for one reader on an event loop."""

    def __init__(self, bound: int) -> None:
        self._items: deque[Any] = deque()
        self.gate = Gate(bound, self._items.__len__)
        self._waiter: asyncio.Future[None] | None = None

    def put(self, item: Any) -> None:
        self._items.append(item)
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if threading.get_ident() == self._thread:
                _wake(waiter)
            else:
                self._loop.call_soon_threadsafe(_wake, waiter)

    async def while_running(self, open_stream: Callable[[], AsyncIterator[Any]]) -> AsyncGenerator[Any, None]:
        """Pull the stream to its end in a task, and yield what is put meanwhile."""
        __tracebackhide__ = True

        async def pump() -> None:
            __tracebackhide__ = True
            async with aclosing(open_stream()) as chunks:  # type: ignore[type-var]
                async for _ in chunks:
                    pass

        self._loop = asyncio.get_running_loop()
        self._thread = self.gate.reader = threading.get_ident()
        items, gate, half = self._items, self.gate, self.gate.bound // 2
        task = asyncio.create_task(pump())
        task.add_done_callback(lambda _: _wake(self._waiter))
        try:
            while True:
                while items:
                    yield items.popleft()
                    if len(items) == half:
                        gate.took()
                gate.took()
                if task.done() and not self._items:
                    break
                waiter = self._waiter = self._loop.create_future()
                if not items and not task.done():
                    await waiter
                self._waiter = None
            await task
        finally:
            self.gate.open()
            await end_tasks([task])


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


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
        watched = scope.for_workers(stop)
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
