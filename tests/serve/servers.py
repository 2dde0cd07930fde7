"""Servers on this machine for the tests: real HTTP, on a free port, gone at the end of the block."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn

from workbench import (
    ChatPromptTemplate,
    FakeChatModel,
    JsonOutputParser,
    RunnableLambda,
    RunnableParallel,
    StrOutputParser,
)
from workbench.serve.server.listening import listen

__all__ = ["ANSWER", "chains", "running"]

ANSWER = "why did the bear laugh"


@contextlib.contextmanager
def running(app: Any) -> Iterator[str]:
    """The address of a server of any ASGI application."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def boom(value: Any) -> Any:
    raise ValueError(f"no joke about {value['topic']}")


def chains() -> dict[str, Any]:
    """What the tests serve, by path."""
    prompt = ChatPromptTemplate.from_template("a joke about {topic}")
    model = FakeChatModel(responses=[ANSWER])
    joke = prompt | model | StrOutputParser()
    return {
        "/joke": joke,
        "/model": model,
        "/prompt": prompt,
        "/both": RunnableParallel(joke=joke, topic=RunnableLambda(lambda x: x["topic"])),
        "/json": FakeChatModel(responses=['{"a": [1, 2], "b": "text"}']) | JsonOutputParser(),
        "/fails": prompt | model | StrOutputParser() | {"topic": str} | boom,
    }
