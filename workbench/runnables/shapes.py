"""Shapes: what is known of an input or output, as a type (an annotation), or for dicts with known keys as a
type for each key. Where nothing is known it is ``Any``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_origin, get_type_hints

from typing_extensions import is_typeddict  # typing's knows only its own TypedDict

__all__ = ["ANY", "Key", "Shape", "merged"]


@dataclass(frozen=True)
class Key:
    """One key of a dict; one that is not required has a default."""

    annotation: Any = Any
    required: bool = True
    default: Any = None


@dataclass(frozen=True)
class Shape:
    """A type with a title, or with *fields* a dict of these keys (and perhaps more).

    A shape without a title is what later steps need and this one hands on: the sequence gives it a title.
    """

    title: str
    annotation: Any = Any
    fields: Mapping[str, Key] | None = None

    @classmethod
    def of(cls, title: str, annotation: Any) -> Shape:
        """The shape of an annotation; a TypedDict is taken apart into its keys."""
        if not is_typeddict(annotation):
            return cls(title, annotation)
        try:
            hints = get_type_hints(annotation)
        except NameError:  # a name that only the type checker sees
            return cls(title, dict[str, Any])
        required = annotation.__required_keys__
        return cls.keyed(title, {key: Key(hint, key in required) for key, hint in hints.items()})

    @classmethod
    def keyed(cls, title: str, fields: Mapping[str, Key]) -> Shape:
        """The shape of a dict; without a known key it is any dict."""
        return cls(title, dict[str, Any], fields or None)

    @property
    def known(self) -> bool:
        """Whether anything is known."""
        return self.annotation is not Any

    def titled(self, title: str) -> Shape:
        return replace(self, title=title)


ANY = Shape("Any")


def merged(title: str, shapes: Iterable[Shape], *, alternatives: bool = False) -> Shape:
    """The shape that fits all of *shapes*: the keys of all, or the type they share; Any where they disagree.

    With *alternatives* it needs to fit only one of them: a key is required if all of them require it.
    """
    known = [shape for shape in shapes if shape.known]
    if not known or all(shape.annotation == known[0].annotation and not shape.fields for shape in known):
        return known[0].titled(title) if known else Shape(title)
    if not all(_is_dict(shape.annotation) for shape in known):
        return Shape(title)
    fields: dict[str, Key] = {}
    for shape in known:
        for name, key in (shape.fields or {}).items():
            have = fields.get(name)
            if have is not None:
                key = replace(
                    have if have.annotation is not Any else key, required=have.required or key.required
                )
            fields[name] = key
    if alternatives:
        shared = [name for name in fields if all(_requires(shape, name) for shape in known)]
        fields = {name: replace(key, required=name in shared) for name, key in fields.items()}
    return Shape.keyed(title, fields)


def _is_dict(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, Mapping)


def _requires(shape: Shape, name: str) -> bool:
    key = (shape.fields or {}).get(name)
    return key is not None and key.required
