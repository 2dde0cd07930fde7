"""Make producers wait for a slow reader, and stop work.

Both work across threads and event loops. They wait by a ``Waiter``, of which there are two kinds: a
thread blocks on one, a task awaits the other. A scope knows which kind it needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

__all__ = ["Gate", "Stop", "TaskWaiter", "ThreadWaiter", "Waiter", "running_loop"]


class Waiter(Protocol):
    """Something to wait on once; ``wake`` may be called from any thread."""

    async def wait(self) -> None: ...
    def wake(self) -> None: ...


class ThreadWaiter:
    """Blocks the calling thread; its coroutine never suspends."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    async def wait(self) -> None:
        self._lock.acquire()

    def wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # woken already
            self._lock.release()


class TaskWaiter:
    """Suspends the calling task."""

    __slots__ = ("_future", "_loop")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future = self._loop.create_future()

    async def wait(self) -> None:
        await self._future

    def wake(self) -> None:
        if running_loop() is self._loop:  # without a wake-up call through the loop's socket
            self._set()
        else:
            self._loop.call_soon_threadsafe(self._set)

    def _set(self) -> None:
        if not self._future.done():
            self._future.set_result(None)


def running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Gate:
    """Keeps producers from running ahead of a reader by more than *bound* items.

    *behind* returns how many items wait for the reader. ``reader`` is the thread of the reader's event loop,
    if it has one: work that blocks this thread never waits here, or the reader could not catch up.
    """

    def __init__(self, bound: int, behind: Callable[[], int]) -> None:
        self.bound = bound
        self.behind = behind
        self.reader: int | None = None
        self._queue: deque[Waiter] = deque()

    @property
    def closed(self) -> bool:
        return self.behind() >= self.bound

    def took(self) -> None:
        """The reader has taken items."""
        if self._queue and not self.closed:
            self._wake_all()

    def open(self) -> None:
        """Nobody waits from now on: the reader is gone, or wants everything."""
        self.bound = 1 << 62
        self._wake_all()

    async def wait(self, new_waiter: Callable[[], Waiter]) -> None:
        """Wait while the reader is behind."""
        if new_waiter is ThreadWaiter and threading.get_ident() == self.reader:
            return
        waiter = new_waiter()
        self._queue.append(waiter)
        # Looked at again once it is in the queue: the reader may have caught up in between.
        if self.closed:
            await waiter.wait()
        else:
            self._wake_all()

    def _wake_all(self) -> None:
        while self._queue:
            try:
                waiter = self._queue.popleft()
            except IndexError:  # somebody else woke the last one
                return
            waiter.wake()


class Stop:
    """A request to stop, seen by work in threads, which nobody can cancel from outside.

    The engine's verbs check it before they call user code; code that waits for a socket registers a hook
    that closes it.
    """

    __slots__ = ("_hooks", "_lock", "leave", "requested")

    def __init__(self, outer: Stop | None = None) -> None:
        self.requested = False
        self._lock = threading.Lock()
        self._hooks: list[Callable[[], None]] = []
        self.leave: Callable[[], None] = (lambda: None) if outer is None else outer.on_request(self.request)
        """Call this when the work is over: a request to the outer stop no longer reaches it then."""

    def request(self) -> None:
        with self._lock:
            self.requested = True
            hooks, self._hooks = self._hooks, []
        for hook in hooks:
            hook()

    def on_request(self, hook: Callable[[], None]) -> Callable[[], None]:
        """Call *hook* when the stop is requested (at once if it was). Returns a function that
        withdraws it."""
        with self._lock:
            if not self.requested:
                self._hooks.append(hook)
                return lambda: self._withdraw(hook)
        hook()
        return lambda: None

    def _withdraw(self, hook: Callable[[], None]) -> None:
        with self._lock:
            if hook in self._hooks:
                self._hooks.remove(hook)
