"""The two drivers: scopes whose verbs run user code in place, or on an event loop.

``Blocking``: user code runs in the calling thread, branches in worker threads; nothing ever suspends.
``EventLoop``: asynchronous user code is awaited, synchronous user code runs in a worker thread so that
it cannot hold up the loop; branches are tasks.

``drive`` and ``drive_stream`` run what combinators are written as (coroutines and async generators)
without an event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from contextvars import Context, copy_context
from itertools import count
from typing import Any, TypeVar

from . import threads
from .chunks import MISSING, ChunkStream, Once
from .limits import Stop, TaskWaiter, ThreadWaiter
from .scope import Scope, current

__all__ = ["BATCH_WIDTH", "Blocking", "EventLoop", "drive", "drive_stream"]

T = TypeVar("T")

BATCH_WIDTH = 64
"""Threads that one synchronous batch or parallel uses at most, where no max_concurrency says otherwise.
Far more than cores: the calls mostly wait for the network."""

AHEAD = 8
"""Chunks that branches and generator threads may produce before their reader takes them."""

Branch = Callable[[Any], ChunkStream]


def drive(coroutine: Awaitable[T]) -> T:
    """Run a coroutine that never suspends and return its result."""
    __tracebackhide__ = True
    hooks = sys.get_asyncgen_hooks()
    if hooks.firstiter is None:
        return _drive(coroutine)  # type: ignore[no-any-return]
    # Under a running loop (every notebook cell) async generators would be registered with it.
    sys.set_asyncgen_hooks(None, None)
    try:
        return _drive(coroutine)  # type: ignore[no-any-return]
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _drive(coroutine: Any) -> Any:
    __tracebackhide__ = True
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise TypeError(
        f"{getattr(coroutine, '__qualname__', coroutine)} awaited something that needs an event loop: "
        "call ainvoke or astream, or await only the scope's verbs"
    )


def drive_stream(stream: ChunkStream) -> Iterator[Any]:
    """Iterate over an async generator that never suspends; closing this closes it at once."""
    __tracebackhide__ = True
    pull = stream.__anext__
    try:
        while True:
            try:
                item = drive(pull())
            except StopAsyncIteration:
                return
            yield item
    finally:
        drive(stream.aclose())


class Blocking(Scope):
    """Verbs that run user code in the calling thread."""

    __slots__ = ()
    blocking = True
    new_waiter = ThreadWaiter

    async def call(self, fn: Callable[..., Any], is_async: bool, *args: Any, **kwargs: Any) -> Any:
        """Call user code as a leaf: under the limiter, with this scope as the current one."""
        __tracebackhide__ = True
        if is_async:
            raise _needs_loop(fn)
        if self.plain:
            return fn(*args, **kwargs)
        self.check_stop()
        scope = self
        if self.limiter is not None:
            await self.limiter.acquire(ThreadWaiter)
            scope = self.leaf()
        token = current.set(scope)
        try:
            return fn(*args, **kwargs)
        finally:
            current.reset(token)
            if self.limiter is not None:
                self.limiter.release()

    async def iterate(
        self, fn: Callable[..., Any], is_async: bool, *args: Any, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        """Yield what user code yields, as a leaf: its place under the limiter is kept to its end."""
        __tracebackhide__ = True
        if self.limiter is not None:
            await self.limiter.acquire(ThreadWaiter)
            scope = self.leaf()
        else:
            scope = self
        try:
            async with aclosing(scope._steps(fn, is_async, args, kwargs)) as items:
                async for item in items:
                    yield item
        finally:
            if self.limiter is not None:
                self.limiter.release()

    def through(
        self, fn: Callable[..., Any], is_async: bool, source: ChunkStream, *args: Any, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        """Yield what user code makes of an iterator over *source*. It holds no place under the limiter:
        the work it waits for does."""
        return self._steps(fn, is_async, (drive_stream(source), *args), kwargs)

    async def _steps(
        self, fn: Callable[..., Any], is_async: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        if is_async:
            raise _needs_loop(fn)
        if self.plain:
            items = iter(fn(*args, **kwargs))
            try:
                for item in items:
                    yield item
            finally:
                _close(items)
            return
        with _as_current(self):
            items = iter(fn(*args, **kwargs))
        try:
            while True:
                self.check_stop()
                token = current.set(self)  # around each step only: never across a yield
                try:
                    item = next(items, MISSING)
                finally:
                    current.reset(token)
                if item is MISSING:
                    return
                yield item
        finally:
            _close(items)

    async def gather(
        self, fn: Callable[[Any, Any], Awaitable[T]], items: Sequence[Any], limit: int | None = None
    ) -> list[T]:
        """``fn(scope, item)`` for every item, side by side in threads; outputs in the items' order.

        The first failure stops the others at their next step and is raised when they have ended.
        """
        __tracebackhide__ = True
        if len(items) <= 1:
            return [await fn(self, item) for item in items]
        return _Pool(self, fn, items, limit or BATCH_WIDTH).results()

    async def merge(
        self, branches: Sequence[tuple[Any, Branch]], limit: int | None = None, *, own_stack: bool = False
    ) -> AsyncGenerator[tuple[Any, Any], None]:
        """``(key, chunk)`` of several streams, each opened by ``branch(scope)``, as chunks arrive. A single
        stream is pulled directly, unless it is to have a thread (or task) and so a stack of its own."""
        __tracebackhide__ = True
        if len(branches) == 1 and not own_stack:
            key, branch = branches[0]
            async with aclosing(branch(self)) as stream:
                async for chunk in stream:
                    yield key, chunk
            return
        pumps = _Pumps(self, branches, limit or BATCH_WIDTH)
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
        return _ThreadLock()

    async def sleep(self, seconds: float) -> None:
        stop = self.stop
        if stop is None:
            threading.Event().wait(seconds)
            return
        asked = threading.Event()
        withdraw = stop.on_request(asked.set)
        asked.wait(seconds)
        withdraw()
        self.check_stop()

    def check_stop(self) -> None:
        """Raise CancelledError if this work has been asked to stop."""
        if self.stop is not None and self.stop.requested:
            raise asyncio.CancelledError("stopped")


class EventLoop(Scope):
    """Verbs that await user code, or run it in a worker thread where it is synchronous."""

    __slots__ = ()
    blocking = False
    new_waiter = TaskWaiter

    async def call(self, fn: Callable[..., Any], is_async: bool, *args: Any, **kwargs: Any) -> Any:
        """As ``Blocking.call``. Cancelling a call in a thread returns at once; chains that the function
        still runs stop at their next step."""
        __tracebackhide__ = True
        if self.plain and is_async:
            return await fn(*args, **kwargs)
        scope = self
        if self.limiter is not None:
            await self.limiter.acquire(TaskWaiter)
            scope = self.leaf()
        try:
            if not is_async:
                return await scope._in_thread(fn, args, kwargs)
            token = current.set(scope)
            try:
                return await fn(*args, **kwargs)
            finally:
                current.reset(token)
        finally:
            if self.limiter is not None:
                self.limiter.release()

    async def _in_thread(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        stop = Stop(self.stop)
        context = _context_of(self.stopping_with(stop))

        def job() -> None:
            __tracebackhide__ = True
            result: Any = None
            error: BaseException | None = None
            try:
                result = context.run(fn, *args, **kwargs)
            except StopIteration as stopped:  # a future cannot carry it
                error = RuntimeError(f"{fn!r} raised StopIteration")
                error.__cause__ = stopped
            except BaseException as raised:
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(_settle, future, result, error)

        threads.start(job)
        try:
            result = await future
        except asyncio.CancelledError:
            stop.request()
            raise
        finally:
            stop.leave()
        if asyncio.iscoroutine(result):  # `lambda x: an_async_function(x)`
            token = current.set(self)
            try:
                return await result
            finally:
                current.reset(token)
        return result

    async def iterate(
        self, fn: Callable[..., Any], is_async: bool, *args: Any, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        if self.limiter is not None:
            await self.limiter.acquire(TaskWaiter)
            scope = self.leaf()
        else:
            scope = self
        try:
            steps = scope._steps(fn, args, kwargs) if is_async else _ThreadedSteps(scope, fn, args, kwargs)
            async with aclosing(steps):
                async for item in steps:
                    yield item
        finally:
            if self.limiter is not None:
                self.limiter.release()

    def through(
        self, fn: Callable[..., Any], is_async: bool, source: ChunkStream, *args: Any, **kwargs: Any
    ) -> ChunkStream:
        if is_async:
            return self._steps(fn, (source, *args), kwargs)
        if type(source) is Once and not source.taken:
            source.taken = True
            return _ThreadedSteps(self, fn, (iter((source.value,)), *args), kwargs)
        puller = _Puller(source)
        return _ThreadedSteps(self, fn, (puller, *args), kwargs, puller)

    async def _steps(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        with _as_current(self) if not self.plain else contextlib.nullcontext():
            items = fn(*args, **kwargs)
            if asyncio.iscoroutine(items):  # an async function that returns an async iterator
                items = await items
            items = aiter(items)
        try:
            if self.plain:
                async for item in items:
                    yield item
                return
            while True:
                token = current.set(self)  # around each step only: never across a yield
                try:
                    item = await anext(items, MISSING)
                finally:
                    current.reset(token)
                if item is MISSING:
                    return
                yield item
        finally:
            if (close := getattr(items, "aclose", None)) is not None:
                await close()

    async def gather(
        self, fn: Callable[[Any, Any], Awaitable[T]], items: Sequence[Any], limit: int | None = None
    ) -> list[T]:
        """As ``Blocking.gather``, in tasks: all at once, or *limit* at a time."""
        __tracebackhide__ = True
        if len(items) <= 1:
            return [await fn(self, item) for item in items]
        results: list[Any] = [None] * len(items)
        indexes = count()

        async def worker() -> None:
            while (index := next(indexes)) < len(items):
                results[index] = await fn(self, items[index])

        tasks = [asyncio.create_task(worker()) for _ in range(min(len(items), limit or len(items)))]
        try:
            await _first_failure(tasks)
        finally:
            await _cancel(tasks)
        return results

    async def merge(
        self, branches: Sequence[tuple[Any, Branch]], limit: int | None = None, *, own_stack: bool = False
    ) -> AsyncGenerator[tuple[Any, Any], None]:
        __tracebackhide__ = True
        if len(branches) == 1 and not own_stack:
            key, branch = branches[0]
            async with aclosing(branch(self)) as stream:
                async for chunk in stream:
                    yield key, chunk
            return
        ready: asyncio.Queue[Any] = asyncio.Queue(AHEAD)
        indexes = count()

        async def pump() -> None:
            while (index := next(indexes)) < len(branches):
                key, branch = branches[index]
                async with aclosing(branch(self)) as stream:
                    async for chunk in stream:
                        await ready.put((key, chunk))

        async def pump_all() -> None:
            try:
                await _first_failure(pumps)
            finally:
                await _cancel(pumps)
                await ready.put(None)

        pumps = [asyncio.create_task(pump()) for _ in range(min(len(branches), limit or len(branches)))]
        all_pumps = asyncio.create_task(pump_all())
        try:
            while (pair := await ready.get()) is not None:
                yield pair
            await all_pumps
        finally:
            await _cancel([*pumps, all_pumps])

    def lock(self) -> Any:
        return asyncio.Lock()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def check_stop(self) -> None:
        """Tasks are cancelled; there is nothing to look at."""


AnyScope = Blocking | EventLoop


class Tee:
    """One stream for several readers, each of which sees every chunk; closed when all have left."""

    def __init__(self, scope: AnyScope, source: ChunkStream, readers: int) -> None:
        self._source = source
        self._lock = scope.lock()
        self._queues: list[deque[Any]] = [deque() for _ in range(readers)]
        self._open = readers
        self._over = False
        self._error: BaseException | None = None

    async def reader(self, number: int) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        queue = self._queues[number]
        try:
            while True:
                if queue:
                    yield queue.popleft()
                    continue
                async with self._lock:
                    if not queue and not self._over:
                        await self._pull()
                if not queue and self._over:
                    if self._error is not None:
                        raise self._error
                    return
        finally:
            self._open -= 1
            queue.clear()
            if not self._open:
                await self._source.aclose()

    async def _pull(self) -> None:
        __tracebackhide__ = True
        try:
            chunk = await anext(self._source, MISSING)
        except BaseException as error:
            self._over = True
            self._error = error
            return
        if chunk is MISSING:
            self._over = True
            return
        for queue in self._queues:
            queue.append(chunk)


# Threads of the blocking driver


class _Pool:
    """Workers that take the items of one ``gather`` in turn; the calling thread is one of them."""

    def __init__(self, scope: Blocking, fn: Callable[..., Any], items: Sequence[Any], width: int) -> None:
        self._fn = fn
        self._items = items
        self._stop = Stop(scope.stop)
        self._scope = scope.stopping_with(self._stop)
        self._context = copy_context()
        self._indexes = count()
        self._results: list[Any] = [None] * len(items)
        self._error: BaseException | None = None
        self._over = threading.Semaphore(0)
        self._helpers = min(len(items), width) - 1

    def results(self) -> list[Any]:
        __tracebackhide__ = True
        for _ in range(self._helpers):
            threads.start(self._help)
        try:
            self._work()
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


def _call_and_drive(fn: Callable[..., Any], scope: Blocking, item: Any) -> Any:
    __tracebackhide__ = True
    return drive(fn(scope, item))


class _Pumps:
    """Threads that pull the branches of one ``merge`` and put their chunks where one reader takes them."""

    def __init__(self, scope: Blocking, branches: Sequence[tuple[Any, Branch]], width: int) -> None:
        self._stop = Stop(scope.stop)
        self._scope = scope.stopping_with(self._stop)
        self._branches = branches
        self._indexes = count()
        self._ready: deque[tuple[Any, Any]] = deque()
        self._changed = threading.Condition()
        self._running = min(len(branches), width)
        self._error: BaseException | None = None
        self._closed = False
        context = copy_context()
        for _ in range(self._running):
            threads.start(_in_context(context.copy(), self._pump))

    def take(self) -> tuple[Any, Any] | None:
        """The next pair, None at the end; raises what a branch raised."""
        __tracebackhide__ = True
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
                    _close(chunks)
        except BaseException as error:
            with self._changed:
                if not self._closed and self._error is None:
                    self._error = error
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _put(self, pair: tuple[Any, Any]) -> bool:
        with self._changed:
            while len(self._ready) >= AHEAD and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._ready.append(pair)
            self._changed.notify_all()
            return True


class _ThreadLock:
    def __init__(self) -> None:
        self._lock = threading.Lock()

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


# Synchronous generators on an event loop


class _ThreadedSteps:
    """Steps a synchronous generator in a thread of its own and hands its items to the loop.

    Of its own, because a step may wait for an upstream generator's step: a shared pool could deadlock.
    The thread runs at most ``AHEAD`` items ahead of its reader.
    """

    def __init__(
        self,
        scope: EventLoop,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        puller: _Puller | None = None,
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

    def __aiter__(self) -> _ThreadedSteps:
        return self

    async def __anext__(self) -> Any:
        __tracebackhide__ = True
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
        # The close must wait for the pending step, and must not be cut short by a second cancellation.
        while not self._over.done():
            try:
                await asyncio.shield(self._over)
            except asyncio.CancelledError:
                if self._over.cancelled():
                    break
        if self._puller is not None:
            await self._puller.source.aclose()

    def _begin(self) -> None:
        self._started = True
        self._loop = asyncio.get_running_loop()
        self._over = self._loop.create_future()
        self._stop = Stop(self._scope.stop)
        if self._puller is not None:
            self._puller.loop = self._loop
        threads.start(_in_context(_context_of(self._scope.stopping_with(self._stop)), self._run))

    def _run(self) -> None:
        __tracebackhide__ = True
        fn, args, kwargs = self._make
        items: Any = None
        error: BaseException | None = None
        try:
            items = iter(fn(*args, **kwargs))
            for item in items:
                self._room.acquire()
                if self._closing:
                    break
                self._tell(self._arrived, item)
        except BaseException as raised:
            error = raised
        finally:
            try:
                _close(items)
            except BaseException as raised:
                error = error or raised
            self._tell(self._ended, None if self._closing else error)

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


class _Puller:
    """An iterator for a worker thread over chunks that live on the loop."""

    def __init__(self, source: ChunkStream) -> None:
        self.source = source
        self.loop: asyncio.AbstractEventLoop | None = None
        self._pending: Any = None
        self._cancelled = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.loop is None or self._cancelled:
            raise StopIteration
        self._pending = asyncio.run_coroutine_threadsafe(_next(self.source), self.loop)
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


async def _next(stream: ChunkStream) -> Any:
    return await anext(stream, MISSING)


# Small things


class _as_current:
    """The scope as the current one, for a block that does not yield."""

    __slots__ = ("_scope", "_token")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __enter__(self) -> None:
        self._token = current.set(self._scope)

    def __exit__(self, *_: object) -> None:
        current.reset(self._token)


def _context_of(scope: Scope) -> Context:
    context = copy_context()
    context.run(current.set, scope)
    return context


def _in_context(context: Context, job: Callable[[], None]) -> Callable[[], None]:
    return lambda: context.run(job)


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


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    pending = [task for task in tasks if not task.done()]
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen: the first failure is the one that is raised


def _close(items: Any) -> None:
    if (close := getattr(items, "close", None)) is not None:
        close()


def _needs_loop(fn: Callable[..., Any]) -> TypeError:
    name = getattr(fn, "__qualname__", repr(fn))
    return TypeError(
        f"{name} is asynchronous and has no synchronous form: call ainvoke, astream or abatch, "
        "or give a synchronous function"
    )
