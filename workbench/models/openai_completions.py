"""OpenAI: models of text behind the completions API of OpenAI or any server that speaks it.

Keys, addresses, timeouts, errors and the reading of streams are those of ``ChatOpenAI``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

from pydantic import Field

from .llm import BaseLLM
from .openai_client import OpenAIClient
from .openai_request import as_body, given_fields, parsed
from .openai_stream import EventStream, aevents_of, events_of

__all__ = ["OpenAI"]

DEFAULT_MODEL = "gpt-3.5-turbo-instruct"

_REQUEST_FIELDS = (
    "temperature",
    "max_tokens",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "n",
    "best_of",
    "seed",
    "stop",
    "logprobs",
    "logit_bias",
    "user",
    "extra_body",
)


class OpenAI(OpenAIClient, BaseLLM):
    """A model that continues a text; see ``OpenAIClient`` for keys, addresses, timeouts.

    ``max_tokens`` bounds the continuation; None leaves it to the server, whose own bound may be as low as
    16. Of several continuations (``n``) the first is the answer. ``model_kwargs`` (``suffix``, ``echo``, ...)
    go into the request as they are.
    """

    model: str = Field(default=DEFAULT_MODEL, alias="model_name")
    temperature: float | None = 0.7
    max_tokens: int | None = Field(default=256, ge=1)
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    n: int | None = Field(default=None, ge=1)
    best_of: int | None = Field(default=None, ge=1)
    seed: int | None = None
    stop: list[str] | str | None = Field(default=None, alias="stop_sequences")
    logprobs: int | None = Field(default=None, ge=0)
    logit_bias: dict[int | str, float] | None = None
    user: str | None = None
    streaming: bool = True
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    extra_body: dict[str, Any] | None = None

    @property
    def model_name(self) -> str:
        return self.model

    @property
    def _llm_type(self) -> str:
        return "openai"

    # Answers

    def _call(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> str:
        client = self._connected()
        request = self._request(prompt, stop, kwargs)
        with self._reaching(client):
            response = client.completions.with_raw_response.create(**request)
        return parsed(response.http_response, self._label(client), _text)

    async def _acall(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> str:
        client = await self._async_connected()
        request = self._request(prompt, stop, kwargs)
        with self._reaching(client):
            response = await client.completions.with_raw_response.create(**request)
        return parsed(response.http_response, self._label(client), _text)

    def _stream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[str]:
        client = self._connected()
        request = self._request(prompt, stop, kwargs, stream=True)
        with (
            self._reaching(client),
            client.completions.with_streaming_response.create(**request) as response,
        ):
            stream = EventStream(self._label(client), response)
            for events in events_of(response, stream):
                yield from _texts(events, stream)

    async def _astream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[str]:
        client = await self._async_connected()
        request = self._request(prompt, stop, kwargs, stream=True)
        with self._reaching(client):
            async with client.completions.with_streaming_response.create(**request) as response:
                stream = EventStream(self._label(client), response)
                async with aclosing(aevents_of(response, stream)) as batches:
                    async for events in batches:
                        for text in _texts(events, stream):
                            yield text

    def _streams(self, scope: Any) -> bool:
        # Of several continuations side by side the events come mixed.
        return self.streaming and max(self.n or 1, self.best_of or 1) == 1 and super()._streams(scope)

    # Requests

    def _request(
        self, prompt: str, stop: list[str] | None, extra: Mapping[str, Any], stream: bool = False
    ) -> dict[str, Any]:
        request = {"model": self.model, "prompt": prompt, **given_fields(self, _REQUEST_FIELDS)}
        if stop is not None:
            request["stop"] = stop
        if stream:
            request["stream"] = True
        return as_body({**request, **self.model_kwargs, **extra}, "completions")


def _text(completion: Mapping[str, Any]) -> str:
    return str(completion["choices"][0]["text"] or "")


def _texts(events: list[dict[str, Any]], stream: EventStream) -> Iterator[str]:
    for event in events:
        try:
            choices = event["choices"]
            text = choices[0]["text"] if choices and not choices[0].get("index") else None
            if choices and choices[0].get("finish_reason"):
                stream.finished = True
        except (AttributeError, KeyError, TypeError) as error:
            raise stream.malformed(event, error) from error
        if text:
            yield text
