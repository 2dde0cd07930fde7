"""Worker threads for synchronous user code.

A job gets an idle thread, or a new one: steps wait for each other, so a pool of a fixed size could deadlock.
How much runs at once is limited by the callers (``Scope.gather``, limiters), not here.

Jobs that *may wait* (the single calls that a wide ``abatch`` starts by the thousand) are queued while MANY
threads are busy. A thread is still added from time to time, so that jobs that wait for each other make
progress. Threads end after some seconds without work. They are daemons: a request that hangs never keeps the
interpreter from exiting.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue

__all__ = ["IDLE_S", "MANY", "start"]

IDLE_S = 10.0
"""Seconds without work after which a thread ends."""

MANY = 128
"""With as many busy threads, a job that may wait is queued."""

PATIENCE_S = 0.05
"""How long such a job waits at most before a thread is added for the queue."""

Job = Callable[[], None]


class _Threads:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[Job]] = []
        self._waiting: deque[Job] = deque()
        self._watched = False
        self._alive = 0
        self._started = 0
        self.pid = os.getpid()

    def start(self, job: Job, may_wait: bool = False) -> None:
        with self._lock:
            if self._idle:
                # Last in, first out: the others stay idle long enough to end.
                self._idle.pop().put(job)
                return
            if may_wait and self._alive >= MANY:
                self._waiting.append(job)
                if not self._watched:
                    self._watched = True
                    self._watch()
                return
        self._add(job)

    def _add(self, job: Job) -> None:
        with self._lock:
            self._alive += 1
            self._started += 1
            name = f"workbench-{self._started}"
        threading.Thread(target=self._work, args=(job,), name=name, daemon=True).start()

    def _watch(self) -> None:
        timer = threading.Timer(PATIENCE_S, self._add_one)
        timer.daemon = True
        timer.start()

    def _add_one(self) -> None:
        """Add a thread while jobs are queued: all the others may be waiting for one of these jobs."""
        with self._lock:
            job = self._waiting.popleft() if self._waiting else None
            self._watched = bool(self._waiting)
            if self._watched:
                self._watch()
        if job is not None:
            self._add(job)

    def _work(self, job: Job | None) -> None:
        inbox: SimpleQueue[Job] = SimpleQueue()
        while job is not None:
            job()
            job = None  # what it refers to must not live on while this thread waits
            with self._lock:
                if self._waiting:
                    job = self._waiting.popleft()
                    continue
                self._idle.append(inbox)
            try:
                job = inbox.get(timeout=IDLE_S)
            except Empty:
                with self._lock:
                    if inbox in self._idle:
                        self._idle.remove(inbox)
                        self._alive -= 1
                    else:  # given a job between the time-out and the lock
                        job = inbox.get_nowait()


_threads = _Threads()


def start(job: Job, *, may_wait: bool = False) -> None:
    """Run *job* in a worker thread. It takes no arguments, returns nothing and must not raise. With
    *may_wait*, not necessarily at once."""
    global _threads
    if _threads.pid != os.getpid():  # after a fork the parent's threads are not here
        _threads = _Threads()
    _threads.start(job, may_wait)
