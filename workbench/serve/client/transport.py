"""Requests to a service over HTTP: connections, what is safe to repeat, and errors that say what happened.

Synchronous and asynchronous calls are written twice, because they wait differently; what arrives is read in
one place, by ``ServedAnswer``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from ...engine.limits import Stop
from ...engine.scope import current
from ...errors import (
    RemoteChainError,
    RemoteError,
    RemoteStatusError,
    RemoteStreamError,
    RemoteUnreachableError,
)
from ...http.connections import Connections
from ...http.event_stream import EventReader
from ...http.stopping import aread_out, ended_by_stop, read_out, shut, shut_network
from ...text.excerpts import begun
from ..wire.extensions import HEADER, WireFormat, format_of

__all__ = ["ServedBatch", "Transport", "chain_error_of"]

_BACKOFF_S = 0.1
_LONGEST_WAIT_S = 5.0
_STALE_S = 1.0
"""Seconds within which it shows that a connection was stale; later the request may be at work."""


class ServedBatch(NamedTuple):
    """The events of one network read, and the format that the server sends."""

    wire: WireFormat
    events: list[tuple[str, str]]
    """Name and data of each."""


class Transport:
    """Calls of one service. All times are in seconds. *stall_s*: how long its streams may be silent;
    *timeout*: how long an answer in one piece may take (None: for ever); *connect_s*: how long reaching the
    server may take; *retries*: how many tries may follow the first."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout: float | None,
        stall_s: float,
        connect_s: float,
        retries: int,
        client_options: dict[str, Any],
    ) -> None:
        self.url = url
        self._headers = dict(headers)
        self._timeout = timeout
        self._stall_s = stall_s
        self._connect_s = connect_s
        self._retries = retries
        self._options = client_options
        self._connections = Connections()
        self._single = Connections()
        """For calls that can be stopped: each has a connection of its own, which a stop can shut."""

    # Whole answers

    def call(self, method: str, name: str, body: Any = None, wire: WireFormat = "") -> Any:
        """The JSON that the endpoint *name* answers, and the format it is in."""
        asked = _Asked(method, name, body, wire, "timeout", self._timeout)
        for number in range(self._retries + 1):
            with self._reaching(asked, number) as attempt:
                with self._sent(asked, attempt) as answer, ended_by_stop(partial(shut, answer)):
                    answer.read()
                if not self._has_to_wait(answer, number, attempt):
                    return self._json(answer, name)
            time.sleep(attempt.wait_s)
        raise AssertionError("unreachable")

    async def acall(self, method: str, name: str, body: Any = None, wire: WireFormat = "") -> Any:
        """``call`` on the running event loop."""
        asked = _Asked(method, name, body, wire, "timeout", self._timeout)
        client = await self._async_client()
        for number in range(self._retries + 1):
            with self._reaching(asked, number) as attempt:
                answer = await client.send(self._request(client, asked, attempt.atrace))
                if not self._has_to_wait(answer, number, attempt):
                    return self._json(answer, name)
            await asyncio.sleep(attempt.wait_s)
        raise AssertionError("unreachable")

    # Streams

    def events(self, name: str, body: Any, wire: WireFormat) -> Iterator[ServedBatch]:
        """The events of a stream, up to its end. Closing it closes the connection, which stops the run."""
        asked = _Asked("POST", name, body, wire, "stall_s", self._stall_s)
        for number in range(self._retries + 1):
            with (
                self._reaching(asked, number) as attempt,
                self._sent(asked, attempt) as response,
                ended_by_stop(partial(shut, response)),
            ):
                answer = ServedAnswer(response, self._label(name), self._stall_s)
                if not answer.is_stream:
                    response.read()
                if not self._has_to_wait(response, number, attempt):
                    answer.check()
                    try:
                        pieces = response.iter_bytes()
                        for piece in pieces:
                            yield ServedBatch(answer.wire, answer.feed(piece))
                            if answer.is_over:
                                break
                    except self._errors as error:
                        raise answer.cut(error) from error
                    read_out(response, pieces)
                    answer.check_end()
                    return
            time.sleep(attempt.wait_s)

    async def aevents(self, name: str, body: Any, wire: WireFormat) -> AsyncGenerator[ServedBatch, None]:
        """``events`` on the running event loop."""
        asked = _Asked("POST", name, body, wire, "stall_s", self._stall_s)
        client = await self._async_client()
        for number in range(self._retries + 1):
            with self._reaching(asked, number) as attempt:
                response = await client.send(self._request(client, asked, attempt.atrace), stream=True)
                attempt.answered = True
                try:
                    answer = ServedAnswer(response, self._label(name), self._stall_s)
                    if not answer.is_stream:
                        await response.aread()
                    if not self._has_to_wait(response, number, attempt):
                        answer.check()
                        try:
                            async with aclosing(response.aiter_bytes()) as pieces:
                                async for piece in pieces:
                                    yield ServedBatch(answer.wire, answer.feed(piece))
                                    if answer.is_over:
                                        break
                                await aread_out(pieces)
                        except self._errors as error:
                            raise answer.cut(error) from error
                        answer.check_end()
                        return
                finally:
                    await response.aclose()
            await asyncio.sleep(attempt.wait_s)

    # What both share

    @property
    def _library(self) -> Any:
        """httpx, or its continuation, which newer releases of the ``openai`` package bring."""
        return import_module("httpx" if find_spec("httpx") is not None else "httpx2")

    @property
    def _errors(self) -> Any:
        return (self._library.TransportError, self._library.DecodingError, self._library.StreamError)

    def _client(self, stop: Stop | None) -> Any:
        if stop is None:
            return self._connections.client(self._make_client, keep_open=False)
        return self._single.client(lambda _: self._make_client(False, most_kept=0), keep_open=False)

    async def _async_client(self) -> Any:
        return await self._connections.async_client(self._make_client, keep_open=False)

    def _make_client(self, asynchronous: bool, most_kept: int = 20) -> Any:
        library = self._library
        # Streams keep their connections; a pool of 100 would hold up those that come later.
        limits = library.Limits(max_connections=None, max_keepalive_connections=most_kept)
        options: dict[str, Any] = {"limits": limits, "follow_redirects": False, **self._options}
        if self.url.startswith("http:"):  # certificates that nobody is asked for take a while to load
            options.setdefault("verify", False)
        return (library.AsyncClient if asynchronous else library.Client)(**options)

    def _request(self, client: Any, asked: _Asked, trace: Any) -> Any:
        headers = {**self._headers, "Accept": "application/json, text/event-stream"}
        if asked.wire:
            headers[HEADER] = asked.wire
        connect = self._connect_s
        timeout = self._library.Timeout(asked.read_s, connect=connect, pool=connect)
        options: dict[str, Any] = {"timeout": timeout, "extensions": {"trace": trace}}
        if asked.body is not None:
            headers["Content-Type"] = "application/json"
            options["content"] = json.dumps(asked.body).encode()
        return client.build_request(asked.method, self._label(asked.name), headers=headers, **options)

    @contextlib.contextmanager
    def _sent(self, asked: _Asked, attempt: _Attempt) -> Iterator[Any]:
        """The response to a request, whose body is still to be read."""
        scope = current.get(None)
        attempt.stop = None if scope is None else scope.stop
        client = self._client(attempt.stop)
        request = self._request(client, asked, attempt.trace)
        with ended_by_stop(attempt.shut):
            response = client.send(request, stream=True)
        attempt.answered = True
        try:
            yield response
        finally:
            response.close()

    def _label(self, name: str) -> str:
        return f"{self.url}/{name}"

    @contextlib.contextmanager
    def _reaching(self, asked: _Asked, number: int) -> Iterator[_Attempt]:
        """Raise errors of the HTTP library as ours, unless another try is safe: nothing was sent, or the
        request only reads."""
        attempt = _Attempt()
        try:
            yield attempt
        except self._library.InvalidURL as error:
            raise RemoteError(f"{self._label(asked.name)} is no address: {error}") from error
        except self._library.HTTPError as error:
            failure, is_unsent = self._failure(asked, attempt, error)
            if not (is_unsent or asked.method == "GET") or number >= self._retries:
                raise failure from error
            attempt.wait_s = _BACKOFF_S * 2**number

    def _failure(self, asked: _Asked, attempt: _Attempt, error: Exception) -> tuple[RemoteError, bool]:
        """The error for what went wrong, and whether the server never saw the request."""
        library, label = self._library, self._label(asked.name)
        if isinstance(error, (library.ConnectError, library.ConnectTimeout, library.PoolTimeout)):
            reason = f"{_reason(error)}. Is the server running, and the address right?"
            return RemoteUnreachableError(f"no answer from {label}: {reason}"), True
        if isinstance(error, library.TimeoutException):
            late = f"{label} sent nothing for {asked.read_s:g} s" if asked.read_s else f"{label} is too late"
            return RemoteStreamError(f"{late}: give a longer {asked.option}= if that is no fault"), False
        return RemoteStreamError(f"the connection to {label} broke: {_reason(error)}"), attempt.was_stale

    def _has_to_wait(self, response: Any, number: int, attempt: _Attempt) -> bool:
        """Whether the server, which has not begun, is to be asked again, after ``attempt.wait_s``."""
        if response.status_code not in (429, 503) or number >= self._retries:
            return False
        asked_s = response.headers.get("retry-after", "")
        attempt.wait_s = float(asked_s) if asked_s.isdigit() else _BACKOFF_S * 2**number
        return attempt.wait_s <= _LONGEST_WAIT_S

    def _json(self, response: Any, name: str) -> Any:
        label = self._label(name)
        _check_status(response, label)
        try:
            data = response.json()
        except ValueError as error:
            raise RemoteStreamError(f"{label} answered with no JSON: {_shown(response.text)}") from error
        return data, format_of(response.headers.get(HEADER, ""))


