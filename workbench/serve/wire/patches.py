"""The operations of a run log as they travel, and back.

RFC 6902 has no operation for text that grows, so at every chunk the log replaces the root's ``final_output``
by the whole of it. These operations are not sent: our clients compute them from the chunks, as the log did;
other clients get one when the output has grown by a quarter, and one at the end. Applied in order, what was
sent builds the same state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...text.excerpts import short_repr
from ...tracing.log.output import OutputOperations
from ...tracing.log.patches import RunLogPatch
from .values import adds_up, from_wire, to_wire

__all__ = ["PatchReader", "PatchWriter"]

_CHUNK = "/streamed_output/-"
_OUTPUT = "/final_output"

Op = Mapping[str, Any]


class PatchWriter:
    """One log, in frames of some patches each."""

    def __init__(self, *, typed: bool = False) -> None:
        self._typed = typed
        self._sums = typed
        self._held: dict[str, dict[str, Any]] = {}
        self._chunks = self._written = 0

    def ops(self, patches: Iterable[RunLogPatch]) -> list[dict[str, Any]]:
        """The operations of a frame."""
        ops: list[dict[str, Any]] = []
        for patch in patches:
            for op in patch.ops:
                path = op["path"]
                if path.startswith(_OUTPUT):
                    if not self._sums:
                        self._hold(path, op)
                elif path == _CHUNK:
                    ops.append(self._chunk(op))
                else:
                    ops.append(self._plain(op))
        if self._held and self._chunks >= 1.25 * self._written:
            ops += self.rest()
        return ops

    def rest(self) -> list[dict[str, Any]]:
        """What is held back, for the end of the log."""
        held, self._held = self._held, {}
        self._written = self._chunks
        return [self._plain(op) for op in held.values()]

    def _chunk(self, op: Op) -> dict[str, Any]:
        self._chunks += 1
        self._sums = self._sums and adds_up(op["value"])
        plain = self._plain(op)
        return {**plain, "sum": True} if self._sums else plain

    def _hold(self, path: str, op: Op) -> None:
        if path == _OUTPUT:
            self._held.clear()
        before = self._held.get(path)
        is_new = before is not None and before["op"] == "add"
        # Its value is computed when it is read, which most of these never are.
        self._held[path] = op if not is_new else _Added(op)  # type: ignore[assignment]  # read only

    def _plain(self, op: Op) -> dict[str, Any]:
        return {"op": op["op"], "path": op["path"], "value": to_wire(op["value"], typed=self._typed)}


class _Added(dict[str, Any]):
    """A later operation on a path, sent in place of the one that added the path."""

    def __init__(self, op: Op) -> None:
        super().__init__(op="add", path=op["path"])
        self._later = op

    def __getitem__(self, key: str) -> Any:
        return self._later["value"] if key == "value" else super().__getitem__(key)


class PatchReader:
    """The patches of one log, as their sender's log has them."""

    def __init__(self, *, typed: bool = False) -> None:
        self._typed = typed
        self._output = OutputOperations()

    def patch(self, ops: Any) -> RunLogPatch:
        """A frame's operations. Raises ValueError for what is none."""
        if not isinstance(ops, list):
            raise ValueError("expected a list of operations")
        made: list[dict[str, Any]] = []
        for op in ops:
            self._take(op, made)
        return RunLogPatch(*made)

    def patches(self, ops: Any) -> list[RunLogPatch]:
        """A frame's operations, as far as possible in the patches that they came from."""
        if not self._typed:
            return [self.patch(ops)]
        found: list[RunLogPatch] = []
        for op in ops if isinstance(ops, list) else [None]:
            made: list[dict[str, Any]] = []
            self._take(op, made)
            if found and _belongs(found[-1].ops[-1]["path"], made[0]["path"]):
                found[-1].ops += made
            else:
                found.append(RunLogPatch(*made))
        return found

    def _take(self, op: Any, made: list[dict[str, Any]]) -> None:
        if not isinstance(op, dict) or not isinstance(op.get("path"), str) or op.get("op") not in _KNOWN:
            raise ValueError(f"expected a JSON Patch operation, got {short_repr(op, 100)}")
        plain = {key: from_wire(value, typed=self._typed) for key, value in op.items() if key != "sum"}
        made.append(plain)
        if op.get("sum"):
            self._output.add(plain["value"], made)


_KNOWN = ("add", "replace", "remove", "move", "copy", "test")


def _belongs(before: str, path: str) -> bool:
    """Whether an operation is of the same patch as the one before it: a token's text and the token, an
    entry's output and its end."""
    return (
        path == f"{before.removesuffix('_str/-')}/-"
        if before.endswith("_str/-")
        else (before.endswith("/final_output") and path == f"{before.removesuffix('final_output')}end_time")
    )
