"""Applying operations to a document in place, each at the cost of its own size."""

from __future__ import annotations

from typing import Any

from .operations import Op
from .pointers import parts

__all__ = ["apply_operation", "own", "value_at"]


def apply_operation(document: Any, op: Op) -> Any:
    """Apply an ``add``, ``replace``, ``remove`` or ``append`` in place; returns the document.

    The document gets containers of its own: it never changes what the operation holds.

    >>> apply_operation({"a": ["x", "y"]}, {"op": "append", "path": "/a/1", "values": ["z"]})
    {'a': ['x', 'yz']}
    """
    if op["path"] == "":
        return own(op["value"])
    *parents, last = parts(op["path"])
    target = _inside(document, parents)
    is_list = isinstance(target, list)
    key: Any = last if not is_list else len(target) if last == "-" else int(last)
    kind = op["op"]
    if kind == "append":
        if isinstance(target[key], str):
            target[key] += "".join(op["values"])
        else:
            target[key].extend(own(value) for value in op["values"])
    elif kind == "remove":
        del target[key]
    elif is_list and kind == "add":
        target.insert(key, own(op["value"]))
    else:
        target[key] = own(op["value"])
    return document


def value_at(document: Any, pointer: str) -> Any:
    """The value that *pointer* names. Raises LookupError where there is none.

    >>> value_at({"a": ["x", "y"]}, "/a/1")
    'y'
    """
    return _inside(document, parts(pointer))


def _inside(document: Any, keys: list[str]) -> Any:
    for key in keys:
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def own(value: Any) -> Any:
    """A copy of dicts and lists; what else they hold (chunks, messages) is shared, and so is what is nested
    too deeply, or in itself."""
    try:
        return _own(value)
    except RecursionError:
        return value


def _own(value: Any) -> Any:
    if type(value) is dict:
        return {key: _own(item) for key, item in value.items()}
    if type(value) is list:
        return [_own(item) for item in value]
    return value
