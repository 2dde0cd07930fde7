"""The driver without an event loop: user code runs in the calling thread, branches in worker threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from typing import Any, TypeVar

from .chunks import MISSING, Branch, ChunkStream, Once
from .drive import drive_stream
from .limits import ThreadWaiter
from .places import strand_of_thread
from .scope import Scope, current
from .user_code import as_current, close, needs_loop, stopped
from .worker_pool import Pool, Pumps, ThreadLock

__all__ = ["BATCH_WIDTH", "Blocking"]

T = TypeVar("T")

BATCH_WIDTH = 64
"""Threads that one synchronous batch or parallel uses at most, where no max_concurrency says otherwise.
Far more than cores: the calls mostly wait for the network."""


class Blocking(Scope):
    """Verbs that run user code in the calling thread."""

    __slots__ = ()
    blocking = True
    new_waiter = ThreadWaiter

    def strand(self) -> Hashable:
        return strand_of_thread()

    async def call(self, fn: Callable[..., Any], is_async: bool, *args: Any, **kwargs: Any) -> Any:
        """Call user code as a leaf: with a place under the limits, with this scope as the current one."""
        __tracebackhide__ = True
        if is_async:
            raise needs_loop(fn)
        if self.plain:
            try:
                return fn(*args, **kwargs)
            except (StopIteration, StopAsyncIteration) as error:
                raise stopped(fn, error) from error
        self.check_stop()
        return await self._placed(fn, args, kwargs) if self.limits else self._called(fn, args, kwargs)

    def _called(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        token = current.set(self)
        try:
            return fn(*args, **kwargs)
        except (StopIteration, StopAsyncIteration) as error:
            raise stopped(fn, error) from error
        finally:
            current.reset(token)

    async def _placed(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        scope = self.leaf()
        place: Any = scope.held  # a leaf under limits has one
        try:
            await scope.wait_for(place)
            return scope._called(fn, args, kwargs)
        finally:
            try:
                scope.give_back(place)
            except KeyboardInterrupt:  # a place that is lost would hang those who come after
                scope.give_back(place)
                raise

    def through(
        self, fn: Callable[..., Any], is_async: bool, source: ChunkStream, *args: Any, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        """Yield what user code makes of an iterator over *source*. While it waits for the next chunk it has
        no place under the limits."""
        scope = self.leaf()
        if type(source) is not Once:
            source = scope.read_from(scope.held, source, own=False)
        return scope._steps(fn, is_async, (drive_stream(source), *args), kwargs)

    async def _steps(
        self, fn: Callable[..., Any], is_async: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        if is_async:
            raise needs_loop(fn)
        if self.plain:
            items = iter(fn(*args, **kwargs))
            try:
                for item in items:
                    yield item
            finally:
                close(items)
            return
        place, items = self.held, None
        try:
            if place is not None:
                await self.wait_for(place)
            with as_current(self):
                items = iter(fn(*args, **kwargs))
            while True:
                self.check_stop()
                token = current.set(self)  # around each step only: never across a yield
                try:
                    item = next(items, MISSING)
                finally:
                    current.reset(token)
                if item is MISSING:
                    return
                if place is None:
                    yield item
                    continue
                place.park(strand_of_thread())
                yield item
                await self.wait_for(place)
        finally:
            try:
                close(items)
            finally:
                if place is not None:
                    try:
                        self.give_back(place)
                    except KeyboardInterrupt:
                        self.give_back(place)
                        raise

    async def gather(
        self, fn: Callable[[Any, Any], Awaitable[T]], items: Sequence[Any], limit: int | None = None
    ) -> list[T]:
        """``fn(scope, item)`` for every item, side by side in threads; outputs in the items' order.

        The first failure stops the others at their next step and is raised when they have ended.
        """
        __tracebackhide__ = True
        if len(items) <= 1:
            return [await fn(self, item) for item in items]
        return Pool(self, fn, items, limit or BATCH_WIDTH).results()

    async def _merge(
        self, branches: Sequence[tuple[Any, Branch]], limit: int | None
    ) -> AsyncGenerator[tuple[Any, Any], None]:
        __tracebackhide__ = True
        pumps = Pumps(self, branches, limit or BATCH_WIDTH)
        try:
            while (pair := pumps.take()) is not None:
                yield pair
        except KeyboardInterrupt:
            pumps.close(wait=False)
            raise
        finally:
            pumps.close()

    def lock(self) -> Any:
        """An asynchronous context manager that one branch at a time can be in."""
        return ThreadLock()

    async def sleep(self, seconds: float) -> None:
        stop = self.stop
        if stop is None:
            threading.Event().wait(seconds)
            return
        asked = threading.Event()
        withdraw = stop.on_request(asked.set)
        try:
            asked.wait(seconds)
        finally:
            withdraw()
        self.check_stop()

    def check_stop(self) -> None:
        """Raise CancelledError if this work has been asked to stop."""
        if self.stop is not None and self.stop.requested:
            raise asyncio.CancelledError("stopped")
