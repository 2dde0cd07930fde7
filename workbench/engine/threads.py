"""Worker threads for synchronous user code.

A thread is reused when one is idle and started when none is: steps wait for each other, so a pool of a
fixed size could deadlock. How much runs at once is bounded by the callers (``Scope.gather``, limiters),
not here. Threads are daemons, so that a hung request never keeps the interpreter from leaving, and end
after some seconds without work.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

__all__ = ["IDLE_S", "start"]

IDLE_S = 10.0
"""Seconds without work after which a thread ends."""

Job = Callable[[], None]


class _Threads:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[Job]] = []
        self._started = 0
        self.pid = os.getpid()

    def start(self, job: Job) -> None:
        with self._lock:
            if self._idle:
                # Last in, first out: the others stay idle long enough to end.
                self._idle.pop().put(job)
                return
            self._started += 1
            name = f"workbench-{self._started}"
        threading.Thread(target=self._work, args=(job,), name=name, daemon=True).start()

    def _work(self, job: Job | None) -> None:
        inbox: SimpleQueue[Job] = SimpleQueue()
        while job is not None:
            job()
            job = None  # what it refers to must not live on while this thread waits
            with self._lock:
                self._idle.append(inbox)
            try:
                job = inbox.get(timeout=IDLE_S)
            except Empty:
                with self._lock, contextlib.suppress(ValueError):
                    self._idle.remove(inbox)
                with contextlib.suppress(Empty):  # given between the time-out and the lock
                    job = inbox.get_nowait()


_threads = _Threads()


def start(job: Job) -> None:
    """Run *job* in a worker thread. It takes no arguments, returns nothing and must not raise."""
    global _threads
    if _threads.pid != os.getpid():  # after a fork the parent's threads are not here
        _threads = _Threads()
    _threads.start(job)
