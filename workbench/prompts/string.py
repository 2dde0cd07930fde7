"""Prompts that are one text, and templates of data.

>>> prompt = PromptTemplate.from_template("Translate into {language}: {text}").partial(language="Korean")
>>> prompt.format(text="hello")
'Translate into Korean: hello'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ..engine.modes import AnyScope
from ..messages.html import messages_html
from ..messages.types import ChatMessage
from ..retrieval.documents import Document
from ..runnables.serializable import RunnableSerializable
from .base import BasePromptTemplate, check_declared
from .templates import Template, TemplateFormat, compile_template
from .values import PromptValue, StringPromptValue

__all__ = [
    "DictPromptTemplate",
    "PromptTemplate",
    "StringPromptTemplate",
    "aformat_document",
    "format_document",
]


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

    ``input_variables`` are found in the template; with ``validate_template`` it is a ValueError to have said
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
        """A prompt of a template; *kwargs* are more of its fields."""
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
        """A prompt of this text and another, or a template in the same format, behind it."""
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


class DictPromptTemplate(RunnableSerializable[Any, dict[str, Any]]):
    """A dict whose texts, however deep, are templates: a part of a message such as
    ``{"type": "image_url", "image_url": {"url": "{url}"}}``. Keys are no templates, and nothing is loaded
    from a path or a URL.

    >>> from workbench import DictPromptTemplate
    >>> DictPromptTemplate({"type": "image_url", "image_url": {"url": "{url}"}}).format(url="a.png")
    {'type': 'image_url', 'image_url': {'url': 'a.png'}}
    """

    run_type = "prompt"
    template: dict[str, Any]
    template_format: TemplateFormat = "f-string"

    def __init__(self, template: Mapping[str, Any], template_format: str = "f-string", **fields: Any) -> None:
        super().__init__(**{"template": dict(template), "template_format": template_format, **fields})
        self._derive()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in type(self).model_fields:
            self._derive()

    def _derive(self) -> None:
        self.__dict__["_parts"] = parts = _parts(self.template, self.template_format)
        self.__dict__["_variables"] = list(dict.fromkeys(_variables(parts)))

    @property
    def input_variables(self) -> list[str]:
        return self.__dict__["_variables"]  # type: ignore[no-any-return]  # set by _derive

    def format(self, /, **kwargs: Any) -> dict[str, Any]:
        """The dict with these values filled in. KeyError names the first that is missing."""
        return _filled(self.__dict__["_parts"], kwargs)  # type: ignore[no-any-return]  # a dict of a dict

    async def aformat(self, /, **kwargs: Any) -> dict[str, Any]:
        """``format`` on the running event loop."""
        return self.format(**kwargs)

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> dict[str, Any]:
        __tracebackhide__ = True
        if not isinstance(input, Mapping):
            raise TypeError(
                f"{self.get_name()}: expected a dict with {self.input_variables}, "
                f"got {type(input).__name__}: {input!r:.80}"
            )
        return self.format(**input)

    def pretty_repr(self, html: bool = False) -> str:
        return repr(self.template)


def format_document(doc: Document, prompt: BasePromptTemplate) -> str:
    """A document as text: *prompt* with its ``page_content`` and metadata. ValueError names metadata that
    the prompt needs and the document lacks.

    >>> format_document(Document("bears", metadata={"page": 3}), PromptTemplate("{page}: {page_content}"))
    '3: bears'
    """
    return prompt.format(**_about(doc, prompt))


async def aformat_document(doc: Document, prompt: BasePromptTemplate) -> str:
    """``format_document`` on the running event loop.

    >>> import asyncio
    >>> from workbench import Document, PromptTemplate, aformat_document
    >>> document = Document("bears", metadata={"page": 3})
    >>> asyncio.run(aformat_document(document, PromptTemplate("{page}: {page_content}")))
    '3: bears'
    """
    return await prompt.aformat(**_about(doc, prompt))


def cut_repr(text: str, most: int = 200) -> str:
    """The repr of a text, or of its beginning."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}..."


def _about(doc: Document, prompt: BasePromptTemplate) -> dict[str, Any]:
    known = {**doc.metadata, "page_content": doc.page_content}
    if missing := [name for name in prompt.input_variables if name not in known]:
        raise ValueError(
            f"the document's metadata lacks {missing}: the prompt needs {prompt.input_variables}, "
            f"the metadata has {sorted(map(str, doc.metadata))}"
        )
    return {name: known[name] for name in prompt.input_variables}


def _parts(value: Any, template_format: str) -> Any:
    if isinstance(value, str):
        return compile_template(value, template_format)
    if isinstance(value, Mapping):
        return {key: _parts(item, template_format) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_parts(item, template_format) for item in value]
    return value


def _variables(parts: Any) -> list[str]:
    if isinstance(parts, Template):
        return list(parts.variables)
    inside = parts.values() if isinstance(parts, Mapping) else parts if isinstance(parts, list) else ()
    return [name for part in inside for name in _variables(part)]


def _filled(parts: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(parts, Template):
        return parts.format(values)
    if isinstance(parts, Mapping):
        return {key: _filled(part, values) for key, part in parts.items()}
    if isinstance(parts, list):
        return [_filled(part, values) for part in parts]
    return parts
