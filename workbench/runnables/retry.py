"""RunnableRetry: call again when a call fails."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import wraps
from types import MethodType
from typing import Any, TypedDict, TypeVar

from ..engine.chunks import ChunkStream, Fold, Once
from ..engine.modes import AnyScope
from ..text.excerpts import short_repr
from .base import Runnable, coerce
from .configurable_specs import AnyConfigurableField
from .made_of import made_of, makes_runnables

__all__ = ["ExponentialJitterParams", "RunnableRetry"]

Input = TypeVar("Input")
Output = TypeVar("Output")

Retryable = tuple[type[BaseException], ...] | Callable[[BaseException], bool]


class ExponentialJitterParams(TypedDict, total=False):
    """How long to wait before attempt n + 1: ``min(max, initial * exp_base ** (n - 1) + r)`` seconds,
    r random in [0, jitter]. Defaults: initial 1, max 60, exp_base 2, jitter 1.

    >>> from workbench import RunnableLambda
    >>> sturdy = RunnableLambda(str.upper).with_retry(
    ...     stop_after_attempt=5, exponential_jitter_params={"initial": 0.5, "max": 10}
    ... )
    >>> sturdy.invoke("hey")
    'HEY'
    """

    initial: float
    max: float
    exp_base: float
    jitter: float


_DEFAULTS: dict[str, float] = {"initial": 1.0, "max": 60.0, "exp_base": 2.0, "jitter": 1.0}


class RunnableRetry(Runnable[Input, Output]):
    """What ``with_retry`` returns. Each attempt is a nested run, tagged ``retry:attempt:N`` from the
    second on.

    A stream is repeated as long as it has not given a chunk, since a chunk cannot be taken back; input chunks
    that were taken by then are given again, added up. In a batch each input is retried on its own. While
    it waits it holds no place under ``max_concurrency``, and it can be cancelled. Attributes are those of
    what it repeats; what a method of that makes (``bind_tools``) is retried, too.

    >>> from workbench import FakeChatModel
    >>> flaky = FakeChatModel(responses=[ConnectionError("no route to the server"), "a bear"])
    >>> sturdy = flaky.with_retry(retry_if_exception_type=(ConnectionError,), wait_exponential_jitter=False)
    >>> sturdy.invoke("What is this?")
    AIMessage(content='a bear')
    """

    def __init__(
        self,
        bound: Runnable[Input, Output],
        *,
        retry_exception_types: Retryable | type[BaseException] = (Exception,),
        wait_exponential_jitter: bool = True,
        exponential_jitter_params: ExponentialJitterParams | None = None,
        max_attempt_number: int = 3,
    ) -> None:
        if not isinstance(max_attempt_number, int) or max_attempt_number < 1:
            raise ValueError(
                f"with_retry: expected stop_after_attempt to be 1 or more, got {max_attempt_number!r}"
            )
        self.bound: Runnable[Input, Output] = coerce(bound)
        self.retry_exception_types = retry_exception_types
        self.wait_exponential_jitter = wait_exponential_jitter
        self.exponential_jitter_params = exponential_jitter_params
        self.max_attempt_number = max_attempt_number
        self._kinds, self._predicate = _checked(retry_exception_types)
        self._wait = _complete(exponential_jitter_params or {})

    def _with(self, bound: Runnable[Input, Output]) -> RunnableRetry[Input, Output]:
        return RunnableRetry(
            bound,
            retry_exception_types=self.retry_exception_types,
            wait_exponential_jitter=self.wait_exponential_jitter,
            exponential_jitter_params=self.exponential_jitter_params,
            max_attempt_number=self.max_attempt_number,
        )

    def configurable_fields(self, **fields: AnyConfigurableField) -> RunnableRetry[Input, Output]:
        return self._with(self.bound.configurable_fields(**fields))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "bound":
            raise AttributeError(name)
        attribute = getattr(self.bound, name)
        if not makes_runnables(attribute, self.bound):
            return attribute

        @wraps(attribute)
        def retried(_: Any, *args: Any, **kwargs: Any) -> Any:
            made = attribute(*args, **kwargs)
            if not isinstance(made, Runnable):
                return made
            return made_of(made, self.bound, self) or self._with(made)

        return MethodType(retried, self)  # a method again: the next wrapper looks for one

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        return self.bound.get_name(suffix, name=name or self.name)

    def _steps_inside(self) -> Sequence[Runnable[Any, Any]]:
        return [self.bound]

    def _alias(self) -> str | None:
        # It does have runs of its own, but under the name of what it repeats: once in a path is enough.
        return ""

    async def _invoke(self, input: Any, scope: AnyScope, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        attempt = 1
        while True:
            tag = f"retry:attempt:{attempt}" if attempt > 1 else None
            try:
                return await self.bound._call_step(input, scope, tag, **kwargs)
            except Exception as error:  # never a cancellation or an interrupt
                if not self._goes_on(attempt, error):
                    raise
            await self._rest(attempt, scope)
            attempt += 1

    async def _transform(
        self, source: ChunkStream, scope: AnyScope, **kwargs: Any
    ) -> AsyncGenerator[Any, None]:
        __tracebackhide__ = True
        attempt, began = 1, False
        taken = _Taken(source)
        given: ChunkStream = taken
        async with aclosing(source):
            while True:
                tag = f"retry:attempt:{attempt}" if attempt > 1 else None
                try:
                    async with aclosing(self.bound._pipe(given, scope, tag, **kwargs)) as chunks:
                        async for chunk in chunks:
                            began = True
                            yield chunk
                    return
                except Exception as error:
                    if began or error is taken.error or not self._goes_on(attempt, error):
                        raise
                await self._rest(attempt, scope)
                attempt += 1
                given = Once(await taken.whole())

    def _goes_on(self, attempt: int, error: Exception) -> bool:
        if attempt >= self.max_attempt_number:
            return False
        return isinstance(error, self._kinds) if self._predicate is None else bool(self._predicate(error))

    async def _rest(self, attempt: int, scope: AnyScope) -> None:
        scope.check_stop()
        if self.wait_exponential_jitter:
            await scope.sleep(self._seconds_after(attempt))

    def _seconds_after(self, attempt: int) -> float:
        wait = self._wait
        try:
            grown = wait["initial"] * float(wait["exp_base"]) ** (attempt - 1)
        except OverflowError:
            return wait["max"]
        return max(0.0, min(grown + random.uniform(0, wait["jitter"]), wait["max"]))

    def __repr__(self) -> str:
        return f"{self.bound!r}.with_retry(stop_after_attempt={self.max_attempt_number})"


class _Taken:
    """A stream that remembers what was taken from it, and stays open when a reader closes it: the next
    attempt needs the whole of it."""

    def __init__(self, source: ChunkStream) -> None:
        self._source = source
        self._total = Fold()
        self.error: Exception | None = None

    def __aiter__(self) -> _Taken:
        return self

    async def __anext__(self) -> Any:
        try:
            chunk = await anext(self._source)
        except Exception as error:
            if not isinstance(error, StopAsyncIteration):
                self.error = error
            raise
        self._total.add(chunk)
        return chunk

    async def aclose(self) -> None:
        """The retry closes the source."""

    async def whole(self) -> Any:
        async for _ in self:
            pass
        return self._total.value


def _checked(
    given: object,
) -> tuple[tuple[type[BaseException], ...], Callable[[BaseException], bool] | None]:
    """The exception types to retry after, or the function that decides."""
    types = given if isinstance(given, (tuple, list)) else (given,)
    if types and all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in types):
        return tuple(types), None
    if callable(given) and not isinstance(given, type):
        return (), given
    raise TypeError(
        "with_retry: expected retry_if_exception_type to be a tuple of exception types or a function from "
        f"an exception to a bool, got {short_repr(given)}"
    )


def _complete(params: ExponentialJitterParams) -> dict[str, float]:
    if not isinstance(params, dict) or not all(isinstance(value, int | float) for value in params.values()):
        raise TypeError(
            f"with_retry: expected exponential_jitter_params to be a dict of numbers, got {params!r}"
        )
    if unknown := sorted(set(params) - set(_DEFAULTS)):
        raise ValueError(
            f"with_retry: exponential_jitter_params knows {', '.join(_DEFAULTS)}; got {', '.join(unknown)}"
        )
    return {**_DEFAULTS, **params}  # type: ignore[dict-item]  # a TypedDict of floats
