"""Views outside the magic, for those who ask: ``watch()`` around any code, ``view(chain, input)``,
``view(source)``.

    with workbench.watch():
        joke.invoke({"topic": "bears"})
        await poem.ainvoke({"topic": "owls"})

shows every chain that is called in the block, as roots of one tree.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Generator
from types import TracebackType
from typing import Any, Self

from ..engine.limits import Stop
from ..engine.modes import Blocking
from ..engine.runs import Run, RunEvent
from ..engine.scope import current
from ..live.state import OVER, LiveState, outcome
from ..runnables.base import Runnable
from ..runnables.failures import explain
from .display import View, finish_when_over, in_kernel, new_view, run_job, show_run
from .magics.cell_line import Pane
from .run import ChainRun, Job

__all__ = ["view", "watch"]

_MISSING: Any = object()


class watch:  # used like a function, as contextlib's
    """A live view of all chains that are called in the block, synchronous or not, also by tasks that it
    starts. ``live`` is its state. Threads of your own are seen if they run in a copy of the context.

    Stop ends the asynchronous calls at once and the synchronous ones at their next step.

    In a cell::

        import workbench
        from workbench import FakeChatModel

        joke = FakeChatModel(responses=["Knock, knock."])
        with workbench.watch(title="three jokes"):
            joke.batch(["bears", "cats", "ants"])
    """

    def __init__(self, *, title: str = "", view: Pane | None = None) -> None:
        self.live = LiveState()
        self._title = title
        self._pane = view
        self._view: View | None = None
        self._token: Any = None
        self._stop = Stop()
        self._open: dict[Run, asyncio.Task[Any] | None] = {}
        self._left = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        if self._token is not None:
            raise RuntimeError("this watch() is in use: make another")
        if self._pane != "none":
            self._view = new_view(self.live, title=self._title, on_stop=self.stop, view=self._pane)
            self._view.show()
        outer = current.get()
        scope = Blocking() if outer is None else Blocking().under(outer)
        watched = scope.configured({"callbacks": [self.live, self._note]}).stopping_with(self._stop)
        self._token = current.set(watched)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        current.reset(self._token)
        if isinstance(error, Exception):
            explain(error)
        with self._lock:
            self._left = True
            over = not self._open
        if over:
            self._finish()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *error: Any) -> None:
        self.__exit__(*error)

    def stop(self) -> None:
        """End what is running in the block. From any thread."""
        self._stop.request()
        with self._lock:
            tasks = {task for task in self._open.values() if task is not None}
        for task in tasks:
            with contextlib.suppress(RuntimeError):  # its loop is closed
                task.get_loop().call_soon_threadsafe(task.cancel)

    def _note(self, event: RunEvent) -> None:
        """Keep count of the root runs: those that outlive the block finish the view."""
        if event.run.parent is not None or event.kind in ("chunk", "custom"):
            return
        with self._lock:
            if event.kind == "start":
                self._open[event.run] = _task_of(event.run)
                return
            self._open.pop(event.run, None)
            over = self._left and not self._open
        if over:  # not here: the run that ends holds the lock of its state
            threading.Thread(target=self._finish, name="workbench-watch", daemon=True).start()

    def _finish(self) -> None:
        self.live.set_status(self.live.read(outcome))
        if self._view is not None:
            self._view.finish()


def view(
    source: Any,
    input: Any = _MISSING,
    config: Any = None,
    *,
    title: str = "",
    view: Pane | None = None,
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
        from ..runnables.base import coerce

        return run_job(Job(coerce(source), input, title, config=config), view=view).output
    if isinstance(source, Runnable):
        raise TypeError("view(chain, input): the input is missing")
    if isinstance(source, ChainRun):
        return show_run(source, view)
    return _follow(source, title, view)


def _follow(source: Any, title: str, pane: Pane | None) -> Following | None:
    from ..live.sources import live_from

    followed = live_from(source)
    if isinstance(followed, LiveState):
        shown = new_view(followed, title=title, view=pane)
        shown.show()
        # A state that is not over stays open in a notebook; a terminal shows it as it is now.
        if followed.status in OVER or not in_kernel():
            shown.finish()
        return None
    following = Following(new_view(followed.live, title=title, on_stop=followed.stop, view=pane))
    following.show()
    finish_when_over(following, followed)
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


def _task_of(run: Run) -> asyncio.Task[Any] | None:
    """The task a root run is in; None for one that blocks its thread."""
    if run.pending is None:
        return None
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
