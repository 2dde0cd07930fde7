"""OpenAI: models of text behind the completions API of OpenAI or any server that speaks it.

Keys, addresses, timeouts, errors and the reading of streams are those of ``ChatOpenAI``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from pydantic import Field

from ..generations import Generation, GenerationChunk, LLMResult
from ..llm import BaseLLM
from .calls import CompletionsClient, parsed
from .messages import call_metadata, choices_of, usage_metadata
from .stream import EventStream, StreamedAnswer

__all__ = ["OpenAI"]

DEFAULT_MODEL = "gpt-3.5-turbo-instruct"


class OpenAI(CompletionsClient, BaseLLM):
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

    _resource = "completions"

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
        return self._request_whole(prompts, stop, kwargs)  # type: ignore[no-any-return]  # a result of _result

    async def _agenerate(
        self, prompts: list[str], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> LLMResult:
        return await self._arequest_whole(prompts, stop, kwargs)  # type: ignore[no-any-return]  # a result of _result

    def _result(self, response: Any, label: str, asked: list[str]) -> LLMResult:
        return parsed(response.http_response, label, lambda given: llm_result(given, len(asked)))

    def _stream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[str | GenerationChunk]:
        return self._request_stream([prompt], stop, kwargs)

    def _astream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[str | GenerationChunk]:
        return self._arequest_stream([prompt], stop, kwargs)

    def _answer(self, stream: EventStream, response: Any) -> TextAnswer:
        return TextAnswer(stream)

    def _streams(self, scope: Any) -> bool:
        # Of several continuations side by side the events come mixed.
        return self.streaming and max(self.n or 1, self.best_of or 1) == 1 and super()._streams(scope)

    def _request(
        self, asked: list[str], stop: list[str] | None, extra: Mapping[str, Any], stream: bool = False
    ) -> dict[str, Any]:
        return super()._request({"prompt": asked if len(asked) > 1 else asked[0]}, stop, extra, stream)


class TextAnswer(StreamedAnswer):
    """A streamed continuation: its texts as they come, then what is known of the call."""

    def end(self) -> GenerationChunk:
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
        return choices[0]["text"] or None


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
