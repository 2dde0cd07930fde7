"""What a method of a runnable made, as what the same method of a wrapper around it makes.

``model.bind(stop=["."]).bind_tools(tools)`` calls the model's ``bind_tools``, which knows nothing of the
binding and makes a chain around the model alone. ``made_of`` puts the binding in the model's place in it.
"""

from __future__ import annotations

from typing import Any

from .base import Runnable

__all__ = ["made_of", "makes_runnables"]


def makes_runnables(attribute: Any, owner: Any) -> bool:
    """Whether an attribute of *owner* is a method of it, which may return a new runnable."""
    return getattr(attribute, "__self__", None) is owner and hasattr(attribute, "__func__")


def made_of(
    made: Runnable[Any, Any], inner: Runnable[Any, Any], wrapper: Runnable[Any, Any]
) -> Runnable[Any, Any] | None:
    """*made* with *wrapper* in the place of *inner*; None if *inner* is not found in it."""
    new = made._with_in_place(inner, wrapper)
    return None if new is made else new
