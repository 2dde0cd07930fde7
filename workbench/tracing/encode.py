"""Values of a run as plain data: text of a chunk, JSON for the views, results as the log shows them.

Views show what users and models wrote, so everything is bounded here: a long text keeps its head and its
tail, deep and long structures end in a remark. What comes out can be written as JSON in UTF-8: no halves of
surrogate pairs, no NaN. Secrets (pydantic's SecretStr) stay masked.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from ..engine.chunks import MISSING
from ..engine.runs import MODEL_TYPES
from ..text.excerpts import short_repr

__all__ = [
    "MAX_ITEMS",
    "MAX_TEXT",
    "attribute",
    "chunk_text",
    "counts_in",
    "cut",
    "data",
    "entries",
    "is_high_surrogate",
    "key_of",
    "raw_text",
    "result",
    "short_error",
    "text_of",
    "usage_of",
    "without_keys",
]

MAX_TEXT = 100_000
"""Characters of one text in a view."""
MAX_ITEMS = 1_000
MAX_DEPTH = 12
MAX_VALUES = 20_000
"""Values in one structure, at all depths."""
MAX_STRUCTURE_TEXT = 1_000_000
"""Characters of all texts in one structure; what comes after them is cut short."""
_LARGEST_INT_BITS = 1_024
_SAFE_INT = 2**53 - 1
"""Larger integers are texts in a view: as numbers, JavaScript would show other digits."""


def text_of(value: Any) -> str | None:
    """The text of a token or message; None for what has none."""
    if issubclass(type(value), str):
        return value  # type: ignore[no-any-return]  # a str
    try:
        content = value.content
    except Exception:  # it has none, or a user's __getattr__ raised
        return None
    if issubclass(type(content), str):
        return content  # type: ignore[no-any-return]  # a str
    return "".join(map(_part_text, content)) if type(content) is list else None


def _part_text(part: Any) -> str:
    if type(part) is dict:
        part = part.get("text", "")
    return part if type(part) is str else ""


def chunk_text(chunk: Any) -> str | None:
    """The text of a chunk as a view shows it; None where it is no text."""
    text = text_of(chunk)
    return None if text is None else cut(text)


def raw_text(chunk: Any) -> str | None:
    """The text of a chunk as it came, which may end in half a character; None where it is no text."""
    text = text_of(chunk)
    return text if text is None or type(text) is str else str.__str__(text)


def is_high_surrogate(character: str) -> bool:
    """Whether it is the first half of a pair that stands for one character."""
    return "\ud800" <= character <= "\udbff"


def cut(text: str, most: int = MAX_TEXT) -> str:
    """A text that UTF-8 can encode, of at most about *most* characters: of a longer one, head and tail.

    >>> cut("a" * 1000 + "z", most=10)
    'aaaaaaaa… (991 characters left out) …az'
    """
    if type(text) is not str:
        text = str.__str__(text)
    if len(text) > most:
        tail = most // 5
        left_out = f"… ({len(text) - most:,} characters left out) …"
        text = f"{text[: most - tail]}{left_out}{text[-tail:] if tail else ''}"
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:  # halves of surrogate pairs, which JSON in UTF-8 cannot hold
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def key_of(key: Any) -> str:
    """A dict's key as JSON has it."""
    return cut(key if issubclass(type(key), str) else _short_repr(key), 200)


def data(value: Any) -> Any:
    """A value as JSON data, bounded; objects without a natural form become a short repr."""
    return _Encoder().encode(value, 0)


class _Encoder:
    """Encodes one structure, and counts what it may still hold."""

    def __init__(self) -> None:
        self.values = MAX_VALUES
        self.characters = MAX_STRUCTURE_TEXT

    def encode(self, value: Any, depth: int) -> Any:
        try:
            return self._encode(value, depth)
        except Exception:  # whatever a user's methods raise: the run goes on, and the view names the type
            return f"<{type(value).__name__}>"

    def _encode(self, value: Any, depth: int) -> Any:
        # By the type alone: isinstance asks a value for its __class__.
        self.values -= 1
        kind = type(value)
        if value is None or value is MISSING or kind is bool:
            return None if value is MISSING else value
        if issubclass(kind, str):
            shown = cut(value, min(MAX_TEXT, max(self.characters, 200)))
            self.characters -= len(shown)
            return shown
        if issubclass(kind, int):
            number = int.__index__(value)
            if -_SAFE_INT <= number <= _SAFE_INT:
                return number
            return str(number) if number.bit_length() <= _LARGEST_INT_BITS else _large(number)
        if issubclass(kind, float):
            real = float.__float__(value)
            return real if math.isfinite(real) else str(real)
        if issubclass(kind, bytes | bytearray):
            return _short_bytes(value)
        if depth >= MAX_DEPTH:
            return _short_repr(value)
        if issubclass(kind, Mapping):
            return self._mapping(value, depth)
        if issubclass(kind, list | tuple | set | frozenset):
            return self._items(value, len(value), depth)
        if (fields := _fields(value)) is not None:
            return self._mapping(fields, depth)
        return _short_repr(value)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        size = len(value)
        shown: dict[str, Any] = {}
        for key, item in list(islice(value.items(), MAX_ITEMS)):
            if self.values <= 0:
                break
            name = key_of(key)
            while name in shown:  # 1 and "1" are two keys
                name = f"{name} ({type(key).__name__})"
            shown[name] = self.encode(item, depth + 1)
        if size > len(shown):
            shown["…"] = f"{size - len(shown)} more"
        return shown

    def _items(self, items: Iterable[Any], size: int, depth: int) -> list[Any]:
        shown: list[Any] = []
        for item in list(islice(items, MAX_ITEMS)):
            if self.values <= 0:
                break
            shown.append(self.encode(item, depth + 1))
        if size > len(shown):
            shown.append(f"… {size - len(shown)} more")
        return shown


