"""What the methods of a vector store are given, checked: texts, documents, ids, a number, a filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, SupportsIndex
from uuid import uuid4

from ...text.excerpts import short_repr, typed_repr
from ..documents import Document

__all__ = ["Filter", "check_filter", "checked_count", "documents_of", "passes", "texts_of", "with_ids"]

Filter = Mapping[str, Any] | Callable[[Any], bool]
"""Which documents count: values that their metadata must have (of a list, one of them), or a function."""


def check_filter(filter: Any) -> None:
    if not (filter is None or callable(filter) or isinstance(filter, Mapping)):
        raise TypeError(f"filter: expected a dict of metadata or a function, got {typed_repr(filter)}")


def passes(filter: Filter, metadata: Mapping[str, Any], subject: Any) -> bool:
    """Whether a document counts; a function is asked about *subject*."""
    if callable(filter):
        return bool(filter(subject))
    return all(
        metadata.get(key) in wanted if isinstance(wanted, list) else metadata.get(key) == wanted
        for key, wanted in filter.items()
    )


def checked_count(k: int) -> int:
    if not isinstance(k, SupportsIndex):
        raise TypeError(f"k: expected a whole number of documents, got {typed_repr(k)}")
    if k < 1:
        raise ValueError(f"k: expected at least 1, got {k}")
    return k


def documents_of(texts: Sequence[str], metadatas: Sequence[dict[str, Any]] | None) -> list[Document]:
    if isinstance(texts, str):
        raise TypeError(f"expected a list of texts, got the text {short_repr(texts)}")
    texts = list(texts)
    if metadatas is not None and len(metadatas) != len(texts):
        raise ValueError(f"metadatas: expected {len(texts)}, one a text, got {len(metadatas)}")
    about: Sequence[dict[str, Any]] = metadatas if metadatas is not None else [{}] * len(texts)
    return [Document(page_content=text, metadata=dict(each)) for text, each in zip(texts, about, strict=True)]


def texts_of(documents: Sequence[Document]) -> list[str]:
    return [document.page_content for document in documents]


def with_ids(documents: Sequence[Document], ids: Sequence[str] | None) -> list[Document]:
    """Copies of the documents, each with an id."""
    if isinstance(documents, str) or not all(isinstance(each, Document) for each in documents):
        raise TypeError(f"expected a list of Documents, got {short_repr(documents)}; add_texts takes texts")
    if ids is not None and len(ids) != len(documents):
        raise ValueError(f"ids: expected {len(documents)}, one a document, got {len(ids)}")
    given = ids if ids is not None else [document.id for document in documents]
    named = [
        document.model_copy(update={"id": id or str(uuid4())})
        for document, id in zip(documents, given, strict=True)
    ]
    if len({document.id for document in named}) < len(named):
        raise ValueError("ids: expected each once, got one twice")
    return named
