"""Rate limiters: how often models may be called. Give one to any number of models that share a limit::

    limiter = InMemoryRateLimiter(requests_per_second=2, max_bucket_size=5)
    model = ChatOpenAI(rate_limiter=limiter)

A call that had to wait reports the custom event ``rate_limited`` with ``{"waited_s": seconds}``.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod

from ..engine.modes import AnyScope
from ..text.excerpts import short_repr

__all__ = ["BaseRateLimiter", "InMemoryRateLimiter", "admit"]


class BaseRateLimiter(ABC):
    """Subclass and define ``acquire``; ``aacquire`` runs it in a thread unless it is defined too.

    >>> from workbench import BaseRateLimiter, FakeChatModel
    >>> class Budget(BaseRateLimiter):
    ...     left = 1
    ...     def acquire(self, *, blocking=True):
    ...         self.left -= 1
    ...         return self.left >= 0
    >>> limiter = Budget()
    >>> FakeChatModel(rate_limiter=limiter).invoke("hi").content, limiter.left
    ('a fake answer', 0)
    """

    @abstractmethod
    def acquire(self, *, blocking: bool = True) -> bool:
        """Take permission for one call. With *blocking*, wait for it; else return False if there is none."""

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """``acquire`` on the running event loop, which it does not hold up."""
        return await asyncio.to_thread(self.acquire, blocking=blocking)

    async def _wait(self, scope: AnyScope) -> None:
        if scope.blocking:
            self.acquire()
        else:
            await self.aacquire()


class InMemoryRateLimiter(BaseRateLimiter):
    """A token bucket for one process: *requests_per_second* tokens are added, up to *max_bucket_size*, and
    each call takes one. It starts empty, so the first call waits for the first token.

    A call that waits checks again as soon as a token may be there, and after *check_every_n_seconds* at the
    latest. Safe across threads and event loops; a call that waits can be cancelled.

    >>> from workbench import FakeChatModel, InMemoryRateLimiter
    >>> limiter = InMemoryRateLimiter(requests_per_second=100, max_bucket_size=10)
    >>> FakeChatModel(rate_limiter=limiter).batch(["hi", "hello"])
    [AIMessage(content='a fake answer'), AIMessage(content='a fake answer')]
    """

    def __init__(
        self,
        *,
        requests_per_second: float = 1,
        check_every_n_seconds: float = 0.1,
        max_bucket_size: float = 1,
    ) -> None:
        for name, value, least in (
            ("requests_per_second", requests_per_second, 0),
            ("check_every_n_seconds", check_every_n_seconds, 0),
            ("max_bucket_size", max_bucket_size, 1),
        ):
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise TypeError(f"{name}: expected a number, got {short_repr(value)}")
            if not (value >= 1 if least else value > 0):
                raise ValueError(f"{name}: expected {'1 or more' if least else 'more than 0'}, got {value!r}")
        self.requests_per_second = requests_per_second
        self.check_every_n_seconds = check_every_n_seconds
        self.max_bucket_size = max_bucket_size
        self._available = 0.0
        self._filled_at: float | None = None
        self._lock = threading.Lock()

    def acquire(self, *, blocking: bool = True) -> bool:
        while (wait_s := self._take()) > 0:
            if not blocking:
                return False
            time.sleep(wait_s)
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        while (wait_s := self._take()) > 0:
            if not blocking:
                return False
            await asyncio.sleep(wait_s)
        return True

    async def _wait(self, scope: AnyScope) -> None:
        while (wait_s := self._take()) > 0:
            await scope.sleep(wait_s)  # which a stopped chain ends

    def _take(self) -> float:
        """0 if a call may go on now, else the seconds to wait before the next check."""
        with self._lock:
            now = time.monotonic()
            if self._filled_at is not None:
                flown = (now - self._filled_at) * self.requests_per_second
                self._available = min(self._available + flown, self.max_bucket_size)
            self._filled_at = now
            if self._available >= 1 - 1e-9:  # rounding must not cost another round
                self._available -= 1
                return 0
            return min((1 - self._available) / self.requests_per_second, self.check_every_n_seconds)

    def __repr__(self) -> str:
        return (
            f"InMemoryRateLimiter(requests_per_second={self.requests_per_second}, "
            f"max_bucket_size={self.max_bucket_size})"
        )


async def admit(limiter: BaseRateLimiter, scope: AnyScope) -> None:
    """Wait until a call may be made; a wait is reported to the run that makes it."""
    since = time.perf_counter()
    await limiter._wait(scope)
    waited_s = time.perf_counter() - since
    run = scope.run
    if run is not None and waited_s >= 0.001:  # less does not count as waiting
        run.custom("rate_limited", {"waited_s": round(waited_s, 6)})
        if run.pending:
            await run.settle()
