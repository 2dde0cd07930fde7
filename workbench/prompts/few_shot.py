"""Few-shot prompts: examples of the task before the task itself.

Examples are dicts, given or chosen for each input by an example selector, and ``example_prompt`` formats
each. Their values are data: braces in them stay braces.

>>> from workbench import PromptTemplate
>>> prompt = FewShotPromptTemplate(
...     examples=[{"word": "happy", "antonym": "sad"}],
...     example_prompt=PromptTemplate.from_template("{word} -> {antonym}"),
...     suffix="{input} ->",
...     example_separator="; ",
... )
>>> prompt.format(input="big")
'happy -> sad; big ->'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..engine.modes import drive
from ..messages.types import BaseMessage
from ..text.excerpts import short_repr
from .base import BaseChatPromptTemplate, BasePromptTemplate, check_declared
from .message_templates import BaseMessagePromptTemplate
from .string import StringPromptTemplate
from .templates import Template, TemplateFormat, compile_template

__all__ = ["FewShotChatMessagePromptTemplate", "FewShotPromptTemplate"]

Example = dict[str, Any]


class _FewShot(BasePromptTemplate):
    """Either ``examples`` or an ``example_selector``."""

    examples: list[Example] | None = None
    example_selector: Any = None
    example_prompt: Any

    def __init__(self, /, **fields: Any) -> None:
        given = [name for name in ("examples", "example_selector") if fields.get(name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"{type(self).__name__}: expected either examples or an example_selector, "
                f"got {' and '.join(given) or 'neither'}"
            )
        super().__init__(**fields)
        if self.example_selector is not None and not hasattr(self.example_selector, "select_examples"):
            raise TypeError(
                "example_selector: expected an example selector with select_examples, "
                f"got {type(self.example_selector).__name__}"
            )
        self._known(self.examples or ())

    async def _selected(self, values: Mapping[str, Any], blocking: bool) -> list[Example]:
        if self.example_selector is None:
            return self._known(self.examples or ())
        if blocking:
            return self._known(self.example_selector.select_examples(values))
        return self._known(await self.example_selector.aselect_examples(values))

    def _known(self, examples: Sequence[Mapping[str, Any]]) -> list[Example]:
        """Of each example the values that ``example_prompt`` needs. ValueError if one is missing."""
        needed = self.example_prompt.input_variables
        for number, example in enumerate(examples):
            if missing := [name for name in needed if name not in example]:
                raise ValueError(
                    f"examples[{number}] lacks {missing}: example_prompt needs {needed}, "
                    f"it has {sorted(map(str, example))}"
                )
        return [{name: example[name] for name in needed} for example in examples]

    def _about_examples(self) -> str:
        if self.examples is None:
            return f"example_selector={type(self.example_selector).__name__}"
        return f"{len(self.examples)} examples"


class FewShotPromptTemplate(_FewShot, StringPromptTemplate):
    """``prefix``, examples and ``suffix`` with ``example_separator`` between them, as one text.

    Prefix and suffix are templates in ``template_format``, each of its own; an empty one is left out.

    >>> from workbench import FewShotPromptTemplate, PromptTemplate
    >>> prompt = FewShotPromptTemplate(
    ...     examples=[{"word": "big", "opposite": "small"}],
    ...     example_prompt=PromptTemplate("{word} -> {opposite}"),
    ...     suffix="{word} ->",
    ...     example_separator="; ",
    ... )
    >>> prompt.format(word="hot")
    'big -> small; hot ->'
    """

    example_prompt: StringPromptTemplate
    suffix: str
    example_separator: str = "\n\n"
    prefix: str = ""
    template_format: TemplateFormat = "f-string"
    validate_template: bool = False

    def __init__(self, /, **fields: Any) -> None:
        for name in ("prefix", "suffix"):
            if name in fields:  # its errors, not pydantic's
                compile_template(fields[name], fields.get("template_format", "f-string"))
        super().__init__(**fields)
        check_declared(self, fields.get("input_variables"), self.validate_template)

    def _derive(self) -> None:
        ends = [compile_template(text, self.template_format) for text in (self.prefix, self.suffix)]
        self.__dict__["_ends"] = ends
        names = dict.fromkeys(name for text in ends for name in text.variables)
        self.__dict__["input_variables"] = [name for name in names if name not in self.partial_variables]

    def format(self, /, **kwargs: Any) -> str:
        return drive(self._filled(kwargs, True))

    async def aformat(self, /, **kwargs: Any) -> str:
        return await self._filled(kwargs, False)

    async def _filled(self, given: Mapping[str, Any], blocking: bool) -> str:
        values, one = self._complete(given), self.example_prompt
        examples = await self._selected(values, blocking)
        texts = [one.format(**each) if blocking else await one.aformat(**each) for each in examples]
        ends: list[Template] = self.__dict__["_ends"]
        prefix, suffix = ([end.format(values)] if end.source else [] for end in ends)
        return self.example_separator.join([*prefix, *texts, *suffix])

    def pretty_repr(self, html: bool = False) -> str:
        examples = [f"({self._about_examples()})"]
        if self.examples is not None:
            examples = [self.example_prompt.format(**each) for each in self._known(self.examples)]
        return self.example_separator.join(filter(None, [self.prefix, *examples, self.suffix]))

    def _variable_types(self) -> dict[str, Any]:
        return {name: Any for end in self.__dict__["_ends"] for name in end.structured}

    def _as_text(self, name: str) -> str | None:
        return super()._as_text(name) if self.template_format == "f-string" else None

    def __repr__(self) -> str:
        ends = f"prefix={short_repr(self.prefix, 100)}, suffix={short_repr(self.suffix, 100)}"
        return f"FewShotPromptTemplate({self._about_examples()}, {ends})"

    __str__ = __repr__


class FewShotChatMessagePromptTemplate(_FewShot, BaseChatPromptTemplate):
    """Examples as messages, to stand in a chat prompt before the question.

    ``example_prompt`` makes the messages of one example. With an ``example_selector``, ``input_variables``
    are those of the chat prompt that it chooses by.

    >>> from workbench import ChatPromptTemplate, FewShotChatMessagePromptTemplate
    >>> examples = FewShotChatMessagePromptTemplate(
    ...     examples=[{"word": "big", "opposite": "small"}],
    ...     example_prompt=ChatPromptTemplate([("human", "{word}"), ("ai", "{opposite}")]),
    ... )
    >>> ChatPromptTemplate([examples, ("human", "{word}")]).invoke("hot").to_messages()
    [HumanMessage(content='big'), AIMessage(content='small'), HumanMessage(content='hot')]
    """

    example_prompt: BaseMessagePromptTemplate | BaseChatPromptTemplate

    def format_messages(self, /, **kwargs: Any) -> list[BaseMessage]:
        return drive(self._filled(kwargs, True))

    async def aformat_messages(self, /, **kwargs: Any) -> list[BaseMessage]:
        return await self._filled(kwargs, False)

    async def _filled(self, given: Mapping[str, Any], blocking: bool) -> list[BaseMessage]:
        messages: list[BaseMessage] = []
        one = self.example_prompt
        for each in await self._selected(self._complete(given), blocking):
            messages += one.format_messages(**each) if blocking else await one.aformat_messages(**each)
        return messages

    def _preview(self) -> list[BaseMessage]:
        if self.examples is None:
            return super()._preview()
        examples = self._known(self.examples)
        return [message for each in examples for message in self.example_prompt.format_messages(**each)]

    def __repr__(self) -> str:
        return f"FewShotChatMessagePromptTemplate({self._about_examples()}, {self.example_prompt!r:.200})"

    __str__ = __repr__
