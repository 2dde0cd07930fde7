"""Example selectors: which examples a few-shot prompt shows for an input.

An example is a dict of texts. ``LengthBasedExampleSelector`` takes as many as fit;
``SemanticSimilarityExampleSelector`` those nearest in meaning to the input, from a vector store;
``MaxMarginalRelevanceExampleSelector`` near ones that are unlike each other.
"""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from ..retrieval.documents import Document
from ..retrieval.embeddings import Embeddings
from .string import StringPromptTemplate

__all__ = [
    "BaseExampleSelector",
    "LengthBasedExampleSelector",
    "MaxMarginalRelevanceExampleSelector",
    "SemanticSimilarityExampleSelector",
]

Example = dict[str, Any]


class BaseExampleSelector(ABC):
    """Subclass and define ``add_example`` and ``select_examples``; the ``a`` forms run them in a thread
    unless they are defined too.

    >>> from workbench import BaseExampleSelector
    >>> class Latest(BaseExampleSelector):
    ...     def __init__(self, examples):
    ...         self.examples = examples
    ...     def add_example(self, example):
    ...         self.examples.append(example)
    ...     def select_examples(self, input_variables):
    ...         return self.examples[-1:]
    >>> Latest([{"q": "1+1", "a": "2"}, {"q": "2+2", "a": "4"}]).select_examples({"q": "3+3"})
    [{'q': '2+2', 'a': '4'}]
    """

    @abstractmethod
    def add_example(self, example: Example) -> Any:
        """Keep one more example; returns its id, if it has one."""

    async def aadd_example(self, example: Example) -> Any:
        """``add_example`` on the running event loop."""
        return await asyncio.to_thread(self.add_example, example)

    @abstractmethod
    def select_examples(self, input_variables: Mapping[str, Any]) -> list[Example]:
        """The examples to show for these values, in the order in which to show them."""

    async def aselect_examples(self, input_variables: Mapping[str, Any]) -> list[Example]:
        """``select_examples`` on the running event loop."""
        return await asyncio.to_thread(self.select_examples, input_variables)


def count_words(text: str) -> int:
    """The number of words in a text, split at each blank and line end.

    >>> count_words("two words")
    2
    """
    return len(re.split(r"[ \n]", text))


