"""RunnableConfigurableAlternatives: one of several runnables, named by ``config["configurable"]``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ..engine.modes import AnyScope
from ..text.excerpts import short_repr
from .base import Runnable, coerce
from .configurable import DynamicRunnable, with_those_it_has
from .configurable_specs import (
    AnyConfigurableField,
    ConfigurableField,
    ConfigurableFieldSpec,
    literal,
    unique_specs,
)

__all__ = ["RunnableConfigurableAlternatives"]

Input = TypeVar("Input")
Output = TypeVar("Output")


class RunnableConfigurableAlternatives(DynamicRunnable[Input, Output]):
    """What ``configurable_alternatives`` returns: ``configurable[which.id]`` names the one to run.

    An alternative given as a function without arguments is made when it is first chosen. With
    *prefix_keys* the fields of an alternative go by ``"<which.id>==<alternative>/<field id>"``.

    >>> from workbench import ConfigurableField, FakeChatModel
    >>> model = FakeChatModel(responses=["small"]).configurable_alternatives(
    ...     ConfigurableField(id="model"), default_key="small", large=FakeChatModel(responses=["LARGE"])
    ... )
    >>> model.invoke("hi"), model.invoke("hi", {"configurable": {"model": "large"}})
    (AIMessage(content='small'), AIMessage(content='LARGE'))
    """

    def __init__(
        self,
        which: ConfigurableField,
        default: Runnable[Input, Output],
        alternatives: Mapping[str, Runnable[Input, Output] | Callable[[], Runnable[Input, Output]]],
        *,
        default_key: str = "default",
        prefix_keys: bool = False,
    ) -> None:
        if default_key in alternatives:
            raise ValueError(
                f"configurable_alternatives: {default_key!r} is the default's key; give the alternative "
                "another one, or the default one with default_key="
            )
        for given in alternatives.values():
            if not isinstance(given, Runnable) and not callable(given):
                coerce(given)  # says what is expected
        self.which = which
        self.default = default
        self.alternatives = dict(alternatives)
        self.default_key = default_key
        self.prefix_keys = prefix_keys

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        """Those of an alternative that is a function are known only after it has been made."""
        which, keys = self.which, [*self.alternatives, self.default_key]
        annotation = which.annotation or literal(keys)
        own = ConfigurableFieldSpec(
            which.id, annotation, which.name, which.description, self.default_key, which.is_shared
        )
        steps = [(self.default_key, self.default), *self.alternatives.items()]
        nested = [
            self._prefixed(key, spec)
            for key, step in steps
            if isinstance(step, Runnable)
            for spec in step.config_specs
        ]
        return unique_specs([own, *nested])

    def _prefixed(self, key: str, spec: ConfigurableFieldSpec) -> ConfigurableFieldSpec:
        if spec.is_shared or not self.prefix_keys:
            return spec
        return spec._replace(id=f"{self._prefix(key)}{spec.id}")

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return [self.default, *(step for step in self.alternatives.values() if isinstance(step, Runnable))]

    def _prefix(self, key: str) -> str:
        return f"{self.which.id}=={key}/"

    def _prepare(self, scope: AnyScope) -> tuple[Runnable[Any, Any], AnyScope]:
        settings = scope.settings
        key = settings.configurable.get(self.which.id, self.default_key)
        step = self._alternative(key)
        prefix = self._prefix(key)
        if self.prefix_keys and any(name.startswith(prefix) for name in settings.configurable):
            stripped = {name.removeprefix(prefix): v for name, v in settings.configurable.items()}
            scope = scope.copy()
            scope.settings = settings._replace(configurable=stripped)
        return step, scope

    def _alternative(self, key: Any) -> Runnable[Any, Any]:
        if key == self.default_key:
            return self.default
        step = self.alternatives.get(key)
        if step is None:
            known = ", ".join(map(repr, [self.default_key, *self.alternatives]))
            raise ValueError(
                f"configurable[{self.which.id!r}]: expected one of {known}, got {short_repr(key)}"
            )
        if not isinstance(step, Runnable):
            step = self.alternatives[key] = coerce(step())
        return step

    def configurable_fields(self, **fields: AnyConfigurableField) -> Runnable[Input, Output]:
        """The fields of the default one, and of the alternatives that have them."""

        def with_fields(step: Any) -> Any:
            if isinstance(step, Runnable):
                return with_those_it_has(step, fields)
            return lambda: with_those_it_has(coerce(step()), fields)

        return RunnableConfigurableAlternatives(
            self.which,
            self.default.configurable_fields(**fields),
            {key: with_fields(step) for key, step in self.alternatives.items()},
            default_key=self.default_key,
            prefix_keys=self.prefix_keys,
        )

    def __repr__(self) -> str:
        others = ", ".join(self.alternatives)
        return f"{self.default!r}.configurable_alternatives({self.which.id}: {others})"
