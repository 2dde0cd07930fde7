"""Prompts that are lists of messages.

>>> prompt = ChatPromptTemplate([("system", "You are {who}."), ("placeholder", "{history}"), "{question}"])
>>> prompt.format_messages(who="brief", question="Why?")
[SystemMessage(content='You are brief.'), HumanMessage(content='Why?')]
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, SupportsIndex, overload

from ..engine.modes import AnyScope, drive
from ..messages.types import BaseMessage
from ..text.excerpts import short_repr, typed_repr
from .base import BaseChatPromptTemplate, check_declared
from .chat_pieces import as_piece, is_pair
from .message_templates import (
    AIMessagePromptTemplate,
    BaseMessagePromptTemplate,
    HumanMessagePromptTemplate,
    MessagesPlaceholder,
    MessageTemplate,
    SystemMessagePromptTemplate,
)
from .templates import TemplateFormat
from .values import ChatPromptValue, PromptValue

__all__ = ["ChatPromptTemplate"]


class ChatPromptTemplate(BaseChatPromptTemplate):
    """A prompt that is a list of messages: ``ChatPromptTemplate([("system", "..."), ("human", "{topic}")])``.

    Made of messages, ``(role, template)`` pairs, ``{"role": ..., "content": ...}``, texts (a human's),
    ``MessagesPlaceholder``, other parts and prompts, and ``("placeholder", "{history}")``, which is an
    optional placeholder. A template is a text, or a list of parts of a message. *template_format* is that of
    the texts given here.

    >>> from workbench import ChatPromptTemplate
    >>> prompt = ChatPromptTemplate([("placeholder", "{history}"), ("human", "{question}")])
    >>> prompt.invoke({"history": [("human", "hi"), ("ai", "hello")], "question": "Why?"}).to_messages()
    [HumanMessage(content='hi'), AIMessage(content='hello'), HumanMessage(content='Why?')]
    >>> ChatPromptTemplate.from_template("tell me a joke about {topic}").invoke("bears").to_messages()
    [HumanMessage(content='tell me a joke about bears')]
    """

    messages: list[Any]
    validate_template: bool = False

    def __init__(
        self, messages: Sequence[Any], *, template_format: TemplateFormat = "f-string", **fields: Any
    ) -> None:
        if isinstance(messages, str) or not isinstance(messages, Sequence):
            raise TypeError(
                "ChatPromptTemplate: expected a list of messages; for one text use from_template; "
                f"got {typed_repr(messages)}"
            )
        super().__init__(**{"messages": [as_piece(item, template_format) for item in messages], **fields})
        check_declared(self, fields.get("input_variables"), self.validate_template)

    @classmethod
    def from_template(cls, template: str, **kwargs: Any) -> ChatPromptTemplate:
        """A prompt of one human message. *kwargs*: ``template_format``, and fields of the prompt."""
        template_format = kwargs.pop("template_format", "f-string")
        return cls([HumanMessagePromptTemplate.from_template(template, template_format)], **kwargs)

    @classmethod
    def from_messages(
        cls, messages: Sequence[Any], template_format: TemplateFormat = "f-string", **kwargs: Any
    ) -> ChatPromptTemplate:
        """The same as ``ChatPromptTemplate(messages)``; *kwargs* are more fields of the prompt."""
        return cls(messages, template_format=template_format, **kwargs)

    def _derive(self) -> None:
        needed: dict[str, None] = {}
        optional: dict[str, None] = {}
        for piece in self.messages:
            if not isinstance(piece, BaseMessage):
                needed.update(dict.fromkeys(piece.input_variables))
            if isinstance(piece, MessagesPlaceholder) and piece.optional:
                optional[piece.variable_name] = None
            elif isinstance(piece, BaseChatPromptTemplate):
                optional.update(dict.fromkeys(piece.optional_variables))
        self.__dict__["input_variables"] = [name for name in needed if name not in self.partial_variables]
        self.__dict__["optional_variables"] = [name for name in optional if name not in needed]

    def format_messages(self, /, **kwargs: Any) -> list[BaseMessage]:
        __tracebackhide__ = True
        return drive(self._filled(self._complete(kwargs), True))

    async def aformat_messages(self, /, **kwargs: Any) -> list[BaseMessage]:
        if type(self).format_messages is not ChatPromptTemplate.format_messages:
            return self.format_messages(**kwargs)  # a subclass's own
        return await self._filled(self._complete(kwargs), False)

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> PromptValue:
        __tracebackhide__ = True
        if not _is_plain(type(self)):
            return await super()._invoke(input, scope, **kwargs)
        return ChatPromptValue(messages=await self._filled(self._values(input), scope.blocking))

    async def _filled(self, values: Mapping[str, Any], blocking: bool) -> list[BaseMessage]:
        __tracebackhide__ = True
        messages: list[BaseMessage] = []
        for piece in self.messages:
            how = _how(type(piece))  # type: ignore[arg-type]  # classes are hashable
            if how == "as it is":
                messages.append(piece)
            elif how == "directly":
                messages += piece._messages(values)
            elif blocking:
                messages += piece.format_messages(**_for(piece, values))
            else:
                messages += await piece.aformat_messages(**_for(piece, values))
        return messages

    def append(self, message: Any) -> None:
        """Add a message, in any of the forms, at the end, in place."""
        self.extend([message])

    def extend(self, messages: Sequence[Any]) -> None:
        """Add messages, in any of the forms, at the end, in place."""
        self.messages = [*self.messages, *(as_piece(item, "f-string") for item in messages)]

    def __add__(self, other: Any) -> ChatPromptTemplate:
        """A prompt of these messages and others: a prompt, one message in any of the forms, or a list."""
        if isinstance(other, ChatPromptTemplate):
            given = {**other._given(), **self._given()}
            given["partial_variables"] = {**self.partial_variables, **other.partial_variables}
            given["input_types"] = {**self.input_types, **other.input_types}
            return type(self)([*self.messages, *other.messages], **given)
        many = isinstance(other, Sequence) and not isinstance(other, str) and not is_pair(other)
        return type(self)([*self.messages, *(other if many else [other])], **self._given())

    def __len__(self) -> int:
        return len(self.messages)

    def __bool__(self) -> bool:
        return True  # a prompt without messages is still a step of a chain

    @overload
    def __getitem__(self, index: SupportsIndex) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> ChatPromptTemplate: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        """A message or part of the prompt; for a slice, a prompt of those."""
        if isinstance(index, slice):
            return type(self)(self.messages[index], **self._given())
        return self.messages[index]

    def _given(self) -> dict[str, Any]:
        """The fields that were set, except the messages and what is derived from them."""
        derived = ("messages", "input_variables", "optional_variables")
        return {name: getattr(self, name) for name in self.model_fields_set if name not in derived}

    def _variable_types(self) -> dict[str, Any]:
        types: dict[str, Any] = {}
        for piece in self.messages:
            if not isinstance(piece, BaseMessage):
                types |= piece._variable_types() | getattr(piece, "input_types", {})
        return types

    def _as_text(self, name: str) -> str | None:
        texts = [
            p.prompt for p in self.messages if isinstance(p, MessageTemplate) and name in p.input_variables
        ]
        if not texts or isinstance(texts[0], list):
            return super()._as_text(name) if texts else None
        return texts[0]._as_text(name)

    def _preview(self) -> list[BaseMessage]:
        shown: list[BaseMessage] = []
        for piece in self.messages:
            shown += [piece] if isinstance(piece, BaseMessage) else piece._preview()
        return shown

    def __repr__(self) -> str:
        more = f", ... {len(self.messages) - 20} more" if len(self.messages) > 20 else ""
        shown = ", ".join(map(_shown, self.messages[:20]))
        partials = f", partial_variables={list(self.partial_variables)}" if self.partial_variables else ""
        return f"{type(self).__name__}([{shown}{more}]{partials})"

    __str__ = __repr__


# Asked of each class in every call: the answers are kept.


@cache
def _is_plain(kind: Hashable) -> bool:
    """Whether a class of chat prompts fills in messages as ChatPromptTemplate does."""
    names = ("format_prompt", "aformat_prompt", "format_messages", "aformat_messages")
    return all(getattr(kind, name) is getattr(ChatPromptTemplate, name) for name in names)


@cache
def _how(kind: Hashable) -> Literal["as it is", "directly", "by its method"]:
    """How a piece of a class becomes messages."""
    if isinstance(kind, type) and issubclass(kind, BaseMessage):
        return "as it is"
    awaits = getattr(kind, "aformat_messages", None) is not BaseMessagePromptTemplate.aformat_messages
    return "by its method" if awaits else "directly"


def _for(
    piece: BaseMessagePromptTemplate | BaseChatPromptTemplate, values: Mapping[str, Any]
) -> dict[str, Any]:
    """The values for the variables of a part; all values for a prompt that names no variables, as one that
    chooses examples may."""
    if isinstance(piece, BaseChatPromptTemplate) and not piece.input_variables:
        return dict(values)
    optional = getattr(piece, "optional_variables", ())
    names = (*piece.input_variables, *optional)
    return {name: values[name] for name in names if name in values}


def _shown(piece: Any) -> str:
    roles = {
        SystemMessagePromptTemplate: "system",
        HumanMessagePromptTemplate: "human",
        AIMessagePromptTemplate: "ai",
    }
    if (role := roles.get(type(piece))) is None:
        return f"{short_repr(piece, 300)}"
    return f"({role!r}, {repr(piece).partition('(')[2]}"
