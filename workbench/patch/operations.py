"""The operations that made a document, in frames.

``append`` is our one abbreviation: on a list, ``{"op": "append", "path": p, "values": [...]}`` stands for an
``add`` to ``p/-`` of each value; on a text, for a ``replace`` by the text with the values joined to its end.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from typing import Any

__all__ = ["Op", "Operations"]

Op = dict[str, Any]


class Operations:
    """All operations so far, for any number of readers that each know up to where they have read.

    What is appended to one path between two reads becomes one operation. That moves an append before
    operations on other paths, which is no difference; before one on the same *owner* (a run's path, say) it
    is not moved.
    """

    def __init__(self) -> None:
        self.count = 0
        """Operations so far; each value of an append is one."""
        self._ends: list[int] = []
        self._frames: list[list[Op]] = []
        self._fresh: list[Op] = []
        self._appends: dict[str, dict[str, list[Any]]] = {}

    def add(self, op: Op) -> None:
        self.count += 1
        self._fresh.append(op)

    def change(self, owner: str, op: Op) -> None:
        """An operation on something of *owner* that may also be appended to."""
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

    def since(self, number: int) -> dict[str, Any] | None:
        """The frame of the operations after *number*, which must be 0 or the end of a frame; None if there
        are none. ``t`` is the clock now, in milliseconds."""
        if self._fresh:
            self._frames.append(self._fresh)
            self._ends.append(self.count)
            self._fresh, self._appends = [], {}
        if number >= self.count:
            return None
        first = bisect_right(self._ends, number)
        if number and self._ends[first - 1] != number:
            raise ValueError(f"operation {number} is not the end of a frame")
        ops = [op for frame in self._frames[first:] for op in frame]
        return {"a": number, "b": self.count, "t": time.time() * 1000, "ops": ops}
