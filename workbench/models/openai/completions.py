"""OpenAI: models of text behind the completions API of OpenAI or any server that speaks it.

Keys, addresses, timeouts, errors and the reading of streams are those of ``ChatOpenAI``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

from pydantic import Field

from ..generations import Generation, GenerationChunk, LLMResult
from ..llm import BaseLLM
from .client import OpenAIClient
from .messages import call_metadata, choices_of, usage_metadata
from .request import as_body, given_fields, parsed
from .stream import EventStream

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
    16. Of several continuations (``n``) the first is the answer; ``generate`` keeps all. ``model_kwargs``
    (``suffix``, ``echo``, ...) go into the request as they are.

    >>> from workbench import OpenAI
    >>> model = OpenAI(model="gpt-3.5-turbo-instruct", base_url="http://localhost:8000/v1", api_key="...")
    >>> model.model_name
    'gpt-3.5-turbo-instruct'
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
    stream_usage: bool = True
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    extra_body: dict[str, Any] | None = None

    @property
    def model_name(self) -> str:
        return self.model

    @property
    def _llm_type(self) -> str:
        return "openai"

    # Answers

    def _generate(
        self, prompts: list[str], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> LLMResult:
        client = self._connected()
        request = self._request(prompts, stop, kwargs)
        with self._reaching(client):
            response = client.completions.with_raw_response.create(**request)
            return self._result(response, client, len(prompts))

    async def _agenerate(
        self, prompts: list[str], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> LLMResult:
        client = await self._async_connected()
        request = self._request(prompts, stop, kwargs)
        with self._reaching(client):
            response = await client.completions.with_raw_response.create(**request)
            return self._result(response, client, len(prompts))

    def _result(self, response: Any, client: Any, prompts: int) -> LLMResult:
        return parsed(response.http_response, self._label(client), lambda given: llm_result(given, prompts))

    def _stream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[str | GenerationChunk]:
        client = self._connected()
        request = self._request([prompt], stop, kwargs, stream=True)
        create = client.completions.with_streaming_response.create
        with self._reaching(client), create(**request) as response:
            stream = EventStream(self._label(client), response.http_response)
            answer = TextAnswer(stream)
            for events in stream.batches():
                yield from answer.texts(events)
        yield answer.end()

    async def _astream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[str | GenerationChunk]:
        client = await self._async_connected()
        request = self._request([prompt], stop, kwargs, stream=True)
        create = client.completions.with_streaming_response.create
        with self._reaching(client):
            async with create(**request) as response:
                stream = EventStream(self._label(client), response.http_response)
                answer = TextAnswer(stream)
                async with aclosing(stream.abatches()) as batches:
                    async for events in batches:
                        for text in answer.texts(events):
                            yield text
        yield answer.end()

    def _streams(self, scope: Any) -> bool:
        # Of several continuations side by side the events come mixed.
        return self.streaming and max(self.n or 1, self.best_of or 1) == 1 and super()._streams(scope)

    # Requests

    def _request(
        self, prompts: list[str], stop: list[str] | None, extra: Mapping[str, Any], stream: bool = False
    ) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self.model, "prompt": prompts if len(prompts) > 1 else prompts[0]}
        request |= given_fields(self, _REQUEST_FIELDS)
        if stop is not None:
            request["stop"] = stop
        if stream:
            request["stream"] = True
            if self.stream_usage:
                request["stream_options"] = {"include_usage": True}
        return as_body({**request, **self.model_kwargs, **extra}, "completions")


class TextAnswer:
    """One streamed continuation: its texts as they come, then what is known of the call."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self._about: dict[str, Any] = {}
        self._usage: Any = None

    def texts(self, events: list[dict[str, Any]]) -> Iterator[str]:
        """The texts of events that came together. Raises ModelAnswerError for what is no such event."""
        for event in events:
            try:
                text = self._take(event)
            except (AttributeError, KeyError, TypeError, IndexError) as error:
                raise self._stream.malformed(event, error) from error
            if text:
                yield text

    def end(self) -> GenerationChunk:
        """The last chunk."""
        counted = {"usage_metadata": usage} if (usage := usage_metadata(self._usage)) else {}
        return GenerationChunk("", generation_info={**self._about, **counted})

    def _take(self, event: dict[str, Any]) -> str | None:
        if usage := event.get("usage"):
            self._usage = usage
        if not (choices := event["choices"]) or choices[0].get("index"):
            return None
        if ends := choices[0].get("finish_reason"):
            self._stream.finished = True
            self._about = {"finish_reason": ends, **call_metadata(event)}
        return choices[0]["text"]  # type: ignore[no-any-return]  # as the API says


def llm_result(completion: Mapping[str, Any], prompts: int) -> LLMResult:
    """The generations of each of so many prompts. The usage, which is of all, is on the first.
    ValueError if there are none."""
    about, usage = call_metadata(completion), usage_metadata(completion.get("usage"))
    generations = []
    for number, choice in enumerate(choices_of(completion)):
        info = {"finish_reason": choice.get("finish_reason"), **about}
        if choice.get("logprobs"):
            info["logprobs"] = choice["logprobs"]
        if number == 0 and usage is not None:
            info["usage_metadata"] = usage
        generations.append(Generation(str(choice["text"] or ""), generation_info=info))
    each = len(generations) // prompts
    return LLMResult(
        [generations[start : start + each] for start in range(0, each * prompts, each)] if each else [],
        {"token_usage": completion.get("usage"), **about},
    )
