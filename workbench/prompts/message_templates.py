"""Parts of chat prompts: each becomes a message, or a list of messages, when values are filled in.

>>> HumanMessagePromptTemplate.from_template("tell me about {topic}").format(topic="bears")
HumanMessage(content='tell me about bears')
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from ..messages.conversion import convert_to_messages
from ..messages.types import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage
from ..runnables.provided import provided
from ..text.excerpts import short_repr, typed_repr
from .base import MESSAGES, MessagesPreview
from .dict_template import DictPromptTemplate
from .string import PromptTemplate, StringPromptTemplate, cut_repr
from .templates import TemplateFormat

__all__ = [
    "AIMessagePromptTemplate",
    "BaseMessagePromptTemplate",
    "ChatMessagePromptTemplate",
    "HumanMessagePromptTemplate",
    "MessageTemplate",
    "MessagesPlaceholder",
    "SystemMessagePromptTemplate",
]

Part = StringPromptTemplate | DictPromptTemplate


class BaseMessagePromptTemplate(MessagesPreview, BaseModel):
    """Subclass and define ``input_variables`` and ``format_messages(**kwargs)``, which is given those.

    >>> from workbench import BaseMessagePromptTemplate, ChatPromptTemplate, HumanMessage
    >>> class Shouted(BaseMessagePromptTemplate):
    ...     @property
    ...     def input_variables(self):
    ...         return ["question"]
    ...     def format_messages(self, **kwargs):
    ...         return [HumanMessage(kwargs["question"].upper())]
    >>> ChatPromptTemplate([Shouted()]).invoke("why?").to_messages()
    [HumanMessage(content='WHY?')]
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    @property
    def input_variables(self) -> list[str]:
        """The variables that it needs."""
        raise NotImplementedError(f"{type(self).__name__} must define input_variables")

    def format_messages(self, /, **kwargs: Any) -> list[BaseMessage]:
        """The messages with these values filled in."""
        raise NotImplementedError(f"{type(self).__name__} must define format_messages(**kwargs)")

    async def aformat_messages(self, /, **kwargs: Any) -> list[BaseMessage]:
        """``format_messages`` on the running event loop."""
        return self.format_messages(**kwargs)

    def __add__(self, other: Any) -> Any:
        """A prompt (``ChatPromptTemplate``) of this part and what follows it."""
        return provided("ChatPromptTemplate")([self]) + other

    def _messages(self, values: Mapping[str, Any]) -> list[BaseMessage]:
        """``format_messages`` from the values of a whole prompt, none of which is missing."""
        return self.format_messages(**{name: values[name] for name in self.input_variables})

    def _check(self, given: Mapping[str, Any]) -> None:
        if missing := [name for name in self.input_variables if name not in given]:
            raise KeyError(
                f"{type(self).__name__} is missing {missing}: expected {self.input_variables}, "
                f"received {sorted(given)}"
            )

    def _variable_types(self) -> dict[str, Any]:
        """The types of variables that are not text."""
        return {}


