"""The keys of runs in a log: their names, and for a name that is taken the next free one, ``name:2``, ..."""

from __future__ import annotations

__all__ = ["FreeKeys"]


class FreeKeys:
    """The keys of one log.

    >>> keys = FreeKeys()
    >>> [keys.take(name) for name in ("a:2", "a", "a", "a")]
    ['a:2', 'a', 'a:3', 'a:4']
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def take(self, name: str) -> str:
        count = self._counts.get(name, 0) + 1
        key = name if count == 1 else f"{name}:{count}"
        while key in self._taken:  # another run has just this name
            count += 1
            key = f"{name}:{count}"
        self._counts[name] = count
        self._taken.add(key)
        return key
