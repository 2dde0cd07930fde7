"""Inspect users' functions: whether they are asynchronous or generators, and which arguments they accept."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from ..engine.scope import Scope

__all__ = ["accepted", "accepts", "is_async", "is_generator", "unwrapped", "with_annotations"]


def accepted(fn: Callable[..., Any], scope: Scope) -> dict[str, Any]:
    """The engine's extra arguments for *fn*: its config, if it has a ``config`` parameter."""
    return {"config": scope.as_config()} if accepts(fn, "config") else {}


def accepts(fn: Callable[..., Any], name: str) -> bool:
    """Whether *fn* can be given the keyword *name* (by that name; ``**kwargs`` does not count)."""
    try:
        return name in _parameters(getattr(fn, "__func__", fn))
    except TypeError:  # not hashable
        return name in _parameters.__wrapped__(fn)


@lru_cache(maxsize=4096)
def _parameters(fn: Callable[..., Any]) -> frozenset[str]:
    try:
        parameters = inspect.signature(fn).parameters
    except (TypeError, ValueError):  # some builtins have none
        return frozenset()
    return frozenset(
        name for name, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    )


def is_async(fn: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine or an async generator."""
    return _is(fn, inspect.iscoroutinefunction) or _is(fn, inspect.isasyncgenfunction)


def is_generator(fn: Callable[..., Any]) -> bool:
    """Whether calling it gives a generator, synchronous or not."""
    return _is(fn, inspect.isgeneratorfunction) or _is(fn, inspect.isasyncgenfunction)


def unwrapped(fn: Any) -> Any:
    """The function inside of partial ones."""
    while isinstance(fn, partial):
        fn = fn.func
    return fn


def with_annotations(fn: Any) -> Any:
    """What has a function's annotations: the function inside of partial ones, or an object's ``__call__``."""
    fn = unwrapped(fn)
    return fn if hasattr(fn, "__annotations__") else getattr(type(fn), "__call__", fn)  # noqa: B004  # the method


def _is(fn: Callable[..., Any], test: Callable[[Any], bool]) -> bool:
    fn = unwrapped(fn)
    return test(fn) or test(getattr(type(fn), "__call__", None))  # noqa: B004  # its kind, not whether
