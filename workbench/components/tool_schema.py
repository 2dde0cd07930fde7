"""The arguments of a tool: the model they are checked against, and the part of it that a model is told of.

They come from a function's signature and its docstring, or from a pydantic model, or (unchecked but for
missing keys) from a JSON schema. An argument whose annotation is ``Annotated[..., InjectedToolArg]`` is
given by the program: it is checked, and not told.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.fields import FieldInfo

from ..engine.config import RunnableConfig
from ..runnables.schema import Keyed, json_schema, keyed_model

__all__ = [
    "InjectedToolArg",
    "InjectedToolCallId",
    "Parameters",
    "arguments_model",
    "call_id_fields",
    "described_arguments",
    "function_doc",
    "function_name",
    "injected_fields",
    "json_parameters",
    "named",
    "told_model",
]

_ENGINES = ("run_manager", "callbacks")
"""Parameters that people's tools have for the engine."""


class InjectedToolArg:
    """Marks an argument that the program gives and the model is not told of:
    ``user: Annotated[str, InjectedToolArg]``."""


class InjectedToolCallId(InjectedToolArg):
    """Marks the argument that gets the id of the tool call."""


class OpenArguments(Keyed):
    """Of a function with ``**kwargs``."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True)
class Parameters:
    """What a function takes: *fields* are annotations and defaults (``inspect.Parameter.empty``: none) of
    its own arguments; the names in *config* get the config, *engine* is which of run_manager and callbacks
    it has."""

    fields: Mapping[str, tuple[Any, Any]]
    config: tuple[str, ...]
    engine: tuple[str, ...]
    takes_more: bool

    @classmethod
    def of(cls, fn: Callable[..., Any], name: str, *, has_schema: bool = False) -> Parameters:
        """Raises TypeError for what a model cannot fill: a parameter without a name, or of an unknown type
        (unless a schema tells the types)."""
        hints, fields, config, engine, more = _hints(fn, name, has_schema), {}, [], [], False
        for parameter in inspect.signature(fn).parameters.values():
            annotation = hints.get(parameter.name, Any)
            if parameter.kind is parameter.VAR_KEYWORD:
                more = True
            elif parameter.kind is parameter.VAR_POSITIONAL:
                continue
            elif parameter.kind is parameter.POSITIONAL_ONLY:
                raise TypeError(
                    f"tool {name!r}: expected parameters that can be given by name, got {str(parameter)!r}"
                )
            elif _is_config(parameter, annotation):
                config.append(parameter.name)
            elif parameter.name in _ENGINES:
                if parameter.default is parameter.empty or parameter.name == "callbacks":
                    engine.append(parameter.name)
            else:
                fields[parameter.name] = (annotation, parameter.default)
        return cls(fields, tuple(config), tuple(engine), more)


def _hints(fn: Callable[..., Any], name: str, lenient: bool) -> dict[str, Any]:
    while isinstance(fn, partial):
        fn = fn.func
    if not hasattr(fn, "__annotations__"):
        fn = getattr(type(fn), "__call__", fn)  # noqa: B004  # the method, for its annotations
    try:
        return get_type_hints(fn, include_extras=True)
    except NameError as error:
        if lenient:
            return {name: hint for name, hint in fn.__annotations__.items() if not isinstance(hint, str)}
        raise TypeError(
            f"tool {name!r}: expected annotations that can be evaluated, got {error}; import the name where "
            "the function is defined, or give args_schema="
        ) from error


def _is_config(parameter: inspect.Parameter, annotation: Any) -> bool:
    if annotation is RunnableConfig or RunnableConfig in get_args(annotation):
        return True
    if isinstance(parameter.annotation, str) and annotation is Any:  # could not be evaluated
        return "RunnableConfig" in parameter.annotation
    return parameter.name == "config" and parameter.annotation is parameter.empty


def arguments_model(
    name: str, parameters: Parameters, descriptions: Mapping[str, str] | None = None, doc: str = ""
) -> type[BaseModel]:
    """A model of a function's arguments, titled *name*."""
    fields: dict[str, tuple[Any, dict[str, Any]]] = {}
    for key, (annotation, default) in parameters.fields.items():
        options: dict[str, Any] = {}
        if isinstance(default, FieldInfo):
            annotation = Annotated[annotation, default]
        elif default is not inspect.Parameter.empty:
            options["default"] = default
        told = [text for text in _metadata(annotation) if isinstance(text, str)]
        if text := (told[0] if told else (descriptions or {}).get(key)):
            options["description"] = text
        fields[key] = (annotation, options)
    model = keyed_model(name, fields, OpenArguments if parameters.takes_more else Keyed)
    model.__doc__ = doc or None
    return model


def named(model: type[BaseModel], name: str) -> type[BaseModel]:
    """The model as one whose ValidationErrors are titled *name*."""
    if (model.model_config.get("title") or model.__name__) == name:
        return model
    body = {"model_config": ConfigDict(title=name), "__module__": model.__module__, "__doc__": model.__doc__}
    return types.new_class(name, (model,), exec_body=lambda namespace: namespace.update(body))


