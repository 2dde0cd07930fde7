"""Calls of OpenAI's two completions APIs, for a whole answer and for a stream, on both kinds of client."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import aclosing
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ...errors import ModelAnswerError
from ...text.excerpts import begun
from .client import OpenAIClient
from .stream import EventStream, StreamedAnswer, server_error

__all__ = ["CompletionsClient", "parsed"]

Result = TypeVar("Result")

_OURS = frozenset({"model", "streaming", "stream_usage", "include_response_headers", "model_kwargs"})
"""Fields that are no parameters of a request, or always part of it."""


class CompletionsClient(OpenAIClient):
    """A mixin for models behind a completions API. *asked*: the messages or prompts of a call."""

    if TYPE_CHECKING:  # fields of the classes that this is mixed into
        model: str
        stream_usage: bool
        model_kwargs: dict[str, Any]

    _resource: ClassVar[str]
    """Where the SDK's client has the API."""
    _request_fields: ClassVar[tuple[str, ...]]
    """Fields that go into a request where they are set; the server's own defaults are left to it. They are
    those that the class of an API inherits and declares, in their order, unless it lists them."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if "_resource" in vars(cls) and "_request_fields" not in vars(cls):
            names = (*getattr(cls, "_request_fields", ()), *inspect.get_annotations(cls))
            cls._request_fields = tuple(dict.fromkeys(name for name in names if name not in _OURS))

    def _request(
        self, asked: Any, stop: list[str] | None, extra: Mapping[str, Any], stream: bool = False
    ) -> dict[str, Any]:
        """The arguments of a call. A subclass gives *asked* as the API's own arguments."""
        request: dict[str, Any] = {"model": self.model, **asked}
        request |= {
            name: value for name in self._request_fields if (value := getattr(self, name)) is not None
        }
        if stop is not None:
            request["stop"] = stop
        if stream:
            request["stream"] = True
            if self.stream_usage:
                request["stream_options"] = {"include_usage": True}
        return _as_body({**request, **self.model_kwargs, **extra}, self._resource)

    def _result(self, response: Any, label: str, asked: Any) -> Any:
        """The result that a raw response holds. ModelAnswerError if it holds none."""
        raise NotImplementedError

    def _answer(self, stream: EventStream, response: Any) -> StreamedAnswer:
        """The reader of a streamed response."""
        raise NotImplementedError

    def _request_whole(self, asked: Any, stop: list[str] | None, extra: Mapping[str, Any]) -> Any:
        client = self._connected()
        request = self._request(asked, stop, extra)
        with self._reaching(client):
            response = self._api(client).with_raw_response.create(**request)
            return self._result(response, self._label(client), asked)

    async def _arequest_whole(self, asked: Any, stop: list[str] | None, extra: Mapping[str, Any]) -> Any:
        client = await self._async_connected()
        request = self._request(asked, stop, extra)
        with self._reaching(client):
            response = await self._api(client).with_raw_response.create(**request)
            return self._result(response, self._label(client), asked)

    def _request_stream(
        self, asked: Any, stop: list[str] | None, extra: Mapping[str, Any]
    ) -> Generator[Any, None, None]:
        client = self._connected()
        request = self._request(asked, stop, extra, stream=True)
        create = self._api(client).with_streaming_response.create
        with self._reaching(client), create(**request) as response:
            stream = EventStream(self._label(client), response.http_response)
            answer = self._answer(stream, response)
            for events in stream.batches():
                yield from answer.read(events)
        yield answer.end()

    async def _arequest_stream(
        self, asked: Any, stop: list[str] | None, extra: Mapping[str, Any]
    ) -> AsyncGenerator[Any, None]:
        client = await self._async_connected()
        request = self._request(asked, stop, extra, stream=True)
        create = self._api(client).with_streaming_response.create
        with self._reaching(client):
            async with create(**request) as response:
                stream = EventStream(self._label(client), response.http_response)
                answer = self._answer(stream, response)
                async with aclosing(stream.abatches()) as batches:
                    async for events in batches:
                        for piece in answer.read(events):
                            yield piece
        yield answer.end()

    def _api(self, client: Any) -> Any:
        return attrgetter(self._resource)(client)


def _as_body(request: dict[str, Any], resource: str) -> dict[str, Any]:
    """*request* as keyword arguments of the resource's ``create``: what the SDK does not know (other
    servers' options) goes into the body as it is."""
    known = _known_parameters(resource)
    others = {name: value for name, value in request.items() if name not in known}
    if not others:
        return request
    body = {**(request.get("extra_body") or {}), **others}
    return {name: value for name, value in request.items() if name in known} | {"extra_body": body}


@cache
def _known_parameters(resource: str) -> frozenset[str]:
    from openai.resources import chat, completions

    create: Callable[..., Any] = (
        chat.Completions.create if resource == "chat.completions" else completions.Completions.create
    )
    return frozenset(inspect.signature(create).parameters)


def parsed(http: Any, label: str, result_of: Callable[[dict[str, Any]], Result]) -> Result:
    """A response's JSON as a result. ModelAnswerError, with the beginning of what came, if it is none; the
    SDK's APIError if it is an error under status 200."""
    try:
        answer = json.loads(http.content)
        if "choices" not in answer and (error := server_error(answer, http)) is not None:
            raise error
        return result_of(answer)
    except (AttributeError, KeyError, TypeError, IndexError, ValueError) as error:
        text = http.content.decode("utf-8", "replace")
        start = repr(begun(text))
        raise ModelAnswerError(
            f"{label} did not answer with a completion but with {start}: "
            "is the address right (most end in /v1)?"
        ) from error
