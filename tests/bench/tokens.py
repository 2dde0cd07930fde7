"""What a streamed token costs: through generator steps, and from a chat model to its parser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .case import Case, drain, growth, ratio, timed
from .sides import TOPIC

__all__ = ["cases", "per_token"]

TOKENS = 1_000

Chain = Callable[[int], Any]


def cases(sides: tuple[Any, Any]) -> list[Case]:
    ours, _ = sides

    def stream(side: Any, chain: str) -> float:
        tokens = getattr(side, chain)(TOKENS)
        return timed(lambda: list(tokens.stream(TOPIC)), TOKENS)

    def case(name: str, chain: str, target: float, method: str, repeats: int = 5, **options: Any) -> Case:
        def work(side: Any) -> float:
            return per_token(getattr(side, chain), method, TOKENS, **options)

        return ratio(name, "s/token", work, sides, target, repeats=repeats)

    def v1(n: int) -> float:
        return per_token(ours.chat, "astream_events", n, version="v1")

    return [
        ratio("stream, generator", "s/token", lambda side: stream(side, "generator"), sides, 1.0, repeats=9),
        ratio("stream, chat model", "s/token", lambda side: stream(side, "chat"), sides, 1.0),
        case("astream, generator", "agenerator", 1 / 10, "astream"),
        case("astream, chat model", "chat", 1 / 10, "astream"),
        case("astream_events v2, generator", "agenerator", 1 / 12, "astream_events", 3, version="v2"),
        case("astream_events v2, chat model", "chat", 1 / 12, "astream_events", 3, version="v2"),
        case("astream_events v1, generator", "agenerator", 1 / 12, "astream_events", 3, version="v1"),
        case("astream_events v1, chat model", "chat", 1 / 12, "astream_events", 3, version="v1"),
        growth("astream_events v1, 4,000 tokens over 1,000", v1, 1_000, 4_000),
    ]


def per_token(chain: Chain, method: str, n: int, **options: Any) -> float:
    """Seconds a token takes to come out of an asynchronous stream of *n*."""
    tokens = chain(n)
    return timed(lambda: asyncio.run(drain(getattr(tokens, method)(TOPIC, **options))), n)
