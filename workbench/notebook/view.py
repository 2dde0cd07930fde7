"""``view()``: a chain that is run under a live view, or a run from anywhere that is shown in one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from typing import Any

from ..live.sources import live_from
from ..live.state import OVER, LiveState
from ..runnables.base import Runnable, coerce
from ..views.panes import PaneOrNone
from .display import View, finish_when_over, in_kernel, new_view
from .run import ChainRun, Job
from .viewed_runs import run_job, show_run

__all__ = ["view"]

_MISSING: Any = object()


def view(
    source: Any,
    input: Any = _MISSING,
    config: Any = None,
    *,
    title: str = "",
    view: PaneOrNone | None = None,
) -> Any:
    """Show a run while it happens.

    With an *input*, *source* is a chain (or what becomes one with ``|``): it is run under a view, and its
    output returned. Without, *source* is what to show: a run of ``workbench.runs``, a LiveState, an
    (asynchronous) iterator of RunLogPatches or of astream_events; see ``live_from`` for what it takes. Of an
    iterator the view goes on by itself; ``await`` what is returned to wait until it is over.

    In a cell::

        import workbench
        from workbench import FakeChatModel

        joke = FakeChatModel(responses=["Knock, knock."])
        answer = workbench.view(joke, "a joke about bears")
        workbench.view(workbench.runs[-1])  # the same run once more
    """
    __tracebackhide__ = True
    if input is not _MISSING:
        return run_job(Job(coerce(source), input, title, config=config), view=view).output
    if isinstance(source, Runnable):
        raise TypeError("view(chain, input): the input is missing")
    if isinstance(source, ChainRun):
        return show_run(source, view)
    return _follow(source, title, view)


def _follow(source: Any, title: str, pane: PaneOrNone | None) -> Following | None:
    followed = live_from(source)
    if isinstance(followed, LiveState):
        shown = new_view(followed, title=title, view=pane)
        shown.show()
        # A state that is not over stays open in a notebook; a terminal shows it as it is now.
        if followed.status in OVER or not in_kernel():
            shown.finish()
        return None
    following = Following(new_view(followed.live, title=title, on_stop=followed.stop, view=pane))
    try:
        following.show()
        finish_when_over(following, followed)
    except BaseException:  # an interrupt, say: nobody would look at it
        followed.stop()
        followed.when_over(following.finish)
        raise
    return following


class Following:
    """A view that goes on by itself; ``await`` it to wait for its end. It prints nothing in a cell."""

    def __init__(self, shown: View) -> None:
        self._shown = shown
        self._over = threading.Event()

    def show(self) -> None:
        self._shown.show()

    def finish(self) -> None:
        try:
            self._shown.finish()
        finally:
            self._over.set()

    def __await__(self) -> Generator[Any, None, None]:
        return self._until_over().__await__()

    async def _until_over(self) -> None:
        while not self._over.is_set():
            await asyncio.sleep(0.02)

    def _ipython_display_(self) -> None:
        pass
