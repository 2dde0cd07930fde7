"""OpenAIEmbeddings: embeddings behind OpenAI's API or any server that speaks it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from pydantic import Field

from ...errors import ModelAnswerError, ModelError
from ...retrieval.embeddings import Embeddings, checked_texts
from ..recorded.cassettes import current_cassette
from .client import OpenAIClient

__all__ = ["OpenAIEmbeddings"]

DEFAULT_MODEL = "text-embedding-3-small"


class OpenAIEmbeddings(OpenAIClient, Embeddings):
    """Key, address, timeout (seconds) and retries are as for ``ChatOpenAI``.

    ``dimensions`` asks for vectors of that length, where the model can shorten them. ``chunk_size`` is the
    most texts sent in one request; an open cassette records and replays each. ``model_kwargs`` go into the
    request as they are. Errors of the ``openai`` package pass through with the server's message.

    >>> from workbench import OpenAIEmbeddings
    >>> OpenAIEmbeddings(model="text-embedding-3-small", dimensions=256, api_key="...").dimensions
    256
    """

    model: str = Field(default=DEFAULT_MODEL, alias="model_name")
    dimensions: int | None = Field(default=None, ge=1)
    chunk_size: int = Field(default=1000, ge=1, le=2048)  # the API takes no more than 2048
    model_kwargs: dict[str, Any] = Field(default_factory=dict)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        cassette = current_cassette()
        ask = self._ask if cassette is None else partial(cassette.vectors, self, real=self._ask)
        return [vector for part in self._parts(texts) for vector in ask(part)]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        cassette = current_cassette()
        ask = self._aask if cassette is None else partial(cassette.avectors, self, real=self._aask)
        return [vector for part in self._parts(texts) for vector in await ask(part)]

    async def aembed_query(self, text: str) -> list[float]:
        return (await self.aembed_documents([text]))[0]

    def _ask(self, texts: list[str]) -> list[list[float]]:
        client = self._connected()
        with self._expecting_embeddings(client):
            return _vectors(client.embeddings.create(**self._request(texts)), texts)

    async def _aask(self, texts: list[str]) -> list[list[float]]:
        client = await self._async_connected()
        with self._expecting_embeddings(client):
            return _vectors(await client.embeddings.create(**self._request(texts)), texts)

    @contextmanager
    def _expecting_embeddings(self, client: Any) -> Iterator[None]:
        """As ``_reaching``; besides, ModelAnswerError if the response holds no embeddings."""
        with self._reaching(client):
            try:
                yield
            except (AttributeError, TypeError, ValueError) as error:  # from the SDK or _vectors, reading it
                raise ModelAnswerError(
                    f"{self._label(client)} did not answer with embeddings ({error}): "
                    "is the address right (most end in /v1)?"
                ) from error

    def _parts(self, texts: Sequence[str]) -> Iterator[list[str]]:
        checked = checked_texts(texts)
        for start in range(0, len(checked), self.chunk_size):
            yield checked[start : start + self.chunk_size]

    def _request(self, texts: list[str]) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self.model, "input": texts}
        if self.dimensions is not None:
            request["dimensions"] = self.dimensions
        return {**request, **self.model_kwargs}


def _vectors(response: Any, texts: list[str]) -> list[list[float]]:
    data = sorted(response.data, key=lambda item: item.index)
    if len(data) != len(texts):
        raise ModelError(f"the server gave {len(data)} embeddings for {len(texts)} texts")
    return [list(item.embedding) for item in data]
