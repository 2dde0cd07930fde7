"""The driver on an event loop: asynchronous user code is awaited, synchronous user code runs in a worker
thread so that it cannot hold up the loop; branches are tasks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from contextlib import aclosing
from itertools import count
from time import perf_counter
from types import CoroutineType
from typing import Any, TypeVar

from . import threads
from .chunks import Branch, ChunkStream, Once
from .limits import Stop, TaskWaiter
from .places import waiting_for
from .scope import Scope, current
from .tasks import end_tasks
from .threaded_steps import Puller, ThreadedSteps, strand_of_task
from .user_code import AHEAD, as_current, context_of, stopped

__all__ = ["EventLoop"]

T = TypeVar("T")


class _Work:
    """A call in a worker thread: whether it is over, and whether nobody waits for it any more."""

    __slots__ = ("is_left", "is_over")

    def __init__(self) -> None:
        self.is_over = self.is_left = False


class EventLoop(Scope):
    """Verbs that await user code, or run it in a worker thread where it is synchronous."""

    __slots__ = ()
    blocking = False
    new_waiter = TaskWaiter

    def strand(self) -> Hashable:
        return strand_of_task()

    async def call(self, fn: Callable[..., Any], is_async: bool, *args: Any, **kwargs: Any) -> Any:
        """As ``Blocking.call``. Cancelling a call in a thread returns at once; chains that the function
        still runs stop at their next step."""
        __tracebackhide__ = True
        if self.plain and is_async:
            try:
                return await fn(*args, **kwargs)
            except (StopIteration, StopAsyncIteration) as error:
                raise stopped(fn, error) from error
        scope = self.leaf()
        place = scope.held
        if place is not None:
            await scope.wait_for(place)
        if not is_async:
            return await scope._in_thread(fn, args, kwargs)
        token = current.set(scope)
        try:
            return await fn(*args, **kwargs)
        except (StopIteration, StopAsyncIteration) as error:
            raise stopped(fn, error) from error
        finally:
            current.reset(token)
            if place is not None:
                scope.give_back(place)

    async def _in_thread(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """*fn* in a worker thread; gives its place back when it has ended, also if nobody waits for it by
        then."""
        __tracebackhide__ = True
        place, work = self.held, _Work()
        try:
            return await self._result_of(work, fn, args, kwargs)
        except asyncio.CancelledError:
            work.is_left = True
            raise
        finally:
            if place is not None and (work.is_over or not work.is_left):
                self.give_back(place)

    async def _result_of(
        self, work: _Work, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        __tracebackhide__ = True
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        stop = Stop(self.stop)
        context = context_of(self.stopping_with(stop))
        run, place, asked = self.run, self.held, perf_counter()

        def job() -> None:
            __tracebackhide__ = True
            if run is not None:
                run.waited_s += perf_counter() - asked
            result: Any = None
            error: BaseException | None = None
            try:
                if not work.is_left:  # else given up before a thread was free for it
                    result = context.run(fn, *args, **kwargs)
            except (StopIteration, StopAsyncIteration) as raised:
                error = stopped(fn, raised)
            except BaseException as raised:
                error = raised
            work.is_over = True
            if work.is_left and place is not None:
                self.give_back(place)
            with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(_settle, future, result, error)

        threads.start(job, may_wait=True)
        try:
            result = await future
        except asyncio.CancelledError:
            stop.request()
            raise
        finally:
            stop.leave()
        if type(result) is CoroutineType:  # `lambda x: an_async_function(x)`; a generator is none
            token = current.set(self)
            try:
                return await result
            finally:
                current.reset(token)
        return result

    def through(
        self, fn: Callable[..., Any], is_async: bool, source: ChunkStream, *args: Any, **kwargs: Any
    ) -> ChunkStream:
        scope = self.leaf()
        is_known = type(source) is Once and not source.taken
        if is_async:
            if not is_known:
                source = scope.read_from(scope.held, source, own=False)
            return scope._async_steps(fn, (source, *args), kwargs)
        if is_known:
            source.taken = True  # type: ignore[attr-defined]  # a Once
            return ThreadedSteps(scope, fn, (iter((source.value,)), *args), kwargs)  # type: ignore[attr-defined]
        puller = Puller(source, scope.held)
        return ThreadedSteps(scope, fn, (puller, *args), kwargs, puller)

    def _steps(
        self, fn: Callable[..., Any], is_async: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ChunkStream:
        if is_async:
            return self._async_steps(fn, args, kwargs)
        return ThreadedSteps(self, fn, args, kwargs)

    async def _async_steps(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        place, items = self.held, None
        try:
            if place is not None:
                await self.wait_for(place)
            with as_current(self) if not self.plain else contextlib.nullcontext():
                items = fn(*args, **kwargs)
                if type(items) is CoroutineType:  # an async function that returns an async iterator
                    items = await items
                items = aiter(items)
            if self.plain:
                async for item in items:
                    yield item
                return
            pull = items.__anext__
            while True:
                token = current.set(self)  # around each step only: never across a yield
                try:
                    item = await pull()
                except StopAsyncIteration:
                    return
                finally:
                    current.reset(token)
                if place is None:
                    yield item
                    continue
                place.park(self.strand())
                yield item
                await self.wait_for(place)
        finally:
            try:
                if (close := getattr(items, "aclose", None)) is not None:
                    await close()
            finally:
                if place is not None:
                    self.give_back(place)

    async def gather(
        self, fn: Callable[[Any, Any], Awaitable[T]], items: Sequence[Any], limit: int | None = None
    ) -> list[T]:
        """As ``Blocking.gather``, in tasks: all at once, or *limit* at a time."""
        __tracebackhide__ = True
        if len(items) <= 1:
            return [await fn(self, item) for item in items]
        results: list[Any] = [None] * len(items)
        indexes = count()
        scope = self._for_tasks()

        async def worker() -> None:
            while (index := next(indexes)) < len(items):
                results[index] = await fn(scope, items[index])

        tasks = [asyncio.create_task(worker()) for _ in range(min(len(items), limit or len(items)))]
        try:
            await _first_failure(tasks)
        finally:
            await end_tasks(tasks)
        return results

    async def _merge(
        self, branches: Sequence[tuple[Any, Branch]], limit: int | None
    ) -> AsyncGenerator[tuple[Any, Any], None]:
        __tracebackhide__ = True
        ready: asyncio.Queue[Any] = asyncio.Queue(AHEAD)
        indexes = count()
        has_reader = True
        scope, reader = self._for_tasks(), self.strand()

        async def pump() -> None:
            while (index := next(indexes)) < len(branches):
                key, branch = branches[index]
                async with aclosing(branch(scope)) as stream:
                    async for chunk in stream:
                        if not ready.full():
                            ready.put_nowait((key, chunk))
                            continue
                        with waiting_for(asyncio.current_task(), reader):
                            await ready.put((key, chunk))

        async def pump_all() -> None:
            try:
                await _first_failure(pumps)
            finally:
                await end_tasks(pumps)
                if has_reader:  # else nobody makes room in a full queue
                    await ready.put(None)

        pumps = [asyncio.create_task(pump()) for _ in range(min(len(branches), limit or len(branches)))]
        all_pumps = asyncio.create_task(pump_all())
        try:
            while (pair := await ready.get()) is not None:
                yield pair
                if self.limits:
                    reader = self.strand()
            await all_pumps
        finally:
            has_reader = False
            await end_tasks([*pumps, all_pumps])

    def _for_tasks(self) -> EventLoop:
        """The scope of work in tasks that this task waits for."""
        if not self.limits:
            return self
        new = self.copy()
        new.kin = (self.strand(), *self.kin)
        return new

    def lock(self) -> Any:
        return asyncio.Lock()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def check_stop(self) -> None:
        """Tasks are cancelled; there is nothing to look at."""


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, asyncio.CancelledError):
        future.cancel()
    else:
        future.set_exception(error)


async def _first_failure(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Wait until all are done or one has failed; raise the failure."""
    __tracebackhide__ = True
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()
