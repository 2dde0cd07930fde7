"""FAISS: a store on a flat index of the ``faiss`` package. Search is exact, in C++; files hold no pickle."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

from ...errors import DimensionError, MissingDependencyError
from ...text.excerpts import short_repr
from ..documents import Document
from ..embeddings import Embeddings
from .base import Found, VectorStore
from .inputs import Filter, passes
from .vectors import Vector

__all__ = ["FAISS", "Distance"]

Distance = Literal["l2", "cosine", "inner_product"]

FORMAT = 1
"""Version of the JSON file beside the index."""


class FAISS(VectorStore):
    """``FAISS.from_texts(texts, embedding)``. A filter function is given a document's metadata.

    *distance* is what scores are: "l2" the squared Euclidean distance, which is low for what is near;
    "cosine" and "inner_product" are high. Raises MissingDependencyError without the ``faiss`` extra.

    >>> from workbench import FAISS, LocalEmbeddings
    >>> store = FAISS.from_texts(["harrison worked at kensho", "bears like to eat honey"], LocalEmbeddings())
    >>> store.similarity_search("where did harrison work?", k=1)
    [Document(page_content='harrison worked at kensho')]
    """

    def __init__(self, embedding: Embeddings, *, distance: Distance = "l2") -> None:
        super().__init__(embedding)
        if distance not in get_args(Distance):
            raise ValueError(f"distance: expected one of {', '.join(get_args(Distance))}, got {distance!r}")
        _faiss()
        self.distance = distance
        self.index: Any = None  # made with the first vector, which has the dimension
        self._documents: list[Document] = []  # at the places of their vectors in the index
        self._ids: set[str | None] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._documents)

    def _insert(self, documents: Sequence[Document], vectors: Sequence[Vector]) -> None:
        rows = self._rows(vectors)
        with self._lock:
            if self.index is None:
                flat = _faiss().IndexFlatL2 if self.distance == "l2" else _faiss().IndexFlatIP
                self.index = flat(rows.shape[1])
            self._check(rows.shape[1])
            self._remove({str(document.id) for document in documents})
            self.index.add(rows)
            self._documents.extend(documents)
            self._ids.update(document.id for document in documents)

    def merge_from(self, target: FAISS) -> None:
        """Add all that another store of the same distance has; one of the same id is replaced."""
        if not isinstance(target, FAISS) or target.distance != self.distance:
            has = target.distance if isinstance(target, FAISS) else type(target).__name__
            raise ValueError(f"merge_from: expected a FAISS store of distance {self.distance!r}, got {has!r}")
        with target._lock:
            documents = list(target._documents)
            vectors = [target.index.reconstruct(at) for at in range(len(documents))]
        if documents:
            self._insert(documents, vectors)

    def delete(self, ids: Sequence[str]) -> None:
        with self._lock:
            self._remove(set(ids))

    def get_by_ids(self, ids: Sequence[str]) -> list[Document]:
        with self._lock:
            by_id = {document.id: document for document in self._documents}
        return [by_id[id] for id in ids if id in by_id]

    def _nearest(self, vector: Vector, k: int, filter: Filter | None) -> list[Found]:
        rows = self._rows([vector])
        with self._lock:
            if self.index is None:
                return []
            self._check(rows.shape[1])
            options = {} if filter is None else {"params": self._only(filter)}
            scores, places = self.index.search(rows, max(1, min(k, len(self._documents))), **options)
            return [
                Found(self._documents[at], float(score), self.index.reconstruct(int(at)))
                for score, at in zip(scores[0], places[0], strict=True)
                if at >= 0
            ]

    def _rows(self, vectors: Sequence[Vector]) -> Any:
        """As (n, d) float32, at length 1 where the cosine is asked for."""
        import numpy as np

        lengths = {len(vector) for vector in vectors}
        if len(lengths) > 1:
            raise DimensionError(f"FAISS: expected vectors of one length, got {sorted(lengths)}")
        rows = np.ascontiguousarray(vectors, dtype="float32")
        if self.distance == "cosine":
            rows = rows.copy()
            _faiss().normalize_L2(rows)
        return rows

    def _check(self, dimension: int) -> None:
        if dimension != self.index.d:
            raise DimensionError(
                f"FAISS: expected a vector of {self.index.d} floats as those in the index, got {dimension}; "
                "was the store made with another embedding model?"
            )

    def _only(self, filter: Filter) -> Any:
        import numpy as np

        places = [
            at
            for at, document in enumerate(self._documents)
            if passes(filter, document.metadata, document.metadata)
        ]
        chosen = _faiss().IDSelectorBatch(np.array(places, dtype="int64"))
        return _faiss().SearchParameters(sel=chosen)

    def _remove(self, ids: set[str]) -> None:
        import numpy as np

        gone = self._ids & ids
        if gone:  # a flat index closes the gaps, as the list does
            places = [at for at, document in enumerate(self._documents) if document.id in gone]
            self.index.remove_ids(np.array(places, dtype="int64"))
            self._documents = [document for document in self._documents if document.id not in gone]
            self._ids -= gone

    # Kept in files

    def save_local(self, folder_path: str | PathLike[str], index_name: str = "index") -> None:
        """Write ``<index_name>.faiss`` (the vectors) and ``<index_name>.json`` (the documents). TypeError
        names metadata that JSON cannot hold; ValueError if there is nothing to save."""
        folder = Path(folder_path)
        _check_file_name(index_name)
        with self._lock:
            if self.index is None:
                raise ValueError("FAISS.save_local: the store is empty")
            documents = [_plain(document) for document in self._documents]
            about = {"format": FORMAT, "distance": self.distance, "documents": documents}
            text = json.dumps(about, ensure_ascii=False)
            folder.mkdir(parents=True, exist_ok=True)
            _faiss().write_index(self.index, str(folder / f"{index_name}.faiss"))
            (folder / f"{index_name}.json").write_text(text, encoding="utf-8")

    @classmethod
    def load_local(
        cls,
        folder_path: str | PathLike[str],
        embeddings: Embeddings,
        index_name: str = "index",
        *,
        allow_dangerous_deserialization: bool = False,
    ) -> FAISS:
        """The store that ``save_local`` wrote, with the embeddings it was made with. FileNotFoundError or
        ValueError if it is not there or damaged. Loading runs no code from the files, so there is nothing
        that *allow_dangerous_deserialization* could allow: it may be given, and changes nothing."""
        folder = Path(folder_path)
        _check_file_name(index_name)
        about_path = folder / f"{index_name}.json"
        if not about_path.exists() and (folder / f"{index_name}.pkl").exists():
            raise ValueError(f"{folder}: {index_name}.pkl is a pickle, which can run code and is not read")
        about = _read_about(about_path)
        store = cls(embeddings, distance=about["distance"])
        path = folder / f"{index_name}.faiss"
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such index")
        try:
            store.index = _faiss().read_index(str(path))
        except RuntimeError as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        store._documents = [Document(**fields) for fields in about["documents"]]
        store._ids = {document.id for document in store._documents}
        if store.index.ntotal != len(store._documents):
            raise ValueError(
                f"{folder}: {store.index.ntotal} vectors for {len(store._documents)} documents; save it again"
            )
        return store


def _check_file_name(name: object) -> None:
    if not isinstance(name, str) or not name or Path(name).name != name:
        raise ValueError(f"index_name: expected the name of a file in the folder, got {short_repr(name)}")


def _plain(document: Document) -> dict[str, Any]:
    fields = {"page_content": document.page_content, "metadata": document.metadata, "id": document.id}
    try:
        json.dumps(fields)
    except (TypeError, ValueError) as error:
        raise TypeError(f"FAISS.save_local: metadata of {short_repr(document)}: {error}") from error
    return fields


def _read_about(path: Path) -> Mapping[str, Any]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError(f"{path}: expected what FAISS.save_local writes, format {FORMAT}")
    return about


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingDependencyError.for_extra("the FAISS vector store", "faiss-cpu", "faiss") from error
    return faiss
