"""TypedDicts as pydantic models, for the arguments of tools and for schemas that models are sent."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict  # typing's knows only its own TypedDict

from ..runnables.schema import keyed_model
from .docstrings import described_arguments, function_doc

__all__ = ["absent", "typed_dict_model"]


def typed_dict_model(kind: Any, *, nested: bool = False) -> type[BaseModel]:
    """A TypedDict as a model: its keys, described by its docstring or by their annotations.

    An annotation may be ``Annotated[int, "what"]``, or ``Annotated[int, default, "what"]`` with ``...`` for
    no default. *nested*: TypedDicts inside become models too.
    """
    hints = get_type_hints(kind, include_extras=True)
    own = function_doc(kind) if kind.__doc__ != dict.__doc__ else ""
    doc, described = described_arguments(own, hints, kind.__name__)
    fields: dict[str, tuple[Any, dict[str, Any]]] = {}
    for key, hint in hints.items():
        options: dict[str, Any] = {} if key in kind.__required_keys__ else {"default_factory": absent}
        hint = _unqualified(hint)
        marks: tuple[Any, ...] = getattr(hint, "__metadata__", ())
        text = marks[-1] if marks and isinstance(marks[-1], str) else ""
        if text and len(marks) == 2 and not isinstance(marks[0], FieldInfo):
            options = options if marks[0] is ... else {"default": marks[0]}
            hint = hint.__origin__
        if text := described.get(key) or text:
            options["description"] = text
        fields[key] = (_modelled(hint) if nested else hint, options)
    model = keyed_model(kind.__name__, fields)
    model.__doc__ = doc or None
    return model


def _unqualified(annotation: Any) -> Any:
    while getattr(get_origin(annotation), "_name", None) in ("Required", "NotRequired", "ReadOnly"):
        [annotation] = get_args(annotation)
    return annotation


def absent() -> None:
    """Stands for a key that a TypedDict may lack."""


def _modelled(annotation: Any) -> Any:
    """The annotation with models for the TypedDicts in it."""
    if is_typeddict(annotation):
        return typed_dict_model(annotation, nested=True)
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(_modelled(annotation.__origin__), *annotation.__metadata__)]
    if origin in (Union, types.UnionType):
        return Union[tuple(map(_modelled, inside))]  # noqa: UP007  # of a tuple
    if origin in (list, dict, set, tuple, frozenset):
        return origin[tuple(each if each is ... else _modelled(each) for each in inside)]
    return annotation
