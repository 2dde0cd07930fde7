"""What the notebooks of the timeline's browser tests import: chains with known delays."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from workbench import RunnableLambda, RunnableParallel, compare
from workbench.models.fake import FakeChatModel

__all__ = ["RunnableParallel", "compare", "model", "nap"]


def nap(seconds: float, name: str) -> Any:
    """A step that sleeps, in both forms."""

    async def asleep(value: Any) -> Any:
        await asyncio.sleep(seconds)
        return value

    def sleep(value: Any) -> Any:
        time.sleep(seconds)
        return value

    return RunnableLambda(sleep, afunc=asleep, name=name)


def model(name: str, first_s: float = 0.1, each_s: float = 0.015, tokens: int = 6) -> Any:
    """A chat model that writes *tokens* words."""
    words = " ".join(["word"] * tokens)
    return FakeChatModel(responses=[words], delay_s=first_s, token_delay_s=each_s).with_config(run_name=name)
