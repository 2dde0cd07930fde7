"""Chains by the names they have in the user's namespace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import ChainCellError
from ...runnables.base import Runnable, coerce
from ...text.excerpts import typed_repr
from .options import nearest

__all__ = ["as_chain", "chain_called"]


def chain_called(name: str, namespace: Mapping[str, Any]) -> Runnable[Any, Any]:
    """The chain of that name. ChainCellError for a name that there is not, or that is no chain."""
    if name not in namespace:
        known = [key for key, value in namespace.items() if isinstance(value, Runnable)]
        raise ChainCellError(
            f"there is no chain called {name!r} yet{nearest(name, known)} (make one with %%chain {name})"
        )
    return as_chain(namespace[name], name)


def as_chain(value: Any, name: str) -> Runnable[Any, Any]:
    """The chain that *value* is. Raises ChainCellError, with what it is instead."""
    try:
        return coerce(value)
    except TypeError:
        raise ChainCellError(f"{name} is no chain: it is {typed_repr(value)}") from None
