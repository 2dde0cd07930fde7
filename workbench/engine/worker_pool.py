"""Threads of the blocking driver: workers for many inputs, pumps for many streams."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from itertools import count
from typing import Any

from . import threads
from .chunks import Branch
from .drive import drive, drive_stream
from .limits import Stop
from .places import nesting, strand_of_thread, waiting_for
from .scope import Scope
from .user_code import AHEAD, close, in_context

__all__ = ["Pool", "Pumps", "ThreadLock"]


DEEPEST = 32
"""How many nested gathers one thread works on. Deeper ones are left to other threads, whose stacks are still
empty: Python's recursion limit counts per thread, and which thread takes an item is chance."""


class Pool:
    """Workers that take the items of one ``gather`` in turn; the calling thread is one of them, unless it
    is deep in others already."""

    def __init__(self, scope: Scope, fn: Callable[..., Any], items: Sequence[Any], width: int) -> None:
        self._fn = fn
        self._items = items
        self._stop = Stop(scope.stop)
        self._scope = scope.for_workers(self._stop)
        self._context = copy_context()
        self._indexes = count()
        self._results: list[Any] = [None] * len(items)
        self._error: BaseException | None = None
        self._over = threading.Semaphore(0)
        self._helpers = min(len(items), width) - 1

    def results(self) -> list[Any]:
        __tracebackhide__ = True
        is_deep = nesting.levels >= DEEPEST
        self._helpers += is_deep
        for _ in range(self._helpers):
            threads.start(self._help)
        try:
            if not is_deep:
                self._work_here()
            if not isinstance(self._error, KeyboardInterrupt):
                for _ in range(self._helpers):
                    self._over.acquire()
        except BaseException:  # Ctrl-C: give the prompt back now; threads stop at their next step
            self._stop.request()
            raise
        finally:
            self._stop.leave()
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # no reference cycle through the traceback
        return self._results

    def _help(self) -> None:
        self._work()
        self._over.release()

    def _work_here(self) -> None:
        __tracebackhide__ = True
        nesting.levels += 1
        try:
            self._work()
        finally:
            nesting.levels -= 1

    def _work(self) -> None:
        __tracebackhide__ = True
        items, fn, scope = self._items, self._fn, self._scope
        while not self._stop.requested and (index := next(self._indexes)) < len(items):
            try:
                self._results[index] = self._context.copy().run(_call_and_drive, fn, scope, items[index])
            except BaseException as error:
                if self._error is None:
                    self._error = error
                self._stop.request()


def _call_and_drive(fn: Callable[..., Any], scope: Scope, item: Any) -> Any:
    __tracebackhide__ = True
    return drive(fn(scope, item))


class Pumps:
    """Threads that pull the branches of one ``merge`` and put their chunks where one reader takes them."""

    def __init__(self, scope: Scope, branches: Sequence[tuple[Any, Branch]], width: int) -> None:
        self._stop = Stop(scope.stop)
        self._scope = scope.for_workers(self._stop)
        self._reader = strand_of_thread()
        self._branches = branches
        self._indexes = count()
        self._ready: deque[tuple[Any, Any]] = deque()
        self._changed = threading.Condition()
        self._running = min(len(branches), width)
        self._error: BaseException | None = None
        self._closed = False
        context = copy_context()
        for _ in range(self._running):
            threads.start(in_context(context.copy(), self._pump))

    def take(self) -> tuple[Any, Any] | None:
        """The next pair, None at the end; raises what a branch raised."""
        __tracebackhide__ = True
        self._reader = strand_of_thread()
        with self._changed:
            while not self._ready and self._running and self._error is None:
                self._changed.wait()
            if self._ready:
                pair = self._ready.popleft()
                self._changed.notify_all()
                return pair
        if self._error is not None:
            self.close()
            raise self._error
        return None

    def close(self, wait: bool = True) -> None:
        self._stop.leave()
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
        self._stop.request()
        if wait:
            with self._changed:
                while self._running:
                    self._changed.wait()

    def _pump(self) -> None:
        __tracebackhide__ = True
        try:
            while not self._closed and (index := next(self._indexes)) < len(self._branches):
                key, branch = self._branches[index]
                chunks = drive_stream(branch(self._scope))
                try:
                    for chunk in chunks:
                        if not self._put((key, chunk)):
                            break
                finally:
                    close(chunks)
        except BaseException as error:
            with self._changed:
                if not self._closed and self._error is None:
                    self._error = error
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _put(self, pair: tuple[Any, Any]) -> bool:
        if len(self._ready) >= AHEAD and not self._closed:
            with waiting_for(strand_of_thread(), self._reader):
                return self._put_in_time(pair)
        return self._put_in_time(pair)

    def _put_in_time(self, pair: tuple[Any, Any]) -> bool:
        with self._changed:
            while len(self._ready) >= AHEAD and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._ready.append(pair)
            self._changed.notify_all()
            return True


class ThreadLock:
    def __init__(self) -> None:
        self._lock = threading.Lock()

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
