"""JSON Pointers (RFC 6901): ``/logs/my~1step/end_time``."""

from __future__ import annotations

__all__ = ["escape", "parts", "unescape"]


def escape(key: str) -> str:
    """A key as a part of a pointer (RFC 6901 section 3).

    >>> escape("a/b~c")
    'a~1b~0c'
    """
    return key.replace("~", "~0").replace("/", "~1")


def unescape(part: str) -> str:
    """The key that a part of a pointer stands for.

    >>> unescape("a~1b~0c")
    'a/b~c'
    """
    return part.replace("~1", "/").replace("~0", "~")


def parts(pointer: str) -> list[str]:
    """The keys of a pointer, from the outside in.

    >>> parts(""), parts("/logs/a~1b/-")
    ([], ['logs', 'a/b', '-'])
    """
    if not pointer:
        return []
    keys = pointer[1:].split("/")
    return [unescape(key) for key in keys] if "~" in pointer else keys
