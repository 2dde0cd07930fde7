"""Arithmetic of a few vectors, in plain Python: numpy is no dependency of the package."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul

__all__ = ["cosine", "diverse", "dot", "unit"]

Vector = Sequence[float]


def dot(a: Vector, b: Vector) -> float:
    """The sum of the products, of vectors of one length."""
    return float(sum(map(mul, a, b)))


def unit(vector: Vector) -> list[float]:
    """The vector at length 1; one of zeros stays as it is."""
    length = math.sqrt(dot(vector, vector))
    return [x / length for x in vector] if length else list(vector)


def cosine(a: Vector, b: Vector) -> float:
    """How much two vectors point the same way, in [-1, 1].

    >>> cosine([1.0, 0.0], [2.0, 0.0]), cosine([1.0, 0.0], [0.0, 3.0])
    (1.0, 0.0)
    """
    return dot(unit(a), unit(b))


def diverse(query: Vector, vectors: Sequence[Vector], k: int, lambda_mult: float) -> list[int]:
    """Places of *k* of the *vectors* near *query* and unlike each other: maximal marginal relevance.

    *lambda_mult* 1 looks at nearness to the query only, 0 (after the first) at variety only.

    >>> diverse([1.0, 0.0], [[1.0, 0.1], [1.0, 0.1], [0.9, -0.5]], 2, 0.5)
    [0, 2]
    """
    units = [unit(vector) for vector in vectors]
    towards = unit(query)
    relevance = [dot(towards, vector) for vector in units]
    repeats = [-1.0] * len(units)  # the most that each is like one already chosen
    left = list(range(len(units)))
    chosen: list[int] = []
    while left and len(chosen) < k:
        if chosen:
            best = max(left, key=lambda at: lambda_mult * relevance[at] - (1 - lambda_mult) * repeats[at])
        else:
            best = max(left, key=relevance.__getitem__)
        left.remove(best)
        chosen.append(best)
        for at in left:
            repeats[at] = max(repeats[at], dot(units[best], units[at]))
    return chosen
