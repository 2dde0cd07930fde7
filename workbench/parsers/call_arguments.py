"""What the parsers of tool calls and of function calls share: they read messages, and the arguments of a call
as JSON text that comes in pieces."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from ..errors import OutputParserError
from ..messages import BaseMessage
from ..text.excerpts import short_repr, typed_repr
from ..text.partial_json import JsonReader, JsonTextError
from .base import GrowingJsonParser

__all__ = [
    "ArgumentsReader",
    "CallParser",
    "arguments_expected",
    "arguments_misfit",
    "message_expected",
    "message_to_parse",
]


class CallParser(GrowingJsonParser):
    """A parser that reads messages, and no text."""

    def parse(self, text: str) -> Any:
        raise message_expected(self, text)


class ArgumentsReader(JsonReader):
    """Reads the arguments of one call. *kind* and ``name`` are for its errors: "tool call" or "function
    call", and what is called."""

    def __init__(self, kind: str, *, strict: bool) -> None:
        super().__init__(strict=strict)
        self.name = ""
        self._kind = kind
        self._texts: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self._texts)

    def add(self, text: str) -> bool:
        """Read on; whether that changes the value. Raises OutputParserError for what is no JSON."""
        self._texts.append(text)
        end = 0
        if self.done:
            self.changed = False
        else:
            try:
                end = self.feed(text)
            except JsonTextError as error:
                raise self._misfit(error.expected) from None
        if end < len(text) and text[end:].strip():
            raise self._misfit("nothing behind them")
        return self.changed

    def check(self) -> None:
        """Raises OutputParserError if the JSON is not whole, or no object."""
        try:
            self.finish()
        except JsonTextError as error:
            raise self._misfit(f"{error.expected}, where they end") from None
        if not isinstance(self.value, dict):
            raise self._misfit("an object")

    def _misfit(self, expected: str) -> OutputParserError:
        return arguments_expected(self._kind, self.name, self.text, expected)


def arguments_expected(kind: str, name: str, text: str, expected: str) -> OutputParserError:
    """The error for arguments that are not as *expected*."""
    return OutputParserError(
        f"{kind} {name!r}: expected arguments as a JSON object, with {expected}; they are {text!r:.200}",
        llm_output=text,
    )


def arguments_misfit(name: str, text: str, error: ValidationError) -> OutputParserError:
    """The error for arguments that a model's checks refuse."""
    return OutputParserError(
        f"expected arguments that fit {name}, got {short_repr(text, 200)}: {error}",
        observation=str(error),
        llm_output=text,
    )


def message_to_parse(parser: Any, input: Any) -> BaseMessage:
    """The message that came; OutputParserError for anything else."""
    if isinstance(input, BaseMessage):
        return input
    raise message_expected(parser, input)


def message_expected(parser: Any, input: Any) -> OutputParserError:
    return OutputParserError(
        f"{parser.get_name()}: expected a message of a chat model, got {typed_repr(input)}",
        llm_output=input if isinstance(input, str) else None,
    )
