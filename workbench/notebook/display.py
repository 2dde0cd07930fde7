"""Showing runs while they happen: which view fits where we are, and what its buttons do."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..engine.background import SLICE_S
from ..engine.runs import RunEvent
from ..live.state import LiveState
from ..runnables.base import Runnable
from .magics.cell_line import Pane
from .run import ChainRun, Job
from .session import runs, settings

__all__ = [
    "View",
    "display",
    "finish_when_over",
    "in_kernel",
    "new_view",
    "run_batch",
    "run_chain",
    "run_job",
    "show_run",
    "show_table",
]

Observers = Sequence[Callable[[RunEvent], None]]


class View(Protocol):
    """A live view of a LiveState: shown before the run, finished after it."""

    def show(self) -> None: ...
    def finish(self) -> None: ...


class Ending(Protocol):
    """Something that is over at some time: a ChainRun, a Followed."""

    def when_over(self, callback: Callable[[], None]) -> None: ...


def in_kernel() -> bool:
    """Whether we run in a Jupyter kernel, which can show widgets."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def display(*objects: Any, auto: bool | None = None, view: Pane | None = None, **kwargs: Any) -> Any:
    """Switch the views of ``%%chain`` off (``auto=False``) and on again, or choose which pane they begin
    with (``view="tree"``). ``--view`` on a cell's line wins over this.

    With objects, and without these two, this is IPython's ``display``.

    In a cell::

        import workbench

        workbench.display(auto=False)  # %%chain shows no view from here on
        workbench.display(auto=True, view="tree")
    """
    if objects or kwargs:
        from IPython.display import display as show

        return show(*objects, **kwargs)  # type: ignore[no-untyped-call]  # IPython's
    if auto is not None:
        settings.auto = bool(auto)
    if view is not None:
        panes = ("stream", "tree", "time", "all")
        if view not in panes:
            raise ValueError(f"view: expected one of {', '.join(panes)}, got {view!r}")
        settings.view = view
    return None


def new_view(
    live: LiveState,
    *,
    title: str,
    on_stop: Callable[[], None] = lambda: None,
    on_rerun: Callable[[], None] | None = None,
    python: str = "",
    view: Pane | None = None,
) -> View:
    """The view that fits: the widget in a kernel, rich in a terminal."""
    view = view or settings.view
    if in_kernel():
        from .widgets.run_view import RunView

        return RunView(live, on_stop=on_stop, on_rerun=on_rerun, python=python, title=title, view=view)
    from ..views.terminal.view import TerminalView

    return TerminalView(live, title=title, view=view)


def run_job(
    job: Job,
    *,
    observers: Observers = (),
    view: Pane | None = None,
    in_background: bool = False,
    main_thread: bool = False,
    when_over: Callable[[ChainRun], None] | None = None,
) -> ChainRun:
    """Run *job* under a view (none with ``view="none"``) as the session's next run.

    Returns when it is over, at once with *in_background*. Raises what the chain raises; a run that was
    stopped from the view is a return like any other, an interrupt (Ctrl-C) ends it and goes on as
    KeyboardInterrupt. *when_over* is called at its end, however it ends.
    """
    __tracebackhide__ = True
    run = runs.add(job)
    # A terminal has one screen, and the prompt needs it: `%runs N` shows a background run there.
    is_hidden = view == "none" or (in_background and not in_kernel())
    shown = None if is_hidden else _show(run, view)

    def finish() -> None:
        if shown is not None:
            shown.finish()
        if when_over is not None:
            when_over(run)

    if in_background:
        run.start(observers, when_over=finish)
        return run
    try:
        if main_thread:
            run.run_here(observers)
        else:
            run.start(observers)
            run.wait()
    except Exception as error:
        if run.output not in (None, ""):
            error.add_note("what was written until then is in workbench.runs[-1].output")
        raise
    finally:
        if not run.done():  # the wait was interrupted, and the run takes its time to end
            run.live.set_status("cancelled")
        finish()
    return run


def show_run(run: ChainRun, view: Pane | None = None) -> None:
    """Show a run (again), with buttons that work. In a terminal it returns when the run is over; Ctrl-C
    leaves the view, and the run goes on."""
    finish_when_over(_show(run, view), run)


def finish_when_over(shown: View, source: Ending) -> None:
    """Finish a view when *source* is over: at once if it is; later in a notebook; a terminal, which has one
    screen, is waited for."""
    if in_kernel() or _in_a_loop():
        source.when_over(shown.finish)
        return
    over = threading.Event()
    source.when_over(over.set)
    try:
        while not over.wait(SLICE_S):
            pass
    except KeyboardInterrupt:
        pass
    finally:
        shown.finish()


def run_chain(
    chain: Runnable[Any, Any],
    input: Any,
    *,
    title: str = "",
    quiet: bool = False,
    max_concurrency: int | None = None,
    observers: Observers = (),
) -> Any:
    """Stream a chain under a live view and return its output.

    Raises what the chain raises. If it was stopped from the view, returns what there is of the output; an
    interrupt (Ctrl-C) cancels it and goes on as KeyboardInterrupt.
    """
    __tracebackhide__ = True
    config = {} if max_concurrency is None else {"max_concurrency": max_concurrency}
    job = Job(chain, input, title, config=config)
    return run_job(job, observers=observers, view="none" if quiet else None).output


def run_batch(
    chain: Runnable[Any, Any],
    inputs: Sequence[Any],
    *,
    title: str = "",
    quiet: bool = False,
    max_concurrency: int | None = None,
    observers: Observers = (),
) -> Any:
    """As ``run_chain``, for many inputs side by side; one root run an input."""
    __tracebackhide__ = True
    config = {} if max_concurrency is None else {"max_concurrency": max_concurrency}
    job = Job(chain, list(inputs), title, is_batch=True, config=config)
    return run_job(job, observers=observers, view="none" if quiet else None).output


def _in_a_loop() -> bool:
    """Whether waiting here would hold up an event loop, which may be what is waited for."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _show(run: ChainRun, view: Pane | None) -> View:
    """The view of a run. Its buttons are for the run that it shows, which after Run again is another."""
    current = [run]
    again_lock = threading.Lock()

    def stop() -> None:
        current[0].stop()

    def rerun() -> None:
        with again_lock:
            if not current[0].done():
                return
            again = current[0] = runs.add(run.job)
        # A cell that is over cannot show anything new: the view goes on with the new run's state.
        shown.restart(again.live)  # type: ignore[attr-defined]  # only widgets have this button
        again.start(when_over=shown.finish)

    shown = new_view(
        run.live,
        title=run.name,
        on_stop=stop,
        on_rerun=rerun,
        python=run.job.python,
        view=view,
    )
    shown.show()
    return shown


def show_table(thing: Any) -> None:
    """A table: as HTML in a notebook, as text in a terminal."""
    if in_kernel():
        from IPython.display import display

        bundle = {"text/html": thing._repr_html_(), "text/plain": str(thing)}
        display(bundle, raw=True)  # type: ignore[no-untyped-call]  # IPython's
    elif hasattr(thing, "__rich__") or hasattr(thing, "__rich_console__"):
        from rich.console import Console

        Console().print(thing)
    else:
        print(thing)
