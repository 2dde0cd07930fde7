"""InMemoryVectorStore: a store that needs nothing installed and compares with every document."""

from __future__ import annotations

import heapq
import threading
from array import array
from collections.abc import Sequence

from ..components.documents import Document
from ..components.embeddings import Embeddings
from ..errors import DimensionError
from .base import Filter, Found, VectorStore, passes
from .vectors import Vector, dot, unit

__all__ = ["InMemoryVectorStore"]


class InMemoryVectorStore(VectorStore):
    """``InMemoryVectorStore(embedding)``. Scores are cosines: 1 is nearest. A filter function is given the
    document."""

    def __init__(self, embedding: Embeddings) -> None:
        super().__init__(embedding)
        self._kept: dict[str, tuple[Document, array[float]]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def _insert(self, documents: Sequence[Document], vectors: Sequence[Vector]) -> None:
        with self._lock:
            kept = dict(self._kept)
            for document, vector in zip(documents, vectors, strict=True):
                _check(kept, vector)
                kept[str(document.id)] = (document, array("d", unit(vector)))
            self._kept = kept  # all or none

    def delete(self, ids: Sequence[str]) -> None:
        with self._lock:
            gone = set(ids)
            self._kept = {id: pair for id, pair in self._kept.items() if id not in gone}

    def get_by_ids(self, ids: Sequence[str]) -> list[Document]:
        kept = self._kept
        return [kept[id][0] for id in ids if id in kept]

    def _nearest(self, vector: Vector, k: int, filter: Filter | None) -> list[Found]:
        kept = self._kept  # never changed in place: a search sees one state
        _check(kept, vector)
        query = unit(vector)
        found = (
            Found(document, dot(query, own), own)
            for document, own in kept.values()
            if filter is None or passes(filter, document.metadata, document)
        )
        return heapq.nlargest(k, found, key=lambda each: each.score)


def _check(kept: dict[str, tuple[Document, array[float]]], vector: Vector) -> None:
    for _, own in kept.values():
        if len(own) != len(vector):
            raise DimensionError(
                f"InMemoryVectorStore: expected a vector of {len(own)} floats as those it has, "
                f"got {len(vector)}; was the store made with another embedding model?"
            )
        return
