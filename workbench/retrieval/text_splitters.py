"""Text splitters: long texts in pieces that a model can read and a search can find.

``RecursiveCharacterTextSplitter`` cuts at paragraphs; where one of them is too long, at its lines, then its
words, then its characters. ``CharacterTextSplitter`` cuts at one separator only. What is shorter than
*chunk_size* is joined again, and neighbouring chunks overlap by whole pieces of up to *chunk_overlap*.

A splitter of your own defines ``split_text``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Self

from ..text.excerpts import short_repr, typed_repr
from .documents import Document

__all__ = ["CharacterTextSplitter", "RecursiveCharacterTextSplitter", "TextSplitter"]

KeepSeparator = bool | Literal["start", "end"]

_SEPARATORS: dict[str, list[str]] = {
    "markdown": [
        r"\n#{1,6} ",
        r"```\n",
        r"\n\*\*\*+\n",
        r"\n---+\n",
        r"\n___+\n",
        r"\n\n",
        r"\n",
        " ",
        "",
    ],
    "python": [r"\nclass ", r"\ndef ", r"\n\tdef ", r"\n    def ", r"\n\n", r"\n", " ", ""],
    "html": ["<body", "<div", "<p", "<br", "<li", "<h[1-6]", "<table", "<tr", "<ul", "<ol", " ", ""],
    "js": [r"\nfunction ", r"\nconst ", r"\nlet ", r"\nclass ", r"\n\n", r"\n", " ", ""],
}
"""By language: regular expressions, from the coarsest to the finest."""


class TextSplitter(ABC):
    """``chunk_size`` and ``chunk_overlap`` are in what *length_function* counts: characters,
    or a model's tokens (``length_function=model.get_num_tokens``). ``add_start_index`` puts the place of each
    chunk in its text into the document's metadata. A subclass defines ``split_text``.

    >>> from workbench import Document, TextSplitter
    >>> class Items(TextSplitter):
    ...     def split_text(self, text):
    ...         return text.split("; ")
    >>> Items().split_documents([Document("one; two", metadata={"page": 3})])
    ... # doctest: +NORMALIZE_WHITESPACE
    [Document(page_content='one', metadata={'page': 3}),
     Document(page_content='two', metadata={'page': 3})]
    """

    def __init__(
        self,
        chunk_size: int = 4000,
        chunk_overlap: int = 200,
        length_function: Callable[[str], int] = len,
        keep_separator: KeepSeparator = False,
        add_start_index: bool = False,
        strip_whitespace: bool = True,
    ) -> None:
        if chunk_size < 1:
            raise ValueError(f"chunk_size: expected 1 or more, got {chunk_size!r}")
        if not 0 <= chunk_overlap <= chunk_size:
            raise ValueError(
                f"chunk_overlap: expected from 0 to the chunk_size of {chunk_size}, got {chunk_overlap!r}"
            )
        self._chunk_size = chunk_size
        self._chunk_overlap = chunk_overlap
        self._length = length_function
        self._keep_separator: KeepSeparator = keep_separator
        self._add_start_index = add_start_index
        self._strip = strip_whitespace

    @abstractmethod
    def split_text(self, text: str) -> list[str]:
        """The chunks of a text, in their order."""

    def create_documents(
        self, texts: Sequence[str], metadatas: Sequence[dict[str, Any]] | None = None
    ) -> list[Document]:
        """The chunks of each text as documents, with that text's metadata."""
        if isinstance(texts, str):
            raise TypeError(f"create_documents: expected a list of texts, got the text {short_repr(texts)}")
        about = metadatas or [{}] * len(texts)
        if len(about) != len(texts):
            raise ValueError(f"create_documents: got {len(texts)} texts and {len(about)} metadatas")
        documents = []
        for text, metadata in zip(texts, about, strict=True):
            after = 0  # no chunk begins before: the same words may come twice
            for chunk in self.split_text(text):
                own = dict(metadata)
                if self._add_start_index:
                    own["start_index"] = place = text.find(chunk, after)
                    overlap = self._chunk_overlap if self._length is len else len(chunk)
                    after = place + max(len(chunk) - overlap, 1)
                documents.append(Document(page_content=chunk, metadata=own))
        return documents

    def split_documents(self, documents: Iterable[Document]) -> list[Document]:
        """The chunks of documents, each with the metadata of the one it is of."""
        given = list(documents)
        for each in given:
            if not isinstance(each, Document):
                raise TypeError(f"expected Documents, got {typed_repr(each)}")
        return self.create_documents([d.page_content for d in given], [d.metadata for d in given])

    def transform_documents(self, documents: Sequence[Document], **options: Any) -> list[Document]:
        """``split_documents``, under the name by which pipelines of documents call it."""
        return self.split_documents(documents)

    def _joined(self, pieces: Sequence[str], separator: str) -> str | None:
        text = separator.join(pieces)
        return (text.strip() if self._strip else text) or None

    def _packed(self, pieces: Iterable[str], separator: str) -> list[str]:
        """Pieces joined to chunks as long as allowed; each begins with the last pieces of the one before."""
        between = self._length(separator)
        chunks: list[str] = []
        held: deque[tuple[str, int]] = deque()
        total = 0  # length of what is held, with its separators
        for piece in pieces:
            length = self._length(piece)
            if held and total + between + length > self._chunk_size:
                if chunk := self._joined([text for text, _ in held], separator):
                    chunks.append(chunk)
                while held and (total > self._chunk_overlap or total + between + length > self._chunk_size):
                    total -= held.popleft()[1] + (between if held else 0)
            total += length + (between if held else 0)
            held.append((piece, length))
        if chunk := self._joined([text for text, _ in held], separator):
            chunks.append(chunk)
        return chunks


