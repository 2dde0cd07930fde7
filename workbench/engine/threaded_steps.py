"""Synchronous generators on an event loop: each in a thread of its own, stepped from the loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from . import threads
from .chunks import MISSING, ChunkStream
from .drive import drive
from .limits import Stop, ThreadWaiter
from .places import Place, strand_of_thread
from .scope import Scope
from .tasks import wait_for_all
from .user_code import AHEAD, close, context_of, in_context, stopped

__all__ = ["Puller", "ThreadedSteps", "strand_of_task"]


class ThreadedSteps:
    """Steps a synchronous generator in a thread of its own and hands its items to the loop.

    Of its own, because a step may wait for an upstream generator's step: a shared pool could deadlock.
    The thread runs at most ``AHEAD`` items ahead of its reader.
    """

    def __init__(
        self,
        scope: Scope,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        puller: Puller | None = None,
    ) -> None:
        self._scope = scope
        self._make = (fn, args, kwargs)
        self._puller = puller
        self._ready: deque[Any] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._room = threading.Semaphore(AHEAD)
        self._closing = False
        self._started = False
        self._over: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._stop: Stop | None = None
        self._place = scope.held
        self._reader: Hashable = None

    def __aiter__(self) -> ThreadedSteps:
        return self

    async def __anext__(self) -> Any:
        __tracebackhide__ = True
        if self._place is not None:
            self._reader = strand_of_task()
        if not self._started:
            self._begin()
        while not self._ready:
            if self._over is None or self._over.done():
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                raise StopAsyncIteration
            self._wake = self._loop.create_future()
            await self._wake
        self._room.release()
        return self._ready.popleft()

    async def aclose(self) -> None:
        if self._over is None:
            self._started = True
            if self._puller is not None:
                await self._puller.source.aclose()
            return
        self._closing = True
        if self._stop is not None:
            self._stop.request()
            self._stop.leave()
        if self._puller is not None:
            self._puller.cancel()
        self._room.release()
        cancelled = await wait_for_all([self._over])
        if self._puller is not None:
            if (pull := self._puller.task) is not None:  # a source that still ends cannot be closed
                cancelled = await wait_for_all([pull]) or cancelled
            await self._puller.source.aclose()
        if cancelled is not None:
            raise cancelled

    def _begin(self) -> None:
        self._started = True
        self._loop = asyncio.get_running_loop()
        self._over = self._loop.create_future()
        self._stop = Stop(self._scope.stop)
        if self._puller is not None:
            self._puller.loop = self._loop
            self._puller.take_back = self._have_place
        self._scope = self._scope.stopping_with(self._stop)
        threads.start(in_context(context_of(self._scope), self._run))

    def _run(self) -> None:
        __tracebackhide__ = True
        fn, args, kwargs = self._make
        items: Any = None
        error: BaseException | None = None
        place = self._place
        try:
            self._have_place()
            items = iter(fn(*args, **kwargs))
            for item in items:
                if place is not None:
                    place.park(self._reader)
                self._room.acquire()
                if self._closing:
                    break
                self._tell(self._arrived, item)
                self._have_place()
        except (StopIteration, StopAsyncIteration) as raised:
            error = stopped(fn, raised)
        except BaseException as raised:
            error = raised
        finally:
            try:
                close(items)
            except BaseException as raised:
                error = error or raised
            if place is not None:
                self._scope.give_back(place)
            self._tell(self._ended, None if self._closing else error)

    def _have_place(self) -> None:
        __tracebackhide__ = True
        if self._place is not None:
            drive(self._scope.wait_for(self._place, ThreadWaiter, strand_of_thread()))

    def _tell(self, fn: Callable[[Any], None], value: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            self._loop.call_soon_threadsafe(fn, value)

    def _arrived(self, item: Any) -> None:
        self._ready.append(item)
        self._notify()

    def _ended(self, error: BaseException | None) -> None:
        self._error = error
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
        self._notify()

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class Puller:
    """An iterator for a worker thread over chunks that live on the loop. ``task``: the pull begun last.
    *place*: the place of the thread's work, which it lends to others while it waits for a chunk."""

    def __init__(self, source: ChunkStream, place: Place | None) -> None:
        self.source = source
        self.loop: asyncio.AbstractEventLoop | None = None
        self.task: asyncio.Task[Any] | None = None
        self.take_back: Callable[[], None]
        self._place = place
        self._strand: Hashable = None
        self._pending: Any = None
        self._cancelled = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.loop is None or self._cancelled:
            raise StopIteration
        if self._place is None:
            return self._pulled()
        self._strand = strand_of_thread()
        self._place.lend(own=False)
        try:
            return self._pulled()
        finally:
            self._place.is_back(own=False, for_good=self._cancelled)
            self.take_back()

    def _pulled(self) -> Any:
        loop: Any = self.loop  # not None: see __next__
        self._pending = asyncio.run_coroutine_threadsafe(self._next(), loop)
        if self._cancelled:
            self._pending.cancel()
        try:
            item = self._pending.result()
        except BaseException:
            if self._cancelled:
                raise StopIteration from None
            raise
        if item is MISSING:
            raise StopIteration
        return item

    def cancel(self) -> None:
        self._cancelled = True
        if self._pending is not None:
            self._pending.cancel()

    async def _next(self) -> Any:
        self.task = task = asyncio.current_task()
        if self._place is None or task is None:
            return await anext(self.source, MISSING)
        _works_for[task] = self._strand
        try:
            return await anext(self.source, MISSING)
        finally:
            del _works_for[task]


_works_for: dict[asyncio.Task[Any], Hashable] = {}
"""Threads in whose stead tasks pull a stream."""


def strand_of_task() -> Hashable:
    """Who waits where this task waits: see ``places``."""
    task = asyncio.current_task()
    return _works_for.get(task, task) if _works_for else task  # type: ignore[arg-type]  # None is no key of it
