"""Frames as they are sent to the browser: the same operations, in fewer bytes.

Most operations are appends to texts, and most of such an operation is its path. So a path gets a number when
it is first appended to (``"as"`` of that operation), and from then on an append is a list: the number, or a
list of numbers where the same tokens passed through several steps, then the values. A final output that is
the text that was streamed is sent without it: ``"joined"`` says where in the value the text goes (a JSON
Pointer). ``store.js`` turns all of it back. Keys that are numbers are marked, see ``ordered_keys``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..patch.operations import Op
from .ordered_keys import op_for_page

__all__ = ["FrameCodec"]

_OUTPUT = "/streamed_output"


class FrameCodec:
    """One view's numbers for paths. ``names``: those in use, for a reader that begins with a snapshot."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._by_run: dict[str, list[str]] = {}
        self._count = 0

    @property
    def names(self) -> dict[str, str]:
        return {str(number): path for path, number in self._numbers.items()}

    def pack(self, ops: Iterable[Op]) -> list[Any]:
        """*ops* in their short forms. Send what this returns: later calls count on it."""
        packed: list[Any] = []
        for op in ops:
            path = op["path"]
            if op["op"] == "append" and _OUTPUT in path:
                self._pack_append(path, op["values"], packed)
                continue
            if path.endswith("/end_time"):
                for ended in self._by_run.pop(path.removesuffix("/end_time"), ()):
                    del self._numbers[ended]
            packed.append(op_for_page(_without_text(op) if "joined" in op else op))
        return packed

    def _pack_append(self, path: str, values: list[Any], packed: list[Any]) -> None:
        number = self._numbers.get(path)
        if number is None:
            self._count = self._numbers[path] = self._count + 1
            self._by_run.setdefault(path.partition(_OUTPUT)[0], []).append(path)
            packed.append({"op": "append", "path": path, "values": values, "as": self._count})
            return
        last = packed[-1] if packed and isinstance(packed[-1], list) else None
        if last is not None and last[1:] == values:
            last[0] = [*last[0], number] if isinstance(last[0], list) else [last[0], number]
        else:
            packed.append([number, *values])


def _without_text(op: Op) -> Op:
    """*op* without the text that the other side has: the value itself, or its ``content``."""
    return {**op, "value": "" if op["joined"] == "" else {**op["value"], "content": ""}}
