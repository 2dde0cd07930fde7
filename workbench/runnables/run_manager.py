"""StepRun: the argument ``run_manager`` of the functions of tools and retrievers, which is their run."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ..engine.modes import AnyScope
from ..engine.runs import Run
from ..engine.scope import Callbacks

__all__ = ["StepRun"]


class StepRun:
    """``run`` and the ids are None if nobody observes."""

    def __init__(self, scope: AnyScope) -> None:
        self._scope = scope

    @property
    def run(self) -> Run | None:
        return self._scope.run

    @property
    def run_id(self) -> UUID | None:
        return None if self.run is None else UUID(self.run.id)

    @property
    def parent_run_id(self) -> UUID | None:
        run = self.run
        return None if run is None or run.parent is None else UUID(run.parent.id)

    @property
    def tags(self) -> list[str]:
        return [] if self.run is None else list(self.run.tags)

    @property
    def metadata(self) -> dict[str, Any]:
        return {} if self.run is None else dict(self.run.metadata)

    def get_child(self, tag: str | None = None) -> Callbacks:
        """What to pass on as ``config={"callbacks": ...}``, so that what is called joins this run."""
        return Callbacks(self._scope)
