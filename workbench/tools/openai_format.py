"""Tools in the form in which OpenAI-compatible servers take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from typing_extensions import is_typeddict  # typing's knows only its own TypedDict

from ..runnables.schema import json_schema
from ..text.excerpts import typed_repr
from .arguments import Parameters, arguments_model, seen_by_models
from .base import BaseTool
from .docstrings import described_arguments, function_doc, function_name
from .typed_dicts import typed_dict_model

if TYPE_CHECKING:
    from types import FunctionType

__all__ = ["convert_to_openai_function", "convert_to_openai_tool", "parameters_of"]


def convert_to_openai_tool(
    thing: BaseTool | type[BaseModel] | FunctionType | Mapping[str, Any] | Any, *, strict: bool | None = None
) -> dict[str, Any]:
    """A tool as OpenAI-compatible servers take it: ``{"type": "function", "function": {...}}``.

    *thing*: a tool, a function, a pydantic model or TypedDict, a JSON schema with a title, or a dict that
    is one already; tools of the server's own (``{"type": "web_search"}``) stay as they are. *strict* asks the
    server to keep to the schema. TypeError for anything else.

    >>> from pydantic import BaseModel
    >>> from workbench import convert_to_openai_tool
    >>> class Joke(BaseModel):
    ...     "A joke."
    ...     setup: str
    >>> convert_to_openai_tool(Joke)["function"]["name"]
    'Joke'
    """
    if isinstance(thing, Mapping) and _is_server_tool(thing):
        return dict(thing)
    return {"type": "function", "function": convert_to_openai_function(thing, strict=strict)}


def convert_to_openai_function(thing: Any, *, strict: bool | None = None) -> dict[str, Any]:
    """The ``{"name": ..., "description": ..., "parameters": ...}`` of a tool, for all that
    ``convert_to_openai_tool`` takes.

    With *strict* its objects have all their keys, and no others, as the server's strict mode asks: a model
    then gives a value also for what has a default.

    >>> from workbench import convert_to_openai_function
    >>> def add(x: int, y: int) -> int:
    ...     "The sum of two numbers."
    ...     return x + y
    >>> told = convert_to_openai_function(add)
    >>> told["name"], told["description"], sorted(told["parameters"]["properties"])
    ('add', 'The sum of two numbers.', ['x', 'y'])
    """
    if isinstance(thing, Mapping) and thing.get("type") == "function" and "function" in thing:
        function = dict(thing["function"])
    else:
        function = _openai_function(thing)
    if strict is not None:
        function["strict"] = strict
        if strict:
            function["parameters"] = _closed(
                function.get("parameters") or {"type": "object", "properties": {}}
            )
    return function


def _is_server_tool(thing: Mapping[str, Any]) -> bool:
    kind = thing.get("type")
    return isinstance(kind, str) and kind not in ("function", "object") and not {"name", "title"} & set(thing)


def _openai_function(thing: Any) -> dict[str, Any]:
    if isinstance(thing, Mapping):
        if "name" in thing and "input_schema" in thing:  # as Anthropic's API has it
            return _function(str(thing["name"]), str(thing.get("description", "")), thing["input_schema"])
        if "name" in thing:
            return {"description": "", "parameters": {"type": "object", "properties": {}}, **thing}
        if "title" in thing:
            return _function(str(thing["title"]), str(thing.get("description", "")), thing)
    elif isinstance(thing, BaseTool):
        return _function(thing.name, thing.description, thing.tool_call_schema)
    elif is_typeddict(thing):
        model = typed_dict_model(thing, nested=True)
        return _function(thing.__name__, model.__doc__ or "", model)
    elif isinstance(thing, type) and issubclass(thing, BaseModel):
        return _function(thing.model_config.get("title") or thing.__name__, function_doc(thing), thing)
    elif callable(thing) and not isinstance(thing, type) and (name := function_name(thing)) is not None:
        parameters = Parameters.of(thing, name)
        doc, described = described_arguments(function_doc(thing), parameters.fields, name)
        return _function(name, doc, seen_by_models(arguments_model(name, parameters, described)))
    raise TypeError(
        "convert_to_openai_tool: expected a tool, a function with a name, a pydantic model, a TypedDict or a "
        f"JSON schema with a title, got {typed_repr(thing)}"
    )


def _function(name: str, description: str, schema: type[BaseModel] | Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "description": description, "parameters": parameters_of(schema)}


def _closed(schema: Any) -> Any:
    """The schema with all objects as strict mode asks."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), Mapping):
        closed["additionalProperties"] = False
        closed["required"] = list(schema["properties"])
        for key, value in closed["properties"].items():
            if isinstance(value, dict):
                closed["properties"][key] = {name: item for name, item in value.items() if name != "default"}
    return closed


def parameters_of(schema: type[BaseModel] | Mapping[str, Any]) -> dict[str, Any]:
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
