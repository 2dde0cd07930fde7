"""Listeners: functions that are called when a runnable's own runs start, end or fail.

A listener is an observer that follows the first run which starts under it, and no nested one. What it
raises is raised by the call, as with every observer; where the call is failing already, it goes into a
note of that error.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from ..engine import threads
from ..engine.config import RunnableConfig
from ..engine.runs import Run, RunEvent
from ..text.excerpts import short_repr
from .signatures import is_async

__all__ = ["AsyncListener", "Listener", "listening"]

Listener = Callable[[Run], Any] | Callable[[Run, RunnableConfig], Any]
"""Takes the Run, and its config where it has a second parameter (or one named config)."""

AsyncListener = Callable[[Run], Awaitable[Any]] | Callable[[Run, RunnableConfig], Awaitable[Any]]
"""An asynchronous one."""

_NAMES = {"start": "on_start", "end": "on_end", "error": "on_error"}


def listening(
    listeners: Mapping[str, Callable[..., Any] | None], *, asynchronous: bool = False
) -> Callable[[RunnableConfig], RunnableConfig]:
    """A function that adds listeners (``on_start``, ``on_end``, ``on_error``) to the config of a call.
    TypeError for a listener that is not a function, or is of the other kind (synchronous or not)."""
    by_kind = {
        kind: _checked(name, listener, asynchronous)
        for kind, name in _NAMES.items()
        if (listener := listeners.get(name)) is not None
    }
    return _Listening(by_kind, asynchronous)


class _Listening:
    """The function: a class, so that it can be pickled."""

    def __init__(self, listeners: Mapping[str, Callable[..., Any]], asynchronous: bool) -> None:
        self._listeners = listeners
        self._observer = _AsyncOwnRun if asynchronous else _OwnRun

    def __call__(self, config: RunnableConfig) -> RunnableConfig:
        return {"callbacks": [self._observer(self._listeners, config)]}


def _with_run(listener: Callable[..., Any], run: Run, config: RunnableConfig) -> Any:
    return listener(run)


def _with_run_and_keyword(listener: Callable[..., Any], run: Run, config: RunnableConfig) -> Any:
    return listener(run, config=config)


class _OwnRun:
    """The observer of one call: it calls the listeners for the first run that starts under it."""

    def __init__(self, listeners: Mapping[str, Callable[..., Any]], config: RunnableConfig) -> None:
        self._listeners = listeners
        self._config = config
        self._run: Run | None = None

    def __call__(self, event: RunEvent) -> None:
        if self._run is None and event.kind == "start":
            self._run = event.run
        if event.run is self._run and (listener := self._listeners.get(event.kind)) is not None:
            self._called(event.run, listener(event.run, self._config))

    def _called(self, run: Run, returned: Any) -> None:
        """The listener has been called."""


class _AsyncOwnRun(_OwnRun):
    """The same with asynchronous listeners: the work waits for them. Where nothing can be awaited, a
    thread runs them to their end."""

    def __init__(self, listeners: Mapping[str, Callable[..., Any]], config: RunnableConfig) -> None:
        super().__init__(listeners, config)
        self._begun: list[tuple[Coroutine[Any, Any, Any], BaseException | None]] = []

    def _called(self, run: Run, returned: Coroutine[Any, Any, Any]) -> None:
        if run.pending is None:
            _run_in_thread(returned)
            return
        self._begun.append((returned, run.error))
        if self not in run.pending:
            run.pending = (*run.pending, self)

    async def settled(self) -> None:
        while self._begun:
            listener, error_of_run = self._begun.pop(0)
            try:
                await listener
            except Exception as error:
                if error_of_run is None:
                    raise
                error_of_run.add_note(f"a listener to this raised {type(error).__name__}: {error}")


def _checked(name: str, listener: Callable[..., Any], asynchronous: bool) -> Callable[..., Any]:
    """The listener as a function of a run and a config."""
    method, other = "with_listeners", "with_alisteners"
    if asynchronous:
        method, other = other, method
    if not callable(listener):
        raise TypeError(f"{method}: expected {name} to be a function of the run, got {short_repr(listener)}")
    if is_async(listener) is not asynchronous:
        kind = "an asynchronous" if asynchronous else "a plain"
        raise TypeError(
            f"{method}: expected {name} to be {kind} function, got {short_repr(listener)}; see {other}"
        )
    try:
        parameters = list(inspect.signature(listener).parameters.values())
    except (TypeError, ValueError):  # some builtins have none
        return partial(_with_run, listener)
    if len([p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]) > 1:
        return listener
    if any(p.name == "config" and p.kind is p.KEYWORD_ONLY for p in parameters):
        return partial(_with_run_and_keyword, listener)
    return partial(_with_run, listener)


def _run_in_thread(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine to its end; in a thread, since an event loop may be running in this one."""
    over = threading.Event()
    errors: list[BaseException] = []

    async def awaited() -> None:
        await coroutine

    def job() -> None:
        try:
            asyncio.run(awaited())
        except BaseException as error:
            errors.append(error)
        over.set()

    threads.start(job)
    over.wait()
    if errors:
        raise errors[0]
