"""A parser of XML in a model's text, which may be hostile.

It reads with the standard library's expat, and refuses what XML attacks are made of: a document type
declaration (and with it every entity that is not XML's own, and every address to be fetched), elements inside
each other beyond a depth, and more text than a limit. What is refused raises OutputParserError.

An element becomes ``{tag: text}``, or ``{tag: [...]}`` with a dict for each element in it and the text
between them; attributes are left out.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Literal
from xml.parsers import expat

from ..engine.chunks import AddableDict, ChunkStream
from ..engine.modes import AnyScope
from ..errors import OutputParserError
from .base import BaseTransformOutputParser, text_to_parse

__all__ = ["ElementChunk", "XMLOutputParser"]

_ELEMENT = re.compile(r"<(?:!DOCTYPE|!ENTITY|[A-Za-z_:])", re.IGNORECASE)
_OPENING = 8  # characters of the longest thing that _ELEMENT looks for, less one


class ElementChunk(AddableDict):
    """A piece of a document that is being read: the elements from the root to one that is whole. Pieces add
    up to the document.

    ``places``: where each element of the piece stands in the one around it.
    """

    places: tuple[int, ...] = ()

    def __add__(self, other: dict[str, Any]) -> AddableDict:
        if not isinstance(other, ElementChunk):
            return super().__add__(other)
        return type(self).__concat__([self, other])

    @classmethod
    def __concat__(cls, parts: Sequence[ElementChunk]) -> ElementChunk:
        total = cls({tag: _copied(content) for tag, content in parts[0].items()})
        for part in parts[1:]:
            [(tag, content)] = part.items()
            _merge(total, tag, content, part.places)
        return total


def _copied(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    return [
        {tag: _copied(inner) for tag, inner in each.items()} if isinstance(each, dict) else each
        for each in content
    ]


def _merge(total: dict[str, Any], tag: str, content: Any, places: tuple[int, ...]) -> None:
    """Put a piece into the document, inside the elements that it has already."""
    for place in places:
        inside = total.setdefault(tag, [])
        if place == len(inside):
            inside.append(_copied(content)[0])
            return
        total = inside[place]
        [piece] = content
        [(tag, content)] = piece.items()
    total[tag] = _copied(content)


class XMLOutputParser(BaseTransformOutputParser[dict[str, Any]]):
    """The first element in a model's text, as a dict; see the module. A stream gives a piece
    (``ElementChunk``) for each element without others inside, when it ends, and for each text between
    elements.

    *tags* are for the format instructions. *max_depth*: of elements; *max_characters*: of the whole text.
    *parser* changes nothing: documents are read in the same safe way with both values.

    >>> from workbench import XMLOutputParser
    >>> XMLOutputParser().invoke("Here you are: <joke><setup>Knock, knock.</setup></joke>")
    {'joke': [{'setup': 'Knock, knock.'}]}
    """

    tags: list[str] | None = None
    parser: Literal["defusedxml", "xml"] = "defusedxml"
    max_depth: int = 100
    max_characters: int = 10_000_000

    def parse(self, text: str) -> dict[str, Any]:
        reader = _XMLReader(self)
        parts = [*reader.feed(text), *reader.finish()]
        return dict(ElementChunk.__concat__(parts))

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        if self._blocks:  # a subclass with a parse of its own
            yield await self._parsed(await _text_of(self, source), scope)
            return
        reader = _XMLReader(self)
        async with aclosing(source):
            async for chunk in source:
                for piece in reader.feed(text_to_parse(self, chunk)):
                    yield piece
            for piece in reader.finish():
                yield piece

    def get_format_instructions(self) -> str:
        told = f" Use these tags: {', '.join(self.tags)}." if self.tags else " Choose fitting tags."
        return (
            f"Answer with XML, and nothing else.{told} Close every tag that you open, inside the element "
            "where you opened it: <a><b>text</b></a> is well-formed, <a><b>text</a> is not."
        )

    @property
    def _type(self) -> str:
        return "xml"


async def _text_of(parser: Any, source: ChunkStream) -> str:
    async with aclosing(source):
        return "".join([text_to_parse(parser, chunk) async for chunk in source])


class _Element:
    """An element that is open. ``inside``: how many elements and texts it has by now."""

    __slots__ = ("inside", "tag", "text")

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.text: list[str] = []
        self.inside = 0


class _XMLReader:
    """Reads texts one after the other, and gives the pieces that are whole by then."""

    def __init__(self, parser: XMLOutputParser) -> None:
        self._parser = parser
        self._texts: list[str] = []
        self._characters = 0
        self._begun = self._done = False
        self._held: list[str] = []  # after the last ">": no tag ends in it
        self._path: list[_Element] = []
        self._pieces: list[ElementChunk] = []
        self._expat = expat.ParserCreate("utf-8")
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._text
        self._expat.StartDoctypeDeclHandler = self._doctype

    def feed(self, text: str) -> Iterator[ElementChunk]:
        if self._done:
            return
        self._characters += len(text)
        if self._characters > self._parser.max_characters:
            raise self._error(f"expected XML of at most {self._parser.max_characters} characters, got more")
        self._texts.append(text)
        self._held.append(text)
        if not self._begun and not self._begin():
            return
        if ">" not in self._held[-1]:
            return
        whole, end, rest = "".join(self._held).rpartition(">")
        self._held = [rest]
        yield from self._read(whole + end, False)

    def finish(self) -> Iterator[ElementChunk]:
        if self._done:
            return
        if not self._begun:
            raise self._error("expected XML, got no element")
        yield from self._read("".join(self._held), True)

    def _begin(self) -> bool:
        """Skip the text before the first element; whether that has begun."""
        text = "".join(self._held)
        found = _ELEMENT.search(text)
        if found is None:
            self._held = [text[-_OPENING:]]
            return False
        if found[0][1] == "!":
            self._doctype()
        self._begun = True
        self._held = [text[found.start() :]]
        return True

    def _read(self, text: str, last: bool) -> Iterator[ElementChunk]:
        try:
            self._expat.Parse(text, last)
        except expat.ExpatError as error:
            if not self._done:  # else it is about the text after the element
                raise self._error(f"expected well-formed XML, got {error}") from error
        except UnicodeEncodeError as error:
            raise self._error(f"expected XML, got text that is no Unicode: {error}") from error
        pieces, self._pieces = self._pieces, []
        yield from pieces

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= self._parser.max_depth:
            raise self._error(
                f"expected at most {self._parser.max_depth} elements inside each other, got more"
            )
        if self._path:
            self._text_between()
        self._path.append(_Element(tag))

    def _end(self, tag: str) -> None:
        element = self._path[-1]
        if element.inside:
            self._text_between()
            self._path.pop()
        else:
            self._path.pop()
            self._give({element.tag: "".join(element.text) or None})
        if self._path:
            self._path[-1].inside += 1
        else:
            self._done = True

    def _text(self, text: str) -> None:
        if self._path:
            self._path[-1].text.append(text)

    def _text_between(self) -> None:
        """Give the text before or after an element, unless it is space."""
        element = self._path[-1]
        text = "".join(element.text)
        element.text = []
        if text.strip():
            self._give(text)
            element.inside += 1

    def _give(self, content: Any) -> None:
        places = tuple(element.inside for element in self._path)
        for element in reversed(self._path):
            content = {element.tag: [content]}
        piece = ElementChunk(content)
        piece.places = places
        self._pieces.append(piece)

    def _doctype(self, *declared: Any) -> None:
        raise self._error("expected XML without a document type declaration, got one; it is not read")

    def _error(self, message: str) -> OutputParserError:
        text = "".join(self._texts)
        return OutputParserError(f"{message}; the answer was {text[:200]!r}", llm_output=text)
