"""What both drivers need around user code: the current scope, contexts, limits on running ahead."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

from .scope import Scope, current

__all__ = ["AHEAD", "as_current", "close", "context_of", "in_context", "needs_loop", "stopped"]

AHEAD = 8
"""Chunks that branches and generator threads may produce before their reader takes them."""


class as_current:
    """The scope as the current one, for a block that does not yield."""

    __slots__ = ("_scope", "_token")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __enter__(self) -> None:
        self._token = current.set(self._scope)

    def __exit__(self, *_: object) -> None:
        current.reset(self._token)


def context_of(scope: Scope) -> Context:
    context = copy_context()
    context.run(current.set, scope)
    return context


def in_context(context: Context, job: Callable[[], None]) -> Callable[[], None]:
    return lambda: context.run(job)


def close(items: Any) -> None:
    if (close := getattr(items, "close", None)) is not None:
        close()


def stopped(fn: Callable[..., Any], error: BaseException) -> RuntimeError:
    """An error for StopIteration or StopAsyncIteration from user code: to whoever waits they would mean that
    a stream is over."""
    new = RuntimeError(f"{getattr(fn, '__qualname__', fn)} raised {type(error).__name__}")
    new.__cause__ = error
    return new


def needs_loop(fn: Callable[..., Any]) -> TypeError:
    name = getattr(fn, "__qualname__", repr(fn))
    return TypeError(
        f"{name} is asynchronous and has no synchronous form: call ainvoke, astream or abatch, "
        "or give a synchronous function"
    )
