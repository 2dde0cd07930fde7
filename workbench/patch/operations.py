"""The operations that made a document, in frames.

``append`` is our one abbreviation: on a list, ``{"op": "append", "path": p, "values": [...]}`` stands for an
``add`` to ``p/-`` of each value; on a text, for a ``replace`` by the text with the values joined to its end.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

__all__ = ["Op", "Operations"]

Op = dict[str, Any]


class Operations:
    """All operations so far, for any number of readers. Each keeps the number up to which it has read.

    Values appended to one path between two reads become one operation. This moves an append before operations
    on other paths, which makes no difference. It never moves one before an operation on the same *owner* (the
    path of a run, say).
    """

    def __init__(self) -> None:
        self.count = 0
        """Operations so far; each value of an append is one."""
        self._ends: list[int] = []
        self._frames: list[list[Op]] = []
        self._fresh: list[Op] = []
        self._appends: dict[str, dict[str, list[Any]]] = {}
        self._whole_until = 0

    def add(self, op: Op) -> None:
        self.count += 1
        self._fresh.append(op)

    def change(self, owner: str, op: Op) -> None:
        """Add an operation on a part of *owner* to which there may also be appends."""
        if op["op"] == "append":
            for value in op["values"]:
                self.append(owner, op["path"], value)
        else:
            self._appends.pop(owner, None)
            self.add(op)

    def append(self, owner: str, path: str, value: Any) -> None:
        self.count += 1
        try:
            self._appends[owner][path].append(value)
        except KeyError:
            values = self._appends.setdefault(owner, {})[path] = [value]
            self._fresh.append({"op": "append", "path": path, "values": values})

    def forget(self, whole: Op) -> None:
        """Keep *whole*, which makes the document as it is now, in the place of all operations so far."""
        self._ends, self._frames, self._appends = [], [], {}
        self._fresh = [whole]
        self._whole_until = self.count

    def since(self, number: int) -> dict[str, Any] | None:
        """The frame of the operations after *number*, which must be 0 or the end of a frame; None if there
        are none."""
        if self._fresh:
            self._frames.append(self._fresh)
            self._ends.append(self.count)
            self._fresh, self._appends = [], {}
        if number >= self.count:
            return None
        asked = number
        first = bisect_right(self._ends, number)
        if number < self._whole_until:  # whatever a reader has, the first operation replaces it
            first = number = 0
        if number and self._ends[first - 1] != number:
            raise ValueError(f"operation {number} is not the end of a frame")
        ops = [op for frame in self._frames[first:] for op in frame]
        return {"a": asked, "b": self.count, "ops": ops}
