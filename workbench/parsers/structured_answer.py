"""AnswerParser: parses structured output; its errors say if the model refused, or was cut off."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..engine.chunks import Fold
from ..errors import OutputParserError
from ..messages import AIMessage, BaseMessage
from ..text.excerpts import begun
from .base import BaseCumulativeTransformOutputParser, GrowingReader
from .call_arguments import message_expected

__all__ = ["AnswerParser"]


class AnswerParser(BaseCumulativeTransformOutputParser[Any]):
    """What *reader* reads from a message. *wanted*: the name of the schema that was asked for; *calls*: the
    answer is a tool call.

    The OutputParserError of a refusal, of an answer without the call and of one that was cut off says so.
    """

    reader: BaseCumulativeTransformOutputParser[Any]
    output_type: Any = Field(default=Any, repr=False)
    wanted: str | None = None
    calls: bool = False

    @property
    def OutputType(self) -> Any:
        return self.output_type

    def parse(self, text: str) -> Any:
        if self.calls:
            raise message_expected(self, text)
        return self.reader.parse(text)

    def parse_result(self, result: list[Any], *, partial: bool = False) -> Any:
        if partial:
            return self.reader.parse_result(result, partial=True)
        message = result[0].message
        self._check(message)
        try:
            return self.reader.parse_result(result)
        except OutputParserError as error:
            raise self._explained(error, message) from error

    def get_format_instructions(self) -> str:
        return self.reader.get_format_instructions()

    def _reader(self) -> GrowingReader | None:
        inner = self.reader._reader()
        return None if inner is None else _CheckedGrowth(self, inner)

    def _check(self, message: BaseMessage | None) -> None:
        """Raises OutputParserError if the message cannot be what was asked for."""
        if message is None:
            return
        if refusal := message.additional_kwargs.get("refusal"):
            raise OutputParserError(f"the model refused: {refusal}", llm_output=str(refusal))
        if not self.calls:
            return
        made = [*getattr(message, "tool_calls", ()), *getattr(message, "invalid_tool_calls", ())]
        names = [call.get("name") for call in made]
        if not made and isinstance(message, AIMessage) and message.additional_kwargs.get("tool_calls"):
            return
        if self.wanted not in names:
            instead = f"called {', '.join(map(repr, names))}" if names else "called no tool"
            raise OutputParserError(
                f"expected a call of the tool {self.wanted!r}; the model {instead}{_said(message)}"
                f"{_cut(message)}",
                observation=f"Call the tool {self.wanted!r}.",
                llm_output=message.text,
            )

    def _explained(self, error: OutputParserError, message: BaseMessage | None) -> OutputParserError:
        """The error, with a note if the answer was cut off."""
        if message is None or not (cut := _cut(message)):
            return error
        return OutputParserError(f"{error}{cut}", observation=error.observation, llm_output=error.llm_output)


class _CheckedGrowth:
    """Reads a stream, and checks the whole message at its end."""

    def __init__(self, parser: AnswerParser, inner: GrowingReader) -> None:
        self._parser = parser
        self._inner = inner
        self._total = Fold()

    def feed(self, chunk: Any) -> Any:
        self._total.add(chunk)
        return self._inner.feed(chunk)

    def finish(self) -> Any:
        message = self._total.value if isinstance(self._total.value, BaseMessage) else None
        self._parser._check(message)
        try:
            return self._inner.finish()
        except OutputParserError as error:
            raise self._parser._explained(error, message) from error


def _said(message: BaseMessage) -> str:
    text = message.text
    return f" and said {begun(text)!r}" if text else ""


def _cut(message: BaseMessage) -> str:
    ended = message.response_metadata.get("finish_reason")
    if ended == "length":
        return "; the answer was cut off where max_tokens (or the model's context) ended: allow more"
    if ended == "content_filter":
        return "; the server's content filter ended the answer"
    return ""
