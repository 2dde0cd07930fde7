"""Calls of ``invoke`` and the like inside a function that runs under ``max_concurrency``: while the function
waits for the nested chain, others may use its place under the limit."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ..engine.chunks import MISSING, ChunkStream
from ..engine.modes import AnyScope

__all__ = ["lending", "lending_stream"]


async def lending(work: Any, scope: AnyScope) -> Any:
    """Do *work*, and let others use the place of the function that called meanwhile."""
    __tracebackhide__ = True
    if scope.lent is None:
        return await work
    scope.lent.lend()
    try:
        return await work
    finally:
        await scope.lent.take_back(scope.new_waiter)


def lending_stream(chunks: ChunkStream, scope: AnyScope) -> ChunkStream:
    return chunks if scope.lent is None else _lending_pulls(chunks, scope)


async def _lending_pulls(chunks: ChunkStream, scope: AnyScope) -> AsyncGenerator[Any, None]:
    __tracebackhide__ = True
    async with aclosing(chunks):
        while (chunk := await lending(anext(chunks, MISSING), scope)) is not MISSING:
            yield chunk
