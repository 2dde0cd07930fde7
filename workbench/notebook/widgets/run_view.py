"""The live view of a run in a notebook: its output as it arrives, its steps as a tree on a time axis.

``RunView`` sends the frames of a ``LiveState`` to the browser from one thread of its own, about thirty a
second while tokens come and at once when a step starts or ends; the thread ends with the run, and also
sleeps itself away in long pauses. The full document is copied only when somebody asks for it: a view that
opens late, a reload, a gap in the frames, the end of the run. Beside the widget the cell's output carries
a static twin (see ``static``) that readers without a kernel see.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ...tracing.live import LiveState
from ..static import placeholder, plain_text, static_html
from .esm import join_modules

__all__ = ["RunView"]

FRAME_S = 0.033
URGENT_FRAME_S = 0.016
IDLE_S = 2.0
"""A sender with nothing to send for so long ends; the next change starts another."""

_HERE = Path(__file__).parent
_TOKEN, _URGENT = 1, 2
_OVER = ("done", "failed", "cancelled")


class RunView(anywidget.AnyWidget):
    """A live view of *live*. *on_stop* is called when the reader presses Stop, on any thread.

    ``show()`` puts it into the current output, ``finish()`` sends what is left and makes the output
    complete for readers without a kernel. Without a kernel both do nothing.
    """

    _esm = join_modules(_HERE / "run_view.js")
    _css = (_HERE / "run_view.css").read_text(encoding="utf-8")

    run_id = traitlets.Unicode().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    snapshot = traitlets.Dict().tag(sync=True)

    def __init__(
        self, live: LiveState, *, on_stop: Callable[[], None] | None = None, title: str = ""
    ) -> None:
        self._live = live
        self._on_stop = on_stop
        self._sender = _Sender(self._send_frame)
        self._finished = False
        self._twins: list[Any] = []
        super().__init__(run_id=uuid.uuid4().hex[:8], title=title)
        _answer_on_any_subshell(self.comm)
        self.on_msg(self._on_message)
        live.on_change = self._sender.changed

    def show(self) -> None:
        """Display the view and, beside it, its static twin."""
        try:
            from IPython.display import display
        except ImportError:
            return
        bundle, metadata = self._bundle()
        display(bundle, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]  # IPython's
        twin = display(self._twin_bundle(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        if twin is not None and not self._finished:
            self._twins.append(twin)

    def finish(self) -> None:
        """Send what is left, keep the whole document with the widget, and fill in the static twin.

        A document whose status nobody has set by now gets that of its runs. Calling it again does no harm.
        """
        if self._finished:
            return
        if self._live.status not in _OVER:
            self._live.set_status(self._live.read(_status_of_runs))
        self._live.on_change = lambda urgent: None
        self._sender.close()
        self._send_frame()
        self.snapshot = self._live.snapshot()
        self._finished = True
        for twin in self._twins:
            twin.update(self._twin_bundle(), raw=True)
        self._twins.clear()

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The traits for the browser, with the document as it is now."""
        state: dict[str, Any] = super().get_state(key=key, drop_defaults=drop_defaults)
        if key is None and not self._finished:
            state["snapshot"] = self._whole()
        return state

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._bundle()

    def _ipython_display_(self) -> None:
        self.show()

    def _bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget without a text form: the twin is that, and two would show where widgets cannot."""
        bundle = super()._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**data, "text/html": "", "text/plain": ""}, metadata

    def _twin_bundle(self) -> dict[str, str]:
        if not self._finished:
            return {"text/html": placeholder(self.run_id), "text/plain": ""}
        return self._live.read(  # type: ignore[no-any-return]  # returns what the function returns
            lambda document: {
                "text/html": static_html(document, id=self.run_id),
                "text/plain": plain_text(document),
            }
        )

    def _send_frame(self) -> None:
        with self._sender.order:
            frame = self._live.take()
            if frame is not None:
                self.send({"k": "frame", **frame})

    def _whole(self) -> dict[str, Any]:
        """The document at the end of a frame, which is sent first: the next frame continues here."""
        with self._sender.order:
            frame, snapshot = self._live.read(lambda _: (self._live.take(), self._live.snapshot()))
            if frame is not None:
                self.send({"k": "frame", **frame})
        return {**snapshot, "t": time.time() * 1000}

    def _on_message(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        kind = content.get("k")
        if kind == "sync":
            self.send({"k": "snap", **self._whole()})
        elif kind == "stop":
            self.send({"k": "ack", "of": "stop"})
            if self._on_stop is not None and not self._finished:
                self._on_stop()


class _Sender:
    """Calls *send* soon after ``changed``, on a thread that lives only while there are changes.

    ``changed`` is called under the lock of the live state, for every token: it never blocks, and costs
    an attribute check while a frame is already due. ``order`` is held while a frame is taken and sent, so
    that frames leave in their order whoever sends them; it is always taken before the lock of the state.
    """

    def __init__(self, send: Callable[[], None]) -> None:
        self.order = threading.RLock()
        self._send = send
        self._due = 0
        self._closed = False
        self._thread: threading.Thread | None = None
        self._condition = threading.Condition()

    def changed(self, urgent: bool) -> None:
        due = _URGENT if urgent else _TOKEN
        if due <= self._due:
            return
        with self._condition:
            if self._closed:
                return
            self._due = due
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="workbench-view", daemon=True)
                self._thread.start()
            else:
                self._condition.notify()

    def close(self) -> None:
        """End the thread and wait for it, unless this is it."""
        with self._condition:
            self._closed = True
            thread = self._thread
            self._condition.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _run(self) -> None:
        last = 0.0
        while self._wait(last):
            self._send()
            last = time.monotonic()

    def _wait(self, last: float) -> bool:
        """Until a frame is due after the one at *last*; False when this thread should end."""
        with self._condition:
            self._condition.wait_for(lambda: self._due or self._closed, timeout=IDLE_S)
            if self._closed or not self._due:
                self._thread = None
                return False
            while not self._closed:
                left = last + (URGENT_FRAME_S if self._due == _URGENT else FRAME_S) - time.monotonic()
                if left <= 0:
                    break
                self._condition.wait(left)
            self._due = 0
            return True


def _answer_on_any_subshell(comm: Any) -> None:
    """Let the browser's messages be handled while a cell runs.

    ipykernel 7.4 sends them to the shell that the last message came from, which for a view is the one
    that is busy with the cell.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default


def _status_of_runs(document: dict[str, Any]) -> Any:
    statuses = [run["status"] for run in document["runs"]]
    for status in ("failed", "cancelled", "done"):
        if status in statuses:
            return status
    return "cancelled"
