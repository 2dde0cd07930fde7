"""BatchCall: what ``batch``, ``abatch`` and their ``as_completed`` forms have in common."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from functools import partial
from typing import Any

from ..engine.config import RunnableConfig, check_config
from ..engine.modes import AnyScope
from ..engine.places import Limiter
from ..text.excerpts import typed_repr
from .composed import ComposedStep
from .failures import explain

__all__ = ["BatchCall"]


class BatchCall:
    """One call of ``batch``, in any of its forms: a config for each input, and the work of one input."""

    def __init__(
        self,
        step: ComposedStep,
        inputs: Sequence[Any],
        config: RunnableConfig | list[RunnableConfig] | None,
        return_exceptions: bool,
        kwargs: dict[str, Any],
    ) -> None:
        if isinstance(inputs, (str, bytes, Mapping)) or not hasattr(inputs, "__iter__"):
            raise TypeError(f"batch: expected a list of inputs, got {typed_repr(inputs)}")
        self._step = step
        self._inputs = list(inputs)
        self.indexes = range(len(self._inputs))
        self._return_exceptions = return_exceptions
        self._kwargs = kwargs
        self.shared: RunnableConfig | None = None
        self._each: list[RunnableConfig] | None = None
        if isinstance(config, (list, tuple)):
            if len(config) != len(self._inputs):
                raise ValueError(
                    f"batch: expected one config or {len(self._inputs)} (one an input), got {len(config)}"
                )
            self._each = [check_config(one or {}) for one in config]  # type: ignore[misc]
            limits = [one.get("max_concurrency") for one in self._each]
            self._limiters = {limit: Limiter(limit) for limit in limits if limit}
            self._width = None if None in limits else max(limits, default=None)  # type: ignore[type-var]  # no None
        else:
            self.shared = config
            self._width = (config or {}).get("max_concurrency")

    async def one(self, scope: AnyScope, index: int) -> Any:
        """The output for one input."""
        __tracebackhide__ = True
        if self._each is not None:
            config = self._each[index]
            if (limit := config.get("max_concurrency")) is not None:
                scope = scope.limited(self._limiters[limit])  # one for all inputs that have this limit
            scope = scope.configured(config)
        elif not scope.plain:
            scope = scope.copy()
            scope.run_id = None if index else scope.run_id  # an id is one run's
        if not scope.plain:
            scope.item = index
        try:
            return await self._step._call_step(self._inputs[index], scope, **self._kwargs)
        except Exception as error:
            if not self._return_exceptions:
                raise
            explain(error)
            return error

    def outputs(self, scope: AnyScope) -> Awaitable[list[Any]]:
        """All outputs, in the order of the inputs."""
        return scope.gather(self.one, self.indexes, self._width)

    def pairs(self, scope: AnyScope) -> AsyncGenerator[tuple[Any, Any], None]:
        """``(index, output)`` as they finish."""
        return scope.merge([(index, partial(self._one_chunk, index)) for index in self.indexes], self._width)

    async def _one_chunk(self, index: int, scope: AnyScope) -> AsyncGenerator[Any, None]:
        yield await self.one(scope, index)
