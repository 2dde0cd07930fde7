"""Which view shows a run (a widget in a notebook, rich in a terminal); ``display()`` switches views off."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

from ..engine.loop_thread import SLICE_S
from ..live.state import LiveState
from ..views.panes import Pane, PaneOrNone, check_pane
from .session import settings

__all__ = ["View", "display", "finish_when_over", "in_kernel", "new_view", "show_table"]


class View(Protocol):
    """A live view of a LiveState: shown before the run, finished after it."""

    def show(self) -> None: ...
    def finish(self) -> None: ...


class Ending(Protocol):
    """Something that ends: a ChainRun, a Followed."""

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
        check_pane(view)
        settings.view = view
    return None


def new_view(
    live: LiveState,
    *,
    title: str,
    on_stop: Callable[[], None] = lambda: None,
    on_rerun: Callable[[], None] | None = None,
    python: str = "",
    view: PaneOrNone | None = None,
) -> View:
    """The view that fits: the widget in a kernel, rich in a terminal."""
    view = view or settings.view
    if in_kernel():
        from .widgets.run_view import RunView

        return RunView(live, on_stop=on_stop, on_rerun=on_rerun, python=python, title=title, view=view)
    from ..views.terminal.view import TerminalView

    return TerminalView(live, title=title, view=view)


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


def _in_a_loop() -> bool:
    """Whether waiting here would hold up an event loop, which may be what is waited for."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


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
