"""What a token costs that comes over HTTP: ChatOpenAI's stream, to the chunk its caller gets, beside a bare
HTTP client that parses each event, and beside the SDK's own stream. 5,000 tokens, as fast as they come.

The column of the other side is that of the client the case's name says.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from .case import Case, timed
from .event_server import address

__all__ = ["cases"]

TOKENS = 5_000
MODEL = "gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "count"}]
REQUEST = {"model": MODEL, "messages": MESSAGES, "stream": True}

OVER_BARE, OVER_SDK = 1.6, 1 / 5

Figure = Callable[[], float]


def cases(sides: tuple[Any, Any]) -> list[Case]:
    others: list[tuple[str, str, Figure, float]] = [
        ("stream", "bare httpx client", _bare, OVER_BARE),
        ("stream", "openai's create(stream=True)", _sdk, OVER_SDK),
        ("astream", "bare httpx client", lambda: asyncio.run(_abare()), OVER_BARE),
        ("astream", "openai's create(stream=True)", lambda: asyncio.run(_asdk()), OVER_SDK),
    ]
    ours = {"stream": _ours, "astream": lambda: asyncio.run(_aours())}
    return [
        Case(f"ChatOpenAI.{form} over HTTP / {other}", "s/token", ours[form], figure, target, repeats=7)
        for form, other, figure, target in others
    ]


def _ours() -> float:
    model = _model()
    return _best(lambda: _counted(sum(bool(chunk.content) for chunk in model.stream("count"))))


async def _aours() -> float:
    model = _model()

    async def once() -> None:
        count = 0
        async for chunk in model.astream("count"):
            count += bool(chunk.content)
        _counted(count)

    return await _abest(once)


def _model() -> Any:
    from workbench import ChatOpenAI

    return ChatOpenAI(model=MODEL, base_url=address(TOKENS), api_key="none")


def _bare() -> float:
    import httpx

    def once() -> None:
        count = 0
        with client.stream("POST", f"{address(TOKENS)}/chat/completions", json=REQUEST) as response:
            for line in response.iter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    count += bool(json.loads(line[6:])["choices"][0]["delta"].get("content"))
        _counted(count)

    with httpx.Client(trust_env=False) as client:
        return _best(once)


async def _abare() -> float:
    import httpx

    async def once() -> None:
        count = 0
        async with client.stream("POST", f"{address(TOKENS)}/chat/completions", json=REQUEST) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    count += bool(json.loads(line[6:])["choices"][0]["delta"].get("content"))
        _counted(count)

    async with httpx.AsyncClient(trust_env=False) as client:
        return await _abest(once)


def _sdk() -> float:
    import openai

    def once() -> None:
        events = client.chat.completions.create(**REQUEST)  # type: ignore[call-overload]  # a dict's
        _counted(sum(bool(event.choices[0].delta.content) for event in events))

    with openai.OpenAI(base_url=address(TOKENS), api_key="none") as client:
        return _best(once)


async def _asdk() -> float:
    import openai

    async def once() -> None:
        count = 0
        async for event in await client.chat.completions.create(**REQUEST):  # type: ignore[call-overload]
            count += bool(event.choices[0].delta.content)
        _counted(count)

    async with openai.AsyncOpenAI(base_url=address(TOKENS), api_key="none") as client:
        return await _abest(once)


def _counted(tokens: int) -> None:
    """A client that skips tokens would be fast."""
    if tokens != TOKENS:
        raise AssertionError(f"{tokens} of {TOKENS} tokens came")


def _best(once: Callable[[], None]) -> float:
    """Seconds a token, on a connection that stands."""
    once()
    return min(timed(once, TOKENS) for _ in range(2))


async def _abest(once: Callable[[], Any]) -> float:
    from time import perf_counter

    await once()
    figures = []
    for _ in range(2):
        started = perf_counter()
        await once()
        figures.append((perf_counter() - started) / TOKENS)
    return min(figures)
