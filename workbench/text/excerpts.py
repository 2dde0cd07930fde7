"""Values and texts as error messages show them: what they are, and how they begin."""

from __future__ import annotations

from typing import Any

__all__ = ["begun", "short_repr", "typed_repr"]


def typed_repr(value: Any) -> str:
    """The type of what came instead of the expected, and how it begins.

    >>> typed_repr(3)
    'int: 3'
    """
    return f"{type(value).__name__}: {short_repr(value)}"


def short_repr(value: Any, most: int = 80) -> str:
    """How the repr of a value begins: at most its first *most* characters. Where a user's own repr raises, it
    says so: an error message must not hide behind another error.

    >>> short_repr("bears", 3)
    "'be"
    """
    try:
        return repr(value)[:most]
    except Exception as error:
        return f"<{type(value).__name__}: repr raised {type(error).__name__}>"


def begun(text: str, most: int = 200) -> str:
    """The first *most* characters of a text, with dots for the others.

    >>> begun("bears", 3), begun("bears", 5)
    ('bea...', 'bears')
    """
    return text if len(text) <= most else f"{text[:most]}..."
