"""Any source of runs as a LiveState, so that every view can show it.

``live_from(source)`` takes what is over (a RunLog, a RunState, a saved document, a list of patches or of
events) and gives a LiveState; what still happens (a running Run, an iterator, a chain and its input) it
follows, and gives a ``Followed``.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..engine import background
from ..engine.limits import Stop
from ..engine.runs import Run, RunEvent, Status
from ..runnables.base import Runnable
from ..text.excerpts import short_repr
from .replay import PatchReplay, Replay, operations_in, replay_for, replay_log, replay_run, replay_state
from .state import LiveState, outcome

__all__ = ["Followed", "live_from"]

_MISSING: Any = object()
_KINDS = (
    "a chain and its input, a Run, a RunLog, a RunState, a saved document (or its path), or an iterator, "
    "also asynchronous, of RunLogPatches or of astream_events"
)


class Followed:
    """A source while it goes on. ``live`` is its state, ``error`` what the source raised, if it did."""

    def __init__(self) -> None:
        self.live = LiveState()
        self.error: BaseException | None = None
        self._stop: Callable[[], None] = lambda: None
        self._over: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Stop following, and what is followed where that can be stopped. From any thread."""
        if not self._over.done():
            self._stop()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is over, at most *timeout* seconds; whether it is."""
        concurrent.futures.wait([self._over], timeout)
        return self._over.done()

    def when_over(self, callback: Callable[[], None]) -> None:
        """Call *callback* when it is over, in a thread of its own; at once if it is over."""
        background.when_done(self._over, callback)

    def _end(self, status: Status, error: BaseException | None = None) -> None:
        """Once; what comes later changes nothing."""
        with self._lock:
            if self._over.done():
                return
            self.error = error
            self.live.set_status(status)
            self._over.set_result(None)

    def _given_up(self, error: BaseException | None) -> None:
        """Its task is over. If the work could not say how it ended, since it never began or a step that
        blocks the loop still holds it, it ends here."""
        if not self._over.done():
            error = error or asyncio.CancelledError("stopped")
            self.live.give_up(error)
            self._end("cancelled", error)


def live_from(source: Any, input: Any = _MISSING) -> LiveState | Followed:
    """See the module. An asynchronous iterator is read on the running event loop if there is one, else on
    the background loop; another iterator in a thread. Raises TypeError for what is no source."""
    if input is not _MISSING:
        return _follow_chain(source, input)
    if isinstance(source, LiveState):
        return source
    if isinstance(live := getattr(source, "live", None), LiveState):
        return live
    if isinstance(source, Run):
        return _follow_run(source)
    if isinstance(source, Path):
        return _of_file(source)
    if isinstance(source, Mapping) and not {"op", "event"} & set(source):
        return _of_state(source)
    if hasattr(source, "ops") or isinstance(source, list | tuple):
        return _of_items(source)
    if isinstance(source, Runnable):
        raise TypeError("live_from(chain, input): the input is missing")
    if hasattr(source, "__aiter__"):
        return _follow_async(source)
    if hasattr(source, "__next__"):
        return _follow_iterator(source)
    raise TypeError(f"expected {_KINDS}; got {type(source).__name__}: {short_repr(source, 100)}")


def _of_file(path: Path) -> LiveState:
    """A document that was saved as JSON."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ValueError(
            f"{path}: expected a run that was saved as JSON (save(run, 'run.json')), got a file that begins "
            f"with {text[:40]!r}"
        )
    return LiveState.of(document)


def _of_state(state: Mapping[str, Any]) -> LiveState:
    if "runs" in state:
        return LiveState.of(state)
    if "logs" not in state:
        raise TypeError(
            f"expected {_KINDS}; got a dict with the keys {', '.join(map(str, state)) or '(none)'}"
        )
    live = LiveState()
    replay_state(state, live)
    live.set_status(_status(live))
    return live


