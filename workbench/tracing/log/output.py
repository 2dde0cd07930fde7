"""The root's output as operations of the log, whose sums are computed when they are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...engine.chunks import AddableDict, RecordedFold, add, is_text_empty
from ...patch.operations import Op
from ...patch.pointers import escape
from ..encode import key_of

__all__ = ["OutputOperations"]

_WHOLE: Op = {"op": "replace", "path": "/final_output", "value": None}


class OutputOperations:
    """The root's output as operations: what a chunk changes of the sum of all."""

    def __init__(self) -> None:
        self._whole: _Sums | None = None
        self._keys: dict[str, _Sums] | None = None

    def add(self, chunk: Any, ops: list[Op]) -> None:
        """Append what the chunk changes to *ops*."""
        if (sums := self._whole) is not None:
            if sums.add(chunk):
                ops.append(sums.op(_WHOLE))
        elif self._keys is not None and issubclass(type(chunk), dict):
            self._add_keys(self._keys, chunk, ops)
        elif self._keys is not None and chunk is None:
            return
        elif self._keys is None and type(chunk) is AddableDict:
            self._keys = {key: _Sums(value) for key, value in chunk.items()}
            ops.append({**_WHOLE, "value": dict(chunk)})
        else:  # the first chunk, or one of another kind
            self._keys = None
            self._whole = _Sums(chunk)
            ops.append({**_WHOLE, "value": chunk})

    def _add_keys(self, sums: dict[str, _Sums], chunk: dict[str, Any], ops: list[Op]) -> None:
        latest = chunk.latest if type(chunk) is AddableDict else ()
        for key, value in dict.items(chunk):
            path = f"/final_output/{escape(key_of(key))}"
            if key not in sums or key in latest:
                sums[key] = _Sums(value)
                ops.append({"op": "add", "path": path, "value": value})
            elif sums[key].add(value):
                ops.append(sums[key].op({**_WHOLE, "path": path}))


class _Sums:
    """The chunks of one output; the sum of the first *n* of them is computed when it is read."""

    __slots__ = ("_at", "_chunks", "_total")

    def __init__(self, first: Any) -> None:
        self._chunks = [first]
        self._at = 1
        self._total = first

    def add(self, chunk: Any) -> bool:
        """Whether the chunk changes the sum."""
        self._chunks.append(chunk)
        return chunk is not None and not is_text_empty(chunk)

    def op(self, template: Op) -> Op:
        """*template* with the sum of the chunks so far as its value."""
        op = _LazyOp(template)
        op._sums = self
        op._length = len(self._chunks)
        return op

    def total(self, length: int) -> Any:
        chunks = self._chunks
        if length == self._at + 1:  # read in order, as most readers do: one more chunk on the last sum
            try:
                self._total = add(self._total, chunks[length - 1])
            except Exception:  # whatever a user's `+` raises: the chain itself will raise it, if it adds
                self._total = chunks[length - 1]
            self._at = length
        elif length != self._at:
            total = RecordedFold()
            for chunk in chunks[:length]:
                total.add(chunk)
            self._total, self._at = total.value, length
        return self._total


class _LazyOp(dict[str, Any]):
    """An operation whose ``value`` is computed when it is read; otherwise an ordinary dict."""

    __slots__ = ("_length", "_sums")

    _length: int
    _sums: _Sums

    def __getitem__(self, key: str) -> Any:
        return self._sums.total(self._length) if key == "value" else super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401  # the plain get has no value

    def __iter__(self) -> Iterator[str]:
        return iter(("op", "path", "value"))

    def keys(self) -> Any:
        return ("op", "path", "value")

    def values(self) -> Any:
        return [self[key] for key in self]

    def items(self) -> Any:
        return [(key, self[key]) for key in self]

    def copy(self) -> dict[str, Any]:
        return {key: self[key] for key in self}

    def __eq__(self, other: object) -> bool:
        return self.copy() == (other.copy() if isinstance(other, _LazyOp) else other)

    def __repr__(self) -> str:
        return repr(self.copy())

    def __reduce__(self) -> Any:
        return (dict, (self.copy(),))

    def __deepcopy__(self, memo: Any) -> dict[str, Any]:
        return self.copy()
