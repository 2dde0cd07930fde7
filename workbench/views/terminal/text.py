"""What models and users wrote, in a terminal: made harmless, fitted into cells, and kept as a tail while it
streams.

What a model writes is data. ``clean`` takes from it whatever a terminal would obey (escape sequences,
cursor movement, characters that reorder a line); it is shown as a picture of itself. Text is never parsed
as markup here.
"""

from __future__ import annotations

from collections import deque

from rich.cells import cell_len

__all__ = ["Tail", "clean", "cropped", "one_line", "padded"]

_INVISIBLE = [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0xFEFF]
"""Marks that change the direction of the text after them: what is read would not be what is there."""

_PICTURES: dict[int, str | None] = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    **dict.fromkeys(range(0x7F, 0xA0), "\ufffd"),
    **dict.fromkeys([*_INVISIBLE, 0x2028, 0x2029], "\ufffd"),
    0x7F: "\u2421",
    ord("\n"): "\n",
    ord("\r"): None,
    ord("\t"): "    ",
}
_PLAIN = {
    code: picture if picture is None or picture.isascii() else "^" + chr(code + 64) if code < 32 else "?"
    for code, picture in _PICTURES.items()
}


def clean(text: str, encoding: str = "utf-8") -> str:
    """The text without anything that a terminal would obey, except line breaks, and without what *encoding*
    cannot write.

    >>> clean("[bold]a\\x1b[31mb\\r\\n"), clean("\\x1b]0;title\\x07 é", "ascii")
    ('[bold]a␛[31mb\\n', '^[]0;title^G ?')
    """
    if text.isascii() and text.isprintable():
        return text
    is_unicode = encoding.lower().startswith("utf")
    text = text.translate(_PICTURES if is_unicode else _PLAIN)
    return text.encode(encoding, "replace").decode(encoding)


def one_line(text: str, encoding: str = "utf-8") -> str:
    """Cleaned, with line breaks and runs of blanks as one blank.

    >>> one_line("a\\n  b ")
    'a b'
    """
    return " ".join(clean(text, encoding).split())


def cropped(text: str, width: int, ellipsis: str = "…") -> str:
    """At most *width* cells of a line, the last of them *ellipsis* where something is missing.

    >>> cropped("RunnableSequence", 9), cropped("日本語", 5)
    ('Runnable…', '日本…')
    """
    if cell_len(text) <= width:
        return text
    if width <= len(ellipsis):
        return ellipsis[: max(0, width)]
    return text[: _fitting(text, width - len(ellipsis))] + ellipsis


def padded(text: str, width: int) -> str:
    """A text with the spaces that fill *width* cells."""
    return text + " " * (width - cell_len(text))


class Tail:
    """The last lines of a growing text, wrapped at words to *width* cells.

    What was wrapped once stays where it is; feeding costs what is fed.

    >>> tail = Tail(width=7)
    >>> for token in ["one ", "two", " three", "\\nfour"]: tail.feed(token)
    >>> tail.lines(2)
    ['three', 'four']
    """

    def __init__(self, width: int, height: int = 200) -> None:
        self.width = max(1, width)
        self._lines: deque[str] = deque(maxlen=height)
        self._last = ""

    def feed(self, text: str) -> None:
        *whole, last = text.split("\n")
        for line in whole:
            self._add(line)
            self._lines.append(self._last)
            self._last = ""
        self._add(last)

    def lines(self, most: int) -> list[str]:
        """At most that many lines, the newest last."""
        if most <= 0:
            return []
        lines = [*self._lines, self._last] if self._last else list(self._lines)
        return lines[-most:]

    def _add(self, text: str) -> None:
        room = self.width * ((self._lines.maxlen or 0) + 1)
        line = self._last + text[-room:]
        start = 0
        while True:
            # Room for combining characters, which take no cell; more than that many break the line.
            piece = line[start : start + 8 * (self.width + 1)]
            if cell_len(piece) <= self.width:
                if start + len(piece) == len(line):
                    break
                self._lines.append(piece)
                start += len(piece)
                continue
            end = _fitting(piece, self.width)
            blank = piece.rfind(" ", 0, end + 1)
            if blank > 0:
                self._lines.append(piece[:blank])
                start += blank + 1
            else:
                self._lines.append(piece[:end])
                start += end
        self._last = line[start:]


def _fitting(text: str, width: int) -> int:
    """How many characters fit into that many cells; at least one, so that wrapping gets on."""
    if text.isascii():
        return max(1, min(len(text), width))
    used = 0
    for index, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return max(1, index)
    return len(text)