class LengthBasedExampleSelector(BaseModel, BaseExampleSelector):
    """The first examples that fit beside the input: together up to ``max_length``, as ``get_text_length``
    counts (words, unless it counts something else). An example is as long as ``example_prompt`` makes it.

    >>> from workbench import LengthBasedExampleSelector, PromptTemplate
    >>> selector = LengthBasedExampleSelector(
    ...     examples=[{"q": "big", "a": "small"}, {"q": "hot", "a": "cold"}],
    ...     example_prompt=PromptTemplate("Q: {q} A: {a}"),
    ...     max_length=6,
    ... )
    >>> selector.select_examples({"q": "loud"})
    [{'q': 'big', 'a': 'small'}]
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    examples: list[Example]
    example_prompt: StringPromptTemplate
    get_text_length: Callable[[str], int] = count_words
    max_length: int = 2048
    example_text_lengths: list[int] = Field(default_factory=list)

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        if len(self.example_text_lengths) != len(self.examples):
            self.example_text_lengths = [self._length(example) for example in self.examples]

    def add_example(self, example: Example) -> None:
        self.examples.append(example)
        self.example_text_lengths.append(self._length(example))

    async def aadd_example(self, example: Example) -> None:
        self.add_example(example)

    def select_examples(self, input_variables: Mapping[str, Any]) -> list[Example]:
        room = self.max_length - self.get_text_length(" ".join(map(str, input_variables.values())))
        selected: list[Example] = []
        for example, length in zip(self.examples, self.example_text_lengths, strict=True):
            room -= length
            if room < 0:
                break
            selected.append(example)
        return selected

    async def aselect_examples(self, input_variables: Mapping[str, Any]) -> list[Example]:
        return self.select_examples(input_variables)

    def _length(self, example: Example) -> int:
        return self.get_text_length(self.example_prompt.format(**example))


class _StoreExampleSelector(BaseModel, BaseExampleSelector):
    """Examples in a vector store, each as the metadata of a document whose text is the example's values."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    _search: ClassVar[str]
    """The method of the store that finds examples; it has an ``a`` twin."""

    vectorstore: Any
    k: int = Field(default=4, gt=0)
    example_keys: list[str] | None = None
    input_keys: list[str] | None = None
    vectorstore_kwargs: dict[str, Any] | None = None

    @classmethod
    def from_examples(
        cls,
        examples: Sequence[Example],
        embeddings: Embeddings,
        vectorstore_cls: Any,
        k: int = 4,
        input_keys: list[str] | None = None,
        **options: Any,
    ) -> Self:
        """A selector over a new store of class *vectorstore_cls*. Of examples and inputs the values of
        *input_keys* count (else all). *options*: ``example_keys``, those to show (else all),
        ``vectorstore_kwargs``, which go to each search, ``fetch_k`` where the class has it; all others go
        to the store."""
        own, others = cls._split(k, input_keys, options)
        texts, about = _as_texts(examples, input_keys)
        store: Any = vectorstore_cls.from_texts(texts, embeddings, metadatas=about, **others)
        return cls(vectorstore=store, **own)

    @classmethod
    async def afrom_examples(
        cls,
        examples: Sequence[Example],
        embeddings: Embeddings,
        vectorstore_cls: Any,
        k: int = 4,
        input_keys: list[str] | None = None,
        **options: Any,
    ) -> Self:
        """``from_examples`` on the running event loop."""
        own, others = cls._split(k, input_keys, options)
        texts, about = _as_texts(examples, input_keys)
        store: Any = await vectorstore_cls.afrom_texts(texts, embeddings, metadatas=about, **others)
        return cls(vectorstore=store, **own)

    @classmethod
    def _split(
        cls, k: int, input_keys: list[str] | None, options: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The options that are fields of a selector, and those for the store."""
        own = {name: value for name, value in options.items() if name in cls.model_fields}
        others = {name: value for name, value in options.items() if name not in own}
        return {**own, "k": k, "input_keys": input_keys}, others

    def add_example(self, example: Example) -> str:
        """Keep one more example; returns its id in the store."""
        return str(self.vectorstore.add_texts(*_as_texts([example], self.input_keys))[0])

    async def aadd_example(self, example: Example) -> str:
        return str((await self.vectorstore.aadd_texts(*_as_texts([example], self.input_keys)))[0])

    def select_examples(self, input_variables: Mapping[str, Any]) -> list[Example]:
        query, options = self._request(input_variables)
        return self._shown(getattr(self.vectorstore, self._search)(query, **options))

    async def aselect_examples(self, input_variables: Mapping[str, Any]) -> list[Example]:
        query, options = self._request(input_variables)
        return self._shown(await getattr(self.vectorstore, f"a{self._search}")(query, **options))

    def _request(self, input_variables: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The query for an input, and the options of the search."""
        return _as_text(input_variables, self.input_keys), {"k": self.k, **(self.vectorstore_kwargs or {})}

    def _shown(self, documents: Sequence[Document]) -> list[Example]:
        keys = self.example_keys
        return [
            {key: value for key, value in document.metadata.items() if keys is None or key in keys}
            for document in documents
        ]


class SemanticSimilarityExampleSelector(_StoreExampleSelector):
    """The ``k`` examples nearest in meaning to the input. ``from_examples`` makes one; ``vectorstore`` is a
    VectorStore, or what searches and adds texts as it does.

    >>> from workbench import DeterministicFakeEmbedding, InMemoryVectorStore
    >>> from workbench import SemanticSimilarityExampleSelector
    >>> selector = SemanticSimilarityExampleSelector.from_examples(
    ...     [{"q": "big", "a": "small"}, {"q": "hot", "a": "cold"}],
    ...     DeterministicFakeEmbedding(size=64),  # for real use: init_embeddings()
    ...     InMemoryVectorStore,
    ...     k=1,
    ...     input_keys=["q"],
    ... )
    >>> selector.select_examples({"q": "hot"})
    [{'q': 'hot', 'a': 'cold'}]
    """

    _search = "similarity_search"


class MaxMarginalRelevanceExampleSelector(_StoreExampleSelector):
    """``k`` of the ``fetch_k`` examples nearest to the input, chosen to be unlike each other.

    >>> from workbench import DeterministicFakeEmbedding, InMemoryVectorStore
    >>> from workbench import MaxMarginalRelevanceExampleSelector
    >>> selector = MaxMarginalRelevanceExampleSelector.from_examples(
    ...     [{"q": "big"}, {"q": "hot"}], DeterministicFakeEmbedding(size=64), InMemoryVectorStore, k=1
    ... )
    >>> selector.select_examples({"q": "hot"})
    [{'q': 'hot'}]
    """

    _search = "max_marginal_relevance_search"

    fetch_k: int = Field(default=20, gt=0)

    def _request(self, input_variables: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        query, options = super()._request(input_variables)
        return query, {"fetch_k": self.fetch_k, **options}


def _as_texts(
    examples: Sequence[Example], keys: Sequence[str] | None
) -> tuple[list[str], list[dict[str, Any]]]:
    """Texts to find examples by, and the examples, as a store takes them."""
    return [_as_text(example, keys) for example in examples], [dict(example) for example in examples]


def _as_text(values: Mapping[str, Any], keys: Sequence[str] | None) -> str:
    """The values by the order of their names. KeyError names those that are missing."""
    names = sorted(values if keys is None else keys)
    if missing := [name for name in names if name not in values]:
        raise KeyError(f"input_keys: expected {names}, {missing} is missing among {sorted(values)}")
    return " ".join(str(values[name]) for name in names)
