"""``@chain``: a function as a runnable, with its name and documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar, overload

from .function import RunnableLambda

__all__ = ["chain"]

Input = TypeVar("Input")
Output = TypeVar("Output")


@overload
def chain(func: Callable[[Input], Coroutine[Any, Any, Output]]) -> RunnableLambda[Input, Output]: ...
@overload
def chain(func: Callable[[Input], Iterator[Output]]) -> RunnableLambda[Input, Output]: ...
@overload
def chain(func: Callable[[Input], AsyncIterator[Output]]) -> RunnableLambda[Input, Output]: ...
@overload
def chain(func: Callable[[Input], Output]) -> RunnableLambda[Input, Output]: ...
def chain(func: Callable[..., Any]) -> RunnableLambda[Any, Any]:
    """Make a runnable of a function; chains it calls inside become nested runs.

    The function may be asynchronous, a generator, or both; a generator's items are the chunks of its
    stream, and ``invoke`` adds them up.

    >>> @chain
    ... def shout(text):
    ...     return text.upper()
    >>> shout.invoke("hey")
    'HEY'
    """
    runnable: RunnableLambda[Any, Any] = RunnableLambda(func)
    runnable.__doc__ = func.__doc__
    return runnable