class ServedAnswer:
    """A streamed answer of a service: its headers, its events, and how it ends."""

    def __init__(self, response: Any, label: str, stall_s: float) -> None:
        self._response = response
        self._label = label
        self._stall_s = stall_s
        self._reader = EventReader()
        self._count = 0
        self._failure: RemoteError | None = None
        self.wire = format_of(response.headers.get(HEADER, ""))
        self.is_over = False

    @property
    def is_stream(self) -> bool:
        kind = self._response.headers.get("content-type", "")
        return bool(self._response.status_code == 200 and kind.startswith("text/event-stream"))

    def check(self) -> None:
        """Raise what is wrong with the answer as a whole."""
        _check_status(self._response, self._label)
        if not self.is_stream:
            kind = self._response.headers.get("content-type", "no type")
            raise RemoteStreamError(
                f"{self._label} did not answer with a stream of events but with {kind}: "
                f"{_shown(self._response.text)}. Is this the address of a served chain?"
            )

    def feed(self, piece: bytes) -> list[tuple[str, str]]:
        """The events of a piece that have data, up to the end of the stream."""
        events: list[tuple[str, str]] = []
        for name, data in self._reader.feed(piece):
            text = None if data is None else data.decode("utf-8", "replace")
            if name == "end":
                self.is_over = True
                break
            if name == "error":
                self.is_over = True
                self._failure = _error_of_event(text, self._label)
                break
            if text is not None:
                self._count += 1
                events.append((name, text))
        return events

    def check_end(self) -> None:
        """Raise the error that the server sent; RemoteStreamError if the stream did not come to its end."""
        if self._failure is not None:
            raise self._failure
        if not self.is_over:
            raise self.cut(None)

    def cut(self, error: Exception | None) -> RemoteStreamError:
        if error is not None and "Timeout" in type(error).__name__:
            return RemoteStreamError(
                f"{self._label} sent nothing for {self._stall_s:g} s, after {self._count} events: it has "
                "stalled, or give a longer stall_s="
            )
        why = f": {_reason(error)}" if error is not None else ""
        rest = f"; the last it sent was {_shown(self._reader.rest)}" if self._reader.rest else ""
        return RemoteStreamError(
            f"the answer of {self._label} was cut off after {self._count} events, before its end{why}{rest}"
        )


