"""A process that serves one chain, by us or by LangServe: prompt, fake model, parser; to its parent's end.

``python -m tests.bench.serve_app SIDE TOKENS`` prints its port. Both models give a token each turn of the
event loop, and neither waits.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import uvicorn

from workbench.serve.server.listening import listen

__all__ = ["SIDES", "words"]

SIDES = ("ours", "langserve")


def words(tokens: int) -> list[str]:
    return [f"w{number:03d} " for number in range(tokens)]


def our_app(tokens: int) -> Any:
    from workbench import AIMessageChunk, BaseChatModel, ChatPromptTemplate, StrOutputParser
    from workbench.serve.server.app import create_app

    class Model(BaseChatModel):
        async def _astream(self, messages: Any, stop: Any = None, **kwargs: Any) -> Any:
            for word in words(tokens):
                await asyncio.sleep(0)
                yield AIMessageChunk(content=word)

        @property
        def _llm_type(self) -> str:
            return "bench"

    prompt: Any = ChatPromptTemplate.from_template("{topic}")
    return create_app({"/chain": prompt | Model() | StrOutputParser()})


def langserve_app(tokens: int) -> Any:
    from fastapi import FastAPI
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.outputs import ChatGenerationChunk
    from langchain_core.prompts import ChatPromptTemplate
    from langserve import add_routes

    class Model(BaseChatModel):  # type: ignore[misc]  # without types here
        async def _astream(self, messages: Any, stop: Any = None, **kwargs: Any) -> Any:
            for word in words(tokens):
                await asyncio.sleep(0)
                yield ChatGenerationChunk(message=AIMessageChunk(content=word))

        def _generate(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

        @property
        def _llm_type(self) -> str:
            return "bench"

    app = FastAPI()
    add_routes(app, ChatPromptTemplate.from_template("{topic}") | Model() | StrOutputParser(), path="/chain")
    return app


def main(side: str, tokens: int) -> None:
    app = our_app(tokens) if side == "ours" else langserve_app(tokens)
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", access_log=False))

    def end_with_parent() -> None:
        sys.stdin.read()
        server.should_exit = server.force_exit = True

    threading.Thread(target=end_with_parent, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    server.run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