def result(run_type: str, output: Any) -> Any:
    """An output as it stands in ``final_output`` of a log entry: a dict; of a prompt, its value itself."""
    if run_type in MODEL_TYPES:
        if output is None:
            return None
        generation: dict[str, Any] = {"text": text_of(output), "generation_info": None}
        if run_type == "chat_model":
            generation["type"] = (
                "ChatGenerationChunk" if type(output).__name__.endswith("Chunk") else "ChatGeneration"
            )
            generation["message"] = output
        else:
            generation["type"] = "Generation"
        return {"generations": [[generation]], "llm_output": None, "run": None, "type": "LLMResult"}
    if run_type == "retriever":
        return {"documents": output}
    if run_type == "prompt" or issubclass(type(output), dict):
        return output
    return {"output": output}


def _fields(value: Any) -> dict[str, Any] | None:
    kind = type(value)
    as_view = getattr(kind, "__view_data__", None)
    if callable(as_view):
        return dict(as_view(value))
    model_fields = getattr(kind, "model_fields", None)
    if type(model_fields) is dict:
        return {name: getattr(value, name, None) for name in model_fields}
    if dataclasses.is_dataclass(kind):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.repr}
    return None


def entries(value: Any, *keys: str) -> dict[str, Any]:
    """Those of *keys* that a mapping has, with their values; of anything else, none. By its type, and
    whatever its methods raise: a mock has every attribute, and none is as it should be."""
    if not issubclass(type(value), Mapping):
        return {}
    try:
        return {key: value[key] for key in keys if key in value}
    except Exception:
        return {}


def usage_of(output: Any) -> dict[str, Any]:
    """What a message says of its tokens (``usage_metadata``), see ``counts_in``."""
    return counts_in(attribute(output, "usage_metadata"))


def counts_in(usage: Any) -> dict[str, Any]:
    """The numbers of a mapping, and of the mappings in it (``input_token_details``, say). What is of another
    kind is left out."""
    shown = data(usage) if issubclass(type(usage), Mapping) else None
    counts: dict[str, Any] = {}
    for key, item in shown.items() if type(shown) is dict else ():
        if type(item) is dict:
            counts[key] = {inner: number for inner, number in item.items() if type(number) in (int, float)}
        elif type(item) in (int, float):
            counts[key] = item
    return counts


def attribute(value: Any, name: str) -> Any:
    """An attribute of a value of the user's; None where it has none, or raises."""
    try:
        return getattr(value, name)
    except Exception:
        return None


def short_error(error: Any) -> str:
    """An error in one line, without keys."""
    try:
        text = str(error)
    except Exception as second:  # a user's __str__
        text = f"(its text raised {type(second).__name__})"
    return cut(without_keys(f"{type(error).__name__}: {text}"), 1_000)


_KEYS = re.compile(r"\b(sk-[\w-]{3})[\w-]{12,}|\b(Bearer )[^\s'\"]{12,}")


def without_keys(text: str) -> str:
    """*text* with API keys cut short: lines of the user's code may contain one, and servers quote them.

    >>> without_keys("ChatOpenAI(api_key='sk-proj-0123456789abcdef')")
    "ChatOpenAI(api_key='sk-pro…')"
    """
    return _KEYS.sub(lambda match: f"{match[1] or match[2]}…", text)


def _large(value: int) -> str:
    return f"{'-' * (value < 0)}(an integer of {value.bit_length():,} bits)"


def _short_bytes(value: bytes | bytearray) -> str:
    shown = repr(bytes(value[:200]))
    return shown if len(value) <= 200 else f"{shown}… ({len(value):,} bytes)"


def _short_repr(value: Any) -> str:
    shown = short_repr(value, 501)
    return cut(shown if len(shown) <= 500 else f"{shown[:500]}…")
