"""LocalEmbeddings: embeddings in this process, offline, on the weights that come with ``wordllama``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from math import hypot
from pathlib import Path
from typing import Any

from ...errors import MissingDependencyError
from ...retrieval.embeddings import Embeddings, checked_texts

__all__ = ["LocalEmbeddings"]

_loading = threading.Lock()


class LocalEmbeddings(Embeddings):
    """Vectors of 256 floats at length 1, or all 0 for a text without words. The weights are loaded on first
    use, in about 0.2 s, and shared. Raises MissingDependencyError without the ``local`` extra.

    >>> from workbench import InMemoryVectorStore, LocalEmbeddings
    >>> store = InMemoryVectorStore.from_texts(["bears sleep in winter", "cats purr"], LocalEmbeddings())
    >>> store.similarity_search("when does a bear rest?", k=1)[0].page_content
    'bears sleep in winter'
    """

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        if not (checked := checked_texts(texts)):
            return []
        with _loading:  # the model is loaded once, and used by one thread at a time
            vectors = _model().embed(checked, norm=False)
        return [_at_length_1(vector.tolist()) for vector in vectors]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    def __repr__(self) -> str:
        return "LocalEmbeddings()"


def _at_length_1(vector: list[float]) -> list[float]:
    """A text without words has no direction: its vector stays 0."""
    length = hypot(*vector)
    return [each / length for each in vector] if length else vector


@cache
def _model() -> Any:
    try:
        with _root_logger_as_it_is():
            import wordllama
    except ImportError as error:
        raise MissingDependencyError.for_extra("the local embeddings", "wordllama", "local") from error
    # A plain load() looks for the tokenizer in another folder than the wheel's, and then goes online.
    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)


@contextmanager
def _root_logger_as_it_is() -> Iterator[None]:
    """wordllama's import sets up logging for the whole process, and every library's notes would then appear
    in the notebook. What the user has set up stays."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
