"""The live view of a run in a notebook: its output as it arrives, its steps as a tree on a time axis.

``RunView`` sends the frames of a ``LiveState`` to the browser (see ``live_view``), about thirty a second
while tokens come and at once when a step starts or ends. Beside the widget the cell's output carries a
static twin (see ``static``) that readers without a kernel see.

A frame's operations are packed (``ops``, see ``codec``) and have the time when they were sent, ``t``; a
snapshot has the ``names`` of the packing. To the browser go as well ``{"k": "file", "what", "name", "mime",
"text"}``. From there come as well ``{"k": "rerun"}``, ``pin``, ``unpin``, ``{"k": "panes", "view": "stream"
| "tree" | "time" | "all"}`` (what the reader chose, for the views to come as well) and ``{"k": "export",
"what": "state" | "patches" | "html"}``.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import traitlets

from ...live.codec import FrameCodec
from ...live.ordered_keys import for_page
from ...live.state import OVER, LiveState, outcome
from ...tracing.encode import cut
from ...views.export import export_file, save
from ...views.panes import PANES, check_pane
from ...views.static.html import static_html
from ...views.static.text import plain_text
from ..session import settings
from .live_view import LiveView
from .sender import Sender

__all__ = ["RunView"]


class RunView(LiveView):
    """A live view of *live*. *on_stop* and *on_rerun* are called when the reader presses Stop and Run again,
    on any thread; without *on_rerun* there is no such button. *python* is the text of "Copy as Python",
    *view* the pane to begin with: stream, tree, time or all. *pinned* is the snapshot of a run to compare
    with, by default that of the run pinned last in this session; ``{}`` for none.

    ``restart(live)`` goes on with another run, ``save(path)`` writes what the view shows.
    """

    bundle_name = "run_view"

    view = traitlets.Enum(PANES, default_value="all").tag(sync=True)
    can_rerun = traitlets.Bool(False).tag(sync=True)
    python = traitlets.Unicode().tag(sync=True)
    pinned = traitlets.Dict().tag(sync=True)

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
        check_pane(view)
        self._on_rerun = on_rerun
        self._follow(live)
        super().__init__(
            on_stop=on_stop,
            title=cut(title),  # halves of surrogate pairs cannot be sent
            python=cut(python),
            view=view,
            can_rerun=on_rerun is not None,
            pinned=_Pin.run if pinned is None else pinned,
        )
        self._stop_listening = live.listen(self._sender.changed)
        _Pin.views.append(weakref.ref(self))

    def finish(self) -> None:
        """As of every live view. A document whose status nobody has set by now gets that of its runs."""
        if not self._finished and self._live.status not in OVER:
            self._live.set_status(self._live.read(lambda document: outcome(document, without="cancelled")))
        super().finish()

    def restart(self, live: LiveState) -> None:
        """Show another run in the place of this one, in every page that has the view."""
        self._unlisten()
        self._sender.close()
        with self._order:
            self._epoch += 1
            self._finished = self._is_complete = False
            self._sender = Sender(self._send_frame)
            self._follow(live)
            self._stop_listening = live.listen(self._sender.changed)
            self.send({"k": "snap", **self._whole()})

    def save(self, path: str | Path) -> None:
        """Write what the view shows, by the name's ending; see ``export.save``."""
        save(self._live, path, title=self.title)

    def _follow(self, live: LiveState) -> None:
        self._live = live
        self._sent = 0
        self._codec = FrameCodec()

    def _unlisten(self) -> None:
        self._stop_listening()

    def _static_bundle(self) -> dict[str, str]:
        document = self._live.snapshot()["state"]
        return {"text/html": static_html(document, id=self.run_id), "text/plain": plain_text(document)}

    def _take_frame(self) -> dict[str, Any] | None:
        frame = self._live.since(self._sent)
        if frame is None:
            return None
        self._sent = frame["b"]
        return {**frame, "ops": self._codec.pack(frame["ops"])}

    def _document(self) -> dict[str, Any]:
        return {**self._shown(), "e": self._epoch}

    def _shown(self) -> dict[str, Any]:
        snapshot = self._live.snapshot()
        return {**snapshot, "state": for_page(snapshot["state"])}

    def _whole(self) -> dict[str, Any]:
        # The lock of the live state is held, so that nothing comes between the frame and the document.
        with self._order:
            return self._live.read(self._between_frames)  # type: ignore[no-any-return]  # what that returns

    def _between_frames(self, _: dict[str, Any]) -> dict[str, Any]:
        self._send_frame()
        return self._at_end_of_frame()

    def _at_end_of_frame(self) -> dict[str, Any]:
        return {**self._document(), "names": self._codec.names, "t": self._live.now_ms()}

    def _on_message(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        super()._on_message(widget, content, buffers)
        kind = content.get("k")
        if kind == "rerun":
            self._rerun()
        elif kind == "pin":
            pin({**self._shown(), "title": self.title, "run_id": self.run_id})
        elif kind == "unpin":
            pin({})
        elif kind == "panes" and content.get("view") in PANES:
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
