"""Prompt templates: from a dict of values to a text or to messages.

Templates are f-strings with plain names (``{topic}``); attribute and item access (``{user.name}``) is
refused, since values often come from users. They are taken apart once, when they are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field

from ..engine.modes import AnyScope
from ..runnables.base import Runnable
from ..runnables.schema import Described
from .messages import (
    AnyMessage,
    BaseMessage,
    convert_to_message,
    convert_to_messages,
    get_buffer_string,
    message_class,
)

if TYPE_CHECKING:
    from ..engine.config import RunnableConfig
    from ..runnables.shapes import Shape

__all__ = [
    "BasePromptTemplate",
    "ChatPromptTemplate",
    "ChatPromptValue",
    "ChatPromptValueConcrete",
    "MessagesPlaceholder",
    "PromptTemplate",
    "PromptValue",
    "StringPromptValue",
]


class PromptValue(Described):
    """A filled-in prompt, for models of text or of messages."""

    def __view_data__(self) -> dict[str, Any]:
        """What a view shows: the fields without the type, which schemas and JSON have."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "type"}

    def to_string(self) -> str:
        raise NotImplementedError

    def to_messages(self) -> list[BaseMessage]:
        raise NotImplementedError


class StringPromptValue(PromptValue):
    """String prompt value."""

    text: str
    type: Literal["StringPromptValue"] = Field(default="StringPromptValue", repr=False)

    def to_string(self) -> str:
        return self.text

    def to_messages(self) -> list[BaseMessage]:
        return [convert_to_message(self.text)]


class ChatPromptValue(PromptValue):
    """A prompt that is a list of messages."""

    messages: list[BaseMessage]
    type: Literal["ChatPromptValue"] = "ChatPromptValue"

    def to_string(self) -> str:
        return get_buffer_string(self.messages)

    def to_messages(self) -> list[BaseMessage]:
        return list(self.messages)

    def __repr_args__(self) -> Any:
        yield "messages", self.messages


class ChatPromptValueConcrete(ChatPromptValue):
    """Chat prompt value which explicitly lists out the message types it accepts.
    For use in external schemas."""

    messages: list[AnyMessage]  # type: ignore[assignment]  # narrower, for the schema
    type: Literal["ChatPromptValueConcrete"] = "ChatPromptValueConcrete"  # type: ignore[assignment]  # its own


class _Text:
    """An f-string template, taken apart."""

    def __init__(self, template: str) -> None:
        if not isinstance(template, str):
            raise TypeError(f"template: expected text, got {type(template).__name__}: {template!r:.80}")
        self.template = template
        try:
            parts = list(Formatter().parse(template))
        except ValueError as error:
            raise ValueError(f"template {template!r:.80}: {error}; write {{{{ and }}}} for braces") from None
        self.names: list[str] = []
        for _, name, spec, _ in parts:
            if name is None:
                continue
            if not name.isidentifier():
                raise ValueError(
                    f"template {template!r:.80}: {{{name}}} is no plain name; "
                    "expected names such as {topic}, and {{ and }} for braces"
                )
            if spec and "{" in spec:
                raise ValueError(f"template {template!r:.80}: {{{name}:{spec}}} has a nested format")
            if name not in self.names:
                self.names.append(name)

    def format(self, values: Mapping[str, Any]) -> str:
        return self.template.format_map(values)