class MessagesPlaceholder(BaseMessagePromptTemplate):
    """A place for a list of messages in a chat prompt: ``MessagesPlaceholder("history", optional=True)``.

    ``n_messages``: only the last n messages are kept. Pairs, dicts and the like are converted to messages.

    >>> from workbench import ChatPromptTemplate, MessagesPlaceholder
    >>> prompt = ChatPromptTemplate([MessagesPlaceholder("history", n_messages=1), ("human", "{question}")])
    >>> prompt.invoke({"history": [("human", "hi"), ("ai", "hello")], "question": "why?"}).to_messages()
    [AIMessage(content='hello'), HumanMessage(content='why?')]
    """

    variable_name: str
    optional: bool = False
    n_messages: int | None = Field(default=None, gt=0)

    def __init__(self, variable_name: str, *, optional: bool = False, **fields: Any) -> None:
        super().__init__(**{"variable_name": variable_name, "optional": optional, **fields})

    @property
    def input_variables(self) -> list[str]:
        return [] if self.optional else [self.variable_name]

    def format_messages(self, /, **kwargs: Any) -> list[BaseMessage]:
        self._check(kwargs)
        return self._messages(kwargs)

    def _messages(self, values: Mapping[str, Any]) -> list[BaseMessage]:
        given = values.get(self.variable_name, ()) if self.optional else values[self.variable_name]
        if isinstance(given, str | BaseMessage):
            raise TypeError(
                f"variable {self.variable_name!r}: expected a list of messages, got {typed_repr(given)}"
            )
        try:
            messages = convert_to_messages(given)
        except TypeError as error:
            raise TypeError(f"variable {self.variable_name!r}: {error}") from None
        return messages[-self.n_messages :] if self.n_messages else messages

    def _variable_types(self) -> dict[str, Any]:
        return {self.variable_name: MESSAGES}

    def _preview(self) -> list[BaseMessage]:
        return [_Placeholder(content=f"{{{self.variable_name}}}", role="messages")]

    def __repr__(self) -> str:
        optional = ", optional=True" if self.optional else ""
        last = f", n_messages={self.n_messages}" if self.n_messages else ""
        return f"MessagesPlaceholder({self.variable_name!r}{optional}{last})"


class _Placeholder(ChatMessage):
    def _title(self) -> str:
        return "Messages Placeholder"


