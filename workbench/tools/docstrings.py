"""A function's name and docstring, and the descriptions of its arguments in the docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from ..runnables.signatures import unwrapped
from ..text.excerpts import short_repr

__all__ = ["described_arguments", "function_doc", "function_name"]


def function_name(fn: Any) -> str | None:
    """The name of a function; None for a lambda and for what has none."""
    name = getattr(unwrapped(fn), "__name__", None)
    return None if name == "<lambda>" else name


def function_doc(fn: Any) -> str:
    """Its docstring without the indentation; "" if it has none of its own."""
    fn = unwrapped(fn)
    doc = getattr(fn, "__doc__", None) if fn is not None else None  # from Python 3.13 on None has one itself
    return inspect.cleandoc(doc) if isinstance(doc, str) else ""


_SECTION = re.compile(
    r"^(Args|Arguments|Parameters|Returns?|Yields?|Raises|Examples?|Notes?|Attributes):\s*$", re.MULTILINE
)
_ARGUMENT = re.compile(r"^(\s+)\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")


def described_arguments(
    doc: str, known: Mapping[str, Any], name: str, *, required: bool = False
) -> tuple[str, dict[str, str]]:
    """A docstring in Google's style as what stands before its sections, and what its arguments are.

    Raises ValueError for an argument that is not *known*, and if *required* for a docstring that does not
    describe any.

    >>> described_arguments('''Add.
    ...
    ... Args:
    ...     x: the first,
    ...         a number
    ... ''', {"x": int}, "add")
    ('Add.', {'x': 'the first, a number'})
    """
    first = _SECTION.search(doc)
    if required and known and not re.search(r"^(Args|Arguments|Parameters):\s*$", doc, re.MULTILINE):
        raise ValueError(
            f"tool {name!r}: parse_docstring=True expected an 'Args:' section in its docstring, got "
            f"{short_repr(doc)}; write one, or give error_on_invalid_docstring=False"
        )
    if first is None:
        return doc, {}
    described: dict[str, list[str]] = {}
    indent, current = "", ""
    sections = list(_SECTION.finditer(doc))
    ends = [section.start() for section in sections[1:]] + [len(doc)]
    for section, end in zip(sections, ends, strict=True):
        if section[1] not in ("Args", "Arguments", "Parameters"):
            continue
        for line in doc[section.end() : end].splitlines():
            found = _ARGUMENT.match(line)
            if found is not None and (not indent or found[1] == indent):
                indent, current = found[1], found[2]
                described[current] = [found[3]]
            elif current and line.strip():
                described[current].append(line.strip())
    if unknown := [key for key in described if key not in known]:
        raise ValueError(
            f"tool {name!r}: its docstring describes {unknown[0]!r}; expected one of the arguments "
            f"{', '.join(map(repr, known)) or '(none)'}"
        )
    return doc[: first.start()].strip(), {key: " ".join(lines) for key, lines in described.items()}
