"""f-string templates: ``{topic}``, ``{topic!r}``, ``{count:>10}``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...text.excerpts import typed_repr
from .base import Template, refusal

__all__ = ["FStringTemplate"]

_WIDEST = 10_000
"""The largest number in a format spec; a width is paid for in characters."""
_BRACES = re.compile(r"\{\{|\}\}|\{|\}")
_PLACE = re.compile(r"(?P<name>[^!:]*)(?:!(?P<conversion>[^:]*))?(?::(?P<spec>.*))?", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w \-]*(?<! )")
_BRACES_HINT = "write {{ and }} for braces"


class _Field(NamedTuple):
    name: str
    conversion: str | None
    spec: str
    text: str
    """As it is written, without its braces."""


class FStringTemplate(Template):
    """``{name}``, ``{name!r}``, ``{name:>10}``. A name consists of letters, digits, ``_``, ``-`` and
    inner blanks; positions, attributes and items are refused."""

    template_format = "f-string"

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self._fields = tuple(_fields(source))
        self.variables = tuple(dict.fromkeys(field.name for field in self._fields))

    def format(self, values: Mapping[str, Any]) -> str:
        try:
            return self.source.format_map(values)
        except (TypeError, ValueError) as error:
            self._explain(values)
            raise error

    def _explain(self, values: Mapping[str, Any]) -> None:
        """Raise the error again with the text and the value of the place that raises it."""
        for field in self._fields:
            place = f"{{{field.text}}}"
            try:
                place.format_map(values)
            except (TypeError, ValueError) as error:
                value = values[field.name]
                raise type(error)(
                    f"template: {place} cannot be filled with {typed_repr(value)}: {error}"
                ) from error


def _fields(source: str) -> Iterator[_Field]:
    at = 0
    while brace := _BRACES.search(source, at):
        at = brace.end()
        if at - brace.start() == 2:
            continue
        if brace.group() == "}":
            raise refusal(source, brace.start(), f"a }} that closes nothing; {_BRACES_HINT}")
        end = source.find("}", at)
        if end < 0:
            raise refusal(source, brace.start(), f"a {{ that is never closed; {_BRACES_HINT}")
        yield _field(source, at, end)
        at = end + 1


def _field(source: str, start: int, end: int) -> _Field:
    text = source[start:end]
    place: Any = _PLACE.fullmatch(text)  # matches any text
    name, conversion, spec = place["name"], place["conversion"], place["spec"] or ""
    shown = f"{{{text:.60}}}"
    if "." in name or "[" in name:
        problem = f"{shown} reaches into a value; expected a plain name such as {{topic}}"
    elif "{" in text:
        problem = "a place inside a place"
    elif not _NAME.fullmatch(name):
        problem = f"{shown} is no plain name; expected one such as {{topic}}"
    elif conversion is not None and conversion not in ("r", "s", "a"):
        problem = f"{shown} has the conversion {conversion!r}; expected !r, !s or !a"
    elif len(spec) > 200 or any(int(number) > _WIDEST for number in re.findall(r"\d+", spec)):
        raise refusal(source, start - 1, f"{shown} asks for more than {_WIDEST:,} characters")
    else:
        return _Field(name, conversion, spec, text)
    raise refusal(source, start - 1, f"{problem}; {_BRACES_HINT}")
