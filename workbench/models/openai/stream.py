"""The events of a streamed answer of OpenAI's API, as JSON objects, hardly slower than a bare HTTP client.

The ``openai`` package opens the response (keys, retries, transport); here its bytes become JSON events. All
events of one network read are parsed together and handed out as one list, so nothing that has arrived waits.

A stream is over at ``[DONE]``, or when it ends after the model has said why it finished. Any other end is an
error, which is raised after the events before it have been handed out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from importlib import import_module
from json import dumps, loads
from typing import Any

from pydantic_core import from_json

from ...errors import ModelAnswerError
from ...http.event_stream import EventReader
from ...http.stopping import aread_out, ended_by_stop, read_out, shut
from ...text.excerpts import begun

__all__ = ["EventStream", "StreamedAnswer", "server_error"]

_SHOWN = 120
"""Characters of what came that an error shows."""


class EventStream:
    """One response's events as JSON objects, and how it ended. *label* names model and address in errors;
    *response* is the HTTP library's."""

    def __init__(self, label: str, response: Any) -> None:
        self.over = False
        """Whether nothing more is to be read: ``[DONE]`` came, or a failure."""
        self.finished = False
        """Set by the reader where the model has said why it finished."""
        self._label = label
        self._response = response
        self._reader = EventReader()
        self._number = 0
        self._failure: Exception | None = None

    def feed(self, piece: bytes) -> list[dict[str, Any]]:
        """The events that *piece* completes, up to the end of the stream."""
        events: list[dict[str, Any]] = []
        for _, data in self._reader.feed(piece):
            if data is None:
                continue
            try:
                event = _json(data)
                if "choices" not in event or event.get("error"):
                    if (failure := server_error(event, self._response)) is None:
                        self._reader.stray = self._reader.stray or data
                        continue  # not part of the answer: servers add events of their own
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

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """The events, a list for each network read. A stop of the surrounding work ends a read that waits."""
        pieces = self._response.iter_bytes()
        with ended_by_stop(partial(shut, self._response)):
            with self._cut_raised():
                for piece in pieces:
                    yield self.feed(piece)
                    if self.over:
                        break
            self.check()
            yield self.end()
            self.check()
            read_out(self._response, pieces)

    async def abatches(self) -> AsyncGenerator[list[dict[str, Any]], None]:
        """``batches`` on an event loop, where a read that waits is cancelled."""
        async with aclosing(self._response.aiter_bytes()) as pieces:
            with self._cut_raised():
                async for piece in pieces:
                    yield self.feed(piece)
                    if self.over:
                        break
            self.check()
            yield self.end()
            self.check()
            await aread_out(pieces)

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
        """The error for an event that the API does not have."""
        failure = ModelAnswerError(
            f"{self._label} sent something that is no event of a chat or text completion "
            f"(after {self._number} good ones): {_shown(event)}"
        )
        failure.__cause__ = error
        return failure

    def cut(self, error: Exception | None) -> Exception:
        """The error for a connection that ended, or failed, before the answer was over."""
        import openai

        http = self._response
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
        stray = _shown(self._reader.stray) if self._reader.stray else ""
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

    @contextmanager
    def _cut_raised(self) -> Iterator[None]:
        """Raise ``cut`` for a read that fails before the model has finished; ignore one that fails later."""
        try:
            yield
        except Exception as error:
            if not self.finished:
                raise self.cut(error) from error

    def _fail(self, failure: Exception) -> None:
        self.over, self._failure = True, failure


class StreamedAnswer(ABC):
    """What the events of one stream say; only of the first choice, where there are several."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self._about: dict[str, Any] = {}
        self._usage: Any = None

    def read(self, events: list[dict[str, Any]]) -> Iterator[Any]:
        """The pieces of events that came together. Raises ModelAnswerError for what is no such event."""
        for event in events:
            try:
                piece = self._take(event)
            except (AttributeError, KeyError, TypeError, IndexError, ValueError) as error:
                raise self._stream.malformed(event, error) from error
            if piece is not None:
                yield piece

    @abstractmethod
    def end(self) -> Any:
        """The last piece."""

    @abstractmethod
    def _take(self, event: dict[str, Any]) -> Any:
        """The piece of one event; None if there is none."""


def server_error(answer: dict[str, Any], http: Any) -> Exception | None:
    """The SDK's error if *answer*, which came under status 200, is an error; else None."""
    body = answer if answer.get("object") == "error" else answer.get("error")
    if not body:
        return None
    import openai

    message = body.get("message") if isinstance(body, dict) else body
    text = message if isinstance(message, str) else _shown(body)
    return openai.APIError(text, request=http.request, body=body)


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
    return repr(begun(text, _SHOWN))
