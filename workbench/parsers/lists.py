"""Parsers of lists in a model's text. A stream gives each item when it is whole, as a list of one.

The text is read once, in a stream as well as whole, so both give the same items.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any, ClassVar, Protocol

from ..engine.chunks import ChunkStream
from ..engine.modes import AnyScope
from .base import BaseTransformOutputParser, text_to_parse

__all__ = [
    "CommaSeparatedListOutputParser",
    "ListOutputParser",
    "MarkdownListOutputParser",
    "NumberedListOutputParser",
]


class ItemReader(Protocol):
    """Reads texts one after the other, and gives the items that are whole by then."""

    def feed(self, text: str) -> Iterator[str]: ...
    def finish(self) -> Iterator[str]: ...


class ListOutputParser(BaseTransformOutputParser[list[str]]):
    """Subclass and define ``parse(text)``: the items of the whole text, which a stream then waits for.

    >>> from workbench import ListOutputParser
    >>> class Lines(ListOutputParser):
    ...     def parse(self, text):
    ...         return text.splitlines()
    >>> Lines().invoke(chr(10).join(["bears", "cats"]))
    ['bears', 'cats']
    """

    def _reader(self) -> ItemReader | None:
        return None

    def parse(self, text: str) -> list[str]:
        reader = self._reader()
        if reader is None:
            raise NotImplementedError(f"{type(self).__name__} must define parse(text)")
        return [*reader.feed(text), *reader.finish()]

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        reader = None if self._blocks else self._reader()
        texts: list[str] = []
        given = False
        async with aclosing(source):
            async for chunk in source:
                text = text_to_parse(self, chunk)
                if reader is None:
                    texts.append(text)
                    continue
                for item in reader.feed(text):
                    given = True
                    yield [item]
        rest = reader.finish() if reader is not None else await self._parsed("".join(texts), scope)
        for item in rest:
            given = True
            yield [item]
        if not given:
            yield []


class CommaSeparatedListOutputParser(ListOutputParser):
    """Items between commas and line ends, as in a CSV file: an item in double quotes may have them too, and
    ``""`` is a quote in it.

    >>> CommaSeparatedListOutputParser().parse('red, "green, or blue", "5"" wide"')
    ['red', 'green, or blue', '5" wide']
    """

    def get_format_instructions(self) -> str:
        return "Answer with a list of values with commas between them, such as: `red, green, blue`"

    def _reader(self) -> ItemReader:
        return _CommaReader()

    @property
    def _type(self) -> str:
        return "comma-separated-list"


class _LineListParser(ListOutputParser):
    """Items are what the first group of *pattern* matches in each line."""

    pattern: str

    def _reader(self) -> ItemReader:
        return _LineReader(re.compile(self.pattern))


class NumberedListOutputParser(_LineListParser):
    """What follows ``1.``, ``2.``, ... in each line.

    >>> NumberedListOutputParser().parse("Colours:\\n1. red\\n2. green")
    ['red', 'green']
    """

    pattern: str = r"(?<!\d)\d+\.\s([^\n]+)"

    def get_format_instructions(self) -> str:
        return "Answer with a numbered list, an item a line, such as:\n\n1. red\n2. green\n3. blue"

    @property
    def _type(self) -> str:
        return "numbered-list"


class MarkdownListOutputParser(_LineListParser):
    """What follows ``-`` or ``*`` at the beginning of each line.

    >>> MarkdownListOutputParser().parse("Colours:\\n- red\\n* green")
    ['red', 'green']
    """

    pattern: str = r"^\s*[-*]\s([^\n]+)$"

    def get_format_instructions(self) -> str:
        return "Answer with a Markdown list, an item a line, such as: `- red\n- green\n- blue`"

    @property
    def _type(self) -> str:
        return "markdown-list"


class _LineReader:
    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self._line: list[str] = []

    def feed(self, text: str) -> Iterator[str]:
        *lines, rest = text.split("\n")
        for line in lines:
            self._line.append(line)
            yield from self.finish()
        self._line.append(rest)

    def finish(self) -> Iterator[str]:
        line = "".join(self._line).rstrip("\r")
        self._line = []
        for found in self._pattern.finditer(line):
            yield found[1]


class _CommaReader:
    """Reads as Python's csv module does with its defaults and ``skipinitialspace``."""

    _SPECIAL: ClassVar[re.Pattern[str]] = re.compile(r'[,"\r\n]')

    def __init__(self) -> None:
        self._item: list[str] = []
        self._begins = True  # nothing of the item has come
        self._quoted = False  # inside quotes
        self._quote = False  # directly after a quote inside quotes, which may be the first of two
        self._line_begins = True

    def feed(self, text: str) -> Iterator[str]:
        at = 0
        while at < len(text):
            found = self._SPECIAL.search(text, at)
            end = len(text) if found is None else found.start()
            if end > at:
                self._add(text[at:end])
            if found is not None:
                yield from self._special(found[0])
            at = end + 1

    def finish(self) -> Iterator[str]:
        if not self._line_begins:
            yield self._taken()

    def _add(self, text: str) -> None:
        self._line_begins = False
        if self._begins:
            text = text.lstrip(" ")
        if self._quote:
            self._quoted = self._quote = False
        if text:
            self._begins = False
            self._item.append(text)

    def _special(self, char: str) -> Iterator[str]:
        if self._quoted and not self._quote:
            if char == '"':
                self._quote = True
            else:
                self._item.append(char)
            return
        if char == '"':
            self._line_begins = False
            if self._begins:
                self._quoted, self._begins = True, False
            else:  # one of two inside quotes, or in the middle of an item
                self._quote = False
                self._item.append(char)
        elif char == ",":
            yield self._taken()
            self._line_begins = False
        elif not self._line_begins:
            yield self._taken()
            self._line_begins = True

    def _taken(self) -> str:
        item = "".join(self._item)
        self._item = []
        self._begins, self._quoted, self._quote = True, False, False
        return item
