"""Template: the base of compiled templates, which know their variables and fill in values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from ...text.excerpts import short_repr

__all__ = ["Template", "TemplateFormat", "refusal"]

TemplateFormat = Literal["f-string", "mustache", "jinja2"]


class Template:
    """A compiled template. ``variables`` are in the order of their first use; ``structured`` are those whose
    value need not be text. A ValueError shows the place of an error in *source*."""

    template_format: ClassVar[TemplateFormat]
    variables: tuple[str, ...] = ()
    structured: frozenset[str] = frozenset()

    def __init__(self, source: str) -> None:
        self.source = source

    def format(self, values: Mapping[str, Any]) -> str:
        """The text with *values* in their places. KeyError if one that it needs is missing."""
        raise NotImplementedError

    def __reduce__(self) -> Any:
        return type(self), (self.source,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({short_repr(self.source, 200)})"


def refusal(source: str, at: int, problem: str) -> ValueError:
    """An error that shows the place *at* (an index) in a template."""
    before = source[:at]
    line_start = before.rfind("\n") + 1
    line = before.count("\n") + 1
    column = at - line_start + 1
    left = max(line_start, at - 40)
    line_end = source.find("\n", at)
    right = min(len(source) if line_end < 0 else line_end, at + 40)
    excerpt = source[left:right].expandtabs(1)
    caret = " " * (at - left) + "^"
    return ValueError(f"template, line {line}, column {column}: {problem}\n    {excerpt}\n    {caret}")
