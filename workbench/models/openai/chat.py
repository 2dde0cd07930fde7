"""ChatOpenAI: chat models behind OpenAI's API or any server that speaks it, through the ``openai`` package.

Closing a stream early, or cancelling the task that awaits an answer, closes the connection, which ends
the generation at the server. Errors of the ``openai`` package pass through with the server's message and a
note that names model and address; an answer that is cut off or none at all is a ModelAnswerError.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from pydantic import Field

from ...messages import AIMessage, AIMessageChunk, BaseMessage
from ...messages.conversion import message_to_openai
from ...runnables.base import Runnable
from ..chat import BaseChatModel
from ..generations import ChatResult
from ..structured import Method, structured, tool_arguments
from .chunks import ChatAnswer
from .client import OpenAIClient
from .messages import chat_result
from .request import as_body, given_fields, parsed
from .stream import EventStream

__all__ = ["ChatOpenAI"]

DEFAULT_MODEL = "gpt-4o-mini"

_REQUEST_FIELDS = (
    "temperature",
    "max_tokens",
    "max_completion_tokens",
    "top_p",
    "n",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "reasoning_effort",
    "verbosity",
    "modalities",
    "audio",
    "prediction",
    "prompt_cache_key",
    "safety_identifier",
    "service_tier",
    "store",
    "user",
    "extra_body",
)


class ChatOpenAI(OpenAIClient, BaseChatModel):
    """A chat model behind an OpenAI-compatible API; see ``OpenAIClient`` for keys, addresses, timeouts.

    ``max_tokens`` bounds the answer; newer models of OpenAI want it as ``max_completion_tokens``. With
    ``n`` several answers are asked for at once: ``generate`` keeps all of them. ``logprobs``,
    ``top_logprobs``: the message's ``response_metadata["logprobs"]``. ``streaming=False`` never streams;
    ``stream_usage=False`` does without token counts, for servers that refuse to send them.
    ``include_response_headers`` puts the answer's HTTP headers into ``response_metadata["headers"]``.
    ``model_kwargs`` go into the request as they are, ``extra_body`` beside what the SDK knows.

    >>> from workbench import ChatOpenAI
    >>> model = ChatOpenAI(model="gpt-4o-mini", temperature=0, timeout=30, api_key="...")
    >>> def weather(city: str) -> str:
    ...     "The weather in a city."
    >>> model.bind_tools([weather]).kwargs["tools"][0]["function"]["name"]
    'weather'
    """

    model: str = Field(default=DEFAULT_MODEL, alias="model_name")
    temperature: float | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    top_p: float | None = None
    n: int | None = Field(default=None, ge=1)
    seed: int | None = None
    stop: list[str] | str | None = Field(default=None, alias="stop_sequences")
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0)
    logit_bias: dict[int | str, float] | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    modalities: list[str] | None = None
    audio: dict[str, Any] | None = None
    prediction: dict[str, Any] | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    user: str | None = None
    streaming: bool = True
    stream_usage: bool = True
    include_response_headers: bool = False
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    extra_body: dict[str, Any] | None = None

    @property
    def model_name(self) -> str:
        return self.model

    @property
    def _llm_type(self) -> str:
        return "openai-chat"

    def bind_tools(
        self,
        tools: Sequence[Any],
        *,
        tool_choice: Any = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[Any, AIMessage]:
        """This model, told of *tools*: whatever ``convert_to_openai_tool`` takes.

        *tool_choice*: "auto", "none", "any" (also "required" or True: it must call one), or the name of the
        one it must call. *strict* has the server keep to their schemas; without *parallel_tool_calls* (False)
        it makes one call at most. *kwargs* are arguments of every call.
        """
        told = tool_arguments(tools, tool_choice, strict=strict, parallel_tool_calls=parallel_tool_calls)
        return self.bind(**told, **kwargs)

    def with_structured_output(
        self,
        schema: Any = None,
        *,
        method: Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[Any, Any]:
        """A chain that answers with what *schema* describes: an instance of a pydantic model, or a dict for
        a TypedDict, a JSON schema with a title or a function's description. A stream gives dicts as they
        grow, and an instance as soon as there is enough for one.

        *method*: "json_schema" has the server keep to the schema (*strict*: exactly; pydantic models are
        strict unless that is False); "function_calling" asks for a tool call; "json_mode" only for JSON,
        which the prompt must describe. A refusal, an answer cut off, without the call or that does not fit
        raises OutputParserError; with *include_raw* the output is ``{"raw": message, "parsed": ...,
        "parsing_error": ...}`` instead. *kwargs* are arguments of every call.
        """
        return structured(self, schema, method, include_raw=include_raw, strict=strict, **kwargs)

    # Answers

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        client = self._connected()
        request = self._request(messages, stop, kwargs)
        with self._reaching(client):
            response = client.chat.completions.with_raw_response.create(**request)
            return self._result(response, client)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        client = await self._async_connected()
        request = self._request(messages, stop, kwargs)
        with self._reaching(client):
            response = await client.chat.completions.with_raw_response.create(**request)
            return self._result(response, client)

    def _result(self, response: Any, client: Any) -> ChatResult:
        result = parsed(response.http_response, self._label(client), chat_result)
        if self.include_response_headers:
            for generation in result.generations:
                generation.message.response_metadata["headers"] = dict(response.headers)
        return result

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> Generator[AIMessageChunk, None, None]:
        client = self._connected()
        request = self._request(messages, stop, kwargs, stream=True)
        create = client.chat.completions.with_streaming_response.create
        with self._reaching(client), create(**request) as response:
            stream = EventStream(self._label(client), response.http_response)
            answer = self._answer(stream, response)
            for events in stream.batches():
                yield from answer.chunks(events)
        yield answer.end()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncGenerator[AIMessageChunk, None]:
        client = await self._async_connected()
        request = self._request(messages, stop, kwargs, stream=True)
        create = client.chat.completions.with_streaming_response.create
        with self._reaching(client):
            async with create(**request) as response:
                stream = EventStream(self._label(client), response.http_response)
                answer = self._answer(stream, response)
                async with aclosing(stream.abatches()) as batches:
                    async for events in batches:
                        for chunk in answer.chunks(events):
                            yield chunk
        yield answer.end()

    def _answer(self, stream: EventStream, response: Any) -> ChatAnswer:
        return ChatAnswer(stream, response.headers if self.include_response_headers else None)

    def _streams(self, scope: Any) -> bool:
        # Of several answers side by side a stream could only be one: the others would be paid for and lost.
        return self.streaming and (self.n or 1) == 1 and super()._streams(scope)

    # Requests

    def _request(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        extra: Mapping[str, Any],
        stream: bool = False,
    ) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self.model, "messages": [message_to_openai(m) for m in messages]}
        request |= given_fields(self, _REQUEST_FIELDS)
        if stop is not None:
            request["stop"] = stop
        if stream:
            request["stream"] = True
            if self.stream_usage:
                request["stream_options"] = {"include_usage": True}
        return as_body({**request, **self.model_kwargs, **extra}, "chat.completions")
