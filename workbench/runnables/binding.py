"""RunnableBinding: a runnable with arguments or a config for every call. It has no runs of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from ..engine.chunks import ChunkStream
from ..engine.config import RunnableConfig, check_config
from ..engine.modes import AnyScope
from .base import Runnable, coerce

__all__ = ["RunnableBinding"]

Input = TypeVar("Input")
Output = TypeVar("Output")


class RunnableBinding(Runnable[Input, Output]):
    """What ``bind`` and ``with_config`` return. Attributes and methods of the bound one pass through."""

    def __init__(
        self,
        bound: Runnable[Input, Output],
        *,
        kwargs: Mapping[str, Any] | None = None,
        config: RunnableConfig | None = None,
    ) -> None:
        self.bound = coerce(bound)
        self.kwargs = dict(kwargs or {})
        self.config: dict[str, Any] = dict(check_config(config or {}))

    def bind(self, **kwargs: Any) -> RunnableBinding[Input, Output]:
        return RunnableBinding(self.bound, kwargs={**self.kwargs, **kwargs}, config=self.config)  # type: ignore[arg-type]

    def with_config(
        self, config: RunnableConfig | None = None, **kwargs: Any
    ) -> RunnableBinding[Input, Output]:
        """A later key replaces an earlier one, tags included."""
        return RunnableBinding(
            self.bound,
            kwargs=self.kwargs,
            config={**self.config, **(config or {}), **kwargs},  # type: ignore[arg-type]
        )

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        return self.bound.get_name(suffix, name=name or self.config.get("run_name"))

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return [self.bound]

    def _gathers(self) -> bool:
        return self.bound._gathers()

    def _alias(self) -> str | None:
        return self.config.get("run_name") or ""

    async def _call(self, input: Any, scope: AnyScope, tag: str | None = None, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if self.config:
            scope = scope.configured(self.config, keep=True)
        return await self.bound._call(input, scope, tag, **{**self.kwargs, **kwargs})

    def _pipe(
        self, source: ChunkStream, scope: AnyScope, tag: str | None = None, **kwargs: Any
    ) -> ChunkStream:
        if self.config:
            scope = scope.configured(self.config, keep=True)
        return self.bound._pipe(source, scope, tag, **{**self.kwargs, **kwargs})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "bound":
            raise AttributeError(name)
        return getattr(self.bound, name)

    def __repr__(self) -> str:
        extras = {**self.kwargs, **({"config": self.config} if self.config else {})}
        return f"{self.bound!r}.bind({', '.join(f'{k}={v!r:.60}' for k, v in extras.items())})"
