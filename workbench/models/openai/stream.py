"""Server-sent events of a model's API, read and parsed at the price of a bare HTTP client.

The ``openai`` package opens the response (keys, retries, transport); here its bytes become JSON events. All
events of one network read are parsed together and handed out as one list, so nothing that has arrived waits.

A stream is over at ``[DONE]``, or where it ends after the model has said why it finished. Anything else is an
error: events before it are handed out first.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from importlib import import_module
from json import dumps, loads
from typing import Any

from pydantic_core import from_json

from ...engine.scope import current
from ...errors import ModelAnswerError

__all__ = [
    "EventDecoder",
    "EventStream",
    "aevents_of",
    "ended_after",
    "ended_by_stop",
    "events_of",
    "server_error",
]

_SHOWN = 120
"""Characters of what came that an error shows."""

_REST_S = 0.2
"""How long the end of a response is awaited after ``[DONE]``: a connection that is read out is used again."""

_BOM = b"\xef\xbb\xbf"


class EventDecoder:
    """``text/event-stream`` in pieces of any size, as the WHATWG HTML standard defines it (section 9.2.6).

    Only the events' data matters here. Fields that are none are kept, the first one, as ``stray``: servers
    that fail in mid-stream write what they like.

    >>> decoder = EventDecoder()
    >>> decoder.feed(b"data: 1\\n\\n: ping\\n\\ndata: {\\ndata: }\\r"), decoder.feed(b"\\n\\r\\n")
    ([b'1'], [b'{\\n}'])
    """

    def __init__(self) -> None:
        self.stray: bytes = b""
        self._pieces: list[bytes] = []  # of a line that goes on
        self._data: list[bytes] = []
        self._idle = False  # between two events
        self._begun = False
        self._after_cr = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of the events that *piece* completes."""
        if (
            self._idle
            and piece.startswith(b"data: ")
            and piece.find(b"\n\n") == piece.find(b"\n") == len(piece) - 2
            and b"\r" not in piece
        ):
            return [piece[6:-2]]  # one whole event, as most servers send them
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._idle = False
        if b"\n" not in piece:
            self._pieces.append(piece)
            return []
        if self._pieces:
            piece = b"".join((*self._pieces, piece))
        if not self._begun:
            self._begun = True
            piece = piece.removeprefix(_BOM)
        lines = piece.split(b"\n")
        self._pieces = [lines.pop()]
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events, data = [], self._data
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not line:
                if data:
                    events.append(data[0] if len(data) == 1 else b"\n".join(data))
                    data = []
            elif line == b"data":
                data.append(b"")
            elif not self.stray and not line.startswith((b":", b"event", b"id", b"retry")):
                self.stray = line
        self._data = data
        self._idle = not (data or self._pieces[0] or self._after_cr)
        return events


class EventStream:
    """One response's events as JSON objects, and how it ended. *label* names model and address in errors."""

    def __init__(self, label: str, response: Any) -> None:
        self.over = False
        """Whether nothing more is to be read: ``[DONE]`` came, or a failure."""
        self.finished = False
        """Set by the reader where the model has said why it finished."""
        self._label = label
        self._response = response
        self._decoder = EventDecoder()
        self._number = 0
        self._failure: Exception | None = None

    def feed(self, piece: bytes) -> list[dict[str, Any]]:
        """The events that *piece* completes, up to the end of the stream."""
        events: list[dict[str, Any]] = []
        for data in self._decoder.feed(piece):
            try:
                event = _json(data)
                if "choices" not in event or event.get("error"):
                    if (failure := server_error(event, self._response.http_response)) is None:
                        self._decoder.stray = self._decoder.stray or data
                        continue  # no part of an answer: servers add events of their own
                    self._fail(failure)
                    break
            except (ValueError, TypeError, AttributeError) as error:
                if data.strip() == b"[DONE]":
                    self.over = True
                else:
                    self._fail(self.malformed(data, error))
                break
            events.append(event)
        self._number += len(events)
        return events

    def check(self) -> None:
        """Raise what went wrong in the last piece."""
        if self._failure is not None:
            raise self._failure

    def end(self) -> list[dict[str, Any]]:
        """What a response without ``[DONE]`` still held when it ended. Raises ModelAnswerError if the
        answer was not over: read to there, an answer would look whole that is not."""
        if self.over:
            return []
        events = self.feed(b"\n\n")
        if isinstance(self._failure, ModelAnswerError):  # the last event was cut, and so is no JSON
            self._failure, self.over = None, False
        if not (self.over or self.finished or any(_finishes(event) for event in events)):
            raise self.cut(None)
        return events

    def malformed(self, event: Any, error: Exception | None = None) -> ModelAnswerError:
        """The error for an event that is none of the API's."""
        failure = ModelAnswerError(
            f"{self._label} sent something that is no event of a chat or text completion "
            f"(after {self._number} good ones): {_shown(event)}"
        )
        failure.__cause__ = error
        return failure

    def cut(self, error: Exception | None) -> Exception:
        """The error for a connection that ended, or failed, before the answer was over."""
        import openai

        http = self._response.http_response
        library = import_module(type(http).__module__.partition(".")[0])  # httpx, or what the SDK has for it
        if isinstance(error, library.TimeoutException):
            waited = (http.request.extensions.get("timeout") or {}).get("read") or 0.0
            late = openai.APITimeoutError(request=http.request)
            late.message = (
                f"{self._label} sent nothing for {waited:g} s, after {self._number} events of its answer: "
                f"if that is no fault, give a longer timeout= (seconds; it is {waited:g})"
            )
            late.args = (late.message,)
            return late
        stray = _shown(self._decoder.stray) if self._decoder.stray else ""
        if error is None and self._number == 0 and stray:
            return ModelAnswerError(
                f"{self._label} did not answer with a stream of events but with {stray}: "
                "is the address right (most end in /v1)? Use streaming=False for a server that cannot stream"
            )
        why = f": {str(error) or type(error).__name__}" if error is not None else ""
        stray = f"; it said {stray}" if stray else ""
        return ModelAnswerError(
            f"the answer of {self._label} was cut off after {self._number} events, "
            f"before the model had finished{why}{stray}"
        )

    def _fail(self, failure: Exception) -> None:
        self.over, self._failure = True, failure


