"""ChatLocal: the model that runs in this process, behind the same client as any other.

The first call pulls the weights if they are not there, and starts the server on a loopback port.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, closing
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from ...messages import AIMessageChunk, BaseMessage, convert_to_messages
from ...tools.openai_format import convert_to_openai_tool
from ..generations import ChatResult
from ..openai.chat import ChatOpenAI
from .constraints import constrained
from .tool_calls import CallReader, called

__all__ = ["ChatLocal"]

_JSON_TOKENS = 768


class ChatLocal(ChatOpenAI):
    """A chat model in this process, on llama.cpp; see ``workbench models list`` for the models.

    ``max_tokens`` is 256 unless you set it, because small models tend to go on; 768 where it writes JSON.

    A grammar enforces tools (one call at a time) and structured output: what it writes always fits the
    schema, whether it makes sense or not. ValueError for a schema with patterns, "not" or endless recursion.

    >>> from workbench import ChatLocal
    >>> model = ChatLocal(temperature=0, max_tokens=40)  # the server starts at the first call
    >>> model.model_name, model.max_tokens
    ('smollm2', 40)
    """

    model: str = Field(default="smollm2", alias="model_name")
    max_tokens: int | None = Field(default=256, ge=1)

    # llama.cpp ends a cancelled request at its next token, but notices the end of one that does not stream
    # only after seconds.
    _prefers_streaming: ClassVar[bool] = True
    _is_free: ClassVar[bool] = True
    _server: Any = PrivateAttr(None)

    @property
    def _llm_type(self) -> str:
        return "local"

    def _client_options(self, asynchronous: bool) -> dict[str, Any]:
        import openai

        from .server import get_server

        self._server = get_server(self.model)
        # A proxy from the environment must not see what goes to this very process.
        make = openai.DefaultAsyncHttpxClient if asynchronous else openai.DefaultHttpxClient
        return {
            **super()._client_options(asynchronous),
            "base_url": self._server.base_url,
            "http_client": make(trust_env=False),
        }

    def _credentials(self) -> dict[str, Any]:
        return {"api_key": self._server.api_key}

    def _request(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        extra: Mapping[str, Any],
        stream: bool = False,
    ) -> dict[str, Any]:
        from .server import REQUEST_OPTIONS

        has_form = extra.get("tools") or extra.get("response_format")
        if has_form and "max_tokens" not in self.model_fields_set:
            extra = {"max_tokens": _JSON_TOKENS, **extra}
        # With these a stream can be cancelled while its prompt is still being read.
        request = super()._request(messages, stop, {**REQUEST_OPTIONS, **extra} if stream else extra, stream)
        return constrained(request)

    # Tokens: the model's own tokenizer counts them

    def get_num_tokens(self, text: str) -> int:
        """How many tokens the model reads in a text."""
        return len(self._post("/tokenize", {"content": text})["tokens"])

    def get_num_tokens_from_messages(self, messages: Any, tools: Any = None) -> int:
        """How many tokens the model reads of messages, with the template that they go into."""
        asked = self._request(convert_to_messages(messages), None, {})["messages"]
        offered = [convert_to_openai_tool(each) for each in tools or ()]
        prompt = self._post("/apply-template", {"messages": asked, **({"tools": offered} if offered else {})})
        return self.get_num_tokens(prompt["prompt"])

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        """The answer of an endpoint that is not part of OpenAI's API."""
        client = self._connected()
        address = self._server.base_url.removesuffix("/v1") + path
        with self._reaching(client):
            return client.post(address, body=body, cast_to=object)

    # Tools: calls are in the text

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _with_calls(super()._generate(messages, stop, run_manager, **kwargs), kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _with_calls(await super()._agenerate(messages, stop, run_manager, **kwargs), kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> Generator[AIMessageChunk, None, None]:
        stream = super()._stream(messages, stop, run_manager, **kwargs)
        if not kwargs.get("tools"):
            yield from stream
            return
        reader = CallReader()
        with closing(stream):
            for chunk in stream:
                yield from reader.read(chunk)
        yield from reader.rest()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncGenerator[AIMessageChunk, None]:
        reader = CallReader() if kwargs.get("tools") else None
        async with aclosing(super()._astream(messages, stop, run_manager, **kwargs)) as stream:
            async for chunk in stream:
                if reader is None:
                    yield chunk
                    continue
                for piece in reader.read(chunk):
                    yield piece
        for piece in reader.rest() if reader is not None else ():
            yield piece


def _with_calls(result: ChatResult, kwargs: Mapping[str, Any]) -> ChatResult:
    if kwargs.get("tools"):
        for generation in result.generations:
            generation.message = called(generation.message)
    return result
