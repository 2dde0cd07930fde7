"""Showing a run while it happens: which view fits where we are, and the run on the background loop."""

from __future__ import annotations

import concurrent.futures
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from ..engine.chunks import Fold
from ..engine.runs import RunEvent
from ..runnables.base import Runnable
from ..tracing.live import LiveState
from . import background

__all__ = ["View", "in_kernel", "run_batch", "run_chain", "show_run"]


class View(Protocol):
    """A live view of a LiveState: shown before the run, finished after it."""

    def show(self) -> None: ...
    def finish(self) -> None: ...


def in_kernel() -> bool:
    """Whether we run in a Jupyter kernel, which can show widgets."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def new_view(live: LiveState, *, title: str, on_stop: Callable[[], None]) -> View:
    """The view that fits: the widget in a kernel, rich in a terminal."""
    if in_kernel():
        from .widgets.run_view import RunView

        return RunView(live, on_stop=on_stop, title=title)
    from .terminal import TerminalView

    return TerminalView(live, title=title)


def run_chain(
    chain: Runnable[Any, Any],
    input: Any,
    *,
    title: str = "",
    quiet: bool = False,
    max_concurrency: int | None = None,
    observers: Sequence[Callable[[RunEvent], None]] = (),
) -> Any:
    """Stream a chain under a live view and return its output.

    Raises what the chain raises. If it was stopped from the view, returns None; an interrupt (Ctrl-C)
    cancels it and goes on as KeyboardInterrupt.
    """

    __tracebackhide__ = True

    async def work(config: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        total = Fold()
        limited = {**config, "max_concurrency": max_concurrency}
        async with aclosing(chain.astream(input, limited)) as chunks:  # type: ignore[type-var,arg-type]
            async for chunk in chunks:
                total.add(chunk)
        return total.value

    return show_run(work, title=title or chain.get_name(), quiet=quiet, observers=observers)


def run_batch(
    chain: Runnable[Any, Any],
    inputs: Sequence[Any],
    *,
    title: str = "",
    quiet: bool = False,
    max_concurrency: int | None = None,
    observers: Sequence[Callable[[RunEvent], None]] = (),
) -> Any:
    """As ``run_chain``, for many inputs side by side; one root run an input."""

    __tracebackhide__ = True

    async def work(config: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        limited = {**config, "max_concurrency": max_concurrency}
        return await chain.abatch(inputs, limited)  # type: ignore[arg-type]

    return show_run(work, title=title or chain.get_name(), quiet=quiet, observers=observers)


def show_run(
    work: Callable[[dict[str, Any]], Coroutine[Any, Any, Any]],
    *,
    title: str,
    quiet: bool,
    observers: Sequence[Callable[[RunEvent], None]],
) -> Any:
    """Do *work* (given a config with the observers) on the background loop, under a view."""
    __tracebackhide__ = True
    if quiet:
        return _wait(background.start(lambda: work({"callbacks": list(observers)})))
    live = LiveState()
    tasks: list[background.BackgroundTask[Any]] = []

    def stop() -> None:
        for task in tasks:
            task.cancel()

    view = new_view(live, title=title, on_stop=stop)
    view.show()
    status = "failed"
    try:
        tasks.append(background.start(lambda: work({"callbacks": [live, *observers]})))
        try:
            output = tasks[0].wait()
            status = "done"
            return output
        except concurrent.futures.CancelledError:
            status = "cancelled"
            return None
        except KeyboardInterrupt:
            status = "cancelled"
            raise
    finally:
        live.set_status(status)  # type: ignore[arg-type]  # one of Status
        view.finish()


def _wait(task: background.BackgroundTask[Any]) -> Any:
    __tracebackhide__ = True
    try:
        return task.wait()
    except concurrent.futures.CancelledError:
        return None
