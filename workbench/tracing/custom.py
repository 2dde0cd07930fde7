"""Custom events: what user code reports of its own run, to event streams, handlers and live views."""

from __future__ import annotations

import sys
from typing import Any

from .. import engine
from ..engine.config import RunnableConfig
from ..engine.runs import Run
from ..engine.scope import Callbacks, current

__all__ = ["adispatch_custom_event", "dispatch_custom_event"]


def dispatch_custom_event(name: str, data: Any, *, config: RunnableConfig | None = None) -> None:
    """Report an event of the run this is called in; nothing happens if nobody watches.

    *config*: the one the function was given, needed only where context variables do not reach (a thread of
    its own). RuntimeError outside a run.

    >>> from workbench import RunnableLambda, dispatch_custom_event
    >>> def slow(text):
    ...     dispatch_custom_event("progress", {"percent": 50})
    ...     return text
    >>> for event in RunnableLambda(slow).stream_events("hey"):
    ...     if event["event"] == "on_custom_event":
    ...         print(event["name"], event["data"])
    progress {'percent': 50}
    """
    run = _run(config)
    if run is not None:
        run.custom(name, data)


async def adispatch_custom_event(name: str, data: Any, *, config: RunnableConfig | None = None) -> None:
    """As ``dispatch_custom_event``; returns when asynchronous handlers are done with the event.

    >>> import asyncio
    >>> from workbench import RunnableLambda, adispatch_custom_event
    >>> async def slow(text):
    ...     await adispatch_custom_event("progress", {"percent": 50})
    ...     return text
    >>> async def main():
    ...     async for event in RunnableLambda(slow).astream_events("hey"):
    ...         if event["event"] == "on_custom_event":
    ...             print(event["name"], event["data"])
    >>> asyncio.run(main())
    progress {'percent': 50}
    """
    run = _run(config)
    if run is not None:
        run.custom(name, data)
        await run.settle()


def _run(config: RunnableConfig | None) -> Run | None:
    """The run this is called in; None where it has none because nobody watches."""
    callbacks = (config or {}).get("callbacks")
    scope = callbacks.scope if isinstance(callbacks, Callbacks) else current.get()
    if scope is not None:
        return scope.run if scope.observers else None
    if _is_called_by_the_engine():
        return None
    raise RuntimeError(
        "custom events belong to a run: call this from a function that runs in a chain, and where it starts "
        "threads or tasks of its own, hand on the config the function was given"
    )


def _is_called_by_the_engine() -> bool:
    # Unobserved calls leave no trace in context variables, so that they cost nothing; the stack knows.
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_globals.get("__package__") == engine.__name__:
            return True
    return False
