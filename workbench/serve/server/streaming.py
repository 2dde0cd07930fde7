"""One streamed answer: a run's items as server-sent events, at the pace of its reader.

The run is read in a task of its own, at most AHEAD items ahead of what the socket takes. The first item is
written at once; after that, what has gathered is written together thirty times a second (ten times where
there are hundreds of streams, because writes are what costs). A client that leaves stops the run, and with it
the run's requests; so do the end of its time and a shutdown.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any

from starlette.types import Receive, Send

from ...engine.limits import TaskWaiter
from ...engine.tasks import end_tasks
from ...http.event_stream import PING, event_bytes
from ..wire.values import dumps
from .options import ActiveRuns

__all__ = ["HEADERS", "EventAnswer"]

AHEAD = 128
"""How many items of a run may wait for the socket before the run has to wait."""
DUE = 64
"""So many items are written at once, without waiting for more."""
FRAME_S = 0.033
MANY = 64
"""From so many runs on, the time between writes gets longer, up to three times as long."""
PING_S = 15.0
LINGER_S = 5.0
"""When the time of a run is over: the seconds that a client which reads nothing has to take the end."""

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]

Encode = Callable[[Sequence[Any]], bytes]


class EventAnswer:
    """*open_items* starts the run. *encode* gives the bytes of the events for some items, *rest* those to
    send before the end, and *failed* the data of the error event."""

    def __init__(
        self,
        open_items: Callable[[], AsyncIterator[Any]],
        encode: Encode,
        failed: Callable[[BaseException], dict[str, Any]],
        *,
        active: ActiveRuns,
        run_s: float,
        head: bytes = b"",
        rest: Callable[[], bytes] = lambda: b"",
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        self._open_items = open_items
        self._encode = encode
        self._failed = failed
        self._active = active
        self._run_s = run_s
        self._head = head
        self._rest = rest
        self._headers = [*HEADERS, *headers]
        self._items: list[Any] = []
        self._waiter: asyncio.Future[None] | None = None
        self._room: TaskWaiter | None = None
        self._ended_by: tuple[int, str] | None = None
        self._gone = False
        self._pauses = False
        """Whether the sender pauses between two writes, so that a single item need not wake it."""
        self._broken: Exception | None = None
        """What encoding an item raised."""

    def stop(self) -> None:
        """End the run: the server shuts down."""
        self._end_by(503, "the server is shutting down")

    async def __call__(self, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        producer = asyncio.create_task(self._produce())
        producer.add_done_callback(lambda _: self._wake())
        watch = asyncio.create_task(self._watch(receive))
        over = f"the run took longer than the {self._run_s:g} s allowed here and was stopped"
        timer = loop.call_later(self._run_s, self._end_by, 504, over)
        self._active.runs.add(self)
        try:
            async with asyncio.timeout(self._run_s + LINGER_S):
                await send({"type": "http.response.start", "status": 200, "headers": self._headers})
                await self._send_all(producer, send)
        except TimeoutError:  # the client does not read: the connection is cut
            pass
        except asyncio.CancelledError:  # by the server, which is in a hurry
            with contextlib.suppress(Exception):
                ended = {"status_code": 503, "message": "the server is shutting down"}
                await _end(send, event_bytes("error", dumps(ended)))
            raise
        finally:
            self._active.runs.discard(self)
            timer.cancel()
            await end_tasks([producer, watch])

    def _end_by(self, status: int, why: str) -> None:
        self._ended_by = self._ended_by or (status, why)
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _produce(self) -> None:
        items = self._items
        async with aclosing(self._open_items()) as source:  # type: ignore[type-var]  # streams can be closed
            async for item in source:
                items.append(item)
                size = len(items)
                if (size == 1 and not self._pauses) or size >= DUE:
                    self._wake()
                    if size >= AHEAD:
                        self._room = TaskWaiter()
                        await self._room.wait()

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._wake()

    async def _send_all(self, producer: asyncio.Task[None], send: Send) -> None:
        body, last = self._head, float("-inf")
        loop = asyncio.get_running_loop()
        while True:
            if self._items:
                body += self._taken()
                last = loop.time()
            if self._is_over(producer):
                break
            if body:
                await send({"type": "http.response.body", "body": body, "more_body": True})
                body = b""
            if not self._items and not self._is_over(producer) and not await self._woken(loop, PING_S):
                body = PING
                continue
            # What comes in the next milliseconds is written together.
            frame_s = FRAME_S * min(max(len(self._active.runs) / MANY, 1), 3)
            self._pauses = True
            while (wait_s := last + frame_s - loop.time()) > 0:
                if len(self._items) >= DUE or self._is_over(producer):
                    break
                await self._woken(loop, wait_s)
            self._pauses = False
        if not self._gone:
            await _end(send, body + await self._last(producer))

    def _is_over(self, producer: asyncio.Task[None]) -> bool:
        if self._gone or self._ended_by is not None or self._broken is not None:
            return True
        return producer.done() and not self._items

    def _taken(self) -> bytes:
        items = self._items
        if not items:
            return b""
        try:
            body = self._encode(items)
        except Exception as error:  # an output without JSON form, say
            self._broken, body = self._broken or error, b""
        items.clear()
        room, self._room = self._room, None
        if room is not None:
            room.wake()
        return body

    async def _woken(self, loop: asyncio.AbstractEventLoop, seconds: float) -> bool:
        """Wait until something happens, at most *seconds*. Returns whether it did."""
        waiter = self._waiter = loop.create_future()
        timer = loop.call_later(seconds, _time_out, waiter)
        try:
            return await waiter is None
        finally:
            self._waiter = None
            timer.cancel()

    async def _last(self, producer: asyncio.Task[None]) -> bytes:
        """How the stream ends."""
        error: dict[str, Any] | None = None
        if self._ended_by is not None or self._broken is not None:
            await end_tasks([producer])
        if self._ended_by is not None:
            status, message = self._ended_by
            error = {"status_code": status, "message": message}
        elif self._broken is not None:
            error = self._failed(self._broken)
        elif producer.cancelled():
            error = {"status_code": 500, "message": "the run was cancelled"}
        elif (raised := producer.exception()) is not None:
            error = self._failed(raised)
        body = self._taken()
        try:
            body += self._rest()
        except Exception as raised:
            error = error or self._failed(raised)
        if error is None and self._broken is not None:
            error = self._failed(self._broken)
        return body + (event_bytes("end") if error is None else event_bytes("error", dumps(error)))


def _time_out(waiter: asyncio.Future[Any]) -> None:
    if not waiter.done():
        waiter.set_result(False)


async def _end(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": False})
