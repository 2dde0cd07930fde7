"""The arguments of a tool: the pydantic model they are checked against, and the part that a chat model sees.

They come from a function's signature and its docstring, or from a pydantic model, or (unchecked but for
missing keys) from a JSON schema. An argument whose annotation is ``Annotated[..., InjectedToolArg]`` is
given by the program: it is checked, and the chat model does not see it.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr, ValidationError, create_model
from pydantic.fields import FieldInfo

from ..engine.config import RunnableConfig
from ..runnables.schema import Keyed, keyed_model
from ..runnables.signatures import with_annotations
from .typed_dicts import absent

__all__ = [
    "Arguments",
    "InjectedToolArg",
    "InjectedToolCallId",
    "Parameters",
    "arguments_model",
    "injected_fields",
    "is_secret",
    "named",
    "seen_by_models",
]

_ENGINES = ("run_manager", "callbacks")
"""Parameters that the engine fills, in functions that have them."""


class InjectedToolArg:
    """Marks an argument that the program gives and the model does not see:
    ``user: Annotated[str, InjectedToolArg]``.

    >>> from typing import Annotated
    >>> from workbench import InjectedToolArg, tool
    >>> @tool
    ... def notes_on(topic: str, user: Annotated[str, InjectedToolArg]) -> str:
    ...     "The notes a user has on a topic."
    ...     return f"{user} on {topic}"
    >>> list(notes_on.tool_call_schema.model_fields), notes_on.invoke({"topic": "bears", "user": "ada"})
    (['topic'], 'ada on bears')
    """


class InjectedToolCallId(InjectedToolArg):
    """Marks the argument that gets the id of the tool call.

    >>> from typing import Annotated
    >>> from workbench import InjectedToolCallId, tool
    >>> @tool
    ... def note(text: str, call: Annotated[str, InjectedToolCallId]) -> str:
    ...     "Keeps a note."
    ...     return f"{text} (kept as {call})"
    >>> note.invoke({"name": "note", "args": {"text": "hi"}, "id": "call-1", "type": "tool_call"}).content
    'hi (kept as call-1)'
    """


class OpenArguments(Keyed):
    """Of a function with ``**kwargs``."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True)
class Parameters:
    """What a function takes: *fields* are annotations and defaults (``inspect.Parameter.empty``: none) of
    its own arguments; the names in *config* get the config, *engine* is which of run_manager and callbacks
    it has."""

    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    config: tuple[str, ...] = ()
    engine: tuple[str, ...] = ()
    takes_more: bool = False

    @classmethod
    def of(cls, fn: Callable[..., Any], name: str, *, has_schema: bool = False) -> Parameters:
        """Raises TypeError for what a model cannot fill: a parameter without a name, or of an unknown type
        (unless a schema has the types)."""
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
                engine.append(parameter.name)
            else:
                fields[parameter.name] = (annotation, parameter.default)
        return cls(fields, tuple(config), tuple(engine), more)


def _hints(fn: Callable[..., Any], name: str, lenient: bool) -> dict[str, Any]:
    fn = with_annotations(fn)
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
        texts = [text for text in _metadata(annotation) if isinstance(text, str)]
        if text := (texts[0] if texts else (descriptions or {}).get(key)):
            options["description"] = text
        fields[key] = (annotation, options)
    model = keyed_model(name, fields, OpenArguments if parameters.takes_more else Keyed)
    model.__doc__ = doc or None
    return model


