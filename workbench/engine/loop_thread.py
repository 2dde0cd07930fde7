"""An event loop in a thread of its own: for work that must not run, or cannot run, on the caller's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading

__all__ = ["BLOCKED_S", "GRACE_S", "SLICE_S", "LoopThread"]

SLICE_S = 0.1
"""How long a thread that waits for work on a loop waits before it looks for signals again."""
GRACE_S = 5.0
"""How long stopped work is given to clean up."""
BLOCKED_S = 1.0
"""A loop that does not answer for so long is blocked."""


class LoopThread:
    """The thread, a daemon, starts with the first use of ``loop`` (and again in a forked child)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = 0

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._loop = asyncio.new_event_loop()
                self._pid = os.getpid()
                self._thread = threading.Thread(
                    target=self._serve, args=(self._loop,), name=self.name, daemon=True
                )
                self._thread.workbench_loop = self._loop  # type: ignore[attr-defined]  # see thread_of
                self._thread.start()
            return self._loop

    def is_current(self) -> bool:
        """Whether the caller is in this thread."""
        return threading.current_thread() is self._thread

    def thread_of(self, loop: asyncio.AbstractEventLoop) -> threading.Thread | None:
        """The thread that runs *loop*; None if another loop has taken its place."""
        with self._lock:
            return self._thread if self._loop is loop else None

    def answers(self, loop: asyncio.AbstractEventLoop, within_s: float) -> bool:
        """Whether a loop is free for anything else within that time."""
        answered = threading.Event()
        try:
            loop.call_soon_threadsafe(answered.set)
        except RuntimeError:  # closed
            return True
        return answered.wait(within_s)

    def abandon(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Leave a loop that is blocked to itself: the next use gets another one. Once it is free again, it
        cancels its work and ends. False if it was abandoned before."""
        with self._lock:
            if self._loop is not loop:
                return False
            self._loop = self._thread = None
        loop.call_soon_threadsafe(lambda: loop.create_task(_end(loop)))
        return True

    def close(self) -> None:
        """Cancel what still runs and end the thread; it starts anew if ``loop`` is used again."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        with contextlib.suppress(Exception):
            asyncio.run_coroutine_threadsafe(_cancel_all(loop), loop).result(GRACE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(GRACE_S)
        if not thread.is_alive():
            loop.close()

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        # What would end the loop (SystemExit in some task of a user's) is kept by that task.
        asked_to_stop = False
        while not asked_to_stop:
            with contextlib.suppress(KeyboardInterrupt, SystemExit):
                loop.run_forever()
                asked_to_stop = True


async def _end(loop: asyncio.AbstractEventLoop) -> None:
    try:
        await asyncio.wait_for(_cancel_all(loop), GRACE_S)
    finally:
        loop.stop()


async def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await loop.shutdown_asyncgens()
