"""The operations of a live document as plain JSON Patch (RFC 6902), without our ``append``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .application import apply_operation, own, value_at
from .operations import Op

__all__ = ["plain_operations"]

_OUTPUT = "/streamed_output"


def plain_operations(ops: Iterable[Op], document: Any = None) -> Iterator[Op]:
    """*ops* as plain JSON Patch, to be applied to *document*.

    RFC 6902 has no operation for a text that grows, only a replacement by the whole text so far. So that the
    sum of these stays in proportion to the text, there is one each time the text has grown by a quarter, and
    before any other operation on its run.

    >>> appends = {"/t": ["b"], "/l": [1, 2]}
    >>> ops = [{"op": "append", "path": path, "values": values} for path, values in appends.items()]
    >>> for op in plain_operations(ops, {"t": "a", "l": []}):
    ...     print(op)
    {'op': 'replace', 'path': '/t', 'value': 'ab'}
    {'op': 'add', 'path': '/l/-', 'value': 1}
    {'op': 'add', 'path': '/l/-', 'value': 2}
    """
    holder = [own(document)]
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
        grown = value_at(holder, f"/0{path}")
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
