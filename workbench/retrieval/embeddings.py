"""Embeddings: texts as vectors of floats, near each other where the texts mean the same."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence

from ..text.excerpts import short_repr, typed_repr

__all__ = ["DeterministicFakeEmbedding", "Embeddings", "checked_texts"]


class Embeddings(ABC):
    """Subclass and define ``embed_documents`` and ``embed_query``; the ``a`` forms run them in a thread
    unless they are defined too. All vectors of one model have the same length.

    >>> from workbench import Embeddings
    >>> class Lengths(Embeddings):
    ...     def embed_documents(self, texts):
    ...         return [[float(len(text)), 1.0] for text in texts]
    ...     def embed_query(self, text):
    ...         return self.embed_documents([text])[0]
    >>> Lengths().embed_query("bears")
    [5.0, 1.0]
    """

    @abstractmethod
    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text, in their order."""

    @abstractmethod
    def embed_query(self, text: str) -> list[float]:
        """The vector of a question, to be compared with those of documents."""

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """``embed_documents`` on the running event loop."""
        return await asyncio.to_thread(self.embed_documents, texts)

    async def aembed_query(self, text: str) -> list[float]:
        """``embed_query`` on the running event loop."""
        return await asyncio.to_thread(self.embed_query, text)


def checked_texts(texts: Sequence[str]) -> list[str]:
    """Texts to embed, as a list. Raises TypeError for what is not a list of texts."""
    if isinstance(texts, str):
        raise TypeError(f"embed_documents: expected a list of texts, got the text {short_repr(texts)}")
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"expected texts to embed, got {typed_repr(text)}")
    return list(texts)


class DeterministicFakeEmbedding(Embeddings):
    """For tests: a normally distributed vector of *size* floats, always the same for the same text, that
    means nothing.

    >>> from workbench import DeterministicFakeEmbedding
    >>> embeddings = DeterministicFakeEmbedding(size=256)
    >>> one, again = embeddings.embed_query("bears"), embeddings.embed_query("bears")
    >>> len(one), one == again
    (256, True)
    """

    def __init__(self, *, size: int) -> None:
        if size < 1:
            raise ValueError(f"size: expected at least 1, got {size}")
        self.size = size

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        source = random.Random(text)  # seeded by the text's SHA-512, the same in every process
        return [source.gauss(0.0, 1.0) for _ in range(self.size)]
