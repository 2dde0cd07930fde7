"""ChatOpenAI: chat models behind OpenAI's API or any server that speaks it, through the ``openai`` package.

Closing a stream early, or cancelling the task that awaits an answer, closes the connection, which ends
the generation at the server. Errors of the ``openai`` package pass through with the server's message and a
note that names model and address; an answer that is cut off or none at all is a ModelAnswerError.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from typing import Any

from pydantic import Field

from ...messages import AIMessage, AIMessageChunk, BaseMessage
from ...messages.conversion import message_to_openai
from ...runnables.base import Runnable
from ..chat import BaseChatModel
from ..generations import ChatResult
from ..structured import Method, structured, tool_arguments
from .calls import CompletionsClient, parsed
from .chunks import ChatAnswer
from .messages import chat_result
from .stream import EventStream

__all__ = ["ChatOpenAI"]

DEFAULT_MODEL = "gpt-4o-mini"


class ChatOpenAI(CompletionsClient, BaseChatModel):
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

    _resource = "chat.completions"

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
        """This model, which may call *tools*: anything that ``convert_to_openai_tool`` takes.

        *tool_choice*: "auto", "none", "any" (also "required" or True: it must call one), or the name of the
        one it must call. *strict* has the server keep to their schemas; without *parallel_tool_calls* (False)
        it makes one call at most. *kwargs* are arguments of every call.
        """
        arguments = tool_arguments(tools, tool_choice, strict=strict, parallel_tool_calls=parallel_tool_calls)
        return self.bind(**arguments, **kwargs)

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
        return self._request_whole(messages, stop, kwargs)  # type: ignore[no-any-return]  # a result of _result

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await self._arequest_whole(messages, stop, kwargs)  # type: ignore[no-any-return]  # a result of _result

    def _result(self, response: Any, label: str, asked: list[BaseMessage]) -> ChatResult:
        result = parsed(response.http_response, label, chat_result)
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
        return self._request_stream(messages, stop, kwargs)

    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncGenerator[AIMessageChunk, None]:
        return self._arequest_stream(messages, stop, kwargs)

    def _answer(self, stream: EventStream, response: Any) -> ChatAnswer:
        return ChatAnswer(stream, response.headers if self.include_response_headers else None)

    def _streams(self, scope: Any) -> bool:
        # Of several answers side by side a stream could only be one: the others would be paid for and lost.
        return self.streaming and (self.n or 1) == 1 and super()._streams(scope)

    def _request(
        self,
        asked: list[BaseMessage],
        stop: list[str] | None,
        extra: Mapping[str, Any],
        stream: bool = False,
    ) -> dict[str, Any]:
        return super()._request({"messages": [message_to_openai(m) for m in asked]}, stop, extra, stream)