def _of_items(items: Any) -> LiveState:
    live = LiveState()
    first = next(iter(items), None) if isinstance(items, list | tuple) else items
    replay = None if first is None else replay_for(first, live)
    if isinstance(replay, PatchReplay):
        replay_log(operations_in(items), live)
    elif replay is not None:
        for item in items:
            replay.take(item)
        replay.end()
    live.set_status(_status(live))
    return live


def _follow_run(run: Run) -> LiveState | Followed:
    followed = Followed()

    def observe(event: RunEvent) -> None:
        followed.live(event)
        if event.run is run and event.kind in ("end", "error"):
            followed._end(_status(followed.live))

    replay_run(run, followed.live)
    if run.ended is not None:
        followed.live.set_status(_status(followed.live))
        return followed.live
    run.observers = (*run.observers, observe)
    return followed


def _follow_chain(chain: Any, input: Any) -> Followed:
    from ..runnables.base import coerce

    followed, step = Followed(), coerce(chain)

    async def work() -> None:
        async with contextlib.aclosing(step.astream(input, {"callbacks": [followed.live]})) as chunks:  # type: ignore[type-var]
            async for _ in chunks:
                pass

    _begin(followed, work, None)
    return followed


def _follow_async(source: AsyncIterator[Any]) -> Followed:
    followed = Followed()
    reader = _Reader(followed.live)

    async def work() -> None:
        items = aiter(source)
        try:
            async for item in items:
                reader.take(item)
        finally:
            if (close := getattr(items, "aclose", None)) is not None:
                await close()

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _begin(followed, work, reader)
    else:
        task = loop.create_task(_finished(followed, work, reader))
        task.add_done_callback(lambda _: followed._given_up(None))

        def stop() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(task.cancel)

        followed._stop = stop
    return followed


def _begin(followed: Followed, work: Callable[[], Coroutine[Any, Any, None]], reader: _Reader | None) -> None:
    """Do the work on the background loop."""
    task = background.BackgroundTask(lambda: _finished(followed, work, reader))
    followed._stop = task.cancel
    task.when_over(followed._given_up)
    task.begin()


async def _finished(
    followed: Followed, work: Callable[[], Coroutine[Any, Any, None]], reader: _Reader | None
) -> None:
    """Do the work and record its end. An error is shown in the state and not raised: nobody awaits this."""
    error: BaseException | None = None
    try:
        await work()
    except asyncio.CancelledError as cancelled:
        error = cancelled
        raise
    except Exception as raised:
        error = raised
    finally:
        _end(followed, reader, error)


def _follow_iterator(source: Iterator[Any]) -> Followed:
    followed, stop = Followed(), Stop()
    reader = _Reader(followed.live)

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in source:
                reader.take(item)
                if stop.requested:
                    error = asyncio.CancelledError("stopped")
                    break
        except Exception as raised:
            error = raised
        finally:
            if (close := getattr(source, "close", None)) is not None:
                with contextlib.suppress(Exception):  # how it ended is known by now
                    close()
            _end(followed, reader, error)

    followed._stop = stop.request
    threading.Thread(target=work, name="workbench-source", daemon=True).start()
    return followed


def _end(followed: Followed, reader: _Reader | None, error: BaseException | None) -> None:
    if reader is not None:
        reader.end(error)
    live = followed.live
    if isinstance(error, Exception) and not live.read(lambda document: document["runs"]):
        failed = Run("source", "chain", (live,))  # where the reader sees the error
        failed.start()
        failed.fail(error)
    followed._end(_status(live, error), error)


class _Reader:
    """Replays items; the first of them decides of which kind they all are."""

    def __init__(self, live: LiveState) -> None:
        self._live = live
        self._replay: Replay | None = None

    def take(self, item: Any) -> None:
        if self._replay is None:
            self._replay = replay_for(item, self._live)
        self._replay.take(item)

    def end(self, error: BaseException | None) -> None:
        if self._replay is not None:
            self._replay.end(error)


def _status(live: LiveState, error: BaseException | None = None) -> Status:
    if error is not None:
        return "failed" if isinstance(error, Exception) else "cancelled"
    return live.read(outcome)  # type: ignore[no-any-return]  # what that returns