class _Asked(NamedTuple):
    """A request, and the parameter that says for how many seconds the server may be silent."""

    method: str
    name: str
    body: Any
    wire: WireFormat
    option: str
    read_s: float | None


class _Attempt:
    """One try of a request: how far it came, and the seconds until another."""

    def __init__(self) -> None:
        self.wait_s = 0.0
        self.answered = False
        self.stop: Stop | None = None
        self._network: Any = None
        self._connects = False
        self._began = time.monotonic()

    @property
    def was_stale(self) -> bool:
        """Whether the server had closed a connection that was used before, so that it never saw the
        request."""
        is_prompt = time.monotonic() - self._began < _STALE_S
        return is_prompt and not self.answered and not self._connects

    def trace(self, event: str, info: Any) -> None:
        """What the HTTP library calls at each step of the request."""
        self._connects = self._connects or event == "connection.connect_tcp.started"
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._network = info["return_value"]
        elif self.stop is not None and self.stop.requested and event.endswith("request_headers.started"):
            raise asyncio.CancelledError("stopped")  # while it was connecting

    def shut(self) -> None:
        """End the wait for a response that has not begun."""
        shut_network(self._network)

    async def atrace(self, event: str, info: Any) -> None:
        self.trace(event, info)


def _check_status(response: Any, label: str) -> None:
    status = response.status_code
    if status == 200:
        return
    detail: Any = response.text
    fields: Any = None
    with contextlib.suppress(ValueError, AttributeError):
        body = response.json()
        detail, fields = body.get("detail", detail), body.get("error")
    if isinstance(fields, dict) and "status_code" in fields:
        raise chain_error_of(fields, label)
    if 300 <= status < 400:
        detail = f"it says to go to {response.headers.get('location', '(nowhere)')}"
    message = f"{label} answered {status} {response.reason_phrase}: {_detail_text(detail)}"
    if status == 401:
        message += '; give token="..."'
    if status == 404:
        message += ". Is this the address of a served chain, without /invoke or /playground?"
    raise RemoteStatusError(message, status, detail)