class CharacterTextSplitter(TextSplitter):
    """Cuts at *separator* only: a piece without one may be longer than ``chunk_size``.

    >>> from workbench import CharacterTextSplitter
    >>> splitter = CharacterTextSplitter(separator=", ", chunk_size=10, chunk_overlap=0)
    >>> splitter.split_text("one, two, three, fourteenth")
    ['one, two', 'three', 'fourteenth']
    """

    def __init__(self, separator: str = "\n\n", is_separator_regex: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._separator = separator
        self._pattern = separator if is_separator_regex else re.escape(separator)
        self._is_regex = is_separator_regex

    def split_text(self, text: str) -> list[str]:
        pieces = _cut(_checked(text), self._pattern, self._keep_separator)
        # What an expression matched is not known any more.
        return self._packed(pieces, "" if self._keep_separator or self._is_regex else self._separator)


class RecursiveCharacterTextSplitter(TextSplitter):
    """Cuts at the first of *separators* that the text has, and what is still too long at those after it.

    >>> from workbench import RecursiveCharacterTextSplitter
    >>> splitter = RecursiveCharacterTextSplitter(chunk_size=20, chunk_overlap=0)
    >>> splitter.split_text("One idea.\\n\\nAnother idea, which is longer.")
    ['One idea.', 'Another idea, which', 'is longer.']
    """

    def __init__(
        self,
        separators: Sequence[str] | None = None,
        keep_separator: KeepSeparator = True,
        is_separator_regex: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(keep_separator=keep_separator, **options)
        self._separators = list(separators) if separators is not None else ["\n\n", "\n", " ", ""]
        if not self._separators:
            raise ValueError('separators: expected at least one, such as "\\n\\n"')
        self._is_regex = is_separator_regex

    @classmethod
    def from_language(cls, language: str, **options: Any) -> Self:
        """One that cuts where texts in a *language* have their joints: "markdown", "python", "html", "js"."""
        name = str(getattr(language, "value", language))
        if name not in _SEPARATORS:
            raise ValueError(f"from_language: expected one of {', '.join(_SEPARATORS)}, got {language!r}")
        return cls(separators=_SEPARATORS[name], is_separator_regex=True, **options)

    def split_text(self, text: str) -> list[str]:
        return self._split(_checked(text), self._separators)

    def _split(self, text: str, separators: list[str]) -> list[str]:
        separator, finer = self._first_found(text, separators)
        joint = "" if self._keep_separator or self._is_regex else separator
        pattern = separator if self._is_regex else re.escape(separator)
        chunks: list[str] = []
        short: list[str] = []
        for piece in _cut(text, pattern, self._keep_separator):
            if self._length(piece) < self._chunk_size:
                short.append(piece)
                continue
            chunks += self._packed(short, joint)
            short = []
            chunks += self._split(piece, finer) if finer else [piece]
        return chunks + self._packed(short, joint)

    def _first_found(self, text: str, separators: list[str]) -> tuple[str, list[str]]:
        for at, separator in enumerate(separators):
            if not separator or re.search(separator if self._is_regex else re.escape(separator), text):
                return separator, separators[at + 1 :] if separator else []
        return separators[-1], []


def _checked(text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"split_text: expected a text, got {typed_repr(text)}")
    return text


def _cut(text: str, pattern: str, keep: KeepSeparator) -> list[str]:
    """The pieces of a text between its separators, each with the separator before ("start") or after it.

    >>> _cut("a, b, c", ", ", False), _cut("a, b, c", ", ", "start"), _cut("a, b, c", ", ", "end")
    (['a', 'b', 'c'], ['a', ', b', ', c'], ['a, ', 'b, ', 'c'])
    """
    if not pattern:
        return list(text)
    pieces, after, separator = [], 0, ""
    for found in re.finditer(pattern, text):
        if not found[0]:
            continue
        piece = text[after : found.start()]
        pieces.append(separator + piece + (found[0] if keep == "end" else ""))
        separator = found[0] if keep in (True, "start") else ""
        after = found.end()
    pieces.append(separator + text[after:])
    return [piece for piece in pieces if piece]
