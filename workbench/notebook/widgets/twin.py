"""Widgets that stand in a cell's output beside a static twin, which readers without a kernel see.

The widget is displayed without a text form, and after it, under a display handle, the twin: nothing at first,
filled in at the end. The live view hides the twin by its class, ``wb-static-`` and the ``run_id``.
"""

from __future__ import annotations

import uuid
from typing import Any

import anywidget
import traitlets

__all__ = ["TwinWidget"]


class TwinWidget(anywidget.AnyWidget):
    """A subclass gives ``_twin_bundle``, the mime bundle of the twin as it is now."""

    run_id = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._twins: list[Any] = []
        super().__init__(run_id=uuid.uuid4().hex[:8], **traits)

    def show(self) -> None:
        """Display the view and, beside it, its static twin."""
        try:
            from IPython.display import display
        except ImportError:
            return
        bundle, metadata = self._bundle()
        display(bundle, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]  # IPython's
        twin = display(self._twin_bundle(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        if twin is not None:
            self._twins.append(twin)

    def _fill_twins(self) -> None:
        for twin in self._twins:
            twin.update(self._twin_bundle(), raw=True)

    def _twin_bundle(self) -> dict[str, str]:
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._bundle()

    def _ipython_display_(self) -> None:
        self.show()

    def _bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget without a text form: the twin is that, and two would show where widgets cannot."""
        bundle = super()._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**data, "text/html": "", "text/plain": ""}, metadata
