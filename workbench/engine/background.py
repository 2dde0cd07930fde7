"""The event loop that the runs of a notebook use, in a thread of its own.

The main thread waits for it in short slices, so that Ctrl-C and a Stop button work in every kernel, and a
chain behaves the same in JupyterLab, nbclient and a terminal, whatever loop runs in the main thread.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from .loop_thread import GRACE_S, SLICE_S, LoopThread

__all__ = ["BackgroundTask", "start", "when_done"]

T = TypeVar("T")

THREAD_NAME = "workbench-loop"

_thread = LoopThread(THREAD_NAME)


class BackgroundTask(Generic[T]):
    """Work on the background loop."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False
        self._loop = _thread.loop
        context = copy_context()
        self._loop.call_soon_threadsafe(self._start, work, context, context=context)

    def cancel(self) -> None:
        """Ask the work to stop; from any thread, any number of times."""
        self._cancelled = True
        self._loop.call_soon_threadsafe(self._cancel)

    def done(self) -> bool:
        return self._future.done()

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

    def _start(self, work: Callable[[], Coroutine[Any, Any, T]], context: Any) -> None:
        self._task = self._loop.create_task(self._run(work), context=context)
        if self._cancelled:
            self._task.cancel()
        self._task.add_done_callback(self._ended)

    async def _run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        __tracebackhide__ = True
        try:
            result = await work()
        except (KeyboardInterrupt, SystemExit) as error:
            # Raised by user code (exit() in a function, say). On the loop they would end its thread.
            self._future.set_exception(error)
            return
        if not self._future.done():
            self._future.set_result(result)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._future.done():
            return
        if task.cancelled():
            self._future.set_exception(concurrent.futures.CancelledError("stopped"))
        elif (error := task.exception()) is not None:
            self._future.set_exception(error)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


def start(work: Callable[[], Coroutine[Any, Any, T]]) -> BackgroundTask[T]:
    """Run the coroutine that *work* returns on the background loop, in the caller's context."""
    return BackgroundTask(work)


def when_done(future: concurrent.futures.Future[Any], callback: Callable[[], None]) -> None:
    """Call *callback* when *future* is done, in a thread of its own: it may wait for the thread that ends the
    work. At once if it is done."""
    if future.done():
        callback()
        return
    future.add_done_callback(
        lambda _: threading.Thread(target=callback, name="workbench-over", daemon=True).start()
    )
