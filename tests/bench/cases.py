"""The cases: the same work written for the workbench and for the peer.

A case function runs its work once and returns seconds per unit (step, token, item) or, where ``unit`` says
so, another figure. Every case states the ratio to the peer it should reach.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

STEPS = 10
TOKENS = 1_000


@dataclass(frozen=True)
class Case:
    """``ours`` and ``peer`` each run once and return the figure; ``target``: ours over peer, at most."""

    name: str
    unit: str
    ours: Callable[[], float]
    peer: Callable[[], float]
    target: float
    repeats: int = 5


def inc(x: int) -> int:
    return x + 1


async def ainc(x: int) -> int:
    return x + 1


def _timed(work: Callable[[], Any], units: int) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) / units


def _atimed(work: Callable[[], Any], units: int) -> float:
    async def main() -> float:
        await work()  # the loop's and the threads' first time
        started = time.perf_counter()
        await work()
        return (time.perf_counter() - started) / units

    return asyncio.run(main())


async def _drain(stream: Any) -> None:
    async for _ in stream:
        pass


def _import_cost(module: str, figure: str) -> float:
    """Seconds, or MiB of resident memory, that importing *module* costs a fresh interpreter."""
    script = (
        "import sys, time, resource\n"
        "def rss():\n"
        "    return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize() / 2**20\n"
        "before, started = rss(), time.perf_counter()\n"
        f"import {module}\n"
        "print(time.perf_counter() - started, rss() - before)"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    seconds, mib = map(float, out.split())
    return seconds if figure == "s" else mib


class Ours:
    """The work on the workbench."""

    def __init__(self) -> None:
        from workbench import (
            ChatPromptTemplate,
            FakeChatModel,
            RunnableLambda,
            RunnablePassthrough,
            RunnableSequence,
            StrOutputParser,
        )

        self.observed = {"callbacks": [lambda event: None]}
        self.steps = RunnableSequence(*[RunnableLambda(inc)] * STEPS)
        self.asteps = RunnableSequence(*[RunnableLambda(ainc)] * STEPS)
        model = FakeChatModel(responses=["one two three"])
        self.chat = ChatPromptTemplate.from_template("tell me about {topic}") | model | StrOutputParser()

        def tokens(n: int) -> Any:
            def sync(x: Any) -> Any:
                for _ in range(n):
                    yield "token "

            async def asynchronous(x: Any) -> Any:
                for _ in range(n):
                    yield "token "

            return (
                RunnableLambda(sync) | RunnablePassthrough() | RunnablePassthrough(),
                RunnableLambda(asynchronous) | RunnablePassthrough() | RunnablePassthrough(),
            )

        self.tokens = tokens
        self.single = RunnableLambda(inc)
        self.asingle = RunnableLambda(ainc)


class Peer:
    """The same on langchain-core."""

    def __init__(self) -> None:
        import warnings

        warnings.simplefilter("ignore")
        from langchain_core.callbacks import BaseCallbackHandler
        from langchain_core.language_models import FakeListChatModel
        from langchain_core.output_parsers import StrOutputParser
        from langchain_core.prompts import ChatPromptTemplate
        from langchain_core.runnables import (
            RunnableGenerator,
            RunnableLambda,
            RunnablePassthrough,
            RunnableSequence,
        )

        class Handler(BaseCallbackHandler):
            def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
                pass

            def on_chain_end(self, *args: Any, **kwargs: Any) -> None:
                pass

        self.observed = {"callbacks": [Handler()]}
        self.steps = RunnableSequence(*[RunnableLambda(inc)] * STEPS)
        self.asteps = RunnableSequence(*[RunnableLambda(ainc)] * STEPS)
        model = FakeListChatModel(responses=["one two three"])
        self.chat = ChatPromptTemplate.from_template("tell me about {topic}") | model | StrOutputParser()

        def tokens(n: int) -> Any:
            def sync(chunks: Any) -> Any:
                for _ in chunks:
                    for _ in range(n):
                        yield "token "

            async def asynchronous(chunks: Any) -> Any:
                async for _ in chunks:
                    for _ in range(n):
                        yield "token "

            return (
                RunnableGenerator(sync) | RunnablePassthrough() | RunnablePassthrough(),
                RunnableGenerator(asynchronous) | RunnablePassthrough() | RunnablePassthrough(),
            )

        self.tokens = tokens
        self.single = RunnableLambda(inc)
        self.asingle = RunnableLambda(ainc)


def all_cases() -> list[Case]:
    """Every case, in the order of the table."""
    sides = (Ours(), Peer())

    def case(name: str, unit: str, work: Callable[[Any], float], target: float, repeats: int = 5) -> Case:
        ours, peer = sides
        return Case(name, unit, lambda: work(ours), lambda: work(peer), target, repeats)

    def invoke(side: Any, config: Any = None, rounds: int = 50) -> float:
        return _timed(lambda: [side.steps.invoke(0, config) for _ in range(rounds)], rounds * STEPS)

    def ainvoke(side: Any, chain: str, config: Any = None, rounds: int = 20) -> float:
        async def work() -> None:
            for _ in range(rounds):
                await getattr(side, chain).ainvoke(0, config)

        return _atimed(work, rounds * STEPS)

    def stream(side: Any) -> float:
        chain = side.tokens(TOKENS)[0]
        return _timed(lambda: list(chain.stream("x")), TOKENS)

    def astream(side: Any, method: str, n: int = TOKENS, **options: Any) -> float:
        chain = side.tokens(n)[1]

        async def main() -> float:
            started = time.perf_counter()
            await _drain(getattr(chain, method)("x", **options))
            return (time.perf_counter() - started) / n

        return asyncio.run(main())

    def batch(side: Any) -> float:
        return _timed(lambda: side.single.batch(list(range(1000))), 1000)

    def abatch(side: Any) -> float:
        return _atimed(lambda: side.asingle.abatch(list(range(1000))), 1000)

    def chat(side: Any) -> float:
        return _timed(lambda: [side.chat.invoke({"topic": "bears"}) for _ in range(30)], 30)

    return [
        Case("import", "s", lambda: _import_cost("workbench", "s"), lambda: _peer_import("s"), 1 / 5),
        Case(
            "memory after import",
            "MiB",
            lambda: _import_cost("workbench", "MiB"),
            lambda: _peer_import("MiB"),
            1 / 5,
        ),
        case("invoke, no observer", "s/step", invoke, 1 / 50),
        case("invoke, one observer", "s/step", lambda side: invoke(side, side.observed), 1 / 20),
        case("ainvoke, async functions", "s/step", lambda side: ainvoke(side, "asteps"), 1 / 50),
        case(
            "ainvoke, async, one observer",
            "s/step",
            lambda side: ainvoke(side, "asteps", side.observed),
            1 / 20,
        ),
        case("ainvoke, sync functions", "s/step", lambda side: ainvoke(side, "steps"), 1 / 4),
        case("prompt | model | parser", "s/call", chat, 1 / 15),
        case("stream", "s/token", stream, 1.0),
        case("astream", "s/token", lambda side: astream(side, "astream"), 1 / 10),
        case("astream_log, 1,000 tokens", "s/token", lambda side: astream(side, "astream_log"), 1 / 20, 3),
        case(
            "astream_log, 10,000 tokens",
            "s/token",
            lambda side: astream(side, "astream_log", 10_000),
            1 / 20,
            2,
        ),
        case("astream_events v2", "s/token", lambda side: astream(side, "astream_events"), 1 / 12, 3),
        case(
            "astream_events v1",
            "s/token",
            lambda side: astream(side, "astream_events", version="v1"),
            1 / 12,
            3,
        ),
        case("batch", "s/item", batch, 1 / 6),
        case("abatch", "s/item", abatch, 1 / 6),
    ]


def _peer_import(figure: str) -> float:
    return _import_cost("langchain_core.runnables, langchain_core.prompts", figure)
