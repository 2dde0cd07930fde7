"""What tests of vector stores share: embeddings on a plane, where one can see what is near."""

from __future__ import annotations

import math

from workbench import Embeddings

DEGREES = {"east": 0, "nearly east": 10, "north-east": 45, "north": 90, "west": 180}


class Compass(Embeddings):
    """A direction as a vector of length 1; counts what it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.awaited = 0

    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text):
        self.asked += 1
        angle = math.radians(DEGREES[text])
        return [math.cos(angle), math.sin(angle)]

    async def aembed_query(self, text):
        self.awaited += 1
        return self.embed_query(text)


class Cube(Embeddings):
    """Vectors of another length."""

    def embed_documents(self, texts):
        return [[1.0, 0.0, 0.0] for _ in texts]

    def embed_query(self, text):
        return [1.0, 0.0, 0.0]


def texts(documents):
    return [document.page_content for document in documents]
