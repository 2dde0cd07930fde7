"""What a model's methods are given as ``run_manager``: the run they work in, and a way to report tokens.

Only methods whose signature takes a ``run_manager`` are given one; it is never None then, watched or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine.drive import drive
from ..engine.limits import TaskWaiter, ThreadWaiter
from ..engine.modes import AnyScope
from ..messages import AIMessageChunk
from ..runnables.run_manager import StepRun
from ..runnables.signatures import accepts

__all__ = ["AsyncModelRun", "ModelRun", "with_run_manager"]


class _ModelRun(StepRun):
    """*reports* is false where the chunks that the method yields are reported: a token would be reported
    twice."""

    def __init__(self, scope: AnyScope, reports: bool) -> None:
        super().__init__(scope)
        self._reports = reports

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
        """Report a token of the answer that the method will return. In a method that yields chunks this does
        nothing, because the chunks are reported."""
        self._report(token, chunk)
        gate = self._scope.gate
        if self._reports and gate is not None and gate.closed:
            drive(self._scope.called_from(self._scope.held, gate.wait(ThreadWaiter), own=False))


class AsyncModelRun(_ModelRun):
    """For asynchronous methods, which await its calls."""

    async def on_llm_new_token(self, token: str, *, chunk: Any = None, **kwargs: Any) -> None:
        """As ``ModelRun.on_llm_new_token``."""
        self._report(token, chunk)
        gate = self._scope.gate
        if self._reports and gate is not None and gate.closed:
            await self._scope.called_from(self._scope.held, gate.wait(TaskWaiter), own=False)

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
