"""VectorStoreRetriever: a vector store as a step of a chain."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from ..documents import Document
from ..retriever import BaseRetriever
from .base import VectorStore

__all__ = ["VectorStoreRetriever"]

SEARCH_TYPES = ("similarity", "mmr", "similarity_score_threshold")


class VectorStoreRetriever(BaseRetriever):
    """What ``store.as_retriever()`` gives. ``search_kwargs`` go to the store's search, and arguments of a
    call over them: ``retriever.bind(k=1)``.

    >>> from workbench import InMemoryVectorStore, LocalEmbeddings
    >>> texts = ["harrison worked at kensho", "bears like to eat honey"]
    >>> retriever = InMemoryVectorStore.from_texts(texts, LocalEmbeddings()).as_retriever()
    >>> retriever.bind(k=1).invoke("where did harrison work?")
    [Document(page_content='harrison worked at kensho')]
    """

    vectorstore: VectorStore
    search_type: str = "similarity"
    search_kwargs: dict[str, Any] = Field(default_factory=dict)

    @field_validator("search_type")
    @classmethod
    def _known(cls, given: str) -> str:
        if given not in SEARCH_TYPES:
            raise ValueError(f"search_type: expected one of {', '.join(SEARCH_TYPES)}, got {given!r}")
        return given

    @model_validator(mode="after")
    def _complete(self) -> VectorStoreRetriever:
        threshold = self.search_kwargs.get("score_threshold")
        if self.search_type == "similarity_score_threshold" and not isinstance(threshold, float | int):
            raise ValueError(
                "search_type 'similarity_score_threshold' needs search_kwargs={'score_threshold': 0.5} "
                f"(or another number from 0 to 1), got {self.search_kwargs!r:.80}"
            )
        return self

    def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        options = {**self.search_kwargs, **kwargs}
        if self.search_type == "mmr":
            return self.vectorstore.max_marginal_relevance_search(query, **options)
        if self.search_type == "similarity":
            return self.vectorstore.similarity_search(query, **options)
        found = self.vectorstore.similarity_search_with_relevance_scores(query, **options)
        return [document for document, _ in found]

    async def _aget_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        options = {**self.search_kwargs, **kwargs}
        if self.search_type == "mmr":
            return await self.vectorstore.amax_marginal_relevance_search(query, **options)
        if self.search_type == "similarity":
            return await self.vectorstore.asimilarity_search(query, **options)
        found = await self.vectorstore.asimilarity_search_with_relevance_scores(query, **options)
        return [document for document, _ in found]

    def add_documents(self, documents: list[Document], **options: Any) -> list[str]:
        """Add documents to the store."""
        return self.vectorstore.add_documents(documents, **options)

    async def aadd_documents(self, documents: list[Document], **options: Any) -> list[str]:
        """``add_documents`` on the running event loop."""
        return await self.vectorstore.aadd_documents(documents, **options)
