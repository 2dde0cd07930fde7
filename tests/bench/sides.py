"""The same chains on both sides, under the same names, so that a case is written once.

``steps``, ``asteps``: ten functions in a row; ``single``, ``asingle``: one. ``observed``: a config with one
observer. ``generator(n)``, ``agenerator(n)``: a generator of n tokens and two steps that let them by;
``chat(n)``: prompt | chat model | parser, the model streaming n one-word tokens. ``napping(...)`` makes
chains of functions that sleep.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

__all__ = ["STEPS", "TOPIC", "Ours", "Peer"]

STEPS = 10
TOPIC = {"topic": "bears"}
TOKEN = "token "
TEMPLATE = "tell me about {topic}"


def inc(x: int) -> int:
    return x + 1


async def ainc(x: int) -> int:
    return x + 1


class _Side:
    """What is made of the same few classes on both sides."""

    Lambda: Any
    Parallel: Any
    Sequence: Any
    RunLogPatch: Any
    observed: dict[str, Any]

    def _make_steps(self) -> None:
        self.steps = self.Sequence(*[self.Lambda(inc)] * STEPS)
        self.asteps = self.Sequence(*[self.Lambda(ainc)] * STEPS)
        self.single = self.Lambda(inc)
        self.asingle = self.Lambda(ainc)

    def napping(self, seconds: float) -> Any:
        """A step that sleeps, in both forms."""

        async def anap(x: Any) -> Any:
            await asyncio.sleep(seconds)
            return x

        def nap(x: Any) -> Any:
            time.sleep(seconds)
            return x

        return self.Lambda(nap, afunc=anap)

    def napping_as_told(self, naps: Sequence[Sequence[float]]) -> Any:
        """One step per list of naps; input *i* sleeps for the *i*-th of each."""

        def step(own: Sequence[float]) -> Any:
            async def anap(index: int) -> int:
                await asyncio.sleep(own[index])
                return index

            def nap(index: int) -> int:
                time.sleep(own[index])
                return index

            return self.Lambda(nap, afunc=anap)

        return self.Sequence(*map(step, naps))


class Ours(_Side):
    """The work on the workbench."""

    def __init__(self) -> None:
        from workbench import (
            AIMessageChunk,
            ChatPromptTemplate,
            RunLogPatch,
            RunnableLambda,
            RunnableParallel,
            RunnablePassthrough,
            RunnableSequence,
            StrOutputParser,
        )
        from workbench.models.chat import BaseChatModel
        from workbench.models.generations import ChatGenerationChunk

        class Model(BaseChatModel):
            n: int

            def _stream(self, messages: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
                for _ in range(self.n):
                    yield ChatGenerationChunk(message=AIMessageChunk(content=TOKEN))

            async def _astream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
                for _ in range(self.n):
                    yield ChatGenerationChunk(message=AIMessageChunk(content=TOKEN))

        self.Lambda, self.Sequence, self.Parallel = RunnableLambda, RunnableSequence, RunnableParallel
        self.RunLogPatch = RunLogPatch
        self.observed = {"callbacks": [lambda event: None]}
        self._make_steps()
        self._between = RunnablePassthrough
        self.chat = lambda n: ChatPromptTemplate.from_template(TEMPLATE) | Model(n=n) | StrOutputParser()

    def generator(self, n: int) -> Any:
        def tokens(x: Any) -> Any:
            for _ in range(n):
                yield TOKEN

        return self.Lambda(tokens) | self._between() | self._between()

    def agenerator(self, n: int) -> Any:
        async def tokens(x: Any) -> Any:
            for _ in range(n):
                yield TOKEN

        return self.Lambda(tokens) | self._between() | self._between()

    def fixed_chat(self) -> Any:
        """prompt | chat model | parser, the model giving its whole answer at once."""
        from workbench import ChatPromptTemplate, FakeChatModel, StrOutputParser

        model = FakeChatModel(responses=["one two three"])
        return ChatPromptTemplate.from_template(TEMPLATE) | model | StrOutputParser()


class Peer(_Side):
    """The same on langchain-core."""

    def __init__(self) -> None:
        from langchain_core.callbacks import BaseCallbackHandler
        from langchain_core.language_models import BaseChatModel
        from langchain_core.messages import AIMessage, AIMessageChunk
        from langchain_core.output_parsers import StrOutputParser
        from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
        from langchain_core.prompts import ChatPromptTemplate
        from langchain_core.runnables import (
            RunnableGenerator,
            RunnableLambda,
            RunnableParallel,
            RunnablePassthrough,
            RunnableSequence,
        )
        from langchain_core.tracers.log_stream import RunLogPatch

        class Handler(BaseCallbackHandler):
            def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
                pass

            def on_chain_end(self, *args: Any, **kwargs: Any) -> None:
                pass

        class Model(BaseChatModel):
            n: int

            @property
            def _llm_type(self) -> str:
                return "words"

            def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
                return ChatResult(generations=[ChatGeneration(message=AIMessage(content=TOKEN * self.n))])

            def _stream(self, messages: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
                for _ in range(self.n):
                    yield ChatGenerationChunk(message=AIMessageChunk(content=TOKEN))

            async def _astream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
                for _ in range(self.n):
                    yield ChatGenerationChunk(message=AIMessageChunk(content=TOKEN))

        warnings.simplefilter("ignore")  # after the imports, which set filters of their own
        self.Lambda, self.Sequence, self.Parallel = RunnableLambda, RunnableSequence, RunnableParallel
        self.RunLogPatch = RunLogPatch
        self.observed = {"callbacks": [Handler()]}
        self._make_steps()
        self._generator = RunnableGenerator
        self._between = RunnablePassthrough
        self.chat = lambda n: ChatPromptTemplate.from_template(TEMPLATE) | Model(n=n) | StrOutputParser()

    # A generator as a RunnableLambda does not stream here: only as a RunnableGenerator.

    def generator(self, n: int) -> Any:
        def tokens(chunks: Any) -> Any:
            for _ in chunks:
                for _ in range(n):
                    yield TOKEN

        return self._generator(tokens) | self._between() | self._between()

    def agenerator(self, n: int) -> Any:
        async def tokens(chunks: Any) -> Any:
            async for _ in chunks:
                for _ in range(n):
                    yield TOKEN

        return self._generator(tokens) | self._between() | self._between()

    def fixed_chat(self) -> Any:
        from langchain_core.language_models import FakeListChatModel
        from langchain_core.output_parsers import StrOutputParser
        from langchain_core.prompts import ChatPromptTemplate

        model = FakeListChatModel(responses=["one two three"])
        return ChatPromptTemplate.from_template(TEMPLATE) | model | StrOutputParser()
