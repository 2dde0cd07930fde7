"""A retriever as a tool: a model asks, and reads the documents."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from ..engine.scope import Callbacks
from ..runnables.base import Runnable
from ..text.excerpts import short_repr
from ..tools.base import ResponseFormat
from ..tools.function_tools import StructuredTool
from .documents import Document

__all__ = ["create_retriever_tool"]


class RetrieverInput(BaseModel):
    """What a model gives."""

    query: str = Field(description="what to look for")


def create_retriever_tool(
    retriever: Runnable[str, list[Document]],
    name: str,
    description: str,
    *,
    document_prompt: Any = None,
    document_separator: str = "\n\n",
    response_format: ResponseFormat = "content",
) -> StructuredTool:
    """A tool that gives the texts of the documents which *retriever* finds for a query.

    *document_prompt*: a template for each, of ``page_content`` and keys of the metadata; KeyError for a
    document that lacks one. ``response_format="content_and_artifact"`` gives the documents as artifact.

    >>> from workbench import DeterministicFakeEmbedding, InMemoryVectorStore, create_retriever_tool
    >>> store = InMemoryVectorStore.from_texts(["bears sleep in winter"], DeterministicFakeEmbedding(size=64))
    >>> look_up = create_retriever_tool(store.as_retriever(), "look_up", "Finds facts about animals.")
    >>> look_up.invoke({"query": "what do bears do?"})
    'bears sleep in winter'
    """

    def output(documents: list[Document]) -> Any:
        content = document_separator.join(_text(document, document_prompt) for document in documents)
        return (content, documents) if response_format == "content_and_artifact" else content

    def retrieve(query: str, callbacks: Callbacks | None = None) -> Any:
        return output(retriever.invoke(query, {"callbacks": callbacks}))

    async def aretrieve(query: str, callbacks: Callbacks | None = None) -> Any:
        return output(await retriever.ainvoke(query, {"callbacks": callbacks}))

    return StructuredTool(
        name=name,
        description=description,
        func=retrieve,
        coroutine=aretrieve,
        args_schema=RetrieverInput,
        response_format=response_format,
    )


def _text(document: Document, prompt: Any) -> str:
    """What the model reads of a document: its text, or *prompt* (a ``BasePromptTemplate``) filled in."""
    if prompt is None:
        return document.page_content
    values = {**document.metadata, "page_content": document.page_content}
    if missing := [key for key in prompt.input_variables if key not in values]:
        raise KeyError(
            f"document_prompt: expected {missing[0]!r} in the metadata of each document, got "
            f"{', '.join(map(repr, document.metadata)) or 'none'} in {short_repr(document)}"
        )
    return str(prompt.format(**{key: values[key] for key in prompt.input_variables}))
