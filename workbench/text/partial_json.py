"""Read JSON that is still being written: the value so far, without reading the text again for each piece.

``JsonReader`` reads one JSON value from texts as they come. ``value`` is what is known so far: open objects,
lists and texts as far as they go; keys without a value, numbers and words that may go on, and escapes that
are not whole are left out. So every value on the way is a beginning of the last one. The last one is what
``json.loads`` gives.

Reading a text costs what its length does. Asking for ``value`` copies the objects and lists that are still
open, and shares those that are closed: values that were given out are never changed here, and parts of
them are parts of later ones. ``changes`` gives the same growth as JSON Patch operations (RFC 6902).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ..engine.chunks import MISSING
from ..patch.pointers import escape

__all__ = ["MAX_DEPTH", "JsonReader", "JsonTextError", "parse_partial_json"]

MAX_DEPTH = 200
"""Objects and lists inside each other: copying or printing what is deeper would overflow the stack."""


def _run_of(characters: str) -> Callable[[str, int], re.Match[str]]:
    """A function that matches as many of *characters* as there are, at an index of a text."""
    matcher: Any = re.compile(f"[{characters}]*").match  # never None: it matches nothing too
    return matcher  # type: ignore[no-any-return]  # see above


_space = _run_of(r" \t\n\r")
_plain = _run_of(r'^"\\')
_plain_strict = _run_of(r'^"\\\x00-\x1f')
_word = _run_of(r"-+.0-9A-Za-z")
_WORD_STARTS = frozenset("-0123456789tfnNI")
_HEX = frozenset("0123456789abcdefABCDEF")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class JsonTextError(ValueError):
    """The text is no JSON. ``at``: the position of the first wrong character, counted from the first that was
    read; ``index``: the same in the text that was given last."""

    def __init__(self, expected: str, at: int, index: int) -> None:
        super().__init__(expected)
        self.expected = expected
        self.at = at
        self.index = index


class _Change:
    """A place of the value that is new or has grown; ``value`` is MISSING while it is open."""

    __slots__ = ("depth", "op", "path", "value")

    def __init__(self, op: str, path: str, depth: int, value: Any) -> None:
        self.op = op
        self.path = path
        self.depth = depth
        self.value = value


class _Open:
    """An object or list that is not closed. ``content``: its closed parts; ``key``: that of the open one."""

    __slots__ = ("change", "content", "key", "round")

    def __init__(self, content: Any, round: int, change: _Change | None) -> None:
        self.content = content
        self.key = ""
        self.round = round
        self.change = change


class JsonReader:
    """See the module. *strict* refuses line ends and other control characters inside a text.

    ``done``: the value is closed. ``sure``: it has a key with a colon, or a part, and so is unlikely to be a
    bracket in prose.

    >>> reader = JsonReader()
    >>> for text in ('{"city": "Se', 'oul", "size": 9', '}'):
    ...     at = reader.feed(text)
    ...     print(reader.value)
    {'city': 'Se'}
    {'city': 'Seoul'}
    {'city': 'Seoul', 'size': 9}
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.done = False
        self.sure = False
        self.changed = False
        self._plain = _plain_strict if strict else _plain
        self._open: list[_Open] = []
        self._value: Any = MISSING
        self._token: list[str] = []
        self._held = ""  # an escape that is not whole
        self._in_key = False
        self._may_close = False  # directly behind an opening bracket
        self._step: Callable[[str, int], int] = self._read_value
        self._before = 0
        self._round = 0
        self._changes: list[_Change] = []
        self._text_change: _Change | None = None
        self._text_round = 0

    # What is known

    @property
    def value(self) -> Any:
        """The value so far; MISSING before there is any."""
        return self._value if self._value is not MISSING else self._open_value(0)

    def _open_value(self, depth: int) -> Any:
        """The open part that lies at *depth*."""
        value: Any = MISSING
        if self._step in (self._read_text, self._read_escape) and not self._in_key:
            value = self._joined()
        for each in reversed(self._open[depth:]):
            content = each.content.copy()
            if value is not MISSING:
                if type(content) is list:
                    content.append(value)
                else:
                    content[each.key] = value
            value = content
        return value

    def changes(self) -> list[dict[str, Any]]:
        """What has changed since this was last asked, as JSON Patch operations; the first of all replaces
        the whole document."""
        if self._changes and (last := self._changes[-1]).value is MISSING:
            last.value = self._open_value(last.depth)
        operations = [{"op": each.op, "path": each.path, "value": each.value} for each in self._changes]
        self._changes = []
        self._text_change = None
        self._round += 1
        return operations

    # Reading

    def feed(self, text: str, start: int = 0) -> int:
        """Read on, from index *start* of *text*; returns the index behind the value, or the text's length.

        ``changed`` says afterwards whether the value did. Raises JsonTextError where the text is no JSON.
        """
        self.changed = False
        self._before -= start
        at, end = start, len(text)
        while at < end and not self.done:
            at = self._step(text, at)
        self._before += at
        return at

    def finish(self) -> None:
        """Call this at the end of the text. Raises JsonTextError if the value is not whole."""
        self.changed = False
        if self._step == self._read_word and not self._open:
            self._end_word(0)
        if self.done:
            return
        if self._step in (self._read_text, self._read_escape):
            expected = "the end of a text"
        elif self._open:
            expected = "the end of a list" if type(self._open[-1].content) is list else "the end of an object"
        else:
            expected = "a value"
        raise self._failure(expected, 0)

    def _failure(self, expected: str, at: int) -> JsonTextError:
        return JsonTextError(expected, self._before + at, at)

    def _read_value(self, text: str, at: int) -> int:
        at = _space(text, at).end()
        if at == len(text):
            return at
        char = text[at]
        if char == '"':
            self._in_key = False
            self._start_text()
        elif char == "{" or char == "[":
            self._start_container({} if char == "{" else [], at)
        elif char == "]" and self._may_close:
            self._close()
        elif char in _WORD_STARTS:
            self._step = self._read_word
            return at
        else:
            raise self._failure("a value", at)
        return at + 1

    def _read_key(self, text: str, at: int) -> int:
        at = _space(text, at).end()
        if at == len(text):
            return at
        if text[at] == '"':
            self._in_key = True
            self._step = self._read_text
        elif text[at] == "}" and self._may_close:
            self._close()
        else:
            raise self._failure("a key in double quotes", at)
        return at + 1

    def _read_colon(self, text: str, at: int) -> int:
        at = _space(text, at).end()
        if at == len(text):
            return at
        if text[at] != ":":
            raise self._failure("a colon", at)
        self.sure = True
        self._may_close = False
        self._step = self._read_value
        return at + 1

    def _read_next(self, text: str, at: int) -> int:
        at = _space(text, at).end()
        if at == len(text):
            return at
        is_list = type(self._open[-1].content) is list
        if text[at] == ",":
            self._may_close = False
            self._step = self._read_value if is_list else self._read_key
        elif text[at] == ("]" if is_list else "}"):
            self._close()
        else:
            raise self._failure(f"a comma or {']' if is_list else '}'}", at)
        return at + 1

    def _read_word(self, text: str, at: int) -> int:
        end = _word(text, at).end()
        self._token.append(text[at:end])
        if end < len(text):
            self._end_word(end)
        return end

    def _end_word(self, at: int) -> None:
        word = self._joined()
        self._token = []
        try:
            value = json.loads(word)
        except ValueError as error:  # no JSON, or more digits than Python converts
            raise self._failure(f"a value instead of {word[:20]!r}", at) from error
        self._add(value)

    # Texts

    def _read_text(self, text: str, at: int) -> int:
        end = self._plain(text, at).end()
        if end > at:
            self._grow(text[at:end])
        if end == len(text):
            return end
        if text[end] == '"':
            self._end_text()
        elif text[end] == "\\":
            self._held = "\\"
            self._step = self._read_escape
        else:
            raise self._failure("no control character in a text", end)
        return end + 1

    def _read_escape(self, text: str, at: int) -> int:
        """One more character of an escape. The first half of a pair of surrogates waits for the other."""
        char, size = text[at], len(self._held)
        if size == 1 and char in _ESCAPES:
            return self._unescaped(_ESCAPES[char], at)
        if size == 6 and char != "\\":  # a half without the other
            return self._unescaped(chr(int(self._held[2:], 16)), at - 1)
        if size == 7 and char != "u":
            self._grow(chr(int(self._held[2:6], 16)))
            self._held = "\\"
            return at
        if char not in (("u",) if size in (1, 7) else ("\\",) if size == 6 else _HEX):
            raise self._failure("an escape such as \\n or \\u00e9", at)
        held = self._held = self._held + char
        if size == 5 and not _is_high(held[2:]):
            return self._unescaped(chr(int(held[2:], 16)), at)
        if size == 11:
            high, low = int(held[2:6], 16), int(held[8:], 16)
            if 0xDC00 <= low < 0xE000:
                return self._unescaped(chr(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00), at)
            self._grow(chr(high))
            self._held = held[6:]
            if not _is_high(held[8:]):
                return self._unescaped(chr(low), at)
        return at + 1

    def _unescaped(self, text: str, at: int) -> int:
        self._grow(text)
        self._held = ""
        self._step = self._read_text
        return at + 1

    def _start_text(self) -> None:
        self.sure = True
        self._step = self._read_text
        self._text_change = self._new(MISSING)
        self._text_round = self._round

    def _grow(self, text: str) -> None:
        self._token.append(text)
        if self._in_key:
            return
        self.changed = True
        if self._text_round < self._round and self._text_change is None:
            self._text_change = _Change("replace", self._path(), len(self._open), MISSING)
            self._changes.append(self._text_change)

    def _end_text(self) -> None:
        text = self._joined()
        self._token = []
        if self._in_key:
            self._open[-1].key = text
            self._step = self._read_colon
            return
        change, self._text_change = self._text_change, None
        if change is not None:
            change.value = text
        self._put(text)

    def _joined(self) -> str:
        if len(self._token) != 1:
            self._token = ["".join(self._token)]
        return self._token[0]

    # Values

    def _start_container(self, content: Any, at: int) -> None:
        if len(self._open) == MAX_DEPTH:
            raise self._failure(f"no more than {MAX_DEPTH} objects and lists inside each other", at)
        self._open.append(_Open(content, self._round, self._new(MISSING)))
        self._may_close = True
        self._step = self._read_value if type(content) is list else self._read_key

    def _close(self) -> None:
        closed = self._open.pop()
        if closed.change is not None:
            closed.change.value = closed.content
        self._put(closed.content)

    def _add(self, value: Any) -> None:
        """A number or word."""
        self._new(value)
        self._put(value)

    def _new(self, value: Any) -> _Change | None:
        """Report a new part of the innermost open container; None if that is reported as a whole."""
        self.changed = True
        if self._open and self._open[-1].round == self._round:
            return None
        change = _Change("add" if self._open else "replace", self._path(), len(self._open), value)
        self._changes.append(change)
        return change

    def _put(self, value: Any) -> None:
        """A closed value into the container around it."""
        self._may_close = False
        if not self._open:
            self._value = value
            self.done = self.sure = True
            return
        around = self._open[-1]
        if type(around.content) is list:
            self.sure = True
            around.content.append(value)
        else:
            around.content[around.key] = value
        self._step = self._read_next

    def _path(self) -> str:
        """The JSON Pointer of the part that is open or comes next."""
        return "".join(
            f"/{len(each.content)}" if type(each.content) is list else f"/{escape(each.key)}"
            for each in self._open
        )


def _is_high(digits: str) -> bool:
    return 0xD800 <= int(digits, 16) < 0xDC00


def parse_partial_json(text: str, *, strict: bool = False) -> Any:
    """The value of a JSON text, or of the beginning of one; None for nothing. ValueError for other text.

    >>> parse_partial_json('{"a": [1, {"b": "x')
    {'a': [1, {'b': 'x'}]}
    """
    reader = JsonReader(strict=strict)
    end = reader.feed(text)
    if text[end:].strip():
        raise JsonTextError("nothing behind the value", end, end)
    if not reader.done and reader.value is MISSING and text.strip():
        reader.finish()
    return None if reader.value is MISSING else reader.value
