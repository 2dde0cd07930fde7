"""Values and texts as error messages show them: what they are, and how they begin."""

from __future__ import annotations

from typing import Any

__all__ = ["begun", "typed_repr"]


def typed_repr(value: Any) -> str:
    """The type of what came instead of the expected, and how it begins.

    >>> typed_repr(3)
    'int: 3'
    """
    return f"{type(value).__name__}: {value!r:.80}"


def begun(text: str, most: int = 200) -> str:
    """The first *most* characters of a text, with dots for the others.

    >>> begun("bears", 3), begun("bears", 5)
    ('bea...', 'bears')
    """
    return text if len(text) <= most else f"{text[:most]}..."
