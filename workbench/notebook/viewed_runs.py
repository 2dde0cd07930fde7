"""Runs of chains under a live view, with buttons that stop them and run them again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..engine.chunks import is_text_empty
from ..views.panes import PaneOrNone
from .display import View, finish_when_over, in_kernel, new_view
from .run import ChainRun, Job, Observers
from .session import runs

__all__ = ["run_job", "show_run"]


def run_job(
    job: Job,
    *,
    observers: Observers = (),
    view: PaneOrNone | None = None,
    in_background: bool = False,
    main_thread: bool = False,
    when_over: Callable[[ChainRun], object] | None = None,
) -> ChainRun:
    """Run *job* under a view (none with ``view="none"``) as the session's next run.

    Returns when it is over, at once with *in_background*. Raises what the chain raises; a run that was
    stopped from the view is a return like any other, an interrupt (Ctrl-C) ends it and goes on as
    KeyboardInterrupt. *when_over* is called at its end, however it ends.
    """
    __tracebackhide__ = True
    run, shown = ChainRun(job), None

    def finish() -> None:
        try:
            if shown is not None:
                shown.finish()
        finally:
            if when_over is not None:
                when_over(run)

    # An interrupt may come at any line: from here on it ends the run and its view, before that there is none.
    is_left = False
    try:
        runs.add_run(run)
        # A terminal has one screen, and the prompt needs it: `%runs N` shows a background run there.
        if view != "none" and (in_kernel() or not in_background):
            shown = _view_of(run, view)
            shown.show()
        if in_background:
            run.start(observers, when_over=finish)
            is_left = True
        elif main_thread:
            run.run_here(observers)
        else:
            run.start(observers)
            run.wait()
    except Exception as error:
        if run.output is not None and not is_text_empty(run.output):
            error.add_note("what was written until then is in workbench.runs[-1].output")
        raise
    finally:
        if not is_left:
            try:
                run.give_up()
            finally:
                _surely(finish)
    return run


def _surely(finish: Callable[[], None]) -> None:
    """Finish, once more if an interrupt came in between."""
    try:
        finish()
    except KeyboardInterrupt:
        finish()
        raise


def show_run(run: ChainRun, view: PaneOrNone | None = None) -> None:
    """Show a run (again), with buttons that work. In a terminal it returns when the run is over; Ctrl-C
    leaves the view, and the run goes on."""
    shown = _view_of(run, view)
    shown.show()
    finish_when_over(shown, run)


def _view_of(run: ChainRun, view: PaneOrNone | None) -> View:
    """The view of a run. Its buttons are for the run that it shows, which after Run again is another."""
    current = [run]
    again_lock = threading.Lock()

    def rerun() -> None:
        with again_lock:
            if not current[0].done():
                return
            again = current[0] = runs.add(run.job)
        # A cell that is over cannot show anything new: the view goes on with the new run's state.
        shown.restart(again.live)  # type: ignore[attr-defined]  # only widgets have this button
        again.when_dropped(lambda: release(again))
        again.start(when_over=shown.finish)

    def release(dropped: ChainRun) -> None:
        """Let go of the view if the session has forgotten the run that it shows."""
        if current[0] is dropped and (let_go := getattr(shown, "release", None)) is not None:
            let_go()

    shown: View = new_view(
        run.live,
        title=run.name,
        on_stop=lambda: current[0].stop(),
        on_rerun=rerun,
        python=run.job.python,
        view=view,
    )
    run.when_dropped(lambda: release(run))
    return shown