class MessageTemplate(BaseMessagePromptTemplate):
    """A message whose content is a template: one text, or parts, each a text or a dict.

    ``additional_kwargs`` go onto the message.
    """

    _kind: ClassVar[type[BaseMessage]]

    prompt: StringPromptTemplate | list[Part]
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if {"format", "format_messages"} & set(vars(cls)):  # a user's own: not to be passed over
            cls._messages = BaseMessagePromptTemplate._messages  # type: ignore[method-assign]

    def __init__(self, prompt: StringPromptTemplate | Sequence[Part], **fields: Any) -> None:
        super().__init__(**{"prompt": prompt, **fields})

    @classmethod
    def from_template(
        cls,
        template: str | Sequence[str | Mapping[str, Any]],
        template_format: TemplateFormat = "f-string",
        *,
        partial_variables: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Self:
        """A message of a text, or of parts such as ``{"type": "image_url", "image_url": {"url": "{url}"}}``.
        *partial_variables* only for one text; *kwargs* are fields of the class."""
        if isinstance(template, str):
            options: Any = {"template_format": template_format, "partial_variables": partial_variables}
            return cls(PromptTemplate.from_template(template, **options), **kwargs)
        if not isinstance(template, Sequence):
            raise TypeError(f"template: expected text or a list of parts, got {typed_repr(template)}")
        if partial_variables:
            raise ValueError(
                "partial_variables: only for a template that is one text; see prompt.partial(...)"
            )
        return cls([_part(part, template_format) for part in template], **kwargs)

    @classmethod
    def from_template_file(
        cls, template_file: str | Path, input_variables: Sequence[str] | None = None, **kwargs: Any
    ) -> Self:
        """A message of a file's text, in UTF-8."""
        declared = None if input_variables is None else list(input_variables)
        return cls(PromptTemplate.from_file(template_file, input_variables=declared or []), **kwargs)

    @property
    def input_variables(self) -> list[str]:
        if not isinstance(self.prompt, list):
            return self.prompt.input_variables
        return list(dict.fromkeys(name for part in self.prompt for name in part.input_variables))

    def format(self, /, **kwargs: Any) -> BaseMessage:
        """The message with these values filled in. KeyError names what is missing."""
        self._check(kwargs)
        return MessageTemplate._messages(self, kwargs)[0]

    async def aformat(self, /, **kwargs: Any) -> BaseMessage:
        """``format`` on the running event loop."""
        return self.format(**kwargs)

    def format_messages(self, /, **kwargs: Any) -> list[BaseMessage]:
        return [self.format(**kwargs)]

    def _messages(self, values: Mapping[str, Any]) -> list[BaseMessage]:
        prompt = self.prompt
        if type(prompt) is PromptTemplate and not prompt.partial_variables:  # nearly always: the short way
            return [self._of(prompt.compiled.format(values))]
        if isinstance(prompt, list):
            return [self._of([_filled(part, values) for part in prompt])]
        return [self._of(_text(prompt, values))]

    def _of(self, content: Any) -> BaseMessage:
        if self.additional_kwargs:
            return self._kind(content, additional_kwargs=dict(self.additional_kwargs))
        return self._kind(content)

    def _variable_types(self) -> dict[str, Any]:
        prompts = self.prompt if isinstance(self.prompt, list) else [self.prompt]
        types: dict[str, Any] = {}
        for prompt in prompts:
            if isinstance(prompt, StringPromptTemplate):
                types |= prompt._variable_types() | prompt.input_types
        return types

    def _preview(self) -> list[BaseMessage]:
        return [self._of(self.template)]

    @property
    def template(self) -> str | list[Any]:
        """The content before values are filled in, to read."""
        if isinstance(self.prompt, list):
            return [p.template if isinstance(p, DictPromptTemplate) else p.pretty_repr() for p in self.prompt]
        return self.prompt.pretty_repr()

    def __repr__(self) -> str:
        template = self.template
        shown = cut_repr(template) if isinstance(template, str) else f"{short_repr(template, 300)}"
        return f"{type(self).__name__}({shown})"

    __str__ = __repr__


class HumanMessagePromptTemplate(MessageTemplate):
    """A human's message with places for values.

    >>> from workbench import HumanMessagePromptTemplate
    >>> HumanMessagePromptTemplate.from_template("Tell me of {topic}.").format_messages(topic="bears")
    [HumanMessage(content='Tell me of bears.')]
    """

    _kind = HumanMessage


class AIMessagePromptTemplate(MessageTemplate):
    """A model's message with places for values.

    >>> from workbench import AIMessagePromptTemplate
    >>> AIMessagePromptTemplate.from_template("I like {topic}.").format_messages(topic="bears")
    [AIMessage(content='I like bears.')]
    """

    _kind = AIMessage


class SystemMessagePromptTemplate(MessageTemplate):
    """A system message with places for values.

    >>> from workbench import SystemMessagePromptTemplate
    >>> SystemMessagePromptTemplate.from_template("Answer in {language}.").format_messages(language="Korean")
    [SystemMessage(content='Answer in Korean.')]
    """

    _kind = SystemMessage


class ChatMessagePromptTemplate(MessageTemplate):
    """A message in the role ``role`` with places for values.

    >>> from workbench import ChatMessagePromptTemplate
    >>> ChatMessagePromptTemplate.from_template("{line}", role="hamlet").format_messages(line="To be")
    [ChatMessage(content='To be', role='hamlet')]
    """

    role: str

    def _of(self, content: Any) -> BaseMessage:
        return ChatMessage(content=content, role=self.role, additional_kwargs=dict(self.additional_kwargs))


def _part(part: Any, template_format: TemplateFormat) -> Part:
    if isinstance(part, StringPromptTemplate | DictPromptTemplate):
        return part
    if isinstance(part, str):
        return PromptTemplate(part, template_format=template_format)
    if not isinstance(part, Mapping):
        raise TypeError(f"expected text or a dict as a part of a message, got {typed_repr(part)}")
    if set(part) <= {"type", "text"} and isinstance(part.get("text"), str):
        return PromptTemplate(part["text"], template_format=template_format)
    if isinstance(part.get("image_url"), str):
        part = {**part, "image_url": {"url": part["image_url"]}}
    return DictPromptTemplate({"type": "image_url", **part} if "image_url" in part else part, template_format)


def _filled(part: Part, values: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(part, DictPromptTemplate):
        return part.format(**values)
    return {"type": "text", "text": _text(part, values)}


def _text(prompt: StringPromptTemplate, values: Mapping[str, Any]) -> str:
    if type(prompt) is PromptTemplate and not prompt.partial_variables:
        return prompt.compiled.format(values)
    needed = (*prompt.input_variables, *prompt.partial_variables)
    return prompt.format(**{name: values[name] for name in needed if name in values})
