"""The live timeline of a comparison in a notebook: calls in lanes while they run, figures of each case.

``TimelineView`` sends the frames of a ``Timeline`` to the browser (see ``live_view``; what is in a frame, see
``timing.timeline.timeline``). Beside the widget the cell's output carries a static twin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...timing.timeline.html import lanes_html, lanes_text
from ...timing.timeline.timeline import Timeline
from ...views.static.html import HIDE_WIDGET_ERROR
from .live_view import LiveView

__all__ = ["TimelineView"]


class TimelineView(LiveView):
    """A live view of *timeline*. *on_stop* is called when the reader presses Stop, on any thread."""

    bundle_name = "timeline"

    def __init__(
        self, timeline: Timeline, *, on_stop: Callable[[], None] | None = None, title: str = ""
    ) -> None:
        self._timeline = timeline
        super().__init__(on_stop=on_stop, title=title)
        timeline.changed = self._sender.changed

    def _unlisten(self) -> None:
        self._timeline.changed = lambda urgent: None

    def _take_frame(self) -> dict[str, Any] | None:
        return self._timeline.take()

    def _document(self) -> dict[str, Any]:
        state = self._timeline.snapshot()
        return {"e": self._epoch, "seq": state["seq"], "state": state}

    def _static_bundle(self) -> dict[str, str]:
        document = self._timeline.snapshot()
        page = f"{HIDE_WIDGET_ERROR.format(id=self.run_id)}{lanes_html(document, id=self.run_id)}"
        return {"text/html": page, "text/plain": lanes_text(document)}
