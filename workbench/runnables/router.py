"""RouterRunnable: the runnable that the input names. It has no runs of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypedDict, TypeVar

from ..engine.chunks import ChunkStream, Once, fold
from ..engine.modes import AnyScope
from ..text.excerpts import typed_repr
from .base import Runnable, coerce

__all__ = ["RouterInput", "RouterRunnable"]

Output = TypeVar("Output")


class RouterInput(TypedDict):
    """Which runnable, and what it is given.

    >>> from workbench import RouterInput, RouterRunnable
    >>> route = RouterRunnable({"loud": str.upper, "long": len})
    >>> route.invoke(RouterInput(key="long", input="hey"))
    3
    """

    key: str
    input: Any


class RouterRunnable(Runnable[RouterInput, Output]):
    """``RouterRunnable({"sum": add, "product": multiply})`` takes ``{"key": "sum", "input": ...}`` and
    gives what that runnable gives. Streams wait for the whole input.

    >>> from workbench import RouterRunnable
    >>> route = RouterRunnable({"loud": str.upper, "long": len})
    >>> route.invoke({"key": "loud", "input": "hey"})
    'HEY'
    """

    def __init__(self, runnables: Mapping[str, Any], *, name: str | None = None) -> None:
        self.runnables = {key: coerce(runnable) for key, runnable in runnables.items()}
        self.name = name

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return list(self.runnables.values())

    def _stand_ins(self) -> Sequence[Runnable[Any, Any]]:
        return list(self.runnables.values())

    def _alias(self) -> str | None:
        return ""

    def _gathers(self) -> bool:
        return False

    def _route(self, input: Any) -> tuple[Runnable[Any, Any], Any]:
        if not isinstance(input, Mapping) or not {"key", "input"} <= input.keys():
            raise ValueError(
                f"{self.get_name()}: expected {{'key': ..., 'input': ...}}, got {typed_repr(input)}"
            )
        runnable = self.runnables.get(input["key"])
        if runnable is None:
            raise ValueError(
                f"{self.get_name()}: no runnable for the key {input['key']!r}; there are "
                f"{', '.join(map(repr, self.runnables)) or 'none'}"
            )
        return runnable, input["input"]

    async def _call_step(self, input: Any, scope: AnyScope, tag: str | None = None, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        runnable, given = self._route(input)
        return await runnable._call_step(given, scope, tag, **kwargs)

    async def _pipe(
        self, source: ChunkStream, scope: AnyScope, tag: str | None = None, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        runnable, given = self._route(await fold(source))
        async with aclosing(runnable._pipe(Once(given), scope, tag, **kwargs)) as chunks:
            async for chunk in chunks:
                yield chunk

    def __repr__(self) -> str:
        return f"RouterRunnable({self.runnables!r})"
