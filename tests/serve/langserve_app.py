"""The chains of ``servers``, made of langchain-core's parts and served by LangServe."""

from __future__ import annotations

import itertools
from typing import Any

from fastapi import FastAPI
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langserve import add_routes

from .servers import ANSWER

__all__ = ["langserve_app", "peer_joke"]


def peer_joke(answer: str = ANSWER) -> Any:
    """The peer's chain of a prompt, a fake model and a parser."""
    prompt = ChatPromptTemplate.from_template("a joke about {topic}")
    return prompt | peer_model(answer) | StrOutputParser()


def peer_model(answer: str = ANSWER) -> Any:
    return GenericFakeChatModel(messages=itertools.repeat(AIMessage(content=answer)))


def _boom(value: Any) -> Any:
    raise ValueError("no joke")


def langserve_app() -> Any:
    app = FastAPI()
    joke = peer_joke()
    add_routes(app, joke, path="/joke")
    add_routes(app, peer_model(), path="/model")
    add_routes(app, ChatPromptTemplate.from_template("a joke about {topic}"), path="/prompt")
    both = RunnableParallel(joke=joke, topic=RunnableLambda(lambda x: x["topic"]))
    add_routes(app, both.with_types(input_type=dict), path="/both")
    add_routes(app, joke | _boom, path="/fails")
    return app
