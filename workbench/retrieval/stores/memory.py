"""InMemoryVectorStore: a store that needs nothing installed and compares with every document."""

from __future__ import annotations

import heapq
import json
import threading
from array import array
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Self

from ...errors import DimensionError
from ..documents import Document
from ..embeddings import Embeddings
from .base import Found, VectorStore
from .inputs import Filter, passes
from .vectors import Vector, dot, unit

__all__ = ["InMemoryVectorStore"]

FORMAT = 1
"""Version of the file that ``dump`` writes."""


class InMemoryVectorStore(VectorStore):
    """``InMemoryVectorStore(embedding)``. Scores are cosines: 1 is nearest. A filter function is given the
    document.

    >>> from workbench import InMemoryVectorStore, LocalEmbeddings
    >>> texts = ["harrison worked at kensho", "bears like to eat honey"]
    >>> store = InMemoryVectorStore.from_texts(texts, LocalEmbeddings())
    >>> store.similarity_search("where did harrison work?", k=1)
    [Document(page_content='harrison worked at kensho')]
    """

    def __init__(self, embedding: Embeddings) -> None:
        super().__init__(embedding)
        self._kept: dict[str, tuple[Document, array[float]]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def _insert(self, documents: Sequence[Document], vectors: Sequence[Vector]) -> None:
        lengths = {len(vector) for vector in vectors}
        with self._lock:
            expected = next((len(own) for _, own in self._kept.values()), len(vectors[0]))
            _check(lengths - {expected}, expected)  # all or none are added
            for document, vector in zip(documents, vectors, strict=True):
                self._kept[str(document.id)] = (document, array("d", unit(vector)))

    def dump(self, path: str | PathLike[str]) -> None:
        """Write the store to a JSON file. TypeError for metadata that JSON cannot hold."""
        with self._lock:
            kept = list(self._kept.values())
        rows = [{**_fields(document), "vector": list(vector)} for document, vector in kept]
        text = json.dumps({"format": FORMAT, "documents": rows}, ensure_ascii=False)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | PathLike[str], embedding: Embeddings) -> Self:
        """The store that ``dump`` wrote, with the embeddings it was made with."""
        try:
            about = json.loads(Path(path).read_text(encoding="utf-8"))
            if about["format"] != FORMAT:
                raise ValueError(f"it is of format {about['format']!r}")
            vectors = [row.pop("vector") for row in about["documents"]]
            documents = [Document(**row) for row in about["documents"]]
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path}: expected what InMemoryVectorStore.dump writes, format {FORMAT} ({error})"
            ) from error
        store = cls(embedding)
        if documents:
            store._insert(documents, vectors)
        return store

    def delete(self, ids: Sequence[str]) -> None:
        with self._lock:
            for id in ids:
                self._kept.pop(id, None)

    def get_by_ids(self, ids: Sequence[str]) -> list[Document]:
        with self._lock:
            return [self._kept[id][0] for id in ids if id in self._kept]

    def _nearest(self, vector: Vector, k: int, filter: Filter | None) -> list[Found]:
        with self._lock:
            kept = list(self._kept.values())
        if kept:
            expected = len(kept[0][1])
            _check({len(vector)} - {expected}, expected)
        query = unit(vector)
        found = (
            Found(document, dot(query, own), own)
            for document, own in kept
            if filter is None or passes(filter, document.metadata, document)
        )
        return heapq.nlargest(k, found, key=lambda each: each.score)


def _fields(document: Document) -> dict[str, Any]:
    return {"page_content": document.page_content, "metadata": document.metadata, "id": document.id}


def _check(other_lengths: set[int], expected: int) -> None:
    for length in other_lengths:
        raise DimensionError(
            f"InMemoryVectorStore: expected a vector of {expected} floats as those it has, got {length}; "
            "was the store made with another embedding model?"
        )
