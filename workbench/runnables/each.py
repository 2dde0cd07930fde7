"""RunnableEach: one runnable for every item of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ..engine.config import RunnableConfig
from ..engine.modes import AnyScope
from ..text.excerpts import typed_repr
from .base import Runnable, coerce

__all__ = ["RunnableEach"]

Input = TypeVar("Input")
Output = TypeVar("Output")


class RunnableEach(Runnable[list[Input], list[Output]]):
    """What ``map()`` returns: from a list of inputs to the list of outputs, worked on side by side.

    ``bind``, ``with_config`` and the listeners are meant for the calls for each item.

    >>> from workbench import RunnableLambda
    >>> (RunnableLambda(str.split) | RunnableLambda(str.upper).map()).invoke("to be")
    ['TO', 'BE']
    """

    def __init__(self, bound: Runnable[Input, Output], *, name: str | None = None) -> None:
        self.bound: Runnable[Input, Output] = coerce(bound)
        self.name = name

    def _default_name(self) -> str:
        return f"RunnableEach<{self.bound.get_name()}>"

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return [self.bound]

    def bind(self, **kwargs: Any) -> RunnableEach[Input, Output]:
        return RunnableEach(self.bound.bind(**kwargs), name=self.name)

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> RunnableEach[Input, Output]:
        return RunnableEach(self.bound.with_config(config, **kwargs), name=self.name)

    def with_listeners(self, **listeners: Any) -> RunnableEach[Input, Output]:
        return RunnableEach(self.bound.with_listeners(**listeners), name=self.name)

    def with_alisteners(self, **listeners: Any) -> RunnableEach[Input, Output]:
        return RunnableEach(self.bound.with_alisteners(**listeners), name=self.name)

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> list[Any]:
        __tracebackhide__ = True
        if isinstance(input, (str, bytes, Mapping)) or not isinstance(input, Sequence):
            raise TypeError(f"{self.get_name()}: expected a list of inputs, got {typed_repr(input)}")

        async def one(scope: AnyScope, item: Any) -> Any:
            __tracebackhide__ = True
            return await self.bound._call_step(item, scope, **kwargs)

        return await scope.gather(one, input, scope.settings.max_concurrency)

    def __repr__(self) -> str:
        return f"{self.bound!r}.map()"
