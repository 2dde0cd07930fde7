"""The operations that made a document, in frames, and the same as plain JSON Patch (RFC 6902).

``append`` is our one abbreviation: on a list, ``{"op": "append", "path": p, "values": [...]}`` stands for an
``add`` to ``p/-`` of each value; on a text, for a ``replace`` by the text with the values joined to its end.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["Op", "Operations", "apply_operation", "plain_operations"]

Op = dict[str, Any]

_OUTPUT = "/streamed_output"


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


def apply_operation(document: Any, op: Op) -> Any:
    """Apply an ``add``, ``replace``, ``remove`` or ``append`` in place; returns the document.

    >>> apply_operation({"a": ["x", "y"]}, {"op": "append", "path": "/a/1", "values": ["z"]})
    {'a': ['x', 'yz']}
    """
    if op["path"] == "":
        return _own(op["value"])
    *parents, last = (part.replace("~1", "/").replace("~0", "~") for part in op["path"][1:].split("/"))
    target = document
    for part in parents:
        target = target[int(part)] if isinstance(target, list) else target[part]
    key: Any = last
    if isinstance(target, list):
        key = len(target) if last == "-" else int(last)
    if op["op"] == "append":
        if isinstance(target[key], str):
            target[key] += "".join(op["values"])
        else:
            target[key].extend(_own(value) for value in op["values"])
    elif op["op"] == "remove":
        del target[key]
    elif op["op"] == "add" and isinstance(target, list):
        target.insert(key, _own(op["value"]))
    else:
        target[key] = _own(op["value"])
    return document


def plain_operations(ops: Iterable[Op], document: Any = None) -> Iterator[Op]:
    """The same as plain JSON Patch, for a document that is *document* before.

    RFC 6902 has no way to say that a text grew, so each of its operations has the text so far. So that their
    sum stays in proportion to the text, a text is written when it has grown by a quarter, and before anything
    else happens to its run.

    >>> appends = {"/t": ["b"], "/l": [1, 2]}
    >>> ops = [{"op": "append", "path": path, "values": values} for path, values in appends.items()]
    >>> for op in plain_operations(ops, {"t": "a", "l": []}):
    ...     print(op)
    {'op': 'replace', 'path': '/t', 'value': 'ab'}
    {'op': 'add', 'path': '/l/-', 'value': 1}
    {'op': 'add', 'path': '/l/-', 'value': 2}
    """
    holder = [_own(document)]
    written: dict[str, int] = {}
    pending: dict[str, str] = {}
    for op in ops:
        path = op["path"]
        if op["op"] != "append":
            owner = path.split(_OUTPUT)[0] if _OUTPUT in path else path.rpartition("/")[0]
            for late in [late for late in pending if not owner or f"{late}/".startswith(f"{owner}/")]:
                yield {"op": "replace", "path": late, "value": pending.pop(late)}
            if _OUTPUT in path or not path:
                written = {late: size for late, size in written.items() if not late.startswith(path)}
            holder[0] = apply_operation(holder[0], op)
            yield op
            continue
        apply_operation(holder, {**op, "path": f"/0{path}"})
        grown = _at(holder, f"/0{path}")
        if not isinstance(grown, str):
            for value in op["values"]:
                yield {"op": "add", "path": f"{path}/-", "value": value}
        elif len(grown) >= 1.25 * written.get(path, 0):
            written[path] = len(grown)
            pending.pop(path, None)
            yield {"op": "replace", "path": path, "value": grown}
        else:
            pending[path] = grown
    for path, grown in pending.items():
        yield {"op": "replace", "path": path, "value": grown}


def _at(document: Any, path: str) -> Any:
    for part in path[1:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def _own(value: Any) -> Any:
    if type(value) is dict:
        return {key: _own(item) for key, item in value.items()}
    if type(value) is list:
        return [_own(item) for item in value]
    return value
