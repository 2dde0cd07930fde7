"""Keys whose order a page must not lose.

JavaScript's objects put keys that are numbers first, whatever came first. So a page gets such keys with a
mark before them (and those that begin with it by chance, with another one); ``ordered_keys.js`` takes it off
again where a key is shown or saved. Keys of a run's own fields and of its ``logs`` are left as they are:
entries of a log have their ``place``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ..patch.operations import Op

__all__ = ["MARK", "for_page", "op_for_page"]

MARK = "\u2060"
"""A word joiner: no number begins with it, and nothing is seen of it where it is forgotten."""


def for_page(document: Mapping[str, Any]) -> dict[str, Any]:
    """A whole document as a page gets it."""
    return {**document, "runs": [_run(run) for run in document["runs"]]}


def op_for_page(op: Op) -> Op:
    """One operation on it as a page gets it. The page itself marks what is in the path: only there it is
    known whether a number is a key or an index."""
    value: Any = op.get("value")
    if type(value) is not dict and type(value) is not list:
        return op
    path = op["path"]
    if path == "":
        shown: Any = for_page(cast(Mapping[str, Any], value))
    elif path.count("/") == 2 or (path.count("/") == 4 and path.split("/")[3] == "logs"):  # a run
        shown = _run(value)
    else:
        shown = _marked(value)
    return op if shown is value else {**op, "value": shown}


def _run(run: Any) -> dict[str, Any]:
    shown = {key: _marked(value) for key, value in run.items() if key != "logs"}
    if "logs" in run:
        shown["logs"] = {key: _run(entry) for key, entry in run["logs"].items()}
    return shown


def _marked(value: Any) -> Any:
    """*value* itself where nothing in it needs a mark."""
    if type(value) is dict:
        shown = {_key(key): _marked(item) for key, item in value.items()}
        same = all(shown.get(key, MARK) is item for key, item in value.items())
        return value if same else shown
    if type(value) is list:
        items = [_marked(item) if type(item) in (dict, list) else item for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value


def _key(key: str) -> str:
    return f"{MARK}{key}" if key[:1] in _FIRST and (key[:1] == MARK or key.isdecimal()) else key


_FIRST = frozenset(f"0123456789{MARK}")
