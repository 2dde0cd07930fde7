"""The live timeline of a comparison in a notebook: calls in lanes while they run, figures of each case.

``TimelineView`` sends the frames of a ``Timeline`` to the browser, about thirty a second while calls run; the
whole document goes only to a view that opens late, after a gap, and at the end. Beside the widget the cell's
output carries a static twin.

To the browser go ``{"k": "frame", ...}`` (see ``timing.timeline``), ``{"k": "snap", ...}`` and
``{"k": "ack", "of": "stop"}``. From there come ``{"k": "sync"}`` and ``{"k": "stop"}``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import traitlets

from ...timing.timeline.html import lanes_html, lanes_text
from ...timing.timeline.timeline import Timeline
from ...views.static.html import HIDE_WIDGET_ERROR, placeholder
from .front_end import LoadedView
from .sender import Sender, answer_on_any_subshell

__all__ = ["TimelineView"]


class TimelineView(LoadedView):
    """A live view of *timeline*. *on_stop* is called when the reader presses Stop, on any thread.

    ``show()`` puts it into the current output, ``finish()`` sends what is left and fills in the twin.
    """

    bundle_name = "timeline"

    title = traitlets.Unicode().tag(sync=True)
    snapshot = traitlets.Dict().tag(sync=True)

    def __init__(
        self, timeline: Timeline, *, on_stop: Callable[[], None] | None = None, title: str = ""
    ) -> None:
        self._timeline = timeline
        self._on_stop = on_stop
        self._finished = False
        self._order = threading.RLock()
        self._sender = Sender(self._send_frame)
        super().__init__(title=title)
        answer_on_any_subshell(self.comm)
        self.on_msg(self._on_message)
        timeline.changed = self._sender.changed

    def finish(self) -> None:
        """Send what is left, keep the whole document with the widget, and fill in the static twin."""
        if self._finished:
            return
        self._timeline.changed = lambda urgent: None
        self._sender.close()
        self._send_frame()
        self._finished = True
        self.snapshot = self._timeline.snapshot()
        self._fill_twins()

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The traits for the browser, with the document as it is now."""
        state: dict[str, Any] = super().get_state(key=key, drop_defaults=drop_defaults)
        if key is None and not self._finished:
            state["snapshot"] = self._whole()
        return state

    def _twin_bundle(self) -> dict[str, str]:
        if not self._finished:
            return {"text/html": placeholder(self.run_id), "text/plain": ""}
        document = self._timeline.snapshot()
        page = f"{HIDE_WIDGET_ERROR.format(id=self.run_id)}{lanes_html(document, id=self.run_id)}"
        return {"text/html": page, "text/plain": lanes_text(document)}

    def _send_frame(self) -> None:
        with self._order:
            frame = self._timeline.take()
            if frame is not None:
                self.send({"k": "frame", **frame})

    def _whole(self) -> dict[str, Any]:
        """The document at the end of a frame, which is sent first: the next one continues here."""
        with self._order:
            self._send_frame()
            return self._timeline.snapshot()

    def _on_message(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        kind = content.get("k")
        if kind == "front_end":
            self._send_front_end()
        elif kind == "sync":
            self.send({"k": "snap", **self._whole()})
        elif kind == "stop":
            self.send({"k": "ack", "of": "stop"})
            if self._on_stop is not None and not self._finished:
                self._on_stop()
