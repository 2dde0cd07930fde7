"""Prompt values: filled-in prompts, which models of text and of messages both take."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ..messages.conversion import get_buffer_string
from ..messages.html import messages_html
from ..messages.types import AnyMessage, BaseMessage, ChatMessage, HumanMessage
from ..runnables.schema import Described

__all__ = ["ChatPromptValue", "ChatPromptValueConcrete", "PromptValue", "StringPromptValue"]


class PromptValue(Described):
    """A filled-in prompt, for models of text or of messages.

    >>> from workbench import PromptTemplate, PromptValue
    >>> value = PromptTemplate.from_template("about {topic}").invoke("bears")
    >>> isinstance(value, PromptValue), value.to_string(), value.to_messages()
    (True, 'about bears', [HumanMessage(content='about bears')])
    """

    def __view_data__(self) -> dict[str, Any]:
        """What a view shows: the fields without the type, which schemas and JSON have."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "type"}

    def to_string(self) -> str:
        """As one text, for models of text."""
        raise NotImplementedError(f"{type(self).__name__} must define to_string()")

    def to_messages(self) -> list[BaseMessage]:
        """As messages, for chat models."""
        raise NotImplementedError(f"{type(self).__name__} must define to_messages()")


class StringPromptValue(PromptValue):
    """String prompt value.

    >>> from workbench import StringPromptValue
    >>> StringPromptValue(text="about bears").to_messages()
    [HumanMessage(content='about bears')]
    """

    text: str
    type: Literal["StringPromptValue"] = Field(default="StringPromptValue", repr=False)

    def to_string(self) -> str:
        return self.text

    def to_messages(self) -> list[BaseMessage]:
        return [HumanMessage(content=self.text)]

    def _repr_html_(self) -> str:
        return messages_html([ChatMessage(content=self.text, role="prompt")])


class ChatPromptValue(PromptValue):
    """A prompt that is a list of messages.

    >>> from workbench import ChatPromptTemplate
    >>> value = ChatPromptTemplate.from_template("about {topic}").invoke("bears")
    >>> value.to_messages(), value.to_string()
    ([HumanMessage(content='about bears')], 'Human: about bears')
    """

    messages: list[BaseMessage]
    type: Literal["ChatPromptValue"] = "ChatPromptValue"

    def to_string(self) -> str:
        return get_buffer_string(self.messages)

    def to_messages(self) -> list[BaseMessage]:
        return list(self.messages)

    def __repr_args__(self) -> Any:
        yield "messages", self.messages

    def _repr_html_(self) -> str:
        return messages_html(self.messages)


class ChatPromptValueConcrete(ChatPromptValue):
    """Chat prompt value which explicitly lists out the message types it accepts.
    For use in external schemas.

    >>> from workbench import ChatPromptValueConcrete, HumanMessage
    >>> ChatPromptValueConcrete(messages=[HumanMessage("hi")]).to_string()
    'Human: hi'
    """

    messages: list[AnyMessage]  # type: ignore[assignment]  # narrower, for the schema
    type: Literal["ChatPromptValueConcrete"] = "ChatPromptValueConcrete"  # type: ignore[assignment]  # its own
