"""What a model's methods are given as ``run_manager``: the run they work in, and a way to report tokens.

Only methods whose signature takes a ``run_manager`` are given one; it is never None then, watched or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from ..engine.drive import drive
from ..engine.limits import TaskWaiter, ThreadWaiter
from ..engine.modes import AnyScope
from ..engine.runs import Run
from ..engine.scope import Callbacks
from ..messages import AIMessageChunk
from ..runnables.signatures import accepts

__all__ = ["AsyncModelRun", "ModelRun", "with_run_manager"]


class _ModelRun:
    """``reports`` is false where the method's own chunks are reported: a token would come twice."""

    def __init__(self, scope: AnyScope, reports: bool) -> None:
        self._scope = scope
        self._reports = reports

    @property
    def run(self) -> Run | None:
        """None if nobody observes; so are the ids then."""
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

    def _report(self, token: str, chunk: Any) -> None:
        run = self.run
        if run is None or not self._reports or run.ended is not None:
            return
        piece = getattr(chunk, "message", chunk)
        if run.type == "llm":
            piece = token
        elif piece is None:
            piece = AIMessageChunk(content=token)
        run.chunk(piece)


class ModelRun(_ModelRun):
    """For synchronous methods."""

    def on_llm_new_token(self, token: str, *, chunk: Any = None, **kwargs: Any) -> None:
        """Report a token of the answer that the method will return. In a method that yields chunks, those
        are reported, and this does nothing."""
        self._report(token, chunk)
        gate = self._scope.gate
        if self._reports and gate is not None and gate.closed:
            drive(gate.wait(ThreadWaiter))


class AsyncModelRun(_ModelRun):
    """For asynchronous methods, which await its calls."""

    async def on_llm_new_token(self, token: str, *, chunk: Any = None, **kwargs: Any) -> None:
        """As ``ModelRun.on_llm_new_token``."""
        self._report(token, chunk)
        gate = self._scope.gate
        if self._reports and gate is not None and gate.closed:
            await gate.wait(TaskWaiter)

    def get_sync(self) -> ModelRun:
        """The same for synchronous code that it calls."""
        return ModelRun(self._scope, self._reports)


def with_run_manager(
    method: Callable[..., Any], is_async: bool, scope: AnyScope, kwargs: dict[str, Any], *, reports: bool
) -> dict[str, Any]:
    """The arguments for a call of *method*: with a run manager if it takes one."""
    if "run_manager" in kwargs or not accepts(method, "run_manager"):
        return kwargs
    return {**kwargs, "run_manager": (AsyncModelRun if is_async else ModelRun)(scope, reports)}