def _detail_text(detail: Any) -> str:
    if not isinstance(detail, list):
        return _shown(detail) if not isinstance(detail, str) else begun(detail)
    faults = [
        f"{'.'.join(map(str, one.get('loc', ())))}: {one.get('msg')}"
        for one in detail
        if isinstance(one, dict)
    ]
    return begun("; ".join(faults))


def _error_of_event(data: str | None, label: str) -> RemoteError:
    """The error of an ``error`` event."""
    try:
        fields = json.loads(data or "")
        status = int(fields.get("status_code", 500))
    except (ValueError, TypeError, AttributeError) as error:
        failure = RemoteStreamError(
            f"{label} sent something that is no event of a served chain: {_shown(data)}"
        )
        failure.__cause__ = error
        return failure
    if status != 500:
        return RemoteStatusError(
            f"{label}: {begun(str(fields.get('message')))}", status, fields.get("message")
        )
    return chain_error_of(fields, label)


def chain_error_of(fields: Mapping[str, Any], label: str) -> RemoteChainError:
    """The error of a chain from the fields that its server sent."""
    message = begun(str(fields.get("message") or "it does not say why"), 2_000)
    kind = fields.get("type")
    if isinstance(kind, str) and not message.startswith(kind):
        message = f"{kind}: {message}"
    error = RemoteChainError(
        f"the chain at {label.rpartition('/')[0]} failed with {message}"
        if kind
        else f"the chain at {label.rpartition('/')[0]} failed: {message}",
        type=kind if isinstance(kind, str) else None,
        traceback=fields.get("traceback") or None,
    )
    for note in fields.get("notes") or ():
        error.add_note(f"there {begun(str(note))}")
    if error.traceback:
        error.add_note(f"there:\n{error.traceback}")
    return error


def _reason(error: BaseException) -> str:
    """What the operating system said, if it did."""
    text = str(error) or type(error).__name__
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            text = os.strerror(inner.errno) if inner.errno and inner.errno > 0 else inner.strerror
        inner = inner.__cause__ or inner.__context__
    return re.sub(r"^\[Errno -?\d+\] ", "", text)


def _shown(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return begun(text if isinstance(text, str) and not text else repr(text))
