"""One stream for several readers."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from typing import Any

from .chunks import MISSING, ChunkStream

__all__ = ["Tee"]


class Tee:
    """One stream for several readers, each of which sees every chunk; closed when all have left."""

    def __init__(self, scope: Any, source: ChunkStream, readers: int) -> None:
        self._source = source
        self._lock = scope.lock()
        self._queues: list[deque[Any]] = [deque() for _ in range(readers)]
        self._open = readers
        self._over = False
        self._error: BaseException | None = None

    async def reader(self, number: int) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        queue = self._queues[number]
        try:
            while True:
                if queue:
                    yield queue.popleft()
                    continue
                async with self._lock:
                    if not queue and not self._over:
                        await self._pull()
                if not queue and self._over:
                    if self._error is not None:
                        raise self._error
                    return
        finally:
            self._open -= 1
            queue.clear()
            if not self._open:
                await self._source.aclose()

    async def _pull(self) -> None:
        __tracebackhide__ = True
        try:
            chunk = await anext(self._source, MISSING)
        except BaseException as error:
            self._over = True
            self._error = error
            return
        if chunk is MISSING:
            self._over = True
            return
        for queue in self._queues:
            queue.append(chunk)
