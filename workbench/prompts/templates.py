"""Templates: a text with places for values, in one of three formats.

- ``f-string``: ``{topic}``, with ``!r`` and ``:>10`` as Python has them; ``{{`` and ``}}`` are braces.
- ``mustache``: ``{{topic}}``, sections and dotted names; see ``mustache``.
- ``jinja2``: ``{{ topic }}``, conditions and loops; see ``jinja_templates``.

A template may come from somebody else, and so may the values. So a place names a variable and never reaches
into its value by an attribute; values are data, put in as they are and never read as templates; what makes a
text enormous is refused. A template is taken apart once, when it is made.

>>> compile_template("tell me about {topic}").variables
('topic',)
>>> compile_template("{{#names}}{{.}}, {{/names}}bye", "mustache").format({"names": ["Bo", "Al"]})
'Bo, Al, bye'
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple, get_args

__all__ = [
    "FStringTemplate",
    "Template",
    "TemplateFormat",
    "compile_template",
    "get_template_variables",
    "refusal",
]

TemplateFormat = Literal["f-string", "mustache", "jinja2"]

_WIDEST = 10_000
"""The largest number in a format spec; a width is paid for in characters."""
_BRACES = re.compile(r"\{\{|\}\}|\{|\}")
_PLACE = re.compile(r"(?P<name>[^!:]*)(?:!(?P<conversion>[^:]*))?(?::(?P<spec>.*))?", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w \-]*(?<! )")
_BRACES_HINT = "write {{ and }} for braces"


class Template:
    """A template, taken apart. ``variables`` in the order in which they come; ``structured`` are those whose
    value need not be text. ValueError shows the place of what is wrong in *source*."""

    template_format: ClassVar[TemplateFormat]
    variables: tuple[str, ...] = ()
    structured: frozenset[str] = frozenset()

    def __init__(self, source: str) -> None:
        self.source = source

    def format(self, values: Mapping[str, Any]) -> str:
        """The text with *values* in their places. KeyError if one that it needs is missing."""
        raise NotImplementedError

    def __reduce__(self) -> Any:
        return compile_template, (self.source, self.template_format)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source!r:.200})"


def compile_template(source: str, template_format: str = "f-string") -> Template:
    """The template that *source* is. ValueError names the formats, or shows what is wrong where; TypeError
    if it is no text; MissingDependencyError if jinja2 is not installed."""
    if template_format not in get_args(TemplateFormat):
        choices = ", ".join(map(repr, get_args(TemplateFormat)))
        raise ValueError(f"template_format: expected one of {choices}, got {template_format!r}")
    if not isinstance(source, str):
        raise TypeError(f"template: expected text, got {type(source).__name__}: {source!r:.80}")
    return _compiled(str(source), template_format)


def get_template_variables(template: str, template_format: str = "f-string") -> list[str]:
    """The variables of a template.

    >>> get_template_variables("{greeting}, {name}! {greeting}")
    ['greeting', 'name']
    """
    return list(compile_template(template, template_format).variables)


@lru_cache(maxsize=256)
def _compiled(source: str, template_format: str) -> Template:
    if template_format == "mustache":
        from .mustache import MustacheTemplate

        return MustacheTemplate(source)
    if template_format == "jinja2":
        from .jinja import JinjaTemplate

        return JinjaTemplate(source)
    return FStringTemplate(source)


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


class _Field(NamedTuple):
    name: str
    conversion: str | None
    spec: str
    text: str
    """As it is written, without its braces."""


class FStringTemplate(Template):
    """``{name}``, ``{name!r}``, ``{name:>10}``. A name is of letters, digits, ``_``, ``-`` and blanks inside:
    no position, no attribute, no item."""

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
        """Raise again what a place raises, with its text and value."""
        for field in self._fields:
            place = f"{{{field.text}}}"
            try:
                place.format_map(values)
            except (TypeError, ValueError) as error:
                value = values[field.name]
                raise type(error)(
                    f"template: {place} cannot be filled with {type(value).__name__} {value!r:.80}: {error}"
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
