"""Runnables whose fields are set at call time by ``config["configurable"]``, and what they share with those
that are chosen as a whole (see ``alternatives``): no runs of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import wraps
from types import MethodType
from typing import Any, TypeVar

from pydantic import BaseModel

from ..engine.chunks import ChunkStream
from ..engine.config import RunnableConfig
from ..engine.modes import AnyScope, Blocking
from ..engine.secrets import masked
from .base import Runnable
from .configurable_specs import (
    AnyConfigurableField,
    ConfigurableField,
    ConfigurableFieldMultiOption,
    ConfigurableFieldSingleOption,
    ConfigurableFieldSpec,
    literal,
    unique_specs,
)
from .made_of import made_of, makes_runnables

__all__ = ["DynamicRunnable", "RunnableConfigurableFields", "with_those_it_has"]

Input = TypeVar("Input")
Output = TypeVar("Output")

_KEPT = 16
"""How many differently configured copies are kept for later calls; a copy of a model owns connections."""


class DynamicRunnable(Runnable[Input, Output]):
    """A runnable that stands for others: the config of a call selects one. Attributes are those of the
    default one, and what a method of it makes (``bind_tools``) stands for others, too; a method that is given
    ``config=`` is called on the one that the config selects."""

    default: Runnable[Input, Output]

    def prepare(self, config: RunnableConfig | None = None) -> tuple[Runnable[Input, Output], RunnableConfig]:
        """The runnable that a config selects, and the config for it."""
        step, scope = self._prepare(Blocking.enter(config))
        while isinstance(step, DynamicRunnable):
            step, scope = step._prepare(scope)
        return step, {**(config or {}), "configurable": dict(scope.settings.configurable)}

    def _prepare(self, scope: AnyScope) -> tuple[Runnable[Any, Any], AnyScope]:
        raise NotImplementedError

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        return self.default.get_name(suffix, name=name)

    def _as_configured(self, config: RunnableConfig | None) -> Runnable[Any, Any]:
        return self.prepare(config)[0]

    def _gathers(self) -> bool:
        return False

    def _alias(self) -> str | None:
        return ""

    async def _call_step(self, input: Any, scope: AnyScope, tag: str | None = None, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        step, scope = self._prepare(scope)
        return await step._call_step(input, scope, tag, **kwargs)

    def _pipe(
        self, source: ChunkStream, scope: AnyScope, tag: str | None = None, **kwargs: Any
    ) -> ChunkStream:
        __tracebackhide__ = True
        step, scope = self._prepare(scope)
        return step._pipe(source, scope, tag, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "default":
            raise AttributeError(name)
        attribute = getattr(self.default, name)
        if not makes_runnables(attribute, self.default):
            return attribute

        @wraps(attribute)
        def on_the_prepared(_: Any, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get("config") is None:
                made = attribute(*args, **kwargs)
                return (made_of(made, self.default, self) or made) if isinstance(made, Runnable) else made
            step, kwargs["config"] = self.prepare(kwargs["config"])
            return getattr(step, name)(*args, **kwargs)

        return MethodType(on_the_prepared, self)  # a method again: the next wrapper looks for one


class RunnableConfigurableFields(DynamicRunnable[Input, Output]):
    """What ``configurable_fields`` returns: a copy of the default one with the call's values runs, or
    the default one itself where the call gives none.

    >>> from workbench import ConfigurableField, FakeListLLM
    >>> model = FakeListLLM(responses=["yes"]).configurable_fields(responses=ConfigurableField(id="answers"))
    >>> model.invoke("Is it?"), model.invoke("Is it?", {"configurable": {"answers": ["no"]}})
    ('yes', 'no')
    """

    def __init__(self, default: Runnable[Input, Output], fields: Mapping[str, AnyConfigurableField]) -> None:
        if not isinstance(default, BaseModel):  # every RunnableSerializable is one
            raise TypeError(
                "configurable_fields: expected a RunnableSerializable, whose options are its fields, "
                f"got {type(default).__name__}"
            )
        known = type(default).model_fields
        if unknown := [field for field in fields if field not in known]:
            raise ValueError(
                f"configurable_fields: {type(default).__name__} has no {', '.join(map(repr, unknown))}; "
                f"its fields are {', '.join(sorted(known))}"
            )
        self.default = default
        self.fields = dict(fields)
        self._copies: dict[Any, Runnable[Any, Any]] = {}  # by the values that calls gave

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        own = [self._spec(name, field) for name, field in self.fields.items()]
        return unique_specs([*own, *self.default.config_specs])

    def _spec(self, name: str, field: AnyConfigurableField) -> ConfigurableFieldSpec:
        info = type(self.default).model_fields[name]  # type: ignore[attr-defined]  # checked: a pydantic model
        if isinstance(field, ConfigurableField):
            annotation, default = field.annotation or info.annotation, getattr(self.default, name)
            if isinstance(default, str | dict | list) and masked({name: default})[name] != default:
                default = None  # a schema is for everybody
        elif isinstance(field, ConfigurableFieldSingleOption):
            annotation, default = literal(field.options), field.default
        else:
            annotation, default = Sequence[literal(field.options)], list(field.default)  # type: ignore[misc]
        about = field.description or info.description
        return ConfigurableFieldSpec(field.id, annotation, field.name, about, default, field.is_shared)

    def configurable_fields(
        self, **fields: AnyConfigurableField
    ) -> RunnableConfigurableFields[Input, Output]:
        """More fields; of the same name the later one counts."""
        return RunnableConfigurableFields(self.default, {**self.fields, **fields})

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return [self.default, *self._copies.values()]

    def _prepare(self, scope: AnyScope) -> tuple[Runnable[Any, Any], AnyScope]:
        given = scope.settings.configurable
        values: dict[str, Any] = {}
        for name, field in self.fields.items():
            if field.id in given:
                values[name] = field.value(given[field.id])
            elif isinstance(field, (ConfigurableFieldSingleOption, ConfigurableFieldMultiOption)):
                values[name] = field.value(field.default)
        return (self._with(values) if values else self.default), scope

    def _with(self, values: dict[str, Any]) -> Runnable[Any, Any]:
        key = tuple((name, type(value), value) for name, value in values.items())
        try:
            made = self._copies.get(key)
        except Exception:  # not hashable, or not comparable
            return self._copy(values)
        if made is None:
            if len(self._copies) >= _KEPT:
                self._copies.clear()
            made = self._copies.setdefault(key, self._copy(values))
        return made

    def _copy(self, values: dict[str, Any]) -> Runnable[Any, Any]:
        default: Any = self.default
        given = {name: getattr(default, name) for name in default.model_fields_set}
        return type(default)(**{**given, **values})  # type: ignore[no-any-return]  # one of its class

    def __repr__(self) -> str:
        return f"{self.default!r}.configurable_fields({', '.join(self.fields)})"


def with_those_it_has(
    step: Runnable[Any, Any], fields: Mapping[str, AnyConfigurableField]
) -> Runnable[Any, Any]:
    """*step* with those of *fields* that it has: one of several that stand for each other."""
    for name, field in fields.items():
        with suppress(TypeError, ValueError):
            step = step.configurable_fields(**{name: field})
    return step