def argument_names(model: type[BaseModel]) -> dict[str, str]:
    """The parameter that each field is for: the one of its name, or in a model of keys the one of its key."""
    ours = issubclass(model, Keyed)
    return {name: (ours and field.alias) or name for name, field in model.model_fields.items()}


def injected_fields(
    model: type[BaseModel], kind: type[InjectedToolArg] = InjectedToolArg
) -> dict[str, FieldInfo]:
    """The fields that are marked with *kind*."""
    return {
        name: field
        for name, field in model.model_fields.items()
        if any(map(partial(_is_mark, kind=kind), field.metadata)) or is_injected(field.annotation, kind)
    }


def call_id_fields(model: type[BaseModel]) -> list[str]:
    """The keys under which the id of the tool call goes in."""
    return [field.alias or name for name, field in injected_fields(model, InjectedToolCallId).items()]


def is_injected(annotation: Any, kind: type[InjectedToolArg] = InjectedToolArg) -> bool:
    """Whether an annotation, or a member of a union of them, is marked."""
    if get_origin(annotation) in (Union, types.UnionType):
        return any(is_injected(member, kind) for member in get_args(annotation))
    return any(_is_mark(mark, kind) for mark in _metadata(annotation))


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return getattr(annotation, "__metadata__", ())


def _is_mark(mark: Any, kind: type[InjectedToolArg]) -> bool:
    return isinstance(mark, kind) or (isinstance(mark, type) and issubclass(mark, kind))


def told_model(model: type[BaseModel]) -> type[BaseModel]:
    """The model without its injected fields. It describes; it has not the validators of the other."""
    hidden = injected_fields(model)
    if not hidden:
        return model
    fields: dict[str, Any] = {
        name: (field.annotation, field) for name, field in model.model_fields.items() if name not in hidden
    }
    config = ConfigDict(**{**model.model_config, "arbitrary_types_allowed": True})
    told: type[BaseModel] = create_model(model.__name__, __config__=config, **fields)
    told.__doc__ = model.__doc__
    return told


def json_parameters(schema: type[BaseModel] | Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as the JSON schema that models are sent: without titles, and without its own description."""
    whole = json_schema(schema) if isinstance(schema, type) else dict(schema)
    for key in ("title", "description"):
        whole.pop(key, None)
    parameters: dict[str, Any] = _without_titles({"type": "object", "properties": {}, **whole})
    return parameters


def _without_titles(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    cleaned = {}
    for key, value in schema.items():
        if key in ("properties", "$defs", "definitions") and isinstance(value, Mapping):
            # These map names to schemas: one of the names may be "title".
            cleaned[key] = {name: _without_titles(item) for name, item in value.items()}
        elif key in ("default", "const", "enum", "examples"):
            cleaned[key] = value
        elif key != "title":
            cleaned[key] = _without_titles(value)
    return cleaned


def function_name(fn: Any) -> str | None:
    """The name of a function; None for a lambda and for what has none."""
    while isinstance(fn, partial):
        fn = fn.func
    name = getattr(fn, "__name__", None)
    return None if name == "<lambda>" else name


def function_doc(fn: Any) -> str:
    """Its docstring without the indentation; "" if it has none of its own."""
    while isinstance(fn, partial):
        fn = fn.func
    doc = getattr(fn, "__doc__", None)
    return inspect.cleandoc(doc) if isinstance(doc, str) else ""


_SECTION = re.compile(
    r"^(Args|Arguments|Parameters|Returns?|Yields?|Raises|Examples?|Notes?|Attributes):\s*$", re.MULTILINE
)
_ARGUMENT = re.compile(r"^(\s+)\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")


def described_arguments(doc: str, known: Mapping[str, Any], name: str) -> tuple[str, dict[str, str]]:
    """A docstring in Google's style as what stands before its sections, and what its arguments are.

    Raises ValueError for an argument that is not *known*.

    >>> described_arguments('''Add.
    ...
    ... Args:
    ...     x: the first,
    ...         a number
    ... ''', {"x": int}, "add")
    ('Add.', {'x': 'the first, a number'})
    """
    first = _SECTION.search(doc)
    if first is None:
        return doc, {}
    described: dict[str, list[str]] = {}
    indent, current = "", ""
    sections = list(_SECTION.finditer(doc))
    ends = [section.start() for section in sections[1:]] + [len(doc)]
    for section, end in zip(sections, ends, strict=True):
        if section[1] not in ("Args", "Arguments", "Parameters"):
            continue
        for line in doc[section.end() : end].splitlines():
            found = _ARGUMENT.match(line)
            if found is not None and (not indent or found[1] == indent):
                indent, current = found[1], found[2]
                described[current] = [found[3]]
            elif current and line.strip():
                described[current].append(line.strip())
    if unknown := [key for key in described if key not in known]:
        raise ValueError(
            f"tool {name!r}: its docstring describes {unknown[0]!r}; expected one of the arguments "
            f"{', '.join(map(repr, known)) or '(none)'}"
        )
    return doc[: first.start()].strip(), {key: " ".join(lines) for key, lines in described.items()}