def server_error(answer: dict[str, Any], http: Any) -> Exception | None:
    """The SDK's error for one that came under status 200, where *answer* is that."""
    body = answer if answer.get("object") == "error" else answer.get("error")
    if not body:
        return None
    import openai

    message = body.get("message") if isinstance(body, dict) else body
    text = message if isinstance(message, str) else _shown(body)
    return openai.APIError(text, request=http.request, body=body)


def events_of(response: Any, stream: EventStream) -> Iterator[list[dict[str, Any]]]:
    """The events of an SDK response, a list for each network read. A stop of the surrounding work ends a
    read that waits."""
    pieces = response.http_response.iter_bytes()
    with ended_by_stop(response):
        try:
            for piece in pieces:
                yield stream.feed(piece)
                if stream.over:
                    break
        except Exception as error:
            if not stream.finished:
                raise stream.cut(error) from error
        stream.check()
        yield stream.end()
        stream.check()
        with ended_after(_REST_S, response), contextlib.suppress(Exception):  # the answer is whole
            for _ in pieces:
                pass


async def aevents_of(response: Any, stream: EventStream) -> AsyncGenerator[list[dict[str, Any]], None]:
    """``events_of`` on an event loop, where a read that waits is cancelled."""
    async with aclosing(response.http_response.aiter_bytes()) as pieces:
        try:
            async for piece in pieces:
                yield stream.feed(piece)
                if stream.over:
                    break
        except Exception as error:
            if not stream.finished:
                raise stream.cut(error) from error
        stream.check()
        yield stream.end()
        stream.check()
        with contextlib.suppress(Exception):  # the answer is whole
            async with asyncio.timeout(_REST_S):
                async for _ in pieces:
                    pass


@contextlib.contextmanager
def ended_by_stop(response: Any) -> Iterator[None]:
    scope = current.get(None)
    if scope is None or scope.stop is None:
        yield
        return
    withdraw = scope.stop.on_request(lambda: _shut(response))
    try:
        yield
    except Exception:
        if scope.stop.requested:  # a read that is ended so fails: that is no fault of the server's
            raise asyncio.CancelledError("stopped") from None
        raise
    finally:
        withdraw()


@contextlib.contextmanager
def ended_after(seconds: float, response: Any) -> Iterator[None]:
    watch = threading.Timer(seconds, _shut, (response,))
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _shut(response: Any) -> None:
    """End a read of another thread, which closing would not."""
    if response.http_response.is_closed:  # its connection may serve somebody else by now
        return
    network = response.http_response.extensions.get("network_stream")
    found = network.get_extra_info("socket") if network is not None else None
    if found is not None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(found, socket.SHUT_RDWR)


def _json(data: bytes) -> Any:
    try:
        return from_json(data)  # in a third of the time of what knows half of a character pair
    except ValueError:
        return loads(data.decode())


def _finishes(event: dict[str, Any]) -> bool:
    return any(choice.get("finish_reason") for choice in event["choices"] or () if isinstance(choice, dict))


def _shown(value: Any) -> str:
    if not isinstance(value, (str, bytes)):
        value = dumps(value, ensure_ascii=False)
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
