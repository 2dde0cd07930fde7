"""The HTTP clients of a model or a service: a synchronous one for all threads, and for each event loop an
asynchronous one.

The synchronous one is closed with the last object that uses it. An asynchronous one must be closed by its
loop, so an asynchronous generator of that loop owns it: the loop closes its generators when it ends
(``asyncio.run`` does), and when they are collected.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import AsyncGenerator, Callable
from typing import Any

__all__ = ["Connections"]

MakeClient = Callable[[bool], Any]
"""Makes a client, given whether it is an asynchronous one. May block."""


class Connections:
    """See the module. A copy of it, or one that was pickled, starts empty."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Any = None
        self._async: weakref.WeakKeyDictionary[Any, tuple[Any, Any]] = weakref.WeakKeyDictionary()

    def __reduce__(self) -> Any:
        return (Connections, ())

    def client(self, make: MakeClient, *, keep_open: bool) -> Any:
        """The synchronous client, made when first asked for."""
        with self._lock:
            if self._client is None:
                client = make(False)
                if not keep_open:
                    weakref.finalize(self, _close, client)
                self._client = client
            return self._client

    async def async_client(self, make: MakeClient, *, keep_open: bool) -> Any:
        """The running loop's client: one used from two loops fails."""
        loop = asyncio.get_running_loop()
        if (known := self._open_on(loop)) is not None:
            return known
        client = await asyncio.to_thread(make, True)
        if (known := self._open_on(loop)) is not None:  # two calls began at once
            if not keep_open:
                await _aclose(client)
            return known
        owner = None if keep_open else _owner(client)
        self._async[loop] = client, owner
        if owner is not None:
            await anext(owner)
        return client

    def _open_on(self, loop: Any) -> Any:
        client, _ = self._async.get(loop, (None, None))
        return None if client is None or _is_closed(client) else client


async def _owner(client: Any) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await _aclose(client)


# Clients of httpx and of the openai package have these two under different names.


async def _aclose(client: Any) -> None:
    await (client.aclose if hasattr(client, "aclose") else client.close)()


def _is_closed(client: Any) -> bool:
    closed = client.is_closed
    return bool(closed() if callable(closed) else closed)


def _close(client: Any) -> None:
    with contextlib.suppress(Exception):  # at the interpreter's end, parts of it may be gone
        client.close()
