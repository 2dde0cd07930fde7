"""Pydantic models of shapes, made when asked for and kept: one model per shape.

Their JSON schema is also under ``.schema()``, as pydantic 1 had it. What pydantic cannot describe is Any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from keyword import iskeyword
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, RootModel, create_model
from pydantic.json_schema import DEFAULT_REF_TEMPLATE, GenerateJsonSchema, JsonSchemaValue

from ..engine.config import KEYS, RunnableConfig
from .configurable_specs import ConfigurableFieldSpec
from .shapes import Key, Shape

__all__ = [
    "Described",
    "Keyed",
    "config_model",
    "json_schema",
    "keyed_model",
    "model_of",
    "nested",
    "without_examples",
]


class _Lenient(GenerateJsonSchema):
    """A type without a JSON form gets the empty schema, which allows any value."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}


class Described(BaseModel):
    """A model with pydantic 1's ``schema()``, which pydantic 2 warns of, and a schema of any field.

    Its description in the schema is its docstring without the examples."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        without_examples(handler.resolve_ref_schema(schema))
        return schema

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        if len(args) < 3:
            options.setdefault("schema_generator", _Lenient)
        return super().model_json_schema(*args, **options)

    @classmethod
    def schema(cls, by_alias: bool = True, ref_template: str = DEFAULT_REF_TEMPLATE) -> dict[str, Any]:
        return cls.model_json_schema(by_alias, ref_template)


def without_examples(schema: JsonSchemaValue) -> None:
    """Cut the doctests off a description that was taken from a docstring."""
    if ">>> " in schema.get("description", ""):
        schema["description"] = schema["description"].partition(">>> ")[0].rstrip()


class Keyed(Described):
    """Base of the models that are made from dict keys. A key that cannot be the name of a pydantic field is
    the field's alias."""

    model_config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=())


class _Whole(Described, RootModel[Any]):
    model_config = ConfigDict(arbitrary_types_allowed=True)


def model_of(shape: Shape) -> type[BaseModel]:
    """The model of a shape; if the shape is a pydantic model already, that model."""
    annotation = shape.annotation
    if shape.fields is None and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    fields = None if shape.fields is None else tuple(shape.fields.items())
    try:
        # Union[int, str] equals Union[str, int] but has another schema; their reprs differ.
        return _made_once(shape.title, annotation, fields, repr((annotation, fields)))
    except TypeError:  # a default or an annotation that is not hashable
        return _made(shape.title, annotation, fields)


def nested(shape: Shape) -> Any:
    """A shape as an annotation: a dict of known keys becomes a pydantic model."""
    if shape.fields is None:
        return shape.annotation
    return model_of(shape)


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model, which allows any value where a type has no JSON form."""
    return model.model_json_schema(schema_generator=_Lenient)


def config_model(
    title: str, specs: Sequence[ConfigurableFieldSpec], include: Sequence[str]
) -> type[BaseModel]:
    """A model of a config: the configurable values of *specs*, and the keys to *include*. ValueError names
    the keys there are."""
    if unknown := [key for key in include if key not in KEYS]:
        raise ValueError(f"include: unknown key {unknown[0]!r}, expected one of {', '.join(sorted(KEYS))}")
    hints = get_type_hints(RunnableConfig)
    fields: dict[str, Any] = {key: (hints[key], {"default": None}) for key in hints if key in include}
    if specs:
        keys = {
            spec.id: (
                spec.annotation,
                {"default": spec.default, "title": spec.name, "description": spec.description},
            )
            for spec in specs
        }
        fields["configurable"] = (keyed_model("Configurable", keys), {"default": None})
    return keyed_model(title, fields)


Fields = tuple[tuple[str, Key], ...]


def _made(title: str, annotation: Any, fields: Fields | None, _: str = "") -> type[BaseModel]:
    try:
        return _model(title, annotation, fields)
    except Exception:  # pydantic's own, or whatever an annotation's hooks raise
        if fields is None:
            return _model(title, _describable(annotation), None)
        describable = [(name, replace(key, annotation=_describable(key.annotation))) for name, key in fields]
        return _model(title, annotation, describable)


_made_once = lru_cache(maxsize=512)(_made)


def _model(title: str, annotation: Any, fields: Sequence[tuple[str, Key]] | None) -> type[BaseModel]:
    if fields is None:
        model: type[BaseModel] = create_model(title, __base__=_Whole, root=(annotation, ...))
    else:
        options = [{} if key.required else {"default": key.default} for _, key in fields]
        named = zip(fields, options, strict=True)
        model = keyed_model(title, {name: (key.annotation, option) for (name, key), option in named})
    if not model.__pydantic_complete__:
        raise TypeError(f"{title}: a name in its annotations is not defined")
    return model


def _describable(annotation: Any) -> Any:
    try:
        _model("Probe", annotation, None)
    except Exception:  # as in _made
        return Any
    return annotation


def keyed_model(
    title: str, fields: Mapping[str, tuple[Any, dict[str, Any]]], base: type[BaseModel] = Keyed
) -> type[BaseModel]:
    """A model with these fields, whatever their names: annotations and options of pydantic's Field."""
    definitions: dict[str, Any] = {}
    for number, (name, (annotation, options)) in enumerate(fields.items()):
        if name.isidentifier() and not (name.startswith("_") or iskeyword(name) or hasattr(base, name)):
            definitions[name] = (annotation, Field(**options))
            continue
        # Under a name of our own, which nobody sees: the alias is what it is given and described by.
        own = f"field_{number}"
        while own in fields:
            own += "_"
        definitions[own] = (annotation, Field(**options, alias=name))
    return create_model(title, __base__=base, **definitions)
