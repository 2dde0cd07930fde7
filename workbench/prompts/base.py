"""What all prompts share: variables, values filled in before, errors for missing ones, schemas.

A prompt of your own subclasses ``StringPromptTemplate`` and defines ``format``, or ``BaseChatPromptTemplate``
and defines ``format_messages``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from ..engine.modes import AnyScope
from ..messages.html import messages_html
from ..messages.types import AnyMessage, BaseMessage, ChatMessage
from ..runnables.serializable import RunnableSerializable
from ..text.excerpts import typed_repr
from .values import ChatPromptValue, ChatPromptValueConcrete, PromptValue, StringPromptValue

if TYPE_CHECKING:
    from ..engine.config import RunnableConfig
    from ..runnables.shapes import Shape

__all__ = ["MESSAGES", "BaseChatPromptTemplate", "BasePromptTemplate", "MessagesPreview", "check_declared"]

MESSAGES = list[AnyMessage]
"""The type of a variable that is a list of messages."""


class BasePromptTemplate(RunnableSerializable[Any, PromptValue]):
    """See the module. Input: a dict of the variables, which may have other keys too; a prompt that needs
    one variable also takes its value alone.

    ``input_variables`` must be given, ``optional_variables`` may. ``partial_variables`` are filled in
    already: values, or functions that give one when it is needed. ``input_types`` state the types of
    variables in the input schema, where they are not text.

    >>> from workbench import PromptTemplate
    >>> prompt = PromptTemplate.from_template("{greeting}, {name}!").partial(greeting="Hello")
    >>> prompt.input_variables, prompt.invoke("Ada").to_string()
    (['name'], 'Hello, Ada!')
    """

    run_type = "prompt"
    input_variables: list[str] = Field(default_factory=list)
    optional_variables: list[str] = Field(default_factory=list)
    input_types: dict[str, Any] = Field(default_factory=dict, exclude=True)
    partial_variables: dict[str, Any] = Field(default_factory=dict)

    def __init__(self, /, **fields: Any) -> None:
        super().__init__(**fields)
        self._derive()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in type(self).model_fields:
            self._derive()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        copied = super().model_copy(update=update, deep=deep)
        copied._derive()
        return copied

    def _derive(self) -> None:
        """Set what is derived from the fields; called when a field is set."""

    @property
    def OutputType(self) -> Any:
        return StringPromptValue | ChatPromptValueConcrete

    def _input_shape(self, config: RunnableConfig | None, wanted: Shape) -> Shape:
        from ..runnables.shapes import Key, Shape

        types = {**self._variable_types(), **self.input_types}
        fields = {name: Key(types.get(name, str)) for name in self.input_variables}
        for name in self.optional_variables:
            if name not in self.partial_variables:
                fields[name] = Key(types.get(name, str), required=False)
        return Shape.keyed("PromptInput", fields)

    def _variable_types(self) -> dict[str, Any]:
        """The types of variables that are not text."""
        return {}

    def format_prompt(self, /, **kwargs: Any) -> PromptValue:
        """The prompt with these values filled in. KeyError names what is missing."""
        raise NotImplementedError(f"{type(self).__name__} must define format_prompt(**kwargs)")

    async def aformat_prompt(self, /, **kwargs: Any) -> PromptValue:
        """``format_prompt`` on the running event loop."""
        return self.format_prompt(**kwargs)

    def format(self, /, **kwargs: Any) -> str:
        """``format_prompt`` as text."""
        return self.format_prompt(**kwargs).to_string()

    async def aformat(self, /, **kwargs: Any) -> str:
        """``aformat_prompt`` as text."""
        return (await self.aformat_prompt(**kwargs)).to_string()

    def partial(self, /, **kwargs: Any) -> Self:
        """The prompt with some values, or functions that give them, already filled in."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        given["partial_variables"] = {**self.partial_variables, **kwargs}
        given["input_variables"] = [name for name in self.input_variables if name not in kwargs]
        return type(self)(**given)

    def _values(self, given: Any) -> Mapping[str, Any]:
        """All values, from the input of a call."""
        if not isinstance(given, Mapping):
            if len(self.input_variables) != 1:
                raise TypeError(
                    f"{self.get_name()}: expected a dict with {self.input_variables}, got {typed_repr(given)}"
                )
            given = {self.input_variables[0]: given}
        return self._complete(given)

    def _complete(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """*given* with the partials that it lacks. KeyError if some value is missing."""
        if self.partial_variables:
            values = dict(given)
            for name, value in self.partial_variables.items():
                if name not in values:
                    values[name] = value() if callable(value) else value
            given = values
        for name in self.input_variables:
            if name not in given:
                raise self._missing(given)
        return given

    def _missing(self, given: Mapping[str, Any]) -> KeyError:
        missing = [name for name in self.input_variables if name not in given]
        received = sorted(str(name) for name in given if name not in self.partial_variables)
        hint = ""
        if escaped := self._as_text(missing[0]):
            hint = f"; if {{{missing[0]}}} is text and no variable, write {escaped}"
        return KeyError(
            f"{self.get_name()} is missing {missing}: expected {self.input_variables}, "
            f"received {received}{hint}"
        )

    def _as_text(self, name: str) -> str | None:
        """How to write ``{name}`` as plain text in a template, if its format has a way."""
        return f"{{{{{name}}}}}"

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> PromptValue:
        __tracebackhide__ = True
        values = self._values(input)
        if scope.blocking:
            return self.format_prompt(**values)
        return await self.aformat_prompt(**values)

    def __repr_args__(self) -> Any:
        """The variables; of partials, which may be secret, only the names."""
        yield "input_variables", self.input_variables
        yield "optional_variables", self.optional_variables or None
        yield "partial_variables", list(self.partial_variables) or None


class MessagesPreview:
    """How a chat prompt, or a part of one, is shown before values are filled in."""

    def pretty_repr(self, html: bool = False) -> str:
        """The messages to read, before values are filled in, each under a heading; with *html*, the
        headings in bold for a terminal."""
        return "\n\n".join(message.pretty_repr(html) for message in self._preview())

    def pretty_print(self) -> None:
        """Print ``pretty_repr()``."""
        print(self.pretty_repr())

    def _preview(self) -> list[BaseMessage]:
        """Messages that stand for those to come, with their templates as content."""
        return [ChatMessage(content=repr(self), role=type(self).__name__)]

    def _repr_html_(self) -> str:
        return messages_html(self._preview())


class BaseChatPromptTemplate(MessagesPreview, BasePromptTemplate):
    """Base of prompts that are messages: subclass and define ``format_messages(**kwargs)``, and
    ``aformat_messages`` if it can await.

    >>> from workbench import BaseChatPromptTemplate, HumanMessage
    >>> class Ask(BaseChatPromptTemplate):
    ...     def format_messages(self, **kwargs):
    ...         return [HumanMessage(f"What is {kwargs['thing']}?")]
    >>> Ask(input_variables=["thing"]).invoke("a runnable").to_messages()
    [HumanMessage(content='What is a runnable?')]
    """

    def format_messages(self, /, **kwargs: Any) -> list[BaseMessage]:
        """The messages with these values filled in. KeyError names what is missing."""
        raise NotImplementedError(f"{type(self).__name__} must define format_messages(**kwargs)")

    async def aformat_messages(self, /, **kwargs: Any) -> list[BaseMessage]:
        """``format_messages`` on the running event loop."""
        return self.format_messages(**kwargs)

    def format_prompt(self, /, **kwargs: Any) -> ChatPromptValue:
        return ChatPromptValue(messages=self.format_messages(**kwargs))

    async def aformat_prompt(self, /, **kwargs: Any) -> ChatPromptValue:
        return ChatPromptValue(messages=await self.aformat_messages(**kwargs))


def check_declared(prompt: BasePromptTemplate, declared: Sequence[str] | None, validate: bool) -> None:
    """ValueError if *declared* variables are to be validated and are not those of the templates."""
    if validate and declared is not None and set(declared) != set(prompt.input_variables):
        raise ValueError(f"input_variables: the template has {prompt.input_variables}, got {list(declared)}")
