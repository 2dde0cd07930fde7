"""What the lines of all magics have in common: words, ``--options``, ``key=value``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ...errors import ChainCellError
from ...views.panes import CHOICES

__all__ = ["Option", "add_pair", "nearest", "options_text", "other_words", "split_words"]


class Option(NamedTuple):
    """``metavar``: what to call its value, "" for a flag, in brackets where it may be left out."""

    name: str
    metavar: str
    help: str

    @property
    def takes_value(self) -> bool:
        return bool(self.metavar)

    @property
    def may_stand_alone(self) -> bool:
        return not self.metavar or self.metavar.startswith("[")


def other_words(
    line: str, known: Mapping[str, Option], given: dict[str, str], magic: str
) -> Iterator[tuple[str, list[str]]]:
    """The words of *magic*'s line that are no options, each with the two words after it. Options are put into
    *given*. Raises ChainCellError for an option that is unknown, repeated or without its value."""
    words = list(split_words(line))
    position = 0
    while position < len(words):
        word, following = words[position], words[position + 1 : position + 3]
        position += 1
        if word.startswith("--"):
            position += _read_option(given, known, word, following[:1], magic)
        else:
            yield word, following


def add_pair(pairs: dict[str, str], key: str, value: str) -> None:
    """Raises ChainCellError for a key that is there already."""
    if key in pairs:
        raise ChainCellError(f"{key} is given twice: {key}={pairs[key]} and {key}={value}")
    pairs[key] = value


def options_text(options: Sequence[Option]) -> str:
    """The options on a help page, a line each."""
    width = max(len(f"--{option.name} {option.metavar}") for option in options)
    return "".join(
        f"  {f'--{option.name} {option.metavar}'.ljust(width)}  {option.help}\n" for option in options
    )


def split_words(line: str) -> Iterator[str]:
    """Words of a line, split at spaces outside quotes and brackets; quotes stay.

    >>> list(split_words('joke topic="polar bears" --batch [1, 2]'))
    ['joke', 'topic="polar bears"', '--batch', '[1, 2]']
    >>> list(split_words("topic=bear's"))
    ["topic=bear's"]
    """
    word, quote, depth, escaped = "", "", 0, False
    for character in line.strip():
        if quote:
            if not escaped and character == quote:
                quote = ""
            escaped = character == "\\" and not escaped
        elif character in "\"'" and (depth > 0 or not word[-1:].isalnum()):  # else an apostrophe in a word
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character.isspace() and depth <= 0:
            if word:
                yield word
            word = ""
            continue
        word += character
    if quote or depth > 0:
        raise ChainCellError(f"a {'quote' if quote else 'bracket'} is not closed: {word[:60]}")
    if word:
        yield word


def nearest(word: str, known: Iterable[str], form: str = "{}") -> str:
    """A question that names the known word next to *word*, or nothing.

    >>> nearest("concurency", ["concurrency", "config"], "--{}")
    '; did you mean --concurrency?'
    """
    found = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {form.format(found[0])}?" if found else ""


def _read_option(
    given: dict[str, str], known: Mapping[str, Option], word: str, following: list[str], magic: str
) -> int:
    """Put an option into *given*; returns how many of the words after it were its value."""
    name, equals, value = word[2:].partition("=")
    option = known.get(name)
    if option is None:
        raise ChainCellError(
            f"unknown option --{name}{nearest(name, known, '--{}')} ({magic} --help has them all)"
        )
    if name in given:
        raise ChainCellError(f"--{name} is given twice")
    used = 0
    if not option.takes_value and equals:
        raise ChainCellError(f"--{name} takes no value, got {value!r}")
    if option.takes_value and not equals:
        candidate = following[0] if following else ""
        if not candidate.startswith("--") and (not option.may_stand_alone or candidate.isdigit()):
            value, used = candidate, len(following)
    if not option.may_stand_alone and not value:
        raise ChainCellError(f"--{name} needs a value: --{name} {option.metavar}")
    if name == "view" and value not in CHOICES:
        raise ChainCellError(f"--view {value}: expected one of {', '.join(CHOICES)}{nearest(value, CHOICES)}")
    given[name] = value
    return used
