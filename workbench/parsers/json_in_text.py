"""Where in a model's answer the JSON is: alone, in a code fence, or somewhere in the prose.

The answer is read as it comes. The JSON is, in this order of preference: an object or list at the beginning
of the text; one at the beginning of a code fence (for ``json``, or without a language); the first object in
the prose, or the first list at the beginning of a line. What opens like one and soon turns out to be prose
(``{name}``, ``[Note]``) is skipped; text after the value is not read. A text or number alone counts if it is
the whole answer.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ..engine.chunks import MISSING
from ..errors import OutputParserError
from ..text.partial_json import JsonReader, JsonTextError

__all__ = ["JsonInText"]

_LABELS = ("", "json", "jsonc", "json5")
_SCALAR = re.compile(r'\s*(?:```(?:json)?\s*)?(["\-0-9tfnNI].*?)\s*(?:```)?\s*', re.DOTALL)


class JsonInText:
    """Reads an answer; see the module. *lenient* takes JSON that ends early.

    >>> answer = JsonInText()
    >>> for text in ("Sure! ```js", 'on\\n{"a": [1', ', 2', "]}``` Anything else?"):
    ...     answer.feed(text)
    >>> answer.finish()
    >>> answer.value
    {'a': [1, 2]}
    """

    def __init__(self, *, strict: bool = False, lenient: bool = False) -> None:
        self.changed = False
        self._strict = strict
        self._lenient = lenient
        self._texts: list[str] = []
        self._reader: JsonReader | None = None
        self._scalar: Any = MISSING
        self._failure: JsonTextError | None = None
        self._certain = False  # this is where it is: nothing later counts
        self._shown = False  # it is worth showing before the reader is sure
        self._size = self._start = 0
        self._fresh = True  # nothing but space so far
        self._line_start = True
        self._ticks = 0
        self._label: str | None = None  # of the fence that has just opened
        self._expects = False  # a fence has opened, and nothing but space has come in it

    @property
    def text(self) -> str:
        """All that was read."""
        self._texts = ["".join(self._texts)]
        return self._texts[0]

    @property
    def value(self) -> Any:
        """The value so far; MISSING before there is one that is likely to be it."""
        return self._scalar if (reader := self._likely) is None else reader.value

    def changes(self) -> list[dict[str, Any]]:
        """JSON Patch operations from the value at the last call of this to the value now."""
        if (reader := self._likely) is not None:
            return reader.changes()
        return [] if self._scalar is MISSING else [{"op": "replace", "path": "", "value": self._scalar}]

    def feed(self, text: str) -> None:
        """Read on; afterwards ``changed`` is whether the value may have changed. Raises OutputParserError
        where the text is not JSON after all."""
        self.changed = False
        self._texts.append(text)
        at, end = 0, len(text)
        while at < end and not (self._certain and self._reader is not None and self._reader.done):
            reader = self._reader
            if reader is None or reader.done or self._failure is not None:
                at = self._search(text, at)
            else:
                at = self._read(reader, text, at)
        self._size += end

    def finish(self) -> None:
        """Call this at the end of the answer. Raises OutputParserError if there is no whole JSON in it,
        or with *lenient* not even the beginning of one."""
        self.changed = False  # but for a text or number alone, which is read only here
        reader = self._reader
        if self._failure is not None:
            raise self._error(self._failure)
        if reader is None:
            self._read_scalar()
        elif not reader.done and not (self._lenient and self._likely is not None):
            try:
                reader.finish()
            except JsonTextError as failure:
                raise self._error(failure) from None

    @property
    def _likely(self) -> JsonReader | None:
        """The reader, once what it has read is likely to be the JSON and not prose."""
        reader = self._reader
        return reader if reader is not None and (self._shown or reader.sure) else None

    def _read(self, reader: JsonReader, text: str, at: int) -> int:
        try:
            at = reader.feed(text, at)
        except JsonTextError as failure:
            self._fresh = self._line_start = False
            if not reader.sure:  # prose after all
                self._reader, self._certain, self._shown = None, False, False
                return failure.index
            self._failure = failure
            if self._certain:
                raise self._error(failure) from None
            return failure.index
        self.changed = self.changed or reader.changed
        self._line_start = False
        return at

    def _search(self, text: str, at: int) -> int:
        """One character of what is not JSON."""
        char = text[at]
        if char == "`":
            self._ticks += 1
            self._fresh = False
            return at + 1
        if self._ticks >= 3:
            self._label, self._expects = "", True
        self._ticks = 0
        if self._label is not None and char.isalnum():
            self._label += char
            return at + 1
        if self._label is not None:
            self._expects = self._label.lower() in _LABELS
            self._label = None
        if char.isspace():
            self._line_start = self._line_start or char == "\n"
            return at + 1
        certain = self._fresh or self._expects
        if char in "{[" and (certain or self._is_first(char)):
            self._reader, self._failure = JsonReader(strict=self._strict), None
            self._certain, self._shown = certain, certain and (char == "{" or self._expects)
            self._start = self._size + at
            self._expects = False
            return at
        self._fresh = self._line_start = self._expects = False
        return at + 1

    def _is_first(self, char: str) -> bool:
        return self._reader is None and (char == "{" or self._line_start)

    def _read_scalar(self) -> None:
        found = _SCALAR.fullmatch(self.text)
        try:
            if found is None:
                raise ValueError("no JSON in it")
            self._scalar = json.loads(found[1], strict=self._strict)
        except ValueError:
            what = "an answer without any" if self.text.strip() else "an empty answer"
            raise self._made(f"expected JSON, got {what}") from None
        self.changed = True

    def _error(self, failure: JsonTextError) -> OutputParserError:
        at = self._start + failure.at
        rest = self.text[at : at + 20]
        came = f"{rest!r} comes" if rest else "the answer ends"
        return self._made(f"expected JSON with {failure.expected} at character {at}, where {came}")

    def _made(self, message: str) -> OutputParserError:
        text = self.text
        shown = f"{text[:200]!r}" + (f" and {len(text) - 200} more characters" if len(text) > 200 else "")
        return OutputParserError(f"{message}; the answer was {shown}", llm_output=text)
