"""The event loop that the runs of a notebook use, in a thread of its own.

The main thread waits for it in short slices, so that Ctrl-C and a Stop button work in every kernel, and a
chain behaves the same in JupyterLab, nbclient and a terminal, whatever loop runs in the main thread.

An asynchronous step that blocks (``time.sleep`` in an ``async def``) holds up the loop and with it every
other run. While there is work, ``LoopWatch`` notes such steps. Work that is told to stop while the loop is
blocked cannot be: then the loop is abandoned with its thread, all work on it ends here, and the next work
gets a new loop. The abandoned thread ends as soon as the step lets it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from .blocked import BlockedStep, LoopWatch
from .loop_thread import BLOCKED_S, GRACE_S, SLICE_S, LoopThread

__all__ = ["BackgroundTask", "BlockedLoopError", "start", "when_done"]

T = TypeVar("T")

THREAD_NAME = "workbench-loop"

_thread = LoopThread(THREAD_NAME)
_watch = LoopWatch()


class BlockedLoopError(concurrent.futures.CancelledError):
    """Work was given up, because a step blocked the event loop that it was on."""


class BackgroundTask(Generic[T]):
    """Work on the background loop, once it was begun."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._work = work
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._is_cancelled

    def begin(self) -> BackgroundTask[T]:
        """Run it, in the caller's context."""
        context = copy_context()
        self._loop = loop = _thread.loop
        _watch.add(self, loop)
        loop.call_soon_threadsafe(self._start, context, context=context)
        return self

    def cancel(self) -> None:
        """Ask the work to stop; from any thread, any number of times."""
        self._is_cancelled = True
        if self._future.done():
            return
        if self._loop is None:  # an interrupt came before it was begun
            self._end(concurrent.futures.CancelledError("stopped"))
            return
        self._loop.call_soon_threadsafe(self._cancel)
        if not _thread.is_current():
            threading.Thread(target=self._give_up_if_blocked, name="workbench-stop", daemon=True).start()

    def done(self) -> bool:
        return self._future.done()

    def wait_over(self, timeout_s: float) -> None:
        """Wait until it is over, at most so long, whatever comes of it."""
        concurrent.futures.wait([self._future], timeout_s)

    def when_over(self, callback: Callable[[BaseException | None], None]) -> None:
        """Call *callback* with the error, or None, at the end, however it ends."""
        self._future.add_done_callback(lambda future: callback(future.exception()))

    def wait(self) -> T:
        """The result. Raises what the work raised, ``concurrent.futures.CancelledError`` if it was
        cancelled; an interrupt (Ctrl-C) cancels it, lets it end, and goes on as KeyboardInterrupt."""
        __tracebackhide__ = True
        if _thread.is_current():
            raise RuntimeError("waiting for the background loop from the background loop would never end")
        try:
            while not self._future.done():
                concurrent.futures.wait([self._future], SLICE_S)
        except KeyboardInterrupt:
            self.cancel()
            concurrent.futures.wait([self._future], GRACE_S)
            raise KeyboardInterrupt from None  # without the frames of the waiting, which say nothing
        # Not result(): the traceback should show the user's frames, and none of concurrent.futures.
        error = self._future.exception()
        if error is not None:
            raise error
        return self._future.result()

    def _start(self, context: Any) -> None:
        loop = self._loop
        if self._is_cancelled or self._future.done() or loop is None:
            self._end(concurrent.futures.CancelledError("stopped"))
            return
        self._task = loop.create_task(self._run(), context=context)
        self._task.add_done_callback(self._ended)

    async def _run(self) -> None:
        __tracebackhide__ = True
        try:
            result = await self._work()
        except (KeyboardInterrupt, SystemExit) as error:
            # Raised by user code (exit() in a function, say). On the loop they would end its thread.
            self._end(error)
            return
        if not self._future.done():
            self._future.set_result(result)

    def _ended(self, task: asyncio.Task[None]) -> None:
        _watch.remove(self)
        if task.cancelled():
            self._end(concurrent.futures.CancelledError("stopped"))
        elif (error := task.exception()) is not None:
            self._end(error)

    def _end(self, error: BaseException) -> None:
        _watch.remove(self)
        try:
            if not self._future.done():
                self._future.set_exception(error)
        except concurrent.futures.InvalidStateError:  # ended at this very moment, elsewhere
            pass

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        else:
            self._end(concurrent.futures.CancelledError("stopped"))

    def _give_up_if_blocked(self) -> None:
        """Abandon the loop if it does not even answer: what blocks it cannot be stopped."""
        loop = self._loop
        if loop is None or _thread.answers(loop, BLOCKED_S):
            return
        step = BlockedStep.of(_thread.thread_of(loop))
        if not _thread.abandon(loop):  # another has
            return
        shown = "a step" if step is None else step.shown
        for task in _watch.of(loop):
            error = BlockedLoopError(
                f"{shown} blocked the event loop of all background runs; they were given up"
            )
            task._end(error)


def start(work: Callable[[], Coroutine[Any, Any, T]]) -> BackgroundTask[T]:
    """Run the coroutine that *work* returns on the background loop, in the caller's context."""
    return BackgroundTask(work).begin()


def when_done(future: concurrent.futures.Future[Any], callback: Callable[[], None]) -> None:
    """Call *callback* when *future* is done, in a thread of its own: it may wait for the thread that ends the
    work. At once if it is done."""
    if future.done():
        callback()
        return
    future.add_done_callback(
        lambda _: threading.Thread(target=callback, name="workbench-over", daemon=True).start()
    )
