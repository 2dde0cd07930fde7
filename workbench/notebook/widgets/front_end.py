"""The front end of the views, sent to a page once per kernel.

``FrontEnd`` is a model without a view; its state is the code and the style that ``bundle`` made. Each view
names it and carries only a loader (``web/loader.js``), which takes the code from that model, or from the page
where another view has loaded the same. So a reloaded page, a second page and a notebook saved with the
state of its widgets get it once.

With ``ANYWIDGET_HMR=1`` a thread looks at the files twice a second; when one has changed, all views of the
process load the new code and draw the state they have. Without it there is no such thread.
"""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from pathlib import Path
from typing import Any, ClassVar

import traitlets
from ipywidgets import Widget, widget_serialization

from ...views.web.bundle import WEB, Bundle, Name, bundle, is_hot, loader, make_bundle
from .twin import TwinWidget

__all__ = ["FrontEnd", "LoadedView", "front_end"]

LOOK_S = 0.5


class FrontEnd(Widget):  # type: ignore[misc]  # ipywidgets has no types
    """The code and the style of a kind of view."""

    key = traitlets.Unicode().tag(sync=True)
    code = traitlets.Unicode().tag(sync=True)
    css = traitlets.Unicode().tag(sync=True)

    def load(self, made: Bundle) -> None:
        with self.hold_sync():
            self.key, self.code, self.css = made.key, made.code, made.css


_lock = threading.Lock()
_front_ends: dict[Name, FrontEnd] = {}


def front_end(name: Name) -> FrontEnd:
    """The front end of this kernel; another one where it was closed (``Widget.close_all()``)."""
    with _lock:
        known = _front_ends.get(name)
        if known is None or known.comm is None:
            made = _Files.make(name) if is_hot() else bundle(name)
            known = _front_ends[name] = FrontEnd(key=made.key, code=made.code, css=made.css)
        return known


class LoadedView(TwinWidget):
    """A view whose code and style are a front end, named by the class."""

    bundle_name: ClassVar[Name]
    _esm = loader()

    front_end = traitlets.Instance(FrontEnd).tag(sync=True, **widget_serialization)
    front_end_key = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        shared = front_end(self.bundle_name)
        super().__init__(front_end=shared, front_end_key=shared.key, **traits)
        if is_hot():
            _Files.follow(self)

    def _send_front_end(self) -> None:
        """To a page that does not have it: the message with its state was lost."""
        shared = self.front_end
        self.send({"k": "front_end", "key": shared.key, "code": shared.code, "css": shared.css})


class _Files:
    """Looks for changes of the front end's files, and lets the views load them."""

    folder: ClassVar[Path] = WEB
    views: ClassVar[weakref.WeakSet[LoadedView]] = weakref.WeakSet()
    _thread: ClassVar[threading.Thread | None] = None

    @classmethod
    def make(cls, name: Name) -> Bundle:
        return make_bundle(name, folder=cls.folder, readable=True)

    @classmethod
    def follow(cls, view: LoadedView) -> None:
        cls.views.add(view)
        if cls._thread is None:
            cls._thread = threading.Thread(target=cls._watch, name="workbench-hot-reload", daemon=True)
            cls._thread.start()

    @classmethod
    def _watch(cls) -> None:
        seen = cls._times()
        while True:
            time.sleep(LOOK_S)
            if (now := cls._times()) != seen:
                seen = now
                for name, shared in list(_front_ends.items()):
                    cls._reload(name, shared)

    @classmethod
    def _times(cls) -> dict[Path, float]:
        times = {}
        for path in cls.folder.rglob("*"):
            if path.suffix in (".js", ".css"):
                with contextlib.suppress(FileNotFoundError):  # an editor replaces it right now
                    times[path] = path.stat().st_mtime
        return times

    @classmethod
    def _reload(cls, name: Name, shared: FrontEnd) -> None:
        try:
            made = cls.make(name)
        except (OSError, ValueError) as error:  # half written, or cannot be joined: the next save mends it
            print(f"workbench: the front end cannot be made: {error}")
            return
        if made.key == shared.key:
            return
        shared.load(made)
        for view in list(cls.views):
            if view.front_end is shared:
                view.front_end_key = made.key
                # anywidget starts a view again when its module changes, from the state that is sent with it.
                view.set_trait("_esm", f"{loader()}\n// {made.key}")
                view.send_state()
