"""Node and Edge: what a graph of steps is made of."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Edge", "Node"]


@dataclass(frozen=True)
class Node:
    """A step, or the schema (a pydantic model) of an input or output."""

    id: str
    name: str
    data: Any
    metadata: Mapping[str, Any] | None = None

    @property
    def is_schema(self) -> bool:
        return inspect.isclass(self.data)


class Edge(NamedTuple):
    """From one node to the next, by id; ``data`` is a remark such as the key of a branch."""

    source: str
    target: str
    data: str | None = None
    conditional: bool = False