class BasePromptTemplate(Runnable[Any, PromptValue]):
    """What prompts share: variables, partials, and a clear error for a missing value.

    A prompt of one variable accepts the bare value in place of the dict.
    """

    run_type = "prompt"
    input_variables: list[str]
    optional_variables: list[str] = []
    partial_variables: dict[str, Any]

    @property
    def OutputType(self) -> Any:
        return StringPromptValue | ChatPromptValueConcrete

    def _input_shape(self, config: RunnableConfig | None, wanted: Shape) -> Shape:
        from ..runnables.shapes import Key, Shape

        fields = {name: Key(self._variable_type(name)) for name in self.input_variables}
        for name in self.optional_variables:
            if name not in self.partial_variables:
                fields[name] = Key(self._variable_type(name), required=False)
        return Shape.keyed("PromptInput", fields)

    def _variable_type(self, name: str) -> Any:
        """The type of a variable, as schemas say it."""
        return str

    def format_prompt(self, **values: Any) -> PromptValue:
        """The prompt with these values filled in. KeyError names what is missing."""
        raise NotImplementedError

    def format(self, **values: Any) -> str:
        """The same as text."""
        return self.format_prompt(**values).to_string()

    def _values(self, given: Any) -> dict[str, Any]:
        if not isinstance(given, Mapping):
            if len(self.input_variables) != 1:
                raise TypeError(
                    f"{self.get_name()}: expected a dict with {self.input_variables}, "
                    f"got {type(given).__name__}: {given!r:.80}"
                )
            given = {self.input_variables[0]: given}
        return self._complete(given)

    def _complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        values = dict(given)
        for key, value in self.partial_variables.items():
            if key not in values:
                values[key] = value() if callable(value) else value
        missing = [name for name in self.input_variables if name not in values]
        if missing:
            raise KeyError(
                f"{self.get_name()} is missing {missing}: expected {self.input_variables}, "
                f"received {sorted(map(str, given))}"
            )
        return values

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> PromptValue:
        return self.format_prompt(**self._values(input))


