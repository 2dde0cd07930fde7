"""VectorStore: documents, each under the vector of its text, found by nearness to another vector; and
VectorStoreRetriever, a store as a step of a chain.

A store of your own defines ``_insert``, ``_nearest``, ``delete`` and ``get_by_ids``, and the rest follows;
or ``similarity_search`` alone, which is what a retriever needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from ...text.excerpts import short_repr, typed_repr
from ..documents import Document
from ..embeddings import Embeddings
from ..retriever import BaseRetriever
from .inputs import Filter, check_filter, checked_count, documents_of, texts_of, with_ids
from .vectors import Vector, cosine, diverse

__all__ = ["Found", "VectorStore", "VectorStoreRetriever"]

T = TypeVar("T")
SEARCHES = {
    "similarity": "similarity_search",
    "mmr": "max_marginal_relevance_search",
    "similarity_score_threshold": "similarity_search_with_relevance_scores",
}
"""By a retriever's ``search_type``: the method of the store, which has an ``a`` twin."""


class Found(NamedTuple):
    """A document near a vector. ``score`` is the store's own measure."""

    document: Document
    score: float
    vector: Vector


class VectorStore:
    """See the module. ``k`` is how many documents to find; a store with fewer gives those it has. The ``a``
    forms embed on the running event loop and search in a thread.

    A query vector of another length than the store's raises DimensionError.

    >>> from workbench import InMemoryVectorStore, LocalEmbeddings
    >>> store = InMemoryVectorStore(LocalEmbeddings())
    >>> ids = store.add_texts(["bears sleep in winter", "cats purr"], metadatas=[{"page": 1}, {"page": 2}])
    >>> store.similarity_search("when does a bear rest?", k=1)
    [Document(page_content='bears sleep in winter', metadata={'page': 1})]
    >>> store.as_retriever(search_kwargs={"k": 1}).invoke("what do cats do?")
    [Document(page_content='cats purr', metadata={'page': 2})]
    """

    def __init__(self, embedding: Embeddings) -> None:
        if not isinstance(embedding, Embeddings):
            raise TypeError(f"{type(self).__name__}: expected Embeddings, got {typed_repr(embedding)}")
        self._embedding = embedding

    @property
    def embeddings(self) -> Embeddings | None:
        """The embeddings that make its vectors, if they are known."""
        return getattr(self, "_embedding", None)

    # What a store defines

    def _insert(self, documents: Sequence[Document], vectors: Sequence[Vector]) -> None:
        """Keep documents, whose ids are new, under vectors (one each)."""
        raise NotImplementedError(f"{type(self).__name__} cannot be added to: define _insert")

    def _nearest(self, vector: Vector, k: int, filter: Filter | None) -> list[Found]:
        """Up to *k* documents that pass the filter, nearest first."""
        raise NotImplementedError(f"{type(self).__name__} must define _nearest, or similarity_search")

    def delete(self, ids: Sequence[str]) -> None:
        """Remove documents; ids there are none of do not matter."""
        raise NotImplementedError(f"{type(self).__name__} cannot delete")

    def get_by_ids(self, ids: Sequence[str]) -> list[Document]:
        """The documents there are of these ids, in their order."""
        raise NotImplementedError(f"{type(self).__name__} cannot look up ids")

    # Made and filled

    @classmethod
    def from_texts(
        cls,
        texts: Sequence[str],
        embedding: Embeddings,
        metadatas: Sequence[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str] | None = None,
        **options: Any,
    ) -> Self:
        """A new store of these texts; *options* go to the class. ValueError if there is no text."""
        return cls.from_documents(documents_of(texts, metadatas), embedding, ids=ids, **options)

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[Document],
        embedding: Embeddings,
        *,
        ids: Sequence[str] | None = None,
        **options: Any,
    ) -> Self:
        """``from_texts`` for documents."""
        store = cls._new(documents, embedding, options)
        store.add_documents(documents, ids=ids)
        return store

    @classmethod
    async def afrom_texts(
        cls,
        texts: Sequence[str],
        embedding: Embeddings,
        metadatas: Sequence[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str] | None = None,
        **options: Any,
    ) -> Self:
        """``from_texts`` on the running event loop."""
        return await cls.afrom_documents(documents_of(texts, metadatas), embedding, ids=ids, **options)

    @classmethod
    async def afrom_documents(
        cls,
        documents: Sequence[Document],
        embedding: Embeddings,
        *,
        ids: Sequence[str] | None = None,
        **options: Any,
    ) -> Self:
        """``from_documents`` on the running event loop."""
        store = cls._new(documents, embedding, options)
        await store.aadd_documents(documents, ids=ids)
        return store

    @classmethod
    def _new(cls, documents: Sequence[Document], embedding: Embeddings, options: dict[str, Any]) -> Self:
        if not documents:
            raise ValueError(
                f"{cls.__name__}: expected at least one text, got none; for an empty store write "
                f"{cls.__name__}(embedding)"
            )
        return cls(embedding, **options)

    @classmethod
    def from_embeddings(
        cls,
        text_embeddings: Iterable[tuple[str, Vector]],
        embedding: Embeddings,
        metadatas: Sequence[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str] | None = None,
        **options: Any,
    ) -> Self:
        """A new store of texts whose vectors are known; *embedding* must be what made them."""
        store = cls(embedding, **options)
        store.add_embeddings(text_embeddings, metadatas, ids=ids)
        return store

    def add_embeddings(
        self,
        text_embeddings: Iterable[tuple[str, Vector]],
        metadatas: Sequence[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str] | None = None,
    ) -> list[str]:
        """``add_texts`` for texts whose vectors are known."""
        pairs = list(text_embeddings)
        named = with_ids(documents_of([text for text, _ in pairs], metadatas), ids)
        return self._add(named, [vector for _, vector in pairs])

    def add_texts(
        self,
        texts: Sequence[str],
        metadatas: Sequence[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str] | None = None,
    ) -> list[str]:
        """Add texts and return their ids: those given, else new ones. A text whose id is there already
        replaces that."""
        return self.add_documents(documents_of(texts, metadatas), ids=ids)

    def add_documents(self, documents: Sequence[Document], *, ids: Sequence[str] | None = None) -> list[str]:
        """``add_texts`` for documents, which may bring their ids."""
        named = with_ids(documents, ids)
        return self._add(named, self._embedding.embed_documents(texts_of(named)) if named else [])

    async def aadd_texts(
        self,
        texts: Sequence[str],
        metadatas: Sequence[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str] | None = None,
    ) -> list[str]:
        """``add_texts`` on the running event loop."""
        return await self.aadd_documents(documents_of(texts, metadatas), ids=ids)

    async def aadd_documents(
        self, documents: Sequence[Document], *, ids: Sequence[str] | None = None
    ) -> list[str]:
        """``add_documents`` on the running event loop."""
        named = with_ids(documents, ids)
        vectors = await self._embedding.aembed_documents(texts_of(named)) if named else []
        return await asyncio.to_thread(self._add, named, vectors)

    def _add(self, documents: list[Document], vectors: Sequence[Vector]) -> list[str]:
        if len(vectors) != len(documents):
            made_by = type(self._embedding).__name__
            raise ValueError(f"{made_by} gave {len(vectors)} vectors for {len(documents)} texts")
        if documents:
            self._insert(documents, vectors)
        return [str(document.id) for document in documents]

    # Searched by a vector

    def similarity_search_by_vector(
        self, embedding: Vector, k: int = 4, *, filter: Filter | None = None
    ) -> list[Document]:
        """The *k* documents nearest to a vector."""
        return [found.document for found in self._search(embedding, k, filter)]

    def similarity_search_with_score_by_vector(
        self, embedding: Vector, k: int = 4, *, filter: Filter | None = None
    ) -> list[tuple[Document, float]]:
        """The same with their scores; whether near is high or low, the class documents."""
        return [(found.document, found.score) for found in self._search(embedding, k, filter)]

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: Vector,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        *,
        filter: Filter | None = None,
    ) -> list[Document]:
        """*k* of the *fetch_k* nearest documents, chosen to be unlike each other; *lambda_mult* from 0 (as
        varied as possible) to 1 (the nearest)."""
        if not 0 <= lambda_mult <= 1:
            raise ValueError(f"lambda_mult: expected 0 to 1, got {lambda_mult}")
        found = self._search(embedding, max(fetch_k, checked_count(k)), filter)
        vectors = [[float(x) for x in each.vector] for each in found]
        return [found[at].document for at in diverse(embedding, vectors, k, lambda_mult)]

    def _relevant(
        self,
        embedding: Vector,
        k: int = 4,
        *,
        score_threshold: float | None = None,
        filter: Filter | None = None,
    ) -> list[tuple[Document, float]]:
        scored = [
            (each.document, min(1.0, max(0.0, cosine(embedding, [float(x) for x in each.vector]))))
            for each in self._search(embedding, k, filter)
        ]
        return [pair for pair in scored if score_threshold is None or pair[1] >= score_threshold]

    def _search(self, vector: Vector, k: int, filter: Filter | None) -> list[Found]:
        check_filter(filter)
        return self._nearest(vector, checked_count(k), filter)

    # Searched by a text

    def similarity_search(self, query: str, k: int = 4, **options: Any) -> list[Document]:
        """The *k* documents nearest to a text. *options*: ``filter``."""
        return self.similarity_search_by_vector(self._embedding.embed_query(query), k, **options)

    def similarity_search_with_score(
        self, query: str, k: int = 4, **options: Any
    ) -> list[tuple[Document, float]]:
        """The same with their scores; whether near is high or low, the class documents."""
        return self.similarity_search_with_score_by_vector(self._embedding.embed_query(query), k, **options)

    def similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **options: Any
    ) -> list[tuple[Document, float]]:
        """The same with scores from 0 to 1, which is nearest, whatever the store: the cosine. *options*:
        ``score_threshold``, the least that counts, and ``filter``."""
        return self._relevant(self._embedding.embed_query(query), k, **options)

    def max_marginal_relevance_search(self, query: str, k: int = 4, **options: Any) -> list[Document]:
        """``max_marginal_relevance_search_by_vector`` for a text."""
        vector = self._embedding.embed_query(query)
        return self.max_marginal_relevance_search_by_vector(vector, k, **options)

    def search(self, query: str, search_type: str = "similarity", **options: Any) -> list[Document]:
        """The search that *search_type* names, as ``as_retriever`` knows them."""
        return self.as_retriever(search_type=search_type, search_kwargs=options).invoke(query)

    async def asearch(self, query: str, search_type: str = "similarity", **options: Any) -> list[Document]:
        """``search`` on the running event loop."""
        return await self.as_retriever(search_type=search_type, search_kwargs=options).ainvoke(query)

    async def asimilarity_search(self, query: str, k: int = 4, **options: Any) -> list[Document]:
        """``similarity_search`` on the running event loop."""
        by_vector = self.similarity_search_by_vector
        return await self._by_text("similarity_search", by_vector, query, k, options)

    async def asimilarity_search_with_score(
        self, query: str, k: int = 4, **options: Any
    ) -> list[tuple[Document, float]]:
        """``similarity_search_with_score`` on the running event loop."""
        by_vector = self.similarity_search_with_score_by_vector
        return await self._by_text("similarity_search_with_score", by_vector, query, k, options)

    async def asimilarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **options: Any
    ) -> list[tuple[Document, float]]:
        """``similarity_search_with_relevance_scores`` on the running event loop."""
        name = "similarity_search_with_relevance_scores"
        return await self._by_text(name, self._relevant, query, k, options)

    async def amax_marginal_relevance_search(self, query: str, k: int = 4, **options: Any) -> list[Document]:
        """``max_marginal_relevance_search`` on the running event loop."""
        by_vector = self.max_marginal_relevance_search_by_vector
        return await self._by_text("max_marginal_relevance_search", by_vector, query, k, options)

    async def _by_text(
        self, name: str, by_vector: Callable[..., T], query: str, k: int, options: dict[str, Any]
    ) -> T:
        if getattr(type(self), name) is not getattr(VectorStore, name):  # a subclass's own, whatever it does
            own: Callable[..., T] = getattr(self, name)
            return await asyncio.to_thread(own, query, k, **options)
        return await asyncio.to_thread(by_vector, await self._embedding.aembed_query(query), k, **options)

    # As a step of a chain

    def as_retriever(self, **options: Any) -> VectorStoreRetriever:
        """A retriever on this store. *options*: ``search_type`` ("similarity", "mmr" or
        "similarity_score_threshold"), ``search_kwargs`` for the search (``k``, ``filter``, ...), ``name``,
        ``tags``, ``metadata``. Its runs are tagged with the classes of the store and its embeddings."""
        made_by = () if self.embeddings is None else (type(self.embeddings).__name__,)
        tags = [*(options.pop("tags", None) or ()), type(self).__name__, *made_by]
        return VectorStoreRetriever(vectorstore=self, tags=tags, **options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.embeddings).__name__})"


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
        if given not in SEARCHES:
            raise ValueError(f"search_type: expected one of {', '.join(SEARCHES)}, got {given!r}")
        return given

    @model_validator(mode="after")
    def _complete(self) -> VectorStoreRetriever:
        threshold = self.search_kwargs.get("score_threshold")
        if self.search_type == "similarity_score_threshold" and not isinstance(threshold, float | int):
            raise ValueError(
                "search_type 'similarity_score_threshold' needs search_kwargs={'score_threshold': 0.5} "
                f"(or another number from 0 to 1), got {short_repr(self.search_kwargs)}"
            )
        return self

    def _get_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        search = getattr(self.vectorstore, SEARCHES[self.search_type])
        return self._documents(search(query, **{**self.search_kwargs, **kwargs}))

    async def _aget_relevant_documents(self, query: str, **kwargs: Any) -> list[Document]:
        search = getattr(self.vectorstore, f"a{SEARCHES[self.search_type]}")
        return self._documents(await search(query, **{**self.search_kwargs, **kwargs}))

    def _documents(self, found: list[Any]) -> list[Document]:
        scored = self.search_type == "similarity_score_threshold"
        return [document for document, _ in found] if scored else found

    def add_documents(self, documents: list[Document], **options: Any) -> list[str]:
        """Add documents to the store."""
        return self.vectorstore.add_documents(documents, **options)

    async def aadd_documents(self, documents: list[Document], **options: Any) -> list[str]:
        """``add_documents`` on the running event loop."""
        return await self.vectorstore.aadd_documents(documents, **options)
