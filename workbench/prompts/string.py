"""Prompts that are one text.

>>> prompt = PromptTemplate.from_template("Translate into {language}: {text}").partial(language="Korean")
>>> prompt.format(text="hello")
'Translate into Korean: hello'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ..messages.html import messages_html
from ..messages.types import ChatMessage
from .base import BasePromptTemplate, check_declared
from .templates import Template, TemplateFormat, compile_template
from .values import PromptValue, StringPromptValue

__all__ = ["PromptTemplate", "StringPromptTemplate", "cut_repr"]


class StringPromptTemplate(BasePromptTemplate):
    """Base of prompts that are one text: subclass and define ``format(**kwargs)``, and ``aformat`` if it can
    await.

    >>> from workbench import StringPromptTemplate
    >>> class Shouted(StringPromptTemplate):
    ...     def format(self, **kwargs):
    ...         return f"{kwargs['text']}!".upper()
    >>> Shouted(input_variables=["text"]).invoke("hey").to_string()
    'HEY!'
    """

    def format(self, /, **kwargs: Any) -> str:
        raise NotImplementedError(f"{type(self).__name__} must define format(**kwargs)")

    async def aformat(self, /, **kwargs: Any) -> str:
        """``format`` on the running event loop."""
        return self.format(**kwargs)

    def format_prompt(self, /, **kwargs: Any) -> PromptValue:
        return StringPromptValue(text=self.format(**kwargs))

    async def aformat_prompt(self, /, **kwargs: Any) -> PromptValue:
        return StringPromptValue(text=await self.aformat(**kwargs))

    def pretty_repr(self, html: bool = False) -> str:
        """The prompt to read, before values are filled in. *html* is for prompts with headings."""
        return repr(self)

    def pretty_print(self) -> None:
        print(self.pretty_repr())

    def _repr_html_(self) -> str:
        return messages_html([ChatMessage(content=self.pretty_repr(), role=type(self).__name__)])


class PromptTemplate(StringPromptTemplate):
    """A prompt that is one text with places for values: ``PromptTemplate.from_template("about {topic}")``.

    ``input_variables`` are found in the template; with ``validate_template`` it is a ValueError to declare
    others. For ``template_format`` see ``templates``.

    >>> from workbench import PromptTemplate
    >>> prompt = PromptTemplate.from_template("a {adjective} joke about {topic}")
    >>> prompt.format(adjective="short", topic="bears")
    'a short joke about bears'
    >>> prompt.invoke({"adjective": "short"})
    Traceback (most recent call last):
    ...
    KeyError: ...
    """

    template: str
    template_format: TemplateFormat = "f-string"
    validate_template: bool = False

    def __init__(self, template: str, **fields: Any) -> None:
        compile_template(template, fields.get("template_format", "f-string"))  # its errors, not pydantic's
        super().__init__(**{"template": template, **fields})
        check_declared(self, fields.get("input_variables"), self.validate_template)

    @classmethod
    def from_template(
        cls,
        template: str,
        *,
        template_format: TemplateFormat = "f-string",
        partial_variables: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Self:
        """A prompt of a template; *kwargs* are other fields of the prompt."""
        partials = dict(partial_variables or {})
        return cls(template, template_format=template_format, partial_variables=partials, **kwargs)

    @classmethod
    def from_file(cls, template_file: str | Path, encoding: str | None = None, **kwargs: Any) -> Self:
        """``from_template`` of a file's text, UTF-8 unless *encoding* says otherwise."""
        return cls.from_template(Path(template_file).read_text(encoding=encoding or "utf-8"), **kwargs)

    @classmethod
    def from_examples(
        cls,
        examples: Sequence[str],
        suffix: str,
        input_variables: Sequence[str],
        example_separator: str = "\n\n",
        prefix: str = "",
        **kwargs: Any,
    ) -> Self:
        """A prompt of *prefix*, *examples* and *suffix*; all of them are parts of the template."""
        template = example_separator.join([prefix, *examples, suffix])
        return cls(template, input_variables=list(input_variables), **kwargs)

    def _derive(self) -> None:
        self.__dict__["_text"] = text = compile_template(self.template, self.template_format)
        self.__dict__["input_variables"] = [n for n in text.variables if n not in self.partial_variables]

    @property
    def compiled(self) -> Template:
        """The template, taken apart."""
        return self.__dict__["_text"]  # type: ignore[no-any-return]  # set by _derive

    def format(self, /, **kwargs: Any) -> str:
        return self.compiled.format(self._complete(kwargs))

    def pretty_repr(self, html: bool = False) -> str:
        return self.template

    def _variable_types(self) -> dict[str, Any]:
        return dict.fromkeys(self.compiled.structured, Any)

    def _as_text(self, name: str) -> str | None:
        return super()._as_text(name) if self.template_format == "f-string" else None

    def __add__(self, other: Any) -> PromptTemplate:
        """A prompt of this text and another, or a template in the same format, after it."""
        if isinstance(other, str):
            other = PromptTemplate(other, template_format=self.template_format)
        if not isinstance(other, PromptTemplate):
            return NotImplemented
        if other.template_format != self.template_format:
            raise ValueError(
                f"+: expected templates in one format, got {self.template_format} and {other.template_format}"
            )
        if twice := self.partial_variables.keys() & other.partial_variables.keys():
            raise ValueError(f"+: both prompts have the partial variables {sorted(twice)}")
        return PromptTemplate(
            self.template + other.template,
            template_format=self.template_format,
            partial_variables={**self.partial_variables, **other.partial_variables},
            input_types={**self.input_types, **other.input_types},
            validate_template=self.validate_template and other.validate_template,
        )

    def __repr__(self) -> str:
        partials = f", partial_variables={list(self.partial_variables)}" if self.partial_variables else ""
        format = "" if self.template_format == "f-string" else f", template_format={self.template_format!r}"
        return f"{type(self).__name__}({cut_repr(self.template)}{format}{partials})"

    __str__ = __repr__


def cut_repr(text: str, most: int = 200) -> str:
    """The repr of a text, or of its beginning."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}..."