class PromptTemplate(BasePromptTemplate):
    """A prompt that is one text: ``PromptTemplate.from_template("tell me about {topic}")``."""

    def __init__(
        self,
        template: str,
        *,
        partial_variables: Mapping[str, Any] | None = None,
        input_variables: Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        self._text = _Text(template)
        self.template = template
        self.name = name
        self.partial_variables = dict(partial_variables or {})
        self.input_variables = [n for n in self._text.names if n not in self.partial_variables]
        _check_variables(self, input_variables)

    @classmethod
    def from_template(cls, template: str, **options: Any) -> Self:
        return cls(template, **options)

    def partial(self, **values: Any) -> PromptTemplate:
        """The prompt with some values (or functions that give them) already filled in."""
        return PromptTemplate(
            self.template, partial_variables={**self.partial_variables, **values}, name=self.name
        )

    def format_prompt(self, **values: Any) -> StringPromptValue:
        return StringPromptValue(text=self._text.format(self._complete(values)))

    def __repr__(self) -> str:
        return f"PromptTemplate({self.template!r:.200})"


class MessagesPlaceholder:
    """A place for a list of messages in a chat prompt: ``MessagesPlaceholder("history", optional=True)``.

    ``n_messages`` keeps only the last so many.
    """

    def __init__(self, variable_name: str, *, optional: bool = False, n_messages: int | None = None) -> None:
        self.variable_name = variable_name
        self.optional = optional
        self.n_messages = n_messages

    @property
    def input_variables(self) -> list[str]:
        return [] if self.optional else [self.variable_name]

    def format_messages(self, values: Mapping[str, Any]) -> list[BaseMessage]:
        given = values.get(self.variable_name, []) if self.optional else values[self.variable_name]
        try:
            messages = convert_to_messages(given)
        except TypeError as error:
            raise TypeError(f"variable {self.variable_name!r}: {error}") from None
        return messages[-self.n_messages :] if self.n_messages else messages

    def __repr__(self) -> str:
        return f"MessagesPlaceholder({self.variable_name!r}{', optional=True' if self.optional else ''})"


class MessageTemplate:
    """A message of a role with a template as its content."""

    def __init__(self, role: str, template: str) -> None:
        self.role = role
        self._class = message_class(role)
        self._text = _Text(template)

    @property
    def input_variables(self) -> list[str]:
        return self._text.names

    def format_messages(self, values: Mapping[str, Any]) -> list[BaseMessage]:
        return [self._class(self._text.format(values))]

    def __repr__(self) -> str:
        return f"({self.role!r}, {self._text.template!r:.200})"


class _Fixed:
    input_variables: list[str] = []

    def __init__(self, message: BaseMessage) -> None:
        self._message = message

    def format_messages(self, values: Mapping[str, Any]) -> list[BaseMessage]:
        return [self._message]

    def __repr__(self) -> str:
        return repr(self._message)


class ChatPromptTemplate(BasePromptTemplate):
    """A prompt that is a list of messages.

    ``from_messages`` takes messages, ``(role, template)`` pairs, templates (a human's),
    ``MessagesPlaceholder`` and ``("placeholder", "{history}")``, which is an optional placeholder.
    """

    def __init__(
        self,
        messages: Sequence[Any],
        *,
        partial_variables: Mapping[str, Any] | None = None,
        input_variables: Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        if isinstance(messages, str):
            raise TypeError("ChatPromptTemplate: expected a list of messages; for one text use from_template")
        self.messages = [_message_part(item) for item in messages]
        self.name = name
        self.partial_variables = dict(partial_variables or {})
        names = dict.fromkeys(name for part in self.messages for name in part.input_variables)
        self.input_variables = [name for name in names if name not in self.partial_variables]
        self.optional_variables = [
            part.variable_name
            for part in self.messages
            if isinstance(part, MessagesPlaceholder) and part.optional
        ]
        _check_variables(self, input_variables)

    @classmethod
    def from_template(cls, template: str, **options: Any) -> Self:
        """A prompt of one human message."""
        return cls([("human", template)], **options)

    @classmethod
    def from_messages(cls, messages: Sequence[Any], **options: Any) -> Self:
        return cls(messages, **options)

    def partial(self, **values: Any) -> ChatPromptTemplate:
        """The prompt with some values (or functions that give them) already filled in."""
        return self._with(self.messages, {**self.partial_variables, **values})

    def format_messages(self, **values: Any) -> list[BaseMessage]:
        """The messages with these values filled in. KeyError names what is missing."""
        complete = self._complete(values)
        return [message for part in self.messages for message in part.format_messages(complete)]

    def format_prompt(self, **values: Any) -> ChatPromptValue:
        return ChatPromptValue(messages=self.format_messages(**values))

    def _variable_type(self, name: str) -> Any:
        lists = (part.variable_name for part in self.messages if isinstance(part, MessagesPlaceholder))
        return list[AnyMessage] if name in lists else str

    def append(self, message: Any) -> None:
        """Add a message at the end, in place."""
        self.__init__(  # type: ignore[misc]  # the derived variables are found anew
            [*self.messages, message], partial_variables=self.partial_variables, name=self.name
        )

    def extend(self, messages: Sequence[Any]) -> None:
        for message in messages:
            self.append(message)

    def __add__(self, other: Any) -> ChatPromptTemplate:
        more = other.messages if isinstance(other, ChatPromptTemplate) else other
        more = more if isinstance(more, list) else [more]
        partials = getattr(other, "partial_variables", {})
        return self._with([*self.messages, *more], {**self.partial_variables, **partials})

    def __len__(self) -> int:
        return len(self.messages)

    def __getitem__(self, index: int) -> Any:
        return self.messages[index]

    def __repr__(self) -> str:
        return f"ChatPromptTemplate({self.messages!r})"

    def _with(self, messages: Sequence[Any], partials: Mapping[str, Any]) -> ChatPromptTemplate:
        return ChatPromptTemplate(messages, partial_variables=partials, name=self.name)


def _message_part(item: Any) -> Any:
    if hasattr(item, "format_messages"):
        return item
    if isinstance(item, BaseMessage):
        return _Fixed(item)
    if isinstance(item, str):
        return MessageTemplate("human", item)
    if isinstance(item, Mapping) and "role" in item and "content" in item:
        item = (item["role"], item["content"])
    if isinstance(item, Sequence) and len(item) == 2:
        role, template = item
        if isinstance(role, type) and issubclass(role, BaseMessage):
            role = role.model_fields["type"].default
        if role == "placeholder":
            return MessagesPlaceholder(str(template).strip("{} "), optional=True)
        return MessageTemplate(role, template)
    raise TypeError(
        "ChatPromptTemplate: expected messages, ('role', 'template') pairs or placeholders, "
        f"got {type(item).__name__}: {item!r:.80}"
    )


def _check_variables(prompt: BasePromptTemplate, declared: Sequence[str] | None) -> None:
    if declared is not None and set(declared) != set(prompt.input_variables):
        raise ValueError(f"input_variables: the template has {prompt.input_variables}, got {list(declared)}")
