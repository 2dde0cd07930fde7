"""Chat models for tests: they answer from a list, token by token, after stated delays."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Iterator
from itertools import count
from typing import Any

from pydantic import Field, PrivateAttr

from ..components.messages import AIMessage, AIMessageChunk, BaseMessage
from .base import BaseChatModel, ChatGeneration, ChatResult

__all__ = ["FakeChatModel"]


_ANSWERS: tuple[str | Exception, ...] = ("a fake answer",)


class FakeChatModel(BaseChatModel):
    """Gives its *responses* in turn, and again from the first.

    Streams them word by word (spaces are tokens of their own). ``delay_s`` passes before the first token,
    ``token_delay_s`` before each further one. A response that is an exception is raised.
    """

    responses: list[str | Exception] = Field(default_factory=lambda: list(_ANSWERS), min_length=1)
    delay_s: float = 0.0
    token_delay_s: float = 0.0
    _number: Iterator[int] = PrivateAttr(default_factory=count)  # safe to take from in several threads

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        text, delay_s = self._whole()
        if delay_s:
            time.sleep(delay_s)
        return _result(text)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        text, delay_s = self._whole()
        if delay_s:
            await asyncio.sleep(delay_s)
        return _result(text)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        for token, delay_s in self._timed():
            if delay_s:
                time.sleep(delay_s)
            yield AIMessageChunk(content=token)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncGenerator[AIMessageChunk, None]:
        for token, delay_s in self._timed():
            if delay_s:
                await asyncio.sleep(delay_s)
            yield AIMessageChunk(content=token)

    def _timed(self) -> Iterator[tuple[str, float]]:
        for number, token in enumerate(_tokens(self._response())):
            yield token, self.token_delay_s if number else self.delay_s

    def _whole(self) -> tuple[str, float]:
        """The next answer, and the seconds it takes."""
        text = self._response()
        if not self.token_delay_s:
            return text, self.delay_s
        return text, self.delay_s + self.token_delay_s * max(len(_tokens(text)) - 1, 0)

    def _response(self) -> str:
        response = self.responses[next(self._number) % len(self.responses)]
        if isinstance(response, Exception):
            raise response
        return response


def _tokens(text: str) -> list[str]:
    return [token for token in re.split(r"(\s)", text) if token]


def _result(text: str) -> ChatResult:
    return ChatResult([ChatGeneration(AIMessage(content=text))])
