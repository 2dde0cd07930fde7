"""RunnableBinding: a runnable with arguments or a config for every call. It has no runs of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from types import MethodType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..engine.chunks import ChunkStream
from ..engine.config import RunnableConfig, check_config, merge_configs
from ..engine.modes import AnyScope
from ..engine.places import Limiter
from ..engine.secrets import masked
from ..text.excerpts import short_repr
from .base import Runnable, coerce
from .configurable_specs import AnyConfigurableField
from .made_of import made_of, makes_runnables
from .signatures import accepts

if TYPE_CHECKING:
    from .shapes import Shape

__all__ = ["ConfigFactory", "RunnableBinding"]

Input = TypeVar("Input")
Output = TypeVar("Output")

ConfigFactory = Callable[[RunnableConfig], RunnableConfig]
"""Makes a config for each call from the one it would have."""


class RunnableBinding(Runnable[Input, Output]):
    """What ``bind``, ``with_config``, ``with_listeners`` and ``with_types`` return.

    Attributes and methods of the bound one pass through; a method that takes ``config`` gets the bound
    config, and what a method makes (``bind_tools``) keeps what is bound. The factories are called for every
    call, in order; their results are merged onto ``config``.

    >>> from workbench import RunnableLambda
    >>> def add(number, to=0):
    ...     return number + to
    >>> RunnableLambda(add).bind(to=40).invoke(2)
    42
    """

    def __init__(
        self,
        bound: Runnable[Input, Output],
        *,
        kwargs: Mapping[str, Any] | None = None,
        config: RunnableConfig | None = None,
        config_factories: Sequence[ConfigFactory] | None = None,
        custom_input_type: Any = None,
        custom_output_type: Any = None,
    ) -> None:
        self.bound: Runnable[Input, Output] = coerce(bound)
        self.kwargs = dict(kwargs or {})
        self.config: RunnableConfig = dict(check_config(config or {}))  # type: ignore[assignment]  # checked
        self.config_factories = list(config_factories or ())
        self.custom_input_type = custom_input_type
        self.custom_output_type = custom_output_type
        limit = self.config.get("max_concurrency")
        self._limiter = None if limit is None else Limiter(limit)

    def _with(self, **changes: Any) -> Self:
        kept = {
            "kwargs": self.kwargs,
            "config": self.config,
            "config_factories": self.config_factories,
            "custom_input_type": self.custom_input_type,
            "custom_output_type": self.custom_output_type,
        }
        new = type(self)(**{"bound": self.bound, **kept, **changes})
        if self._limiter is not None and new.config.get("max_concurrency") == self._limiter.limit:
            new._limiter = self._limiter  # what is bound to one runnable limits all that is made of it
        return new

    def _and(self, other: RunnableBinding[Any, Any]) -> Self:
        """With what *other* binds on top."""
        return self._with(
            kwargs={**self.kwargs, **other.kwargs},
            config={**self.config, **other.config},
            config_factories=[*self.config_factories, *other.config_factories],
        )

    def bind(self, **kwargs: Any) -> Self:
        return self._with(kwargs={**self.kwargs, **kwargs})

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> Self:
        """A later key replaces an earlier one, tags included."""
        return self._with(config={**self.config, **(config or {}), **kwargs})

    def with_config_factory(self, factory: ConfigFactory) -> Self:
        """With one more factory, called after the others."""
        return self._with(config_factories=[*self.config_factories, factory])

    def with_types(self, *, input_type: Any = None, output_type: Any = None) -> Self:
        return self._with(
            custom_input_type=self.custom_input_type if input_type is None else input_type,
            custom_output_type=self.custom_output_type if output_type is None else output_type,
        )

    def configurable_fields(self, **fields: AnyConfigurableField) -> Self:
        return self._with(bound=self.bound.configurable_fields(**fields))

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        return self.bound.get_name(suffix, name=name or self.config.get("run_name"))

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return [self.bound]

    def _input_shape(self, config: RunnableConfig | None, wanted: Shape) -> Shape:
        return self._typed("input") or super()._input_shape(merge_configs(self.config, config), wanted)

    def _output_shape(self, config: RunnableConfig | None, given: Shape) -> Shape:
        return self._typed("output") or super()._output_shape(merge_configs(self.config, config), given)

    def _typed(self, side: str) -> Shape | None:
        """The type that ``with_types`` gave it."""
        from .shapes import Shape

        annotation = vars(self).get(f"custom_{side}_type")
        return None if annotation is None else Shape.of(self.get_name(side), annotation)

    def _gathers(self) -> bool:
        return self.bound._gathers()

    def _with_in_place(self, inner: Runnable[Any, Any], wrapper: Runnable[Any, Any]) -> Runnable[Any, Any]:
        if self is inner:
            return wrapper
        if self.bound is inner and isinstance(wrapper, RunnableBinding):
            return wrapper._and(self)
        bound = self.bound._with_in_place(inner, wrapper)
        return self if bound is self.bound else self._with(bound=bound)

    def _alias(self) -> str | None:
        return self.config.get("run_name") or ""

    def _configured(self, scope: AnyScope) -> AnyScope:
        config = self.config
        if self._limiter is not None:
            scope = scope.limited(self._limiter)
        if self.config_factories:
            given = merge_configs(scope.as_config(), config)  # type: ignore[arg-type]  # as a config dict
            config = merge_configs(config, *(factory(given) for factory in self.config_factories))
        return scope.configured(config, keep=True) if config else scope

    async def _call_step(self, input: Any, scope: AnyScope, tag: str | None = None, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        scope = self._configured(scope)
        return await self.bound._call_step(input, scope, tag, **{**self.kwargs, **kwargs})

    def _pipe(
        self, source: ChunkStream, scope: AnyScope, tag: str | None = None, **kwargs: Any
    ) -> ChunkStream:
        __tracebackhide__ = True
        return self.bound._pipe(source, self._configured(scope), tag, **{**self.kwargs, **kwargs})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "bound":
            raise AttributeError(name)
        attribute = getattr(self.bound, name)
        if not makes_runnables(attribute, self.bound):
            return attribute
        takes_config = bool(self.config) and accepts(attribute, "config")

        @wraps(attribute)
        def called(_: Any, *args: Any, **kwargs: Any) -> Any:
            if takes_config:
                kwargs["config"] = merge_configs(self.config, kwargs.get("config"))
            made = attribute(*args, **kwargs)
            if not isinstance(made, Runnable):
                return made
            return made_of(made, self.bound, self) or self._with(bound=made)

        return MethodType(called, self)  # a method again: the next wrapper looks for one

    def __repr__(self) -> str:
        extras = masked({**self.kwargs, **({"config": self.config} if self.config else {})})
        return f"{self.bound!r}.bind({', '.join(f'{k}={short_repr(v, 60)}' for k, v in extras.items())})"
