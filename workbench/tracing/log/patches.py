"""Patches, and the log they add up to."""

from __future__ import annotations

from pprint import pformat
from typing import Any

from ...patch.application import apply_operation
from ...patch.operations import Op
from ...patch.pointers import unescape
from .state import RunState

__all__ = ["RunLog", "RunLogPatch"]


class RunLogPatch:
    """JSON Patch operations, in ``ops``. Patches add up to a ``RunLog``.

    >>> import jsonpatch
    >>> from workbench import RunnableLambda
    >>> state = {}
    >>> for patch in RunnableLambda(str.upper).stream_log("hey"):
    ...     state = jsonpatch.apply_patch(state, patch.ops)
    >>> state["final_output"]
    'HEY'
    """

    __slots__ = ("ops",)

    def __init__(self, *ops: Op) -> None:
        self.ops: list[Op] = list(ops)

    def __add__(self, other: object) -> RunLog:
        if not isinstance(other, RunLogPatch):
            raise TypeError(f"expected a RunLogPatch to add, got {type(other).__name__}")
        return RunLog(*self.ops, *other.ops)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunLogPatch) and self.ops == other.ops

    __hash__ = None  # type: ignore[assignment]  # holds dicts

    def __str__(self) -> str:
        # The first and last characters of the list's own brackets are cut: what is left are the ops.
        return f"{type(self).__name__}({pformat([dict(op) for op in self.ops])[1:-1]})"

    def __repr__(self) -> str:
        shown = ", ".join(f"{op['op']} {op['path'] or '(all)'!r}" for op in self.ops[:8])
        return f"<RunLogPatch {shown}{', ...' if len(self.ops) > 8 else ''}>"


class RunLog(RunLogPatch):
    """All operations so far, and the ``state`` they build.

    Adding a patch costs no more than the patch. ``state`` is a snapshot of its reader's own; entries
    that did not change since the last snapshot are shared.

    >>> from workbench import FakeListLLM
    >>> for log in FakeListLLM(responses=["yes"]).stream_log("Is it?", diff=False):
    ...     pass
    >>> log.state["streamed_output"], log.state["final_output"]
    (['y', 'e', 's'], 'yes')
    """

    __slots__ = ("_length", "_state", "_tape")

    def __init__(self, *ops: Op, _tape: _Tape | None = None) -> None:
        self._tape = _tape or _Tape(list(ops))
        self._length = len(self._tape.ops)
        self._state: RunState | None = None

    @property
    def ops(self) -> list[Op]:  # type: ignore[override]
        return self._tape.ops[: self._length]

    @property
    def state(self) -> RunState:
        if self._state is None:
            self._state = self._tape.state_at(self._length)
        return self._state

    def __add__(self, other: object) -> RunLog:
        if not isinstance(other, RunLogPatch):
            raise TypeError(f"expected a RunLogPatch to add, got {type(other).__name__}")
        tape = self._tape
        if len(tape.ops) != self._length:  # somebody else has added to the same log: part ways
            tape = _Tape(self.ops)
        tape.ops.extend(other.ops)
        return RunLog(_tape=tape)

    def __str__(self) -> str:
        return f"RunLog({pformat(self.state)})"

    def __repr__(self) -> str:
        return f"<RunLog of {self._length} operations>"


class _Tape:
    """Operations shared by the logs that grew from each other, and the state at one point of them."""

    def __init__(self, ops: list[Op]) -> None:
        self.ops = ops
        self._applied = 0
        self._state: Any = None
        self._touched: set[str] = set()
        self._entries: dict[str, Any] = {}

    def state_at(self, length: int) -> Any:
        if length < self._applied:
            return _Tape(self.ops[:length]).state_at(length)
        for op in self.ops[self._applied : length]:
            self._state = apply_operation(self._state, op)
            path = op["path"]
            if path.startswith("/logs/"):
                self._touched.add(unescape(path.split("/", 3)[2]))
        self._applied = length
        return self._snapshot()

    def _snapshot(self) -> Any:
        if not isinstance(self._state, dict):
            return self._state
        copy = {key: _copy(value) for key, value in self._state.items() if key != "logs"}
        if "logs" in self._state:
            for key in self._touched:
                self._entries[key] = _copy(self._state["logs"][key])
            self._touched.clear()
            copy["logs"] = {key: self._entries[key] for key in self._state["logs"] if key in self._entries}
        return copy


def _copy(value: Any) -> Any:
    """Containers copied, what they hold (chunks, messages) shared; so is what holds itself."""
    try:
        return _copied(value)
    except RecursionError:
        return value


def _copied(value: Any) -> Any:
    if type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    if type(value) is list:
        return list(value)
    return value
