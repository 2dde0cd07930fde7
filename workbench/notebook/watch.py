"""``watch()``: a live view of all chains that are called in a block of code.

    with workbench.watch():
        joke.invoke({"topic": "bears"})
        await poem.ainvoke({"topic": "owls"})

shows every chain that is called in the block, as roots of one tree.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from types import TracebackType
from typing import Any, Self

from ..engine.limits import Stop
from ..engine.modes import Blocking
from ..engine.runs import Run, RunEvent
from ..engine.scope import current
from ..live.state import LiveState, outcome
from ..runnables.failures import explain
from ..views.panes import PaneOrNone
from .display import View, new_view

__all__ = ["watch"]


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

    def __init__(self, *, title: str = "", view: PaneOrNone | None = None) -> None:
        self.live = LiveState()
        self._title = title
        self._pane = view
        self._view: View | None = None
        self._before: Any = None
        self._scope: Any = None
        self._stop = Stop()
        self._open: dict[Run, asyncio.Task[Any] | None] = {}
        self._left = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        if self._scope is not None:
            raise RuntimeError("this watch() is in use: make another")
        try:
            if self._pane != "none":
                self._view = new_view(self.live, title=self._title, on_stop=self.stop, view=self._pane)
                self._view.show()
            self._before = outer = current.get()
            scope = Blocking() if outer is None else Blocking().under(outer)
            watched = scope.configured({"callbacks": [self.live, self._note]}).stopping_with(self._stop)
            self._scope = watched
            current.set(watched)
            return self
        except BaseException as error:  # the block is not entered, so nobody else ends the view
            self._leave(error)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._leave(error)
        except KeyboardInterrupt as interrupt:  # at whatever line of it
            self._leave(interrupt)
            raise

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

    def _leave(self, error: BaseException | None) -> None:
        """Called again, it goes on where it was interrupted."""
        if self._scope is not None:  # whatever scope an interrupted call has left
            current.set(self._before)
        if isinstance(error, Exception):
            explain(error)
        if isinstance(error, KeyboardInterrupt):  # it may have come while a run was being started or ended
            self.stop()
            self.live.give_up(error)
            self._open.clear()
        with self._lock:
            self._left = True
            over = not self._open
        if over:
            self._finish()

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


def _task_of(run: Run) -> asyncio.Task[Any] | None:
    """The task a root run is in; None for one that blocks its thread."""
    if run.pending is None:
        return None
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
