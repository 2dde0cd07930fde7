"""A chat model whose name (and so its class) and options can be set for each call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ..engine.modes import AnyScope
from ..runnables.base import Runnable
from ..runnables.configurable import DynamicRunnable
from ..runnables.configurable_specs import ConfigurableFieldSpec, unique_specs

__all__ = ["ConfigurableModel"]

_KEPT = 16
"""How many models, each with other options, are kept for later calls; each owns connections."""

_ALWAYS = ("model", "model_provider")


class ConfigurableModel(DynamicRunnable[Any, Any]):
    """What ``init_chat_model(configurable_fields=...)`` returns. *given* are the options that are used where
    a call does not set them. ``bind_tools`` and ``with_structured_output`` are applied to the model that a
    call chooses."""

    def __init__(
        self,
        make: Callable[..., Any],
        given: Mapping[str, Any],
        fields: Literal["any"] | Sequence[str],
        prefix: str,
        declared: tuple[tuple[str, tuple[Any, ...], dict[str, Any]], ...] = (),
    ) -> None:
        if isinstance(fields, str) and fields != "any":
            raise TypeError(f'configurable_fields: expected a list of names, or "any", got {fields!r}')
        self._make = make
        self._given = dict(given)
        self._fields = fields if fields == "any" else tuple(fields)
        self._prefix = f"{prefix}_" if prefix and not prefix.endswith("_") else prefix
        self._declared = declared
        self._kept: dict[Any, Runnable[Any, Any]] = {}

    @property
    def default(self) -> Any:  # type: ignore[override]  # made when first asked for: it may be the local one
        return self._with({})

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        names = _ALWAYS if self._fields == "any" else self._fields
        return unique_specs(
            [
                ConfigurableFieldSpec(f"{self._prefix}{name}", Any, default=self._given.get(name))
                for name in names
            ]
        )

    def bind_tools(self, *args: Any, **kwargs: Any) -> ConfigurableModel:
        """``bind_tools`` of the model that a call runs."""
        return self._declaring("bind_tools", args, kwargs)

    def with_structured_output(self, *args: Any, **kwargs: Any) -> ConfigurableModel:
        """``with_structured_output`` of the model that a call runs."""
        return self._declaring("with_structured_output", args, kwargs)

    def _declaring(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ConfigurableModel:
        declared = (*self._declared, (method, args, kwargs))
        return ConfigurableModel(self._make, self._given, self._fields, self._prefix, declared)

    def _prepare(self, scope: AnyScope) -> tuple[Runnable[Any, Any], AnyScope]:
        values = {
            key.removeprefix(self._prefix): value
            for key, value in scope.settings.configurable.items()
            if key.startswith(self._prefix)
        }
        if self._fields != "any":
            values = {name: value for name, value in values.items() if name in self._fields}
        elif not self._prefix:  # the configurable values of other steps are there, too
            own = {*_ALWAYS, *type(self._model({})).model_fields}
            values = {name: value for name, value in values.items() if name in own}
        return self._with(values), scope

    def _with(self, values: dict[str, Any]) -> Runnable[Any, Any]:
        key = tuple(sorted((name, repr(value)) for name, value in values.items()))
        step = self._kept.get(key)
        if step is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            step = self._model(values)
            for method, args, kwargs in self._declared:
                step = getattr(step, method)(*args, **kwargs)
            step = self._kept.setdefault(key, step)
        return step

    def _model(self, values: dict[str, Any]) -> Any:
        options = {**self._given, **values}
        if "model" in values and ":" in str(values["model"]) and "model_provider" not in values:
            options.pop("model_provider", None)  # the name says it
        return self._make(**options)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self._given.items() if "key" not in name)
        return f"ConfigurableModel({options}{', ' if options else ''}configurable_fields={self._fields!r})"