@dataclass(frozen=True)
class Arguments:
    """How the arguments of one tool are checked and handed on.

    ``model`` is titled with the tool's name (for a JSON schema it has no fields, and *required* are the keys
    that must be there); *names*: the parameter that each field is for; *call_id*: the keys that get the id of
    the tool call; *injected*: the keys that a model does not see; *apart*: those of them that only the
    function marks, and not the model; *secret*: the keys whose values no log may have (pydantic's SecretStr
    is in their types).
    """

    name: str
    model: type[BaseModel]
    required: tuple[str, ...] | None
    names: Mapping[str, str]
    call_id: tuple[str, ...]
    injected: frozenset[str]
    apart: tuple[str, ...]
    secret: frozenset[str]

    @classmethod
    def of(
        cls, name: str, schema: type[BaseModel] | Mapping[str, Any], parameters: Parameters | None
    ) -> Arguments:
        is_model = isinstance(schema, type)
        model = schema if isinstance(schema, type) else Keyed
        own = {key: hint for key, (hint, _) in parameters.fields.items()} if parameters else {}
        marked = [key for key, hint in own.items() if is_injected(hint)]
        names = argument_names(model)
        fields = injected_fields(model)
        apart = [key for key in marked if key not in names.values()]
        secret = frozenset(_key(key, f) for key, f in model.model_fields.items() if is_secret(f.annotation))
        ids = [_key(key, field) for key, field in injected_fields(model, InjectedToolCallId).items()]
        return cls(
            name,
            # Injected arguments may be secrets too, and the text of an error may be sent to the model.
            named(model, name, hide_input=bool(fields or marked or secret)),
            None if is_model else tuple(schema.get("required", ())),  # type: ignore[union-attr]  # a mapping
            names,
            (*ids, *(key for key in apart if is_injected(own[key], InjectedToolCallId))),
            frozenset([*(_key(key, field) for key, field in fields.items()), *marked]),
            tuple(apart),
            secret,
        )

    def checked(self, given: dict[str, Any], call_id: str | None) -> dict[str, Any]:
        """The arguments by parameter. Raises ValidationError, titled with the tool's name."""
        if self.call_id:
            if call_id is None:
                raise ValueError(
                    f"tool {self.name!r} takes the id of its tool call ({self.call_id[0]!r}): expected "
                    "{'type': 'tool_call', 'name': ..., 'args': {...}, 'id': ...}, got bare arguments"
                )
            given = {**given, **dict.fromkeys(self.call_id, call_id)}
        if self.required is not None:
            if missing := [key for key in self.required if key not in given]:
                raise ValidationError.from_exception_data(
                    self.name, [{"type": "missing", "loc": (key,), "input": given} for key in missing]
                )
            return given
        values = self.model.model_validate(given)
        arguments = {
            name: getattr(values, field)
            for field, name in self.names.items()
            if field in values.model_fields_set
            or type(values).model_fields[field].default_factory is not absent
        }
        if values.model_extra:
            arguments.update(values.model_extra)
        for key in self.apart:
            if key in given:
                arguments[key] = given[key]
        return arguments


def _key(name: str, field: FieldInfo) -> str:
    """What a field is given by."""
    return field.alias or name


def named(model: type[BaseModel], name: str, *, hide_input: bool = False) -> type[BaseModel]:
    """The model as one whose ValidationErrors are titled *name*, and with *hide_input* do not print what was
    given."""
    if (model.model_config.get("title") or model.__name__) == name and not hide_input:
        return model
    config = ConfigDict(title=name)
    if hide_input:
        config["hide_input_in_errors"] = True
    body = {"model_config": config, "__module__": model.__module__, "__doc__": model.__doc__}
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


def is_injected(annotation: Any, kind: type[InjectedToolArg] = InjectedToolArg) -> bool:
    """Whether an annotation, or a member of a union of them, is marked."""
    if get_origin(annotation) in (Union, types.UnionType):
        return any(is_injected(member, kind) for member in get_args(annotation))
    return any(_is_mark(mark, kind) for mark in _metadata(annotation))


def is_secret(annotation: Any, within: tuple[Any, ...] = ()) -> bool:
    """Whether values of this type have a secret in them."""
    if isinstance(annotation, type) and issubclass(annotation, SecretStr | SecretBytes):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in within:
        inside = [field.annotation for field in annotation.model_fields.values()]
        return any(is_secret(each, (*within, annotation)) for each in inside)
    return any(is_secret(each, within) for each in get_args(annotation))


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return getattr(annotation, "__metadata__", ())


def _is_mark(mark: Any, kind: type[InjectedToolArg]) -> bool:
    return isinstance(mark, kind) or (isinstance(mark, type) and issubclass(mark, kind))


@lru_cache(maxsize=512)
def seen_by_models(model: type[BaseModel]) -> type[BaseModel]:
    """The model without its injected fields. It only describes: the validators are left out."""
    hidden = injected_fields(model)
    if not hidden:
        return model
    fields: dict[str, Any] = {
        name: (field.annotation, field) for name, field in model.model_fields.items() if name not in hidden
    }
    config = ConfigDict(**{**model.model_config, "arbitrary_types_allowed": True})
    seen: type[BaseModel] = create_model(model.__name__, __config__=config, **fields)
    seen.__doc__ = model.__doc__
    return seen
