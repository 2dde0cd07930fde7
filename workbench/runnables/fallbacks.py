"""RunnableWithFallbacks: another runnable where one fails."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import wraps
from types import MethodType
from typing import Any, TypeVar

from ..engine.chunks import MISSING, ChunkStream, Once, fold
from ..engine.modes import AnyScope
from ..text.excerpts import short_repr, typed_repr
from .base import Runnable, coerce
from .configurable import with_those_it_has
from .configurable_specs import AnyConfigurableField

__all__ = ["RunnableWithFallbacks"]

Input = TypeVar("Input")
Output = TypeVar("Output")


class RunnableWithFallbacks(Runnable[Input, Output]):
    """What ``with_fallbacks`` returns: tries its runnables in order, and raises the first one's error when
    all have failed.

    A stream falls back as long as it has not given a chunk; a later error is raised. With *exception_key*, a
    dict input gets the last error under that key. Attributes are the first runnable's; a method that
    makes a new runnable (``bind_tools``) is called on all of them.

    >>> from workbench import FakeChatModel
    >>> broken = FakeChatModel(responses=[ConnectionError("no route to the server")])
    >>> broken.with_fallbacks([FakeChatModel(responses=["a bear"])]).invoke("What is this?")
    AIMessage(content='a bear')
    """

    def __init__(
        self,
        runnable: Runnable[Input, Output],
        fallbacks: Sequence[Runnable[Input, Output]],
        *,
        exceptions_to_handle: tuple[type[BaseException], ...] = (Exception,),
        exception_key: str | None = None,
        name: str | None = None,
    ) -> None:
        if isinstance(fallbacks, (str, Mapping)) or not isinstance(fallbacks, Sequence):
            raise TypeError(f"with_fallbacks: expected a list of runnables, got {short_repr(fallbacks)}")
        kinds = exceptions_to_handle if isinstance(exceptions_to_handle, tuple) else (exceptions_to_handle,)
        if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
            raise TypeError(
                "with_fallbacks: expected exceptions_to_handle to be a tuple of exception types, "
                f"got {short_repr(exceptions_to_handle)}"
            )
        self.runnable: Runnable[Input, Output] = coerce(runnable)
        self.fallbacks: list[Runnable[Input, Output]] = [coerce(fallback) for fallback in fallbacks]
        self.exceptions_to_handle = kinds
        self.exception_key = exception_key
        self.name = name

    @property
    def runnables(self) -> Iterator[Runnable[Input, Output]]:
        """All of them, in the order in which they are tried."""
        yield self.runnable
        yield from self.fallbacks

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return list(self.runnables)

    def _stand_ins(self) -> Sequence[Runnable[Any, Any]]:
        return list(self.runnables)

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        failures = _Failures(self, input)
        for runnable in self.runnables:
            try:
                return await runnable._call_step(failures.input, scope, **kwargs)
            except Exception as error:  # never a cancellation or an interrupt
                if not isinstance(error, self.exceptions_to_handle):
                    raise
                failures.add(runnable, error)
            scope.check_stop()
        failures.raise_first()

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        failures = _Failures(self, await fold(source))
        for runnable in self.runnables:
            async with aclosing(runnable._pipe(Once(failures.input), scope, **kwargs)) as chunks:
                try:
                    chunk = await anext(chunks, MISSING)
                except Exception as error:
                    if not isinstance(error, self.exceptions_to_handle):
                        raise
                    failures.add(runnable, error)
                else:
                    if chunk is not MISSING:
                        yield chunk
                        async for chunk in chunks:
                            yield chunk
                    return
            scope.check_stop()
        failures.raise_first()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("runnable", "fallbacks"):
            raise AttributeError(name)
        attribute = getattr(self.runnable, name)
        if not inspect.ismethod(attribute):
            return attribute

        @wraps(attribute)
        def on_all(_: Any, *args: Any, **kwargs: Any) -> Any:
            made = attribute(*args, **kwargs)
            if not isinstance(made, Runnable):
                return made
            return RunnableWithFallbacks(
                made,
                [getattr(fallback, name)(*args, **kwargs) for fallback in self.fallbacks],
                exceptions_to_handle=self.exceptions_to_handle,
                exception_key=self.exception_key,
                name=self.name,
            )

        return MethodType(on_all, self)  # a method again: the next wrapper looks for one

    def configurable_fields(self, **fields: AnyConfigurableField) -> RunnableWithFallbacks[Input, Output]:
        """The fields of the first one, and of the fallbacks that have them."""
        return RunnableWithFallbacks(
            self.runnable.configurable_fields(**fields),
            [with_those_it_has(fallback, fields) for fallback in self.fallbacks],
            exceptions_to_handle=self.exceptions_to_handle,
            exception_key=self.exception_key,
            name=self.name,
        )

    def __repr__(self) -> str:
        return f"{self.runnable!r}.with_fallbacks({self.fallbacks!r})"


class _Failures:
    """The errors of one call so far, and the input that the next runnable gets."""

    def __init__(self, step: RunnableWithFallbacks[Any, Any], input: Any) -> None:
        if step.exception_key is not None and not isinstance(input, Mapping):
            raise ValueError(
                f"with_fallbacks: exception_key={step.exception_key!r} puts the error into a dict input; "
                f"expected a dict, got {typed_repr(input)}"
            )
        self.input = input
        self._key = step.exception_key
        self._errors: list[tuple[Runnable[Any, Any], BaseException]] = []

    def add(self, runnable: Runnable[Any, Any], error: BaseException) -> None:
        self._errors.append((runnable, error))
        if self._key is not None:
            self.input = {**self.input, self._key: error}

    def raise_first(self) -> None:
        __tracebackhide__ = True
        (_, first), *others = self._errors
        self._errors, self.input = [], None  # no reference cycle through the traceback
        for runnable, error in others:
            if error is not first:
                what = f"{type(error).__name__}: {error}"
                first.add_note(f"the fallback {runnable.get_name()} failed too: {what}")
        raise first
