"""Templates: a text with places for values, in one of three formats.

- ``f-string``: ``{topic}``, with ``!r`` and ``:>10`` as Python has them; ``{{`` and ``}}`` are braces.
- ``mustache``: ``{{topic}}``, sections and dotted names; see ``mustache``.
- ``jinja2``: ``{{ topic }}``, conditions and loops; see ``jinja``.

A template may come from somebody else, and so may the values. So a place names a variable and never reaches
into its value by an attribute; values are data, put in as they are and never read as templates; what makes a
text enormous is refused. A template is taken apart once, when it is made.

>>> compile_template("tell me about {topic}").variables
('topic',)
>>> compile_template("{{#names}}{{.}}, {{/names}}bye", "mustache").format({"names": ["Bo", "Al"]})
'Bo, Al, bye'
"""

from __future__ import annotations

from functools import lru_cache
from typing import get_args

from ...text.excerpts import typed_repr
from .base import Template, TemplateFormat
from .fstring import FStringTemplate
from .mustache import MustacheTemplate

__all__ = ["Template", "TemplateFormat", "compile_template", "get_template_variables"]


def compile_template(source: str, template_format: str = "f-string") -> Template:
    """The compiled template of *source*. ValueError for an unknown format, or with the place of an error in
    the template; TypeError if it is not text; MissingDependencyError if jinja2 is not installed."""
    if template_format not in get_args(TemplateFormat):
        choices = ", ".join(map(repr, get_args(TemplateFormat)))
        raise ValueError(f"template_format: expected one of {choices}, got {template_format!r}")
    if not isinstance(source, str):
        raise TypeError(f"template: expected text, got {typed_repr(source)}")
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
        return MustacheTemplate(source)
    if template_format == "jinja2":
        from .jinja import JinjaTemplate

        return JinjaTemplate(source)
    return FStringTemplate(source)
