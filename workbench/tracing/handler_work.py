"""Where coroutines of callback handlers run: a queue on the caller's event loop, or a loop in a thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

from ..engine import threads
from ..engine.loop_thread import LoopThread
from ..engine.scope import current

__all__ = ["HandlerQueue", "run_apart"]

Work = Coroutine[Any, Any, Any]


class HandlerQueue:
    """Coroutines of one handler on one event loop, run one after the other. *failed* is called with
    each exception they raise; what it raises itself comes out of ``settled``."""

    def __init__(
        self, name: str, loop: asyncio.AbstractEventLoop, failed: Callable[[str, Exception], None]
    ) -> None:
        self._name = name
        self._loop = loop
        self._on_failure = failed
        self._work: deque[tuple[str, Work]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._error: Exception | None = None

    def put(self, method: str, work: Work) -> None:
        self._work.append((method, work))
        if self._task is None:
            self._task = self._loop.create_task(self._run(), context=_outside_of_runs())

    def __repr__(self) -> str:
        return self._name

    async def settled(self) -> None:
        task = self._task
        if task is not None and task is not asyncio.current_task():
            # Not to be cut short where the run it reports is cancelled.
            await asyncio.shield(task)
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    async def _run(self) -> None:
        try:
            while self._work:
                method, work = self._work.popleft()
                try:
                    await work
                except Exception as error:
                    self._failed(method, error)
        finally:
            self._task = None
            while self._work:  # the loop is being shut down
                self._work.popleft()[1].close()

    def _failed(self, method: str, error: Exception) -> None:
        try:
            self._on_failure(method, error)
        except Exception as failure:
            self._error = self._error or failure


_thread = LoopThread("workbench-callbacks")
"""For the coroutines of runs that have no event loop."""


def run_apart(work: Work) -> Any:
    """The result of a coroutine that has no event loop to run on, waited for."""
    done: concurrent.futures.Future[Any] = concurrent.futures.Future()
    context = _outside_of_runs()
    if _in_handler.get():
        # A handler calls a chain that is watched in turn: this loop may be waiting for the handler.
        threads.start(lambda: _settle(done, lambda: context.run(asyncio.run, work)))
        return done.result()
    loop = _thread.loop

    def start() -> None:
        task = loop.create_task(work, context=context)
        task.add_done_callback(lambda task: _settle(done, task.result))

    loop.call_soon_threadsafe(start)
    return done.result()


_in_handler: ContextVar[bool] = ContextVar("workbench_in_handler", default=False)


def _settle(done: concurrent.futures.Future[Any], result: Callable[[], Any]) -> None:
    try:
        done.set_result(result())
    except BaseException as error:
        done.set_exception(error)


def _outside_of_runs() -> Context:
    """The present context variables without the current run: chains that a handler calls are not in it."""
    context = copy_context()
    context.run(current.set, None)
    context.run(_in_handler.set, True)
    return context
