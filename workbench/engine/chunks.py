"""Add up the chunks of a stream, at a cost per chunk that does not grow with the stream.

``add`` joins two chunks, ``Fold`` joins any number of them in linear time, ``AddableDict`` is the dict
that parallel branches stream, ``Once`` is the stream of one known value.

A class whose values are streamed in many small pieces can define ``__concat__``, a classmethod from a
list of chunks to their sum; ``Fold`` then calls it once instead of adding pairwise. A class with
``__latest__ = True`` is one each of whose chunks replaces the one before: only the last is kept. So it is
with all classes that define no ``+``, plain dicts among them.

A parser of JSON gives the whole object so far with each chunk. What is taken out of such a dict replaces what
was taken out of the one before, too: ``replacing`` makes a text or list of it that does, and ``AddableDict``
knows by ``latest`` of which keys.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from itertools import chain
from typing import Any, Protocol

__all__ = [
    "MISSING",
    "AddableDict",
    "Branch",
    "ChunkStream",
    "Fold",
    "GrowingList",
    "GrowingText",
    "Once",
    "RecordedFold",
    "add",
    "fold",
    "is_text_empty",
    "replacing",
]


class ChunkStream(Protocol):
    """What flows between steps: an async iterator that can be closed early."""

    def __aiter__(self) -> AsyncIterator[Any]: ...
    def __anext__(self) -> Awaitable[Any]: ...
    def aclose(self) -> Awaitable[None]: ...


Branch = Callable[[Any], ChunkStream]
"""Opens a stream, given the scope it is to run in."""


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Any = _Missing()
"""Stands for "no value yet" where None is a value."""


class AddableDict(dict[str, Any]):
    """A dict whose chunks add per key: ``{"a": "x"} + {"a": "y", "b": 1}`` is ``{"a": "xy", "b": 1}``.

    None counts as nothing. Values of one key that cannot be added raise TypeError. ``latest``: the keys whose
    values replace those before.

    >>> AddableDict(a="x") + AddableDict(a="y", b=1)
    {'a': 'xy', 'b': 1}
    """

    latest: frozenset[str] = frozenset()

    @classmethod
    def replacing(cls, chunk: Mapping[str, Any], values: Mapping[str, Any]) -> AddableDict:
        """*values*, which were taken from *chunk*, as a chunk: they replace those before where those of
        *chunk* do."""
        new = cls(values)
        latest = chunk.latest if isinstance(chunk, AddableDict) else frozenset(values)
        if latest:
            new.latest = latest
        return new

    def __add__(self, other: dict[str, Any]) -> AddableDict:
        total = AddableDict(self)
        latest = other.latest if isinstance(other, AddableDict) else ()
        for key, value in other.items():
            mine = None if key in latest else total.get(key)
            total[key] = value if mine is None else mine if value is None else mine + value
        return total

    def __radd__(self, other: dict[str, Any]) -> AddableDict:
        return AddableDict(other) + self


class GrowingText(str):
    """A text so far in a stream: the next one replaces it, and is not added to it."""

    __slots__ = ()
    __latest__ = True

    def __add__(self, other: str) -> str:
        return other if isinstance(other, GrowingText) else super().__add__(other)

    def __reduce__(self) -> Any:
        return str, (str(self),)


class GrowingList(list[Any]):
    """The items of a list so far in a stream: the next such list replaces it, and is not added to it."""

    __latest__ = True

    def __add__(self, other: Any) -> Any:
        return other if isinstance(other, GrowingList) else [*self, *other]


def replacing(value: Any) -> Any:
    """*value* as a chunk that replaces the one before; MISSING for what can be added and cannot be marked,
    such as a number, of which a stream should give the last only.

    >>> replacing("be") + replacing("bear"), replacing([1]) + replacing([1, 2]), replacing(3)
    ('bear', [1, 2], MISSING)
    """
    kind = type(value)
    if kind is str:
        return GrowingText(value)
    if kind is list:
        return GrowingList(value)
    return MISSING if hasattr(kind, "__add__") and not getattr(kind, "__latest__", False) else value


def add(left: Any, right: Any) -> Any:
    """Join two chunks of one stream; None counts as nothing, and what cannot be added is replaced.

    >>> add("a", "b"), add(None, 1), add({"a": 1}, {"b": 2})
    ('ab', 1, {'b': 2})
    """
    if left is None:
        return right
    if right is None:
        return left
    if type(left) is AddableDict and isinstance(right, dict):
        latest = right.latest if type(right) is AddableDict else ()
        grown = {key: value if key in latest else add(left.get(key), value) for key, value in right.items()}
        return AddableDict({**left, **grown})
    try:
        return left + right
    except TypeError:
        return right


class Fold:
    """The running sum of a stream; adding a chunk is O(1), asking for ``value`` joins what is new. Chunks of
    the type ``grows_by`` need only be appended to ``parts``.

    >>> total = Fold()
    >>> for token in "abc":
    ...     total.add(token)
    >>> total.value
    'abc'
    """

    __slots__ = ("_replaced", "grows_by", "parts")

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.grows_by: type | None = None
        self._replaced: type | None = None

    def add(self, chunk: Any) -> None:
        kind = type(chunk)
        if kind is self.grows_by:
            self.parts.append(chunk)
        elif kind is self._replaced:
            self.parts = [chunk]
        elif chunk is not None:
            self._restart(add(self.value, chunk) if self.parts else chunk)

    def _restart(self, total: Any) -> None:
        self.parts = [total]
        kind = type(total)
        is_replaced = not hasattr(kind, "__add__") or getattr(kind, "__latest__", False)
        self.grows_by, self._replaced = (None, kind) if is_replaced else (kind, None)

    @property
    def value(self) -> Any:
        """The sum so far; None for an empty stream."""
        if len(self.parts) > 1:
            self._restart(_join(self.grows_by, self.parts, type(self)))
        return self.parts[0] if self.parts else None


class RecordedFold(Fold):
    """The sum of a stream for those who watch it: what cannot be added, whatever its ``+`` raises, is
    replaced. Watching a stream must not fail it."""

    __slots__ = ()

    def add(self, chunk: Any) -> None:
        try:
            super().add(chunk)
        except Exception:
            before = self.parts[0] if self.parts else None
            if isinstance(before, dict) and isinstance(chunk, dict):  # what other keys had is kept
                chunk = AddableDict({**before, **chunk})
            self._restart(chunk)

    @property
    def value(self) -> Any:
        parts = self.parts
        try:
            return super().value
        except Exception:
            self._restart(parts[-1])
            return parts[-1]


def is_text_empty(value: Any) -> bool:
    """Whether a value is an empty text. A user's own values are not compared: an array has no truth, and a
    comparison may raise."""
    return issubclass(type(value), str) and str.__len__(value) == 0


def _join(kind: type | None, parts: list[Any], fold: type[Fold]) -> Any:
    if kind is str:
        return "".join(parts)
    if kind is list:
        return list(chain.from_iterable(parts))
    if kind is AddableDict:
        return _join_dicts(parts, fold)
    concat = getattr(kind, "__concat__", None)
    if concat is not None:
        return concat(parts)
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return total


def _join_dicts(parts: list[AddableDict], fold: type[Fold]) -> AddableDict:
    folds: dict[str, Fold] = {}
    for part in parts:
        for key, value in part.items():
            if key not in folds or key in part.latest:
                folds[key] = fold()
            folds[key].add(value)
    return AddableDict({key: total.value for key, total in folds.items()})


class Once:
    """A stream of one value that is known before anybody pulls it."""

    __slots__ = ("taken", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.taken = False

    def __aiter__(self) -> Once:
        return self

    async def __anext__(self) -> Any:
        if self.taken:
            raise StopAsyncIteration
        self.taken = True
        return self.value

    async def aclose(self) -> None:
        self.taken = True


async def fold(stream: ChunkStream) -> Any:
    """Pull a stream to its end and return the sum of its chunks; closes it on the way out."""
    if type(stream) is Once and not stream.taken:
        stream.taken = True
        return stream.value
    total = Fold()
    async with aclosing(stream):
        async for chunk in stream:
            total.add(chunk)
    return total.value
