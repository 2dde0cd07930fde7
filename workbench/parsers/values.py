"""Parsers of one value in a model's text: a member of an enum, a date, the groups of a pattern."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from ..errors import OutputParserError
from ..text.excerpts import short_repr
from .base import BaseOutputParser

__all__ = ["DatetimeOutputParser", "EnumOutputParser", "RegexParser"]


class EnumOutputParser(BaseOutputParser[Enum]):
    """The member of *enum* whose value is the text, without the space around it.

    >>> from enum import Enum
    >>> from workbench import EnumOutputParser
    >>> class Mood(Enum):
    ...     GOOD = "good"
    ...     BAD = "bad"
    >>> EnumOutputParser(enum=Mood).invoke(" good ")
    <Mood.GOOD: 'good'>
    """

    enum: type[Enum]

    @property
    def OutputType(self) -> Any:
        return self.enum

    def parse(self, text: str) -> Enum:
        for member in self.enum:
            if str(member.value) == text.strip():
                return member
        raise OutputParserError(
            f"expected one of {self._choices()}, got {short_repr(text, 200)}", llm_output=text
        )

    def get_format_instructions(self) -> str:
        return f"Answer with one of these, and nothing else: {self._choices()}"

    def _choices(self) -> str:
        return ", ".join(str(member.value) for member in self.enum)


class DatetimeOutputParser(BaseOutputParser[datetime]):
    """A date and time in *format*, which is a format of ``strptime``.

    >>> from workbench import DatetimeOutputParser
    >>> DatetimeOutputParser(format="%Y-%m-%d").invoke("1969-07-20")
    datetime.datetime(1969, 7, 20, 0, 0)
    """

    format: str = "%Y-%m-%dT%H:%M:%S.%fZ"

    def parse(self, text: str) -> datetime:
        try:
            return datetime.strptime(text.strip(), self.format)
        except ValueError as error:
            raise OutputParserError(
                f"expected a date and time like {self._example()!r}, got {short_repr(text, 200)}",
                llm_output=text,
            ) from error

    def get_format_instructions(self) -> str:
        return (
            f"Answer with a date and time in the format {self.format!r}, and nothing else. "
            f"For example: {self._example()}"
        )

    def _example(self) -> str:
        return datetime(2023, 7, 4, 14, 30, 0, 123000, tzinfo=UTC).strftime(self.format)


class RegexParser(BaseOutputParser[dict[str, str]]):
    """The groups of the first match of *regex* in the text, under *output_keys* in their order.

    Text without a match is an error, or with *default_output_key* goes under this key, all others
    being empty.

    >>> RegexParser(regex=r"Score: (\\d+)", output_keys=["score"]).parse("Well done. Score: 9")
    {'score': '9'}
    """

    regex: str
    output_keys: list[str]
    default_output_key: str | None = None

    def parse(self, text: str) -> dict[str, str]:
        found = re.search(self.regex, text)
        if found is not None:
            return {key: found[number] for number, key in enumerate(self.output_keys, 1)}
        if self.default_output_key is None:
            raise OutputParserError(
                f"expected text that matches {self.regex!r}, got {short_repr(text, 200)}", llm_output=text
            )
        return {key: text if key == self.default_output_key else "" for key in self.output_keys}
