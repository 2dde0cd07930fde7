"""ComposedStep: what the modules that ``base`` imports need to know of a runnable.

It is a protocol, so that they need not import ``Runnable``, which is built on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ..engine.chunks import ChunkStream
from ..engine.modes import AnyScope
from ..engine.scope import Step

__all__ = ["ComposedStep"]


class ComposedStep(Step, Protocol):
    """See ``Runnable`` for what the methods do."""

    async def _call_step(self, input: Any, scope: AnyScope, tag: str | None = None, **kwargs: Any) -> Any: ...
    def _transform(self, source: ChunkStream, scope: AnyScope, **kwargs: Any) -> ChunkStream: ...
    def _recorded_input(self, input: Any) -> Any: ...
    def _steps_inside(self) -> Sequence[ComposedStep]: ...
    def _alias(self) -> str | None: ...
