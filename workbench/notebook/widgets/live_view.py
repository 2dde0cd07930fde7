"""What the live views have in common: frames to the browser, the whole document where it is needed, a stop.

A view sends frames from a thread of its own (see ``sender``), each from where the last one ended, ``a``, to
``b``. The whole document goes only to a view that opens late, after a gap, and at the end, into the
``snapshot`` trait: there it is saved with a notebook.

To the browser go ``{"k": "frame", "e", "a", "b", ...}`` (``e`` counts the runs that this view has shown),
``{"k": "snap", "e", "seq", "state", ...}``, ``{"k": "ack", "of", "error"?}`` and ``{"k": "front_end",
...}``. From there come ``{"k": "here"}`` once a page has the view, ``sync``, ``stop`` and ``front_end``,
which ask for a snapshot, for the end of the run and for the code of the view.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import traitlets
from comm import get_comm_manager
from ipywidgets.widgets.widget import _instances

from ...views.static.html import placeholder
from .front_end import LoadedView
from .sender import Sender, answer_on_any_subshell

__all__ = ["LiveView"]


class LiveView(LoadedView):
    """A subclass gives ``_take_frame``, ``_document``, ``_static_bundle`` and ``_unlisten``.
    *on_stop* is called when the reader presses Stop, on any thread.

    ``show()`` puts the view into the current output, ``finish()`` sends what is left and makes the output
    complete for readers without a kernel. Without a kernel both do nothing.
    """

    title = traitlets.Unicode().tag(sync=True)
    snapshot = traitlets.Dict().tag(sync=True)

    def __init__(self, *, on_stop: Callable[[], None] | None = None, **traits: Any) -> None:
        self._on_stop = on_stop
        self._order = threading.RLock()
        self._epoch = 0
        self._is_shown = False
        self._is_lost = False
        self._finished = self._is_complete = False
        self._sender = Sender(self._send_frame)
        super().__init__(**traits)
        answer_on_any_subshell(self.comm)
        self.on_msg(self._on_message)

    def finish(self) -> None:
        """Send the last changes, put the whole document into ``snapshot``, which is saved with a notebook,
        and fill in the static twin.

        Calling it again does no harm.
        """
        if self._is_complete:
            return
        self._unlisten()
        self._sender.close()
        with suppress(Exception):  # the whole document follows
            self._send_frame()
        self._finished = True  # from now on the twin shows the document, not a placeholder
        self.snapshot = self._document()
        self._fill_twins()
        self._is_complete = True  # not before: an interrupt in between is followed by another call

    def release(self) -> None:
        """Let go of the view in this process. A page that shows it keeps that; its comm is not closed,
        which would take the view out of the page."""
        self._unlisten()
        self._sender.close()
        for widget in (self, self.layout):
            if (comm := widget.comm) is not None:
                _instances.pop(widget.model_id, None)
                comm._closed = True  # the end of the object must not close it, either
                with suppress(KeyError):
                    get_comm_manager().unregister_comm(comm)
                widget.comm = None

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

    def _take_frame(self) -> dict[str, Any] | None:
        """What changed since the last frame; None if nothing did."""
        raise NotImplementedError

    def _document(self) -> dict[str, Any]:
        """``e``, ``seq`` and ``state``."""
        raise NotImplementedError

    def _static_bundle(self) -> dict[str, str]:
        """The twin of a view that is finished."""
        raise NotImplementedError

    def _unlisten(self) -> None:
        """Stop listening to what is shown, so that no more changes are reported."""
        raise NotImplementedError

    def _whole(self) -> dict[str, Any]:
        """The document at the end of a frame, which is sent first: the next frame continues here."""
        with self._order:
            self._send_frame()
            return self._at_end_of_frame()

    def _at_end_of_frame(self) -> dict[str, Any]:
        """The document, with what the frames to come need."""
        return self._document()

    def _twin_bundle(self) -> dict[str, str]:
        if not self._finished:
            return {"text/html": placeholder(self.run_id), "text/plain": ""}
        return self._static_bundle()

    def _send_frame(self) -> None:
        with self._order:
            is_lost, self._is_lost = self._is_lost, True
            if is_lost:  # one before could not be sent: the page goes on from the whole document
                self._take_frame()
                self.send({"k": "snap", **self._at_end_of_frame()})
            elif (frame := self._take_frame()) is not None:
                self.send({"k": "frame", "e": self._epoch, **frame})
            self._is_lost = False

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
