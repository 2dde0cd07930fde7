"""Iterables as streams: synchronous ones, and asynchronous ones that have no ``aclose``."""

from __future__ import annotations

from typing import Any

from ..engine.user_code import stopped

__all__ = ["AsyncIteratorSource", "IteratorSource"]


class IteratorSource:
    """A synchronous iterable as a stream for the blocking driver."""

    def __init__(self, items: Any) -> None:
        self._items = iter(items)

    def __aiter__(self) -> IteratorSource:
        return self

    async def __anext__(self) -> Any:
        try:
            for item in self._items:
                return item
        except StopAsyncIteration as error:  # of the user's own
            raise stopped(type(self._items).__next__, error) from error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        if (close := getattr(self._items, "close", None)) is not None:
            close()


class AsyncIteratorSource:
    """An asynchronous iterable that cannot be closed, as a stream."""

    def __init__(self, items: Any) -> None:
        self._items = aiter(items)

    def __aiter__(self) -> AsyncIteratorSource:
        return self

    async def __anext__(self) -> Any:
        return await anext(self._items)

    async def aclose(self) -> None:
        """Nothing to close."""
