"""One run of a chain that was started from the notebook, and the handle people hold of it.

A ``Job`` is what to run; it can be run again. A ``ChainRun`` is one run of it: on the background loop, or
in the calling thread. It keeps its live state, its output and, if it was stopped, what there was by then.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..engine import background
from ..engine.chunks import Fold
from ..engine.config import as_list
from ..engine.loop_thread import GRACE_S, SLICE_S
from ..engine.runs import RunEvent, Status
from ..live.state import LiveState
from ..runnables.base import Runnable
from ..runnables.failures import explain
from ..views.document import figures, reached
from .stoppable import Stoppable

__all__ = ["ChainRun", "Job", "Observers"]

Observers = Sequence[Callable[[RunEvent], None]]


@dataclass(frozen=True)
class Job:
    """What to run. ``input`` is a list of inputs if ``is_batch``; ``python`` is code that does the same."""

    chain: Runnable[Any, Any]
    input: Any
    name: str = ""
    is_batch: bool = False
    config: Any = None
    timeout_s: float | None = None
    python: str = ""

    @property
    def title(self) -> str:
        return self.name or self.chain.get_name()

    def config_with(self, observers: Observers) -> Any:
        """The config for the call, a list of configs as one each."""
        if isinstance(self.config, (list, tuple)):
            return [_with(one, observers) for one in self.config]
        return _with(self.config, observers)


class ChainRun:
    """A run of a *job*: ``status``, ``output``, ``result()``, ``await run``, ``stop()``.

    ``number`` is its place in the session, ``started`` when it began (local time), ``live`` its LiveState.
    """

    def __init__(self, job: Job, number: int = 0) -> None:
        self.job = job
        self.number = number
        self.started = datetime.now()
        self.live = LiveState()
        if job.is_batch:
            self.live.expect(len(job.input))
        self._total = Fold()
        self._finished: list[Any] = []
        self._future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._stop: Callable[[], None] = lambda: None
        self._task: background.BackgroundTask[Any] | None = None
        self._when_over: Callable[[], None] | None = None
        self._when_dropped: list[Callable[[], None]] = []

    # What its holder uses

    @property
    def name(self) -> str:
        return self.job.title

    @property
    def input(self) -> Any:
        return self.job.input

    @property
    def status(self) -> Status:
        """waiting, streaming, done, failed or cancelled."""
        return self.live.status

    @property
    def output(self) -> Any:
        """The output; before the end, or after a stop or an error, what there is of it (of a batch, the
        outputs of the inputs that were done). None if nothing."""
        if self._future.done() and self._future.exception() is None:
            return self._future.result()
        if self.job.is_batch:
            return list(self._finished) or None
        try:
            return _whole(self._total.value)
        except Exception:  # whatever the chunks' own `+` raises: they are no output
            return None

    @property
    def error(self) -> BaseException | None:
        """What it failed with, CancelledError if it was stopped; None otherwise and before the end."""
        return self._future.exception() if self._future.done() else None

    def done(self) -> bool:
        """Whether it is over, in whatever way."""
        return self._future.done()

    def when_over(self, callback: Callable[[], None]) -> None:
        """Call *callback* when it is over, in a thread of its own; at once if it is over."""
        background.when_done(self._future, callback)

    def when_dropped(self, callback: Callable[[], None]) -> None:
        """Call *callback* when the session forgets it, and it is over."""
        self._when_dropped.append(callback)

    def drop(self) -> None:
        """The session has forgotten it."""
        self.when_over(self._drop_now)

    def _drop_now(self) -> None:
        callbacks, self._when_dropped = self._when_dropped, []
        for callback in callbacks:
            callback()

    def stop(self) -> None:
        """End it and its requests; what was written is kept. From any thread; afterwards it does nothing."""
        if not self._future.done():
            self._stop()

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the output, at most *timeout* seconds (TimeoutError; the run goes on).

        Raises what the chain raised, and ``concurrent.futures.CancelledError`` if it was stopped.
        """
        __tracebackhide__ = True
        if threading.current_thread().name == background.THREAD_NAME:
            raise RuntimeError("result() would wait on the loop that the run is on: await the run instead")
        end = None if timeout is None else time.monotonic() + timeout
        while not self._future.done():
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(f"{self!r} is not over after {timeout} s")
            concurrent.futures.wait([self._future], SLICE_S)
        return self._outcome()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._over().__await__()

    def __repr__(self) -> str:
        duration_s = self.live.read(figures).duration_s
        took = "" if duration_s is None else f", {duration_s:.2f} s"
        return f"<ChainRun {self.number} {self.name!r}: {self.status}{took}>"

    async def _over(self) -> Any:
        """The outcome, on whatever loop it is awaited. To cancel the waiting does not stop the run."""
        __tracebackhide__ = True
        loop = asyncio.get_running_loop()
        over = asyncio.Event()

        def wake(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(over.set)

        self._future.add_done_callback(wake)
        await over.wait()
        return self._outcome()

    def _outcome(self) -> Any:
        __tracebackhide__ = True
        if (error := self._future.exception()) is not None:
            raise error
        return self._future.result()

    # Running it

    def start(self, observers: Observers = (), when_over: Callable[[], None] | None = None) -> None:
        """Begin it on the background loop. *when_over* is called at its end, in a thread."""
        # In this order: an interrupt at any line leaves a run that can be stopped.
        self._task = task = background.BackgroundTask(lambda: self._work(observers, when_over))
        self._stop = task.cancel
        self._when_over = when_over
        task.when_over(self._given_up)
        task.begin()

    def give_up(self) -> None:
        """End it if nobody will: an interrupt came before it was started, or while it was waited for."""
        if self._future.done():
            return
        if self._task is not None:
            self._task.cancel()
            self._task.wait_over(GRACE_S)
        if not self._future.done():
            self._given_up(concurrent.futures.CancelledError(f"run {self.number} of {self.name} was stopped"))

    def _given_up(self, error: BaseException | None) -> None:
        """The task is over; if the work could not set the outcome itself (it never began, or was given up
        with a blocked loop), that is done here."""
        if self._future.done() or error is None:
            return
        self._stop = lambda: None
        if (when_over := self._when_over) is not None:
            threading.Thread(target=when_over, name="workbench-over", daemon=True).start()
        status: Status = (
            "failed" if isinstance(error, Exception) and not _is_cancelled(error) else "cancelled"
        )
        self._settle(status, error=error)

    def wait(self) -> Any:
        """The output of a run that was started, as ``BackgroundTask.wait``; None if it was stopped."""
        __tracebackhide__ = True
        if self._task is None:
            raise RuntimeError(f"{self!r} was not started")
        try:
            return self._task.wait()
        except background.BlockedLoopError:
            if not self._task.is_cancelled:  # another was stopped, and this one had to go with it
                raise
            return None
        except concurrent.futures.CancelledError:
            return None

    def run_here(self, observers: Observers = ()) -> Any:
        """Run it synchronously in this thread; None if it was stopped.

        A batch is run one by one. Parallel branches still have threads of their own.
        """
        __tracebackhide__ = True
        here = Stoppable()
        self._stop = here.stop
        timer = threading.Timer(self.job.timeout_s, here.time_out) if self.job.timeout_s is not None else None
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            with here:
                output = self._call_here([self.live, *observers])
        except (KeyboardInterrupt, asyncio.CancelledError) as error:
            return self._stopped_here(here, error)
        except Exception as error:
            explain(error)
            self._settle("failed", error=error)
            raise
        finally:
            here.leave()
            if timer is not None:
                timer.cancel()
        self._settle("done", output=output)
        return output

    def _call_here(self, observers: Observers) -> Any:
        __tracebackhide__ = True
        chain, config = self.job.chain, self.job.config_with(observers)
        if self.job.is_batch:
            for index, input in enumerate(self.job.input):
                one = config[index] if isinstance(config, list) else config
                self._finished.append(chain.invoke(input, one))
            return list(self._finished)
        with closing(chain.stream(self.job.input, config)) as chunks:  # type: ignore[type-var]
            for chunk in chunks:
                self._total.add(chunk)
        return _whole(self._total.value)

    def _stopped_here(self, here: Stoppable, error: BaseException) -> None:
        __tracebackhide__ = True
        stopped = concurrent.futures.CancelledError(f"run {self.number} of {self.name} was stopped")
        late = self._too_late() if here.timed_out else None
        self._settle("cancelled", error=late or stopped)
        if late is not None:
            raise late from None
        if isinstance(error, KeyboardInterrupt) and not here.asked:
            raise error

    async def _work(self, observers: Observers, when_over: Callable[[], None] | None) -> Any:
        __tracebackhide__ = True
        try:
            output = await self._in_time([self.live, *observers])
        except asyncio.CancelledError:
            stopped = concurrent.futures.CancelledError(f"run {self.number} of {self.name} was stopped")
            await self._end("cancelled", when_over, error=stopped)
            raise
        except BaseException as error:
            status: Status = "cancelled" if isinstance(error, _OutOfTime) else "failed"
            await self._end(status, when_over, error=error)
            raise
        await self._end("done", when_over, output=output)
        return output

    async def _end(self, status: Status, when_over: Callable[[], None] | None, **outcome: Any) -> None:
        """Call *when_over*, then set the outcome: whoever waits for it finds the view finished."""
        if self._future.done():  # given up meanwhile
            return
        self._stop = lambda: None
        self.live.set_status(status)
        try:
            if when_over is not None:
                await asyncio.to_thread(when_over)
        except Exception as error:
            outcome = {"error": outcome.get("error") or error}
            raise
        finally:
            self._settle(status, **outcome)

    async def _in_time(self, observers: Observers) -> Any:
        __tracebackhide__ = True
        limit = asyncio.timeout(self.job.timeout_s)
        try:
            async with limit:
                return await (self._batch(observers) if self.job.is_batch else self._stream(observers))
        except TimeoutError:
            if not limit.expired():  # the chain's own
                raise
            raise self._too_late() from None

    async def _stream(self, observers: Observers) -> Any:
        __tracebackhide__ = True
        config = self.job.config_with(observers)
        async with aclosing(self.job.chain.astream(self.job.input, config)) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                self._total.add(chunk)
        return _whole(self._total.value)

    async def _batch(self, observers: Observers) -> Any:
        __tracebackhide__ = True
        config = self.job.config_with([*observers, self._note_finished])
        return await self.job.chain.abatch(self.job.input, config)

    def _note_finished(self, event: RunEvent) -> None:
        if event.run.parent is None and event.kind == "end":
            self._finished.append(event.value)

    def _too_late(self) -> _OutOfTime:
        where = self.live.read(reached)
        return _OutOfTime(
            f"{self.name} took longer than {self.job.timeout_s:g} s and was stopped: {where}. "
            "What it wrote is in workbench.runs[-1].output"
        )

    def _settle(self, status: Status, *, output: Any = None, error: BaseException | None = None) -> None:
        if self._future.done():
            return
        if status == "cancelled" and error is not None:
            self.live.give_up(error)
        self.live.set_status(status)
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # two ends at the same moment
            if error is not None:
                self._future.set_exception(error)
            else:
                self._future.set_result(output)
                self._total = Fold()  # its chunks are in the output


def _is_cancelled(error: BaseException) -> bool:
    return isinstance(error, concurrent.futures.CancelledError)


class _OutOfTime(TimeoutError):
    """A run was stopped because its time was over; people see it as TimeoutError."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: only the message, since no line of the user's code raised it."""
        return [f"{type(self).__name__}: {self}"]


_OutOfTime.__name__ = _OutOfTime.__qualname__ = "TimeoutError"
_OutOfTime.__module__ = "builtins"


def _with(config: Any, observers: Observers) -> Any:
    config = dict(config or {})
    return {**config, "callbacks": [*as_list(config.get("callbacks")), *observers]}


def _whole(value: Any) -> Any:
    """An output as ``invoke`` gives it: chunks of a message add up to a chunk, but a message is expected."""
    from ..messages.chunks import whole_message

    return whole_message(value)
