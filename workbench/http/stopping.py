"""How a stop ends a request that a thread waits for, and how the end of a response is read.

On an event loop neither needs help: there, a read that waits is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any, Protocol

from ..engine.scope import current

__all__ = ["Response", "aread_out", "ended_by_stop", "read_out", "shut", "shut_network"]

_REST_S = 0.2
"""How long the end of a response is awaited after its last event."""


class Response(Protocol):
    """What is used here of a response of ``httpx``."""

    @property
    def is_closed(self) -> bool: ...

    @property
    def extensions(self) -> Any: ...


@contextlib.contextmanager
def ended_by_stop(end: Callable[[], None]) -> Iterator[None]:
    """While inside, a stop of the surrounding work calls *end*, which makes a read that waits fail; the
    error of that read becomes CancelledError."""
    scope = current.get(None)
    if scope is None or scope.stop is None:
        yield
        return
    withdraw = scope.stop.on_request(end)
    try:
        yield
    except Exception:
        if scope.stop.requested:  # the read failed because it was ended: the server did nothing wrong
            raise asyncio.CancelledError("stopped") from None
        raise
    finally:
        withdraw()


def shut(response: Response) -> None:
    """End a read of another thread, which closing the response would not."""
    if not response.is_closed:  # otherwise its connection may serve another request by now
        shut_network(response.extensions.get("network_stream"))


def shut_network(network: Any) -> None:
    """Shut a connection's socket. *network* is the HTTP library's ``network_stream``, or None."""
    found = network.get_extra_info("socket") if network is not None else None
    if found is not None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(found, socket.SHUT_RDWR)


def read_out(response: Response, pieces: Iterator[bytes]) -> None:
    """Read what is left after the last event, for a short time: then the connection can be used again."""
    watch = threading.Timer(_REST_S, partial(shut, response))
    watch.daemon = True
    watch.start()
    try:
        with contextlib.suppress(Exception):  # the answer is whole
            for _ in pieces:
                pass
    finally:
        watch.cancel()


async def aread_out(pieces: AsyncIterator[bytes]) -> None:
    """``read_out`` on an event loop."""
    with contextlib.suppress(Exception):  # the answer is whole
        async with asyncio.timeout(_REST_S):
            async for _ in pieces:
                pass
