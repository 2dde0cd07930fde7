"""From the JSON of OpenAI's chat completions API to messages: whole answers, token counts.

Answers are read from plain dicts, the server's own, so that fields the ``openai`` package does not know yet
(or that only other servers send) are not lost. Streamed answers: see ``chunks``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...messages import AIMessage, ToolCallChunk, parse_tool_calls
from ..generations import ChatGeneration, ChatResult

__all__ = ["call_metadata", "chat_result", "choices_of", "usage_metadata"]

KEPT_PARTS = ("refusal", "reasoning_content", "function_call", "audio")
"""Parts of an answer beside its text and tool calls; they go into ``additional_kwargs``."""


def choices_of(completion: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a whole completion answers with. ValueError if that is nothing."""
    if not completion["choices"]:
        raise ValueError("a completion without choices")
    return completion["choices"]  # type: ignore[no-any-return]  # as the API says


def chat_result(completion: Mapping[str, Any]) -> ChatResult:
    """Every choice of a completion as a generation; the usage, which is of all of them, is on each.
    ValueError if there is none."""
    usage = usage_metadata(completion.get("usage"))
    about = call_metadata(completion)
    generations = []
    for choice in choices_of(completion):
        given = choice["message"]
        pieces = [
            ToolCallChunk(
                name=call["function"]["name"],
                args=call["function"]["arguments"],
                id=call.get("id"),
                index=number,
            )
            for number, call in enumerate(given.get("tool_calls") or ())
            if call.get("function")
        ]
        calls, invalid = parse_tool_calls(pieces)
        ended: dict[str, Any] = {"finish_reason": choice.get("finish_reason"), **about}
        if choice.get("logprobs"):
            ended["logprobs"] = choice["logprobs"]
        message = AIMessage(
            content=given.get("content") or "",
            id=completion.get("id") or None,
            additional_kwargs={name: given[name] for name in KEPT_PARTS if given.get(name)},
            tool_calls=calls,
            invalid_tool_calls=invalid,
            usage_metadata=usage,
            response_metadata=ended,
        )
        generations.append(ChatGeneration(message, ended))
    return ChatResult(generations, {"token_usage": completion.get("usage"), **about})


def call_metadata(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer, or an event of one, says of itself, for ``response_metadata``.

    >>> call_metadata({"model": "m", "id": "c1", "service_tier": None, "choices": []})
    {'model_name': 'm', 'id': 'c1'}
    """
    about = {"model_name": answer.get("model")}
    for name in ("id", "system_fingerprint", "service_tier"):
        if value := answer.get(name):
            about[name] = value
    return about


def usage_metadata(usage: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Token counts under the names of ``UsageMetadata``; details only as far as the server counts them.

    >>> usage_metadata({"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9,
    ...                 "prompt_tokens_details": {"cached_tokens": 5}})
    ... # doctest: +NORMALIZE_WHITESPACE
    {'input_tokens': 7, 'output_tokens': 2, 'total_tokens': 9,
     'input_token_details': {'cache_read': 5}}
    """
    if not usage:
        return None
    read, written = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    counts: dict[str, Any] = {
        "input_tokens": read,
        "output_tokens": written,
        "total_tokens": usage.get("total_tokens") or read + written,
    }
    asked, answered = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    if details := _details(asked, cache_read="cached_tokens", audio="audio_tokens"):
        counts["input_token_details"] = details
    if details := _details(answered, reasoning="reasoning_tokens", audio="audio_tokens"):
        counts["output_token_details"] = details
    return counts


def _details(given: Mapping[str, Any] | None, **names: str) -> dict[str, int]:
    return {ours: given[theirs] for ours, theirs in names.items() if given and given.get(theirs) is not None}
