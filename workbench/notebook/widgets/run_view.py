"""The live view of a run in a notebook: its output as it arrives, its steps as a tree on a time axis.

``RunView`` sends the frames of a ``LiveState`` to the browser from one thread of its own, about thirty a
second while tokens come and at once when a step starts or ends; the thread ends with the run, and also
sleeps itself away in long pauses. The full document is copied only when somebody asks for it: a view that
opens late, a reload, a gap in the frames, the end of the run. Beside the widget the cell's output carries
a static twin (see ``static``) that readers without a kernel see.

To the browser go ``{"k": "frame", "e", "a", "b", "t", "ops"}`` (see ``codec``; ``e`` counts the runs that
this view has shown), ``{"k": "snap", "e", "seq", "state", "names", "t"}``, ``{"k": "ack", "of", "error"?}``
and ``{"k": "file", "what", "name", "mime", "text"}``. From there come ``{"k": "here"}``, ``sync``, ``stop``,
``rerun``, ``pin``, ``unpin``, ``{"k": "panes", "view": "stream" | "tree" | "time" | "all"}`` (what the reader
chose, for the views to come as well) and ``{"k": "export", "what": "state" | "patches" | "html"}``.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import traitlets

from ...live.codec import FrameCodec
from ...live.state import OVER, LiveState, outcome
from ...views.export import export_file, save
from ...views.static.html import placeholder, static_html
from ...views.static.text import plain_text
from ..session import settings
from .front_end import LoadedView
from .sender import Sender, answer_on_any_subshell

__all__ = ["RunView"]

VIEWS = ("stream", "tree", "time", "all")


class RunView(LoadedView):
    """A live view of *live*. *on_stop* and *on_rerun* are called when the reader presses Stop and Run again,
    on any thread; without *on_rerun* there is no such button. *python* is the text of "Copy as Python",
    *view* the pane to begin with: stream, tree, time or all. *pinned* is the snapshot of a run to compare
    with, by default that of the run pinned last in this session; ``{}`` for none.

    ``show()`` puts it into the current output, ``finish()`` sends what is left and makes the output
    complete for readers without a kernel. Without a kernel both do nothing. ``restart(live)`` goes on with
    another run, ``save(path)`` writes what it shows.
    """

    bundle_name = "run_view"

    title = traitlets.Unicode().tag(sync=True)
    snapshot = traitlets.Dict().tag(sync=True)
    view = traitlets.Enum(VIEWS, default_value="all").tag(sync=True)
    can_rerun = traitlets.Bool(False).tag(sync=True)
    python = traitlets.Unicode().tag(sync=True)
    pinned = traitlets.Dict().tag(sync=True)

    _finished: bool

    def __init__(
        self,
        live: LiveState,
        *,
        on_stop: Callable[[], None] | None = None,
        on_rerun: Callable[[], None] | None = None,
        python: str = "",
        title: str = "",
        view: str = "all",
        pinned: dict[str, Any] | None = None,
    ) -> None:
        if view not in VIEWS:
            raise ValueError(f"view: expected one of {', '.join(VIEWS)}, got {view!r}")
        self._on_stop = on_stop
        self._on_rerun = on_rerun
        self._order = threading.RLock()
        self._epoch = 0
        self._is_shown = False
        self._follow(live)
        super().__init__(
            title=title,
            python=python,
            view=view,
            can_rerun=on_rerun is not None,
            pinned=_Pin.run if pinned is None else pinned,
        )
        answer_on_any_subshell(self.comm)
        self.on_msg(self._on_message)
        self._unlisten = live.listen(self._sender.changed)
        _Pin.views.append(weakref.ref(self))

    def finish(self) -> None:
        """Send what is left, keep the whole document with the widget, and fill in the static twin.

        A document whose status nobody has set by now gets that of its runs. Calling it again does no harm.
        """
        if self._finished:
            return
        if self._live.status not in OVER:
            self._live.set_status(self._live.read(lambda document: outcome(document, without="cancelled")))
        self._unlisten()
        self._sender.close()
        self._send_frame()
        self._finished = True
        self.snapshot = {**self._live.snapshot(), "e": self._epoch}
        self._fill_twins()

    def restart(self, live: LiveState) -> None:
        """Show another run in the place of this one, in every page that has the view."""
        self._unlisten()
        self._sender.close()
        with self._order:
            self._epoch += 1
            self._follow(live)
            self._unlisten = live.listen(self._sender.changed)
            self.send({"k": "snap", **self._whole()})

    def save(self, path: str | Path) -> None:
        """Write what the view shows, by the name's ending; see ``export.save``."""
        save(self._live, path, title=self.title)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The traits for the browser, with the document as it is now."""
        state: dict[str, Any] = super().get_state(key=key, drop_defaults=drop_defaults)
        if key is None and not self._finished:
            state["snapshot"] = self._whole()
        return state

    def _should_send_property(self, key: str, value: Any) -> bool:
        """ipywidgets asks this. A page has the document and keeps it itself; who runs a notebook without one
        (nbclient) keeps what is sent."""
        if key == "snapshot" and self._is_shown:
            return False
        return bool(super()._should_send_property(key, value))

    def _follow(self, live: LiveState) -> None:
        self._live = live
        self._sent = 0
        self._codec = FrameCodec()
        self._sender = Sender(self._send_frame)
        self._finished = False

    def _twin_bundle(self) -> dict[str, str]:
        if not self._finished:
            return {"text/html": placeholder(self.run_id), "text/plain": ""}
        document = self._live.snapshot()["state"]
        return {"text/html": static_html(document, id=self.run_id), "text/plain": plain_text(document)}

    def _send_frame(self) -> None:
        with self._order:
            frame = self._live.since(self._sent)
            if frame is not None:
                self._sent = frame["b"]
                ops = self._codec.pack(frame["ops"])
                self.send({"k": "frame", "e": self._epoch, **frame, "t": int(frame["t"]), "ops": ops})

    def _whole(self) -> dict[str, Any]:
        """The document at the end of a frame, which is sent first: the next frame continues here."""
        with self._order:
            return self._live.read(self._between_frames)  # type: ignore[no-any-return]  # what that returns

    def _between_frames(self, _: dict[str, Any]) -> dict[str, Any]:
        self._send_frame()
        names = self._codec.names
        return {**self._live.snapshot(), "e": self._epoch, "names": names, "t": int(time.time() * 1000)}

    def _on_message(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        kind = content.get("k")
        if kind == "here":
            self._is_shown = True
        elif kind == "front_end":
            self._send_front_end()
        elif kind == "sync":
            self.send({"k": "snap", **self._whole()})
        elif kind == "stop":
            self.send({"k": "ack", "of": "stop"})
            if self._on_stop is not None and not self._finished:
                self._on_stop()
        elif kind == "rerun":
            self._rerun()
        elif kind == "pin":
            pin({**self._live.snapshot(), "title": self.title, "run_id": self.run_id})
        elif kind == "unpin":
            pin({})
        elif kind == "panes" and content.get("view") in VIEWS:
            self.view = settings.view = content["view"]
        elif kind == "export":
            self._export(content.get("what"))

    def _rerun(self) -> None:
        self.send({"k": "ack", "of": "rerun"})
        if self._on_rerun is None or not self._finished:
            return
        # Not here: this may be the thread that the run needs to get its messages.
        threading.Thread(target=self._rerun_now, name="workbench-rerun", daemon=True).start()

    def _rerun_now(self) -> None:
        try:
            if self._on_rerun is not None:
                self._on_rerun()
        except Exception as error:  # nobody else would hear of it
            self.send({"k": "ack", "of": "rerun", "error": f"{type(error).__name__}: {error}"[:1_000]})

    def _export(self, what: Any) -> None:
        try:
            file = export_file(self._live, what, title=self.title)
        except Exception as error:
            self.send({"k": "ack", "of": "export", "error": f"{type(error).__name__}: {error}"[:1_000]})
        else:
            self.send({"k": "file", "what": what, **file})


class _Pin:
    """The run that this session compares with, and the views that are told of it."""

    run: dict[str, Any] = {}
    views: deque[weakref.ref[RunView]] = deque(maxlen=8)


def pin(snapshot: dict[str, Any]) -> None:
    """Compare with this run in the last few views and in those to come; ``{}``: with none."""
    _Pin.run = snapshot
    for reference in list(_Pin.views):
        if (view := reference()) is not None:
            view.pinned = snapshot
