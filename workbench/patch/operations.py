"""The operations that made a document, in frames.

``append`` is our one abbreviation: on a list, ``{"op": "append", "path": p, "values": [...]}`` stands for an
``add`` to ``p/-`` of each value; on a text, for a ``replace`` by the text with the values joined to its end.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

__all__ = ["RECENT", "Op", "Operations"]

Op = dict[str, Any]

RECENT = 1_000
"""Operations that are kept frame by frame, about. Who is behind by more gets the whole document."""


class Operations:
    """All operations so far, for any number of readers. Each keeps the number up to which it has read.

    Values appended to one path between two reads become one operation. This moves an append before operations
    on other paths, which makes no difference. It never moves one before an operation on the same *owner* (the
    path of a run, say).

    What an operation costs does not depend on how often somebody reads: of frames that are not recent any
    more, or that nobody has begun to read, the appends become one, too, and nobody can begin in the middle of
    them.
    """

    def __init__(self) -> None:
        self.count = 0
        """Operations so far; each value of an append is one."""
        self._old = _Old()
        self._old_until = 0
        self._frames: deque[list[_Owned]] = deque()
        self._ends: deque[int] = deque()
        self._recent = self._read = 0
        self._fresh: list[_Owned] = []
        self._appends: dict[str, dict[str, list[Any]]] = {}
        self._whole_until = 0

    def add(self, op: Op) -> None:
        self.count += 1
        self._fresh.append((None, op))
        if len(self._fresh) > RECENT and not self._read:
            self._close()

    def change(self, owner: str, op: Op) -> None:
        """Add an operation on a part of *owner* to which there may also be appends."""
        if op["op"] == "append":
            for value in op["values"]:
                self.append(owner, op["path"], value)
        else:
            self._appends.pop(owner, None)
            self.count += 1
            self._fresh.append((owner, op))

    def append(self, owner: str, path: str, value: Any) -> None:
        self.count += 1
        try:
            self._appends[owner][path].append(value)
        except KeyError:
            values = self._appends.setdefault(owner, {})[path] = [value]
            self._fresh.append((owner, {"op": "append", "path": path, "values": values}))

    def forget(self, whole: Op) -> None:
        """Keep *whole*, which makes the document as it is now, in the place of all operations so far."""
        until, self.__dict__ = self.count, Operations().__dict__
        self.count = self._whole_until = until
        self._fresh = [(None, whole)]

    def since(self, number: int, whole: Callable[[], Op] | None = None) -> dict[str, Any] | None:
        """The frame of the operations after *number*, which must be 0 or the end of a frame; None if there
        are none. *whole* gives the operation that makes the document as it is now, for readers who are too
        far behind; without it ValueError is raised for them."""
        if self._fresh:
            self._close()
        if number >= self.count:
            return None
        self._read = self.count
        return {"a": number, "b": self.count, "ops": self._ops(number, whole)}

    def _close(self) -> None:
        """End the frame; those before are old by now, unless somebody who reads has not read them yet."""
        self._frames.append(self._fresh)
        self._ends.append(self.count)
        self._recent += len(self._fresh)
        self._fresh, self._appends = [], {}
        while (
            self._recent > RECENT
            and len(self._frames) > 1
            and (not self._read or self._ends[0] <= self._read)
        ):
            self._recent -= len(self._frames[0])
            self._old.take(self._frames.popleft())
            self._old_until = self._ends.popleft()

    def _ops(self, number: int, whole: Callable[[], Op] | None) -> list[Op]:
        if number == 0 or number < self._whole_until:  # whatever a reader has, the first one replaces it
            return [*self._old, *(op for frame in self._frames for _, op in frame)]
        if number >= self._old_until:
            first = bisect_right(self._ends, number)
            if number == (self._ends[first - 1] if first else self._old_until):
                return [op for frame in islice(self._frames, first, None) for _, op in frame]
        elif whole is not None:
            return [whole()]
        raise ValueError(f"operation {number} is not the end of a frame")


_Owned = tuple[str | None, Op]
"""An operation, with its owner if its place among the appends to that matters."""


class _Old:
    """Operations in a form that takes little room: a path is what it is in and a name, an added dict its keys
    and its values; names and keys are shared by many."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._ops: list[tuple[str, str, str, Any, Any]] = []
        self._appends: dict[str, dict[str, list[Any]]] = {}

    def take(self, frame: list[_Owned]) -> None:
        for owner, op in frame:
            path = op["path"]
            if op["op"] == "append":
                appends = self._appends.setdefault(owner or "", {})
                if (values := appends.get(path)) is not None:
                    values.extend(op["values"])
                    continue
                value: Any = list(op["values"])  # readers have the other one
                appends[path] = value
            else:
                value = op.get("value")
                if op["op"] == "add":  # what replaces something is in the document, too, as it is
                    value = self._packed(value)
                if owner is not None:
                    self._appends.pop(owner, None)
            around, slash, name = path.rpartition("/")
            more = {key: item for key, item in op.items() if key not in _PLAIN} or None
            self._ops.append((op["op"], self._shared(around), sys.intern(slash + name), value, more))

    def _packed(self, value: Any) -> Any:
        if type(value) is not dict:
            return value
        keys = tuple(value)
        return _Dict(self._keys.setdefault(keys, keys), tuple(value.values()))

    def _shared(self, around: str) -> str:
        """One and the same text for the operations that follow each other on one run."""
        before = self._ops[-1][1] if self._ops else ""
        return before if around == before else around

    def __iter__(self) -> Iterator[Op]:
        for kind, around, name, value, more in self._ops:
            key = "values" if kind == "append" else "value"
            if kind == "append":
                value = list(value)
            elif type(value) is _Dict:
                value = dict(zip(value.keys, value.values, strict=True))
            op = {"op": kind, "path": f"{around}{name}", key: value}
            yield op if more is None else {**op, **more}


class _Dict(NamedTuple):
    keys: tuple[str, ...]
    values: tuple[Any, ...]


_PLAIN = frozenset(("op", "path", "value", "values"))
