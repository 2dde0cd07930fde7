"""Running coroutines and async generators that never suspend, without an event loop."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Iterator
from typing import Any, TypeVar

from .chunks import ChunkStream

__all__ = ["drive", "drive_stream"]

T = TypeVar("T")


def drive(coroutine: Awaitable[T]) -> T:
    """Run a coroutine that never suspends and return its result."""
    __tracebackhide__ = True
    hooks = sys.get_asyncgen_hooks()
    if hooks.firstiter is None:
        return _drive(coroutine)  # type: ignore[no-any-return]
    # Under a running loop (every notebook cell) async generators would be registered with it.
    sys.set_asyncgen_hooks(None, None)
    try:
        return _drive(coroutine)  # type: ignore[no-any-return]
    finally:
        sys.set_asyncgen_hooks(*hooks)


def _drive(coroutine: Any) -> Any:
    __tracebackhide__ = True
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise TypeError(
        f"{getattr(coroutine, '__qualname__', coroutine)} awaited something that needs an event loop: "
        "call ainvoke or astream, or await only the scope's verbs"
    )


def drive_stream(stream: ChunkStream) -> Iterator[Any]:
    """Iterate over an async generator that never suspends; closing this closes it at once."""
    __tracebackhide__ = True
    pull, hooks = stream.__anext__, sys.get_asyncgen_hooks
    try:
        while True:
            try:
                item = _drive(pull()) if hooks()[0] is None else drive(pull())
            except StopAsyncIteration:
                return
            yield item
    finally:
        drive(stream.aclose())
