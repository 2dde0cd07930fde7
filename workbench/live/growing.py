"""The output of a run so far, as JSON data, and its growth as JSON Patch operations.

A ``GrowingOutput`` takes the chunks of one run and adds them up as ``engine.chunks.add`` does: texts are
joined, ``AddableDict`` chunks add per key, lists are extended, whatever cannot be added is replaced.
``changes`` brings ``value`` up to date and returns the operations that do the same to a document, as few as
possible: what grew is appended to, what did not change is left out. Adding a chunk costs O(1). This includes
the chunks of a JSON parser, each of which is the whole object: only the last one before a call of ``changes``
is compared with the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..engine.chunks import AddableDict, add
from ..patch.application import own
from ..patch.differences import differences
from ..patch.operations import Op
from ..patch.pointers import escape
from ..tracing.encode import MAX_ITEMS, cut, data, is_high_surrogate, key_of, raw_text

__all__ = ["GrowingOutput"]

MAX_GROWING_TEXT = 1_000_000
"""Characters kept of one text that grows by chunks; those after them are only counted."""

_NOTHING: Any = object()


class GrowingOutput:
    """See the module. ``value`` is as it was at the last call of ``changes``."""

    def __init__(self, first: Any) -> None:
        self._node = _node_for(first)
        self.value: Any = _NOTHING

    @property
    def is_shown(self) -> bool:
        """Whether ``changes`` was called."""
        return self.value is not _NOTHING

    def add(self, chunk: Any) -> None:
        self._node = _added(self._node, chunk)

    def changes(self, path: str) -> list[Op]:
        """What changed since the last call, as operations on a document that has ``value`` at *path*."""
        ops: list[Op] = []
        self.value = self._node.update(self.value, path, ops)
        return ops


class _Text:
    """A text, of which only the pieces since the last ``update`` are kept."""

    def __init__(self, text: str) -> None:
        self._fresh = [text]
        self._size = 0
        self._left_out = 0
        self.dirty = True

    def add(self, chunk: Any) -> bool:
        text = raw_text(chunk)
        if text is None:
            return False
        if text:
            self._fresh.append(text)
            self.dirty = True
        return True

    def update(self, shown: Any, path: str, ops: list[Op]) -> Any:
        self.dirty = False
        text = "".join(self._fresh)
        self._fresh = []
        if text and is_high_surrogate(text[-1]) and isinstance(shown, str):
            self._fresh, text = [text[-1]], text[:-1]  # its other half may come with the next chunk
        fresh = cut(text)
        if self._size + len(fresh) > MAX_GROWING_TEXT:
            first = not self._left_out
            self._left_out += len(fresh)
            fresh = "… (the rest of this text is left out here)" if first else ""
        self._size += len(fresh)
        if not isinstance(shown, str):
            ops.append(_placed(shown, path, fresh))
            return fresh
        if fresh:
            ops.append({"op": "append", "path": path, "values": [fresh]})
        return shown + fresh


class _Dict:
    """A dict whose chunks add per key."""

    def __init__(self, first: Mapping[Any, Any]) -> None:
        self._nodes: dict[str, Any] = {}
        self.dirty = True
        self.add(first)

    def add(self, chunk: Any) -> bool:
        if not issubclass(type(chunk), dict):
            return False
        latest = chunk.latest if type(chunk) is AddableDict else ()
        for key, value in dict.items(chunk):
            name = key_of(key)
            node = self._nodes.get(name)
            if node is None and len(self._nodes) >= MAX_ITEMS:
                continue
            if key in latest:
                self._nodes[name] = _Latest(value)
            else:
                self._nodes[name] = _node_for(value) if node is None else _added(node, value)
        self.dirty = True
        return True

    def update(self, shown: Any, path: str, ops: list[Op]) -> Any:
        self.dirty = False
        if not isinstance(shown, dict):
            ignored: list[Op] = []
            value = {key: node.update(_NOTHING, path, ignored) for key, node in self._nodes.items()}
            ops.append(_placed(shown, path, value))
            return own(value)
        for key, node in self._nodes.items():
            if node.dirty:
                shown[key] = node.update(shown.get(key, _NOTHING), f"{path}/{escape(key)}", ops)
        return shown


class _List:
    """A list whose chunks are lists of further items."""

    def __init__(self, first: list[Any]) -> None:
        self._fresh = list(first)
        self.dirty = True

    def add(self, chunk: Any) -> bool:
        if not issubclass(type(chunk), list):
            return False
        self._fresh.extend(chunk)
        self.dirty = bool(self._fresh)
        return True

    def update(self, shown: Any, path: str, ops: list[Op]) -> Any:
        self.dirty = False
        room = max(MAX_ITEMS - len(shown), 0) if isinstance(shown, list) else MAX_ITEMS
        fresh = [data(item) for item in self._fresh[:room]]
        if room and len(self._fresh) >= room:
            fresh[-1] = "… (the rest of this list is left out here)"
        self._fresh = []
        if not isinstance(shown, list):
            ops.append(_placed(shown, path, fresh))
            return list(fresh)
        if fresh:
            ops.append({"op": "append", "path": path, "values": fresh})
            shown.extend(fresh)
        return shown


class _Whole:
    """What is replaced by each chunk, or added to it by its own ``+``."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.dirty = True

    def add(self, chunk: Any) -> bool:
        if issubclass(type(chunk), str | list) or type(chunk) is AddableDict:
            return False
        try:
            self.raw = add(self.raw, chunk)
        except Exception:  # whatever a user's own `+` raises: the chain itself will raise it too
            self.raw = chunk
        self.dirty = True
        return True

    def update(self, shown: Any, path: str, ops: list[Op]) -> Any:
        self.dirty = False
        value = data(self.raw)
        if shown is _NOTHING:
            ops.append(_placed(shown, path, value))
            return own(value)
        ops.extend(differences(shown, value, path))
        return own(value)


class _Latest(_Whole):
    """What a chunk that replaces those before gives, a text or list among others."""

    def add(self, chunk: Any) -> bool:
        try:
            self.raw = add(self.raw, chunk)
        except Exception:  # as above
            self.raw = chunk
        self.dirty = True
        return True


def _node_for(chunk: Any) -> Any:
    if getattr(type(chunk), "__latest__", False):
        return _Latest(chunk)
    if type(chunk) is AddableDict:
        return _Dict(chunk)
    if type(chunk) is list:
        return _List(chunk)
    text = raw_text(chunk)
    return _Whole(chunk) if text is None else _Text(text)


def _added(node: Any, chunk: Any) -> Any:
    """*node* with a chunk more, or the node that takes its place."""
    if chunk is None or node.add(chunk):
        return node
    other = _node_for(chunk)
    if isinstance(node, _Whole) and isinstance(node.raw, dict) and isinstance(other, _Dict):
        other = _Dict(node.raw)
        other.add(chunk)
    return _Replaced(other)


class _Replaced:
    """A node that takes the place of another, and is not shown yet."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._shown = False
        self.dirty = True

    def add(self, chunk: Any) -> bool:
        node = _added(self._node, chunk)
        if isinstance(node, _Replaced):
            node, self._shown = node._node, False
        self._node = node
        self.dirty = True
        return True

    def update(self, shown: Any, path: str, ops: list[Op]) -> Any:
        self.dirty = False
        if self._shown:
            return self._node.update(shown, path, ops)
        self._shown = True
        value = self._node.update(_NOTHING, path, [])
        ops.append(_placed(shown, path, own(value)))
        return value


def _placed(shown: Any, path: str, value: Any) -> Op:
    return {"op": "add" if shown is _NOTHING else "replace", "path": path, "value": value}
