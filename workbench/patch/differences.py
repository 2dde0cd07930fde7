"""The operations that make one JSON value of another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .operations import Op
from .pointers import escape

__all__ = ["differences"]


def differences(old: Any, new: Any, path: str) -> Iterator[Op]:
    """The operations that make *new* of *old* at *path*, both JSON data.

    >>> list(differences({"a": "x", "b": [1]}, {"a": "xy", "b": [1, 2]}, "/v"))
    [{'op': 'append', 'path': '/v/a', 'values': ['y']}, {'op': 'append', 'path': '/v/b', 'values': [2]}]
    """
    if old is new:
        return
    if type(old) is str and type(new) is str:
        if old != new:
            grew = bool(old) and new.startswith(old)
            yield _appended(path, [new[len(old) :]]) if grew else _replaced(path, new)
    elif type(old) is dict and type(new) is dict:
        yield from _dict_differences(old, new, path)
    elif type(old) is list and type(new) is list:
        yield from _list_differences(old, new, path)
    elif type(old) is not type(new) or old != new:
        yield _replaced(path, new)


def _dict_differences(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[Op]:
    kept = [key for key in old if key in new]
    # Another order, which readers see, or another object.
    if kept != list(new)[: len(kept)] or (old and not kept):
        yield _replaced(path, new)
        return
    for key in old:
        if key not in new:
            yield {"op": "remove", "path": f"{path}/{escape(key)}"}
    for key, value in new.items():
        inner = f"{path}/{escape(key)}"
        if key in old:
            yield from differences(old[key], value, inner)
        else:
            yield {"op": "add", "path": inner, "value": value}


def _list_differences(old: list[Any], new: list[Any], path: str) -> Iterator[Op]:
    for index in range(min(len(old), len(new))):
        yield from differences(old[index], new[index], f"{path}/{index}")
    if len(new) > len(old):
        yield _appended(path, new[len(old) :])
    for index in range(len(old) - 1, len(new) - 1, -1):
        yield {"op": "remove", "path": f"{path}/{index}"}


def _appended(path: str, values: list[Any]) -> Op:
    return {"op": "append", "path": path, "values": values}


def _replaced(path: str, value: Any) -> Op:
    return {"op": "replace", "path": path, "value": value}
